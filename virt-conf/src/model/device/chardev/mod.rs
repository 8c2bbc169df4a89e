//! `<serial>`, `<parallel>`, `<console>` and `<channel>`: the guest's end of character devices.

mod source;

pub use source::*;

use super::DeviceInfo;
use crate::xml::{Xml, XmlValue};

/// A serial port of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "serial")]
pub struct Serial {
    /// The host's end.
    #[xml(flatten)]
    pub source: CharSource,
    /// A copy of what the guest writes.
    #[xml(child)]
    pub log: Option<CharLog>,
    /// What the guest sees.
    #[xml(child, default)]
    pub target: SerialTarget,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// What the guest sees of a serial port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "target")]
pub struct SerialTarget {
    /// The bus; default: the machine's.
    #[xml(attr = "type")]
    pub kind: Option<SerialTargetType>,
    /// Number among the serial ports, from 0; absent: the next free one.
    #[xml(attr)]
    pub port: Option<u32>,
    /// Which product; default: the bus' usual one.
    #[xml(attr = "model/@name")]
    pub model: Option<SerialTargetModel>,
}

/// Buses of serial ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum SerialTargetType {
    /// Not decided; never written to a finished definition.
    None,
    /// ISA.
    #[xml("isa-serial")]
    IsaSerial,
    /// USB.
    #[xml("usb-serial")]
    UsbSerial,
    /// PCI.
    #[xml("pci-serial")]
    PciSerial,
    /// pSeries' virtual bus.
    #[xml("spapr-vio-serial")]
    SpaprVioSerial,
    /// Soldered to the board.
    #[xml("system-serial")]
    SystemSerial,
    /// s390's service processor.
    #[xml("sclp-serial")]
    SclpSerial,
    /// The debugging port of old firmware.
    #[xml("isa-debug")]
    IsaDebug,
}

/// Serial ports as products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum SerialTargetModel {
    /// Not decided; never written to a finished definition.
    None,
    /// On ISA.
    #[xml("isa-serial")]
    IsaSerial,
    /// On USB.
    #[xml("usb-serial")]
    UsbSerial,
    /// On PCI.
    #[xml("pci-serial")]
    PciSerial,
    /// pSeries' terminal.
    #[xml("spapr-vty")]
    SpaprVty,
    /// ARM's.
    Pl011,
    /// s390's line-mode console.
    #[xml("sclpconsole")]
    SclpConsole,
    /// s390's second line-mode console.
    #[xml("sclplmconsole")]
    SclpLmConsole,
    /// NS16550A, of RISC-V and others.
    #[xml("16550a")]
    Ns16550a,
    /// The debugging port of old firmware.
    #[xml("isa-debugcon")]
    IsaDebugcon,
}

/// A parallel port of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "parallel")]
pub struct Parallel {
    /// The host's end.
    #[xml(flatten)]
    pub source: CharSource,
    /// A copy of what the guest writes.
    #[xml(child)]
    pub log: Option<CharLog>,
    /// Number among the parallel ports, from 0; absent: the next free one.
    #[xml(attr = "target/@port")]
    pub port: Option<u32>,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// A console of the guest; the first of a fully virtualised guest is its first serial port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "console")]
pub struct Console {
    /// The host's end.
    #[xml(flatten)]
    pub source: CharSource,
    /// Path of the pseudo terminal while the guest runs, repeated for old readers.
    #[xml(attr, live)]
    pub tty: Option<String>,
    /// A copy of what the guest writes.
    #[xml(child)]
    pub log: Option<CharLog>,
    /// What the guest sees.
    #[xml(child, default)]
    pub target: ConsoleTarget,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// What the guest sees of a console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "target")]
pub struct ConsoleTarget {
    /// The bus; default: the first serial port.
    #[xml(attr = "type")]
    pub kind: Option<ConsoleTargetType>,
    /// Number among the consoles, from 0; absent: the next free one.
    #[xml(attr)]
    pub port: Option<u32>,
}

/// Buses of consoles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum ConsoleTargetType {
    /// Not decided; never written to a finished definition.
    None,
    /// The first serial port.
    Serial,
    /// Xen's.
    Xen,
    /// User-mode Linux'.
    Uml,
    /// virtio.
    Virtio,
    /// A container's terminal.
    Lxc,
    /// `OpenVZ`'s terminal.
    Openvz,
    /// s390's service processor.
    Sclp,
    /// s390's service processor, second line-mode console.
    SclpLm,
}

/// A private channel between host and guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "channel")]
pub struct Channel {
    /// The host's end.
    #[xml(flatten)]
    pub source: CharSource,
    /// A copy of what the guest writes.
    #[xml(child)]
    pub log: Option<CharLog>,
    /// What the guest sees.
    #[xml(child)]
    pub target: ChannelTarget,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// What the guest sees of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "target", tag = "type")]
pub enum ChannelTarget {
    /// A TCP service on the guest's own network.
    GuestFwd(GuestFwdTarget),
    /// A virtio port.
    Virtio(VirtioChannelTarget),
    /// A Xen channel.
    Xen(XenChannelTarget),
}

/// `type='guestfwd'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct GuestFwdTarget {
    /// IPv4 address the guest connects to.
    #[xml(attr)]
    pub address: Option<String>,
    /// TCP port the guest connects to.
    #[xml(attr)]
    pub port: Option<String>,
}

/// `type='virtio'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VirtioChannelTarget {
    /// Name by which the guest finds the port.
    #[xml(attr)]
    pub name: Option<String>,
    /// Whether something in the guest has it open, while the guest runs.
    #[xml(attr, live)]
    pub state: Option<ChannelState>,
}

/// Whether something in the guest has a channel open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum ChannelState {
    /// Not known.
    Default,
    /// Something has.
    Connected,
    /// Nothing has.
    Disconnected,
}

/// `type='xen'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct XenChannelTarget {
    /// Name by which the guest finds the channel.
    #[xml(attr)]
    pub name: Option<String>,
}
