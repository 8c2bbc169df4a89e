//! Lines over a socket, with deadlines: never blocks past one, never buffers more than a limit.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{ControlMessage, MsgFlags, recv, sendmsg};
use virt_util::Error;
use virt_util::wait::Wait;

/// The longest message that is read: the largest known answer (`query-qmp-schema`) has 0.25 MB.
const LONGEST: usize = 64 << 20;

/// Why a line could not be sent or received.
#[derive(Debug)]
pub(super) enum Failure {
    Closed,
    TooLong(usize),
    System(Errno),
    /// The wait ended first.
    Waiting(Error),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::EPIPE | Errno::ECONNRESET => Self::Closed,
            errno => Self::System(errno),
        }
    }
}

/// A socket and what has been read from it but not asked for yet.
#[derive(Debug)]
pub(super) struct Channel {
    stream: UnixStream,
    buffer: Vec<u8>,
    /// Where the first byte stands that no line has been made of.
    start: usize,
    /// Up to where the buffer is known to hold no newline.
    scanned: usize,
}

impl Channel {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, buffer: Vec::new(), start: 0, scanned: 0 }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Sends all of `text`, `descriptors` beside its first byte; reads meanwhile, as the peer may wait for that.
    pub(super) fn send(
        &mut self,
        text: &[u8],
        descriptors: &[BorrowedFd<'_>],
        wait: Wait<'_>,
        attempt: &str,
    ) -> Result<(), Failure> {
        let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let beside = [ControlMessage::ScmRights(&raw)];
        let mut sent = 0;
        while let Some(rest) = text.get(sent..).filter(|rest| !rest.is_empty()) {
            let control: &[ControlMessage<'_>] = if sent == 0 && !raw.is_empty() { &beside } else { &[] };
            let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
            match sendmsg::<()>(self.stream.as_raw_fd(), &[IoSlice::new(rest)], control, flags, None) {
                Ok(count) => sent += count,
                Err(Errno::EAGAIN) => {
                    let ready = self.wait(PollFlags::POLLIN | PollFlags::POLLOUT, wait, attempt)?;
                    if ready.contains(PollFlags::POLLIN) {
                        self.fill()?;
                    }
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// The next line without its newline.
    pub(super) fn receive_line(&mut self, wait: Wait<'_>, attempt: &str) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(line);
            }
            match self.fill() {
                Err(Failure::System(Errno::EAGAIN)) => {
                    self.wait(PollFlags::POLLIN, wait, attempt)?;
                }
                done => done?,
            }
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let at = self.buffer.get(self.scanned..)?.iter().position(|&byte| byte == b'\n');
        let Some(at) = at.map(|at| self.scanned + at) else {
            self.scanned = self.buffer.len();
            return None;
        };
        let line = self.buffer.get(self.start..at).map(<[u8]>::to_vec);
        self.start = at + 1;
        self.scanned = self.start;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            (self.start, self.scanned) = (0, 0);
        }
        line
    }

    /// Reads once, without waiting.
    fn fill(&mut self) -> Result<(), Failure> {
        if self.buffer.len() - self.start >= LONGEST {
            return Err(Failure::TooLong(LONGEST));
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        let held = self.buffer.len();
        self.buffer.resize(held + (64 << 10), 0);
        let room = self.buffer.get_mut(held..).unwrap_or_default();
        let outcome = recv(self.stream.as_raw_fd(), room, MsgFlags::MSG_DONTWAIT);
        self.buffer.truncate(held + outcome.unwrap_or(0));
        match outcome {
            Ok(0) => Err(Failure::Closed),
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn wait(&self, flags: PollFlags, wait: Wait<'_>, attempt: &str) -> Result<PollFlags, Failure> {
        let ready = wait.poll(&[(self.stream.as_fd(), flags)], attempt).map_err(Failure::Waiting)?;
        Ok(ready.first().copied().unwrap_or(PollFlags::empty()))
    }
}
