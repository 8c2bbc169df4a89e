//! Controllers and hubs.

use virt_conf::model::{
    Controller, ControllerKind, DeviceInfo, PciController, PciModel, PciModelName, ScsiModel, UsbController,
    UsbModel, VirtioModel,
};
use virt_util::Result;

use super::builder::{Builder, alias, internal, switch, unsupported};
use super::{Props, on_off};
use crate::model::{ControllerType, controller_type, is_companion, usb_master};

/// The order of the types on the command line; smart card controllers follow the hubs that they are plugged into.
const ORDER: &[ControllerType] = &[
    ControllerType::Pci,
    ControllerType::Usb,
    ControllerType::Scsi,
    ControllerType::Ide,
    ControllerType::Sata,
    ControllerType::VirtioSerial,
    ControllerType::Nvme,
];

impl Builder<'_, '_> {
    /// Options of the roots that QEMU makes by itself.
    pub(crate) fn global_controllers(&mut self) -> Result<()> {
        let root = self.domain.devices.controllers.iter().find_map(|controller| match &controller.kind {
            ControllerKind::Pci(pci) if pci.model == Some(PciModel::PciRoot) => switch(pci.target.hotplug),
            _ => None,
        });
        if let Some(hotplug) = root.filter(|_| self.board.is_i440fx()) {
            let option = format!("PIIX4_PM.acpi-root-pci-hotplug={}", on_off(hotplug));
            self.line.option("-global", option);
        }
        for controller in &self.domain.devices.controllers {
            let (ControllerKind::Pci(pci), Some(hole)) = (&controller.kind, &controller.pcihole64) else {
                continue;
            };
            let driver = match pci.model {
                Some(PciModel::PciRoot) => "i440FX-pcihost",
                Some(PciModel::PcieRoot) => "q35-pcihost",
                _ => {
                    return Err(unsupported("64-bit PCI hole size setting is only for root PCI controllers"));
                }
            };
            self.line.option("-global", format!("{driver}.pci-hole64-size={}K", hole.0));
        }
        Ok(())
    }

    /// All controllers but those of smart cards.
    pub(crate) fn controllers(&mut self) -> Result<()> {
        ORDER.iter().try_for_each(|kind| self.controllers_of(*kind))
    }

    /// The controllers of one type.
    pub(crate) fn controllers_of(&mut self, kind: ControllerType) -> Result<()> {
        let domain = self.domain;
        for controller in &domain.devices.controllers {
            if controller_type(controller) == kind
                && !self.is_built_in(controller)
                && let Some(props) = self.controller(controller)?
            {
                self.zpci(&controller.info)?;
                self.device(&props);
            }
        }
        Ok(())
    }

    /// Whether the board comes with the controller.
    fn is_built_in(&self, controller: &Controller) -> bool {
        let index = controller.index.unwrap_or(0);
        match &controller.kind {
            ControllerKind::Pci(pci) => {
                pci.model == Some(PciModel::PcieRoot) || (pci.model == Some(PciModel::PciRoot) && index == 0)
            }
            ControllerKind::Sata(_) => index == 0 && self.board.is_q35(),
            ControllerKind::Ide(_) => index == 0 && self.board.has_builtin_ide(),
            ControllerKind::Fdc(_) => true,
            ControllerKind::Scsi(scsi) => {
                // Sparc's adapter is soldered in.
                matches!(scsi.model, Some(ScsiModel::Ncr53C90)) && self.has(crate::caps::Flag::Ncr53c90)
            }
            ControllerKind::Usb(usb) => usb.model == Some(UsbModel::None),
            ControllerKind::Isa(_) | ControllerKind::Xenbus(_) => true,
            _ => false,
        }
    }

