//! USB ports, and hubs where there are not enough.

use virt_conf::model::{
    ControllerKind, DeviceAddress, DeviceInfo, Devices, DiskBus, Domain, FilesystemDriverType,
    HostDeviceAddress, HostdevKind, Hub, HubType, InputBus, SerialTargetModel, SoundModel, SubsystemDevice,
    UsbAddress, UsbModel, UsbPort,
};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::model::{hostdev_of, is_companion};

/// Ports of a hub.
const HUB_PORTS: u32 = 8;
/// How deep hubs may be nested.
const DEPTH: usize = 4;

/// One hub: a controller's root, or a device.
struct Node {
    bus: u32,
    /// The ports that lead to it.
    path: Vec<u32>,
    ports: u32,
    used: u64,
}

/// All ports.
#[derive(Default)]
struct Ports(Vec<Node>);

fn refuse(detail: String) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, detail)
}

/// The ports of a controller's root hub.
fn root_ports(model: Option<UsbModel>, ports: Option<u32>) -> u32 {
    match model {
        Some(UsbModel::Piix3Uhci | UsbModel::Piix4Uhci | UsbModel::Vt82c686bUhci) => 2,
        Some(UsbModel::Ehci | UsbModel::Ich9Ehci1) => 6,
        Some(UsbModel::Ich9Uhci1 | UsbModel::Ich9Uhci2 | UsbModel::Ich9Uhci3) => 2,
        Some(UsbModel::PciOhci) => 3,
        Some(UsbModel::NecXhci | UsbModel::QemuXhci) => ports.unwrap_or(4),
        Some(UsbModel::Qusb1 | UsbModel::Qusb2) => ports.unwrap_or(8),
        Some(UsbModel::None) => 0,
        None => 2,
    }
}

fn path_of(port: UsbPort) -> Vec<u32> {
    port.0.iter().copied().take_while(|port| *port != 0).collect()
}

impl Ports {
    fn of(devices: &Devices) -> Self {
        let mut ports = Self::default();
        for controller in &devices.controllers {
            let ControllerKind::Usb(usb) = &controller.kind else { continue };
            if usb.model.is_some_and(is_companion) && controller.info.master_startport.is_some() {
                continue;
            }
            let Some(bus) = controller.index else { continue };
            let count = root_ports(usb.model, usb.ports);
            if count != 0 && !ports.0.iter().any(|node| node.bus == bus) {
                ports.0.push(Node { bus, path: Vec::new(), ports: count, used: 0 });
            }
        }
        ports
    }

    fn reserve(&mut self, bus: u32, path: &[u32]) -> Result<()> {
        let Some((last, above)) = path.split_last() else { return Ok(()) };
        let shown = || path.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
        if !self.0.iter().any(|node| node.bus == bus) {
            return Err(refuse(format!("Missing USB bus {bus}")));
        }
        // Every port on the way must exist and have a hub in it.
        for (depth, port) in above.iter().enumerate() {
            let found = |path: &[u32]| self.0.iter().find(|node| node.bus == bus && node.path == path);
            if found(&path[..depth]).is_some_and(|node| *port > node.ports) {
                return Err(refuse(format!(
                    "port {port} out of range in USB address bus: {bus} port: {}",
                    shown()
                )));
            }
            if found(&path[..=depth]).is_none() {
                return Err(refuse(format!(
                    "there is no hub at port {port} in USB address bus: {bus} port: {}",
                    shown()
                )));
            }
        }
        let Some(node) = self.0.iter_mut().find(|node| node.bus == bus && node.path == above) else {
            return Ok(());
        };
        if *last > node.ports {
            return Err(refuse(format!("requested USB port {} not present on USB bus {bus}", shown())));
        }
        let bit = 1u64 << (last - 1).min(63);
        if node.used & bit != 0 {
            return Err(refuse(format!("Duplicate USB address bus {bus} port {}", shown())));
        }
        node.used |= bit;
        Ok(())
    }

    /// The first free port, of `bus` where one is asked for.
    fn next(&mut self, bus: Option<u32>) -> Option<(u32, Vec<u32>)> {
        // A hub's own ports come before those of the hubs plugged into it.
        let free = |node: &Node| (1..=node.ports).find(|port| node.used & (1 << (port - 1)) == 0);
        let node = self
            .0
            .iter_mut()
            .filter(|node| {
                bus.is_none_or(|bus| node.bus == bus) && node.path.len() < DEPTH && free(node).is_some()
            })
            .min_by(|a, b| (a.bus, &a.path).cmp(&(b.bus, &b.path)))?;
        let port = free(node)?;
        node.used |= 1 << (port - 1);
        let mut path = node.path.clone();
        path.push(port);
        Some((node.bus, path))
    }

    fn has_hub(&self, bus: u32, path: &[u32]) -> bool {
        self.0.iter().any(|node| node.bus == bus && node.path == path)
    }

    fn add_hub(&mut self, bus: u32, path: Vec<u32>) {
        self.0.push(Node { bus, path, ports: HUB_PORTS, used: 0 });
    }

    fn all(&self) -> u32 {
        self.0.iter().map(|node| node.ports).sum()
    }
}

