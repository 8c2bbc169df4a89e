//! Checks of one disk.

use super::{first_fault, internal, refuse_if, refuse_virtio_options, unsupported, wrong};
use crate::model::{
    DeviceAddress, Disk, DiskBus, DiskDevice, DiskDriver, DiskModel, DiskSnapshot, DiskSource, Domain,
    IoTune, NetworkDiskProtocol, ScsiGenericIo, SecretReference, SourceCommon, StartupPolicy, StorageAuth,
    StorageFormat, ThrottleFilters,
};
use crate::xml::{Result, Within};

/// Longest SCSI vendor.
const VENDOR_LENGTH: usize = 8;
/// Longest SCSI product.
const PRODUCT_LENGTH: usize = 16;
/// Longest name of a model of ATA.
const ATA_MODEL_LENGTH: usize = 40;

impl Domain {
    pub(super) fn validate_disk(&self, disk: &Disk) -> Result<()> {
        validate_source(disk)?;
        validate_lun(disk)?;
        validate_startup_policy(disk)?;
        validate_bus(disk)?;
        validate_iotune(&disk.iotune)?;
        if matches!(disk.source, DiskSource::VhostUser(_)) {
            validate_vhost_user(disk)?;
        }
        validate_target(disk)?;
        validate_identity(disk)?;
        validate_driver(disk)?;
        self.validate_throttle_filters(disk)
    }

    fn validate_throttle_filters(&self, disk: &Disk) -> Result<()> {
        let filters = &disk.throttlefilters.filters;
        if filters.is_empty() {
            return Ok(());
        }
        let name = disk.target.dev.as_deref().unwrap_or_default();
        refuse_if(disk.iotune != IoTune::default(), || {
            unsupported(format!(
                "block 'throttlefilters' can't be used together with 'iotune' for disk '{name}'"
            ))
            .within("throttlefilters")
        })?;
        refuse_if(disk.device == DiskDevice::Cdrom, || {
            unsupported("cdrom device with throttle filters isn't supported").within("throttlefilters")
        })?;
        let known = |group: &str| {
            self.throttlegroups.groups.iter().any(|known| known.limits.group_name.as_deref() == Some(group))
        };
        match filters.iter().find(|filter| !known(&filter.group)) {
            Some(filter) => Err(wrong(format!("throttle group '{}' not found", filter.group))
                .within(format_args!("throttlefilters/throttlefilter[@group='{}']/@group", filter.group))),
            None => Ok(()),
        }
    }
}

fn common(disk: &Disk) -> Option<&SourceCommon> {
    disk.source.common()
}

fn auth(disk: &Disk) -> Option<&StorageAuth> {
    disk.auth.as_ref().or_else(|| common(disk)?.auth.as_ref())
}

fn validate_source(disk: &Disk) -> Result<()> {
    if let DiskSource::Network(network) = &disk.source {
        refuse_if(network.protocol == Some(NetworkDiskProtocol::Sheepdog), || {
            unsupported("'sheepdog' protocol is no longer supported by any hypervisor driver")
                .within("source/@protocol")
        })?;
    }
    if let Some(auth) = auth(disk) {
        validate_auth(disk, auth)?;
    }
    let encryption = disk.encryption.as_ref().or_else(|| common(disk)?.encryption.as_ref());
    refuse_if(encryption.is_some_and(|encryption| encryption.cipher.is_some()), || {
        unsupported("supplying <cipher> for domain disk definition is unnecessary")
            .within("source/encryption/cipher")
    })?;
    refuse_if(matches!(&disk.source, DiskSource::Nvme(nvme) if nvme.namespace == Some(0)), || {
        unsupported("NVMe namespace can't be zero").within("source/@namespace")
    })?;
    let Some(store) = common(disk).and_then(|common| common.data_store.as_ref()) else { return Ok(()) };
    let format = store.format.as_ref().map(|format| format.kind);
    let nested = store.source.common().is_some_and(|common| common.data_store.is_some());
    let sliced = store.source.common().is_some_and(|common| !common.slices.slices.is_empty());
    first_fault(&[
        (
            disk.driver.format != Some(StorageFormat::Qcow2),
            "source/dataStore",
            "<dataStore> feature available only with qcow2 images",
        ),
        (
            format != Some(StorageFormat::Raw),
            "source/dataStore/format/@type",
            "only 'raw' images supported as <dataStore>",
        ),
        (
            nested,
            "source/dataStore/source",
            "The <source> of <dataStore> can't have another nested <dataStore> or <backingStore> element",
        ),
        (sliced, "source/dataStore/source/slices", "slices are not supported for <dataStore>"),
    ])
}

