//! The guest's NUMA nodes where the document leaves them open.

use virt_conf::model::{Bitmap, Domain, Kib, MemoryDevice, MemoryModel, NumaCell, NumaMemory};

use super::QemuHooks;

/// What Power's memory modules are a multiple of, in KiB.
const POWER_MODULE: u64 = 256 * 1024;

impl QemuHooks<'_> {
    /// New guests of Power get memory modules that they can use whole.
    fn round_plugged_memory(&self, domain: &mut Domain) {
        if !self.board(domain).is_pseries() {
            return;
        }
        let is_dimm = |memory: &&mut MemoryDevice| memory.model == MemoryModel::Dimm;
        let mut grown = 0;
        for memory in domain.devices.memories.iter_mut().filter(is_dimm) {
            let size = &mut memory.target.size;
            let rounded = size.0.div_ceil(POWER_MODULE).saturating_mul(POWER_MODULE);
            grown += rounded - size.0;
            size.0 = rounded;
        }
        if let Some(total) = &mut domain.memory {
            total.size.0 += grown;
        }
    }

    /// Gives memory that is plugged in a node to be plugged into, and every processor a node.
    pub(super) fn settle_numa(&self, domain: &mut Domain, abi_update: bool) {
        if abi_update {
            // Mainframes have no nodes that memory could be plugged into.
            if !self.board(domain).arch.is_s390() {
                add_node_for_plugged_memory(domain);
            }
            self.round_plugged_memory(domain);
        }
        let max = domain.vcpu.max;
        let Some(cpu) = &mut domain.cpu else { return };
        let (first, others) = match cpu.numa.cells.iter().position(|cell| cell.id == Some(0)) {
            Some(at) => {
                let others: Vec<Bitmap> = cpu
                    .numa
                    .cells
                    .iter()
                    .enumerate()
                    .filter(|(position, _)| *position != at)
                    .filter_map(|(_, cell)| cell.cpus.clone())
                    .collect();
                (at, others)
            }
            None => return,
        };
        // Whoever is in no other node is in the first.
        let cpus: Bitmap = (0..max).filter(|cpu| !others.iter().any(|set| set.contains(*cpu))).collect();
        if let Some(cell) = cpu.numa.cells.get_mut(first)
            && !cpus.is_empty()
        {
            cell.cpus = Some(cpus);
        }
    }
}

/// QEMU plugs memory into nodes: a guest without any gets one of all that it has.
fn add_node_for_plugged_memory(domain: &mut Domain) {
    let can_plug = domain.max_memory.as_ref().is_some_and(|max| max.size.0 != 0);
    let has_nodes = domain.cpu.as_ref().is_some_and(|cpu| !cpu.numa.cells.is_empty());
    if !can_plug || has_nodes {
        return;
    }
    let total = domain.memory.map_or(0, |memory| memory.size.0);
    let plugged: u64 = domain.devices.memories.iter().map(|memory| memory.target.size.0).sum();
    let cell = NumaCell {
        id: Some(0),
        cpus: Some((0..domain.vcpu.max).collect()),
        memory: NumaMemory(Kib(total.saturating_sub(plugged))),
        ..NumaCell::default()
    };
    domain.cpu.get_or_insert_default().numa.cells.push(cell);
    for memory in &mut domain.devices.memories {
        if matches!(memory.model, MemoryModel::Dimm | MemoryModel::Nvdimm | MemoryModel::VirtioMem) {
            memory.target.node.get_or_insert(0);
        }
    }
}
