//! Pools of files: a directory (`dir`), a file system on a block device (`fs`) or on the network (`netfs`).

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::{Gid, Uid, chown};
use virt_conf::model::StoragePool;
use virt_conf::model::storage_pool::{
    FileMode, FileSystemFormat, FsPool, NetfsSource, NetworkFileSystem, SourceHost, StoragePermissions,
    StoragePoolKind, StoragePoolSources,
};
use virt_conf::xml::{FormatOptions, Value as _};
use virt_core::driver::{BuildStoragePool, Call, StoragePoolInfo, StoragePoolState};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{Ask, Backend, Found, Where, directory, overwrites};
use crate::command::{Command, Platform, mount};
use crate::content::{Volume, Volumes};
use crate::{error, refresh};

/// The mode of directories that are made for pools.
const DIRECTORY_MODE: u32 = 0o711;

pub(super) struct Directory;
pub(super) struct FileSystem;
pub(super) struct Network;

fn volumes(ask: &Ask<'_>, known: &Volumes) -> Result<Found> {
    Ok(Found { volumes: refresh::directory(directory(ask.pool)?, known, ask.call)?, space: None })
}

fn one(ask: &Ask<'_>, known: &Volume) -> Result<Option<Volume>> {
    refresh::one(directory(ask.pool)?, &known.name)
}

fn make(pool: &StoragePool) -> Result<()> {
    make_directory(Path::new(directory(pool)?), pool.target.as_ref().and_then(|it| it.permissions.as_ref()))
}

/// Removes a directory, which nothing may be in.
fn remove(pool: &StoragePool) -> Result<()> {
    let path = directory(pool)?;
    std::fs::remove_dir(path).map_err(|error| error::system(format!("failed to remove pool '{path}'"), error))
}

fn bring(ask: &Ask<'_>) -> Result<()> {
    if is_mounted(directory(ask.pool)?)? {
        return Ok(());
    }
    mount(ask.pool, Platform::Linux)?.run(ask.call).map(drop)
}

fn take_away(ask: &Ask<'_>) -> Result<()> {
    let path = directory(ask.pool)?;
    if !is_mounted(path)? {
        return Ok(());
    }
    Command::new("umount", [path]).run(ask.call).map(drop)
}

impl Backend for Directory {
    fn build(&self, ask: &Ask<'_>, flags: BuildStoragePool) -> Result<()> {
        overwrites(flags)?;
        make(ask.pool)
    }

    fn delete(&self, ask: &Ask<'_>) -> Result<()> {
        remove(ask.pool)
    }

    fn refresh(&self, ask: &Ask<'_>, known: &Volumes) -> Result<Found> {
        volumes(ask, known)
    }

    fn look(&self, ask: &Ask<'_>, known: &Volume) -> Result<Option<Volume>> {
        one(ask, known)
    }
}

impl Backend for FileSystem {
    fn build(&self, ask: &Ask<'_>, flags: BuildStoragePool) -> Result<()> {
        let (overwrite, keep) = overwrites(flags)?;
        make(ask.pool)?;
        let StoragePoolKind::Fs(fs) = &ask.pool.kind else { return Ok(()) };
        if overwrite || keep { format(ask.pool, fs, keep, ask.call) } else { Ok(()) }
    }

    fn is_active(&self, ask: &Ask<'_>) -> Result<bool> {
        is_mounted(directory(ask.pool)?)
    }

    fn start(&self, ask: &Ask<'_>) -> Result<()> {
        match &ask.pool.kind {
            StoragePoolKind::Fs(fs) if fs.source.devices.len() != 1 => {
                Err(error::unsupported("expected exactly 1 device for the storage pool"))
            }
            _ => bring(ask),
        }
    }

    fn stop(&self, ask: &Ask<'_>) -> Result<()> {
        take_away(ask)
    }

    fn delete(&self, ask: &Ask<'_>) -> Result<()> {
        remove(ask.pool)
    }

    fn refresh(&self, ask: &Ask<'_>, known: &Volumes) -> Result<Found> {
        volumes(ask, known)
    }

    fn look(&self, ask: &Ask<'_>, known: &Volume) -> Result<Option<Volume>> {
        one(ask, known)
    }
}

impl Backend for Network {
    fn build(&self, ask: &Ask<'_>, flags: BuildStoragePool) -> Result<()> {
        overwrites(flags)?;
        make(ask.pool)
    }

    fn is_active(&self, ask: &Ask<'_>) -> Result<bool> {
        is_mounted(directory(ask.pool)?)
    }

