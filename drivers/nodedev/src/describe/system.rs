//! The host itself.

use uuid::Uuid;
use virt_conf::model::nodedev::{SystemCapability, SystemFirmware, SystemHardware};

use crate::host::Host;

/// What the firmware says, as the kernel passes it on.
const DMI: &str = "devices/virtual/dmi/id";

/// Describes the host.
pub(super) fn capability(host: &Host) -> SystemCapability {
    let text = |name: &str| host.text(&format!("{DMI}/{name}"));
    SystemCapability {
        product: text("product_name"),
        hardware: SystemHardware {
            vendor: text("sys_vendor"),
            version: text("product_version"),
            serial: text("product_serial"),
            uuid: uuid(host),
        },
        firmware: SystemFirmware {
            vendor: text("bios_vendor"),
            version: text("bios_version"),
            release_date: text("bios_date"),
        },
    }
}

/// The one of the hardware; where it has none worth the name, the one of the installed system.
fn uuid(host: &Host) -> Uuid {
    let hardware = host.text(&format!("{DMI}/product_uuid")).and_then(|text| text.parse().ok());
    // Vendors that have no number leave it all zeros or all ones.
    let hardware = hardware.filter(|uuid: &Uuid| !uuid.is_nil() && !uuid.is_max());
    let system = || std::fs::read_to_string("/etc/machine-id").ok()?.trim().parse().ok();
    hardware.or_else(|| host.exists(DMI).then(system).flatten()).unwrap_or_default()
}
