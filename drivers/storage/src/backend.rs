//! What each type of pool does in its own way; what it cannot do, libvirt's sentences say.

mod block;
mod directory;
mod disk;
mod iscsi;
mod iscsi_direct;
mod logical;
mod mpath;
mod rbd;
mod scsi;
mod zfs;

use std::path::PathBuf;

use virt_conf::model::storage_pool::{SourceHost, StorageAdapter, StoragePoolKind};
use virt_conf::model::{SecretReference, StoragePool, StorageVolume};
use virt_core::driver::{
    BuildStoragePool, Call, Host, SecretUsageKind, SecretValue, StoragePoolInfo, StoragePoolState,
};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

pub(crate) use block::open as open_device;
pub(crate) use directory::note_permissions;

use crate::command::Command;
use crate::content::{Space, Volume, Volumes};
use crate::error;

/// What there is in a pool.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) volumes: Volumes,
    /// Nothing where the pool's directory says so at any time.
    pub(crate) space: Option<Space>,
}

/// Who asks, and for which pool.
pub(crate) struct Ask<'a> {
    pub(crate) pool: &'a StoragePool,
    pub(crate) call: &'a Call,
    /// Other drivers of this host, for passwords.
    pub(crate) host: &'a Host,
    /// The connection's URI, which says whose secrets they are.
    pub(crate) uri: &'a str,
}

/// A device, what removes it, and where it begins.
pub(crate) type Removal = (PathBuf, (Command, Option<u64>));

/// Where sources of pools are looked for.
#[derive(Debug, Default)]
pub(crate) struct Where {
    pub(crate) hosts: Vec<SourceHost>,
    pub(crate) initiator: Option<String>,
}

/// How something is done to pools of one type. What is left out is done by nothing, or refused.
pub(crate) trait Backend: Sync {
    /// Makes the storage.
    fn build(&self, _: &Ask<'_>, _: BuildStoragePool) -> Result<()> {
        Ok(())
    }

    /// Whether what starting does has been done already, by whomever.
    fn is_active(&self, _: &Ask<'_>) -> Result<bool> {
        Ok(false)
    }

    /// Brings it to the host.
    fn start(&self, _: &Ask<'_>) -> Result<()> {
        Ok(())
    }

    /// Takes it away again; what is stored stays.
    fn stop(&self, _: &Ask<'_>) -> Result<()> {
        Ok(())
    }

    /// Removes the storage.
    fn delete(&self, _: &Ask<'_>) -> Result<()> {
        Err(no_support("pool does not support pool deletion"))
    }

    /// Looks at what there is, given what was known.
    fn refresh(&self, ask: &Ask<'_>, known: &Volumes) -> Result<Found>;

    /// One volume as it is now; nothing when it is gone.
    fn look(&self, _: &Ask<'_>, known: &Volume) -> Result<Option<Volume>> {
        block::again(known)
    }

    /// Makes a volume that is empty.
    fn create(&self, _: &Ask<'_>, _: &Found, _: &StorageVolume) -> Result<()> {
        Err(no_support("storage pool does not support volume creation"))
    }

    /// Where the device of a volume that is going to be made will be, what removes it, and where on its disk a partition will
    /// begin; nothing where volumes cannot be made of others.
    fn removal(&self, _: &Ask<'_>, _: &StorageVolume) -> Result<Option<Removal>> {
        Ok(None)
    }

    /// Removes a volume.
    fn remove(&self, _: &Ask<'_>, _: &Volume) -> Result<()> {
        Err(no_support("storage pool does not support vol deletion"))
    }

    /// Gives a volume another size.
    fn resize(&self, _: &Ask<'_>, _: &Volume, _: u64) -> Result<()> {
        Err(no_support("storage pool does not support changing of volume capacity"))
    }

    /// Refuses what cannot be written over.
    fn check_wipe(&self, _: &Volume) -> Result<()> {
        Ok(())
    }

    /// Whether volumes are read and written at their paths.
    fn has_paths(&self) -> bool {
        true
    }

    /// What pools of this type could be made of.
    fn find_sources(&self, kind: &str, _: Option<&Where>, _: &Call) -> Result<String> {
        Err(no_support(format!("pool type '{kind}' does not support source discovery")))
    }
}

/// Whoever serves pools of this type.
pub(crate) fn of(kind: &StoragePoolKind) -> Result<&'static dyn Backend> {
    named(kind_name(kind)).ok_or_else(|| {
        Error::internal(ErrorDomain::STORAGE, format!("missing backend for pool type '{}'", kind_name(kind)))
    })
}

