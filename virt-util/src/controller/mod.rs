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
//! let qmp = client.monitor(Wait::FOREVER)?;
//! // Set the guest up over `qmp`, write its status file ... From here on it outlives this client.
//! client.settle(Wait::FOREVER)?;
//! # let _ = (owner, qmp);
//! # Ok(())
//! # }
//! ```
//!
//! Later, from any process, [`Client::attach`] finds it again.

mod channel;
mod client;
mod guest_lock;
mod launch;
mod monitor;
pub mod protocol;
mod record;
mod report;
mod scope;
mod server;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::owner::Owner;
use crate::process::ExitStatus;

pub use client::{Attached, Client, DeadGuest};
pub use launch::{binary, main_hook};
pub use protocol::LockHolder;

/// What a controller is told once, for the whole life of its guest. Kept in `guest.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What people see in process lists and scope names: `qemu-web`.
    pub title: String,
    /// The guest's monitor: a QMP socket (JSON lines) with this name in the guest's directory, on which the guest itself
    /// listens. The controller connects, negotiates, and connects again when it takes over.
    pub monitor: Option<String>,
    /// Arguments for our own binary's `finish`, run once when the guest has ended while nobody held its lock; and whenever
    /// it has let go of something that nobody saw to ([`Rule::care`]).
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
    /// The states that this does not end: a guest that has crashed stays crashed while it is stopped.
    pub unless: Vec<i32>,
    /// The member of the event's data that names what the guest has let go of, `device`. Whoever holds the guest's lock may
    /// see to it ([`Client::tended`]); else our own binary's `finish` is run once the lock is free.
    pub care: Option<String>,
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
    #[serde(default)]
    pub guest: Option<Owner>,
    /// How it ended; nothing while it runs.
    #[serde(default)]
    pub ended: Option<ExitStatus>,
    /// Whether it outlives the client that had it started.
    #[serde(default)]
    pub settled: bool,
    /// Whether the controller took over from one that died: monitor events in between are lost.
    #[serde(default)]
    pub adopted: bool,
    /// The controller's process.
    pub controller: Owner,
    /// Who holds the guest's lock.
    #[serde(default)]
    pub locked: Option<LockHolder>,
    /// What the monitor said of itself when it was connected (the value of QMP's greeting).
    #[serde(default)]
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
    /// This client was too slow: so many monitor events are gone.
    Missed(u64),
}
