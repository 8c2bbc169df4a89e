//! Addresses, routes and forwarded ports of an interface, and its share of the line.

use std::net::IpAddr;

use crate::model::device::{Hostdev, Interface};
use crate::model::{Network, NetworkPort, PortGroup, PortPlug, network_of};
use crate::xml::{Element, Error, ErrorCode, ErrorDomain, NonZero, Plain, Reader, Result, Xml, XmlValue};

/// Traffic shaping.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "bandwidth", before_read = Bandwidth::has_no_class, after_read = Bandwidth::settle)]
pub struct Bandwidth {
    /// Towards the guest.
    #[xml(child = "inbound")]
    pub inbound: Option<BandwidthRate>,
    /// From the guest.
    #[xml(child = "outbound")]
    pub outbound: Option<BandwidthRate>,
}

impl Bandwidth {
    /// Classes are the ports' of a network; whoever asks for traffic shaping does not choose one.
    fn has_no_class(reader: &Reader<'_, '_>) -> Result<()> {
        let given = reader.attr::<Plain, u32>(&[], "classID")?.is_some();
        if given && reader.root().name() != NetworkPort::NAME {
            return Err(malformed(
                reader,
                "classID attribute not supported on <bandwidth> in this usage context",
            ));
        }
        Ok(())
    }

    /// A direction without a rate above zero is as good as not shaped, however much may go in one go.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        for direction in [&mut self.inbound, &mut self.outbound] {
            *direction = direction.take().filter(BandwidthRate::shapes);
        }
        Ok(())
    }
}

fn malformed(reader: &Reader<'_, '_>, sentence: &str) -> Error {
    reader.error(ErrorCode::XML_DETAIL, ErrorDomain::NONE, sentence)
}

fn unfit(reader: &Reader<'_, '_>, sentence: &str) -> Error {
    reader.error(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NONE, sentence)
}

/// Whether a rate can be guaranteed: on a bridge that libvirt shapes as a whole, to who is plugged into it.
fn guarantees(rate: &Reader<'_, '_>) -> bool {
    let Some(owner) = rate.parent().and_then(|bandwidth| bandwidth.parent()) else { return true };
    match owner.name() {
        Network::NAME | PortGroup::NAME => false,
        NetworkPort::NAME => {
            let plug = owner.first(PortPlug::NAME).and_then(|plug| plug.attr_text("type"));
            // What a port is plugged into is for its network to say, where the request leaves it open.
            plug.is_none_or(|kind| matches!(kind, "network" | "bridge"))
        }
        _ => true,
    }
}

/// Traffic shaping in one direction, in KiB.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "rate", after_read = BandwidthRate::settle)]
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

impl BandwidthRate {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.average.is_none() && self.floor.is_none() {
            return Err(malformed(reader, "Missing mandatory average or floor attributes"));
        }
        if self.average.is_none() && (self.peak.is_some() || self.burst.is_some()) {
            return Err(unfit(reader, "'peak' and 'burst' require 'average' attribute"));
        }
        if self.floor.is_some() && !guarantees(reader) {
            return Err(unfit(reader, "floor attribute is not supported for this config"));
        }
        for rate in [&mut self.average, &mut self.peak, &mut self.burst, &mut self.floor] {
            *rate = rate.filter(|rate| *rate > 0);
        }
        Ok(())
    }

    /// Whether there is a rate to keep to, or to guarantee.
    fn shapes(&self) -> bool {
        self.average.is_some() || self.floor.is_some()
    }
}

/// An IP address.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "ip", after_read = Ip::settle)]
pub struct Ip {
    /// IPv4 or IPv6, without a prefix length.
    #[xml(attr, invalid = bad_address, missing = crate::error::refuse("Missing required address in <ip>"))]
    pub address: IpAddr,
    /// Its family, derived from it.
    #[xml(attr, lenient)]
    pub family: Option<Family>,
    /// Length of the network prefix.
    #[xml(attr, invalid = bad_prefix)]
    pub prefix: Option<u32>,
    /// The other end, on a point-to-point link.
    #[xml(attr, invalid = bad_peer)]
    pub peer: Option<IpAddr>,
}

impl Ip {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let fits =
            |address: IpAddr| self.family.is_none_or(|family| address.is_ipv6() == (family == Family::Ipv6));
        if !fits(self.address) {
            return Err(reader.at_attr("address", bad_address(reader.attr_value(&[], "address"))));
        }
        let longest = if self.address.is_ipv6() { 128 } else { 32 };
        if self.prefix.is_some_and(|prefix| prefix > longest) {
            return Err(reader.at_attr("prefix", bad_prefix(reader.attr_value(&[], "prefix"))));
        }
        if self.peer.is_some_and(|peer| peer.is_ipv6() != self.address.is_ipv6()) {
            return Err(reader.at_attr("peer", bad_peer(reader.attr_value(&[], "peer"))));
        }
        self.prefix = self.prefix.filter(|prefix| *prefix > 0);
        self.family = Some(if self.address.is_ipv6() { Family::Ipv6 } else { Family::Ipv4 });
        Ok(())
    }
}

