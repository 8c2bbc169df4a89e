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
use crate::xml::{
    Codec, Error, ErrorCode, ErrorDomain, Expected, FormatFlags, FormatOptions, ParseFlags, Reader, Result,
    Value, Xml, XmlValue,
};

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
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
    /// Which VLANs its frames belong to; absent: the network's, or none.
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
    /// What a port of a network became while the guest runs.
    #[xml(child, read_if = reads_actual, only = writes_actual)]
    pub actual: Option<Box<ActualInterface>>,
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
    #[xml(attr = "script/@path", unless_empty)]
    pub script: Option<String>,
    /// Run to pull the cable out.
    #[xml(attr = "downscript/@path", unless_empty)]
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
    #[xml(attr = "model/@type", unless_empty)]
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
    #[xml(attr = "mtu/@size", when = not_zero)]
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
        let tag = self.kind.tag();
        let kind = &mut self.kind;
        if self.virtualport.is_some()
            && !matches!(
                kind,
                InterfaceKind::Network(_)
                    | InterfaceKind::Bridge(_)
                    | InterfaceKind::Direct(_)
                    | InterfaceKind::Hostdev(_)
            )
        {
            let detail = format!("<virtualport> element unsupported for <interface type='{tag}'>");
            return Err(reader.unsupported(detail));
        }
        let source = reader.first("source");
        if !matches!(kind, InterfaceKind::Ethernet(_))
            && source.is_some_and(|source| source.flag("ip") || source.flag("route"))
        {
            return Err(reader.unsupported(format!(
                "Invalid attempt to set network interface host-side IP route and/or address info on interface of type \
                 '{tag}'. This is only supported on interfaces of type 'ethernet'"
            )));
        }
        let passt = self.backend.kind == Some(InterfaceBackendType::Passt);
        match kind {
            InterfaceKind::User(user) if !passt => user.dev = None,
            InterfaceKind::VhostUser(vhost) if passt => (vhost.kind, vhost.mode) = (None, None),
            InterfaceKind::VhostUser(vhost) if source.is_none() => {
                vhost.kind = Some(VhostUserInterface::SOCKET.to_owned());
                vhost.mode = Some(VhostUserMode::Client);
            }
            InterfaceKind::Direct(direct) => {
                direct.mode.get_or_insert(MacvtapMode::Vepa);
            }
            InterfaceKind::Bridge(_)
            | InterfaceKind::Network(_)
            | InterfaceKind::Internal(_)
            | InterfaceKind::Vdpa(_)
            | InterfaceKind::Vds(_)
            | InterfaceKind::Server(_)
            | InterfaceKind::Client(_)
            | InterfaceKind::Mcast(_)
            | InterfaceKind::Udp(_)
                if source.is_none() =>
            {
                return Err(reader.refuse(format!("interface type='{tag}' requires a 'source' element")));
            }
            InterfaceKind::Udp(udp) if udp.local.is_none() => {
                return Err(reader.refuse("'<local>' element missing for 'udp' socket interface"));
            }
            _ => {}
        }
        if source.is_none() && matches!(kind, InterfaceKind::Direct(_)) {
            return Err(reader.refuse(format!("interface type='{tag}' requires a 'source' element")));
        }
        // Only ports that frames of a host's bridge pass are filtered.
        if !matches!(kind, InterfaceKind::Ethernet(_) | InterfaceKind::Network(_) | InterfaceKind::Bridge(_))
        {
            self.filterref = None;
        }
        if let Some(model) = &self.model {
            let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
            if !model.bytes().all(known) {
                let detail = "Model name contains invalid characters";
                return Err(reader.error(ErrorCode::INVALID_ARG, ErrorDomain::DOMAIN, detail));
            }
        }
        self.driver.queues = self.driver.queues.filter(|queues| *queues > 1);
        Ok(())
    }
}

/// The guest's end of the cable.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "mac")]
pub struct Mac {
    /// Six bytes in hexadecimal, colons between them; generated where absent.
    #[xml(attr, default, with = UnicastMac)]
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

/// The address of one card, with libvirt's words about others.
enum UnicastMac {}

impl Codec<MacAddress> for UnicastMac {
    const KIND: crate::xml::Kind = crate::xml::Kind::Mac;

    fn parse(text: &str) -> std::result::Result<MacAddress, Expected> {
        let refuse = |detail: String| Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, detail).into();
        let address =
            MacAddress::parse(text).map_err(|_| refuse(format!("unable to parse mac address '{text}'")))?;
        if address.0.first().is_some_and(|first| first & 1 == 1) {
            return Err(refuse(format!("expected unicast mac address, found multicast '{text}'")));
        }
        Ok(address)
    }
    fn format(value: &MacAddress, out: &mut String) {
        value.format(out);
    }
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

/// What a port of a network became while the guest runs: libvirt keeps it in its own state files.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "actual")]
pub struct ActualInterface {
    /// What the cable is plugged into.
    #[xml(flatten)]
    pub kind: InterfaceKind,
    /// Whether the host follows the guest's receive filters.
    #[xml(attr = "trustGuestRxFilters")]
    pub trust_guest_rx_filters: Option<bool>,
    /// Which VLANs its frames belong to.
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
}

fn reads_actual(reader: &Reader<'_, '_>) -> bool {
    reader.flags().contains(ParseFlags::ACTUAL_NET)
}

fn writes_actual(options: FormatOptions) -> bool {
    options.flags.contains(FormatFlags::ACTUAL_NET)
}

/// The guest's device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "guest")]
pub struct InterfaceGuest {
    /// The name asked for.
    #[xml(attr, unless_empty)]
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
        self.parameters.retain(FilterParameter::is_valid);
        self.parameters.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }
}

/// A variable of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "parameter")]
pub struct FilterParameter {
    /// What the filter calls it, `MAC`, `IP`: letters, digits and underscores.
    #[xml(attr, default)]
    pub name: String,
    /// What stands for it in the filter's rules: as a name, and dots and colons.
    #[xml(attr, default)]
    pub value: String,
}

impl FilterParameter {
    /// libvirt forgets those that are not.
    fn is_valid(&self) -> bool {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.name.is_empty() {
            return false;
        }
        let value = &self.value;
        self.name.chars().all(known)
            && !value.is_empty()
            && value.chars().all(|c| known(c) || ".:".contains(c))
    }
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the derive hands over the field as it is")]
fn not_zero(number: &u32, _: FormatOptions) -> bool {
    *number != 0
}
