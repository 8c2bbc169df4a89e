//! Which driver has a device: taking it from one, giving it to another.
//!
//! Only by `driver_override`, which concerns one device. A driver's `new_id` would concern every device of a kind, those
//! plugged in later too.

use super::{Pci, PciDevice, is_driver_name};
use crate::spawn::{Program, Spawn, find_program};
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// The driver that hands devices to programs.
pub const VFIO: &str = "vfio-pci";

/// What the kernel shows where nothing overrides the choice of driver.
const NO_OVERRIDE: &str = "(null)";

impl Pci {
    /// Loads the module of a driver that hands devices to programs, if it is not there. It stays: others may have come to use
    /// it.
    ///
    /// # Errors
    ///
    /// When it is not known to be such a driver, or its module cannot be loaded.
    pub fn load_driver(&self, driver: &str, wait: Wait<'_>) -> Result<()> {
        if self.has_driver(driver) {
            return Ok(());
        }
        // What is not known to be such a driver is not handed to modprobe.
        let known = driver == VFIO || driver.ends_with("_vfio_pci") || driver.ends_with("-vfio-pci");
        let failed = |why: &str| {
            let sentence = format!("Failed to load PCI driver module {driver}: {why}");
            Error::internal(ErrorDomain::NODEDEV, sentence)
        };
        let Some(path) = find_program("modprobe").filter(|_| known && is_driver_name(driver)) else {
            return Err(
                failed("there is no such driver").hint("vfio-pci, or a variant of it, hands devices over")
            );
        };
        let args = ["-b", "--", driver].map(str::to_owned).to_vec();
        let output = Spawn::new(Program { path, args, ..Program::default() }).run(b"", 4096, wait)?;
        if output.status.success() {
            return Ok(());
        }
        Err(failed(String::from_utf8_lossy(&output.stderr).trim()))
    }
}

