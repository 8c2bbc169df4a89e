//! The steps of starting a guest: what a plan lists, what the journal holds, what is undone.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{Gid, Uid, chown};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use virt_util::controller::{Attached, Client};
use virt_util::dir::Dir;
use virt_util::journal::{self, Changes};
use virt_util::socket::{Kind, Listener};
use virt_util::spawn::Program;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use super::context::{Context, Password};
use super::lease::{self, Lease};
use super::port::Port;
use super::tune;
use crate::command::MonitorCommand;
use crate::monitor::Commands;

/// The name of the monitor's socket in the guest's directory.
pub(crate) const MONITOR: &str = "monitor.sock";

/// The most that is repeated of an emulator's messages.
const LAST_WORDS: u64 = 4096;

/// A user and a group, by number.
pub(crate) type Ownership = (u32, u32);

/// One thing that is done to start a guest, and undone when it has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// A directory that only the guest's user may enter.
    Directory {
        /// Where.
        path: PathBuf,
        /// Whose, if not ours.
        owner: Option<Ownership>,
    },
    /// The key that opens the guest's secrets; never in the plan or the journal itself.
    MasterKey {
        /// Where.
        path: PathBuf,
        /// Whose, if not ours.
        owner: Option<Ownership>,
    },
    /// The variables of the guest's firmware, copied from those that come with it.
    Variables {
        /// Where.
        path: PathBuf,
        /// What is copied.
        template: PathBuf,
        /// Whose, if not ours.
        owner: Option<Ownership>,
        /// Whether the guest has some already, which are given up.
        replace: bool,
    },
    /// A file that the guest opens becomes its user's, as long as it runs.
    Own {
        /// Which.
        path: PathBuf,
        /// Whose it becomes.
        owner: Ownership,
        /// Whose it is.
        before: Ownership,
    },
    /// A socket on which the guest listens.
    Listen {
        /// The descriptor under which the emulator finds it.
        number: i32,
        /// Where.
        path: PathBuf,
        /// Whose, if not ours.
        owner: Option<Ownership>,
    },
    /// A file that the guest writes, opened for it.
    Open {
        /// The descriptor under which the emulator finds it.
        number: i32,
        /// Where.
        path: PathBuf,
        /// Whether it grows, rather than starting empty.
        append: bool,
        /// Whether it may have to be made.
        create: bool,
    },
    /// A port of a virtual network.
    Port(Port),
    /// A network device of the host that the guest reads and writes.
    Tap(super::tap::Tap),
    /// Devices of the host are leased, set up, and handed over to the guest.
    HostDevices(Box<Lease>),
    /// A device is plugged into the running guest.
    Plug {
        /// Its alias.
        device: String,
        /// What the monitor is told.
        commands: Vec<MonitorCommand>,
    },
    /// The emulator may lock this much memory, in bytes.
    LockableMemory {
        /// How much.
        bytes: u64,
    },
    /// The end of the guest's process, however it comes, gives these devices back.
    HandOver {
        /// Who has them.
        holder: String,
    },
    /// The process that stays with the guest.
    Controller {
        /// What it stays with.
        guest: Uuid,
        /// What people see.
        title: String,
        /// The URI that it gives the guest's end to.
        uri: String,
        /// The descriptor under which the emulator finds the monitor's listening socket.
        monitor: i32,
    },
    /// The emulator.
    Emulator {
        /// The guest.
        guest: Uuid,
        /// Its name.
        name: String,
        /// What runs.
        program: Box<Program>,
        /// Where its messages go.
        log: PathBuf,
    },
    /// vCPUs that are plugged in before the guest runs, so that it can give them up again.
    Vcpus {
        /// Their numbers.
        vcpus: Vec<u32>,
    },
    /// The passwords of the displays of one protocol; never in the plan or the journal themselves.
    Passwords {
        /// Which: `vnc`.
        protocol: String,
    },
    /// A command to the monitor.
    Command {
        /// Its name.
        execute: String,
        /// Its arguments.
        arguments: Value,
    },
}

