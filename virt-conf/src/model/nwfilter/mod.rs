//! `<filter>`: what may pass between a guest's interface and the world.
//!
//! Fields stand in the order in which libvirt writes them; the rules of one protocol are one struct.

mod ethernet;
mod ip;
mod number;
mod operand;
mod rule;
mod value;

pub use ethernet::*;
pub use ip::*;
pub use number::*;
pub use operand::*;
pub use rule::*;
pub use value::*;

use uuid::Uuid;

use super::device::FilterRef;
use crate::xml::{
    Error, ErrorCode, ErrorDomain, Expected, FormatOptions, Reader, Result, Value, Xml, XmlValue,
};

/// A network filter.
///
/// ```
/// use virt_conf::model::NwFilter;
///
/// let text = "<filter name='web' chain='ipv4'><rule action='accept' direction='in'><tcp dstportstart='443'/></rule></filter>";
/// let filter: NwFilter = text.parse()?;
/// assert_eq!(filter.priority.map(|priority| priority.0), Some(-700));
/// assert!(filter.to_string().contains("<rule action='accept' direction='in' priority='500'>"));
/// # Ok::<(), virt_conf::xml::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "filter", document, errors = NWFILTER, after_read = NwFilter::settle)]
pub struct NwFilter {
    /// Its name, unique on the host.
    #[xml(attr, missing = no_name())]
    pub name: String,
    /// The chain that its rules are in; `root` by default.
    #[xml(attr)]
    pub chain: Option<FilterChain>,
    /// The chain's place among others; by default that of the chain's kind.
    #[xml(attr, when = not_in_the_middle)]
    pub priority: Option<ChainPriority>,
    /// Its identity; generated where absent.
    #[xml(child_text, invalid = |_| malformed_uuid())]
    pub uuid: Option<Uuid>,
    /// Rules, and other filters whose rules belong here too, in order.
    #[xml(choice)]
    pub entries: Vec<NwFilterEntry>,
}

/// A part of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(choice)]
pub enum NwFilterEntry {
    /// A rule.
    Rule(NwFilterRule),
    /// Another filter, and its variables.
    FilterRef(FilterRef),
}

/// The name of a chain: `root`, or a protocol, followed by whatever tells it from others of that protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterChain(pub String);

/// What the name of a chain begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum ChainProtocol {
    /// Everything.
    #[default]
    Root,
    /// Any Ethernet frame.
    Mac,
    /// Frames of a VLAN.
    Vlan,
    /// The spanning tree protocol.
    Stp,
    /// ARP.
    Arp,
    /// RARP.
    Rarp,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// A chain's place among others, -1000 to 1000; the lower, the earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainPriority(pub i32);

impl NwFilter {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.name.is_empty() {
            return Err(reader.place(no_name()));
        }
        self.uuid.get_or_insert_with(Uuid::new_v4);
        match &self.chain {
            Some(chain) if !chain.0.is_empty() => {
                self.priority = self.priority.or(chain.protocol().map(ChainProtocol::priority));
            }
            // What a filter says of the place of a chain that it does not name is not kept.
            _ => {
                self.chain = Some(FilterChain(ChainProtocol::Root.to_string()));
                self.priority = None;
            }
        }
        Ok(())
    }
}

impl FilterChain {
    /// The most characters a chain's name has.
    pub const LIMIT: usize = 12;

    /// Which packets are in the chain.
    #[must_use]
    pub fn protocol(&self) -> Option<ChainProtocol> {
        ChainProtocol::ALL.iter().copied().find(|protocol| match protocol {
            ChainProtocol::Root => self.0 == protocol.as_str(),
            _ => self.0.starts_with(protocol.as_str()),
        })
    }

    fn check(&self) -> Result<()> {
        if self.0.len() > Self::LIMIT {
            return Err(invalid(format!("Name of chain is longer than {} characters", Self::LIMIT)));
        }
        if !self.0.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c)) {
            return Err(invalid("Chain name contains invalid characters"));
        }
        if self.protocol().is_none() {
            let (root, prefixes) = ChainProtocol::ALL.split_at(1);
            let names =
                |list: &[ChainProtocol]| list.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(", ");
            return Err(invalid(format!(
                "Invalid chain name '{}'. Please use a chain name called '{}' or any of the following prefixes: {}",
                self.0,
                names(root),
                names(prefixes),
            )));
        }
        Ok(())
    }
}

impl Value for FilterChain {
    fn parse(text: &str) -> std::result::Result<Self, Expected> {
        let chain = Self(text.to_owned());
        if !text.is_empty() {
            chain.check()?;
        }
        Ok(chain)
    }

    fn format(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl ChainProtocol {
    /// Where chains of this protocol are by default.
    #[must_use]
    pub fn priority(self) -> ChainPriority {
        ChainPriority(match self {
            Self::Root | Self::Stp => 0,
            Self::Mac => -800,
            Self::Vlan => -750,
            Self::Ipv4 => -700,
            Self::Ipv6 => -600,
            Self::Arp => -500,
            Self::Rarp => -400,
        })
    }
}

impl ChainPriority {
    /// The first and the last place.
    pub const RANGE: std::ops::RangeInclusive<i32> = -1000..=1000;
}

impl Value for ChainPriority {
    const KIND: crate::xml::Kind = i32::KIND;

    fn parse(text: &str) -> std::result::Result<Self, Expected> {
        let number =
            i32::parse(text).map_err(|_| invalid(format!("Could not parse chain priority '{text}'")))?;
        if !Self::RANGE.contains(&number) {
            let (first, last) = Self::RANGE.into_inner();
            return Err(
                invalid(format!("Priority '{number}' is outside valid range of [{first},{last}]")).into()
            );
        }
        Ok(Self(number))
    }

    fn format(&self, out: &mut String) {
        self.0.format(out);
    }
}

/// The place in the middle goes without saying.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the derive hands over the field as it is")]
fn not_in_the_middle(priority: &ChainPriority, _: FormatOptions) -> bool {
    *priority != ChainPriority::default()
}

fn invalid(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NWFILTER, detail)
}

fn no_name() -> Error {
    Error::internal(ErrorDomain::NWFILTER, "filter has no name")
}

fn malformed_uuid() -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::NWFILTER, "malformed uuid element")
}
