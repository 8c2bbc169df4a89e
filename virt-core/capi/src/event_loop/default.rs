//! Our own event loop, over poll(2).

use std::ffi::{c_int, c_void};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use virt_util::{Error, ErrorDomain, Result};

use crate::connect::release_opaque;
use crate::error::lock;
use crate::runtime::{callback, guarded};
use crate::types::*;

/// What is watched. One for the process.
static LOOP: Mutex<Loop> = Mutex::new(Loop { handles: Vec::new(), timers: Vec::new(), last: 0, wake: None });

struct Loop {
    handles: Vec<Handle>,
    timers: Vec<Timer>,
    /// The last number that was given.
    last: c_int,
    /// Readable when something changed while the loop waits.
    wake: Option<c_int>,
}

struct Handle {
    watch: c_int,
    descriptor: c_int,
    events: c_int,
    call: virEventHandleCallback,
    owned: Owned,
}

struct Timer {
    number: c_int,
    /// Nothing for one that does not run.
    every: Option<Duration>,
    due: Instant,
    call: virEventTimeoutCallback,
    owned: Owned,
}

/// What the application wants to have with a callback, and back when that is removed.
#[derive(Clone, Copy)]
struct Owned {
    opaque: usize,
    free: virFreeCallback,
    removed: bool,
}

impl Owned {
    fn new(opaque: *mut c_void, free: virFreeCallback) -> Self {
        Self { opaque: opaque as usize, free, removed: false }
    }
}

/// Makes the descriptor that wakes the loop.
///
/// # Errors
///
/// When the process has no descriptor left.
pub(super) fn prepare() -> Result<()> {
    let mut state = lock(&LOOP);
    if state.wake.is_some() {
        return Ok(());
    }
    // SAFETY: eventfd has no demands.
    let wake = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if wake < 0 {
        let error = std::io::Error::last_os_error();
        return Err(Error::system(ErrorDomain::EVENT, "Unable to setup wakeup pipe", error));
    }
    state.wake = Some(wake);
    Ok(())
}

impl Loop {
    fn number(&mut self) -> c_int {
        self.last += 1;
        self.last
    }

    /// Has a loop that waits look again.
    fn wake(&self) {
        if let Some(wake) = self.wake {
            // SAFETY: the descriptor is never closed. When its counter is full, the loop wakes anyway.
            unsafe { libc::eventfd_write(wake, 1) };
        }
    }
}

pub(super) unsafe extern "C" fn add_handle(
    descriptor: c_int,
    events: c_int,
    call: virEventHandleCallback,
    opaque: *mut c_void,
    free: virFreeCallback,
) -> c_int {
    guarded(|| {
        let mut state = lock(&LOOP);
        let watch = state.number();
        state.handles.push(Handle { watch, descriptor, events, call, owned: Owned::new(opaque, free) });
        state.wake();
        watch
    })
}

pub(super) unsafe extern "C" fn update_handle(watch: c_int, events: c_int) {
    guarded(|| {
        let mut state = lock(&LOOP);
        if let Some(handle) = state.handles.iter_mut().find(|handle| handle.watch == watch) {
            handle.events = events;
        }
        state.wake();
    });
}

pub(super) unsafe extern "C" fn remove_handle(watch: c_int) -> c_int {
    guarded(|| {
        let mut state = lock(&LOOP);
        let found = state.handles.iter_mut().find(|handle| handle.watch == watch && !handle.owned.removed);
        let Some(handle) = found else { return -1 };
        // The loop may be calling it: it is freed when the loop comes round.
        handle.owned.removed = true;
        state.wake();
        0
    })
}

pub(super) unsafe extern "C" fn add_timeout(
    milliseconds: c_int,
    call: virEventTimeoutCallback,
    opaque: *mut c_void,
    free: virFreeCallback,
) -> c_int {
    guarded(|| {
        let mut state = lock(&LOOP);
        let number = state.number();
        let every = duration(milliseconds);
        let due = Instant::now() + every.unwrap_or_default();
        state.timers.push(Timer { number, every, due, call, owned: Owned::new(opaque, free) });
        state.wake();
        number
    })
}

pub(super) unsafe extern "C" fn update_timeout(timer: c_int, milliseconds: c_int) {
    guarded(|| {
        let mut state = lock(&LOOP);
        if let Some(timer) = state.timers.iter_mut().find(|known| known.number == timer) {
            timer.every = duration(milliseconds);
            timer.due = Instant::now() + timer.every.unwrap_or_default();
        }
        state.wake();
    });
}

pub(super) unsafe extern "C" fn remove_timeout(timer: c_int) -> c_int {
    guarded(|| {
        let mut state = lock(&LOOP);
        let found = state.timers.iter_mut().find(|known| known.number == timer && !known.owned.removed);
        let Some(timer) = found else { return -1 };
        timer.owned.removed = true;
        state.wake();
        0
    })
}

/// How often; nothing for a negative number.
fn duration(milliseconds: c_int) -> Option<Duration> {
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}

