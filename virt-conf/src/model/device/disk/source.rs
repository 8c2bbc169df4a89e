//! `<source>` of a disk, of an image below it and of a copy of it: where the data is.

use std::borrow::Cow;

use super::{ImageFormat, NetworkDiskSource, StoragePrivate};
use crate::model::device::{PciSlot, Reconnect};
use crate::model::{DeviceSecurityLabel, Reservations, StorageAuth, StorageEncryption};
use crate::xml::{Reader, Result, Xml, XmlValue};

/// Where the data of a disk is; the attribute `type` of the element around picks the kind.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "type", inside = "source", default = File, errors = DOMAIN)]
pub enum DiskSource {
    /// In a file.
    File(FileDiskSource),
    /// On a block device of the host.
    Block(BlockDiskSource),
    /// In a directory, which the guest sees as a file system.
    Dir(DirDiskSource),
    /// On a server.
    Network(Box<NetworkDiskSource>),
    /// In a volume of a storage pool.
    Volume(VolumeDiskSource),
    /// On an NVMe namespace that the emulator drives itself.
    Nvme(NvmeDiskSource),
    /// In another process, over vhost-user.
    VhostUser(VhostUserDiskSource),
    /// On a vDPA device.
    VhostVdpa(VhostVdpaDiskSource),
    /// On a port of FreeBSD's CAM target layer. Since 12.0.
    Ctl(CtlDiskSource),
}

impl Default for DiskSource {
    fn default() -> Self {
        Self::File(FileDiskSource::default())
    }
}

impl DiskSource {
    /// What sources of every kind have; none for vhost-user and CTL.
    #[must_use]
    pub fn common(&self) -> Option<&SourceCommon> {
        match self {
            Self::File(source) => Some(&source.common),
            Self::Block(source) => Some(&source.common),
            Self::Dir(source) => Some(&source.common),
            Self::Network(source) => Some(&source.common),
            Self::Volume(source) => Some(&source.common),
            Self::Nvme(source) => Some(&source.common),
            Self::VhostUser(_) | Self::Ctl(_) => None,
            Self::VhostVdpa(source) => Some(&source.common),
        }
    }

    /// The same, to be changed.
    #[must_use]
    pub fn common_mut(&mut self) -> Option<&mut SourceCommon> {
        match self {
            Self::File(source) => Some(&mut source.common),
            Self::Block(source) => Some(&mut source.common),
            Self::Dir(source) => Some(&mut source.common),
            Self::Network(source) => Some(&mut source.common),
            Self::Volume(source) => Some(&mut source.common),
            Self::Nvme(source) => Some(&mut source.common),
            Self::VhostUser(_) | Self::Ctl(_) => None,
            Self::VhostVdpa(source) => Some(&mut source.common),
        }
    }

    /// Whether it names nothing: a drive without a medium.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Network(source) => source.protocol.is_none(),
            Self::Volume(_) | Self::Nvme(_) | Self::VhostUser(_) | Self::VhostVdpa(_) => false,
            Self::File(_) | Self::Block(_) | Self::Dir(_) | Self::Ctl(_) => {
                self.path().is_none_or(str::is_empty)
            }
        }
    }

    /// Whether it is a volume that is not named, and nothing else is said of it.
    pub(super) fn is_unnamed_volume(&self) -> bool {
        matches!(self, Self::Volume(volume) if volume.pool.is_none() && volume.mode.is_none()
            && volume.common == SourceCommon { private: volume.common.private.clone(), ..Default::default() })
    }

    /// What it is called in messages: a path, the name on a server, pool and volume; nothing where it has no name.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Network(source) => source.image().map(Cow::from),
            Self::Volume(source) => Some(Cow::from(format!(
                "pool = '{}', volume = '{}'",
                source.pool.as_deref()?,
                source.volume.as_deref()?
            ))),
            _ => self.path().map(Cow::from),
        }
    }

    /// Path on the host, for sources that have one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::File(source) => source.file.as_deref(),
            Self::Block(source) => source.dev.as_deref(),
            Self::Dir(source) => source.dir.as_deref(),
            Self::VhostUser(source) => source.path.as_deref(),
            Self::VhostVdpa(source) => source.dev.as_deref(),
            Self::Ctl(source) => source.dev.as_deref(),
            Self::Network(_) | Self::Volume(_) | Self::Nvme(_) => None,
        }
    }
}

