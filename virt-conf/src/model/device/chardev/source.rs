//! The host's end of a character device: the attribute `type`, `<source>`, `<protocol>` and `<log>`.

use crate::model::{DeviceSecurityLabel, Switch};
use crate::xml::{Element as _, Reader, Result, Xml, XmlValue};

/// The host's end of a character device, picked by the attribute `type`.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "type", inside = "source", default = Pty, after_read = CharSource::settle)]
pub enum CharSource {
    /// What is written is lost, nothing is ever read.
    Null,
    /// A window of the guest's display.
    Vc,
    /// A pseudo terminal.
    Pty(PtyCharSource),
    /// A character device of the host.
    Dev(PathCharSource),
    /// A file, written only.
    File(FileCharSource),
    /// A pair of pipes, `PATH.in` and `PATH.out`, or one for both.
    Pipe(PathCharSource),
    /// Standard input and output of the emulator.
    Stdio,
    /// UDP packets.
    #[xml("udp", outside)]
    Udp(UdpCharSource),
    /// A TCP connection.
    #[xml("tcp", outside)]
    Tcp(TcpCharSource),
    /// A UNIX socket.
    Unix(UnixCharSource),
    /// A channel of SPICE that the client knows by its name.
    SpiceVmc,
    /// A named port of SPICE.
    SpicePort(ChannelCharSource),
    /// A null-modem cable of FreeBSD.
    Nmdm(NmdmCharSource),
    /// The emulator's own agent for clipboard and mouse.
    #[xml("qemu-vdagent")]
    QemuVdagent(VdagentCharSource),
    /// A named port on D-Bus.
    Dbus(ChannelCharSource),
}

impl Default for CharSource {
    fn default() -> Self {
        Self::Pty(PtyCharSource::default())
    }
}

impl CharSource {
    /// What `type` may say.
    pub(in crate::model::device) const KINDS: [&'static str; 15] = [
        "null",
        "vc",
        "pty",
        "dev",
        "file",
        "pipe",
        "stdio",
        "udp",
        "tcp",
        "unix",
        "spicevmc",
        "spiceport",
        "nmdm",
        "qemu-vdagent",
        "dbus",
    ];

    /// The host's end comes in kinds that are known by name.
    pub(in crate::model::device) fn check_kind(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.attr_text("type") {
            Some(kind) if !Self::KINDS.contains(&kind) => {
                let sentence = format!("unknown type presented to host for character device: {kind}");
                Err(reader.at_attr("type", reader.unsupported(sentence)))
            }
            _ => Ok(()),
        }
    }

    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let sources = reader.all("source").count();
        match self {
            Self::Udp(_) if sources > 2 => {
                Err(reader.refuse("only two source elements are allowed for character device"))
            }
            Self::Udp(_) => Ok(()),
            _ if sources > 1 => Err(reader.refuse("only one source element is allowed for character device")),
            _ => Ok(()),
        }
    }

    /// Path on the host, of kinds that have one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Pty(source) => source.path.as_deref(),
            Self::Dev(source) | Self::Pipe(source) => source.path.as_deref(),
            Self::File(source) => source.path.as_deref(),
            Self::Unix(source) => source.path.as_deref(),
            _ => None,
        }
    }

    /// Labels that differ from the domain's, of kinds that have a path.
    #[must_use]
    pub fn seclabels(&self) -> &[DeviceSecurityLabel] {
        match self {
            Self::Pty(source) => &source.seclabels,
            Self::Dev(source) | Self::Pipe(source) => &source.seclabels,
            Self::File(source) => &source.seclabels,
            Self::Unix(source) => &source.seclabels,
            _ => &[],
        }
    }
}

/// `type='pty'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct PtyCharSource {
    /// Path of the terminal, while the guest runs.
    #[xml(attr, live)]
    pub path: Option<String>,
    /// Labels that differ from the domain's.
    #[xml(child, key = "@model", unordered)]
    pub seclabels: Vec<DeviceSecurityLabel>,
}

/// `type='dev'` and `pipe`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct PathCharSource {
    /// Path on the host.
    #[xml(attr)]
    pub path: Option<String>,
    /// Labels that differ from the domain's.
    #[xml(child, key = "@model", unordered)]
    pub seclabels: Vec<DeviceSecurityLabel>,
}

/// `type='file'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct FileCharSource {
    /// Path of the file.
    #[xml(attr)]
    pub path: Option<String>,
    /// Whether a file that is there is continued; default: it is emptied at start.
    #[xml(attr)]
    pub append: Option<Switch>,
    /// Labels that differ from the domain's.
    #[xml(child, key = "@model", unordered)]
    pub seclabels: Vec<DeviceSecurityLabel>,
}

/// `type='udp'`: up to two ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = UdpCharSource::settle)]
pub struct UdpCharSource {
    /// The end that is listened on, then the peer.
    #[xml(child)]
    pub ends: Vec<UdpCharEnd>,
}

impl UdpCharSource {
    /// The end that is listened on.
    #[must_use]
    pub fn bind(&self) -> Option<&UdpCharEnd> {
        self.ends.iter().find(|end| end.mode == CharSocketMode::Bind)
    }

