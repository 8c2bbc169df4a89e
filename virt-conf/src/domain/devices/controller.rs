//! Defaults of controllers: their numbers, their order, and those that other devices imply.

use super::Context;
use crate::domain::way::Way as _;
use crate::model::{
    CcidAddress, Channel, ChannelTarget, ConsoleTargetType, Controller, ControllerDriver, ControllerKind,
    DeviceAddress, DeviceInfo, Devices, Disk, DiskBus, Domain, Hostdev, Hub, IdeController, Input, InputBus,
    NvmeController, PlainController, ScsiController, ScsiModel, UsbModel, VirtioSerialController,
};
use crate::xml::{Element as _, Error, ErrorCode, ErrorDomain, Result, Within};

/// As many controllers as disks need whose names have three letters behind `sd`, and more.
const MOST_IMPLIED: u32 = 4096;

/// Whether this "controller" says that there is no USB.
pub(super) fn is_usb_none(controller: &Controller) -> bool {
    usb_model(controller) == Some(UsbModel::None)
}

fn usb_model(controller: &Controller) -> Option<UsbModel> {
    match &controller.kind {
        ControllerKind::Usb(usb) => usb.model,
        _ => None,
    }
}

/// Whether it is one of the four parts of an ICH9 USB 2.0 controller, which share a number.
fn is_usb2_part(controller: &Controller) -> bool {
    use UsbModel::{Ich9Ehci1, Ich9Uhci1, Ich9Uhci2, Ich9Uhci3};
    matches!(usb_model(controller), Some(Ich9Ehci1 | Ich9Uhci1 | Ich9Uhci2 | Ich9Uhci3))
}

fn same_kind(a: &Controller, b: &Controller) -> bool {
    std::mem::discriminant(&a.kind) == std::mem::discriminant(&b.kind)
}

/// Checks that hold for one controller.
pub(super) fn post_parse(controller: &mut Controller, _: &Domain, _: &Context<'_>) -> Result<()> {
    let virtio_scsi = matches!(
        &controller.kind,
        ControllerKind::Scsi(ScsiController {
            model: Some(
                ScsiModel::VirtioScsi | ScsiModel::VirtioTransitional | ScsiModel::VirtioNonTransitional
            )
        })
    );
    if controller.driver.iothread != 0 && !virtio_scsi {
        let detail = "'iothread' attribute only supported for virtio scsi controllers";
        return Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, detail).within("driver/@iothread"));
    }
    Ok(())
}

impl Devices {
    /// Ports of companions, numbers, and order; a guest has one kind of USB, or none.
    ///
    /// # Errors
    ///
    /// When USB is switched off and on, a companion has no master, or a device asks for a controller that no guest has.
    pub(super) fn settle_controllers(&mut self) -> Result<()> {
        for controller in &mut self.controllers {
            let first_port = match usb_model(controller) {
                Some(UsbModel::Ich9Uhci1) => 0,
                Some(UsbModel::Ich9Uhci2) => 2,
                Some(UsbModel::Ich9Uhci3) => 4,
                _ => continue,
            };
            controller.info.master_startport.get_or_insert(first_port);
        }
        self.check_usb_controllers()?;
        for controller in std::mem::take(&mut self.controllers) {
            self.insert_controller(controller);
        }
        self.ensure_hostdev_controllers()?;
        self.number_controllers();
        Ok(())
    }

    fn check_usb_controllers(&self) -> Result<()> {
        let detail = |text: &str| Error::new(ErrorCode::XML_DETAIL, ErrorDomain::DOMAIN, text);
        let (mut none, mut other, mut master) = (false, false, false);
        for (at, controller) in self.controllers.iter().enumerate() {
            if !matches!(controller.kind, ControllerKind::Usb(_)) {
                continue;
            }
            if none || is_usb_none(controller) && other {
                let error = detail("Can't add another USB controller: USB is disabled for this domain");
                return Err(error.within_nth(Controller::NAME, at));
            }
            none |= is_usb_none(controller);
            other |= !is_usb_none(controller);
            master |= controller.info.master_startport.is_none();
        }
        if other && !master {
            return Err(detail("No master USB controller specified").within("controller[@type='usb']"));
        }
        Ok(())
    }

