//! Lock files: held by an open file description, released by its end however that comes, never unlinked.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::mpsc;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::{Mode, futimens};
use nix::sys::time::TimeSpec;
use serde::{Deserialize, Serialize};

use crate::dir::Dir;
use crate::owner::Owner;
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// A held lock. Dropping it releases it, and so does the end of the process, `kill -9` included.
///
/// Locks exclude each other between processes and between threads of one process alike. A child made by `fork` does
/// not keep a dropped lock alive.
///
/// ```
/// use virt_util::dir::Dir;
/// use virt_util::lock::Lock;
/// use virt_util::wait::Wait;
///
/// let scratch = tempfile::tempdir().unwrap();
/// let dir = Dir::open(scratch.path())?;
/// let lock = Lock::acquire(&dir, "image.lock", "starting guest 'web'", Wait::NOT)?;
/// let error = Lock::acquire(&dir, "image.lock", "starting guest 'db'", Wait::NOT).unwrap_err();
/// assert!(error.to_string().ends_with(&format!("(held by process {}: starting guest 'web')", std::process::id())));
/// drop(lock);
/// Lock::acquire(&dir, "image.lock", "starting guest 'db'", Wait::NOT)?;
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    held: bool,
}

/// Who holds a lock and what for, as the holder wrote it into the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    #[serde(flatten)]
    pub owner: Owner,
    /// What it is doing: `starting guest 'web'`.
    pub purpose: String,
}

/// What a holder's record is filled up to with spaces.
const HOLDER_SIZE: usize = 256;

/// What [`Lock::acquire_unless`] came to.
#[derive(Debug)]
pub enum Acquired<T> {
    /// The lock.
    Lock(Lock),
    /// What came up before the lock was free.
    Instead(T),
}

impl Lock {
    /// Takes the lock `name` in `dir`, waiting as long as `wait` allows, and writes down who holds it and the
    /// `purpose`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RESOURCE_BUSY`] naming the holder when `wait` allows no waiting;
    /// [`ErrorCode::OPERATION_TIMEOUT`] naming the holder at the deadline; [`ErrorCode::OPERATION_ABORTED`].
    pub fn acquire(dir: &Dir, name: &str, purpose: &str, wait: Wait<'_>) -> Result<Self> {
        let mut lock = Self::open(dir, name)?;
        if !lock.try_lock()? {
            lock.wait_for(&wait).map_err(|error| match error.code() {
                ErrorCode::OPERATION_TIMEOUT => lock.busy(&wait),
                _ => error,
            })?;
        }
        lock.write_holder(purpose)?;
        Ok(lock)
    }

    /// As [`Lock::acquire`], unless `instead` has something: it is asked before each try, which is whenever a holder lets
    /// go of the lock or [touches](Lock::touch) it.
    ///
    /// # Errors
    ///
    /// As for [`Lock::acquire`], and what `instead` fails with.
    pub fn acquire_unless<T>(
        dir: &Dir,
        name: &str,
        purpose: &str,
        wait: Wait<'_>,
        mut instead: impl FnMut() -> Result<Option<T>>,
    ) -> Result<Acquired<T>> {
        let mut lock = Self::open(dir, name)?;
        let watch = lock.watch().map_err(|errno| lock.failed("cannot watch", errno.into()))?;
        loop {
            if let Some(found) = instead()? {
                return Ok(Acquired::Instead(found));
            }
            if lock.try_lock()? {
                lock.write_holder(purpose)?;
                return Ok(Acquired::Lock(lock));
            }
            lock.sleep(&watch, &wait).map_err(|error| match error.code() {
                ErrorCode::OPERATION_TIMEOUT => lock.busy(&wait),
                _ => error,
            })?;
        }
    }

    /// Wakes those who wait for the lock, to look again.
    ///
    /// # Errors
    ///
    /// As `futimens(2)` says.
    pub fn touch(&self) -> Result<()> {
        futimens(&self.file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW)
            .map_err(|errno| self.failed("cannot touch", errno.into()))
    }

