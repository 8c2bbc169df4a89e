//! The guest's memory: what backs it, what is plugged into it, what is shared.

use virt_conf::model::{
    DeviceAddress, Domain, MemoryAccess, MemoryAllocationMode, MemoryDevice, MemoryModel, MemorySource,
    SharedMemory, SharedMemoryModel,
};
use virt_conf::xml::Within;
use virt_util::Result;

use super::{QemuHooks, first_fault, refuse_if, unsupported, wrong};
use crate::caps::Flag;
use crate::model::{initial_memory_kib, numa_cells};

/// Pages of the usual size, in KiB.
const PAGE_KIB: u64 = 4;

impl QemuHooks<'_> {
    pub(super) fn check_memory_backing(&self, domain: &Domain) -> Result<()> {
        let backing = &domain.memory_backing;
        let Some(first) = backing.hugepages.as_ref().map(|hugepages| hugepages.pages.first()) else {
            return Ok(());
        };
        first_fault(&[
            (
                backing.allocation.mode == Some(MemoryAllocationMode::Ondemand),
                "allocation",
                "hugepages are not allowed with memory allocation ondemand",
            ),
            (
                self.lacks(
                    backing.allocation.threads.is_some_and(|threads| threads > 0),
                    Flag::MemoryBackendFilePreallocThreads,
                ),
                "allocation/@threads",
                "preallocation threads are unsupported with this QEMU",
            ),
            (
                backing.source == Some(MemorySource::Anonymous),
                "source",
                "hugepages are not allowed with anonymous memory source",
            ),
            (
                self.lacks(backing.source == Some(MemorySource::Memfd), Flag::MemoryBackendMemfdHugetlb),
                "source",
                "hugepages is not supported with memfd memory source",
            ),
        ])?;
        let board = self.board(domain);
        let named = self
            .caps
            .machine(self.accelerator(domain), board.machine)
            .is_some_and(|found| found.default_ram_id.is_some());
        let small = first.is_some_and(|page| page.size.0.0 == PAGE_KIB);
        match backing.access {
            Some(access @ MemoryAccess::Shared) if !named && !small && numa_cells(domain).is_empty() => Err(
                unsupported(format!("memory access mode '{access}' not supported without guest numa node"))
                    .within("access"),
            ),
            _ => Ok(()),
        }
    }

    pub(super) fn check_memory_hotplug(&self, domain: &Domain) -> Result<()> {
        let devices = &domain.devices.memories;
        let Some(max) = domain.max_memory else {
            let fault = !devices.is_empty();
            return refuse_if(
                fault,
                "devices/memory",
                || "cannot use/hotplug a memory device when domain 'maxMemory' is not defined",
            );
        };
        let arch = self.board(domain).arch;
        let cells = numa_cells(domain).len();
        refuse_if(
            cells == 0 && !arch.is_ppc64() && !arch.is_s390(),
            "maxMemory",
            || "At least one numa node has to be configured when enabling memory hotplug",
        )?;
        for (at, memory) in devices.iter().enumerate() {
            check_plugged(memory, domain, max.slots).within_nth("memory", at).within("devices")?;
        }
        let slotted =
            |memory: &&MemoryDevice| matches!(memory.model, MemoryModel::Dimm | MemoryModel::Nvdimm);
        let needed = devices.iter().filter(slotted).count();
        refuse_if(needed > max.slots as usize, "maxMemory/@slots", || {
            format!(
                "count of memory devices requiring memory slots '{needed}' exceeds slots count '{}'",
                max.slots
            )
        })?;
        let plugged: u64 = devices.iter().map(|memory| memory.target.size.0).sum();
        refuse_if(
            plugged > max.size.0.saturating_sub(initial_memory_kib(domain)),
            "maxMemory",
            || "memory device total size exceeds hotplug space",
        )
    }

    pub(super) fn check_memory_device(&self, memory: &MemoryDevice, domain: &Domain) -> Result<()> {
        let target = &memory.target;
        match memory.model {
            MemoryModel::Dimm => refuse_if(
                !self.has(Flag::PcDimm),
                "@model",
                || "memory hotplug isn't supported by this QEMU binary",
            ),
            MemoryModel::Nvdimm => first_fault(&[
                (!self.has(Flag::Nvdimm), "@model", "nvdimm isn't supported by this QEMU binary"),
                (
                    self.lacks(target.readonly, Flag::NvdimmUnarmed),
                    "target/readonly",
                    "nvdimm readonly property is not available with this QEMU binary",
                ),
            ]),
            MemoryModel::VirtioPmem => refuse_if(
                !self.has(Flag::VirtioPmemPci),
                "@model",
                || "virtio-pmem isn't supported by this QEMU binary",
            ),
            MemoryModel::VirtioMem => self.check_virtio_mem(memory, domain),
            MemoryModel::SgxEpc => self.check_enclave(memory),
        }
    }

    fn check_virtio_mem(&self, memory: &MemoryDevice, domain: &Domain) -> Result<()> {
        let target = &memory.target;
        let channel = matches!(memory.info.address, Some(DeviceAddress::Ccw(_)));
        let known = self.has(Flag::VirtioMemCcw) || self.has(Flag::VirtioMemPci);
        refuse_if(!known, "@model", || "virtio-mem isn't supported by this QEMU binary")?;
        if channel {
            let boot = domain.memory_backing.hugepages.as_ref().map(|hugepages| {
                hugepages.pages.iter().find(|page| page.nodeset.is_none()).map_or(0, |page| page.size.0.0)
            });
            let own = memory.source.pagesize.map_or(0, |size| size.0);
            first_fault(&[
                (
                    own != 0 && own != boot.unwrap_or(PAGE_KIB),
                    "source/pagesize",
                    "virtio-mem-ccw can't use different page size than the boot memory",
                ),
                (target.node.is_some(), "target/node", "NUMA nodes are not supported for virtio-mem-ccw"),
            ])?;
        }
        let flexible = target.dynamic_memslots == Some(true);
        refuse_if(
            self.lacks(flexible, Flag::VirtioMemPciDynamicMemslots),
            "target/@dynamicMemslots",
            || "virtio-mem does not support dynamicMemslots",
        )
    }

    fn check_enclave(&self, memory: &MemoryDevice) -> Result<()> {
        refuse_if(!self.has(Flag::SgxEpc), "@model", || "sgx epc isn't supported by this QEMU binary")?;
        let sections = self.caps.sgx.as_ref().map(|sgx| sgx.sections.as_slice()).unwrap_or_default();
        refuse_if(sections.is_empty(), "@model", || "this QEMU version didn't provide SGX EPC NUMA info")?;
        let wanted = memory.target.size.0;
        let nodes: Vec<u32> = memory.source.nodemask.as_ref().map_or(vec![0], |nodes| nodes.iter().collect());
        for node in nodes {
            let Some((_, size)) = sections.get(node as usize) else { continue };
            refuse_if(wanted > *size, "target/size", || {
                format!("sgx epc size {size} on host node {node} is less than requested size {wanted}")
            })?;
        }
        Ok(())
    }

    pub(super) fn check_shared_memory(&self, memory: &SharedMemory) -> Result<()> {
        if memory.size.is_some_and(|size| size.0 != 0 && !size.0.is_power_of_two()) {
            return Err(wrong("shmem size must be a power of 2 and at least 1 MiB (1024 KiB)").within("size"));
        }
        let model = memory.model;
        let flag = match model {
            SharedMemoryModel::Ivshmem => {
                return Err(unsupported("ivshmem device is no longer supported").within("model/@type"));
            }
            SharedMemoryModel::IvshmemPlain => Flag::IvshmemPlain,
            SharedMemoryModel::IvshmemDoorbell => Flag::IvshmemDoorbell,
        };
        refuse_if(!self.has(flag), "model/@type", || {
            format!("shmem model '{model}' is not supported by this QEMU binary")
        })
    }
}

