//! Kinds of devices, and what they are called.

use std::sync::{Arc, OnceLock};

use virt_core::driver::ListNodeDevices;

use crate::describe::pci::Facts;
use crate::describe::storage;
use crate::host::{Host, last};

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    System,
    Pci,
    UsbDevice,
    UsbInterface,
    Net,
    ScsiHost,
    ScsiTarget,
    Scsi,
    ScsiGeneric,
    Storage,
    Drm,
    /// Nothing but a parent of mediated devices.
    MdevTypes,
    Mdev,
    Ccw,
    Css,
    CcwGroup,
    Vdpa,
    ApCard,
    ApQueue,
    ApMatrix,
}

/// Where devices of these kinds are listed, and the subsystem they belong to.
pub(crate) const DIRECTORIES: [(&str, &str); 15] = [
    ("bus/pci/devices", "pci"),
    ("bus/usb/devices", "usb"),
    ("class/net", "net"),
    ("bus/scsi/devices", "scsi"),
    ("class/scsi_generic", "scsi_generic"),
    ("block", "block"),
    ("class/drm", "drm"),
    ("bus/mdev/devices", "mdev"),
    ("bus/ccw/devices", "ccw"),
    ("bus/css/devices", "css"),
    ("bus/ccwgroup/devices", "ccwgroup"),
    ("bus/vdpa/devices", "vdpa"),
    ("bus/ap/devices", "ap"),
    ("bus/matrix/devices", "matrix"),
    // Last, because what is something else already is that.
    ("class/mdev_bus", ""),
];

/// What the host itself is called.
pub(crate) const COMPUTER: &str = "computer";

/// The directory of the types of mediated devices that a device can make.
pub(crate) const MDEV_TYPES: &str = "mdev_supported_types";

/// A device.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// Unique on the host.
    pub(crate) name: String,
    /// Where it is below the root of sysfs; empty for the host itself.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    /// What is known of a PCI function, once somebody has asked; nothing in it for one that went meanwhile.
    pub(crate) pci: Arc<OnceLock<Option<Facts>>>,
}

impl Device {
    /// The host itself.
    pub(crate) fn computer() -> Self {
        Self { name: COMPUTER.to_owned(), path: String::new(), kind: Kind::System, pci: Arc::default() }
    }

    /// The device at a path of sysfs; nothing where there is none, or none of a kind that has a name.
    pub(crate) fn at(host: &Host, path: &str) -> Option<Self> {
        let subsystem = host.link(&format!("{path}/subsystem"))?;
        Self::of(host, &subsystem, path)
    }

    /// The device of a subsystem at a path.
    pub(crate) fn of(host: &Host, subsystem: &str, path: &str) -> Option<Self> {
        let system_name = last(path);
        let Some(kind) = kind(subsystem, system_name) else {
            // Whatever makes mediated devices is shown, though nothing else may be known of it.
            if !host.exists(&format!("{path}/{MDEV_TYPES}")) {
                return None;
            }
            let subsystem = host.link(&format!("{path}/subsystem"))?;
            return Some(Self::named(&[&subsystem, system_name], path, Kind::MdevTypes));
        };
        let suffix = match kind {
            Kind::Net => net_suffix(host, path)?,
            Kind::Storage => storage::suffix(host, path)?,
            Kind::Mdev => Some(last(crate::host::above(path)).to_owned()),
            _ => None,
        };
        let mut parts = vec![subsystem, system_name];
        parts.extend(suffix.as_deref());
        Some(Self::named(&parts, path, kind))
    }

    fn named(parts: &[&str], path: &str, kind: Kind) -> Self {
        Self { name: name(parts), path: path.to_owned(), kind, pci: Arc::default() }
    }

    /// Its capabilities, as flags of a list.
    pub(crate) fn capabilities(&self, host: &Host) -> ListNodeDevices {
        use ListNodeDevices as Flag;
        let path = &self.path;
        let mut flags = self.flag();
        match self.kind {
            Kind::ScsiHost => {
                let number = last(path);
                flags.set(Flag::FC_HOST, host.exists(&format!("class/fc_host/{number}")));
                flags.set(Flag::VPORTS, crate::vport::directory(host, number).is_some());
            }
            Kind::Pci => {
                flags.set(Flag::MDEV_TYPES, host.exists(&format!("{path}/{MDEV_TYPES}")));
                let promised = || host.exists(&format!("{path}/vpd"));
                flags.set(Flag::VPD, promised() && crate::describe::pci::vpd(host, path).is_some());
            }
            Kind::Css | Kind::ApMatrix => {
                flags.set(Flag::MDEV_TYPES, host.exists(&format!("{path}/{MDEV_TYPES}")));
            }
            Kind::Ccw => flags.set(Flag::CCWGROUP_MEMBER, host.exists(&format!("{path}/group_device"))),
            _ => {}
        }
        flags
    }

