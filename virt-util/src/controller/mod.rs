//! The small process that stays with a running guest, whoever comes and goes: holds its monitor, its lock and its exit
//! status, and sees to it that what the guest held is released when it ends.
//!
//! A guest has a directory of its own in the run directory. In it are
//!
//! | name | what |
//! |---|---|
//! | `control.sock` | where clients connect; the protocol is in [`protocol`] |
//! | `guest.json` | what the controller knows: enough for another one to take over |
//! | `controller.lock` | held by the controller while it lives |
//!
//! and what the driver puts there, such as the guest's monitor socket. A driver starts a guest so:
//!
//! ```no_run
//! use std::os::fd::OwnedFd;
//! use virt_util::controller::{Client, Settings};
//! use virt_util::dir::Dir;
//! use virt_util::socket::{Kind, Listener};
//! use virt_util::spawn::Program;
//! use virt_util::wait::Wait;
//!
//! # fn start(dir: &Dir, log: OwnedFd) -> virt_util::Result<()> {
//! let monitor = Listener::bind(dir, "monitor.sock", Kind::Stream, 0o600)?.into_fd();
//! let settings = Settings {
//!     title: "qemu-web".into(),
//!     monitor: Some("monitor.sock".into()),
//!     finish: vec!["qemu:///system".into(), "5df1cc40-4dbf-4b8c-bf50-5a3d8c7b6c4e".into()],
//!     ..Settings::default()
//! };
//! let mut client = Client::start(dir, &settings, Wait::FOREVER)?;
//! client.lock("starting", Wait::FOREVER)?;
//! let args = ["-S", "-chardev", "socket,id=monitor,fd=10,server=on,wait=off", "-mon", "chardev=monitor,mode=control"];
//! let program = Program {
//!     path: "/usr/bin/qemu-system-x86_64".into(),
//!     args: args.map(String::from).to_vec(),
//!     ..Program::default()
//! };
//! let owner = client.spawn(&program, vec![(2, log), (10, monitor)], Wait::FOREVER)?;
//! let status = client.command("query-status", None, &[], Wait::FOREVER)?;
//! # let _ = (owner, status);
//! # Ok(())
//! # }
//! ```
//!
//! Later, from any process, [`Client::attach`] finds it again.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Result;
use crate::dir::Dir;
use crate::lock::Lock;
use crate::owner::Owner;
use crate::process::ExitStatus;
use crate::spawn::Program;
use crate::wait::Wait;

/// What a controller is told once, for the whole life of its guest. Kept in `guest.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What people see in process lists and scope names: `qemu-web`.
    pub title: String,
    /// The guest's monitor: a QMP socket (JSON lines) with this name in the guest's directory, on which the guest itself
    /// listens. The controller connects, negotiates, and connects again when it takes over.
    pub monitor: Option<String>,
    /// Arguments for our own binary's `finish`, run once when the guest has ended while nobody held its lock.
    pub finish: Vec<String>,
    /// Monitor events that are written into the driver's event log, whoever is attached.
    pub rules: Vec<Rule>,
    /// Where that log is.
    pub report: Option<Report>,
    /// What else the driver wants to find again, not understood here.
    pub notes: Value,
}

/// A monitor event that the controller reports by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// The monitor's name for it: `STOP`, `RESET`, `BLOCK_IO_ERROR`.
    pub event: String,
    /// Only when no client holds the guest's lock: what happens under a lock, its holder reports.
    pub unlocked_only: bool,
    /// The state and reason that the guest is in from then on, for the index.
    pub state: Option<(i32, i32)>,
}

/// Where a controller reports monitor events: written to the log as
/// `{"guest": UUID, "monitor": {"event": ..., "data": ..., "timestamp": ...}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The directory that index and log are in.
    pub directory: PathBuf,
    /// The index's name.
    pub index: String,
    /// The event log's name.
    pub events: String,
    /// The guest's UUID.
    pub guest: Uuid,
}

/// What is known of a guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Its process; nothing before [`Client::spawn`].
    pub guest: Option<Owner>,
    /// How it ended; nothing while it runs.
    pub ended: Option<ExitStatus>,
    /// Whether the controller took over from one that died: monitor events in between are lost.
    pub adopted: bool,
    /// The controller's process.
    pub controller: Owner,
    /// What the monitor said of itself when it was connected (QMP's greeting).
    pub greeting: Option<Value>,
    /// The settings it was started with.
    pub settings: Settings,
}

/// What a client is told without having asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// An event of the guest's monitor, as the monitor wrote it. After [`Client::subscribe`].
    Monitor(Value),
    /// The guest has ended.
    Ended(ExitStatus),
    /// This client was too slow: so many notices are gone.
    Missed(u64),
}

/// What [`Client::attach`] found.
pub enum Attached {
    /// A running guest, or one that has ended and is being finished.
    Running(Client),
    /// A guest that ended along with its controller. Whoever has this has the guest to himself, and releases what it
    /// held.
    Dead(DeadGuest),
    /// No guest was ever started here, or it is finished.
    Nothing,
}

/// What a guest and its controller, both killed, left.
pub struct DeadGuest {
    /// Keeps everybody else out.
    pub lock: Lock,
    /// What it was started with.
    pub settings: Settings,
    /// The process it was; nothing when it never came to that.
    pub guest: Option<Owner>,
}

