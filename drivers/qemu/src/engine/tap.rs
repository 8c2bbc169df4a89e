//! Tap devices: the host's end of a guest's network card.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc::{self, ifreq};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use serde::{Deserialize, Serialize};
use virt_util::{Error, ErrorDomain, Result};

/// Adds a port to a bridge.
const SIOCBRADDIF: libc::Ioctl = 0x89a2;
/// Fails for a name that is taken, rather than joining another guest's device.
const IFF_TUN_EXCL: i32 = 0x8000;

/// A tap device that is made for a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::unsafe_derive_deserialize)] // no unsafe code here relies on what the fields hold
pub(crate) struct Tap {
    /// Its name on the host.
    pub(crate) name: String,
    /// The bridge that it joins.
    pub(crate) bridge: Option<String>,
    /// The address of the host's end.
    pub(crate) mac: Option<[u8; 6]>,
    /// Its largest packet.
    pub(crate) mtu: Option<u32>,
    /// The descriptors under which the emulator finds its queues.
    pub(crate) queues: Vec<i32>,
}

impl Tap {
    /// Makes it, and gives its queues. It lives as long as one of them is open.
    pub(super) fn create(&self) -> Result<Vec<(i32, OwnedFd)>> {
        let mut queues: Vec<(i32, OwnedFd)> = Vec::with_capacity(self.queues.len());
        for number in &self.queues {
            queues.push((*number, self.queue(queues.is_empty())?.into()));
        }
        let control = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
            .map_err(|errno| self.cannot("configure", errno))?;
        let change = |what: &str, request: libc::Ioctl, argument: &mut ifreq| {
            ioctl(&control, request, argument).map_err(|errno| self.cannot(what, errno))
        };
        if let Some(mac) = self.mac {
            let mut argument = self.request();
            let mut address = libc::sockaddr { sa_family: libc::ARPHRD_ETHER, sa_data: [0; 14] };
            for (to, from) in address.sa_data.iter_mut().zip(mac) {
                *to = from.cast_signed();
            }
            argument.ifr_ifru.ifru_hwaddr = address;
            change("set the address of", libc::SIOCSIFHWADDR, &mut argument)?;
        }
        if let Some(mtu) = self.mtu {
            let mut argument = self.request();
            argument.ifr_ifru.ifru_mtu = mtu.cast_signed();
            change("set the MTU of", libc::SIOCSIFMTU, &mut argument)?;
        }
        if let Some(bridge) = &self.bridge {
            let index = nix::net::if_::if_nametoindex(self.name.as_str())
                .map_err(|errno| self.cannot("find", errno))?;
            let mut argument = request(bridge);
            argument.ifr_ifru.ifru_ifindex = index.cast_signed();
            ioctl(&control, SIOCBRADDIF, &mut argument).map_err(|errno| {
                let attempt = format!("Unable to add bridge {bridge} port {}", self.name);
                Error::system(ErrorDomain::QEMU, attempt, errno)
            })?;
        }
        let mut argument = self.request();
        change("read the flags of", libc::SIOCGIFFLAGS, &mut argument)?;
        // SAFETY: the kernel has just filled in the flags.
        let flags = unsafe { argument.ifr_ifru.ifru_flags };
        argument.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
        change("bring up", libc::SIOCSIFFLAGS, &mut argument)?;
        Ok(queues)
    }

    fn queue(&self, first: bool) -> Result<File> {
        let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun").map_err(|error| {
            Error::system(ErrorDomain::QEMU, "Unable to open /dev/net/tun, is tun module loaded?", error)
        })?;
        let mut flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        if self.queues.len() > 1 {
            flags |= libc::IFF_MULTI_QUEUE;
        }
        if first {
            flags |= IFF_TUN_EXCL;
        }
        let mut argument = self.request();
        // The field is a short whose sixteenth bit is a flag like the others.
        argument.ifr_ifru.ifru_flags = flags as libc::c_short;
        ioctl(&file, libc::TUNSETIFF as libc::Ioctl, &mut argument).map_err(|errno| {
            Error::system(ErrorDomain::QEMU, format!("Unable to create tap device {}", self.name), errno)
        })?;
        Ok(file)
    }

    fn request(&self) -> ifreq {
        request(&self.name)
    }

    fn cannot(&self, what: &str, errno: Errno) -> Error {
        Error::system(ErrorDomain::QEMU, format!("cannot {what} the tap device '{}'", self.name), errno)
    }

    pub(super) fn describe(&self) -> String {
        match &self.bridge {
            Some(bridge) => format!("make the tap device '{}' on the bridge '{bridge}'", self.name),
            None => format!("make the tap device '{}'", self.name),
        }
    }
}

/// A request about the device `name`, which the kernel cuts at 15 bytes.
fn request(name: &str) -> ifreq {
    // SAFETY: all bits zero are a valid ifreq.
    let mut request: ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *to = from.cast_signed();
    }
    request
}

fn ioctl(descriptor: &impl AsRawFd, request: libc::Ioctl, argument: &mut ifreq) -> nix::Result<()> {
    // SAFETY: all requests made here read and write one ifreq, which lives for the call.
    let result = unsafe { libc::ioctl(descriptor.as_raw_fd(), request, std::ptr::from_mut(argument)) };
    Errno::result(result).map(drop)
}

/// The first name of the pattern `vnet%d` that no device of the host has.
pub(crate) fn free_name(taken: &[String]) -> String {
    let exists = |name: &str| nix::net::if_::if_nametoindex(name).is_ok();
    let mut names = (0u32..).map(|number| format!("vnet{number}"));
    names.find(|name| !taken.contains(name) && !exists(name)).unwrap_or_else(|| "vnet0".into())
}
