//! One file of the log: a header, and events with consecutive numbers.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};

use super::Event;
use crate::dir::Dir;
use crate::{Error, ErrorCode, ErrorDomain, Result, file, frames};

/// The format's version. A newer one is left alone.
const VERSION: u32 = 1;

const PREFIX: &str = "events-";

/// What a file begins with.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    /// The number of its first event.
    first: u64,
}

/// The name of the file that begins with event `first`. Sorts by number.
pub(super) fn file_name(first: u64) -> String {
    format!("{PREFIX}{first:020}")
}

/// The first events of all files, in order.
pub(super) fn firsts(dir: &Dir) -> Result<Vec<u64>> {
    let names = file::names(dir, "")?;
    Ok(names.iter().filter_map(|name| name.strip_prefix(PREFIX)?.parse().ok()).collect())
}

/// The number of the last event; 0 before the first.
pub(super) fn last(dir: &Dir) -> Result<u64> {
    loop {
        let Some(first) = firsts(dir)?.last().copied() else { return Ok(0) };
        // One that was removed since has a newer one behind it.
        if let Some(mut segment) = Segment::open_if_present(dir, first)? {
            segment.read(|_| ControlFlow::Continue(()))?;
            return Ok(segment.last());
        }
    }
}

/// An open file of the log, read up to some event.
#[derive(Debug)]
pub(super) struct Segment {
    dir: Dir,
    name: String,
    file: File,
    /// Up to where it has been read.
    offset: u64,
    /// The number of the last event read; one less than the first before any was.
    last: u64,
}

impl Segment {
    /// Begins a file, whole from the moment that its name is there.
    pub(super) fn create(dir: &Dir, first: u64) -> Result<Self> {
        let mut content = Vec::new();
        let header = serde_json::to_vec(&Header { version: VERSION, first }).unwrap_or_default();
        frames::push(&mut content, &header);
        file::write(dir, &file_name(first), 0o600, &content)?;
        Self::open(dir, first)
    }

