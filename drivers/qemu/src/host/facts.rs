//! What a command line depends on, of this host.

use std::fs;
use std::time::SystemTime;

use super::{node, processor};
use crate::command::{HostFacts, HugepageMount};

/// What this host is, now.
pub(crate) fn facts() -> HostFacts {
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
    let now =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs().cast_signed());
    HostFacts {
        page_size_kib: page.cast_unsigned() / 1024,
        now,
        utc_offset: utc_offset(now),
        hugepages: hugepages(),
        numa_nodes: node::nodes(),
        numa_cpus: node::nodes().into_iter().filter_map(node::cpus_of).collect(),
        render_node: render_node(),
        processor: processor::named(&node::architecture(), &node::cpuinfo()),
        ..HostFacts::default()
    }
}

/// Seconds by which local time is ahead of UTC at `now`.
fn utc_offset(now: i64) -> i64 {
    // SAFETY: all bits zero are a valid tm, and both pointers live for the call.
    unsafe {
        let mut local: nix::libc::tm = std::mem::zeroed();
        if nix::libc::localtime_r(&raw const now, &raw mut local).is_null() { 0 } else { local.tm_gmtoff }
    }
}

fn render_node() -> Option<String> {
    let nodes = fs::read_dir("/dev/dri").ok()?;
    let names = nodes.filter_map(|node| node.ok()?.file_name().into_string().ok());
    names.filter(|name| name.starts_with("renderD")).min().map(|name| format!("/dev/dri/{name}"))
}

/// The mounted file systems of huge pages.
fn hugepages() -> Vec<HugepageMount> {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let default = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        text.lines()
            .find_map(|line| line.strip_prefix("Hugepagesize:")?.trim().trim_end_matches(" kB").parse().ok())
    });
    let mount = |line: &str| {
        let mut words = line.split(' ');
        let (path, kind, options) = (words.nth(1)?, words.next()?, words.next()?);
        let size =
            options.split(',').find_map(|option| size_kib(option.strip_prefix("pagesize=")?)).or(default);
        let size_kib = size.filter(|_| kind == "hugetlbfs")?;
        Some(HugepageMount { size_kib, path: path.to_owned(), default: Some(size_kib) == default })
    };
    mounts.lines().filter_map(mount).collect()
}

/// `2M` in KiB.
fn size_kib(text: &str) -> Option<u64> {
    let (number, factor) = match text.strip_suffix(['K', 'k']) {
        Some(number) => (number, 1),
        None => match text.strip_suffix('M') {
            Some(number) => (number, 1024),
            None => (text.strip_suffix('G')?, 1024 * 1024),
        },
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}
