//! Network devices that this host makes: bridges, their ports, macvtaps.

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::link::{
    InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoMacVtap, InfoPortData, InfoPortKind, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage, MacVtapMode as Mode,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::link::change;
use super::{Link, MacAddress, Netlink};
use crate::wait::Wait;
use crate::{Error, ErrorDomain, Result};

/// What a bridge is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Its address, which it then keeps, whatever its ports.
    pub mac: MacAddress,
    /// Whether it runs the spanning tree protocol.
    pub stp: bool,
    /// How long a port listens before it forwards, in hundredths of a second.
    pub forward_delay: u32,
    /// Its largest frame, in bytes; nothing: the kernel's choice.
    pub mtu: Option<u32>,
}

/// What is set on a port of a bridge; nothing: as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgePort {
    /// Whether it cannot talk to other isolated ports.
    pub isolated: Option<bool>,
    /// Whether the bridge learns the addresses behind it.
    pub learning: Option<bool>,
    /// Whether frames to unknown addresses go there.
    pub unicast_flood: Option<bool>,
}

/// How the devices on top of another one share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacvtapMode {
    /// Frames among them go through the switch at the other end.
    Vepa,
    /// They cannot talk to each other.
    Private,
    /// They talk to each other directly.
    Bridge,
    /// There is only one.
    Passthrough,
}

impl Netlink {
    /// The device of this name; nothing when there is none.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn link_named(&mut self, name: &str, wait: Wait<'_>) -> Result<Option<Link>> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        let mut found = None;
        let attempt = format!("cannot read network device '{name}'");
        let asked = self.request(RouteNetlinkMessage::GetLink(message), 0, &attempt, wait, |body| {
            found = Link::parse(body);
        });
        match asked {
            Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(None),
            other => other.map(|()| found),
        }
    }

    /// Makes a bridge; it is down.
    ///
    /// # Errors
    ///
    /// `EEXIST` when a device has the name.
    pub fn create_bridge(&mut self, name: &str, bridge: &Bridge, wait: Wait<'_>) -> Result<Link> {
        let data = vec![
            InfoBridge::ForwardDelay(bridge.forward_delay),
            InfoBridge::StpState(u32::from(bridge.stp).into()),
        ];
        let attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(bridge.mac.0.to_vec()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Bridge),
                LinkInfo::Data(InfoData::Bridge(data)),
            ]),
        ];
        // libvirt's words.
        self.create_link(attributes, &format!("error creating bridge interface {name}"), wait)?;
        let link = self.made(name, wait)?;
        if let Some(mtu) = bridge.mtu {
            // What a bridge is born with follows its ports; what is set afterwards stays.
            self.set_mtu(link.index, mtu, wait).inspect_err(|_| {
                _ = self.delete_link(link.index, wait);
            })?;
        }
        Ok(link)
    }

    /// Makes a macvtap on top of another device; it is down.
    ///
    /// # Errors
    ///
    /// `EEXIST` when a device has the name; `EBUSY` when the lower one is in use in a way that does not go together.
    pub fn create_macvtap(
        &mut self,
        name: &str,
        lower: u32,
        mac: MacAddress,
        mode: MacvtapMode,
        wait: Wait<'_>,
    ) -> Result<Link> {
        let mode = match mode {
            MacvtapMode::Vepa => Mode::Vepa,
            MacvtapMode::Private => Mode::Private,
            MacvtapMode::Bridge => Mode::Bridge,
            MacvtapMode::Passthrough => Mode::Passthrough,
        };
        let attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(mac.0.to_vec()),
            LinkAttribute::Link(lower),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::MacVtap),
                LinkInfo::Data(InfoData::MacVtap(vec![InfoMacVtap::Mode(mode)])),
            ]),
        ];
        self.create_link(attributes, &format!("error creating macvtap interface {name}"), wait)?;
        self.made(name, wait)
    }

    fn create_link(&mut self, attributes: Vec<LinkAttribute>, attempt: &str, wait: Wait<'_>) -> Result<()> {
        let mut message = LinkMessage::default();
        message.attributes = attributes;
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.request(RouteNetlinkMessage::NewLink(message), flags, attempt, wait, |_| {})
    }

    fn made(&mut self, name: &str, wait: Wait<'_>) -> Result<Link> {
        self.link_named(name, wait)?.ok_or_else(|| {
            Error::internal(ErrorDomain::NONE, format!("network device '{name}' vanished when it was made"))
        })
    }

    /// Removes a device that this host made.
    ///
    /// # Errors
    ///
    /// `ENODEV` when it has gone; `EOPNOTSUPP` for hardware.
    pub fn delete_link(&mut self, index: u32, wait: Wait<'_>) -> Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        let attempt = format!("cannot delete network device number {index}");
        self.request(RouteNetlinkMessage::DelLink(message), 0, &attempt, wait, |_| {})
    }

    /// Switches a device on or off.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn set_up(&mut self, index: u32, up: bool, wait: Wait<'_>) -> Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        message.header.change_mask = LinkFlags::Up;
        let attempt =
            format!("cannot switch network device number {index} {}", if up { "on" } else { "off" });
        self.request(RouteNetlinkMessage::SetLink(message), 0, &attempt, wait, |_| {})
    }

    /// Changes the largest frame of a device, in bytes.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn set_mtu(&mut self, index: u32, mtu: u32, wait: Wait<'_>) -> Result<()> {
        let attempt = format!("cannot set the MTU of network device number {index} to {mtu}");
        self.request(change(index, vec![LinkAttribute::Mtu(mtu)]), 0, &attempt, wait, |_| {})
    }

    /// Makes a device a port of a bridge; of none with 0.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn set_master(&mut self, index: u32, bridge: u32, wait: Wait<'_>) -> Result<()> {
        let attempt = format!("cannot make network device number {index} a port of number {bridge}");
        self.request(change(index, vec![LinkAttribute::Controller(bridge)]), 0, &attempt, wait, |_| {})
    }

    /// Changes what is set on a port of a bridge.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn set_bridge_port(&mut self, index: u32, port: BridgePort, wait: Wait<'_>) -> Result<()> {
        let settings = [
            port.isolated.map(InfoBridgePort::Isolated),
            port.learning.map(InfoBridgePort::Learning),
            port.unicast_flood.map(InfoBridgePort::UnicastFlood),
        ];
        let mut message = LinkMessage::default();
        message.header.interface_family = AddressFamily::Unspec;
        message.header.index = index;
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(settings.into_iter().flatten().collect())),
        ]));
        let attempt = format!("cannot set up network device number {index} as a port of its bridge");
        self.request(RouteNetlinkMessage::NewLink(message), 0, &attempt, wait, |_| {})
    }
}
