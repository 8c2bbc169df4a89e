//! Lines over a socket, both ways, buffered, with descriptors beside them: nothing here blocks.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::PollFlags;

use crate::socket::Socket;
use crate::{Error, ErrorDomain, Result};

/// The longest line that is read, in bytes; QEMU's own limit is the same.
const LONGEST: usize = 64 << 20;

/// Nothing more is read from a peer while this many bytes wait for it to read, so that one that only asks and never
/// listens costs no more than that.
const PATIENCE: usize = 8 << 20;

/// How much is read at one go before others have their turn.
const TURN: usize = 1 << 20;

/// A connection and what waits to be read from it or written to it.
#[derive(Debug)]
pub(super) struct Channel {
    socket: Socket,
    incoming: Vec<u8>,
    /// Where the first byte stands that no line has been made of.
    start: usize,
    /// Up to where `incoming` is known to hold no newline.
    scanned: usize,
    received: VecDeque<OwnedFd>,
    outgoing: VecDeque<Outgoing>,
    /// How many bytes wait in `outgoing`.
    waiting: usize,
    /// The other end sends no more.
    ended: bool,
}

#[derive(Debug)]
struct Outgoing {
    data: Vec<u8>,
    sent: usize,
    fds: Vec<OwnedFd>,
}

impl Channel {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            incoming: Vec::new(),
            start: 0,
            scanned: 0,
            received: VecDeque::new(),
            outgoing: VecDeque::new(),
            waiting: 0,
            ended: false,
        }
    }

    /// As [`Channel::new`], with what an earlier process of this controller had read and not yet written.
    pub(super) fn resume(socket: Socket, incoming: Vec<u8>, outgoing: Vec<u8>) -> Self {
        let mut this = Self::new(socket);
        this.incoming = incoming;
        this.queue(outgoing, Vec::new());
        this
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// What has been read but is no whole line yet, and what is not yet written.
    pub(super) fn unfinished(&self) -> (Vec<u8>, Vec<u8>) {
        let rest = |part: &Outgoing| part.data.get(part.sent..).unwrap_or_default().to_vec();
        (
            self.incoming.get(self.start..).unwrap_or_default().to_vec(),
            self.outgoing.iter().flat_map(rest).collect(),
        )
    }

    /// Whether descriptors wait to be sent or taken, which only this process can do.
    pub(super) fn holds_fds(&self) -> bool {
        !self.received.is_empty() || self.outgoing.iter().any(|part| !part.fds.is_empty())
    }

    /// What to poll for.
    pub(super) fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::POLLIN, !self.ended && self.waiting < PATIENCE);
        interest.set(PollFlags::POLLOUT, !self.outgoing.is_empty());
        interest
    }

    /// Whether the other end has gone and all that it said has been taken.
    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.scanned == self.incoming.len()
    }

    /// How many bytes wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Adds a line, with its newline, to what is to be written.
    pub(super) fn queue(&mut self, data: Vec<u8>, fds: Vec<OwnedFd>) {
        if !data.is_empty() {
            self.waiting += data.len();
            self.outgoing.push_back(Outgoing { data, sent: 0, fds });
        }
    }

    /// Writes what there is room for; whether all is written.
    pub(super) fn flush(&mut self) -> Result<bool> {
        while let Some(part) = self.outgoing.front_mut() {
            let fds: Vec<BorrowedFd<'_>> = part.fds.iter().map(AsFd::as_fd).collect();
            let Some(sent) = self.socket.try_send(part.data.get(part.sent..).unwrap_or_default(), &fds)?
            else {
                return Ok(false);
            };
            part.fds.clear();
            part.sent += sent;
            self.waiting = self.waiting.saturating_sub(sent);
            if part.sent >= part.data.len() {
                self.outgoing.pop_front();
            }
        }
        Ok(true)
    }

    /// Reads what is there, though not without end; whether there may be more.
    pub(super) fn fill(&mut self) -> Result<bool> {
        let mut fds = Vec::new();
        let mut read = 0;
        while !self.ended {
            if read >= TURN {
                return Ok(true);
            }
            self.incoming.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
            if self.incoming.len() >= LONGEST {
                let sentence = format!("a peer sent a line of more than {LONGEST} bytes");
                return Err(Error::internal(ErrorDomain::NONE, sentence));
            }
            let held = self.incoming.len();
            self.incoming.resize(held + (16 << 10), 0);
            let room = self.incoming.get_mut(held..).unwrap_or_default();
            let outcome = self.socket.try_receive(room, &mut fds);
            self.incoming.truncate(held + outcome.as_ref().ok().copied().flatten().unwrap_or(0));
            self.received.extend(fds.drain(..));
            match outcome? {
                Some(0) => self.ended = true,
                Some(count) => read += count,
                None => break,
            }
        }
        Ok(false)
    }

    /// The next whole line that has been read, without its newline.
    pub(super) fn line(&mut self) -> Option<Vec<u8>> {
        let fresh = self.incoming.get(self.scanned..)?;
        let Some(at) = fresh.iter().position(|&byte| byte == b'\n').map(|at| self.scanned + at) else {
            self.scanned = self.incoming.len();
            return None;
        };
        let line = self.incoming.get(self.start..at).map(<[u8]>::to_vec);
        self.start = at + 1;
        self.scanned = self.start;
        if self.start == self.incoming.len() {
            self.incoming.clear();
            // One long answer should not be paid for ever.
            self.incoming.shrink_to(64 << 10);
            (self.start, self.scanned) = (0, 0);
        }
        line
    }

    /// The next descriptor that came beside the lines.
    pub(super) fn take_fd(&mut self) -> Option<OwnedFd> {
        self.received.pop_front()
    }

    /// Closes the descriptors that nobody asked for.
    pub(super) fn drop_fds(&mut self) {
        self.received.clear();
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
