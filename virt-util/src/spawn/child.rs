//! Between fork and exec: the part of [`spawn`](crate::spawn) that runs in the child, with system calls and nothing else.
//!
//! The application may have threads; one of them may hold any lock, the allocator's included, at the moment of the fork.
//! So everything is made ready before, and the child takes no memory, no lock, and calls nothing of libc that does. User
//! and group are set by bare system calls: libc's functions would try to tell the other threads, which are not there.

use std::ffi::{CString, c_char, c_long};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};

use super::{Limit, Spawn, User};
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// All that the child needs, ready to be used without taking memory.
pub(super) struct Image {
    path: CString,
    directory: CString,
    argv: Pointers,
    envp: Pointers,
    fds: Vec<Placement>,
    _null: Option<File>,
    above: RawFd,
    session: bool,
    umask: Option<u32>,
    nice: Option<i32>,
    oom_score_adjust: Option<CString>,
    limits: Vec<Limit>,
    user: Option<User>,
    no_new_privileges: bool,
    bound: bool,
}

/// A descriptor of ours, and the number that the program shall find it under.
struct Placement {
    source: RawFd,
    target: RawFd,
}

/// A null-terminated array of strings as exec takes it, and the strings.
struct Pointers {
    pointers: Vec<*const c_char>,
    _strings: Vec<CString>,
}

impl Pointers {
    fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect();
        Self { pointers, _strings: strings }
    }
}

