//! Devices of the host that are handed over.

use virt_conf::model::{
    Domain, Hostdev, HostdevDriverName, HostdevKind, MdevHostdev, MdevModel, PciHostdev, ScsiHostProtocol,
    SubsystemDevice, Switch,
};
use virt_util::Result;

use super::{QemuHooks, first_fault, refuse_if};
use crate::caps::Flag;
use crate::command::subsystem;

impl QemuHooks<'_> {
    pub(super) fn check_hostdev(&self, hostdev: &Hostdev, domain: &Domain) -> Result<()> {
        let HostdevKind::Subsystem(handed) = &hostdev.kind else {
            return refuse_if(true, "@mode", || {
                format!("hostdev mode 'capabilities' is not supported in {}", domain.kind)
            });
        };
        let boots = hostdev.info.boot.is_some();
        match &handed.device {
            SubsystemDevice::Usb(usb) => refuse_if(
                self.lacks(usb.source.guest_reset.is_some(), Flag::UsbHostGuestResetsAll),
                "source/@guestReset",
                || "guestReset is not supported with this version of QEMU",
            ),
            SubsystemDevice::Scsi(_) => Ok(()),
            SubsystemDevice::Pci(pci) => self.check_pci_hostdev(pci, domain),
            SubsystemDevice::ScsiHost(host) => first_fault(&[
                (boots, "boot", "booting from assigned devices is not supported by vhost SCSI devices"),
                (
                    self.lacks(host.source.protocol == Some(ScsiHostProtocol::Vhost), Flag::VhostScsi),
                    "source/@protocol",
                    "This QEMU doesn't support vhost-scsi devices",
                ),
            ]),
            SubsystemDevice::Mdev(mdev) => self.check_mediated(mdev, boots, domain),
        }
    }

    fn check_pci_hostdev(&self, pci: &PciHostdev, domain: &Domain) -> Result<()> {
        let unseen = pci.display == Some(Switch::On) && domain.devices.graphics.is_empty();
        first_fault(&[
            (
                self.lacks(pci.driver.name == Some(HostdevDriverName::Vfio), Flag::VfioPci),
                "driver/@name",
                "VFIO PCI device assignment is not supported by this version of qemu",
            ),
            (
                pci.source.write_filtering.is_some(),
                "source/@writeFiltering",
                "Write filtering of PCI device configuration space is not supported by qemu",
            ),
            (unseen, "@display", "graphics device is needed for attribute value 'display=on' in <hostdev>"),
        ])
    }

    fn check_mediated(&self, mdev: &MdevHostdev, boots: bool, domain: &Domain) -> Result<()> {
        let unseen = mdev.display == Some(Switch::On) && domain.devices.graphics.is_empty();
        match mdev.model {
            MdevModel::VfioPci => first_fault(&[
                (
                    !self.has(Flag::VfioPci),
                    "@model",
                    "VFIO PCI device assignment is not supported by this version of QEMU",
                ),
                (
                    boots,
                    "boot",
                    "booting from assigned devices is not supported by mediated devices of model vfio-pci",
                ),
                (
                    unseen,
                    "@display",
                    "graphics device is needed for attribute value 'display=on' in <hostdev>",
                ),
            ]),
            MdevModel::VfioAp => first_fault(&[
                (
                    !self.has(Flag::VfioAp),
                    "@model",
                    "VFIO AP device assignment is not supported by this version of QEMU",
                ),
                (
                    boots,
                    "boot",
                    "booting from assigned devices is not supported by mediated devices of model vfio-ap",
                ),
                (
                    domain.devices.hostdevs.iter().filter(|hostdev| is_crypto(hostdev)).count() > 1,
                    "@model",
                    "Only one hostdev of model vfio-ap is supported",
                ),
            ]),
            MdevModel::VfioCcw => refuse_if(
                !self.has(Flag::VfioCcw),
                "@model",
                || "VFIO CCW device assignment is not supported by this version of QEMU",
            ),
        }
    }
}

/// Whether it is a mainframe's cryptographic adapters.
fn is_crypto(hostdev: &Hostdev) -> bool {
    matches!(subsystem(hostdev), Some(SubsystemDevice::Mdev(mdev)) if mdev.model == MdevModel::VfioAp)
}
