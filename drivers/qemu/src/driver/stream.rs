//! A stream to a character device of a guest: its terminal or its socket.
//!
//! A thread carries the bytes between the device and a pair of sockets, so that whoever takes the device by force has it
//! at once, even from a program that does not listen, and that program finds its stream at its end.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::O_NOCTTY;
use nix::libc::O_NONBLOCK;
use nix::poll::PollFlags;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{MsgFlags, Shutdown, send, shutdown};
use virt_conf::model::CharSource;
use virt_core::driver::{Call, Stream, StreamChunk};
use virt_util::dir::Dir;
use virt_util::socket::{Kind, Socket};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::engine::Claim;

/// The most that one call returns.
const LONGEST: u64 = 1 << 20;

/// The most that is on its way in one direction.
const BUFFER: usize = 16 << 10;

/// How long a stream that ends well waits for a guest that does not read.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A stream to a character device. The device is ours alone until the stream ends, or somebody takes it by force.
pub(super) struct DeviceStream {
    name: String,
    near: UnixStream,
    /// Nothing once the stream has ended.
    carrier: Mutex<Option<Carrier>>,
    taken: Arc<AtomicBool>,
}

/// The thread that carries, and what makes it stop.
struct Carrier {
    stop: Arc<EventFd>,
    thread: JoinHandle<()>,
}

impl DeviceStream {
    /// Opens the host's end `source` of the device `name`.
    pub(super) fn open(source: &CharSource, name: &str, claim: Claim, wait: Wait<'_>) -> Result<Self> {
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
            connect(path, wait)?
        } else {
            let flags = O_NOCTTY | O_NONBLOCK;
            let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
            file.map_err(cannot)?.into()
        };
        let (near, far) = UnixStream::pair().map_err(cannot)?;
        near.set_nonblocking(true).and_then(|()| far.set_nonblocking(true)).map_err(cannot)?;
        let stop = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        let stop = Arc::new(stop.map_err(|errno| cannot(errno.into()))?);
        let taken = Arc::new(AtomicBool::new(false));
        let pump = Pump {
            device,
            far,
            claim,
            stop: stop.clone(),
            taken: taken.clone(),
            to_user: Vec::new(),
            to_device: Vec::new(),
            user_is_done: false,
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || pump.run());
        let carrier = Carrier { stop, thread: thread.map_err(cannot)? };
        Ok(Self { name: name.to_owned(), near, carrier: Mutex::new(Some(carrier)), taken })
    }

    fn check_open(&self) -> Result<()> {
        if self.carrier.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::STREAMS, "stream is not open"))
    }

    fn wait(&self, wait: Wait<'_>, flags: PollFlags) -> Result<()> {
        let attempt = format!("waiting for the device '{}'", self.name);
        wait.poll(&[(self.near.as_fd(), flags)], &attempt).map(drop)
    }

    fn failed(&self, what: &str, errno: Errno) -> Error {
        if errno == Errno::EPIPE && self.taken.load(Ordering::Acquire) {
            let detail = format!("somebody else has taken the device '{}'", self.name);
            return Error::new(ErrorCode::OPERATION_ABORTED, ErrorDomain::STREAMS, detail);
        }
        Error::system(ErrorDomain::STREAMS, format!("cannot {what} the device '{}'", self.name), errno)
    }

    /// Gives the device up. When this returns, the next one can have it.
    fn end(&self) {
        let carrier = self.carrier.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Carrier { stop, thread }) = carrier else { return };
        // Its counter is full only after 2^64 times unread, and a panic was printed where it happened.
        let _ = stop.write(1);
        let _ = thread.join();
    }
}

impl Drop for DeviceStream {
    fn drop(&mut self) {
        self.end();
    }
}

/// Connects to a socket, however long its path is.
fn connect(path: &Path, wait: Wait<'_>) -> Result<OwnedFd> {
    let nobody = || {
        let attempt = format!("unable to connect to '{}'", path.display());
        Error::system(ErrorDomain::QEMU, attempt, Errno::ECONNREFUSED)
            .hint("QEMU takes one connection at a time: another program has it")
    };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(nobody()) };
    let socket = Socket::connect(&Dir::open(parent)?, &name.to_string_lossy(), Kind::Stream, wait)?
        .ok_or_else(nobody)?;
    let device = socket.as_fd().try_clone_to_owned();
    device.map_err(|error| Error::system(ErrorDomain::QEMU, "cannot duplicate a descriptor", error))
}

impl Stream for DeviceStream {
    fn receive(&self, call: &Call, limit: u64) -> Result<StreamChunk> {
        self.check_open()?;
        let mut data = vec![0; limit.clamp(1, LONGEST) as usize];
        loop {
            match nix::unistd::read(&self.near, &mut data) {
                Ok(0) => return Ok(StreamChunk { end: true, ..StreamChunk::default() }),
                Ok(count) => {
                    data.truncate(count);
                    return Ok(StreamChunk { data, ..StreamChunk::default() });
                }
                Err(Errno::EAGAIN) => self.wait(call.wait(), PollFlags::POLLIN)?,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(self.failed("read from", errno)),
            }
        }
    }