/// Waits until something happens, and calls who wants to know.
///
/// # Errors
///
/// When poll(2) fails.
pub(super) fn run_once() -> Result<()> {
    prepare()?;
    free_removed();
    let (mut polled, watches, timeout) = what_to_wait_for();
    // SAFETY: the array is as long as it says.
    let ready = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, timeout) };
    if ready < 0 {
        let error = std::io::Error::last_os_error();
        if error.kind() == std::io::ErrorKind::Interrupted {
            return Ok(());
        }
        return Err(Error::system(ErrorDomain::EVENT, "Unable to poll on file handles", error));
    }
    if polled[0].revents != 0 {
        let mut count = 0;
        // SAFETY: the descriptor is never closed, and there is a place for the count.
        unsafe { libc::eventfd_read(polled[0].fd, &raw mut count) };
    }
    call_timers();
    for (watch, polled) in watches.into_iter().zip(&polled[1..]) {
        if polled.revents != 0 {
            call_handle(watch, polled.fd, happened(polled.revents));
        }
    }
    free_removed();
    Ok(())
}

/// What to poll, the waking descriptor first; whose the others are; and how long.
fn what_to_wait_for() -> (Vec<libc::pollfd>, Vec<c_int>, c_int) {
    let state = lock(&LOOP);
    let entry = |fd, events| libc::pollfd { fd, events, revents: 0 };
    let mut polled = vec![entry(state.wake.unwrap_or(-1), libc::POLLIN)];
    let mut watches = Vec::new();
    for handle in state.handles.iter().filter(|handle| !handle.owned.removed && handle.events != 0) {
        polled.push(entry(handle.descriptor, wanted(handle.events)));
        watches.push(handle.watch);
    }
    let running = state.timers.iter().filter(|timer| !timer.owned.removed && timer.every.is_some());
    let next = running.map(|timer| timer.due).min();
    let timeout = next.map_or(-1, |due| {
        // Rounded up: waking a little early would spin.
        let left = due.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        c_int::try_from(left).unwrap_or(c_int::MAX)
    });
    (polled, watches, timeout)
}

fn call_timers() {
    let now = Instant::now();
    let due: Vec<_> = {
        let mut state = lock(&LOOP);
        let due = state.timers.iter_mut().filter_map(|timer| {
            let every = timer.every.filter(|_| !timer.owned.removed && timer.due <= now)?;
            timer.due = now + every;
            Some(timer.number)
        });
        due.collect()
    };
    for number in due {
        let call = {
            let state = lock(&LOOP);
            let timer = state.timers.iter().find(|timer| timer.number == number && !timer.owned.removed);
            timer.and_then(|timer| Some((timer.call?, timer.owned.opaque)))
        };
        if let Some((call, opaque)) = call {
            // SAFETY: the application's function, with what it wants to be given.
            callback(|| unsafe { call(number, opaque as *mut c_void) });
        }
    }
}

fn call_handle(watch: c_int, descriptor: c_int, events: c_int) {
    let call = {
        let state = lock(&LOOP);
        // One that was called before may have removed it.
        let handle = state.handles.iter().find(|handle| handle.watch == watch && !handle.owned.removed);
        handle.and_then(|handle| Some((handle.call?, handle.owned.opaque)))
    };
    if let Some((call, opaque)) = call {
        // SAFETY: the application's function, with what it wants to be given.
        callback(|| unsafe { call(watch, descriptor, events, opaque as *mut c_void) });
    }
}

/// Forgets what was removed, and gives back what came with it.
fn free_removed() {
    let removed: Vec<Owned> = {
        let mut state = lock(&LOOP);
        let handles = state.handles.iter().map(|handle| handle.owned);
        let removed = handles
            .chain(state.timers.iter().map(|timer| timer.owned))
            .filter(|owned| owned.removed)
            .collect();
        state.handles.retain(|handle| !handle.owned.removed);
        state.timers.retain(|timer| !timer.owned.removed);
        removed
    };
    for owned in removed {
        release_opaque(owned.free, owned.opaque);
    }
}

/// libvirt's events, and those of poll(2).
const EVENTS: [(c_int, i16); 4] = [
    (VIR_EVENT_HANDLE_READABLE, libc::POLLIN),
    (VIR_EVENT_HANDLE_WRITABLE, libc::POLLOUT),
    (VIR_EVENT_HANDLE_ERROR, libc::POLLERR),
    (VIR_EVENT_HANDLE_HANGUP, libc::POLLHUP),
];

fn wanted(events: c_int) -> i16 {
    EVENTS.iter().filter(|(own, _)| events & own != 0).fold(0, |all, (_, poll)| all | poll)
}

fn happened(events: i16) -> c_int {
    let known = EVENTS.iter().filter(|(_, poll)| events & poll != 0).fold(0, |all, (own, _)| all | own);
    // A descriptor that is none is an error of whoever gave it.
    if events & libc::POLLNVAL != 0 { known | VIR_EVENT_HANDLE_ERROR } else { known }
}
