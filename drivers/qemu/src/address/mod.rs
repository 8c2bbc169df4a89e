//! Where the guest finds its devices: addresses for all that have none, and bridges for those that need one.

mod ccw;
mod device;
mod pci;
mod pci_set;
mod q35;
mod serial;
mod usb;
mod vio;

pub(crate) use usb::assign as assign_usb;

use virt_conf::model::{DeviceAddress, DimmAddress, Domain, MemoryModel, PciSlot};
use virt_conf::xml::{ParseFlags, ParseOptions};
use virt_util::Result;

use self::device::Entry;
use self::pci_set::IsolationGroup;
use crate::caps::{Board, Capabilities, Flag};
use crate::model::board_of;

/// What address assignment needs to know about the guest.
#[derive(Clone, Copy)]
struct Context<'a> {
    caps: &'a Capabilities,
    board: Board<'a>,
    /// The host's group of a device that is handed through.
    iommu_group: &'a dyn Fn(PciSlot) -> Option<u32>,
}

impl Context<'_> {
    /// Whom the device may share a bus with: only devices of the host are kept apart, and only where buses are cheap.
    fn isolation_group(&self, entry: &Entry<'_>) -> IsolationGroup {
        let host = entry.host.filter(|_| self.board.is_pseries());
        host.and_then(self.iommu_group).map_or(0, |group| group + 1)
    }
}

/// Gives every device that lacks one an address, and adds the bridges and hubs that this takes.
///
/// # Errors
///
/// When two devices claim one place, or a device cannot be where the document puts it.
pub(crate) fn assign(
    domain: &mut Domain,
    caps: &Capabilities,
    iommu_group: &dyn Fn(PciSlot) -> Option<u32>,
    options: &ParseOptions,
) -> Result<()> {
    let Some(board) = board_of(domain) else { return Ok(()) };
    let machine = board.machine.to_owned();
    let context = Context { caps, board: Board { arch: board.arch, machine: &machine }, iommu_group };
    serial::assign(domain);
    vio::assign(domain)?;
    if context.board.arch.is_s390() && caps.has(Flag::VirtioCcw) {
        ccw::assign(domain, context)?;
    }
    device::assign_mmio(domain, context);
    pci::assign(domain, context)?;
    // Old definitions keep their USB ports open until they start; those that leave none open are checked.
    if options.flags.contains(ParseFlags::ABI_UPDATE) || usb::all_known(&mut domain.devices) {
        usb::assign(domain)?;
    }
    assign_memory_slots(domain);
    // A console that only shows the first serial port is found where that is.
    if crate::model::console_doubles_serial(domain, 0)
        && let (Some(console), Some(serial)) =
            (domain.devices.consoles.first_mut(), domain.devices.serials.first())
    {
        console.info.address.clone_from(&serial.info.address);
    }
    Ok(())
}

/// Numbers the slots of plugged memory.
fn assign_memory_slots(domain: &mut Domain) {
    let has_slot = |model| matches!(model, MemoryModel::Dimm | MemoryModel::Nvdimm);
    let mut used: Vec<u32> = domain
        .devices
        .memories
        .iter()
        .filter_map(|memory| match &memory.info.address {
            Some(DeviceAddress::Dimm(dimm)) => Some(dimm.slot),
            _ => None,
        })
        .collect();
    for memory in &mut domain.devices.memories {
        if memory.info.address.is_none() && has_slot(memory.model) {
            let slot = (0..=u32::MAX).find(|slot| !used.contains(slot)).unwrap_or(0);
            used.push(slot);
            memory.info.address = Some(DeviceAddress::Dimm(DimmAddress { slot, base: 0 }));
        }
    }
}
