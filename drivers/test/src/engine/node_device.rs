//! Devices of the simulated host. They are known by their names.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use uuid::Uuid;
use virt_conf::model::NodeDevice as Document;
use virt_conf::model::nodedev::{
    BoundDriver, FibreChannelHost, NodeDeviceCapability, ParentDevice, ScsiHostCapability,
    ScsiHostSubCapability,
};
use virt_conf::xml::{FormatFlags, ParseFlags, ParseOptions, from_str, to_string};
use virt_core::driver::{
    Affect, Error, ErrorCode, ErrorDomain, ListNodeDevices, NodeDeviceEventKind, NodeDeviceLifecycle,
    NodeDeviceSummary, ObjectEvent, Result,
};

use super::events::{EventLog, Happening, Reader};

/// The driver that gets a device that is taken from the host, where nobody says which.
const STUB: &str = "vfio-pci";

/// A device.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    document: Document,
    active: bool,
    /// Whether it has a definition; what the host began with counts as defined.
    persistent: bool,
    autostart: bool,
    /// What it was before it was taken from the host.
    before: Option<Before>,
}

/// The driver that a device had; nothing where it had none.
#[derive(Clone, Debug)]
struct Before(Option<BoundDriver>);

/// All devices of a host.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    devices: RwLock<BTreeMap<String, Device>>,
    events: Arc<EventLog<ObjectEvent>>,
}

fn internal(sentence: impl AsRef<str>) -> Error {
    Error::internal(ErrorDomain::NODEDEV, sentence)
}

fn wrong(code: ErrorCode, sentence: impl AsRef<str>) -> Error {
    Error::new(code, ErrorDomain::NODEDEV, sentence)
}

fn invalid(sentence: impl AsRef<str>) -> Error {
    wrong(ErrorCode::OPERATION_INVALID, sentence)
}

impl Device {
    fn scsi_host(&self) -> Option<&ScsiHostCapability> {
        match self.document.capabilities.as_slice() {
            [NodeDeviceCapability::ScsiHost(host), ..] => Some(host),
            _ => None,
        }
    }

    fn fibre_channel(&self) -> Option<&FibreChannelHost> {
        self.scsi_host()?.capabilities.iter().find_map(|it| match it {
            ScsiHostSubCapability::FcHost(adapter) => Some(adapter),
            ScsiHostSubCapability::VportOps(_) => None,
        })
    }

    /// Whether virtual adapters can be made on it.
    fn makes_adapters(&self) -> bool {
        let is_it = |it: &ScsiHostSubCapability| matches!(it, ScsiHostSubCapability::VportOps(_));
        self.scsi_host().is_some_and(|host| host.capabilities.iter().any(is_it))
    }

    fn is_mediated(&self) -> bool {
        matches!(self.document.capabilities.as_slice(), [NodeDeviceCapability::Mdev(_), ..])
    }

    fn parent(&self) -> Option<String> {
        self.document.parent.as_ref().map(|parent| parent.name.clone())
    }

    pub(crate) fn summary(&self) -> NodeDeviceSummary {
        NodeDeviceSummary {
            name: self.document.name.clone(),
            parent: self.parent(),
            active: self.active,
            persistent: self.persistent,
            autostart: self.autostart,
        }
    }

    /// What it is, as flags of a list.
    pub(crate) fn capabilities(&self) -> ListNodeDevices {
        let own = self.document.capabilities.iter().filter_map(|it| ListNodeDevices::of_capability(it.tag()));
        let mut flags: ListNodeDevices = own.collect();
        flags.set(ListNodeDevices::FC_HOST, self.fibre_channel().is_some());
        flags.set(ListNodeDevices::VPORTS, self.makes_adapters());
        flags
    }

    fn accepted(&self, filter: ListNodeDevices) -> bool {
        let pick = |holds: bool, yes, no| (yes | no, if holds { yes } else { no });
        let kinds = [
            (ListNodeDevices::CAPABILITIES, self.capabilities()),
            pick(self.persistent, ListNodeDevices::PERSISTENT, ListNodeDevices::TRANSIENT),
            pick(self.active, ListNodeDevices::ACTIVE, ListNodeDevices::INACTIVE),
        ];
        kinds.into_iter().all(|(kind, own)| !filter.intersects(kind) || filter.intersects(own))
    }

    pub(crate) fn xml(&self, inactive: bool) -> Result<String> {
        if inactive && !self.persistent {
            return Err(invalid(format!("node device '{}' is not persistent", self.document.name)));
        }
        let flags = if inactive || !self.active { FormatFlags::INACTIVE } else { FormatFlags::empty() };
        Ok(to_string(&self.document, flags.into()))
    }
}

