//! The console of a simulated guest, which shows boot messages and has a small shell that answers, and its channels.

mod shell;

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::poll::PollFlags;
use nix::sys::eventfd::{EfdFlags, EventFd};
use uuid::Uuid;
use virt_core::driver::{Call, Error, ErrorCode, ErrorDomain, Result, Stream, StreamChunk};
use virt_util::wait::Wait;

use crate::engine::Node;
use crate::error;
use shell::Shell;

/// How much the guest says while nobody listens, in bytes; what is older is lost, as on a serial line.
const BACKLOG: usize = 64 << 10;

/// The guest's end of its console.
#[derive(Debug)]
pub(crate) struct Port(Mutex<Line>);

#[derive(Debug)]
struct Line {
    /// Who answers; on a channel there is only an echo.
    shell: Option<Shell>,
    /// What the guest said and nobody has read.
    said: VecDeque<u8>,
    hung_up: bool,
    /// Who listens: a number for the one who came last, and what wakes it.
    listener: Option<(u64, Arc<EventFd>)>,
    listeners: u64,
}

impl Port {
    /// The console of a guest that boots now.
    pub(crate) fn new(guest: &str) -> Self {
        let port = Self::with(Some(Shell::new(guest)));
        port.boot();
        port
    }

    /// A channel, which sends back what it is sent.
    pub(crate) fn channel() -> Self {
        Self::with(None)
    }

    fn with(shell: Option<Shell>) -> Self {
        let (said, hung_up, listener, listeners) = (VecDeque::new(), false, None, 0);
        Self(Mutex::new(Line { shell, said, hung_up, listener, listeners }))
    }

    /// The guest boots again.
    pub(crate) fn boot(&self) {
        let mut line = self.lock();
        if let Some(messages) = line.shell.as_mut().map(Shell::boot) {
            line.say(&messages);
        }
    }

    /// The guest is off: whoever listens reads to the end.
    pub(crate) fn hang_up(&self) {
        let mut line = self.lock();
        line.hung_up = true;
        line.wake();
    }

    /// Listens to the console, alone; `force` takes it from whoever has it.
    pub(crate) fn open(
        self: &Arc<Self>,
        node: &Arc<Node>,
        guest: Uuid,
        force: bool,
    ) -> Result<ConsoleStream> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let ready = Arc::new(EventFd::from_flags(flags).map_err(error::descriptor)?);
        let mut line = self.lock();
        if line.listener.is_some() && !force {
            let what = if line.shell.is_some() { "console session" } else { "channel stream" };
            let sentence = format!("Active {what} exists for this domain");
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::TEST, sentence));
        }
        line.wake();
        line.listeners += 1;
        line.listener = Some((line.listeners, ready.clone()));
        if line.hung_up || !line.said.is_empty() {
            line.wake();
        }
        Ok(ConsoleStream { port: self.clone(), number: line.listeners, ready, node: node.clone(), guest })
    }

    /// A panic while the lock was held leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn say(&mut self, bytes: &[u8]) {
        self.said.extend(bytes);
        let excess = self.said.len().saturating_sub(BACKLOG);
        self.said.drain(..excess);
        self.wake();
    }

    fn wake(&self) {
        if let Some((_, ready)) = &self.listener {
            // The counter cannot overflow by ones.
            let _ = ready.write(1);
        }
    }

    /// Whether this listener has not been replaced, and there is a guest to listen to.
    fn connects(&self, number: u64) -> bool {
        self.listener.as_ref().is_some_and(|(current, _)| *current == number)
    }
}

/// The host's end of a console.
#[derive(Debug)]
pub(crate) struct ConsoleStream {
    port: Arc<Port>,
    number: u64,
    /// Readable while there is something to read.
    ready: Arc<EventFd>,
    node: Arc<Node>,
    guest: Uuid,
}

impl Stream for ConsoleStream {
    fn receive(&self, call: &Call, limit: u64) -> Result<StreamChunk> {
        loop {
            let mut line = self.port.lock();
            if !line.connects(self.number) {
                return Ok(StreamChunk { end: true, ..StreamChunk::default() });
            }
            let length = line.said.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
            let data: Vec<u8> = line.said.drain(..length).collect();
            if line.said.is_empty() && !line.hung_up {
                // Under the lock, so that no wake-up is lost.
                let _ = self.ready.read();
            }
            if !data.is_empty() || line.hung_up || limit == 0 {
                return Ok(StreamChunk { end: data.is_empty() && limit > 0, data, hole: 0 });
            }
            drop(line);
            let mut wait = Wait::until(call.deadline());
            if let Some(cancellation) = call.cancellation() {
                wait = wait.cancelled_by(cancellation);
            }
            wait.poll(&[(self.ready.as_fd(), PollFlags::POLLIN)], "waiting for the console")?;
        }
    }

    fn send(&self, _: &Call, data: Vec<u8>) -> Result<u64> {
        let mut line = self.port.lock();
        if line.hung_up || !line.connects(self.number) {
            let closed = "the console is closed";
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::STREAMS, closed));
        }
        let length = data.len() as u64;
        let (answer, request) = match &mut line.shell {
            Some(shell) => shell.hear(&data),
            None => (data, None),
        };
        line.say(&answer);
        drop(line);
        if let Some(request) = request {
            self.node.guest_asks(self.guest, request);
        }
        Ok(length)
    }

    fn finish(&self, _: &Call) -> Result<()> {
        let mut line = self.port.lock();
        if line.connects(self.number) {
            line.listener = None;
        }
        Ok(())
    }

    fn abort(&self, call: &Call) -> Result<()> {
        self.finish(call)
    }

    fn descriptor(&self, _: &Call) -> Result<i32> {
        Ok(self.ready.as_fd().as_raw_fd())
    }
}
