//! The host's NUMA nodes, processors and caches, from the kernel's tree of devices.

use std::fs;
use std::path::{Path, PathBuf};

use virt_conf::model::capabilities::{
    CacheGranularity, HostBandwidthControl, HostBandwidthNode, HostCacheBank, HostCacheControl, HostCaches,
    HostCell, HostCellCpu, HostCellCpus, HostMemoryBandwidth, HostPages, PageSize, ResctrlFeature,
    ResctrlMonitor,
};
use virt_conf::model::{Bitmap, CacheSize, CacheType, Kib, NumaDistances, NumaSibling, PrettyBytes};

/// Where the kernel shows a host.
#[derive(Clone, Debug)]
pub struct Sysfs {
    /// Its processors and NUMA nodes, `/sys/devices/system`.
    pub system: PathBuf,
    /// What can be shared out among guests, `/sys/fs/resctrl`.
    pub resctrl: PathBuf,
}

/// This host.
impl Default for Sysfs {
    fn default() -> Self {
        Self { system: "/sys/devices/system".into(), resctrl: "/sys/fs/resctrl".into() }
    }
}

/// Caches below this level are every processor's own.
const LEAST_LEVEL: u32 = 2;

impl Sysfs {
    /// The NUMA nodes, by number.
    #[must_use]
    pub fn nodes(&self) -> Vec<u32> {
        text(&self.system.join("node/online")).map_or_else(|| vec![0], |text| set(&text).iter().collect())
    }

    /// The processors of a NUMA node, where the kernel names them.
    #[must_use]
    pub fn cpus_of_node(&self, node: u32) -> Option<Bitmap> {
        text(&self.system.join(format!("node/node{node}/cpulist"))).map(|text| set(&text))
    }

    /// The processors that are online.
    #[must_use]
    pub fn online_cpus(&self) -> Bitmap {
        text(&self.system.join("cpu/online")).map(|text| set(&text)).unwrap_or_default()
    }

    /// The NUMA nodes; `page_sizes` are in KiB, the normal one first.
    #[must_use]
    pub fn cells(&self, page_sizes: &[u64]) -> Vec<HostCell> {
        let nodes = self.nodes();
        nodes.iter().map(|id| self.cell(*id, &nodes, page_sizes)).collect()
    }

    fn cell(&self, id: u32, nodes: &[u32], page_sizes: &[u64]) -> HostCell {
        let dir = self.system.join(format!("node/node{id}"));
        let meminfo = text(&dir.join("meminfo")).unwrap_or_default();
        let memory = meminfo
            .lines()
            .find_map(|line| line.split_once("MemTotal:")?.1.split_whitespace().next()?.parse().ok());
        let memory = memory.or_else(|| super::node::memory("MemTotal").ok()).unwrap_or(0);
        let huge = |size: u64| -> u64 {
            number(&dir.join(format!("hugepages/hugepages-{size}kB/nr_hugepages"))).unwrap_or(0)
        };
        let normal = page_sizes.first().copied().unwrap_or(4).max(1);
        let in_huge: u64 = page_sizes.iter().skip(1).map(|size| size * huge(*size)).sum();
        let count =
            |size: u64| if size == normal { memory.saturating_sub(in_huge) / normal } else { huge(size) };
        let pages =
            page_sizes.iter().map(|size| HostPages { size: PageSize(*size), count: Some(count(*size)) });
        let distances = text(&dir.join("distance")).unwrap_or_default();
        let distances = distances.split_whitespace().filter_map(|distance| distance.parse().ok());
        let siblings = nodes.iter().zip(distances).map(|(id, value)| NumaSibling { id: *id, value });
        let cpus = self.cpus_of_node(id).unwrap_or_else(|| self.online_cpus());
        HostCell {
            id,
            memory: Some(Kib(memory)),
            pages: pages.collect(),
            distances: NumaDistances { siblings: siblings.collect() },
            caches: Vec::new(),
            cpus: Some(HostCellCpus::from(self.cpus(&cpus))),
        }
    }

    /// Where each of these processors is.
    #[must_use]
    pub fn cpus(&self, numbers: &Bitmap) -> Vec<HostCellCpu> {
        let cpu = |id: u32| {
            let dir = self.system.join(format!("cpu/cpu{id}/topology"));
            // The kernel says -1 where there is no such thing.
            let place = |name: &str| number::<i32>(&dir.join(name)).unwrap_or(0).max(0);
            let siblings = text(&dir.join("thread_siblings_list")).map(|text| set(&text));
            HostCellCpu {
                id,
                socket: Some(place("physical_package_id")),
                die: Some(place("die_id")),
                cluster: Some(place("cluster_id")),
                core: Some(place("core_id")),
                siblings: Some(siblings.unwrap_or_else(|| std::iter::once(id).collect())),
            }
        };
        numbers.iter().map(cpu).collect()
    }

    /// The caches of the second level and above, by level, kind and number, and how each can be shared out.
    #[must_use]
    pub fn cache_banks(&self) -> Vec<HostCacheBank> {
        let mut banks: Vec<HostCacheBank> = Vec::new();
        for cpu in self.online_cpus().iter() {
            let entries = fs::read_dir(self.system.join(format!("cpu/cpu{cpu}/cache"))).into_iter().flatten();
            for entry in entries.filter_map(Result::ok) {
                let named = entry.file_name().to_string_lossy().starts_with("index");
                let found = if named { self.cache_bank(&entry.path()) } else { None };
                banks.extend(found.filter(|bank| !banks.contains(bank)));
            }
        }
        let kind = |bank: &HostCacheBank| bank.kind as u32;
        banks.sort_by_key(|bank| (bank.level, kind(bank), bank.id));
        banks
    }

