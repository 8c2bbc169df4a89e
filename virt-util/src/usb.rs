//! USB devices of the host: found by vendor and product, by bus and address, or by both.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sysfs::Sysfs;
use crate::{Error, ErrorCode, ErrorDomain, Result};

const DEVICES: &str = "bus/usb/devices";

/// The USB devices of a host.
///
/// ```no_run
/// use virt_util::usb::{Usb, UsbSelector};
///
/// let stick = Usb::host().find(&UsbSelector { product: Some((0x46f4, 0x0001)), address: None })?;
/// println!("{stick} is /dev/bus/usb/{:03}/{:03}", stick.bus, stick.device);
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usb {
    sysfs: Sysfs,
}

/// What is plugged in at one port, or a root hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UsbDevice {
    /// Where it is plugged in, which stays when it is plugged in again: `1-3.2` is port 2 of the hub on port 3 of bus 1.
    pub port: String,
    /// The number of the bus that it is on.
    pub bus: u32,
    /// Its number on the bus, another each time that it is plugged in.
    pub device: u32,
    /// Who made it.
    pub vendor: u16,
    /// Which of the vendor's products it is.
    pub product: u16,
    /// Its serial number, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// What it calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The drivers that have its interfaces.
    pub drivers: Vec<String>,
}

/// Which device is meant: what is left out does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsbSelector {
    /// Vendor and product.
    pub product: Option<(u16, u16)>,
    /// Bus and number on it.
    pub address: Option<(u32, u32)>,
}

impl Usb {
    /// This machine's.
    pub fn host() -> Self {
        Self::at(Sysfs::host())
    }

    /// Those of a sysfs tree.
    pub fn at(sysfs: Sysfs) -> Self {
        Self { sysfs }
    }

    /// Every device, root hubs included, in the order of buses and numbers. One that goes meanwhile is left out.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn devices(&self) -> Result<Vec<UsbDevice>> {
        let names = self.sysfs.names(DEVICES)?;
        let mut devices = Vec::new();
        // An interface is named `PORT:CONFIGURATION.INTERFACE`.
        for port in names.iter().filter(|name| !name.contains(':')) {
            devices.extend(self.device(port, &names)?);
        }
        devices.sort_by_key(|device| (device.bus, device.device));
        Ok(devices)
    }

    fn device(&self, port: &str, names: &[String]) -> Result<Option<UsbDevice>> {
        let attribute = |name: &str| format!("{DEVICES}/{port}/{name}");
        let decimal =
            |name| Ok::<_, Error>(self.sysfs.number(attribute(name))?.and_then(|it| u32::try_from(it).ok()));
        let text = |name| Ok::<_, Error>(self.sysfs.read(attribute(name))?.filter(|text| !text.is_empty()));
        let hexadecimal =
            |name| Ok::<_, Error>(text(name)?.and_then(|digits| u16::from_str_radix(&digits, 16).ok()));
        let (Some(bus), Some(device)) = (decimal("busnum")?, decimal("devnum")?) else { return Ok(None) };
        let (Some(vendor), Some(product)) = (hexadecimal("idVendor")?, hexadecimal("idProduct")?) else {
            return Ok(None);
        };
        let mut drivers = Vec::new();
        // A root hub is `usb1`, and its interface `1-0:1.0`.
        let stem = port.strip_prefix("usb").map_or_else(|| port.to_owned(), |bus| format!("{bus}-0"));
        for interface in names.iter().filter(|name| name.split_once(':').is_some_and(|(of, _)| of == stem)) {
            drivers.extend(self.sysfs.link_name(format!("{DEVICES}/{interface}/driver"))?);
        }
        drivers.sort_unstable();
        drivers.dedup();
        let (serial, name) = (text("serial")?, text("product")?);
        Ok(Some(UsbDevice { port: port.to_owned(), bus, device, vendor, product, serial, name, drivers }))
    }

    /// The one device that is meant.
    ///
    /// # Errors
    ///
    /// libvirt's sentences: [`ErrorCode::INTERNAL_ERROR`] when there is none, [`ErrorCode::OPERATION_FAILED`] when there are
    /// several, or none of those of this kind is where it should be. The hint lists those that there are.
    pub fn find(&self, wanted: &UsbSelector) -> Result<UsbDevice> {
        let mut alike = self.devices()?;
        alike.retain(|it| wanted.product.is_none_or(|kind| kind == (it.vendor, it.product)));
        let known = list(&alike);
        let several = alike.len() > 1;
        alike.retain(|it| wanted.address.is_none_or(|address| address == (it.bus, it.device)));
        if alike.len() == 1
            && let Some(device) = alike.pop()
        {
            return Ok(device);
        }
        Err(match (wanted.product, wanted.address) {
            (Some((vendor, product)), Some((bus, device))) if several => {
                let sentence = format!(
                    "Multiple USB devices for {vendor:x}:{product:x} were found, \
                     but none of them is at bus:{bus} device:{device}"
                );
                Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence).hint(known)
            }
            (Some((vendor, product)), None) if several => {
                let sentence =
                    format!("Multiple USB devices for {vendor:x}:{product:x}, use <address> to specify one");
                Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence).hint(known)
            }
            (Some((vendor, product)), Some((bus, device))) => {
                missing(&format!("{vendor:04x}:{product:04x} bus:{bus} device:{device}"))
            }
            (Some((vendor, product)), None) => missing(&format!("{vendor:04x}:{product:04x}")),
            (None, Some((bus, device))) => missing(&format!("bus:{bus} device:{device}")),
            (None, None) => {
                let sentence = "a USB device needs a vendor and a product, or an address";
                Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence).hint(known)
            }
        })
    }
}

