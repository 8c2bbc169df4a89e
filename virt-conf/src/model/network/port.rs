//! `<networkport>`: a guest's place in a network.

use uuid::Uuid;

use super::refuse;
use crate::model::device::{Bandwidth, HostdevDriver, MacTableManager, MacvtapMode, PciSlot};
use crate::model::{MacAddress, VirtualPort, Vlan};
use crate::xml::{Error, ErrorDomain, Reader, Result, Xml};

/// A guest's place in a network.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "networkport", document, errors = NETWORK)]
pub struct NetworkPort {
    /// Its identity.
    #[xml(child_text, invalid = no_uuid, missing = internal("network port has no uuid"))]
    pub uuid: Uuid,
    /// Whose it is.
    #[xml(child, missing = internal("network port has no owner name"))]
    pub owner: PortOwner,
    /// The class of ports it belongs to.
    #[xml(child_text)]
    pub group: Option<String>,
    /// The guest's card.
    #[xml(
        attr = "mac/@address",
        invalid = |text| internal(format!("Unable to parse MAC '{text}'")),
        missing = internal("network port has no mac")
    )]
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
    #[xml(child_text, missing = internal("network port has no owner name"))]
    pub name: String,
    /// The guest's identity.
    #[xml(child_text, invalid = no_uuid, missing = internal("network port has no owner UUID"))]
    pub uuid: Uuid,
}

fn internal(detail: impl AsRef<str>) -> Error {
    Error::internal(ErrorDomain::NETWORK, detail)
}

fn no_uuid(text: &str) -> Error {
    internal(format!("Unable to parse UUID '{text}'"))
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
#[xml(after_read = BridgePlug::check)]
pub struct BridgePlug {
    /// Its name.
    #[xml(attr, missing = refuse("Missing network port bridge name"))]
    pub bridge: String,
    /// Who fills its table of addresses; the kernel by default.
    #[xml(
        attr = "macTableManager",
        invalid = no_manager
    )]
    pub mac_table_manager: Option<MacTableManager>,
}

impl BridgePlug {
    fn check(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match self.mac_table_manager {
            Some(MacTableManager::Default) => {
                Err(reader.place(no_manager(&MacTableManager::Default.to_string())))
            }
            _ => Ok(()),
        }
    }
}

fn no_manager(text: &str) -> Error {
    refuse(format!("Invalid macTableManager setting '{text}' in network port"))
}

/// A device shared by macvtap.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
pub struct DirectPlug {
    /// Its name.
    #[xml(attr, missing = refuse("Missing network port link device name"))]
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
    #[xml(child, missing = refuse("Missing network port PCI address"))]
    pub address: PlugAddress,
}

/// Where a PCI function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "address", after_read = PlugAddress::check)]
pub struct PlugAddress {
    /// Its domain, bus, slot and function.
    #[xml(flatten)]
    pub slot: PciSlot,
}

impl PlugAddress {
    fn check(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.slot.check(reader)
    }
}