fn validate_auth(disk: &Disk, auth: &StorageAuth) -> Result<()> {
    let DiskSource::Network(network) = &disk.source else { return Ok(()) };
    let (Some(secret), Some(protocol)) = (&auth.secret, network.protocol) else { return Ok(()) };
    let wanted = match protocol {
        NetworkDiskProtocol::Iscsi => "iscsi",
        NetworkDiskProtocol::Rbd => "ceph",
        NetworkDiskProtocol::Ssh | NetworkDiskProtocol::Http | NetworkDiskProtocol::Https => return Ok(()),
        NetworkDiskProtocol::Ftp | NetworkDiskProtocol::Ftps => return Ok(()),
        protocol => {
            return Err(unsupported(format!("authentication is not supported for protocol '{protocol}'"))
                .within("source/auth"));
        }
    };
    match secret.kind.as_deref() {
        Some(kind) if kind == wanted => Ok(()),
        Some(kind) if SecretReference::KINDS.contains(&kind) => {
            Err(unsupported(format!("invalid secret type '{kind}'")).within("source/auth/secret/@type"))
        }
        kind => Err(unsupported(format!("unknown secret type '{}'", kind.unwrap_or("<null>")))
            .within("source/auth/secret/@type")),
    }
}

fn validate_lun(disk: &Disk) -> Result<()> {
    let reservations = common(disk).is_some_and(|common| common.reservations.is_some());
    if disk.device != DiskDevice::Lun {
        return first_fault(&[
            (reservations, "source/reservations", "<reservations/> allowed only for lun devices"),
            (disk.rawio.is_some(), "@rawio", "rawio can be used only with device='lun'"),
            (disk.sgio.is_some(), "@sgio", "sgio can be used only with device='lun'"),
        ]);
    }
    match &disk.source {
        DiskSource::Network(network) => {
            let protocol = network.protocol.map_or("none", NetworkDiskProtocol::as_str);
            refuse_if(protocol != "iscsi", || {
                unsupported(format!("disk device='lun' is not supported for protocol='{protocol}'"))
                    .within("source/@protocol")
            })?;
        }
        DiskSource::Block(_) | DiskSource::Volume(_) => {}
        _ => {
            return Err(
                unsupported("disk device='lun' is only valid for block type disk source").within("@device")
            );
        }
    }
    let sliced = common(disk).is_some_and(|common| !common.slices.slices.is_empty());
    let encrypted =
        disk.encryption.is_some() || common(disk).is_some_and(|common| common.encryption.is_some());
    let raw = matches!(disk.driver.format, None | Some(StorageFormat::Raw | StorageFormat::None));
    first_fault(&[
        (!raw, "driver/@type", "disk device 'lun' must use 'raw' format"),
        (sliced, "source/slices", "disk device 'lun' doesn't support storage slice"),
        (encrypted, "source/encryption", "disk device 'lun' doesn't support encryption"),
        (disk.sgio == Some(ScsiGenericIo::Unfiltered), "@sgio", "unfiltered sgio is no longer supported"),
    ])
}

fn validate_startup_policy(disk: &Disk) -> Result<()> {
    let Some(policy) = common(disk).and_then(|common| common.startup_policy) else { return Ok(()) };
    let local = matches!(
        disk.source,
        DiskSource::File(_) | DiskSource::Block(_) | DiskSource::Dir(_) | DiskSource::Volume(_)
    );
    refuse_if(!local, || {
        wrong(format!(
            "disk startupPolicy '{policy}' is not allowed for disk of '{}' type",
            disk.source.tag()
        ))
        .within("source/@startupPolicy")
    })?;
    let removable = matches!(disk.device, DiskDevice::Cdrom | DiskDevice::Floppy);
    refuse_if(policy == StartupPolicy::Requisite && !removable, || {
        wrong("disk startupPolicy 'requisite' is allowed only for cdrom or floppy")
            .within("source/@startupPolicy")
    })
}

