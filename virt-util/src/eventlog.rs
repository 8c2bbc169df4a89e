//! What happened below one driver root: an append-only log that any number of processes read, each event with a number.
//!
//! The log is a directory of files, each named by the number of its first event. A full file is followed by a new one, and
//! the oldest are removed.

mod reader;
mod segment;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::Result;
use crate::dir::Dir;
use crate::index::ChangeLock;

pub use reader::EventReader;
use segment::Segment;

/// How long a file grows, in bytes, before the next one is begun.
const SEGMENT_SIZE: u64 = 1 << 20;

/// How many full files are kept.
const SEGMENTS_KEPT: usize = 4;

/// The log of events of one driver root.
///
/// ```
/// use virt_util::dir::Dir;
/// use virt_util::eventlog::{EventLog, From, Next};
/// use virt_util::index::ChangeLock;
/// use virt_util::wait::Wait;
///
/// let scratch = tempfile::tempdir().unwrap();
/// let dir = Dir::open(scratch.path())?;
/// let log = EventLog::open(&dir, "events")?;
/// let mut reader = log.reader(From::Now)?;
///
/// let lock = ChangeLock::acquire(&dir, "domains", "starting 'web'", Wait::FOREVER)?;
/// assert_eq!(log.append(&lock, br#"{"started":"web"}"#)?, 1);
/// drop(lock);
///
/// let Next::Event(event) = reader.next(Wait::FOREVER)? else { panic!() };
/// assert_eq!((event.sequence, event.payload.as_slice()), (1, &br#"{"started":"web"}"#[..]));
/// assert_eq!(reader.try_next()?, None);
/// # Ok::<(), virt_util::Error>(())
/// ```
pub struct EventLog {
    dir: Dir,
    /// The file that is written to, where it is known.
    writer: Mutex<Option<Segment>>,
    segment_size: u64,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number: 1, 2, 3 ... within one boot, the same for every reader.
    pub sequence: u64,
    /// When it was written, to the microsecond.
    pub time: SystemTime,
    /// What happened, in the driver's own words (JSON, by custom).
    pub payload: Vec<u8>,
}

/// What a reader meets next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// An event.
    Event(Event),
    /// The reader was too slow: this many events are gone.
    Missed(u64),
}

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With the first event after now.
    Now,
    /// With the event after this one.
    After(u64),
    /// With the oldest that is kept.
    Oldest,
}

impl EventLog {
    /// Opens the log in the directory `name` of `dir`, made when missing.
    ///
    /// # Errors
    ///
    /// When it cannot be made or read.
    pub fn open(dir: &Dir, name: &str) -> Result<Self> {
        Ok(Self { dir: dir.subdir(name)?, writer: Mutex::new(None), segment_size: SEGMENT_SIZE })
    }

    /// Adds an event and gives its number. The index lock keeps events in the order of the changes they tell of.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or the log was begun by a newer version in a form unknown here.
    pub fn append(&self, _lock: &ChangeLock, payload: &[u8]) -> Result<u64> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut segment = match writer.take() {
            Some(segment) if segment.is_last(&self.dir)? => segment,
            _ => match segment::firsts(&self.dir)?.last() {
                Some(first) => Segment::open(&self.dir, *first)?,
                None => Segment::create(&self.dir, 1)?,
            },
        };
        segment.catch_up()?;
        if segment.size() >= self.segment_size {
            segment = Segment::create(&self.dir, segment.last() + 1)?;
            let firsts = segment::firsts(&self.dir)?;
            for old in firsts.iter().rev().skip(1 + SEGMENTS_KEPT) {
                self.dir.remove_file(&segment::file_name(*old))?;
            }
        }
        let number = segment.append(payload)?;
        *writer = Some(segment);
        Ok(number)
    }

    /// A reader of its own.
    ///
    /// # Errors
    ///
    /// When the log cannot be watched, or is a newer version's.
    pub fn reader(&self, from: From) -> Result<EventReader> {
        EventReader::new(self.dir.clone(), from)
    }

    /// The number of the last event; 0 before the first.
    ///
    /// # Errors
    ///
    /// When the log cannot be read, or is a newer version's.
    pub fn last(&self) -> Result<u64> {
        segment::last(&self.dir)
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog").field("dir", &self.dir.path()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
