//! How much memory a guest has, from what its definition says in several places.

use crate::error::{refuse, unsupported};
use crate::model::{Domain, Kib, NumatuneMemory, NumatuneMode, NumatunePlacement, VcpuPlacement};
use crate::xml::{ParseFlags, ParseOptions, Result, Within};

impl Domain {
    /// Completes `<memory>` from the NUMA nodes and plugged devices, and `<currentMemory>` from it.
    pub(super) fn fill_in_memory(&mut self, options: &ParseOptions) -> Result<()> {
        let mut total = self.memory.map(|memory| memory.size.0).unwrap_or_default();
        let renewed = ParseFlags::ABI_UPDATE | ParseFlags::ABI_UPDATE_MIGRATION;
        let nodes = match total == 0 || options.flags.intersects(renewed) {
            true => self.numa_memory(),
            false => 0,
        };
        let plugged = self.plugged_memory();
        if nodes > 0 {
            total = nodes.saturating_add(plugged);
        } else if plugged > total {
            return Err(refuse("Total size of memory devices exceeds the total memory size").within("memory"));
        }
        if total.saturating_sub(plugged) == 0 {
            return Err(refuse("Memory size must be specified via <memory> or in the <numa> configuration"));
        }
        self.memory.get_or_insert_default().size = Kib(total);
        let current = self.current_memory.filter(|current| (1..=total).contains(&current.0));
        self.current_memory = Some(current.unwrap_or(Kib(total)));
        match self.max_memory {
            Some(max) if max.size.0 == 0 => {
                Err(refuse("both maximum memory size and memory slot count must be specified")
                    .within("maxMemory"))
            }
            Some(max) if max.size.0 < total => {
                Err(refuse("maximum memory size must be equal or greater than the actual memory size")
                    .within("maxMemory"))
            }
            _ => Ok(()),
        }
    }

    /// Without NUMA nodes, node 0 is all of the guest.
    pub(super) fn fill_in_hugepages(&mut self) {
        if self.cpu.as_ref().is_some_and(|cpu| !cpu.numa.cells.is_empty()) {
            return;
        }
        for page in self.memory_backing.hugepages.iter_mut().flat_map(|hugepages| &mut hugepages.pages) {
            page.nodeset = page.nodeset.take().filter(|nodes| nodes.iter().ne([0]));
        }
    }

    /// The memory of the guest's NUMA nodes together, in KiB.
    #[must_use]
    pub fn numa_memory(&self) -> u64 {
        let cells = self.cpu.iter().flat_map(|cpu| &cpu.numa.cells);
        cells.fold(0, |sum, cell| sum.saturating_add(cell.memory.0.0))
    }

    /// The memory of plugged devices together, in KiB.
    #[must_use]
    pub fn plugged_memory(&self) -> u64 {
        let devices = self.devices.memories.iter();
        devices.fold(0, |sum, device| sum.saturating_add(device.target.size.0))
    }

    /// Settles who picks the nodes of the host: the definition, or numad.
    pub(super) fn fill_in_numatune(&mut self) -> Result<()> {
        let placed = self.vcpu.placement == VcpuPlacement::Static;
        let memory = match (&mut self.numatune.memory, placed) {
            (Some(memory), _) => memory,
            (None, true) => return self.check_memnodes(),
            (slot @ None, false) => slot.insert(NumatuneMemory::default()),
        };
        let chosen = memory.placement.unwrap_or(match memory.nodeset.is_some() || placed {
            true => NumatunePlacement::Static,
            false => NumatunePlacement::Auto,
        });
        match chosen {
            NumatunePlacement::Static if memory.nodeset.is_none() => {
                return Err(unsupported(
                    "nodeset for NUMA memory tuning must be set if 'placement' is 'static'",
                )
                .within("numatune/memory"));
            }
            NumatunePlacement::Static => {}
            NumatunePlacement::Auto => memory.nodeset = None,
        }
        memory.placement = Some(chosen);
        // Threads that are pinned nowhere follow the memory.
        let pinned = self.vcpu.cpuset.is_some()
            || !self.cputune.vcpupins.is_empty()
            || self.cputune.emulatorpin.is_some()
            || !self.cputune.iothreadpins.is_empty();
        if chosen == NumatunePlacement::Auto && !pinned {
            self.vcpu.placement = VcpuPlacement::Auto;
        }
        self.check_memnodes()
    }

    fn check_memnodes(&self) -> Result<()> {
        let memory = self.numatune.memory.as_ref();
        if self.numatune.memnodes.is_empty() {
            return Ok(());
        }
        if memory.is_some_and(|memory| memory.placement == Some(NumatunePlacement::Auto)) {
            return Err(unsupported("Per-node binding is not compatible with automatic NUMA placement.")
                .within("numatune/memnode"));
        }
        let cells = self.cpu.iter().map(|cpu| cpu.numa.cells.len()).sum::<usize>() as u32;
        if cells == 0 {
            return Err(refuse("Element 'memnode' is invalid without any guest NUMA cells")
                .within("numatune/memnode"));
        }
        if let Some(pair) = self.numatune.memnodes.windows(2).find(|pair| pair[0].cellid == pair[1].cellid) {
            let id = pair[0].cellid;
            let error = refuse(format!("Multiple memnode elements with cellid {id}"));
            return Err(error.within(format_args!("numatune/memnode[@cellid='{id}'][2]")));
        }
        let whole = memory.map(|memory| memory.mode).unwrap_or_default();
        for node in &self.numatune.memnodes {
            let faults = [
                (
                    node.cellid >= cells,
                    "@cellid",
                    "Argument 'cellid' in memnode element must correspond to existing guest's NUMA cell",
                ),
                (
                    node.mode == NumatuneMode::Restrictive && whole != NumatuneMode::Restrictive,
                    "@mode",
                    "'restrictive' mode is required in memory element when mode is 'restrictive' in memnode element",
                ),
                (
                    node.mode != NumatuneMode::Restrictive && whole == NumatuneMode::Restrictive,
                    "@mode",
                    "'restrictive' mode is required in memnode element when mode is 'restrictive' in memory element",
                ),
            ];
            if let Some((_, path, sentence)) = faults.iter().find(|(fault, ..)| *fault) {
                let way = format_args!("numatune/memnode[@cellid='{}']", node.cellid);
                return Err(refuse(sentence).within(path).within(way));
            }
        }
        Ok(())
    }
}
