//! Checks of one memory device, and of its place among the others.

use super::{detail, refuse_if, unsupported};
use crate::model::{DeviceAddress, Domain, MemoryDevice, MemoryDeviceAccess, MemoryModel};
use crate::xml::{Result, Within};

/// Smallest alignment of a memory device, that of a page.
const PAGE: u64 = 4096;

impl Domain {
    pub(super) fn validate_memory(&self, memory: &MemoryDevice) -> Result<()> {
        let model = memory.model;
        self.validate_node(memory)?;
        match model {
            MemoryModel::Nvdimm => validate_nvdimm(memory),
            MemoryModel::VirtioPmem => validate_pmem(memory),
            MemoryModel::VirtioMem => validate_resizable(memory),
            MemoryModel::Dimm | MemoryModel::SgxEpc => Ok(()),
        }?;
        let based = matches!(model, MemoryModel::VirtioMem | MemoryModel::VirtioPmem);
        refuse_if(memory.target.base.is_some() && !based, || {
            unsupported(format!("memory device address is not supported for model '{model}'"))
                .within("target/address")
        })?;
        self.refuse_conflicts(memory)
    }

    fn validate_node(&self, memory: &MemoryDevice) -> Result<()> {
        let nodes = self.cpu.as_ref().map_or(0, |cpu| cpu.numa.cells.len());
        let node = memory.target.node.unwrap_or(0);
        refuse_if(nodes == 0 && memory.target.node.is_some(), || {
            detail("can't add memory backend as guest has no NUMA nodes configured").within("target/node")
        })?;
        refuse_if(nodes != 0 && node as usize >= nodes, || {
            detail(format!(
                "can't add memory backend for guest node '{node}' as the guest has only '{nodes}' NUMA nodes configured"
            )).within("target/node")
        })
    }

    /// Slots and addresses belong to one device each.
    fn refuse_conflicts(&self, memory: &MemoryDevice) -> Result<()> {
        let others = self.devices.memories.iter().filter(|other| !std::ptr::eq(*other, memory));
        for other in others {
            if let (Some(slot), true) = (slot(memory), slot(memory) == slot(other)) {
                return Err(unsupported(format!(
                    "memory device slot '{slot}' is already being used by another memory device"
                ))
                .within("address/@slot"));
            }
            let (Some(first), Some(start)) = (base(memory), base(other)) else { continue };
            let end = first.saturating_add(memory.target.size.0.saturating_mul(1024));
            let other_end = start.saturating_add(other.target.size.0.saturating_mul(1024));
            if start < end && first < other_end {
                return Err(unsupported(format!(
                    "memory device address [0x{first:x}:0x{end:x}] overlaps with other memory device (0x{start:x})"
                )).within("address"));
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
    refuse_if(memory.source.path.is_none(), || {
        detail("path is required for model 'nvdimm'").within("source")
    })?;
    refuse_if(memory.discard == Some(true), || {
        unsupported("discard is not supported for nvdimms").within("@discard")
    })
}

fn validate_pmem(memory: &MemoryDevice) -> Result<()> {
    let model = memory.model;
    refuse_if(memory.source.path.is_none(), || {
        detail(format!("path is required for model '{model}'")).within("source")
    })?;
    refuse_if(memory.discard == Some(true), || {
        unsupported(format!("discard is not supported for model '{model}'")).within("@discard")
    })?;
    refuse_if(memory.access != Some(MemoryDeviceAccess::Shared), || {
        unsupported("shared access mode required for virtio-pmem device").within("@access")
    })?;
    refuse_if(memory.target.node.is_some(), || {
        unsupported("virtio-pmem does not support NUMA nodes").within("target/node")
    })?;
    refuse_if(memory.target.base.is_some_and(|base| base % PAGE != 0), || {
        unsupported(format!("memory address must be aligned to {PAGE} bytes")).within("target/address/@base")
    })
}

fn validate_resizable(memory: &MemoryDevice) -> Result<()> {
    let target = &memory.target;
    let size = target.size.0;
    let requested = target.requested.map_or(0, |requested| requested.0);
    let block = target.block.map_or(0, |block| block.0);
    refuse_if(requested > size, || {
        detail(format!("requested size must be smaller than or equal to @size ({size}KiB)"))
            .within("target/requested")
    })?;
    refuse_if(!block.is_power_of_two(), || {
        detail("block size must be a power of two").within("target/block")
    })?;
    // Transparent huge pages of the usual machines.
    let smallest = 2048;
    refuse_if(block < smallest, || {
        detail(format!("block size too small, must be at least {smallest}KiB")).within("target/block")
    })?;
    refuse_if(!requested.is_multiple_of(block), || {
        detail("requested size must be an integer multiple of block size").within("target/requested")
    })?;
    refuse_if(target.base.is_some_and(|base| base % (block * 1024) != 0), || {
        detail("memory device address must be aligned to blocksize").within("target/address/@base")
    })
}
