//! Looking at the volumes of a directory: in parallel, headers only, and of what has not changed nothing but its `stat`.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::dir::Dir as Stream;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::libc;
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use virt_core::driver::{Call, StorageVolumeKind};
use virt_util::file::Identity;
use virt_util::image::{Bytes as _, Encryption, Format, Header, chain};
use virt_util::{Error, Result};

use crate::content::{Volume, Volumes};
use crate::error;
use crate::making;

/// Reading headers waits for the disk, most of the time.
const THREADS: usize = 16;
/// So many files are worth a thread of their own.
const FILES_A_THREAD: usize = 256;

/// The volumes of the directory at `path`, given what was known of them.
pub(crate) fn directory(path: &str, known: &Volumes, call: &Call) -> Result<Volumes> {
    let cannot = |errno: Errno| error::system(format!("cannot open directory '{path}'"), errno);
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut stream = Stream::open(Path::new(path), flags, Mode::empty()).map_err(cannot)?;
    let mut names: Vec<CString> = Vec::with_capacity(known.len());
    for entry in stream.iter() {
        let entry = entry.map_err(cannot)?;
        if is_volume(entry.file_name(), path) {
            names.push(entry.file_name().to_owned());
        }
    }
    let place = Place { fd: stream.as_fd(), path, known };
    let workers = (names.len() / FILES_A_THREAD + 1).min(THREADS);
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut found = Vec::with_capacity(names.len() / workers + 1);
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let looked = match call.cancelled() {
                true => Err(Error::new(
                    virt_util::ErrorCode::OPERATION_ABORTED,
                    virt_util::ErrorDomain::STORAGE,
                    "canceled by client",
                )),
                false => place.look(name),
            };
            match looked {
                Ok(volume) => found.extend(volume),
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(found)
    };
    let parts: Vec<Result<Vec<Arc<Volume>>>> = match workers {
        1 => vec![work()],
        _ => thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(error::failed("a thread panicked"))))
                .collect()
        }),
    };
    let mut volumes: Vec<Arc<Volume>> = Vec::with_capacity(names.len());
    for part in parts {
        volumes.extend(part?);
    }
    // One sort is cheaper than as many inserts.
    volumes.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(volumes.into_iter().map(|volume| (volume.name.clone(), volume)).collect())
}

/// One file of a directory, as it is now; nothing when it is not there, or no volume.
pub(crate) fn one(directory: &str, name: &str) -> Result<Option<Volume>> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let fd = nix::fcntl::open(directory, flags, Mode::empty())
        .map_err(|errno| error::system(format!("cannot open path '{directory}'"), errno))?;
    let Ok(name) = CString::new(name) else { return Ok(None) };
    if !is_volume(&name, directory) {
        return Ok(None);
    }
    let place = Place { fd: fd.as_fd(), path: directory, known: &Volumes::new() };
    Ok(place.look(&name)?.map(Arc::unwrap_or_clone))
}

/// Whether a name can be a volume's.
fn is_volume(name: &CStr, path: &str) -> bool {
    match name.to_str() {
        Ok("." | "..") => false,
        Ok(name) if making::is_unfinished(name) => false,
        Ok(name) if !name.contains(char::is_control) => true,
        _ => {
            log::warn!(
                "Ignoring file '{}' with control characters under '{path}'",
                name.to_string_lossy().escape_default()
            );
            false
        }
    }
}

struct Place<'a> {
    fd: BorrowedFd<'a>,
    path: &'a str,
    known: &'a Volumes,
}

