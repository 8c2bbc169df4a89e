//! A controller that replaces its own program: everything it holds goes over exec, by number and as text.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Client, Finish, Server};
use crate::controller::channel::Channel;
use crate::controller::guest_lock::GuestLock;
use crate::controller::launch;
use crate::controller::monitor::{Monitor, Session, State};
use crate::controller::record::{self, Record};
use crate::controller::scope::OwnGroup;
use crate::dir::Dir;
use crate::lock::Lock;
use crate::process::Process;
use crate::socket::{Listener, Socket};
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// The format's version. A program that does not know it takes the guest over as from a dead controller.
const VERSION: u32 = 1;

/// A controller between two programs.
#[derive(Serialize, Deserialize)]
struct Frozen {
    version: u32,
    listener: Option<RawFd>,
    record: Option<Record>,
    adopted: bool,
    guest: Option<FrozenProcess>,
    monitor: Option<FrozenMonitor>,
    spawner: Option<u64>,
    spawning: Option<u64>,
    clients: Vec<FrozenClient>,
    sessions: Vec<FrozenSession>,
    last: u64,
    guest_lock: GuestLock,
    finish: FrozenFinish,
    #[serde(default)]
    gone: BTreeSet<String>,
    #[serde(default)]
    care: Option<FrozenProcess>,
    group: Option<std::path::PathBuf>,
    /// Who asked for the change, and is answered when it is done.
    answer: (u64, u64),
}

#[derive(Serialize, Deserialize)]
struct FrozenProcess {
    pidfd: RawFd,
    pid: u32,
}

