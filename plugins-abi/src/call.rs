//! What comes with every call: how long it may take, whether it was cancelled, who asks, where progress goes.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use abi_stable::StableAbi;
use abi_stable::std_types::RStr;
use nix::time::{ClockId, clock_gettime};
use virt_util::wait::Wait;

use crate::{Error, ErrorCode, ErrorDomain, Result};

/// The circumstances of one call. Drivers read it; hosts make it with [`CallScope`].
///
/// A call lives on the stack of the caller, and on its side of the door; its accessors may grow.
#[repr(C)]
#[derive(StableAbi)]
pub struct Call {
    scope: *const (),
    accessors: CallAccessorsRef,
}

// SAFETY: `scope` points to a `CallScope`, which is Sync and outlives the borrow that is handed out.
unsafe impl Send for Call {}
// SAFETY: as above; every accessor takes the scope by shared reference.
unsafe impl Sync for Call {}

/// What a [`Call`] can be asked.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = CallAccessorsRef, prefix_fields = CallAccessorsPrefix)))]
#[sabi(missing_field(panic))]
struct CallAccessors {
    deadline: extern "C" fn(*const ()) -> u64,
    cancelled: extern "C" fn(*const ()) -> bool,
    cancel_descriptor: extern "C" fn(*const ()) -> i32,
    read_only: extern "C" fn(*const ()) -> bool,
    caller: extern "C" fn(*const ()) -> Caller,
    request: extern "C" fn(*const ()) -> u64,
    #[sabi(last_prefix_field)]
    progress: extern "C" fn(*const (), u64, u64, RStr<'_>),
}

/// Who asks.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, StableAbi)]
pub struct Caller {
    /// Number of the process that made the call.
    pub process: i32,
    /// Its effective user.
    pub user: u32,
    /// Its effective group.
    pub group: u32,
}

/// No deadline, on the wire.
const NEVER: u64 = u64::MAX;

impl Call {
    /// When the caller stops waiting; none is the default.
    pub fn deadline(&self) -> Option<Instant> {
        self.remaining().map(|left| Instant::now() + left)
    }

    /// How long the caller still waits; zero when its time is up, nothing when there is no deadline.
    pub fn remaining(&self) -> Option<Duration> {
        match self.accessors.deadline()(self.scope) {
            NEVER => None,
            at => Some(Duration::from_nanos(at.saturating_sub(monotonic_now()))),
        }
    }

    /// How long poll(2) may wait, in milliseconds: -1 for ever.
    pub fn poll_timeout(&self) -> i32 {
        // Rounded up: waking a little early would spin.
        self.remaining().map_or(-1, |left| i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX))
    }

    /// Whether the caller gave up.
    pub fn cancelled(&self) -> bool {
        self.accessors.cancelled()(self.scope)
    }

