//! The controller's loop: one thread, one poll(2), never blocked by any one client.

mod guest;
mod handover;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::PollFlags;
use serde_json::Value;

use super::channel::Channel;
use super::guest_lock::GuestLock;
use super::monitor::{Monitor, Session};
use super::protocol::{NoticeLine, Refusal, Reply, line};
use super::record::Record;
use super::report::Reporter;
use super::scope::OwnGroup;
use crate::dir::Dir;
use crate::lock::Lock;
use crate::owner::Owner;
use crate::process::Process;
use crate::socket::Listener;
use crate::wait::Wait;
use crate::{Error, Result};

/// A controller.
pub(super) struct Server {
    dir: Dir,
    lock: Lock,
    /// From its first task on.
    listener: Option<Listener>,
    record: Option<Record>,
    adopted: bool,
    /// The guest, while it runs.
    guest: Option<Process>,
    monitor: Option<Monitor>,
    /// Whose the guest is until it is settled, and the request that is answered when its monitor is ready.
    spawner: Option<u64>,
    spawning: Option<u64>,
    clients: BTreeMap<u64, Client>,
    sessions: BTreeMap<u64, Session>,
    /// The number of the last client or session.
    last: u64,
    guest_lock: GuestLock,
    finish: Finish,
    /// What the guest has let go of and nobody has seen to.
    gone: BTreeSet<String>,
    /// Who sees to that.
    care: Option<Process>,
    /// From the first event on that is reported.
    reporter: Option<Reporter>,
    /// Where no systemd keeps us.
    group: Option<OwnGroup>,
    retired: bool,
}

/// A connected client.
struct Client {
    channel: Channel,
    owner: Option<Owner>,
    /// Whether it has said hello.
    greeted: bool,
    /// Whether it wants the monitor's events.
    subscribed: bool,
    /// Events that it did not get because it did not read.
    missed: u64,
}

/// The one process that releases what an ended guest held.
enum Finish {
    NotYet,
    Runs(Process),
    Done,
}

/// Whose descriptor is ready.
#[derive(Clone, Copy)]
enum Token {
    Listener,
    Guest,
    Finish,
    Care,
    Reporter,
    Monitor,
    Client(u64),
    Session(u64),
}

impl Server {
    pub(super) fn new(dir: Dir, lock: Lock, first: Channel) -> Self {
        let mut this = Self::empty(dir, lock);
        this.add_client(first);
        this
    }

    fn empty(dir: Dir, lock: Lock) -> Self {
        Self {
            dir,
            lock,
            listener: None,
            record: None,
            adopted: false,
            guest: None,
            monitor: None,
            spawner: None,
            spawning: None,
            clients: BTreeMap::new(),
            sessions: BTreeMap::new(),
            last: 0,
            guest_lock: GuestLock::default(),
            finish: Finish::NotYet,
            gone: BTreeSet::new(),
            care: None,
            reporter: None,
            group: None,
            retired: false,
        }
    }

    /// Serves until nothing is left to do.
    pub(super) fn run(mut self) -> Result<()> {
        loop {
            self.flush();
            if self.retired {
                break;
            }
            self.finish_if_due();
            self.care_if_due();
            if self.has_no_purpose() {
                break;
            }
            for (token, ready) in self.wait()? {
                self.handle(token, ready);
            }
        }
        if self.retired || self.guest_was_never_started() {
            super::record::remove(&self.dir)?;
        }
        if let Some(reporter) = self.reporter {
            reporter.close();
        }
        // Who retired us removes the group when we have ended: leaving it takes as long as the rest of a guest's end.
        if let Some(group) = self.group.filter(|_| !self.retired) {
            group.leave();
        }
        Ok(())
    }

    fn guest_was_never_started(&self) -> bool {
        self.record.as_ref().is_none_or(|record| record.guest.is_none())
    }

    /// Nobody is there and there is no guest, or all that could be done for an ended one was.
    fn has_no_purpose(&self) -> bool {
        if self.guest.is_some() || self.guest_lock.holder().is_some() {
            return false;
        }
        match self.finish {
            Finish::Done => true,
            Finish::NotYet => self.clients.is_empty() && self.nothing_to_finish(),
            Finish::Runs(_) => false,
        }
    }

    fn nothing_to_finish(&self) -> bool {
        self.guest_was_never_started()
            || self.record.as_ref().is_none_or(|record| record.settings.finish.is_empty())
    }