    /// The flag of its kind.
    pub(crate) fn flag(&self) -> ListNodeDevices {
        use ListNodeDevices as Flag;
        match self.kind {
            Kind::System => Flag::SYSTEM,
            Kind::Pci => Flag::PCI_DEV,
            Kind::UsbDevice => Flag::USB_DEV,
            Kind::UsbInterface => Flag::USB_INTERFACE,
            Kind::Net => Flag::NET,
            Kind::ScsiHost => Flag::SCSI_HOST,
            Kind::ScsiTarget => Flag::SCSI_TARGET,
            Kind::Scsi => Flag::SCSI,
            Kind::ScsiGeneric => Flag::SCSI_GENERIC,
            Kind::Storage => Flag::STORAGE,
            Kind::Drm => Flag::DRM,
            Kind::MdevTypes => Flag::MDEV_TYPES,
            Kind::Mdev => Flag::MDEV,
            Kind::Ccw => Flag::CCW_DEV,
            Kind::Css => Flag::CSS_DEV,
            Kind::CcwGroup => Flag::CCWGROUP_DEV,
            Kind::Vdpa => Flag::VDPA,
            Kind::ApCard => Flag::AP_CARD,
            Kind::ApQueue => Flag::AP_QUEUE,
            Kind::ApMatrix => Flag::AP_MATRIX,
        }
    }
}

/// What is known by its subsystem and its name there.
fn kind(subsystem: &str, name: &str) -> Option<Kind> {
    let numbered = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    Some(match subsystem {
        "pci" => Kind::Pci,
        "usb" if name.contains(':') => Kind::UsbInterface,
        "usb" => Kind::UsbDevice,
        "net" => Kind::Net,
        "scsi" if numbered("host") => Kind::ScsiHost,
        "scsi" if numbered("target") => Kind::ScsiTarget,
        "scsi" if numbered("") => Kind::Scsi,
        "scsi_generic" => Kind::ScsiGeneric,
        "block" => Kind::Storage,
        // Connectors are called `card0-HDMI-A-1`.
        "drm" if !name.contains('-') && ["card", "controlD", "renderD"].into_iter().any(numbered) => {
            Kind::Drm
        }
        "mdev" => Kind::Mdev,
        "ccw" => Kind::Ccw,
        "css" => Kind::Css,
        "ccwgroup" => Kind::CcwGroup,
        "vdpa" => Kind::Vdpa,
        "ap" if numbered("card") => Kind::ApCard,
        "ap" if numbered("") => Kind::ApQueue,
        "matrix" => Kind::ApMatrix,
        _ => return None,
    })
}

/// The address, for interfaces that are shown: cards, and what looks like one; not bridges, VLANs, bonds and tunnels, which
/// the kernel gives a type.
#[allow(clippy::option_option)]
fn net_suffix(host: &Host, path: &str) -> Option<Option<String>> {
    let properties = host.properties(path);
    properties.get("INTERFACE")?;
    let shown = properties.get("DEVTYPE").is_none_or(|kind| kind == "wlan");
    shown.then(|| host.text(&format!("{path}/address")))
}

/// A name: what is no letter or digit becomes an underscore.
pub(crate) fn name(parts: &[&str]) -> String {
    let joined = parts.join("_");
    joined.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_libvirts() {
        assert_eq!(name(&["pci", "0000:01:10.0"]), "pci_0000_01_10_0");
        assert_eq!(name(&["net", "eth0", "52:54:00:69:67:01"]), "net_eth0_52_54_00_69_67_01");
        assert_eq!(name(&["usb", "1-3.1:1.0"]), "usb_1_3_1_1_0");
        assert_eq!(name(&["scsi", "target0:0:0"]), "scsi_target0_0_0");
    }

    #[test]
    fn only_devices_of_known_kinds_have_names() {
        let kinds = [
            ("usb", "usb1", Some(Kind::UsbDevice)),
            ("usb", "1-0:1.0", Some(Kind::UsbInterface)),
            ("scsi", "host2", Some(Kind::ScsiHost)),
            ("scsi", "2:0:0:0", Some(Kind::Scsi)),
            ("drm", "card0", Some(Kind::Drm)),
            ("drm", "renderD128", Some(Kind::Drm)),
            ("drm", "card0-DP-1", None),
            ("drm", "ttm", None),
            ("ap", "card07", Some(Kind::ApCard)),
            ("ap", "07.003b", Some(Kind::ApQueue)),
            ("virtio", "virtio0", None),
        ];
        for (subsystem, name, expected) in kinds {
            assert_eq!(kind(subsystem, name), expected, "{subsystem} {name}");
        }
    }
}