    /// The peer.
    #[must_use]
    pub fn connect(&self) -> Option<&UdpCharEnd> {
        self.ends.iter().find(|end| end.mode == CharSocketMode::Connect)
    }

    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.ends.sort_by_key(|end| end.mode != CharSocketMode::Bind);
        Ok(())
    }
}

/// One end of a UDP character device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source")]
pub struct UdpCharEnd {
    /// Which end.
    #[xml(attr, default)]
    pub mode: CharSocketMode,
    /// Host name or address; default: any, or the local host.
    #[xml(attr)]
    pub host: Option<String>,
    /// Port, by number or name.
    #[xml(attr)]
    pub service: Option<String>,
}

/// `type='tcp'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(before_read = TcpCharSource::check)]
pub struct TcpCharSource {
    /// Where it listens, or connects to.
    #[xml(child, default)]
    pub socket: TcpCharSocket,
    /// What is spoken over it; default: the bytes as they are.
    #[xml(attr = "protocol/@type", default)]
    pub protocol: CharTcpProtocol,
}

impl TcpCharSource {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        if reader.all("protocol").count() > 1 {
            return Err(reader.refuse("only one protocol element is allowed for character device"));
        }
        Ok(())
    }
}

/// A TCP connection or listener whose bytes are the device's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source")]
pub struct TcpCharSocket {
    /// Who calls whom; default: the emulator calls.
    #[xml(attr, default)]
    pub mode: CharSocketMode,
    /// Host name or address.
    #[xml(attr)]
    pub host: Option<String>,
    /// Port, by number or name.
    #[xml(attr)]
    pub service: Option<String>,
    /// Whether the connection is encrypted; default: as the driver is configured.
    #[xml(attr)]
    pub tls: Option<bool>,
    /// Whether the driver's configuration said so.
    #[xml(attr = "tlsFromConfig", status)]
    pub tls_from_config: Option<u32>,
    /// What to do when the peer goes away.
    #[xml(child)]
    pub reconnect: Option<Reconnect>,
}

/// What to do when the peer of a socket goes away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "reconnect", after_read = Reconnect::settle)]
pub struct Reconnect {
    /// Whether to connect again.
    #[xml(attr)]
    pub enabled: Option<bool>,
    /// Seconds between attempts.
    #[xml(attr)]
    pub timeout: Option<u32>,
}

impl Reconnect {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.enabled == Some(true) && self.timeout.is_none() {
            return Err(reader.missing_attr(&[], "timeout"));
        }
        if self.enabled != Some(true) {
            self.timeout = None;
        }
        Ok(())
    }
}

/// Who calls whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, XmlValue)]
pub enum CharSocketMode {
    /// The emulator calls.
    #[default]
    Connect,
    /// The emulator is called.
    Bind,
}

/// What is spoken over a TCP connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, XmlValue)]
pub enum CharTcpProtocol {
    /// The bytes as they are.
    #[default]
    Raw,
    /// Telnet.
    Telnet,
    /// Telnet over TLS.
    Telnets,
    /// TLS.
    Tls,
}

/// `type='unix'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = UnixCharSource::settle)]
pub struct UnixCharSource {
    /// Who calls whom; default: the emulator calls.
    #[xml(attr)]
    pub mode: Option<CharSocketMode>,
    /// Path of the socket; absent: assigned, for channels that allow it.
    #[xml(attr)]
    pub path: Option<String>,
    /// Labels that differ from the domain's.
    #[xml(child, key = "@model", unordered)]
    pub seclabels: Vec<DeviceSecurityLabel>,
    /// What to do when the peer goes away.
    #[xml(child)]
    pub reconnect: Option<Reconnect>,
}

impl UnixCharSource {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        if self.path.is_none() {
            *self = Self::default();
        } else {
            self.mode.get_or_insert_default();
        }
        Ok(())
    }
}

/// `type='spiceport'` and `dbus`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ChannelCharSource {
    /// Name by which the other side knows it.
    #[xml(attr)]
    pub channel: Option<String>,
}

/// `type='nmdm'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct NmdmCharSource {
    /// Path of the emulator's end.
    #[xml(attr)]
    pub master: Option<String>,
    /// Path of the other end.
    #[xml(attr)]
    pub slave: Option<String>,
}

/// `type='qemu-vdagent'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VdagentCharSource {
    /// Whether the clipboard is shared; default: off.
    #[xml(attr = "clipboard/@copypaste", required)]
    pub clipboard: Option<bool>,
    /// Who draws the pointer; default: the hypervisor's choice.
    #[xml(attr = "mouse/@mode", required)]
    pub mouse: Option<MouseMode>,
}

/// Who draws the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum MouseMode {
    /// The guest; movements are relative.
    Server,
    /// The viewer; coordinates are absolute.
    Client,
}

/// A copy of what the guest writes; libvirt forgets one without a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "log")]
pub struct CharLog {
    /// Path of the log.
    #[xml(attr)]
    pub file: Option<String>,
    /// Whether a log that is there is continued; default: on.
    #[xml(attr)]
    pub append: Option<Switch>,
}

impl CharLog {
    /// Whether the device under `reader` has a log in a file.
    pub(in crate::model::device) fn is_kept(reader: &Reader<'_, '_>) -> bool {
        reader.first(Self::NAME).is_some_and(|log| log.attr_text("file").is_some())
    }
}