impl Image {
    pub(super) fn new(spawn: &Spawn) -> Result<Self> {
        let program = &spawn.program;
        let c_string = |text: &[u8]| {
            CString::new(text).map_err(|error| {
                let sentence = format!("cannot run '{}': a string holds a zero byte", program.path.display());
                Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence).caused_by(error)
            })
        };
        let of_path = |path: &Path| c_string(path.as_os_str().as_bytes());
        let path = of_path(&program.path)?;
        let mut args = vec![match &program.argv0 {
            Some(name) => c_string(name.as_bytes())?,
            None => path.clone(),
        }];
        for arg in &program.args {
            args.push(c_string(arg.as_bytes())?);
        }
        let mut env = Vec::with_capacity(program.env.len());
        for (name, value) in &program.env {
            env.push(c_string(format!("{name}={value}").as_bytes())?);
        }
        let directory = match program.directory.as_os_str().is_empty() {
            true => c"/".to_owned(),
            false => of_path(&program.directory)?,
        };
        let mut fds: Vec<_> = spawn
            .fds
            .iter()
            .map(|(target, fd)| Placement { source: fd.as_raw_fd(), target: *target })
            .collect();
        let null = if (0..3).all(|standard| fds.iter().any(|fd| fd.target == standard)) {
            None
        } else {
            let null = File::options().read(true).write(true).open("/dev/null");
            Some(null.map_err(|error| Error::system(ErrorDomain::NONE, "cannot open '/dev/null'", error))?)
        };
        for standard in 0..3 {
            if let Some(null) = null.as_ref().filter(|_| fds.iter().all(|fd| fd.target != standard)) {
                fds.push(Placement { source: null.as_raw_fd(), target: standard });
            }
        }
        let above = fds.iter().map(|fd| fd.target).max().unwrap_or(2).max(2) + 1;
        let oom_score_adjust = program.oom_score_adjust.map(|score| c_string(score.to_string().as_bytes()));
        Ok(Self {
            path,
            directory,
            argv: Pointers::new(args),
            envp: Pointers::new(env),
            fds,
            _null: null,
            above,
            session: program.session,
            umask: program.umask,
            nice: program.nice,
            oom_score_adjust: oom_score_adjust.transpose()?,
            limits: program.limits.clone(),
            user: program.user.clone(),
            no_new_privileges: program.no_new_privileges,
            bound: program.bound,
        })
    }

    /// The child's whole life up to exec.
    ///
    /// # Safety
    ///
    /// Only in a child just forked, with all signals blocked.
    pub(super) unsafe fn become_program(&mut self, report: RawFd) -> ! {
        // SAFETY: by the caller's promise, and below nothing but system calls on what was made before the fork.
        unsafe {
            let mut report = report;
            let failure = self.prepare(&mut report);
            Report { kind: failure as i32, value: Errno::last_raw() }.write(report);
            libc::_exit(127)
        }
    }

    /// The life of the child in the middle of a double fork.
    ///
    /// # Safety
    ///
    /// As for [`Image::become_program`].
    pub(super) unsafe fn detach(&mut self, report: RawFd, go: RawFd) -> ! {
        // SAFETY: as above.
        unsafe {
            // Reparented children get SIGCHLD as their exit signal from the kernel, so init notices them.
            match fork_quietly() {
                Ok(0) => {
                    libc::close(go);
                    self.become_program(report)
                }
                Ok(pid) => Report { kind: Report::PID, value: pid }.write(report),
                Err(errno) => Report { kind: Stage::Fork as i32, value: errno as i32 }.write(report),
            }
            libc::close(report);
            let [go] = keep_only([go]);
            let mut byte = 0_u8;
            // End of file, when the parent has closed its end or has died.
            libc::read(go, (&raw mut byte).cast(), 1);
            libc::_exit(0)
        }
    }

    /// The life of the child between us and a process that keeps the program's exit status for us.
    ///
    /// # Safety
    ///
    /// As for [`Image::become_program`].
    pub(super) unsafe fn detach_keeper(&mut self, report: RawFd, go: RawFd, status: RawFd) -> ! {
        // SAFETY: as above.
        unsafe {
            match fork_quietly() {
                Ok(0) => self.keep(report, go, status),
                Ok(_) => {}
                Err(errno) => Report { kind: Stage::Fork as i32, value: errno as i32 }.write(report),
            }
            libc::_exit(0)
        }
    }

    /// The keeper's life: it has the program as its child, waits for it, and says how it ended.
    unsafe fn keep(&mut self, report: RawFd, go: RawFd, status: RawFd) -> ! {
        // SAFETY: as above.
        unsafe {
            // What the application ignores would have the kernel throw the status away.
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            let child = match fork_quietly() {
                Ok(0) => {
                    libc::close(go);
                    libc::close(status);
                    self.become_program(report)
                }
                Ok(pid) => pid,
                Err(errno) => {
                    Report { kind: Stage::Fork as i32, value: errno as i32 }.write(report);
                    libc::_exit(0)
                }
            };
            Report { kind: Report::PID, value: child }.write(report);
            libc::close(report);
            let [status, go] = keep_only([status, go]);
            // The child is not reaped before the parent has a handle on it.
            let mut byte = 0_u8;
            libc::read(go, (&raw mut byte).cast(), 1);
            libc::close(go);
            if self.bound {
                kill_when_unread(child, status);
            }
            let mut ended = 0;
            while libc::waitpid(child, &raw mut ended, libc::__WALL) < 0 && Errno::last() == Errno::EINTR {}
            let report = match libc::WIFEXITED(ended) {
                true => Report { kind: Report::EXITED, value: libc::WEXITSTATUS(ended) },
                false => Report { kind: Report::SIGNALLED, value: libc::WTERMSIG(ended) },
            };
            report.write(status);
            libc::_exit(0)
        }
    }

    /// Does everything and executes the program; what it returns is the stage that failed, with errno set.
    unsafe fn prepare(&mut self, report: &mut RawFd) -> Stage {
        // SAFETY: by the caller's promise; pointers are those of strings that `self` owns.
        unsafe {
            // Handlers end with exec, but what is ignored stays so, and Rust ignores SIGPIPE.
            for signal in 1..=64 {
                libc::signal(signal, libc::SIG_DFL);
            }
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            if self.session && libc::setsid() < 0 {
                return Stage::Session;
            }
            if !self.place_fds(report) {
                return Stage::Descriptors;
            }
            if let Some(score) = &self.oom_score_adjust {
                let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                let length = score.as_bytes().len();
                if file < 0 || libc::write(file, score.as_ptr().cast(), length) < 0 {
                    return Stage::OomScore;
                }
                libc::close(file);
            }
            if let Some(nice) = self.nice
                && libc::setpriority(libc::PRIO_PROCESS, 0, nice) < 0
            {
                return Stage::Nice;
            }
            for limit in &self.limits {
                let value = libc::rlimit64 { rlim_cur: limit.soft, rlim_max: limit.hard };
                let previous = std::ptr::null_mut::<libc::rlimit64>();
                if libc::syscall(libc::SYS_prlimit64, 0, limit.resource, &raw const value, previous) < 0 {
                    return Stage::Limit;
                }
            }
            if let Some(umask) = self.umask {
                libc::umask(umask as libc::mode_t);
            }
            if let Some(user) = &self.user
                && !become_user(user)
            {
                return Stage::User;
            }
            if self.no_new_privileges && libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 {
                return Stage::NoNewPrivileges;
            }
            if libc::chdir(self.directory.as_ptr()) < 0 {
                return Stage::Directory;
            }
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
            libc::execve(self.path.as_ptr(), self.argv.pointers.as_ptr(), self.envp.pointers.as_ptr());
            Stage::Exec
        }
    }

    /// Puts the descriptors under their numbers and sees to it that no other one outlives exec.
    unsafe fn place_fds(&mut self, report: &mut RawFd) -> bool {
        // SAFETY: system calls on numbers; what is not open makes them fail.
        unsafe {
            // First out of the way of all targets.
            *report = libc::fcntl(*report, libc::F_DUPFD_CLOEXEC, self.above);
            if *report < 0 {
                return false;
            }
            for fd in &mut self.fds {
                fd.source = libc::fcntl(fd.source, libc::F_DUPFD_CLOEXEC, self.above);
                if fd.source < 0 {
                    return false;
                }
            }
            // Whatever else is open in the application was perhaps not marked.
            if libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) < 0 {
                return false;
            }
            self.fds.iter().all(|fd| libc::dup2(fd.source, fd.target) == fd.target)
        }
    }
}

