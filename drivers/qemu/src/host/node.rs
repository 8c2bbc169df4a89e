//! The host's CPUs and memory, from /proc and /sys.

use std::collections::BTreeSet;
use std::fs;

use nix::unistd::SysconfVar;
use uuid::Uuid;
use virt_core::driver::NodeInfo;
use virt_util::{Error, ErrorDomain, Result};

/// What the capabilities say about the host.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) uuid: Uuid,
    pub(super) architecture: String,
    pub(super) vendor: Option<String>,
    pub(super) microcode: Option<u32>,
    /// Family, model, stepping of an x86 processor.
    pub(super) signature: Option<(u32, u32, u32)>,
    pub(super) topology: NodeInfo,
    /// Bits of a physical address.
    pub(super) address_bits: Option<u32>,
    /// In KiB.
    pub(super) page_sizes: Vec<u64>,
    /// The kernel's words for the ways to sleep.
    pub(super) sleeps: Vec<String>,
    pub(super) iommu: bool,
    pub(super) nodes: Vec<Node>,
    /// The user and group that emulators run as.
    pub(super) emulator_user: (u32, u32),
}

/// One NUMA node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) id: u32,
    /// In KiB.
    pub(super) memory: u64,
    /// Page sizes in KiB, and how many pages there are of each.
    pub(super) pages: Vec<(u64, u64)>,
    /// To each node, 10 being here.
    pub(super) distances: Vec<(u32, u32)>,
    pub(super) cpus: Vec<Cpu>,
}

/// One CPU that is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cpu {
    pub(super) id: u32,
    pub(super) package: u32,
    pub(super) die: u32,
    pub(super) cluster: Option<u32>,
    pub(super) core: u32,
    /// The CPUs of the same core, `0-1`.
    pub(super) siblings: String,
}

/// The kernel's name of the host's architecture.
pub(crate) fn architecture() -> String {
    let name = nix::sys::utsname::uname().map(|name| name.machine().to_string_lossy().into_owned());
    name.unwrap_or_else(|_| std::env::consts::ARCH.to_owned())
}

/// CPUs and memory.
pub(super) fn info() -> Result<NodeInfo> {
    let cpus = cpus(&list(&read("/sys/devices/system/cpu/online")?));
    let distinct =
        |of: fn(&Cpu) -> (u32, u32, u32)| cpus.iter().map(of).collect::<BTreeSet<_>>().len() as u32;
    let sockets = distinct(|cpu| (cpu.package, 0, 0)).max(1);
    let cores = distinct(|cpu| (cpu.package, cpu.die, cpu.core)).max(1);
    let nodes = nodes().len().max(1) as u32;
    let online = cpus.len() as u32;
    // libvirt counts sockets per node, and calls a host whose parts do not multiply to the whole one flat node.
    let regular =
        online.is_multiple_of(cores) && cores.is_multiple_of(sockets) && sockets.is_multiple_of(nodes);
    let (nodes, sockets, cores, threads) =
        if regular { (nodes, sockets / nodes, cores / sockets, online / cores) } else { (1, 1, online, 1) };
    Ok(NodeInfo {
        model: architecture(),
        memory: memory("MemTotal")?,
        cpus: online,
        mhz: cpuinfo("cpu MHz").and_then(|text| text.parse::<f64>().ok()).map_or(0, |mhz| mhz as u32),
        nodes,
        sockets,
        cores,
        threads,
    })
}

/// Free memory, in bytes.
pub(super) fn free_memory() -> Result<u64> {
    memory("MemFree").map(|kib| kib * 1024)
}

