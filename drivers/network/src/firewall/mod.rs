//! What a network lets through: one list of rules, rendered as our transaction and as libvirt's commands.

mod iptables;
mod libvirt;
mod nft;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use virt_conf::model::{ForwardMode, Network, NetworkIp};

pub(crate) use iptables::{removal, restore};
pub use libvirt::{iptables_commands, nftables_commands};
pub(crate) use nft::{remove, table, transaction};

/// A network's addresses: the first, and the length of the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

/// Which packets a rule is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    /// To the host.
    Input,
    /// From the host.
    Output,
    /// Among guests.
    Cross,
    /// To guests, through the host.
    GuestInput,
    /// From guests, through the host.
    GuestOutput,
    /// On their way out, for the translation of their addresses.
    Nat,
    /// On their way out, for changes of the packets themselves.
    Mangle,
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    Reject,
    /// Its address is not translated.
    Return,
    /// It leaves under the host's address, or one of these, from one of these ports.
    Translate {
        addresses: Option<(Ipv4Addr, Ipv4Addr)>,
        ports: Option<(u16, u16)>,
    },
    /// Its checksum is completed.
    FillChecksum,
}

/// One rule: what it looks at, and what it decides. What is not set does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) family: Family,
    pub(crate) chain: Chain,
    pub(crate) from_device: Option<String>,
    pub(crate) to_device: Option<String>,
    pub(crate) source: Option<Subnet>,
    pub(crate) destination: Option<Subnet>,
    /// Whether the destination is everywhere else.
    pub(crate) elsewhere: bool,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) port: Option<u16>,
    /// Only of connections that are there.
    pub(crate) established: bool,
    pub(crate) verdict: Verdict,
}

/// The rules of a network, the ones that are asked last first: each is to be put before those in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    bridge: String,
    rules: Vec<Rule>,
    /// Whether the bridge is to complete the checksums of DHCP answers.
    checksums: bool,
}

/// Ports of translated connections, where nobody says which: privileged ones would let guests pass for the host.
const PORTS: (u16, u16) = (1024, 65535);

impl Subnet {
    /// The network that an address of the host's is in.
    pub(crate) fn of(ip: &NetworkIp) -> Option<Self> {
        let prefix = u8::try_from(ip.prefix_length()?).ok()?;
        Some(Self::around(ip.address?, prefix))
    }

