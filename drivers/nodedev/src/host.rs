//! Where facts about devices come from: sysfs, udev's database, lists of names.

use std::path::{Path, PathBuf};

use pci_ids::FromId as _;
use virt_util::ethtool::Ethtool;
use virt_util::pci::{Pci, PciNames};
use virt_util::sysfs::Sysfs;
use virt_util::udev::{Udev, UdevRecord};

/// The sources.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) sysfs: Sysfs,
    pub(crate) udev: Udev,
    pub(crate) pci: Pci,
    pub(crate) ethtool: Option<Ethtool>,
    /// Where definitions of mediated devices are.
    pub(crate) definitions: PathBuf,
    names: PciNames,
}

/// What the kernel says of a device in its file `uevent`.
#[derive(Debug, Default)]
pub(crate) struct Properties(Vec<(String, String)>);

impl Properties {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Its node below `/dev`.
    pub(crate) fn node(&self) -> Option<&str> {
        self.get("DEVNAME")
    }
}

impl Host {
    pub(crate) fn new(sysfs: Sysfs, udev: Udev, definitions: PathBuf) -> Self {
        let pci = Pci::at(sysfs.clone());
        let ethtool = Ethtool::open().map_err(|error| log::warn!("{error}")).ok();
        Self { sysfs, udev, pci, ethtool, definitions, names: PciNames::host() }
    }

    /// An attribute as text; nothing where it is missing, empty, or cannot be read.
    pub(crate) fn text(&self, attribute: &str) -> Option<String> {
        let text = self.sysfs.read(attribute).map_err(|error| log::debug!("{error}")).ok().flatten();
        text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// An attribute as a number: decimal, or hexadecimal after `0x`.
    pub(crate) fn number(&self, attribute: &str) -> Option<i64> {
        self.sysfs.number(attribute).ok().flatten()
    }

    /// An attribute as a number in hexadecimal, with or without `0x`.
    pub(crate) fn hexadecimal(&self, attribute: &str) -> Option<u32> {
        let text = self.text(attribute)?;
        u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
    }

    /// The last name in what a link leads to.
    pub(crate) fn link(&self, link: &str) -> Option<String> {
        self.sysfs.link_name(link).ok().flatten()
    }

    pub(crate) fn exists(&self, attribute: &str) -> bool {
        self.sysfs.exists(attribute)
    }

    /// The names in a directory, in the order in which the kernel gives them, as libvirt shows them.
    pub(crate) fn listed(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.sysfs.path(directory)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    pub(crate) fn properties(&self, path: &str) -> Properties {
        let text = self.text(&format!("{path}/uevent")).unwrap_or_default();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Properties(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// What udev knows of a device with a node: a block device, or a character device.
    pub(crate) fn record(&self, block: bool, properties: &Properties) -> UdevRecord {
        let numbers = properties.get("MAJOR").zip(properties.get("MINOR"));
        let kind = if block { 'b' } else { 'c' };
        let record = numbers.and_then(|(major, minor)| self.udev.record(&format!("{kind}{major}:{minor}")));
        record.unwrap_or_default()
    }

    /// What a PCI vendor and its product are called: by the host's list, or, where it has none, by the one built in.
    pub(crate) fn pci_names(&self, vendor: u16, product: u16) -> (Option<String>, Option<String>) {
        let owned = |name: &str| name.to_owned();
        if self.names.are_known() {
            return (self.names.vendor(vendor).map(owned), self.names.product(vendor, product).map(owned));
        }
        let of_vendor = pci_ids::Vendor::from_id(vendor).map(|it| owned(it.name()));
        let of_product = pci_ids::Device::from_vid_pid(vendor, product).map(|it| owned(it.name()));
        (of_vendor, of_product)
    }
}

/// The last name of a path in sysfs.
pub(crate) fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The directory of a path in sysfs.
pub(crate) fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

/// Where mdevctl keeps definitions.
pub(crate) fn definitions(root: Option<&Path>) -> PathBuf {
    root.unwrap_or(Path::new("/")).join("etc/mdevctl.d")
}
