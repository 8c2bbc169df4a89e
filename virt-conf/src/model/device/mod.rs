//! `<devices>`: one file per kind of device.

mod address;
mod interface;

pub use address::*;
pub use interface::*;

use crate::xml::Xml;

/// The devices of a guest, each kind in the order in which libvirt writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "devices", keep_empty)]
pub struct Devices {
    /// The program that runs the guest, an absolute path; by default the driver chooses one.
    #[xml(child_text)]
    pub emulator: Option<String>,
    /// Network interfaces.
    #[xml(child)]
    pub interfaces: Vec<Interface>,
}
