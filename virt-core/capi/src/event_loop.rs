//! Event loops: the application's own, or ours.
//!
//! Whatever calls back does so from the loop that the application runs: events of domains, streams, timers.

mod default;

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use virt_util::Result;

use crate::types::*;

/// The six functions of an event loop.
struct Implementation {
    add_handle: AddHandle,
    update_handle: Update,
    remove_handle: Remove,
    add_timeout: AddTimeout,
    update_timeout: Update,
    remove_timeout: Remove,
}

type AddHandle =
    unsafe extern "C" fn(c_int, c_int, virEventHandleCallback, *mut c_void, virFreeCallback) -> c_int;
type AddTimeout = unsafe extern "C" fn(c_int, virEventTimeoutCallback, *mut c_void, virFreeCallback) -> c_int;
type Update = unsafe extern "C" fn(c_int, c_int);
type Remove = unsafe extern "C" fn(c_int) -> c_int;

/// The loop of this process. It never changes: what was added to one cannot be removed from another.
static IMPLEMENTATION: OnceLock<Implementation> = OnceLock::new();

fn register(implementation: Implementation) {
    if IMPLEMENTATION.set(implementation).is_err() {
        log::warn!("there is an event loop already, and it stays");
    }
}

/// Has the loop watch a descriptor; nothing where there is no loop, or it does not want to.
///
/// # Safety
///
/// The descriptor stays open until it is removed, and `opaque` is what `callback` and `free` want.
pub(crate) unsafe fn add_handle(
    descriptor: c_int,
    events: c_int,
    callback: virEventHandleCallback,
    opaque: *mut c_void,
    free: virFreeCallback,
) -> Option<c_int> {
    let implementation = IMPLEMENTATION.get()?;
    // SAFETY: the loop's own function, and the caller's promise.
    let watch = unsafe { (implementation.add_handle)(descriptor, events, callback, opaque, free) };
    (watch >= 0).then_some(watch)
}

/// What to wait for from now on.
pub(crate) fn update_handle(watch: c_int, events: c_int) {
    if let Some(implementation) = IMPLEMENTATION.get() {
        // SAFETY: the loop's own function.
        unsafe { (implementation.update_handle)(watch, events) };
    }
}

/// Ends the watch; the loop frees what came with it, now or later.
pub(crate) fn remove_handle(watch: c_int) {
    if let Some(implementation) = IMPLEMENTATION.get() {
        // SAFETY: the loop's own function.
        unsafe { (implementation.remove_handle)(watch) };
    }
}

pub(crate) fn virEventRegisterImpl(
    add_handle: virEventAddHandleFunc,
    update_handle: virEventUpdateHandleFunc,
    remove_handle: virEventRemoveHandleFunc,
    add_timeout: virEventAddTimeoutFunc,
    update_timeout: virEventUpdateTimeoutFunc,
    remove_timeout: virEventRemoveTimeoutFunc,
) -> Result<()> {
    let whole = || {
        Some(Implementation {
            add_handle: add_handle?,
            update_handle: update_handle?,
            remove_handle: remove_handle?,
            add_timeout: add_timeout?,
            update_timeout: update_timeout?,
            remove_timeout: remove_timeout?,
        })
    };
    if let Some(implementation) = whole() {
        register(implementation);
    }
    Ok(())
}

pub(crate) fn virEventRegisterDefaultImpl() -> Result<()> {
    default::prepare()?;
    register(Implementation {
        add_handle: default::add_handle,
        update_handle: default::update_handle,
        remove_handle: default::remove_handle,
        add_timeout: default::add_timeout,
        update_timeout: default::update_timeout,
        remove_timeout: default::remove_timeout,
    });
    Ok(())
}

pub(crate) fn virEventRunDefaultImpl() -> Result<()> {
    default::run_once()
}

pub(crate) unsafe fn virEventAddHandle(
    descriptor: c_int,
    events: c_int,
    callback: virEventHandleCallback,
    opaque: *mut c_void,
    free: virFreeCallback,
) -> Result<c_int> {
    // SAFETY: the application keeps to it.
    Ok(unsafe { add_handle(descriptor, events, callback, opaque, free) }.unwrap_or(-1))
}

pub(crate) fn virEventUpdateHandle(watch: c_int, events: c_int) -> Result<()> {
    update_handle(watch, events);
    Ok(())
}

pub(crate) fn virEventRemoveHandle(watch: c_int) -> Result<c_int> {
    // SAFETY: the loop's own function.
    Ok(IMPLEMENTATION.get().map_or(-1, |own| unsafe { (own.remove_handle)(watch) }))
}

pub(crate) fn virEventAddTimeout(
    milliseconds: c_int,
    callback: virEventTimeoutCallback,
    opaque: *mut c_void,
    free: virFreeCallback,
) -> Result<c_int> {
    let add = |own: &Implementation| {
        // SAFETY: the loop's own function, with what the application wants it to have.
        unsafe { (own.add_timeout)(milliseconds, callback, opaque, free) }
    };
    Ok(IMPLEMENTATION.get().map_or(-1, add))
}

pub(crate) fn virEventUpdateTimeout(timer: c_int, milliseconds: c_int) -> Result<()> {
    if let Some(own) = IMPLEMENTATION.get() {
        // SAFETY: the loop's own function.
        unsafe { (own.update_timeout)(timer, milliseconds) };
    }
    Ok(())
}

pub(crate) fn virEventRemoveTimeout(timer: c_int) -> Result<c_int> {
    // SAFETY: the loop's own function.
    Ok(IMPLEMENTATION.get().map_or(-1, |own| unsafe { (own.remove_timeout)(timer) }))
}
