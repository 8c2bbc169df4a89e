//! `<ip>`: the host's address in a network, and what is handed out there.

use std::net::IpAddr;

use crate::model::MacAddress;
use crate::model::device::Family;
use crate::xml::{Reader, Result, Xml, XmlValue};

/// The host's address in a network, and what is handed out there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "ip", spread)]
pub struct NetworkIp {
    /// Its family; `ipv4` by default.
    #[xml(attr)]
    pub family: Option<Family>,
    /// The host's own address on the network.
    #[xml(attr)]
    pub address: Option<IpAddr>,
    /// The network's mask, where there is no prefix.
    #[xml(attr)]
    pub netmask: Option<IpAddr>,
    /// The length of the network's prefix.
    #[xml(attr)]
    pub prefix: Option<u32>,
    /// Whether names for addresses are never asked elsewhere; no by default.
    #[xml(attr = "localPtr")]
    pub local_ptr: Option<bool>,
    /// The directory that is served by TFTP.
    #[xml(attr = "tftp/@root")]
    pub tftp_root: Option<String>,
    /// What is handed out by DHCP.
    #[xml(child)]
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
    #[xml(child)]
    pub hosts: Vec<DhcpHost>,
    /// What to boot from the network.
    #[xml(child)]
    pub bootp: Option<DhcpBootp>,
}

/// Addresses for anybody.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "range")]
pub struct DhcpRange {
    /// The first.
    #[xml(attr)]
    pub start: IpAddr,
    /// The last.
    #[xml(attr)]
    pub end: IpAddr,
    /// For how long; an hour by default.
    #[xml(child)]
    pub lease: Option<DhcpLease>,
}

/// An address for one guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "host")]
pub struct DhcpHost {
    /// The guest's card.
    #[xml(attr)]
    pub mac: Option<MacAddress>,
    /// The guest's DHCPv6 identifier.
    #[xml(attr)]
    pub id: Option<String>,
    /// The name that the guest is given.
    #[xml(attr)]
    pub name: Option<String>,
    /// The address.
    #[xml(attr)]
    pub ip: Option<IpAddr>,
    /// For how long; an hour by default.
    #[xml(child)]
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
    #[xml(attr)]
    pub server: Option<IpAddr>,
}

impl DhcpLease {
    /// For ever has no unit.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.unit = (self.expiry > 0).then_some(self.unit.unwrap_or_default());
        Ok(())
    }
}