/// What sources of every kind have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = SourceCommon::settle)]
pub struct SourceCommon {
    /// What to do when the source is not there at start; default: `mandatory`.
    #[xml(attr = "startupPolicy")]
    pub startup_policy: Option<StartupPolicy>,
    /// Number of the image in block jobs of the running guest; 0: none.
    #[xml(attr, omit, read_if = Reader::live)]
    pub index: u32,
    /// Part of the storage that holds the image.
    #[xml(child, default)]
    pub slices: StorageSlices,
    /// Labels that differ from the domain's.
    #[xml(child, key = "@model", unordered)]
    pub seclabels: Vec<DeviceSecurityLabel>,
    /// Credentials.
    #[xml(child)]
    pub auth: Option<StorageAuth>,
    /// How the image is encrypted; absent: not at all.
    #[xml(child)]
    pub encryption: Option<StorageEncryption>,
    /// SCSI reservations.
    #[xml(child)]
    pub reservations: Option<Reservations>,
    /// What the driver keeps about it while the guest runs.
    #[xml(child = "privateData", status)]
    pub private: Option<Box<StoragePrivate>>,
    /// Where a qcow2 image keeps its data, when not in itself.
    #[xml(child)]
    pub data_store: Option<Box<DataStore>>,
}

impl SourceCommon {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        DeviceSecurityLabel::settle_all(&mut self.seclabels, reader)
    }
}

/// What to do when a source is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum StartupPolicy {
    /// Fail.
    Mandatory,
    /// Fail at first start; drop the source on migration, restore and revert.
    Requisite,
    /// Drop the source.
    Optional,
}

/// Part of a storage that holds an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "slices", after_read = StorageSlices::settle)]
pub struct StorageSlices {
    /// At most one, of `type='storage'`.
    #[xml(child)]
    pub slices: Vec<StorageSlice>,
}

impl StorageSlices {
    /// The first one counts, as in libvirt.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.slices.truncate(1);
        Ok(())
    }
}

/// A range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "slice")]
pub struct StorageSlice {
    /// What is sliced.
    #[xml(attr = "type")]
    pub kind: SliceType,
    /// First byte.
    #[xml(attr)]
    pub offset: u64,
    /// Number of bytes.
    #[xml(attr)]
    pub size: u64,
}

/// What is sliced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum SliceType {
    /// The storage, below the image format.
    Storage,
}

/// Where a qcow2 image keeps its data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "dataStore", before_read = DataStore::check, after_read = DataStore::settle)]
pub struct DataStore {
    /// Format of the data, always raw.
    #[xml(child)]
    pub format: Option<ImageFormat>,
    /// Where it is.
    #[xml(flatten)]
    pub source: DiskSource,
}

impl DataStore {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        if reader.attr_text("type").is_none() {
            return Err(reader.missing_attr(&[], "type"));
        }
        if reader.attr_value(&["format"], "type").is_empty() {
            return Err(reader.refuse("missing data file store format"));
        }
        Ok(())
    }

    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match reader.first("source") {
            Some(_) => Ok(()),
            None => Err(reader.refuse("missing disk data file store source")),
        }
    }
}

/// `type='file'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = FileDiskSource::settle)]
pub struct FileDiskSource {
    /// Path of the file; absent: no medium.
    #[xml(attr)]
    pub file: Option<String>,
    /// Name of a group of file descriptors, associated with the domain, to use instead of opening the path.
    #[xml(attr)]
    pub fdgroup: Option<String>,
    /// What sources of every kind have.
    #[xml(flatten)]
    pub common: SourceCommon,
}

/// `type='block'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = BlockDiskSource::settle)]
pub struct BlockDiskSource {
    /// Path of the device; absent: no medium.
    #[xml(attr)]
    pub dev: Option<String>,
    /// What sources of every kind have.
    #[xml(flatten)]
    pub common: SourceCommon,
}

/// `type='dir'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = DirDiskSource::settle)]
pub struct DirDiskSource {
    /// Path of the directory.
    #[xml(attr)]
    pub dir: Option<String>,
    /// What sources of every kind have.
    #[xml(flatten)]
    pub common: SourceCommon,
}