impl Step {
    /// Lets the guest's CPUs run.
    pub(crate) fn go() -> Self {
        Self::Command { execute: "cont".into(), arguments: Value::Null }
    }
}

impl journal::Step for Step {
    type Context = Context;

    fn carry_out(&self, context: &mut Context) -> Result<()> {
        match self {
            Self::Directory { path, owner } => make_directory(path, *owner),
            Self::MasterKey { path, owner } => write_key(path, context.master_key(), *owner),
            Self::Variables { path, template, owner, replace: _ } => copy_variables(path, template, *owner),
            Self::Own { path, owner, before: _ } => give(path, Some(*owner)),
            Self::Listen { number, path, owner } => {
                let listener = listen(path)?;
                give(path, *owner)?;
                context.lend(*number, listener);
                Ok(())
            }
            Self::Open { number, path, append, create } => {
                context.lend(*number, open(path, *append, *create)?.into());
                Ok(())
            }
            Self::Port(port) => {
                let made = port.create(context.host(), context.wait())?;
                context.keep_port(made);
                Ok(())
            }
            Self::Tap(tap) => {
                for (number, descriptor) in tap.create()? {
                    context.lend(number, descriptor);
                }
                Ok(())
            }
            Self::HostDevices(lease) => lease.take(context.host(), context.wait()).map(drop),
            Self::Plug { commands, .. } => context.plug(commands),
            Self::LockableMemory { bytes } => match context.process() {
                Some(process) => let_lock(process.pid, *bytes),
                None => Ok(()),
            },
            Self::HandOver { holder } => {
                let process = context.process().ok_or_else(|| {
                    Error::internal(ErrorDomain::QEMU, "the guest has no process that could hold devices")
                })?;
                lease::hand_over(context.host(), holder, process.pid, context.wait())
            }
            Self::Controller { guest, title, uri, monitor } => {
                let dir = context.store().guest_dir(*guest)?;
                let listener = Listener::bind(&dir, MONITOR, Kind::Stream, 0o600)?;
                let settings = context.controller_settings(*guest, title, uri);
                let mut client = Client::start(&dir, &settings, context.wait())?;
                client.lock("starting", context.wait())?;
                context.lend(*monitor, listener.into_fd());
                context.keep_client(client);
                Ok(())
            }
            Self::Emulator { guest: _, name, program, log } => {
                let messages = open(log, true, true)?;
                let before = messages.metadata().map_or(0, |stat| stat.len());
                context.lend(2, messages.into());
                context.spawn(program).map_err(|error| last_words(name, log, before, error))
            }
            Self::Vcpus { vcpus } => {
                let wait = Wait::until(context.deadline());
                tune::plug_vcpus(context.client()?, vcpus, wait)
            }
            Self::Passwords { protocol } => {
                let wait = Wait::until(context.deadline());
                for Password { protocol, value, connected, expires } in context.passwords(protocol) {
                    let client = context.client()?;
                    client.set_password(&protocol, &value, connected.as_deref(), &expires, wait)?;
                }
                Ok(())
            }
            Self::Command { execute, arguments } => {
                let wait = context.deadline();
                let arguments = (!arguments.is_null()).then(|| arguments.clone());
                context.client()?.order(execute, arguments, Wait::until(wait))
            }
        }
    }

