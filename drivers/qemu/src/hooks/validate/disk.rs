//! Disks: what the guest sees of them, and how they are tuned.

use virt_conf::model::{
    BackingStore, DeviceAddress, Disk, DiskBus, DiskCache, DiskDevice, DiskIo, DiskSource, Domain,
    GeometryTranslation, IoThreads, IoTune, LifecycleAction, StorageFormat, Switch,
};
use virt_conf::xml::Within;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::storage::Image;
use super::{QemuHooks, first_fault, internal, refuse_if, require_shared_memory, unsupported};
use crate::caps::Flag;
use crate::command::has_medium;

/// The highest limit that QEMU's throttling takes.
const MOST_THROTTLE: u64 = 1_000_000_000_000_000;

impl QemuHooks<'_> {
    pub(super) fn check_disk(&self, disk: &Disk, domain: &Domain) -> Result<()> {
        let name = name(disk);
        check_geometry(disk)?;
        check_device(disk)?;
        self.check_lun(disk)?;
        self.check_rotation(disk)?;
        self.check_bus(disk)?;
        self.check_io(disk)?;
        check_serial(disk)?;
        self.check_disk_threads(disk, domain)?;
        check_throttling(disk, domain).within("iotune")?;
        self.check_transient(disk, domain)?;
        refuse_if(disk.shareable && !disk.readonly && !is_concurrent(disk), "shareable", || {
            format!("shared access for disk '{name}' requires use of supported storage format")
        })?;
        if let Some(driver) = disk.driver.name.as_deref().filter(|driver| *driver != "qemu") {
            return Err(unsupported(format!("unsupported driver name '{driver}' for disk '{name}'"))
                .within("driver/@name"));
        }
        check_name(name).within("target/@dev")?;
        refuse_if(
            self.lacks(disk.driver.discard_no_unref.is_some(), Flag::Qcow2DiscardNoUnref),
            "driver/@discard_no_unref",
            || "'discard_no_unref' is not supported by this QEMU binary",
        )?;
        if has_medium(&disk.source) {
            self.check_storage(&Image::of_disk(disk))?;
            self.check_backing(disk.backing_store.as_ref()).within("backingStore")?;
        }
        let secrets = disk.encryption.as_ref().map_or(0, |encryption| encryption.secrets.len());
        refuse_if(disk.target.bus == Some(DiskBus::Sd) && secrets > 1, "encryption", || {
            format!("sd card '{name}' does not support multiple encryption secrets")
        })?;
        self.check_vhost(disk, domain)
    }

    fn check_backing(&self, store: Option<&BackingStore>) -> Result<()> {
        let Some(store) = store else { return Ok(()) };
        if let Some(image) = Image::of_backing(store) {
            self.check_storage(&image)?;
        }
        self.check_backing(store.backing_store.as_deref())
    }

    fn check_lun(&self, disk: &Disk) -> Result<()> {
        if disk.device != DiskDevice::Lun {
            return Ok(());
        }
        match disk.target.bus {
            Some(DiskBus::Scsi) => refuse_if(
                !self.has(Flag::ScsiBlock),
                "@device",
                || "This QEMU doesn't support scsi-block for lun passthrough",
            ),
            Some(DiskBus::Virtio) => refuse_if(
                !self.has(Flag::VirtioBlkPciScsi),
                "@device",
                || "This QEMU doesn't support SCSI emulation with 'virtio-blk' device",
            ),
            bus => refuse_if(true, "@device", || {
                format!("disk device='lun' is not supported for bus='{}'", bus.unwrap_or(DiskBus::None))
            }),
        }?;
        refuse_if(disk.driver.copy_on_read == Some(Switch::On), "driver/@copy_on_read", || {
            format!("copy_on_read is not compatible with 'lun' disk '{}'", name(disk))
        })?;
        first_fault(&[
            (disk.wwn.is_some(), "wwn", "Setting wwn is not supported for lun device"),
            (
                disk.vendor.is_some() || disk.product.is_some(),
                "vendor",
                "Setting vendor or product is not supported for lun device",
            ),
        ])
    }

    fn check_rotation(&self, disk: &Disk) -> Result<()> {
        if disk.target.rotation_rate == 0 {
            return Ok(());
        }
        let turns = matches!(disk.target.bus, Some(DiskBus::Scsi | DiskBus::Ide | DiskBus::Sata));
        let sentence = if !turns {
            "rotation rate is only valid for SCSI/IDE/SATA bus"
        } else if disk.device != DiskDevice::Disk {
            "rotation rate is only valid for disk device"
        } else if !self.has(Flag::RotationRate) {
            "rotation rate is not supported with this QEMU"
        } else {
            return Ok(());
        };
        Err(internal(sentence).within("target/@rotation_rate"))
    }

    /// A disk's place is one of its bus.
    fn check_bus(&self, disk: &Disk) -> Result<()> {
        let address = disk.info.address.as_ref();
        let Some(bus) = disk.target.bus else { return Ok(()) };
        let placed = match bus {
            DiskBus::Scsi | DiskBus::Ide | DiskBus::Fdc | DiskBus::Sata => {
                matches!(address, Some(DeviceAddress::Drive(_)))
            }
            DiskBus::Usb => matches!(address, None | Some(DeviceAddress::Usb(_))),
            _ => true,
        };
        if bus == DiskBus::Usb {
            first_fault(&[
                (
                    !self.has(Flag::UsbStorage),
                    "target/@bus",
                    "This QEMU doesn't support '-device usb-storage'",
                ),
                (!has_medium(&disk.source), "source", "'usb' disk must not be empty"),
            ])?;
        }
        if !placed {
            return Err(internal(format!("unexpected address type for {bus} disk")).within("address/@type"));
        }
        let queued = bus == DiskBus::Virtio && disk.driver.queue_size > 0;
        refuse_if(
            self.lacks(queued, Flag::VirtioBlkQueueSize),
            "driver/@queue_size",
            || "queue-size property isn't supported by this QEMU binary",
        )?;
        let fixed = disk.readonly && disk.device == DiskDevice::Disk;
        refuse_if(fixed && matches!(bus, DiskBus::Ide | DiskBus::Sata), "readonly", || {
            format!("readonly {bus} disks are not supported")
        })
    }

    fn check_io(&self, disk: &Disk) -> Result<()> {
        match disk.driver.io {
            Some(DiskIo::Native) => refuse_if(
                !bypasses_cache(disk),
                "driver/@io",
                || "io='native' needs either no disk cache or directsync cache mode",
            ),
            Some(DiskIo::IoUring) => refuse_if(
                !self.has(Flag::AioIoUring),
                "driver/@io",
                || "io uring is not supported by this QEMU binary",
            ),
            Some(DiskIo::Threads) | None => Ok(()),
        }
    }

    fn check_disk_threads(&self, disk: &Disk, domain: &Domain) -> Result<()> {
        let driver = &disk.driver;
        if driver.iothread == 0 && driver.iothreads.is_none() {
            return Ok(());
        }
        let name = name(disk);
        let bus = disk.target.bus.unwrap_or(DiskBus::None);
        refuse_if(bus != DiskBus::Virtio, "driver/@iothread", || {
            format!("IOThreads not available for bus {bus} target {name}")
        })?;
        let Some(threads) = &driver.iothreads else {
            let id = driver.iothread;
            return refuse_if(domain.iothread_position(id).is_none(), "driver/@iothread", || {
                format!("Disk iothread '{id}' not defined in iothreadid")
            });
        };
        refuse_if(!self.has(Flag::VirtioBlkIothreadMapping), "driver/iothreads", || {
            format!("IOThread mapping for disk '{name}' is not available with this QEMU binary")
        })?;
        check_iothread_mapping(threads, driver.queues, domain).within("driver/iothreads")
    }

    fn check_transient(&self, disk: &Disk, domain: &Domain) -> Result<()> {
        let Some(transient) = disk.transient else { return Ok(()) };
        let name = name(disk);
        let way = "transient";
        refuse_if(!has_medium(&disk.source), way, || format!("transient disk '{name}' must not be empty"))?;
        refuse_if(disk.readonly, way, || format!("transient disk '{name}' must not be read-only"))?;
        refuse_if(!matches!(disk.source, DiskSource::File(_)), way, || {
            format!("transient disk supported only with 'file' type ({name})")
        })?;
        refuse_if(disk.device != DiskDevice::Disk, way, || {
            format!("transient disk supported only with 'disk' device ({name})")
        })?;
        if transient.share_backing != Some(true) {
            return Ok(());
        }
        let reboots = domain.on_reboot != Some(LifecycleAction::Destroy)
            || domain.on_poweroff != Some(LifecycleAction::Destroy);
        refuse_if(
            self.lacks(!reboots, Flag::SetAction),
            way,
            || "transient disk backing image sharing with destroy action of lifecycle isn't supported by this QEMU binary",
        )?;
        let bus = disk.target.bus.unwrap_or(DiskBus::None);
        let plugged = matches!(bus, DiskBus::Usb | DiskBus::Virtio | DiskBus::Scsi);
        refuse_if(!plugged, way, || {
            format!("disk bus '{bus}' doesn't support transiend disk backing image sharing")
        })
    }

    /// Disks that another process, or the host's kernel, serves to the guest.
    fn check_vhost(&self, disk: &Disk, domain: &Domain) -> Result<()> {
        let known = match disk.source {
            DiskSource::VhostUser(_) => self.has(Flag::VhostUserBlk),
            DiskSource::VhostVdpa(_) => self.has(Flag::VirtioBlkVhostVdpa),
            DiskSource::Ctl(_) => false,
            _ => return Ok(()),
        };
        let tag = disk.source.tag();
        refuse_if(!known, "@type", || format!("{tag} disk is not supported with this QEMU binary"))?;
        require_shared_memory(domain, tag)?;
        let cached = matches!(disk.source, DiskSource::VhostVdpa(_)) && !bypasses_cache(disk);
        refuse_if(cached, "driver/@cache", || {
            let (sync, none) = (DiskCache::DirectSync, DiskCache::None);
            format!("disk type '{tag}' requires cache mode '{sync}' or '{none}'")
        })
    }
}

