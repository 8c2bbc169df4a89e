//! What the kernel and udev announce of devices: they come, go, change, move.

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind,
    recvmsg, setsockopt, socket, sockopt,
};

use crate::udev::Udev;
use crate::{Error, ErrorDomain, Result};

/// Messages of the kernel itself.
const KERNEL: u32 = 1;
/// Messages of udev, after it has looked at the device.
const UDEV: u32 = 2;
/// Room for a message; the kernel's are limited to 4 KiB, udev's have its properties too.
const LARGEST: usize = 64 * 1024;
/// Room for messages that are not yet read, in bytes: a bus full of devices comes at once.
const WAITING: usize = 16 << 20;

/// Something happened to a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uevent {
    /// `add`, `remove`, `change`, `move`, `bind`, `unbind`, `online`, `offline`
    pub action: String,
    /// The device below the root of sysfs, without a slash before it: `devices/pci0000:00/0000:00:02.0`.
    pub path: String,
    properties: BTreeMap<String, String>,
}

/// A socket that announcements come to, from when it was opened on.
#[derive(Debug)]
pub struct Monitor {
    socket: OwnedFd,
    group: u32,
    buffer: Vec<u8>,
}

/// What a look at the socket brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// An announcement.
    Event(Uevent),
    /// Some were lost because nobody read them.
    Missed,
    /// There is none now.
    Nothing,
}

impl Monitor {
    /// Listens to udev where it runs, else to the kernel. It needs no privilege.
    ///
    /// # Errors
    ///
    /// When the system gives no such socket.
    pub fn open(udev: &Udev) -> Result<Self> {
        let failed =
            |errno| Error::system(ErrorDomain::NODEDEV, "cannot listen to the kernel's devices", errno);
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let kind = SockProtocol::NetlinkKObjectUEvent;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, kind).map_err(failed)?;
        // Only root may have as much room as it likes.
        if setsockopt(&socket, sockopt::RcvBufForce, &WAITING).is_err() {
            let _ = setsockopt(&socket, sockopt::RcvBuf, &WAITING);
        }
        setsockopt(&socket, sockopt::PassCred, &true).map_err(failed)?;
        let group = if udev.is_running() { UDEV } else { KERNEL };
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, group)).map_err(failed)?;
        Ok(Self { socket, group, buffer: vec![0; LARGEST] })
    }

    /// The next announcement that is there. It does not wait: the descriptor is readable when there is one.
    ///
    /// # Errors
    ///
    /// When the system does not give it.
    pub fn receive(&mut self) -> Result<Received> {
        loop {
            let mut credentials = nix::cmsg_space!(nix::sys::socket::UnixCredentials);
            let mut parts = [IoSliceMut::new(&mut self.buffer)];
            let message = recvmsg::<NetlinkAddr>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut credentials),
                MsgFlags::MSG_DONTWAIT,
            );
            let (length, trusted) = match message {
                Ok(message) => {
                    let from_kernel = message.address.is_some_and(|address| address.pid() == 0);
                    let root = message.cmsgs().is_ok_and(|mut list| {
                        list.any(
                            |it| matches!(it, ControlMessageOwned::ScmCredentials(who) if who.uid() == 0),
                        )
                    });
                    // Anybody can send to a socket that he knows; only the kernel has number 0.
                    (message.bytes, if self.group == KERNEL { from_kernel } else { root })
                }
                Err(Errno::EAGAIN) => return Ok(Received::Nothing),
                Err(Errno::EINTR) => continue,
                Err(Errno::ENOBUFS) => return Ok(Received::Missed),
                Err(errno) => {
                    let attempt = "cannot read what the kernel says of devices";
                    return Err(Error::system(ErrorDomain::NODEDEV, attempt, errno));
                }
            };
            let text = self.buffer.get(..length).unwrap_or_default();
            if let Some(event) = trusted.then(|| parse(text)).flatten() {
                return Ok(Received::Event(event));
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Uevent {
    /// A property of the device, `SUBSYSTEM`, `DEVPATH_OLD`.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// Where it was before it moved, as [`Uevent::path`].
    pub fn path_before(&self) -> Option<&str> {
        self.property("DEVPATH_OLD").map(|path| path.trim_start_matches('/'))
    }
}

/// The kernel's message is `ACTION@DEVPATH` and then properties; udev's has a header of its own.
fn parse(message: &[u8]) -> Option<Uevent> {
    let properties = match message.strip_prefix(b"libudev\0") {
        // After the magic number and the header's size: where the properties begin, and how long they are.
        Some(header) => {
            let word =
                |at: usize| Some(u32::from_ne_bytes(header.get(at..at + 4)?.try_into().ok()?) as usize);
            let start = word(8)?;
            message.get(start..start.checked_add(word(12)?)?)?
        }
        None => message.get(message.iter().position(|byte| *byte == 0)? + 1..)?,
    };
    let mut event = Uevent::default();
    for property in properties.split(|byte| *byte == 0) {
        let property = String::from_utf8_lossy(property);
        if let Some((name, value)) = property.split_once('=') {
            event.properties.insert(name.to_owned(), value.to_owned());
        }
    }
    event.action = event.properties.get("ACTION")?.clone();
    event.path = event.properties.get("DEVPATH")?.trim_start_matches('/').to_owned();
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_messages_are_understood() {
        let properties = b"ACTION=move\0DEVPATH=/devices/virtual/net/b\0DEVPATH_OLD=/devices/virtual/net/a\0SUBSYSTEM=net\0";
        let kernel = [b"move@/devices/virtual/net/b\0".as_slice(), properties].concat();
        let mut udev = b"libudev\0\xfe\xed\xca\xfe".to_vec();
        udev.extend([40u32, 40, properties.len() as u32].into_iter().flat_map(u32::to_ne_bytes));
        udev.extend([0; 16]);
        udev.extend(properties);
        for message in [kernel, udev] {
            let event = parse(&message).unwrap();
            assert_eq!((event.action.as_str(), event.path.as_str()), ("move", "devices/virtual/net/b"));
            assert_eq!(event.path_before(), Some("devices/virtual/net/a"));
            assert_eq!(event.property("SUBSYSTEM"), Some("net"));
        }
    }

    #[test]
    fn broken_messages_are_none() {
        for message in [
            &b""[..],
            b"add@/x",
            b"add@/x\0",
            b"libudev\0",
            b"libudev\0\xfe\xed\xca\xfe\x28\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(parse(message), None, "{message:?}");
        }
    }

    #[test]
    fn a_socket_without_news_says_so() {
        let mut monitor = Monitor::open(&Udev::at("/nonexistent")).unwrap();
        // Others may plug devices meanwhile: what counts is that it ends.
        while monitor.receive().unwrap() != Received::Nothing {}
    }
}
