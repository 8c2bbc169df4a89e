//! Defaults of host devices: the place of SCSI units in the guest, and the names of iSCSI ones.

use super::Context;
use crate::domain::way::Way;
use crate::domain::{DeviceMut, Features};
use crate::model::{
    ControllerKind, DeviceAddress, Devices, DiskBus, Domain, DriveAddress, Hostdev, HostdevKind, MdevModel,
    ScsiController, ScsiHostdevSource, ScsiModel, SubsystemDevice,
};
use crate::xml::{Element as _, Error, ErrorCode, ErrorDomain, Result, Within};

/// The device on a bus that is handed over, if it is one.
fn subsystem(hostdev: &Hostdev) -> Option<&SubsystemDevice> {
    match &hostdev.kind {
        HostdevKind::Subsystem(subsystem) => Some(&subsystem.device),
        HostdevKind::Capabilities(_) => None,
    }
}

pub(super) fn is_scsi(hostdev: &Hostdev) -> bool {
    matches!(subsystem(hostdev), Some(SubsystemDevice::Scsi(_)))
}

pub(super) fn is_usb(hostdev: &Hostdev) -> bool {
    matches!(subsystem(hostdev), Some(SubsystemDevice::Usb(_)))
}

impl Devices {
    pub(super) fn drive_used_by_hostdev(&self, place: &DriveAddress) -> bool {
        let scsi = self.hostdevs.iter().filter(|hostdev| is_scsi(hostdev));
        scsi.filter_map(|hostdev| hostdev.info.address.as_ref()?.drive()).any(|used| used == place)
    }

    pub(super) fn drive_used_by_disk(&self, place: &DriveAddress) -> bool {
        let scsi = self.disks.iter().filter(|disk| disk.target.bus == Some(DiskBus::Scsi));
        scsi.filter_map(|disk| disk.info.address.as_ref()?.drive()).any(|used| used == place)
    }

    /// The first free unit of the SCSI controllers, or unit 0 of one more.
    fn free_scsi_unit(&self, units: u32) -> DriveAddress {
        let controllers = self.controllers.iter().filter(|c| matches!(c.kind, ControllerKind::Scsi(_)));
        let numbers: Vec<u32> = controllers.filter_map(|controller| controller.index).collect();
        for controller in &numbers {
            // The adapter itself is unit 7 of a wide bus.
            for unit in (0..units).filter(|unit| units == 7 || *unit != 7) {
                let place = DriveAddress { controller: *controller, unit, ..DriveAddress::default() };
                if !self.drive_used_by_disk(&place) && !self.drive_used_by_hostdev(&place) {
                    return place;
                }
            }
        }
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let mut place = DriveAddress { controller: next, ..DriveAddress::default() };
        while self.drive_used_by_hostdev(&place) || self.drive_used_by_disk(&place) {
            place.unit += 1;
        }
        place
    }

    fn scsi_model(&self, number: u32) -> Option<ScsiModel> {
        self.controllers.iter().find_map(|controller| match &controller.kind {
            ControllerKind::Scsi(scsi) if controller.index == Some(number) => scsi.model,
            _ => None,
        })
    }

    /// A SCSI host device without a place is taken for one on the first controller.
    ///
    /// # Errors
    ///
    /// When one is on a controller that no guest has.
    pub(super) fn ensure_hostdev_controllers(&mut self) -> Result<()> {
        let scsi = self.hostdevs.iter().enumerate().filter(|(_, hostdev)| is_scsi(hostdev));
        let number = |hostdev: &Hostdev| match &hostdev.info.address {
            Some(DeviceAddress::Drive(place)) => place.controller,
            _ => 0,
        };
        let numbers: Vec<(u32, usize)> = scsi.map(|(at, hostdev)| (number(hostdev), at)).collect();
        let model = numbers.iter().find_map(|(number, _)| self.scsi_model(*number));
        let Some((last, at)) = numbers.into_iter().max() else { return Ok(()) };
        self.ensure_controllers(&ControllerKind::Scsi(ScsiController { model }), last)
            .map_err(|error| error.within("address/@controller").within_nth(Hostdev::NAME, at))
    }
}

impl Domain {
    pub(super) fn post_parse_hostdevs(&mut self, context: &Context<'_>) -> Result<()> {
        for at in 0..self.devices.hostdevs.len() {
            let mut hostdev = self.devices.hostdevs[at].clone();
            let hooked =
                context.hooks.device_post_parse(DeviceMut::Hostdev(&mut hostdev), self, context.options);
            let outcome = hooked.and_then(|()| self.post_parse_hostdev(&mut hostdev, context));
            outcome.map_err(|error| error.within(hostdev.way(at)))?;
            self.devices.hostdevs[at] = hostdev;
        }
        Ok(())
    }

    fn post_parse_hostdev(&self, hostdev: &mut Hostdev, context: &Context<'_>) -> Result<()> {
        let unassigned = hostdev.info.address.is_none();
        let HostdevKind::Subsystem(subsystem) = &mut hostdev.kind else { return Ok(()) };
        match &mut subsystem.device {
            SubsystemDevice::Scsi(scsi) => {
                if let ScsiHostdevSource::Iscsi(iscsi) = &mut scsi.source
                    && !iscsi.name.contains('/')
                {
                    iscsi.name.push_str("/0");
                }
                if unassigned {
                    let wide = context.hooks.features().contains(Features::WIDE_SCSI);
                    let place = self.devices.free_scsi_unit(if wide { 16 } else { 7 });
                    hostdev.info.address = Some(DeviceAddress::Drive(place));
                }
                Ok(())
            }
            SubsystemDevice::Mdev(mdev) => check_mdev_address(mdev.model, hostdev.info.address.as_ref()),
            _ => Ok(()),
        }
    }
}

/// Each model of a mediated device sits on a bus of its own kind.
fn check_mdev_address(model: MdevModel, address: Option<&DeviceAddress>) -> Result<()> {
    let Some(address) = address else { return Ok(()) };
    let fits = match model {
        MdevModel::VfioPci => matches!(address, DeviceAddress::Pci(_)),
        MdevModel::VfioCcw => matches!(address, DeviceAddress::Ccw(_)),
        MdevModel::VfioAp => true,
    };
    if fits {
        return Ok(());
    }
    let detail = format!("Unsupported address type '{}' with mediated device model '{model}'", address.tag());
    Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, detail).within("address/@type"))
}