    fn wait(&self) -> Result<Vec<(Token, PollFlags)>> {
        let mut tokens = Vec::new();
        let mut interests: Vec<(BorrowedFd<'_>, PollFlags)> = Vec::new();
        let mut add = |token, fd, flags| {
            tokens.push(token);
            interests.push((fd, flags));
        };
        // The monitor stands before the guest: what it said last is heard before the guest's end.
        if let Some(monitor) = &self.monitor {
            add(Token::Monitor, monitor.channel.as_fd(), monitor.channel.interest());
        }
        if let Some(guest) = &self.guest {
            add(Token::Guest, guest.as_fd(), PollFlags::POLLIN);
        }
        if let Finish::Runs(process) = &self.finish {
            add(Token::Finish, process.as_fd(), PollFlags::POLLIN);
        }
        if let Some(process) = &self.care {
            add(Token::Care, process.as_fd(), PollFlags::POLLIN);
        }
        if let Some(reporter) = &self.reporter {
            add(Token::Reporter, reporter.as_fd(), PollFlags::POLLIN);
        }
        for (&id, client) in &self.clients {
            add(Token::Client(id), client.channel.as_fd(), client.channel.interest());
        }
        for (&id, session) in &self.sessions {
            add(Token::Session(id), session.channel.as_fd(), session.channel.interest());
        }
        if let Some(listener) = &self.listener {
            add(Token::Listener, listener.as_fd(), PollFlags::POLLIN);
        }
        let ready = Wait::FOREVER.poll(&interests, "serving the guest's clients")?;
        Ok(tokens.into_iter().zip(ready).filter(|(_, ready)| !ready.is_empty()).collect())
    }

    fn handle(&mut self, token: Token, ready: PollFlags) {
        // What is only writable is written before the next wait.
        let readable = ready.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR);
        match token {
            _ if !readable => {}
            Token::Listener => self.accept(),
            Token::Guest => self.guest_ended(),
            Token::Finish => self.finish_ended(),
            Token::Care => self.care_ended(),
            // What had to wait for it is looked at before the next wait.
            Token::Reporter => self.reporter.iter().for_each(Reporter::rearm),
            Token::Monitor => self.hear_monitor(),
            Token::Client(id) => self.hear_client(id),
            Token::Session(id) => self.hear_session(id),
        }
    }

    fn accept(&mut self) {
        while let Some(listener) = &self.listener {
            match listener.try_accept() {
                Ok(Some(socket)) => self.add_client(Channel::new(socket)),
                Ok(None) => break,
                Err(error) => {
                    complain("cannot accept a client", &error);
                    break;
                }
            }
        }
    }

    fn add_client(&mut self, channel: Channel) {
        self.last += 1;
        let owner = channel.socket().peer_owner().ok().flatten();
        self.clients
            .insert(self.last, Client { channel, owner, greeted: false, subscribed: false, missed: 0 });
    }

    fn hear_client(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if let Err(error) = client.channel.fill() {
            complain("cannot hear a client", &error);
            return self.drop_client(id);
        }
        while let Some(line) = self.clients.get_mut(&id).and_then(|client| client.channel.line()) {
            if let Err(error) = self.serve(id, &line) {
                complain("a client is sent away", &error);
                return self.drop_client(id);
            }
        }
        if self.clients.get(&id).is_some_and(|client| client.channel.has_ended()) {
            self.drop_client(id);
        }
    }

    /// A client has gone, and what was its alone goes with it.
    fn drop_client(&mut self, id: u64) {
        self.clients.remove(&id);
        self.leave_lock(id);
        if self.spawner == Some(id) {
            self.spawner = None;
            self.spawning = None;
            self.kill_guest();
        }
    }

    fn leave_lock(&mut self, id: u64) {
        if let Some(next) = self.guest_lock.leave(id) {
            self.answer(next.client, next.request, Ok(Value::Null));
        }
    }

    fn answer(&mut self, client: u64, request: u64, answer: Result<Value>) {
        let reply = match answer {
            Ok(ok) => Reply::Ok { id: request, ok },
            Err(error) => Reply::Error { id: request, error: Refusal::from(&error) },
        };
        if let Some(client) = self.clients.get_mut(&client) {
            client.channel.queue(line(&reply), Vec::new());
        }
    }

    fn tell_everybody(&mut self, notice: NoticeLine) {
        let text = line(&Reply::Notice(notice));
        for client in self.clients.values_mut().filter(|client| client.greeted) {
            client.channel.queue(text.clone(), Vec::new());
        }
    }

    /// Writes what there is room for, and drops those that cannot be written to.
    fn flush(&mut self) {
        let dead: Vec<u64> = self
            .clients
            .iter_mut()
            .filter_map(|(&id, client)| client.channel.flush().is_err().then_some(id))
            .collect();
        for id in dead {
            // It may have said something before it went.
            self.hear_client(id);
            self.drop_client(id);
        }
        let dead: Vec<u64> = self
            .sessions
            .iter_mut()
            .filter_map(|(&id, session)| session.flush().is_err().then_some(id))
            .collect();
        for id in dead {
            self.drop_session(id);
        }
        if let Some(monitor) = &mut self.monitor
            && let Err(error) = monitor.channel.flush()
        {
            log::debug!("the monitor takes no more: {error}");
            self.hear_monitor();
        }
    }
}

/// A controller has nobody to return errors to: they go to its log, which is its standard error.
fn complain(what: &str, error: &Error) {
    eprintln!("{what}: {error:#}");
}
