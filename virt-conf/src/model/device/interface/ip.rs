//! Addresses, routes and forwarded ports of an interface, and its share of the line.

use std::net::IpAddr;

use crate::xml::{Reader, Result, Xml, XmlValue};

/// Traffic shaping.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "bandwidth")]
pub struct Bandwidth {
    /// Towards the guest.
    #[xml(child = "inbound")]
    pub inbound: Option<BandwidthRate>,
    /// From the guest.
    #[xml(child = "outbound")]
    pub outbound: Option<BandwidthRate>,
}

/// Traffic shaping in one direction, in KiB.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "rate")]
pub struct BandwidthRate {
    /// Per second, on average.
    #[xml(attr)]
    pub average: Option<u64>,
    /// Per second, at most.
    #[xml(attr)]
    pub peak: Option<u64>,
    /// Per second, guaranteed.
    #[xml(attr)]
    pub floor: Option<u64>,
    /// At peak speed, in one go.
    #[xml(attr)]
    pub burst: Option<u64>,
}

/// An IP address.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "ip", after_read = Ip::settle)]
pub struct Ip {
    /// IPv4 or IPv6, without a prefix length.
    #[xml(attr)]
    pub address: IpAddr,
    /// Its family, derived from it.
    #[xml(attr)]
    pub family: Option<Family>,
    /// Length of the network prefix.
    #[xml(attr)]
    pub prefix: Option<u32>,
    /// The other end, on a point-to-point link.
    #[xml(attr)]
    pub peer: Option<IpAddr>,
}

impl Ip {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.family = Some(if self.address.is_ipv6() { Family::Ipv6 } else { Family::Ipv4 });
        Ok(())
    }
}

/// A family of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum Family {
    /// `ipv4`
    Ipv4,
    /// `ipv6`
    Ipv6,
}

/// An IP route.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "route")]
pub struct Route {
    /// IPv4 or IPv6; absent: that of the addresses.
    #[xml(attr)]
    pub family: Option<Family>,
    /// The network.
    #[xml(attr)]
    pub address: IpAddr,
    /// Its mask, where there is no prefix.
    #[xml(attr)]
    pub netmask: Option<IpAddr>,
    /// Length of its prefix.
    #[xml(attr)]
    pub prefix: Option<u32>,
    /// The way there.
    #[xml(attr)]
    pub gateway: IpAddr,
    /// Lower is preferred.
    #[xml(attr)]
    pub metric: Option<u32>,
}

/// Host ports that lead into the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "portForward", keep_empty)]
pub struct PortForward {
    /// `tcp` or `udp`.
    #[xml(attr)]
    pub proto: Proto,
    /// The host's address.
    #[xml(attr)]
    pub address: Option<IpAddr>,
    /// The host's device.
    #[xml(attr)]
    pub dev: Option<String>,
    /// All ports, when empty.
    #[xml(child)]
    pub ranges: Vec<PortRange>,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum Proto {
    /// `tcp`
    Tcp,
    /// `udp`
    Udp,
}

/// Consecutive ports.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "range")]
pub struct PortRange {
    /// The first.
    #[xml(attr)]
    pub start: Option<u32>,
    /// The last.
    #[xml(attr)]
    pub end: Option<u32>,
    /// What the first becomes in the guest.
    #[xml(attr)]
    pub to: Option<u32>,
    /// Whether these are left out instead.
    #[xml(attr)]
    pub exclude: Option<bool>,
}
