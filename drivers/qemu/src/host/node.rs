//! The host's CPUs and memory, from /proc and /sys.

use std::fs;

use nix::unistd::SysconfVar;
use uuid::Uuid;
use virt_conf::model::capabilities::{HostCaches, HostCell, HostMemoryBandwidth};
use virt_conf::model::{Bitmap, HostCpuModel};
use virt_core::driver::NodeInfo;
use virt_util::cpuinfo::{self, Topology};
use virt_util::{Error, ErrorDomain, Result};

use super::processor;
use super::sysfs::Sysfs;

/// What the capabilities say about the host.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) uuid: Uuid,
    pub(super) architecture: String,
    /// The model that comes closest to the processor, with what it has besides.
    pub(super) processor: HostCpuModel,
    pub(super) microcode: Option<u32>,
    pub(super) topology: NodeInfo,
    /// Bits of a physical address.
    pub(super) address_bits: Option<u32>,
    /// In KiB.
    pub(super) page_sizes: Vec<u64>,
    /// The kernel's words for the ways to sleep.
    pub(super) sleeps: Vec<String>,
    pub(super) iommu: bool,
    pub(super) cells: Vec<HostCell>,
    pub(super) cache: Option<HostCaches>,
    pub(super) memory_bandwidth: Option<HostMemoryBandwidth>,
    /// The user and group that emulators run as.
    pub(super) emulator_user: (u32, u32),
}

/// The kernel's name of the host's architecture.
pub(crate) fn architecture() -> String {
    let name = nix::sys::utsname::uname().map(|name| name.machine().to_string_lossy().into_owned());
    name.unwrap_or_else(|_| std::env::consts::ARCH.to_owned())
}

/// CPUs and memory.
pub(super) fn info() -> Result<NodeInfo> {
    let architecture = architecture();
    let system = virt_util::sysfs::Sysfs::at("/sys/devices/system");
    let topology = cpuinfo::threads_per_subcore(&architecture)
        .and_then(|threads| Topology::read(&system, &architecture, threads))
        .map_err(|error| error.in_domain(ErrorDomain::QEMU))?;
    Ok(NodeInfo {
        memory: memory("MemTotal")?,
        cpus: topology.cpus,
        mhz: cpuinfo::frequency(&cpuinfo(), &architecture).unwrap_or(0),
        nodes: topology.nodes,
        sockets: topology.sockets,
        cores: topology.cores,
        threads: topology.threads,
        model: architecture,
    })
}

/// Free memory, in bytes.
pub(super) fn free_memory() -> Result<u64> {
    memory("MemFree").map(|kib| kib * 1024)
}

/// Everything that the capabilities say about the host.
pub(super) fn host(uuid: Uuid, emulator_user: (u32, u32)) -> Result<Host> {
    let (architecture, cpuinfo) = (architecture(), cpuinfo());
    let microcode = cpuinfo::field(&cpuinfo, "microcode")
        .and_then(|text| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok());
    let page_sizes = page_sizes();
    let tree = Sysfs::default();
    let banks = tree.cache_banks();
    Ok(Host {
        uuid,
        processor: processor::model(&architecture, &cpuinfo).unwrap_or_default(),
        architecture,
        microcode,
        topology: info()?,
        address_bits: address_bits(),
        sleeps: fs::read_to_string("/sys/power/state")
            .map(|text| text.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default(),
        iommu: fs::read_dir("/sys/kernel/iommu_groups").is_ok_and(|mut groups| groups.next().is_some()),
        cells: tree.cells(&page_sizes),
        memory_bandwidth: tree.memory_bandwidth(&banks),
        cache: tree.caches(banks),
        page_sizes,
        emulator_user,
    })
}

/// The bits of a physical address, where the kernel says.
pub(super) fn address_bits() -> Option<u32> {
    cpuinfo::field(&cpuinfo(), "address sizes").and_then(|text| text.split(' ').next()?.parse().ok())
}

/// The NUMA nodes, by number.
pub(super) fn nodes() -> Vec<u32> {
    Sysfs::default().nodes()
}

/// The node with its processors, where the kernel names them.
pub(super) fn cpus_of(node: u32) -> Option<(u32, Bitmap)> {
    Sysfs::default().cpus_of_node(node).map(|cpus| (node, cpus))
}

/// The sizes of pages, the normal one first, in KiB.
fn page_sizes() -> Vec<u64> {
    let normal =
        nix::unistd::sysconf(SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096).cast_unsigned() / 1024;
    let entries =
        fs::read_dir("/sys/kernel/mm/hugepages").into_iter().flatten().filter_map(std::result::Result::ok);
    let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
    let size = |name: String| name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse::<u64>().ok();
    let mut huge: Vec<u64> = entries.filter_map(name).filter_map(size).collect();
    huge.sort_unstable();
    std::iter::once(normal).chain(huge).collect()
}

/// A line of /proc/meminfo, in KiB.
pub(super) fn memory(name: &str) -> Result<u64> {
    let text = read("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Error::internal(ErrorDomain::QEMU, format!("no '{name}' in /proc/meminfo")))
}

/// What the kernel says of the processors; nothing where it says nothing.
pub(super) fn cpuinfo() -> String {
    fs::read_to_string("/proc/cpuinfo").unwrap_or_default()
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|error| Error::system(ErrorDomain::QEMU, format!("cannot read '{path}'"), error))
}
