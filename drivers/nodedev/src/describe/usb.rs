//! USB devices and their interfaces.

use virt_conf::model::nodedev::{DeviceNode, IdentifiedName, UsbDeviceCapability, UsbInterfaceCapability};

use super::nodes;
use crate::host::Host;

/// Describes the device at a path; answers its node too.
pub(super) fn device(host: &Host, path: &str) -> Option<(UsbDeviceCapability, Vec<DeviceNode>)> {
    let number = |name: &str| host.text(&format!("{path}/{name}")).and_then(|text| text.parse().ok());
    let identity = |name: &str| host.hexadecimal(&format!("{path}/{name}"));
    let properties = host.properties(path);
    let record = host.record(false, &properties);
    // udev's list of names goes before what the device calls itself.
    let name = |known: &str, own: &str| {
        let own = || host.text(&format!("{path}/{own}"));
        record.property(known).map(str::to_owned).or_else(own).unwrap_or_default()
    };
    let capability = UsbDeviceCapability {
        bus: number("busnum")?,
        device: number("devnum")?,
        port: None,
        product: IdentifiedName {
            id: identity("idProduct")?,
            name: name("ID_MODEL_FROM_DATABASE", "product"),
        },
        vendor: IdentifiedName {
            id: identity("idVendor")?,
            name: name("ID_VENDOR_FROM_DATABASE", "manufacturer"),
        },
    };
    Some((capability, nodes(host, false, &properties)))
}

/// Describes the interface at a path.
pub(super) fn interface(host: &Host, path: &str) -> UsbInterfaceCapability {
    let number = |name: &str| host.hexadecimal(&format!("{path}/{name}")).unwrap_or_default();
    UsbInterfaceCapability {
        number: number("bInterfaceNumber"),
        class: number("bInterfaceClass"),
        subclass: number("bInterfaceSubClass"),
        protocol: number("bInterfaceProtocol"),
        description: host.text(&format!("{path}/interface")),
    }
}
