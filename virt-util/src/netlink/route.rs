//! Addresses of network devices, and routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::libc;

use super::{Netlink, attributes, number_u32};
use crate::Result;
use crate::wait::Wait;

/// A route of the main table that leads through a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The network it leads to; all zeroes for the default.
    pub destination: IpAddr,
    /// The length of the network's prefix.
    pub prefix: u8,
    /// The device's number.
    pub device: u32,
}

impl Netlink {
    /// Gives a device an address. Others are not asked whether they have it.
    ///
    /// # Errors
    ///
    /// `EEXIST` when it has it.
    pub fn add_address(&mut self, index: u32, address: IpAddr, prefix: u8, wait: Wait<'_>) -> Result<()> {
        let mut message = AddressMessage::default();
        message.header.prefix_len = prefix;
        message.header.index = index;
        message.header.scope = AddressScope::Universe;
        match address {
            IpAddr::V4(own) => {
                message.header.family = AddressFamily::Inet;
                message.attributes.push(AddressAttribute::Local(address));
                message.attributes.push(AddressAttribute::Address(address));
                message.attributes.extend(broadcast(own, prefix).map(AddressAttribute::Broadcast));
            }
            IpAddr::V6(_) => {
                message.header.family = AddressFamily::Inet6;
                message.header.flags = AddressHeaderFlags::Nodad;
                message.attributes.push(AddressAttribute::Address(address));
                message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
            }
        }
        let attempt = format!("cannot give network device number {index} the address {address}/{prefix}");
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.request(RouteNetlinkMessage::NewAddress(message), flags, &attempt, wait, |_| {})
    }

    /// Adds a route to a network behind a gateway on a device.
    ///
    /// # Errors
    ///
    /// `EEXIST` when there is one; `ENETUNREACH` for a gateway that the device does not reach.
    pub fn add_route(
        &mut self,
        destination: (IpAddr, u8),
        gateway: IpAddr,
        metric: Option<u32>,
        index: u32,
        wait: Wait<'_>,
    ) -> Result<()> {
        let (network, prefix) = destination;
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: family(network),
            destination_prefix_length: prefix,
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Static,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        message.attributes = vec![
            RouteAttribute::Destination(RouteAddress::from(network)),
            RouteAttribute::Gateway(RouteAddress::from(gateway)),
            RouteAttribute::Oif(index),
        ];
        message.attributes.extend(metric.map(RouteAttribute::Priority));
        let attempt = format!("cannot add the route to {network}/{prefix} through {gateway}");
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.request(RouteNetlinkMessage::NewRoute(message), flags, &attempt, wait, |_| {})
    }

    /// The routes of the main table that lead through devices, of both families.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn routes(&mut self, wait: Wait<'_>) -> Result<Vec<Route>> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Unspec;
        self.dump(&RouteNetlinkMessage::GetRoute(message), "cannot list routes", wait, parse)
    }
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

/// Where frames to everybody in the network go; nothing where there is nobody else.
fn broadcast(address: Ipv4Addr, prefix: u8) -> Option<Ipv4Addr> {
    let mask = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    (prefix < 31).then(|| Ipv4Addr::from(u32::from(address) | mask))
}

/// struct rtmsg and its attributes.
fn parse(body: &[u8]) -> Option<Route> {
    const HEADER: usize = 12;
    const DESTINATION: u16 = 1;
    const DEVICE: u16 = 4;
    let &[family, prefix, _, _, table, _, _, kind, ..] = body else { return None };
    if table != libc::RT_TABLE_MAIN || kind != libc::RTN_UNICAST {
        return None;
    }
    let is_ipv4 = i32::from(family) == libc::AF_INET;
    if !is_ipv4 && i32::from(family) != libc::AF_INET6 {
        return None;
    }
    let mut destination =
        if is_ipv4 { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let mut device = None;
    for (attribute, value) in attributes(body.get(HEADER..)?) {
        match attribute {
            DESTINATION => {
                destination = match is_ipv4 {
                    true => <[u8; 4]>::try_from(value).ok()?.into(),
                    false => <[u8; 16]>::try_from(value).ok()?.into(),
                };
            }
            DEVICE => device = number_u32(value),
            _ => {}
        }
    }
    Some(Route { destination, prefix, device: device? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_networks_have_no_broadcast_address() {
        let address = Ipv4Addr::new(192, 168, 7, 1);
        assert_eq!(broadcast(address, 24), Some(Ipv4Addr::new(192, 168, 7, 255)));
        assert_eq!(broadcast(address, 0), Some(Ipv4Addr::BROADCAST));
        for prefix in [31, 32] {
            assert_eq!(broadcast(address, prefix), None);
        }
    }

    #[test]
    fn routes_of_other_tables_and_halves_of_messages_are_passed_over() {
        let mut body =
            vec![libc::AF_INET as u8, 24, 0, 0, libc::RT_TABLE_MAIN, 0, 0, libc::RTN_UNICAST, 0, 0, 0, 0];
        body.extend([8, 0, 1, 0, 10, 9, 8, 0]);
        body.extend([8, 0, 4, 0]);
        body.extend(7u32.to_ne_bytes());
        let route = Route { destination: IpAddr::V4(Ipv4Addr::new(10, 9, 8, 0)), prefix: 24, device: 7 };
        assert_eq!(parse(&body), Some(route));
        body[4] = libc::RT_TABLE_LOCAL;
        assert_eq!(parse(&body), None);
        for length in 0..12 {
            assert_eq!(parse(&body[..length]), None);
        }
    }
}
