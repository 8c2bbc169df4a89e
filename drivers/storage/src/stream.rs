//! Upload to and download from volumes, as streams with holes.

use std::fs::File;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown};
use virt_core::driver::{Call, Stream, StreamChunk};
use virt_util::image::Bytes as _;
use virt_util::{Error, Result};

use crate::error;
use crate::making::Making;
use crate::volume;
use crate::wipe::data;

/// The most that is given at a time, in bytes.
const LIMIT: u64 = 1 << 20;

/// A descriptor that is always ready: files do not let anybody wait.
fn ready() -> Result<EventFd> {
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    EventFd::from_value_and_flags(1, flags).map_err(|errno| error::system("cannot create an eventfd", errno))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn one_way(direction: &str) -> Error {
    error::invalid(format!("data cannot be {direction} this stream"))
}

/// A volume's bytes on their way out.
pub(crate) struct Download {
    file: File,
    path: PathBuf,
    /// Where it is, and where it ends.
    range: Mutex<(u64, u64)>,
    /// Holes are given as such.
    sparse: bool,
    ready: EventFd,
}

impl Download {
    /// `file` is what is at `path`; `length` bytes of it from `offset` on, 0 for all.
    pub(crate) fn open(
        file: File,
        path: &Path,
        (offset, length): (u64, u64),
        sparse: bool,
    ) -> Result<Arc<dyn Stream>> {
        let size = file.length().map_err(|error| error::about("cannot examine", path, error))?;
        let end = if length == 0 { size } else { offset.saturating_add(length).min(size) };
        let range = Mutex::new((offset.min(end), end));
        Ok(Arc::new(Self { file, path: path.to_owned(), range, sparse, ready: ready()? }))
    }
}

impl Stream for Download {
    fn receive(&self, _: &Call, limit: u64) -> Result<StreamChunk> {
        let mut range = lock(&self.range);
        let (place, end) = *range;
        if place >= end {
            return Ok(StreamChunk { end: true, ..StreamChunk::default() });
        }
        let mut stop = end;
        if self.sparse {
            let (start, next) = data(&self.file, place, end).unwrap_or((end, end));
            if start > place {
                range.0 = start;
                return Ok(StreamChunk { hole: start - place, ..StreamChunk::default() });
            }
            stop = next;
        }
        let mut data = vec![0; (stop - place).min(limit.clamp(1, LIMIT)) as usize];
        let count = std::os::unix::fs::FileExt::read_at(&self.file, &mut data, place)
            .map_err(|error| error::about("cannot read", &self.path, error))?;
        data.truncate(count);
        // A file that became shorter ends here.
        range.0 = if count == 0 { end } else { place + count as u64 };
        Ok(StreamChunk { end: count == 0, data, hole: 0 })
    }

    fn send(&self, _: &Call, _: Vec<u8>) -> Result<u64> {
        Err(one_way("sent to"))
    }

    fn finish(&self, _: &Call) -> Result<()> {
        Ok(())
    }

    fn abort(&self, _: &Call) -> Result<()> {
        Ok(())
    }

    fn descriptor(&self, _: &Call) -> Result<i32> {
        Ok(self.ready.as_fd().as_raw_fd())
    }
}

/// What is to be done when an upload is whole; it gets the file under its unfinished name, or nothing when it was written in place.
pub(crate) type Finish = Box<dyn FnOnce(&Call, Option<Making>) -> Result<()> + Send>;

/// A volume's bytes on their way in.
pub(crate) struct Upload {
    state: Mutex<Option<Incoming>>,
    ready: EventFd,
}

struct Incoming {
    /// What is written: an unfinished file beside the volume, or the device itself.
    file: File,
    making: Option<Making>,
    path: PathBuf,
    /// Where the upload begins, where it is, and where it has to end.
    start: u64,
    place: u64,
    limit: u64,
    finish: Finish,
}

/// Where an upload goes.
pub(crate) enum Into {
    /// Beside the volume, until it is whole.
    File(Box<Making>),
    /// Into the device itself, at once.
    Device(File),
}

impl Upload {
    pub(crate) fn open(
        path: &Path,
        (offset, length): (u64, u64),
        into: Into,
        finish: Finish,
    ) -> Result<Arc<dyn Stream>> {
        let (file, making) = match into {
            Into::File(making) => (making.open()?, Some(*making)),
            Into::Device(file) => (file, None),
        };
        let limit = if length == 0 { u64::MAX } else { offset.saturating_add(length) };
        let incoming =
            Incoming { file, making, path: path.to_owned(), start: offset, place: offset, limit, finish };
        Ok(Arc::new(Self { state: Mutex::new(Some(incoming)), ready: ready()? }))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Incoming) -> Result<T>) -> Result<T> {
        match lock(&self.state).as_mut() {
            Some(incoming) => work(incoming),
            None => Err(error::invalid("the stream has ended")),
        }
    }
}

