//! Values of rules that are lists of words, or words of their own.

use bitflags::Flags;

use crate::xml::{Codec, Expected, Value, XmlValue};

bitflags::bitflags! {
    /// States of a connection, as the firewall tracks them.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ConnectionStates: u8 {
        /// Its first packet.
        const NEW = 1 << 0;
        /// Packets went both ways.
        const ESTABLISHED = 1 << 1;
        /// It belongs to another one, as the data of FTP do.
        const RELATED = 1 << 2;
        /// The packet belongs to none.
        const INVALID = 1 << 3;
        /// States are not looked at. Stands alone.
        const NONE = 1 << 4;
    }

    /// The bits in a TCP header that open, carry and close a connection.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct TcpFlags: u8 {
        /// The sender is done.
        const FIN = 1 << 0;
        /// The connection begins.
        const SYN = 1 << 1;
        /// The connection ends at once.
        const RST = 1 << 2;
        /// To be handed on at once.
        const PSH = 1 << 3;
        /// It acknowledges.
        const ACK = 1 << 4;
        /// It holds something urgent.
        const URG = 1 << 5;
        /// Each of these.
        const ALL = 0x3f;
        /// None of these.
        const NONE = 0;
    }
}

/// Words in any case, with commas or blanks between them, or nothing.
fn parse_flags<F: Flags<Bits = u8>>(text: &str) -> Result<F, Expected> {
    let mut flags = F::empty();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_ascii_whitespace());
        if rest.is_empty() {
            return Ok(flags);
        }
        let begins = |name: &str| rest.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
        let flag = F::FLAGS.iter().find(|flag| begins(flag.name())).ok_or("a list of flags")?;
        flags = flags.union(F::from_bits_retain(flag.value().bits()));
        rest = rest.get(flag.name().len()..).unwrap_or_default();
    }
}

/// The names of single flags, with commas between them.
fn format_flags<F: Flags<Bits = u8> + Copy>(flags: F, out: &mut String) {
    let single = F::FLAGS.iter().filter(|flag| flag.value().bits().is_power_of_two());
    let mut between = "";
    for flag in single.filter(|flag| flags.bits() & flag.value().bits() != 0) {
        out.push_str(between);
        out.push_str(flag.name());
        between = ",";
    }
}

impl Value for ConnectionStates {
    fn parse(text: &str) -> Result<Self, Expected> {
        let states: Self = parse_flags(text)?;
        Ok(if states.contains(Self::NONE) { Self::NONE } else { states })
    }

    fn format(&self, out: &mut String) {
        format_flags(*self, out);
    }
}

impl Value for TcpFlags {
    fn parse(text: &str) -> Result<Self, Expected> {
        parse_flags(text)
    }

    fn format(&self, out: &mut String) {
        let whole = Self::FLAGS.iter().find(|flag| flag.value() == self);
        match whole {
            Some(flag) => out.push_str(flag.name()),
            None => format_flags(*self, out),
        }
    }
}

/// `SYN,ACK/SYN`: which flags of TCP are looked at, and which of these must be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlagTest {
    /// Those that are looked at.
    pub mask: TcpFlags,
    /// Those of them that must be set; the others must not be.
    pub set: TcpFlags,
}

impl Value for TcpFlagTest {
    fn parse(text: &str) -> Result<Self, Expected> {
        let (mask, set) = text.split_once('/').ok_or("flags, a slash and flags")?;
        Ok(Self { mask: TcpFlags::parse(mask)?, set: TcpFlags::parse(set)? })
    }

    fn format(&self, out: &mut String) {
        self.mask.format(out);
        out.push('/');
        self.set.format(out);
    }
}

/// The name of a set of addresses that the host's administrator keeps, up to 31 letters, digits and `.:-+_ `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpSetName(pub String);

impl IpSetName {
    /// The most bytes a name has.
    pub const LIMIT: usize = 31;
}

impl Value for IpSetName {
    fn parse(text: &str) -> Result<Self, Expected> {
        let known = |c: char| c.is_ascii_alphanumeric() || ".:-+_ ".contains(c);
        if text.len() > Self::LIMIT || !text.chars().all(known) {
            return Err("the name of a set".into());
        }
        Ok(Self(text.to_owned()))
    }

    fn format(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

/// Which addresses of a packet are looked for in a set, one for each part of the set's entries: one to six.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpSetSides(pub Vec<IpSetSide>);

/// An address of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum IpSetSide {
    /// The sender's.
    Src,
    /// The receiver's.
    Dst,
}

impl IpSetSides {
    /// The most sides there are.
    pub const LIMIT: usize = 6;
}

impl Value for IpSetSides {
    fn parse(text: &str) -> Result<Self, Expected> {
        let side = |word: &str| {
            let found = IpSetSide::ALL.iter().find(|side| side.as_str().eq_ignore_ascii_case(word));
            found.copied().ok_or(Expected::from("src and dst, with commas between"))
        };
        let sides = text.split(',').map(side).collect::<Result<Vec<_>, _>>()?;
        if sides.len() > Self::LIMIT { Err("at most six".into()) } else { Ok(Self(sides)) }
    }

    fn format(&self, out: &mut String) {
        let mut between = "";
        for side in &self.0 {
            out.push_str(between);
            side.format(out);
            between = ",";
        }
    }
}

/// A remark, cut at 256 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment(pub String);

impl Comment {
    /// The most bytes that are kept.
    pub const LIMIT: usize = 256;
}

impl Value for Comment {
    fn parse(text: &str) -> Result<Self, Expected> {
        let end = (0..=Self::LIMIT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        Ok(Self(text.get(..end.unwrap_or_default()).unwrap_or_default().to_owned()))
    }

    fn format(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

/// A truth: `true`, `yes` or `1`, and everything else is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth(pub bool);

impl Value for Truth {
    fn parse(text: &str) -> Result<Self, Expected> {
        Ok(Self(matches!(text, "true" | "yes" | "1")))
    }

    fn format(&self, out: &mut String) {
        out.push_str(if self.0 { "true" } else { "false" });
    }
}

/// Of a rule that does not look at states: `false` or `0`, and everything else means that it does.
#[derive(Debug)]
pub(super) enum Stateless {}

impl Codec<bool> for Stateless {
    fn parse(text: &str) -> Result<bool, Expected> {
        Ok(text == "0" || text.eq_ignore_ascii_case("false"))
    }

    fn format(value: &bool, out: &mut String) {
        Truth(!*value).format(out);
    }
}
