//! What each type of pool does in its own way.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::{Gid, Uid, chown};
use virt_conf::model::StoragePool;
use virt_conf::model::storage_pool::{FileMode, FileSystemFormat, StoragePermissions, StoragePoolKind};
use virt_conf::xml::Value as _;
use virt_core::driver::{BuildStoragePool, Call, StoragePoolInfo, StoragePoolState};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::command::{Command, Platform, mount};
use crate::content::Volumes;
use crate::{error, refresh};

/// The mode of directories that are made for pools.
const DIRECTORY_MODE: u32 = 0o711;

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

/// Whether pools of this type can be started here.
pub(crate) fn is_supported(kind: &StoragePoolKind) -> bool {
    matches!(kind, StoragePoolKind::Dir(_) | StoragePoolKind::Fs(_) | StoragePoolKind::Netfs(_))
}

fn unsupported(kind: &StoragePoolKind) -> Error {
    Error::internal(ErrorDomain::STORAGE, format!("missing backend for pool type '{}'", kind_name(kind)))
}

/// The directory of a pool's volumes.
pub(crate) fn directory(pool: &StoragePool) -> Result<&str> {
    match pool.target_path() {
        Some(path) if is_supported(&pool.kind) => Ok(path),
        _ => Err(unsupported(&pool.kind)),
    }
}

/// Makes the storage of a pool.
pub(crate) fn build(pool: &StoragePool, flags: BuildStoragePool, call: &Call) -> Result<()> {
    let (overwrite, keep) =
        (flags.contains(BuildStoragePool::OVERWRITE), flags.contains(BuildStoragePool::NO_OVERWRITE));
    if overwrite && keep {
        let sentence = "Flags 'VIR_STORAGE_POOL_BUILD_OVERWRITE' and 'VIR_STORAGE_POOL_BUILD_NO_OVERWRITE' are mutually exclusive";
        return Err(error::argument(sentence));
    }
    make_directory(Path::new(directory(pool)?), pool.target.as_ref().and_then(|it| it.permissions.as_ref()))?;
    let StoragePoolKind::Fs(fs) = &pool.kind else { return Ok(()) };
    if !overwrite && !keep {
        return Ok(());
    }
    let device = fs.source.devices.first().ok_or_else(|| error::failed("missing source device"))?;
    if keep {
        let probe = Command::new("blkid", ["-p", "-o", "value", "-s", "TYPE", &device.path]);
        // It finds nothing, and says so by its status.
        let found = probe.run(call).unwrap_or_default();
        if !found.trim().is_empty() {
            let detail =
                format!("Existing filesystem of type '{}' found on device '{}'", found.trim(), device.path);
            return Err(Error::new(ErrorCode::STORAGE_POOL_BUILT, ErrorDomain::STORAGE, detail));
        }
    }
    let mut format = String::new();
    match fs.source.format {
        FileSystemFormat::Auto => {
            return Err(error::failed("a file system is made with a format: 'auto' is none"));
        }
        kind => kind.format(&mut format),
    }
    // They ask before they overwrite, and nobody is there to answer.
    let force = match fs.source.format {
        FileSystemFormat::Xfs => Some("-f"),
        FileSystemFormat::Ext2 | FileSystemFormat::Ext3 | FileSystemFormat::Ext4 => Some("-F"),
        _ => None,
    };
    let mut make = Command::new("mkfs", ["-t", &format]);
    make.arguments.extend(force.map(str::to_owned));
    make.argument(device.path.as_str()).run(call).map(drop)
}

/// Makes a directory and those above it; one that is there gets owner and mode.
fn make_directory(path: &Path, permissions: Option<&StoragePermissions>) -> Result<()> {
    let mode = permissions.and_then(|it| it.mode).map_or(DIRECTORY_MODE, |FileMode(mode)| mode);
    if let Some(parent) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o755).create(parent);
        made.map_err(|error| error::about("cannot create path", parent, error))?;
    }
    let made = match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => false,
        Err(error) => return Err(error::about("cannot create path", path, error)),
        Ok(()) => true,
    };
    if let Some(permissions) = permissions {
        let (user, group) = (permissions.owner.map(Uid::from_raw), permissions.group.map(Gid::from_raw));
        chown(path, user, group).map_err(|errno| error::about("cannot chown", path, errno))?;
    }
    if made || permissions.is_some_and(|it| it.mode.is_some()) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode)
            .map_err(|error| error::about("cannot set mode of", path, error))?;
    }
    Ok(())
}