    /// The network around an address.
    pub(crate) fn around(address: IpAddr, prefix: u8) -> Self {
        let address = match address {
            IpAddr::V4(own) => {
                let host = u32::MAX.checked_shr(prefix.into()).unwrap_or_default();
                IpAddr::V4(Ipv4Addr::from_bits(own.to_bits() & !host))
            }
            IpAddr::V6(own) => {
                let host = u128::MAX.checked_shr(prefix.into()).unwrap_or_default();
                IpAddr::V6(Ipv6Addr::from_bits(own.to_bits() & !host))
            }
        };
        Self { address, prefix }
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Rule {
    fn new(family: Family, chain: Chain, verdict: Verdict) -> Self {
        Self {
            family,
            chain,
            from_device: None,
            to_device: None,
            source: None,
            destination: None,
            elsewhere: false,
            protocol: None,
            port: None,
            established: false,
            verdict,
        }
    }

    fn from(mut self, device: &str) -> Self {
        self.from_device = Some(device.to_owned());
        self
    }

    fn to(mut self, device: &str) -> Self {
        self.to_device = Some(device.to_owned());
        self
    }

    fn port(mut self, protocol: Protocol, port: u16) -> Self {
        (self.protocol, self.port) = (Some(protocol), Some(port));
        self
    }
}

impl Rules {
    /// The bridge of the network.
    pub(crate) fn bridge(&self) -> &str {
        &self.bridge
    }

    /// Whether the bridge is to complete the checksums of DHCP answers.
    pub(crate) fn completes_checksums(&self) -> bool {
        self.checksums
    }

    /// The rules of a network whose bridge has a name; none where the network has no firewall.
    pub fn of(network: &Network) -> Option<Self> {
        if !network.makes_bridge() || network.mode() == Some(ForwardMode::Open) {
            return None;
        }
        let bridge = network.bridge.as_ref()?.name.clone()?;
        let serves = |ip: &&NetworkIp| {
            ip.dhcp.as_ref().is_some_and(|dhcp| !(dhcp.ranges.is_empty() && dhcp.hosts.is_empty()))
        };
        let checksums = network.ips.iter().filter(|ip| !ip.is_ipv6()).any(|ip| serves(&ip));
        let mut this = Self { bridge, rules: Vec::new(), checksums };
        this.general_ipv4(network);
        this.general_ipv6(network);
        for ip in &network.ips {
            this.of_address(network, ip);
        }
        if checksums {
            let rule = Rule::new(Family::Ipv4, Chain::Mangle, Verdict::FillChecksum);
            this.rules.push(rule.to(&this.bridge).port(Protocol::Udp, 68));
        }
        Some(this)
    }

    /// Whether addresses of this family are forwarded at all.
    pub(crate) fn forwards(network: &Network, ipv6: bool) -> bool {
        let forwards =
            matches!(network.mode(), Some(ForwardMode::Nat | ForwardMode::Route | ForwardMode::Open));
        forwards && network.ips.iter().any(|ip| ip.is_ipv6() == ipv6)
    }

    fn ports_of_host(&mut self, family: Family, ports: &[(Chain, u16)], protocols: &[Protocol]) {
        for (chain, port) in ports {
            for protocol in protocols {
                let rule = Rule::new(family, *chain, Verdict::Accept).port(*protocol, *port);
                let rule = match chain {
                    Chain::Input => rule.from(&self.bridge),
                    _ => rule.to(&self.bridge),
                };
                self.rules.push(rule);
            }
        }
    }

    /// Nothing through the host but among guests, unless a later rule allows it.
    fn nothing_but_cross(&mut self, family: Family) {
        let bridge = &self.bridge;
        let rules = [
            Rule::new(family, Chain::GuestOutput, Verdict::Reject).from(bridge),
            Rule::new(family, Chain::GuestInput, Verdict::Reject).to(bridge),
            Rule::new(family, Chain::Cross, Verdict::Accept).from(bridge).to(bridge),
        ];
        self.rules.extend(rules);
    }

    fn general_ipv4(&mut self, network: &Network) {
        const BOTH: &[Protocol] = &[Protocol::Tcp, Protocol::Udp];
        let dhcp = [(Chain::Input, 67), (Chain::Output, 68)];
        let dns = [(Chain::Input, 53), (Chain::Output, 53)];
        let tftp = [(Chain::Input, 69), (Chain::Output, 69)];
        self.ports_of_host(Family::Ipv4, &dhcp, BOTH);
        self.ports_of_host(Family::Ipv4, &dns, BOTH);
        // Of the first that serves anything, as only one does.
        let serving = network.ips.iter().filter(|ip| !ip.is_ipv6()).find(|ip| {
            let dhcp = ip.dhcp.as_ref();
            ip.tftp_root.is_some()
                || dhcp.is_some_and(|dhcp| !(dhcp.ranges.is_empty() && dhcp.hosts.is_empty()))
        });
        if serving.is_some_and(|ip| ip.tftp_root.is_some()) {
            self.ports_of_host(Family::Ipv4, &tftp, &[Protocol::Udp]);
        }
        self.nothing_but_cross(Family::Ipv4);
    }

    fn general_ipv6(&mut self, network: &Network) {
        let has_addresses = network.ips.iter().any(NetworkIp::is_ipv6);
        if !has_addresses && !network.ipv6 {
            return;
        }
        self.nothing_but_cross(Family::Ipv6);
        if has_addresses {
            let dns = [(Chain::Input, 53), (Chain::Output, 53)];
            self.ports_of_host(Family::Ipv6, &dns, &[Protocol::Tcp, Protocol::Udp]);
            self.ports_of_host(Family::Ipv6, &[(Chain::Input, 547), (Chain::Output, 546)], &[Protocol::Udp]);
        }
    }

    fn of_address(&mut self, network: &Network, ip: &NetworkIp) {
        let (Some(forward), Some(subnet)) = (&network.forward, Subnet::of(ip)) else { return };
        let family = if ip.is_ipv6() { Family::Ipv6 } else { Family::Ipv4 };
        let way_out = forward.dev.as_deref();
        let nat = forward.nat.as_ref();
        let translates = family == Family::Ipv4 || nat.is_some_and(|nat| nat.ipv6 == Some(true));
        let through = |rule: Rule, outward: bool| match (way_out, outward) {
            (Some(device), true) => rule.to(device),
            (Some(device), false) => rule.from(device),
            (None, _) => rule,
        };
        let mut out = Rule::new(family, Chain::GuestOutput, Verdict::Accept).from(&self.bridge);
        out.source = Some(subnet);
        let mut back = Rule::new(family, Chain::GuestInput, Verdict::Accept).to(&self.bridge);
        back.destination = Some(subnet);
        match forward.mode {
            ForwardMode::Nat if translates => {
                back.established = true;
                self.rules.extend([through(out, true), through(back, false)]);
                let addresses = nat.and_then(|nat| nat.address).map(|range| (range.start, range.end));
                let addresses = addresses.filter(|_| family == Family::Ipv4);
                let ports = nat.and_then(|nat| nat.port).and_then(|range| {
                    Some((u16::try_from(range.start).ok()?, u16::try_from(range.end).ok()?))
                });
                let ports = ports.filter(|ports| *ports != (0, 0)).unwrap_or(PORTS);
                // The general one first, so that it is asked last.
                for protocol in [None, Some(Protocol::Udp), Some(Protocol::Tcp)] {
                    let ports = protocol.map(|_| ports);
                    let mut rule = Rule::new(family, Chain::Nat, Verdict::Translate { addresses, ports });
                    (rule.source, rule.destination, rule.elsewhere) = (Some(subnet), Some(subnet), true);
                    rule.protocol = protocol;
                    self.rules.push(through(rule, true));
                }
                // What never leaves the link keeps its address: strict DHCP clients want answers from the right port.
                let local: &[(IpAddr, u8)] = match family {
                    Family::Ipv4 => &[
                        (IpAddr::V4(Ipv4Addr::BROADCAST), 32),
                        (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 24),
                    ],
                    Family::Ipv6 => &[(IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0)), 16)],
                };
                for (address, prefix) in local.iter().copied() {
                    let mut rule = Rule::new(family, Chain::Nat, Verdict::Return);
                    rule.source = Some(subnet);
                    rule.destination = Some(Subnet { address, prefix });
                    self.rules.push(through(rule, true));
                }
            }
            ForwardMode::Nat | ForwardMode::Route => {
                self.rules.extend([through(out, true), through(back, false)]);
            }
            _ => {}
        }
    }
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

#[cfg(test)]
mod tests;
