//! `<graphics>`: how the guest's display is looked at.

mod listen;
mod spice;

pub use listen::*;
pub use spice::*;

use super::AudioReference;
use crate::xml::{Reader, Result, Xml, XmlValue};

/// A way to look at the guest's display.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "graphics", tag = "type")]
pub enum Graphics {
    /// A window of the host's display.
    Sdl(SdlGraphics),
    /// A VNC server.
    Vnc(VncGraphics),
    /// A Windows remote desktop server.
    Rdp(RdpGraphics),
    /// A window of `VirtualBox`.
    Desktop(DesktopGraphics),
    /// A SPICE server.
    Spice(SpiceGraphics),
    /// None, but OpenGL for other ways to look.
    #[xml("egl-headless")]
    EglHeadless(EglHeadlessGraphics),
    /// A display on D-Bus.
    Dbus(DbusGraphics),
}

impl Graphics {
    /// Where connections are accepted; empty for kinds that accept none.
    #[must_use]
    pub fn listens(&self) -> &[GraphicsListen] {
        match self {
            Self::Vnc(vnc) => &vnc.listens.listens,
            Self::Rdp(rdp) => &rdp.listens.listens,
            Self::Spice(spice) => &spice.listens.listens,
            Self::Sdl(_) | Self::Desktop(_) | Self::EglHeadless(_) | Self::Dbus(_) => &[],
        }
    }
}

/// `type='sdl'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct SdlGraphics {
    /// The X display; default: as the environment says.
    #[xml(attr)]
    pub display: Option<String>,
    /// Path of the X authority file; default: as the environment says.
    #[xml(attr)]
    pub xauth: Option<String>,
    /// Whether the window fills the screen; default: no.
    #[xml(attr, omit)]
    pub fullscreen: bool,
    /// Whether OpenGL is used; default: the hypervisor's choice.
    #[xml(attr = "gl/@enable", required)]
    pub gl: Option<bool>,
}

/// `type='vnc'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = VncGraphics::settle)]
pub struct VncGraphics {
    /// TCP port; absent with a socket, or without any listener.
    #[xml(flatten)]
    pub port: Option<VncPort>,
    /// Where connections are accepted.
    #[xml(flatten)]
    pub listens: GraphicsListens<true>,
    /// Keyboard layout; default: the viewer's.
    #[xml(attr)]
    pub keymap: Option<String>,
    /// Whether several viewers may look at once; default: the hypervisor's choice.
    #[xml(attr = "sharePolicy")]
    pub share_policy: Option<VncSharePolicy>,
    /// Whether viewers may shut down or reset the guest; default: no.
    #[xml(attr = "powerControl")]
    pub power_control: Option<bool>,
    /// bhyve: whether the guest waits for a viewer before it boots; default: no. Since 11.10.
    #[xml(attr)]
    pub wait: Option<bool>,
    /// Password and its end.
    #[xml(flatten)]
    pub auth: GraphicsAuth,
    /// The audio backend whose sound viewers hear.
    #[xml(child)]
    pub audio: Option<AudioReference>,
}

/// Whether several VNC viewers may look at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum VncSharePolicy {
    /// A viewer may ask to be the only one.
    #[xml("allow-exclusive")]
    AllowExclusive,
    /// Always.
    #[xml("force-shared")]
    ForceShared,
    /// As many as come, whatever they ask.
    Ignore,
}

/// Password of a viewer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = GraphicsAuth::settle)]
pub struct GraphicsAuth {
    /// The password; absent: none is asked for.
    #[xml(attr, secure)]
    pub passwd: Option<String>,
    /// When it ends, UTC as `2010-04-09T15:51:00`; absent: never.
    #[xml(attr = "passwdValidTo", secure)]
    pub passwd_valid_to: Option<String>,
    /// What happens to those connected when the password changes; default: they stay.
    #[xml(attr, secure)]
    pub connected: Option<GraphicsConnected>,
}

/// What happens to connected viewers when the password changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum GraphicsConnected {
    /// The change fails.
    Fail,
    /// They are disconnected.
    Disconnect,
    /// They stay.
    Keep,
}

/// `type='rdp'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = RdpGraphics::settle)]
pub struct RdpGraphics {
    /// TCP port; 0: assigned; absent: the standard one.
    #[xml(attr)]
    pub port: Option<i32>,
    /// Whether the port is assigned at start; default: no.
    #[xml(attr, omit)]
    pub autoport: bool,
    /// Whether a new viewer takes the place of the one before; default: no.
    #[xml(attr = "replaceUser", omit)]
    pub replace_user: bool,
    /// Whether several viewers may look at once; default: no.
    #[xml(attr = "multiUser", omit)]
    pub multi_user: bool,
    /// Where connections are accepted.
    #[xml(flatten)]
    pub listens: GraphicsListens,
    /// User name asked for; absent: none.
    #[xml(attr)]
    pub username: Option<String>,
    /// Password asked for; absent: none.
    #[xml(attr, secure)]
    pub passwd: Option<String>,
}

/// `type='desktop'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct DesktopGraphics {
    /// The X display; default: as the environment says.
    #[xml(attr)]
    pub display: Option<String>,
    /// Whether the window fills the screen; default: no.
    #[xml(attr, omit)]
    pub fullscreen: bool,
}

/// `type='egl-headless'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct EglHeadlessGraphics {
    /// Path of the host's render node; default: the first that fits.
    #[xml(attr = "gl/@rendernode")]
    pub rendernode: Option<String>,
}

/// `type='dbus'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct DbusGraphics {
    /// Whether viewers connect to the emulator itself instead of a bus; default: no.
    #[xml(attr, omit)]
    pub p2p: bool,
    /// Address of the bus; default: one of the guest's own, assigned at start.
    #[xml(attr)]
    pub address: Option<String>,
    /// Whether the driver assigned the address.
    #[xml(attr = "fromConfig", status)]
    pub from_config: Option<bool>,
    /// OpenGL.
    #[xml(child)]
    pub gl: Option<GraphicsGl>,
    /// The audio backend whose sound viewers hear.
    #[xml(child)]
    pub audio: Option<AudioReference>,
}

/// OpenGL of a display.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "gl", after_read = GraphicsGl::settle)]
pub struct GraphicsGl {
    /// Whether it is used.
    #[xml(attr)]
    pub enable: Option<bool>,
    /// Path of the host's render node; default: the first that fits.
    #[xml(attr)]
    pub rendernode: Option<String>,
}

impl GraphicsGl {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.enable.map(|_| ()).ok_or_else(|| reader.missing_attr(&[], "enable"))
    }
}
