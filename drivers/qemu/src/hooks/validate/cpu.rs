//! The guest's processors: model, caches, topology, count.

use virt_conf::model::{
    Cpu, CpuCache, CpuCacheMode, CpuMaxPhysAddr, CpuMaxPhysAddrMode, CpuMode, Domain, Switch,
};
use virt_conf::xml::Within;
use virt_util::Result;

use super::domain::whole_cpu;
use super::{QemuHooks, first_fault, refuse_if, unsupported};
use crate::caps::Flag;
use crate::model::numa_cells;

/// How many processors interrupts reach without the IOMMU's extended mode.
const WITHOUT_EIM: u32 = 255;

impl QemuHooks<'_> {
    pub(super) fn check_cpu(&self, domain: &Domain) -> Result<()> {
        let Some(cpu) = &domain.cpu else { return Ok(()) };
        let arch = self.board(domain).arch;
        if let Some(address) = &cpu.max_phys_addr {
            refuse_if(!arch.is_x86(), "maxphysaddr", || {
                format!(
                    "CPU maximum physical address bits specification is not supported for '{arch}' architecture"
                )
            })?;
            check_address(*address).within("maxphysaddr")?;
        }
        if let Some(cache) = &cpu.cache {
            refuse_if(!arch.is_x86(), "cache", || {
                format!("CPU cache specification is not supported for '{arch}' architecture")
            })?;
            check_cache(*cache, cpu).within("cache")?;
        }
        let migratable = cpu.mode == Some(CpuMode::HostPassthrough) && cpu.migratable == Some(Switch::On);
        first_fault(&[
            (
                self.lacks(migratable, Flag::CpuMigratable),
                "@migratable",
                "Migratable attribute for host-passthrough CPU is not supported by this QEMU binary",
            ),
            (
                self.lacks(cpu.mode == Some(CpuMode::Maximum), Flag::CpuMax),
                "@mode",
                "maximum CPU is not supported by QEMU binary",
            ),
        ])
    }

    pub(super) fn check_vcpus(&self, domain: &Domain) -> Result<()> {
        let board = self.board(domain);
        let max = domain.vcpu.max;
        let current = domain.vcpu.current.unwrap_or(max);
        refuse_if(current == 0, "vcpu", || "Domain requires at least 1 vCPU")?;
        let most =
            self.caps.machine(self.accelerator(domain), board.machine).map_or(0, |found| found.max_cpus);
        refuse_if(most > 0 && max > most, "vcpu", || {
            format!("Maximum CPUs greater than specified machine type limit {most}")
        })?;
        let topology = domain.cpu.as_ref().and_then(|cpu| cpu.topology.as_ref());
        refuse_if(
            topology.is_some_and(|topology| topology.processors() != u64::from(max)),
            "vcpu",
            || "CPU topology doesn't match maximum vcpu count",
        )?;
        // pSeries machines plug whole cores.
        let granularity = topology.filter(|_| board.is_pseries()).map_or(1, |topology| topology.threads);
        refuse_if(granularity > 0 && !current.is_multiple_of(granularity), "vcpu", || {
            format!("vCPUs count must be a multiple of the vCPU hotplug granularity ({granularity})")
        })?;
        if !board.arch.is_x86() || max <= WITHOUT_EIM {
            return Ok(());
        }
        refuse_if(!board.is_q35(), "vcpu", || {
            format!("more than {WITHOUT_EIM} vCPUs are only supported on q35-based machine types")
        })?;
        let extended = domain.devices.iommus.iter().any(|iommu| iommu.driver.eim == Some(Switch::On));
        refuse_if(!extended, "vcpu", || {
            format!(
                "more than {WITHOUT_EIM} vCPUs require extended interrupt mode enabled on the iommu device"
            )
        })
    }

    pub(super) fn check_numa(&self, domain: &Domain) -> Result<()> {
        let links = domain.cpu.as_ref().is_some_and(|cpu| {
            let links = &cpu.numa.interconnects;
            !links.latencies.is_empty() || !links.bandwidths.is_empty()
        });
        let tables = links || numa_cells(domain).iter().any(|cell| !cell.caches.is_empty());
        refuse_if(
            self.lacks(tables, Flag::NumaHmat),
            "interconnects",
            || "HMAT is not supported with this QEMU",
        )
    }
}

fn check_address(address: CpuMaxPhysAddr) -> Result<()> {
    let fixed = address.mode == CpuMaxPhysAddrMode::Passthrough && address.bits.is_some();
    refuse_if(fixed, "@bits", || {
        let mode = CpuMaxPhysAddrMode::Passthrough;
        format!("CPU maximum physical address bits number specification cannot be used with mode='{mode}'")
    })
}

fn check_cache(cache: CpuCache, cpu: &Cpu) -> Result<()> {
    let mode = cache.mode;
    match mode {
        CpuCacheMode::Emulate => refuse_if(cache.level != Some(3), "@level", || {
            format!("CPU cache mode '{mode}' can only be used with level='3'")
        }),
        CpuCacheMode::Passthrough | CpuCacheMode::Disable => {
            if mode == CpuCacheMode::Passthrough && !whole_cpu(cpu.mode) {
                let (host, most) = (CpuMode::HostPassthrough, CpuMode::Maximum);
                return Err(unsupported(format!(
                    "CPU cache mode '{mode}' can only be used with '{host}' / '{most}' CPUs"
                ))
                .within("@mode"));
            }
            refuse_if(cache.level.is_some(), "@level", || {
                format!("unsupported CPU cache level for mode '{mode}'")
            })
        }
    }
}
