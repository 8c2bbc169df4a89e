//! `<rule>`: which packets it is about, and what becomes of them.
//!
//! A rule looks at packets of one protocol. What must be so stands in one element, what must not in another of the same
//! name with `match='no'`; libvirt reads any number of them, and writes at most these two.

use super::{
    AnyIpv4Tests, AnyIpv6Tests, ArpTests, IcmpTests, Icmpv6Tests, IpTests, Ipv6Tests, MacTests, Operand,
    PlainIpv4Tests, PlainIpv6Tests, PortsIpv4Tests, PortsIpv6Tests, Stateless, StpTests, TcpIpv6Tests,
    TcpTests, VlanTests,
};
use crate::xml::{
    About, Error, ErrorDomain, Expected, Fields, Kind, Reader, Result, Shape, Value, Writer, Xml, XmlValue,
};

/// What becomes of packets.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "rule", keep_empty, after_read = NwFilterRule::settle)]
pub struct NwFilterRule {
    /// What.
    #[xml(attr)]
    pub action: RuleAction,
    /// Which way they go.
    #[xml(attr)]
    pub direction: RuleDirection,
    /// The rule's place among others; 500 by default.
    #[xml(attr, default)]
    pub priority: RulePriority,
    /// Whether it looks at single packets, not at connections; no by default.
    #[xml(attr = "statematch", omit, with = Stateless)]
    pub stateless: bool,
    /// Which packets: of one protocol, what must be so and what must not. All by default.
    #[xml(choice)]
    pub tests: Vec<RuleTests>,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum RuleAction {
    /// It vanishes.
    Drop,
    /// It passes.
    Accept,
    /// It comes back.
    Reject,
    /// The chain's other rules are skipped.
    Return,
    /// The next rule decides.
    Continue,
}

/// Which way packets go, as the guest sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum RuleDirection {
    /// To the guest.
    In,
    /// From the guest.
    Out,
    /// Either.
    InOut,
}

/// A rule's place among others, -1000 to 1000; the lower, the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RulePriority(pub i32);

impl RulePriority {
    /// The first and the last place.
    pub const RANGE: std::ops::RangeInclusive<i32> = -1000..=1000;
}

impl Default for RulePriority {
    fn default() -> Self {
        Self(500)
    }
}

impl Value for RulePriority {
    const KIND: crate::xml::Kind = i32::KIND;

    /// A place that there is not is the default.
    fn parse(text: &str) -> std::result::Result<Self, Expected> {
        i32::parse(text)
            .map(|number| if Self::RANGE.contains(&number) { Self(number) } else { Self::default() })
    }

    fn format(&self, out: &mut String) {
        self.0.format(out);
    }
}

/// What a rule looks at, by protocol.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(choice)]
pub enum RuleTests {
    /// ARP.
    Arp(Matching<ArpTests>),
    /// RARP.
    Rarp(Matching<ArpTests>),
    /// Any frame.
    Mac(Matching<MacTests>),
    /// Frames of a VLAN.
    Vlan(Matching<VlanTests>),
    /// The spanning tree protocol.
    Stp(Matching<StpTests>),
    /// Frames with IPv4 packets.
    Ip(Matching<IpTests>),
    /// Frames with IPv6 packets.
    Ipv6(Matching<Ipv6Tests>),
    /// TCP.
    Tcp(Matching<TcpTests>),
    /// UDP.
    Udp(Matching<PortsIpv4Tests>),
    /// UDP-Lite.
    UdpLite(Matching<PlainIpv4Tests>),
    /// IPsec, the payload.
    Esp(Matching<PlainIpv4Tests>),
    /// IPsec, the header.
    Ah(Matching<PlainIpv4Tests>),
    /// SCTP.
    Sctp(Matching<PortsIpv4Tests>),
    /// ICMP.
    Icmp(Matching<IcmpTests>),
    /// Any IPv4 packet.
    All(Matching<AnyIpv4Tests>),
    /// IGMP.
    Igmp(Matching<PlainIpv4Tests>),
    /// TCP over IPv6.
    #[xml("tcp-ipv6")]
    TcpIpv6(Matching<TcpIpv6Tests>),
    /// UDP over IPv6.
    #[xml("udp-ipv6")]
    UdpIpv6(Matching<PortsIpv6Tests>),
    /// UDP-Lite over IPv6.
    #[xml("udplite-ipv6")]
    UdpLiteIpv6(Matching<PlainIpv6Tests>),
    /// IPsec over IPv6, the payload.
    #[xml("esp-ipv6")]
    EspIpv6(Matching<PlainIpv6Tests>),
    /// IPsec over IPv6, the header.
    #[xml("ah-ipv6")]
    AhIpv6(Matching<PlainIpv6Tests>),
    /// SCTP over IPv6.
    #[xml("sctp-ipv6")]
    SctpIpv6(Matching<PortsIpv6Tests>),
    /// ICMPv6.
    Icmpv6(Matching<Icmpv6Tests>),
    /// Any IPv6 packet.
    #[xml("all-ipv6")]
    AllIpv6(Matching<AnyIpv6Tests>),
}

/// What must be so, or must not be so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching<P> {
    /// Whether none of it may be so.
    pub negated: bool,
    /// What is looked at.
    pub tests: P,
}

impl<P> From<P> for Matching<P> {
    fn from(tests: P) -> Self {
        Self { negated: false, tests }
    }
}

