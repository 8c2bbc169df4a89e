//! Network devices by rtnetlink: what they are, making and shaping them, and what is set on the virtual functions of a
//! physical one.
//!
//! Requests are netlink-packet-route's messages. Answers are read attribute by attribute here, because its types cannot
//! tell a setting that is off from one that the hardware does not have.

mod bridge;
mod link;
mod mac;
mod namespace;
mod nftables;
mod port;
mod route;
mod traffic;
mod vf;

use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};

use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

pub use bridge::{Bridge, BridgePort, MacvtapMode};
pub use link::{InterfaceAddress, Link};
pub use mac::MacAddress;
pub use namespace::{Namespace, namespaces};
pub use nftables::has_nftables_table;
pub use port::{PortProfile, PortRequest, PortResponse};
pub use route::Route;
pub use traffic::Rate;
pub use vf::{Guid, LinkState, VfAttribute, VfAttributeKind, VfInfo, Vlan, VlanProtocol};

/// A socket to the kernel's routing messages, in one network namespace for ever.
///
/// ```
/// use virt_util::netlink::Netlink;
/// use virt_util::wait::Wait;
///
/// let mut netlink = Netlink::open()?;
/// let links = netlink.links(Wait::FOREVER)?;
/// assert!(links.iter().any(|link| link.name == "lo"));
/// # Ok::<(), virt_util::Error>(())
/// ```
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// Messages about network devices that change.
pub struct LinkEvents {
    socket: Socket,
}

/// `RTNLGRP_LINK`
const LINK_GROUP: u32 = 1;

/// How often a list that changed while it was read is read again.
const ATTEMPTS: usize = 10;

impl Netlink {
    /// In this thread's network namespace.
    ///
    /// # Errors
    ///
    /// When the kernel gives no socket.
    pub fn open() -> Result<Self> {
        let opened = Socket::new(NETLINK_ROUTE).and_then(|mut socket| {
            socket.bind_auto()?;
            // The kernel's own words in refusals, and not our whole request with them. Old kernels lack both.
            let _ = socket.set_ext_ack(true);
            let _ = socket.set_cap_ack(true);
            Ok(socket)
        });
        match opened {
            Ok(socket) => Ok(Self { socket, sequence: 0 }),
            Err(error) => Err(Error::system(ErrorDomain::NONE, "cannot open a netlink socket", error)),
        }
    }

    /// In the network namespace behind a descriptor (`/proc/PID/ns/net`, `/run/netns/NAME`).
    ///
    /// # Errors
    ///
    /// When this process may not enter it, which takes `CAP_SYS_ADMIN` there; when the kernel gives no socket.
    pub fn open_in(namespace: BorrowedFd<'_>) -> Result<Self> {
        inside(namespace, Self::open)?
    }

    /// Sends a request and gives `visit` the body of each message that answers it.
    ///
    /// # Errors
    ///
    /// What the kernel answers: the error's source is the system's, its sentence `attempt` and the kernel's words.
    fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        attempt: &str,
        wait: Wait<'_>,
        mut visit: impl FnMut(&[u8]),
    ) -> Result<()> {
        let sequence = self.next_sequence();
        let bytes = serialize(message, flags | NLM_F_REQUEST | NLM_F_ACK, sequence);
        let failed = |error: std::io::Error| Error::system(ErrorDomain::NONE, attempt, error);
        self.socket.send(&bytes, 0).map_err(failed)?;
        let mut interrupted = false;
        loop {
            wait.readable(self.socket.as_fd(), attempt)?;
            let received = match receive(&self.socket) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other.map_err(failed)?,
            };
            for message in messages(&received) {
                // An answer to a request that was given up.
                if message.sequence_number() != sequence {
                    continue;
                }
                interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
                match i32::from(message.message_type()) {
                    libc::NLMSG_ERROR => return answered(&message, attempt),
                    libc::NLMSG_DONE if interrupted => return Err(failed(Errno::EINTR.into())),
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_NOOP | libc::NLMSG_OVERRUN => {}
                    _ => visit(message.payload()),
                }
            }
        }
    }

    /// Reads a whole list, again if it changed while it was read.
    fn dump<T>(
        &mut self,
        message: &RouteNetlinkMessage,
        attempt: &str,
        wait: Wait<'_>,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>> {
        let mut tries = 0;
        loop {
            let mut found = Vec::new();
            tries += 1;
            let visit = |payload: &[u8]| found.extend(parse(payload));
            match self.request(message.clone(), NLM_F_DUMP, attempt, wait, visit) {
                Err(error) if error.errno() == Some(Errno::EINTR) && tries < ATTEMPTS => {}
                other => return other.map(|()| found),
            }
        }
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.sequence
    }
}

impl LinkEvents {
    /// From now on, in this thread's network namespace.
    ///
    /// # Errors
    ///
    /// When the kernel gives no socket.
    pub fn open() -> Result<Self> {
        let opened = Socket::new(NETLINK_ROUTE).and_then(|mut socket| {
            socket.bind_auto()?;
            socket.add_membership(LINK_GROUP)?;
            socket.set_non_blocking(true)?;
            Ok(socket)
        });
        match opened {
            Ok(socket) => Ok(Self { socket }),
            Err(error) => Err(Error::system(ErrorDomain::NONE, "cannot watch network devices", error)),
        }
    }

    /// As [`LinkEvents::open`], in the network namespace behind a descriptor.
    ///
    /// # Errors
    ///
    /// As for [`Netlink::open_in`].
    pub fn open_in(namespace: BorrowedFd<'_>) -> Result<Self> {
        inside(namespace, Self::open)?
    }

