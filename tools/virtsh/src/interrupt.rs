//! Ctrl-c: the first gives up the call that is under way, which undoes what it did; the second ends the program.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use virt_core::{Cancellation, Error, ErrorDomain};

use crate::failure::Failure;

/// What the next ctrl-c raises.
static CURRENT: AtomicPtr<Cancellation> = AtomicPtr::new(ptr::null_mut());
static RAISED: AtomicBool = AtomicBool::new(false);

/// What the next ctrl-c raises; a new one, because one that was raised stays so.
///
/// # Errors
///
/// When the process has no descriptor left.
pub fn arm() -> Result<Arc<Cancellation>, Failure> {
    let new = Cancellation::new()?;
    // The handler may be reading the one before, so none is ever freed: a few bytes for each ctrl-c.
    CURRENT.store(Arc::into_raw(new.clone()).cast_mut(), Ordering::Release);
    RAISED.store(false, Ordering::Relaxed);
    // The default action comes back after the first signal.
    let action = SigAction::new(SigHandler::Handler(raise), SaFlags::SA_RESETHAND, SigSet::empty());
    // SAFETY: the handler touches atomics and writes to an eventfd, which signal handlers may do.
    unsafe { sigaction(Signal::SIGINT, &action) }
        .map_err(|errno| Error::system(ErrorDomain::NONE, "cannot handle SIGINT", errno))?;
    Ok(new)
}

/// Does `work` while ctrl-c belongs to another program, the user's editor.
///
/// # Errors
///
/// When signals cannot be handled.
pub fn left_to_others<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    let refused = |errno| Error::system(ErrorDomain::NONE, "cannot handle SIGINT", errno);
    // A handler, not SIG_IGN, which the other program would inherit.
    let action = SigAction::new(SigHandler::Handler(pass_over), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler does nothing.
    let before = unsafe { sigaction(Signal::SIGINT, &action) }.map_err(refused)?;
    let result = work();
    // SAFETY: this is the action that was there.
    unsafe { sigaction(Signal::SIGINT, &before) }.map_err(refused)?;
    Ok(result)
}

extern "C" fn pass_over(_: nix::libc::c_int) {}

/// Whether ctrl-c was pressed since [`arm`].
pub fn raised() -> bool {
    RAISED.load(Ordering::Relaxed)
}

extern "C" fn raise(_: nix::libc::c_int) {
    RAISED.store(true, Ordering::Relaxed);
    let current = CURRENT.load(Ordering::Acquire);
    if !current.is_null() {
        // SAFETY: `arm` stored it from an Arc of which it keeps one reference for ever.
        unsafe { &*current }.cancel();
    }
}
