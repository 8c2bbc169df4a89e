//! `<filterbinding>`: a network filter in force on one port.

use uuid::Uuid;

use super::MacAddress;
use super::device::FilterRef;
use crate::xml::{Error, ErrorDomain, Reader, Result, Value as _, Xml};

/// A network filter in force on one port.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "filterbinding", document, errors = NWFILTER, before_read = NwFilterBinding::check)]
pub struct NwFilterBinding {
    /// Whose port it is.
    #[xml(child, missing = internal("filter binding has no owner name"))]
    pub owner: BindingOwner,
    /// The port's device on the host.
    #[xml(attr = "portdev/@name", missing = internal("filter binding has no port dev name"))]
    pub port_device: String,
    /// The host's device below it, of macvtap ports.
    #[xml(attr = "linkdev/@name")]
    pub link_device: Option<String>,
    /// The guest's card.
    #[xml(
        attr = "mac/@address",
        unless_empty,
        invalid = |text| internal(format!("Unable to parse MAC '{text}'")),
        missing = internal("filter binding has no MAC address")
    )]
    pub mac: MacAddress,
    /// The filter, and its variables; never absent from what was read.
    #[xml(child)]
    pub filterref: Option<FilterRef>,
    /// What enforces it on the host; the driver's choice by default.
    #[xml(attr = "backend/@name")]
    pub backend: Option<String>,
}

/// Whose port it is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "owner")]
pub struct BindingOwner {
    /// The guest's name.
    #[xml(child_text, missing = internal("filter binding has no owner name"))]
    pub name: String,
    /// The guest's identity.
    #[xml(
        child_text,
        invalid = |text| internal(format!("Unable to parse UUID '{text}'")),
        missing = internal("filter binding has no owner UUID")
    )]
    pub uuid: Uuid,
}

impl NwFilterBinding {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let missing = |what| Err(reader.internal(format!("filter binding has no {what}")));
        let name =
            |element| reader.first(element).map(|element: Reader<'_, '_>| element.attr_value(&[], "name"));
        if name("portdev").is_none_or(str::is_empty) {
            return missing("port dev name");
        }
        if name("linkdev").is_some_and(str::is_empty) {
            return missing("link dev name");
        }
        // What comes before it is complained about first.
        let owner = reader.first("owner").is_some_and(|owner| owner.has(&["name"]) && owner.has(&["uuid"]));
        let mac = reader.first("mac").and_then(|mac| mac.attr_text("address"));
        let filter = reader.attr_value(&["filterref"], "filter");
        if owner && mac.is_some_and(|mac| MacAddress::parse(mac).is_ok()) && filter.is_empty() {
            return missing("filter reference");
        }
        Ok(())
    }
}

fn internal(detail: impl AsRef<str>) -> Error {
    Error::internal(ErrorDomain::NWFILTER, detail)
}