    fn send(&self, call: &Call, data: Vec<u8>) -> Result<u64> {
        self.check_open()?;
        loop {
            match send(self.near.as_raw_fd(), &data, MsgFlags::MSG_NOSIGNAL) {
                Ok(count) => return Ok(count as u64),
                Err(Errno::EAGAIN) => self.wait(call.wait(), PollFlags::POLLOUT)?,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(self.failed("write to", errno)),
            }
        }
    }

    fn finish(&self, call: &Call) -> Result<()> {
        // What was sent is on its way still; the other end is closed when it has arrived. One that is closed already
        // has nothing to be told.
        let _ = shutdown(self.near.as_raw_fd(), Shutdown::Write);
        let wait = if call.deadline().is_some() { call.wait() } else { Wait::at_most(LAST_WORDS) };
        let arrived = self.wait(wait, PollFlags::empty());
        self.end();
        arrived
    }

    fn abort(&self, _call: &Call) -> Result<()> {
        self.end();
        Ok(())
    }

    fn descriptor(&self, _call: &Call) -> Result<i32> {
        Ok(self.near.as_raw_fd())
    }
}

/// What carries bytes between the device and the far one of two sockets, until either ends or the device is taken.
struct Pump {
    device: OwnedFd,
    far: UnixStream,
    claim: Claim,
    stop: Arc<EventFd>,
    taken: Arc<AtomicBool>,
    to_user: Vec<u8>,
    to_device: Vec<u8>,
    /// Nothing more comes from the user.
    user_is_done: bool,
}

impl Pump {
    fn run(mut self) {
        while self.goes_on() {
            if self.user_is_done && self.to_device.is_empty() {
                return;
            }
        }
    }

    /// Waits for something, and does it.
    fn goes_on(&mut self) -> bool {
        let both = |input: bool, output: bool| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, input);
            flags.set(PollFlags::POLLOUT, output);
            flags
        };
        let device = both(self.to_user.is_empty(), !self.to_device.is_empty());
        let far = both(self.to_device.is_empty() && !self.user_is_done, !self.to_user.is_empty());
        let mut wanted =
            vec![(self.stop.as_fd(), PollFlags::POLLIN), (self.claim.as_fd(), PollFlags::POLLIN)];
        // One that has ended is always ready: it is looked at only when there is something to do with it.
        let ends = [(self.device.as_fd(), device), (self.far.as_fd(), far)];
        wanted.extend(ends.iter().filter(|(_, flags)| !flags.is_empty()));
        let Ok(ready) = Wait::FOREVER.poll(&wanted, "carrying a guest's words") else { return false };
        drop(wanted);
        if ready.first().is_some_and(|stop| !stop.is_empty()) {
            return false;
        }
        if !self.claim.holds() {
            self.taken.store(true, Ordering::Release);
            return false;
        }
        // Each only tries: what is not ready says so.
        self.hear_device() && self.tell_device() && self.hear_user() && self.tell_user()
    }

    fn hear_device(&mut self) -> bool {
        if !self.to_user.is_empty() {
            return true;
        }
        self.to_user.resize(BUFFER, 0);
        let outcome = nix::unistd::read(&self.device, &mut self.to_user);
        self.to_user.truncate(outcome.unwrap_or(0));
        match outcome {
            // A terminal whose other side has gone answers EIO.
            Ok(0) => false,
            Ok(_) => true,
            Err(errno) => passes(errno),
        }
    }

    fn tell_device(&mut self) -> bool {
        if self.to_device.is_empty() {
            return true;
        }
        match nix::unistd::write(&self.device, &self.to_device) {
            Ok(count) => {
                self.to_device.drain(..count);
                true
            }
            Err(errno) => passes(errno),
        }
    }

    fn hear_user(&mut self) -> bool {
        if !self.to_device.is_empty() || self.user_is_done {
            return true;
        }
        self.to_device.resize(BUFFER, 0);
        let outcome = nix::unistd::read(&self.far, &mut self.to_device);
        self.to_device.truncate(outcome.unwrap_or(0));
        self.user_is_done = outcome == Ok(0);
        outcome.map_or_else(passes, |_| true)
    }

    fn tell_user(&mut self) -> bool {
        if self.to_user.is_empty() {
            return true;
        }
        match send(self.far.as_raw_fd(), &self.to_user, MsgFlags::MSG_NOSIGNAL) {
            Ok(count) => {
                self.to_user.drain(..count);
                true
            }
            Err(errno) => passes(errno),
        }
    }
}

/// Whether there is only nothing to do just now.
fn passes(errno: Errno) -> bool {
    matches!(errno, Errno::EAGAIN | Errno::EINTR)
}
