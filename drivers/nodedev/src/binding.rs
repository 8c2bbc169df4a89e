//! Taking PCI functions from the host, giving them back, and resetting them.

use std::time::Duration;

use virt_core::driver::{Error, ErrorCode, ErrorDomain, Result};
use virt_core::sriov::{Held, Inventory};
use virt_util::lock::Lock;
use virt_util::pci::{Header, PciAddress, PciDevice, VFIO};
use virt_util::root::{Location, Root};
use virt_util::wait::Wait;

use crate::engine::Engine;
use crate::host::last;
use crate::kind::{Device, Kind};

/// How long a module may take to load.
const LOADING: Duration = Duration::from_secs(30);

/// What asks the host device driver what it has leased: its inventory, or nothing where there is no such driver.
pub(crate) type Leases<'a> = &'a dyn Fn() -> Result<Option<Inventory>>;

impl Engine {
    /// Takes a function from the host's driver and gives it to `driver`, or to vfio-pci.
    pub(crate) fn detach(
        &self,
        name: &str,
        driver: Option<&str>,
        leases: Leases<'_>,
        wait: Wait<'_>,
    ) -> Result<()> {
        let (device, _lock) = self.claim(name, leases, wait)?;
        if matches!(device.outline()?.header(), Some(Header::Bridge | Header::CardBus)) {
            // Whatever is behind it would be gone before the kernel says that vfio does not take bridges.
            let sentence =
                format!("PCI device {} is a bridge, which cannot be handed over", device.address());
            return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence));
        }
        // libvirt's word for it.
        let driver = driver.filter(|word| !word.is_empty() && *word != "vfio").unwrap_or(VFIO);
        self.host.pci.load_driver(driver, Wait::at_most(LOADING))?;
        if device.driver()?.as_deref() != Some(driver) && device.is_with_vfio()? {
            device.wait_for_users(wait)?;
        }
        let before = (device.driver()?, device.driver_override()?);
        let bound = device.bind_to(driver);
        if bound.is_err() {
            // Nobody would use a device without a driver.
            let back = device.give_back(before.0.as_deref(), before.1.as_deref());
            back.unwrap_or_else(|error| log::warn!("{error}"));
        }
        bound
    }

    /// Gives a function back to the host's driver: whichever takes it.
    pub(crate) fn reattach(&self, name: &str, leases: Leases<'_>, wait: Wait<'_>) -> Result<()> {
        let (device, _lock) = self.claim(name, leases, wait)?;
        device.set_driver_override(None)?;
        if device.is_with_vfio()? {
            device.wait_for_users(wait)?;
            device.unbind()?;
        }
        if device.driver()?.is_none() {
            device.probe()?;
        }
        Ok(())
    }

    /// Resets a function that no guest has.
    pub(crate) fn reset(&self, name: &str, leases: Leases<'_>, wait: Wait<'_>) -> Result<()> {
        let (device, _lock) = self.claim(name, leases, wait)?;
        let address = device.address();
        if matches!(device.outline()?.header(), Some(header) if header != Header::Endpoint) {
            let sentence = format!(
                "Invalid attempt to reset PCI device {address}. Only PCI endpoint devices can be reset"
            );
            return Err(Error::internal(ErrorDomain::NODEDEV, sentence));
        }
        device.reset().map_err(|error| match error.code() {
            ErrorCode::CONFIG_UNSUPPORTED => Error::internal(
                ErrorDomain::NODEDEV,
                format!("Unable to reset PCI device {address}: no FLR, PM reset or bus reset available"),
            ),
            _ => error,
        })
    }

    /// The function of this name, kept from everybody else who hands devices over, and leased by nobody.
    fn claim(&self, name: &str, leases: Leases<'_>, wait: Wait<'_>) -> Result<(PciDevice, Lock)> {
        let device = self.device(name)?;
        let address = address(&device)?;
        let found = self.host.pci.device(address)?;
        // The lock of the host device driver's: what it leases meanwhile, it leases before or after.
        let root = Root::open(&self.location, "hostdev")?;
        let lock = Lock::acquire(&root.run().subdir("devices")?, &format!("{address}.lock"), name, wait)?;
        match leases()?.and_then(|inventory| held(inventory, address)) {
            Some(held) => Err(in_use(address, &held)),
            None => Ok((found, lock)),
        }
    }

    /// The system's directories for root, the user's for others; elsewhere for tests.
    pub(crate) fn lease_location(root: Option<&std::path::Path>) -> Location {
        match root {
            Some(root) => Location::Below(root.to_owned()),
            None if nix::unistd::geteuid().is_root() => Location::System,
            None => Location::Session,
        }
    }
}

fn address(device: &Device) -> Result<PciAddress> {
    if device.kind != Kind::Pci {
        let sentence = format!("device {} is not a PCI device", device.name);
        return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NODEDEV, sentence));
    }
    last(&device.path).parse()
}

fn held(inventory: Inventory, address: PciAddress) -> Option<Held> {
    let functions = inventory.physical_functions.into_iter().flat_map(|parent| parent.virtual_functions);
    let functions = functions.filter_map(|function| Some((function.address, function.held?)));
    let others = inventory.others.into_iter().map(|other| (other.address, other.held));
    functions.chain(others).find(|(known, _)| *known == address).map(|(_, held)| held)
}

fn in_use(address: PciAddress, held: &Held) -> Error {
    let Held { holder, .. } = held;
    let sentence = match &holder.driver {
        Some(driver) => format!("PCI device {address} is in use by driver {driver}, domain {}", holder.name),
        None => format!("PCI device {address} is in use by {}", holder.name),
    };
    Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_found_wherever_the_inventory_has_them() {
        let text = r#"{"version": 1, "physical-functions": [{"address": "0000:01:00.0", "vendor": 1, "product": 2,
            "driver": null, "netdevs": [], "total": 7, "virtual-functions": [{"address": "0000:01:10.0", "index": 0,
            "driver": null, "netdev": null, "iommu-group": null, "settings": null, "supports": [],
            "held": {"holder": {"name": "web", "driver": "QEMU"}, "alive": true, "changes": []}}]}],
            "others": [{"address": "0000:05:00.0", "holder": {"name": "me"}, "alive": true, "changes": []}]}"#;
        let say = |text_of: &str| {
            let at = text_of.parse().unwrap();
            held(Inventory::from_json(text).unwrap(), at).map(|held| in_use(at, &held).message().to_owned())
        };
        let sentence =
            "Requested operation is not valid: PCI device 0000:01:10.0 is in use by driver QEMU, domain web";
        assert_eq!(say("0000:01:10.0").as_deref(), Some(sentence));
        assert!(say("0000:05:00.0").is_some_and(|text| text.ends_with("is in use by me")));
        assert_eq!(say("0000:01:10.2"), None);
    }
}
