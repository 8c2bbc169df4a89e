//! What one QEMU binary can do, as data: probed over QMP, or read from a capabilities cache.

mod arch;
mod cache;
mod flag;
mod host_model;
mod machine;

use serde::{Deserialize, Serialize};

pub use arch::Arch;
pub use flag::{Flag, FlagSet};
pub(crate) use host_model::{feature_name_of_qemu, is_qemu_feature, qemu_feature_name};
pub use machine::Board;

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accelerator {
    /// Linux's virtual machine monitor.
    Kvm,
    /// macOS's.
    Hvf,
    /// Translation in QEMU.
    Tcg,
}

impl Accelerator {
    /// QEMU's name: `kvm`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Hvf => "hvf",
            Self::Tcg => "tcg",
        }
    }
}

/// What one QEMU binary can do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Capabilities {
    /// The binary's path.
    pub emulator: String,
    /// The version as major * 1000000 + minor * 1000 + micro.
    pub version: u32,
    /// The package string of the build, `v10.0.2` or `Debian 1:10.0.2`; often empty.
    pub package: String,
    /// The host processor's microcode version, 0 when unknown.
    pub microcode_version: u32,
    /// The guest architecture.
    pub arch: Arch,
    /// What it can do.
    pub flags: FlagSet,
    /// What it can do under KVM; `None` when KVM cannot be used.
    pub kvm: Option<AcceleratorCapabilities>,
    /// What it can do under HVF; `None` when HVF cannot be used.
    pub hvf: Option<AcceleratorCapabilities>,
    /// What it can do in translation; `None` when built without it.
    pub tcg: Option<AcceleratorCapabilities>,
    /// Interrupt controllers of Arm guests.
    pub gic: Vec<GicCapability>,
    /// AMD's memory encryption.
    pub sev: Option<SevCapability>,
    /// Intel's enclaves.
    pub sgx: Option<SgxCapability>,
    /// Hyper-V enlightenments that the host offers; `None` when it was not asked.
    pub hyperv: Option<Vec<String>>,
}

/// What a binary can do under one accelerator.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AcceleratorCapabilities {
    /// The processor that `host-model` stands for. As with the models, it is asked for when it is needed.
    pub host_cpu: Option<HostCpu>,
    /// CPU models, in QEMU's order. The driver asks for them only when it needs them: see `needs_processors` of its engine.
    pub cpus: Vec<CpuModel>,
    /// Machine types, in QEMU's order with the default first.
    pub machines: Vec<MachineType>,
}

/// A machine type that this binary can run, with what libvirt asks of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineType {
    /// The versioned name: `pc-q35-10.0`.
    pub name: String,
    /// The name without version, on its newest version: `q35`.
    pub alias: Option<String>,
    /// Whether this is the type of a guest that names none.
    pub default: bool,
    /// The most virtual CPUs; 0 when unknown.
    pub max_cpus: u32,
    /// Whether virtual CPUs can be plugged while the guest runs.
    pub hotplug_cpus: bool,
    /// The QOM type of its default CPU: `qemu64-x86_64-cpu`.
    pub default_cpu: Option<String>,
    /// Whether `-numa node,mem=` is still accepted.
    pub numa_mem_supported: bool,
    /// The id its main memory must have: `pc.ram`.
    pub default_ram_id: Option<String>,
    /// Whether QEMU will drop it.
    pub deprecated: bool,
    /// Whether it has ACPI; `None` when QEMU does not say.
    pub acpi: Option<bool>,
}

/// A CPU model that this binary knows for one accelerator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuModel {
    /// The name on the command line: `Haswell`.
    pub name: String,
    /// The QOM type: `Haswell-x86_64-cpu`.
    pub type_name: Option<String>,
    /// Whether this host can run it; `None` when unknown.
    pub usable: Option<bool>,
    /// The features that the host lacks for it.
    pub blockers: Vec<String>,
    /// Whether QEMU will drop it.
    pub deprecated: bool,
}

/// The host's processor as QEMU would give it to a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCpu {
    /// The model that the properties extend: `base`.
    pub model: String,
    /// Whether each property says if it survives migration.
    pub migratability: bool,
    /// The properties, in the order of the answer.
    pub properties: Vec<HostCpuProperty>,
    /// Features that QEMU calls deprecated.
    pub deprecated_features: Vec<String>,
}

/// One property of the host's processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCpuProperty {
    /// QEMU's name.
    pub name: String,
    /// What QEMU answered for it.
    pub value: HostCpuValue,
    /// Whether it survives migration; `None` when unknown.
    pub migratable: Option<bool>,
}

