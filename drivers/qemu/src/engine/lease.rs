//! Devices of the host that a guest has: asked of the driver that keeps them, and given back to it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use virt_core::driver::{CallScope, Host, HostDevices};
use virt_core::sriov::{Claim, Plan, Prepared, Request, Selection};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::step::{Ownership, Step, give};

/// The role of the driver that keeps them, and where it is asked: there is one state for all of a host's devices.
const ROLE: &str = "hostdev";
const URI: &str = "hostdev:///";

/// What a guest has of the host's devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Lease {
    /// What was asked for; the holder's id is the guest's.
    pub(crate) request: Request,
    /// What that comes to, for people.
    pub(crate) steps: Vec<String>,
    /// Whose the files become by which the emulator uses them, if not ours.
    pub(crate) owner: Option<Ownership>,
    /// The files of devices that are there before they are leased.
    pub(crate) files: Vec<PathBuf>,
    /// Whether it is all that the guest has: then all goes back, whatever came to it since.
    pub(crate) whole: bool,
}

/// Calls the driver that keeps the host's devices, for as long as `wait` allows.
fn ask<T>(
    host: &Host,
    wait: Wait<'_>,
    work: impl FnOnce(&virt_core::driver::Call, &dyn HostDevices) -> Result<T>,
) -> Result<T> {
    let scope = match wait.deadline() {
        Some(at) => CallScope::new().within(at.saturating_duration_since(std::time::Instant::now())),
        None => CallScope::new(),
    };
    scope.run(|call| {
        let slots = host.role(call, ROLE.to_owned(), URI.to_owned())?;
        let devices = slots.host_devices.ok_or_else(|| {
            let sentence = "the driver of this host's devices hands none over";
            Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, sentence)
        })?;
        work(call, devices.as_ref())
    })
}

/// What taking these devices would do; refused where it cannot be done.
pub(crate) fn foresee(host: &Host, request: &Request, wait: Wait<'_>) -> Result<Plan> {
    ask(host, wait, |call, devices| Plan::from_json(&devices.plan(call, request.to_json())?))
}

/// Lets the end of a guest's process give back what the guest has.
pub(crate) fn hand_over(host: &Host, holder: &str, process: u32, wait: Wait<'_>) -> Result<()> {
    ask(host, wait, |call, devices| devices.hand_over(call, holder.to_owned(), process))
}

/// Gives back everything that a guest has. What cannot be given back is the other driver's to remember, which tells why
/// and tries again: the guest is over all the same.
pub(crate) fn release(host: &Host, holder: &str) {
    let released = ask(host, Wait::FOREVER, |call, devices| devices.release(call, holder.to_owned()));
    match released {
        Ok(devices) if devices.is_empty() => {}
        Ok(devices) => log::debug!("{} given back", devices.join(", ")),
        Err(error) => log::error!("a device of the host is not given back: {error:#}"),
    }
}

impl Lease {
    /// Leases the devices, has them set up, and lets the emulator open them.
    pub(super) fn take(&self, host: &Host, wait: Wait<'_>) -> Result<Prepared> {
        let mut request = self.request.clone();
        // Until the guest's own process has them: should this one die, they go back.
        request.holder.process = Some(std::process::id());
        let prepared =
            ask(host, wait, |call, devices| Prepared::from_json(&devices.prepare(call, request.to_json())?))?;
        for node in nodes(&prepared) {
            give(&node, self.owner)?;
        }
        Ok(prepared)
    }

    /// Gives them back.
    pub(super) fn give_back(&self, host: &Host) {
        let holder = self.holder();
        if self.whole {
            return release(host, &holder);
        }
        for device in self.names() {
            let released = ask(host, Wait::FOREVER, |call, devices| {
                devices.release_device(call, device.clone(), Some(holder.clone()))
            });
            released.unwrap_or_else(|error| log::error!("{device} is not given back: {error:#}"));
        }
    }

    /// Who has them: the guest's UUID.
    pub(crate) fn holder(&self) -> String {
        let holder = &self.request.holder;
        holder.id.map_or_else(|| holder.name.clone(), |id| id.to_string())
    }

    /// The steps that give files of devices to the emulator's user, as images are given.
    pub(crate) fn files_to_own(&self) -> Vec<Step> {
        let Some(owner) = self.owner else { return Vec::new() };
        let owned = self.files.iter().filter_map(|path| {
            let stat = std::fs::metadata(path).ok()?;
            let before = (stat.uid(), stat.gid());
            (before != owner).then(|| Step::Own { path: path.clone(), owner, before })
        });
        owned.collect()
    }

    /// What it does, for people.
    pub(super) fn describe(&self) -> String {
        format!("lease of the host's devices {}", self.names().join(", "))
    }

    /// The names of its devices, as the other driver has them.
    pub(super) fn names(&self) -> Vec<String> {
        let functions = self.request.devices.iter().filter_map(|wish| match &wish.select {
            Selection::Address(address) => Some(address.to_string()),
            _ => None,
        });
        let others = self.request.claims.iter().filter_map(|claim| match claim {
            Claim::Usb { device, .. } => device.address.map(|(bus, number)| format!("{bus:03}:{number:03}")),
            Claim::Scsi { adapter, bus, target, unit, .. } => {
                Some(format!("{}:{bus}:{target}:{unit}", adapter.trim_start_matches("scsi_host")))
            }
            Claim::ScsiHost { wwpn } => Some(wwpn.clone()),
            Claim::Mdev { uuid } => Some(uuid.to_string()),
        });
        functions.chain(others).collect()
    }
}

/// The files of vfio's by which an emulator uses these devices. Others are there before, and are given as images are.
fn nodes(prepared: &Prepared) -> Vec<PathBuf> {
    let groups = prepared.devices.iter().filter_map(|device| {
        let vfio = device.driver.as_deref().is_some_and(|driver| driver.contains("vfio"));
        device.iommu_group.filter(|_| vfio)
    });
    let functions = groups.map(|group| PathBuf::from(format!("/dev/vfio/{group}")));
    let mediated = prepared.claimed.iter().flatten().filter_map(|claimed| claimed.node.as_deref());
    let mediated = mediated.filter(|node| node.starts_with("/dev/vfio/")).map(PathBuf::from);
    functions.chain(mediated).filter(|node: &PathBuf| Path::new(node).exists()).collect()
}
