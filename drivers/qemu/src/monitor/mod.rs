//! The QEMU monitor: QMP over a connected socket, blocking, with a deadline on every command.
//!
//! The same client speaks to QEMU itself ([`Monitor::greet`]) and to a guest's controller, which has taken QEMU's
//! greeting already and passes messages through ([`Monitor::attach`]).

mod channel;
mod command;
mod message;

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use serde_json::Value;
use serde_json::value::RawValue;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use channel::Channel;
pub use command::*;
pub use message::{Event, Greeting, Refusal, Version};
use message::{Incoming, Request};

/// A connected monitor. Dropping it closes the connection and leaves the guest alone.
#[derive(Debug)]
pub struct Monitor {
    channel: Channel,
    guest: String,
    next: u64,
    events: VecDeque<Event>,
}

/// What QEMU answered, as it wrote it, or its refusal.
pub type RawAnswer = std::result::Result<Box<RawValue>, Refusal>;

/// A command as logs show it: those that carry a secret without what they say.
struct Shown<'a> {
    command: &'a str,
    text: &'a [u8],
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if SECRET.contains(&self.command) {
            return write!(f, "{} (its arguments are secret)", self.command);
        }
        f.write_str(String::from_utf8_lossy(self.text).trim_end())
    }
}

/// Commands whose arguments are no log's business.
const SECRET: &[&str] = &["set_password", "change-vnc-password", "object-add"];

/// How many events wait for [`Monitor::next_event`]; older ones are dropped, for a client that never asks.
const EVENTS_KEPT: usize = 4096;

impl Monitor {
    /// Reads QEMU's greeting and ends capability negotiation; `guest` is named in errors.
    ///
    /// # Errors
    ///
    /// QEMU hung up, spoke something else than QMP, or was silent until `wait` ended.
    pub fn greet(stream: UnixStream, guest: &str, wait: Wait<'_>) -> Result<(Self, Greeting)> {
        let mut this = Self::attach(stream, guest);
        let greeting = loop {
            match this.receive(wait, "the greeting")? {
                Incoming::Greeting(greeting) => break greeting,
                Incoming::Event(event) => this.keep(event),
                Incoming::Answer { .. } => return Err(this.broken("an answer before its greeting")),
            }
        };
        this.execute("qmp_capabilities", &Value::Null, wait)?;
        Ok((this, greeting))
    }

    /// Speaks over a connection whose greeting has been read and answered.
    pub fn attach(stream: UnixStream, guest: &str) -> Self {
        Self { channel: Channel::new(stream), guest: guest.to_owned(), next: 1, events: VecDeque::new() }
    }

    /// Runs one command and returns what it returned; a refusal is an error with libvirt's sentence.
    ///
    /// # Errors
    ///
    /// `unable to execute QEMU command 'X': DESC`; QEMU is gone; `wait` ended (the answer, should it come later,
    /// is ignored).
    pub fn execute(&mut self, command: &str, arguments: &Value, wait: Wait<'_>) -> Result<Value> {
        self.ask(command, arguments, &[], wait)?.map_err(|refusal| refusal.into_error(command))
    }