#[derive(Serialize, Deserialize)]
struct FrozenChannel {
    socket: RawFd,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct FrozenMonitor {
    channel: FrozenChannel,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct FrozenClient {
    id: u64,
    channel: FrozenChannel,
    greeted: bool,
    subscribed: bool,
    missed: u64,
}

#[derive(Serialize, Deserialize)]
struct FrozenSession {
    id: u64,
    channel: FrozenChannel,
    missed: u64,
}

#[derive(Serialize, Deserialize)]
enum FrozenFinish {
    NotYet,
    Runs(FrozenProcess),
    Done,
}

impl Server {
    /// Executes `path` in the place of this program. Comes back only when that fails.
    pub(super) fn replace(&mut self, client: u64, request: u64, path: &str) -> Result<Option<Value>> {
        if let Some(reporter) = self.reporter.take_if(|reporter| reporter.is_idle()) {
            reporter.close();
        }
        let channels = self.clients.values().map(|client| &client.channel);
        let mut channels = channels.chain(self.sessions.values().map(|session| &session.channel));
        if self.reporter.is_some() || channels.any(Channel::holds_fds) {
            let sentence = "the controller is passing something on just now";
            return Err(Error::new(ErrorCode::RESOURCE_BUSY, ErrorDomain::NONE, sentence).hint("try again"));
        }
        let cannot = |error: std::io::Error| {
            Error::system(ErrorDomain::NONE, format!("cannot replace the controller by '{path}'"), error)
        };
        let mut kept = vec![self.dir.as_fd().as_raw_fd(), self.lock.as_fd().as_raw_fd()];
        let frozen = self.freeze((client, request), &mut kept);
        let memory =
            memfd_create(c"controller", MFdFlags::MFD_CLOEXEC).map_err(|errno| cannot(errno.into()))?;
        let mut memory = File::from(memory);
        let text = serde_json::to_vec(&frozen).map_err(|error| cannot(error.into()))?;
        memory.write_all(&text).and_then(|()| memory.rewind()).map_err(cannot)?;
        let [dir, lock] = [kept.first(), kept.get(1)].map(|fd| fd.copied().unwrap_or(-1));
        kept.push(memory.as_raw_fd());
        let title = self.record.as_ref().map(|record| record.settings.title.as_str()).unwrap_or_default();
        let numbers = [memory.as_raw_fd(), dir, lock].map(|number| number.to_string());
        let [memory_number, dir, lock] = &numbers;
        let args: Vec<CString> = [launch::NAME, "resume", memory_number, dir, lock, title]
            .into_iter()
            .filter_map(|arg| CString::new(arg).ok())
            .collect();
        let program = CString::new(path).map_err(|error| cannot(error.into()))?;
        keep_over_exec(&kept, true).map_err(cannot)?;
        let Err(errno) = nix::unistd::execv(&program, &args);
        // Back to what it was.
        keep_over_exec(&kept, false).map_err(cannot)?;
        Err(cannot(errno.into()))
    }

    fn freeze(&self, answer: (u64, u64), kept: &mut Vec<RawFd>) -> Frozen {
        let mut keep = |fd: BorrowedFd<'_>| {
            kept.push(fd.as_raw_fd());
            fd.as_raw_fd()
        };
        let listener = self.listener.as_ref().map(|listener| keep(listener.as_fd()));
        let mut process =
            |process: &Process| FrozenProcess { pidfd: keep(process.as_fd()), pid: process.pid() };
        let guest = self.guest.as_ref().map(&mut process);
        let finish = match &self.finish {
            Finish::NotYet => FrozenFinish::NotYet,
            Finish::Runs(finish) => FrozenFinish::Runs(process(finish)),
            Finish::Done => FrozenFinish::Done,
        };
        let care = self.care.as_ref().map(&mut process);
        let mut channel = |channel: &Channel| {
            let (incoming, outgoing) = channel.unfinished();
            FrozenChannel { socket: keep(channel.as_fd()), incoming, outgoing }
        };
        let monitor = self.monitor.as_ref().map(|monitor| FrozenMonitor {
            channel: channel(&monitor.channel),
            state: monitor.state.clone(),
        });
        let mut clients = Vec::with_capacity(self.clients.len());
        for (&id, Client { channel: of, owner: _, greeted, subscribed, missed }) in &self.clients {
            let (greeted, subscribed, missed) = (*greeted, *subscribed, *missed);
            clients.push(FrozenClient { id, channel: channel(of), greeted, subscribed, missed });
        }
        let mut sessions = Vec::with_capacity(self.sessions.len());
        for (&id, session) in &self.sessions {
            sessions.push(FrozenSession { id, channel: channel(&session.channel), missed: session.missed });
        }
        Frozen {
            version: VERSION,
            listener,
            record: self.record.clone(),
            adopted: self.adopted,
            guest,
            monitor,
            spawner: self.spawner,
            spawning: self.spawning,
            clients,
            sessions,
            last: self.last,
            guest_lock: self.guest_lock.clone(),
            finish,
            gone: self.gone.clone(),
            care,
            group: self.group.as_ref().map(|group| group.path().to_owned()),
            answer,
        }
    }

    /// Carries on where the program before this one stopped: its state, its guest's directory and its lock are open under
    /// these numbers.
    pub(in crate::controller) fn resume(state: RawFd, dir: RawFd, lock: RawFd) -> Result<Self> {
        // SAFETY: the numbers were kept over exec for this program alone, which has opened nothing yet.
        let (mut memory, dir, lock) =
            unsafe { (File::from_raw_fd(state), owned(dir), File::from(owned(lock))) };
        let dir = Dir::from_fd(dir)?;
        let lock = Lock::from_file(lock, dir.join(record::LOCK));
        let mut this = Self::empty(dir, lock);
        let mut text = Vec::new();
        let read = memory.read_to_end(&mut text);
        read.map_err(|error| {
            Error::system(ErrorDomain::NONE, "cannot read the earlier controller's state", error)
        })?;
        match serde_json::from_slice::<Frozen>(&text) {
            Ok(frozen) if frozen.version == VERSION => this.thaw(frozen),
            _ => {
                eprintln!("the earlier controller's state is not understood: its guest is taken over afresh");
                close_others(&[0, 1, 2, this.dir.as_fd().as_raw_fd(), this.lock.as_fd().as_raw_fd()]);
                // Closed just now.
                std::mem::forget(memory);
                this.adopt()?;
            }
        }
        Ok(this)
    }

    fn thaw(&mut self, frozen: Frozen) {
        // SAFETY: in all of these, the number was kept over exec for this program alone, which has opened nothing yet.
        let own = |number: RawFd| unsafe { owned(number) };
        let process = |frozen: FrozenProcess| Process::from_fd(own(frozen.pidfd), frozen.pid);
        let channel = |frozen: FrozenChannel| {
            Channel::resume(Socket::from(own(frozen.socket)), frozen.incoming, frozen.outgoing)
        };
        self.listener = frozen.listener.map(|number| Listener::from_fd(own(number)));
        self.record = frozen.record;
        self.adopted = frozen.adopted;
        self.guest = frozen.guest.map(process);
        self.monitor =
            frozen.monitor.map(|frozen| Monitor { channel: channel(frozen.channel), state: frozen.state });
        self.spawner = frozen.spawner;
        self.spawning = frozen.spawning;
        for FrozenClient { id, channel: of, greeted, subscribed, missed } in frozen.clients {
            let channel = channel(of);
            let owner = channel.socket().peer_owner().ok().flatten();
            self.clients.insert(id, Client { channel, owner, greeted, subscribed, missed });
        }
        for FrozenSession { id, channel: of, missed } in frozen.sessions {
            self.sessions.insert(id, Session { channel: channel(of), missed });
        }
        self.last = frozen.last;
        self.guest_lock = frozen.guest_lock;
        self.finish = match frozen.finish {
            FrozenFinish::NotYet => Finish::NotYet,
            FrozenFinish::Runs(frozen) => Finish::Runs(process(frozen)),
            FrozenFinish::Done => Finish::Done,
        };
        self.gone = frozen.gone;
        self.care = frozen.care.map(process);
        self.group = frozen.group.map(OwnGroup::at);
        let (client, request) = frozen.answer;
        self.answer(client, request, Ok(Value::Null));
        // Lines that were read but not served before the change.
        for id in self.clients.keys().copied().collect::<Vec<_>>() {
            self.hear_client(id);
        }
    }
}

/// # Safety
///
/// The number names an open descriptor that nobody else owns.
unsafe fn owned(number: RawFd) -> OwnedFd {
    // SAFETY: by the caller's promise.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    // It is open, so this cannot fail; if it did, children would inherit it.
    let _ = fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    fd
}

fn keep_over_exec(fds: &[RawFd], keep: bool) -> std::io::Result<()> {
    let flags = if keep { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    for &number in fds {
        // SAFETY: all of them are owned by the server, which outlives this call.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl(fd, FcntlArg::F_SETFD(flags))?;
    }
    Ok(())
}

/// Closes what an earlier program kept and this one cannot name.
fn close_others(kept: &[RawFd]) {
    let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)
        .map_or(1024, |(soft, _)| soft);
    for number in (3..limit.min(4096) as RawFd).filter(|number| !kept.contains(number)) {
        // SAFETY: called before this program has opened anything but what is kept.
        unsafe { libc::close(number) };
    }
}
