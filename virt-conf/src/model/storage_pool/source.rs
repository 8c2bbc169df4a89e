//! Where a pool comes from: `<source>`, of every kind of pool.

use super::{ScsiSource, StorageAdapter, unsupported, wrong};
use crate::model::SecretReference;
use crate::xml::{Element as _, Error, Reader, Result, Xml, XmlValue};

/// What kind of storage a pool is, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "type")]
pub enum StoragePoolKind {
    /// A directory.
    Dir(DirPool),
    /// A file system on a block device.
    Fs(FsPool),
    /// A file system on the network.
    Netfs(NetfsPool),
    /// A volume group.
    Logical(LogicalPool),
    /// A partitioned disk.
    Disk(DiskPool),
    /// An iSCSI target, through the host's initiator.
    Iscsi(IscsiPool),
    /// An iSCSI target, directly.
    #[xml("iscsi-direct")]
    IscsiDirect(IscsiPool),
    /// A SCSI host.
    Scsi(ScsiPool),
    /// The host's multipath devices.
    Mpath(MpathPool),
    /// A Ceph pool.
    Rbd(RbdPool),
    /// A Sheepdog cluster; gone from new versions.
    Sheepdog(SheepdogPool),
    /// A Gluster volume.
    Gluster(GlusterPool),
    /// A ZFS pool.
    Zfs(ZfsPool),
    /// A Virtuozzo storage cluster.
    Vstorage(VstoragePool),
}

macro_rules! pools {
    ($($(#[doc = $doc:literal])* $pool:ident: $source:ident;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
        pub struct $pool {
            /// Where it comes from.
            #[xml(child, default)]
            pub source: $source,
        }
    )*};
}

pools! {
    /// A directory.
    DirPool: NoSource;
    /// A file system on a block device.
    FsPool: FsSource;
    /// A file system on the network.
    NetfsPool: NetfsSource;
    /// A volume group.
    LogicalPool: LogicalSource;
    /// A partitioned disk.
    DiskPool: DiskSource;
    /// An iSCSI target.
    IscsiPool: IscsiSource;
    /// A SCSI host.
    ScsiPool: ScsiSource;
    /// The host's multipath devices.
    MpathPool: NoSource;
    /// A Ceph pool.
    RbdPool: RbdSource;
    /// A Sheepdog cluster.
    SheepdogPool: SheepdogSource;
    /// A Gluster volume.
    GlusterPool: GlusterSource;
    /// A ZFS pool.
    ZfsPool: ZfsSource;
    /// A Virtuozzo storage cluster.
    VstoragePool: VstorageSource;
}

/// Storage that the target's path names already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct NoSource {
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// What sources of every kind may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct PoolSourceCommon {
    /// Who logs in, to iSCSI and Ceph; absent: nobody has to.
    #[xml(child)]
    pub auth: Option<PoolAuth>,
    /// The vendor's name.
    #[xml(attr = "vendor/@name")]
    pub vendor: Option<String>,
    /// The product's name.
    #[xml(attr = "product/@name")]
    pub product: Option<String>,
    /// NFS: the version, `3`, `4.1`; absent: negotiated.
    #[xml(attr = "protocol/@ver")]
    pub protocol_version: Option<String>,
}

/// A file system on a block device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct FsSource {
    /// The block device; exactly one is used.
    #[xml(child)]
    pub devices: Vec<SourceDevice>,
    /// The file system; default: found out.
    #[xml(attr = "format/@type", default, invalid = unknown_format)]
    pub format: FileSystemFormat,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// A block device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "device")]
pub struct SourceDevice {
    /// Its path; for iSCSI the target's name.
    #[xml(attr, missing = wrong("missing storage pool source device path"))]
    pub path: String,
    /// Disks: whether a `p` stands between its name and a partition's number; default: by the name's last character.
    #[xml(attr = "part_separator")]
    pub part_separator: Option<bool>,
    /// Disks: what is free. Only ever written.
    #[xml(child)]
    pub free_extents: Vec<FreeExtent>,
}

/// Free space on a disk, in bytes from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "freeExtent")]
pub struct FreeExtent {
    /// Where it begins.
    #[xml(attr)]
    pub start: u64,
    /// Where it ends.
    #[xml(attr)]
    pub end: u64,
}

/// File systems of pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum FileSystemFormat {
    /// Whatever is there.
    #[default]
    Auto,
    /// ext2.
    Ext2,
    /// ext3.
    Ext3,
    /// ext4.
    Ext4,
    /// UFS.
    Ufs,
    /// ISO 9660.
    Iso9660,
    /// UDF.
    Udf,
    /// GFS.
    Gfs,
    /// GFS2.
    Gfs2,
    /// FAT with long names.
    Vfat,
    /// HFS+.
    #[xml("hfs+")]
    HfsPlus,
    /// XFS.
    Xfs,
    /// OCFS2.
    Ocfs2,
    /// VMFS.
    Vmfs,
}