impl Devices {
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Device>> {
        self.devices.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Device>> {
        self.devices.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a device that was there from the beginning.
    pub(crate) fn begin_with(&self, document: Document) {
        let device = Device { document, active: true, persistent: true, autostart: false, before: None };
        self.write().insert(device.document.name.clone(), device);
    }

    pub(crate) fn list(&self, filter: ListNodeDevices) -> Vec<NodeDeviceSummary> {
        self.read().values().filter(|device| device.accepted(filter)).map(Device::summary).collect()
    }

    /// The names of those that are there and have this capability.
    pub(crate) fn names(&self, capability: Option<&str>) -> Vec<String> {
        let has_it = |device: &&Device| {
            device.active
                && capability
                    .is_none_or(|name| device.capabilities().capability_names().any(|own| own == name))
        };
        self.read().values().filter(has_it).map(|device| device.document.name.clone()).collect()
    }

    pub(crate) fn ask<R>(&self, name: &str, question: impl FnOnce(&Device) -> R) -> Result<R> {
        self.read().get(name).map(question).ok_or_else(|| no_device(name))
    }

    pub(crate) fn scsi_host(&self, wwnn: &str, wwpn: &str) -> Result<String> {
        let found = by_names(&self.read(), wwnn, wwpn).map(|device| device.document.name.clone());
        let sentence = || format!("no node device for '{wwnn}' with matching WWPN '{wwpn}'");
        found.ok_or_else(|| Error::new(ErrorCode::NO_NODE_DEVICE, ErrorDomain::NODEDEV, sentence()))
    }

    /// Changes one, and tells what happened.
    fn change(&self, name: &str, change: impl FnOnce(&mut Device) -> Result<Vec<Happening>>) -> Result<()> {
        let mut devices = self.write();
        let device = devices.get_mut(name).ok_or_else(|| no_device(name))?;
        let happenings = change(device)?;
        if !device.active && !device.persistent {
            devices.remove(name);
        }
        self.tell(name, happenings);
        Ok(())
    }

    fn tell(&self, name: &str, happenings: Vec<Happening>) {
        self.events.publish(happenings.into_iter().map(|happening| happening.to(name, None)).collect());
    }

    /// Makes a virtual host bus adapter, or a mediated device; answers its name.
    pub(crate) fn create_xml(&self, xml: &str, strict: bool) -> Result<String> {
        let document: Document = from_str(xml, &ParseOptions { strict, flags: ParseFlags::CREATE })?;
        let mut devices = self.write();
        let mut device = match document.capabilities.as_slice() {
            [NodeDeviceCapability::Mdev(_), ..] => mediated(&devices, document)?,
            _ => adapter(&devices, document)?,
        };
        let name = device.document.name.clone();
        if let Some(known) = devices.get(&name) {
            if known.active {
                return Err(invalid("Device is already active"));
            }
            device.persistent = known.persistent;
        }
        device.active = true;
        activate(&mut device.document);
        devices.insert(name.clone(), device);
        self.tell(&name, vec![Happening::lifecycle(NodeDeviceLifecycle::Created.number())]);
        Ok(name)
    }

    /// Removes one that is there.
    pub(crate) fn destroy(&self, name: &str) -> Result<()> {
        self.change(name, |device| {
            if !device.active {
                return Err(invalid(format!("Device '{name}' is not active")));
            }
            device.active = false;
            // Only mediated devices leave a definition behind.
            device.persistent &= device.is_mediated();
            Ok(vec![Happening::lifecycle(NodeDeviceLifecycle::Deleted.number())])
        })
    }

    /// Gives a mediated device a definition.
    pub(crate) fn define(&self, xml: &str, strict: bool) -> Result<String> {
        let document: Document = from_str(xml, &ParseOptions { strict, flags: ParseFlags::CREATE })?;
        let mut devices = self.write();
        if !matches!(document.capabilities.as_slice(), [NodeDeviceCapability::Mdev(_), ..]) {
            return Err(wrong(ErrorCode::CONFIG_UNSUPPORTED, "Unsupported device type"));
        }
        let mut device = mediated(&devices, document)?;
        device.persistent = true;
        let name = device.document.name.clone();
        if let Some(known) = devices.get(&name) {
            (device.active, device.autostart) = (known.active, known.autostart);
        }
        devices.insert(name.clone(), device);
        self.tell(&name, vec![Happening::lifecycle(NodeDeviceLifecycle::Defined.number())]);
        Ok(name)
    }

    pub(crate) fn undefine(&self, name: &str) -> Result<()> {
        self.change(name, |device| {
            mediated_only(device)?;
            if !device.persistent {
                return Err(invalid(format!("Node device '{name}' is not defined")));
            }
            device.persistent = false;
            Ok(vec![Happening::lifecycle(NodeDeviceLifecycle::Undefined.number())])
        })
    }

    /// Makes a device that is defined.
    pub(crate) fn start(&self, name: &str) -> Result<()> {
        self.change(name, |device| {
            mediated_only(device)?;
            if device.active {
                return Err(invalid("Device is already active"));
            }
            device.active = true;
            activate(&mut device.document);
            Ok(vec![Happening::lifecycle(NodeDeviceLifecycle::Created.number())])
        })
    }

    pub(crate) fn set_autostart(&self, name: &str, autostart: bool) -> Result<()> {
        self.change(name, |device| {
            if !device.is_mediated() {
                return Err(wrong(ErrorCode::OPERATION_UNSUPPORTED, "Unsupported device type"));
            }
            if !device.persistent {
                return Err(invalid("cannot set autostart for transient device"));
            }
            device.autostart = autostart;
            Ok(Vec::new())
        })
    }

    /// Takes a PCI function from its driver.
    pub(crate) fn detach(&self, name: &str, driver: Option<&str>) -> Result<()> {
        let driver = driver.unwrap_or(STUB).to_owned();
        self.change(name, |device| {
            pci_only(device)?;
            let own = device.document.driver.replace(BoundDriver { name: driver });
            device.before.get_or_insert(Before(own));
            Ok(vec![updated()])
        })
    }

    /// Gives it back.
    pub(crate) fn reattach(&self, name: &str) -> Result<()> {
        self.change(name, |device| {
            pci_only(device)?;
            if let Some(Before(before)) = device.before.take() {
                device.document.driver = before;
            }
            Ok(vec![updated()])
        })
    }

    pub(crate) fn reset(&self, name: &str) -> Result<()> {
        self.change(name, |device| {
            pci_only(device)?;
            match device.document.driver.as_ref().filter(|_| device.before.is_none()) {
                Some(driver) => {
                    let sentence = format!("{name} is in use by the host's driver {}", driver.name);
                    Err(invalid(sentence))
                }
                None => Ok(Vec::new()),
            }
        })
    }

    /// Changes what a mediated device is, as it runs or in its definition.
    pub(crate) fn update(&self, name: &str, xml: &str, affect: Affect) -> Result<()> {
        let wanted: Document = xml.parse()?;
        self.change(name, |device| {
            mediated_only(device)?;
            if wanted.name != device.document.name {
                let sentence = format!("Cannot update device '{name}' with the definition of another");
                return Err(wrong(ErrorCode::INVALID_ARG, sentence));
            }
            let (live, config) = (affect.contains(Affect::LIVE), affect.contains(Affect::CONFIG));
            for (asked, is_so, what) in
                [(live, device.active, "active"), (config, device.persistent, "persistent")]
            {
                if asked && !is_so {
                    return Err(invalid(format!("node device '{name}' is not {what}")));
                }
            }
            let [NodeDeviceCapability::Mdev(new)] = wanted.capabilities.as_slice() else {
                return Err(wrong(ErrorCode::CONFIG_UNSUPPORTED, "Unsupported device type"));
            };
            if let [NodeDeviceCapability::Mdev(own), ..] = device.document.capabilities.as_mut_slice() {
                if live || (!config && device.active) {
                    own.attributes.active = new.attributes.defined.clone();
                }
                if config || (!live && !device.active) {
                    own.attributes.defined = new.attributes.defined.clone();
                }
            }
            Ok(vec![updated()])
        })
    }

    pub(crate) fn subscribe(&self) -> Result<Reader<ObjectEvent>> {
        self.events.subscribe(None)
    }
}

fn no_device(name: &str) -> Error {
    let sentence = format!("no node device with matching name '{name}'");
    Error::new(ErrorCode::NO_NODE_DEVICE, ErrorDomain::TEST, sentence)
}

fn updated() -> Happening {
    Happening { kind: NodeDeviceEventKind::Update.number(), ..Happening::default() }
}

fn mediated_only(device: &Device) -> Result<()> {
    let refused = || wrong(ErrorCode::CONFIG_UNSUPPORTED, "Unsupported device type");
    if device.is_mediated() { Ok(()) } else { Err(refused()) }
}

fn pci_only(device: &Device) -> Result<()> {
    if matches!(device.document.capabilities.as_slice(), [NodeDeviceCapability::Pci(_), ..]) {
        return Ok(());
    }
    Err(wrong(ErrorCode::INVALID_ARG, format!("device {} is not a PCI device", device.document.name)))
}

fn activate(document: &mut Document) {
    if let [NodeDeviceCapability::Mdev(device), ..] = document.capabilities.as_mut_slice() {
        device.activate();
    }
}

fn by_names<'a>(devices: &'a BTreeMap<String, Device>, wwnn: &str, wwpn: &str) -> Option<&'a Device> {
    let same = |own: &Option<String>, wanted: &str| {
        own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(wanted))
    };
    devices.values().find(|device| {
        device.fibre_channel().is_some_and(|adapter| same(&adapter.wwnn, wwnn) && same(&adapter.wwpn, wwpn))
    })
}