    fn controller(&self, controller: &Controller) -> Result<Option<Props>> {
        let info = &controller.info;
        let id = alias(info)?;
        let mut props = match &controller.kind {
            ControllerKind::Scsi(scsi) => self.scsi_controller(controller, scsi.model)?,
            ControllerKind::VirtioSerial(serial) => self
                .virtio_name("virtio-serial", serial.model, info, Some(&controller.driver.virtio))?
                .text("id", id)
                .opt_number("max_ports", serial.ports)
                .opt_number("vectors", serial.vectors),
            ControllerKind::Ccid(_) => Props::device("usb-ccid").text("id", id),
            ControllerKind::Sata(_) => Props::device("ahci").text("id", id),
            ControllerKind::Usb(usb) => match self.usb_controller(controller, usb, id)? {
                Some(props) => props,
                None => return Ok(None),
            },
            ControllerKind::Pci(pci) => self.pci_controller(pci, id)?,
            ControllerKind::Nvme(nvme) => {
                Props::device("nvme").text("id", id).opt_text("serial", nvme.serial.as_deref())
            }
            // Only built-in ones exist.
            ControllerKind::Ide(_) => {
                return Err(unsupported("Only a single IDE controller is supported for this machine type"));
            }
            ControllerKind::Fdc(_) | ControllerKind::Isa(_) | ControllerKind::Xenbus(_) => return Ok(None),
        };
        self.address(&mut props, info)?;
        Ok(Some(props))
    }

    fn scsi_controller(&self, controller: &Controller, model: Option<ScsiModel>) -> Result<Props> {
        let info = &controller.info;
        let id = alias(info)?;
        let generation = match model {
            Some(ScsiModel::VirtioTransitional) => Some(VirtioModel::Transitional),
            Some(ScsiModel::VirtioNonTransitional) => Some(VirtioModel::NonTransitional),
            _ => Some(VirtioModel::Virtio),
        };
        Ok(match model {
            Some(
                ScsiModel::VirtioScsi | ScsiModel::VirtioTransitional | ScsiModel::VirtioNonTransitional,
            ) => {
                let driver = &controller.driver;
                let mut props = self.virtio_name("virtio-scsi", generation, info, Some(&driver.virtio))?;
                if driver.iothread != 0 {
                    props.set("iothread", format!("iothread{}", driver.iothread));
                }
                if let Some(threads) = &driver.iothreads {
                    props.set("iothread-vq-mapping", super::disk::iothread_mapping(threads));
                }
                props
                    .text("id", id)
                    .nonzero("num_queues", driver.queues)
                    .nonzero("cmd_per_lun", driver.cmd_per_lun)
                    .nonzero("max_sectors", driver.max_sectors)
                    .opt_flag("ioeventfd", switch(driver.ioeventfd))
            }
            Some(ScsiModel::LsiLogic) => Props::device("lsi").text("id", id),
            Some(ScsiModel::IbmvScsi) => Props::device("spapr-vscsi").text("id", id),
            Some(ScsiModel::LsiSas1068) => Props::device("mptsas1068").text("id", id),
            Some(ScsiModel::LsiSas1078) => Props::device("megasas").text("id", id),
            Some(ScsiModel::VmPvScsi) => Props::device("pvscsi").text("id", id),
            Some(ScsiModel::Am53C974) => Props::device("am53c974").text("id", id),
            Some(ScsiModel::Dc390) => Props::device("dc-390").text("id", id),
            Some(other) => {
                return Err(unsupported(format!("Unsupported controller model: {}", other.as_str())));
            }
            None => return Err(unsupported("Unexpected SCSI controller model")),
        })
    }

