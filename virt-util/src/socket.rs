//! Unix sockets below directories of any depth, with descriptors passed along and the peer's identity.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::fcntl::renameat;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    accept4, bind, connect, getsockopt, listen, recvmsg, sendmsg, socket, socketpair, sockopt,
};
use nix::sys::stat::{Mode, fchmod};

use crate::dir::Dir;
use crate::owner::Owner;
use crate::wait::Wait;
use crate::{Error, ErrorDomain, Result, file};

/// Whether messages keep their borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stream of bytes.
    Stream,
    /// Messages, each received as it was sent.
    Packets,
}

impl Kind {
    fn socket_type(self) -> SockType {
        match self {
            Self::Stream => SockType::Stream,
            Self::Packets => SockType::SeqPacket,
        }
    }
}

/// A socket that accepts connections under a name in a directory.
///
/// ```
/// use virt_util::dir::Dir;
/// use virt_util::socket::{Kind, Listener, Socket};
/// use virt_util::wait::Wait;
///
/// let scratch = tempfile::tempdir().unwrap();
/// // Far longer than the 107 bytes that a socket's address holds.
/// let deep = scratch.path().join("d".repeat(200));
/// let dir = Dir::create(&deep)?;
///
/// let listener = Listener::bind(&dir, "control.sock", Kind::Stream, 0o600)?;
/// let client = Socket::connect(&dir, "control.sock", Kind::Stream, Wait::FOREVER)?.expect("it listens");
/// let server = listener.accept(Wait::FOREVER)?;
/// assert_eq!(server.peer()?.pid, std::process::id());
/// client.send(b"hello", &[], Wait::FOREVER)?;
/// let mut buffer = [0; 16];
/// assert_eq!(server.receive(&mut buffer, &mut Vec::new(), Wait::FOREVER)?, 5);
/// # Ok::<(), virt_util::Error>(())
/// ```
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
        let cannot = |errno| dir.named("cannot listen on", name, errno);
        let fd = new_socket(kind).map_err(cannot)?;
        // What bind makes gets this mode, so that it is never open to more.
        fchmod(&fd, Mode::from_bits_truncate(mode)).map_err(cannot)?;
        let temporary = file::temporary_name()?;
        let address = UnixAddr::new(&dir.short_path(&temporary)).map_err(cannot)?;
        bind(fd.as_raw_fd(), &address).map_err(cannot)?;
        let named = listen(&fd, Backlog::MAXCONN)
            .and_then(|()| renameat(dir, temporary.as_str(), dir, name))
            .map_err(cannot);
        if named.is_err() {
            // A stray name is removed by the next scan; the error matters more.
            let _ = dir.remove_file(&temporary);
        }
        named.map(|()| Self(fd))
    }

    /// The next connection.
    ///
    /// # Errors
    ///
    /// As `accept4(2)` and [`Wait::poll`] say.
    pub fn accept(&self, wait: Wait<'_>) -> Result<Socket> {
        loop {
            if let Some(socket) = self.try_accept()? {
                return Ok(socket);
            }
            wait.readable(&self.0, "waiting for a connection")?;
        }
    }

    /// The next connection, if one waits.
    ///
    /// # Errors
    ///
    /// As `accept4(2)` says.
    pub fn try_accept(&self) -> Result<Option<Socket>> {
        loop {
            return match accept4(self.0.as_raw_fd(), SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK) {
                // SAFETY: the kernel has just made this descriptor for us.
                Ok(fd) => Ok(Some(Socket(unsafe { OwnedFd::from_raw_fd(fd) }))),
                Err(Errno::EAGAIN) => Ok(None),
                Err(Errno::EINTR | Errno::ECONNABORTED) => continue,
                Err(errno) => Err(Error::system(ErrorDomain::NONE, "cannot accept a connection", errno)),
            };
        }
    }

    /// The descriptor, to be passed to another program that accepts on it.
    pub fn into_fd(self) -> OwnedFd {
        self.0
    }

    /// A listening socket that was kept over exec.
    pub(crate) fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
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
    /// Process id; 0 for one in a PID namespace that we do not see.
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
    /// As `connect(2)` says; [`crate::ErrorCode::OPERATION_TIMEOUT`] when the listener's queue stays full.
    pub fn connect(dir: &Dir, name: &str, kind: Kind, wait: Wait<'_>) -> Result<Option<Self>> {
        let cannot = |errno| dir.named("cannot connect to", name, errno);
        let fd = new_socket(kind).map_err(cannot)?;
        let address = UnixAddr::new(&dir.short_path(name)).map_err(cannot)?;
        loop {
            return match connect(fd.as_raw_fd(), &address) {
                Ok(()) => Ok(Some(Self(fd))),
                Err(Errno::ENOENT | Errno::ECONNREFUSED) => Ok(None),
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => connect_when_there_is_room(fd, &address, wait, &cannot).map(Some),
                Err(errno) => Err(cannot(errno)),
            };
        }
    }

    /// Two connected ends.
    ///
    /// # Errors
    ///
    /// As `socketpair(2)` says.
    pub fn pair(kind: Kind) -> Result<(Self, Self)> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (one, other) = socketpair(AddressFamily::Unix, kind.socket_type(), None, flags)
            .map_err(|errno| Error::system(ErrorDomain::NONE, "cannot make a pair of sockets", errno))?;
        Ok((Self(one), Self(other)))
    }

    /// Sends `data` whole, with `fds` (at most 253) attached to its first byte.
    ///
    /// # Errors
    ///
    /// As `sendmsg(2)` and [`Wait::poll`] say. Part of it may have been sent.
    pub fn send(&self, data: &[u8], fds: &[BorrowedFd<'_>], wait: Wait<'_>) -> Result<()> {
        let (mut data, mut fds) = (data, fds);
        loop {
            match self.try_send(data, fds)? {
                Some(sent) => {
                    data = data.get(sent..).unwrap_or_default();
                    fds = &[];
                    if data.is_empty() {
                        return Ok(());
                    }
                }
                None => wait.writable(&self.0, "sending to a socket")?,
            }
        }
    }

    /// Sends what there is room for, at once: how much; nothing when there is none.
    ///
    /// # Errors
    ///
    /// As `sendmsg(2)` says.
    pub fn try_send(&self, data: &[u8], fds: &[BorrowedFd<'_>]) -> Result<Option<usize>> {
        let numbers: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&numbers)];
        let control = if numbers.is_empty() { &[][..] } else { &rights };
        loop {
            let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
            return match sendmsg::<()>(self.0.as_raw_fd(), &[IoSlice::new(data)], control, flags, None) {
                Ok(sent) => Ok(Some(sent)),
                Err(Errno::EAGAIN) => Ok(None),
                Err(Errno::EINTR) => continue,
                Err(errno) => Err(Error::system(ErrorDomain::NONE, "cannot send to a socket", errno)),
            };
        }
    }

    /// Receives up to `buffer.len()` bytes and appends the descriptors that came with them to `fds`, close-on-exec. 0 is
    /// the end of the stream.
    ///
    /// # Errors
    ///
    /// As `recvmsg(2)` and [`Wait::poll`] say.
    pub fn receive(&self, buffer: &mut [u8], fds: &mut Vec<OwnedFd>, wait: Wait<'_>) -> Result<usize> {
        loop {
            if let Some(count) = self.try_receive(buffer, fds)? {
                return Ok(count);
            }
            wait.readable(&self.0, "receiving from a socket")?;
        }
    }

    /// As [`Socket::receive`], at once; nothing when there is nothing to receive.
    ///
    /// # Errors
    ///
    /// As `recvmsg(2)` says.
    pub fn try_receive(&self, buffer: &mut [u8], fds: &mut Vec<OwnedFd>) -> Result<Option<usize>> {
        let cannot = |errno| Error::system(ErrorDomain::NONE, "cannot receive from a socket", errno);
        let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
        // The kernel passes no more than this at once.
        let mut control = cmsg_space!([RawFd; 253]);
        loop {
            let mut parts = [IoSliceMut::new(&mut *buffer)];
            let message = match recvmsg::<()>(self.0.as_raw_fd(), &mut parts, Some(&mut control), flags) {
                Ok(message) => message,
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                // The other end went without reading all we sent: for us, the end of the stream.
                Err(Errno::ECONNRESET) => return Ok(Some(0)),
                Err(errno) => return Err(cannot(errno)),
            };
            for message in message.cmsgs().map_err(cannot)? {
                if let ControlMessageOwned::ScmRights(numbers) = message {
                    // SAFETY: the kernel has just made these descriptors for us, and nobody else has seen them.
                    fds.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
                }
            }
            return Ok(Some(message.bytes));
        }
    }

    /// Who is at the other end.
    ///
    /// # Errors
    ///
    /// As `getsockopt(2)` says.
    pub fn peer(&self) -> Result<Peer> {
        let peer = getsockopt(&self.0, sockopt::PeerCredentials).map_err(|errno| {
            Error::system(ErrorDomain::NONE, "cannot tell who is at the other end", errno)
        })?;
        Ok(Peer { pid: peer.pid() as u32, uid: peer.uid(), gid: peer.gid() })
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

impl From<OwnedFd> for Socket {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.0
    }
}

