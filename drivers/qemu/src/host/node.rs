//! The host's CPUs and memory.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use virt_core::driver::NodeInfo;
use virt_util::{Error, ErrorDomain, Result};

/// The kernel's name of the host's architecture.
pub(crate) fn architecture() -> String {
    let name = nix::sys::utsname::uname().map(|name| name.machine().to_string_lossy().into_owned());
    name.unwrap_or_else(|_| std::env::consts::ARCH.to_owned())
}

/// CPUs and memory.
pub(super) fn info() -> Result<NodeInfo> {
    let cpus = cpus()?;
    let distinct = |of: fn(&Cpu) -> (u32, u32)| cpus.iter().map(of).collect::<BTreeSet<_>>().len() as u32;
    let sockets = distinct(|cpu| (cpu.package, 0)).max(1);
    let cores = distinct(|cpu| (cpu.package, cpu.core)).max(1);
    let nodes = nodes().len().max(1) as u32;
    let online = cpus.len() as u32;
    // libvirt counts sockets per node, and calls a host whose parts do not multiply to the whole one flat node.
    let (nodes, sockets, cores, threads) =
        if online == cores * (online / cores) && cores % sockets == 0 && sockets % nodes == 0 {
            (nodes, sockets / nodes, cores / sockets, online / cores)
        } else {
            (1, 1, online, 1)
        };
    Ok(NodeInfo {
        model: architecture(),
        memory: memory("MemTotal")?,
        cpus: online,
        mhz: frequency(),
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

/// One CPU that is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cpu {
    /// Its number.
    pub(super) id: u32,
    /// Its socket.
    pub(super) package: u32,
    /// Its core in that socket.
    pub(super) core: u32,
}

/// The CPUs that are online.
pub(super) fn cpus() -> Result<Vec<Cpu>> {
    let online = read(Path::new("/sys/devices/system/cpu/online"))?;
    let cpu = |id: u32| {
        let number = |name: &str| {
            let path = format!("/sys/devices/system/cpu/cpu{id}/topology/{name}");
            fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
        };
        Cpu { id, package: number("physical_package_id"), core: number("core_id") }
    };
    Ok(list(online.trim()).into_iter().map(cpu).collect())
}

/// The NUMA nodes, by number.
pub(super) fn nodes() -> Vec<u32> {
    fs::read_to_string("/sys/devices/system/node/online").map(|text| list(text.trim())).unwrap_or_default()
}

/// `0-3,8` as numbers.
pub(super) fn list(text: &str) -> Vec<u32> {
    let range = |part: &str| -> Option<std::ops::RangeInclusive<u32>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

/// A line of /proc/meminfo, in KiB.
fn memory(name: &str) -> Result<u64> {
    let text = read(Path::new("/proc/meminfo"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Error::internal(ErrorDomain::QEMU, format!("no '{name}' in /proc/meminfo")))
}

/// The first CPU's frequency in MHz; 0 where the kernel does not say.
fn frequency() -> u32 {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("cpu MHz"));
    let value = line.and_then(|line| line.split_once(':')?.1.trim().parse::<f64>().ok());
    value.map_or(0, |value| value as u32)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|error| Error::system(ErrorDomain::QEMU, format!("cannot read '{}'", path.display()), error))
}
