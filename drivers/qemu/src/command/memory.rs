//! Memory: how much, what backs it, NUMA nodes, and memory that is plugged in.

use virt_conf::model::{
    Bitmap, MemoryAccess, MemoryAllocationMode, MemoryDevice, MemoryDeviceAccess, MemoryModel, MemorySource,
    NumaAccess, NumaCacheAssociativity, NumaCachePolicy, NumaCell, NumatuneMode,
};
use virt_util::Result;

use super::builder::{Builder, alias, internal, unsupported};
use super::{Props, escape_commas};
use crate::caps::Flag;
use crate::model::{initial_memory_kib, numa_cells};

/// Memory that wants a backend.
#[derive(Default)]
struct Backing<'a> {
    id: String,
    size_kib: u64,
    /// The guest's node that it belongs to; `None` for all.
    node: Option<u32>,
    /// Page size in KiB that the device asks for.
    page_kib: Option<u64>,
    /// The host's nodes that the device asks for.
    nodes: Option<Bitmap>,
    path: Option<&'a str>,
    access: Option<MemoryAccess>,
    discard: Option<bool>,
    align_kib: Option<u64>,
    pmem: bool,
    /// The guest's main memory, whose name in the migration stream must not change.
    system: bool,
    kind: Option<MemoryModel>,
}

impl Builder<'_, '_> {
    /// `-m`, and the backend of main memory where there are no nodes.
    pub(crate) fn memory(&mut self) -> Result<()> {
        let domain = self.domain;
        let mut size = initial_memory_kib(domain);
        if domain.max_memory.is_none() {
            // Whole MiB, as the option once counted.
            size -= size % 1024;
        }
        let mut value = format!("size={size}k");
        if let Some(max) = &domain.max_memory {
            if max.slots != 0 {
                value.push_str(&format!(",slots={}", max.slots));
            }
            value.push_str(&format!(",maxmem={}k", max.size.0));
        }
        self.line.option("-m", value);
        if !numa_cells(domain).is_empty() {
            return Ok(());
        }
        match self.default_ram_id().map(str::to_owned) {
            Some(id) => {
                let backing = Backing { id, size_kib: size, system: true, ..Backing::default() };
                self.memory_backend(&backing)?;
            }
            None => self.unnamed_memory()?,
        }
        Ok(())
    }

    /// Options of boards whose memory has no name.
    fn unnamed_memory(&mut self) -> Result<()> {
        let immediate = self.domain.memory_backing.allocation.mode == Some(MemoryAllocationMode::Immediate);
        let page = self.hugepage(None, None)?;
        if immediate || page.is_some() {
            self.line.push("-mem-prealloc");
        }
        if let Some(page) = page {
            let path = self.hugepage_path(page)?;
            self.line.option("-mem-path", path);
        }
        Ok(())
    }

    /// `-overcommit`.
    pub(crate) fn overcommit(&mut self) {
        let locked = self.domain.memory_backing.locked;
        self.line.option("-overcommit", format!("mem-lock={}", super::on_off(locked)));
    }

    /// The page size in KiB that the guest's node uses, unless the host's normal one.
    fn hugepage(&self, node: Option<u32>, wanted: Option<u64>) -> Result<Option<u64>> {
        let host = self.launch.host;
        let page = match wanted {
            Some(page) => page,
            None => {
                let Some(hugepages) = &self.domain.memory_backing.hugepages else { return Ok(None) };
                let specific = hugepages.pages.iter().find(|page| {
                    node.is_some_and(|node| page.nodeset.as_ref().is_some_and(|set| set.contains(node)))
                });
                let any = || hugepages.pages.iter().find(|page| page.nodeset.is_none());
                match specific.or_else(any) {
                    Some(page) => page.size.0.0,
                    None if hugepages.pages.is_empty() => {
                        match host.hugepages.iter().find(|mount| mount.default) {
                            Some(mount) => mount.size_kib,
                            None => {
                                return Err(unsupported(
                                    "hugetlbfs filesystem is not mounted or disabled by administrator config",
                                ));
                            }
                        }
                    }
                    // Pages for other nodes only.
                    None => return Ok(None),
                }
            }
        };
        Ok((page != host.page_kib()).then_some(page))
    }

