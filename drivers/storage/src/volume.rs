//! What can be done to volumes of a directory.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown};
use virt_conf::model::storage_pool::{FileMode, FreeExtent, StoragePermissions};
use virt_conf::model::storage_volume::{
    ClusterSize, VolumeBackingStore, VolumeDevice, VolumeFeatures, VolumeFormat, VolumeFormatElement,
    VolumeKind, VolumeSource, VolumeTarget, VolumeTimestamps,
};
use virt_conf::model::{Bytes, StorageVolume};
use virt_conf::model::{EncryptionFormat, EncryptionSecret, EncryptionSecretType, StorageEncryption};
use virt_conf::xml::Value as _;
use virt_core::driver::{Call, StorageVolumeKind};
use virt_util::Result;

use crate::content::Volume;
use crate::error;
use crate::wipe::data;

/// The mode of volumes whose definition names none.
const FILE_MODE: u32 = 0o600;
/// How much is copied between two looks at the caller, in bytes.
const CHUNK: u64 = 8 << 20;

nix::ioctl_write_int!(ficlone, 0x94, 9);
nix::ioctl_read!(get_flags, b'f', 1, nix::libc::c_long);
nix::ioctl_write_ptr!(set_flags, b'f', 2, nix::libc::c_long);

/// Opens a volume's file, no link and no FIFO in its place.
pub(crate) fn open(path: &Path, write: bool) -> Result<File> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let opened = OpenOptions::new().read(true).write(write).custom_flags(flags).open(path);
    let file = opened.map_err(|error| error::about("cannot open volume", path, error))?;
    let kind = file.metadata().map_err(|error| error::about("cannot stat file", path, error))?.file_type();
    use std::os::unix::fs::FileTypeExt as _;
    if !kind.is_file() && !kind.is_block_device() {
        return Err(error::invalid(format!("'{}' is neither a file nor a block device", path.display())));
    }
    Ok(file)
}

/// Gives a raw file its size, and reserves what is to be reserved.
pub(crate) fn size(file: &File, path: &Path, capacity: u64, allocation: u64) -> Result<()> {
    file.set_len(capacity).map_err(|error| error::about("cannot extend file", path, error))?;
    let allocation = allocation.min(capacity);
    if allocation == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::empty(), 0, allocation.cast_signed()) {
        Ok(()) => Ok(()),
        // The file system cannot; what is written allocates it.
        Err(Errno::EOPNOTSUPP) => Ok(()),
        Err(errno) => Err(error::system(
            format!("cannot allocate {allocation} bytes in file '{}'", path.display()),
            errno,
        )),
    }
}

/// Copies the first `length` bytes of `from`, holes as holes.
pub(crate) fn copy(
    from: &File,
    to: &File,
    path: &Path,
    (start, length): (u64, u64),
    call: &Call,
) -> Result<()> {
    let failed =
        |error: io::Error| error::system(format!("failed writing to file '{}'", path.display()), error);
    let end = start.saturating_add(length);
    let mut place = start;
    while let Some((start, stop)) = data(from, place, end).filter(|_| place < end) {
        place = start;
        while place < stop {
            call.check()?;
            let part = (stop - place).min(CHUNK);
            let copied = copy_part(from, to, place, part).map_err(failed)?;
            if copied == 0 {
                // It became shorter under us.
                return Ok(());
            }
            place += copied;
            call.progress(place, end, "copying");
        }
    }
    Ok(())
}

/// As [`copy`], from the beginning, onto something that is not empty: holes become zeros.
pub(crate) fn copy_all(from: &File, to: &File, path: &Path, length: u64, call: &Call) -> Result<()> {
    let failed =
        |error: io::Error| error::system(format!("failed writing to file '{}'", path.display()), error);
    let mut buffer = vec![0; 1 << 20];
    let mut place = 0;
    while place < length {
        call.check()?;
        let part = usize::try_from(length - place).unwrap_or(buffer.len()).min(buffer.len());
        let part = &mut buffer[..part];
        // What it lost under us is zeros.
        let count = from.read_at(part, place).map_err(failed)?;
        part[count..].fill(0);
        let part = if count == 0 { &part[..] } else { &part[..count] };
        to.write_all_at(part, place).map_err(failed)?;
        place += part.len() as u64;
        call.progress(place, length, "copying");
    }
    Ok(())
}