fn validate_bus(disk: &Disk) -> Result<()> {
    let bus = disk.target.bus;
    let name = disk.target.dev.as_deref().unwrap_or_default();
    if let (Some(address), Some(bus)) = (&disk.info.address, bus) {
        let fits = match bus {
            DiskBus::Ide | DiskBus::Fdc | DiskBus::Scsi | DiskBus::Sata | DiskBus::Nvme => {
                matches!(address, DeviceAddress::Drive(_))
            }
            DiskBus::Usb | DiskBus::Virtio | DiskBus::Xen | DiskBus::Uml | DiskBus::Sd | DiskBus::None => {
                true
            }
        };
        refuse_if(!fits, || {
            unsupported(format!(
                "Invalid address type '{}' for the disk '{name}' with the bus type '{bus}'",
                address.tag()
            ))
            .within("address/@type")
        })?;
    }
    if bus == Some(DiskBus::Virtio) {
        return Ok(());
    }
    let usb = |model: &DiskModel| bus == Some(DiskBus::Usb) && model.virtio().is_none();
    if let (Some(model), Some(bus)) = (disk.model.filter(|model| !usb(model)), bus) {
        return Err(
            unsupported(format!("disk model '{model}' not supported for bus '{bus}'")).within("@model")
        );
    }
    let driver = &disk.driver;
    first_fault(&[
        (
            driver.queues != 0,
            "driver/@queues",
            "queues attribute in disk driver element is only supported for virtio bus",
        ),
        (
            driver.queue_size != 0,
            "driver/@queue_size",
            "queue_size attribute in disk driver is only supported for virtio bus",
        ),
        (
            driver.event_idx.is_some(),
            "driver/@event_idx",
            "disk event_idx mode supported only for virtio bus",
        ),
        (
            driver.ioeventfd.is_some(),
            "driver/@ioeventfd",
            "disk ioeventfd mode supported only for virtio bus",
        ),
    ])?;
    refuse_virtio_options(&driver.virtio)
}

/// A total excludes its parts.
fn validate_iotune(tune: &IoTune) -> Result<()> {
    let groups = [
        ("bytes_sec", tune.total_bytes_sec, tune.read_bytes_sec, tune.write_bytes_sec),
        ("iops_sec", tune.total_iops_sec, tune.read_iops_sec, tune.write_iops_sec),
        ("bytes_sec_max", tune.total_bytes_sec_max, tune.read_bytes_sec_max, tune.write_bytes_sec_max),
        ("iops_sec_max", tune.total_iops_sec_max, tune.read_iops_sec_max, tune.write_iops_sec_max),
    ];
    match groups.iter().find(|(_, total, read, write)| *total != 0 && (*read != 0 || *write != 0)) {
        Some((what, ..)) => {
            Err(wrong(format!("total and read/write {what} cannot be set at the same time")).within("iotune"))
        }
        None => Ok(()),
    }
}

/// What another process serves cannot be tuned here.
fn validate_vhost_user(disk: &Disk) -> Result<()> {
    let DiskDriver {
        cache, error_policy, io, ioeventfd, copy_on_read, discard, iothread, detect_zeroes, ..
    } = &disk.driver;
    let snapshot = disk.snapshot.is_some_and(|snapshot| snapshot != DiskSnapshot::No);
    first_fault(&[
        (disk.target.bus != Some(DiskBus::Virtio), "target/@bus", "vhostuser disk supports only virtio bus"),
        (snapshot, "@snapshot", "only snapshot=no is supported with vhostuser disk"),
        (cache.is_some(), "driver/@cache", "cache is not supported with vhostuser disk"),
        (
            error_policy.is_some() || disk.driver.rerror_policy.is_some(),
            "driver/@error_policy",
            "error_policy is not supported with vhostuser disk",
        ),
        (io.is_some(), "driver/@io", "io is not supported with vhostuser disk"),
        (ioeventfd.is_some(), "driver/@ioeventfd", "ioeventfd is not supported with vhostuser disk"),
        (copy_on_read.is_some(), "driver/@copy_on_read", "copy_on_read is not supported with vhostuser disk"),
        (discard.is_some(), "driver/@discard", "discard is not supported with vhostuser disk"),
        (*iothread != 0, "driver/@iothread", "iothread is not supported with vhostuser disk"),
        (
            detect_zeroes.is_some(),
            "driver/@detect_zeroes",
            "detect_zeroes is not supported with vhostuser disk",
        ),
        (
            disk.driver.metadata_cache.max_size.is_some(),
            "driver/metadata_cache",
            "metadata_cache is not supported with vhostuser disk",
        ),
        (
            disk.iotune != IoTune::default() || disk.throttlefilters != ThrottleFilters::default(),
            "iotune",
            "iotune is not supported with vhostuser disk",
        ),
        (
            disk.backing_store.as_ref().is_some_and(|store| store.source.is_some()),
            "backingStore",
            "backingStore is not supported with vhostuser disk",
        ),
        (disk.encryption.is_some(), "encryption", "encryption is not supported with vhostuser disk"),
        (disk.readonly, "readonly", "readonly is not supported with vhostuser disk"),
        (disk.shareable, "shareable", "shareable is not supported with vhostuser disk"),
        (disk.transient.is_some(), "transient", "transient is not supported with vhostuser disk"),
        (disk.serial.is_some(), "serial", "serial is not supported with vhostuser disk"),
        (disk.wwn.is_some(), "wwn", "wwn is not supported with vhostuser disk"),
        (disk.vendor.is_some(), "vendor", "vendor is not supported with vhostuser disk"),
        (disk.product.is_some(), "product", "product is not supported with vhostuser disk"),
        (disk.auth.is_some(), "auth", "auth is not supported with vhostuser disk"),
        (disk.geometry.is_some(), "geometry", "geometry is not supported with vhostuser disk"),
        (
            disk.blockio.logical_block_size != 0 || disk.blockio.physical_block_size != 0,
            "blockio",
            "blockio is not supported with vhostuser disk",
        ),
    ])
}