/// Brings a pool to the host.
pub(crate) fn start(pool: &StoragePool, call: &Call) -> Result<()> {
    let path = directory(pool)?;
    match &pool.kind {
        StoragePoolKind::Fs(fs) if fs.source.devices.len() != 1 => {
            Err(error::failed("missing source device"))
        }
        StoragePoolKind::Netfs(fs) if fs.source.hosts.len() != 1 => {
            Err(error::unsupported("Expected exactly 1 host for the storage pool"))
        }
        StoragePoolKind::Fs(_) | StoragePoolKind::Netfs(_) if !is_mounted(path)? => {
            mount(pool, Platform::Linux)?.run(call).map(drop)
        }
        _ => Ok(()),
    }
}

/// Takes it away again.
pub(crate) fn stop(pool: &StoragePool, call: &Call) -> Result<()> {
    let path = directory(pool)?;
    match &pool.kind {
        StoragePoolKind::Fs(_) | StoragePoolKind::Netfs(_) if is_mounted(path)? => {
            Command::new("umount", [path]).run(call).map(drop)
        }
        _ => Ok(()),
    }
}

/// Removes its storage, which nothing may be in.
pub(crate) fn delete(pool: &StoragePool) -> Result<()> {
    let path = directory(pool)?;
    std::fs::remove_dir(path).map_err(|error| error::system(format!("failed to remove pool '{path}'"), error))
}

/// Whether something is mounted on this directory.
fn is_mounted(path: &str) -> Result<bool> {
    const MOUNTS: &str = "/proc/self/mountinfo";
    let text = std::fs::read_to_string(MOUNTS)
        .map_err(|error| error::about("cannot read", Path::new(MOUNTS), error))?;
    // Blanks and backslashes in paths are octal there.
    let shown =
        path.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011").replace('\n', "\\012");
    Ok(text.lines().any(|line| line.split(' ').nth(4) == Some(shown.as_str())))
}

/// Its volumes, given what was known of them.
pub(crate) fn volumes(pool: &StoragePool, known: &Volumes, call: &Call) -> Result<Volumes> {
    refresh::directory(directory(pool)?, known, call)
}

/// State and sizes of a running pool.
pub(crate) fn info(pool: &StoragePool) -> StoragePoolInfo {
    let mut info =
        StoragePoolInfo { state: StoragePoolState::Running, capacity: 0, allocation: 0, available: 0 };
    match pool.target_path().map(statvfs) {
        Some(Ok(stat)) => {
            let bytes = |blocks: u64| blocks.saturating_mul(stat.fragment_size());
            info.capacity = bytes(stat.blocks());
            info.available = bytes(stat.blocks_available());
            info.allocation = info.capacity.saturating_sub(info.available);
        }
        Some(Err(_)) => info.state = StoragePoolState::Inaccessible,
        None => {}
    }
    info
}

/// Writes down whom its directory belongs to.
pub(crate) fn note_permissions(pool: &mut StoragePool) {
    let Some(target) = &mut pool.target else { return };
    // What cannot be examined has just been refreshed, and is gone since: the next refresh says so.
    if let Ok(stat) = std::fs::metadata(&target.path) {
        let label = target.permissions.take().and_then(|permissions| permissions.label);
        target.permissions = Some(StoragePermissions {
            mode: Some(FileMode(stat.mode() & 0o7777)),
            owner: Some(stat.uid()),
            group: Some(stat.gid()),
            label,
        });
    }
}

/// What two pools cannot both have: the storage itself.
pub(crate) fn source_key(pool: &StoragePool) -> Option<String> {
    match &pool.kind {
        StoragePoolKind::Dir(_) => pool.target_path().map(|path| format!("dir {path}")),
        StoragePoolKind::Fs(fs) => fs.source.devices.first().map(|device| format!("device {}", device.path)),
        StoragePoolKind::Netfs(fs) => {
            let host = fs.source.hosts.first()?;
            Some(format!("netfs {}:{}", host.name, fs.source.directory.as_deref().unwrap_or_default()))
        }
        StoragePoolKind::Logical(group) => group.source.name.as_ref().map(|name| format!("group {name}")),
        _ => None,
    }
}
