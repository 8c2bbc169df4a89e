//! Events: a blocking iterator, and a callback on a thread of its own.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use plugins_abi::{
    Call, Cancellation, DomainIdentity, Event, EventKind, EventSource, LifecycleEvent, ObjectEvent,
    ObjectEventSource, TypedParameter,
};
use virt_util::{ErrorCode, Result};

use crate::connection::Connection;

/// How many events to take from the driver in one call.
const BATCH: u32 = 256;

/// What a reader of events is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice<E = DomainEvent> {
    /// Something happened.
    Event(E),
    /// This many events were lost because the reader was too slow, or were no longer kept.
    Missed(u64),
}

/// Something happened to a domain.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainEvent {
    /// Its number: each event of one driver root has the next one, the same for every reader.
    pub sequence: u64,
    /// When it happened.
    pub time: SystemTime,
    /// To whom; the number is the one the domain had then.
    pub domain: DomainIdentity,
    /// What.
    pub kind: DomainEventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DomainEventKind {
    /// Defined, started, stopped ...; the detail's word is [`LifecycleEvent::detail`].
    Lifecycle(LifecycleEvent, i32),
    /// The guest rebooted.
    Reboot,
    /// The guest's memory changed, to this many KiB.
    BalloonChange(u64),
    /// Any other kind: libvirt's two numbers, and its callback's arguments by their names.
    Other {
        /// The kind.
        kind: EventKind,
        /// The first number of libvirt's callback.
        event: i32,
        /// The second number.
        detail: i32,
        /// The rest.
        parameters: Vec<TypedParameter>,
    },
}

impl DomainEvent {
    fn from_driver(event: Event) -> Self {
        let balloon = || match event.parameters.as_slice() {
            [TypedParameter { value: plugins_abi::TypedValue::UnsignedLongLong(kibibytes), .. }] => {
                Some(*kibibytes)
            }
            _ => None,
        };
        let kind = match event.kind {
            EventKind::Lifecycle => {
                DomainEventKind::Lifecycle(LifecycleEvent::from_number(event.event), event.detail)
            }
            EventKind::Reboot => DomainEventKind::Reboot,
            EventKind::BalloonChange if balloon().is_some() => {
                DomainEventKind::BalloonChange(balloon().unwrap_or_default())
            }
            kind => DomainEventKind::Other {
                kind,
                event: event.event,
                detail: event.detail,
                parameters: event.parameters,
            },
        };
        let time = time(event.seconds, event.nanoseconds);
        Self { sequence: event.sequence, time, domain: event.domain, kind }
    }
}

