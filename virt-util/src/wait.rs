//! How long a call may block, and blocking on descriptors until then.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{Error, ErrorCode, ErrorDomain, Result};

/// How long a call may block: until a deadline, until a descriptor becomes readable, or for ever, the default.
///
/// ```
/// use std::time::Duration;
/// use virt_util::wait::Wait;
///
/// assert!(!Wait::FOREVER.expired());
/// assert!(Wait::NOT.expired());
/// assert!(!Wait::at_most(Duration::from_secs(60)).expired());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Wait<'a> {
    deadline: Deadline,
    cancel: Option<BorrowedFd<'a>>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Deadline {
    Passed,
    At(Instant),
    #[default]
    Never,
}

impl<'a> Wait<'a> {
    /// Blocks as long as it takes.
    pub const FOREVER: Self = Self { deadline: Deadline::Never, cancel: None };
    /// Does not block at all.
    pub const NOT: Self = Self { deadline: Deadline::Passed, cancel: None };

    /// Blocks until `deadline`; for ever when there is none.
    pub fn until(deadline: impl Into<Option<Instant>>) -> Self {
        let deadline = deadline.into().map_or(Deadline::Never, Deadline::At);
        Self { deadline, cancel: None }
    }

    /// Blocks for `duration` from now.
    pub fn at_most(duration: Duration) -> Self {
        Self::until(Instant::now().checked_add(duration))
    }

    /// Blocks no longer once `cancel` is readable (an eventfd, the read end of a pipe).
    #[must_use]
    pub fn cancelled_by(mut self, cancel: BorrowedFd<'a>) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// When it ends; nothing for a wait without end.
    pub fn deadline(&self) -> Option<Instant> {
        match self.deadline {
            Deadline::Passed => Some(Instant::now()),
            Deadline::At(deadline) => Some(deadline),
            Deadline::Never => None,
        }
    }

    /// Whether the deadline has passed. Says nothing of the cancelling descriptor.
    pub fn expired(&self) -> bool {
        match self.deadline {
            Deadline::Passed => true,
            Deadline::At(deadline) => Instant::now() >= deadline,
            Deadline::Never => false,
        }
    }

    /// Whether it is [`Wait::NOT`].
    pub fn is_immediate(&self) -> bool {
        matches!(self.deadline, Deadline::Passed)
    }

    /// Blocks until one of `interests` is ready, and says what each is ready for, in their order.
    ///
    /// `attempt` is what the error says was being done: `waiting for the monitor of 'web'`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OPERATION_TIMEOUT`] at the deadline, [`ErrorCode::OPERATION_ABORTED`] when cancelled.
    pub fn poll(&self, interests: &[(BorrowedFd<'_>, PollFlags)], attempt: &str) -> Result<Vec<PollFlags>> {
        let mut fds: Vec<_> = interests.iter().map(|(fd, flags)| PollFd::new(*fd, *flags)).collect();
        fds.extend(self.cancel.map(|cancel| PollFd::new(cancel, PollFlags::POLLIN)));
        loop {
            match poll(&mut fds, self.timeout()) {
                Ok(0) if self.expired() => {
                    return Err(Error::new(ErrorCode::OPERATION_TIMEOUT, ErrorDomain::NONE, attempt));
                }
                // A wait longer than poll(2) can count is done in pieces.
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => break,
                Err(errno) => return Err(Error::system(ErrorDomain::NONE, attempt, errno)),
            }
        }
        let mut ready: Vec<_> = fds.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty())).collect();
        if self.cancel.is_some() && ready.pop().is_some_and(|flags| !flags.is_empty()) {
            let detail = format!("{attempt}: canceled by client");
            return Err(Error::new(ErrorCode::OPERATION_ABORTED, ErrorDomain::NONE, detail));
        }
        Ok(ready)
    }

    /// Blocks until `fd` is readable or its peer has gone.
    ///
    /// # Errors
    ///
    /// As for [`Wait::poll`].
    pub fn readable(&self, fd: impl AsFd, attempt: &str) -> Result<()> {
        self.poll(&[(fd.as_fd(), PollFlags::POLLIN)], attempt).map(drop)
    }

    /// Blocks until `fd` is writable or its peer has gone.
    ///
    /// # Errors
    ///
    /// As for [`Wait::poll`].
    pub fn writable(&self, fd: impl AsFd, attempt: &str) -> Result<()> {
        self.poll(&[(fd.as_fd(), PollFlags::POLLOUT)], attempt).map(drop)
    }

    /// The rest of the wait for `poll(2)`, rounded up so that it never wakes early and spins.
    fn timeout(&self) -> PollTimeout {
        let Some(deadline) = self.deadline() else { return PollTimeout::NONE };
        let rest = deadline.saturating_duration_since(Instant::now());
        let milliseconds = rest.as_nanos().div_ceil(1_000_000);
        PollTimeout::try_from(i32::try_from(milliseconds).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_at_the_deadline_or_when_cancelled() {
        let (reader, _writer) = nix::unistd::pipe().unwrap();
        let error =
            Wait::at_most(Duration::from_millis(5)).readable(&reader, "waiting for a byte").unwrap_err();
        assert_eq!(error.to_string(), "Timed out during operation: waiting for a byte");

        let (cancel, trigger) = nix::unistd::pipe().unwrap();
        nix::unistd::write(&trigger, b"x").unwrap();
        let error = Wait::FOREVER.cancelled_by(cancel.as_fd()).readable(&reader, "waiting").unwrap_err();
        assert_eq!(error.code(), ErrorCode::OPERATION_ABORTED);
        assert_eq!(error.to_string(), "operation aborted: waiting: canceled by client");
    }
}
