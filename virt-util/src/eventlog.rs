//! What happened below one driver root: an append-only log that any number of processes read, each event with a number.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::SystemTime;

use crate::Result;
use crate::dir::Dir;
use crate::index::IndexLock;
use crate::wait::Wait;

/// The log of events of one driver root.
pub struct EventLog(());

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
        let _ = (dir, name);
        todo!()
    }

    /// Adds an event and gives its number. The index lock keeps events in the order of the changes they tell of.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or was begun by a newer version in a form unknown here.
    pub fn append(&self, _lock: &IndexLock<'_>, payload: &[u8]) -> Result<u64> {
        let _ = payload;
        todo!()
    }

    /// A reader of its own.
    ///
    /// # Errors
    ///
    /// When the log cannot be watched.
    pub fn reader(&self, from: From) -> Result<EventReader> {
        let _ = from;
        todo!()
    }
}

/// Reads events in order. Readable (see `AsFd`) when [`EventReader::try_next`] may have something.
pub struct EventReader(());

impl EventReader {
    /// The next event, if there is one.
    ///
    /// # Errors
    ///
    /// When the log cannot be read, or is a newer version's.
    pub fn try_next(&mut self) -> Result<Option<Next>> {
        todo!()
    }

    /// The next event, waiting for it.
    ///
    /// # Errors
    ///
    /// As for [`EventReader::try_next`] and [`Wait::poll`].
    pub fn next(&mut self, wait: Wait<'_>) -> Result<Next> {
        let _ = wait;
        todo!()
    }
}

impl AsFd for EventReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        todo!()
    }
}