    fn usb_controller(
        &self,
        controller: &Controller,
        usb: &UsbController,
        id: &str,
    ) -> Result<Option<Props>> {
        let Some(model) = usb.model else {
            // The board's own, which no `-device` makes.
            return Ok(None);
        };
        let driver = match model {
            UsbModel::Piix3Uhci => "piix3-usb-uhci",
            UsbModel::Piix4Uhci => "piix4-usb-uhci",
            UsbModel::Ehci => "usb-ehci",
            UsbModel::Ich9Ehci1 => "ich9-usb-ehci1",
            UsbModel::Ich9Uhci1 => "ich9-usb-uhci1",
            UsbModel::Ich9Uhci2 => "ich9-usb-uhci2",
            UsbModel::Ich9Uhci3 => "ich9-usb-uhci3",
            UsbModel::Vt82c686bUhci => "vt82c686b-usb-uhci",
            UsbModel::PciOhci => "pci-ohci",
            UsbModel::NecXhci => "nec-usb-xhci",
            UsbModel::QemuXhci => "qemu-xhci",
            UsbModel::Qusb1 | UsbModel::Qusb2 | UsbModel::None => {
                return Err(unsupported(format!("Unsupported controller model: {}", model.as_str())));
            }
        };
        let mut props = Props::device(driver);
        if matches!(model, UsbModel::NecXhci | UsbModel::QemuXhci) {
            props = props.opt_number("p2", usb.ports).opt_number("p3", usb.ports);
        }
        if is_companion(model) {
            // A companion has no name of its own: it extends its master's bus.
            let master = usb_master(self.domain, controller.index)
                .and_then(|master| master.info.alias.as_deref())
                .ok_or_else(|| internal("masterbus not found"))?;
            let first_port = controller.info.master_startport.unwrap_or(0);
            props = props.text("masterbus", format!("{master}.0")).number("firstport", first_port);
        } else {
            props = props.text("id", id);
        }
        Ok(Some(props))
    }

    fn pci_controller(&self, pci: &PciController, id: &str) -> Result<Props> {
        let name = pci.name.ok_or_else(|| {
            internal("Missing PCI controller model name: it is decided when the domain is read")
        })?;
        let target = &pci.target;
        let driver = match name {
            PciModelName::PciBridge => "pci-bridge",
            PciModelName::I82801b11Bridge => "i82801b11-bridge",
            PciModelName::Ioh3420 => "ioh3420",
            PciModelName::X3130Upstream => "x3130-upstream",
            PciModelName::Xio3130Downstream => "xio3130-downstream",
            PciModelName::Pxb => "pxb",
            PciModelName::PxbPcie => "pxb-pcie",
            PciModelName::PcieRootPort => "pcie-root-port",
            PciModelName::SpaprPciHostBridge => "spapr-pci-host-bridge",
            PciModelName::PciePciBridge => "pcie-pci-bridge",
        };
        let reserve = target.mem_reserve.map(|kib| kib * 1024);
        let hotplug = switch(target.hotplug);
        let props = Props::device(driver);
        Ok(match pci.model {
            Some(PciModel::PciBridge) => props
                .opt_number("chassis_nr", target.chassis_nr)
                .opt_number("mem-reserve", reserve)
                .text("id", id),
            Some(PciModel::PciExpanderBus | PciModel::PcieExpanderBus) => {
                props.opt_number("bus_nr", target.bus_nr).text("id", id).opt_number("numa_node", target.node)
            }
            Some(PciModel::PcieRootPort | PciModel::PcieSwitchDownstreamPort) => props
                .opt_number("port", target.port)
                .opt_number("chassis", target.chassis)
                .opt_number("mem-reserve", reserve)
                .text("id", id)
                .opt_flag("hotplug", hotplug),
            Some(PciModel::PciRoot) => {
                props.opt_number("index", target.index).text("id", id).opt_number("numa_node", target.node)
            }
            _ => props.text("id", id),
        })
    }

    /// Hubs.
    pub(crate) fn hubs(&mut self) -> Result<()> {
        let domain = self.domain;
        for hub in &domain.devices.hubs {
            let mut props = Props::device("usb-hub").text("id", alias(&hub.info)?);
            self.address(&mut props, &hub.info)?;
            self.device(&props);
        }
        Ok(())
    }

    /// The s390 name of a PCI function, a device of its own that must come first.
    pub(crate) fn zpci(&mut self, info: &DeviceInfo) -> Result<()> {
        let Some(virt_conf::model::DeviceAddress::Pci(pci)) = &info.address else { return Ok(()) };
        let Some(zpci) = &pci.zpci else { return Ok(()) };
        let uid = zpci.uid.unwrap_or(0);
        let props = Props::device("zpci")
            .number("uid", uid)
            .number("fid", zpci.fid.unwrap_or(0))
            .text("target", alias(info)?)
            .text("id", format!("zpci{uid}"));
        self.device(&props);
        Ok(())
    }
}
