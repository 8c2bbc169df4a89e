//! The host itself, its graphics cards' nodes, vDPA.

use uuid::Uuid;

use super::{internal, missing, unsupported};
use crate::xml::{Xml, XmlValue};

/// The host itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct SystemCapability {
    /// The product's name.
    #[xml(child_text)]
    pub product: Option<String>,
    /// What its hardware says of itself.
    #[xml(child, missing = missing(r, "system UUID"))]
    pub hardware: SystemHardware,
    /// What its firmware says of itself.
    #[xml(child, default)]
    pub firmware: SystemFirmware,
}

/// What the hardware says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "hardware")]
pub struct SystemHardware {
    /// The vendor's name.
    #[xml(child_text)]
    pub vendor: Option<String>,
    /// Which revision of the product; absent where unknown.
    #[xml(child_text)]
    pub version: Option<String>,
    /// The serial number.
    #[xml(child_text)]
    pub serial: Option<String>,
    /// The host's UUID.
    #[xml(
        child_text,
        invalid = |_| internal(r, "malformed uuid element"),
        missing = missing(r, "system UUID")
    )]
    pub uuid: Uuid,
}

/// What the firmware says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "firmware", keep_empty, keep_open)]
pub struct SystemFirmware {
    /// The vendor's name.
    #[xml(child_text)]
    pub vendor: Option<String>,
    /// Which firmware of that vendor; absent where unknown.
    #[xml(child_text)]
    pub version: Option<String>,
    /// When it was released.
    #[xml(child_text = "release_date")]
    pub release_date: Option<String>,
}

/// A node of a graphics card.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
pub struct DrmCapability {
    /// What it is for.
    #[xml(
        child_text = "type",
        invalid = |text| unsupported(r, &format!("unknown drm type '{text}'")),
        missing = unsupported(r, "unknown drm type '(null)'")
    )]
    pub kind: DrmKind,
}

/// What a node of a graphics card is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum DrmKind {
    /// Everything.
    Primary,
    /// Modes only; obsolete.
    Control,
    /// Rendering only, without privileges.
    Render,
}

/// A vDPA device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VdpaCapability {
    /// Its device node, `/dev/vhost-vdpa-0`.
    #[xml(child_text)]
    pub chardev: String,
}