    fn hugepage_path(&self, page: u64) -> Result<String> {
        let host = self.launch.host;
        let mount =
            host.hugepages.iter().find(|mount| mount.size_kib == page).ok_or_else(|| {
                internal(format!("Unable to find any usable hugetlbfs mount for {page} KiB"))
            })?;
        Ok(format!("{}/libvirt/qemu/{}", mount.path, self.launch.paths.short_name))
    }

    /// The properties of a backend, and whether QEMU's own default would not do.
    fn memory_backend_props(&self, backing: &Backing<'_>) -> Result<(Props, bool)> {
        let domain = self.domain;
        let common = &domain.memory_backing;
        let page = if backing.path.is_some() { None } else { self.hugepage(backing.node, backing.page_kib)? };
        let cell = backing.node.and_then(|node| numa_cells(domain).iter().find(|cell| cell.id == Some(node)));
        let access = backing.access.or(cell.and_then(|cell| cell.mem_access)).or(common.access);
        let discard =
            backing.discard.or(cell.and_then(|cell| cell.discard)).or(common.discard.then_some(true));
        let is_virtio_mem = backing.kind == Some(MemoryModel::VirtioMem);
        let mut prealloc = common.allocation.mode == Some(MemoryAllocationMode::Immediate) || page.is_some();
        let mut needed = access.is_some() || page.is_some();
        let mut props;
        if backing.kind == Some(MemoryModel::SgxEpc) {
            props = Props::object("memory-backend-epc", &backing.id);
            prealloc = true;
        } else if common.source == Some(MemorySource::Memfd) && backing.path.is_none() {
            props = Props::object("memory-backend-memfd", &backing.id);
            if let Some(page) = page {
                props = props.flag("hugetlb", true).number("hugetlbsize", page * 1024);
            }
            needed = true;
        } else if page.is_some()
            || backing.path.is_some()
            || access.is_some()
            || common.source == Some(MemorySource::File)
        {
            let path = match (backing.path, page) {
                (Some(path), _) => {
                    prealloc |= backing.kind == Some(MemoryModel::Nvdimm);
                    path.to_owned()
                }
                (None, Some(page)) => self.hugepage_path(page)?,
                (None, None) => {
                    let paths = &self.launch.paths;
                    format!("{}/{}/{}", paths.memory_backing, paths.short_name, backing.id)
                }
            };
            props = Props::object("memory-backend-file", &backing.id).text("mem-path", path);
            props = props.opt_flag("discard-data", discard);
            needed = true;
        } else {
            props = Props::object("memory-backend-ram", &backing.id);
        }
        props = props.opt_flag("share", access.map(|access| access == MemoryAccess::Shared));
        let is_ram = props.value("qom-type").is_some_and(|kind| kind == "memory-backend-ram");
        if backing.system && !is_ram && self.has(Flag::MemoryBackendFileXUseCanonicalPathForRamblockId) {
            props.set("x-use-canonical-path-for-ramblock-id", false);
        }
        // virtio-mem allocates what the guest is given, when it is given.
        let prealloc = prealloc && !is_virtio_mem;
        if prealloc {
            props.set("prealloc", true);
            if let Some(threads) = common.allocation.threads {
                props.set("prealloc-threads", threads);
            }
        }
        if is_virtio_mem && self.has(Flag::MemoryBackendFileReserve) {
            props.set("reserve", false);
        }
        props = props
            .number("size", backing.size_kib * 1024)
            .opt_number("align", backing.align_kib.map(|kib| kib * 1024))
            .flag_if("pmem", backing.pmem);
        needed |= self.host_nodes(backing, prealloc, &mut props)?;
        Ok((props, needed))
    }