/// All USB devices but hubs, in the order in which ports are given out.
fn usb_devices(devices: &mut Devices) -> Vec<&mut DeviceInfo> {
    let mut all: Vec<&mut DeviceInfo> = Vec::new();
    let mut from_host = Vec::new();
    let mut cards = Vec::new();
    for interface in &mut devices.interfaces {
        match hostdev_of(interface) {
            Some(hostdev) => {
                if !matches!(hostdev.source.address, Some(HostDeviceAddress::Pci(_))) {
                    from_host.push(&mut interface.info);
                }
            }
            None if interface.model.as_deref() == Some("usb-net") => cards.push(&mut interface.info),
            _ => {}
        }
    }
    all.append(&mut from_host);
    let is_usb = |kind: &HostdevKind| matches!(kind, HostdevKind::Subsystem(one) if matches!(one.device, SubsystemDevice::Usb(_)));
    all.extend(devices.hostdevs.iter_mut().filter(|one| is_usb(&one.kind)).map(|one| &mut one.info));
    let disks = devices.disks.iter_mut().filter(|disk| disk.target.bus == Some(DiskBus::Usb));
    all.extend(disks.map(|one| &mut one.info));
    all.append(&mut cards);
    let is_mtp = |kind: Option<FilesystemDriverType>| kind == Some(FilesystemDriverType::Mtp);
    all.extend(devices.filesystems.iter_mut().filter(|one| is_mtp(one.driver.kind)).map(|one| &mut one.info));
    let readers = devices.controllers.iter_mut().filter(|one| matches!(one.kind, ControllerKind::Ccid(_)));
    all.extend(readers.map(|one| &mut one.info));
    let inputs = devices.inputs.iter_mut().filter(|input| input.bus == Some(InputBus::Usb));
    all.extend(inputs.map(|one| &mut one.info));
    let is_serial = |model| model == Some(SerialTargetModel::UsbSerial);
    all.extend(devices.serials.iter_mut().filter(|one| is_serial(one.target.model)).map(|one| &mut one.info));
    all.extend(devices.sounds.iter_mut().filter(|one| one.model == SoundModel::Usb).map(|one| &mut one.info));
    all.extend(devices.redirected.iter_mut().map(|one| &mut one.info));
    all
}

fn known(info: &DeviceInfo) -> Option<(u32, Vec<u32>)> {
    match &info.address {
        Some(DeviceAddress::Usb(UsbAddress { bus, port: Some(port) })) => Some((*bus, path_of(*port))),
        _ => None,
    }
}

/// The bus that a device without a port asks for; `Some(None)` is any.
#[expect(clippy::option_option, reason = "no need, any bus and one bus are three things")]
fn wanted_bus(info: &DeviceInfo) -> Option<Option<u32>> {
    match &info.address {
        None => Some(None),
        Some(DeviceAddress::Usb(UsbAddress { bus, port: None })) => Some(Some(*bus)),
        Some(_) => None,
    }
}

fn put(info: &mut DeviceInfo, bus: u32, path: &[u32]) {
    let mut ports = [0; DEPTH];
    ports.iter_mut().zip(path).for_each(|(port, given)| *port = *given);
    info.address = Some(DeviceAddress::Usb(UsbAddress { bus, port: Some(UsbPort(ports)) }));
}

/// Whether all USB devices and hubs have ports already.
pub(super) fn all_known(devices: &mut Devices) -> bool {
    devices.hubs.iter().all(|hub| known(&hub.info).is_some())
        && usb_devices(devices).iter().all(|info| known(info).is_some())
}

/// Gives every USB device that lacks one a port, and adds the hubs that this takes.
pub(crate) fn assign(domain: &mut Domain) -> Result<()> {
    let devices = &mut domain.devices;
    let has_usb = devices
        .controllers
        .iter()
        .any(|one| matches!(&one.kind, ControllerKind::Usb(usb) if usb.model != Some(UsbModel::None)));
    if !has_usb {
        if !devices.hubs.is_empty() || !usb_devices(devices).is_empty() {
            return Err(Error::new(
                ErrorCode::CONFIG_UNSUPPORTED,
                ErrorDomain::DOMAIN,
                "USB is disabled for this domain, but USB devices are present in the domain XML",
            ));
        }
        return Ok(());
    }
    let mut ports = Ports::of(devices);
    // Hubs with a place first, the nearer ones before those behind them.
    let mut placed: Vec<(u32, Vec<u32>)> = devices.hubs.iter().filter_map(|hub| known(&hub.info)).collect();
    placed.sort_by_key(|(_, path)| path.len());
    for (bus, path) in placed {
        if ports.has_hub(bus, &path) {
            let shown = path.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            return Err(refuse(format!("Duplicate USB hub on bus {bus} port {shown}")));
        }
        ports.reserve(bus, &path)?;
        ports.add_hub(bus, path);
    }
    for info in usb_devices(devices) {
        if let Some((bus, path)) = known(info) {
            ports.reserve(bus, &path)?;
        }
    }
    add_hubs(devices, &ports);
    for hub in &mut devices.hubs {
        let Some(bus) = wanted_bus(&hub.info) else { continue };
        let (bus, path) = ports.next(bus).ok_or_else(exhausted)?;
        put(&mut hub.info, bus, &path);
        ports.add_hub(bus, path);
    }
    for info in usb_devices(devices) {
        let Some(bus) = wanted_bus(info) else { continue };
        let (bus, path) = ports.next(bus).ok_or_else(exhausted)?;
        put(info, bus, &path);
    }
    Ok(())
}

fn exhausted() -> Error {
    refuse("No free USB ports".to_owned())
}

/// Adds as many hubs as there are devices without a port. Each takes one itself.
fn add_hubs(devices: &mut Devices, ports: &Ports) {
    let all_ports =
        ports.all() + devices.hubs.iter().filter(|hub| known(&hub.info).is_none()).count() as u32 * HUB_PORTS;
    let count = (usb_devices(devices).len() + devices.hubs.len()) as u32;
    if count <= all_ports {
        return;
    }
    for _ in 0..(count - all_ports + 1).div_ceil(HUB_PORTS - 1) {
        devices.hubs.push(Hub { kind: HubType::Usb, info: DeviceInfo::default() });
    }
}
