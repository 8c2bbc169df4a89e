//! Callbacks for events: who wants to know what, and telling them from the application's event loop.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use virt_core::{Events, Notice};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::connect::{Connect, release_opaque};
use crate::error::lock;
use crate::event_loop;
use crate::runtime::*;
use crate::types::*;

/// A family of events: those of domains, of networks ...
pub(crate) trait Family: Send + Sync + Sized + 'static {
    /// What virt-core tells.
    type Event: Send + 'static;

    /// The callbacks of a connection.
    fn callbacks(connect: &Connect) -> &Callbacks<Self>;

    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// What the driver says.
    fn subscribe(connection: &virt_core::Connection) -> Result<Events<Self::Event>>;

    /// The number of the event's kind.
    fn kind(event: &Self::Event) -> c_int;

    /// What the event happened to, as [`Entry::only`] has it.
    fn subject(event: &Self::Event) -> String;

    /// Tells one application's function.
    fn tell(connect: &Object<Connect>, event: &Self::Event, call: Call);
}

/// An application's function, whose type depends on the kind of event, and what it wants to be given.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) function: usize,
    pub(crate) opaque: usize,
}

/// The callbacks of one family on one connection.
pub(crate) struct Callbacks<F: Family>(Mutex<State<F>>);

struct State<F: Family> {
    entries: Vec<Known>,
    next: c_int,
    source: Option<Source<F>>,
    /// How many loops are telling.
    telling: u32,
}

struct Source<F: Family> {
    events: Events<F::Event>,
    watch: c_int,
    watched: Arc<Watched>,
}

/// What the event loop has. It keeps the connection only until the watch is removed, because the loop gives it back when it
/// likes.
struct Watched(Mutex<Option<Reference<Connect>>>);

/// Who wants to know what.
pub(crate) struct Entry {
    pub(crate) kind: c_int,
    /// About this one only.
    pub(crate) only: Option<String>,
    pub(crate) call: Call,
    pub(crate) free: virFreeCallback,
    /// Registered the old way, by the function and not by a number.
    pub(crate) legacy: bool,
}

/// An entry with its number.
struct Known {
    id: c_int,
    entry: Entry,
    removed: bool,
    /// The connection lives as long as somebody wants to know.
    connect: Reference<Connect>,
}

impl<F: Family> Default for Callbacks<F> {
    fn default() -> Self {
        Self(Mutex::new(State { entries: Vec::new(), next: 0, source: None, telling: 0 }))
    }
}

impl<F: Family> Callbacks<F> {
    /// Adds one; answers its number.
    ///
    /// # Errors
    ///
    /// `INVALID_ARG` when it is there already, `INTERNAL_ERROR` without an event loop, and what the driver says.
    pub(crate) fn add(&self, connect: &Object<Connect>, entry: Entry) -> Result<c_int> {
        let mut state = lock(&self.0);
        let same = |known: &Known| {
            !known.removed
                && known.entry.kind == entry.kind
                && known.entry.only == entry.only
                && known.entry.call.function == entry.call.function
                && known.entry.legacy == entry.legacy
        };
        if state.entries.iter().any(same) {
            return Err(argument("event callback already tracked"));
        }
        if state.source.is_none() {
            state.source = Some(listen::<F>(connect)?);
        }
        let id = state.next;
        state.next += 1;
        state.entries.push(Known { id, entry, removed: false, connect: connect.reference() });
        Ok(id)
    }

    /// Removes the one that `which` picks by its number; whether there was one. What it wanted to be given is freed, at
    /// once or, while a loop is telling, afterwards.
    pub(crate) fn remove(&self, which: impl Fn(c_int, &Entry) -> bool) -> bool {
        let mut state = lock(&self.0);
        let found = state.entries.iter_mut().find(|known| !known.removed && which(known.id, &known.entry));
        let Some(known) = found else { return false };
        known.removed = true;
        let gone = state.clean_up();
        drop(state);
        gone.release();
        true
    }

