//! Tap devices: the host's end of a guest's network card.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc::{self, ifreq};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use serde::{Deserialize, Serialize};
use virt_conf::model::{DirectInterface, MacvtapMode as Sharing};
use virt_util::netlink::{self, BridgePort, MacAddress, MacvtapMode, Netlink};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

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
    /// Whether it is somebody else's, who made it and takes care of it.
    #[serde(default)]
    pub(crate) existing: bool,
    /// The descriptors under which the emulator finds its queues.
    pub(crate) queues: Vec<i32>,
    /// What it is on top of, where it is a macvtap.
    #[serde(default)]
    pub(crate) macvtap: Option<Macvtap>,
    /// Whether it cannot talk to other isolated ports of its bridge.
    #[serde(default)]
    pub(crate) isolated: bool,
    /// Whether its bridge learns the addresses behind it.
    #[serde(default = "yes")]
    pub(crate) learning: bool,
    /// How much the guest may receive: average, peak, burst, in KiB and KiB per second.
    #[serde(default)]
    pub(crate) inbound: Option<Rate>,
    /// How much it may send.
    #[serde(default)]
    pub(crate) outbound: Option<Rate>,
}

/// Average, peak, burst.
type Rate = (u64, Option<u64>, Option<u64>);

fn yes() -> bool {
    true
}

/// A device of the host that a macvtap is on top of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Macvtap {
    /// Its name.
    lower: String,
    /// How it is shared: `bridge`, `private`, `vepa`, `passthrough`.
    mode: String,
}

impl Macvtap {
    /// What an interface of type `direct` says.
    pub(crate) fn of(source: &DirectInterface) -> Result<Self> {
        let lower = source.dev.clone().ok_or_else(|| {
            let detail = "an interface of type direct without a device";
            Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, detail)
        })?;
        let mode = source.mode.unwrap_or(Sharing::Vepa).as_str().to_owned();
        Ok(Self { lower, mode })
    }

    fn mode(&self) -> MacvtapMode {
        match self.mode.as_str() {
            "bridge" => MacvtapMode::Bridge,
            "private" => MacvtapMode::Private,
            "passthrough" => MacvtapMode::Passthrough,
            _ => MacvtapMode::Vepa,
        }
    }
}

