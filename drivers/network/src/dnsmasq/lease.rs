//! The addresses that dnsmasq handed out, from its own file of them.

use virt_conf::model::{MacAddress, Network};
use virt_conf::xml::Value;
use virt_core::driver::DhcpLease;

/// Reads the file: a line a lease, those of IPv6 behind the server's own identifier. What is no lease is passed over: the
/// file may be being written.
pub(crate) fn leases(network: &Network, text: &str, mac: Option<MacAddress>, now: i64) -> Vec<DhcpLease> {
    let lease = |line: &str| -> Option<DhcpLease> {
        let mut words = line.split(' ');
        let expiry: i64 = words.next()?.parse().ok()?;
        let (second, address, hostname) = (words.next()?, words.next()?, words.next()?);
        let identifier = words.next()?;
        let ip: std::net::IpAddr = address.parse().ok()?;
        // One that has run out stands there until dnsmasq writes the file again.
        if expiry != 0 && expiry < now {
            return None;
        }
        let is_known = |word: &&str| *word != "*";
        let card = match ip.is_ipv6() {
            false => <MacAddress as Value>::parse(second).ok(),
            true => card_of(identifier),
        };
        if mac.is_some() && card != mac {
            return None;
        }
        let mut of = network.ips.iter().filter(|own| own.is_ipv6() == ip.is_ipv6());
        Some(DhcpLease {
            interface: network.bridge.as_ref().and_then(|bridge| bridge.name.clone()).unwrap_or_default(),
            expiry,
            ipv6: ip.is_ipv6(),
            mac: card.map(|mac| mac.to_string()),
            iaid: ip.is_ipv6().then(|| second.trim_start_matches('T').to_owned()),
            address: address.to_owned(),
            prefix: of.find_map(virt_conf::model::NetworkIp::prefix_length).unwrap_or_default(),
            hostname: Some(hostname).filter(is_known).map(str::to_owned),
            client_id: Some(identifier).filter(is_known).map(str::to_owned),
        })
    };
    text.lines().filter_map(lease).collect()
}

/// The card that a DHCPv6 identifier was made of: of the types that have the link's address (RFC 8415), over Ethernet.
fn card_of(identifier: &str) -> Option<MacAddress> {
    let bytes: Option<Vec<u8>> =
        identifier.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    let bytes = bytes?;
    let ([0, 1, 0, 1, _, _, _, _, link @ ..] | [0, 3, 0, 1, link @ ..]) = bytes.as_slice() else {
        return None;
    };
    Some(MacAddress(link.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "1700003600 52:54:00:00:00:01 10.7.0.5 web 01:52:54:00:00:00:01\n\
        0 52:54:00:00:00:02 10.7.0.6 * *\n\
        1600000000 52:54:00:00:00:03 10.7.0.7 old *\n\
        half a line\n\
        duid 00:01:00:01:2e:00:00:00:52:54:00:aa:bb:cc\n\
        1700003600 T5505026 2001:db8:7::15 db 00:03:00:01:52:54:00:00:00:01\n";

    #[test]
    fn leases_are_those_of_one_card_where_one_is_named() {
        let network: Network =
            "<network><name>lab</name><bridge name='lab0'/><ip address='10.7.0.1' prefix='16'/>\
            <ip family='ipv6' address='2001:db8:7::1' prefix='64'/></network>"
                .parse()
                .unwrap();
        let all = leases(&network, FILE, None, 1_700_000_000);
        let addresses: Vec<_> = all.iter().map(|lease| (lease.address.as_str(), lease.prefix)).collect();
        assert_eq!(addresses, [("10.7.0.5", 16), ("10.7.0.6", 16), ("2001:db8:7::15", 64)]);
        assert_eq!(all[1].hostname, None);
        assert_eq!(all[2].iaid.as_deref(), Some("5505026"));
        let one = leases(&network, FILE, Some(MacAddress([0x52, 0x54, 0, 0, 0, 1])), 1_700_000_000);
        assert_eq!(
            one.iter().map(|lease| lease.hostname.as_deref()).collect::<Vec<_>>(),
            [Some("web"), Some("db")]
        );
    }
}
