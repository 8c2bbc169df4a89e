//! `<graphics type='spice'>`.

use super::{GraphicsAuth, GraphicsGl, GraphicsListens};
use crate::model::Switch;
use crate::model::device::MouseMode;
use crate::xml::{Xml, XmlValue};

/// `type='spice'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = SpiceGraphics::settle)]
pub struct SpiceGraphics {
    /// TCP port; 0: none, or assigned.
    #[xml(attr, omit)]
    pub port: i32,
    /// TCP port with TLS; 0: none, or assigned.
    #[xml(attr = "tlsPort", omit)]
    pub tls_port: i32,
    /// Whether ports are assigned at start; absent without a listener that has a port.
    #[xml(attr)]
    pub autoport: Option<bool>,
    /// Where connections are accepted.
    #[xml(flatten)]
    pub listens: GraphicsListens,
    /// Keyboard layout; default: the viewer's.
    #[xml(attr)]
    pub keymap: Option<String>,
    /// Security of channels not named below; default: either.
    #[xml(attr = "defaultMode", omit)]
    pub default_mode: SpiceChannelMode,
    /// Password and its end.
    #[xml(flatten)]
    pub auth: GraphicsAuth,
    /// Security of single channels, one entry a channel, in the channels' order.
    #[xml(child, key = "@name", unordered)]
    pub channels: Vec<SpiceChannel>,
    /// How pictures are compressed; default: the hypervisor's choice.
    #[xml(attr = "image/@compression", required)]
    pub image: Option<SpiceImageCompression>,
    /// Whether JPEG is used over slow links; default: the hypervisor's choice.
    #[xml(attr = "jpeg/@compression", required)]
    pub jpeg: Option<SpiceCompression>,
    /// Whether zlib is used over slow links; default: the hypervisor's choice.
    #[xml(attr = "zlib/@compression", required)]
    pub zlib: Option<SpiceCompression>,
    /// Whether sound is compressed; default: on.
    #[xml(attr = "playback/@compression", required)]
    pub playback: Option<Switch>,
    /// Which parts of the screen are taken for films; default: those that look like one.
    #[xml(attr = "streaming/@mode", required)]
    pub streaming: Option<SpiceStreaming>,
    /// Who draws the pointer; default: the hypervisor's choice.
    #[xml(attr = "mouse/@mode", required)]
    pub mouse: Option<MouseMode>,
    /// Whether the clipboard is shared; default: yes.
    #[xml(attr = "clipboard/@copypaste", required)]
    pub clipboard: Option<bool>,
    /// Whether files may be dropped on the viewer; default: yes.
    #[xml(attr = "filetransfer/@enable", required)]
    pub file_transfer: Option<bool>,
    /// OpenGL; only for viewers on the host itself.
    #[xml(child)]
    pub gl: Option<GraphicsGl>,
}

/// Security of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "channel")]
pub struct SpiceChannel {
    /// Which channel.
    #[xml(attr)]
    pub name: SpiceChannelName,
    /// How it must be secured.
    #[xml(attr)]
    pub mode: SpiceChannelMode,
}

/// Channels of a SPICE connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, XmlValue)]
pub enum SpiceChannelName {
    /// Control.
    Main,
    /// Pictures.
    Display,
    /// Keys and pointer.
    Inputs,
    /// The pointer's shape.
    Cursor,
    /// Sound from the guest.
    Playback,
    /// Sound to the guest.
    Record,
    /// Smart cards.
    Smartcard,
    /// Redirected USB devices.
    UsbRedir,
}

/// How a channel must be secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, XmlValue)]
pub enum SpiceChannelMode {
    /// As the viewer likes.
    #[default]
    Any,
    /// With TLS.
    Secure,
    /// Without TLS.
    Insecure,
}

/// How pictures are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum SpiceImageCompression {
    /// GLZ or QUIC, as suits each picture.
    #[xml("auto_glz")]
    AutoGlz,
    /// LZ or QUIC, as suits each picture.
    #[xml("auto_lz")]
    AutoLz,
    /// For photographs.
    Quic,
    /// For drawings, with a dictionary over all pictures.
    Glz,
    /// For drawings.
    Lz,
    /// Not at all.
    Off,
}

/// Whether something is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum SpiceCompression {
    /// Over slow links.
    Auto,
    /// Never.
    Never,
    /// Always.
    Always,
}

/// Which parts of the screen are taken for films.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum SpiceStreaming {
    /// Those that look like one.
    Filter,
    /// All that change often.
    All,
    /// None.
    Off,
}