/// Closes everything but these, which get the lowest numbers; they are returned.
///
/// The application's descriptors are not ours to keep open. Among them may be the end of a pipe that another start, in
/// another thread, waits for: two that kept each other's would wait for ever.
unsafe fn keep_only<const N: usize>(kept: [RawFd; N]) -> [RawFd; N] {
    // SAFETY: system calls on numbers; what is not open makes them fail.
    unsafe {
        // First out of the way of each other.
        let moved = kept.map(|fd| libc::fcntl(fd, libc::F_DUPFD, N as i32));
        if moved.iter().any(|fd| *fd < 0) {
            return kept;
        }
        let mut placed = kept;
        for (number, (fd, place)) in moved.iter().zip(&mut placed).enumerate() {
            *place = libc::dup2(*fd, number as RawFd);
        }
        libc::syscall(libc::SYS_close_range, N as u32, u32::MAX, 0);
        placed
    }
}

/// Waits until `child` ends, or nobody is left to read its status from this pipe; then kills it.
unsafe fn kill_when_unread(child: i32, status: RawFd) {
    // SAFETY: system calls on numbers and on an array that lives for the call.
    unsafe {
        let handle = libc::syscall(libc::SYS_pidfd_open, child, 0_u32) as RawFd;
        // The writing end of a pipe has an error, asked for or not, when the last reader has gone.
        let mut both = [
            libc::pollfd { fd: status, events: 0, revents: 0 },
            libc::pollfd { fd: handle, events: libc::POLLIN, revents: 0 },
        ];
        let everything = both.as_mut_ptr();
        while libc::poll(everything, 2, -1) < 0 && Errno::last() == Errno::EINTR {}
        if both[0].revents != 0 {
            libc::kill(child, libc::SIGKILL);
        }
    }
}

/// Drops from root, or stays who we are: groups first, as they cannot be changed later.
unsafe fn become_user(user: &User) -> bool {
    #[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
    const CALLS: [c_long; 3] = [libc::SYS_setgroups, libc::SYS_setresgid, libc::SYS_setresuid];
    // There the plain ones take ids of 16 bits.
    #[cfg(any(target_arch = "arm", target_arch = "x86"))]
    const CALLS: [c_long; 3] = [libc::SYS_setgroups32, libc::SYS_setresgid32, libc::SYS_setresuid32];
    let [set_groups, set_gid, set_uid] = CALLS;
    // SAFETY: the pointer and the count are those of one vector.
    unsafe {
        libc::syscall(set_groups, user.groups.len(), user.groups.as_ptr()) == 0
            && libc::syscall(set_gid, user.gid, user.gid, user.gid) == 0
            && libc::syscall(set_uid, user.uid, user.uid, user.uid) == 0
    }
}