    /// Becomes readable when the caller gives up; nothing when it never will.
    pub fn cancellation(&self) -> Option<BorrowedFd<'_>> {
        match self.accessors.cancel_descriptor()(self.scope) {
            // SAFETY: the scope, which `self` borrows, keeps the descriptor open.
            number if number >= 0 => Some(unsafe { BorrowedFd::borrow_raw(number) }),
            _ => None,
        }
    }

    /// How long whoever works on it may wait for something else: until its time is up, or it is cancelled.
    pub fn wait(&self) -> Wait<'_> {
        let wait = Wait::until(self.deadline());
        match self.cancellation() {
            Some(cancel) => wait.cancelled_by(cancel),
            None => wait,
        }
    }

    /// Whether the connection was opened read-only. Refusals are the host's business, see [`crate::Method`].
    pub fn read_only(&self) -> bool {
        self.accessors.read_only()(self.scope)
    }

    /// Who asks.
    pub fn caller(&self) -> Caller {
        self.accessors.caller()(self.scope)
    }

    /// A number that the host gave this call, for logs.
    pub fn request(&self) -> u64 {
        self.accessors.request()(self.scope)
    }

    /// Tells the caller how far the work is: `done` of `total` (0: unknown), in units that `what` names.
    pub fn progress(&self, done: u64, total: u64, what: &str) {
        self.accessors.progress()(self.scope, done, total, what.into());
    }

    /// Whether to go on.
    ///
    /// # Errors
    ///
    /// `OPERATION_ABORTED` when the caller gave up, `OPERATION_TIMEOUT` when its time is up.
    pub fn check(&self) -> Result<()> {
        if self.cancelled() {
            return Err(Error::new(ErrorCode::OPERATION_ABORTED, ErrorDomain::NONE, "canceled by client"));
        }
        match self.accessors.deadline()(self.scope) {
            NEVER => Ok(()),
            at if at > monotonic_now() => Ok(()),
            _ => Err(self.timeout("the deadline of this call has passed")),
        }
    }

    /// The error of a call whose time was up while `what` happened.
    #[cold]
    pub fn timeout(&self, what: impl AsRef<str>) -> Error {
        Error::new(ErrorCode::OPERATION_TIMEOUT, ErrorDomain::NONE, what)
    }

    /// A call that nobody waits for: no deadline, never cancelled, may write.
    ///
    /// ```
    /// let call = plugins_abi::Call::background();
    /// assert_eq!(call.deadline(), None);
    /// assert!(call.check().is_ok());
    /// ```
    pub fn background() -> &'static Self {
        static BACKGROUND: std::sync::LazyLock<(&'static CallScope, Call)> = std::sync::LazyLock::new(|| {
            let scope: &'static CallScope = Box::leak(Box::new(CallScope::new()));
            (scope, scope.raw())
        });
        &BACKGROUND.1
    }
}

/// Where progress reports go: `done` of `total` (0: unknown), in units that the text names.
pub type Progress = Arc<dyn Fn(u64, u64, &str) + Send + Sync>;

/// The host's side of a [`Call`].
///
/// ```
/// use plugins_abi::CallScope;
/// use std::time::Duration;
///
/// let scope = CallScope::new().within(Duration::ZERO);
/// let error = scope.run(|call| call.check()).unwrap_err();
/// assert_eq!(error.to_string(), "Timed out during operation: the deadline of this call has passed");
/// ```
#[derive(Clone)]
pub struct CallScope {
    deadline: u64,
    read_only: bool,
    request: u64,
    caller: Caller,
    cancellation: Option<Arc<Cancellation>>,
    progress: Option<Progress>,
}

/// A way to give up a call from another thread.
#[derive(Debug)]
pub struct Cancellation {
    raised: AtomicBool,
    event: OwnedFd,
}

impl Cancellation {
    /// A cancellation that has not happened yet.
    ///
    /// # Errors
    ///
    /// When the process has no descriptor left for the event.
    pub fn new() -> Result<Arc<Self>> {
        let flags = nix::sys::eventfd::EfdFlags::EFD_CLOEXEC | nix::sys::eventfd::EfdFlags::EFD_NONBLOCK;
        let event = nix::sys::eventfd::EventFd::from_value_and_flags(0, flags)
            .map_err(|errno| Error::system(ErrorDomain::NONE, "cannot create an eventfd", errno))?;
        Ok(Arc::new(Self { raised: AtomicBool::new(false), event: event.into() }))
    }

    /// Gives the call up. It returns as soon as its driver can undo what it did.
    pub fn cancel(&self) {
        self.raised.store(true, Ordering::Release);
        // An eventfd's counter cannot overflow by ones, so this cannot fail in a way that matters.
        let _ = nix::unistd::write(&self.event, &1u64.to_ne_bytes());
    }
}

static REQUESTS: AtomicU64 = AtomicU64::new(1);

impl CallScope {
    /// No deadline, never cancelled, may write, asked by this process.
    pub fn new() -> Self {
        Self {
            deadline: NEVER,
            read_only: false,
            request: 0,
            caller: Caller {
                process: std::process::id().cast_signed(),
                user: nix::unistd::geteuid().as_raw(),
                group: nix::unistd::getegid().as_raw(),
            },
            cancellation: None,
            progress: None,
        }
    }

