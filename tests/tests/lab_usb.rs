//! The USB devices of the lab: what we read from sysfs, beside what libusb finds, and which one is meant.

use virt_core::ErrorCode;
use virt_tests::lab::Lab;
use virt_tests::skip;
use virt_util::usb::{Usb, UsbDevice, UsbSelector};

/// Two keyboards and a tablet.
const ALIKE: (u16, u16) = (0x0627, 0x0001);
/// The hub that the keyboards are on.
const ALONE: (u16, u16) = (0x0409, 0x55aa);

#[test]
fn usb_devices_are_those_of_libusb_and_the_one_that_is_meant_is_found() {
    if let Some(why) = Lab::missing() {
        skip!("{why}");
    }
    Lab::new().run_test("", "the_devices_of_the_lab");
}

/// What one device is to both.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    address: (u32, u32),
    product: (u16, u16),
    serial: Option<String>,
    interfaces: usize,
}

fn ours(device: &UsbDevice) -> Seen {
    let stem = match device.port.strip_prefix("usb") {
        Some(bus) => format!("{bus}-0:"),
        None => format!("{}:", device.port),
    };
    let names = std::fs::read_dir("/sys/bus/usb/devices").unwrap().flatten();
    let interfaces = names.filter(|entry| entry.file_name().to_string_lossy().starts_with(&stem)).count();
    Seen {
        address: (device.bus, device.device),
        product: (device.vendor, device.product),
        serial: device.serial.clone(),
        interfaces,
    }
}

fn libusbs(device: &rusb::Device<rusb::GlobalContext>) -> Seen {
    let descriptor = device.device_descriptor().unwrap();
    let handle = device.open().unwrap();
    Seen {
        address: (device.bus_number().into(), device.address().into()),
        product: (descriptor.vendor_id(), descriptor.product_id()),
        serial: handle.read_serial_number_string_ascii(&descriptor).ok(),
        interfaces: device.active_config_descriptor().unwrap().interfaces().count(),
    }
}

#[test]
#[ignore = "runs in the lab, for usb_devices_are_those_of_libusb_and_the_one_that_is_meant_is_found"]
fn the_devices_of_the_lab() {
    let usb = Usb::host();
    let devices = usb.devices().unwrap();
    let mut seen: Vec<_> = devices.iter().map(ours).collect();
    let mut expected: Vec<_> = rusb::devices().unwrap().iter().map(|device| libusbs(&device)).collect();
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);

    for device in &devices {
        let address = Some((device.bus, device.device));
        assert_eq!(&usb.find(&UsbSelector { product: None, address }).unwrap(), device);
        let both = UsbSelector { product: Some((device.vendor, device.product)), address };
        assert_eq!(&usb.find(&both).unwrap(), device);
    }
    let alone = usb.find(&UsbSelector { product: Some(ALONE), address: None }).unwrap();
    assert_eq!((alone.vendor, alone.product), ALONE);

    let error = usb.find(&UsbSelector { product: Some(ALIKE), address: None }).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OPERATION_FAILED);
    let sentence = "operation failed: Multiple USB devices for 627:1, use <address> to specify one";
    assert_eq!(error.to_string(), sentence);
    let alike: Vec<_> = devices.iter().filter(|it| (it.vendor, it.product) == ALIKE).collect();
    assert_eq!(alike.len(), 3);
    let advice = error.advice().unwrap().to_string();
    for device in alike {
        assert!(advice.contains(&format!("at bus {} device {}", device.bus, device.device)), "{advice}");
    }
}