    /// Waits until some network device changes, or the wait ends; says whether one changed.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OPERATION_ABORTED`] when cancelled.
    pub fn wait(&self, wait: Wait<'_>) -> Result<bool> {
        match wait.readable(self.socket.as_fd(), "waiting for a network device to change") {
            Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => return Ok(false),
            other => other?,
        }
        // One change or many, lost ones included: the caller looks for itself.
        while receive(&self.socket).is_ok() {}
        Ok(true)
    }
}

impl std::fmt::Debug for Netlink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Netlink").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for LinkEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkEvents").finish_non_exhaustive()
    }
}

/// Runs `work` in a thread of its own that has entered the namespace, so that no thread of the caller is ever elsewhere.
fn inside<T: Send>(namespace: BorrowedFd<'_>, work: impl FnOnce() -> T + Send) -> Result<T> {
    let ran = std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).map_err(|errno| {
                Error::system(ErrorDomain::NONE, "cannot enter a network namespace", errno)
            })?;
            Ok(work())
        });
        thread.join()
    });
    ran.unwrap_or_else(|_| {
        Err(Error::internal(ErrorDomain::NONE, "the thread in a network namespace panicked"))
    })
}

/// One whole datagram.
fn receive(socket: &Socket) -> std::io::Result<Vec<u8>> {
    let mut none: &mut [u8] = &mut [];
    let length = socket.recv(&mut none, libc::MSG_PEEK | libc::MSG_TRUNC)?;
    let mut datagram = Vec::with_capacity(length);
    socket.recv(&mut datagram, 0)?;
    Ok(datagram)
}

fn serialize(message: RouteNetlinkMessage, flags: u16, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The messages of a datagram, as far as they are whole.
fn messages(datagram: &[u8]) -> impl Iterator<Item = NetlinkBuffer<&[u8]>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let message = NetlinkBuffer::new_checked(rest).ok()?;
        let length = (message.length() as usize).next_multiple_of(4);
        rest = rest.get(length..).unwrap_or_default();
        Some(message)
    })
}

/// Attributes one after another; what is not whole ends them.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const HEADER: usize = 4;
    let mut at = 0;
    NlasIterator::new(bytes).map_while(std::result::Result::ok).map(move |attribute| {
        let (kind, length) = (attribute.kind(), attribute.length() as usize);
        let value = bytes.get(at + HEADER..at + length).unwrap_or_default();
        at += length.next_multiple_of(4);
        (kind, value)
    })
}

/// One attribute, filled up to where the next one begins.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn number_u32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}

/// The kernel's verdict on a request.
fn answered(message: &NetlinkBuffer<&[u8]>, attempt: &str) -> Result<()> {
    let payload = message.payload();
    let code = payload.get(..4).and_then(number_u32).map_or(-libc::EPROTO, u32::cast_signed);
    if code == 0 {
        return Ok(());
    }
    let errno = Errno::from_raw(code.saturating_neg());
    let attempt = match words(message.flags(), payload) {
        Some(words) => format!("{attempt} ({words})"),
        None => attempt.to_owned(),
    };
    Err(Error::system(ErrorDomain::NONE, attempt, errno))
}

/// What the driver says about its refusal (`NLMSGERR_ATTR_MSG`).
fn words(flags: u16, payload: &[u8]) -> Option<String> {
    const HEADER: usize = 16;
    const MESSAGE: u16 = 1;
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    // Behind the code stands our request: its header alone, or all of it.
    let request = if flags & NLM_F_CAPPED == 0 { number_u32(payload.get(4..)?)? as usize } else { HEADER };
    let rest = payload.get(4 + request.next_multiple_of(4)..)?;
    let (_, text) = attributes(rest).find(|(kind, _)| *kind == MESSAGE)?;
    let text = String::from_utf8_lossy(text);
    Some(text.trim_end_matches('\0').trim_end_matches('.').to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_carries_number_and_words() {
        let words = b"VF in reset.\0";
        let mut payload = (-11i32).to_ne_bytes().to_vec();
        payload.extend([0; 16]);
        payload.extend((4 + words.len() as u16).to_ne_bytes());
        payload.extend(1u16.to_ne_bytes());
        payload.extend(words);
        let mut bytes = ((16 + payload.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(2u16.to_ne_bytes());
        bytes.extend((NLM_F_CAPPED | NLM_F_ACK_TLVS).to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(payload);
        let message = messages(&bytes).next().unwrap();
        let error = answered(&message, "cannot set it").unwrap_err();
        assert_eq!(error.to_string(), "cannot set it (VF in reset): Try again");
        assert_eq!(error.errno(), Some(Errno::EAGAIN));
    }

    #[test]
    fn what_is_cut_short_is_left_out() {
        for length in 0..40 {
            let datagram = vec![length as u8; length];
            assert!(messages(&datagram).count() < 2);
            let _ = attributes(&datagram).count();
        }
    }

    #[test]
    fn an_unknown_device_is_refused_by_the_kernel() {
        let mut netlink = Netlink::open().unwrap();
        let error = netlink.link(0x7fff_fff0, Wait::FOREVER).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ENODEV));
        // The socket is of use afterwards.
        assert!(!netlink.links(Wait::FOREVER).unwrap().is_empty());
    }

    #[test]
    fn the_current_namespace_can_be_entered_where_allowed() {
        let file = std::fs::File::open("/proc/self/ns/net").unwrap();
        match Netlink::open_in(file.as_fd()) {
            Ok(mut netlink) => assert!(!netlink.links(Wait::FOREVER).unwrap().is_empty()),
            Err(error) => assert_eq!(error.errno(), Some(Errno::EPERM)),
        }
    }
}
