//! Which devices there are: listed once, then kept up with what the kernel and udev announce.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use virt_core::driver::NodeDeviceLifecycle;
use virt_util::uevent::Uevent;

use crate::host::{Host, above};
use crate::kind::{COMPUTER, DIRECTORIES, Device, Kind};

/// The devices that are there, by their names and by their places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    devices: BTreeMap<String, Device>,
    names: HashMap<String, String>,
    documents: Arc<Mutex<Documents>>,
}

/// Documents that hold until something happens, and when something last did.
#[derive(Debug)]
struct Documents {
    texts: HashMap<String, String>,
    last: Moment,
}

impl Default for Documents {
    fn default() -> Self {
        Self { texts: HashMap::new(), last: Moment(Instant::now()) }
    }
}

/// When something was last announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(Instant);

/// What became of an announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The device of this name came or went.
    Lifecycle(NodeDeviceLifecycle, String),
    /// What is known of it may have changed.
    Update(String),
}

impl Inventory {
    /// All that are there.
    pub(crate) fn list(host: &Host) -> Self {
        let mut found = Self::default();
        found.insert(Device::computer());
        for (directory, subsystem) in DIRECTORIES {
            for entry in host.listed(directory) {
                let Some(path) = place(host, &format!("{directory}/{entry}")) else { continue };
                if !found.names.contains_key(&path)
                    && let Some(device) = Device::of(host, subsystem, &path)
                {
                    found.insert(device);
                }
            }
        }
        found
    }

    fn insert(&mut self, device: Device) {
        self.names.insert(device.path.clone(), device.name.clone());
        self.devices.insert(device.name.clone(), device);
    }

    fn remove(&mut self, path: &str) -> Option<String> {
        let name = self.names.remove(path)?;
        self.devices.remove(&name);
        Some(name)
    }

    /// The devices, in the order of their names.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Device> {
        self.devices.get(name)
    }

    /// The name of the device at a path.
    pub(crate) fn name_at(&self, path: &str) -> Option<&str> {
        self.names.get(path).map(String::as_str)
    }

    /// The name of the device that one hangs on: the nearest above it in sysfs that is listed, else the host itself; nothing
    /// for the host.
    pub(crate) fn parent(&self, device: &Device) -> Option<&str> {
        let mut path = device.path.as_str();
        if path.is_empty() {
            return None;
        }
        while !path.is_empty() {
            path = above(path);
            if let Some(name) = self.name_at(path).filter(|_| !path.is_empty()) {
                return Some(name);
            }
        }
        Some(COMPUTER)
    }

    /// The document of a device, if nothing has happened since it was written.
    pub(crate) fn document(&self, name: &str) -> Option<String> {
        self.documents().texts.get(name).cloned()
    }

    /// When something was last announced: what [`Inventory::keep`] is told of a document that was begun since.
    pub(crate) fn moment(&self) -> Moment {
        self.documents().last
    }

    /// Keeps a document that was begun at a moment, of a device of which the kernel announces
    /// what changes.
    pub(crate) fn keep(&self, device: &Device, text: &str, begun: Moment) {
        use Kind::{Drm, Pci, Scsi, ScsiGeneric, Storage, UsbDevice, UsbInterface};
        // How many more mediated devices there may be changes in silence.
        let is_announced = match device.kind {
            Pci => !text.contains("<capability type='mdev_types'>"),
            UsbDevice | UsbInterface | Scsi | ScsiGeneric | Storage | Drm => true,
            _ => false,
        };
        let mut documents = self.documents();
        if is_announced && documents.last == begun {
            documents.texts.insert(device.name.clone(), text.to_owned());
        }
    }

    /// Something has happened, perhaps to others too: a new function joins its neighbours' IOMMU group.
    fn forget_documents(&self) {
        let mut documents = self.documents();
        *documents = Documents::default();
    }

    fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an announcement in; answers what it means for listed devices, in the order in which it happened.
    pub(crate) fn follow(&mut self, host: &Host, event: &Uevent) -> Vec<Change> {
        use NodeDeviceLifecycle::{Created, Deleted};
        self.forget_documents();
        let mut changes = Vec::new();
        if event.action == "remove" {
            changes.extend(self.remove(&event.path).map(|name| Change::Lifecycle(Deleted, name)));
            return changes;
        }
        if let Some(before) = event.path_before() {
            changes.extend(self.remove(before).map(|name| Change::Lifecycle(Deleted, name)));
            self.remove_below(before);
        }
        let known = self.name_at(&event.path).map(str::to_owned);
        match (known, Device::at(host, &event.path)) {
            (Some(known), Some(device)) if known == device.name => changes.push(Change::Update(known)),
            (known, device) => {
                if let Some(known) = known {
                    self.remove(&event.path);
                    changes.push(Change::Lifecycle(Deleted, known));
                }
                if let Some(device) = device {
                    changes.push(Change::Lifecycle(Created, device.name.clone()));
                    self.insert(device);
                }
            }
        }
        changes
    }

    /// What is below a device that moved has moved too, and is announced by itself.
    fn remove_below(&mut self, path: &str) {
        let below = format!("{path}/");
        let paths: Vec<_> = self.names.keys().filter(|path| path.starts_with(&below)).cloned().collect();
        for path in paths {
            self.remove(&path);
        }
    }

    /// How another list of the same host differs from this one.
    pub(crate) fn differences(&self, newer: &Self) -> Vec<Change> {
        use NodeDeviceLifecycle::{Created, Deleted};
        let gone = self.devices.keys().filter(|name| !newer.devices.contains_key(*name));
        let come = newer.devices.keys().filter(|name| !self.devices.contains_key(*name));
        let gone = gone.map(|name| Change::Lifecycle(Deleted, name.clone()));
        gone.chain(come.map(|name| Change::Lifecycle(Created, name.clone()))).collect()
    }
}

/// Where an entry of a directory of devices leads to, below the root of sysfs.
fn place(host: &Host, entry: &str) -> Option<String> {
    let target = std::fs::read_link(host.sysfs.path(entry)).ok()?;
    let target = target.to_str()?;
    // Links in sysfs are relative, and lead up to its root first.
    Some(target.trim_start_matches("../").to_owned())
}
