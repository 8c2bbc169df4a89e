//! Numbers in rules: decimal or hexadecimal as they were written, some with names, and masks.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::model::MacAddress;
use crate::xml::{Base, Codec, Expected, Value};

/// A number that is written in the base in which it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<T> {
    /// The number.
    pub value: T,
    /// Whether it is written `0x1f`.
    pub hex: bool,
}

/// A number of eight bits.
pub type Byte = Number<u8>;
/// A number of 16 bits.
pub type Word = Number<u16>;
/// A number of 32 bits.
pub type LongWord = Number<u32>;

impl<T> From<T> for Number<T> {
    fn from(value: T) -> Self {
        Self { value, hex: false }
    }
}

impl<T: TryFrom<u32> + Copy> Value for Number<T>
where
    u32: From<T>,
{
    const KIND: crate::xml::Kind = crate::xml::Kind::Number { min: 0, max: (1 << (8 * size_of::<T>())) - 1 };

    fn parse(text: &str) -> Result<Self, Expected> {
        let (number, hex) = match unsigned::<10>(text) {
            Some(number) => (number, false),
            None => (unsigned::<16>(text).ok_or("a number")?, true),
        };
        T::try_from(number).map(|value| Self { value, hex }).map_err(|_| "a smaller number".into())
    }

    fn format(&self, out: &mut String) {
        let number = u32::from(self.value);
        if self.hex {
            // Writing to a String cannot fail.
            let _ = write!(out, "0x{number:x}");
        } else {
            number.format(out);
        }
    }
}

/// As libvirt reads unsigned numbers here: a minus sign counts down from the top.
fn unsigned<const BASE: u32>(text: &str) -> Option<u32> {
    let text = text.trim_ascii_start();
    match text.strip_prefix('-') {
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_hexdigit()) => {
            <Base<BASE> as Codec<u32>>::parse(digits).ok().map(u32::wrapping_neg)
        }
        Some(_) => None,
        None => <Base<BASE> as Codec<u32>>::parse(text).ok(),
    }
}

/// A number within limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited<T, const LAST: u32>(pub Number<T>);

/// The number of a VLAN, 0 to 4095.
pub type VlanNumber = Limited<u16, 4095>;
/// The class of traffic of an IP packet, 0 to 63.
pub type TrafficClass = Limited<u8, 63>;

impl<T: TryFrom<u32> + Copy, const LAST: u32> Value for Limited<T, LAST>
where
    u32: From<T>,
{
    const KIND: crate::xml::Kind = crate::xml::Kind::Number { min: 0, max: LAST as u64 };

    fn parse(text: &str) -> Result<Self, Expected> {
        let number = Number::<T>::parse(text)?;
        if u32::from(number.value) > LAST { Err("a smaller number".into()) } else { Ok(Self(number)) }
    }

    fn format(&self, out: &mut String) {
        self.0.format(out);
    }
}

/// Names of numbers, for [`named`].
type Names = &'static [(u32, &'static str)];

/// A number, or one of the names that some have, whose case does not matter.
fn named<T: TryFrom<u32> + Copy>(names: Names, text: &str) -> Result<Number<T>, Expected>
where
    u32: From<T>,
{
    Number::parse(text).or_else(|expected| {
        let found = names.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        let value = found.and_then(|(number, _)| T::try_from(*number).ok());
        value.map(Number::from).ok_or(expected)
    })
}

fn format_named<T: TryFrom<u32> + Copy>(names: Names, number: Number<T>, out: &mut String)
where
    u32: From<T>,
{
    match names.iter().find(|(known, _)| *known == u32::from(number.value)) {
        Some((_, name)) => out.push_str(name),
        None => number.format(out),
    }
}

/// A protocol inside Ethernet frames: a number of at least `FIRST`, or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EtherType<const FIRST: u16>(pub Number<u16>);

/// What an Ethernet frame carries: at least 0x600, below which the number is a length.
pub type FrameProtocol = EtherType<0x600>;
/// What a frame of a VLAN carries: at least 0x3c.
pub type VlanProtocol = EtherType<0x3c>;

const ETHER_TYPES: Names =
    &[(0x806, "arp"), (0x8035, "rarp"), (0x800, "ipv4"), (0x86dd, "ipv6"), (0x8100, "vlan")];

impl<const FIRST: u16> Value for EtherType<FIRST> {
    fn parse(text: &str) -> Result<Self, Expected> {
        let number = named::<u16>(ETHER_TYPES, text)?;
        if number.value < FIRST { Err("a larger number".into()) } else { Ok(Self(number)) }
    }

    fn format(&self, out: &mut String) {
        format_named(ETHER_TYPES, self.0, out);
    }
}

/// A protocol inside IP packets: a number, or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpProtocol(pub Number<u8>);

const IP_PROTOCOLS: Names = &[
    (6, "tcp"),
    (17, "udp"),
    (136, "udplite"),
    (50, "esp"),
    (51, "ah"),
    (1, "icmp"),
    (2, "igmp"),
    (132, "sctp"),
    (58, "icmpv6"),
];

