//! What a definition may say, but no guest can be started with.

use virt_conf::model::{ControllerKind, DeviceAddress, DiskDevice, Domain, UsbController, UsbModel};
use virt_util::Result;

use super::builder::Builder;
use super::unsupported;
use crate::caps::Flag;
use crate::model::numa_cells;

/// The most memory that numbers of bytes hold, in KiB.
const MOST_KIB: u64 = i64::MAX as u64 >> 10;

impl Builder<'_, '_> {
    /// Refuses what was let pass when the guest was defined, so that it would not be lost.
    pub(super) fn check_startable(&self) -> Result<()> {
        let domain = self.domain;
        check_sizes(domain)?;
        for controller in &domain.devices.controllers {
            if let ControllerKind::Usb(usb) = &controller.kind {
                self.check_usb(usb)?;
            }
        }
        let floppy = domain.devices.disks.iter().any(|disk| disk.device == DiskDevice::Floppy);
        if floppy && self.board.is_pseries() {
            return Err(unsupported("PowerPC pseries machines do not support floppy device"));
        }
        let elsewhere = |address: &Option<DeviceAddress>| !matches!(address, Some(DeviceAddress::Pci(_)));
        if domain.devices.shared_memories.iter().any(|memory| elsewhere(&memory.info.address)) {
            return Err(unsupported("only 'pci' addresses are supported for the shared memory device"));
        }
        Ok(())
    }

    /// A controller whose model nobody knows, or this binary does not have.
    fn check_usb(&self, usb: &UsbController) -> Result<()> {
        let Some(model) = usb.model else {
            // Mainframes have no USB of their own, and are started without.
            if self.board.arch.is_s390() {
                return Ok(());
            }
            return Err(unsupported("no model provided for USB controller"));
        };
        let flag = match model {
            UsbModel::None => return Ok(()),
            UsbModel::Piix3Uhci => Flag::Piix3UsbUhci,
            UsbModel::Piix4Uhci => Flag::Piix4UsbUhci,
            UsbModel::Ehci => Flag::UsbEhci,
            UsbModel::Ich9Ehci1 | UsbModel::Ich9Uhci1 | UsbModel::Ich9Uhci2 | UsbModel::Ich9Uhci3 => {
                Flag::Ich9UsbEhci1
            }
            UsbModel::Vt82c686bUhci => Flag::Vt82c686bUsbUhci,
            UsbModel::PciOhci => Flag::PciOhci,
            UsbModel::NecXhci => Flag::NecUsbXhci,
            UsbModel::QemuXhci => Flag::QemuXhci,
            UsbModel::Qusb1 | UsbModel::Qusb2 => {
                return Err(unsupported(format!("Unsupported controller model: {model}")));
            }
        };
        if !self.has(flag) {
            return Err(unsupported(format!(
                "USB controller model '{model}' not supported in this QEMU binary"
            )));
        }
        if usb.ports.is_some() && !matches!(model, UsbModel::NecXhci | UsbModel::QemuXhci) {
            return Err(unsupported(format!(
                "usb controller type '{model}' doesn't support 'ports' with this QEMU binary"
            )));
        }
        Ok(())
    }
}

/// Rounding up must not have taken memory beyond what can be counted.
fn check_sizes(domain: &Domain) -> Result<()> {
    for (at, cell) in numa_cells(domain).iter().enumerate() {
        if cell.memory.0.0 > MOST_KIB {
            return Err(unsupported(format!("memory size of NUMA node '{at}' overflowed after alignment")));
        }
    }
    if domain.memory.is_some_and(|memory| memory.size.0 > MOST_KIB) {
        return Err(unsupported("initial memory size overflowed after alignment"));
    }
    if domain.max_memory.is_some_and(|memory| memory.size.0 > MOST_KIB) {
        return Err(unsupported("maximum memory size overflowed after alignment"));
    }
    for (at, memory) in domain.devices.memories.iter().enumerate() {
        if memory.target.size.0 > MOST_KIB {
            return Err(unsupported(format!("size of memory module '{at}' overflowed after alignment")));
        }
    }
    Ok(())
}
