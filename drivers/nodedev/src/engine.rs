//! The engine: what there is, by names, and described.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use virt_conf::xml::{self, FormatOptions};
use virt_core::driver::{
    CreateNodeDevice, DefineNodeDevice, Error, ErrorCode, ErrorDomain, ListNodeDevices, NodeDeviceSummary,
    NodeDeviceXml, Result,
};
use virt_util::root::Location;
use virt_util::sysfs::Sysfs;
use virt_util::udev::Udev;
use virt_util::uevent::{Monitor, Received};

use crate::describe;
use crate::host::{self, Host};
use crate::inventory::Inventory;
use crate::kind::{COMPUTER, Device, Kind};
use crate::mediated::{self, Wanted};
use crate::vport;

/// The devices of a host. It lists them when it is first asked, and keeps up with what comes and goes.
///
/// ```
/// use virt_core::driver::{ListNodeDevices, NodeDeviceXml};
/// use virt_driver_nodedev::Engine;
///
/// let engine = Engine::host()?;
/// for device in engine.list(ListNodeDevices::NET)? {
///     println!("{}", engine.xml(&device.name, NodeDeviceXml::empty())?);
/// }
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Engine {
    pub(crate) host: Host,
    pub(crate) location: Location,
    /// Whether the kernel announces what happens in this tree.
    live: bool,
    known: Mutex<Option<Known>>,
}

/// What was listed, and where the news come from.
#[derive(Debug)]
struct Known {
    inventory: Inventory,
    monitor: Option<Monitor>,
    /// Whether udev ran when the monitor was opened.
    with_udev: bool,
}

/// Nobody knows a device of this name.
pub(crate) fn no_device(name: &str) -> Error {
    let sentence = format!("no node device with matching name '{name}'");
    Error::new(ErrorCode::NO_NODE_DEVICE, ErrorDomain::NODEDEV, sentence)
}

impl Engine {
    /// This machine's.
    ///
    /// # Errors
    ///
    /// None now; systems that cannot be read may have some.
    pub fn host() -> Result<Self> {
        Ok(Self::at(Sysfs::host(), Udev::host(), None))
    }

    /// Those of a sysfs tree and a database of udev's elsewhere, with everything that is kept below a directory.
    pub fn at(sysfs: Sysfs, udev: Udev, root: Option<&Path>) -> Self {
        let live = sysfs == Sysfs::host();
        let host = Host::new(sysfs, udev, host::definitions(root));
        Self { host, location: Self::lease_location(root), live, known: Mutex::default() }
    }

    /// With the definitions of mediated devices below a directory instead of the system's.
    #[must_use]
    pub(crate) fn defining_below(mut self, root: &Path) -> Self {
        self.host.definitions = host::definitions(Some(root));
        self
    }

    /// Hands what there is now to `work`.
    pub(crate) fn current<T>(&self, work: impl FnOnce(&Inventory) -> T) -> Result<T> {
        if !self.live {
            return Ok(work(&Inventory::list(&self.host)));
        }
        // What a panic leaves is listed anew.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let with_udev = self.host.udev.is_running();
        let mut now = match known.take().filter(|known| known.with_udev == with_udev) {
            Some(known) => known,
            None => self.list_anew(with_udev),
        };
        self.follow(&mut now)?;
        let answer = work(&now.inventory);
        // Without news it would be old the next time.
        *known = Some(now).filter(|now| now.monitor.is_some());
        Ok(answer)
    }

    fn list_anew(&self, with_udev: bool) -> Known {
        // Listening begins before listing, so that nothing falls in between.
        let monitor = Monitor::open(&self.host.udev).map_err(|error| log::warn!("{error}")).ok();
        Known { inventory: Inventory::list(&self.host), monitor, with_udev }
    }

    fn follow(&self, known: &mut Known) -> Result<()> {
        let Some(monitor) = &mut known.monitor else { return Ok(()) };
        loop {
            match monitor.receive()? {
                Received::Event(event) => drop(known.inventory.follow(&self.host, &event)),
                Received::Missed => known.inventory = Inventory::list(&self.host),
                Received::Nothing => return Ok(()),
            }
        }
    }

