//! `<filesystem>`: a directory or image of the host, mounted by the guest or container.

use super::{DeviceInfo, VirtioModel, VirtioOptions};
use crate::model::{Bytes, StorageFormat, Switch, scale};
use crate::xml::{Codec, Error, ErrorCode, ErrorDomain, Expected, Reader, Xml, XmlValue};

/// A file system of the host, mounted by the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "filesystem", after_read = Filesystem::settle)]
pub struct Filesystem {
    /// Whose permissions files have on the host; default: the guest's, or virtiofs' own.
    #[xml(attr, unless_empty)]
    pub accessmode: Option<FilesystemAccess>,
    /// Which generation of virtio; default: what suits the slot.
    #[xml(attr)]
    pub model: Option<VirtioModel>,
    /// 9p: what happens where the directory spans several devices; default: the hypervisor's choice.
    #[xml(attr)]
    pub multidevs: Option<FilesystemMultidevs>,
    /// 9p with `mapped`: permissions of new files on the host; 0: default, 0600.
    #[xml(attr, omit, with = Octal)]
    pub fmode: u32,
    /// 9p with `mapped`: permissions of new directories on the host; 0: default, 0700.
    #[xml(attr, omit, with = Octal)]
    pub dmode: u32,
    /// Which driver serves it.
    #[xml(child, default)]
    pub driver: FilesystemDriver,
    /// virtiofs: the daemon that serves it.
    #[xml(child, default)]
    pub binary: FilesystemBinary,
    /// virtiofs: how user and group numbers of the guest map to the host's.
    #[xml(child, default)]
    pub idmap: FilesystemIdMap,
    /// What is mounted.
    #[xml(flatten)]
    pub source: FilesystemSource,
    /// Mount point of a container; name by which a guest finds it.
    #[xml(attr = "target/@dir", unless_empty)]
    pub target: Option<String>,
    /// Whether the guest may only read.
    #[xml(flag)]
    pub readonly: bool,
    /// Containers: bytes it may hold at most.
    #[xml(child = "space_hard_limit")]
    pub space_hard_limit: Option<Bytes>,
    /// Containers: bytes it may hold for a while only.
    #[xml(child = "space_soft_limit")]
    pub space_soft_limit: Option<Bytes>,
    /// Boot order, alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

impl Filesystem {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<(), Error> {
        self.multidevs = self.multidevs.filter(|multidevs| *multidevs != FilesystemMultidevs::Default);
        if self.driver.kind != Some(FilesystemDriverType::Virtiofs) {
            (self.binary, self.idmap) = Default::default();
        }
        let source = self.source.path();
        match (&self.target, source) {
            (None, None) => Err(reader.place(Error::bare(ErrorCode::NO_SOURCE, ErrorDomain::DOMAIN))),
            (Some(target), None) => Err(reader.error(ErrorCode::NO_SOURCE, ErrorDomain::DOMAIN, target)),
            (None, Some(source)) => Err(reader.error(ErrorCode::NO_TARGET, ErrorDomain::DOMAIN, source)),
            (Some(_), Some(_)) => Ok(()),
        }
    }
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "type", inside = "source", default = Mount)]
pub enum FilesystemSource {
    /// A directory.
    Mount(MountSource),
    /// A block device.
    Block(BlockFilesystemSource),
    /// A file, through a loop device.
    File(FileFilesystemSource),
    /// A template of `OpenVZ`.
    Template(TemplateSource),
    /// Memory.
    Ram(RamSource),
    /// A directory of the container itself.
    Bind(MountSource),
    /// A volume of a storage pool.
    Volume(VolumeFilesystemSource),
}

impl FilesystemSource {
    /// What names it: a path, a template, a pool; memory needs no name.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Mount(source) | Self::Bind(source) => source.dir.as_deref().or(source.socket.as_deref()),
            Self::Block(source) => source.dev.as_deref(),
            Self::File(source) => source.file.as_deref(),
            Self::Template(source) => source.name.as_deref(),
            Self::Ram(_) => Some(""),
            Self::Volume(source) => source.pool.as_deref(),
        }
    }
}

/// `type='mount'` and `bind`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct MountSource {
    /// Path of the directory.
    #[xml(attr)]
    pub dir: Option<String>,
    /// virtiofs: path of the socket of a daemon that is there already.
    #[xml(attr)]
    pub socket: Option<String>,
}

/// `type='block'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct BlockFilesystemSource {
    /// Path of the device.
    #[xml(attr)]
    pub dev: Option<String>,
}

/// `type='file'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct FileFilesystemSource {
    /// Path of the image.
    #[xml(attr)]
    pub file: Option<String>,
}

/// `type='template'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct TemplateSource {
    /// Name of the template.
    #[xml(attr)]
    pub name: Option<String>,
}

/// `type='ram'`.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(after_read = RamSource::settle)]
pub struct RamSource {
    /// Memory it may use at most, in KiB.
    #[xml(attr, default)]
    pub usage: u64,
    /// Unit of the above, written as KiB always.
    #[xml(attr)]
    pub units: Option<String>,
}

impl Default for RamSource {
    fn default() -> Self {
        Self { usage: 0, units: Some("KiB".to_owned()) }
    }
}

