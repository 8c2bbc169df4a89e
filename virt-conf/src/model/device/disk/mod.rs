//! `<disk>`: a disk, floppy or compact disc of the guest.

mod backing;
mod driver;
mod iotune;
mod network;
mod private;
mod source;
mod statistics;

pub use backing::*;
pub use driver::*;
pub use iotune::*;
pub use network::*;
pub use private::*;
pub use source::*;
pub use statistics::*;

use super::{DeviceInfo, VirtioModel};
use crate::model::{StorageAuth, StorageEncryption, Switch, Wwn};
use crate::xml::{Error, ErrorCode, ErrorDomain, ParseFlags, Reader, Result, Xml, XmlValue};

/// A disk, floppy or compact disc of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disk", after_read = Disk::settle)]
pub struct Disk {
    /// What the guest sees; default: `disk`.
    #[xml(attr, default)]
    pub device: DiskDevice,
    /// Which generation of virtio, or which kind of USB storage; default: what suits the slot, and the device.
    #[xml(attr)]
    pub model: Option<DiskModel>,
    /// `device='lun'`: whether the emulator may send any SCSI command; default: no.
    #[xml(attr)]
    pub rawio: Option<bool>,
    /// `device='lun'`: whether unprivileged SCSI commands are filtered; default: as the kernel decides.
    #[xml(attr)]
    pub sgio: Option<ScsiGenericIo>,
    /// What a snapshot of the domain does with this disk; default: none of it when read-only.
    #[xml(attr)]
    pub snapshot: Option<DiskSnapshot>,
    /// Tuning of format driver and transport.
    #[xml(child, default)]
    pub driver: DiskDriver,
    /// Credentials of the source, when written beside it instead of in it.
    #[xml(child)]
    pub auth: Option<StorageAuth>,
    /// Where the data is.
    #[xml(flatten)]
    pub source: DiskSource,
    /// What the image is an overlay of; absent: found out from the image at start.
    #[xml(child)]
    pub backing_store: Option<BackingStore>,
    /// Xen: the domain that runs the backend; default: domain 0.
    #[xml(attr = "backenddomain/@name")]
    pub backend_domain: Option<String>,
    /// Geometry forced upon the guest.
    #[xml(child)]
    pub geometry: Option<DiskGeometry>,
    /// Block sizes reported to the guest.
    #[xml(child, default)]
    pub blockio: BlockIo,
    /// The copy under way, while a block job mirrors the disk.
    #[xml(child, live)]
    pub mirror: Option<Box<DiskMirror>>,
    /// Where the guest finds it.
    #[xml(child, default)]
    pub target: DiskTarget,
    /// Limits on throughput.
    #[xml(child, default)]
    pub iotune: IoTune,
    /// Throttle groups of the domain that the disk passes through, in order.
    #[xml(child, default)]
    pub throttlefilters: ThrottleFilters,
    /// Whether the guest may only read.
    #[xml(flag)]
    pub readonly: bool,
    /// Whether other domains may use it at the same time.
    #[xml(flag)]
    pub shareable: bool,
    /// Present: changes are thrown away when the guest ends.
    #[xml(child)]
    pub transient: Option<DiskTransient>,
    /// Serial number that the guest reads.
    #[xml(child_text)]
    pub serial: Option<String>,
    /// World wide name, 16 hexadecimal digits.
    #[xml(child_text, with = Wwn)]
    pub wwn: Option<String>,
    /// SCSI vendor, up to 8 printable characters.
    #[xml(child_text)]
    pub vendor: Option<String>,
    /// SCSI product, up to 16 printable characters.
    #[xml(child_text)]
    pub product: Option<String>,
    /// Encryption of the source, when written beside it instead of in it.
    #[xml(child)]
    pub encryption: Option<StorageEncryption>,
    /// Boot order, alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
    /// What the driver keeps about it while the guest runs.
    #[xml(child = "privateData", status)]
    pub private: Option<DiskPrivate>,
    /// Where the definition has its secrets.
    #[xml(child, status)]
    pub secrets_placement: Option<SecretsPlacement>,
}

impl Disk {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let common = self.source.common();
        if self.auth.is_some() && common.is_some_and(|common| common.auth.is_some()) {
            return Err(reader.unsupported("an <auth> definition already found for disk source"));
        }
        if self.encryption.is_some() && common.is_some_and(|common| common.encryption.is_some()) {
            return Err(reader.unsupported("an <encryption> definition already found for disk source"));
        }
        let validated = !reader.flags().contains(ParseFlags::SKIP_VALIDATE);
        if self.target.dev.is_none() && validated {
            return Err(match self.source.name() {
                Some(source) => reader.error(ErrorCode::NO_TARGET, ErrorDomain::DOMAIN, source),
                None => reader.place(Error::bare(ErrorCode::NO_TARGET, ErrorDomain::DOMAIN)),
            });
        }
        match self.device {
            // What was in the drive says nothing about the drive.
            DiskDevice::Cdrom | DiskDevice::Floppy
                if reader.first("source").is_none() || self.source.is_unnamed_volume() =>
            {
                self.source = DiskSource::default();
            }
            DiskDevice::Disk if validated && (self.source.is_empty() || reader.first("source").is_none()) => {
                let name = self.target.dev.as_deref().unwrap_or_default();
                return Err(reader.error(ErrorCode::NO_SOURCE, ErrorDomain::DOMAIN, name));
            }
            _ => {}
        }
        if let DiskSource::VhostUser(_) = self.source {
            self.snapshot.get_or_insert(DiskSnapshot::No);
        }
        Ok(())
    }
}