/// The standard library's type, whose calls block only once it is told to ([`UnixStream::set_nonblocking`]).
impl From<Socket> for UnixStream {
    fn from(socket: Socket) -> Self {
        Self::from(socket.0)
    }
}

fn new_socket(kind: Kind) -> nix::Result<OwnedFd> {
    socket(AddressFamily::Unix, kind.socket_type(), SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)
}

/// The listener's queue is full. poll(2) does not tell when there is room, but a blocking connect waits for it.
fn connect_when_there_is_room(
    fd: OwnedFd,
    address: &UnixAddr,
    wait: Wait<'_>,
    cannot: &dyn Fn(Errno) -> Error,
) -> Result<Socket> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use nix::sys::socket::setsockopt;
    use nix::sys::time::{TimeVal, TimeValLike};

    fcntl(&fd, FcntlArg::F_SETFL(OFlag::empty())).map_err(cannot)?;
    loop {
        if wait.expired() {
            return Err(cannot(Errno::ETIMEDOUT));
        }
        let rest =
            wait.deadline().map(|deadline| deadline.saturating_duration_since(std::time::Instant::now()));
        // 0 stands for no limit.
        let limit = TimeVal::microseconds(rest.map_or(0, |rest| (rest.as_micros() as i64).max(1)));
        setsockopt(&fd, sockopt::SendTimeout, &limit).map_err(cannot)?;
        match connect(fd.as_raw_fd(), address) {
            Ok(()) => break,
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(errno) => return Err(cannot(errno)),
        }
    }
    setsockopt(&fd, sockopt::SendTimeout, &TimeVal::zero()).map_err(cannot)?;
    fcntl(&fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(cannot)?;
    Ok(Socket(fd))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};
    use std::time::Duration;

    use super::*;

    #[test]
    fn descriptors_pass_with_the_first_byte() {
        let (one, other) = Socket::pair(Kind::Stream).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"inside").unwrap();
        one.send(b"abc", &[file.as_fd(), file.as_fd()], Wait::FOREVER).unwrap();
        let (mut buffer, mut fds) = ([0; 1], Vec::new());
        assert_eq!(other.receive(&mut buffer, &mut fds, Wait::FOREVER).unwrap(), 1);
        assert_eq!(fds.len(), 2);
        let mut file = std::fs::File::from(fds.remove(0));
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "inside");
    }

    #[test]
    fn nobody_listening_is_no_error_and_a_full_queue_is_waited_for() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = Dir::open(scratch.path()).unwrap();
        let connect = |wait| Socket::connect(&dir, "s", Kind::Stream, wait);
        assert!(connect(Wait::FOREVER).unwrap().is_none());
        drop(Listener::bind(&dir, "s", Kind::Stream, 0o600).unwrap());
        assert!(connect(Wait::FOREVER).unwrap().is_none());

        let listener = Listener::bind(&dir, "s", Kind::Stream, 0o600).unwrap();
        listen(&listener, Backlog::new(0).unwrap()).unwrap();
        let _first = connect(Wait::FOREVER).unwrap().unwrap();
        let error = connect(Wait::at_most(Duration::from_millis(10))).unwrap_err();
        assert!(error.to_string().ends_with("/s': Connection timed out"), "{error}");
    }
}
