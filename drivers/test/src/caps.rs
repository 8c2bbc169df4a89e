//! What the simulated host and hypervisor are and can do, as data and as libvirt's documents.

use virt_conf::domain::ARCHITECTURES;
use virt_conf::model::capabilities::{
    CapabilitiesCpu, GuestArchitecture, GuestCapabilities, GuestDomain, GuestFeatures, HostCapabilities,
    HostCell, HostCellCpu, HostCellCpus, HostCells, HostPages, HostTopology, NamedFlags, PageSize,
    PowerManagement, SecurityModel,
};
use virt_conf::model::domain_capabilities::{
    CpuCapabilities, CpuModeCapability, CpuModeSupport, CustomSupport, FeatureCapabilities, HostModelSupport,
    SevCapability, SgxCapability,
};
use virt_conf::model::{Capabilities, DomainCapabilities, DomainType, Kib};
use virt_conf::xml::Value as _;
use virt_core::driver::{DomainCapabilitiesRequest, NodeInfo, Result};

use crate::error;

/// The architecture of the simulated host.
pub(crate) const ARCHITECTURE: &str = "i686";

/// The most vCPUs that a guest can have.
pub(crate) const MAXIMUM_VCPUS: u32 = 32;

/// The version of the simulated hypervisor, 0.0.2.
pub(crate) const HYPERVISOR_VERSION: u64 = 2;

/// The program that would run guests.
const EMULATOR: &str = "/usr/bin/test-hv";

/// The kinds of guests that the hypervisor knows.
const OS_TYPES: [&str; 2] = ["hvm", "xen"];

/// Sizes of memory pages, in KiB.
const PAGE_SIZES: [u64; 4] = [4, 8, 2048, 1_048_576];

/// The NUMA nodes of the default host.
const CELLS: [Cell; 2] =
    [Cell { memory: 2_097_152, page_size: 4, cpus: 8 }, Cell { memory: 4_194_304, page_size: 8, cpus: 8 }];

/// A NUMA node.
struct Cell {
    /// In KiB.
    memory: u64,
    /// The size of its small pages, in KiB, which are half of it.
    page_size: u64,
    cpus: u32,
}

/// The default host.
pub(crate) fn node_info() -> NodeInfo {
    NodeInfo {
        model: ARCHITECTURE.to_owned(),
        memory: 3_145_728,
        cpus: 16,
        mhz: 1400,
        nodes: 2,
        sockets: 2,
        cores: 2,
        threads: 2,
    }
}

/// The free memory of a host whose NUMA nodes are described, in bytes. libvirt's test driver answers as much as half of
/// the nodes' memory would be, were it counted in KiB.
pub(crate) fn free_memory() -> u64 {
    CELLS.iter().map(|cell| cell.memory / 2).sum()
}

/// The capabilities document.
pub(crate) fn host(has_cells: bool) -> String {
    let pages = PAGE_SIZES.iter().map(|size| HostPages { size: PageSize(*size), count: None }).collect();
    let cells = if has_cells { topology(&CELLS) } else { Vec::new() };
    let document = Capabilities {
        host: HostCapabilities {
            cpu: CapabilitiesCpu {
                architecture: ARCHITECTURE.to_owned(),
                features: NamedFlags { names: vec!["pae".to_owned(), "nonpae".to_owned()] },
                pages,
                ..CapabilitiesCpu::default()
            },
            power_management: Some(PowerManagement::default()),
            iommu: Some(false),
            topology: Some(HostTopology { cells: HostCells::from(cells), ..HostTopology::default() }),
            security_models: vec![SecurityModel {
                model: "testSecurity".to_owned(),
                ..SecurityModel::default()
            }],
            ..HostCapabilities::default()
        },
        guests: OS_TYPES.into_iter().map(guest).collect(),
    };
    document.to_string()
}

fn topology(cells: &[Cell]) -> Vec<HostCell> {
    let mut first_cpu = 0;
    let describe = |(id, cell): (u32, &Cell)| {
        let Cell { memory, page_size, cpus } = cell;
        let pages = |size, count| HostPages { size: PageSize(size), count: Some(count) };
        let cpu = |core: u32| HostCellCpu {
            id: first_cpu + core,
            socket: Some(id.cast_signed()),
            die: Some(0),
            cluster: Some(0),
            core: Some(core.cast_signed()),
            siblings: Some(std::iter::once(first_cpu + core).collect()),
        };
        let list: Vec<_> = (0..*cpus).map(cpu).collect();
        first_cpu += cpus;
        HostCell {
            id,
            memory: Some(Kib(*memory)),
            pages: vec![pages(*page_size, 524_288), pages(2048, 0), pages(1_048_576, 0)],
            cpus: Some(HostCellCpus::from(list)),
            ..HostCell::default()
        }
    };
    (0..).zip(cells).map(describe).collect()
}

fn guest(os_type: &str) -> GuestCapabilities {
    GuestCapabilities {
        os_type: os_type.to_owned(),
        arch: GuestArchitecture {
            name: ARCHITECTURE.to_owned(),
            wordsize: 32,
            emulator: Some(EMULATOR.to_owned()),
            domains: vec![GuestDomain { domain_type: DomainType::Test, ..GuestDomain::default() }],
            ..GuestArchitecture::default()
        },
        features: GuestFeatures { pae: true, nonpae: true, ..GuestFeatures::default() },
    }
}

/// The domain capabilities document.
pub(crate) fn domain(request: &DomainCapabilitiesRequest) -> Result<String> {
    let architecture = request.architecture.as_deref().unwrap_or(ARCHITECTURE);
    if !ARCHITECTURES.contains(&architecture) {
        return Err(error::argument(format!("unknown architecture: {architecture}")));
    }
    let kind = request.virtualization.as_deref().unwrap_or("test");
    let domain_type =
        DomainType::parse(kind).map_err(|_| error::argument(format!("unknown virttype: {kind}")))?;
    let document = DomainCapabilities {
        path: request.emulator.clone(),
        domain_type,
        machine: request.machine.clone(),
        arch: architecture.to_owned(),
        cpu: Some(CpuCapabilities {
            modes: vec![
                CpuModeCapability::HostPassthrough(CpuModeSupport::default()),
                CpuModeCapability::Maximum(CpuModeSupport::default()),
                CpuModeCapability::HostModel(HostModelSupport::default()),
                CpuModeCapability::Custom(CustomSupport::default()),
            ],
        }),
        features: FeatureCapabilities {
            sev: Some(SevCapability::No),
            sgx: Some(SgxCapability::No),
            ..FeatureCapabilities::default()
        },
        ..DomainCapabilities::default()
    };
    Ok(document.to_string())
}

/// The CPU models that guests of an architecture can have; none where any name is taken.
pub(crate) fn cpu_models(architecture: &str) -> Result<Vec<String>> {
    if !ARCHITECTURES.contains(&architecture) {
        return Err(error::argument(format!("cannot find architecture {architecture}")));
    }
    let models = virt_conf::cpu::models(architecture)?.unwrap_or_default();
    Ok(models.into_iter().map(str::to_owned).collect())
}

/// The SMBIOS tables of the simulated host.
pub(crate) const SYSTEM_INFORMATION: &str = "<sysinfo type='smbios'>
  <bios>
    <entry name='vendor'>LENOVO</entry>
    <entry name='version'>G4ETA1WW (2.61 )</entry>
    <entry name='date'>05/07/2014</entry>
    <entry name='release'>2.61</entry>
  </bios>
</sysinfo>
";
