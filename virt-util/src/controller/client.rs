//! A client's side of a controller: starting one, finding one, and asking it.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::poll::PollFlags;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::channel::Channel;
use super::protocol::{self, LockHolder, NoticeLine, Numbered, Reply, Request, VERSION, Welcome};
use super::record::{LOCK, Record, SOCKET};
use super::{Notice, Settings, Status, launch, record, scope};
use crate::dir::Dir;
use crate::lock::{Acquired, Lock};
use crate::owner::Owner;
use crate::process::{ExitStatus, Process};
use crate::socket::{Kind, Socket};
use crate::spawn::Program;
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// How long a controller, which itself never blocks, may take to answer what must be asked after a deadline.
const GRACE: Duration = Duration::from_secs(5);

/// What [`Client::attach`] found.
#[derive(Debug)]
pub enum Attached {
    /// A running guest, or one that has ended and is being finished.
    Running(Client),
    /// A guest that ended along with its controller. Whoever has this has the guest to himself, and releases what it
    /// held.
    Dead(DeadGuest),
    /// No guest was ever started here, or it is finished.
    Nothing,
}

/// What a guest and its controller, both gone, left.
#[derive(Debug)]
pub struct DeadGuest {
    dir: Dir,
    _lock: Lock,
    /// What it was started with.
    pub settings: Settings,
    /// The process it was; nothing when it never came to that.
    pub guest: Option<Owner>,
    /// How it ended; nothing when nobody was there to see it.
    pub ended: Option<ExitStatus>,
}

impl DeadGuest {
    /// Removes the controller's files: the guest is finished.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn retire(self) -> Result<()> {
        scope::sweep();
        record::remove(&self.dir)
    }
}

/// A connection to a guest's controller. Not shared between threads: each undertaking has its own.
///
/// Readable (see `AsFd`) when [`Client::try_notice`] may have something.
#[derive(Debug)]
pub struct Client {
    channel: Channel,
    notices: VecDeque<Notice>,
    last: u64,
    welcome: Welcome,
    /// How the guest ended, once that was said.
    ended: Option<ExitStatus>,
    /// A monitor session for [`Client::command`], once there was need of one.
    monitor: Option<Channel>,
}