fn bad_address(text: &str) -> Error {
    crate::error::refuse(format!("Invalid address '{text}' in <ip>"))
}

fn bad_prefix(text: &str) -> Error {
    crate::error::refuse(format!("Invalid prefix value '{text}' in <ip>"))
}

fn bad_peer(text: &str) -> Error {
    crate::error::invalid(format!("Invalid peer '{text}' in <ip>"))
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
#[xml(name = "route", before_read = Route::check_address, after_read = Route::check)]
pub struct Route {
    /// IPv4 or IPv6; absent: IPv4.
    #[xml(attr, invalid = |text| bad_route(r, format!("Unrecognized family '{text}' in route definition")))]
    pub family: Option<Family>,
    /// The network.
    #[xml(
        attr,
        invalid = |text| bad_route(r, format!("Bad network address '{text}' in route definition")),
        missing = no_network(r)
    )]
    pub address: IpAddr,
    /// Its mask, where there is no prefix.
    #[xml(attr, invalid = |text| bad_route(r, format!("Bad netmask address '{text}' in route definition")))]
    pub netmask: Option<IpAddr>,
    /// Length of its prefix.
    #[xml(attr)]
    pub prefix: Option<u32>,
    /// The way there.
    #[xml(
        attr,
        invalid = |text| bad_route(r, format!("Bad gateway address '{text}' in route definition")),
        missing = no_gateway(r)
    )]
    pub gateway: IpAddr,
    /// Lower is preferred.
    #[xml(attr, with = NonZero)]
    pub metric: Option<u32>,
}

impl Route {
    /// What leads nowhere is found out before anything else.
    fn check_address(reader: &Reader<'_, '_>) -> Result<()> {
        let missing = match ["address", "gateway"].map(|name| reader.attr_text(name)) {
            [None, _] => no_network(reader),
            [_, None] => no_gateway(reader),
            _ => return Ok(()),
        };
        Err(reader.place(missing))
    }

    /// Refuses what is not of one family, or not a network.
    fn check(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let Self { family, address, netmask, gateway, .. } = *self;
        let (is_ipv6, prefix) = (family == Some(Family::Ipv6), self.prefix.unwrap_or_default());
        let subject = if family.is_none() { "No" } else { "IPv4" };
        let wrong = match netmask {
            _ if is_ipv6 && !address.is_ipv6() => {
                format!("ipv6 family specified for non-IPv6 address '{address}' in route definition")
            }
            Some(_) if is_ipv6 => {
                format!("Specifying netmask invalid for IPv6 address '{address}' in route definition")
            }
            _ if is_ipv6 && !gateway.is_ipv6() => {
                format!("ipv6 specified for non-IPv6 gateway address '{gateway}' in route definition")
            }
            _ if is_ipv6 && prefix > 128 => {
                format!("Invalid prefix {prefix} specified in route definition, must be 0 - 128")
            }
            _ if !is_ipv6 && address.is_ipv6() => {
                format!("{subject} family specified for non-IPv4 address '{address}' in route definition")
            }
            // libvirt names the network here, not the gateway.
            _ if !is_ipv6 && gateway.is_ipv6() => {
                format!("{subject} family specified for non-IPv4 gateway '{address}' in route definition")
            }
            Some(netmask) if netmask.is_ipv6() => {
                format!("Invalid netmask '{netmask}' for address '{address}' (both must be IPv4)")
            }
            Some(_) if prefix > 0 => "Route definition cannot have both a prefix and a netmask".to_owned(),
            None if !is_ipv6 && prefix > 32 => {
                format!("Invalid prefix {prefix} specified in route definition, must be 0 - 32")
            }
            _ => {
                let bits = match netmask {
                    Some(IpAddr::V4(mask)) => mask.to_bits().leading_ones(),
                    _ => prefix,
                };
                if network_of(address, bits) == address {
                    return Ok(());
                }
                format!("Address '{address}' in route definition is not a network address")
            }
        };
        Err(reader.place(bad_route(reader, wrong)))
    }
}

fn no_network(reader: &Reader<'_, '_>) -> Error {
    bad_route(reader, "Missing required address attribute in route definition")
}

fn no_gateway(reader: &Reader<'_, '_>) -> Error {
    bad_route(reader, "Missing required gateway attribute in route definition")
}

/// What is wrong with a route of a network or of a guest's interface.
fn bad_route(reader: &Reader<'_, '_>, wrong: impl AsRef<str>) -> Error {
    let root = reader.root();
    let owner = reader.parent().unwrap_or(root);
    let of = match owner.name() {
        _ if root.name() == Network::NAME => root.child_value(&[], "name"),
        Hostdev::NAME => "Domain hostdev device".into(),
        Interface::NAME => "guest interface".into(),
        _ => "interface host IP".into(),
    };
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::NETWORK, format!("{of}: {}", wrong.as_ref()))
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
