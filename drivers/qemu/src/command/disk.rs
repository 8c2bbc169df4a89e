//! Disks: the nodes of their images, and the device that the guest sees.

use virt_conf::model::{
    ControllerKind, DetectZeroes, DeviceAddress, Disk, DiskBus, DiskCache, DiskDevice, DiskDiscard,
    DiskErrorPolicy, DiskModel, DiskSource, DriveAddress, IoThreads, ScsiModel, Switch,
};
use virt_util::Result;

use super::Props;
use super::builder::{Builder, alias, internal, switch, unsupported};
use super::image::{Image, ImageTuning, NodeNumbers, cache_mode, has_medium};
use crate::caps::Flag;
use crate::model::{BootIndices, ControllerType, controller_type};

/// What a disk's device opens.
enum Backend {
    /// A drive bay without a medium.
    Empty,
    /// A block node.
    Node(String),
    /// A character device to another process.
    Chardev(String),
}

impl Builder<'_, '_> {
    /// All disks.
    pub(crate) fn disks(&mut self, numbers: &mut NodeNumbers, boot: &BootIndices) -> Result<()> {
        let domain = self.domain;
        // Nodes are numbered from the last disk on.
        let mut images: Vec<_> = domain
            .devices
            .disks
            .iter()
            .rev()
            .map(|disk| {
                // An empty drive keeps its numbers for the medium to come.
                let takes_nodes =
                    disk.target.bus != Some(DiskBus::Sd) && !matches!(disk.source, DiskSource::VhostUser(_));
                let image = takes_nodes
                    .then(|| Image::of_disk(disk, tuning_of(disk), numbers))
                    .filter(|_| has_medium(&disk.source));
                let filters: Vec<_> = disk
                    .throttlefilters
                    .filters
                    .iter()
                    .map(|filter| (format!("{}-filter", numbers.next()), filter.group.as_str()))
                    .collect();
                (image, filters)
            })
            .collect();
        for (image, _) in &mut images {
            if let Some(image) = image {
                self.number_descriptors(image)?;
            }
        }
        images.reverse();
        self.floppy_controller(boot);
        for ((position, disk), (image, filters)) in domain.devices.disks.iter().enumerate().zip(&images) {
            if disk.target.bus == Some(DiskBus::Sd) {
                self.sd_card(disk, position)?;
                continue;
            }
            let backend = self.disk_backend(disk, image.as_ref(), filters)?;
            let props = self.disk_props(disk, &backend, boot.disk(position))?;
            self.zpci(&disk.info)?;
            self.device(&props);
        }
        Ok(())
    }

    fn disk_backend(
        &mut self,
        disk: &Disk,
        image: Option<&Image<'_>>,
        filters: &[(String, &str)],
    ) -> Result<Backend> {
        if let DiskSource::VhostUser(source) = &disk.source {
            let id = format!("chr-vu-{}", alias(&disk.info)?);
            let path = source.path.as_deref().unwrap_or_default();
            self.vhost_user_chardev(&id, path, source.reconnect.as_ref());
            return Ok(Backend::Chardev(id));
        }
        let Some(image) = image else { return Ok(Backend::Empty) };
        self.image_chain(image)?;
        let mut top = image.effective_node();
        if disk.driver.copy_on_read == Some(Switch::On) {
            let node = format!("libvirt-CoR-{}", disk.target.dev.as_deref().unwrap_or_default());
            let props = Props::new()
                .text("driver", "copy-on-read")
                .text("node-name", &node)
                .text("file", &top)
                .text("discard", "unmap");
            self.blockdev(&props);
            top = node;
        }
        for (node, group) in filters {
            let props = Props::new()
                .text("driver", "throttle")
                .text("node-name", node)
                .text("throttle-group", format!("throttle-{group}"))
                .text("file", &top);
            self.blockdev(&props);
            top.clone_from(node);
        }
        Ok(Backend::Node(top))
    }