impl PciDevice {
    /// The one driver that may have it; nothing where any that matches may.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    pub fn driver_override(&self) -> Result<Option<String>> {
        let text = self.sysfs.read(self.attribute("driver_override"))?;
        Ok(text.filter(|name| !name.is_empty() && name != NO_OVERRIDE))
    }

    /// Lets one driver alone have it from the next probing on, or any that matches.
    ///
    /// # Errors
    ///
    /// When the name cannot be a driver's; what the kernel answers.
    pub fn set_driver_override(&self, driver: Option<&str>) -> Result<()> {
        if let Some(name) = driver.filter(|name| !is_driver_name(name)) {
            let sentence = format!("'{name}' cannot be the name of a PCI driver");
            return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NODEDEV, sentence));
        }
        if self.driver_override()?.as_deref() == driver {
            return Ok(());
        }
        // An empty line takes it back.
        self.sysfs.write(self.attribute("driver_override"), &format!("{}\n", driver.unwrap_or_default()))
    }

    /// Takes it from the driver that has it, if one has.
    ///
    /// The kernel lets the driver finish first: with vfio that is when the program that uses the device lets go of it.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn unbind(&self) -> Result<()> {
        if self.driver()?.is_none() {
            return Ok(());
        }
        let unbound = self.sysfs.write(self.attribute("driver/unbind"), &self.address.to_string());
        // Somebody else may have been faster.
        if unbound.is_err() && self.driver()?.is_none() { Ok(()) } else { unbound }
    }

    /// Lets the drivers look at it, and the first that matches take it.
    ///
    /// # Errors
    ///
    /// What the kernel answers, a failed probe included. That no driver matches is no error.
    pub fn probe(&self) -> Result<()> {
        self.sysfs.write("bus/pci/drivers_probe", &self.address.to_string())
    }

    /// Gives it to `driver`, from whichever has it, and sees that it arrived.
    ///
    /// The override stays until it is taken back, so that nobody else gets the device meanwhile.
    ///
    /// # Errors
    ///
    /// When there is no such driver, or it does not take the device; the device is then without a driver.
    pub fn bind_to(&self, driver: &str) -> Result<()> {
        let bound = self.driver()?;
        if bound.as_deref() == Some(driver) {
            return self.set_driver_override(Some(driver));
        }
        if !is_driver_name(driver) || !self.sysfs.exists(format!("bus/pci/drivers/{driver}")) {
            let sentence = format!("cannot bind {} to {driver}: there is no such PCI driver", self.address);
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NODEDEV, sentence)
                .hint(format!("load its module: modprobe {driver}")));
        }
        self.set_driver_override(Some(driver))?;
        self.unbind()?;
        let probed = self.probe();
        match self.driver()? {
            Some(now) if now == driver => Ok(()),
            now => Err(self.not_bound(driver, now, probed.err())),
        }
    }

    /// Gives it back to the driver that had it, or to none, with nothing overriding the choice but what did before.
    ///
    /// # Errors
    ///
    /// When that driver does not take it.
    pub fn give_back(&self, driver: Option<&str>, driver_override: Option<&str>) -> Result<()> {
        if self.driver()?.as_deref() == driver {
            return self.set_driver_override(driver_override);
        }
        // No other driver that matches may be faster than the one that had it.
        let only = driver.or(driver_override);
        self.set_driver_override(only)?;
        self.unbind()?;
        let probed = if driver.is_some() { self.probe() } else { Ok(()) };
        let now = self.driver()?;
        if now.as_deref() != driver {
            return Err(self.not_bound(driver.unwrap_or("no driver"), now, probed.err()));
        }
        self.set_driver_override(driver_override)
    }

    fn not_bound(&self, wanted: &str, now: Option<String>, cause: Option<Error>) -> Error {
        let has = now.map_or_else(|| "no driver has it".to_owned(), |now| format!("{now} has it"));
        let mut sentence = format!("cannot bind {} to {wanted}: {has} now", self.address);
        if let Some(cause) = &cause {
            sentence = format!("{sentence} ({cause})");
        }
        let error = Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NODEDEV, sentence);
        let error = error.hint("the kernel's log says why a driver refused a device");
        match cause {
            Some(cause) => error.caused_by(cause),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn written(fixture: &Fixture, attribute: &str) -> String {
        fixture.pci().sysfs().read(attribute).unwrap().unwrap_or_default()
    }

    #[test]
    fn the_override_is_one_devices_alone() {
        let fixture = Fixture::new();
        let address = fixture.function("0000:01:10.0", "0x020000", Some("igbvf"));
        fixture.driver(VFIO);
        let device = fixture.pci().device(address).unwrap();
        assert_eq!(device.driver_override().unwrap(), None);
        // A tree of files has no kernel that would move the device: it says that the driver still has it.
        let error = device.bind_to(VFIO).unwrap_err();
        assert_eq!(
            error.to_string(),
            "operation failed: cannot bind 0000:01:10.0 to vfio-pci: igbvf has it now"
        );
        assert_eq!(device.driver_override().unwrap().as_deref(), Some(VFIO));
        assert_eq!(written(&fixture, "bus/pci/drivers/igbvf/unbind"), "0000:01:10.0");
        assert_eq!(written(&fixture, "bus/pci/drivers_probe"), "0000:01:10.0");
        assert_eq!(written(&fixture, "bus/pci/drivers/vfio-pci/new_id"), "");
        device.give_back(Some("igbvf"), None).unwrap();
        assert_eq!(device.driver_override().unwrap(), None);
    }

    #[test]
    fn a_device_is_taken_from_nobody_for_a_driver_that_is_not_there() {
        let fixture = Fixture::new();
        let address = fixture.function("0000:01:10.0", "0x020000", Some("igbvf"));
        let device = fixture.pci().device(address).unwrap();
        for name in ["vfio-pci", "", "..", "igbvf/../igb", "a\nb"] {
            assert!(device.bind_to(name).unwrap_err().to_string().contains("there is no such PCI driver"));
        }
        assert_eq!(written(&fixture, "bus/pci/drivers/igbvf/unbind"), "");
        assert!(device.set_driver_override(Some("a/b")).is_err());
    }
}
