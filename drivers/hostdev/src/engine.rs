//! The engine: devices of the host are leased, set up, handed over and restored, with or without a guest.

use std::collections::BTreeMap;

use virt_core::driver::{Error, ErrorCode, ErrorDomain, Result};
use virt_core::sriov::{Held, Holder};
use virt_util::dir::Dir;
use virt_util::file;
use virt_util::journal::{self, Fault, Journal, Listed};
use virt_util::lock::Lock;
use virt_util::owner::Owner;
use virt_util::pci::{Pci, PciAddress};
use virt_util::root::{Location, Root};
use virt_util::wait::Wait;

use crate::claim;
use crate::host::Host;
use crate::step::Step;

/// Hands devices of the host over, and takes them back.
///
/// Its state is in journals, one a lease and one more for each change of it, so any number of processes share it and none
/// is needed to keep it. All of a host's devices belong to the one state below `/run/virt/hostdev`.
///
/// ```no_run
/// use virt_core::sriov::{Request, Selection, Settings, Wish};
/// use virt_driver_hostdev::Engine;
/// use virt_util::wait::Wait;
///
/// let engine = Engine::host()?;
/// let mut request = Request::new("web");
/// let settings = Settings { mac: Some("00:11:22:33:44:55".parse()?), ..Settings::default() };
/// request.devices.push(Wish::new(Selection::Any { of: "eth0".into() }).with(settings).bound_to("vfio-pci"));
/// let prepared = engine.prepare(&request, Wait::FOREVER)?;
/// println!("{} is ready", prepared.devices[0].address);
/// engine.release("web", Wait::FOREVER)?;
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Engine {
    pub(crate) root: Root,
    pub(crate) pci: Pci,
    /// Held by whoever is at work on a device.
    devices: Dir,
    /// Why devices could not be restored.
    failures: Dir,
    fault: Option<Fault>,
}

/// The journals of one device: its lease, then the changes made since, in their order.
pub(crate) type Journals = BTreeMap<u32, Result<Listed<Step>>>;

impl Engine {
    /// This machine's devices, in the system's directories; for a user who is not root, in the user's.
    ///
    /// # Errors
    ///
    /// When the directories cannot be made.
    pub fn host() -> Result<Self> {
        let root = nix::unistd::geteuid().is_root();
        Self::open(&if root { Location::System } else { Location::Session }, Pci::host())
    }

    /// Devices of a sysfs tree, with the state at a location. Who uses another location does not see these leases.
    ///
    /// # Errors
    ///
    /// As for [`Engine::host`].
    pub fn open(location: &Location, pci: Pci) -> Result<Self> {
        let root = Root::open(location, "hostdev")?;
        let devices = root.run().subdir("devices")?;
        let failures = root.run().subdir("failures")?;
        Ok(Self { root, pci, devices, failures, fault: None })
    }