    fn cache_bank(&self, dir: &Path) -> Option<HostCacheBank> {
        let level = number(&dir.join("level")).filter(|level| *level >= LEAST_LEVEL)?;
        let kind = match text(&dir.join("type"))?.as_str() {
            "Unified" => CacheType::Both,
            "Instruction" => CacheType::Code,
            "Data" => CacheType::Data,
            _ => return None,
        };
        let size = text(&dir.join("size"))?;
        let (amount, unit) = size.split_at(size.find(|c: char| !c.is_ascii_digit()).unwrap_or(size.len()));
        let amount = amount.parse().ok()?;
        let size = virt_conf::model::scale(amount, Some(unit), 1, u64::MAX).ok()?;
        Some(HostCacheBank {
            id: number(&dir.join("id"))?,
            level,
            kind,
            size: CacheSize(PrettyBytes(size)),
            cpus: set(&text(&dir.join("shared_cpu_list"))?),
            controls: self.cache_controls(level, size),
        })
    }

    fn cache_controls(&self, level: u32, size: u64) -> Vec<HostCacheControl> {
        let control = |(suffix, kind): (&str, CacheType)| {
            let dir = self.resctrl.join(format!("info/L{level}{suffix}"));
            let mask = u64::from_str_radix(&text(&dir.join("cbm_mask"))?, 16).ok()?;
            let part = size.checked_div(mask.count_ones().into())?;
            let least: u64 = number(&dir.join("min_cbm_bits"))?;
            let minimum = (least != 1).then(|| least * part);
            Some(HostCacheControl {
                granularity: CacheGranularity { size: part, minimum },
                kind,
                max_allocations: number(&dir.join("num_closids"))?,
            })
        };
        let kinds = [("", CacheType::Both), ("CODE", CacheType::Code), ("DATA", CacheType::Data)];
        kinds.into_iter().filter_map(control).collect()
    }

    /// The caches as capabilities show them; none where there are none.
    #[must_use]
    pub fn caches(&self, banks: Vec<HostCacheBank>) -> Option<HostCaches> {
        let last = banks.iter().map(|bank| bank.level).max()?;
        let monitor = self.monitor("llc_").map(|(monitor, threshold)| ResctrlMonitor {
            level: Some(last),
            reuse_threshold: threshold,
            ..monitor
        });
        Some(HostCaches { banks, monitor })
    }

    /// How the bandwidth to memory can be shared out, by last-level cache; none where it cannot.
    #[must_use]
    pub fn memory_bandwidth(&self, banks: &[HostCacheBank]) -> Option<HostMemoryBandwidth> {
        let dir = self.resctrl.join("info/MB");
        let last = banks.iter().map(|bank| bank.level).max()?;
        let control = HostBandwidthControl {
            granularity: number(&dir.join("bandwidth_gran"))?,
            minimum: number(&dir.join("min_bandwidth")).filter(|least| *least > 0),
            max_allocations: number(&dir.join("num_closids"))?,
        };
        let nodes = banks.iter().filter(|bank| bank.level == last).map(|bank| HostBandwidthNode {
            id: bank.id,
            cpus: bank.cpus.clone(),
            controls: vec![control],
        });
        Some(HostMemoryBandwidth {
            nodes: nodes.collect(),
            monitor: self.monitor("mbm_").map(|(monitor, _)| monitor),
        })
    }

    /// What can be measured of features whose names begin with `prefix`, and the threshold of the cache's use.
    fn monitor(&self, prefix: &str) -> Option<(ResctrlMonitor, Option<u32>)> {
        let dir = self.resctrl.join("info/L3_MON");
        let features = text(&dir.join("mon_features"))?;
        let named = features.lines().filter(|name| name.starts_with(prefix));
        let features: Vec<_> = named.map(|name| ResctrlFeature { name: name.to_owned() }).collect();
        if features.is_empty() {
            return None;
        }
        let max_monitors = number(&dir.join("num_rmids"))?;
        let threshold = number(&dir.join("max_threshold_occupancy"));
        Some((ResctrlMonitor { level: None, reuse_threshold: None, max_monitors, features }, threshold))
    }
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn number<T: std::str::FromStr>(path: &Path) -> Option<T> {
    text(path)?.parse().ok()
}

/// `0-3,8`; nothing where it is something else.
fn set(text: &str) -> Bitmap {
    text.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_shared_out_in_parts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        };
        write("system/cpu/online", "0-1");
        for cpu in 0..2 {
            for (name, value) in [
                ("level", "3"),
                ("type", "Unified"),
                ("size", "20480K"),
                ("id", "4"),
                ("shared_cpu_list", "0-1"),
            ] {
                write(&format!("system/cpu/cpu{cpu}/cache/index0/{name}"), value);
            }
        }
        for (name, value) in [("cbm_mask", "fffff"), ("min_cbm_bits", "2"), ("num_closids", "16")] {
            write(&format!("resctrl/info/L3/{name}"), value);
        }
        for (name, value) in [("bandwidth_gran", "10"), ("min_bandwidth", "20"), ("num_closids", "8")] {
            write(&format!("resctrl/info/MB/{name}"), value);
        }
        let tree = Sysfs { system: root.path().join("system"), resctrl: root.path().join("resctrl") };
        let banks = tree.cache_banks();
        assert_eq!(banks.len(), 1, "both processors share it");
        assert_eq!(
            banks[0].controls[0].granularity,
            CacheGranularity { size: 1 << 20, minimum: Some(2 << 20) }
        );
        let bandwidth = tree.memory_bandwidth(&banks).unwrap();
        assert_eq!((bandwidth.nodes[0].id, bandwidth.nodes[0].controls[0].minimum), (4, Some(20)));
        assert!(tree.caches(banks).is_some_and(|caches| caches.monitor.is_none()));
    }
}
