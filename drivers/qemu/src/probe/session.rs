//! A QEMU without a guest, for questions.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use serde::de::DeserializeOwned;
use serde_json::Value;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use super::failed;
use crate::monitor::{Greeting, Monitor};

/// One process and its monitor; killed when dropped.
#[derive(Debug)]
pub(super) struct Session<'a> {
    process: Process,
    monitor: Monitor,
    greeting: Greeting,
    wait: Wait<'a>,
}

impl<'a> Session<'a> {
    /// Starts `binary` with no machine at all.
    pub(super) fn start(binary: &Path, accelerator: &str, wait: Wait<'a>) -> Result<Self> {
        let (ours, theirs) = UnixStream::pair().map_err(|error| cannot_run(binary, error))?;
        let mut process = Process::start(binary, accelerator, theirs)?;
        match Monitor::greet(ours, &binary.display().to_string(), wait) {
            Ok((monitor, greeting)) => Ok(Self { process, monitor, greeting, wait }),
            Err(error) => Err(process.last_words(error)),
        }
    }

    pub(super) fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Asks one question.
    pub(super) fn ask<T: DeserializeOwned>(&mut self, command: &str, arguments: &Value) -> Result<T> {
        let answer = match self.monitor.execute(command, arguments, self.wait) {
            Ok(answer) => answer,
            Err(error) => return Err(self.process.last_words(error)),
        };
        self.understand(command, answer)
    }

    /// Asks what QEMU may refuse to answer.
    pub(super) fn ask_if_willing<T: DeserializeOwned>(&mut self, command: &str) -> Result<Option<T>> {
        match self.monitor.ask(command, &Value::Null, &[], self.wait) {
            Ok(Ok(answer)) => self.understand(command, answer).map(Some),
            Ok(Err(_)) => Ok(None),
            Err(error) => Err(self.process.last_words(error)),
        }
    }

    fn understand<T: DeserializeOwned>(&self, command: &str, answer: Value) -> Result<T> {
        serde_json::from_value(answer).map_err(|error| {
            failed(&self.process.binary, &format!("its answer to '{command}' is not understood: {error}"))
        })
    }
}

/// A child that does not outlive us, and what it writes.
#[derive(Debug)]
struct Process {
    binary: PathBuf,
    child: Child,
    output: File,
}

impl Process {
    fn start(binary: &Path, accelerator: &str, monitor: UnixStream) -> Result<Self> {
        // Not a pipe: nobody reads while QEMU writes.
        let output =
            memfd_create(c"output", MFdFlags::MFD_CLOEXEC).map_err(|errno| cannot_run(binary, errno))?;
        let output = File::from(output);
        let second = || output.try_clone().map_err(|error| cannot_run(binary, error));
        let number = monitor.as_raw_fd();
        let mut command = Command::new(binary);
        command
            .args(["-S", "-no-user-config", "-nodefaults", "-nographic"])
            .args(["-machine", &format!("none,accel={accelerator}")])
            .args(["-chardev", &format!("socket,id=monitor,fd={number}")])
            .args(["-mon", "chardev=monitor,mode=control"])
            .env_clear()
            .envs([("LC_ALL", "C"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")])
            .stdin(Stdio::null())
            .stdout(second()?)
            .stderr(second()?);
        let prepare = move || -> std::io::Result<()> {
            // SAFETY: `monitor` is closed after the spawn only, so in the child the number still names it.
            let inherited = unsafe { BorrowedFd::borrow_raw(number) };
            fcntl(inherited, FcntlArg::F_SETFD(FdFlag::empty()))?;
            set_pdeathsig(Signal::SIGKILL)?;
            Ok(())
        };
        // SAFETY: the closure makes system calls and nothing else: it takes no lock and no memory.
        unsafe { command.pre_exec(prepare) };
        let child = command.spawn().map_err(|error| cannot_run(binary, error))?;
        drop(monitor);
        Ok(Self { binary: binary.to_owned(), child, output })
    }

    /// `error` with what the binary wrote, if it wrote anything, as that says why.
    fn last_words(&mut self, error: Error) -> Error {
        // It may still be writing them. That we cannot wait for somebody else's SIGCHLD settings is no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mut words = String::new();
        let read = self.output.rewind().and_then(|()| (&self.output).take(4096).read_to_string(&mut words));
        match read {
            Ok(_) if !words.trim().is_empty() => failed(&self.binary, words.trim()).caused_by(error),
            _ => error,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended and been waited for, which is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cannot_run(binary: &Path, error: impl Into<std::io::Error>) -> Error {
    Error::system(ErrorDomain::QEMU, format!("cannot run '{}'", binary.display()), error)
}