/// `type='volume'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = VolumeDiskSource::settle)]
pub struct VolumeDiskSource {
    /// Name of the storage pool; absent: no medium.
    #[xml(attr)]
    pub pool: Option<String>,
    /// Name of the volume in it.
    #[xml(attr)]
    pub volume: Option<String>,
    /// iSCSI pools: who connects; default: the host.
    #[xml(attr)]
    pub mode: Option<VolumeMode>,
    /// What kind of storage the volume is on, while the guest runs.
    #[xml(attr = "actualType", status)]
    pub actual_type: Option<String>,
    /// The volume's file, while the guest runs.
    #[xml(attr, status)]
    pub file: Option<String>,
    /// The volume's block device, while the guest runs.
    #[xml(attr, status)]
    pub dev: Option<String>,
    /// What sources of every kind have.
    #[xml(flatten)]
    pub common: SourceCommon,
}

/// Who connects to the target of an iSCSI pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum VolumeMode {
    /// The host; the guest gets a block device of it.
    Host,
    /// The emulator.
    Direct,
}

/// `type='nvme'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = NvmeDiskSource::settle)]
pub struct NvmeDiskSource {
    /// How the controller is found, always `pci`.
    #[xml(attr = "type")]
    pub kind: Option<String>,
    /// Whether the controller is taken from the host's driver and given back; default: no.
    #[xml(attr)]
    pub managed: Option<bool>,
    /// Number of the namespace, from 1.
    #[xml(attr)]
    pub namespace: Option<u32>,
    /// Where the controller is on the host.
    #[xml(child = "address")]
    pub address: Option<HostPciAddress>,
    /// What sources of every kind have.
    #[xml(flatten)]
    pub common: SourceCommon,
}

/// `type='vhostuser'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = VhostUserDiskSource::settle)]
pub struct VhostUserDiskSource {
    /// Always `unix`.
    #[xml(attr = "type")]
    pub kind: Option<String>,
    /// Path of the other process' socket.
    #[xml(attr)]
    pub path: Option<String>,
    /// What to do when the other process goes away.
    #[xml(child)]
    pub reconnect: Option<Reconnect>,
}

/// `type='vhostvdpa'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = VhostVdpaDiskSource::settle)]
pub struct VhostVdpaDiskSource {
    /// Path of the character device.
    #[xml(attr)]
    pub dev: Option<String>,
    /// What sources of every kind have.
    #[xml(flatten)]
    pub common: SourceCommon,
}

/// `type='ctl'`. Since 12.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct CtlDiskSource {
    /// Path of the port's device, `/dev/cam/ctl`.
    #[xml(attr)]
    pub dev: Option<String>,
}

/// A PCI function of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Xml)]
#[xml(name = "address", keep_empty, after_read = HostPciAddress::settle)]
pub struct HostPciAddress {
    /// Domain, bus, slot and function.
    #[xml(flatten)]
    pub slot: PciSlot,
}

impl HostPciAddress {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.slot.check(reader)
    }
}

impl FileDiskSource {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.file = self.file.take().filter(|path| !path.is_empty());
        Ok(())
    }
}

impl BlockDiskSource {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.dev = self.dev.take().filter(|path| !path.is_empty());
        Ok(())
    }
}

impl DirDiskSource {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.dir = self.dir.take().filter(|path| !path.is_empty());
        Ok(())
    }
}

impl VolumeDiskSource {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.pool.is_some() != self.volume.is_some() {
            return Err(
                reader.refuse("'pool' and 'volume' must be specified together for 'pool' type source")
            );
        }
        Ok(())
    }
}

impl NvmeDiskSource {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match self.kind.as_deref() {
            None => return Err(reader.refuse("missing 'type' attribute to disk source")),
            Some("pci") => {}
            Some(kind) => return Err(reader.refuse(format!("unsupported source type '{kind}'"))),
        }
        if self.namespace.is_none() {
            return Err(reader.missing_attr(&[], "namespace"));
        }
        if self.address.is_none() {
            return Err(reader.refuse("NVMe disk source is missing address"));
        }
        self.managed.get_or_insert(true);
        Ok(())
    }
}

impl VhostUserDiskSource {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match self.kind.as_deref() {
            None => return Err(reader.refuse("missing 'type' attribute for vhostuser disk source")),
            Some("unix") => {}
            Some(_) => return Err(reader.refuse("invalid 'type' attribute for vhostuser disk source")),
        }
        match &self.path {
            Some(_) => Ok(()),
            None => Err(reader.refuse("missing 'path' attribute for vhostuser disk source")),
        }
    }
}

impl VhostVdpaDiskSource {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.dev.as_ref().map(|_| ()).ok_or_else(|| reader.missing_attr(&[], "dev"))
    }
}
