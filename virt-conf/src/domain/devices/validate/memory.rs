//! Checks of one memory device, and of its place among the others.

use super::{detail, refuse_if, unsupported};
use crate::model::{DeviceAddress, Domain, MemoryDevice, MemoryDeviceAccess, MemoryModel};
use crate::xml::Result;

/// Smallest alignment of a memory device, that of a page.
const PAGE: u64 = 4096;

impl Domain {
    pub(super) fn validate_memory(&self, at: usize, memory: &MemoryDevice) -> Result<()> {
        let model = memory.model;
        match model {
            MemoryModel::Nvdimm => validate_nvdimm(memory),
            MemoryModel::VirtioPmem => validate_pmem(memory),
            MemoryModel::VirtioMem => validate_resizable(memory),
            MemoryModel::Dimm | MemoryModel::SgxEpc => Ok(()),
        }?;
        let based = matches!(model, MemoryModel::VirtioMem | MemoryModel::VirtioPmem);
        refuse_if(memory.target.base.is_some() && !based, || {
            unsupported(format!("memory device address is not supported for model '{model}'"))
        })?;
        self.validate_node(memory)?;
        self.refuse_conflicts(at, memory)
    }

    fn validate_node(&self, memory: &MemoryDevice) -> Result<()> {
        if memory.model == MemoryModel::VirtioPmem || memory.model == MemoryModel::SgxEpc {
            return Ok(());
        }
        let nodes = self.cpu.as_ref().map_or(0, |cpu| cpu.numa.cells.len());
        let node = memory.target.node.unwrap_or(0);
        refuse_if(nodes == 0 && memory.target.node.is_some(), || {
            detail("can't add memory backend as guest has no NUMA nodes configured")
        })?;
        refuse_if(nodes != 0 && node as usize >= nodes, || {
            detail(format!(
                "can't add memory backend for guest node '{node}' as the guest has only '{nodes}' NUMA nodes configured"
            ))
        })
    }

    /// Slots and addresses belong to one device each.
    fn refuse_conflicts(&self, at: usize, memory: &MemoryDevice) -> Result<()> {
        let others = self.devices.memories.iter().enumerate().filter(|(other, _)| *other != at);
        for (_, other) in others {
            if let (Some(slot), true) = (slot(memory), slot(memory) == slot(other)) {
                return Err(unsupported(format!(
                    "memory device slot '{slot}' is already being used by another memory device"
                )));
            }
            let (Some(first), Some(start)) = (base(memory), base(other)) else { continue };
            let end = first.saturating_add(memory.target.size.0.saturating_mul(1024));
            if (first..end).contains(&start) {
                return Err(unsupported(format!(
                    "memory device address [0x{first:x}:0x{end:x}] overlaps with other memory device (0x{start:x})"
                )));
            }
        }
        Ok(())
    }
}

fn slot(memory: &MemoryDevice) -> Option<u32> {
    match memory.info.address {
        Some(DeviceAddress::Dimm(place)) => Some(place.slot),
        _ => None,
    }
}

fn base(memory: &MemoryDevice) -> Option<u64> {
    match memory.info.address {
        Some(DeviceAddress::Dimm(place)) => Some(place.base).filter(|base| *base != 0),
        Some(_) => memory.target.base,
        None => None,
    }
}

fn validate_nvdimm(memory: &MemoryDevice) -> Result<()> {
    refuse_if(memory.source.path.is_none(), || detail("path is required for model 'nvdimm'"))?;
    refuse_if(memory.discard == Some(true), || unsupported("discard is not supported for nvdimms"))
}

fn validate_pmem(memory: &MemoryDevice) -> Result<()> {
    let model = memory.model;
    refuse_if(memory.source.path.is_none(), || detail(format!("path is required for model '{model}'")))?;
    refuse_if(memory.discard == Some(true), || {
        unsupported(format!("discard is not supported for model '{model}'"))
    })?;
    refuse_if(memory.access != Some(MemoryDeviceAccess::Shared), || {
        unsupported("shared access mode required for virtio-pmem device")
    })?;
    refuse_if(memory.target.node.is_some(), || unsupported("virtio-pmem does not support NUMA nodes"))?;
    refuse_if(memory.target.base.is_some_and(|base| base % PAGE != 0), || {
        unsupported(format!("memory address must be aligned to {PAGE} bytes"))
    })
}

fn validate_resizable(memory: &MemoryDevice) -> Result<()> {
    let target = &memory.target;
    let size = target.size.0;
    let requested = target.requested.map_or(0, |requested| requested.0);
    let block = target.block.map_or(0, |block| block.0);
    refuse_if(requested > size, || {
        detail(format!("requested size must be smaller than or equal to @size ({size}KiB)"))
    })?;
    refuse_if(!block.is_power_of_two(), || detail("block size must be a power of two"))?;
    // Transparent huge pages of the usual machines.
    let smallest = 2048;
    refuse_if(block < smallest, || detail(format!("block size too small, must be at least {smallest}KiB")))?;
    refuse_if(!requested.is_multiple_of(block), || {
        detail("requested size must be an integer multiple of block size")
    })?;
    refuse_if(target.base.is_some_and(|base| base % (block * 1024) != 0), || {
        detail("memory device address must be aligned to blocksize")
    })
}