    /// With a deadline, from now.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(NEVER);
        self.deadline = monotonic_now().saturating_add(nanoseconds);
        self
    }

    /// For a read-only connection, or not.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// That can be given up.
    #[must_use]
    pub fn cancelled_by(mut self, cancellation: Arc<Cancellation>) -> Self {
        self.cancellation = Some(cancellation);
        self
    }

    /// That reports progress.
    #[must_use]
    pub fn progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// On behalf of somebody else.
    #[must_use]
    pub fn on_behalf_of(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// With a number of its own, for logs.
    #[must_use]
    pub fn numbered(mut self) -> Self {
        self.request = REQUESTS.fetch_add(1, Ordering::Relaxed);
        self
    }

    /// Makes a call under these circumstances.
    pub fn run<T>(&self, work: impl FnOnce(&Call) -> T) -> T {
        work(&self.raw())
    }

    /// The caller keeps `self` where it is for as long as the result is used.
    fn raw(&self) -> Call {
        Call { scope: std::ptr::from_ref(self).cast(), accessors: ACCESSORS }
    }
}

impl Default for CallScope {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for CallScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallScope")
            .field("deadline", &self.deadline)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("request", &self.request()).finish_non_exhaustive()
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`, which both sides of the door share.
fn monotonic_now() -> u64 {
    // CLOCK_MONOTONIC exists on every Linux and never goes negative.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| Duration::from(now).as_nanos() as u64)
}

/// What stands behind `scope`.
fn scope<'a>(scope: *const ()) -> &'a CallScope {
    // SAFETY: only `CallScope::raw` makes calls, from a reference to a scope that outlives the call; the accessors
    // below are the only ones to come here, and they were stored beside that pointer.
    unsafe { &*scope.cast::<CallScope>() }
}

extern "C" fn deadline(this: *const ()) -> u64 {
    scope(this).deadline
}

extern "C" fn cancelled(this: *const ()) -> bool {
    scope(this).cancellation.as_ref().is_some_and(|c| c.raised.load(Ordering::Acquire))
}

extern "C" fn cancel_descriptor(this: *const ()) -> i32 {
    scope(this).cancellation.as_ref().map_or(-1, |c| c.event.as_fd().as_raw_fd())
}

extern "C" fn read_only(this: *const ()) -> bool {
    scope(this).read_only
}

extern "C" fn caller(this: *const ()) -> Caller {
    scope(this).caller
}

extern "C" fn request(this: *const ()) -> u64 {
    scope(this).request
}

extern "C" fn progress(this: *const (), done: u64, total: u64, what: RStr<'_>) {
    if let Some(report) = &scope(this).progress {
        // A panic in the application's report must not unwind through the driver.
        let report = std::panic::AssertUnwindSafe(|| report(done, total, what.as_str()));
        if let Err(payload) = std::panic::catch_unwind(report) {
            std::mem::forget(payload);
            log::error!("panic in a progress report");
        }
    }
}

const ACCESSORS: CallAccessorsRef = {
    use abi_stable::prefix_type::WithMetadata;
    const VALUE: &WithMetadata<CallAccessors> = &WithMetadata::new(CallAccessors {
        deadline,
        cancelled,
        cancel_descriptor,
        read_only,
        caller,
        request,
        progress,
    });
    CallAccessorsRef(VALUE.static_as_prefix())
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_call_says_so_and_wakes_its_driver() {
        let cancellation = Cancellation::new().unwrap();
        let scope = CallScope::new().cancelled_by(cancellation.clone());
        scope.run(|call| {
            assert!(call.check().is_ok());
            cancellation.cancel();
            let error = call.check().unwrap_err();
            assert_eq!(error.to_string(), "operation aborted: canceled by client");
            let mut fds =
                [nix::poll::PollFd::new(call.cancellation().unwrap(), nix::poll::PollFlags::POLLIN)];
            assert_eq!(nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO), Ok(1));
        });
    }

    #[test]
    fn a_panicking_progress_report_stays_outside() {
        let scope = CallScope::new().progress(Arc::new(|_, _, _| panic!("report")));
        scope.run(|call| call.progress(1, 2, "bytes"));
    }
}