fn name(disk: &Disk) -> &str {
    disk.target.dev.as_deref().unwrap_or_default()
}

fn bypasses_cache(disk: &Disk) -> bool {
    matches!(disk.driver.cache, Some(DiskCache::DirectSync | DiskCache::None))
}

/// Whether several guests may use the image at a time.
fn is_concurrent(disk: &Disk) -> bool {
    let own = disk.source.common().and_then(|common| common.encryption.as_ref());
    let raw = matches!(disk.driver.format, None | Some(StorageFormat::Raw));
    raw && disk.encryption.as_ref().or(own).is_none()
}

/// `hda`, `vdb`; numbers behind the letters are partitions, which are not handed over.
fn check_name(name: &str) -> Result<()> {
    let prefixes = ["fd", "hd", "vd", "sd", "xvd", "ubd"];
    let letters = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or_default();
    let number = letters.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let fits = number.len() < letters.len()
        && number.bytes().all(|b| b.is_ascii_digit())
        && (number.len() < 2 || !number.starts_with('0'));
    if !fits {
        return Err(unsupported(format!("invalid disk target '{name}'")));
    }
    if number.parse::<u32>().is_ok_and(|number| number != 0) {
        return Err(unsupported(format!(
            "invalid disk target '{name}', partitions can't appear in disk targets"
        )));
    }
    Ok(())
}

