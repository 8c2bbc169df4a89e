//! `<volume>`: a disk image, or another thing in a pool that guests can use as a disk.
//!
//! Fields stand in the order in which libvirt writes them.

use super::storage_pool::{FreeExtent, StoragePermissions, StoragePoolKind};
use super::{Bytes, StorageEncryption, StorageFormat};
use crate::xml::{
    Element as _, Error, ErrorCode, ErrorDomain, ParseFlags, Reader, Result, Value as _, Within as _, Xml,
    XmlValue,
};

/// A disk image, or another thing in a pool that guests can use as a disk.
///
/// ```
/// use virt_conf::model::StorageVolume;
///
/// let volume: StorageVolume = "<volume><name>web.img</name><capacity unit='G'>10</capacity></volume>".parse()?;
/// assert_eq!(volume.capacity.0, 10 << 30);
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "volume", document, errors = STORAGE, after_read = StorageVolume::settle)]
pub struct StorageVolume {
    /// What it is to the host; set by its pool, a file by default.
    #[xml(
        attr = "type",
        default,
        unless_empty,
        invalid = |text| unsupported(format!("unknown volume type '{text}'"))
    )]
    pub kind: VolumeKind,
    /// Its name, unique in its pool.
    #[xml(child_text, default)]
    pub name: String,
    /// What identifies it on the host; set by its pool.
    #[xml(child_text)]
    pub key: Option<String>,
    /// Where in the pool it is. Only ever written: the pool decides it.
    #[xml(child, write_only)]
    pub source: Option<VolumeSource>,
    /// The size that a guest sees, in bytes.
    #[xml(child = "capacity", default)]
    pub capacity: Bytes,
    /// The space it takes now, in bytes; on creation how much is reserved. Default: all of its capacity.
    #[xml(child = "allocation", default)]
    pub allocation: Bytes,
    /// The length of its file, in bytes. Only ever written.
    #[xml(child = "physical", write_only)]
    pub physical: Option<Bytes>,
    /// What it is made of.
    #[xml(child)]
    pub target: Option<VolumeTarget>,
    /// The image that its blocks come from until they are written; absent: none.
    #[xml(child)]
    pub backing_store: Option<VolumeBackingStore>,
}

/// What a volume is to the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, XmlValue)]
pub enum VolumeKind {
    /// A regular file.
    #[default]
    File,
    /// A block device.
    Block,
    /// A directory.
    Dir,
    /// Something on the network.
    Network,
    /// A directory on the network.
    NetDir,
    /// A Parallels directory.
    Ploop,
}

/// Where in its pool a volume is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct VolumeSource {
    /// The devices it lies on.
    #[xml(child)]
    pub devices: Vec<VolumeDevice>,
}

/// A device that a volume lies on.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "device")]
pub struct VolumeDevice {
    /// Where it is on the host; set by its pool.
    #[xml(attr)]
    pub path: String,
    /// Which parts of it.
    #[xml(child = "extent")]
    pub extents: Vec<FreeExtent>,
}

/// What a volume is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "target", keep_open)]
pub struct VolumeTarget {
    /// Its path; set by its pool.
    #[xml(child_text)]
    pub path: Option<String>,
    /// Its format; default: the pool's.
    #[xml(child)]
    pub format: Option<VolumeFormatElement>,
    /// Owner and mode; default: the pool's, or 0600.
    #[xml(child)]
    pub permissions: Option<StoragePermissions>,
    /// When it was used and changed. Only ever written.
    #[xml(child, write_only)]
    pub timestamps: Option<VolumeTimestamps>,
    /// Its encryption; absent: none.
    #[xml(child)]
    pub encryption: Option<StorageEncryption>,
    /// The version of its format: for qcow2 `0.10` or `1.1`.
    #[xml(child_text)]
    pub compat: Option<String>,
    /// Bytes a cluster; absent: the format's default.
    #[xml(child = "clusterSize")]
    pub cluster_size: Option<ClusterSize>,
    /// Whether the file system must not copy it on write.
    #[xml(flag)]
    pub nocow: bool,
    /// Features of its format; written even when it has none, where `compat` is.
    #[xml(child)]
    pub features: Option<VolumeFeatures>,
}

/// How its bytes are laid out.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "format")]
pub struct VolumeFormatElement {
    /// Which; raw by default.
    #[xml(attr = "type", default, unless_empty)]
    pub kind: VolumeFormat,
}

/// Formats of volumes: of images in files, and of partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeFormat {
    /// An image's.
    Image(StorageFormat),
    /// A partition's, or what is on one: `linux`, `fat16`, `extended` ...
    Partition(String),
}

impl Default for VolumeFormat {
    fn default() -> Self {
        Self::Image(StorageFormat::Raw)
    }
}

impl crate::xml::Value for VolumeFormat {
    fn parse(text: &str) -> std::result::Result<Self, crate::xml::Expected> {
        Ok(match crate::xml::Value::parse(text) {
            Ok(format) => Self::Image(format),
            Err(_) => Self::Partition(text.to_owned()),
        })
    }

    fn format(&self, out: &mut String) {
        match self {
            Self::Image(format) => format.format(out),
            Self::Partition(text) => out.push_str(text),
        }
    }
}

/// What partitions can be, and what can be on one.
const PARTITIONS: &[&str] =
    &["none", "linux", "fat16", "fat32", "linux-swap", "linux-lvm", "linux-raid", "extended"];