impl IpProtocol {
    /// Whether the protocol has ports: TCP, UDP, DCCP and SCTP.
    #[must_use]
    pub fn has_ports(self) -> bool {
        matches!(self.0.value, 6 | 17 | 33 | 132)
    }
}

impl Value for IpProtocol {
    fn parse(text: &str) -> Result<Self, Expected> {
        named(IP_PROTOCOLS, text).map(Self)
    }

    fn format(&self, out: &mut String) {
        format_named(IP_PROTOCOLS, self.0, out);
    }
}

/// What an ARP packet wants: a number, or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpOpcode(pub u16);

const ARP_OPCODES: Names = &[
    (1, "Request"),
    (2, "Reply"),
    (3, "Request_Reverse"),
    (4, "Reply_Reverse"),
    (5, "DRARP_Request"),
    (6, "DRARP_Reply"),
    (7, "DRARP_Error"),
    (8, "InARP_Request"),
    (9, "ARP_NAK"),
];

impl Value for ArpOpcode {
    fn parse(text: &str) -> Result<Self, Expected> {
        named::<u16>(ARP_OPCODES, text).map(|number| Self(number.value))
    }

    fn format(&self, out: &mut String) {
        format_named(ARP_OPCODES, Number::from(self.0), out);
    }
}

/// The length of an IPv4 prefix; read from a mask, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Mask(pub u8);

/// The length of an IPv6 prefix; read from a mask, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Mask(pub u8);

/// A prefix's length, or, if it is not a number, a mask in `bits`, `width` of them.
fn prefix(text: &str, width: u32, bits: impl FnOnce() -> Result<u128, Expected>) -> Result<u8, Expected> {
    let length = match unsigned::<10>(text) {
        Some(length) if length <= width => Some(length),
        Some(_) => None,
        None => contiguous(bits()?, width),
    };
    length.and_then(|length| u8::try_from(length).ok()).ok_or("a mask".into())
}

/// The number of ones, if they come before all zeros.
fn contiguous(mask: u128, width: u32) -> Option<u32> {
    let ones = (mask << (u128::BITS - width)).leading_ones();
    (mask.count_ones() == ones).then_some(ones)
}

impl Value for Ipv4Mask {
    fn parse(text: &str) -> Result<Self, Expected> {
        let bits = || Ipv4Addr::parse(text).map(|mask| u32::from(mask).into());
        prefix(text, u32::BITS, bits).map(Self)
    }

    fn format(&self, out: &mut String) {
        self.0.format(out);
    }
}

impl Value for Ipv6Mask {
    fn parse(text: &str) -> Result<Self, Expected> {
        prefix(text, u128::BITS, || Ipv6Addr::parse(text).map(u128::from)).map(Self)
    }

    fn format(&self, out: &mut String) {
        self.0.format(out);
    }
}

/// Which bits of an Ethernet address count: the first ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacMask(pub MacAddress);

impl Value for MacMask {
    fn parse(text: &str) -> Result<Self, Expected> {
        let mask = MacAddress::parse(text)?;
        let bits = mask.0.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        contiguous(bits, 48).map(|_| Self(mask)).ok_or("a mask".into())
    }

    fn format(&self, out: &mut String) {
        self.0.format(out);
    }
}

/// Read as the C library reads addresses: parts may be left out, and be octal or hexadecimal.
impl Value for Ipv4Addr {
    fn parse(text: &str) -> Result<Self, Expected> {
        let mut parts = Vec::new();
        for part in text.split('.') {
            let number = if part.starts_with(|c: char| c.is_ascii_digit()) {
                <Base<0> as Codec<u32>>::parse(part).ok()
            } else {
                None
            };
            parts.push(number.ok_or("an IPv4 address")?);
        }
        let last = parts.pop().ok_or("an IPv4 address")?;
        let mut address = 0;
        for (at, part) in parts.iter().enumerate() {
            if at > 2 || *part > 255 {
                return Err("an IPv4 address".into());
            }
            address |= part << (24 - 8 * at);
        }
        if u64::from(last) >= 1 << (32 - 8 * parts.len()) {
            return Err("an IPv4 address".into());
        }
        Ok(Self::from(address | last))
    }

    fn format(&self, out: &mut String) {
        let _ = write!(out, "{self}");
    }
}

/// Written as the C library writes addresses: the last 32 bits after nothing but zeros are an IPv4 address.
impl Value for Ipv6Addr {
    fn parse(text: &str) -> Result<Self, Expected> {
        text.parse().map_err(|_| "an IPv6 address".into())
    }

    fn format(&self, out: &mut String) {
        let bits = self.to_bits();
        let _ = match u32::try_from(bits) {
            Ok(low) if low > 0xffff => write!(out, "::{}", Ipv4Addr::from(low)),
            _ => write!(out, "{self}"),
        };
    }
}
