//! Unix sockets below directories of any depth, with descriptors passed along and the peer's identity.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::dir::Dir;
use crate::wait::Wait;
use crate::{Result, owner::Owner};

/// Whether messages keep their borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stream of bytes.
    Stream,
    /// Messages, each received as it was sent.
    Packets,
}

/// A socket that accepts connections under a name in a directory.
#[derive(Debug)]
pub struct Listener(OwnedFd);

impl Listener {
    /// Listens as `name` in `dir` with `mode`. The name appears once connections are accepted, in place of an earlier
    /// socket's.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made there.
    pub fn bind(dir: &Dir, name: &str, kind: Kind, mode: u32) -> Result<Self> {
        let _ = (dir, name, kind, mode);
        todo!()
    }

    /// The next connection.
    ///
    /// # Errors
    ///
    /// As `accept4(2)` and [`Wait::poll`] say.
    pub fn accept(&self, wait: Wait<'_>) -> Result<Socket> {
        let _ = wait;
        todo!()
    }

    /// The descriptor, to be passed to another program that accepts on it.
    pub fn into_fd(self) -> OwnedFd {
        self.0
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// One end of a connection.
#[derive(Debug)]
pub struct Socket(OwnedFd);

/// Who is at the other end, as the kernel noted when the connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Process id.
    pub pid: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Socket {
    /// Connects to `name` in `dir`; nothing when nobody listens there.
    ///
    /// # Errors
    ///
    /// As `connect(2)` says.
    pub fn connect(dir: &Dir, name: &str, kind: Kind) -> Result<Option<Self>> {
        let _ = (dir, name, kind);
        todo!()
    }

    /// Two connected ends.
    ///
    /// # Errors
    ///
    /// As `socketpair(2)` says.
    pub fn pair(kind: Kind) -> Result<(Self, Self)> {
        let _ = kind;
        todo!()
    }

    /// Sends `data` whole, with `fds` (at most 253) attached to its first byte.
    ///
    /// # Errors
    ///
    /// As `sendmsg(2)` and [`Wait::poll`] say.
    pub fn send(&self, data: &[u8], fds: &[BorrowedFd<'_>], wait: Wait<'_>) -> Result<()> {
        let _ = (data, fds, wait);
        todo!()
    }

    /// Receives up to `buffer.len()` bytes and appends the descriptors that came with them to `fds`, close-on-exec. 0 is
    /// the end of the stream.
    ///
    /// # Errors
    ///
    /// As `recvmsg(2)` and [`Wait::poll`] say.
    pub fn receive(&self, buffer: &mut [u8], fds: &mut Vec<OwnedFd>, wait: Wait<'_>) -> Result<usize> {
        let _ = (buffer, fds, wait);
        todo!()
    }

    /// Who is at the other end.
    ///
    /// # Errors
    ///
    /// As `getsockopt(2)` says.
    pub fn peer(&self) -> Result<Peer> {
        todo!()
    }

    /// The process at the other end, beyond the reuse of its pid; nothing when it has ended.
    ///
    /// # Errors
    ///
    /// As for [`Socket::peer`].
    pub fn peer_owner(&self) -> Result<Option<Owner>> {
        Owner::of(self.peer()?.pid)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
