//! Controllers that are not PCI's.

use virt_conf::model::{
    Controller, ControllerKind, DeviceAddress, Domain, ScsiController, ScsiModel, UsbController, UsbModel,
};
use virt_conf::xml::Within;
use virt_util::Result;

use super::disk::check_iothread_mapping;
use super::{QemuHooks, first_fault, internal, refuse_if, unsupported};
use crate::caps::{Arch, Board, Flag};

/// The most ports of a USB 3 controller.
const XHCI_PORTS: u32 = 15;

/// Machines of 32-bit SPARC, which have an ESP chip on the board.
const ESP_MACHINES: [&str; 10] = [
    "LX",
    "SPARCClassic",
    "SPARCbook",
    "SS-10",
    "SS-20",
    "SS-4",
    "SS-5",
    "SS-600MP",
    "Voyager",
    "leon3_generic",
];

impl QemuHooks<'_> {
    pub(super) fn check_controller(&self, controller: &Controller, domain: &Domain) -> Result<()> {
        let board = self.board(domain);
        let first = controller.index.unwrap_or(0) == 0;
        if let ControllerKind::Scsi(scsi) = &controller.kind {
            let own = scsi.model == Some(ScsiModel::Ncr53C90);
            refuse_if(
                own && !has_builtin_esp(board),
                "@model",
                || "ncr53c90 SCSI controller is not a built-in for this machine",
            )?;
            self.check_scsi_model(scsi.model)?;
        }
        check_driver(controller).within("driver")?;
        match &controller.kind {
            ControllerKind::Ide(_) if first && board.has_builtin_ide() => Ok(()),
            ControllerKind::Ide(_) if board.has_builtin_ide() => refuse_if(
                true,
                "@index",
                || "Only a single IDE controller is supported for this machine type",
            ),
            ControllerKind::Ide(_) => refuse_if(
                true,
                "@type",
                || "IDE controllers are unsupported for this QEMU binary or machine type",
            ),
            ControllerKind::Scsi(scsi) => self.check_scsi(controller, scsi, domain),
            ControllerKind::Pci(pci) => self.check_pci_controller(controller, pci, domain),
            ControllerKind::Sata(_) if first && board.is_q35() => Ok(()),
            ControllerKind::Sata(_) => refuse_if(
                !self.has(Flag::Ich9Ahci),
                "@type",
                || "SATA is not supported with this QEMU binary",
            ),
            _ => Ok(()),
        }
    }

    fn check_scsi_model(&self, model: Option<ScsiModel>) -> Result<()> {
        let (flag, name) = match model {
            Some(ScsiModel::LsiLogic) => (Flag::Lsi, "the LSI 53C895A SCSI"),
            Some(
                ScsiModel::VirtioScsi | ScsiModel::VirtioTransitional | ScsiModel::VirtioNonTransitional,
            ) => (Flag::VirtioScsiPci, "virtio scsi"),
            Some(ScsiModel::LsiSas1068) => (Flag::Mptsas1068, "the LSI SAS1068 (MPT Fusion)"),
            Some(ScsiModel::LsiSas1078) => (Flag::Megasas, "the LSI SAS1078 (MegaRAID)"),
            Some(ScsiModel::VmPvScsi) => (Flag::Pvscsi, "the pvscsi (VMware paravirtual SCSI)"),
            Some(ScsiModel::Ncr53C90) => (Flag::Ncr53c90, "the NCR53C90 (ESP)"),
            Some(ScsiModel::Dc390) => (Flag::Dc390, "the DC390 (ESP)"),
            Some(ScsiModel::Am53C974) => (Flag::Am53c974, "the AM53C974 (ESP)"),
            Some(ScsiModel::IbmvScsi) => return Ok(()),
            Some(model @ ScsiModel::BusLogic) => {
                return Err(unsupported(format!("Unsupported controller model: {model}")).within("@model"));
            }
            // libvirt names these two by number.
            Some(ScsiModel::Auto) => return Err(internal("Unexpected SCSI controller model 0")),
            None => return Err(internal("Unexpected SCSI controller model -1")),
        };
        refuse_if(!self.has(flag), "@model", || format!("This QEMU doesn't support {name} controller"))
    }

    fn check_scsi(&self, controller: &Controller, scsi: &ScsiController, domain: &Domain) -> Result<()> {
        if is_virtio_scsi(&controller.kind) {
            return self.check_scsi_threads(controller, domain);
        }
        if scsi.model != Some(ScsiModel::Ncr53C90) {
            return Ok(());
        }
        first_fault(&[
            (
                controller.index.unwrap_or(0) != 0,
                "@index",
                "ncr53c90 can only be used as first SCSI controller",
            ),
            (
                !has_builtin_esp(self.board(domain)),
                "@model",
                "ncr53c90 SCSI controller is not a built-in for this machine",
            ),
        ])
    }

    fn check_scsi_threads(&self, controller: &Controller, domain: &Domain) -> Result<()> {
        let driver = &controller.driver;
        if driver.iothread == 0 && driver.iothreads.is_none() {
            return Ok(());
        }
        let placed =
            matches!(controller.info.address, None | Some(DeviceAddress::Pci(_) | DeviceAddress::Ccw(_)));
        refuse_if(
            !placed,
            "address/@type",
            || "virtio-scsi IOThreads only available for virtio pci and virtio ccw controllers",
        )?;
        let Some(threads) = &driver.iothreads else {
            let id = driver.iothread;
            return refuse_if(domain.iothread_position(id).is_none(), "driver/@iothread", || {
                format!("controller iothread '{id}' not defined in iothreadid")
            });
        };
        refuse_if(
            !self.has(Flag::VirtioScsiIothreadMapping),
            "driver/iothreads",
            || "IOThread mapping for virtio-scsi controllers is not available with this QEMU binary",
        )?;
        check_iothread_mapping(threads, driver.queues, domain).within("driver/iothreads")
    }

    /// What is refused of a controller as soon as its model is known.
    pub(in crate::hooks) fn check_settled_controller(
        &self,
        controller: &Controller,
        domain: &Domain,
    ) -> Result<()> {
        match &controller.kind {
            ControllerKind::Usb(usb) => check_usb_ports(usb, domain),
            ControllerKind::Pci(pci) => self.check_pci_place(controller, pci, domain),
            _ => Ok(()),
        }
    }
}

