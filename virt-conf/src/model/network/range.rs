//! Ranges of addresses, and the networks that they must be in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::xml::{Error, ErrorDomain, Result};

/// A range of addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct AddressRange {
    pub(super) start: IpAddr,
    pub(super) end: IpAddr,
}

/// The network that `address` is in, where the first `prefix` bits of an address tell it.
pub(crate) fn network_of(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(prefix).unwrap_or_default();
            Ipv4Addr::from(address.to_bits() & !host).into()
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(prefix).unwrap_or_default();
            Ipv6Addr::from(address.to_bits() & !host).into()
        }
    }
}

impl AddressRange {
    /// Refuses a range that no server could hand out, or not in the network of an address with that prefix.
    pub(super) fn check(self, network: Option<(IpAddr, Option<u32>)>) -> Result<()> {
        match self.fault(network) {
            Some(sentence) => Err(Error::internal(ErrorDomain::NONE, sentence)),
            None => Ok(()),
        }
    }

    fn fault(self, network: Option<(IpAddr, Option<u32>)>) -> Option<String> {
        let Self { start, end } = self;
        let range = format!("{start} - {end}");
        if start.is_ipv6() != end.is_ipv6() {
            return Some(format!("mismatch of address family in range {range}"));
        }
        if let Some((address, prefix)) = network {
            if start.is_ipv6() != address.is_ipv6() {
                return Some(format!("mismatch of address family in range {range} for network {address}"));
            }
            let Some(prefix) = prefix else {
                return Some(format!("bad prefix -1 for network {address} when checking range {range}"));
            };
            let inside = network_of(address, prefix);
            if network_of(start, prefix) != inside || network_of(end, prefix) != inside {
                return Some(format!("range {range} is not entirely within network {address}/{prefix}"));
            }
            if let (IpAddr::V4(first), IpAddr::V4(last), IpAddr::V4(network)) = (start, end, inside) {
                let broadcast = network.to_bits() | u32::MAX.checked_shr(prefix).unwrap_or_default();
                if first == network {
                    return Some(format!(
                        "start of range {range} in network {address}/{prefix} is the network address"
                    ));
                }
                if last.to_bits() == broadcast {
                    return Some(format!(
                        "end of range {range} in network {address}/{prefix} is the broadcast address"
                    ));
                }
            }
        }
        if network_of(start, Self::common(start)) != network_of(end, Self::common(end)) {
            return Some(format!("range {range} is too large (> 65535)"));
        }
        // The blank at the end is libvirt's.
        (start > end).then(|| format!("range {range} is reversed "))
    }

    /// All but the last 16 bits of both ends must be the same.
    fn common(address: IpAddr) -> u32 {
        if address.is_ipv6() { 128 - 16 } else { 32 - 16 }
    }
}