    /// Takes the lock if nobody holds it; nothing otherwise.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or locked.
    pub fn try_acquire(dir: &Dir, name: &str, purpose: &str) -> Result<Option<Self>> {
        let mut lock = Self::open(dir, name)?;
        if !lock.try_lock()? {
            return Ok(None);
        }
        lock.write_holder(purpose)?;
        Ok(Some(lock))
    }

    /// Who holds the lock `name` in `dir` now; nothing when it is free. The holder may have let go since.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn holder(dir: &Dir, name: &str) -> Result<Option<Holder>> {
        if !dir.contains(name)? {
            return Ok(None);
        }
        let lock = Self::open(dir, name)?;
        if !lock.is_held_elsewhere()? {
            return Ok(None);
        }
        Ok(lock.read_holder())
    }

    /// A held lock that was kept over exec, see [`Lock::into_file`].
    pub(crate) fn from_file(file: File, path: PathBuf) -> Self {
        Self { file, path, held: true }
    }

    /// The lock's descriptor, which holds the lock until the last copy of it is closed.
    pub(crate) fn into_file(self) -> Result<File> {
        let copy = self.file.try_clone().map_err(|error| self.failed("cannot keep", error))?;
        let mut this = self;
        this.held = false;
        Ok(copy)
    }

    /// Changes what others are told it is held for.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write_holder(&mut self, purpose: &str) -> Result<()> {
        let holder = Holder { owner: Owner::current()?, purpose: purpose.to_owned() };
        let mut text = serde_json::to_vec(&holder).unwrap_or_default();
        // Never truncated: file systems take a file that is cut and written again for one that must reach the disk soon.
        text.resize(text.len().max(HOLDER_SIZE), b' ');
        let written = self.file.write_all_at(&text, 0).and_then(|()| {
            let longer = self.file.metadata()?.len() > text.len() as u64;
            if longer { self.file.set_len(text.len() as u64) } else { Ok(()) }
        });
        written.map_err(|error| self.failed("cannot write", error))
    }

    fn open(dir: &Dir, name: &str) -> Result<Self> {
        let file = dir.open_file(name, OFlag::O_RDWR | OFlag::O_CREAT, Mode::S_IRUSR | Mode::S_IWUSR)?;
        Ok(Self { file, path: dir.join(name), held: false })
    }

    fn try_lock(&mut self) -> Result<bool> {
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&request(libc::F_WRLCK))) {
            Ok(_) => self.held = true,
            Err(Errno::EAGAIN | Errno::EACCES) => {}
            Err(errno) => return Err(self.failed("cannot lock", errno.into())),
        }
        Ok(self.held)
    }

    fn is_held_elsewhere(&self) -> Result<bool> {
        let mut answer = request(libc::F_WRLCK);
        fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut answer))
            .map_err(|errno| self.failed("cannot examine lock", errno.into()))?;
        Ok(i32::from(answer.l_type) != libc::F_UNLCK)
    }

    /// Tries again whenever somebody closes or touches the file, until the wait ends.
    fn wait_for(&mut self, wait: &Wait<'_>) -> Result<()> {
        let attempt = format!("waiting for lock '{}'", self.path.display());
        if wait.expired() {
            return Err(Error::new(ErrorCode::OPERATION_TIMEOUT, ErrorDomain::NONE, attempt));
        }
        let watch = match self.watch() {
            Ok(watch) => watch,
            // Each user may have 128 of them by default, and other programs use them up.
            Err(Errno::EMFILE | Errno::ENFILE | Errno::ENOSPC | Errno::ENOMEM) => {
                return self.wait_in_thread(wait, &attempt);
            }
            Err(errno) => return Err(self.failed("cannot watch", errno.into())),
        };
        // The watch stands before the first try: a release in between is seen by the one or the other.
        while !self.try_lock()? {
            self.sleep(&watch, wait)?;
        }
        Ok(())
    }

    /// Until somebody closes or touches the file.
    fn sleep(&self, watch: &Inotify, wait: &Wait<'_>) -> Result<()> {
        wait.readable(watch, &format!("waiting for lock '{}'", self.path.display()))?;
        match watch.read_events() {
            Ok(_) | Err(Errno::EAGAIN) => Ok(()),
            Err(errno) => Err(self.failed("cannot watch", errno.into())),
        }
    }

    fn watch(&self) -> nix::Result<Inotify> {
        let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        // IN_CLOSE comes with the holder's end, IN_ATTRIB with a release while a forked child has the file open.
        watch.add_watch(path.as_str(), AddWatchFlags::IN_CLOSE | AddWatchFlags::IN_ATTRIB)?;
        Ok(watch)
    }

    /// Without inotify: a thread blocks in the kernel for us. One that is given up on takes the lock when its turn
    /// comes, and drops it at once.
    fn wait_in_thread(&mut self, wait: &Wait<'_>, attempt: &str) -> Result<()> {
        let (done_reader, done_writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)
            .map_err(|errno| self.failed("cannot wait for", errno.into()))?;
        let file = self.file.try_clone().map_err(|error| self.failed("cannot wait for", error))?;
        let (outcome, result) = mpsc::channel();
        std::thread::spawn(move || {
            let locked = loop {
                match fcntl(&file, FcntlArg::F_OFD_SETLKW(&request(libc::F_WRLCK))) {
                    Err(Errno::EINTR) => {}
                    other => break other,
                }
            };
            if outcome.send(locked).is_err() {
                // Given up on: the copy of the description that we have must not keep the lock.
                let _ = fcntl(&file, FcntlArg::F_OFD_SETLK(&request(libc::F_UNLCK)));
            }
            drop(done_writer);
        });
        wait.readable(&done_reader, attempt)?;
        match result.try_recv() {
            Ok(Ok(_)) => {
                self.held = true;
                Ok(())
            }
            Ok(Err(errno)) => Err(self.failed("cannot lock", errno.into())),
            Err(_) => Err(Error::internal(ErrorDomain::NONE, format!("{attempt}: the waiting thread ended"))),
        }
    }

    fn busy(&self, wait: &Wait<'_>) -> Error {
        let by = match self.read_holder() {
            Some(holder) => format!("held by {}: {}", holder.owner, holder.purpose),
            None => "held by a process that left no name".to_owned(),
        };
        let sentence = format!("cannot acquire lock '{}' ({by})", self.path.display());
        let code = if wait.is_immediate() { ErrorCode::RESOURCE_BUSY } else { ErrorCode::OPERATION_TIMEOUT };
        Error::new(code, ErrorDomain::NONE, sentence)
    }

    /// Nothing when the holder is writing just now.
    fn read_holder(&self) -> Option<Holder> {
        let mut text = [0; 1024];
        let length = self.file.read_at(&mut text, 0).ok()?;
        serde_json::from_slice(text.get(..length)?).ok()
    }

    fn failed(&self, attempt: &str, error: std::io::Error) -> Error {
        Error::system(ErrorDomain::NONE, format!("{attempt} '{}'", self.path.display()), error)
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !self.held {
            return;
        }
        // Unlocked by hand, because a child between fork and exec may hold a copy of the descriptor; then touched,
        // because in that case the close below wakes nobody. Where these fail, the close still does both.
        let _ = fcntl(&self.file, FcntlArg::F_OFD_SETLK(&request(libc::F_UNLCK)));
        let _ = self.touch();
    }
}

/// A request on the whole file.
fn request(kind: i32) -> libc::flock {
    // SAFETY: `flock` is plain numbers, for which all zeroes is a value: from the start, to the end, no pid.
    let mut request: libc::flock = unsafe { std::mem::zeroed() };
    request.l_type = kind as libc::c_short;
    request
}
