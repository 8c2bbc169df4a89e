//! Events of networks, storage pools, secrets and the like in a driver root's log: how they are written, and the reader that
//! clients get.

use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use plugins_abi::{Call, ObjectEvent, ObjectEventBatch, ObjectEventSource};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use virt_util::dir::Dir;
use virt_util::eventlog::{self, EventLog, EventReader, Next};
use virt_util::index::ChangeLock;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

/// The log of one kind of objects of one driver root.
///
/// ```
/// use plugins_abi::Call;
/// use virt_core::object_log::{Happening, ObjectLog};
/// use virt_util::dir::Dir;
/// use virt_util::index::ChangeLock;
/// use virt_util::wait::Wait;
///
/// let scratch = tempfile::tempdir().unwrap();
/// let dir = Dir::open(scratch.path())?;
/// let log = ObjectLog::open(&dir, "events")?;
/// let reader = log.subscribe(None)?;
/// let lock = ChangeLock::acquire(&dir, "pools", "starting 'images'", Wait::FOREVER)?;
/// log.append(&lock, &Happening { name: "images".into(), event: 2, ..Happening::default() })?;
/// let batch = reader.next(Call::background(), 10)?;
/// assert_eq!((batch.events[0].name.as_str(), batch.events[0].event), ("images", 2));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Debug)]
pub struct ObjectLog(EventLog);

/// Something that happened to an object, before it has a number and a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Happening {
    /// To whom.
    pub name: String,
    /// Its UUID, for kinds that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// What kind of event: libvirt's number among those of this kind of objects.
    pub kind: i32,
    /// The first number of libvirt's callback.
    pub event: i32,
    /// The second number of libvirt's callback.
    pub detail: i32,
}

impl ObjectLog {
    /// Opens the log in the directory `name` of `dir`, made when missing.
    ///
    /// # Errors
    ///
    /// When it cannot be made or read.
    pub fn open(dir: &Dir, name: &str) -> Result<Self> {
        EventLog::open(dir, name).map(Self)
    }

    /// Adds an event and gives its number. The index lock keeps events in the order of the changes they tell of.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn append(&self, lock: &ChangeLock, happening: &Happening) -> Result<u64> {
        let payload = serde_json::to_vec(happening).map_err(|error| {
            Error::internal(ErrorDomain::EVENT, format!("an event that is no JSON: {error}"))
        })?;
        self.0.append(lock, &payload)
    }

    /// A reader from now on, or from the event of this number on where it is still kept.
    ///
    /// # Errors
    ///
    /// When the log cannot be watched.
    pub fn subscribe(&self, from: Option<u64>) -> Result<Arc<dyn ObjectEventSource>> {
        let reader = self.0.reader(match from {
            Some(first) => eventlog::From::After(first.saturating_sub(1)),
            None => eventlog::From::Now,
        })?;
        let failed = |errno| Error::system(ErrorDomain::EVENT, "cannot watch for events", errno);
        // What has happened already is there to be read at once.
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let more = EventFd::from_value_and_flags(u32::from(from.is_some()), flags).map_err(failed)?;
        let either = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(failed)?;
        either.add(&reader, EpollEvent::new(EpollFlags::EPOLLIN, 0)).map_err(failed)?;
        either.add(&more, EpollEvent::new(EpollFlags::EPOLLIN, 1)).map_err(failed)?;
        Ok(Arc::new(Source { reader: Mutex::new(reader), either, more }))
    }
}

/// A reader of one log.
struct Source {
    reader: Mutex<EventReader>,
    /// Readable when the log has changed, or `more` says so.
    either: Epoll,
    /// There is something that no change of the log will tell again.
    more: EventFd,
}

impl ObjectEventSource for Source {
    fn next(&self, call: &Call, limit: u32) -> Result<ObjectEventBatch> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = ObjectEventBatch { missed: 0, events: Vec::new() };
        let mut wait = Wait::until(call.deadline());
        if let Some(cancellation) = call.cancellation() {
            wait = wait.cancelled_by(cancellation);
        }
        while batch.events.len() < limit as usize {
            let next = match wait.is_immediate() {
                true => reader.try_next()?,
                false => match reader.next(wait) {
                    Ok(next) => Some(next),
                    Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => None,
                    Err(error) => return Err(error),
                },
            };
            match next {
                None => break,
                Some(Next::Missed(count)) => batch.missed += count,
                Some(Next::Event(event)) => batch.events.extend(read(&event)),
            }
            wait = Wait::NOT;
        }
        // Neither blocks: that it was read before, or is full, is no matter.
        if batch.events.len() < limit as usize {
            let _ = self.more.read();
        } else {
            let _ = self.more.write(1);
        }
        Ok(batch)
    }

    fn descriptor(&self, _: &Call) -> Result<i32> {
        Ok(self.either.0.as_raw_fd())
    }
}

/// An event as clients get it; nothing for one that is not understood.
fn read(event: &eventlog::Event) -> Option<ObjectEvent> {
    let happening: Happening = serde_json::from_slice(&event.payload)
        .inspect_err(|error| log::warn!("event {} is not understood: {error}", event.sequence))
        .ok()?;
    let since = event.time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Some(ObjectEvent {
        sequence: event.sequence,
        seconds: since.as_secs().cast_signed(),
        nanoseconds: since.subsec_nanos(),
        name: happening.name,
        uuid: happening.uuid,
        kind: happening.kind,
        event: happening.event,
        detail: happening.detail,
        parameters: Vec::new(),
    })
}