impl Incoming {
    fn room(&self, length: u64) -> Result<u64> {
        match self.limit.saturating_sub(self.place) {
            0 if length > 0 => Err(error::system(
                format!("cannot write more to volume '{}'", self.path.display()),
                nix::errno::Errno::ENOSPC,
            )),
            room => Ok(room.min(length)),
        }
    }

    /// Takes over what the upload does not touch, and gives the file its name.
    fn complete(mut self, call: &Call) -> Result<()> {
        let failed =
            |attempt: &str, path: &Path, error: std::io::Error| Err(error::about(attempt, path, error));
        let Some(making) = self.making.take() else {
            return match self.file.sync_all() {
                Err(error) => failed("cannot sync data to volume with path", &self.path, error),
                Ok(()) => (self.finish)(call, None),
            };
        };
        let before = volume::open(&self.path, false)?;
        let old = match before.metadata() {
            Ok(old) => old,
            Err(error) => return failed("cannot stat file", &self.path, error),
        };
        let length = old.len().max(self.place);
        // What was reserved for the volume stays reserved.
        let reserved = if old.len() > 0 && old.blocks() * 512 >= old.len() { length } else { 0 };
        volume::size(&self.file, &self.path, length, reserved)?;
        volume::copy(&before, &self.file, &self.path, (0, self.start.min(old.len())), call)?;
        volume::copy(
            &before,
            &self.file,
            &self.path,
            (self.place, old.len().saturating_sub(self.place)),
            call,
        )?;
        let (owner, group) = (Uid::from_raw(old.uid()), Gid::from_raw(old.gid()));
        fchown(&self.file, Some(owner), Some(group))
            .and_then(|()| fchmod(&self.file, Mode::from_bits_truncate(old.mode() & 0o7777)))
            .map_err(|errno| error::about("cannot keep the owner of", &self.path, errno))?;
        (self.finish)(call, Some(making))
    }
}

impl Stream for Upload {
    fn receive(&self, _: &Call, _: u64) -> Result<StreamChunk> {
        Err(one_way("received from"))
    }

    fn send(&self, _: &Call, data: Vec<u8>) -> Result<u64> {
        self.with(|incoming| {
            let length = incoming.room(data.len() as u64)? as usize;
            let written = incoming.file.write_all_at(&data[..length], incoming.place);
            written.map_err(|error| {
                error::system(format!("failed writing to file '{}'", incoming.path.display()), error)
            })?;
            incoming.place += length as u64;
            Ok(length as u64)
        })
    }

    fn send_hole(&self, _: &Call, length: u64) -> Result<()> {
        self.with(|incoming| {
            if incoming.room(length)? < length {
                return Err(error::argument("the hole is longer than what may be uploaded"));
            }
            // A fresh file has a hole there; a device has what was there.
            let is_device = incoming.file.metadata().is_ok_and(|it| it.file_type().is_block_device());
            if is_device {
                let mut place = incoming.place;
                let end = place + length;
                let zeros = vec![0; LIMIT as usize];
                while place < end {
                    let part = &zeros[..(end - place).min(LIMIT) as usize];
                    let written = incoming.file.write_all_at(part, place);
                    written.map_err(|error| error::about("failed writing to", &incoming.path, error))?;
                    place += part.len() as u64;
                }
            }
            incoming.place += length;
            Ok(())
        })
    }

    fn finish(&self, call: &Call) -> Result<()> {
        match lock(&self.state).take() {
            Some(incoming) => incoming.complete(call),
            None => Err(error::invalid("the stream has ended")),
        }
    }

    fn abort(&self, _: &Call) -> Result<()> {
        // Dropping what was being made removes it.
        drop(lock(&self.state).take());
        Ok(())
    }

    fn descriptor(&self, _: &Call) -> Result<i32> {
        Ok(self.ready.as_fd().as_raw_fd())
    }
}
