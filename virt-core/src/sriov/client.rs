//! The host's devices, for applications.

use std::sync::Arc;
use std::time::Duration;

use plugins_abi::{Call, CallScope, Cancellation, HostDevices, OpenRequest, host_devices};
use serde::de::DeserializeOwned;
use virt_util::pci::PciAddress;
use virt_util::{Error, ErrorDomain, Result};

use super::{Finding, Inventory, Plan, Prepared, PreparedDevice, Request, Restored, Settings};
use crate::registry::Registry;

/// The role that serves it.
const ROLE: &str = "hostdev";

/// This host's devices. Cheap to clone.
///
/// ```
/// # let registry = virt_core::Registry::empty();
/// # registry.register::<virt_driver_hostdev::HostdevDriver>()?;
/// # let scratch = tempfile::tempdir().unwrap();
/// # let uri = format!("hostdev:///?root={}", scratch.path().display());
/// use virt_core::sriov::{Request, Selection, Settings, Sriov, Wish};
///
/// // `Sriov::open()` where the plugins are installed.
/// let sriov = Sriov::open_with(&registry, &uri)?;
/// for parent in sriov.inventory()?.physical_functions {
///     println!("{} has {} of {} virtual functions", parent.address, parent.virtual_functions.len(), parent.total);
/// }
///
/// let mut request = Request::new("web");
/// let settings = Settings { mac: Some("00:11:22:33:44:55".parse()?), ..Settings::default() };
/// let vf = Selection::Address("ffff:ff:1f.7".parse()?);
/// request.devices.push(Wish::new(vf).with(settings).bound_to("vfio-pci"));
/// let error = sriov.prepare(&request).unwrap_err();
/// assert_eq!(error.to_string(), "Node device not found: no PCI device at ffff:ff:1f.7");
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Sriov {
    devices: Arc<dyn HostDevices>,
    scope: CallScope,
    timeout: Option<Duration>,
}

impl Sriov {
    /// With the drivers of this process and its plugins.
    ///
    /// # Errors
    ///
    /// `NO_SUPPORT` when no driver has the role `hostdev`; what the driver says otherwise.
    pub fn open() -> Result<Self> {
        Self::open_with(Registry::global(), "hostdev:///")
    }

    /// With a registry of drivers and a URI of choice.
    ///
    /// # Errors
    ///
    /// As for [`Sriov::open`].
    pub fn open_with(registry: &Registry, uri: &str) -> Result<Self> {
        let request = OpenRequest { uri: uri.to_owned(), read_only: false, role: ROLE.to_owned() };
        let slots = registry.open(Call::background(), request)?;
        let devices = slots.host_devices.ok_or_else(|| host_devices::method::inventory.unsupported())?;
        Ok(Self { devices, scope: CallScope::new(), timeout: None })
    }

    /// The same, whose calls each end with `OPERATION_TIMEOUT` after this time.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self.clone() }
    }

    /// The same, whose calls change nothing, or may.
    #[must_use]
    pub fn read_only(&self, read_only: bool) -> Self {
        Self { scope: self.scope.clone().read_only(read_only), ..self.clone() }
    }

    /// The same, whose calls can be given up from another thread.
    #[must_use]
    pub fn cancelled_by(&self, cancellation: Arc<Cancellation>) -> Self {
        Self { scope: self.scope.clone().cancelled_by(cancellation), ..self.clone() }
    }

    fn call<T>(&self, work: impl FnOnce(&Call) -> Result<T>) -> Result<T> {
        crate::connection::timed(&self.scope, self.timeout, work)
    }

    /// Physical functions with SR-IOV, their virtual functions, and everything that is held.
    ///
    /// # Errors
    ///
    /// When devices cannot be listed.
    pub fn inventory(&self) -> Result<Inventory> {
        Inventory::from_json(&self.call(|call| self.devices.inventory(call))?)
    }

    /// What [`Sriov::prepare`] would do now.
    ///
    /// # Errors
    ///
    /// As for [`Sriov::prepare`], as far as they can be foreseen.
    pub fn plan(&self, request: &Request) -> Result<Plan> {
        Plan::from_json(&self.call(|call| self.devices.plan(call, request.to_json()))?)
    }

    /// Leases devices, sets them up and gives them to their drivers: all of them, or none. It takes root.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when a device is somebody's or the host's; `CONFIG_UNSUPPORTED` when the hardware cannot do
    /// what is asked, naming the setting, the physical function and its driver; `OPERATION_TIMEOUT`. Nothing is left of
    /// what was done.
    pub fn prepare(&self, request: &Request) -> Result<Prepared> {
        Prepared::from_json(&self.call(|call| self.devices.prepare(call, request.to_json()))?)
    }

    /// Changes what is set on a device that `holder` has. It is undone with the lease.
    ///
    /// # Errors
    ///
    /// As for [`Sriov::prepare`]; when the holder does not have the device.
    pub fn apply(&self, device: PciAddress, holder: &str, settings: &Settings) -> Result<PreparedDevice> {
        // Settings are numbers, text and lists, which can always be written.
        let settings = serde_json::to_string(settings).unwrap_or_default();
        let apply = |call: &Call| self.devices.apply(call, device.to_string(), holder.to_owned(), settings);
        read("a prepared device", &self.call(apply)?)
    }

    /// Lets the end of a process give back what a holder has.
    ///
    /// # Errors
    ///
    /// `INVALID_ARG` when there is no such process.
    pub fn hand_over(&self, holder: &str, process: u32) -> Result<()> {
        self.call(|call| self.devices.hand_over(call, holder.to_owned(), process))
    }

    /// Gives back and restores everything that a holder has; answers which devices. Nothing is no error.
    ///
    /// # Errors
    ///
    /// `RESOURCE_BUSY` when a program still uses a device, which then stays as it is; when something cannot be restored,
    /// which [`Sriov::restore`] tries again.
    pub fn release(&self, holder: &str) -> Result<Vec<PciAddress>> {
        let released = self.call(|call| self.devices.release(call, holder.to_owned()))?;
        released.iter().map(|address| address.parse()).collect()
    }

    /// Gives back and restores one device, whoever has it; only if it is `holder` where one is named.
    ///
    /// # Errors
    ///
    /// As for [`Sriov::release`]; `OPERATION_INVALID` when it is another's or nobody's.
    pub fn release_device(&self, device: PciAddress, holder: Option<&str>) -> Result<()> {
        let holder = holder.map(str::to_owned);
        self.call(|call| self.devices.release_device(call, device.to_string(), holder))
    }

    /// Puts right what dead holders and killed processes left, on one device or all; answers what became of each.
    ///
    /// # Errors
    ///
    /// When the leases cannot be read; `OPERATION_INVALID` for a device on which nothing was left.
    pub fn restore(&self, device: Option<PciAddress>) -> Result<Vec<Restored>> {
        let device = device.map(|device| device.to_string());
        read("a list of restored devices", &self.call(|call| self.devices.restore(call, device))?)
    }

    /// What is wrong on this host, the worst first.
    ///
    /// # Errors
    ///
    /// When devices cannot be listed.
    pub fn diagnose(&self) -> Result<Vec<Finding>> {
        read("a list of findings", &self.call(|call| self.devices.diagnose(call))?)
    }
}

impl std::fmt::Debug for Sriov {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sriov").finish_non_exhaustive()
    }
}

fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::internal(ErrorDomain::NODEDEV, format!("the driver's answer is not {what}: {error}"))
    })
}