impl Client {
    /// Starts a controller, without a guest as yet, for the guest directory `dir`. Should this client go before
    /// [`Client::spawn`], the controller ends.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OPERATION_INVALID`] when a guest is there already; when the binary cannot be found or run.
    pub fn start(dir: &Dir, settings: &Settings, wait: Wait<'_>) -> Result<Self> {
        let taken = || {
            let sentence = format!("a guest is there already in '{}'", dir.path().display());
            Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NONE, sentence)
        };
        let lock = Lock::try_acquire(dir, LOCK, "starting the guest's controller")?.ok_or_else(taken)?;
        if Record::read(dir)?.is_some() {
            return Err(taken());
        }
        Self::of_new_controller(
            dir,
            lock,
            Request::Begin { settings: Box::new(settings.clone()) },
            &settings.title,
            wait,
        )
    }

    /// Starts a controller, which keeps `lock`, and gives it its first task.
    fn of_new_controller(dir: &Dir, lock: Lock, task: Request, title: &str, wait: Wait<'_>) -> Result<Self> {
        // One that takes over goes where its guest is.
        let group = matches!(task, Request::Begin { .. }).then(|| scope::prepare(title)).flatten();
        let socket = launch::start(dir, lock, title, group)?;
        let ended = || {
            let sentence = format!("the controller of '{title}' ended at once");
            let log = dir.join(record::LOG);
            Error::internal(ErrorDomain::NONE, sentence).hint(format!("see '{}'", log.display()))
        };
        let mut client = Self::greet(socket, wait)?.ok_or_else(ended)?;
        client.exchange(task, Vec::new(), wait)?.ok_or_else(ended)??;
        Ok(client)
    }

    /// Connects to the controller of the guest in `dir`. Where it has died and the guest has not, starts another one that
    /// takes over, once, however many processes find out at the same time.
    ///
    /// # Errors
    ///
    /// When the directory or `guest.json` cannot be read, or is a newer version's.
    pub fn attach(dir: &Dir, wait: Wait<'_>) -> Result<Attached> {
        if let Some(client) = Self::connect(dir, wait)? {
            return Ok(Attached::Running(client));
        }
        if Record::read(dir)?.is_none() {
            return Ok(Attached::Nothing);
        }
        // A controller is coming or going, or has died; or another process finishes the guest. A new controller touches its
        // lock when it listens.
        let lock = match Lock::acquire_unless(dir, LOCK, "taking over the guest", wait, || {
            Self::connect(dir, wait)
        })? {
            Acquired::Instead(client) => return Ok(Attached::Running(client)),
            Acquired::Lock(lock) => lock,
        };
        match Record::read(dir)? {
            None => Ok(Attached::Nothing),
            Some(record) if record.is_alive() => {
                let title = &record.settings.title;
                Self::of_new_controller(dir, lock, Request::Adopt, title, wait).map(Attached::Running)
            }
            Some(Record { settings, guest, ended, .. }) => {
                Ok(Attached::Dead(DeadGuest { dir: dir.clone(), _lock: lock, settings, guest, ended }))
            }
        }
    }

    fn connect(dir: &Dir, wait: Wait<'_>) -> Result<Option<Self>> {
        match Socket::connect(dir, SOCKET, Kind::Stream, wait)? {
            Some(socket) => Self::greet(socket, wait),
            None => Ok(None),
        }
    }

    /// Nothing when the controller has gone meanwhile.
    fn greet(socket: Socket, wait: Wait<'_>) -> Result<Option<Self>> {
        let channel = Channel::new(socket);
        let mut this = Self {
            channel,
            notices: VecDeque::new(),
            last: 0,
            welcome: Welcome::default(),
            ended: None,
            monitor: None,
        };
        let Some(answer) = this.exchange(Request::Hello { version: VERSION }, Vec::new(), wait)? else {
            return Ok(None);
        };
        this.welcome = serde_json::from_value(answer?).unwrap_or_default();
        protocol::common_version(this.welcome.version, "the controller")?;
        Ok(Some(this))
    }

    /// Whether the controller knows the request of that name: an older one may not.
    pub fn knows(&self, request: &str) -> bool {
        self.welcome.requests.iter().any(|known| known == request)
    }

    /// Has the controller start the guest, with `fds` under their numbers, and connect to its monitor. When this returns
    /// the monitor has answered.
    ///
    /// Until [`Client::settle`] the guest is this client's: should this connection end, it is killed.
    ///
    /// # Errors
    ///
    /// When it cannot be run, ends before its monitor answers, or the wait ends; it does not run then.
    pub fn spawn(&mut self, program: &Program, fds: Vec<(i32, OwnedFd)>, wait: Wait<'_>) -> Result<Owner> {
        let (numbers, fds) = fds.into_iter().unzip();
        let request = Request::Spawn { program: Box::new(program.clone()), numbers };
        match self.request(request, fds, wait) {
            Ok(answer) => read(answer),
            Err(error) => {
                if matches!(error.code(), ErrorCode::OPERATION_TIMEOUT | ErrorCode::OPERATION_ABORTED) {
                    let grace = Wait::at_most(GRACE);
                    // Where this fails, the end of the connection does the same a little later.
                    let _ = self.signal(Signal::SIGKILL, grace).and_then(|()| self.wait_for_end(grace));
                }
                Err(error)
            }
        }
    }

    /// From now on the guest outlives this client.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn settle(&mut self, wait: Wait<'_>) -> Result<()> {
        self.request(Request::Settle, Vec::new(), wait).map(drop)
    }

    /// What is known of the guest now.
    ///
    /// # Errors
    ///
    /// When the controller has gone or the wait ends.
    pub fn status(&mut self, wait: Wait<'_>) -> Result<Status> {
        protocol::read_status(self.request(Request::Status, Vec::new(), wait)?)
    }

    /// Takes the guest's lock: first come, first served; held until [`Client::unlock`] or the end of this connection.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OPERATION_TIMEOUT`] with libvirt's sentence, which names what the holder holds it for.
    pub fn lock(&mut self, purpose: &str, wait: Wait<'_>) -> Result<()> {
        let request = Request::Lock { purpose: purpose.to_owned(), at_once: wait.is_immediate() };
        let patience = if wait.is_immediate() { Wait::at_most(GRACE) } else { wait };
        match self.request(request, Vec::new(), patience) {
            Ok(_) => Ok(()),
            Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT && !wait.is_immediate() => {
                let holder = self.request(Request::Unlock, Vec::new(), Wait::at_most(GRACE))?;
                match serde_json::from_value::<LockHolder>(holder) {
                    Ok(holder) => Err(holder.refusal()),
                    Err(_) => Err(error),
                }
            }
            Err(error) if error.code() == ErrorCode::OPERATION_ABORTED => {
                self.request(Request::Unlock, Vec::new(), Wait::at_most(GRACE))?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Lets go of the guest's lock.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn unlock(&mut self) -> Result<()> {
        self.request(Request::Unlock, Vec::new(), Wait::at_most(GRACE)).map(drop)
    }

    /// Asks for the monitor's events, as [`Notice::Monitor`], from now on.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn subscribe(&mut self, wait: Wait<'_>) -> Result<()> {
        self.request(Request::Subscribe, Vec::new(), wait).map(drop)
    }

    /// A session on the guest's monitor: QMP, past the greeting and the negotiation. Commands of several sessions run one
    /// after the other; each session gets the answers to its own, with its own ids, and all events.
    ///
    /// Events are dropped for a session that does not read: it gets one named `VIRT_EVENTS_MISSED` with their `count`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OPERATION_INVALID`] when the guest has no monitor or has ended.
    pub fn monitor(&mut self, wait: Wait<'_>) -> Result<UnixStream> {
        let stream = UnixStream::from(self.session(wait)?);
        stream.set_nonblocking(false).map_err(|error| {
            Error::system(ErrorDomain::NONE, "cannot prepare the socket of a monitor session", error)
        })?;
        Ok(stream)
    }

    fn session(&mut self, wait: Wait<'_>) -> Result<Socket> {
        let (ours, theirs) = Socket::pair(Kind::Stream)?;
        self.request(Request::Monitor, vec![theirs.into()], wait)?;
        Ok(ours)
    }

    /// Runs one monitor command and gives what it returned, over a session kept for this; its events are dropped.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::INTERNAL_ERROR`] with libvirt's sentence when the monitor refuses
    /// (`unable to execute QEMU command 'cont': ...`); [`ErrorCode::OPERATION_FAILED`] when the guest ends first; as for
    /// [`Wait::poll`], in which case the command may yet be carried out.
    pub fn command(
        &mut self,
        name: &str,
        arguments: Option<Value>,
        fds: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<Value> {
        let mut session = match self.monitor.take() {
            Some(session) => session,
            None => Channel::new(self.session(wait)?),
        };
        self.last += 1;
        let mut command = json!({ "execute": name, "id": self.last });
        if let (Some(command), Some(arguments)) = (command.as_object_mut(), arguments) {
            command.insert("arguments".into(), arguments);
        }
        let mut copies = Vec::with_capacity(fds.len());
        for fd in fds {
            copies.push(fd.try_clone_to_owned().map_err(|error| {
                Error::system(ErrorDomain::NONE, format!("cannot pass a descriptor to '{name}'"), error)
            })?);
        }
        let attempt = format!("waiting for the monitor's answer to '{name}'");
        session.queue(protocol::line(&command), copies);
        send_all(&mut session, wait, &attempt)?;
        let answer = loop {
            let Some(line) = next_line(&mut session, wait, &attempt)? else {
                let sentence = format!("the guest's monitor closed before it answered '{name}'");
                return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence));
            };
            let answer: Value = serde_json::from_slice(&line).unwrap_or_default();
            if answer.get("id").and_then(Value::as_u64) == Some(self.last) {
                break answer;
            }
        };
        // After an error above the session is gone, and a late answer with it.
        self.monitor = Some(session);
        if let Some(error) = answer.get("error") {
            let description = error.get("desc").and_then(Value::as_str).unwrap_or("unknown error");
            let sentence = format!("unable to execute QEMU command '{name}': {description}");
            return Err(Error::internal(ErrorDomain::NONE, sentence));
        }
        Ok(answer.get("return").cloned().unwrap_or_default())
    }

    /// Sends the guest a signal; that it has ended is no error.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn signal(&mut self, signal: Signal, wait: Wait<'_>) -> Result<()> {
        self.request(Request::Signal { number: signal as i32 }, Vec::new(), wait).map(drop)
    }

    /// Waits until the guest has ended.
    ///
    /// # Errors
    ///
    /// As for [`Wait::poll`]; when the controller has gone.
    pub fn wait_for_end(&mut self, wait: Wait<'_>) -> Result<ExitStatus> {
        if let Some(ended) = self.ended {
            return Ok(ended);
        }
        if let Some(ended) = self.status(wait)?.ended {
            return Ok(ended);
        }
        loop {
            if let Some(ended) = self.ended {
                return Ok(ended);
            }
            match self.next(wait)? {
                Some(_) => {}
                None => return Err(gone()),
            }
        }
    }

    /// Changes the driver's notes in the settings, for whoever attaches later.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn set_notes(&mut self, notes: Value, wait: Wait<'_>) -> Result<()> {
        self.request(Request::SetNotes { notes }, Vec::new(), wait).map(drop)
    }

    /// Says that something which the guest has let go of was seen to: nobody else is called for it. A controller of an
    /// earlier version calls nobody.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn tended(&mut self, what: &str, wait: Wait<'_>) -> Result<()> {
        let told = self.request(Request::Tended { what: what.to_owned() }, Vec::new(), wait);
        match told {
            Err(error) if error.code() == ErrorCode::NO_SUPPORT => Ok(()),
            other => other.map(drop),
        }
    }

    /// Says that the ended guest is finished: what it held is released. The controller removes its files and ends; when
    /// this returns it has.
    ///
    /// # Errors
    ///
    /// When the guest still runs, or another client holds its lock.
    pub fn retire(mut self, wait: Wait<'_>) -> Result<()> {
        let controller = Process::of(&self.status(wait)?.controller)?;
        self.request(Request::Retire, Vec::new(), wait)?;
        if let Some(controller) = controller {
            controller.wait(wait)?;
        }
        scope::clear();
        Ok(())
    }

    /// Has the controller replace itself by the binary that a new one would be started from, after an upgrade. Everything it
    /// holds, clients and locks included, goes over.
    ///
    /// # Errors
    ///
    /// When the new binary cannot be run: the old one carries on.
    pub fn replace(&mut self, wait: Wait<'_>) -> Result<()> {
        let mut path = launch::binary()?;
        if path.starts_with("/proc/self") {
            path = std::env::current_exe().map_err(|error| {
                Error::system(ErrorDomain::NONE, "cannot tell which program this is", error)
            })?;
        }
        let path = path.to_string_lossy().into_owned();
        self.request(Request::Replace { path }, Vec::new(), wait).map(drop)
    }

    /// The next notice, if there is one.
    ///
    /// # Errors
    ///
    /// When the controller has gone.
    pub fn try_notice(&mut self) -> Result<Option<Notice>> {
        self.channel.fill()?;
        while let Some(line) = self.channel.line() {
            self.take(&line)?;
        }
        match self.notices.pop_front() {
            None if self.channel.has_ended() => Err(gone()),
            notice => Ok(notice),
        }
    }

    /// The next notice, waiting for it.
    ///
    /// # Errors
    ///
    /// As for [`Client::try_notice`] and [`Wait::poll`].
    pub fn notice(&mut self, wait: Wait<'_>) -> Result<Notice> {
        loop {
            match self.try_notice()? {
                Some(notice) => return Ok(notice),
                None => wait.readable(&self.channel, "waiting for a notice of the guest's controller")?,
            }
        }
    }

    fn request(&mut self, request: Request, fds: Vec<OwnedFd>, wait: Wait<'_>) -> Result<Value> {
        self.exchange(request, fds, wait)?.ok_or_else(gone)?
    }

    /// Sends a request and waits for its answer; nothing when the controller has gone.
    fn exchange(
        &mut self,
        request: Request,
        fds: Vec<OwnedFd>,
        wait: Wait<'_>,
    ) -> Result<Option<Result<Value>>> {
        self.last += 1;
        let id = self.last;
        self.channel.queue(protocol::line(&Numbered { id, request }), fds);
        send_all(&mut self.channel, wait, "speaking to the guest's controller")?;
        loop {
            match self.next(wait)? {
                None => return Ok(None),
                Some(Reply::Ok { id: answered, ok }) if answered == id => return Ok(Some(Ok(ok))),
                Some(Reply::Error { id: answered, error }) if answered == id => {
                    return Ok(Some(Err(error.into_error())));
                }
                // The answer to what was given up on.
                Some(_) => {}
            }
        }
    }

    /// The next reply; nothing when the controller has gone.
    fn next(&mut self, wait: Wait<'_>) -> Result<Option<Reply>> {
        match next_line(&mut self.channel, wait, "waiting for the guest's controller")? {
            Some(line) => self.take(&line).map(Some),
            None => Ok(None),
        }
    }

    /// Understands a line, and keeps it if it is a notice.
    fn take(&mut self, line: &[u8]) -> Result<Reply> {
        let mut reply = serde_json::from_slice(line).map_err(|error| {
            Error::internal(ErrorDomain::NONE, "the guest's controller sent what is no JSON").caused_by(error)
        })?;
        if let Reply::Notice(notice) = &mut reply {
            self.notices.push_back(match notice {
                NoticeLine::Ended { status } => {
                    self.ended = Some(*status);
                    Notice::Ended(*status)
                }
                NoticeLine::Monitor { event } => Notice::Monitor(event.take()),
                NoticeLine::Missed { count } => Notice::Missed(*count),
            });
        }
        Ok(reply)
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

/// Writes all that is queued, or as much as the other end takes before it goes: what it said last says more than that
/// writing failed.
fn send_all(channel: &mut Channel, wait: Wait<'_>, attempt: &str) -> Result<()> {
    while let Ok(false) = channel.flush() {
        wait.poll(&[(channel.as_fd(), PollFlags::POLLOUT)], attempt)?;
    }
    Ok(())
}

/// The next line; nothing at the end of the stream.
fn next_line(channel: &mut Channel, wait: Wait<'_>, attempt: &str) -> Result<Option<Vec<u8>>> {
    loop {
        if let Some(line) = channel.line() {
            return Ok(Some(line));
        }
        if channel.has_ended() {
            return Ok(None);
        }
        wait.readable(&*channel, attempt)?;
        channel.fill()?;
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T> {
    serde_json::from_value(answer).map_err(|error| {
        Error::internal(ErrorDomain::NONE, "an answer of the guest's controller is not understood")
            .caused_by(error)
    })
}

fn gone() -> Error {
    Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, "the guest's controller has gone")
        .hint("try again: another one takes over")
}