/// The value of a property of the host's processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostCpuValue {
    /// A feature.
    Boolean(bool),
    /// A level or size.
    Number(i64),
    /// A vendor or name.
    Text(String),
}

/// One version of the Arm interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GicCapability {
    /// 2, 3 ...
    pub version: u32,
    /// Whether KVM provides it.
    pub kernel: bool,
    /// Whether QEMU emulates it.
    pub emulated: bool,
}

/// AMD's memory encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SevCapability {
    /// The bit of a page table entry that marks encrypted memory.
    pub cbitpos: u32,
    /// How many bits of the physical address it costs.
    pub reduced_phys_bits: u32,
    /// The platform's Diffie-Hellman key, base64.
    pub pdh: String,
    /// The platform's certificates, base64.
    pub cert_chain: String,
    /// The first socket's identity, base64.
    pub cpu0_id: String,
}

/// Intel's enclaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SgxCapability {
    /// Flexible launch control.
    pub flc: bool,
    /// The first generation of instructions.
    pub sgx1: bool,
    /// The second generation of instructions.
    pub sgx2: bool,
    /// The size of all sections in KiB.
    pub section_size_kib: u64,
    /// Each NUMA node and its size in KiB.
    pub sections: Vec<(u32, u64)>,
}

impl Capabilities {
    /// Whether the binary can do `flag`.
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.contains(flag)
    }

    /// What it can do under `accelerator`.
    pub fn under(&self, accelerator: Accelerator) -> Option<&AcceleratorCapabilities> {
        match accelerator {
            Accelerator::Kvm => self.kvm.as_ref(),
            Accelerator::Hvf => self.hvf.as_ref(),
            Accelerator::Tcg => self.tcg.as_ref(),
        }
    }

    /// The same, to be changed.
    pub(crate) fn under_mut(&mut self, accelerator: Accelerator) -> Option<&mut AcceleratorCapabilities> {
        match accelerator {
            Accelerator::Kvm => self.kvm.as_mut(),
            Accelerator::Hvf => self.hvf.as_mut(),
            Accelerator::Tcg => self.tcg.as_mut(),
        }
    }

    /// The machine type that `name`, a name or alias, stands for under `accelerator`.
    pub fn machine(&self, accelerator: Accelerator, name: &str) -> Option<&MachineType> {
        let machines = &self.under(accelerator)?.machines;
        machines
            .iter()
            .find(|machine| machine.name == name)
            .or_else(|| machines.iter().find(|machine| machine.alias.as_deref() == Some(name)))
    }

    /// The versioned name of `name`, or `name` itself when it is no alias.
    pub fn canonical_machine<'a>(&'a self, accelerator: Accelerator, name: &'a str) -> &'a str {
        self.under(accelerator)
            .and_then(|under| under.machines.iter().find(|machine| machine.alias.as_deref() == Some(name)))
            .map_or(name, |machine| &machine.name)
    }

    /// The machine type of a guest that names none.
    pub fn default_machine(&self, accelerator: Accelerator) -> Option<&MachineType> {
        let machines = &self.under(accelerator)?.machines;
        // What QEMU runs by itself there is a board from long ago, or none.
        let has_virt = self.arch.is_arm() || self.arch.is_riscv() || self.arch == Arch::Loongarch64;
        let preferred = if has_virt { self.machine(accelerator, "virt") } else { None };
        preferred.or_else(|| machines.iter().find(|machine| machine.default)).or_else(|| machines.first())
    }

    /// The CPU model `name` under `accelerator`.
    pub fn cpu_model(&self, accelerator: Accelerator, name: &str) -> Option<&CpuModel> {
        self.under(accelerator)?.cpus.iter().find(|model| model.name == name)
    }

    /// The model whose QOM type is `type_name`.
    pub fn cpu_model_of_type(&self, accelerator: Accelerator, type_name: &str) -> Option<&CpuModel> {
        self.under(accelerator)?.cpus.iter().find(|model| model.type_name.as_deref() == Some(type_name))
    }

    /// Whether `version` of the Arm interrupt controller works under `accelerator`.
    pub fn supports_gic(&self, accelerator: Accelerator, version: u32) -> bool {
        self.gic.iter().any(|gic| {
            let works = match accelerator {
                Accelerator::Kvm => gic.kernel,
                Accelerator::Tcg => gic.emulated,
                // QEMU does not say.
                Accelerator::Hvf => false,
            };
            gic.version == version && works
        })
    }
}
