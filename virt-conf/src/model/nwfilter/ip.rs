//! Rules about IP packets: `<ip>`, `<ipv6>`, and the protocols inside, each for IPv4 and for IPv6.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::rule::{Protocol, follow, tests};
use super::{
    Byte, Cards, Comment, ConnectionStates, IpProtocol, IpSetName, IpSetSide, IpSetSides, Ipv4Mask, Ipv6Mask,
    Operand, Sender, TcpFlagTest, TrafficClass, Word,
};
use crate::xml::{Error, ErrorDomain, Result, Xml};

tests! {
    /// Ranges of the ports that a packet comes from and goes to.
    pub struct Ports {
        /// The sender's.
        #[xml(attr = "srcportstart")]
        pub source: Option<Operand<Word>>,
        /// The last of the sender's.
        #[xml(attr = "srcportend")]
        pub source_last: Option<Operand<Word>>,
        /// The receiver's.
        #[xml(attr = "dstportstart")]
        pub destination: Option<Operand<Word>>,
        /// The last of the receiver's.
        #[xml(attr = "dstportend")]
        pub destination_last: Option<Operand<Word>>,
    }

    /// What a packet belongs to.
    pub struct Traffic {
        /// The differentiated services code point, 0 to 63.
        #[xml(attr = "dscp")]
        pub class: Option<Operand<TrafficClass>>,
    }

    /// What connections a packet may belong to.
    pub struct Connections {
        /// The class of the traffic.
        #[xml(flatten)]
        pub traffic: Traffic,
        /// Only once there are more connections than this.
        #[xml(attr = "connlimit-above")]
        pub above: Option<Operand<u16>>,
        /// The connection's state.
        #[xml(attr)]
        pub state: Option<Operand<ConnectionStates>>,
        /// A set that holds the addresses.
        #[xml(attr = "ipset")]
        pub set: Option<Operand<IpSetName>>,
        /// Which addresses; the sender's by default. Outside `<all>` libvirt drops a set for which this is given.
        #[xml(attr = "ipsetflags")]
        pub set_sides: Option<Operand<IpSetSides>>,
    }

    /// What an ICMP message says.
    pub struct IcmpMessage {
        /// Its type.
        #[xml(attr = "type")]
        pub kind: Option<Operand<Byte>>,
        /// More exactly.
        #[xml(attr)]
        pub code: Option<Operand<Byte>>,
    }

    /// What ICMPv6 messages say.
    pub struct IcmpMessages {
        /// Their type.
        #[xml(attr = "type")]
        pub kind: Option<Operand<Byte>>,
        /// The last of the types.
        #[xml(attr = "typeend")]
        pub kind_last: Option<Operand<Byte>>,
        /// More exactly.
        #[xml(attr)]
        pub code: Option<Operand<Byte>>,
        /// Where the range ends that starts at `code`; without it only that code fits.
        #[xml(attr = "codeend")]
        pub code_last: Option<Operand<Byte>>,
    }
}

