//! The reader of events that a client gets.

use std::collections::{HashMap, VecDeque};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use uuid::Uuid;
use virt_core::driver::{Call, DomainIdentity, Event, EventBatch, EventSource};
use virt_util::eventlog::{self, EventReader, Next};
use virt_util::index::Index;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::record::{Record, blank};
use crate::state::Store;

/// A reader of one root's events.
pub(crate) struct Source {
    store: Arc<Store>,
    inner: Mutex<Inner>,
    /// Readable when the log has changed, or `more` says so.
    either: Epoll,
    /// There is something that no change of the log will tell again.
    more: EventFd,
}

struct Inner {
    reader: EventReader,
    /// One record of the log may be several of libvirt's events.
    ready: VecDeque<Event>,
    /// Who the guests were last time: the monitor's records name them by UUID only, and they may be gone by now.
    known: HashMap<Uuid, DomainIdentity>,
}

impl Source {
    /// Reads from now on, or from the event `from` on.
    pub(crate) fn new(store: Arc<Store>, from: Option<u64>) -> Result<Self> {
        let reader = store.events().reader(match from {
            Some(first) => eventlog::From::After(first.saturating_sub(1)),
            None => eventlog::From::Now,
        })?;
        let identity = |entry: &virt_util::index::Entry| DomainIdentity {
            name: entry.name.clone(),
            uuid: entry.uuid,
            id: entry.id,
        };
        let known = store.index().list()?.iter().map(|entry| (entry.uuid, identity(entry))).collect();
        let failed = |errno| Error::system(ErrorDomain::QEMU, "cannot watch for events", errno);
        // What has happened already is there to be read at once.
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let more = EventFd::from_value_and_flags(u32::from(from.is_some()), flags).map_err(failed)?;
        let either = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(failed)?;
        either.add(&reader, EpollEvent::new(EpollFlags::EPOLLIN, 0)).map_err(failed)?;
        either.add(&more, EpollEvent::new(EpollFlags::EPOLLIN, 1)).map_err(failed)?;
        let inner = Inner { reader, ready: VecDeque::new(), known };
        Ok(Self { store, inner: Mutex::new(inner), either, more })
    }
}

impl EventSource for Source {
    fn next(&self, call: &Call, limit: u32) -> Result<EventBatch> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = EventBatch { missed: 0, events: Vec::new() };
        let mut wait = call.wait();
        while batch.events.len() < limit as usize {
            if let Some(event) = inner.ready.pop_front() {
                batch.events.push(event);
                wait = Wait::NOT;
                continue;
            }
            let next =
                if wait.is_immediate() { inner.reader.try_next()? } else { first(&mut inner.reader, wait)? };
            match next {
                None => break,
                Some(Next::Missed(count)) => {
                    batch.missed += count;
                    wait = Wait::NOT;
                }
                Some(Next::Event(event)) => inner.take(&event, self.store.index()),
            }
        }
        // Neither blocks: that it was read before, or is full, is no matter.
        if batch.events.len() < limit as usize {
            let _ = self.more.read();
        } else {
            let _ = self.more.write(1);
        }
        Ok(batch)
    }

    fn descriptor(&self, _call: &Call) -> Result<i32> {
        Ok(self.either.0.as_raw_fd())
    }
}

/// The next record, or nothing at the deadline.
fn first(reader: &mut EventReader, wait: Wait<'_>) -> Result<Option<Next>> {
    match reader.next(wait) {
        Ok(next) => Ok(Some(next)),
        Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => Ok(None),
        Err(error) => Err(error),
    }
}

impl Inner {
    fn take(&mut self, event: &eventlog::Event, index: &Index) {
        let Some(record) = Record::read(event) else { return };
        let Some(said) = &record.monitor else {
            let event = record.to_event(event);
            self.known.insert(record.guest, event.domain.clone());
            self.ready.push_back(event);
            return;
        };
        let domain = match self.known.get(&record.guest) {
            Some(identity) => identity.clone(),
            None => match index.by_uuid(record.guest) {
                Ok(Some(entry)) => {
                    DomainIdentity { name: entry.name.clone(), uuid: entry.uuid, id: entry.id }
                }
                _ => DomainIdentity { name: String::new(), uuid: record.guest, id: None },
            },
        };
        self.ready.extend(super::monitor::translate(said, &blank(event, domain)));
    }
}
