//! PCI devices of the host: addresses, facts, configuration space, drivers, IOMMU groups, virtual functions.
//!
//! Everything is read from and written to a [`Sysfs`] tree.

mod address;
mod binding;
mod config;
mod express;
#[cfg(test)]
pub(crate) mod fixture;
mod ids;
mod iommu;
mod sriov;
mod variant;
mod vfio;
mod vpd;

use crate::sysfs::Sysfs;
use crate::{Error, ErrorCode, ErrorDomain, Result};

pub use address::PciAddress;
pub use binding::VFIO;
pub use config::{Capability, Config, Header};
pub use express::ExpressLink;
pub use ids::PciNames;
pub use iommu::{IommuGroup, Obstacle};
pub use sriov::{Port, VirtualFunction};
pub use vpd::{Vpd, VpdField};

const DEVICES: &str = "bus/pci/devices";

/// The PCI devices of a host.
///
/// ```no_run
/// use virt_util::pci::Pci;
///
/// for device in Pci::host().devices()? {
///     println!("{} is bound to {:?}", device.address(), device.driver()?);
/// }
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pci {
    sysfs: Sysfs,
}

/// One PCI function. Its facts are read when they are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciDevice {
    sysfs: Sysfs,
    address: PciAddress,
}

/// What a function says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who made it, `0x8086`.
    pub vendor: u16,
    /// Which of the vendor's devices it is.
    pub product: u16,
    /// Base class, subclass and programming interface: `0x020000` is an Ethernet controller.
    pub class: u32,
}

impl Pci {
    /// This machine's.
    pub fn host() -> Self {
        Self::at(Sysfs::host())
    }

    /// Those of a sysfs tree.
    pub fn at(sysfs: Sysfs) -> Self {
        Self { sysfs }
    }

    /// The tree.
    pub fn sysfs(&self) -> &Sysfs {
        &self.sysfs
    }

    /// Every function, in the order of their addresses.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    pub fn devices(&self) -> Result<Vec<PciDevice>> {
        let names = self.sysfs.names(DEVICES)?;
        let mut addresses: Vec<PciAddress> = names.iter().filter_map(|name| name.parse().ok()).collect();
        addresses.sort_unstable();
        Ok(addresses.into_iter().map(|address| self.at_address(address)).collect())
    }

    /// The function at an address.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NO_NODE_DEVICE`] when there is none.
    pub fn device(&self, address: PciAddress) -> Result<PciDevice> {
        let device = self.at_address(address);
        if device.exists() {
            return Ok(device);
        }
        let sentence = format!("no PCI device at {address}");
        Err(Error::new(ErrorCode::NO_NODE_DEVICE, ErrorDomain::NODEDEV, sentence).hint(
            "the PCI devices of this host are in /sys/bus/pci/devices; virtual functions come and go with \
                   their physical function's sriov_numvfs",
        ))
    }

    fn at_address(&self, address: PciAddress) -> PciDevice {
        PciDevice { sysfs: self.sysfs.clone(), address }
    }

    /// Whether a driver of this name is registered with the bus.
    pub fn has_driver(&self, driver: &str) -> bool {
        is_driver_name(driver) && self.sysfs.exists(format!("bus/pci/drivers/{driver}"))
    }
}

impl PciDevice {
    /// Where it is.
    pub fn address(&self) -> PciAddress {
        self.address
    }

    /// Whether it is still there.
    pub fn exists(&self) -> bool {
        self.sysfs.exists(self.attribute(""))
    }

    /// The path of one of its attributes in the tree.
    fn attribute(&self, name: &str) -> String {
        format!("{DEVICES}/{}/{name}", self.address)
    }

    /// Vendor, product and class.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn identity(&self) -> Result<Identity> {
        let number = |name| Ok::<_, Error>(self.sysfs.number(self.attribute(name))?.unwrap_or_default());
        Ok(Identity {
            vendor: number("vendor")? as u16,
            product: number("device")? as u16,
            class: number("class")? as u32,
        })
    }

    /// The driver that it is bound to.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    pub fn driver(&self) -> Result<Option<String>> {
        self.sysfs.link_name(self.attribute("driver"))
    }

    /// The NUMA node that it is near to; nothing where the machine does not say.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    pub fn numa_node(&self) -> Result<Option<u32>> {
        let node = self.sysfs.number(self.attribute("numa_node"))?;
        Ok(node.and_then(|node| u32::try_from(node).ok()))
    }

    /// Its configuration space: 64 bytes without privilege, else all of it.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn config(&self) -> Result<Config> {
        Ok(Config::new(self.sysfs.read_bytes(self.attribute("config"))?.unwrap_or_default()))
    }

    /// How the kernel would reset it, the preferred way first: `flr`, `pm`, `bus` ...
    ///
    /// Kernels before 5.15 do not say; then it is what the configuration space promises.
    ///
    /// # Errors
    ///
    /// When neither can be read.
    pub fn reset_methods(&self) -> Result<Vec<String>> {
        match self.sysfs.read(self.attribute("reset_method"))? {
            Some(methods) => Ok(methods.split_whitespace().map(str::to_owned).collect()),
            None => Ok(self.config()?.reset_methods().into_iter().map(str::to_owned).collect()),
        }
    }

    /// Resets it, as the kernel prefers to.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::CONFIG_UNSUPPORTED`] when it cannot be reset by itself; what the kernel answers otherwise.
    pub fn reset(&self) -> Result<()> {
        if !self.sysfs.exists(self.attribute("reset")) {
            let sentence = format!("PCI device {} cannot be reset by itself", self.address);
            return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence).hint(
                "it has neither function level reset nor another way that leaves its neighbours alone",
            ));
        }
        self.sysfs.write(self.attribute("reset"), "1")
    }
}

/// Whether it can be the name of a driver, and of nothing outside the drivers' directory.
fn is_driver_name(name: &str) -> bool {
    !name.is_empty() && name.len() < 256 && !name.starts_with('.') && !name.contains(['/', '\0', '\n'])
}