    fn disk_props(&self, disk: &Disk, backend: &Backend, boot: Option<u32>) -> Result<Props> {
        let bus = disk.target.bus.ok_or_else(|| internal("a disk has no bus yet"))?;
        let id = alias(&disk.info)?;
        let is_cdrom = disk.device == DiskDevice::Cdrom;
        let mut device_id = None;
        let mut serial = disk.serial.as_ref().map(|serial| serial.replace(' ', "\\ "));
        let mut props = match bus {
            DiskBus::Ide | DiskBus::Sata => {
                let props = Props::device(if is_cdrom { "ide-cd" } else { "ide-hd" });
                self.ide_place(props, disk, bus)?
            }
            DiskBus::Scsi => {
                let driver = match disk.device {
                    DiskDevice::Lun => "scsi-block",
                    DiskDevice::Cdrom => "scsi-cd",
                    _ => "scsi-hd",
                };
                if disk.device == DiskDevice::Lun {
                    serial = None;
                } else {
                    device_id = Some(serial.clone().unwrap_or_else(|| format!("drive-{id}")));
                }
                self.scsi_place(Props::device(driver), disk)?
            }
            DiskBus::Virtio => self.virtio_disk(disk, backend)?,
            DiskBus::Usb => {
                let mut props = Props::device("usb-storage");
                self.address(&mut props, &disk.info)?;
                props
            }
            DiskBus::Fdc => Props::device("floppy").number("unit", drive(disk)?.unit),
            DiskBus::Nvme => {
                let place = drive(disk)?;
                let controller = self.controller_alias(ControllerType::Nvme, place.controller)?;
                Props::device("nvme-ns").text("bus", controller).number("nsid", place.unit + 1)
            }
            other => {
                return Err(unsupported(format!(
                    "unsupported disk bus '{}' with device setup",
                    other.as_str()
                )));
            }
        };
        if let Some(device_id) = device_id {
            props.set("device_id", device_id);
        }
        props = props.flag_if("share-rw", disk.shareable);
        match backend {
            Backend::Empty => {}
            Backend::Node(node) => props.set("drive", node.as_str()),
            Backend::Chardev(chardev) => props.set("chardev", chardev.as_str()),
        }
        // Floppy drives boot through their controller.
        let boot = boot.filter(|_| bus != DiskBus::Fdc);
        props = props.text("id", id).opt_number("bootindex", boot);
        let is_ata = matches!(bus, DiskBus::Ide | DiskBus::Sata);
        let write_cache = match disk.device {
            DiskDevice::Lun => None,
            _ => cache_mode(tuning_of(disk).cache).map(|mode| mode.write_back),
        };
        props = props
            .opt_text("loadparm", self.loadparm(&disk.info))
            .nonzero("logical_block_size", disk.blockio.logical_block_size)
            .nonzero("physical_block_size", disk.blockio.physical_block_size)
            .opt_number("discard_granularity", disk.blockio.discard_granularity)
            .opt_number("wwn", disk.wwn.as_deref().map(wwn_number).transpose()?)
            .nonzero("rotation_rate", disk.target.rotation_rate)
            .opt_text("vendor", disk.vendor.as_deref())
            .opt_text(if is_ata { "model" } else { "product" }, disk.product.as_deref());
        if bus == DiskBus::Usb {
            props = props.opt_flag("removable", Some(disk.target.removable == Some(Switch::On)));
        } else {
            props = props.opt_flag("removable", switch(disk.target.removable));
        }
        props = props.opt_switch("write-cache", write_cache);
        if let Some(geometry) = &disk.geometry {
            props = props
                .number("cyls", geometry.cyls)
                .number("heads", geometry.heads)
                .number("secs", geometry.secs)
                .opt_text(
                    "bios-chs-trans",
                    geometry.trans.map(virt_conf::model::GeometryTranslation::as_str),
                );
        }
        let (on_write, on_read) = error_policies(disk);
        Ok(props.opt_text("serial", serial).opt_text("werror", on_write).opt_text("rerror", on_read))
    }

    fn virtio_disk(&self, disk: &Disk, backend: &Backend) -> Result<Props> {
        let base = if matches!(backend, Backend::Chardev(_)) { "vhost-user-blk" } else { "virtio-blk" };
        let driver = &disk.driver;
        let mut props =
            self.virtio_name(base, disk.model.and_then(DiskModel::virtio), &disk.info, Some(&driver.virtio))?;
        // QEMU 2.x turned SCSI passthrough on by itself; whoever wants it has to say so.
        if disk.device == DiskDevice::Lun && self.has(Flag::VirtioBlkPciScsi) {
            props.set("scsi", true);
        }
        props = props.nonzero("num-queues", driver.queues).nonzero("queue-size", driver.queue_size);
        if driver.iothread != 0 {
            props.set("iothread", format!("iothread{}", driver.iothread));
        }
        if let Some(threads) = &driver.iothreads {
            props.set("iothread-vq-mapping", iothread_mapping(threads));
        }
        props = props
            .opt_flag("ioeventfd", switch(driver.ioeventfd))
            .opt_flag("event_idx", switch(driver.event_idx));
        self.address(&mut props, &disk.info)?;
        Ok(props)
    }

    fn ide_place(&self, props: Props, disk: &Disk, bus: DiskBus) -> Result<Props> {
        let place = drive(disk)?;
        if bus == DiskBus::Sata {
            // Each port of an AHCI controller is a bus of its own.
            let controller = self.controller_alias(ControllerType::Sata, place.controller)?;
            return Ok(props.text("bus", format!("{controller}.{}", place.unit)));
        }
        let controller = self.controller_alias(ControllerType::Ide, place.controller)?;
        Ok(props.text("bus", format!("{controller}.{}", place.bus)).number("unit", place.unit))
    }

    fn scsi_place(&self, props: Props, disk: &Disk) -> Result<Props> {
        self.scsi_address(props, drive(disk)?)
    }

