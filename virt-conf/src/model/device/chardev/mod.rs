//! `<serial>`, `<parallel>`, `<console>` and `<channel>`: the guest's end of character devices.

mod source;

pub use source::*;

use super::DeviceInfo;
use crate::error::unsupported;
use crate::xml::{Error, Reader, Result, Xml, XmlValue};

/// A serial port of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "serial", before_read = CharSource::check_kind)]
pub struct Serial {
    /// The host's end.
    #[xml(flatten)]
    pub source: CharSource,
    /// A copy of what the guest writes.
    #[xml(child, read_if = CharLog::is_kept)]
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
    #[xml(attr = "type", invalid = unknown_target)]
    pub kind: Option<SerialTargetType>,
    /// Number among the serial ports, from 0; absent: the next free one.
    #[xml(attr, invalid = bad_port)]
    pub port: Option<u32>,
    /// Which product; default: the bus' usual one.
    #[xml(
        attr = "model/@name",
        unless_empty,
        invalid = |text| unsupported(format!("unknown target model '{text}' specified for character device"))
    )]
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
#[xml(name = "parallel", before_read = CharSource::check_kind)]
pub struct Parallel {
    /// The host's end.
    #[xml(flatten)]
    pub source: CharSource,
    /// A copy of what the guest writes.
    #[xml(child, read_if = CharLog::is_kept)]
    pub log: Option<CharLog>,
    /// Number among the parallel ports, from 0; absent: the next free one.
    #[xml(attr = "target/@port", invalid = bad_port)]
    pub port: Option<u32>,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// A console of the guest; the first of a fully virtualised guest is its first serial port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "console", before_read = CharSource::check_kind)]
pub struct Console {
    /// The host's end.
    #[xml(flatten)]
    pub source: CharSource,
    /// Path of the pseudo terminal while the guest runs, repeated for old readers.
    #[xml(attr, live)]
    pub tty: Option<String>,
    /// A copy of what the guest writes.
    #[xml(child, read_if = CharLog::is_kept)]
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
    #[xml(attr = "type", invalid = unknown_target)]
    pub kind: Option<ConsoleTargetType>,
    /// Number among the consoles, from 0; absent: the next free one.
    #[xml(attr, invalid = bad_port)]
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
#[xml(name = "channel", before_read = Channel::check)]
pub struct Channel {
    /// The host's end.
    #[xml(flatten)]
    pub source: CharSource,
    /// A copy of what the guest writes.
    #[xml(child, read_if = CharLog::is_kept)]
    pub log: Option<CharLog>,
    /// What the guest sees.
    #[xml(child)]
    pub target: ChannelTarget,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

impl Channel {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        CharSource::check_kind(reader)?;
        let Some(target) = reader.first("target") else {
            return Err(reader.refuse("target type must be specified for channel device"));
        };
        match target.attr_text("type") {
            Some("guestfwd" | "virtio" | "xen") => Ok(()),
            other => Err(target.place(unknown_target(other.unwrap_or("(null)")))),
        }
    }
}

fn bad_port(text: &str) -> Error {
    crate::error::refuse(format!("Invalid port number: {text}"))
}

fn unknown_target(kind: &str) -> Error {
    unsupported(format!("unknown target type '{kind}' specified for character device"))
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
#[xml(after_read = GuestFwdTarget::settle)]
pub struct GuestFwdTarget {
    /// IPv4 address the guest connects to.
    #[xml(attr)]
    pub address: Option<String>,
    /// TCP port the guest connects to.
    #[xml(attr)]
    pub port: Option<String>,
}

impl GuestFwdTarget {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.address.is_none() {
            return Err(reader.refuse("guestfwd channel does not define a target address"));
        }
        self.port.as_ref().map(|_| ()).ok_or_else(|| reader.missing_attr(&[], "port"))
    }
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
