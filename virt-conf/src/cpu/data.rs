//! What an x86 processor says of itself, register by register: `<cpudata arch='x86'>`.

use crate::cpu_map::{CpuMap, FeaturePlace, Leaf, Processor, Register};
use crate::model::CpuSignature;
use crate::xml::{Hex, Xml};

/// What a processor says of itself.
///
/// ```
/// use virt_conf::cpu::CpuData;
///
/// let data: CpuData = "<cpudata arch='x86'><cpuid eax_in='1' eax='0x800f12'/></cpudata>".parse()?;
/// assert_eq!(data.signature().map(|signature| signature.family), Some(23));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cpudata", errors = CPU, document)]
pub struct CpuData {
    /// The family of architectures, `x86`.
    #[xml(attr = "arch")]
    pub architecture: String,
    /// Answers of the instruction CPUID.
    #[xml(child)]
    pub leaves: Vec<CpuidLeaf>,
    /// Machine-specific registers.
    #[xml(child)]
    pub registers: Vec<MachineRegister>,
}

/// One answer of the instruction CPUID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cpuid")]
pub struct CpuidLeaf {
    /// What was asked for: EAX before the instruction.
    #[xml(attr = "eax_in", with = Hex<8>)]
    pub leaf: u32,
    /// A part of it: ECX before the instruction.
    #[xml(attr = "ecx_in", default, with = Hex<8>)]
    pub subleaf: u32,
    /// EAX after the instruction.
    #[xml(attr, default, with = Hex<8>)]
    pub eax: u32,
    /// EBX after the instruction.
    #[xml(attr, default, with = Hex<8>)]
    pub ebx: u32,
    /// ECX after the instruction.
    #[xml(attr, default, with = Hex<8>)]
    pub ecx: u32,
    /// EDX after the instruction.
    #[xml(attr, default, with = Hex<8>)]
    pub edx: u32,
}

/// A machine-specific register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "msr")]
pub struct MachineRegister {
    /// Its number.
    #[xml(attr, with = Hex<1>)]
    pub index: u32,
    /// The lower half of its value.
    #[xml(attr, with = Hex<8>)]
    pub eax: u32,
    /// The upper half of its value.
    #[xml(attr, with = Hex<8>)]
    pub edx: u32,
}

impl CpuData {
    /// The bits of one register; of leaves that were asked for twice, those of both answers.
    fn bits(&self, leaf: Leaf, register: Register) -> u32 {
        match leaf {
            Leaf::Cpuid { leaf, subleaf } => {
                let answers =
                    self.leaves.iter().filter(|known| (known.leaf, known.subleaf) == (leaf, subleaf));
                answers.fold(0, |bits, answer| {
                    bits | match register {
                        Register::Eax => answer.eax,
                        Register::Ebx => answer.ebx,
                        Register::Ecx => answer.ecx,
                        Register::Edx => answer.edx,
                    }
                })
            }
            Leaf::Msr(index) => {
                let values = self.registers.iter().filter(|known| known.index == index);
                values.fold(0, |bits, value| {
                    bits | match register {
                        Register::Eax => value.eax,
                        Register::Edx => value.edx,
                        Register::Ebx | Register::Ecx => 0,
                    }
                })
            }
        }
    }

    fn has(&self, place: FeaturePlace) -> bool {
        place.bit < 32 && self.bits(place.leaf, place.register) & (1 << place.bit) != 0
    }

    /// The maker's 12 characters; nothing where they are none.
    fn vendor_id(&self) -> Option<String> {
        let leaf = Leaf::Cpuid { leaf: 0, subleaf: 0 };
        let registers = [Register::Ebx, Register::Edx, Register::Ecx];
        let bytes = registers.map(|register| self.bits(leaf, register).to_le_bytes()).concat();
        String::from_utf8(bytes).ok().filter(|id| id.chars().all(|c| c.is_ascii_graphic() || c == ' '))
    }

    /// The numbers by which the maker tells its processors apart; nothing where the processor does not say.
    #[must_use]
    pub fn signature(&self) -> Option<CpuSignature> {
        let eax = self.bits(Leaf::Cpuid { leaf: 1, subleaf: 0 }, Register::Eax);
        (eax != 0).then(|| CpuSignature::from_eax(eax))
    }

    /// The processor, by what `map` knows of features.
    #[must_use]
    pub fn processor(&self, map: &CpuMap) -> Processor {
        let signature = self.signature().unwrap_or_default();
        let mut processor =
            Processor::new(self.vendor_id(), signature.family, signature.model, signature.stepping);
        for (id, feature) in map.features().iter().enumerate() {
            if self.has(feature.place) {
                processor.features.insert(id);
            }
        }
        processor
    }
}

impl CpuSignature {
    /// What leaf 1 of CPUID answers in EAX.
    #[must_use]
    pub fn from_eax(eax: u32) -> Self {
        Self {
            family: (eax >> 20 & 0xff) + (eax >> 8 & 0xf),
            model: (eax >> 12 & 0xf0) + (eax >> 4 & 0xf),
            stepping: eax & 0xf,
        }
    }

    /// The answer that says this.
    #[must_use]
    pub fn to_eax(self) -> u32 {
        // Families that do not fit go on in a field of their own.
        let (family, more) = (self.family.min(0xf), self.family.saturating_sub(0xf));
        more << 20 | self.model >> 4 << 16 | family << 8 | (self.model & 0xf) << 4 | self.stepping & 0xf
    }
}
