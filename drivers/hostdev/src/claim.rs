//! Devices of other kinds than PCI: nothing is done to them, but whoever has one has it alone.

use std::collections::BTreeMap;

use virt_core::driver::{Error, ErrorCode, ErrorDomain, Result};
use virt_core::sriov::{Claim, Claimed, Holder, Request};
use virt_util::journal::{self, Journal, Listed};
use virt_util::lock::Lock;
use virt_util::owner::Owner;
use virt_util::usb::Usb;
use virt_util::wait::Wait;

use crate::engine::Engine;
use crate::step::Step;

/// What the names of their journals begin with.
pub(crate) const PREFIX: &str = "claim-";

/// What separates the holder of a shared device from its name.
const SHARED: char = '@';

/// A device that was found, and how it may be had.
struct Found {
    claimed: Claimed,
    /// What its kind is called in sentences.
    kind: &'static str,
    /// Names it among all devices, in names of files.
    key: String,
    shared: bool,
}

impl Found {
    fn new(kind: &'static str, prefix: &str, name: String, node: Option<String>) -> Self {
        let key = format!("{PREFIX}{prefix}-{name}");
        Self { claimed: Claimed { name, node, usb: None }, kind, key, shared: false }
    }

    /// Somebody else has it.
    fn taken(&self, holder: &Holder) -> Error {
        let Self { kind, claimed: Claimed { name, .. }, .. } = self;
        // libvirt's sentences.
        let sentence = match &holder.driver {
            Some(driver) => format!("{kind} {name} is in use by driver {driver}, domain {}", holder.name),
            None => format!("{kind} {name} is in use by {}", holder.name),
        };
        Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence)
    }
}

impl Engine {
    /// Finds the devices of a request, and sees that nobody has them. Changes nothing.
    pub(crate) fn foresee_claims(&self, request: &Request) -> Result<Vec<Option<Claimed>>> {
        let mut claimed = Vec::new();
        for claim in &request.claims {
            let Some(found) = self.find(claim)? else {
                claimed.push(None);
                continue;
            };
            self.check_unclaimed(&found, &request.holder)?;
            claimed.push(Some(found.claimed));
        }
        Ok(claimed)
    }

    /// Takes the devices of a request, all or none.
    pub(crate) fn claim(
        &self,
        request: &Request,
        keeper: Owner,
        wait: Wait<'_>,
    ) -> Result<Vec<Option<Claimed>>> {
        let mut ready: Vec<Journal<Step>> = Vec::new();
        let mut claimed = Vec::new();
        for claim in &request.claims {
            let taken = self.find(claim).and_then(|found| {
                let Some(found) = found else { return Ok(None) };
                ready.push(self.take_claim(&found, request, wait)?);
                Ok(Some(found.claimed))
            });
            match taken {
                Ok(taken) => claimed.push(taken),
                Err(error) => {
                    self.forget(ready);
                    return Err(error);
                }
            }
        }
        ready.into_iter().try_for_each(|journal| journal.hand_over(keeper))?;
        Ok(claimed)
    }

    fn take_claim(&self, found: &Found, request: &Request, wait: Wait<'_>) -> Result<Journal<Step>> {
        let purpose = format!("claiming {} {} for {}", found.kind, found.claimed.name, request.holder.name);
        let _lock = self.lock_claim(&found.key, &purpose, wait)?;
        self.check_unclaimed(found, &request.holder)?;
        let name = if found.shared {
            format!("{}{SHARED}{}", found.key, request.holder.id.unwrap_or_default())
        } else {
            found.key.clone()
        };
        let mut journal = self.begin_named(&name, &purpose, wait)?;
        let step = Step::Claim {
            kind: found.kind.to_owned(),
            name: found.claimed.name.clone(),
            holder: request.holder.clone(),
            shared: found.shared,
        };
        journal.carry_out(step, &mut self.context(wait))?;
        Ok(journal)
    }

    /// Gives back what was taken for a request that cannot be fulfilled.
    fn forget(&self, ready: Vec<Journal<Step>>) {
        let mut host = self.context(Wait::FOREVER);
        for journal in ready {
            journal.undo(&mut host).unwrap_or_else(|error| log::error!("{error}"));
        }
    }