/// The rules of one family of addresses: what they have in common, and the rule of each protocol.
macro_rules! family {
    ($address:ident, $mask:ident: $addresses:ident, $ranges:ident, $packets:ident, $any:ident, $plain:ident, $ports:ident, $icmp:ident) => {
        tests! {
            /// The addresses of a packet.
            pub struct $addresses {
                /// The sender's.
                #[xml(attr = "srcipaddr")]
                pub source: Option<Operand<$address>>,
                /// Which bits of it count; all by default.
                #[xml(attr = "srcipmask")]
                pub source_mask: Option<Operand<$mask>>,
                /// The receiver's.
                #[xml(attr = "dstipaddr")]
                pub destination: Option<Operand<$address>>,
                /// Which bits of it count; all by default.
                #[xml(attr = "dstipmask")]
                pub destination_mask: Option<Operand<$mask>>,
            }

            /// Ranges of addresses.
            pub struct $ranges {
                /// The sender's first.
                #[xml(attr = "srcipfrom")]
                pub source_first: Option<Operand<$address>>,
                /// The sender's last.
                #[xml(attr = "srcipto")]
                pub source_last: Option<Operand<$address>>,
                /// The receiver's first.
                #[xml(attr = "dstipfrom")]
                pub destination_first: Option<Operand<$address>>,
                /// The receiver's last; an IPv4 address whatever the family, as libvirt has it.
                #[xml(attr = "dstipto")]
                pub destination_last: Option<Operand<Ipv4Addr>>,
            }

            /// What rules of all protocols inside IP look at.
            pub struct $packets {
                /// The card that sends.
                #[xml(flatten)]
                pub sender: Sender,
                /// The networks of sender and receiver, each an address with a mask.
                #[xml(flatten)]
                pub addresses: $addresses,
                /// Ranges of addresses.
                #[xml(flatten)]
                pub ranges: $ranges,
                /// How connections are tracked, and how many there may be.
                #[xml(flatten)]
                pub connections: Connections,
            }

            /// A packet of any protocol.
            pub struct $any {
                /// What rules of all protocols look at.
                #[xml(flatten)]
                pub packets: $packets,
                /// A remark, which the firewall shows.
                #[xml(attr)]
                pub comment: Option<Operand<Comment>>,
            }

            /// A packet of a protocol of which nothing more is looked at.
            pub struct $plain {
                /// What rules of all protocols look at.
                #[xml(flatten)]
                pub packets: $packets,
                /// A remark, which the firewall shows.
                #[xml(attr)]
                pub comment: Option<Operand<Comment>>,
            }

            /// A packet of a protocol that has ports.
            pub struct $ports {
                /// What rules of all protocols look at.
                #[xml(flatten)]
                pub packets: $packets,
                /// The ports of sender and receiver, ranges of them where the end is given.
                #[xml(flatten)]
                pub ports: Ports,
                /// A remark, which the firewall shows.
                #[xml(attr)]
                pub comment: Option<Operand<Comment>>,
            }

            /// An ICMP message.
            pub struct $icmp {
                /// What rules of all protocols look at.
                #[xml(flatten)]
                pub packets: $packets,
                /// What it says.
                #[xml(flatten)]
                pub message: IcmpMessage,
                /// A remark, which the firewall shows.
                #[xml(attr)]
                pub comment: Option<Operand<Comment>>,
            }
        }

        impl $addresses {
            fn settle(is: &mut Self, not: &mut Self) {
                follow(&mut is.source_mask, &mut not.source_mask, not.source.is_some());
                follow(&mut is.destination_mask, &mut not.destination_mask, not.destination.is_some());
            }
        }

        impl $packets {
            fn settle(is: &mut Self, not: &mut Self) {
                $addresses::settle(&mut is.addresses, &mut not.addresses);
                let (is, not) = (&mut is.ranges, &mut not.ranges);
                follow(&mut is.source_last, &mut not.source_last, not.source_first.is_some());
                follow(&mut is.destination_last, &mut not.destination_last, not.destination_first.is_some());
            }
        }

        impl Protocol for $any {
            fn settle(is: &mut Self, not: &mut Self) {
                $packets::settle(&mut is.packets, &mut not.packets);
            }
        }

        impl Protocol for $plain {
            fn settle(is: &mut Self, not: &mut Self) {
                $packets::settle(&mut is.packets, &mut not.packets);
                Connections::settle(&mut is.packets.connections, &mut not.packets.connections);
            }
        }

        impl Protocol for $ports {
            fn settle(is: &mut Self, not: &mut Self) {
                $packets::settle(&mut is.packets, &mut not.packets);
                Ports::settle(&mut is.ports, &mut not.ports);
                Connections::settle(&mut is.packets.connections, &mut not.packets.connections);
            }
        }

        impl Protocol for $icmp {
            fn settle(is: &mut Self, not: &mut Self) {
                $packets::settle(&mut is.packets, &mut not.packets);
                let kind_not = not.message.kind.is_some();
                follow(&mut is.message.code, &mut not.message.code, kind_not);
                Connections::settle(&mut is.packets.connections, &mut not.packets.connections);
            }
        }
    };
}

family!(Ipv4Addr, Ipv4Mask: Ipv4Addresses, Ipv4Ranges, Ipv4Packets, AnyIpv4Tests, PlainIpv4Tests, PortsIpv4Tests, IcmpTests);
family!(Ipv6Addr, Ipv6Mask: Ipv6Addresses, Ipv6Ranges, Ipv6Packets, AnyIpv6Tests, PlainIpv6Tests, PortsIpv6Tests, Icmpv6Tests);