/// A virtual host bus adapter on the one that a document names, or on the first that can have one.
fn adapter(devices: &BTreeMap<String, Device>, document: Document) -> Result<Device> {
    let wanted = match document.capabilities.as_slice() {
        [NodeDeviceCapability::ScsiHost(host), ..] => host.capabilities.iter().find_map(|it| match it {
            ScsiHostSubCapability::FcHost(adapter) => Some(adapter.clone()),
            ScsiHostSubCapability::VportOps(_) => None,
        }),
        _ => None,
    };
    let wanted = wanted.ok_or_else(|| internal("Device is not a fibre channel HBA"))?;
    let named = document.parent.as_ref();
    let parent = match named {
        Some(ParentDevice { wwnn: Some(wwnn), wwpn: Some(wwpn), .. }) => by_names(devices, wwnn, wwpn),
        Some(ParentDevice { fabric_wwn: Some(fabric), .. }) => {
            let on_it =
                |it: &&Device| it.fibre_channel().and_then(|it| it.fabric_wwn.as_ref()) == Some(fabric);
            devices.values().filter(|device| device.makes_adapters()).find(on_it)
        }
        Some(parent) => devices.get(&parent.name),
        None => devices.values().find(|device| device.makes_adapters()),
    };
    let lost = || internal(format!("Could not find parent device for '{}'", document.name));
    let parent = parent.ok_or_else(lost)?;
    if !parent.makes_adapters() {
        let sentence = format!("Parent device {} is not capable of vport operations", parent.document.name);
        return Err(internal(sentence));
    }
    let number =
        devices.values().filter_map(|device| device.scsi_host()?.host).max().map_or(0, |last| last + 1);
    let chosen = |prefix: u64| Some(format!("{:016x}", (prefix << 32) | u64::from(number)));
    let fibre_channel = FibreChannelHost {
        wwnn: wanted.wwnn.or_else(|| chosen(0x2001_a4a0)),
        wwpn: wanted.wwpn.or_else(|| chosen(0x5001_a4a0)),
        fabric_wwn: parent.fibre_channel().and_then(|adapter| adapter.fabric_wwn.clone()),
    };
    let host = ScsiHostCapability {
        host: Some(number),
        unique_id: Some(number.saturating_sub(1)),
        capabilities: vec![ScsiHostSubCapability::FcHost(fibre_channel)],
    };
    let document = Document {
        name: format!("scsi_host{number}"),
        parent: Some(ParentDevice { name: parent.document.name.clone(), ..ParentDevice::default() }),
        capabilities: vec![NodeDeviceCapability::ScsiHost(host)],
        ..Document::default()
    };
    Ok(Device { document, active: false, persistent: false, autostart: false, before: None })
}

/// A mediated device, called by its UUID and its parent.
fn mediated(devices: &BTreeMap<String, Device>, mut document: Document) -> Result<Device> {
    let parent = document.parent.as_ref().map(|parent| parent.name.clone()).unwrap_or_default();
    if !devices.contains_key(&parent) {
        let sentence = format!("invalid parent device '{parent}'");
        return Err(wrong(ErrorCode::CONFIG_UNSUPPORTED, sentence));
    }
    if let [NodeDeviceCapability::Mdev(device), ..] = document.capabilities.as_mut_slice() {
        let uuid = *device.uuid.get_or_insert_with(Uuid::new_v4);
        document.name = format!("mdev_{}_{parent}", uuid.to_string().replace('-', "_"));
    }
    Ok(Device { document, active: false, persistent: false, autostart: false, before: None })
}
