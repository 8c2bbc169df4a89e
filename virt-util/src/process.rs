//! Processes of others: what /proc says of them, and handles (pidfds) that mean one process for ever.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use serde::{Deserialize, Serialize};

use crate::owner::Owner;
use crate::wait::Wait;
use crate::{Error, ErrorDomain, Result};

/// What `/proc/PID/stat` says. Times are in clock ticks, see [`ticks_per_second`].
///
/// ```
/// use virt_util::process::ProcessStat;
///
/// let me = ProcessStat::of(std::process::id())?.expect("we are running");
/// assert!(me.threads >= 1 && !me.has_ended());
/// assert_eq!(ProcessStat::of(u32::MAX)?, None);
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    /// Process id.
    pub pid: u32,
    /// The executable's file name, cut to 15 bytes; a thread's own name where it set one.
    pub name: String,
    /// State letter: `R` running, `S` sleeping, `D` in an uninterruptible sleep, `T` stopped, `Z` zombie ...
    pub state: char,
    /// Process id of the parent.
    pub parent: u32,
    /// Time in user mode, guest time included.
    pub user_time: u64,
    /// Time in kernel mode.
    pub system_time: u64,
    /// Number of threads.
    pub threads: u32,
    /// When it started, since boot.
    pub start_time: u64,
    /// Virtual memory, in bytes.
    pub virtual_size: u64,
    /// Resident memory, in pages.
    pub resident_pages: u64,
    /// The CPU it last ran on.
    pub processor: u32,
}

impl ProcessStat {
    /// Reads process `pid`; nothing when there is none.
    ///
    /// # Errors
    ///
    /// When /proc cannot be read.
    pub fn of(pid: u32) -> Result<Option<Self>> {
        Self::read(&format!("/proc/{pid}/stat"))
    }

    /// Reads thread `tid` of process `pid`; nothing when there is none.
    ///
    /// # Errors
    ///
    /// When /proc cannot be read.
    pub fn of_thread(pid: u32, tid: u32) -> Result<Option<Self>> {
        Self::read(&format!("/proc/{pid}/task/{tid}/stat"))
    }

    fn read(path: &str) -> Result<Option<Self>> {
        // A few hundred bytes, which the kernel gives at once.
        let mut page = [0; 4096];
        match File::open(path).and_then(|mut file| file.read(&mut page)) {
            Ok(length) => match Self::parse(&String::from_utf8_lossy(page.get(..length).unwrap_or_default()))
            {
                Some(stat) => Ok(Some(stat)),
                None => Err(Error::internal(ErrorDomain::NONE, format!("cannot understand '{path}'"))),
            },
            // A process that ends while its file is open answers ESRCH.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => Ok(None),
            Err(error) => Err(Error::system(ErrorDomain::NONE, format!("cannot read '{path}'"), error)),
        }
    }

    /// The name stands in parentheses and may itself hold spaces and parentheses: fields are counted from the last.
    fn parse(text: &str) -> Option<Self> {
        let (pid, rest) = text.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // The first of these is field 3 of proc(5).
        let field = |number: usize| fields.get(number - 3).copied();
        let number = |at: usize| field(at)?.parse::<u64>().ok();
        Some(Self {
            pid: pid.parse().ok()?,
            name: name.to_owned(),
            state: field(3)?.chars().next()?,
            parent: field(4)?.parse().ok()?,
            user_time: number(14)?,
            system_time: number(15)?,
            threads: field(20)?.parse().ok()?,
            start_time: number(22)?,
            virtual_size: number(23)?,
            resident_pages: number(24)?,
            processor: field(39)?.parse().ok()?,
        })
    }

    /// Whether it has ended and only waits to be reaped.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// How many clock ticks make a second; 100 on nearly all machines.
pub fn ticks_per_second() -> u64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten();
    ticks.and_then(|ticks| u64::try_from(ticks).ok()).unwrap_or(100)
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitStatus {
    /// It called exit with this number.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
    /// It was not ours to wait for, so that nobody told.
    Unknown,
}

impl ExitStatus {
    /// Whether it exited with 0.
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exited(code) => write!(f, "exit status {code}"),
            Self::Signalled(number) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            Self::Unknown => f.write_str("unknown exit status"),
        }
    }
}

/// A handle on one process that its pid's reuse cannot redirect. Readable (see `AsFd`) once the process has ended.
#[derive(Debug)]
pub struct Process {
    pidfd: OwnedFd,
    pid: u32,
}