    /// Fails where told, for tests: every journal that is begun or undone meets this fault.
    #[must_use]
    pub fn failing(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    pub(crate) fn context(&self, wait: Wait<'_>) -> Host {
        Host::new(self.pci.clone(), wait.deadline())
    }

    /// Keeps everybody else from working on a device.
    pub(crate) fn lock(&self, device: PciAddress, purpose: &str, wait: Wait<'_>) -> Result<Lock> {
        self.lock_named(&device.to_string(), purpose, wait)
    }

    pub(crate) fn lock_named(&self, name: &str, purpose: &str, wait: Wait<'_>) -> Result<Lock> {
        Lock::acquire(&self.devices, &format!("{name}.lock"), purpose, wait)
    }

    /// The journals of every device that has some.
    pub(crate) fn journals(&self) -> Result<BTreeMap<PciAddress, Journals>> {
        let mut found: BTreeMap<PciAddress, Journals> = BTreeMap::new();
        for (name, listed) in journal::list::<Step>(&self.root)? {
            if name.starts_with(claim::PREFIX) {
                continue;
            }
            match parse_name(&name) {
                Some((device, number)) => drop(found.entry(device).or_default().insert(number, listed)),
                None => log::warn!("a journal of an unknown kind is left alone: '{name}'"),
            }
        }
        Ok(found)
    }

    /// The journals of one device.
    pub(crate) fn journals_of(&self, device: PciAddress) -> Result<Journals> {
        let number =
            |name: &str| parse_name(name).filter(|(other, _)| *other == device).map(|(_, number)| number);
        let listed = journal::list_named::<Step>(&self.root, |name| number(name).is_some())?;
        Ok(listed.into_iter().filter_map(|(name, listed)| Some((number(&name)?, listed))).collect())
    }

    /// Begins a journal of a device.
    pub(crate) fn begin(
        &self,
        device: PciAddress,
        number: u32,
        purpose: &str,
        wait: Wait<'_>,
    ) -> Result<Journal<Step>> {
        self.begin_named(&name(device, number), purpose, wait)
    }

    pub(crate) fn begin_named(&self, name: &str, purpose: &str, wait: Wait<'_>) -> Result<Journal<Step>> {
        let journal = Journal::begin(&self.root, name, purpose)?;
        let mut journal = journal.until(wait.deadline());
        self.fault.into_iter().for_each(|fault| journal.fail(fault));
        Ok(journal)
    }

    /// Opens a journal of a device.
    pub(crate) fn reopen(&self, device: PciAddress, number: u32) -> Result<Option<Journal<Step>>> {
        self.reopen_named(&name(device, number))
    }

    pub(crate) fn reopen_named(&self, name: &str) -> Result<Option<Journal<Step>>> {
        let mut journal = Journal::open(&self.root, name)?;
        if let Some(journal) = &mut journal {
            self.fault.into_iter().for_each(|fault| journal.fail(fault));
        }
        Ok(journal)
    }

    /// Notes why a device could not be restored, or that it was.
    pub(crate) fn note(&self, device: PciAddress, failure: Option<&Error>) {
        let name = device.to_string();
        let noted = match failure {
            Some(error) => file::write(&self.failures, &name, 0o600, error.message().as_bytes()).map(drop),
            None => self.failures.remove_file(&name),
        };
        noted.unwrap_or_else(|error| log::warn!("{error}"));
    }

    /// Who has a device, by its journals.
    pub(crate) fn held(&self, device: PciAddress, journals: &Journals) -> Option<Held> {
        let readable = || journals.values().filter_map(|listed| listed.as_ref().ok());
        if journals.is_empty() {
            return None;
        }
        let lease = readable().flat_map(|listed| &listed.steps).find_map(|step| match step {
            Step::Lease { holder, .. } => Some(holder.clone()),
            _ => None,
        });
        let purpose = || readable().map(|listed| listed.purpose.clone()).next().unwrap_or_default();
        let owner = readable().next().and_then(|listed| listed.owner);
        let unreadable = journals.values().find_map(|listed| listed.as_ref().err());
        let noted = file::read_if_present(&self.failures, &device.to_string(), 4096).ok().flatten();
        let failure = noted.map(|text| String::from_utf8_lossy(&text).into_owned());
        Some(Held {
            holder: lease.unwrap_or_else(|| Holder { name: purpose(), ..Holder::default() }),
            alive: owner.is_some_and(|owner| owner.is_alive()),
            changes: readable()
                .flat_map(|listed| &listed.steps)
                .filter(|step| !matches!(step, Step::Lease { .. }))
                .map(journal::Step::describe)
                .collect(),
            failure: failure.or_else(|| unreadable.map(ToString::to_string)),
        })
    }
}

/// Who keeps the devices of a holder: its process, or the first of the machine, which lives as long as the boot does.
pub(crate) fn owner(holder: &Holder) -> Result<Owner> {
    let process = holder.process.unwrap_or(1);
    Owner::of(process)?.ok_or_else(|| {
        let sentence = format!("there is no process {process} that could hold devices for {}", holder.name);
        Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NODEDEV, sentence)
    })
}

/// `0000:01:10.2` for the lease, `0000:01:10.2+1` for the first change after it.
fn name(device: PciAddress, number: u32) -> String {
    if number == 0 { device.to_string() } else { format!("{device}+{number}") }
}

fn parse_name(name: &str) -> Option<(PciAddress, u32)> {
    match name.split_once('+') {
        Some((device, number)) => Some((device.parse().ok()?, number.parse().ok()?)),
        None => Some((name.parse().ok()?, 0)),
    }
}

/// Somebody else has the device.
pub(crate) fn taken(device: PciAddress, held: &Held) -> Error {
    if let Some(failure) = &held.failure {
        let sentence =
            format!("PCI device {device} could not be restored after {} had it: {failure}", held.holder.name);
        return Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence)
            .hint(format!("put right what it says, then: virtsh sriov restore {device}"));
    }
    let sentence = match &held.holder.driver {
        // libvirt's sentence.
        Some(driver) => {
            format!("PCI device {device} is in use by driver {driver}, domain {}", held.holder.name)
        }
        None => format!("PCI device {device} is in use by {}", held.holder.name),
    };
    Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_journals_lead_back() {
        let device: PciAddress = "0000:01:10.2".parse().unwrap();
        for number in [0, 1, 12] {
            assert_eq!(parse_name(&name(device, number)), Some((device, number)));
        }
        for odd in ["web", "0000:01:10.2+", "0000:01:10.2+x", "+1"] {
            assert_eq!(parse_name(odd), None, "{odd}");
        }
    }
}