/// The attribute that negates an element, and how.
const NEGATION: (&str, &str) = ("match", "no");

impl<P: Protocol> Fields for Matching<P> {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let tests = P::read(reader).map_err(|error| illegal::<P>(reader, error))?;
        let (name, no) = NEGATION;
        Ok(Self { negated: reader.attr_text(name) == Some(no), tests })
    }

    fn write_attrs(&self, writer: &mut Writer) {
        if self.negated {
            let (name, no) = NEGATION;
            writer.attr_text(name, no);
        }
        self.tests.write_attrs(writer);
    }

    fn write_children(&self, _: &mut Writer) {}

    fn describe(this: Option<&Self>, shape: &mut Shape) {
        let about = const {
            let doc = "`no` where the rule is for what the element does not describe.";
            &About::value(Kind::YesNo, doc)
        };
        shape.known_attr(NEGATION.0, about);
        P::describe(this.map(|this| &this.tests), shape);
    }
}

/// libvirt reads all attributes of an element, and its last complaint is the one that is heard.
fn illegal<P: Protocol>(reader: &Reader<'_, '_>, first: Error) -> Error {
    let Some(name) = reader.last_invalid_attr::<P>(&first) else { return first };
    let value = reader.attr_text(&name).unwrap_or_default();
    let sentence = format!("{name} has illegal value {value}");
    reader.reword(&reader.invalid_attr(&name, "".into()), Error::internal(ErrorDomain::NWFILTER, sentence))
}

/// A group of tests: attributes, each of which is there or is not.
pub(super) trait Tests {
    /// Takes what is in `later` as well, which counts where both have something.
    fn take(&mut self, later: Self);

    /// Forgets what `later` has.
    fn forget(&mut self, later: &Self);
}

impl<T> Tests for Option<Operand<T>> {
    fn take(&mut self, later: Self) {
        *self = later.or(self.take());
    }

    fn forget(&mut self, later: &Self) {
        if later.is_some() {
            *self = None;
        }
    }
}

/// Tests of which a rule can consist.
pub(super) trait Protocol: Tests + Fields + Clone + Default + PartialEq {
    /// Moves what goes with something else, the end of a range with its beginning, to that one's side.
    fn settle(_is: &mut Self, _is_not: &mut Self) {}

    /// Refuses what no firewall could do.
    fn check(_is: &Self, _is_not: &Self) -> Result<()> {
        Ok(())
    }
}

/// Moves a test to the side of the one that it goes with.
pub(super) fn follow<T>(is: &mut Option<T>, is_not: &mut Option<T>, leader_is_not: bool) {
    let value = is.take().or(is_not.take());
    *(if leader_is_not { is_not } else { is }) = value;
}

/// Structs of tests: each field is an attribute, or a group of them.
macro_rules! tests {
    ($($(#[$mark:meta])* pub struct $name:ident {
        $($(#[$place:meta])* pub $field:ident: $outer:ident $(<$inner:ident<$value:ident>>)?,)*
    })*) => {$(
        $(#[$mark])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
        pub struct $name {
            $($(#[$place])* pub $field: $outer $(<$inner<$value>>)?,)*
        }

        impl crate::model::nwfilter::rule::Tests for $name {
            fn take(&mut self, later: Self) {
                $(crate::model::nwfilter::rule::Tests::take(&mut self.$field, later.$field);)*
            }

            fn forget(&mut self, later: &Self) {
                $(crate::model::nwfilter::rule::Tests::forget(&mut self.$field, &later.$field);)*
            }
        }
    )*};
}
pub(super) use tests;

/// Makes of any number of elements what must be so and what must not.
fn settle<P: Protocol>(elements: impl Iterator<Item = Matching<P>>) -> Result<Vec<Matching<P>>> {
    let (mut is, mut is_not) = (P::default(), P::default());
    for Matching { negated, tests } in elements {
        let (this, other) = if negated { (&mut is_not, &mut is) } else { (&mut is, &mut is_not) };
        other.forget(&tests);
        this.take(tests);
    }
    P::check(&is, &is_not)?;
    P::settle(&mut is, &mut is_not);
    let nothing = P::default();
    let mut settled = Vec::new();
    if is != nothing || is_not == nothing {
        settled.push(Matching::from(is));
    }
    if is_not != nothing {
        settled.push(Matching { negated: true, tests: is_not });
    }
    Ok(settled)
}

impl RuleTests {
    /// Of elements of several protocols, those of the first one's count.
    fn settle(elements: Vec<Self>) -> Result<Vec<Self>> {
        macro_rules! each {
            ($($protocol:ident)*) => {
                match elements.first() {
                    $(Some(Self::$protocol(_)) => {
                        let same = elements.into_iter().filter_map(|element| match element {
                            Self::$protocol(tests) => Some(tests),
                            _ => None,
                        });
                        Ok(settle(same)?.into_iter().map(Self::$protocol).collect())
                    })*
                    None => Ok(elements),
                }
            };
        }
        each!(Arp Rarp Mac Vlan Stp Ip Ipv6 Tcp Udp UdpLite Esp Ah Sctp Icmp All Igmp TcpIpv6 UdpIpv6 UdpLiteIpv6
            EspIpv6 AhIpv6 SctpIpv6 Icmpv6 AllIpv6)
    }
}

impl NwFilterRule {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let elements = std::mem::take(&mut self.tests);
        self.tests = RuleTests::settle(elements).map_err(|error| reader.place(error))?;
        Ok(())
    }
}