    fn undo(&self, context: &mut Context) -> Result<()> {
        match self {
            Self::Directory { path, .. } => ignore_missing(std::fs::remove_dir_all(path), "remove", path),
            Self::MasterKey { path, .. } | Self::Listen { path, .. } => {
                ignore_missing(std::fs::remove_file(path), "remove", path)
            }
            Self::Own { path, owner, before } => give_back(path, *owner, *before),
            // Variables that the guest has changed are the guest's.
            Self::Variables { path, template, replace: false, .. } if same_content(path, template) => {
                ignore_missing(std::fs::remove_file(path), "remove", path)
            }
            Self::Port(port) => port.delete(context.host()),
            Self::Tap(tap) => tap.remove(),
            Self::HostDevices(lease) => {
                lease.give_back(context.host());
                Ok(())
            }
            Self::Plug { commands, .. } => {
                context.take_back(commands);
                Ok(())
            }
            // What a guest wrote stays.
            Self::Variables { .. }
            | Self::Open { .. }
            | Self::Vcpus { .. }
            | Self::Passwords { .. }
            | Self::Command { .. }
            | Self::HandOver { .. }
            | Self::LockableMemory { .. } => Ok(()),
            Self::Controller { guest, .. } | Self::Emulator { guest, .. } => context.end(*guest),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Directory { path, .. } => format!("make the directory '{}'", path.display()),
            Self::MasterKey { path, .. } => format!("write the guest's master key to '{}'", path.display()),
            Self::Variables { path, template, .. } => {
                format!("copy '{}' to '{}'", template.display(), path.display())
            }
            Self::Own { path, owner: (user, group), before: (was, were) } => {
                format!("give '{}' from {was}:{were} to {user}:{group}", path.display())
            }
            Self::Listen { path, .. } => format!("listen on '{}'", path.display()),
            Self::Open { path, .. } => format!("open '{}'", path.display()),
            Self::Port(port) => port.describe(),
            Self::Tap(tap) => tap.describe(),
            Self::HostDevices(lease) => lease.describe(),
            Self::Plug { device, .. } => format!("plug in {device}"),
            Self::LockableMemory { bytes } => format!("let the emulator lock {bytes} bytes of memory"),
            Self::HandOver { .. } => "bind the host's devices to the emulator's life".into(),
            Self::Controller { title, .. } => format!("start the controller of '{title}'"),
            Self::Emulator { program, .. } => format!("run '{}'", program.path.display()),
            Self::Vcpus { vcpus } => format!("plug in the vCPUs {vcpus:?}"),
            Self::Passwords { protocol } => format!("tell the monitor the password for {protocol}"),
            Self::Command { execute, .. } => format!("tell the monitor '{execute}'"),
        }
    }

    fn changes(&self) -> Changes {
        match self {
            Self::Own { .. } | Self::Variables { .. } => Changes::Files,
            _ => Changes::Kernel,
        }
    }
}

/// Lets a process lock as much memory, if it may not lock more already.
fn let_lock(process: u32, bytes: u64) -> Result<()> {
    let (soft, hard) = virt_util::process::limits(process, nix::libc::RLIMIT_MEMLOCK)?;
    let wanted = (soft.max(bytes), hard.max(bytes));
    if wanted == (soft, hard) {
        return Ok(());
    }
    virt_util::process::set_limits(process, nix::libc::RLIMIT_MEMLOCK, wanted)
}

/// `error` with what the emulator wrote since the log was `before` bytes long, as that says why it ended.
fn last_words(name: &str, log: &Path, before: u64, error: Error) -> Error {
    let mut words = String::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(before))?;
        file.take(LAST_WORDS).read_to_string(&mut words)
    });
    let words = words.trim();
    if read.is_err() || words.is_empty() {
        return error;
    }
    let sentence = format!("QEMU unexpectedly closed the monitor (vm='{name}'): {words}");
    Error::internal(ErrorDomain::QEMU, sentence).caused_by(error)
}

/// Kills what runs in the directory of `guest`, and removes it.
pub(crate) fn end_guest(context: &Context, guest: Uuid) -> Result<()> {
    // Whatever the caller's patience, what was begun has to be undone.
    let wait = Wait::at_most(Duration::from_secs(30));
    if let Some(dir) = context.store().existing_guest_dir(guest)? {
        match Client::attach(&dir, wait)? {
            Attached::Running(mut client) => {
                client.lock("undoing a start", wait)?;
                kill(client, wait)?;
            }
            Attached::Dead(dead) => dead.retire()?,
            Attached::Nothing => {}
        }
    }
    context.store().remove_guest_dir(guest)
}

