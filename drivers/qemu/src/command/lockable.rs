//! How much memory the guest's process may lock.

use virt_conf::model::{ControllerKind, DiskSource, Domain, DomainType, InterfaceKind, MdevModel, PciModel};

use crate::model::{HostdevSource, board_of, hostdevs};

/// For registers and the like of devices that are handed through, in KiB.
const IO_SPACE: u64 = 1024 * 1024;
/// The window of memory that a device of a pSeries guest sees through each bridge, in KiB.
const WINDOW: u64 = 2 * 1024 * 1024;

/// How many bytes of memory the process of `domain` must be able to lock; `u64::MAX` without limit, and nothing where
/// the usual few will do.
///
/// Devices of the host reach the guest's memory by themselves, so that it must stay where it is.
#[must_use]
pub fn lockable_memory(domain: &Domain) -> Option<u64> {
    // Whoever limits the guest's memory knows how much it can need.
    if let Some(limit) = domain.memtune.hard_limit {
        return Some(limit.0.saturating_mul(1024));
    }
    if domain.memory_backing.locked {
        // What QEMU needs for itself, nobody can tell.
        return Some(u64::MAX);
    }
    let board = board_of(domain)?;
    let kib = if board.arch.is_ppc64() && domain.kind == DomainType::Kvm {
        power(domain)
    } else {
        let count = users(domain);
        if count == 0 {
            return None;
        }
        total(domain).saturating_mul(count).saturating_add(IO_SPACE)
    };
    Some(kib.saturating_mul(1024))
}

fn total(domain: &Domain) -> u64 {
    domain.memory.map_or(0, |memory| memory.size.0)
}

fn nvme_disks(domain: &Domain) -> u64 {
    domain.devices.disks.iter().filter(|disk| matches!(disk.source, DiskSource::Nvme(_))).count() as u64
}

/// Devices of the host that reach memory through VFIO.
fn vfio(domain: &Domain) -> u64 {
    let is_vfio = |source: &HostdevSource<'_>| match source {
        HostdevSource::Pci { .. } => true,
        HostdevSource::Mdev(mdev) => matches!(mdev.model, MdevModel::VfioPci | MdevModel::VfioCcw),
        HostdevSource::Usb(_) | HostdevSource::Scsi(..) | HostdevSource::ScsiHost(_) => false,
    };
    hostdevs(domain).iter().filter(|hostdev| is_vfio(&hostdev.source)).count() as u64
}

/// How often all memory is locked: devices behind one IOMMU share their view of it.
fn users(domain: &Domain) -> u64 {
    let vfio = vfio(domain);
    // With an IOMMU of the guest's own, every device has a view of its own.
    let vfio = if domain.devices.iommus.is_empty() { vfio.min(1) } else { vfio };
    let is_vdpa = |kind: &InterfaceKind| matches!(kind, InterfaceKind::Vdpa(_));
    let cards = domain.devices.interfaces.iter().filter(|one| is_vdpa(&one.kind)).count() as u64;
    let is_vdpa_disk = |source: &DiskSource| matches!(source, DiskSource::VhostVdpa(_));
    let disks = domain.devices.disks.iter().filter(|disk| is_vdpa_disk(&disk.source)).count() as u64;
    vfio + cards + disks + nvme_disks(domain)
}

/// The page tables of a Power guest are locked too, and the windows of its bridges.
fn power(domain: &Domain) -> u64 {
    let is_root = |kind: &ControllerKind| matches!(kind, ControllerKind::Pci(pci) if pci.model == Some(PciModel::PciRoot));
    let bridges = domain.devices.controllers.iter().filter(|one| is_root(&one.kind)).count() as u64;
    let memory = total(domain);
    let max = domain.max_memory.as_ref().map_or(memory, |max| max.size.0);
    let base = max / 128 + 4096 * bridges + 8192;
    if vfio(domain) + nvme_disks(domain) == 0 {
        return base;
    }
    let behind_windows = memory + memory / 512 * bridges + 8192;
    base + behind_windows.max(WINDOW * bridges)
}
