//! Telling the driver's event log what the monitor said, without the controller's loop ever waiting for a lock.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use serde_json::value::RawValue;

use super::{Report, Rule};
use crate::dir::Dir;
use crate::eventlog::EventLog;
use crate::index::ChangeLock;
use crate::wait::Wait;
use crate::{Error, ErrorDomain, Result};

/// How long one try to get the index's lock takes; there is another unless the controller is about to end.
const TRY: Duration = Duration::from_secs(2);

/// A thread that takes the index's lock and writes events, one after the other.
///
/// The thread is there because a client may hold the index's lock while it waits for the controller.
pub(super) struct Reporter {
    queue: mpsc::Sender<Item>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

struct Shared {
    /// How many events are not written yet.
    pending: AtomicUsize,
    /// Written to when there are none left.
    idle: EventFd,
    /// The controller is about to end.
    closing: AtomicBool,
}

struct Item {
    event: Vec<u8>,
    state: Option<(i32, i32)>,
    unless: Vec<i32>,
}

impl Reporter {
    pub(super) fn start(report: Report) -> Result<Self> {
        let idle = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|errno| Error::system(ErrorDomain::NONE, "cannot make an eventfd", errno))?;
        let shared = Arc::new(Shared { pending: AtomicUsize::new(0), idle, closing: AtomicBool::new(false) });
        let (queue, items) = mpsc::channel();
        let worker = Worker { report, shared: shared.clone() };
        let thread = std::thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(move || worker.run(&items))
            .map_err(|error| Error::system(ErrorDomain::NONE, "cannot start a thread", error))?;
        Ok(Self { queue, shared, thread })
    }

    /// Has `event`, a line of the monitor, written, and the state that the guest is in from then on by `rule`.
    pub(super) fn report(&self, event: &[u8], rule: &Rule) {
        let item = Item { event: event.to_vec(), state: rule.state, unless: rule.unless.clone() };
        self.shared.pending.fetch_add(1, Ordering::AcqRel);
        if self.queue.send(item).is_err() {
            self.shared.pending.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Whether all is written.
    pub(super) fn is_idle(&self) -> bool {
        self.shared.pending.load(Ordering::Acquire) == 0
    }

    /// Makes the descriptor wait for the next time that all is written.
    pub(super) fn rearm(&self) {
        // Not blocking: that there was nothing to read is no error.
        let _ = self.shared.idle.read();
    }

    /// Ends when all is written, or soon after when somebody keeps the lock.
    pub(super) fn close(self) {
        self.shared.closing.store(true, Ordering::Release);
        drop(self.queue);
        // A panic was printed where it happened.
        let _ = self.thread.join();
    }
}

/// Readable when all is written.
impl AsFd for Reporter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.idle.as_fd()
    }
}

struct Worker {
    report: Report,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(&self, items: &mpsc::Receiver<Item>) {
        while let Ok(first) = items.recv() {
            let batch: Vec<Item> = std::iter::once(first).chain(items.try_iter()).collect();
            if let Err(error) = self.write(&batch) {
                eprintln!("{} events of the monitor are not in the log: {error:#}", batch.len());
            }
            if self.shared.pending.fetch_sub(batch.len(), Ordering::AcqRel) == batch.len() {
                // Its counter is full only after 2^64 times unread.
                let _ = self.shared.idle.write(1);
            }
        }
    }

    fn write(&self, batch: &[Item]) -> Result<()> {
        let dir = Dir::open(&self.report.directory)?.transient()?;
        let log = EventLog::open(&dir, &self.report.events)?;
        let lock = loop {
            match ChangeLock::acquire(
                &dir,
                &self.report.index,
                "reporting what a monitor said",
                Wait::at_most(TRY),
            ) {
                Err(error) if self.shared.closing.load(Ordering::Acquire) => return Err(error),
                Err(error) if error.code() == crate::ErrorCode::OPERATION_TIMEOUT => {}
                other => break other?,
            }
        };
        for item in batch {
            if let Some((state, reason)) = item.state {
                lock.set_state_unless(self.report.guest, state, reason, &item.unless)?;
            }
            log.append(&lock, &self.payload(&item.event))?;
        }
        Ok(())
    }

    fn payload(&self, event: &[u8]) -> Vec<u8> {
        #[derive(serde::Serialize)]
        struct Payload<'a> {
            guest: uuid::Uuid,
            monitor: Option<&'a RawValue>,
        }
        let monitor = serde_json::from_slice(event).ok();
        serde_json::to_vec(&Payload { guest: self.report.guest, monitor }).unwrap_or_default()
    }
}
