//! `<networkport>`: a guest's place in a network.

use uuid::Uuid;

use crate::model::device::{Bandwidth, HostdevDriver, MacTableManager, MacvtapMode, PciSlot};
use crate::model::{MacAddress, VirtualPort, Vlan};
use crate::xml::{FormatOptions, ParseOptions, Result, Xml, from_str, to_string};

/// A guest's place in a network.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "networkport", errors = NETWORK)]
pub struct NetworkPort {
    /// Its identity.
    #[xml(child_text)]
    pub uuid: Uuid,
    /// Whose it is.
    #[xml(child)]
    pub owner: PortOwner,
    /// The class of ports it belongs to.
    #[xml(child_text)]
    pub group: Option<String>,
    /// The guest's card.
    #[xml(attr = "mac/@address")]
    pub mac: MacAddress,
    /// What the switch at the other end wants to know.
    #[xml(child)]
    pub virtualport: Option<VirtualPort>,
    /// Traffic shaping.
    #[xml(child)]
    pub bandwidth: Option<PortBandwidth>,
    /// Which VLANs its frames belong to.
    #[xml(child)]
    pub vlan: Option<Vlan>,
    /// Whether it may not talk to other isolated ports.
    #[xml(attr = "port/@isolated")]
    pub isolated: Option<bool>,
    /// Whether the host follows the guest's receive filters.
    #[xml(attr = "rxfilters/@trustGuest")]
    pub trust_guest_rx_filters: Option<bool>,
    /// What it is plugged into.
    #[xml(child)]
    pub plug: Option<PortPlug>,
}

/// Whose a port is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "owner")]
pub struct PortOwner {
    /// The guest's name.
    #[xml(child_text)]
    pub name: String,
    /// The guest's identity.
    #[xml(child_text)]
    pub uuid: Uuid,
}

/// Traffic shaping of a port.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "bandwidth")]
pub struct PortBandwidth {
    /// Its class on the network's bridge.
    #[xml(attr = "classID")]
    pub class_id: Option<u32>,
    /// How much it may send and receive.
    #[xml(flatten)]
    pub rates: Bandwidth,
}

/// What a port is plugged into.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "plug", tag = "type")]
pub enum PortPlug {
    /// The bridge that libvirt made for the network.
    Network(BridgePlug),
    /// A bridge of the host.
    Bridge(BridgePlug),
    /// A device of the host, by macvtap.
    Direct(DirectPlug),
    /// A PCI function of the host.
    #[xml("hostdev-pci")]
    HostdevPci(HostdevPlug),
}

/// A port of a bridge on the host.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
pub struct BridgePlug {
    /// Its name.
    #[xml(attr)]
    pub bridge: String,
    /// Who fills its table of addresses; the kernel by default.
    #[xml(attr = "macTableManager")]
    pub mac_table_manager: Option<MacTableManager>,
}

/// A device shared by macvtap.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
pub struct DirectPlug {
    /// Its name.
    #[xml(attr)]
    pub dev: String,
    /// How it is shared.
    #[xml(attr)]
    pub mode: Option<MacvtapMode>,
}

/// A PCI function.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
pub struct HostdevPlug {
    /// Whether libvirt takes it from the host and gives it back.
    #[xml(attr)]
    pub managed: Option<bool>,
    /// The host's driver that holds it meanwhile.
    #[xml(child, default)]
    pub driver: HostdevDriver,
    /// Where it is.
    #[xml(child)]
    pub address: PlugAddress,
}

/// Where a PCI function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "address")]
pub struct PlugAddress {
    /// Its domain, bus, slot and function.
    #[xml(flatten)]
    pub slot: PciSlot,
}

impl NetworkPort {
    /// Reads a port.
    ///
    /// # Errors
    ///
    /// When the text is not XML, or not a port's.
    pub fn from_xml(text: &str, options: &ParseOptions) -> Result<Self> {
        from_str(text, options)
    }

    /// Writes the port as libvirt writes it.
    #[must_use]
    pub fn to_xml(&self, options: &FormatOptions) -> String {
        to_string(self, *options)
    }
}