/// In the kernel where it can, which shares blocks where the file system can.
fn copy_part(from: &File, to: &File, place: u64, length: u64) -> io::Result<u64> {
    use std::os::fd::AsRawFd as _;
    let (mut source, mut target) = (place.cast_signed(), place.cast_signed());
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let (from_fd, to_fd) = (from.as_raw_fd(), to.as_raw_fd());
    // SAFETY: both descriptors are open, and both places are numbers of ours that it may change.
    let copied =
        unsafe { nix::libc::copy_file_range(from_fd, &raw mut source, to_fd, &raw mut target, length, 0) };
    match Errno::result(copied) {
        Ok(copied) => return Ok(copied.unsigned_abs() as u64),
        Err(Errno::EXDEV | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ENOSYS) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut buffer = vec![0; length.min(1 << 20)];
    let count = from.read_at(&mut buffer, place)?;
    to.write_all_at(&buffer[..count], place)?;
    Ok(count as u64)
}

/// Lets two files share their blocks.
pub(crate) fn share(from: &File, to: &File, path: &Path) -> Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the request takes a descriptor's number, which stays open, and touches no memory of ours.
    let shared = unsafe { ficlone(to.as_raw_fd(), from.as_raw_fd() as nix::sys::ioctl::ioctl_param_type) };
    shared
        .map(drop)
        .map_err(|errno| error::system(format!("failed to clone files from '{}'", path.display()), errno))
}

/// Keeps the file system from copying a file on write, where it would.
pub(crate) fn set_nocow(file: &File, path: &Path) -> Result<()> {
    use std::os::fd::AsRawFd as _;
    const NOCOW: nix::libc::c_long = 0x0080_0000;
    if !nix::sys::statfs::fstatfs(file)
        .is_ok_and(|it| it.filesystem_type() == nix::sys::statfs::BTRFS_SUPER_MAGIC)
    {
        return Ok(());
    }
    let mut flags = 0;
    // SAFETY: both requests read or write the one number that they are given.
    let set = unsafe {
        get_flags(file.as_raw_fd(), &raw mut flags)
            .and_then(|_| set_flags(file.as_raw_fd(), &raw const flags).map(|_| flags |= NOCOW))
            .and_then(|()| set_flags(file.as_raw_fd(), &raw const flags))
    };
    set.map(drop).map_err(|errno| error::about("Failed to set NOCOW flag of", path, errno))
}

/// Gives a file the owner and mode that its definition names.
pub(crate) fn set_permissions(
    file: &File,
    path: &Path,
    permissions: Option<&StoragePermissions>,
) -> Result<()> {
    let mode = permissions.and_then(|it| it.mode).map_or(FILE_MODE, |FileMode(mode)| mode);
    let owner = permissions.and_then(|it| it.owner).map(Uid::from_raw);
    let group = permissions.and_then(|it| it.group).map(Gid::from_raw);
    if owner.is_some() || group.is_some() {
        fchown(file, owner, group).map_err(|errno| error::about("cannot chown", path, errno))?;
    }
    fchmod(file, Mode::from_bits_truncate(mode))
        .map_err(|errno| error::about("cannot set mode of", path, errno))
}

/// A descriptor that a program reads a password from. It has no name, and is gone with the program.
pub(crate) fn in_memory(value: &[u8]) -> Result<OwnedFd> {
    let flags = nix::sys::memfd::MFdFlags::MFD_CLOEXEC;
    let file = nix::sys::memfd::memfd_create(c"secret", flags)
        .map(File::from)
        .map_err(|errno| error::system("cannot make a file in memory", errno))?;
    file.write_all_at(value, 0).map_err(|error| error::system("cannot write a file in memory", error))?;
    Ok(file.into())
}

/// Whether this volume is made by qemu-img.
pub(crate) fn needs_qemu_img(volume: &StorageVolume) -> bool {
    let target = volume.target.as_ref();
    crate::command::format_name(target.and_then(|it| it.format.as_ref())) != "raw"
        || target.is_some_and(|it| it.encryption.is_some())
}

/// Whether this volume is a directory.
pub(crate) fn is_directory(volume: &StorageVolume) -> bool {
    let format = volume.target.as_ref().and_then(|it| it.format.as_ref());
    crate::command::format_name(format) == "dir"
}

