//! A small sysfs tree for tests: it is shaped as the kernel's, and nothing in it acts.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::{Pci, PciAddress};
use crate::sysfs::Sysfs;

/// The tree; it goes with the value.
pub(crate) struct Fixture {
    root: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let this = Self { root: tempfile::tempdir().unwrap() };
        this.write("bus/pci/drivers_probe", "");
        this
    }

    pub(crate) fn pci(&self) -> Pci {
        Pci::at(Sysfs::at(self.root.path()))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// A directory.
    pub(crate) fn make(&self, path: &str) {
        std::fs::create_dir_all(self.path(path)).unwrap();
    }

    /// A file.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), content).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        symlink(self.path(target), self.path(path)).unwrap();
    }

    /// A driver of the bus.
    pub(crate) fn driver(&self, name: &str) {
        for file in ["bind", "unbind", "new_id"] {
            self.write(&format!("bus/pci/drivers/{name}/{file}"), "");
        }
    }

    /// A function, and the driver that has it. Its class says whether it is a bridge.
    pub(crate) fn function(&self, address: &str, class: &str, driver: Option<&str>) -> PciAddress {
        let place = format!("bus/pci/devices/{address}");
        self.write(&format!("{place}/class"), format!("{class}\n"));
        self.write(&format!("{place}/driver_override"), "(null)\n");
        let mut config = [0; 64];
        config[0x0e] = u8::from(class.starts_with("0x0604"));
        self.write(&format!("{place}/config"), config);
        if let Some(driver) = driver {
            self.driver(driver);
            self.link(&format!("{place}/driver"), &format!("bus/pci/drivers/{driver}"));
        }
        address.parse().unwrap()
    }

    /// A group of functions.
    pub(crate) fn group(&self, number: u32, members: &[PciAddress]) {
        for member in members {
            let (group, device) =
                (format!("kernel/iommu_groups/{number}"), format!("bus/pci/devices/{member}"));
            self.link(&format!("{group}/devices/{member}"), &device);
            self.link(&format!("{device}/iommu_group"), &group);
        }
    }

    /// Makes `child` the virtual function of `parent` that has this number.
    pub(crate) fn virtual_function(&self, parent: PciAddress, index: u32, child: PciAddress) {
        let (parent, child) = (format!("bus/pci/devices/{parent}"), format!("bus/pci/devices/{child}"));
        self.link(&format!("{parent}/virtfn{index}"), &child);
        self.link(&format!("{child}/physfn"), &parent);
        self.write(&format!("{parent}/sriov_totalvfs"), (index + 1).to_string());
        self.write(&format!("{parent}/sriov_numvfs"), (index + 1).to_string());
    }

    /// A network device of a function.
    pub(crate) fn netdev(&self, function: PciAddress, name: &str, phys_port_id: Option<&str>) {
        let place = format!("bus/pci/devices/{function}/net/{name}");
        self.write(&format!("{place}/dev_port"), "0\n");
        if let Some(id) = phys_port_id {
            self.write(&format!("{place}/phys_port_id"), format!("{id}\n"));
        }
    }
}