    /// A guest without USB has no USB devices.
    pub(super) fn refuse_disabled_usb(&self) -> Result<()> {
        if !self.usb_disabled() {
            return Ok(());
        }
        let faults = [
            (
                self.inputs.iter().position(|input| input.bus == Some(InputBus::Usb)),
                Input::NAME,
                "Can't add USB input device. USB bus is disabled",
            ),
            (
                self.hostdevs.iter().position(super::hostdev::is_usb),
                Hostdev::NAME,
                "Can't add host USB device: USB is disabled in this host",
            ),
            (
                (!self.hubs.is_empty()).then_some(0),
                Hub::NAME,
                "Can't add USB hub: USB is disabled for this domain",
            ),
        ];
        match faults.iter().find_map(|(at, name, sentence)| Some(((*at)?, name, sentence))) {
            Some((at, name, sentence)) => {
                let error = Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::DOMAIN, sentence);
                Err(error.within_nth(name, at))
            }
            None => Ok(()),
        }
    }

    /// Gives each controller without a number the lowest free one of its kind.
    fn number_controllers(&mut self) {
        for at in 0..self.controllers.len() {
            let (before, rest) = self.controllers.split_at(at);
            let Some(this) = rest.first() else { continue };
            if this.index.is_some() {
                continue;
            }
            let shared = self.shared_number(before, this);
            let number = shared.unwrap_or_else(|| self.free_number(this));
            if let Some(this) = self.controllers.get_mut(at) {
                this.index = Some(number);
            }
            self.put_master_first(at);
        }
    }

    /// Of one USB 2.0 controller's parts the master comes first.
    fn put_master_first(&mut self, at: usize) {
        let Some(this) = self.controllers.get(at).filter(|this| this.info.master_startport.is_none()) else {
            return;
        };
        let companion = |other: &Controller| {
            same_kind(other, this) && other.index == this.index && other.info.master_startport.is_some()
        };
        if let Some(first) = self.controllers.iter().take(at).position(companion) {
            let this = self.controllers.remove(at);
            self.controllers.insert(first, this);
        }
    }

    /// The number of the USB 2.0 parts right before this one, when this part is still missing there.
    fn shared_number(&self, before: &[Controller], this: &Controller) -> Option<u32> {
        if !is_usb2_part(this) {
            return None;
        }
        let previous =
            before.iter().rev().find(|other| same_kind(other, this)).filter(|other| is_usb2_part(other))?;
        let taken = |other: &Controller| other.index == previous.index && usb_model(other) == usb_model(this);
        if self.controllers.iter().any(taken) { None } else { previous.index }
    }

    fn free_number(&self, like: &Controller) -> u32 {
        let mut used: Vec<u32> = self
            .controllers
            .iter()
            .filter(|other| same_kind(other, like))
            .filter_map(|other| other.index)
            .collect();
        used.sort_unstable();
        used.dedup();
        (0..).zip(&used).find(|(free, used)| free != *used).map_or(used.len() as u32, |(free, _)| free)
    }

    /// Controllers of one kind stand together, by number, a master before its companions, those without a number last.
    fn insert_controller(&mut self, new: Controller) {
        let before = |other: &Controller| {
            same_kind(other, &new)
                && new.index.is_some()
                && (other.index > new.index
                    || other.index == new.index
                        && new.info.master_startport.is_none()
                        && other.info.master_startport.is_some())
        };
        let place = self
            .controllers
            .iter()
            .position(before)
            .or_else(|| {
                self.controllers.iter().rposition(|other| same_kind(other, &new)).map(|last| last + 1)
            })
            .unwrap_or(self.controllers.len());
        self.controllers.insert(place, new);
    }

    /// Adds a controller unless there is one of its kind with this number.
    pub fn ensure_controller(&mut self, kind: ControllerKind, index: u32) {
        let new = Controller {
            index: Some(index),
            kind,
            driver: ControllerDriver::default(),
            info: DeviceInfo::default(),
            pcihole64: None,
        };
        if !self.controllers.iter().any(|other| same_kind(other, &new) && other.index == Some(index)) {
            self.insert_controller(new);
        }
    }

    /// Adds what is missing of the controllers up to one of them, which a device asks for. Libvirt does that for whichever
    /// number, until the memory is used up; a document must not choose how much that is.
    ///
    /// # Errors
    ///
    /// When the number is none that any guest has.
    pub(super) fn ensure_controllers(&mut self, kind: &ControllerKind, last: u32) -> Result<()> {
        if last >= MOST_IMPLIED {
            let detail = format!("{} controller '{last}' needs more than {MOST_IMPLIED} others", kind.tag());
            return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::DOMAIN, detail));
        }
        for index in 0..=last {
            self.ensure_controller(kind.clone(), index);
        }
        Ok(())
    }

    fn ensure_disk_controllers(&mut self, bus: DiskBus, kind: &ControllerKind) -> Result<()> {
        let number = |disk: &Disk| Some(disk.info.address.as_ref()?.drive()?.controller);
        let of_bus = self.disks.iter().enumerate().filter(|(_, disk)| disk.target.bus == Some(bus));
        let numbers = of_bus.filter_map(|(at, disk)| Some((number(disk)?, at)));
        let Some((last, at)) = numbers.max() else { return Ok(()) };
        self.ensure_controllers(kind, last)
            .map_err(|error| error.within("address/@controller").within_nth(Disk::NAME, at))
    }

    fn ensure_virtio_serial_controllers(&mut self) {
        let virtio_channel = |channel: &&Channel| matches!(channel.target, ChannelTarget::Virtio(_));
        let channels = self.channels.iter().filter(virtio_channel).map(|channel| &channel.info);
        let virtio_console = Some(ConsoleTargetType::Virtio);
        let consoles =
            self.consoles.iter().filter(|console| console.target.kind == virtio_console).map(|c| &c.info);
        let number = |info: &DeviceInfo| match info.address {
            Some(DeviceAddress::VirtioSerial(address)) => address.controller,
            _ => 0,
        };
        let numbers: Vec<u32> = channels.chain(consoles).map(number).collect();
        for index in numbers {
            self.ensure_controller(ControllerKind::VirtioSerial(VirtioSerialController::default()), index);
        }
    }

    fn ensure_smartcard_controllers(&mut self) {
        for at in 0..self.smartcards.len() {
            let place = match self.smartcards.get(at).and_then(|card| card.info.address.as_ref()) {
                Some(DeviceAddress::Ccid(place)) => *place,
                Some(_) => continue,
                None => self.next_ccid_slot(),
            };
            if let Some(card) = self.smartcards.get_mut(at) {
                card.info.address = Some(DeviceAddress::Ccid(place));
            }
            self.ensure_controller(ControllerKind::Ccid(PlainController::default()), place.controller);
        }
    }

    /// The slot behind the last used one of the first controller.
    fn next_ccid_slot(&self) -> CcidAddress {
        let used = self.smartcards.iter().filter_map(|card| match card.info.address {
            Some(DeviceAddress::Ccid(place)) if place.controller == 0 => Some(place.slot + 1),
            _ => None,
        });
        CcidAddress { controller: 0, slot: used.max().unwrap_or(0) }
    }
}