    /// Those that `filter` asks for, in the order of their names.
    ///
    /// # Errors
    ///
    /// When what happened to devices cannot be read.
    pub fn list(&self, filter: ListNodeDevices) -> Result<Vec<NodeDeviceSummary>> {
        use ListNodeDevices as Flag;
        let wanted = |yes: Flag, no: Flag, holds: bool| {
            !filter.intersects(yes | no) || filter.contains(if holds { yes } else { no })
        };
        let definitions = self.definitions();
        let names: Vec<_> = definitions.iter().map(mediated::name).collect();
        let defined = |name: &str| names.iter().position(|known| known == name).map(|at| &definitions[at]);
        let mut list = self.current(|inventory| {
            let mut list = Vec::new();
            if !wanted(Flag::ACTIVE, Flag::INACTIVE, true) {
                return list;
            }
            for device in inventory.devices().filter(|device| self.has(device, filter)) {
                let definition = if device.kind == Kind::Mdev { defined(&device.name) } else { None };
                let always = device.kind == Kind::System;
                list.push(NodeDeviceSummary {
                    name: device.name.clone(),
                    parent: inventory.parent(device).map(str::to_owned),
                    active: true,
                    persistent: always || definition.is_some(),
                    autostart: always || definition.is_some_and(|it| it.autostart),
                });
            }
            list
        })?;
        let capabilities = filter & Flag::CAPABILITIES;
        if wanted(Flag::ACTIVE, Flag::INACTIVE, false)
            && (capabilities.is_empty() || capabilities.contains(Flag::MDEV))
        {
            for (definition, name) in definitions.iter().zip(&names) {
                if self.current(|inventory| inventory.get(name).is_none())? {
                    list.push(NodeDeviceSummary {
                        name: name.clone(),
                        parent: Some(self.parent_of(definition)?),
                        active: false,
                        persistent: true,
                        autostart: definition.autostart,
                    });
                }
            }
        }
        list.retain(|device| wanted(Flag::PERSISTENT, Flag::TRANSIENT, device.persistent));
        list.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(list)
    }

    /// Whether a device has one of the capabilities of a filter; with none in it, every device has.
    fn has(&self, device: &Device, filter: ListNodeDevices) -> bool {
        let capabilities = filter & ListNodeDevices::CAPABILITIES;
        capabilities.is_empty()
            || capabilities.intersects(device.flag())
            // What a device is besides has to be looked at.
            || (capabilities.intersects(BESIDES) && capabilities.intersects(device.capabilities(&self.host)))
    }

    /// The names of those that are there and have this capability, or of all, in their order.
    ///
    /// # Errors
    ///
    /// As for [`Engine::list`].
    pub fn names(&self, capability: Option<&str>) -> Result<Vec<String>> {
        let filter = match capability.map(ListNodeDevices::of_capability) {
            None => ListNodeDevices::empty(),
            Some(Some(flag)) => flag,
            Some(None) => return Ok(Vec::new()),
        };
        self.current(|inventory| {
            let devices = inventory.devices().filter(|device| self.has(device, filter));
            devices.map(|device| device.name.clone()).collect()
        })
    }

    /// One of them, as in a list.
    ///
    /// # Errors
    ///
    /// `NO_NODE_DEVICE` when there is none of this name.
    pub fn summary(&self, name: &str) -> Result<NodeDeviceSummary> {
        let definition = self.definition(name);
        let there = self.current(|inventory| {
            let device = inventory.get(name)?;
            Some((device.kind == Kind::System, inventory.parent(device).map(str::to_owned)))
        })?;
        let active = there.is_some();
        let (always, parent) = match (there, &definition) {
            (Some(there), _) => there,
            (None, Some(definition)) => (false, Some(self.parent_of(definition)?)),
            (None, None) => return Err(no_device(name)),
        };
        Ok(NodeDeviceSummary {
            name: name.to_owned(),
            parent,
            active,
            persistent: always || definition.is_some(),
            autostart: always || definition.is_some_and(|it| it.autostart),
        })
    }