/// Kills the guest behind `client`, which holds its lock, and lets the controller go.
pub(crate) fn kill(mut client: Client, wait: Wait<'_>) -> Result<()> {
    if client.status(wait)?.guest.is_some() {
        client.signal(nix::sys::signal::Signal::SIGKILL, wait)?;
        client.wait_for_end(wait)?;
    }
    client.retire(wait)
}

fn cannot(attempt: &str, path: &Path, error: impl Into<io::Error>) -> Error {
    Error::system(ErrorDomain::QEMU, format!("cannot {attempt} '{}'", path.display()), error)
}

fn make_directory(path: &Path, owner: Option<Ownership>) -> Result<()> {
    // What an earlier guest of this name left is nobody's by now: the caller holds the guest's lock.
    ignore_missing(std::fs::remove_dir_all(path), "empty", path)?;
    make_parents(path)?;
    DirBuilder::new().mode(0o700).create(path).map_err(|error| cannot("make the directory", path, error))?;
    give(path, owner)
}

/// Makes the directories above `path`, through which guests of any user pass to what they know.
fn make_parents(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    let made = DirBuilder::new().recursive(true).mode(0o711).create(parent);
    made.map_err(|error| cannot("make the directory", parent, error))
}

/// A copy that is whole or not there.
fn copy_variables(path: &Path, template: &Path, owner: Option<Ownership>) -> Result<()> {
    make_parents(path)?;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let content = std::fs::read(template).map_err(|error| cannot("read", template, error))?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written =
        options.open(&part).and_then(|mut file| file.write_all(&content).and_then(|()| file.sync_all()));
    written.map_err(|error| cannot("write", &part, error))?;
    give(&part, owner)?;
    std::fs::rename(&part, path).map_err(|error| cannot("write", path, error))
}

fn same_content(one: &Path, other: &Path) -> bool {
    std::fs::read(one).ok().zip(std::fs::read(other).ok()).is_some_and(|(one, other)| one == other)
}

fn write_key(path: &Path, key: [u8; 32], owner: Option<Ownership>) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(&key));
    written.map_err(|error| cannot("write", path, error))?;
    give(path, owner)
}

fn open(path: &Path, append: bool, create: bool) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    if create {
        options.create(true).append(append).truncate(!append);
    } else {
        options.read(true);
    }
    options.open(path).map_err(|error| cannot("open", path, error))
}

/// Listens on a path of any length, in place of what an earlier guest left there.
fn listen(path: &Path) -> Result<OwnedFd> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(cannot("listen on", path, nix::Error::EINVAL));
    };
    ignore_missing(std::fs::remove_file(path), "replace", path)?;
    let parent = Dir::open(parent)?;
    let short = parent.short_path(&name.to_string_lossy());
    UnixListener::bind(short).map(OwnedFd::from).map_err(|error| cannot("listen on", path, error))
}

pub(super) fn give(path: &Path, owner: Option<Ownership>) -> Result<()> {
    let Some((user, group)) = owner else { return Ok(()) };
    chown(path, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))
        .map_err(|errno| cannot(&format!("give to {user}:{group}"), path, errno))
}

/// Gives the file back if it is still as we left it.
fn give_back(path: &Path, owner: Ownership, before: Ownership) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(stat) if (stat.uid(), stat.gid()) == owner => give(path, Some(before)),
        Ok(_) => Ok(()),
        Err(error) => ignore_missing(Err(error), "give back", path),
    }
}

fn ignore_missing(outcome: io::Result<()>, attempt: &str, path: &Path) -> Result<()> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot(attempt, path, error)),
        _ => Ok(()),
    }
}