impl VolumeTarget {
    fn check(&self) -> Result<()> {
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let version = |text: &str| text.split_once('.').is_some_and(|(a, b)| number(a) && number(b));
        match &self.compat {
            Some(compat) if !version(compat) => Err(Error::new(
                ErrorCode::XML_ERROR,
                ErrorDomain::STORAGE,
                "forbidden characters in 'compat' attribute",
            )
            .within("compat")),
            _ => Ok(()),
        }
    }
}

/// When a volume was used and changed: seconds since 1970, a fraction behind a dot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "timestamps")]
pub struct VolumeTimestamps {
    /// Last read.
    #[xml(child_text)]
    pub atime: Option<String>,
    /// Last written.
    #[xml(child_text)]
    pub mtime: Option<String>,
    /// Owner or mode last changed.
    #[xml(child_text)]
    pub ctime: Option<String>,
    /// Made.
    #[xml(child_text)]
    pub btime: Option<String>,
}

/// The size of an image's clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterSize(pub Bytes);

impl crate::xml::Fields for ClusterSize {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        Bytes::read(reader).map(Self)
    }

    // libvirt abbreviates the unit here, and nowhere else.
    fn write_attrs(&self, writer: &mut crate::xml::Writer) {
        writer.attr_text("unit", "B");
    }

    fn write_children(&self, writer: &mut crate::xml::Writer) {
        self.0.write_children(writer);
    }

    fn describe(_: Option<&Self>, shape: &mut crate::xml::Shape) {
        Bytes::describe(None, shape);
    }
}

impl crate::xml::Element for ClusterSize {
    const NAME: &'static str = "clusterSize";
}

/// Features of an image's format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "features", keep_empty)]
pub struct VolumeFeatures {
    /// qcow2: reference counts are written late.
    #[xml(flag = "lazy_refcounts")]
    pub lazy_refcounts: bool,
    /// qcow2: clusters are allocated in parts.
    #[xml(flag = "extended_l2")]
    pub extended_l2: bool,
}

/// The image that a volume's blocks come from until they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "backingStore", keep_open)]
pub struct VolumeBackingStore {
    /// Where that image is.
    #[xml(child_text)]
    pub path: Option<String>,
    /// Its format; default: raw.
    #[xml(child)]
    pub format: Option<VolumeFormatElement>,
    /// Owner and mode; of no consequence in a definition.
    #[xml(child)]
    pub permissions: Option<StoragePermissions>,
    /// When it was used and changed; of no consequence in a definition.
    #[xml(child)]
    pub timestamps: Option<VolumeTimestamps>,
}

fn unsupported(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::STORAGE, sentence)
}

impl StorageVolume {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.name.is_empty() {
            return Err(reader.refuse("missing volume name element"));
        }
        let optional = self.backing_store.is_some() || reader.flags().contains(ParseFlags::NO_CAPACITY);
        if reader.first("capacity").is_none() && !optional {
            return Err(reader.refuse("missing capacity element"));
        }
        if reader.first("allocation").is_none() {
            self.allocation = self.capacity;
        }
        // What is not anywhere is under nothing.
        self.backing_store = self.backing_store.take().filter(|backing| backing.path.is_some());
        if let Some(target) = &self.target {
            target
                .check()
                .map_err(|error| reader.first(VolumeTarget::NAME).unwrap_or(*reader).place(error))?;
        }
        if let Some(target) = &mut self.target
            && target.features.is_some()
        {
            // Features came with this version of qcow2.
            target.compat.get_or_insert_with(|| "1.1".to_owned());
        }
        Ok(())
    }

    /// Fills in what its pool decides: pools of files have formats, raw by default; others have none, but disks the types of
    /// their partitions.
    ///
    /// # Errors
    ///
    /// When it has a format that the pool's volumes cannot have.
    pub fn settle_in(&mut self, pool: &StoragePoolKind) -> Result<()> {
        let default = match pool {
            StoragePoolKind::Dir(_)
            | StoragePoolKind::Fs(_)
            | StoragePoolKind::Netfs(_)
            | StoragePoolKind::Gluster(_)
            | StoragePoolKind::Vstorage(_)
            | StoragePoolKind::Rbd(_)
            | StoragePoolKind::Sheepdog(_) => Some(VolumeFormat::Image(StorageFormat::Raw)),
            StoragePoolKind::Disk(_) => Some(VolumeFormat::Image(StorageFormat::None)),
            _ => None,
        };
        let settle = |format: &mut Option<VolumeFormatElement>| {
            let Some(default) = &default else {
                *format = None;
                return Ok(());
            };
            let kind = &format.get_or_insert_with(|| VolumeFormatElement { kind: default.clone() }).kind;
            let image = matches!(kind, VolumeFormat::Image(format) if *format != StorageFormat::None);
            let mut text = String::new();
            kind.format(&mut text);
            let known = match default {
                VolumeFormat::Image(StorageFormat::Raw) => image,
                _ => PARTITIONS.contains(&text.as_str()),
            };
            if !known {
                return Err(unsupported(format!("unknown volume format type {text}")).within("format/@type"));
            }
            Ok(())
        };
        if let Some(backing) = &mut self.backing_store {
            settle(&mut backing.format).within(VolumeBackingStore::NAME)?;
        }
        settle(&mut self.target.get_or_insert_default().format).within(VolumeTarget::NAME)
    }
}
