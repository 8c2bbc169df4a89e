//! Devices that come to a domain, go from it and change: found in its document as libvirt finds them.

use crate::model::*;
use crate::xml::{
    self, Element, Error, ErrorCode, ErrorDomain, FormatOptions, ParseOptions, Result, to_string,
};

macro_rules! devices {
    ($($(#[$doc:meta])* $variant:ident in $field:ident;)*) => {
        /// One device of a domain, whatever its kind.
        ///
        /// ```
        /// use virt_conf::domain::Device;
        /// use virt_conf::xml::ParseOptions;
        ///
        /// let text = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>";
        /// let device = Device::from_xml(text, &ParseOptions::default())?;
        /// assert_eq!(device.kind(), "rng");
        /// # Ok::<(), virt_conf::xml::Error>(())
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        pub enum Device {$(
            $(#[$doc])*
            $variant(Box<$variant>),
        )*}

        impl Device {
            /// Reads one: syntax only, as [`Domain::parse`] reads a domain.
            ///
            /// # Errors
            ///
            /// With libvirt's sentence, when the text is no device's.
            pub fn from_xml(text: &str, options: &ParseOptions) -> Result<Self> {
                match xml::root_name(text, options)?.as_str() {
                    $(<$variant as Element>::NAME => {
                        xml::from_str(text, options).map(|device| Self::$variant(Box::new(device)))
                    })*
                    // libvirt's sentence.
                    name => Err(refuse(ErrorCode::XML_ERROR, format!("unknown device type '{name}'"))),
                }
            }

            /// What it is called: the name of its element.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$variant as Element>::NAME,)*
                }
            }

            /// Its alias, address and the like.
            #[must_use]
            pub fn info(&self) -> &DeviceInfo {
                match self {
                    $(Self::$variant(device) => &device.info,)*
                }
            }

            /// Its alias, address and the like.
            pub fn info_mut(&mut self) -> &mut DeviceInfo {
                match self {
                    $(Self::$variant(device) => &mut device.info,)*
                }
            }

            /// As libvirt writes it.
            #[must_use]
            pub fn to_xml(&self, options: &FormatOptions) -> String {
                match self {
                    $(Self::$variant(device) => to_string(device.as_ref(), *options),)*
                }
            }

            fn push(self, devices: &mut Devices) -> Place {
                match self {
                    $(Self::$variant(device) => {
                        devices.$field.push(*device);
                        Place { kind: Kind::$variant, at: devices.$field.len() - 1 }
                    })*
                }
            }
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Kind {$($variant,)*}

        impl Place {
            /// The device there.
            ///
            /// # Panics
            ///
            /// When it is of another document, which has fewer devices.
            #[must_use]
            pub fn device(self, devices: &Devices) -> Device {
                match self.kind {
                    $(Kind::$variant => Device::$variant(Box::new(devices.$field[self.at].clone())),)*
                }
            }

            /// Puts another in its place, or nothing.
            fn put(self, devices: &mut Devices, device: Option<Device>) {
                match (self.kind, device) {
                    $((Kind::$variant, Some(Device::$variant(device))) => devices.$field[self.at] = *device,)*
                    $((Kind::$variant, None) => drop(devices.$field.remove(self.at)),)*
                    _ => {}
                }
            }
        }

        /// Every device, in the order of their kinds.
        fn places(devices: &Devices) -> Vec<Place> {
            let mut places = Vec::new();
            $(places.extend((0..devices.$field.len()).map(|at| Place { kind: Kind::$variant, at }));)*
            places
        }
    };
}

devices! {
    /// A disk.
    Disk in disks;
    /// A controller.
    Controller in controllers;
    /// A file system of the host.
    Filesystem in filesystems;
    /// A network interface.
    Interface in interfaces;
    /// A smart card reader.
    Smartcard in smartcards;
    /// A serial port.
    Serial in serials;
    /// A parallel port.
    Parallel in parallels;
    /// A console.
    Console in consoles;
    /// A channel.
    Channel in channels;
    /// A keyboard, mouse or tablet.
    Input in inputs;
    /// A sound card.
    Sound in sounds;
    /// A graphics card.
    Video in videos;
    /// A device of the host.
    Hostdev in hostdevs;
    /// A USB port for devices of whoever looks at the guest.
    RedirectedDevice in redirected;
    /// A USB hub.
    Hub in hubs;
    /// A watchdog.
    Watchdog in watchdogs;
    /// A source of random numbers.
    Rng in rngs;
    /// Memory shared with other guests.
    SharedMemory in shared_memories;
    /// Memory that is plugged in.
    MemoryDevice in memories;
    /// A cryptographic accelerator.
    Crypto in cryptos;
}

/// Where a device is in a domain's document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    kind: Kind,
    at: usize,
}

fn refuse(code: ErrorCode, sentence: impl AsRef<str>) -> Error {
    Error::new(code, ErrorDomain::DOMAIN, sentence)
}

fn missing(sentence: impl AsRef<str>) -> Error {
    refuse(ErrorCode::DEVICE_MISSING, sentence)
}

impl Domain {
    /// Adds a device, as the last of its kind. Defaults, addresses and checks are [`Domain::complete`]'s.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence, when there can be no two of them: two disks of one name, one function of the host twice.
    pub fn attach(&mut self, device: Device) -> Result<Place> {
        let devices = &mut self.devices;
        match &device {
            Device::Disk(disk) => {
                if devices.disks.iter().any(|other| other.target.dev == disk.target.dev) {
                    let name = disk.target.dev.as_deref().unwrap_or_default();
                    let sentence = format!("target {name} already exists");
                    return Err(refuse(ErrorCode::OPERATION_INVALID, sentence));
                }
            }
            Device::Hostdev(hostdev) => {
                if devices.hostdevs.iter().any(|other| is_same_host_device(other, hostdev)) {
                    let sentence = "device is already in the domain configuration";
                    return Err(refuse(ErrorCode::OPERATION_INVALID, sentence));
                }
            }
            Device::Controller(controller) => {
                let same = |other: &&Controller| {
                    other.kind.tag() == controller.kind.tag() && other.index == controller.index
                };
                if let Some(index) =
                    controller.index.filter(|_| devices.controllers.iter().any(|it| same(&it)))
                {
                    let sentence = format!("controller index='{index}' already exists");
                    return Err(refuse(ErrorCode::OPERATION_INVALID, sentence));
                }
            }
            Device::Watchdog(watchdog) => {
                if devices.watchdogs.iter().any(|other| other.model == watchdog.model) {
                    let sentence = "domain already has a watchdog";
                    return Err(refuse(ErrorCode::OPERATION_INVALID, sentence));
                }
            }
            _ => {}
        }
        Ok(device.push(devices))
    }

    /// The device that another one means: the one with its target, its MAC address, its source, whatever identifies its
    /// kind.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence, when there is none, or there are several.
    pub fn find(&self, wanted: &Device) -> Result<Place> {
        let found: Vec<Place> = places(&self.devices)
            .into_iter()
            .filter(|place| is_meant(wanted, &place.device(&self.devices)))
            .collect();
        match found.as_slice() {
            [only] => Ok(*only),
            [] => Err(not_found(wanted)),
            [first, ..] if !matches!(wanted, Device::Interface(_)) => Ok(*first),
            _ => {
                let Device::Interface(interface) = wanted else { return Err(not_found(wanted)) };
                let address = interface.mac.as_ref().map(|mac| mac.address.to_string()).unwrap_or_default();
                let sentence = format!("multiple devices matched MAC address {address}");
                Err(refuse(ErrorCode::OPERATION_FAILED, sentence))
            }
        }
    }

    /// Every device of a kind, by the name of its element.
    #[must_use]
    pub fn places(&self, kind: &str) -> Vec<Place> {
        let all = places(&self.devices).into_iter();
        all.filter(|place| place.device(&self.devices).kind() == kind).collect()
    }

    /// The device of this alias.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence, when there is none.
    pub fn find_alias(&self, alias: &str) -> Result<Place> {
        let mut places = places(&self.devices).into_iter();
        let found = places.find(|place| place.device(&self.devices).info().alias.as_deref() == Some(alias));
        found.ok_or_else(|| missing(format!("no device found with alias {alias}")))
    }

    /// Takes a device away.
    pub fn detach(&mut self, place: Place) -> Device {
        let device = place.device(&self.devices);
        place.put(&mut self.devices, None);
        device
    }

    /// Puts another device of the same kind into a place; what is of another kind changes nothing.
    pub fn replace(&mut self, place: Place, device: Device) {
        place.put(&mut self.devices, Some(device));
    }
}

/// Whether a given address, where there is one, is the device's.
fn fits_address(wanted: &DeviceInfo, found: &DeviceInfo) -> bool {
    let placed = match &wanted.address {
        None => true,
        Some(DeviceAddress::Pci(pci)) if pci.slot.is_empty() => true,
        address => *address == found.address,
    };
    placed && wanted.alias.as_ref().is_none_or(|alias| Some(alias) == found.alias.as_ref())
}

fn is_meant(wanted: &Device, found: &Device) -> bool {
    use Device as D;
    let fits = fits_address(wanted.info(), found.info());
    match (wanted, found) {
        (D::Disk(wanted), D::Disk(found)) => wanted.target.dev == found.target.dev,
        (D::Interface(wanted), D::Interface(found)) => {
            fits && wanted
                .mac
                .as_ref()
                .is_none_or(|mac| found.mac.as_ref().is_some_and(|other| other.address == mac.address))
        }
        (D::Hostdev(wanted), D::Hostdev(found)) => is_same_host_device(wanted, found),
        (D::Controller(wanted), D::Controller(found)) => {
            wanted.kind.tag() == found.kind.tag()
                && (wanted.index == found.index || (wanted.index.is_none() && found.index == Some(0)))
        }
        (D::Input(wanted), D::Input(found)) => {
            fits && wanted.kind == found.kind && wanted.bus.is_none_or(|bus| Some(bus) == found.bus)
        }
        (D::Rng(wanted), D::Rng(found)) => {
            fits && wanted.model == found.model && wanted.backend == found.backend
        }
        (D::Channel(wanted), D::Channel(found)) => fits && same_target(&wanted.target, &found.target),
        (D::Serial(wanted), D::Serial(found)) => fits && wanted.source == found.source,
        (D::Parallel(wanted), D::Parallel(found)) => fits && wanted.source == found.source,
        (D::Console(wanted), D::Console(found)) => fits && wanted.source == found.source,
        (D::Watchdog(wanted), D::Watchdog(found)) => fits && wanted.model == found.model,
        (D::SharedMemory(wanted), D::SharedMemory(found)) => fits && wanted.name == found.name,
        (D::Filesystem(wanted), D::Filesystem(found)) => wanted.target == found.target,
        (D::MemoryDevice(wanted), D::MemoryDevice(found)) => {
            fits && wanted.model == found.model && wanted.target.size == found.target.size
        }
        (one, other) => one.kind() == other.kind() && fits,
    }
}

fn same_target(wanted: &ChannelTarget, found: &ChannelTarget) -> bool {
    match (wanted, found) {
        (ChannelTarget::Virtio(wanted), ChannelTarget::Virtio(found)) => {
            wanted.name.is_none() || wanted.name == found.name
        }
        (wanted, found) => wanted == found,
    }
}

/// Whether two are the same device of the host.
fn is_same_host_device(one: &Hostdev, other: &Hostdev) -> bool {
    let (HostdevKind::Subsystem(one), HostdevKind::Subsystem(other)) = (&one.kind, &other.kind) else {
        return one.kind == other.kind;
    };
    match (&one.device, &other.device) {
        (SubsystemDevice::Pci(one), SubsystemDevice::Pci(other)) => {
            one.source.address.slot == other.source.address.slot
        }
        (SubsystemDevice::Usb(one), SubsystemDevice::Usb(other)) => {
            match (one.source.address, other.source.address) {
                (Some(one), Some(other)) => one == other,
                _ => one.source.product == other.source.product,
            }
        }
        (SubsystemDevice::Scsi(one), SubsystemDevice::Scsi(other)) => one.source == other.source,
        (SubsystemDevice::ScsiHost(one), SubsystemDevice::ScsiHost(other)) => one.source == other.source,
        (SubsystemDevice::Mdev(one), SubsystemDevice::Mdev(other)) => one.uuid == other.uuid,
        _ => false,
    }
}

/// libvirt's sentence about a device that is not there.
fn not_found(wanted: &Device) -> Error {
    missing(match wanted {
        Device::Disk(disk) => format!("no target device {}", disk.target.dev.as_deref().unwrap_or_default()),
        Device::Interface(interface) => {
            let address = interface.mac.as_ref().map(|mac| mac.address.to_string());
            match (&address, &interface.info.alias) {
                (Some(address), Some(alias)) => {
                    format!("no device found matching MAC address '{address}' and alias '{alias}'")
                }
                (Some(address), None) => format!("no device matching MAC address {address} found"),
                (None, Some(alias)) => format!("no device found with alias {alias}"),
                (None, None) => "no matching network device was found".to_owned(),
            }
        }
        Device::Hostdev(hostdev) => match &hostdev.kind {
            HostdevKind::Subsystem(subsystem) => match &subsystem.device {
                SubsystemDevice::Pci(pci) => format!("host pci device {} not found", pci.source.address.slot),
                SubsystemDevice::Usb(usb) => usb_not_found(usb),
                SubsystemDevice::Mdev(mdev) => format!("mediated device '{}' not found", mdev.uuid),
                SubsystemDevice::Scsi(_) | SubsystemDevice::ScsiHost(_) => {
                    "host scsi device not found".to_owned()
                }
            },
            HostdevKind::Capabilities(_) => "device not present in domain configuration".to_owned(),
        },
        Device::Controller(controller) => {
            format!("controller {}:{} not found", controller.kind.tag(), controller.index.unwrap_or_default())
        }
        Device::Input(_) => "matching input device not found".to_owned(),
        Device::Rng(_) => "no matching RNG device was found".to_owned(),
        Device::Watchdog(_) => "no matching watchdog was found".to_owned(),
        Device::Filesystem(_) => "no matching filesystem device was found".to_owned(),
        Device::RedirectedDevice(_) => "no matching redirdev was not found".to_owned(),
        Device::SharedMemory(_) => "matching shmem device was not found".to_owned(),
        Device::MemoryDevice(_) => "matching memory device was not found".to_owned(),
        other => format!("device of type '{}' not found in the domain configuration", other.kind()),
    })
}

fn usb_not_found(usb: &UsbHostdev) -> String {
    let source = &usb.source;
    match source.address {
        Some(address) => {
            format!("host usb device {:03}.{:03} not found", address.bus, address.device.unwrap_or_default())
        }
        None => format!(
            "host usb device vendor=0x{:04x} product=0x{:04x} not found",
            source.product.vendor.unwrap_or_default(),
            source.product.product.unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::FormatFlags;

    const GUEST: &str = "<domain type='test'>
  <name>web</name>
  <memory>65536</memory>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/></disk>
    <interface type='user'><mac address='52:54:00:00:00:01'/></interface>
    <interface type='user'><mac address='52:54:00:00:00:02'/><alias name='ua-second'/></interface>
    <hostdev mode='subsystem' type='usb'><source><vendor id='0x46f4'/><product id='0x1'/></source></hostdev>
    <input type='tablet' bus='usb'/>
  </devices>
</domain>";

    fn guest() -> Domain {
        Domain::parse(GUEST, &ParseOptions::default()).unwrap()
    }

    fn device(text: &str) -> Device {
        Device::from_xml(text, &ParseOptions::default()).unwrap()
    }

    #[test]
    fn devices_are_found_by_what_identifies_them() {
        let guest = guest();
        for (text, found) in [
            ("<disk type='file'><source file='/x'/><target dev='vda'/></disk>", "/a"),
            ("<interface type='user'><mac address='52:54:00:00:00:02'/></interface>", "00:02"),
            ("<interface type='user'><alias name='ua-second'/></interface>", "00:02"),
            (
                "<hostdev mode='subsystem' type='usb'><source><vendor id='0x46f4'/><product id='0x1'/></source>\
                 </hostdev>",
                "0x46f4",
            ),
            ("<input type='tablet'/>", "tablet"),
        ] {
            let place = guest.find(&device(text)).unwrap();
            let xml = place.device(&guest.devices).to_xml(&FormatFlags::empty().into());
            assert!(xml.contains(found), "{text}: {xml}");
        }
        for (text, sentence) in [
            ("<disk type='file'><source file='/x'/><target dev='vdb'/></disk>", "no target device vdb"),
            (
                "<interface type='user'><mac address='52:54:00:00:00:03'/></interface>",
                "no device matching MAC address 52:54:00:00:00:03 found",
            ),
            ("<input type='mouse'/>", "matching input device not found"),
            (
                "<hostdev mode='subsystem' type='pci'><source><address bus='1' slot='2' function='3'/></source>\
                 </hostdev>",
                "host pci device 0000:01:02.3 not found",
            ),
        ] {
            let error = guest.find(&device(text)).unwrap_err();
            assert_eq!(error.to_string(), format!("device not found: {sentence}"));
        }
        let error = guest.find(&device("<interface type='user'/>")).unwrap_err();
        assert!(error.to_string().contains("multiple devices matched"), "{error}");
        assert_eq!(guest.find_alias("ua-third").unwrap_err().code(), ErrorCode::DEVICE_MISSING);
    }

    #[test]
    fn devices_come_and_go() {
        let mut guest = guest();
        let disk = device("<disk type='file'><source file='/b'/><target dev='vdb' bus='virtio'/></disk>");
        let place = guest.attach(disk.clone()).unwrap();
        assert_eq!(place.device(&guest.devices), disk);
        let error = guest.attach(disk.clone()).unwrap_err();
        assert_eq!(error.to_string(), "Requested operation is not valid: target vdb already exists");
        assert_eq!(guest.detach(place), disk);
        assert_eq!(guest, self::guest());
        let place = guest.find_alias("ua-second").unwrap();
        guest.detach(place);
        assert_eq!(guest.devices.interfaces.len(), 1);
        let error = Device::from_xml("<gadget/>", &ParseOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "XML error: unknown device type 'gadget'");
    }
}