/// As [`of`], by the type's word.
pub(crate) fn named(kind: &str) -> Option<&'static dyn Backend> {
    Some(match kind {
        "dir" => &directory::Directory,
        "fs" => &directory::FileSystem,
        "netfs" => &directory::Network,
        "logical" => &logical::Logical,
        "disk" => &disk::Disk,
        "iscsi" => &iscsi::Iscsi,
        "iscsi-direct" => &iscsi_direct::Direct,
        "scsi" => &scsi::Scsi,
        "mpath" => &mpath::Multipath,
        "rbd" => &rbd::Rbd,
        "zfs" => &zfs::Zfs,
        _ => return None,
    })
}

/// The word for a type of pools.
pub(crate) fn kind_name(kind: &StoragePoolKind) -> &'static str {
    match kind {
        StoragePoolKind::Dir(_) => "dir",
        StoragePoolKind::Fs(_) => "fs",
        StoragePoolKind::Netfs(_) => "netfs",
        StoragePoolKind::Logical(_) => "logical",
        StoragePoolKind::Disk(_) => "disk",
        StoragePoolKind::Iscsi(_) => "iscsi",
        StoragePoolKind::IscsiDirect(_) => "iscsi-direct",
        StoragePoolKind::Scsi(_) => "scsi",
        StoragePoolKind::Mpath(_) => "mpath",
        StoragePoolKind::Rbd(_) => "rbd",
        StoragePoolKind::Sheepdog(_) => "sheepdog",
        StoragePoolKind::Gluster(_) => "gluster",
        StoragePoolKind::Zfs(_) => "zfs",
        StoragePoolKind::Vstorage(_) => "vstorage",
    }
}

/// Whether the volumes of such a pool are files of one directory.
pub(crate) fn has_files(kind: &StoragePoolKind) -> bool {
    matches!(kind, StoragePoolKind::Dir(_) | StoragePoolKind::Fs(_) | StoragePoolKind::Netfs(_))
}

/// The directory of the volumes of a pool that has files.
pub(crate) fn directory(pool: &StoragePool) -> Result<&str> {
    pool.target_path().ok_or_else(|| error::failed("the pool has no target path"))
}

/// Refuses flags that contradict each other: whether to write over what is there, and whether to look first.
fn overwrites(flags: BuildStoragePool) -> Result<(bool, bool)> {
    let (overwrite, keep) =
        (flags.contains(BuildStoragePool::OVERWRITE), flags.contains(BuildStoragePool::NO_OVERWRITE));
    if overwrite && keep {
        let sentence = "Flags 'VIR_STORAGE_POOL_BUILD_OVERWRITE' and 'VIR_STORAGE_POOL_BUILD_NO_OVERWRITE' are mutually exclusive";
        return Err(error::argument(sentence));
    }
    Ok((overwrite, keep))
}

/// "this function is not supported by the connection driver: ..."
pub(crate) fn no_support(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::STORAGE, sentence)
}

/// State and sizes of a running pool, given what was found out when it was refreshed.
pub(crate) fn info(pool: &StoragePool, space: Option<&Space>) -> StoragePoolInfo {
    match space {
        Some(space) => StoragePoolInfo {
            state: StoragePoolState::Running,
            capacity: space.capacity,
            allocation: space.allocation,
            available: space.available,
        },
        None => directory::info(pool),
    }
}

/// Writes down what this start made, and the stop is to remove, where the definition does not say so.
pub(crate) fn note_made(pool: &mut StoragePool) {
    if let StoragePoolKind::Scsi(scsi) = &mut pool.kind
        && let Some(StorageAdapter::FcHost(channel)) = &mut scsi.source.adapter
    {
        channel.managed.get_or_insert(true);
    }
}