/// A file system on the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct NetfsSource {
    /// The server; exactly one is used.
    #[xml(child)]
    pub hosts: Vec<SourceHost>,
    /// The directory, or what the protocol has in its place.
    #[xml(attr = "dir/@path", unless_empty)]
    pub directory: Option<String>,
    /// The protocol; default: found out.
    #[xml(attr = "format/@type", default, invalid = unknown_format)]
    pub format: NetworkFileSystem,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// A server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "host", after_read = SourceHost::settle)]
pub struct SourceHost {
    /// Its name or address.
    #[xml(attr, missing = wrong("missing storage pool host name"))]
    pub name: String,
    /// Its port; absent: the protocol's default.
    #[xml(attr, omit)]
    pub port: i32,
}

impl SourceHost {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        // Brackets around an IPv6 address are a spelling.
        if let Some(address) = self.name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            self.name = address.to_owned();
        }
        Ok(())
    }
}

/// Protocols of file systems on the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum NetworkFileSystem {
    /// Whatever answers.
    #[default]
    Auto,
    /// NFS.
    Nfs,
    /// Gluster.
    GlusterFs,
    /// CIFS.
    Cifs,
}

/// A volume group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct LogicalSource {
    /// Its physical volumes, to build it from.
    #[xml(child)]
    pub devices: Vec<SourceDevice>,
    /// The volume group's name; default: the pool's.
    #[xml(child_text)]
    pub name: Option<String>,
    /// Its metadata; default: LVM2.
    #[xml(attr = "format/@type", default, invalid = unknown_format)]
    pub format: VolumeGroupFormat,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// Metadata of volume groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum VolumeGroupFormat {
    /// Not known.
    Unknown,
    /// LVM2.
    #[default]
    Lvm2,
}

/// A partitioned disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct DiskSource {
    /// The disk; exactly one is used.
    #[xml(child)]
    pub devices: Vec<SourceDevice>,
    /// Its partition table; default: not known.
    #[xml(attr = "format/@type", default, invalid = unknown_format)]
    pub format: PartitionTable,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// How a disk is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum PartitionTable {
    /// Not known.
    #[default]
    Unknown,
    /// MS-DOS.
    Dos,
    /// SGI.
    Dvh,
    /// GUID.
    Gpt,
    /// Apple.
    Mac,
    /// BSD.
    Bsd,
    /// NEC PC-98.
    Pc98,
    /// Sun.
    Sun,
    /// None, but LVM2's.
    Lvm2,
}

/// An iSCSI target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct IscsiSource {
    /// Its portal; exactly one is used.
    #[xml(child)]
    pub hosts: Vec<SourceHost>,
    /// The target's name.
    #[xml(child)]
    pub devices: Vec<SourceDevice>,
    /// The initiator's name; absent: the host's.
    #[xml(attr = "initiator/iqn/@name", unless_empty)]
    pub initiator: Option<String>,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// Credentials of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "auth")]
pub struct PoolAuth {
    /// The protocol.
    #[xml(
        attr = "type",
        invalid = |text| match text {
            "" => no_auth_type(),
            text => unsupported(format!("unknown auth type '{text}'")),
        },
        missing = no_auth_type()
    )]
    pub kind: PoolAuthType,
    /// The user.
    #[xml(attr, missing = wrong("missing username for auth"))]
    pub username: String,
    /// Where the password is kept.
    #[xml(child, missing = wrong("Missing <secret> element in auth"))]
    pub secret: SecretReference,
}

fn no_auth_type() -> Error {
    unsupported("storage pool missing auth type")
}

fn unknown_format(text: &str) -> Error {
    unsupported(format!("unknown pool format type {text}"))
}

/// Protocols of authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum PoolAuthType {
    /// iSCSI's.
    Chap,
    /// Ceph's.
    Ceph,
}

/// A Ceph pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct RbdSource {
    /// Its monitors; none: those of Ceph's own configuration.
    #[xml(child)]
    pub hosts: Vec<SourceHost>,
    /// The pool's name in Ceph, a namespace behind a slash; default: the pool's.
    #[xml(child_text)]
    pub name: Option<String>,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// A Sheepdog cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct SheepdogSource {
    /// A member.
    #[xml(child)]
    pub hosts: Vec<SourceHost>,
    /// Its name; default: the pool's.
    #[xml(child_text)]
    pub name: Option<String>,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// A Gluster volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct GlusterSource {
    /// Its servers.
    #[xml(child)]
    pub hosts: Vec<SourceHost>,
    /// A directory in it; default: all of it.
    #[xml(attr = "dir/@path")]
    pub directory: Option<String>,
    /// The Gluster volume's name; default: the pool's.
    #[xml(child_text)]
    pub name: Option<String>,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// A ZFS pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct ZfsSource {
    /// Its devices, to build it from.
    #[xml(child)]
    pub devices: Vec<SourceDevice>,
    /// The ZFS pool's name; default: the pool's.
    #[xml(child_text)]
    pub name: Option<String>,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// A Virtuozzo storage cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct VstorageSource {
    /// The cluster's name; default: the pool's.
    #[xml(child_text)]
    pub name: Option<String>,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