impl Process {
    /// The process that has `pid` now; nothing when there is none.
    ///
    /// # Errors
    ///
    /// As `pidfd_open(2)` says.
    pub fn open(pid: u32) -> Result<Option<Self>> {
        // SAFETY: pidfd_open takes numbers and gives back a new descriptor or -1.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        match Errno::result(result) {
            // SAFETY: the kernel has just made this descriptor for us.
            Ok(fd) => Ok(Some(Self { pidfd: unsafe { OwnedFd::from_raw_fd(fd as i32) }, pid })),
            Err(Errno::ESRCH | Errno::EINVAL) => Ok(None),
            Err(errno) => {
                Err(Error::system(ErrorDomain::NONE, format!("cannot open a handle on process {pid}"), errno))
            }
        }
    }

    /// The process `owner` names; nothing when it has ended, whoever has its pid now.
    ///
    /// # Errors
    ///
    /// As for [`Process::open`].
    pub fn of(owner: &Owner) -> Result<Option<Self>> {
        // The handle first: once it stands, the start time read through the pid is that of the handle's process, or
        // that process has ended in between and the time is another one.
        let Some(this) = Self::open(owner.pid)? else { return Ok(None) };
        Ok(owner.is_alive().then_some(this))
    }

    /// A handle that came from elsewhere: kept over exec.
    pub(crate) fn from_fd(pidfd: OwnedFd, pid: u32) -> Self {
        Self { pidfd, pid }
    }

    /// Its process id. To signal it, use [`Process::signal`], which cannot hit another one.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends `signal`; that it has ended already is no error.
    ///
    /// # Errors
    ///
    /// When we may not.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is open, and a null siginfo makes it act as kill(2) does.
        let result = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), signal as i32, no_info, 0)
        };
        match Errno::result(result) {
            Ok(_) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => {
                let attempt = format!("cannot send {signal} to process {}", self.pid);
                Err(Error::system(ErrorDomain::NONE, attempt, errno))
            }
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.wait(Wait::NOT).is_ok()
    }

    /// Blocks until it has ended.
    ///
    /// # Errors
    ///
    /// As for [`Wait::poll`].
    pub fn wait(&self, wait: Wait<'_>) -> Result<()> {
        wait.readable(&self.pidfd, &format!("waiting for process {} to end", self.pid))
    }

    /// Reaps it if it has ended and is our child: how it ended. Nothing while it runs.
    ///
    /// [`ExitStatus::Unknown`] for a process that is not our child, or that somebody else reaped.
    ///
    /// # Errors
    ///
    /// As `waitid(2)` says.
    pub fn reap(&self) -> Result<Option<ExitStatus>> {
        if !self.has_ended() {
            return Ok(None);
        }
        // __WALL: a child that has not called exec sends no SIGCHLD, which makes it invisible to a plain wait.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::__WALL;
        loop {
            return match waitid(Id::PIDFd(self.pidfd.as_fd()), flags) {
                Ok(WaitStatus::Exited(_, code)) => Ok(Some(ExitStatus::Exited(code))),
                Ok(WaitStatus::Signaled(_, signal, _)) => Ok(Some(ExitStatus::Signalled(signal as i32))),
                Ok(_) | Err(Errno::ECHILD) => Ok(Some(ExitStatus::Unknown)),
                Err(Errno::EINTR) => continue,
                Err(errno) => Err(Error::system(
                    ErrorDomain::NONE,
                    format!("cannot wait for process {}", self.pid),
                    errno,
                )),
            };
        }
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// A limit of a process's resources: what holds now, and the most that it may raise it to.
///
/// # Errors
///
/// When there is no such process, or it is another user's and we are not root.
pub fn limits(process: u32, resource: libc::__rlimit_resource_t) -> Result<(u64, u64)> {
    let mut old = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one rlimit64 to where `old` is; nothing is read, as there is no new one.
    let answer = unsafe { libc::prlimit64(number(process)?, resource, std::ptr::null(), &raw mut old) };
    let answer = Errno::result(answer).map_err(|errno| cannot_limit(process, errno));
    answer.map(|_| (old.rlim_cur, old.rlim_max))
}

/// Sets such a limit.
///
/// # Errors
///
/// As [`limits`]; when it would be raised above what the process may, and we are not root.
pub fn set_limits(process: u32, resource: libc::__rlimit_resource_t, (soft, hard): (u64, u64)) -> Result<()> {
    let new = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the kernel reads one rlimit64 from where `new` is; nothing is written, as nobody asks for the old one.
    let answer = unsafe { libc::prlimit64(number(process)?, resource, &raw const new, std::ptr::null_mut()) };
    Errno::result(answer).map(drop).map_err(|errno| cannot_limit(process, errno))
}

fn number(process: u32) -> Result<i32> {
    // 0 would be ourselves.
    let number = i32::try_from(process).ok().filter(|number| *number > 0);
    number.ok_or_else(|| cannot_limit(process, Errno::ESRCH))
}

fn cannot_limit(process: u32, errno: Errno) -> Error {
    Error::system(ErrorDomain::NONE, format!("cannot limit what process {process} uses"), errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_another_process_are_read_and_lowered() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (_, hard) = limits(child.id(), libc::RLIMIT_NOFILE).unwrap();
        set_limits(child.id(), libc::RLIMIT_NOFILE, (32, hard)).unwrap();
        assert_eq!(limits(child.id(), libc::RLIMIT_NOFILE).unwrap(), (32, hard));
        child.kill().and_then(|()| child.wait()).unwrap();
        assert!(limits(0, libc::RLIMIT_NOFILE).is_err() && limits(u32::MAX, libc::RLIMIT_NOFILE).is_err());
    }
}