    fn start(&self, ask: &Ask<'_>) -> Result<()> {
        match &ask.pool.kind {
            StoragePoolKind::Netfs(fs) if fs.source.hosts.len() != 1 => {
                Err(error::unsupported("Expected exactly 1 host for the storage pool"))
            }
            _ => bring(ask),
        }
    }

    fn stop(&self, ask: &Ask<'_>) -> Result<()> {
        take_away(ask)
    }

    fn delete(&self, ask: &Ask<'_>) -> Result<()> {
        remove(ask.pool)
    }

    fn refresh(&self, ask: &Ask<'_>, known: &Volumes) -> Result<Found> {
        volumes(ask, known)
    }

    fn look(&self, ask: &Ask<'_>, known: &Volume) -> Result<Option<Volume>> {
        one(ask, known)
    }

    fn find_sources(&self, _: &str, place: Option<&Where>, call: &Call) -> Result<String> {
        let host = match place.map(|place| place.hosts.as_slice()) {
            None | Some([]) => return Err(error::argument("hostname must be specified for netfs sources")),
            Some([host]) => host,
            Some(_) => return Err(error::unsupported("Expected exactly 1 host for the storage pool")),
        };
        // A name that begins with a dash is an option to it.
        let said = Command::new("showmount", ["--no-headers", "--exports", "--", &host.name]).run(call)?;
        let directories = exports(&said)?;
        if directories.is_empty() {
            let sentence = format!("no storage pools were found on host '{}'", host.name);
            return Err(Error::internal(ErrorDomain::STORAGE, sentence));
        }
        let source = |directory: String| NetfsSource {
            hosts: vec![SourceHost { name: host.name.clone(), port: 0 }],
            directory: Some(directory),
            format: NetworkFileSystem::Nfs,
            ..NetfsSource::default()
        };
        let sources =
            StoragePoolSources { netfs: directories.into_iter().map(source).collect(), ..Default::default() };
        Ok(virt_conf::xml::to_string(&sources, FormatOptions::default()))
    }
}

/// The directories that a server exports, by what `showmount --exports` says: `/srv/images 10.0.0.0/8`.
///
/// # Errors
///
/// When one cannot be a pool's.
pub(super) fn exports(text: &str) -> Result<Vec<String>> {
    let refused = |sentence: String| Error::internal(ErrorDomain::STORAGE, sentence);
    let mut found = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('/') && !line.contains(char::is_control)) {
        // Who may is behind the last blanks; a directory may have some in its name.
        let Some((path, _)) = line.trim_end().rsplit_once(' ') else { continue };
        let path = path.trim_end();
        if path.is_empty() {
            continue;
        }
        if path.len() > 1 && path.ends_with('/') {
            return Err(refused(format!("invalid netfs path (ends in /): {path}")));
        }
        found.push(path.to_owned());
    }
    Ok(found)
}

/// Makes the file system of a pool; where something is to be kept, only on a device without one.
fn format(pool: &StoragePool, fs: &FsPool, keep: bool, call: &Call) -> Result<()> {
    let device = fs.source.devices.first().ok_or_else(|| {
        let sentence = format!("No source device specified when formatting pool '{}'", pool.name);
        Error::internal(ErrorDomain::STORAGE, sentence)
    })?;
    if !Path::new(&device.path).exists() {
        return Err(error::failed(format!(
            "Source device does not exist when formatting pool '{}'",
            pool.name
        )));
    }
    if keep && let Some(found) = super::existing(&device.path, call)? {
        let detail = format!("Existing filesystem of type '{found}' found on device '{}'", device.path);
        return Err(Error::new(ErrorCode::STORAGE_POOL_BUILT, ErrorDomain::STORAGE, detail));
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

/// State and sizes of a running pool.
pub(super) fn info(pool: &StoragePool) -> StoragePoolInfo {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read_and_nothing_else() {
        let check = |text: &str, expected: &[&str]| assert_eq!(exports(text).unwrap(), expected, "{text:?}");
        check("/srv/images      10.0.0.0/8,192.168.1.1\n/a b   *\n", &["/srv/images", "/a b"]);
        check("", &[]);
        check("Export list for host:\nrelative *\n/alone\n", &[]);
        check("/ (everyone)\n", &["/"]);
        check("/with\tcontrol *\n/\u{1b}[2J *\n", &[]);
        assert_eq!(
            exports("/srv/images/ *\n").unwrap_err().to_string(),
            "internal error: invalid netfs path (ends in /): /srv/images/"
        );
    }
}
