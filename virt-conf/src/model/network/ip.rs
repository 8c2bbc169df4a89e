//! `<ip>`: the host's address in a network, and what is handed out there.

use std::net::IpAddr;

use super::{AddressRange, name_of, refuse, unparsable, unsupported};
use crate::model::MacAddress;
use crate::model::device::Family;
use crate::xml::{Element, Reader, Result, Xml, XmlValue};

/// The host's address in a network, and what is handed out there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "ip", spread, after_read = NetworkIp::settle)]
pub struct NetworkIp {
    /// Its family; `ipv4` by default.
    #[xml(attr, unless_empty, invalid = |text| refuse(format!("Unrecognized family '{text}' in network '{}'", name_of(r))))]
    pub family: Option<Family>,
    /// The host's own address on the network; without it libvirt refuses the network.
    #[xml(attr, unless_empty, invalid = |text| refuse(format!("Invalid address '{text}' in network '{}'", name_of(r))))]
    pub address: Option<IpAddr>,
    /// The network's mask, where there is no prefix; of IPv4 only.
    #[xml(attr, unless_empty, invalid = |text| refuse(format!("Invalid netmask '{text}' in network '{}'", name_of(r))))]
    pub netmask: Option<IpAddr>,
    /// The length of the network's prefix.
    #[xml(attr)]
    pub prefix: Option<u32>,
    /// Whether names for addresses are never asked elsewhere; no by default.
    #[xml(attr = "localPtr")]
    pub local_ptr: Option<bool>,
    /// The directory that is served by TFTP, over IPv4.
    #[xml(attr = "tftp/@root")]
    pub tftp_root: Option<String>,
    /// What is handed out by DHCP.
    #[xml(child, skip_if = NetworkIp::has_no_server)]
    pub dhcp: Option<NetworkDhcp>,
}

/// What is handed out by DHCP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "dhcp")]
pub struct NetworkDhcp {
    /// Addresses for anybody.
    #[xml(child)]
    pub ranges: Vec<DhcpRange>,
    /// Addresses for single guests.
    #[xml(child, key = "@mac")]
    pub hosts: Vec<DhcpHost>,
    /// What to boot from the network, over IPv4.
    #[xml(child)]
    pub bootp: Option<DhcpBootp>,
}

/// Addresses for anybody.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "range")]
pub struct DhcpRange {
    /// The first.
    #[xml(attr, invalid = unparsable, missing = no_bound(r, "start"))]
    pub start: IpAddr,
    /// The last.
    #[xml(attr, invalid = unparsable, missing = no_bound(r, "end"))]
    pub end: IpAddr,
    /// For how long; an hour by default.
    #[xml(child, read_if = DhcpLease::is_said)]
    pub lease: Option<DhcpLease>,
}

/// An address for one guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "host")]
pub struct DhcpHost {
    /// The guest's card.
    #[xml(
        attr,
        invalid = |text| refuse(format!("Cannot parse MAC address '{text}' in network '{}'", name_of(r)))
    )]
    pub mac: Option<MacAddress>,
    /// The guest's DHCPv6 identifier: hexadecimal digits and colons.
    #[xml(attr)]
    pub id: Option<String>,
    /// The name that the guest is given; it begins with a letter or a digit.
    #[xml(attr)]
    pub name: Option<String>,
    /// The address.
    #[xml(
        attr,
        invalid = |_| refuse(format!("Invalid IP address in static host definition for network '{}'", name_of(r)))
    )]
    pub ip: Option<IpAddr>,
    /// For how long; an hour by default.
    #[xml(child, read_if = DhcpLease::is_said)]
    pub lease: Option<DhcpLease>,
}

/// How long an address is handed out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "lease", after_read = DhcpLease::settle)]
pub struct DhcpLease {
    /// How long; 0 is for ever.
    #[xml(attr)]
    pub expiry: u64,
    /// In which unit; minutes by default.
    #[xml(attr)]
    pub unit: Option<LeaseUnit>,
}

/// What the time of a lease is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum LeaseUnit {
    /// Seconds.
    Seconds,
    /// Minutes.
    #[default]
    Minutes,
    /// Hours.
    Hours,
}

/// What to boot from the network.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "bootp")]
pub struct DhcpBootp {
    /// What the server sends when a guest boots from the network.
    #[xml(attr)]
    pub file: String,
    /// The server; the network's own by default.
    #[xml(attr, invalid = unparsable)]
    pub server: Option<IpAddr>,
}

