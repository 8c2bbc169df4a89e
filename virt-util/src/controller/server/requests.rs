//! What clients ask a controller for.

use std::os::fd::OwnedFd;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Client, Finish, Server};
use crate::controller::channel::Channel;
use crate::controller::guest_lock::Claim;
use crate::controller::monitor::{EVENT_LIMIT, Session};
use crate::controller::protocol::{self, LockHolder, NoticeLine, Reply, Request, Welcome};
use crate::controller::record::{Record, SOCKET};
use crate::controller::scope;
use crate::controller::{Settings, Status};
use crate::owner::Owner;
use crate::process::Process;
use crate::socket::{Kind, Listener, Socket};
use crate::spawn::{Program, Spawn};
use crate::{Error, ErrorCode, ErrorDomain, Result};

impl Server {
    /// Serves one line of a client.
    ///
    /// # Errors
    ///
    /// When the client does not speak the protocol, and is to be sent away.
    pub(super) fn serve(&mut self, client: u64, line: &[u8]) -> Result<()> {
        let (number, request) = protocol::read_request(line)?;
        let answer = match request {
            Ok(request) => self.serve_request(client, number, request),
            Err(error) => Err(error),
        };
        // Nothing: it is answered later.
        if let Some(answer) = answer.transpose() {
            self.answer(client, number, answer);
        }
        Ok(())
    }

    fn serve_request(&mut self, client: u64, number: u64, request: Request) -> Result<Option<Value>> {
        let greeted = self.clients.get(&client).is_some_and(|client| client.greeted);
        if !greeted && !matches!(request, Request::Hello { .. }) {
            return Err(invalid("a client says hello before it asks for anything"));
        }
        let done = |()| Some(Value::Null);
        match request {
            Request::Hello { version } => self.welcome(client, version).map(Some),
            Request::Begin { settings } => self.begin(*settings).map(done),
            Request::Adopt => self.adopt().map(done),
            Request::Spawn { program, numbers } => self.spawn(client, number, *program, &numbers),
            Request::Settle => self.settle().map(done),
            Request::Status => self.status().map(Some),
            Request::Lock { purpose, at_once } => self.take_lock(client, number, purpose, at_once),
            Request::Unlock => Ok(Some(self.release_lock(client))),
            Request::Subscribe => {
                self.clients.entry(client).and_modify(|client| client.subscribed = true);
                Ok(Some(Value::Null))
            }
            Request::Monitor => self.open_session(client).map(done),
            Request::Signal { number } => self.signal(number).map(done),
            Request::SetNotes { notes } => self.set_notes(notes).map(done),
            Request::Tended { what } => {
                self.gone.remove(&what);
                Ok(Some(Value::Null))
            }
            Request::Retire => self.retire(client).map(done),
            Request::Replace { path } => self.replace(client, number, &path),
        }
    }

    fn welcome(&mut self, client: u64, version: u32) -> Result<Value> {
        let version = protocol::common_version(version, "the client")?;
        if let Some(client) = self.clients.get_mut(&client) {
            client.greeted = true;
        }
        let requests = Request::NAMES.map(str::to_owned).to_vec();
        Ok(json!(Welcome { version, requests }))
    }

    fn begin(&mut self, settings: Settings) -> Result<()> {
        if self.record.is_some() {
            return Err(invalid("this controller has a guest already"));
        }
        let record = Record::new(settings);
        record.write(&self.dir)?;
        self.group = scope::settle(&record.settings.title);
        self.listen(record)
    }

    pub(super) fn adopt(&mut self) -> Result<()> {
        if self.record.is_some() {
            return Err(invalid("this controller has a guest already"));
        }
        let record = Record::read(&self.dir)?.ok_or_else(|| invalid("there is no guest to take over"))?;
        self.guest = match record.guest {
            Some(guest) => Process::of(&guest)?,
            None => None,
        };
        if let Some(guest) = &self.guest {
            self.group = scope::join(&record.settings.title, guest.pid());
        }
        self.adopted = true;
        let settled = record.settled;
        self.listen(record)?;
        if self.guest.is_none() {
            self.guest_is_gone();
        } else if settled {
            self.connect_monitor()?;
        } else {
            // The client that had it started lost it along with the earlier controller.
            self.kill_guest();
        }
        Ok(())
    }

    fn listen(&mut self, record: Record) -> Result<()> {
        self.lock.write_holder(&format!("controlling guest '{}'", record.settings.title))?;
        self.listener = Some(Listener::bind(&self.dir, SOCKET, Kind::Stream, 0o600)?);
        self.record = Some(record);
        // Those who found no controller wait for this.
        self.lock.touch()
    }