    /// Refuses a device that somebody has. Who has died has it no more.
    fn check_unclaimed(&self, found: &Found, holder: &Holder) -> Result<()> {
        for (name, listed) in self.claims()? {
            let same =
                name == found.key || name.strip_prefix(&found.key).is_some_and(|it| it.starts_with(SHARED));
            if !same {
                continue;
            }
            let listed = listed?;
            let Some((other, shared)) = claimed_by(&listed) else { continue };
            if listed.owner.is_none_or(|owner| !owner.is_alive()) {
                self.undo_claim(&name);
                continue;
            }
            if found.shared && shared && !other.is_same(holder) {
                continue;
            }
            if found.kind == SCSI && found.shared != shared {
                // libvirt's sentence.
                let sentence = format!(
                    "SCSI device {} is already in use by other domain(s) as '{}'",
                    found.claimed.name,
                    if shared { "shareable" } else { "non-shareable" }
                );
                return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence));
            }
            return Err(found.taken(other));
        }
        Ok(())
    }

    /// Every claim by the name of its journal.
    fn claims(&self) -> Result<BTreeMap<String, Result<Listed<Step>>>> {
        let listed = journal::list::<Step>(&self.root)?;
        Ok(listed.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect())
    }

    fn claims_of(&self, holder: &str) -> Result<Vec<String>> {
        let claims = self.claims()?.into_iter().filter_map(|(name, listed)| Some((name, listed.ok()?)));
        let own = |listed: &Listed<Step>| claimed_by(listed).is_some_and(|(other, _)| other.is(holder));
        Ok(claims.filter(|(_, listed)| own(listed)).map(|(name, _)| name).collect())
    }

    /// Gives back everything of this kind that a holder has; answers what.
    pub(crate) fn release_claims(&self, holder: &str) -> Result<Vec<String>> {
        let names = self.claims_of(holder)?;
        for name in &names {
            self.undo_claim(name);
        }
        Ok(names.iter().filter_map(|name| Some(name.strip_prefix(PREFIX)?.to_owned())).collect())
    }

    /// Gives one of them back: the device of this name, `001:004`.
    pub(crate) fn release_claim(&self, device: &str, holder: Option<&str>) -> Result<()> {
        let wanted = |listed: &Listed<Step>| {
            listed.steps.iter().any(|step| {
                matches!(step, Step::Claim { name, holder: other, .. }
                    if name == device && holder.is_none_or(|holder| other.is(holder)))
            })
        };
        let claims = self.claims()?.into_iter().filter_map(|(name, listed)| Some((name, listed.ok()?)));
        let found: Vec<String> = claims.filter(|(_, listed)| wanted(listed)).map(|(name, _)| name).collect();
        if found.is_empty() {
            let sentence = format!("device {device} is not leased");
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence));
        }
        for name in &found {
            self.undo_claim(name);
        }
        Ok(())
    }

    /// Lets the end of a process give back what a holder has of these.
    pub(crate) fn hand_over_claims(&self, holder: &str, keeper: Owner) -> Result<()> {
        for name in self.claims_of(holder)? {
            if let Some(journal) = self.reopen_named(&name)? {
                journal.hand_over(keeper)?;
            }
        }
        Ok(())
    }

    /// Forgets what dead holders had.
    pub(crate) fn recover_claims(&self) -> Result<()> {
        for (name, listed) in self.claims()? {
            if listed.is_ok_and(|listed| listed.owner.is_none_or(|owner| !owner.is_alive())) {
                self.undo_claim(&name);
            }
        }
        Ok(())
    }

    fn undo_claim(&self, name: &str) {
        let undone = self.reopen_named(name).and_then(|journal| match journal {
            Some(journal) => journal.undo(&mut self.context(Wait::FOREVER)),
            None => Ok(()),
        });
        // Whoever is at work on it sees to it.
        undone.unwrap_or_else(|error| log::debug!("{name}: {error}"));
    }

    fn lock_claim(&self, key: &str, purpose: &str, wait: Wait<'_>) -> Result<Lock> {
        self.lock_named(key, purpose, wait)
    }

    /// The device that is meant; nothing for an optional one that is not there.
    fn find(&self, claim: &Claim) -> Result<Option<Found>> {
        match claim {
            Claim::Usb { device, optional } => {
                match Usb::at(self.pci.sysfs().clone()).find(device) {
                    Ok(found) => {
                        let name = format!("{:03}:{:03}", found.bus, found.device);
                        let node = format!("/dev/bus/usb/{:03}/{:03}", found.bus, found.device);
                        let mut it = Found::new("USB device", "usb", name, Some(node));
                        it.claimed.usb = Some(found);
                        Ok(Some(it))
                    }
                    // Several are an error all the same.
                    Err(error) if *optional && error.code() == ErrorCode::INTERNAL_ERROR => Ok(None),
                    Err(error) => Err(error),
                }
            }
            Claim::Scsi { adapter, bus, target, unit, shared } => {
                let host = adapter.trim_start_matches("scsi_host");
                let host: u32 = host.parse().map_err(|_| {
                    // libvirt's sentence.
                    let sentence = format!("Cannot parse adapter '{adapter}'");
                    Error::internal(ErrorDomain::NODEDEV, sentence)
                })?;
                let name = format!("{host}:{bus}:{target}:{unit}");
                let place = format!("bus/scsi/devices/{name}");
                if !self.pci.sysfs().exists(&place) {
                    let sentence = format!("no SCSI device at {name}");
                    return Err(Error::new(ErrorCode::NO_NODE_DEVICE, ErrorDomain::NODEDEV, sentence)
                        .hint("host:bus:target:unit, as /sys/bus/scsi/devices lists them"));
                }
                let generic = self.pci.sysfs().names(format!("{place}/scsi_generic"))?;
                let node = generic.first().map(|name| format!("/dev/{name}"));
                let mut it = Found::new(SCSI, "scsi", name, node);
                it.shared = *shared;
                Ok(Some(it))
            }
            Claim::ScsiHost { wwpn } => {
                if !wwpn.chars().all(|it| it.is_ascii_alphanumeric() || it == '.') {
                    let sentence = format!("'{wwpn}' is no world wide port name");
                    return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NODEDEV, sentence));
                }
                let node = Some("/dev/vhost-scsi".to_owned());
                Ok(Some(Found::new("SCSI_host device", "wwpn", wwpn.clone(), node)))
            }
            Claim::Mdev { uuid } => {
                let place = format!("bus/mdev/devices/{uuid}");
                if !self.pci.sysfs().exists(&place) {
                    // libvirt's sentence.
                    let sentence = format!("mediated device '{uuid}' not found");
                    return Err(Error::new(ErrorCode::DEVICE_MISSING, ErrorDomain::NODEDEV, sentence));
                }
                let group = self.pci.sysfs().link_name(format!("{place}/iommu_group"))?;
                let node = group.map(|group| format!("/dev/vfio/{group}"));
                Ok(Some(Found::new("mediated device", "mdev", uuid.to_string(), node)))
            }
        }
    }
}