fn missing(what: &str) -> Error {
    Error::internal(ErrorDomain::NONE, format!("Did not find USB device {what}"))
        .hint("lsusb shows those that there are")
}

fn list(devices: &[UsbDevice]) -> String {
    let lines: Vec<_> = devices.iter().map(ToString::to_string).collect();
    format!("there are: {}", lines.join("; "))
}

impl fmt::Display for UsbDevice {
    /// `0627:0001 at bus 1 device 4 (port 1-3.1, QEMU USB Keyboard, serial 68284)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vendor, product, bus, device, port, .. } = self;
        write!(f, "{vendor:04x}:{product:04x} at bus {bus} device {device} (port {port}")?;
        if let Some(name) = &self.name {
            write!(f, ", {name}")?;
        }
        if let Some(serial) = &self.serial {
            write!(f, ", serial {serial}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture(tempfile::TempDir);

    impl Fixture {
        fn usb(&self) -> Usb {
            Usb::at(Sysfs::at(self.0.path()))
        }

        fn add(&self, port: &str, attributes: &[(&str, &str)]) {
            let place = self.0.path().join(DEVICES).join(port);
            std::fs::create_dir_all(&place).unwrap();
            for (name, text) in attributes {
                std::fs::write(place.join(name), format!("{text}\n")).unwrap();
            }
        }

        fn device(&self, port: &str, bus: &str, device: &str, kind: (&str, &str), name: &str) {
            let attributes = [
                ("busnum", bus),
                ("devnum", device),
                ("idVendor", kind.0),
                ("idProduct", kind.1),
                ("product", name),
            ];
            self.add(port, &attributes);
        }

        fn interface(&self, name: &str, driver: &str) {
            self.add(name, &[("bInterfaceClass", "03")]);
            let place = self.0.path().join(DEVICES).join(name).join("driver");
            std::os::unix::fs::symlink(format!("../../drivers/{driver}"), place).unwrap();
        }
    }

    fn host() -> Fixture {
        let host = Fixture(tempfile::tempdir().unwrap());
        host.device("usb1", "1", "1", ("1d6b", "0002"), "xHCI Host Controller");
        host.interface("1-0:1.0", "hub");
        host.device("1-2", "1", "3", ("0627", "0001"), "QEMU USB Tablet");
        host.interface("1-2:1.0", "usbhid");
        host.device("1-3.1", "1", "10", ("0627", "0001"), "QEMU USB Keyboard");
        host.interface("1-3.1:1.0", "usbhid");
        host.interface("1-3.1:1.1", "usb-storage");
        host.device("1-3.2", "1", "11", ("0627", "0001"), "QEMU USB Keyboard");
        host.device("2-1", "2", "2", ("46f4", "0001"), "");
        host
    }

    #[test]
    fn devices_come_with_their_drivers() {
        let devices = host().usb().devices().unwrap();
        let ports: Vec<_> = devices.iter().map(|it| (it.port.as_str(), it.drivers.join(" "))).collect();
        let expected =
            [("usb1", "hub"), ("1-2", "usbhid"), ("1-3.1", "usb-storage usbhid"), ("1-3.2", ""), ("2-1", "")];
        assert_eq!(ports, expected.map(|(port, drivers)| (port, drivers.to_owned())));
        assert_eq!(devices[4].to_string(), "46f4:0001 at bus 2 device 2 (port 2-1)");
    }

    #[test]
    fn one_is_found_and_several_are_listed() {
        let host = host();
        let find = |product, address| host.usb().find(&UsbSelector { product, address });
        assert_eq!(find(Some((0x46f4, 1)), None).unwrap().port, "2-1");
        assert_eq!(find(None, Some((1, 10))).unwrap().port, "1-3.1");
        assert_eq!(find(Some((0x0627, 1)), Some((1, 3))).unwrap().port, "1-2");
        let error = find(Some((0x0627, 1)), None).unwrap_err();
        let sentence = "operation failed: Multiple USB devices for 627:1, use <address> to specify one";
        assert_eq!(error.to_string(), sentence);
        let advice = error.advice().unwrap();
        for place in ["bus 1 device 3", "bus 1 device 10", "bus 1 device 11"] {
            assert!(advice.contains(place), "{advice}");
        }
        let error = find(Some((0x0627, 1)), Some((2, 2))).unwrap_err();
        assert!(error.to_string().ends_with("but none of them is at bus:2 device:2"), "{error}");
        for (product, address, words) in [
            (Some((1, 2)), None, "0001:0002"),
            (None, Some((9, 9)), "bus:9 device:9"),
            (Some((0x46f4, 1)), Some((1, 3)), "46f4:0001 bus:1 device:3"),
        ] {
            let error = find(product, address).unwrap_err();
            assert_eq!(error.to_string(), format!("internal error: Did not find USB device {words}"));
        }
        assert_eq!(find(None, None).unwrap_err().code(), ErrorCode::INVALID_ARG);
    }
}