    /// Runs one command with descriptors beside it (`getfd`, `add-fd`).
    ///
    /// # Errors
    ///
    /// As [`Monitor::execute`].
    pub fn execute_with(
        &mut self,
        command: &str,
        arguments: &Value,
        descriptors: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<Value> {
        self.ask(command, arguments, descriptors, wait)?.map_err(|refusal| refusal.into_error(command))
    }

    /// Runs one command; what QEMU itself refuses is not an error here but the inner result.
    ///
    /// # Errors
    ///
    /// QEMU is gone or broke the protocol, or `wait` ended.
    pub fn ask(
        &mut self,
        command: &str,
        arguments: &Value,
        descriptors: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<std::result::Result<Value, Refusal>> {
        let id = self.send(command, arguments, descriptors, wait)?;
        match self.answer(id, command, wait)? {
            Ok(text) => match serde_json::from_str(text.get()) {
                Ok(value) => Ok(Ok(value)),
                Err(error) => {
                    Err(self.broken(&format!("{error} in {}", message::excerpt(text.get().as_bytes()))))
                }
            },
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Asks all questions before waiting for the first answer; the answers, in the same order, as QEMU wrote them.
    ///
    /// # Errors
    ///
    /// QEMU is gone or broke the protocol, or `wait` ended.
    pub fn ask_all(&mut self, questions: &[(&str, Value)], wait: Wait<'_>) -> Result<Vec<RawAnswer>> {
        let mut asked = Vec::with_capacity(questions.len());
        for (command, arguments) in questions {
            asked.push(self.send(command, arguments, &[], wait)?);
        }
        let each = asked.into_iter().zip(questions);
        each.map(|(id, (command, _))| self.answer(id, command, wait)).collect()
    }

    /// Sends a command: its number.
    fn send(
        &mut self,
        command: &str,
        arguments: &Value,
        descriptors: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<u64> {
        let id = self.next;
        self.next += 1;
        let arguments = (!arguments.is_null()).then_some(arguments);
        let mut text = serde_json::to_vec(&Request { execute: command, arguments, id })
            .map_err(|error| self.broken(&format!("a command that is no JSON: {error}")))?;
        text.push(b'\n');
        log::trace!(target: "qemu::monitor", "{} <- {}", self.guest, Shown { command, text: &text });
        let attempt = self.attempt(command);
        match self.channel.send(&text, descriptors, wait, &attempt) {
            Ok(()) => Ok(id),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// Waits for the answer to the command with number `id`; QEMU answers in the order of the questions.
    fn answer(&mut self, id: u64, command: &str, wait: Wait<'_>) -> Result<RawAnswer> {
        loop {
            match self.receive(wait, command)? {
                // QEMU cannot name the id of what it could not parse; only this command is under way.
                Incoming::Answer { id: answered, result }
                    if answered.is_none_or(|answered| answered == id) =>
                {
                    return Ok(result);
                }
                Incoming::Answer { .. } => {
                    log::debug!("{}: a late answer on the monitor is ignored", self.guest);
                }
                Incoming::Event(event) => self.keep(event),
                Incoming::Greeting(_) => return Err(self.broken("a second greeting")),
            }
        }
    }

    /// The next event, waiting as long as `wait` allows; nothing when none came.
    ///
    /// # Errors
    ///
    /// QEMU is gone or broke the protocol.
    pub fn next_event(&mut self, wait: Wait<'_>) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match self.receive(wait, "an event") {
                Ok(Incoming::Event(event)) => return Ok(Some(event)),
                Ok(_) => {}
                Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until an event named `name` arrives and returns it; other events are kept for [`Monitor::next_event`].
    ///
    /// # Errors
    ///
    /// QEMU is gone or broke the protocol, or `wait` ended.
    pub fn wait_for(&mut self, name: &str, wait: Wait<'_>) -> Result<Event> {
        let kept = self.events.iter().position(|event| event.name == name);
        if let Some(event) = kept.and_then(|at| self.events.remove(at)) {
            return Ok(event);
        }
        loop {
            match self.receive(wait, name)? {
                Incoming::Event(event) if event.name == name => return Ok(event),
                Incoming::Event(event) => self.keep(event),
                _ => {}
            }
        }
    }

    fn keep(&mut self, event: Event) {
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn receive(&mut self, wait: Wait<'_>, waiting_for: &str) -> Result<Incoming> {
        loop {
            let line = match self.channel.receive_line(wait, &self.attempt(waiting_for)) {
                Ok(line) => line,
                Err(failure) => return Err(self.failed(failure)),
            };
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            log::trace!(target: "qemu::monitor", "{} -> {}", self.guest, String::from_utf8_lossy(&line).trim_end());
            return Incoming::parse(&line).map_err(|what| self.broken(&what));
        }
    }

    fn broken(&self, what: &str) -> Error {
        Error::internal(
            ErrorDomain::QEMU,
            format!("the monitor of domain '{}' broke the protocol: {what}", self.guest),
        )
    }

    /// What is being done, for the error of a wait that ends.
    fn attempt(&self, what: &str) -> String {
        format!("the monitor of domain '{}' did not answer '{what}'", self.guest)
    }

    fn failed(&self, failure: channel::Failure) -> Error {
        match failure {
            channel::Failure::Closed => Error::new(
                ErrorCode::OPERATION_FAILED,
                ErrorDomain::QEMU,
                format!("QEMU unexpectedly closed the monitor (vm='{}')", self.guest),
            ),
            channel::Failure::Waiting(error) => error
                .in_domain(ErrorDomain::QEMU)
                .hint("the guest may be busy with I/O: try again with a longer timeout"),
            channel::Failure::TooLong(limit) => self.broken(&format!("a message of more than {limit} bytes")),
            channel::Failure::System(errno) => Error::system(
                ErrorDomain::QEMU,
                format!("cannot use the monitor of domain '{}'", self.guest),
                errno,
            ),
        }
    }
}

/// Readable when QEMU said something; what has been read already is not seen here, see [`Monitor::next_event`].
impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

#[cfg(test)]
mod tests;
