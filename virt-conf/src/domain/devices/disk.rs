//! Defaults of disks: order, bus, medium, place on the controller.

use super::{Context, disk_name};
use crate::domain::way::Way;
use crate::domain::{DeviceMut, Features};
use crate::model::{
    DeviceAddress, Disk, DiskBus, DiskDevice, DiskSnapshot, DiskSource, DiskTray, Domain, DriveAddress,
    HostTransport, NetworkDiskProtocol,
};
use crate::xml::{Error, ErrorCode, ErrorDomain, Result, Within};

impl Disk {
    /// Number of the disk in its name, from 0; -1 when that is no disk's name, as libvirt counts.
    fn number(&self) -> i64 {
        self.target.dev.as_deref().and_then(disk_name::index).map_or(-1, i64::from)
    }
}

/// Orders disks of one bus by their names; buses stay where their first disk was.
fn sort(disks: &mut Vec<Disk>) {
    let unsorted = std::mem::take(disks);
    for disk in unsorted {
        let place = disks
            .iter()
            .position(|other| other.target.bus == disk.target.bus && other.number() > disk.number())
            .or_else(|| {
                disks.iter().rposition(|other| other.target.bus == disk.target.bus).map(|last| last + 1)
            })
            .unwrap_or(disks.len());
        disks.insert(place, disk);
    }
}

/// The bus that a name suggests.
fn guess_bus(device: DiskDevice, name: &str) -> DiskBus {
    let prefixes = [
        ("fd", DiskBus::Fdc),
        ("hd", DiskBus::Ide),
        ("sd", DiskBus::Scsi),
        ("vd", DiskBus::Virtio),
        ("xvd", DiskBus::Xen),
        ("ubd", DiskBus::Uml),
        ("nvme", DiskBus::Nvme),
    ];
    if device == DiskDevice::Floppy {
        return DiskBus::Fdc;
    }
    prefixes.iter().find(|(prefix, _)| name.starts_with(prefix)).map_or(DiskBus::Ide, |(_, bus)| *bus)
}

impl Domain {
    pub(super) fn post_parse_disks(&mut self, context: &Context<'_>) -> Result<()> {
        sort(&mut self.devices.disks);
        for index in 0..self.devices.disks.len() {
            let mut disk = std::mem::take(&mut self.devices.disks[index]);
            let outcome = self.post_parse_disk(&mut disk, context);
            let outcome = outcome.map_err(|error| error.within(disk.way(index)));
            self.devices.disks[index] = disk;
            outcome?;
        }
        Ok(())
    }

    fn post_parse_disk(&mut self, disk: &mut Disk, context: &Context<'_>) -> Result<()> {
        if let (None, Some(name)) = (disk.target.bus, &disk.target.dev) {
            disk.target.bus = Some(guess_bus(disk.device, name));
        }
        context.hooks.device_post_parse(DeviceMut::Disk(disk), self, context.options)?;
        if disk.device == DiskDevice::Cdrom {
            disk.readonly = true;
        }
        if disk.readonly && disk.snapshot == Some(DiskSnapshot::No) {
            disk.snapshot = None;
        }
        if disk.target.tray == Some(DiskTray::Closed) {
            disk.target.tray = None;
        }
        complete_source(&mut disk.source);
        let mut below = disk.backing_store.as_mut();
        while let Some(layer) = below {
            if let Some(source) = &mut layer.source {
                complete_source(source);
            }
            below = layer.backing_store.as_deref_mut();
        }
        if disk.info.address.is_none() {
            self.assign_drive(disk, context)?;
        }
        Ok(())
    }

    fn assign_drive(&self, disk: &mut Disk, context: &Context<'_>) -> Result<()> {
        let name = disk.target.dev.as_deref().unwrap_or_default();
        let bus = disk.target.bus;
        let Some(number) = disk_name::index(name) else {
            let detail = format!("Unknown disk name '{name}' and no address specified");
            return Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, detail).within("target/@dev"));
        };
        let place = match bus {
            Some(DiskBus::Scsi) => {
                let wide = context.hooks.features().contains(Features::WIDE_SCSI);
                // The adapter itself is unit 7 of a wide bus.
                let place = if wide {
                    let unit = number % 15;
                    DriveAddress {
                        controller: number / 15,
                        unit: if unit >= 7 { unit + 1 } else { unit },
                        ..Default::default()
                    }
                } else {
                    DriveAddress { controller: number / 7, unit: number % 7, ..Default::default() }
                };
                if self.devices.drive_used_by_hostdev(&place) {
                    let detail = format!(
                        "using disk target name '{name}' conflicts with SCSI host device address controller='{}' \
                         bus='{}' target='{}' unit='{}",
                        place.controller, place.bus, place.target, place.unit
                    );
                    let error = Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::DOMAIN, detail);
                    return Err(error.within("target/@dev"));
                }
                place
            }
            Some(DiskBus::Ide) => DriveAddress {
                controller: number / 4,
                bus: number % 4 / 2,
                unit: number % 2,
                ..Default::default()
            },
            Some(DiskBus::Sata) => {
                DriveAddress { controller: number / 6, unit: number % 6, ..Default::default() }
            }
            Some(DiskBus::Fdc) => {
                DriveAddress { controller: number / 2, unit: number % 2, ..Default::default() }
            }
            _ => return Ok(()),
        };
        disk.info.address = Some(DeviceAddress::Drive(place));
        Ok(())
    }
}

/// Ports that protocols have by themselves; an iSCSI target without a unit means unit 0.
fn complete_source(source: &mut DiskSource) {
    let DiskSource::Network(network) = source else { return };
    let Some(protocol) = network.protocol else { return };
    for host in network.hosts.iter_mut().filter(|host| host.transport == HostTransport::Tcp) {
        host.port = host.port.filter(|port| *port != 0).or(protocol.default_port());
    }
    if protocol == NetworkDiskProtocol::Iscsi
        && let Some(name) = network.name.as_mut().filter(|name| !name.contains('/'))
    {
        name.push_str("/0");
    }
}