tests! {
    /// What a frame says of the packet's protocol.
    pub struct PacketProtocol {
        /// The protocol inside.
        #[xml(attr)]
        pub protocol: Option<Operand<IpProtocol>>,
        /// The ports; only of protocols that have some.
        #[xml(flatten)]
        pub ports: Ports,
    }

    /// `<ip>`: a frame with an IPv4 packet.
    pub struct IpTests {
        /// The cards on both ends.
        #[xml(flatten)]
        pub cards: Cards,
        /// The networks of sender and receiver, each an address with a mask.
        #[xml(flatten)]
        pub addresses: Ipv4Addresses,
        /// The protocol inside, and its ports.
        #[xml(flatten)]
        pub protocol: PacketProtocol,
        /// The class of the traffic.
        #[xml(flatten)]
        pub traffic: Traffic,
        /// A remark, which the firewall shows.
        #[xml(attr)]
        pub comment: Option<Operand<Comment>>,
    }

    /// `<ipv6>`: a frame with an IPv6 packet.
    pub struct Ipv6Tests {
        /// The cards on both ends.
        #[xml(flatten)]
        pub cards: Cards,
        /// The networks of sender and receiver, each an address with a mask.
        #[xml(flatten)]
        pub addresses: Ipv6Addresses,
        /// The protocol inside, and its ports.
        #[xml(flatten)]
        pub protocol: PacketProtocol,
        /// What an ICMPv6 message says.
        #[xml(flatten)]
        pub messages: IcmpMessages,
        /// A remark, which the firewall shows.
        #[xml(attr)]
        pub comment: Option<Operand<Comment>>,
    }

    /// What else a TCP packet says.
    pub struct TcpOption {
        /// An option that it has.
        #[xml(attr)]
        pub option: Option<Operand<Byte>>,
    }

    /// `<tcp>`: a TCP packet over IPv4.
    pub struct TcpTests {
        /// What rules of all protocols look at.
        #[xml(flatten)]
        pub packets: Ipv4Packets,
        /// The ports of sender and receiver, ranges of them where the end is given.
        #[xml(flatten)]
        pub ports: Ports,
        /// What else it says.
        #[xml(flatten)]
        pub option: TcpOption,
        /// Flags of the segment: those that are looked at, and those of them that are set.
        #[xml(attr)]
        pub flags: Option<Operand<TcpFlagTest>>,
        /// A remark, which the firewall shows.
        #[xml(attr)]
        pub comment: Option<Operand<Comment>>,
    }

    /// `<tcp-ipv6>`: a TCP packet over IPv6.
    pub struct TcpIpv6Tests {
        /// What rules of all protocols look at.
        #[xml(flatten)]
        pub packets: Ipv6Packets,
        /// The ports of sender and receiver, ranges of them where the end is given.
        #[xml(flatten)]
        pub ports: Ports,
        /// What else it says.
        #[xml(flatten)]
        pub option: TcpOption,
        /// A remark, which the firewall shows.
        #[xml(attr)]
        pub comment: Option<Operand<Comment>>,
    }
}

impl Ports {
    /// All ports are on the side of the sender's first.
    fn settle(is: &mut Self, not: &mut Self) {
        let with = not.source.is_some();
        follow(&mut is.source_last, &mut not.source_last, with);
        follow(&mut is.destination, &mut not.destination, with);
        follow(&mut is.destination_last, &mut not.destination_last, with);
    }
}

impl Connections {
    /// A set stays only without sides, and then gets the sender's.
    fn settle(is: &mut Self, not: &mut Self) {
        let has_set = is.set.is_some() || not.set.is_some();
        let has_sides = is.set_sides.is_some() || not.set_sides.is_some();
        (is.set_sides, not.set_sides) = (None, None);
        if has_set && !has_sides {
            is.set_sides = Some(Operand::Value(IpSetSides(vec![IpSetSide::Src])));
        } else {
            (is.set, not.set) = (None, None);
        }
    }
}

impl PacketProtocol {
    fn check(is: &Self, not: &Self, family: &str) -> Result<()> {
        if is.ports == Ports::default() && not.ports == Ports::default() {
            return Ok(());
        }
        match is.protocol.as_ref().or(not.protocol.as_ref()).and_then(Operand::value) {
            Some(protocol) if protocol.has_ports() => Ok(()),
            _ => Err(Error::internal(
                ErrorDomain::NWFILTER,
                format!(
                    "{family} rule with port specification requires protocol specification with protocol to be \
                     either one of tcp(6), udp(17), dccp(33), or sctp(132)"
                ),
            )),
        }
    }
}

impl Protocol for IpTests {
    fn settle(is: &mut Self, not: &mut Self) {
        Ipv4Addresses::settle(&mut is.addresses, &mut not.addresses);
    }

    fn check(is: &Self, not: &Self) -> Result<()> {
        PacketProtocol::check(&is.protocol, &not.protocol, "IP")
    }
}

impl Protocol for Ipv6Tests {
    fn settle(is: &mut Self, not: &mut Self) {
        Ipv6Addresses::settle(&mut is.addresses, &mut not.addresses);
        let (is, not) = (&mut is.messages, &mut not.messages);
        let with = not.kind.is_some();
        follow(&mut is.kind_last, &mut not.kind_last, with);
        follow(&mut is.code, &mut not.code, with);
        follow(&mut is.code_last, &mut not.code_last, with);
    }

    fn check(is: &Self, not: &Self) -> Result<()> {
        PacketProtocol::check(&is.protocol, &not.protocol, "IPv6")
    }
}

impl Protocol for TcpTests {
    fn settle(is: &mut Self, not: &mut Self) {
        Ipv4Packets::settle(&mut is.packets, &mut not.packets);
        Ports::settle(&mut is.ports, &mut not.ports);
        Connections::settle(&mut is.packets.connections, &mut not.packets.connections);
    }
}

impl Protocol for TcpIpv6Tests {
    fn settle(is: &mut Self, not: &mut Self) {
        Ipv6Packets::settle(&mut is.packets, &mut not.packets);
        Ports::settle(&mut is.ports, &mut not.ports);
        Connections::settle(&mut is.packets.connections, &mut not.packets.connections);
    }
}