fn validate_target(disk: &Disk) -> Result<()> {
    let target = &disk.target;
    let removable = matches!(disk.device, DiskDevice::Cdrom | DiskDevice::Floppy);
    refuse_if(target.tray.is_some() && !removable, || {
        unsupported("tray is only valid for cdrom and floppy").within("target/@tray")
    })?;
    let plugged = matches!(target.bus, Some(DiskBus::Usb | DiskBus::Scsi));
    refuse_if(target.removable.is_some() && !plugged, || {
        wrong("removable is only valid for usb or scsi disks").within("target/@removable")
    })?;
    let name = target.dev.as_deref().unwrap_or_default();
    if let Some(bus) = target.bus {
        refuse_if(disk.device == DiskDevice::Floppy && bus != DiskBus::Fdc, || {
            internal(format!("Invalid bus type '{bus}' for floppy disk")).within("target/@bus")
        })?;
        refuse_if(disk.device != DiskDevice::Floppy && bus == DiskBus::Fdc, || {
            internal(format!("Invalid bus type '{bus}' for disk")).within("target/@bus")
        })?;
    }
    let floppy = disk.device == DiskDevice::Floppy;
    refuse_if(floppy && !name.starts_with("fd"), || {
        internal(format!("Invalid floppy device name: {name}")).within("target/@dev")
    })?;
    let prefixes = ["hd", "sd", "vd", "xvd", "ubd", "nvme"];
    refuse_if(!floppy && !prefixes.iter().any(|prefix| name.starts_with(prefix)), || {
        internal(format!("Invalid harddisk device name: {name}")).within("target/@dev")
    })
}

fn validate_identity(disk: &Disk) -> Result<()> {
    let printable = |text: &str| text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if let Some(vendor) = &disk.vendor {
        refuse_if(!printable(vendor), || wrong("disk vendor is not printable string").within("vendor"))?;
        refuse_if(vendor.len() > VENDOR_LENGTH, || {
            unsupported(format!("disk vendor is more than {VENDOR_LENGTH} characters")).within("vendor")
        })?;
    }
    if let Some(product) = &disk.product {
        refuse_if(!printable(product), || wrong("disk product is not printable string").within("product"))?;
        let most = match disk.target.bus {
            Some(DiskBus::Ide | DiskBus::Sata) => ATA_MODEL_LENGTH,
            _ => PRODUCT_LENGTH,
        };
        refuse_if(product.len() > most, || {
            unsupported(format!("disk product is more than {most} characters")).within("product")
        })?;
    }
    Ok(())
}

fn validate_driver(disk: &Disk) -> Result<()> {
    let driver = &disk.driver;
    let unref = driver.discard_no_unref.is_some();
    first_fault(&[
        (
            unref && driver.format != Some(StorageFormat::Qcow2),
            "driver/@discard_no_unref",
            "'discard_no_unref' only works with qcow2 disk format",
        ),
        (
            unref && disk.readonly,
            "driver/@discard_no_unref",
            "'discard_no_unref' is not compatible with read-only disk",
        ),
    ])?;
    refuse_if(driver.iothread != 0 && driver.iothreads.is_some(), || {
        wrong("disk driver 'iothread' attribute can't be used together with 'iothreads' subelement")
            .within("driver/@iothread")
    })
}