/// A time as it crosses the door; one that does not fit is a driver's mistake, and no reason to lose the event.
pub(crate) fn time(seconds: i64, nanoseconds: u32) -> SystemTime {
    let since = Duration::new(seconds.max(0).cast_unsigned(), nanoseconds.min(999_999_999));
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Where events of one kind come from.
pub(crate) trait Source<E>: Send + Sync {
    /// How many were lost, and the next ones.
    fn next(&self, call: &Call) -> Result<(u64, Vec<E>)>;
    fn descriptor(&self, call: &Call) -> Result<i32>;
}

impl Source<DomainEvent> for Arc<dyn EventSource> {
    fn next(&self, call: &Call) -> Result<(u64, Vec<DomainEvent>)> {
        let batch = EventSource::next(&**self, call, BATCH)?;
        Ok((batch.missed, batch.events.into_iter().map(DomainEvent::from_driver).collect()))
    }

    fn descriptor(&self, call: &Call) -> Result<i32> {
        EventSource::descriptor(&**self, call)
    }
}

impl<E: From<ObjectEvent>> Source<E> for Arc<dyn ObjectEventSource> {
    fn next(&self, call: &Call) -> Result<(u64, Vec<E>)> {
        let batch = ObjectEventSource::next(&**self, call, BATCH)?;
        Ok((batch.missed, batch.events.into_iter().map(E::from).collect()))
    }

    fn descriptor(&self, call: &Call) -> Result<i32> {
        ObjectEventSource::descriptor(&**self, call)
    }
}

/// The events of a connection, in order: those of domains, or of another kind of objects. The iterator waits for the next one and never ends by itself.
///
/// ```
/// # let registry = virt_core::Registry::empty();
/// # registry.register::<virt_driver_test::TestDriver>()?;
/// # let connection = virt_core::Connection::builder().uri("test:///default").registry(&registry).open()?;
/// use virt_core::{DomainEventKind, LifecycleEvent, Notice};
///
/// let mut events = connection.events()?;
/// let guest = connection.domain_by_name("test")?;
/// guest.suspend()?;
/// let Some(Notice::Event(event)) = events.next().transpose()? else { panic!() };
/// assert!(matches!(event.kind, DomainEventKind::Lifecycle(LifecycleEvent::Suspended, _)));
/// # guest.resume()?;
/// # Ok::<(), virt_core::Error>(())
/// ```
pub struct Events<E = DomainEvent> {
    connection: Connection,
    source: Box<dyn Source<E>>,
    waiting: VecDeque<Notice<E>>,
}

impl<E> Events<E> {
    pub(crate) fn new(connection: Connection, source: impl Source<E> + 'static) -> Self {
        Self { connection, source: Box::new(source), waiting: VecDeque::new() }
    }

    /// The next event, or nothing when this much time has passed without one.
    ///
    /// # Errors
    ///
    /// When the source fails; it may work again later.
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<Notice<E>>> {
        if self.waiting.is_empty() {
            let source = &self.source;
            // A call whose time is up before it begins is refused; a look at what is there takes a moment too.
            let timeout = timeout.max(Duration::from_millis(1));
            let batch = match self.connection.with_timeout(timeout).call(|call| source.next(call)) {
                Ok(batch) => batch,
                Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => return Ok(None),
                Err(error) => return Err(error),
            };
            self.take(batch);
        }
        Ok(self.waiting.pop_front())
    }

    /// How many there are that need not be waited for, because they came with others.
    pub fn at_hand(&self) -> usize {
        self.waiting.len()
    }

    fn take(&mut self, (missed, events): (u64, Vec<E>)) {
        if missed > 0 {
            self.waiting.push_back(Notice::Missed(missed));
        }
        self.waiting.extend(events.into_iter().map(Notice::Event));
    }

    /// Waits without a deadline, but for the cancellation of `call`.
    fn wait(&mut self, call: &Call) -> Result<Notice<E>> {
        loop {
            if let Some(notice) = self.waiting.pop_front() {
                return Ok(notice);
            }
            let batch = self.source.next(call)?;
            self.take(batch);
        }
    }
}

impl<E> Iterator for Events<E> {
    type Item = Result<Notice<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.wait(Call::background()))
    }
}

impl<E> AsFd for Events<E> {
    /// Readable when there may be an event. For poll(2) only.
    fn as_fd(&self) -> BorrowedFd<'_> {
        let number = self.source.descriptor(Call::background()).unwrap_or(-1).max(0);
        // SAFETY: the source, which `self` keeps, owns the descriptor and keeps it open.
        unsafe { BorrowedFd::borrow_raw(number) }
    }
}

impl<E> std::fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

/// A callback that is being served. Dropping it ends that: afterwards the callback is not called any more.
#[derive(Debug)]
pub struct Subscription {
    cancellation: Arc<Cancellation>,
    thread: Option<JoinHandle<()>>,
}

impl Subscription {
    pub(crate) fn new<E: Send + 'static>(
        mut events: Events<E>,
        mut callback: impl FnMut(Notice<E>) + Send + 'static,
    ) -> Result<Self> {
        let cancellation = Cancellation::new()?;
        let scope = plugins_abi::CallScope::new().cancelled_by(cancellation.clone());
        let serve = move || {
            scope.run(|call| {
                while !call.cancelled() {
                    match events.wait(call) {
                        Ok(notice) => callback(notice),
                        Err(error) if error.code() == ErrorCode::OPERATION_ABORTED => break,
                        Err(error) => {
                            log::error!("events have ended: {error}");
                            break;
                        }
                    }
                }
            });
        };
        let thread =
            std::thread::Builder::new().name("virt-events".into()).spawn(serve).map_err(|error| {
                virt_util::Error::system(
                    virt_util::ErrorDomain::EVENT,
                    "cannot start a thread for events",
                    error,
                )
            })?;
        Ok(Self { cancellation, thread: Some(thread) })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.cancellation.cancel();
        let Some(thread) = self.thread.take() else { return };
        // A callback may drop its own subscription; a thread cannot wait for itself.
        if thread.thread().id() != std::thread::current().id() {
            // A callback that panicked has said so already.
            let _ = thread.join();
        }
    }
}
