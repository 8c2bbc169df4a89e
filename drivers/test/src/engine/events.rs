//! What happened, for whoever wants to know: one log, any number of readers, each at its own place in it.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use nix::poll::PollFlags;
use nix::sys::eventfd::{EfdFlags, EventFd};
use uuid::Uuid;
use virt_core::driver::{
    Call, DomainIdentity, ErrorCode, Event, EventBatch, EventKind, EventSource, LifecycleEvent, ObjectEvent,
    ObjectEventBatch, ObjectEventSource, Result, TypedParameter,
};

use crate::error;

/// How many events are kept for readers that are slow or begin in the past.
const KEPT: usize = 4096;

/// Something that happened to a domain, before it has a number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Occurrence {
    kind: EventKind,
    event: i32,
    detail: i32,
    parameters: Vec<TypedParameter>,
}

impl Occurrence {
    /// Defined, started, stopped ...; `detail` is a number of the enum that belongs to `event`.
    pub(crate) fn lifecycle(event: LifecycleEvent, detail: i32) -> Self {
        Self { kind: EventKind::Lifecycle, event: event.number(), detail, parameters: Vec::new() }
    }

    /// Anything else.
    pub(crate) fn other(kind: EventKind, event: i32, parameters: Vec<TypedParameter>) -> Self {
        Self { kind, event, detail: 0, parameters }
    }

    /// That it happened to this domain.
    pub(crate) fn to(self, domain: DomainIdentity) -> Event {
        let Self { kind, event, detail, parameters } = self;
        Event { sequence: 0, seconds: 0, nanoseconds: 0, domain, kind, event, detail, parameters }
    }
}

/// Something that happened to what is no domain, before it has a number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Happening {
    pub(crate) kind: i32,
    pub(crate) event: i32,
    pub(crate) parameters: Vec<TypedParameter>,
}

impl Happening {
    /// Defined, started, stopped ...; all of them count such events as their first kind.
    pub(crate) fn lifecycle(event: i32) -> Self {
        Self { event, ..Self::default() }
    }

    /// That it happened to this object.
    pub(crate) fn to(self, name: &str, uuid: Option<Uuid>) -> ObjectEvent {
        let Self { kind, event, parameters } = self;
        let name = name.to_owned();
        ObjectEvent {
            sequence: 0,
            seconds: 0,
            nanoseconds: 0,
            name,
            uuid,
            kind,
            event,
            detail: 0,
            parameters,
        }
    }
}

/// An event that gets its number and time from the log.
pub(crate) trait Record: Clone + std::fmt::Debug {
    fn stamp(&mut self, sequence: u64, seconds: i64, nanoseconds: u32);
}

macro_rules! record {
    ($($event:ty),*) => {$(
        impl Record for $event {
            fn stamp(&mut self, sequence: u64, seconds: i64, nanoseconds: u32) {
                (self.sequence, self.seconds, self.nanoseconds) = (sequence, seconds, nanoseconds);
            }
        }
    )*};
}
record!(Event, ObjectEvent);

/// The events of one kind of objects of a simulated host.
#[derive(Debug)]
pub(crate) struct EventLog<E>(Mutex<Inner<E>>);

#[derive(Debug)]
struct Inner<E> {
    /// How many events there have been; the last one's number.
    last: u64,
    /// The last of them, in order.
    kept: VecDeque<E>,
    readers: Vec<Weak<EventFd>>,
}

impl<E> Default for EventLog<E> {
    fn default() -> Self {
        Self(Mutex::new(Inner { last: 0, kept: VecDeque::new(), readers: Vec::new() }))
    }
}

impl<E: Record> EventLog<E> {
    /// Numbers what happened, and wakes the readers.
    pub(crate) fn publish(&self, events: Vec<E>) {
        if events.is_empty() {
            return;
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut inner = self.lock();
        for mut event in events {
            inner.last += 1;
            event.stamp(inner.last, now.as_secs().cast_signed(), now.subsec_nanos());
            if inner.kept.len() == KEPT {
                inner.kept.pop_front();
            }
            inner.kept.push_back(event);
        }
        // The counter cannot overflow by ones, so writing fails in no way that matters.
        inner.readers.retain(|reader| reader.upgrade().is_some_and(|reader| reader.write(1).is_ok()));
    }

    /// A reader from now on, or from the event of this number on.
    pub(crate) fn subscribe(self: &Arc<Self>, from: Option<u64>) -> Result<Reader<E>> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let mut inner = self.lock();
        let next = from.unwrap_or(inner.last + 1).clamp(1, inner.last + 1);
        let ready = u32::from(next <= inner.last);
        let ready = Arc::new(EventFd::from_value_and_flags(ready, flags).map_err(error::descriptor)?);
        inner.readers.push(Arc::downgrade(&ready));
        drop(inner);
        Ok(Reader { log: self.clone(), next: Mutex::new(next), ready })
    }