/// What two pools cannot both have: the storage itself.
pub(crate) fn source_key(pool: &StoragePool) -> Option<String> {
    match &pool.kind {
        StoragePoolKind::Dir(_) => pool.target_path().map(|path| format!("dir {path}")),
        StoragePoolKind::Fs(fs) => fs.source.devices.first().map(|device| format!("device {}", device.path)),
        StoragePoolKind::Disk(disk) => {
            disk.source.devices.first().map(|device| format!("device {}", device.path))
        }
        StoragePoolKind::Netfs(fs) => {
            let host = fs.source.hosts.first()?;
            Some(format!("netfs {}:{}", host.name, fs.source.directory.as_deref().unwrap_or_default()))
        }
        StoragePoolKind::Logical(group) => group.source.name.as_ref().map(|name| format!("group {name}")),
        StoragePoolKind::Iscsi(target) | StoragePoolKind::IscsiDirect(target) => {
            let (host, device) = (target.source.hosts.first()?, target.source.devices.first()?);
            let initiator = target.source.initiator.as_deref().unwrap_or_default();
            Some(format!("iscsi {} {} {initiator}", host.name, device.path))
        }
        StoragePoolKind::Scsi(host) => Some(format!("scsi {:?}", host.source.adapter.as_ref()?)),
        StoragePoolKind::Mpath(_) => Some("mpath".to_owned()),
        StoragePoolKind::Zfs(zfs) => zfs.source.name.as_ref().map(|name| format!("zfs {name}")),
        StoragePoolKind::Rbd(ceph) => {
            let hosts: Vec<&str> = ceph.source.hosts.iter().map(|host| host.name.as_str()).collect();
            Some(format!("rbd {} {}", hosts.join(","), ceph.source.name.as_deref()?))
        }
        _ => None,
    }
}

/// What is on a device already, by `blkid`: a file system, a member of a volume group, or a table of partitions.
fn existing(device: &str, call: &Call) -> Result<Option<String>> {
    for tag in ["TYPE", "PTTYPE"] {
        let probe = Command::new("blkid", ["-p", "-o", "value", "-s", tag, device]);
        let found = match probe.run(call) {
            Ok(found) => found,
            // It finds nothing, and says so by its status; what is not there at all is another matter.
            Err(_) if virt_util::spawn::find_program("blkid").is_some() && call.check().is_ok() => {
                String::new()
            }
            Err(error) => return Err(error),
        };
        if !found.trim().is_empty() {
            return Ok(Some(found.trim().to_owned()));
        }
    }
    Ok(None)
}

/// The password that a pool's source names.
fn secret(ask: &Ask<'_>, reference: &SecretReference, usage: SecretUsageKind) -> Result<SecretValue> {
    let slots = ask.host.role(ask.call, "secret".to_owned(), ask.uri.to_owned())?;
    let secrets = slots.secrets.ok_or_else(|| error::unsupported("no driver for secrets is there"))?;
    let uuid = match (reference.uuid, &reference.usage) {
        (Some(uuid), _) => uuid,
        (None, Some(name)) => secrets.lookup_by_usage(ask.call, usage, name.clone())?.uuid,
        (None, None) => return Err(error::unsupported("missing secret uuid or usage attribute")),
    };
    secrets.reveal(ask.call, uuid)
}

/// Waits until udev has made the links to what the kernel has.
fn settle(call: &Call) {
    if virt_util::udev::Udev::host().is_running()
        && let Err(error) = Command::new("udevadm", ["settle"]).run(call)
    {
        log::warn!("{error}");
    }
}

/// Whether a name that another program gave can be a volume's.
fn is_name(name: &str) -> bool {
    let good =
        !name.is_empty() && name.len() <= 255 && !name.contains(char::is_control) && !name.contains('/');
    if !good {
        log::warn!("a volume is left out for its name '{}'", name.escape_default());
    }
    good && name != "." && name != ".."
}
