//! Reading the log while others write it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::segment::{self, Segment};
use super::{From, Next};
use crate::dir::Dir;
use crate::wait::Wait;
use crate::{Error, ErrorDomain, Result};

/// How many events are taken into memory at a time.
const BATCH: usize = 64;

/// Reads events in order. Readable (see `AsFd`) when [`EventReader::try_next`] may have something: ask it until it has
/// nothing before waiting for the descriptor.
#[derive(Debug)]
pub struct EventReader {
    dir: Dir,
    watch: Inotify,
    /// The file that is being read, where one was found.
    segment: Option<Segment>,
    /// The number of the last event handed out or skipped.
    last: u64,
    ready: VecDeque<Next>,
}

impl EventReader {
    pub(super) fn new(dir: Dir, from: From) -> Result<Self> {
        let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ONLYDIR;
        let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
            .and_then(|watch| watch.add_watch(&dir.short_path("."), flags).map(|_| watch))
            .map_err(|errno| {
                let attempt = format!("cannot watch '{}'", dir.path().display());
                let error = Error::system(ErrorDomain::NONE, attempt, errno);
                match errno {
                    Errno::EMFILE | Errno::ENOSPC => error.hint("raise fs.inotify.max_user_instances"),
                    _ => error,
                }
            })?;
        let last = match from {
            From::Now => segment::last(&dir)?,
            From::After(last) => last,
            From::Oldest => segment::firsts(&dir)?.first().map_or(0, |first| first.saturating_sub(1)),
        };
        Ok(Self { dir, watch, segment: None, last, ready: VecDeque::new() })
    }

    /// The next event, if there is one.
    ///
    /// # Errors
    ///
    /// When the log cannot be read, or is a newer version's.
    pub fn try_next(&mut self) -> Result<Option<Next>> {
        if let Some(next) = self.ready.pop_front() {
            return Ok(Some(next));
        }
        self.look()?;
        if self.ready.is_empty() {
            // What was written before this is seen by the look that follows, what is written after it wakes us.
            self.silence()?;
            self.look()?;
        }
        Ok(self.ready.pop_front())
    }

    /// The next event, waiting for it.
    ///
    /// # Errors
    ///
    /// As for [`EventReader::try_next`] and [`Wait::poll`].
    pub fn next(&mut self, wait: Wait<'_>) -> Result<Next> {
        loop {
            match self.try_next()? {
                Some(next) => return Ok(next),
                None => wait.readable(&self.watch, "waiting for an event")?,
            }
        }
    }

    fn silence(&self) -> Result<()> {
        loop {
            match self.watch.read_events() {
                Ok(_) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno) => {
                    let attempt = format!("cannot watch '{}'", self.dir.path().display());
                    return Err(Error::system(ErrorDomain::NONE, attempt, errno));
                }
            }
        }
    }

    /// Takes the next events into memory.
    fn look(&mut self) -> Result<()> {
        loop {
            if self.segment.is_none() && !self.open()? {
                return Ok(());
            }
            let Some(segment) = &mut self.segment else { return Ok(()) };
            let (ready, last) = (&mut self.ready, &mut self.last);
            segment.read(|event| {
                // Those before the place to begin with.
                if event.sequence <= *last {
                    return ControlFlow::Continue(());
                }
                if event.sequence > *last + 1 {
                    ready.push_back(Next::Missed(event.sequence - *last - 1));
                }
                *last = event.sequence;
                ready.push_back(Next::Event(event));
                if ready.len() < BATCH { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            if !self.ready.is_empty() {
                return Ok(());
            }
            // Nothing more in this file: is there a later one?
            let current = segment.last();
            match segment::firsts(&self.dir)?.last() {
                Some(newest) if *newest > current && self.reopens_further(current)? => {}
                _ => return Ok(()),
            }
        }
    }

    /// Turns to the file behind the one that is read to its end; whether there is one.
    fn reopens_further(&mut self, current: u64) -> Result<bool> {
        let next = segment::firsts(&self.dir)?.into_iter().find(|first| *first > current);
        let Some(next) = next else { return Ok(false) };
        self.segment = Segment::open_if_present(&self.dir, next)?;
        Ok(self.segment.is_some())
    }

    /// Opens the file in which the next event is or will be; whether there is one.
    fn open(&mut self) -> Result<bool> {
        let firsts = segment::firsts(&self.dir)?;
        let holding = firsts.iter().rev().find(|first| **first <= self.last + 1).or(firsts.first());
        let Some(first) = holding else { return Ok(false) };
        self.segment = Segment::open_if_present(&self.dir, *first)?;
        Ok(self.segment.is_some())
    }
}

impl AsFd for EventReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}
