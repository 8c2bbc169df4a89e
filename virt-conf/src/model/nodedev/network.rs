//! Network interfaces of the host.

use super::{missing, unsupported, wrong};
use crate::xml::{Reader, Result, Xml, XmlValue};

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = NetCapability::settle)]
pub struct NetCapability {
    /// Its name, `eth0`.
    #[xml(child_text, missing = missing(r, "network interface"))]
    pub interface: String,
    /// Its hardware address; absent where it has none.
    #[xml(child_text)]
    pub address: Option<String>,
    /// Whether it is connected, and how fast; absent where unknown.
    #[xml(child)]
    pub link: Option<HostLink>,
    /// What its hardware does for the kernel.
    #[xml(child, key = "@name", unordered)]
    pub features: Vec<NetFeature>,
    /// What kind of network it is of; absent where unknown.
    #[xml(child)]
    pub kind: Option<NetKind>,
}

impl NetCapability {
    /// libvirt keeps features as a set.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.features.sort_by_key(|feature| feature.name);
        self.features.dedup();
        Ok(())
    }
}

/// The state of a host's link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "link")]
pub struct HostLink {
    /// Speed in Mbit/s; absent when it is not connected.
    #[xml(attr, omit)]
    pub speed: u32,
    /// The state; absent where unknown.
    #[xml(attr)]
    pub state: Option<HostLinkState>,
}

/// What the kernel says of a link: the operational states of RFC 2863.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum HostLinkState {
    /// Unknown to the driver.
    Unknown,
    /// Its hardware is missing.
    NotPresent,
    /// Not connected.
    Down,
    /// What is below it is down.
    LowerLayerDown,
    /// In a test.
    Testing,
    /// Waiting, for authentication say.
    Dormant,
    /// Connected.
    Up,
}

/// A thing that a network card does for the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "feature")]
pub struct NetFeature {
    /// Which.
    #[xml(
        attr,
        invalid = |text| wrong(format!("unknown network device feature '{text}'")),
        missing = wrong("missing network device feature name")
    )]
    pub name: NetFeatureName,
}

/// Things that network cards do for the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, XmlValue)]
pub enum NetFeatureName {
    /// Checksums of what it receives.
    Rx,
    /// Checksums of what it sends.
    Tx,
    /// Scatter and gather.
    Sg,
    /// TCP segmentation.
    Tso,
    /// UDP fragmentation.
    Ufo,
    /// Generic segmentation.
    Gso,
    /// Generic receive offload.
    Gro,
    /// Large receive offload.
    Lro,
    /// VLAN tags of what it receives.
    RxVlan,
    /// VLAN tags of what it sends.
    TxVlan,
    /// Filters by n-tuple.
    Ntuple,
    /// Hashes of what it receives.
    RxHash,
    /// Remote direct memory access.
    Rdma,
    /// Segmentation of UDP tunnels.
    TxUdpTnl,
    /// A switch in the card that the kernel sees.
    Switchdev,
}

/// What kind of network an interface is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type", before_read = NetKind::check)]
pub enum NetKind {
    /// Ethernet.
    #[xml("80203")]
    Ieee80203,
    /// Wireless.
    #[xml("80211")]
    Ieee80211,
}

impl NetKind {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.attr_text("type") {
            Some(kind) if [Self::Ieee80203, Self::Ieee80211].iter().any(|known| known.tag() == kind) => {
                Ok(())
            }
            None => Ok(()),
            Some(_) => Err(reader.place(unsupported(reader, "invalid network type supplied"))),
        }
    }
}
