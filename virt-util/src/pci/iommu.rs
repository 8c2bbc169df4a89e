//! IOMMU groups: which devices can only be handed over together, and whether they can.

use super::{Header, PciAddress, PciDevice};
use crate::Result;

/// The devices that the IOMMU cannot tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IommuGroup {
    /// Its number; `/dev/vfio/NUMBER` is its device.
    pub number: u32,
    /// Its members, in the order of their addresses.
    pub devices: Vec<PciAddress>,
}

/// A member of a group that keeps its neighbours from being handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Which.
    pub address: PciAddress,
    /// The host's driver that has it.
    pub driver: String,
}

/// Drivers that have a device without using its memory, as the kernel counts them.
const HARMLESS: [&str; 4] = ["pci-stub", "pcieport", "shpchp", super::VFIO];

impl PciDevice {
    /// The group that it belongs to; nothing where no IOMMU is at work.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    pub fn iommu_group(&self) -> Result<Option<IommuGroup>> {
        let Some(name) = self.sysfs.link_name(self.attribute("iommu_group"))? else { return Ok(None) };
        let Ok(number) = name.parse() else { return Ok(None) };
        // Devices of other buses in the group are behind one of its PCI functions.
        let names = self.sysfs.names(self.attribute("iommu_group/devices"))?;
        let mut devices: Vec<PciAddress> = names.iter().filter_map(|name| name.parse().ok()).collect();
        devices.sort_unstable();
        Ok(Some(IommuGroup { number, devices }))
    }

    /// Which members of its group the host still uses, so that this one cannot be handed over alone. Itself it is none.
    ///
    /// # Errors
    ///
    /// When the group cannot be read.
    pub fn obstacles(&self) -> Result<Vec<Obstacle>> {
        let mut found = Vec::new();
        for address in self.iommu_group()?.map(|group| group.devices).unwrap_or_default() {
            let other = Self { sysfs: self.sysfs.clone(), address };
            if address == self.address || other.is_harmless()? {
                continue;
            }
            if let Some(driver) = other.driver()? {
                found.push(Obstacle { address, driver });
            }
        }
        Ok(found)
    }

    /// Whether its driver hands it to programs: vfio-pci, or a variant of it for one kind of device.
    ///
    /// # Errors
    ///
    /// When its driver cannot be read.
    pub fn is_with_vfio(&self) -> Result<bool> {
        Ok(self.driver()?.as_deref() == Some(super::VFIO) || self.sysfs.exists(self.attribute("vfio-dev")))
    }

    /// Whether it disturbs no neighbour that is handed over.
    fn is_harmless(&self) -> Result<bool> {
        let Some(driver) = self.driver()? else { return Ok(true) };
        let bridge = matches!(self.config()?.header(), Some(Header::Bridge | Header::CardBus));
        Ok(bridge || HARMLESS.contains(&driver.as_str()) || self.is_with_vfio()?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;

    #[test]
    fn bridges_and_idle_devices_are_no_obstacle() {
        let fixture = Fixture::new();
        let audio = fixture.function("0000:02:00.1", "0x040300", Some("snd_hda_intel"));
        let card = fixture.function("0000:02:00.0", "0x030000", Some("vfio-pci"));
        let bridge = fixture.function("0000:00:01.0", "0x060400", Some("pcieport"));
        let idle = fixture.function("0000:02:00.2", "0x0c0330", None);
        let variant = fixture.function("0000:02:00.3", "0x020000", Some("mlx5_vfio_pci"));
        fixture.make("bus/pci/devices/0000:02:00.3/vfio-dev/vfio0");
        fixture.group(7, &[audio, card, bridge, idle, variant]);
        let card = fixture.pci().device(card).unwrap();
        assert_eq!(card.iommu_group().unwrap().unwrap().devices.len(), 5);
        let obstacles = card.obstacles().unwrap();
        assert_eq!(obstacles.len(), 1);
        assert_eq!((obstacles[0].address, obstacles[0].driver.as_str()), (audio, "snd_hda_intel"));
        let alone = fixture.function("0000:03:00.0", "0x020000", Some("e1000e"));
        assert_eq!(fixture.pci().device(alone).unwrap().iommu_group().unwrap(), None);
    }
}