/// The place of a plugged device, and the node that it belongs to.
fn check_plugged(memory: &MemoryDevice, domain: &Domain, slots: u32) -> Result<()> {
    let model = memory.model;
    let address = memory.info.address.as_ref();
    let node_needed = match model {
        MemoryModel::Dimm | MemoryModel::Nvdimm => {
            if let Some(address) = address {
                let DeviceAddress::Dimm(place) = address else {
                    return Err(unsupported("only 'dimm' addresses are supported for the pc-dimm device")
                        .within("address/@type"));
                };
                refuse_if(place.slot >= slots, "address/@slot", || {
                    format!("memory device slot '{}' exceeds slots count '{slots}'", place.slot)
                })?;
            }
            true
        }
        MemoryModel::VirtioPmem => {
            let placed = matches!(address, None | Some(DeviceAddress::Pci(_)));
            refuse_if(
                !placed,
                "address/@type",
                || "only 'pci' addresses are supported for the virtio-pmem device",
            )?;
            false
        }
        MemoryModel::VirtioMem => {
            let placed = matches!(address, None | Some(DeviceAddress::Pci(_) | DeviceAddress::Ccw(_)));
            refuse_if(!placed, "address/@type", || {
                format!("only 'pci' and 'ccw' addresses are supported for the {model} device")
            })?;
            !matches!(address, Some(DeviceAddress::Ccw(_)))
        }
        MemoryModel::SgxEpc => return Ok(()),
    };
    let homeless = node_needed && !numa_cells(domain).is_empty() && memory.target.node.is_none();
    refuse_if(homeless, "target/node", || "target NUMA node needs to be specified for memory device")
}