impl Domain {
    /// Adds the controllers that disks, channels, smart cards and SCSI host devices are plugged into.
    ///
    /// # Errors
    ///
    /// When one of them asks for a controller that no guest has.
    pub(super) fn add_implicit_controllers(&mut self) -> Result<()> {
        let devices = &mut self.devices;
        let plain = PlainController::default;
        devices.ensure_disk_controllers(DiskBus::Scsi, &ControllerKind::Scsi(ScsiController::default()))?;
        devices.ensure_disk_controllers(DiskBus::Fdc, &ControllerKind::Fdc(plain()))?;
        devices.ensure_disk_controllers(DiskBus::Ide, &ControllerKind::Ide(IdeController::default()))?;
        devices.ensure_disk_controllers(DiskBus::Sata, &ControllerKind::Sata(plain()))?;
        devices.ensure_disk_controllers(DiskBus::Nvme, &ControllerKind::Nvme(NvmeController::default()))?;
        devices.ensure_virtio_serial_controllers();
        devices.ensure_smartcard_controllers();
        devices.ensure_hostdev_controllers()
    }

    /// Two controllers of one kind cannot have one number, except those of USB.
    pub(super) fn reject_duplicate_controllers(&self) -> Result<()> {
        let controllers = &self.devices.controllers;
        for (at, controller) in controllers.iter().enumerate() {
            let usb = matches!(controller.kind, ControllerKind::Usb(_));
            let twin = |other| same_kind(other, controller) && other.index == controller.index;
            if !usb && controllers.iter().take(at).any(twin) {
                let detail = format!(
                    "Multiple '{}' controllers with index '{}'",
                    controller.kind.tag(),
                    controller.index.unwrap_or(0)
                );
                let error = Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, detail);
                return Err(error.within(format_args!("{}[2]", controller.way(at))));
            }
        }
        Ok(())
    }
}
