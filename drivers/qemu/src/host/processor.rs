//! The host's processor as a named model, by what it says of itself.

use std::collections::BTreeSet;

use virt_conf::cpu::{self, CpuData, CpuidLeaf, MachineRegister};
use virt_conf::cpu_map::{CpuMap, Leaf};
use virt_conf::model::{Cpu, HostCpuModel};
use virt_util::{cpuid, cpuinfo};

/// The model that comes closest to the host's processor; nothing where none does.
pub(super) fn model(architecture: &str, cpuinfo: &str) -> Option<HostCpuModel> {
    if architecture == "x86_64" {
        return cpu::describe_host(&data()).ok().map(|host| host.model);
    }
    power_version(cpuinfo).and_then(cpu::describe_power_host).map(|host| host.model)
}

/// The processor that `host-model` stands for where the emulator does not say: only POWER's does not.
pub(super) fn named(architecture: &str, cpuinfo: &str) -> Option<Cpu> {
    let host = power_version(cpuinfo).filter(|_| architecture.starts_with("ppc64"))?;
    cpu::describe_power_host(host).as_ref().map(Cpu::from)
}

/// What this x86 processor says of every feature that has a name.
fn data() -> CpuData {
    let places = CpuMap::x86().features().iter().map(|feature| feature.place.leaf);
    // Its maker, and the numbers that the maker gave it.
    let identity = [0, 1].map(|leaf| Leaf::Cpuid { leaf, subleaf: 0 });
    let places: BTreeSet<Leaf> = places.chain(identity).collect();
    let mut data = CpuData { architecture: "x86".to_owned(), ..CpuData::default() };
    for place in places {
        match place {
            Leaf::Cpuid { leaf, subleaf } => {
                let answer = cpuid::read(leaf, subleaf);
                data.leaves.extend(answer.map(|cpuid::Answer { eax, ebx, ecx, edx }| CpuidLeaf {
                    leaf,
                    subleaf,
                    eax,
                    ebx,
                    ecx,
                    edx,
                }));
            }
            // The others say what nested guests can have, and mean nothing to a host.
            Leaf::Msr(index @ 0x10a) => {
                let value = cpuid::machine_register(index);
                data.registers.extend(value.map(|value| MachineRegister {
                    index,
                    eax: value as u32,
                    edx: (value >> 32) as u32,
                }));
            }
            Leaf::Msr(_) => {}
        }
    }
    data
}

/// The processor version register, from `revision : 2.2 (pvr 004e 1202)`.
fn power_version(cpuinfo: &str) -> Option<u32> {
    let (_, version) = cpuinfo::field(cpuinfo, "revision")?.split_once("(pvr ")?;
    let (high, low) = version.strip_suffix(')')?.split_once(' ')?;
    let half = |text: &str| u32::from_str_radix(text, 16).ok().filter(|half| *half <= 0xffff);
    Some(half(high)? << 16 | half(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_says_its_version() {
        let cpuinfo = "processor\t: 0\ncpu\t\t: POWER9\nrevision\t: 2.2 (pvr 004e 1202)\n";
        assert_eq!(power_version(cpuinfo), Some(0x004e_1202));
        let named = named("ppc64le", cpuinfo).expect("known");
        assert_eq!(named.model.map(|model| model.name).as_deref(), Some("POWER9"));
        assert_eq!(power_version("revision\t: 2.2\n"), None);
        assert!(super::named("x86_64", cpuinfo).is_none());
    }

    #[test]
    fn this_host_is_some_model() {
        if cfg!(target_arch = "x86_64") {
            let model = model("x86_64", "").expect("every processor is at least the oldest one");
            assert!(model.model.is_some() && model.signature.is_some(), "{model:?}");
        }
    }
}