fn check_geometry(disk: &Disk) -> Result<()> {
    let Some(geometry) = disk.geometry else { return Ok(()) };
    let bus = disk.target.bus.unwrap_or(DiskBus::None);
    if geometry.cyls == 0 || geometry.heads == 0 || geometry.secs == 0 {
        return Ok(());
    }
    refuse_if(matches!(bus, DiskBus::Usb | DiskBus::Sd), "geometry", || {
        format!("CHS geometry can not be set for '{bus}' bus")
    })?;
    let translated: Option<GeometryTranslation> = geometry.trans;
    refuse_if(translated.is_some() && bus != DiskBus::Ide, "geometry/@trans", || {
        format!("CHS translation mode can only be set for 'ide' bus not '{bus}'")
    })
}

fn check_device(disk: &Disk) -> Result<()> {
    let name = name(disk);
    let bus = disk.target.bus.unwrap_or(DiskBus::None);
    if disk.serial.is_some() && bus == DiskBus::Sd {
        return Err(internal(format!("Serial property not supported for drive bus '{bus}'")).within("serial"));
    }
    let cdrom = disk.device == DiskDevice::Cdrom;
    refuse_if(cdrom && matches!(bus, DiskBus::Virtio | DiskBus::Sd), "@device", || {
        format!("disk type of '{name}' does not support ejectable media")
    })?;
    if disk.driver.copy_on_read == Some(Switch::On) {
        let way = "driver/@copy_on_read";
        refuse_if(disk.readonly, way, || {
            format!("copy_on_read is not compatible with read-only disk '{name}'")
        })?;
        refuse_if(cdrom || disk.device == DiskDevice::Floppy, way, || {
            format!("copy_on_read is not supported with removable disk '{name}'")
        })?;
    }
    first_fault(&[
        (
            disk.wwn.is_some() && !matches!(bus, DiskBus::Ide | DiskBus::Scsi),
            "wwn",
            "Only ide and scsi disk support wwn",
        ),
        (disk.vendor.is_some() && bus != DiskBus::Scsi, "vendor", "Only scsi disk supports 'vendor'"),
        (
            disk.product.is_some() && !matches!(bus, DiskBus::Ide | DiskBus::Sata | DiskBus::Scsi),
            "product",
            "Only ide, sata and scsi disk supports 'product'",
        ),
    ])
}