    /// The host's nodes that the memory may come from.
    fn host_nodes(&self, backing: &Backing<'_>, prealloc: bool, props: &mut Props) -> Result<bool> {
        let tune = &self.domain.numatune;
        let memnode =
            backing.node.and_then(|node| tune.memnodes.iter().find(|memnode| memnode.cellid == node));
        let common = tune.memory.as_ref();
        let mode =
            memnode.map(|memnode| memnode.mode).or(common.map(|common| common.mode)).unwrap_or_default();
        let nodes = backing
            .nodes
            .clone()
            .or_else(|| memnode.map(|memnode| memnode.nodeset.clone()))
            .or_else(|| self.launch.host.placed_nodes(common));
        let Some(nodes) = nodes.filter(|_| mode != NumatuneMode::Restrictive) else {
            return Ok(memnode.is_some());
        };
        if let Some(missing) = nodes.iter().find(|node| !self.launch.host.numa_nodes.contains(node)) {
            return Err(unsupported(format!("NUMA node {missing} is unavailable")));
        }
        let policy = match mode {
            NumatuneMode::Strict => "bind",
            NumatuneMode::Preferred => "preferred",
            NumatuneMode::Interleave => "interleave",
            NumatuneMode::Restrictive => "default",
        };
        let list: Vec<u32> = nodes.iter().collect();
        props.set("host-nodes", list);
        props.set("policy", policy);
        if prealloc
            && self.has(Flag::ThreadContext)
            && backing.kind != Some(MemoryModel::SgxEpc)
            && !self.allocating_nodes(nodes.iter()).is_empty()
        {
            props.set("prealloc-context", format!("tc-{}", backing.id));
        }
        Ok(true)
    }

    /// Of the nodes that memory comes from, those whose processors may fill it.
    fn allocating_nodes(&self, nodes: impl Iterator<Item = u32>) -> Vec<u32> {
        let domain = self.domain;
        let pinned = domain.cputune.emulatorpin.as_ref().or(domain.vcpu.cpuset.as_ref());
        let allowed = |node: &u32| {
            pinned.is_none_or(|pinned| {
                let of_node = self.launch.host.numa_cpus.iter().find(|(known, _)| known == node);
                of_node.is_none_or(|(_, cpus)| cpus.iter().any(|cpu| pinned.contains(cpu)))
            })
        };
        nodes.filter(allowed).collect()
    }

    fn memory_backend(&mut self, backing: &Backing<'_>) -> Result<()> {
        let (props, _) = self.memory_backend_props(backing)?;
        self.write_memory_backend(&props);
        Ok(())
    }

