//! `<filterbinding>`: a network filter in force on one port.

use uuid::Uuid;

use super::MacAddress;
use super::device::FilterRef;
use crate::xml::{FormatOptions, ParseOptions, Result, Xml, from_str, to_string};

/// A network filter in force on one port.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "filterbinding", errors = NWFILTER)]
pub struct NwFilterBinding {
    /// Whose port it is.
    #[xml(child)]
    pub owner: BindingOwner,
    /// The port's device on the host.
    #[xml(attr = "portdev/@name")]
    pub port_device: String,
    /// The host's device below it, of macvtap ports.
    #[xml(attr = "linkdev/@name")]
    pub link_device: Option<String>,
    /// The guest's card.
    #[xml(attr = "mac/@address")]
    pub mac: MacAddress,
    /// The filter, and its variables.
    #[xml(child)]
    pub filterref: Option<FilterRef>,
}

/// Whose port it is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "owner")]
pub struct BindingOwner {
    /// The guest's name.
    #[xml(child_text)]
    pub name: String,
    /// The guest's identity.
    #[xml(child_text)]
    pub uuid: Uuid,
}

impl NwFilterBinding {
    /// Reads a binding.
    ///
    /// # Errors
    ///
    /// When the text is not XML, or not a binding's.
    pub fn from_xml(text: &str, options: &ParseOptions) -> Result<Self> {
        from_str(text, options)
    }

    /// Writes the binding as libvirt writes it.
    #[must_use]
    pub fn to_xml(&self, options: &FormatOptions) -> String {
        to_string(self, *options)
    }
}
