//! What devices have in common: addresses, ACPI index, option ROM.

use virt_conf::domain::DeviceRef;
use virt_conf::model::{
    Controller, ControllerKind, DeviceAddress, DeviceInfo, DiskBus, Domain, DriveAddress, PciAddress, Rom,
    ScsiModel,
};
use virt_conf::xml::Within;
use virt_util::Result;

use super::{QemuHooks, first_fault, internal, refuse_if, unsupported, wrong};
use crate::caps::Flag;

/// The highest number by which a mainframe's guest knows a PCI function.
const MAX_ZPCI_UID: u32 = 0xffff;

impl QemuHooks<'_> {
    pub(super) fn check_info(&self, device: DeviceRef<'_>, domain: &Domain) -> Result<()> {
        let Some(info) = device.info() else { return Ok(()) };
        if let Some(address) = &info.address {
            self.check_address(address, device, domain).within("address")?;
        }
        self.check_pci_extras(info)
    }

    fn check_pci_extras(&self, info: &DeviceInfo) -> Result<()> {
        use DeviceAddress::{Pci, Unassigned};
        let indexed = info.acpi.index != 0;
        first_fault(&[
            (
                self.lacks(indexed, Flag::AcpiIndex),
                "acpi/@index",
                "ACPI index is not supported with this QEMU",
            ),
            (
                indexed && !matches!(info.address, None | Some(Pci(_))),
                "acpi/@index",
                "ACPI index is only supported for PCI devices",
            ),
            (
                info.rom != Rom::default() && !matches!(info.address, None | Some(Pci(_) | Unassigned)),
                "rom",
                "ROM tuning is only supported for PCI devices",
            ),
        ])
    }

    fn check_address(&self, address: &DeviceAddress, device: DeviceRef<'_>, domain: &Domain) -> Result<()> {
        match address {
            DeviceAddress::Pci(address) => self.check_zpci(address),
            DeviceAddress::SpaprVio(address) => match address.reg {
                Some(reg) if reg > u64::from(u32::MAX) => Err(unsupported(format!(
                    "spapr-vio reg='0x{reg:x}' exceeds maximum possible value (0xffffffff)"
                ))
                .within("@reg")),
                _ => Ok(()),
            },
            DeviceAddress::Ccw(_) => {
                let board = self.board(domain);
                refuse_if(!board.is_s390_ccw(), "@type", || {
                    format!("CCW addresses are not supported by machine type '{}'", board.machine)
                })
            }
            DeviceAddress::Drive(place) => match device {
                DeviceRef::Disk(disk) => self.check_drive(place, disk.target.bus, domain),
                _ => self.check_drive(place, Some(DiskBus::Scsi), domain),
            },
            _ => Ok(()),
        }
    }

    fn check_zpci(&self, address: &PciAddress) -> Result<()> {
        let Some(zpci) = &address.zpci else { return Ok(()) };
        let (uid, fid) = (zpci.uid, zpci.fid);
        refuse_if(
            self.lacks(uid.is_some() || fid.is_some(), Flag::Zpci),
            "zpci",
            || "This QEMU binary doesn't support zPCI",
        )?;
        match uid {
            Some(uid) if uid == 0 || uid > MAX_ZPCI_UID => Err(wrong(format!(
                "Invalid PCI address uid='0x{uid:04x}', must be > 0x0000 and <= 0x{MAX_ZPCI_UID:04x}"
            ))
            .within("zpci/@uid")),
            _ => Ok(()),
        }
    }

    /// What each kind of drive controller can tell apart.
    fn check_drive(&self, place: &DriveAddress, bus: Option<DiskBus>, domain: &Domain) -> Result<()> {
        match bus {
            Some(DiskBus::Scsi) => {
                if place.bus != 0 {
                    return Err(internal("SCSI controller only supports 1 bus").within("@bus"));
                }
                let Some(model) = scsi_model(domain, place.controller) else { return Ok(()) };
                let lsi = model == Some(ScsiModel::LsiLogic);
                first_fault(&[
                    (lsi && place.target != 0, "@target", "target must be 0 for controller model 'lsilogic'"),
                    (
                        self.lacks(!lsi && place.target > 7, Flag::ScsiDiskChannel),
                        "@target",
                        "This QEMU doesn't support target greater than 7",
                    ),
                ])
            }
            Some(DiskBus::Ide) => {
                if place.controller != 0 {
                    return Err(internal("Only 1 IDE controller is supported").within("@controller"));
                }
                refuse_if(place.target != 0, "@target", || "target must be 0 for ide controller")
            }
            Some(DiskBus::Fdc) => {
                if place.controller != 0 {
                    return Err(internal("Only 1 fdc controller is supported").within("@controller"));
                }
                if place.bus != 0 {
                    return Err(internal("Only 1 fdc bus is supported").within("@bus"));
                }
                refuse_if(place.target != 0, "@target", || "target must be 0 for controller fdc")
            }
            Some(DiskBus::Sata) => first_fault(&[
                (place.bus != 0, "@bus", "bus must be 0 for sata controller"),
                (place.target != 0, "@target", "target must be 0 for sata controller"),
            ]),
            _ => Ok(()),
        }
    }
}

/// The model of the SCSI controller of that index, where the guest has it.
#[expect(clippy::option_option, reason = "no controller, and one without model, are two things")]
fn scsi_model(domain: &Domain, index: u32) -> Option<Option<ScsiModel>> {
    let of = |controller: &Controller| match &controller.kind {
        ControllerKind::Scsi(scsi) if controller.index == Some(index) => Some(scsi.model),
        _ => None,
    };
    domain.devices.controllers.iter().find_map(of)
}