/// As `fork(2)`, but the child, until it calls exec, sends no signal when it ends, and no wait but one that asks for such
/// children sees it.
///
/// # Safety
///
/// As for fork in a program with threads: the child may only do what a signal handler may.
pub(super) unsafe fn fork_quietly() -> nix::Result<i32> {
    // SAFETY: by the caller's promise. All arguments are zero, so that their order, which differs between
    // architectures, does not matter: no flags, no exit signal, the same stack.
    let result = unsafe { libc::syscall(libc::SYS_clone, 0_usize, 0_usize, 0_usize, 0_usize, 0_usize) };
    Errno::result(result).map(|pid| pid as i32)
}

/// As [`fork_quietly`], with the child in the cgroup whose directory this is, where kernel and rights allow that.
///
/// # Safety
///
/// As for [`fork_quietly`].
pub(super) unsafe fn fork_into(group: Option<&OwnedFd>) -> nix::Result<i32> {
    if let Some(group) = group {
        // SAFETY: numbers, for all of which zero is a value.
        let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
        arguments.flags = INTO_GROUP;
        arguments.cgroup = group.as_raw_fd() as u64;
        // SAFETY: by the caller's promise; the kernel reads as many bytes of the arguments as it is told.
        let result =
            unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>()) };
        if result >= 0 {
            return Ok(result as i32);
        }
    }
    // SAFETY: by the caller's promise.
    unsafe { fork_quietly() }
}

/// `CLONE_INTO_CGROUP`
const INTO_GROUP: u64 = 0x2_0000_0000;

/// Keeps this thread's signals back while it lives, so that no handler of the application runs in a child.
pub(super) struct Blocked(SigSet);

impl Blocked {
    pub(super) fn all() -> Self {
        let mut before = SigSet::empty();
        // Fails for no signal set that exists.
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before));
        Self(before)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.0), None);
    }
}

/// What can fail in the child.
#[derive(Clone, Copy)]
enum Stage {
    Fork = 1,
    Session,
    Descriptors,
    OomScore,
    Nice,
    Limit,
    User,
    NoNewPrivileges,
    Directory,
    Exec,
}

/// What a child says over its pipe: its own child's pid, or which stage failed and the error number.
pub(super) struct Report {
    pub(super) kind: i32,
    pub(super) value: i32,
}

impl Report {
    /// The kind whose value is a pid.
    pub(super) const PID: i32 = 0;
    /// The kind whose value is an exit status.
    pub(super) const EXITED: i32 = -1;
    /// The kind whose value is the number of the signal that ended the program.
    pub(super) const SIGNALLED: i32 = -2;

    unsafe fn write(&self, fd: RawFd) {
        let message = [self.kind.to_ne_bytes(), self.value.to_ne_bytes()];
        // SAFETY: the pointer and the length are those of one array. A write of 8 bytes to a pipe is whole or nothing.
        unsafe { libc::write(fd, message.as_ptr().cast(), size_of_val(&message)) };
    }

    /// The next report; nothing once exec has closed the pipe.
    pub(super) fn read(mut pipe: &File) -> Option<Self> {
        let mut message = [0; 8];
        pipe.read_exact(&mut message).ok()?;
        let (kind, value) = message.split_at(4);
        Some(Self {
            kind: i32::from_ne_bytes(kind.try_into().ok()?),
            value: i32::from_ne_bytes(value.try_into().ok()?),
        })
    }

    /// What was attempted, to be followed by the program's name.
    pub(super) fn attempt(&self) -> &'static str {
        const STAGES: [(Stage, &str); 10] = [
            (Stage::Fork, "cannot fork for"),
            (Stage::Session, "cannot make a session for"),
            (Stage::Descriptors, "cannot pass descriptors to"),
            (Stage::OomScore, "cannot set the OOM score of"),
            (Stage::Nice, "cannot set the niceness of"),
            (Stage::Limit, "cannot set a resource limit of"),
            (Stage::User, "cannot change the user for"),
            (Stage::NoNewPrivileges, "cannot forbid new privileges to"),
            (Stage::Directory, "cannot enter the directory for"),
            (Stage::Exec, "cannot run"),
        ];
        let known = STAGES.iter().find(|(stage, _)| *stage as i32 == self.kind);
        known.map_or("cannot start", |(_, attempt)| attempt)
    }
}
