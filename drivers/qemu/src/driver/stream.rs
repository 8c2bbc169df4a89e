//! A stream to a character device of a guest: its terminal or its socket.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::libc::O_NOCTTY;
use nix::libc::O_NONBLOCK;
use virt_conf::model::CharSource;
use virt_core::driver::{Call, Stream, StreamChunk};
use virt_util::dir::Dir;
use virt_util::lock::Lock;
use virt_util::socket::{Kind, Socket};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::wait_of;

/// The most that one call returns.
const LONGEST: u64 = 1 << 20;

/// A stream to a character device. The device is ours alone until the stream ends.
pub(super) struct DeviceStream {
    name: String,
    /// Nothing once the stream has ended.
    open: Mutex<Option<(OwnedFd, Lock)>>,
    descriptor: i32,
}

impl DeviceStream {
    /// Opens the host's end `source` of the device `name`.
    pub(super) fn open(source: &CharSource, name: &str, lock: Lock) -> Result<Self> {
        let path = source.path().map(Path::new).ok_or_else(|| {
            Error::internal(ErrorDomain::QEMU, format!("character device {name} is not using a PTY"))
        })?;
        let cannot = |error: io::Error| {
            Error::system(
                ErrorDomain::QEMU,
                format!("unable to open console path '{}'", path.display()),
                error,
            )
        };
        let device = if matches!(source, CharSource::Unix(_)) {
            connect(path)?
        } else {
            let flags = O_NOCTTY | O_NONBLOCK;
            let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
            file.map_err(cannot)?.into()
        };
        let descriptor = device.as_raw_fd();
        Ok(Self { name: name.to_owned(), open: Mutex::new(Some((device, lock))), descriptor })
    }

    fn with<T>(&self, work: impl FnOnce(&OwnedFd) -> Result<T>) -> Result<T> {
        match &*self.open.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((device, _)) => work(device),
            None => Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::STREAMS, "stream is not open")),
        }
    }

    fn failed(&self, what: &str, errno: Errno) -> Error {
        Error::system(ErrorDomain::STREAMS, format!("cannot {what} the device '{}'", self.name), errno)
    }

    fn end(&self) {
        drop(self.open.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Connects to a socket, however long its path is.
fn connect(path: &Path) -> Result<OwnedFd> {
    let nobody = || {
        let attempt = format!("unable to connect to '{}'", path.display());
        Error::system(ErrorDomain::QEMU, attempt, Errno::ECONNREFUSED)
            .hint("QEMU takes one connection at a time: another program has it")
    };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(nobody()) };
    let socket = Socket::connect(&Dir::open(parent)?, &name.to_string_lossy(), Kind::Stream, Wait::FOREVER)?
        .ok_or_else(nobody)?;
    let device = socket.as_fd().try_clone_to_owned();
    device.map_err(|error| Error::system(ErrorDomain::QEMU, "cannot duplicate a descriptor", error))
}

impl Stream for DeviceStream {
    fn receive(&self, call: &Call, limit: u64) -> Result<StreamChunk> {
        self.with(|device| {
            let mut data = vec![0; limit.clamp(1, LONGEST) as usize];
            loop {
                match nix::unistd::read(device, &mut data) {
                    // A terminal whose other side has gone answers EIO.
                    Ok(0) | Err(Errno::EIO | Errno::ECONNRESET) => {
                        return Ok(StreamChunk { end: true, ..StreamChunk::default() });
                    }
                    Ok(count) => {
                        data.truncate(count);
                        return Ok(StreamChunk { data, ..StreamChunk::default() });
                    }
                    Err(Errno::EAGAIN) => {
                        wait_of(call).readable(device, &format!("waiting for the device '{}'", self.name))?;
                    }
                    Err(Errno::EINTR) => {}
                    Err(errno) => return Err(self.failed("read from", errno)),
                }
            }
        })
    }

    fn send(&self, call: &Call, data: Vec<u8>) -> Result<u64> {
        self.with(|device| {
            loop {
                match nix::unistd::write(device, &data) {
                    Ok(count) => return Ok(count as u64),
                    Err(Errno::EAGAIN) => {
                        wait_of(call).writable(device, &format!("waiting for the device '{}'", self.name))?;
                    }
                    Err(Errno::EINTR) => {}
                    Err(errno) => return Err(self.failed("write to", errno)),
                }
            }
        })
    }

    fn finish(&self, _call: &Call) -> Result<()> {
        self.end();
        Ok(())
    }

    fn abort(&self, _call: &Call) -> Result<()> {
        self.end();
        Ok(())
    }

    fn descriptor(&self, _call: &Call) -> Result<i32> {
        Ok(self.descriptor)
    }
}
