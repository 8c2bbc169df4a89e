//! Starting processes: children that an application's SIGCHLD handling never meets, with exactly the descriptors, user
//! and limits that were asked for.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::process::{ExitStatus, Process};
use crate::wait::Wait;

/// What to run, as data: it can be shown, journalled and sent to a controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Program {
    /// The executable's absolute path.
    pub path: PathBuf,
    /// Arguments, without the name of the program itself.
    pub args: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Working directory; `/` when empty.
    pub directory: PathBuf,
    /// User, group and further groups to run as; ours when absent.
    pub user: Option<User>,
    /// Resource limits to set.
    pub limits: Vec<Limit>,
    /// Makes it leader of a session of its own.
    pub session: bool,
    /// File mode creation mask; ours when absent.
    pub umask: Option<u32>,
    /// Niceness; ours when absent.
    pub nice: Option<i32>,
    /// How gladly the kernel kills it when memory runs out, -1000 (never) to 1000; ours when absent.
    pub oom_score_adjust: Option<i32>,
    /// Forbids it and its children to gain rights by exec.
    pub no_new_privileges: bool,
}

/// The user a program runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary group ids; all others are dropped.
    #[serde(default)]
    pub groups: Vec<u32>,
}

/// One resource limit, as `setrlimit(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Which: `libc::RLIMIT_MEMLOCK` and the like.
    pub resource: u32,
    /// What is enforced; `u64::MAX` for no limit.
    pub soft: u64,
    /// How far the process may raise it; `u64::MAX` for no limit.
    pub hard: u64,
}

/// A program with the descriptors it gets, ready to be started.
#[derive(Debug)]
pub struct Spawn {
    program: Program,
    fds: Vec<(i32, OwnedFd)>,
}

/// What a finished program left.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Spawn {
    /// `program` with standard input, output and error at /dev/null and no other descriptor.
    pub fn new(program: Program) -> Self {
        Self { program, fds: Vec::new() }
    }

    /// Gives it `fd` under `number` (0 to 2 for the standard ones).
    #[must_use]
    pub fn fd(mut self, number: i32, fd: OwnedFd) -> Self {
        self.fds.push((number, fd));
        self
    }

    /// Starts it as a child of ours that sends no SIGCHLD: to be waited for by [`Process::reap`] alone, whatever the
    /// application does with its children.
    ///
    /// # Errors
    ///
    /// When a step up to and including exec fails; the error names it.
    pub fn start(self) -> Result<Process> {
        todo!()
    }

    /// Starts it as nobody's child (double fork): it is reaped by init.
    ///
    /// # Errors
    ///
    /// As for [`Spawn::start`].
    pub fn start_detached(self) -> Result<Process> {
        todo!()
    }

    /// Runs it to its end with `input`, and collects what it writes, up to `limit` bytes each; it is killed when `wait`
    /// ends or it writes more.
    ///
    /// # Errors
    ///
    /// As for [`Spawn::start`] and [`Wait::poll`]. That it exits with another status than 0 is none.
    pub fn run(self, input: &[u8], limit: usize, wait: Wait<'_>) -> Result<Output> {
        let _ = (input, limit, wait, self.program, self.fds);
        todo!()
    }
}