/// Kinds of devices that disks of one bus can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum DiskModel {
    /// virtio, whichever generation suits the slot the disk sits in.
    Virtio,
    /// virtio, both 0.9 and 1.0; needs a conventional PCI slot.
    #[xml("virtio-transitional")]
    VirtioTransitional,
    /// virtio, only 1.0 and later.
    #[xml("virtio-non-transitional")]
    VirtioNonTransitional,
    /// USB, a disk by itself. Since 11.5.
    #[xml("usb-storage")]
    UsbStorage,
    /// USB, a bridge to SCSI; what a guest takes for an optical drive is one. Since 11.5.
    #[xml("usb-bot")]
    UsbBot,
}

impl DiskModel {
    /// The generation of virtio; none of other buses' models.
    #[must_use]
    pub fn virtio(self) -> Option<VirtioModel> {
        match self {
            Self::Virtio => Some(VirtioModel::Virtio),
            Self::VirtioTransitional => Some(VirtioModel::Transitional),
            Self::VirtioNonTransitional => Some(VirtioModel::NonTransitional),
            Self::UsbStorage | Self::UsbBot => None,
        }
    }
}

/// What the guest takes a disk for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, XmlValue)]
pub enum DiskDevice {
    /// A hard disk.
    #[default]
    Disk,
    /// An optical drive; read-only, and empty without a source.
    Cdrom,
    /// A floppy drive; empty without a source.
    Floppy,
    /// A SCSI unit of the host, to which commands are passed.
    Lun,
}

/// Whether SCSI commands are filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum ScsiGenericIo {
    /// The kernel lets only harmless ones through.
    Filtered,
    /// All go through.
    Unfiltered,
}

/// What a snapshot does with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum DiskSnapshot {
    /// The disk is left out.
    No,
    /// The snapshot is kept in the image.
    Internal,
    /// The snapshot is an overlay in a new image.
    External,
    /// The application makes it, while the guest is paused.
    Manual,
}

/// Geometry of a disk, for guests that boot through old firmware.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "geometry")]
pub struct DiskGeometry {
    /// Cylinders.
    #[xml(attr)]
    pub cyls: u32,
    /// How many heads the disk claims to have.
    #[xml(attr)]
    pub heads: u32,
    /// Sectors of a track.
    #[xml(attr)]
    pub secs: u32,
    /// How firmware translates it; default: firmware's choice.
    #[xml(attr)]
    pub trans: Option<GeometryTranslation>,
}

/// How firmware translates a geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum GeometryTranslation {
    /// Not at all.
    None,
    /// As the size suggests.
    Auto,
    /// To logical blocks.
    Lba,
}

/// Block sizes reported to the guest, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "blockio")]
pub struct BlockIo {
    /// Smallest unit of access; 0: the device's own.
    #[xml(attr = "logical_block_size", omit)]
    pub logical_block_size: u32,
    /// Smallest unit that is written without reading first; 0: the device's own.
    #[xml(attr = "physical_block_size", omit)]
    pub physical_block_size: u32,
    /// Smallest unit that can be discarded; absent: the device's own.
    #[xml(attr = "discard_granularity")]
    pub discard_granularity: Option<u32>,
}

/// Where the guest finds a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "target")]
pub struct DiskTarget {
    /// Name that orders the disks of a bus (`vda`, `sdb`), unique in the domain; the guest need not use it.
    #[xml(attr)]
    pub dev: Option<String>,
    /// The bus; default: what the name's first letters say.
    #[xml(attr)]
    pub bus: Option<DiskBus>,
    /// Removable media: whether the tray is open; default: closed.
    #[xml(attr)]
    pub tray: Option<DiskTray>,
    /// USB and SCSI: whether the guest sees a removable disk; default: off. Only USB disks are written with it, as by libvirt.
    #[xml(attr, write_if = DiskTarget::is_usb)]
    pub removable: Option<Switch>,
    /// Revolutions a minute, 1 for a solid-state disk; 0: not reported.
    #[xml(attr = "rotation_rate", omit)]
    pub rotation_rate: u32,
    /// SCSI: whether the guest may ask that single writes reach the medium at once; default: the hypervisor's choice. Since
    /// 11.10.
    #[xml(attr)]
    pub dpofua: Option<Switch>,
}

impl DiskTarget {
    fn is_usb(&self) -> bool {
        self.bus == Some(DiskBus::Usb)
    }
}

/// Buses of disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum DiskBus {
    /// IDE.
    Ide,
    /// Floppy controller.
    Fdc,
    /// SCSI.
    Scsi,
    /// virtio-blk.
    Virtio,
    /// Xen's paravirtual disks.
    Xen,
    /// USB mass storage.
    Usb,
    /// User-mode Linux.
    Uml,
    /// SATA.
    Sata,
    /// Secure Digital card.
    Sd,
    /// None: the disk is only a resource.
    None,
    /// NVMe. Since 11.5.
    Nvme,
}

/// Position of a tray.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, XmlValue)]
pub enum DiskTray {
    /// Medium loaded, or none present.
    #[default]
    Closed,
    /// Ejected.
    Open,
}

/// A disk whose changes are thrown away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "transient", keep_empty)]
pub struct DiskTransient {
    /// Whether other domains may use the image below the overlay meanwhile; default: no.
    #[xml(attr = "shareBacking")]
    pub share_backing: Option<bool>,
}