    fn write_memory_backend(&mut self, props: &Props) {
        if let (Some(context), Some(nodes)) = (props.value("prealloc-context"), props.value("host-nodes")) {
            let context = context.as_str().unwrap_or_default().to_owned();
            let nodes = nodes.as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64);
            let nodes = self.allocating_nodes(nodes.filter_map(|node| u32::try_from(node).ok()));
            let mut threads = Props::object("thread-context", &context);
            threads.set("node-affinity", nodes);
            self.object(&threads);
        }
        self.object(props);
    }

    /// NUMA nodes, and what memory costs between them.
    pub(crate) fn numa(&mut self) -> Result<()> {
        let domain = self.domain;
        let cells = numa_cells(domain);
        if cells.is_empty() {
            return Ok(());
        }
        let machine = self.caps.machine(self.accelerator, self.board.machine);
        let backends_required = machine.is_none_or(|machine| !machine.numa_mem_supported);
        let mut backends = Vec::new();
        let mut needed = backends_required;
        for cell in cells {
            let node = cell_id(cell)?;
            let backing = Backing {
                id: format!("ram-node{node}"),
                size_kib: cell.memory.0.0,
                node: Some(node),
                ..Backing::default()
            };
            let (props, cell_needs) = self.memory_backend_props(&backing)?;
            needed |= cell_needs;
            backends.push((cell, props));
        }
        if !needed {
            self.unnamed_memory()?;
        }
        let has_hmat = self.has_hmat();
        for (cell, props) in &backends {
            if needed && cell.memory.0.0 != 0 {
                self.write_memory_backend(props);
            }
            let node = cell_id(cell)?;
            let mut value = format!("node,nodeid={node}");
            for range in cell.cpus.iter().flat_map(ranges) {
                value.push_str(",cpus=");
                value.push_str(&range);
            }
            if has_hmat && let Some(initiator) = self.initiator(cell, node) {
                value.push_str(&format!(",initiator={initiator}"));
            }
            if cell.memory.0.0 != 0 {
                if needed {
                    value.push_str(&format!(",memdev=ram-node{node}"));
                } else {
                    value.push_str(&format!(",mem={}", cell.memory.0.0 / 1024));
                }
            }
            self.line.option("-numa", value);
        }
        for cell in cells {
            for sibling in &cell.distances.siblings {
                let node = cell_id(cell)?;
                self.line
                    .option("-numa", format!("dist,src={node},dst={},val={}", sibling.id, sibling.value));
            }
        }
        if has_hmat {
            self.hmat();
        }
        Ok(())
    }

    fn has_hmat(&self) -> bool {
        self.domain.cpu.as_ref().is_some_and(|cpu| {
            !cpu.numa.interconnects.latencies.is_empty()
                || !cpu.numa.interconnects.bandwidths.is_empty()
                || cpu.numa.cells.iter().any(|cell| !cell.caches.is_empty())
        })
    }

    /// The node whose processors reach the memory of `cell` best.
    fn initiator(&self, cell: &NumaCell, node: u32) -> Option<u32> {
        if cell.cpus.as_ref().is_some_and(|cpus| !cpus.is_empty()) {
            return Some(node);
        }
        let interconnects = &self.domain.cpu.as_ref()?.numa.interconnects;
        let latency = interconnects
            .latencies
            .iter()
            .filter(|latency| latency.target == node)
            .min_by_key(|latency| latency.value);
        let bandwidth = interconnects
            .bandwidths
            .iter()
            .filter(|bandwidth| bandwidth.target == node)
            .max_by_key(|bandwidth| bandwidth.rate.0.0);
        latency.map(|latency| latency.initiator).or(bandwidth.map(|bandwidth| bandwidth.initiator)).or_else(
            || {
                numa_cells(self.domain)
                    .iter()
                    .find(|cell| cell.cpus.as_ref().is_some_and(|cpus| !cpus.is_empty()))
                    .and_then(|cell| cell.id)
            },
        )
    }

    fn hmat(&mut self) {
        let domain = self.domain;
        let Some(cpu) = &domain.cpu else { return };
        let level = |cache: u32| match cache {
            0 => "memory",
            1 => "first-level",
            2 => "second-level",
            _ => "third-level",
        };
        let word = |kind: NumaAccess| match kind {
            NumaAccess::Access => "access",
            NumaAccess::Read => "read",
            NumaAccess::Write => "write",
        };
        for latency in &cpu.numa.interconnects.latencies {
            self.line.option(
                "-numa",
                format!(
                    "hmat-lb,initiator={},target={},hierarchy={},data-type={}-latency,latency={}",
                    latency.initiator,
                    latency.target,
                    level(latency.cache),
                    word(latency.kind),
                    latency.value
                ),
            );
        }
        for bandwidth in &cpu.numa.interconnects.bandwidths {
            self.line.option(
                "-numa",
                format!(
                    "hmat-lb,initiator={},target={},hierarchy={},data-type={}-bandwidth,bandwidth={}K",
                    bandwidth.initiator,
                    bandwidth.target,
                    level(bandwidth.cache),
                    word(bandwidth.kind),
                    bandwidth.rate.0.0
                ),
            );
        }
        for cell in &cpu.numa.cells {
            for cache in &cell.caches {
                let associativity = match cache.associativity {
                    NumaCacheAssociativity::None => "none",
                    NumaCacheAssociativity::Direct => "direct",
                    NumaCacheAssociativity::Full => "complex",
                };
                let policy = match cache.policy {
                    NumaCachePolicy::None => "none",
                    NumaCachePolicy::Writeback => "write-back",
                    NumaCachePolicy::Writethrough => "write-through",
                };
                let value = format!(
                    "hmat-cache,node-id={},size={}K,level={},associativity={associativity},policy={policy},line={}",
                    cell.id.unwrap_or(0),
                    cache.size.0.0 / 1024,
                    cache.level,
                    cache.line.0.0
                );
                self.line.option("-numa", value);
            }
        }
    }

    /// Memory that is plugged in.
    pub(crate) fn memory_devices(&mut self) -> Result<()> {
        let domain = self.domain;
        for memory in &domain.devices.memories {
            self.memory_device_backend(memory)?;
            if memory.model == MemoryModel::SgxEpc {
                // Enclave memory is part of the board, which names the backend.
                continue;
            }
            let props = self.memory_device(memory)?;
            self.device(&props);
        }
        Ok(())
    }

    fn memory_device_backend(&mut self, memory: &MemoryDevice) -> Result<()> {
        let access = match memory.access {
            Some(MemoryDeviceAccess::Shared) => Some(MemoryAccess::Shared),
            Some(MemoryDeviceAccess::Private) => Some(MemoryAccess::Private),
            _ if memory.model == MemoryModel::VirtioPmem => Some(MemoryAccess::Shared),
            _ => None,
        };
        let nodes = memory.source.nodemask.clone();
        let mut size_kib = memory.target.size.0;
        if let Some(label) = memory.target.label.filter(|_| self.board.is_pseries()) {
            // The label stands in an area of its own.
            size_kib += label.size.0;
        }
        let backing = Backing {
            id: format!("mem{}", alias(&memory.info)?),
            size_kib,
            node: memory.target.node,
            page_kib: memory.source.pagesize.map(|size| size.0),
            nodes,
            path: memory.source.path.as_deref(),
            access,
            discard: memory.discard,
            align_kib: memory.source.alignsize.map(|size| size.0),
            pmem: memory.source.pmem,
            system: false,
            kind: Some(memory.model),
        };
        self.memory_backend(&backing)
    }

    fn memory_device(&self, memory: &MemoryDevice) -> Result<Props> {
        let name = alias(&memory.info)?;
        let target = &memory.target;
        let memdev = format!("mem{name}");
        let props = match memory.model {
            MemoryModel::Dimm => {
                Props::device("pc-dimm").opt_number("node", target.node).text("memdev", memdev)
            }
            MemoryModel::Nvdimm => Props::device("nvdimm")
                .opt_number("node", target.node)
                .opt_number("label-size", target.label.map(|label| label.size.0 * 1024))
                .opt_text("uuid", memory.uuid.map(|uuid| uuid.to_string()))
                .flag_if("unarmed", target.readonly)
                .text("memdev", memdev),
            MemoryModel::VirtioPmem => self
                .virtio_name("virtio-pmem", None, &memory.info, None)?
                .text("memdev", memdev)
                .opt_number("memaddr", target.base),
            MemoryModel::VirtioMem => {
                let immediate = self.domain.memory_backing.allocation.mode
                    == Some(MemoryAllocationMode::Immediate)
                    || self.hugepage(target.node, memory.source.pagesize.map(|size| size.0))?.is_some();
                self.virtio_name("virtio-mem", None, &memory.info, None)?
                    .opt_number("node", target.node)
                    .opt_number("block-size", target.block.map(|size| size.0 * 1024))
                    .opt_number("requested-size", target.requested.map(|size| size.0 * 1024))
                    .text("memdev", memdev)
                    .flag_if("prealloc", immediate && self.has(Flag::VirtioMemPciPrealloc))
                    .opt_number("memaddr", target.base)
                    .opt_flag("dynamic-memslots", target.dynamic_memslots)
            }
            MemoryModel::SgxEpc => return Err(internal("enclave memory is no device")),
        };
        let mut props = props.text("id", name);
        self.address(&mut props, &memory.info)?;
        Ok(props)
    }
}

fn cell_id(cell: &NumaCell) -> Result<u32> {
    cell.id.ok_or_else(|| internal("a NUMA cell has no number yet"))
}

/// The runs of consecutive numbers in `set`: `0-3`, `5`.
pub(crate) fn ranges(set: &Bitmap) -> Vec<String> {
    let text = set.to_string();
    text.split(',').filter(|part| !part.is_empty()).map(escape_commas).collect()
}