impl RamSource {
    fn settle(&mut self, reader: &crate::xml::Reader<'_, '_>) -> crate::xml::Result<()> {
        let bytes =
            scale(self.usage, self.units.as_deref(), 1024, u64::MAX).map_err(|error| reader.place(error))?;
        self.usage = bytes / 1024;
        self.units = Some("KiB".to_owned());
        Ok(())
    }
}

/// `type='volume'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VolumeFilesystemSource {
    /// Name of the storage pool.
    #[xml(attr)]
    pub pool: Option<String>,
    /// Name of the volume in it.
    #[xml(attr)]
    pub volume: Option<String>,
}

/// Whose permissions files have on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum FilesystemAccess {
    /// Those of the user in the guest; the server must be root.
    Passthrough,
    /// Those of the server; the guest's are kept beside.
    Mapped,
    /// Those of the user in the guest, as far as the server may; failures are ignored.
    Squash,
}

/// What happens where a directory spans several devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum FilesystemMultidevs {
    /// The hypervisor's choice.
    Default,
    /// File numbers are changed so that they do not collide.
    Remap,
    /// Only one device is served.
    Forbid,
    /// Nothing, but the log says so.
    Warn,
}

/// Which driver serves a file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "driver")]
pub struct FilesystemDriver {
    /// The driver; default: the hypervisor's first.
    #[xml(attr = "type")]
    pub kind: Option<FilesystemDriverType>,
    /// Format of an image.
    #[xml(attr)]
    pub format: Option<StorageFormat>,
    /// When writes reach the host; default: when its page cache lets go of them.
    #[xml(attr)]
    pub wrpolicy: Option<FilesystemWritePolicy>,
    /// virtiofs: length of the queue; 0: the device's own.
    #[xml(attr, omit)]
    pub queue: u64,
    /// Options of the virtio transport.
    #[xml(flatten)]
    pub virtio: VirtioOptions,
}

/// Drivers of file systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum FilesystemDriverType {
    /// 9p, by path.
    Path,
    /// 9p, by handle.
    Handle,
    /// A loop device.
    Loop,
    /// A network block device.
    Nbd,
    /// A Parallels image.
    Ploop,
    /// Media transfer protocol, over USB.
    Mtp,
    /// virtiofs.
    Virtiofs,
}

/// When writes reach the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum FilesystemWritePolicy {
    /// At once.
    Immediate,
}

/// The daemon that serves a virtiofs file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "binary")]
pub struct FilesystemBinary {
    /// Path of the program; default: found by its description files.
    #[xml(attr)]
    pub path: Option<String>,
    /// Whether extended attributes are served; default: off.
    #[xml(attr)]
    pub xattr: Option<Switch>,
    /// What is cached; default: the daemon's choice.
    #[xml(attr = "cache/@mode")]
    pub cache: Option<FilesystemCache>,
    /// How the daemon locks itself in; default: `namespace`.
    #[xml(attr = "sandbox/@mode")]
    pub sandbox: Option<FilesystemSandbox>,
    /// Which locks reach the host.
    #[xml(child, default)]
    pub lock: FilesystemLock,
    /// Threads of the daemon; absent: its default.
    #[xml(attr = "thread_pool/@size")]
    pub thread_pool_size: Option<i32>,
    /// Files the daemon may have open; 0: its default.
    #[xml(attr = "openfiles/@max", omit)]
    pub openfiles_max: u64,
}

/// What is cached in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum FilesystemCache {
    /// Nothing.
    None,
    /// Everything, as if nobody else wrote.
    Always,
}

/// How a daemon locks itself in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum FilesystemSandbox {
    /// In a mount namespace.
    Namespace,
    /// By changing its root.
    Chroot,
}

/// Which locks of the guest reach the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "lock")]
pub struct FilesystemLock {
    /// Record locks; default: off.
    #[xml(attr)]
    pub posix: Option<Switch>,
    /// Whole-file locks; default: off.
    #[xml(attr)]
    pub flock: Option<Switch>,
}

/// How user and group numbers of the guest map to the host's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "idmap", after_read = FilesystemIdMap::settle)]
pub struct FilesystemIdMap {
    /// Users.
    #[xml(child = "uid")]
    pub uids: Vec<IdMapEntry>,
    /// Groups.
    #[xml(child = "gid")]
    pub gids: Vec<IdMapEntry>,
}

impl FilesystemIdMap {
    fn settle(&mut self, _: &crate::xml::Reader<'_, '_>) -> crate::xml::Result<()> {
        self.uids.sort_by_key(|entry| entry.start);
        self.gids.sort_by_key(|entry| entry.start);
        Ok(())
    }
}

/// A range of numbers in the guest and on the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "uid")]
pub struct IdMapEntry {
    /// The first in the guest.
    #[xml(attr)]
    pub start: u32,
    /// The first on the host.
    #[xml(attr)]
    pub target: u32,
    /// How many.
    #[xml(attr)]
    pub count: u32,
}

/// Permissions as `0644`.
enum Octal {}

impl Codec<u32> for Octal {
    const KIND: crate::xml::Kind = crate::xml::Kind::Octal;

    fn parse(text: &str) -> Result<u32, Expected> {
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode <= 0o777 => Ok(mode),
            _ => Err("permissions in octal, at most 0777".into()),
        }
    }
    fn format(value: &u32, out: &mut String) {
        out.push_str(&format!("{value:04o}"));
    }
}
