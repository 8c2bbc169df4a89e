//! A QEMU without a guest, for questions.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;
use serde::de::DeserializeOwned;
use serde_json::Value;
use virt_util::spawn::{Child, Program, Spawn};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use super::failed;
use crate::monitor::{Greeting, Monitor, RawAnswer};

/// Where the process finds its monitor.
const MONITOR: i32 = 3;

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
    pub(super) fn ask<T: DeserializeOwned>(&mut self, command: &str) -> Result<T> {
        let answer = self.ask_all(&[(command, Value::Null)])?.pop();
        self.understand(command, answer)
    }

    /// Asks all questions at once: the process is never idle between them.
    pub(super) fn ask_all(&mut self, questions: &[(&str, Value)]) -> Result<Vec<RawAnswer>> {
        self.monitor.ask_all(questions, self.wait).map_err(|error| self.process.last_words(error))
    }

    /// What must have been answered.
    pub(super) fn understand<T: DeserializeOwned>(
        &self,
        command: &str,
        answer: Option<RawAnswer>,
    ) -> Result<T> {
        let text = match answer {
            Some(Ok(text)) => text,
            Some(Err(refusal)) => return Err(refusal.into_error(command)),
            None => return Err(failed(&self.process.binary, &format!("no answer to '{command}'"))),
        };
        serde_json::from_str(text.get()).map_err(|error| {
            failed(&self.process.binary, &format!("its answer to '{command}' is not understood: {error}"))
        })
    }

    /// What QEMU may have refused to answer.
    pub(super) fn understand_if_willing<T: DeserializeOwned>(
        &self,
        command: &str,
        answer: Option<RawAnswer>,
    ) -> Result<Option<T>> {
        match answer {
            Some(Err(_)) => Ok(None),
            answer => self.understand(command, answer).map(Some),
        }
    }
}

/// A process that does not outlive us, and what it writes.
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
        let second = || output.try_clone().map(OwnedFd::from).map_err(|error| cannot_run(binary, error));
        let args = [
            "-S",
            "-no-user-config",
            "-nodefaults",
            "-display",
            "none",
            "-machine",
            &format!("none,accel={accelerator}"),
            "-chardev",
            &format!("socket,id=monitor,fd={MONITOR}"),
            "-mon",
            "chardev=monitor,mode=control",
        ];
        let env = [
            ("LC_ALL", "C"),
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            // An answer is built of some ten thousand objects of 4 KiB each: huge pages spare their page faults, a
            // quarter of the time. Other C libraries know nothing of it.
            ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
        ];
        let program = Program {
            path: binary.to_owned(),
            args: args.map(str::to_owned).to_vec(),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            bound: true,
            ..Program::default()
        };
        let spawn = Spawn::new(program).fd(1, second()?).fd(2, second()?).fd(MONITOR, monitor.into());
        let child = spawn.start().map_err(|error| error.in_domain(ErrorDomain::QEMU))?;
        Ok(Self { binary: binary.to_owned(), child, output })
    }

    /// `error` with what the binary wrote, if it wrote anything, as that says why.
    fn last_words(&mut self, error: Error) -> Error {
        // It may still be writing them. One that has ended cannot be killed, which is no matter.
        let _ = self.child.process().signal(Signal::SIGKILL);
        let _ = self.child.wait(Wait::FOREVER);
        let mut words = String::new();
        let read = self.output.rewind().and_then(|()| (&self.output).take(4096).read_to_string(&mut words));
        match read {
            Ok(_) if !words.trim().is_empty() => failed(&self.binary, words.trim()).caused_by(error),
            _ => error,
        }
    }
}

fn cannot_run(binary: &Path, error: impl Into<std::io::Error>) -> Error {
    Error::system(ErrorDomain::QEMU, format!("cannot run '{}'", binary.display()), error)
}
