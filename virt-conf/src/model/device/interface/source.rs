//! What an interface is plugged into: the attribute `type` and `<source>`.

use uuid::Uuid;

use super::{Ip, Route};
use crate::model::device::{
    HostPciAddress, HostdevDriver, PciOriginalStates, Reconnect, StartupPolicy, UsbHostAddress, UsbProduct,
    YesOrNot,
};
use crate::xml::{FormatOptions, Reader, Result, Xml, XmlValue};

/// What an interface is plugged into.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "type", inside = "source", default = User)]
pub enum InterfaceKind {
    /// A network of its own, translated to the host's addresses.
    User(UserInterface),
    /// A tap device, connected by a script or by whoever made it.
    Ethernet(EthernetInterface),
    /// Another process, through shared memory.
    VhostUser(VhostUserInterface),
    /// A TCP listener.
    Server(SocketInterface),
    /// A TCP connection.
    Client(SocketInterface),
    /// A multicast group.
    Mcast(SocketInterface),
    /// A UDP peer.
    Udp(SocketInterface),
    /// A virtual network.
    Network(NetworkInterface),
    /// A bridge of the host.
    Bridge(BridgeInterface),
    /// A network inside the hypervisor.
    Internal(InternalInterface),
    /// A device of the host, through macvtap.
    Direct(DirectInterface),
    /// A device of the host handed to the guest whole.
    #[xml("hostdev", outside)]
    Hostdev(HostdevInterface),
    /// A vDPA device.
    Vdpa(VdpaInterface),
    /// Nothing.
    Null,
    /// A VMware distributed switch.
    Vds(VdsInterface),
}

impl Default for InterfaceKind {
    fn default() -> Self {
        Self::User(UserInterface::default())
    }
}

/// Source of `type='user'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct UserInterface {
    /// passt: name of the host device to leave through; default: by the host's routes.
    #[xml(attr)]
    pub dev: Option<String>,
}

/// Source of `type='ethernet'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct EthernetInterface {
    /// Addresses of the host's end.
    #[xml(child)]
    pub ips: Vec<Ip>,
    /// Routes through the host's end.
    #[xml(child)]
    pub routes: Vec<Route>,
}

/// Source of `type='vhostuser'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = VhostUserInterface::settle)]
pub struct VhostUserInterface {
    /// Always `unix`.
    #[xml(attr = "type")]
    pub kind: Option<String>,
    /// Path of the socket; passt makes its own.
    #[xml(attr)]
    pub path: Option<String>,
    /// Who calls whom; default: the emulator calls.
    #[xml(attr)]
    pub mode: Option<VhostUserMode>,
    /// passt: name of the host device to leave through; default: by the host's routes.
    #[xml(attr)]
    pub dev: Option<String>,
    /// What to do when the other process goes away.
    #[xml(child)]
    pub reconnect: Option<Reconnect>,
}

/// Who calls whom over a vhost-user socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum VhostUserMode {
    /// The emulator is called.
    Server,
    /// The emulator calls.
    Client,
}

/// Source of `type='server'`, `client`, `mcast` and `udp`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(before_read = SocketInterface::check)]
pub struct SocketInterface {
    /// Address of the peer or group, or to listen at.
    #[xml(attr)]
    pub address: Option<String>,
    /// TCP or UDP port, 1 to 65535.
    #[xml(attr)]
    pub port: u32,
    /// UDP: this end.
    #[xml(child)]
    pub local: Option<SocketLocal>,
}

impl SocketInterface {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        // Whoever listens may do so at every address.
        let listens = reader.parent().is_some_and(|interface| interface.attr_text("type") == Some("server"));
        if reader.attr_text("address").is_none() && !listens {
            return Err(reader.missing_attr(&[], "address"));
        }
        Ok(())
    }
}

/// The near end of a UDP socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "local")]
pub struct SocketLocal {
    /// Address to listen at.
    #[xml(attr)]
    pub address: Option<String>,
    /// Port to listen at.
    #[xml(attr)]
    pub port: u32,
}

/// Source of `type='network'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = NetworkInterface::settle)]
pub struct NetworkInterface {
    /// Name of the network.
    #[xml(attr)]
    pub network: Option<String>,
    /// One of its port groups; default: the network's default one.
    #[xml(attr)]
    pub portgroup: Option<String>,
    /// UUID of the port, while the guest runs.
    #[xml(attr, read_if = in_status, only = FormatOptions::live)]
    pub portid: Option<Uuid>,
    /// Bridge of the network, while the guest runs.
    #[xml(attr, read_if = in_status, only = FormatOptions::live)]
    pub bridge: Option<String>,
    /// Who keeps that bridge's forwarding table, while the guest runs.
    #[xml(attr = "macTableManager", live)]
    pub mac_table_manager: Option<MacTableManager>,
}

/// Source of `type='bridge'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = BridgeInterface::settle)]
pub struct BridgeInterface {
    /// Name of the bridge.
    #[xml(attr)]
    pub bridge: Option<String>,
    /// Who keeps the bridge's forwarding table, in the port of a virtual network.
    #[xml(attr = "macTableManager", live)]
    pub mac_table_manager: Option<MacTableManager>,
}

/// Who keeps a bridge's forwarding table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum MacTableManager {
    /// Not decided.
    Default,
    /// The kernel, by watching frames.
    Kernel,
    /// libvirt, by what it knows of guests.
    Libvirt,
}

/// Source of `type='internal'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = InternalInterface::settle)]
pub struct InternalInterface {
    /// Name of the network.
    #[xml(attr)]
    pub name: Option<String>,
}