    fn spawn(&mut self, id: u64, request: u64, program: Program, numbers: &[i32]) -> Result<Option<Value>> {
        let fds = match self.clients.get_mut(&id) {
            Some(client) => client.take_fds(numbers.len())?,
            None => return Ok(None),
        };
        let mut record =
            self.record.clone().ok_or_else(|| invalid("the controller was not told what for"))?;
        if record.guest.is_some() {
            return Err(invalid("the guest was started already"));
        }
        // Before the guest runs: then it listens still, however soon the guest ends. The kernel keeps the connection until
        // the guest comes to accept it.
        self.connect_monitor()?;
        let spawn =
            numbers.iter().zip(fds).fold(Spawn::new(program), |spawn, (&number, fd)| spawn.fd(number, fd));
        let guest = spawn.start_as_child().inspect_err(|_| self.monitor = None)?;
        // Should one of these fail, the guest must not go on without anybody knowing of it.
        let known = Owner::of(guest.pid()).and_then(|owner| {
            record.guest = owner;
            record.write(&self.dir)
        });
        self.guest = Some(guest);
        self.record = Some(record.clone());
        if let Err(error) = known {
            self.kill_guest();
            return Err(error);
        }
        self.spawner = Some(id);
        if record.settings.monitor.is_none() {
            return Ok(Some(json!(record.guest)));
        }
        self.spawning = Some(request);
        Ok(None)
    }

    fn settle(&mut self) -> Result<()> {
        self.change_record(|record| record.settled = true)?;
        self.spawner = None;
        Ok(())
    }

    fn status(&self) -> Result<Value> {
        let record = self.record.clone().unwrap_or_default();
        Ok(json!(Status {
            guest: record.guest,
            ended: record.ended,
            settled: record.settled,
            adopted: self.adopted,
            controller: Owner::current()?,
            locked: self.guest_lock.holder().cloned(),
            greeting: self.monitor.as_ref().and_then(|monitor| monitor.state.greeting.clone()),
            settings: record.settings,
        }))
    }

    fn take_lock(&mut self, id: u64, request: u64, purpose: String, at_once: bool) -> Result<Option<Value>> {
        let other = self.guest_lock.holder().filter(|_| !self.guest_lock.is_held_by(id));
        if let Some(holder) = other.filter(|_| at_once) {
            return Err(holder.refusal());
        }
        let owner = self.clients.get(&id).and_then(|client| client.owner);
        let claim = Claim { client: id, request, holder: LockHolder { owner, purpose } };
        Ok(self.guest_lock.join(claim).then_some(Value::Null))
    }

    fn release_lock(&mut self, id: u64) -> Value {
        self.leave_lock(id);
        json!(self.guest_lock.holder())
    }

    fn open_session(&mut self, id: u64) -> Result<()> {
        let fd = match self.clients.get_mut(&id) {
            Some(client) => client.take_fds(1)?.pop(),
            None => None,
        };
        if self.monitor.is_none() {
            return Err(match &self.guest {
                Some(_) => invalid("the guest has no monitor"),
                None => invalid("the guest is not running"),
            });
        }
        if let Some(fd) = fd {
            self.last += 1;
            self.sessions.insert(self.last, Session::new(Channel::new(Socket::from(fd))));
        }
        Ok(())
    }

    fn signal(&mut self, number: i32) -> Result<()> {
        let signal = Signal::try_from(number).map_err(|_| {
            Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, format!("there is no signal {number}"))
        })?;
        self.guest.as_ref().map_or(Ok(()), |guest| guest.signal(signal))
    }

    fn set_notes(&mut self, notes: Value) -> Result<()> {
        self.change_record(|record| record.settings.notes = notes)
    }

    fn retire(&mut self, id: u64) -> Result<()> {
        if self.guest.is_some() {
            return Err(invalid("the guest still runs"));
        }
        if let Some(holder) = self.guest_lock.holder().filter(|_| !self.guest_lock.is_held_by(id)) {
            return Err(holder.refusal());
        }
        self.finish = Finish::Done;
        self.retired = true;
        Ok(())
    }

    /// Changes what outlives this process, if there is a guest.
    pub(super) fn change_record(&mut self, change: impl FnOnce(&mut Record)) -> Result<()> {
        let Some(record) = &mut self.record else {
            return Err(invalid("the controller was not told what for"));
        };
        change(record);
        record.write(&self.dir)
    }
}

impl Client {
    /// Passes on an event of the monitor, if it wants them and has room for them.
    pub(super) fn monitor_event(&mut self, event: &Value) {
        if !self.subscribed {
            return;
        }
        if self.channel.waiting() > EVENT_LIMIT {
            self.missed += 1;
            return;
        }
        if self.missed > 0 {
            let count = std::mem::take(&mut self.missed);
            self.channel.queue(protocol::line(&Reply::Notice(NoticeLine::Missed { count })), Vec::new());
        }
        let notice = NoticeLine::Monitor { event: event.clone() };
        self.channel.queue(protocol::line(&Reply::Notice(notice)), Vec::new());
    }

    /// The descriptors that came with a request.
    fn take_fds(&mut self, count: usize) -> Result<Vec<OwnedFd>> {
        let fds: Vec<OwnedFd> = std::iter::from_fn(|| self.channel.take_fd()).take(count).collect();
        if fds.len() < count {
            let sentence = format!("{count} descriptors were announced, and {} came", fds.len());
            return Err(Error::internal(ErrorDomain::NONE, sentence));
        }
        Ok(fds)
    }
}

fn invalid(sentence: &str) -> Error {
    Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NONE, sentence)
}