    /// Takes what has happened, without waiting.
    fn take(&self) -> Vec<F::Event> {
        let mut state = lock(&self.0);
        let mut taken = Vec::new();
        let Some(source) = &mut state.source else { return taken };
        while source.events.at_hand() > 0 || readable(source.events.as_fd().as_raw_fd()) {
            match source.events.next_within(Duration::ZERO) {
                Ok(Some(Notice::Event(event))) => taken.push(event),
                Ok(Some(Notice::Missed(count))) => log::warn!("{count} events were lost"),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    log::warn!("events: {error}");
                    break;
                }
            }
        }
        taken
    }

    /// Tells everybody who wants to know.
    fn tell(&self, connect: &Object<Connect>) {
        lock(&self.0).telling += 1;
        for event in self.take() {
            let (kind, subject) = (F::kind(&event), F::subject(&event));
            let wants = |known: &&Known| {
                known.entry.kind == kind && known.entry.only.as_ref().is_none_or(|only| *only == subject)
            };
            let ids: Vec<_> = lock(&self.0).entries.iter().filter(wants).map(|known| known.id).collect();
            for id in ids {
                // One that was called before may have removed it.
                let call = lock(&self.0)
                    .entries
                    .iter()
                    .find(|known| known.id == id && !known.removed)
                    .map(|k| k.entry.call);
                if let Some(call) = call {
                    F::tell(connect, &event, call);
                }
            }
        }
        let mut state = lock(&self.0);
        state.telling -= 1;
        let gone = state.clean_up();
        drop(state);
        gone.release();
    }
}

impl<F: Family> State<F> {
    /// Takes out what was removed, unless a loop may be calling it.
    fn clean_up(&mut self) -> Gone<F> {
        if self.telling > 0 {
            return Gone { entries: Vec::new(), source: None };
        }
        let (gone, kept) = std::mem::take(&mut self.entries).into_iter().partition(|known| known.removed);
        self.entries = kept;
        let source = if self.entries.is_empty() { self.source.take() } else { None };
        Gone { entries: gone, source }
    }
}

/// What nobody needs any more.
struct Gone<F: Family> {
    entries: Vec<Known>,
    source: Option<Source<F>>,
}

impl<F: Family> Gone<F> {
    /// Gives it back, without a lock: the application's functions may call us.
    fn release(self) {
        if let Some(source) = &self.source {
            event_loop::remove_handle(source.watch);
            drop(lock(&source.watched.0).take());
        }
        for known in self.entries {
            release_opaque(known.entry.free, known.entry.call.opaque);
            drop(known.connect);
        }
    }
}

fn listen<F: Family>(connect: &Object<Connect>) -> Result<Source<F>> {
    let events = F::subscribe(&connect.connection)?;
    let descriptor = events.as_fd().as_raw_fd();
    let watched = Arc::new(Watched(Mutex::new(Some(connect.reference()))));
    let opaque = Arc::into_raw(watched.clone()).cast_mut().cast::<c_void>();
    // SAFETY: the descriptor is the events', which are kept until the watch was removed; the count is the watch's.
    let watch = unsafe {
        event_loop::add_handle(descriptor, VIR_EVENT_HANDLE_READABLE, Some(ready::<F>), opaque, Some(forget))
    };
    let Some(watch) = watch else {
        // SAFETY: no loop has it.
        drop(unsafe { Arc::from_raw(opaque.cast::<Watched>()) });
        return Err(Error::internal(ErrorDomain::NONE, "could not initialize domain event timer"));
    };
    Ok(Source { events, watch, watched })
}

/// What the event loop calls.
unsafe extern "C" fn ready<F: Family>(_: c_int, _: c_int, _: c_int, opaque: *mut c_void) {
    callback(|| {
        // SAFETY: the watch has it.
        let watched = unsafe { &*opaque.cast::<Watched>() };
        // A reference of our own, because a callback may remove the watch.
        let connect = lock(&watched.0).clone();
        if let Some(connect) = connect {
            F::callbacks(&connect).tell(&connect);
        }
    });
}

/// Gives back what the watch had.
unsafe extern "C" fn forget(opaque: *mut c_void) {
    // SAFETY: the watch had it, and does not use it any more.
    callback(|| drop(unsafe { Arc::from_raw(opaque.cast::<Watched>()) }));
}

fn readable(descriptor: c_int) -> bool {
    let mut polled = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, as it says.
    (unsafe { libc::poll(&raw mut polled, 1, 0) }) > 0
}

/// An error about what the application asked for.
pub(crate) fn argument(detail: &str) -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, detail)
}