/// Source of `type='direct'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = DirectInterface::settle)]
pub struct DirectInterface {
    /// Name of the host's device.
    #[xml(attr)]
    pub dev: Option<String>,
    /// How guests share it; default: `vepa`.
    #[xml(attr)]
    pub mode: Option<MacvtapMode>,
}

/// How guests share a device through macvtap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum MacvtapMode {
    /// All frames go to the switch outside, which sends back what is for a neighbour.
    Vepa,
    /// As above, but neighbours hear nothing of each other.
    Private,
    /// Frames for a neighbour are delivered at once.
    Bridge,
    /// One guest has the device to itself.
    Passthrough,
}

/// `type='hostdev'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(before_read = known_host_address)]
pub struct HostdevInterface {
    /// Whether the device is taken from the host's driver and given back; default: no.
    #[xml(attr, omit, with = YesOrNot)]
    pub managed: bool,
    /// Which host driver holds it meanwhile.
    #[xml(child, default)]
    pub driver: HostdevDriver,
    /// Which device.
    #[xml(child, default)]
    pub source: HostdevInterfaceSource,
}

/// A network device of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", after_read = HostdevInterfaceSource::settle)]
pub struct HostdevInterfaceSource {
    /// USB: what to do when it is not there at start; default: `mandatory`.
    #[xml(attr = "startupPolicy")]
    pub startup_policy: Option<StartupPolicy>,
    /// Set while the guest runs without a USB device that was not there at start.
    #[xml(attr, status)]
    pub missing: Option<bool>,
    /// Xen and PCI: whether writes to configuration space are filtered; default: yes.
    #[xml(attr = "writeFiltering")]
    pub write_filtering: Option<bool>,
    /// USB: what it is.
    #[xml(flatten)]
    pub usb: UsbProduct,
    /// Where it is on the host; USB: absent where the product says enough.
    #[xml(child)]
    pub address: Option<HostDeviceAddress>,
    /// How the host had it before, while the guest runs.
    #[xml(child, status)]
    pub original_states: Option<PciOriginalStates>,
}

/// Where a network device is on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Xml)]
#[xml(name = "address", tag = "type", default = Usb)]
pub enum HostDeviceAddress {
    /// A PCI function.
    Pci(HostPciAddress),
    /// A USB device.
    Usb(UsbHostAddress),
}

impl HostdevInterfaceSource {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if let Some(HostDeviceAddress::Pci(_)) = self.address {
            if self.startup_policy.is_some() {
                return Err(reader.unsupported("Setting startupPolicy is only allowed for USB devices"));
            }
            self.usb = UsbProduct::default();
        } else {
            self.write_filtering = None;
        }
        Ok(())
    }
}

/// Vendor and product imply USB; else the address says what it is.
fn known_host_address(interface: &Reader<'_, '_>) -> Result<()> {
    let source = interface.first("source");
    let address = source.and_then(|source| source.first("address"));
    let kind = address.and_then(|address| address.attr_text("type"));
    let usb = source.is_some_and(|source| source.flag("vendor") || source.flag("product"));
    match kind {
        Some("pci" | "usb") => Ok(()),
        None if usb => Ok(()),
        kind => Err(address
            .or(source)
            .unwrap_or(*interface)
            .unsupported(format!("unknown host device source address type '{}'", kind.unwrap_or("(null)")))),
    }
}

/// Source of `type='vds'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VdsInterface {
    /// UUID of the switch.
    #[xml(attr)]
    pub switchid: Uuid,
    /// Number of the port.
    #[xml(attr, default)]
    pub portid: i64,
    /// Name of the port group.
    #[xml(attr)]
    pub portgroupid: Option<String>,
    /// Number of the connection.
    #[xml(attr, default)]
    pub connectionid: i64,
}

/// Source of `type='vdpa'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = VdpaInterface::settle)]
pub struct VdpaInterface {
    /// Path of the character device.
    #[xml(attr)]
    pub dev: Option<String>,
}

impl NetworkInterface {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        // What the port became leaves out what the definition says.
        if reader.parent().is_some_and(|parent| parent.name() == "actual") {
            return Ok(());
        }
        self.network.as_ref().map(|_| ()).ok_or_else(|| reader.missing_attr(&[], "network"))
    }
}

impl BridgeInterface {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.bridge.as_ref().map(|_| ()).ok_or_else(|| reader.missing_attr(&[], "bridge"))
    }
}

impl InternalInterface {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.name.as_ref().map(|_| ()).ok_or_else(|| reader.missing_attr(&[], "name"))
    }
}

impl DirectInterface {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.dev.as_ref().map(|_| ()).ok_or_else(|| reader.missing_attr(&[], "dev"))
    }
}

impl VdpaInterface {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.dev.as_ref().map(|_| ()).ok_or_else(|| reader.missing_attr(&[], "dev"))
    }
}

/// What a running guest was given is believed of a driver's own files only.
fn in_status(reader: &Reader<'_, '_>) -> bool {
    reader.status()
}

impl VhostUserInterface {
    /// What `type` always says.
    pub(super) const SOCKET: &'static str = "unix";

    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match self.kind.as_deref() {
            None | Some(Self::SOCKET) => Ok(()),
            Some(kind) => {
                Err(reader.unsupported(format!("Type='{kind}' unsupported for <interface type='vhostuser'>")))
            }
        }?;
        self.kind = Some(Self::SOCKET.to_owned());
        self.mode.get_or_insert(VhostUserMode::Client);
        Ok(())
    }
}