fn check_serial(disk: &Disk) -> Result<()> {
    let Some(serial) = &disk.serial else { return Ok(()) };
    let lun = disk.target.bus == Some(DiskBus::Scsi) && disk.device == DiskDevice::Lun;
    refuse_if(lun, "serial", || "scsi-block 'lun' devices do not support the serial property")?;
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_ .+".contains(&b);
    if serial.bytes().all(safe) {
        return Ok(());
    }
    Err(internal(format!("driver serial '{serial}' contains unsafe characters")).within("serial"))
}

/// Each queue is served by one thread, and each thread that is named exists.
pub(super) fn check_iothread_mapping(threads: &IoThreads, queues: u32, domain: &Domain) -> Result<()> {
    let mapped = threads.iothreads.first().is_some_and(|first| !first.queues.is_empty());
    refuse_if(
        mapped && queues == 0,
        "",
        || "'queue' count must be configured for explicit iothread to queue mapping",
    )?;
    let mut seen = Vec::new();
    let mut served = Vec::new();
    for (at, thread) in threads.iothreads.iter().enumerate() {
        let id = thread.id;
        let check = || {
            refuse_if(seen.contains(&id), "@id", || format!("duplicate mapping for iothread '{id}'"))?;
            refuse_if(domain.iothread_position(id).is_none(), "@id", || {
                format!("iothread '{id}' not defined in iothreadid")
            })?;
            refuse_if(
                mapped == thread.queues.is_empty(),
                "queue",
                || "iothread to queue mapping must be provided for all iothreads or for none",
            )?;
            for queue in &thread.queues {
                let queue = queue.id;
                refuse_if(queue >= queues, "queue", || {
                    format!("iothread queue '{queue}' mapping out of range")
                })?;
                refuse_if(served.contains(&queue), "queue", || {
                    format!("iothread queue '{queue}' is already assigned")
                })?;
                served.push(queue);
            }
            Ok(())
        };
        let mut check = check;
        check().within_nth("iothread", at)?;
        seen.push(id);
    }
    let open = (0..queues).find(|queue| mapped && !served.contains(queue));
    match open {
        Some(queue) => Err(unsupported(format!("missing iothread mapping for queue '{queue}'"))),
        None => Ok(()),
    }
}

fn limits(tune: &IoTune) -> IoTune {
    IoTune { group_name: None, ..tune.clone() }
}

fn check_throttling(disk: &Disk, domain: &Domain) -> Result<()> {
    let tune = &disk.iotune;
    let limited = limits(tune) != IoTune::default();
    first_fault(&[
        (
            tune.group_name.is_some() && !limited,
            "group_name",
            "group_name can be configured only together with settings",
        ),
        (disk.target.bus == Some(DiskBus::Sd) && limited, "", "<iotune> is not supported with bus='sd'"),
    ])?;
    if tune.group_name.is_some() {
        let same = |other: &&Disk| {
            name(other) != name(disk)
                && other.iotune.group_name == tune.group_name
                && limits(&other.iotune) != limits(tune)
        };
        if let Some(other) = domain.devices.disks.iter().find(same) {
            return Err(unsupported(format!(
                "different iotunes for disks {} and {}",
                name(disk),
                name(other)
            )));
        }
    }
    let values = [
        tune.total_bytes_sec,
        tune.read_bytes_sec,
        tune.write_bytes_sec,
        tune.total_iops_sec,
        tune.read_iops_sec,
        tune.write_iops_sec,
        tune.total_bytes_sec_max,
        tune.read_bytes_sec_max,
        tune.write_bytes_sec_max,
        tune.total_iops_sec_max,
        tune.read_iops_sec_max,
        tune.write_iops_sec_max,
        tune.size_iops_sec,
    ];
    if values.iter().any(|value| *value > MOST_THROTTLE) {
        let detail = format!("block I/O throttle limit must be no more than {MOST_THROTTLE} using QEMU");
        return Err(Error::new(ErrorCode::ARGUMENT_UNSUPPORTED, ErrorDomain::QEMU, detail));
    }
    Ok(())
}