fn check_usb_ports(usb: &UsbController, domain: &Domain) -> Result<()> {
    match usb.model {
        Some(UsbModel::Qusb1 | UsbModel::Qusb2) => refuse_if(true, "@model", || {
            format!("USB controller model type 'qusb1' or 'qusb2' is not supported in {}", domain.kind)
        }),
        Some(model @ (UsbModel::NecXhci | UsbModel::QemuXhci)) => {
            refuse_if(usb.ports.is_some_and(|ports| ports > XHCI_PORTS), "@ports", || {
                format!("'{model}' controller only supports up to '{XHCI_PORTS}' ports")
            })
        }
        _ => Ok(()),
    }
}

fn is_virtio_scsi(kind: &ControllerKind) -> bool {
    use ScsiModel::{VirtioNonTransitional, VirtioScsi, VirtioTransitional};
    matches!(
        kind,
        ControllerKind::Scsi(ScsiController {
            model: Some(VirtioScsi | VirtioTransitional | VirtioNonTransitional)
        })
    )
}

/// Only one kind of controller can be tuned.
fn check_driver(controller: &Controller) -> Result<()> {
    if is_virtio_scsi(&controller.kind) {
        return Ok(());
    }
    let driver = &controller.driver;
    first_fault(&[
        (driver.queues != 0, "@queues", "'queues' is only supported by virtio-scsi controller"),
        (
            driver.cmd_per_lun != 0,
            "@cmd_per_lun",
            "'cmd_per_lun' is only supported by virtio-scsi controller",
        ),
        (
            driver.max_sectors != 0,
            "@max_sectors",
            "'max_sectors' is only supported by virtio-scsi controller",
        ),
        (driver.ioeventfd.is_some(), "@ioeventfd", "'ioeventfd' is only supported by virtio-scsi controller"),
        (driver.iothread != 0, "@iothread", "'iothread' is only supported for virtio-scsi controller"),
    ])
}

fn has_builtin_esp(board: Board<'_>) -> bool {
    board.arch == Arch::Sparc && ESP_MACHINES.contains(&board.machine)
}
