//! `<interface>`: a network interface of a guest.
//!
//! Fields stand in the order in which libvirt writes them.

mod driver;
mod ip;
mod source;

pub use driver::*;
pub use ip::*;
pub use source::*;

use super::DeviceInfo;
use crate::model::{MacAddress, VirtualPort, Vlan};
use crate::xml::{Reader, Result, Xml, XmlValue};

/// A network interface of a guest.
///
/// ```
/// use virt_conf::model::{Interface, InterfaceKind};
/// use virt_conf::xml;
///
/// let text = "<interface type='bridge'><source bridge='br0'/></interface>";
/// let mut nic: Interface = xml::from_str(text, &xml::ParseOptions::default())?;
/// assert!(matches!(nic.kind, InterfaceKind::Bridge(_)));
/// nic.mtu = Some(9000);
/// assert_eq!(
///     xml::to_string(&nic, xml::FormatOptions::default()),
///     "<interface type='bridge'>\n  <source bridge='br0'/>\n  <mtu size='9000'/>\n</interface>\n",
/// );
/// # Ok::<(), xml::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "interface", after_read = Interface::settle)]
pub struct Interface {
    /// The guest's end of the cable.
    #[xml(child)]
    pub mac: Option<Mac>,
    /// What the cable is plugged into, and the `<source>` that goes with it.
    #[xml(flatten)]
    pub kind: InterfaceKind,
    /// Whether the host follows the guest's receive filters.
    #[xml(attr = "trustGuestRxFilters")]
    pub trust_guest_rx_filters: Option<bool>,
    /// VLANs.
    #[xml(child)]
    pub vlan: Option<Vlan>,
    /// What the switch wants to know.
    #[xml(child)]
    pub virtualport: Option<VirtualPort>,
    /// Traffic shaping.
    #[xml(child)]
    pub bandwidth: Option<Bandwidth>,
    /// Whether the port may not talk to other isolated ports.
    #[xml(attr = "port/@isolated")]
    pub isolated: Option<bool>,
    /// Addresses the guest should use.
    #[xml(child)]
    pub ips: Vec<Ip>,
    /// Routes the guest should use.
    #[xml(child)]
    pub routes: Vec<Route>,
    /// Host ports that lead into the guest.
    #[xml(child)]
    pub port_forwards: Vec<PortForward>,
    /// Run to plug the cable in.
    #[xml(attr = "script/@path")]
    pub script: Option<String>,
    /// Run to pull the cable out.
    #[xml(attr = "downscript/@path")]
    pub downscript: Option<String>,
    /// Xen: the domain that runs the backend.
    #[xml(attr = "backenddomain/@name")]
    pub backend_domain: Option<String>,
    /// The host's device.
    #[xml(child, default)]
    pub target: InterfaceTarget,
    /// The guest's device, for containers.
    #[xml(child, default)]
    pub guest: InterfaceGuest,
    /// The emulated card.
    #[xml(attr = "model/@type")]
    pub model: Option<String>,
    /// Tuning, of virtio cards only.
    #[xml(child, default, read_if = has_virtio_model)]
    pub driver: InterfaceDriver,
    /// The process that moves the frames.
    #[xml(child, default)]
    pub backend: InterfaceBackend,
    /// The firewall.
    #[xml(child)]
    pub filterref: Option<FilterRef>,
    /// The tap device's send buffer, in bytes.
    #[xml(child_text = "tune/sndbuf")]
    pub sndbuf: Option<u64>,
    /// Failover partner.
    #[xml(child)]
    pub teaming: Option<Teaming>,
    /// Whether the cable is plugged in.
    #[xml(attr = "link/@state")]
    pub link: Option<LinkState>,
    /// Largest frame.
    #[xml(attr = "mtu/@size")]
    pub mtu: Option<u32>,
    /// Frames to collect before an interrupt.
    #[xml(attr = "coalesce/rx/frames/@max", omit)]
    pub coalesce_rx_frames: u32,
    /// What every device has.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

impl Interface {
    /// Only virtio cards have a backend in the kernel; one queue is what there is without an attribute.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if !has_virtio_model(reader) {
            self.backend.vhost = None;
        }
        self.driver.queues = self.driver.queues.filter(|queues| *queues > 1);
        Ok(())
    }
}

/// The guest's end of the cable.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "mac")]
pub struct Mac {
    /// The address.
    #[xml(attr)]
    pub address: MacAddress,
    /// Who chose it.
    #[xml(attr = "type")]
    pub kind: Option<MacType>,
    /// Whether to check it against VMware's ranges.
    #[xml(attr)]
    pub check: Option<bool>,
    /// What the guest changed it to.
    #[xml(attr = "currentAddress", live)]
    pub current: Option<MacAddress>,
}

/// Who chose a MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum MacType {
    /// The hypervisor.
    Generated,
    /// The user.
    Static,
}

/// The host's device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "target")]
pub struct InterfaceTarget {
    /// Its name.
    #[xml(attr)]
    pub dev: Option<String>,
    /// Whether libvirt creates it.
    #[xml(attr)]
    pub managed: Option<bool>,
}

/// The guest's device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "guest")]
pub struct InterfaceGuest {
    /// The name asked for.
    #[xml(attr)]
    pub dev: Option<String>,
    /// The name given.
    #[xml(attr)]
    pub actual: Option<String>,
}

/// The firewall.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "filterref", after_read = FilterRef::settle)]
pub struct FilterRef {
    /// The filter's name.
    #[xml(attr)]
    pub filter: String,
    /// Its variables, sorted by name.
    #[xml(child)]
    pub parameters: Vec<FilterParameter>,
}

impl FilterRef {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.parameters.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }
}

/// A variable of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "parameter")]
pub struct FilterParameter {
    /// Its name.
    #[xml(attr)]
    pub name: String,
    /// Its value.
    #[xml(attr)]
    pub value: String,
}

/// Failover partner.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "teaming")]
pub struct Teaming {
    /// Which of the two this is.
    #[xml(attr = "type")]
    pub kind: TeamingType,
    /// Alias of the other.
    #[xml(attr)]
    pub persistent: Option<String>,
}

/// The two roles in a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum TeamingType {
    /// Stays when the guest migrates.
    Persistent,
    /// Goes when the guest migrates.
    Transient,
}

/// Whether the cable is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum LinkState {
    /// `up`
    Up,
    /// `down`
    Down,
}

fn has_virtio_model(reader: &Reader<'_, '_>) -> bool {
    let model = reader.attr::<crate::xml::Plain, String>(&["model"], "type");
    matches!(model, Ok(Some(name)) if ["virtio", "virtio-transitional", "virtio-non-transitional"].contains(&name.as_str()))
}