const SCSI: &str = "SCSI device";

/// Who has the device of a claim, and whether others may have it too.
fn claimed_by(listed: &Listed<Step>) -> Option<(&Holder, bool)> {
    listed.steps.iter().find_map(|step| match step {
        Step::Claim { holder, shared, .. } => Some((holder, *shared)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use virt_core::sriov::UsbSelector;
    use virt_util::pci::Pci;
    use virt_util::root::Location;
    use virt_util::sysfs::Sysfs;

    use super::*;

    /// A host with two keyboards that look the same, a stick, a SCSI unit and a mediated device.
    fn host() -> (tempfile::TempDir, Engine) {
        let scratch = tempfile::tempdir().unwrap();
        let sysfs = scratch.path().join("sys");
        for (port, device, kind) in
            [("1-1", "2", ("0627", "0001")), ("1-2", "3", ("0627", "0001")), ("1-3", "4", ("46f4", "0001"))]
        {
            let place = sysfs.join("bus/usb/devices").join(port);
            std::fs::create_dir_all(&place).unwrap();
            let attributes =
                [("busnum", "1"), ("devnum", device), ("idVendor", kind.0), ("idProduct", kind.1)];
            for (name, text) in attributes {
                std::fs::write(place.join(name), text).unwrap();
            }
        }
        std::fs::create_dir_all(sysfs.join("bus/scsi/devices/2:0:0:3/scsi_generic/sg1")).unwrap();
        std::fs::create_dir_all(sysfs.join("bus/mdev/devices").join(Uuid::from_u128(7).to_string())).unwrap();
        let engine =
            Engine::open(&Location::Below(scratch.path().join("state")), Pci::at(Sysfs::at(sysfs))).unwrap();
        (scratch, engine)
    }

    fn request(name: &str, claim: Claim) -> Request {
        let mut request = Request::new(name);
        request.holder.driver = Some("QEMU".into());
        request.holder.id = Some(Uuid::new_v4());
        request.claims.push(claim);
        request
    }

    fn usb(product: Option<(u16, u16)>, address: Option<(u32, u32)>) -> Claim {
        Claim::Usb { device: UsbSelector { product, address }, optional: false }
    }

    #[test]
    fn each_is_one_holders() {
        let (_scratch, engine) = host();
        for (claim, name, sentence) in [
            (
                usb(Some((0x46f4, 1)), None),
                "001:004",
                "USB device 001:004 is in use by driver QEMU, domain web",
            ),
            (
                Claim::Mdev { uuid: Uuid::from_u128(7) },
                "00000000-0000-0000-0000-000000000007",
                "mediated device 00000000-0000-0000-0000-000000000007 is in use by driver QEMU, domain web",
            ),
            (
                Claim::ScsiHost { wwpn: "naa.5123456789abcde0".into() },
                "naa.5123456789abcde0",
                "SCSI_host device naa.5123456789abcde0 is in use by driver QEMU, domain web",
            ),
            (
                Claim::Scsi { adapter: "scsi_host2".into(), bus: 0, target: 0, unit: 3, shared: false },
                "2:0:0:3",
                "SCSI device 2:0:0:3 is in use by driver QEMU, domain web",
            ),
        ] {
            let web = request("web", claim.clone());
            let prepared = engine.prepare(&web, Wait::FOREVER).unwrap();
            assert_eq!(prepared.claimed[0].as_ref().unwrap().name, name);
            let other = request("db", claim);
            for error in [
                engine.prepare(&other, Wait::FOREVER).unwrap_err(),
                engine.plan(&other, Wait::FOREVER).unwrap_err(),
            ] {
                assert_eq!(error.to_string(), format!("Requested operation is not valid: {sentence}"));
            }
            // Another guest of the same name is another.
            engine.release(&Uuid::new_v4().to_string(), Wait::FOREVER).unwrap();
            engine.prepare(&other, Wait::FOREVER).unwrap_err();
            engine.release(&web.holder.id.unwrap().to_string(), Wait::FOREVER).unwrap();
            engine.prepare(&other, Wait::FOREVER).unwrap();
            engine.release_claim(name, Some("db")).unwrap();
            engine.release_claim(name, Some("db")).unwrap_err();
        }
    }

    #[test]
    fn units_are_shared_by_those_who_all_say_so() {
        let (_scratch, engine) = host();
        let unit = |shared| Claim::Scsi { adapter: "2".into(), bus: 0, target: 0, unit: 3, shared };
        for name in ["one", "two"] {
            let prepared = engine.prepare(&request(name, unit(true)), Wait::FOREVER).unwrap();
            assert_eq!(prepared.claimed[0].as_ref().unwrap().node.as_deref(), Some("/dev/sg1"));
        }
        let error = engine.prepare(&request("three", unit(false)), Wait::FOREVER).unwrap_err();
        assert!(
            error.to_string().ends_with("is already in use by other domain(s) as 'shareable'"),
            "{error}"
        );
        let away = Claim::Scsi { adapter: "2".into(), bus: 0, target: 0, unit: 9, shared: false };
        let error = engine.prepare(&request("three", away), Wait::FOREVER).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NO_NODE_DEVICE);
    }

    #[test]
    fn an_ambiguous_device_is_no_choice_and_a_missing_one_may_be_optional() {
        let (_scratch, engine) = host();
        let mut two = request("web", usb(Some((0x46f4, 1)), None));
        two.claims.push(usb(Some((0x0627, 1)), None));
        let error = engine.prepare(&two, Wait::FOREVER).unwrap_err();
        assert!(error.to_string().contains("Multiple USB devices for 627:1"), "{error}");
        // The first of the two was given back.
        two.claims[1] = usb(Some((0x0627, 1)), Some((1, 3)));
        let prepared = engine.prepare(&two, Wait::FOREVER).unwrap();
        let nodes: Vec<_> = prepared.claimed.iter().flatten().filter_map(|it| it.node.as_deref()).collect();
        assert_eq!(nodes, ["/dev/bus/usb/001/004", "/dev/bus/usb/001/003"]);
        let optional =
            |optional| Claim::Usb { device: UsbSelector { product: Some((1, 2)), address: None }, optional };
        let error = engine.prepare(&request("db", optional(false)), Wait::FOREVER).unwrap_err();
        assert!(error.to_string().contains("Did not find USB device 0001:0002"), "{error}");
        assert_eq!(engine.prepare(&request("db", optional(true)), Wait::FOREVER).unwrap().claimed, [None]);
    }

    #[test]
    fn the_death_of_its_holder_frees_a_device() {
        let (_scratch, engine) = host();
        let mut holder = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut bound = request("web", usb(Some((0x46f4, 1)), None));
        bound.holder.process = Some(holder.id());
        engine.prepare(&bound, Wait::FOREVER).unwrap();
        let other = request("db", usb(Some((0x46f4, 1)), None));
        engine.prepare(&other, Wait::FOREVER).unwrap_err();
        holder.kill().and_then(|()| holder.wait()).unwrap();
        engine.prepare(&other, Wait::FOREVER).unwrap();
    }
}
