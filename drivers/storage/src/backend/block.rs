//! Block devices as volumes.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use virt_core::driver::StorageVolumeKind;
use virt_util::Result;
use virt_util::image::Bytes as _;

use crate::content::Volume;
use crate::error;

/// Opens a volume's device. Unlike a file's, its path may be a link: those below /dev are made by the system.
pub(crate) fn open(path: &Path, write: bool) -> Result<File> {
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let opened = OpenOptions::new().read(true).write(write).custom_flags(flags).open(path);
    let file = opened.map_err(|error| error::about("cannot open volume", path, error))?;
    let kind = file.metadata().map_err(|error| error::about("cannot stat file", path, error))?.file_type();
    match kind.is_block_device() {
        true => Ok(file),
        false => Err(error::invalid(format!("'{}' is no block device", path.display()))),
    }
}

/// A volume of this name on this device, as it is now.
pub(crate) fn look(name: &str, path: &Path) -> Result<Volume> {
    let file = open(path, false)?;
    let length = file.length().map_err(|error| error::about("cannot seek to end of", path, error))?;
    let stat = file.metadata().map_err(|error| error::about("cannot stat file", path, error))?;
    let path = path.to_string_lossy().into_owned();
    Ok(Volume {
        name: name.to_owned(),
        key: path.clone(),
        path,
        kind: StorageVolumeKind::Block.number(),
        capacity: length,
        allocation: length,
        physical: length,
        mode: stat.mode() & 0o7777,
        owner: (stat.uid(), stat.gid()),
        times: [
            (stat.atime(), stat.atime_nsec()),
            (stat.mtime(), stat.mtime_nsec()),
            (stat.ctime(), stat.ctime_nsec()),
        ],
        ..Volume::default()
    })
}

/// A known volume as it is now: the device says its owner and length, all else is what its pool found.
pub(super) fn again(known: &Volume) -> Result<Option<Volume>> {
    let now = match look(&known.name, Path::new(&known.path)) {
        Ok(now) => now,
        Err(error) if error.errno() == Some(nix::errno::Errno::ENOENT) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Volume { mode, owner, times, physical, .. } = now;
    let mut volume = Volume { physical, mode, owner, times, ..known.clone() };
    // What is thin has an allocation of its own.
    if known.allocation == known.capacity {
        volume.allocation = physical;
    }
    volume.capacity = physical;
    Ok(Some(volume))
}

/// Names of devices that stay the same from boot to boot: the links in a pool's target directory.
pub(super) struct StablePaths {
    links: HashMap<PathBuf, PathBuf>,
    /// Whether devices without a link are volumes all the same.
    any: bool,
}

impl StablePaths {
    /// Those of a pool with this target; none where that is /dev itself, or is not below it.
    pub(super) fn of(target: &str) -> Result<Self> {
        let any = matches!(target.trim_end_matches('/'), "" | "/dev") || !target.starts_with("/dev");
        let mut links = HashMap::new();
        if any {
            return Ok(Self { links, any });
        }
        let entries = match std::fs::read_dir(target) {
            // A host without such devices has no such directory.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self { links, any }),
            other => other.map_err(|error| error::about("cannot read dir", Path::new(target), error))?,
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort_unstable();
        for path in paths {
            if let Ok(device) = path.canonicalize() {
                links.entry(device).or_insert(path);
            }
        }
        Ok(Self { links, any })
    }

    /// What a device is called; nothing where it has no such name, and should have.
    pub(super) fn get(&self, device: &Path) -> Option<PathBuf> {
        match self.links.get(device) {
            Some(link) => Some(link.clone()),
            None => self.any.then(|| device.to_owned()),
        }
    }

    /// As [`StablePaths::get`], or the device itself.
    pub(super) fn get_or_device(&self, device: &Path) -> PathBuf {
        self.links.get(device).cloned().unwrap_or_else(|| device.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_block_devices_are_opened() {
        assert!(open(Path::new("/dev/null"), false).is_err());
        assert!(open(Path::new("/etc/passwd"), false).is_err());
        assert!(look("x", Path::new("/dev/does-not-exist")).is_err());
        let known = Volume { path: "/dev/does-not-exist".into(), ..Volume::default() };
        assert_eq!(again(&known).unwrap(), None);
    }

    #[test]
    fn devices_of_pools_below_dev_have_stable_names_or_are_left_out() {
        let all = StablePaths::of("/dev").unwrap();
        assert_eq!(all.get(Path::new("/dev/sda")), Some("/dev/sda".into()));
        let none = StablePaths::of("/dev/disk/by-no-such-thing").unwrap();
        assert_eq!(none.get(Path::new("/dev/sda")), None);
        assert_eq!(none.get_or_device(Path::new("/dev/sda")), Path::new("/dev/sda"));
    }
}
