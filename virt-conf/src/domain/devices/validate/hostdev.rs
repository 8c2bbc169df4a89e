//! Checks of one host device.

use super::{internal, refuse_if, unsupported};
use crate::model::{DeviceAddress, Hostdev, HostdevKind, SubsystemDevice, TeamingType};
use crate::xml::{Result, Within};

pub(super) fn validate(hostdev: &Hostdev) -> Result<()> {
    let HostdevKind::Subsystem(subsystem) = &hostdev.kind else { return Ok(()) };
    if let Some(address) = &hostdev.info.address {
        validate_address(&subsystem.device, address)?;
    }
    let SubsystemDevice::Pci(pci) = &subsystem.device else { return Ok(()) };
    let Some(teaming) = &pci.teaming else { return Ok(()) };
    refuse_if(teaming.kind != TeamingType::Transient, || {
        unsupported("teaming hostdev devices must have type='transient'").within("teaming/@type")
    })?;
    refuse_if(teaming.persistent.is_none(), || {
        unsupported("missing required persistent attribute in hostdev teaming element").within("teaming")
    })
}

/// A device appears on a bus of its own kind.
fn validate_address(device: &SubsystemDevice, address: &DeviceAddress) -> Result<()> {
    use DeviceAddress::{Ccw, Drive, Pci, Unassigned, Usb};
    let (fits, sentence) = match device {
        SubsystemDevice::Pci(_) => (
            matches!(address, Pci(_) | Unassigned),
            "PCI host devices must use 'pci' or 'unassigned' address type",
        ),
        SubsystemDevice::Scsi(_) => {
            (matches!(address, Drive(_)), "SCSI host device must use 'drive' address type")
        }
        SubsystemDevice::ScsiHost(_) => {
            (matches!(address, Pci(_) | Ccw(_)), "SCSI_host host device must use 'pci' or 'ccw' address type")
        }
        SubsystemDevice::Usb(_) => (matches!(address, Usb(_)), "USB host device must use 'usb' address type"),
        SubsystemDevice::Mdev(_) => return Ok(()),
    };
    let pci = matches!(device, SubsystemDevice::Pci(_));
    refuse_if(!fits, || {
        let error = if pci { internal(sentence) } else { unsupported(sentence) };
        error.within("address/@type")
    })
}