/// A volume's document.
pub(crate) fn document(volume: &Volume) -> StorageVolume {
    let format = volume.format.as_deref().map(format_element);
    let encryption = volume.encryption.as_deref().map(|scheme| StorageEncryption {
        format: if scheme == "qcow" { EncryptionFormat::Qcow } else { EncryptionFormat::Luks },
        engine: None,
        secrets: volume.secret.into_iter().map(secret).collect(),
        cipher: None,
        ivgen: None,
    });
    StorageVolume {
        kind: match StorageVolumeKind::from_number(volume.kind) {
            StorageVolumeKind::Block => VolumeKind::Block,
            StorageVolumeKind::Dir => VolumeKind::Dir,
            StorageVolumeKind::Network => VolumeKind::Network,
            StorageVolumeKind::NetDir => VolumeKind::NetDir,
            StorageVolumeKind::Ploop => VolumeKind::Ploop,
            _ => VolumeKind::File,
        },
        name: volume.name.clone(),
        key: Some(volume.key.clone()),
        source: source(&volume.extents),
        capacity: Bytes(volume.capacity),
        allocation: Bytes(volume.allocation),
        physical: Some(Bytes(volume.physical)),
        target: Some(VolumeTarget {
            path: Some(volume.path.clone()),
            format,
            permissions: Some(permissions(volume.mode, volume.owner)),
            timestamps: Some(timestamps(volume.times)),
            encryption,
            compat: volume.compat.clone(),
            cluster_size: volume.cluster_size.map(|size| ClusterSize(Bytes(size))),
            nocow: false,
            features: volume.compat.as_deref().filter(|compat| *compat != "0.10").map(|_| VolumeFeatures {
                lazy_refcounts: volume.lazy_refcounts,
                extended_l2: volume.extended_l2,
            }),
        }),
        backing_store: volume.backing.as_ref().map(|(path, format)| backing(path, format.as_deref())),
    }
}

/// The devices that a volume lies on, each once.
fn source(extents: &[(String, u64, u64)]) -> Option<VolumeSource> {
    let mut devices: Vec<VolumeDevice> = Vec::new();
    for (path, start, end) in extents {
        let extent = FreeExtent { start: *start, end: *end };
        match devices.last_mut() {
            Some(device) if device.path == *path => device.extents.push(extent),
            _ => devices.push(VolumeDevice { path: path.clone(), extents: vec![extent] }),
        }
    }
    (!devices.is_empty()).then_some(VolumeSource { devices })
}

fn secret(uuid: uuid::Uuid) -> EncryptionSecret {
    EncryptionSecret { kind: EncryptionSecretType::Passphrase, uuid: Some(uuid), usage: None }
}

fn format_element(name: &str) -> VolumeFormatElement {
    let kind = VolumeFormat::parse(name).unwrap_or_else(|_| VolumeFormat::Partition(name.to_owned()));
    VolumeFormatElement { kind }
}

/// The image behind a volume, by what `stat` says of it; its content is not looked at.
fn backing(path: &str, format: Option<&str>) -> VolumeBackingStore {
    let stat = std::fs::metadata(path).ok();
    let times = |stat: &std::fs::Metadata| {
        [
            (stat.atime(), stat.atime_nsec()),
            (stat.mtime(), stat.mtime_nsec()),
            (stat.ctime(), stat.ctime_nsec()),
        ]
    };
    VolumeBackingStore {
        path: Some(path.to_owned()),
        format: Some(format_element(format.unwrap_or("raw"))),
        permissions: stat.as_ref().map(|stat| permissions(stat.mode() & 0o7777, (stat.uid(), stat.gid()))),
        timestamps: stat.as_ref().map(|stat| timestamps(times(stat))),
    }
}

fn permissions(mode: u32, (owner, group): (u32, u32)) -> StoragePermissions {
    StoragePermissions { mode: Some(FileMode(mode)), owner: Some(owner), group: Some(group), label: None }
}

fn timestamps(times: [(i64, i64); 3]) -> VolumeTimestamps {
    let [atime, mtime, ctime] = times.map(|(seconds, nanoseconds)| {
        Some(if nanoseconds == 0 { seconds.to_string() } else { format!("{seconds}.{nanoseconds:09}") })
    });
    VolumeTimestamps { atime, mtime, ctime, btime: Some("0".to_owned()) }
}