    /// What follows event number `next - 1`, after how many that are lost, and the number after that.
    fn read(&self, next: u64, limit: usize, ready: &EventFd) -> (u64, Vec<E>, u64) {
        let inner = self.lock();
        let oldest = inner.last + 1 - inner.kept.len() as u64;
        let first = next.max(oldest);
        let events: Vec<_> = inner.kept.iter().skip((first - oldest) as usize).take(limit).cloned().collect();
        let next_time = first + events.len() as u64;
        if next_time > inner.last {
            // Nothing is left; under the lock, so that no wake-up is lost.
            let _ = ready.read();
        }
        (first - next, events, next_time)
    }

    /// A panic while the lock was held leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Inner<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader's place in the log.
#[derive(Debug)]
pub(crate) struct Reader<E> {
    log: Arc<EventLog<E>>,
    /// The number of the event to read next.
    next: Mutex<u64>,
    /// Readable while there is something to read.
    ready: Arc<EventFd>,
}

impl<E: Record> Reader<E> {
    /// How many events were lost, and those that follow, at least one unless the time is up.
    fn wait(&self, call: &Call, limit: u32) -> Result<(u64, Vec<E>)> {
        loop {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let (missed, events, next_time) = self.log.read(*next, limit.max(1) as usize, &self.ready);
            *next = next_time;
            drop(next);
            if missed > 0 || !events.is_empty() {
                return Ok((missed, events));
            }
            match call.wait().poll(&[(self.ready.as_fd(), PollFlags::POLLIN)], "waiting for events") {
                Ok(_) => {}
                Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => return Ok((missed, events)),
                Err(error) => return Err(error),
            }
        }
    }
}

impl EventSource for Reader<Event> {
    fn next(&self, call: &Call, limit: u32) -> Result<EventBatch> {
        self.wait(call, limit).map(|(missed, events)| EventBatch { missed, events })
    }

    fn descriptor(&self, _: &Call) -> Result<i32> {
        Ok(self.ready.as_fd().as_raw_fd())
    }
}

impl ObjectEventSource for Reader<ObjectEvent> {
    fn next(&self, call: &Call, limit: u32) -> Result<ObjectEventBatch> {
        self.wait(call, limit).map(|(missed, events)| ObjectEventBatch { missed, events })
    }

    fn descriptor(&self, _: &Call) -> Result<i32> {
        Ok(self.ready.as_fd().as_raw_fd())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use virt_core::driver::{CallScope, Cancellation};

    use super::*;

    fn publish(log: &EventLog<Event>, count: usize) {
        let domain = DomainIdentity { name: "web".into(), uuid: Uuid::nil(), id: None };
        log.publish(vec![Occurrence::lifecycle(LifecycleEvent::Defined, 0).to(domain); count]);
    }

    fn numbers(reader: &Reader<Event>, limit: u32) -> (u64, Vec<u64>) {
        let scope = CallScope::new().within(Duration::from_millis(5));
        let batch = scope.run(|call| EventSource::next(reader, call, limit)).unwrap();
        (batch.missed, batch.events.iter().map(|event| event.sequence).collect())
    }

    #[test]
    fn every_reader_gets_every_event_from_its_place_on() {
        let log = Arc::new(EventLog::default());
        let first = log.subscribe(None).unwrap();
        publish(&log, 3);
        let second = log.subscribe(None).unwrap();
        publish(&log, 1);
        assert_eq!(numbers(&first, 2), (0, vec![1, 2]));
        assert_eq!(numbers(&first, 9), (0, vec![3, 4]));
        assert_eq!(numbers(&first, 9), (0, vec![]));
        assert_eq!(numbers(&second, 9), (0, vec![4]));
        assert_eq!(numbers(&log.subscribe(Some(2)).unwrap(), 9), (0, vec![2, 3, 4]));
        assert_eq!(numbers(&log.subscribe(Some(99)).unwrap(), 9), (0, vec![]));
    }

    #[test]
    fn a_slow_reader_is_told_what_it_missed() {
        let log = Arc::new(EventLog::default());
        let reader = log.subscribe(None).unwrap();
        publish(&log, KEPT + 10);
        assert_eq!(numbers(&reader, 2), (10, vec![11, 12]));
    }

    #[test]
    fn a_reader_wakes_for_an_event_and_for_its_cancellation() {
        let log = Arc::new(EventLog::default());
        let reader = &log.subscribe(None).unwrap();
        std::thread::scope(|threads| {
            let waiting = threads.spawn(|| EventSource::next(reader, Call::background(), 9));
            publish(&log, 1);
            assert_eq!(waiting.join().unwrap().unwrap().events.len(), 1);
            let cancellation = Cancellation::new().unwrap();
            let scope = CallScope::new().cancelled_by(cancellation.clone());
            let waiting =
                threads.spawn(move || scope.run(|call| EventSource::next(reader, call, 9).map(drop)));
            cancellation.cancel();
            assert_eq!(waiting.join().unwrap().unwrap_err().code(), ErrorCode::OPERATION_ABORTED);
        });
    }
}