impl DeadGuest {
    /// Removes the controller's files: the guest is finished.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn retire(self) -> Result<()> {
        todo!()
    }
}

/// A connection to a guest's controller. Not shared between threads: each undertaking has its own.
///
/// Readable (see `AsFd`) when [`Client::try_notice`] may have something.
pub struct Client {
    notices: VecDeque<Notice>,
}

impl Client {
    /// Starts a controller, without a guest as yet, for the guest directory `dir`. Should this client go before
    /// [`Client::spawn`], the controller ends.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorCode::OPERATION_INVALID`] when there is one already; when the binary cannot be found or run.
    pub fn start(dir: &Dir, settings: &Settings, wait: Wait<'_>) -> Result<Self> {
        let _ = (dir, settings, wait);
        todo!()
    }

    /// Connects to the controller of the guest in `dir`. Where it has died and the guest has not, starts another one that
    /// takes over, once, however many processes find out at the same time.
    ///
    /// # Errors
    ///
    /// When the directory or `guest.json` cannot be read, or is a newer version's.
    pub fn attach(dir: &Dir, wait: Wait<'_>) -> Result<Attached> {
        let _ = (dir, wait);
        todo!()
    }

    /// Has the controller start the guest, with `fds` under their numbers, and connect to its monitor. When this returns
    /// the monitor has answered.
    ///
    /// # Errors
    ///
    /// When it cannot be run, ends before its monitor answers, or the wait ends; it does not run then.
    pub fn spawn(&mut self, program: &Program, fds: Vec<(i32, OwnedFd)>, wait: Wait<'_>) -> Result<Owner> {
        let _ = (program, fds, wait);
        todo!()
    }

    /// What is known of the guest now.
    ///
    /// # Errors
    ///
    /// When the controller has gone or the wait ends.
    pub fn status(&mut self, wait: Wait<'_>) -> Result<Status> {
        let _ = wait;
        todo!()
    }

    /// Takes the guest's lock: first come, first served; held until [`Client::unlock`] or the end of this connection.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorCode::OPERATION_TIMEOUT`] with libvirt's sentence, which names the holder's `purpose`.
    pub fn lock(&mut self, purpose: &str, wait: Wait<'_>) -> Result<()> {
        let _ = (purpose, wait);
        todo!()
    }

    /// Lets go of the guest's lock.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn unlock(&mut self) -> Result<()> {
        todo!()
    }

    /// Runs a monitor command and gives what it returned. Commands of several clients run one after the other, each gets
    /// its own answer.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorCode::INTERNAL_ERROR`] with libvirt's sentence when the monitor refuses
    /// (`unable to execute QEMU command 'cont': ...`); [`crate::ErrorCode::OPERATION_FAILED`] when the guest ends first.
    pub fn command(
        &mut self,
        name: &str,
        arguments: Option<Value>,
        fds: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<Value> {
        let _ = (name, arguments, fds, wait);
        todo!()
    }

    /// Asks for monitor events from now on.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn subscribe(&mut self, wait: Wait<'_>) -> Result<()> {
        let _ = wait;
        todo!()
    }

    /// The next notice, if there is one.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn try_notice(&mut self) -> Result<Option<Notice>> {
        Ok(self.notices.pop_front())
    }

    /// The next notice, waiting for it.
    ///
    /// # Errors
    ///
    /// As for [`Client::try_notice`] and [`Wait::poll`].
    pub fn notice(&mut self, wait: Wait<'_>) -> Result<Notice> {
        let _ = wait;
        todo!()
    }

    /// Sends the guest a signal.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn signal(&mut self, signal: Signal, wait: Wait<'_>) -> Result<()> {
        let _ = (signal, wait);
        todo!()
    }

    /// Waits until the guest has ended.
    ///
    /// # Errors
    ///
    /// As for [`Wait::poll`].
    pub fn wait_for_end(&mut self, wait: Wait<'_>) -> Result<ExitStatus> {
        let _ = wait;
        todo!()
    }

    /// Changes the driver's notes in the settings, for whoever attaches later.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn set_notes(&mut self, notes: Value, wait: Wait<'_>) -> Result<()> {
        let _ = (notes, wait);
        todo!()
    }

    /// Says that the ended guest is finished: what it held is released. The controller removes its files and ends.
    ///
    /// # Errors
    ///
    /// When the guest still runs, or another client holds its lock.
    pub fn retire(self, wait: Wait<'_>) -> Result<()> {
        let _ = wait;
        todo!()
    }

    /// Has the controller replace itself by the binary that a new one would be started from, after an upgrade. Everything it
    /// holds, clients and locks included, goes over.
    ///
    /// # Errors
    ///
    /// When the new binary cannot be run: the old one carries on.
    pub fn replace(&mut self, wait: Wait<'_>) -> Result<()> {
        let _ = wait;
        todo!()
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        todo!()
    }
}

/// To be called first thing in `main` by `virt-controller` itself, and by applications that link their drivers
/// statically: when this process was started as a controller it does a controller's work and does not come back.
///
/// `finish` is what `finish ARGUMENTS` does, with [`Settings::finish`]: open a connection, release what the guest held.
/// What it returns is the exit status.
pub fn main_hook(finish: impl FnOnce(&[String]) -> i32) {
    let _ = finish;
    todo!()
}