impl Tap {
    /// Makes it, and gives its queues. It lives as long as one of them is open. One that exists is left as it is.
    pub(super) fn create(&self) -> Result<Vec<(i32, OwnedFd)>> {
        if self.existing && nix::net::if_::if_nametoindex(self.name.as_str()).is_err() {
            let detail = format!("target managed='no' but specified dev '{}' doesn't exist", self.name);
            return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, detail));
        }
        if let Some(macvtap) = &self.macvtap {
            let queues = self.create_macvtap(macvtap)?;
            self.shape()?;
            return Ok(queues);
        }
        let mut queues: Vec<(i32, OwnedFd)> = Vec::with_capacity(self.queues.len());
        for number in &self.queues {
            queues.push((*number, self.queue(queues.is_empty())?.into()));
        }
        if self.existing {
            return Ok(queues);
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
        // What fits the bridge is to fit what is plugged into it.
        let of_bridge = |bridge: &String| {
            let mut argument = request(bridge);
            ioctl(&control, libc::SIOCGIFMTU, &mut argument).ok()?;
            // SAFETY: the kernel has just written this field of the union.
            Some(unsafe { argument.ifr_ifru.ifru_mtu })
        };
        let own = self.mtu.map(u32::cast_signed);
        if let Some(mtu) = own.or_else(|| self.bridge.as_ref().and_then(of_bridge)) {
            let mut argument = self.request();
            argument.ifr_ifru.ifru_mtu = mtu;
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
        self.set_up_port()?;
        self.shape()?;
        Ok(queues)
    }

    /// Makes a macvtap, and opens its queues.
    fn create_macvtap(&self, macvtap: &Macvtap) -> Result<Vec<(i32, OwnedFd)>> {
        let mut netlink = Netlink::open()?;
        let lower = netlink.link_named(&macvtap.lower, Wait::FOREVER)?.ok_or_else(|| {
            let attempt = format!("Unable to get index for interface {}", macvtap.lower);
            Error::system(ErrorDomain::QEMU, attempt, Errno::ENODEV)
        })?;
        let mac = MacAddress(self.mac.unwrap_or_default());
        let link = netlink.create_macvtap(&self.name, lower.index, mac, macvtap.mode(), Wait::FOREVER)?;
        if let Some(mtu) = self.mtu {
            netlink.set_mtu(link.index, mtu, Wait::FOREVER)?;
        }
        netlink.set_up(link.index, true, Wait::FOREVER)?;
        let path = format!("/dev/tap{}", link.index);
        let mut flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        if self.queues.len() > 1 {
            flags |= libc::IFF_MULTI_QUEUE;
        }
        let open = |number: &i32| {
            let opened = OpenOptions::new().read(true).write(true).open(&path);
            let file = opened.map_err(|error| {
                Error::system(ErrorDomain::QEMU, format!("cannot open macvtap tap device {path}"), error)
            })?;
            let mut argument = self.request();
            argument.ifr_ifru.ifru_flags = flags as libc::c_short;
            ioctl(&file, libc::TUNSETIFF as libc::Ioctl, &mut argument)
                .map_err(|errno| self.cannot("set flags on", errno))?;
            Ok((*number, file.into()))
        };
        self.queues.iter().map(open).collect()
    }

    /// Sets what makes it another port of its bridge than others.
    fn set_up_port(&self) -> Result<()> {
        if self.bridge.is_none() || (self.learning && !self.isolated) {
            return Ok(());
        }
        let mut netlink = Netlink::open()?;
        let Some(link) = netlink.link_named(&self.name, Wait::FOREVER)? else { return Ok(()) };
        let off = (!self.learning).then_some(false);
        let port = BridgePort { isolated: self.isolated.then_some(true), learning: off, unicast_flood: off };
        netlink.set_bridge_port(link.index, port, Wait::FOREVER)
    }

    /// Limits what passes.
    fn shape(&self) -> Result<()> {
        const ALL: u16 = 1;
        if self.inbound.is_none() && self.outbound.is_none() {
            return Ok(());
        }
        let mut netlink = Netlink::open()?;
        let Some(link) = netlink.link_named(&self.name, Wait::FOREVER)? else { return Ok(()) };
        // What the guest receives is what the device sends to it, but for a macvtap, which is seen from its other end.
        let (sent, received) = if self.macvtap.is_some() {
            (self.outbound, self.inbound)
        } else {
            (self.inbound, self.outbound)
        };
        let rate = |(average, peak, burst): Rate| netlink::Rate::of_kilobytes(average, peak, burst);
        if let Some(sent) = sent {
            netlink.shape(link.index, ALL, Wait::FOREVER)?;
            netlink.set_class(link.index, ALL, 0, &rate(sent), Wait::FOREVER)?;
        }
        match received {
            Some(received) => netlink.police(link.index, Some(&rate(received)), Wait::FOREVER),
            None => Ok(()),
        }
    }

    /// Makes it, while it is in use, what it is to be instead of `before`: on another bridge, isolated or not, with other
    /// rates.
    pub(super) fn change_from(&self, before: &Self) -> Result<()> {
        let mut netlink = Netlink::open()?;
        let Some(link) = netlink.link_named(&self.name, Wait::FOREVER)? else {
            return Err(self.cannot("find", Errno::ENODEV));
        };
        if self.bridge != before.bridge {
            let bridge = match &self.bridge {
                None => 0,
                Some(name) => {
                    let found = netlink.link_named(name, Wait::FOREVER)?;
                    let attempt = format!("Unable to add bridge {name} port {}", self.name);
                    found.ok_or_else(|| Error::system(ErrorDomain::QEMU, attempt, Errno::ENODEV))?.index
                }
            };
            netlink.set_master(link.index, bridge, Wait::FOREVER)?;
        }
        let port = |tap: &Self| (tap.bridge.clone(), tap.isolated, tap.learning);
        if self.bridge.is_some() && port(self) != port(before) {
            let on = Some(self.learning);
            let port = BridgePort { isolated: Some(self.isolated), learning: on, unicast_flood: on };
            netlink.set_bridge_port(link.index, port, Wait::FOREVER)?;
        }
        if (self.inbound, self.outbound) != (before.inbound, before.outbound) {
            netlink.unshape(link.index, Wait::FOREVER)?;
            netlink.police(link.index, None, Wait::FOREVER)?;
            self.shape()?;
        }
        Ok(())
    }

    /// Removes it, where it does not go with its last descriptor.
    pub(super) fn remove(&self) -> Result<()> {
        if self.macvtap.is_none() {
            return Ok(());
        }
        let mut netlink = Netlink::open()?;
        let link = netlink.link_named(&self.name, Wait::FOREVER)?;
        let mac = self.mac.map(MacAddress);
        match link.filter(|link| link.kind.as_deref() == Some("macvtap") && link.mac == mac) {
            Some(link) => netlink.delete_link(link.index, Wait::FOREVER),
            None => Ok(()),
        }
    }

    fn queue(&self, first: bool) -> Result<File> {
        let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun").map_err(|error| {
            Error::system(ErrorDomain::QEMU, "Unable to open /dev/net/tun, is tun module loaded?", error)
        })?;
        let mut flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        if self.queues.len() > 1 {
            flags |= libc::IFF_MULTI_QUEUE;
        }
        if first && !self.existing {
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
        if let Some(macvtap) = &self.macvtap {
            return format!("make the macvtap '{}' on '{}'", self.name, macvtap.lower);
        }
        match &self.bridge {
            Some(bridge) => format!("make the tap device '{}' on the bridge '{bridge}'", self.name),
            None if self.existing => format!("open the tap device '{}'", self.name),
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

/// The first name of this pattern, `vnet0`, that no device of the host has.
pub(crate) fn free_name(pattern: &str, taken: &[String]) -> String {
    let exists = |name: &str| nix::net::if_::if_nametoindex(name).is_ok();
    let mut names = (0u32..).map(|number| format!("{pattern}{number}"));
    names.find(|name| !taken.contains(name) && !exists(name)).unwrap_or_else(|| format!("{pattern}0"))
}