    /// Where a SCSI device is plugged in.
    pub(crate) fn scsi_address(&self, props: Props, place: DriveAddress) -> Result<Props> {
        let controller = self.controller_alias(ControllerType::Scsi, place.controller)?;
        let props = props.text("bus", format!("{controller}.0"));
        Ok(if has_scsi_targets(self.scsi_model(place.controller)) {
            props.number("channel", place.bus).number("scsi-id", place.target).number("lun", place.unit)
        } else {
            if place.bus != 0 {
                return Err(unsupported("SCSI controller only supports 1 bus"));
            }
            props.number("scsi-id", place.unit)
        })
    }

    /// The model of the SCSI controller with that index.
    pub(crate) fn scsi_model(&self, index: u32) -> Option<ScsiModel> {
        self.domain.devices.controllers.iter().find_map(|controller| match &controller.kind {
            ControllerKind::Scsi(scsi) if controller.index == Some(index) => scsi.model,
            _ => None,
        })
    }

    /// The alias of the controller of that type and index.
    pub(crate) fn controller_alias(&self, kind: ControllerType, index: u32) -> Result<&str> {
        let controllers = &self.domain.devices.controllers;
        let controller = controllers
            .iter()
            .find(|controller| controller_type(controller) == kind && controller.index == Some(index))
            .ok_or_else(|| {
                internal(format!("could not find {} controller with index {index}", kind.name()))
            })?;
        alias(&controller.info)
    }

    /// The floppy controller: the board's own boots through a global, others are plugged in.
    fn floppy_controller(&mut self, boot: &BootIndices) {
        let domain = self.domain;
        let mut props = Props::new();
        let mut any = false;
        for (position, disk) in domain.devices.disks.iter().enumerate() {
            let (Some(DiskBus::Fdc), Ok(place)) = (disk.target.bus, drive(disk)) else { continue };
            any = true;
            if let Some(index) = boot.disk(position) {
                props.set(if place.unit == 0 { "bootindexA" } else { "bootindexB" }, index);
            }
        }
        if !any {
            return;
        }
        if self.board.needs_floppy_controller() {
            let mut device = Props::device("isa-fdc");
            device.extend(props);
            self.device(&device);
        } else {
            for key in ["bootindexA", "bootindexB"] {
                if let Some(index) = props.value(key) {
                    let option = format!("isa-fdc.{key}={index}");
                    self.line.option("-global", option);
                }
            }
        }
    }
}

/// The queues that each I/O thread serves.
pub(crate) fn iothread_mapping(threads: &IoThreads) -> serde_json::Value {
    threads
        .iothreads
        .iter()
        .map(|thread| {
            let mut props = Props::new().text("iothread", format!("iothread{}", thread.id));
            if !thread.queues.is_empty() {
                props = props.array("vqs", thread.queues.iter().map(|queue| queue.id));
            }
            serde_json::Value::from(props)
        })
        .collect()
}

/// Whether the adapter addresses devices by target and unit, not by unit alone.
pub(crate) fn has_scsi_targets(model: Option<ScsiModel>) -> bool {
    !matches!(
        model,
        Some(
            ScsiModel::LsiLogic
                | ScsiModel::BusLogic
                | ScsiModel::Am53C974
                | ScsiModel::Dc390
                | ScsiModel::Ncr53C90
        )
    )
}

fn drive(disk: &Disk) -> Result<DriveAddress> {
    match &disk.info.address {
        Some(DeviceAddress::Drive(place)) => Ok(*place),
        _ => Err(internal("a disk has no drive address yet")),
    }
}

fn tuning_of(disk: &Disk) -> ImageTuning {
    let driver = &disk.driver;
    // Zeroes can only be punched out where discarding is allowed.
    let detect_zeroes = driver.detect_zeroes.map(|detect| match detect {
        DetectZeroes::Unmap if driver.discard != Some(DiskDiscard::Unmap) => DetectZeroes::On.as_str(),
        detect => detect.as_str(),
    });
    // Two guests must not see different contents through two caches.
    let shared = (disk.shareable && !disk.readonly).then_some(DiskCache::None);
    ImageTuning {
        cache: driver.cache.or(shared),
        io: driver.io,
        discard: driver.discard,
        discard_no_unref: switch(driver.discard_no_unref),
        detect_zeroes,
        floppy: disk.device == DiskDevice::Floppy,
        cdrom: disk.device == DiskDevice::Cdrom,
    }
}

/// What QEMU does when a write or a read fails.
fn error_policies(disk: &Disk) -> (Option<&'static str>, Option<&'static str>) {
    let name = |policy: DiskErrorPolicy| match policy {
        DiskErrorPolicy::Enospace => "enospc",
        policy => policy.as_str(),
    };
    let on_write = disk.driver.error_policy;
    // Running out of space happens to writes only.
    let on_read =
        disk.driver.rerror_policy.or(on_write.filter(|policy| *policy != DiskErrorPolicy::Enospace));
    (on_write.map(name), on_read.map(name))
}

fn wwn_number(wwn: &str) -> Result<u64> {
    let digits = wwn.strip_prefix("0x").unwrap_or(wwn);
    u64::from_str_radix(digits, 16).map_err(|_| internal(format!("cannot parse WWN '{wwn}'")))
}