impl StoragePoolKind {
    /// The name that its source has of its own.
    pub(super) fn source_name(&self) -> Option<&str> {
        match self {
            Self::Logical(pool) => pool.source.name.as_deref(),
            Self::Rbd(pool) => pool.source.name.as_deref(),
            Self::Sheepdog(pool) => pool.source.name.as_deref(),
            Self::Gluster(pool) => pool.source.name.as_deref(),
            Self::Zfs(pool) => pool.source.name.as_deref(),
            Self::Vstorage(pool) => pool.source.name.as_deref(),
            _ => None,
        }
    }

    fn source_name_mut(&mut self) -> Option<&mut Option<String>> {
        match self {
            Self::Logical(pool) => Some(&mut pool.source.name),
            Self::Rbd(pool) => Some(&mut pool.source.name),
            Self::Sheepdog(pool) => Some(&mut pool.source.name),
            Self::Gluster(pool) => Some(&mut pool.source.name),
            Self::Zfs(pool) => Some(&mut pool.source.name),
            Self::Vstorage(pool) => Some(&mut pool.source.name),
            _ => None,
        }
    }

    /// Fills in the source's name, and refuses a source that lacks what this kind needs.
    pub(super) fn settle(&mut self, pool: &str, reader: &Reader<'_, '_>) -> Result<()> {
        // Without a source, its host is what is missed first.
        if let Some(source) = reader.first(NoSource::NAME)
            && matches!(self, Self::Rbd(_))
            && self.source_name().is_none()
        {
            return Err(source.refuse("element 'name' is mandatory for RBD pool"));
        }
        if let Some(name) = self.source_name_mut() {
            name.get_or_insert_with(|| pool.to_owned());
        }
        if let Self::Gluster(pool) = self {
            let directory = pool.source.directory.take().filter(|directory| !directory.is_empty());
            pool.source.directory =
                Some(directory.map_or_else(|| "/".into(), |path| super::sanitized(&path)));
        }
        if let Self::Netfs(pool) = self
            && let Some(directory) = &mut pool.source.directory
        {
            *directory = super::sanitized(directory);
        }
        let host = |hosts: &[SourceHost]| match hosts {
            [] => Err(reader.refuse("missing storage pool source host name")),
            _ => Ok(()),
        };
        let device = |devices: &[SourceDevice]| match devices {
            [] => Err(reader.refuse("missing storage pool source device name")),
            _ => Ok(()),
        };
        match self {
            Self::Netfs(pool) => {
                host(&pool.source.hosts)?;
                let format = pool.source.format;
                if pool.source.common.protocol_version.is_some()
                    && !matches!(format, NetworkFileSystem::Auto | NetworkFileSystem::Nfs)
                {
                    return Err(reader.unsupported(format!(
                        "storage pool protocol ver unsupported for pool type '{format}'"
                    )));
                }
                match pool.source.directory {
                    None => Err(reader.refuse("missing storage pool source path")),
                    Some(_) => Ok(()),
                }
            }
            Self::Fs(pool) => device(&pool.source.devices),
            Self::Disk(pool) => device(&pool.source.devices),
            Self::Iscsi(pool) => host(&pool.source.hosts),
            Self::IscsiDirect(pool) => {
                host(&pool.source.hosts)?;
                match pool.source.initiator {
                    None => Err(reader.unsupported("missing initiator IQN")),
                    Some(_) => Ok(()),
                }
            }
            Self::Sheepdog(pool) => host(&pool.source.hosts),
            Self::Gluster(pool) => host(&pool.source.hosts),
            Self::Rbd(pool) => host(&pool.source.hosts),
            Self::Scsi(pool) => match &pool.source.adapter {
                None => Err(reader.refuse("missing storage pool source adapter")),
                Some(StorageAdapter::ScsiHost(host)) => match (&host.name, &host.parent_address) {
                    (Some(_), Some(_)) => Err(reader
                        .refuse("Both 'name' and 'parent' cannot be specified for the 'scsi_host' adapter")),
                    (None, None) => Err(reader
                        .refuse("Either 'name' or 'parent' must be specified for the 'scsi_host' adapter")),
                    _ => Ok(()),
                },
                Some(StorageAdapter::FcHost(_)) => Ok(()),
            },
            Self::Dir(_) | Self::Logical(_) | Self::Mpath(_) | Self::Zfs(_) | Self::Vstorage(_) => Ok(()),
        }
    }

    /// The path that follows from the source, whatever the target says.
    pub(super) fn fixed_path(&self) -> Option<String> {
        match self {
            Self::Logical(_) => Some(format!("/dev/{}", self.source_name()?)),
            Self::Zfs(_) => Some(format!("/dev/zvol/{}", self.source_name()?)),
            _ => None,
        }
    }

    /// Whether it shows on the host.
    pub(super) fn has_target(&self) -> bool {
        !matches!(self, Self::Rbd(_) | Self::Sheepdog(_) | Self::Gluster(_) | Self::IscsiDirect(_))
    }
}