    pub(super) fn open(dir: &Dir, first: u64) -> Result<Self> {
        Self::open_if_present(dir, first)?.ok_or_else(|| {
            let sentence = format!("'{}' is gone", dir.join(&file_name(first)).display());
            Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence)
        })
    }

    /// Nothing when the file is missing.
    pub(super) fn open_if_present(dir: &Dir, first: u64) -> Result<Option<Self>> {
        let name = file_name(first);
        let file = match dir.try_open_file(&name, OFlag::O_RDWR | OFlag::O_APPEND, Mode::empty())? {
            Ok(file) => file,
            Err(nix::errno::Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(dir.named("cannot open", &name, errno)),
        };
        let mut this = Self { dir: dir.clone(), name, file, offset: 0, last: first.saturating_sub(1) };
        this.read_header()?;
        Ok(Some(this))
    }

    fn read_header(&mut self) -> Result<()> {
        let mut header = None;
        let mut end = 0;
        let read = frames::read(&self.file, 0, |payload, frame_end| {
            header = serde_json::from_slice::<Header>(payload).ok();
            end = frame_end;
            ControlFlow::Break(())
        });
        read.map_err(|error| self.failed("cannot read", error))?;
        let path = self.dir.join(&self.name);
        match header {
            Some(Header { version: ..=VERSION, .. }) => {
                self.offset = end;
                Ok(())
            }
            Some(Header { version, .. }) => {
                let sentence = format!(
                    "'{}' has format {version}, written by a newer version; {VERSION} is the newest known here",
                    path.display()
                );
                Err(Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NONE, sentence))
            }
            None => {
                let sentence = format!("'{}' is no log of events", path.display());
                Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence).hint("remove it"))
            }
        }
    }

    /// Whether no later file was begun.
    pub(super) fn is_last(&self, dir: &Dir) -> Result<bool> {
        Ok(firsts(dir)?.last().is_some_and(|first| file_name(*first) == self.name))
    }

    /// How long the whole part of it is.
    pub(super) fn size(&self) -> u64 {
        self.offset
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Calls `visit` with each event that was not read yet, until it says to stop.
    pub(super) fn read(&mut self, mut visit: impl FnMut(Event) -> ControlFlow<()>) -> Result<()> {
        let mut last = self.last;
        let mut offset = self.offset;
        let read = frames::read(&self.file, self.offset, |payload, end| {
            match event(payload) {
                // Any other number comes after damage that a writer has mended.
                Some(event) if event.sequence > last => {
                    last = event.sequence;
                    offset = end;
                    visit(event)
                }
                _ => ControlFlow::Break(()),
            }
        });
        read.map_err(|error| self.failed("cannot read", error))?;
        (self.last, self.offset) = (last, offset);
        Ok(())
    }

    /// Reads to the end, and mends what a writer that was killed has left there. Under the lock.
    pub(super) fn catch_up(&mut self) -> Result<()> {
        self.read(|_| ControlFlow::Continue(()))?;
        let size = self.file.metadata().map_err(|error| self.failed("cannot examine", error))?.len();
        if size == self.offset {
            return Ok(());
        }
        // Where it is damaged and not only torn, numbers behind the damage were seen by readers, and are not given again.
        let mut damaged = self.offset;
        while let Some(start) = frames::resume(&self.file, damaged, |payload| {
            event(payload)
                .is_some_and(|event| event.sequence > self.last && event.sequence - self.last < 1 << 32)
        })
        .map_err(|error| self.failed("cannot read", error))?
        {
            let mut last = self.last;
            let end = frames::read(&self.file, start, |payload, _| match event(payload) {
                Some(event) => {
                    last = last.max(event.sequence);
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(()),
            });
            self.last = last;
            damaged = end.map_err(|error| self.failed("cannot read", error))?;
        }
        log::warn!("'{}' ended in a torn record, which is removed", self.dir.join(&self.name).display());
        self.file.set_len(self.offset).map_err(|error| self.failed("cannot mend", error))
    }

    /// Adds an event behind the last. Under the lock, after [`Segment::catch_up`].
    pub(super) fn append(&mut self, payload: &[u8]) -> Result<u64> {
        let sequence = self.last + 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut content = Vec::with_capacity(payload.len() + HEAD);
        content.extend_from_slice(&sequence.to_le_bytes());
        content.extend_from_slice(&(now.as_micros() as u64).to_le_bytes());
        content.extend_from_slice(payload);
        if content.len() > frames::LONGEST {
            let sentence = format!("an event of {} bytes is longer than the log takes", payload.len());
            return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence));
        }
        let mut frame = Vec::with_capacity(content.len() + HEAD);
        frames::push(&mut frame, &content);
        let mut file = &self.file;
        if let Err(error) = file.write_all(&frame) {
            // What was written of it is a torn tail, and mended like one if this fails.
            let _ = self.file.set_len(self.offset);
            return Err(self.failed("cannot write", error));
        }
        self.offset += frame.len() as u64;
        self.last = sequence;
        Ok(sequence)
    }

    fn failed(&self, attempt: &str, error: std::io::Error) -> Error {
        Error::system(
            ErrorDomain::NONE,
            format!("{attempt} '{}'", self.dir.join(&self.name).display()),
            error,
        )
    }
}

/// Number and time, before an event's payload.
const HEAD: usize = 16;

/// Understands a record; nothing for what is none.
fn event(record: &[u8]) -> Option<Event> {
    let (head, payload) = record.split_first_chunk::<HEAD>()?;
    let (sequence, time) = head.split_at(8);
    let sequence = u64::from_le_bytes(sequence.try_into().ok()?);
    let time = u64::from_le_bytes(time.try_into().ok()?);
    let time = UNIX_EPOCH.checked_add(Duration::from_micros(time))?;
    Some(Event { sequence, time, payload: payload.to_vec() })
}
