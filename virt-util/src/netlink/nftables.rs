//! What nftables has, asked of the kernel itself.

use netlink_packet_core::NLM_F_REQUEST;
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;
use nix::errno::Errno;
use nix::libc;

use super::{answered, attribute, messages, receive};
use crate::wait::Wait;
use crate::{Error, ErrorDomain, Result};

/// Whether the table `name` of the family `inet` is there, in this thread's network namespace.
///
/// # Errors
///
/// When the kernel has no nftables, or this process may not ask.
pub fn has_nftables_table(name: &str, wait: Wait<'_>) -> Result<bool> {
    let attempt = format!("cannot look for the nftables table '{name}'");
    let failed = |error: std::io::Error| Error::system(ErrorDomain::NONE, &attempt, error);
    let mut socket = Socket::new(NETLINK_NETFILTER).map_err(failed)?;
    socket.bind_auto().map_err(failed)?;
    socket.send(&question(name), 0).map_err(failed)?;
    wait.readable(&socket, &attempt)?;
    let received = receive(&socket).map_err(failed)?;
    for message in messages(&received) {
        if i32::from(message.message_type()) != libc::NLMSG_ERROR {
            return Ok(true);
        }
        match answered(&message, &attempt) {
            Err(error) if error.errno() == Some(Errno::ENOENT) => return Ok(false),
            other => other?,
        }
    }
    Ok(false)
}

/// `NFT_MSG_GETTABLE`
fn question(name: &str) -> Vec<u8> {
    const GET_TABLE: u16 = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8 | libc::NFT_MSG_GETTABLE as u16;
    const TABLE_NAME: u16 = 1;
    let body = [
        &[libc::NFPROTO_INET as u8, 0, 0, 0][..],
        &attribute(TABLE_NAME, &[name.as_bytes(), b"\0"].concat()),
    ];
    let body = body.concat();
    let header = [
        &(16 + body.len() as u32).to_ne_bytes()[..],
        &GET_TABLE.to_ne_bytes(),
        &NLM_F_REQUEST.to_ne_bytes(),
        &1u32.to_ne_bytes(),
        &0u32.to_ne_bytes(),
    ];
    [&header.concat()[..], &body].concat()
}