    /// Its XML.
    ///
    /// # Errors
    ///
    /// `NO_NODE_DEVICE` when there is none of this name; `OPERATION_INVALID` for the definition of a device that has none.
    pub fn xml(&self, name: &str, flags: NodeDeviceXml) -> Result<String> {
        let inactive = flags.contains(NodeDeviceXml::INACTIVE);
        let (known, there) = self.current(|inventory| {
            let known = if inactive { None } else { inventory.document(name) };
            if known.is_some() {
                return (known, None);
            }
            let there = inventory.get(name);
            let there = there.map(|device| {
                let parent = inventory.parent(device).map(str::to_owned);
                (device.clone(), parent, inventory.moment())
            });
            (None, there)
        })?;
        if let Some(text) = known {
            return Ok(text);
        }
        let definition = self.definition(name);
        let format = if inactive { FormatOptions::INACTIVE } else { FormatOptions::default() };
        let Some((device, parent, begun)) = there else {
            let definition = definition.ok_or_else(|| no_device(name))?;
            return Ok(xml::to_string(&self.describe_definition(&definition)?, format));
        };
        if inactive && definition.is_none() && device.kind != Kind::System {
            let sentence = format!("node device '{name}' is not persistent");
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence));
        }
        let mut described =
            describe::device(&self.host, &device, parent.as_deref()).ok_or_else(|| no_device(name))?;
        if let Some(definition) = &definition {
            self.with_definition(&mut described, definition);
        }
        if inactive {
            described.driver = None;
        }
        let text = xml::to_string(&described, format);
        if !inactive && self.live {
            self.current(|inventory| inventory.keep(&device, &text, begun))?;
        }
        Ok(text)
    }

    /// The names of its capabilities.
    ///
    /// # Errors
    ///
    /// `NO_NODE_DEVICE` when there is none of this name.
    pub fn capabilities(&self, name: &str) -> Result<Vec<String>> {
        let flags = match self.device(name) {
            Ok(device) => device.capabilities(&self.host),
            Err(error) => self.definition(name).map(|_| ListNodeDevices::MDEV).ok_or(error)?,
        };
        Ok(flags.capability_names().map(str::to_owned).collect())
    }

    /// The name of the SCSI host with these world-wide names.
    ///
    /// # Errors
    ///
    /// `NO_NODE_DEVICE` when there is none.
    pub fn scsi_host(&self, wwnn: &str, wwpn: &str) -> Result<String> {
        let found = vport::find(&self.host, wwnn, wwpn).map(|name| crate::kind::name(&["scsi", &name]));
        found.ok_or_else(|| {
            let sentence = format!("no node device for '{wwnn}' with matching WWPN '{wwpn}'");
            Error::new(ErrorCode::NO_NODE_DEVICE, ErrorDomain::NODEDEV, sentence)
        })
    }

    /// Makes what a document describes; answers its name.
    ///
    /// # Errors
    ///
    /// `XML_ERROR` and its kin; `CONFIG_UNSUPPORTED` for devices that nobody can make; what the kernel refuses.
    pub fn create(&self, text: &str, flags: CreateNodeDevice) -> Result<String> {
        match self.read(text, flags.contains(CreateNodeDevice::VALIDATE))? {
            Wanted::Mediated(wanted) => self.make(&wanted, "start"),
            Wanted::VirtualAdapter(device) => match device.capabilities.as_slice() {
                [virt_conf::model::nodedev::NodeDeviceCapability::ScsiHost(wanted), ..] => {
                    self.create_vport(device.parent.as_ref(), wanted)
                }
                _ => Err(mediated::unsupported_kind()),
            },
        }
    }

    /// Defines what a document describes; answers its name.
    ///
    /// # Errors
    ///
    /// As for [`Engine::create`]; only mediated devices have definitions.
    pub fn define_xml(&self, text: &str, flags: DefineNodeDevice) -> Result<String> {
        match self.read(text, flags.contains(DefineNodeDevice::VALIDATE))? {
            Wanted::Mediated(wanted) => self.define(wanted),
            Wanted::VirtualAdapter(_) => Err(mediated::unsupported_kind()),
        }
    }

    /// Whether a device of this name is persistent.
    pub(crate) fn is_persistent(&self, name: &str) -> Result<bool> {
        Ok(name == COMPUTER || self.summary(name)?.persistent)
    }
}

/// Capabilities that a device can have besides what it is.
const BESIDES: ListNodeDevices = ListNodeDevices::FC_HOST
    .union(ListNodeDevices::VPORTS)
    .union(ListNodeDevices::MDEV_TYPES)
    .union(ListNodeDevices::VPD)
    .union(ListNodeDevices::CCWGROUP_MEMBER);