/// Everything that the capabilities say about the host.
pub(super) fn host(uuid: Uuid, emulator_user: (u32, u32)) -> Result<Host> {
    let number = |name: &str| cpuinfo(name).and_then(|text| text.parse().ok());
    let signature = || Some((number("cpu family")?, number("model")?, number("stepping")?));
    let microcode =
        cpuinfo("microcode").and_then(|text| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok());
    let bits = cpuinfo("address sizes").and_then(|text| text.split(' ').next()?.parse().ok());
    let page_sizes = page_sizes();
    Ok(Host {
        uuid,
        architecture: architecture(),
        vendor: cpuinfo("vendor_id").map(|vendor| match vendor.as_str() {
            "GenuineIntel" => "Intel".to_owned(),
            "AuthenticAMD" => "AMD".to_owned(),
            "HygonGenuine" => "Hygon".to_owned(),
            _ => vendor,
        }),
        microcode,
        signature: signature(),
        topology: info()?,
        address_bits: bits,
        sleeps: fs::read_to_string("/sys/power/state")
            .map(|text| text.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default(),
        iommu: fs::read_dir("/sys/kernel/iommu_groups").is_ok_and(|mut groups| groups.next().is_some()),
        nodes: nodes().into_iter().map(|id| node(id, &page_sizes)).collect(),
        page_sizes,
        emulator_user,
    })
}

/// The NUMA nodes, by number.
pub(super) fn nodes() -> Vec<u32> {
    fs::read_to_string("/sys/devices/system/node/online").map_or_else(|_| vec![0], |text| list(&text))
}

fn node(id: u32, page_sizes: &[u64]) -> Node {
    let dir = format!("/sys/devices/system/node/node{id}");
    let text = |name: &str| fs::read_to_string(format!("{dir}/{name}")).unwrap_or_default();
    let meminfo = text("meminfo");
    let memory = meminfo
        .lines()
        .find_map(|line| line.split_once("MemTotal:")?.1.split_whitespace().next()?.parse().ok());
    let memory = memory.or_else(|| self::memory("MemTotal").ok()).unwrap_or(0);
    let huge = |size: u64| {
        let count = text(&format!("hugepages/hugepages-{size}kB/nr_hugepages"));
        count.trim().parse::<u64>().unwrap_or(0)
    };
    let smallest = page_sizes.first().copied().unwrap_or(4).max(1);
    let in_huge: u64 = page_sizes.iter().skip(1).map(|size| size * huge(*size)).sum();
    let count =
        |size: &u64| if *size == smallest { memory.saturating_sub(in_huge) / smallest } else { huge(*size) };
    let distances = text("distance");
    let distances = distances.split_whitespace().filter_map(|distance| distance.parse().ok());
    let cpulist = text("cpulist");
    let numbers = if cpulist.is_empty() {
        list(&read("/sys/devices/system/cpu/online").unwrap_or_default())
    } else {
        list(&cpulist)
    };
    Node {
        id,
        memory,
        pages: page_sizes.iter().map(|size| (*size, count(size))).collect(),
        distances: nodes().into_iter().zip(distances).collect(),
        cpus: cpus(&numbers),
    }
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

fn cpus(numbers: &[u32]) -> Vec<Cpu> {
    let cpu = |id: &u32| {
        let text =
            |name: &str| fs::read_to_string(format!("/sys/devices/system/cpu/cpu{id}/topology/{name}")).ok();
        let number = |name: &str| text(name).and_then(|text| text.trim().parse().ok());
        let siblings = text("thread_siblings_list").map(|text| text.trim().to_owned());
        Cpu {
            id: *id,
            package: number("physical_package_id").unwrap_or(0),
            die: number("die_id").unwrap_or(0),
            cluster: number("cluster_id").filter(|cluster| *cluster != 65535),
            core: number("core_id").unwrap_or(0),
            siblings: siblings.unwrap_or_else(|| id.to_string()),
        }
    };
    numbers.iter().map(cpu).collect()
}

/// `0-3,8` as numbers.
fn list(text: &str) -> Vec<u32> {
    let range = |part: &str| -> Option<std::ops::RangeInclusive<u32>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

/// A line of /proc/meminfo, in KiB.
fn memory(name: &str) -> Result<u64> {
    let text = read("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Error::internal(ErrorDomain::QEMU, format!("no '{name}' in /proc/meminfo")))
}

/// What /proc/cpuinfo says of the first CPU.
fn cpuinfo(name: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let value = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    };
    text.lines().find_map(value)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|error| Error::system(ErrorDomain::QEMU, format!("cannot read '{path}'"), error))
}
