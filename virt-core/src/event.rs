//! Events: a blocking iterator, and a callback on a thread of its own.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use plugins_abi::{
    Call, Cancellation, DomainIdentity, Event, EventKind, EventSource, LifecycleEvent, TypedParameter,
};
use virt_util::{ErrorCode, Result};

use crate::connection::Connection;

/// How many events to take from the driver in one call.
const BATCH: u32 = 256;

/// What a reader of events is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// Something happened.
    Event(DomainEvent),
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
        let since = Duration::new(event.seconds.max(0).cast_unsigned(), event.nanoseconds.min(999_999_999));
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
        // A time that does not fit is a driver's mistake, and no reason to lose the event.
        let time = SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH);
        Self { sequence: event.sequence, time, domain: event.domain, kind }
    }
}

/// The events of a connection, in order. The iterator waits for the next one and never ends by itself.
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
pub struct Events {
    connection: Connection,
    source: Arc<dyn EventSource>,
    waiting: VecDeque<Notice>,
}

impl Events {
    pub(crate) fn new(connection: Connection, source: Arc<dyn EventSource>) -> Self {
        Self { connection, source, waiting: VecDeque::new() }
    }

    /// The next event, or nothing when this much time has passed without one.
    ///
    /// # Errors
    ///
    /// When the source fails; it may work again later.
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<Notice>> {
        if self.waiting.is_empty() {
            let source = &self.source;
            // A call whose time is up before it begins is refused; a look at what is there takes a moment too.
            let timeout = timeout.max(Duration::from_millis(1));
            let batch = match self.connection.with_timeout(timeout).call(|call| source.next(call, BATCH)) {
                Ok(batch) => batch,
                Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => return Ok(None),
                Err(error) => return Err(error),
            };
            self.take(batch);
        }
        Ok(self.waiting.pop_front())
    }

    fn take(&mut self, batch: plugins_abi::EventBatch) {
        if batch.missed > 0 {
            self.waiting.push_back(Notice::Missed(batch.missed));
        }
        self.waiting.extend(batch.events.into_iter().map(DomainEvent::from_driver).map(Notice::Event));
    }

    /// Waits without a deadline, but for the cancellation of `call`.
    fn wait(&mut self, call: &Call) -> Result<Notice> {
        loop {
            if let Some(notice) = self.waiting.pop_front() {
                return Ok(notice);
            }
            let batch = self.source.next(call, BATCH)?;
            self.take(batch);
        }
    }
}

impl Iterator for Events {
    type Item = Result<Notice>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.wait(Call::background()))
    }
}

impl AsFd for Events {
    /// Readable when there may be an event. For poll(2) only.
    fn as_fd(&self) -> BorrowedFd<'_> {
        let number = self.source.descriptor(Call::background()).unwrap_or(-1).max(0);
        // SAFETY: the source, which `self` keeps, owns the descriptor and keeps it open.
        unsafe { BorrowedFd::borrow_raw(number) }
    }
}

impl std::fmt::Debug for Events {
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
    pub(crate) fn new(
        connection: &Connection,
        mut callback: impl FnMut(Notice) + Send + 'static,
    ) -> Result<Self> {
        let cancellation = Cancellation::new()?;
        let mut events = connection.events()?;
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
