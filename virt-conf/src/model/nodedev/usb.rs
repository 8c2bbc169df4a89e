//! USB devices of the host and their interfaces.

use super::{IdentifiedName, invalid, missing};
use crate::xml::Xml;

/// What is plugged into a port, with all of its interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct UsbDeviceCapability {
    /// The host's number of its bus.
    #[xml(child_text, invalid = |_| invalid(r, "USB bus number"), missing = missing(r, "USB bus number"))]
    pub bus: u32,
    /// Its number on that bus; another one each time that it is plugged in.
    #[xml(child_text, invalid = |_| invalid(r, "USB device number"), missing = missing(r, "USB device number"))]
    pub device: u32,
    /// The ports on the way from its bus to it, `1.2`; stays as long as it stays in its plug. Since 11.9.
    #[xml(child_text)]
    pub port: Option<String>,
    /// The device's number in its vendor's list, 0 to 0xffff, and its name.
    #[xml(child = "product", missing = missing(r, "USB product ID"))]
    pub product: IdentifiedName,
    /// The number of who made it, 0 to 0xffff, and its name.
    #[xml(child = "vendor", missing = missing(r, "USB vendor ID"))]
    pub vendor: IdentifiedName,
}

/// An interface of a USB device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct UsbInterfaceCapability {
    /// Its number in the device.
    #[xml(child_text, invalid = |_| invalid(r, "USB interface number"), missing = missing(r, "USB interface number"))]
    pub number: u32,
    /// USB interface class, 0 to 255.
    #[xml(child_text, invalid = |_| invalid(r, "USB interface class"), missing = missing(r, "USB interface class"))]
    pub class: u32,
    /// Subclass, 0 to 255.
    #[xml(child_text, invalid = |_| invalid(r, "USB interface subclass"), missing = missing(r, "USB interface subclass"))]
    pub subclass: u32,
    /// Protocol, 0 to 255.
    #[xml(child_text, invalid = |_| invalid(r, "USB interface protocol"), missing = missing(r, "USB interface protocol"))]
    pub protocol: u32,
    /// A name for people; absent where the device has none.
    #[xml(child_text)]
    pub description: Option<String>,
}
