//! `<capabilities>`: the host, and for each emulator the machines that it offers.

use std::sync::Arc;

use virt_conf::model::capabilities::{
    BaseLabel, CapabilitiesCpu, GuestArchitecture, GuestCapabilities, GuestDomain, GuestFeatures,
    GuestMachine, GuestToggle, HostCapabilities, HostCells, HostPages, HostTopology, MigrationFeatures,
    PageSize, PowerManagement, SecurityModel, UriTransport, UriTransports,
};
use virt_conf::model::{
    Capabilities as Document, CpuMaxPhysAddr, CpuMaxPhysAddrMode, CpuTopology, DomainType, HostCpuModel,
    Switch,
};

use super::node::Host;
use crate::caps::{Accelerator, Arch, Capabilities, Flag};

/// The document.
pub(super) fn document(host: Host, emulators: &[Arc<Capabilities>]) -> Document {
    Document { host: describe(host), guests: emulators.iter().map(|emulator| guest(emulator)).collect() }
}

fn describe(host: Host) -> HostCapabilities {
    let (user, group) = host.emulator_user;
    let label = |kind: &str| BaseLabel { domain_type: kind.to_owned(), label: format!("+{user}:+{group}") };
    let security = |model: &str, base_labels| SecurityModel {
        model: model.to_owned(),
        doi: "0".to_owned(),
        base_labels,
    };
    let sleeps = |way: &str| host.sleeps.iter().any(|known| known == way);
    let transport = |scheme: &str| UriTransport { scheme: scheme.to_owned() };
    HostCapabilities {
        uuid: Some(host.uuid),
        power_management: Some(PowerManagement {
            suspend_mem: sleeps("mem"),
            suspend_disk: sleeps("disk"),
            suspend_hybrid: sleeps("freeze"),
        }),
        iommu: Some(host.iommu),
        migration_features: Some(MigrationFeatures {
            live: true,
            uri_transports: UriTransports { list: vec![transport("tcp"), transport("rdma")] },
        }),
        security_models: vec![
            security("none", Vec::new()),
            security("dac", vec![label("kvm"), label("qemu")]),
        ],
        cpu: processor(&host),
        topology: Some(HostTopology { cells: HostCells::from(host.cells), ..HostTopology::default() }),
        cache: host.cache,
        memory_bandwidth: host.memory_bandwidth,
        energy: None,
    }
}

fn processor(host: &Host) -> CapabilitiesCpu {
    let topology = CpuTopology {
        sockets: host.topology.sockets,
        dies: Some(1),
        clusters: Some(1),
        cores: host.topology.cores,
        threads: host.topology.threads,
    };
    let max_phys_addr = host.address_bits.map(|bits| CpuMaxPhysAddr {
        mode: CpuMaxPhysAddrMode::Emulate,
        bits: Some(bits),
        limit: None,
    });
    CapabilitiesCpu {
        architecture: host.architecture.clone(),
        model: HostCpuModel {
            microcode: host.microcode,
            topology: Some(topology),
            max_phys_addr,
            ..host.processor.clone()
        },
        pages: host.page_sizes.iter().map(|size| HostPages { size: PageSize(*size), count: None }).collect(),
        ..CapabilitiesCpu::default()
    }
}

/// The guests that an emulator can run.
#[must_use]
pub fn guest(capabilities: &Capabilities) -> GuestCapabilities {
    let accelerator = if capabilities.tcg.is_some() { Accelerator::Tcg } else { Accelerator::Kvm };
    let machines = capabilities.under(accelerator).map(|under| under.machines.as_slice()).unwrap_or_default();
    let mut names = Vec::new();
    for machine in machines {
        let named = GuestMachine {
            canonical: None,
            max_cpus: Some(machine.max_cpus).filter(|most| *most > 0),
            deprecated: machine.deprecated,
            name: machine.name.clone(),
        };
        let alias = machine.alias.as_ref().map(|alias| GuestMachine {
            canonical: Some(machine.name.clone()),
            name: alias.clone(),
            ..named.clone()
        });
        names.push(named);
        names.extend(alias);
    }
    let kinds = [
        (capabilities.tcg.is_some(), DomainType::Qemu),
        (capabilities.kvm.is_some(), DomainType::Kvm),
        (capabilities.hvf.is_some(), DomainType::Hvf),
    ];
    let domains = kinds.into_iter().filter(|(holds, _)| *holds);
    GuestCapabilities {
        os_type: "hvm".to_owned(),
        arch: GuestArchitecture {
            name: capabilities.arch.name().to_owned(),
            wordsize: capabilities.arch.bits(),
            emulator: Some(capabilities.emulator.clone()),
            loader: None,
            machines: names,
            domains: domains
                .map(|(_, domain_type)| GuestDomain { domain_type, ..GuestDomain::default() })
                .collect(),
        },
        features: features(capabilities, capabilities.arch),
    }
}

fn features(capabilities: &Capabilities, arch: Arch) -> GuestFeatures {
    let given = |holds: bool, toggle| holds.then_some(GuestToggle { by_default: Switch::On, toggle });
    GuestFeatures {
        pae: arch == Arch::I686,
        nonpae: arch == Arch::I686,
        acpi: given(arch.is_x86() || arch == Arch::Aarch64, true),
        apic: given(arch.is_x86(), false),
        cpuselection: capabilities.has(Flag::QueryCpuDefinitions),
        deviceboot: true,
        disksnapshot: given(true, false),
        external_snapshot: true,
        ..GuestFeatures::default()
    }
}