impl Place<'_> {
    fn look(&self, name: &CStr) -> Result<Option<Arc<Volume>>> {
        // Checked above.
        let text = name.to_str().unwrap_or_default();
        let known = self.known.get(text);
        if let Some(known) = known {
            match fstatat(self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(stat) if known.identity == Some(Identity::of(&stat)) => return Ok(Some(known.clone())),
                Ok(_) => {}
                Err(Errno::ENOENT) => return Ok(None),
                Err(errno) => return Err(self.failed("cannot stat file", text, errno)),
            }
        }
        // Nothing waits for the other end of a FIFO, nothing follows a link, and reading leaves no trace.
        let flags =
            OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = match openat(self.fd, name, flags | OFlag::O_NOATIME, Mode::empty()) {
            Err(Errno::EPERM) => openat(self.fd, name, flags, Mode::empty()),
            other => other,
        };
        let file = match opened {
            Ok(file) => File::from(file),
            // Gone since; a link, or a socket: none of ours.
            Err(Errno::ENOENT | Errno::ELOOP | Errno::ENXIO | Errno::ENODEV) => return Ok(None),
            Err(errno @ (Errno::EACCES | Errno::EPERM)) => {
                log::warn!("{}", self.failed("cannot open volume", text, errno));
                return Ok(None);
            }
            Err(errno) => return Err(self.failed("cannot open volume", text, errno)),
        };
        let stat = fstat(&file).map_err(|errno| self.failed("cannot stat file", text, errno))?;
        let mut volume = match describe(&file, &stat) {
            Ok(Some(volume)) => volume,
            Ok(None) => return Ok(None),
            Err(error) => {
                // One bad image does not take the others away.
                log::warn!("'{}/{text}' is taken for a raw volume: {error:#}", self.path);
                plain(&stat)
            }
        };
        text.clone_into(&mut volume.name);
        volume.path = format!("{}/{text}", self.path.trim_end_matches('/'));
        volume.key.clone_from(&volume.path);
        if let Some((name, _)) = &mut volume.backing
            && let Some(path) = chain::path_of(name, &volume.path)
        {
            *name = path;
        }
        // What only its maker knows.
        volume.secret = known.and_then(|known| known.secret).filter(|_| volume.encryption.is_some());
        Ok(Some(Arc::new(volume)))
    }

    fn failed(&self, attempt: &str, name: &str, errno: Errno) -> Error {
        error::system(format!("{attempt} '{}/{name}'", self.path), errno)
    }
}

/// A raw volume, by what `stat` says.
fn plain(stat: &FileStat) -> Volume {
    let length = stat.st_size as u64;
    Volume {
        kind: StorageVolumeKind::File.number(),
        capacity: length,
        allocation: stat.st_blocks as u64 * 512,
        physical: length,
        format: Some(Format::Raw.name().to_owned()),
        mode: stat.st_mode & 0o7777,
        owner: (stat.st_uid, stat.st_gid),
        times: [
            (stat.st_atime, stat.st_atime_nsec),
            (stat.st_mtime, stat.st_mtime_nsec),
            (stat.st_ctime, stat.st_ctime_nsec),
        ],
        identity: Some(Identity::of(stat)),
        ..Volume::default()
    }
}

/// What a file is; nothing for what is no volume.
fn describe(file: &File, stat: &FileStat) -> Result<Option<Volume>> {
    let mut volume = plain(stat);
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => {}
        libc::S_IFDIR => {
            volume.kind = StorageVolumeKind::Dir.number();
            volume.format = Some(Format::Dir.name().to_owned());
            return Ok(Some(volume));
        }
        libc::S_IFBLK => {
            volume.kind = StorageVolumeKind::Block.number();
            let length = file.length().map_err(|error| {
                error::system(format!("cannot seek to end of file descriptor {}", file.as_raw_fd()), error)
            })?;
            (volume.capacity, volume.allocation, volume.physical) = (length, length, length);
        }
        _ => return Ok(None),
    }
    let header = Header::probe(file)?;
    volume.format = Some(header.format.name().to_owned());
    volume.capacity = header.capacity.unwrap_or(volume.capacity);
    volume.encryption = header.encryption.map(|encryption| {
        match encryption {
            Encryption::Qcow => "qcow",
            Encryption::Luks => "luks",
        }
        .to_owned()
    });
    volume.backing =
        header.backing.map(|backing| (backing.name, backing.format.map(|format| format.name().to_owned())));
    volume.compat = header.compat.map(str::to_owned);
    volume.cluster_size = header.cluster_size;
    volume.lazy_refcounts = header.lazy_refcounts;
    volume.extended_l2 = header.extended_l2;
    Ok(Some(volume))
}