impl NetworkIp {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let name = name_of(reader);
        self.check(&name).map_err(|error| reader.place(error))?;
        let is_ipv6 = self.is_ipv6();
        if is_ipv6 && let Some(tftp) = reader.first("tftp") {
            return Err(tftp
                .unsupported(format!("Unsupported <tftp> element in an IPv6 element in network '{name}'")));
        }
        let Some(dhcp) = &mut self.dhcp else { return Ok(()) };
        if is_ipv6 {
            dhcp.bootp = None;
        }
        let (Some(dhcp), Some(element)) = (&self.dhcp, reader.first(NetworkDhcp::NAME)) else {
            return Ok(());
        };
        for (range, element) in dhcp.ranges.iter().zip(element.all(DhcpRange::NAME)) {
            range.check(self).map_err(|error| element.place(error))?;
        }
        for (host, element) in dhcp.hosts.iter().zip(element.all(DhcpHost::NAME)) {
            host.check(self, &name, false).map_err(|error| element.place(error))?;
        }
        Ok(())
    }

    /// Nobody is told what to boot where nobody is given an address.
    #[allow(clippy::ref_option)] // the derive hands the field as it stands
    fn has_no_server(dhcp: &Option<NetworkDhcp>) -> bool {
        dhcp.as_ref().is_none_or(|dhcp| dhcp.ranges.is_empty() && dhcp.hosts.is_empty())
    }

    fn check(&self, name: &str) -> Result<()> {
        let Some(address) = self.address else {
            return Err(refuse(format!("Missing required address attribute in network '{name}'")));
        };
        let prefix = self.prefix.unwrap_or_default();
        let is_ipv6 = self.family == Some(Family::Ipv6);
        let wrong = match (self.netmask, is_ipv6) {
            (_, true) if !address.is_ipv6() => {
                format!("Family 'ipv6' specified for non-IPv6 address '{address}' in network '{name}'")
            }
            (Some(_), true) => {
                format!("netmask not allowed for IPv6 address '{address}' in network '{name}'")
            }
            (None, true) if prefix > 128 => format!("Invalid IPv6 prefix '{prefix}' in network '{name}'"),
            (_, false) if address.is_ipv6() => {
                let family = if self.family.is_none() { "no" } else { "ipv4" };
                format!("{family} family specified for non-IPv4 address '{address}' in network '{name}'")
            }
            (Some(netmask), false) if netmask.is_ipv6() => format!(
                "Invalid netmask '{netmask}' for address '{address}' in network '{name}' (both must be IPv4)"
            ),
            (Some(_), false) if prefix > 0 => {
                format!("Network '{name}' IP address cannot have both a prefix and a netmask")
            }
            (None, false) if prefix > 32 => format!("Invalid IPv4 prefix '{prefix}' in network '{name}'"),
            _ => return Ok(()),
        };
        Err(unsupported(wrong))
    }

    /// Whether it is an IPv6 network.
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        self.address.is_some_and(|address| address.is_ipv6())
    }

    /// The length of the network's prefix, given as such, by the mask, or by the class of the address; none where the
    /// class has none.
    #[must_use]
    pub fn prefix_length(&self) -> Option<u32> {
        if let Some(prefix) = self.prefix.filter(|prefix| *prefix > 0) {
            return Some(prefix);
        }
        match (self.netmask, self.address?) {
            // A mask with holes makes no network.
            (Some(IpAddr::V4(mask)), _) => {
                let bits = mask.to_bits();
                Some(bits.leading_ones()).filter(|prefix| *prefix == bits.count_ones())
            }
            (_, IpAddr::V6(_)) => Some(64),
            (_, IpAddr::V4(address)) => match address.octets() {
                [0..=127, ..] => Some(8),
                [128..=191, ..] => Some(16),
                [192..=223, ..] => Some(24),
                _ => None,
            },
        }
    }
}

impl DhcpRange {
    /// Refuses a range that is not one of `ip`'s network.
    pub(super) fn check(&self, ip: &NetworkIp) -> Result<()> {
        AddressRange { start: self.start, end: self.end }
            .check(ip.address.map(|address| (address, ip.prefix_length())))
    }
}

impl DhcpHost {
    /// Refuses a guest that `ip`'s network could not know; with `partial` it only has to say which one is meant.
    pub(super) fn check(&self, ip: &NetworkIp, name: &str, partial: bool) -> Result<()> {
        let wrong = match (&self.mac, &self.id, &self.name) {
            (Some(mac), ..) if ip.is_ipv6() => format!(
                "Invalid to specify MAC address '{mac}' in network '{name}' IPv6 static host definition"
            ),
            (Some(mac), ..) if mac.is_multicast() => {
                format!("expected unicast mac address, found multicast '{mac}' in network '{name}'")
            }
            (_, Some(id), _) if let Some(bad) = id.chars().find(|c| !c.is_ascii_hexdigit() && *c != ':') => {
                format!("Invalid character '{bad}' in id '{id}' of network '{name}'")
            }
            (.., Some(host)) if !host.starts_with(|c: char| c.is_ascii_alphanumeric()) => {
                format!("Cannot use host name '{host}' in network '{name}'")
            }
            (None, _, None) if partial && self.ip.is_none() => format!(
                "At least one of name, mac, or ip attribute must be specified for static host definition in network '{name}'"
            ),
            _ if partial => return Ok(()),
            (_, None, None) if ip.is_ipv6() => {
                format!("Static host definition in IPv6 network '{name}' must have id or name attribute")
            }
            (None, _, None) if !ip.is_ipv6() => {
                format!("Static host definition in IPv4 network '{name}' must have mac or name attribute")
            }
            _ if self.ip.is_none() => {
                format!("Missing IP address in static host definition for network '{name}'")
            }
            _ => return Ok(()),
        };
        Err(refuse(wrong))
    }
}

impl DhcpLease {
    /// Whether what `reader` is at says how long its address is handed out for.
    fn is_said(reader: &Reader<'_, '_>) -> bool {
        reader.first(Self::NAME).is_some_and(|lease| lease.attr_text("expiry").is_some())
    }

    /// For ever has no unit, and nothing is shorter than two minutes.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.unit = (self.expiry > 0).then_some(self.unit.unwrap_or_default());
        if matches!(
            (self.unit, self.expiry),
            (Some(LeaseUnit::Seconds), ..120) | (Some(LeaseUnit::Minutes), ..2)
        ) {
            return Err(reader.unsupported("The minimum lease time should be greater than 2 minutes"));
        }
        Ok(())
    }
}

fn no_bound(reader: &Reader<'_, '_>, which: &str) -> crate::xml::Error {
    refuse(format!("Missing '{which}' attribute in dhcp range for network '{}'", name_of(reader)))
}
