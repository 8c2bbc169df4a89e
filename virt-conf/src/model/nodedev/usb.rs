//! USB devices of the host and their interfaces.

use super::IdentifiedName;
use crate::xml::Xml;

/// What is plugged into a port, with all of its interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct UsbDeviceCapability {
    /// The host's number of its bus.
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub bus: u32,
    /// Its number on that bus; another one each time that it is plugged in.
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub device: u32,
    /// The device's number in its vendor's list, 0 to 0xffff, and its name.
    #[xml(child = "product")]
    pub product: IdentifiedName,
    /// The number of who made it, 0 to 0xffff, and its name.
    #[xml(child = "vendor")]
    pub vendor: IdentifiedName,
}

/// An interface of a USB device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct UsbInterfaceCapability {
    /// Its number in the device.
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub number: u32,
    /// USB interface class, 0 to 255.
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub class: u32,
    /// Subclass, 0 to 255.
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub subclass: u32,
    /// Protocol, 0 to 255.
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub protocol: u32,
    /// A name for people; absent where the device has none.
    #[xml(child_text)]
    pub description: Option<String>,
}
