//! The processor that a guest got, which is not always the one that was asked for.

use serde::Deserialize;
use virt_conf::cpu::{CpuData, CpuidLeaf};
use virt_conf::cpu_map::{CpuMap, FeatureSet, Leaf};
use virt_conf::model::{CpuCheck, CpuMode, Domain};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use super::context::Context;
use crate::caps::{Arch, feature_name_of_qemu, qemu_feature_name};
use crate::model::board_of;
use crate::monitor::Commands;

/// Makes the definition's processor the one that the emulator gave, or refuses what the definition does not allow.
///
/// # Errors
///
/// `guest CPU doesn't match specification`, of a definition with `check='full'`.
pub(super) fn learn_processor(domain: &mut Domain, context: &mut Context) -> Result<()> {
    let is_x86 = board_of(domain).is_some_and(|board| board.arch.is_x86());
    let Some(cpu) = domain.cpu.as_mut().filter(|_| is_x86) else { return Ok(()) };
    let named = cpu.mode == Some(CpuMode::Custom) && cpu.model.is_some();
    if !named && cpu.check != CpuCheck::Full {
        return Ok(());
    }
    let wait = context.wait();
    let Some((enabled, disabled)) = ask(context.client()?, wait)? else { return Ok(()) };
    CpuMap::x86().update_live(cpu, &enabled, &disabled)?;
    cpu.check = CpuCheck::Full;
    Ok(())
}

/// One register of an answer to CPUID, as the first processor has it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Word {
    cpuid_input_eax: u32,
    #[serde(default)]
    cpuid_input_ecx: u32,
    cpuid_register: String,
    features: u32,
}

/// Registers whose features come with a feature of their own: the register's number, and that feature.
const REGISTERS: &[(std::ops::RangeInclusive<u32>, &str)] =
    &[(0xcf..=0xcf, "core-capability"), (0x10a..=0x10a, "arch-capabilities"), (0x480..=0x491, "vmx")];

/// The features of the first processor, and those that it was to have and has not; nothing where QEMU does not say.
///
/// QEMU has a property for each feature, and takes a third of a millisecond for each. The registers come all in one.
fn ask(client: &mut impl Commands, wait: Wait<'_>) -> Result<Option<(FeatureSet, FeatureSet)>> {
    let map = CpuMap::x86();
    let mut cpus = client.cpus(wait)?;
    cpus.sort_by_key(|cpu| cpu.cpu_index);
    let path = cpus.into_iter().next().map(|cpu| cpu.qom_path);
    let path = path.ok_or_else(|| Error::internal(ErrorDomain::QEMU, "QEMU has given its guest no CPU"))?;
    let Some(words) = client.property::<Vec<Word>>(&path, "feature-words", wait)? else { return Ok(None) };
    let refused = client.property::<Vec<String>>(&path, "unavailable-features", wait)?.unwrap_or_default();
    let data = CpuData { leaves: words.iter().map(Word::leaf).collect(), ..CpuData::default() };
    let mut enabled = data.processor(map).features;
    for (id, feature) in map.features().iter().enumerate() {
        let Leaf::Msr(number) = feature.place.leaf else { continue };
        let source = REGISTERS.iter().find(|(numbers, _)| numbers.contains(&number));
        let source = source.and_then(|(_, source)| map.feature_id(source));
        if source.is_some_and(|source| enabled.contains(source)) {
            let name = qemu_feature_name(Arch::X86_64, &feature.name);
            if client.property(&path, name, wait)? == Some(true) {
                enabled.insert(id);
            }
        }
    }
    let mut disabled = FeatureSet::default();
    for name in &refused {
        if let Some(id) = map.feature_id(feature_name_of_qemu(Arch::X86_64, name)) {
            disabled.insert(id);
        }
    }
    Ok(Some((enabled, disabled)))
}

impl Word {
    fn leaf(&self) -> CpuidLeaf {
        let of = |register: &str| if self.cpuid_register == register { self.features } else { 0 };
        CpuidLeaf {
            leaf: self.cpuid_input_eax,
            subleaf: self.cpuid_input_ecx,
            eax: of("EAX"),
            ebx: of("EBX"),
            ecx: of("ECX"),
            edx: of("EDX"),
        }
    }
}
