//! Giving devices back: by who has them, and after the death of who had them.

use std::time::{Duration, Instant};

use virt_core::driver::{Error, ErrorCode, ErrorDomain, Result};
use virt_core::sriov::Restored;
use virt_util::owner::Owner;
use virt_util::pci::PciAddress;
use virt_util::wait::Wait;

use crate::engine::{Engine, Journals};
use crate::turn::Turns;

/// How long a program may take to let go of a device that its holder gives back.
const LETTING_GO: Duration = Duration::from_secs(5);

impl Engine {
    /// Gives back everything that a holder has; answers which devices those were. Nothing is no error.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RESOURCE_BUSY`] when a program still uses a device, which then stays as it is. When something cannot be
    /// restored, which is tried again by [`Engine::recover`]; the other devices are given back all the same.
    pub fn release(&self, holder: &str, wait: Wait<'_>) -> Result<Vec<PciAddress>> {
        let (mut released, mut first) = (Vec::new(), None);
        for (device, journals) in self.journals()? {
            if self.held(device, &journals).is_none_or(|held| !held.holder.is(holder)) {
                continue;
            }
            match self.release_device(device, Some(holder), wait) {
                Ok(()) => released.push(device),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        self.release_claims(holder)?;
        // One that died before it had written down for whom left what names no holder.
        self.recover_quietly();
        first.map_or(Ok(released), Err)
    }

    /// Gives one device back, if `holder` has it; whoever has it where no holder is named.
    ///
    /// # Errors
    ///
    /// As for [`Engine::release`]; [`ErrorCode::OPERATION_INVALID`] when it is another's or nobody's.
    pub fn release_device(&self, device: PciAddress, holder: Option<&str>, wait: Wait<'_>) -> Result<()> {
        let _lock = self.lock(device, "giving it back", wait)?;
        let journals = self.journals_of(device)?;
        let Some(held) = self.held(device, &journals) else {
            let sentence = format!("PCI device {device} is not leased");
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence));
        };
        if holder.is_some_and(|holder| !held.holder.is(holder)) {
            return Err(crate::engine::taken(device, &held));
        }
        let soon = Instant::now() + LETTING_GO;
        let until = wait.deadline().map_or(soon, |deadline| deadline.min(soon));
        self.wait_for_users(device, Wait::until(until))?;
        // From here on it is given back, by whoever is left to do it.
        for number in journals.keys() {
            if let Some(mut journal) = self.reopen(device, *number)? {
                journal.take_over()?;
            }
        }
        self.undo(device, &journals, |_| true)
    }

    /// Hands everything that a holder has to a process: its end gives the devices back.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::INVALID_ARG`] when there is no such process.
    pub fn hand_over(&self, holder: &str, process: u32, wait: Wait<'_>) -> Result<()> {
        let keeper = Owner::of(process)?.ok_or_else(|| {
            let sentence = format!("there is no process {process} that could hold devices for {holder}");
            Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NODEDEV, sentence)
        })?;
        for (device, journals) in self.journals()? {
            if self.held(device, &journals).is_none_or(|held| !held.holder.is(holder)) {
                continue;
            }
            let _lock = self.lock(device, "handing it over", wait)?;
            for number in self.journals_of(device)?.into_keys() {
                if let Some(journal) = self.reopen(device, number)? {
                    journal.hand_over(keeper)?;
                }
            }
        }
        self.hand_over_claims(holder, keeper)
    }

    /// Puts right what dead holders and killed processes left; answers what became of each.
    ///
    /// # Errors
    ///
    /// When the journals cannot be listed.
    pub fn recover(&self) -> Result<Vec<Restored>> {
        self.recover_claims()?;
        self.recover_those(|_, _| true)
    }

    /// As [`Engine::recover`], for one device.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OPERATION_INVALID`] when there is nothing to put right.
    pub fn restore(&self, device: PciAddress) -> Result<Restored> {
        let mut restored = self.recover_those(|other, _| other == device)?;
        restored.pop().ok_or_else(|| {
            let sentence = format!("there is nothing to restore on PCI device {device}");
            Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence)
                .hint("a device whose holder lives is given back with virtsh sriov release")
        })
    }

    /// As [`Engine::recover`], without trying again what was tried in vain: that is for people to put right first.
    pub(crate) fn recover_quietly(&self) {
        match self.recover_those(|_, failed| !failed) {
            Ok(restored) => {
                for it in restored {
                    match it.failure {
                        None => log::info!("{} is restored after the end of {}", it.address, it.holder),
                        Some(failure) => log::error!("{} is not restored: {failure}", it.address),
                    }
                }
            }
            Err(error) => log::error!("{error}"),
        }
    }

    fn recover_those(&self, wanted: impl Fn(PciAddress, bool) -> bool) -> Result<Vec<Restored>> {
        let mut restored = Vec::new();
        for (device, journals) in self.journals()? {
            let Some(held) = self.held(device, &journals) else { continue };
            if !journals.values().any(is_abandoned) || !wanted(device, held.failure.is_some()) {
                continue;
            }
            // Who is at work on it sees to it.
            let Ok(_lock) = self.lock(device, "putting right what was left", Wait::NOT) else { continue };
            let journals = self.journals_of(device)?;
            if !journals.values().any(is_abandoned) {
                continue;
            }
            let undone = self.undo(device, &journals, is_abandoned);
            let failure = undone.err().map(|error| error.to_string());
            restored.push(Restored { address: device, holder: held.holder.name, failure });
        }
        Ok(restored)
    }

    /// Undoes the journals of a device, the last first, up to one that is not to be undone.
    fn undo(
        &self,
        device: PciAddress,
        journals: &Journals,
        wanted: impl Fn(&Result<virt_util::journal::Listed<crate::step::Step>>) -> bool,
    ) -> Result<()> {
        let mut host = self.context(Wait::FOREVER);
        for (number, listed) in journals.iter().rev() {
            if !wanted(listed) {
                return Ok(());
            }
            let undone = match self.reopen(device, *number) {
                Ok(Some(journal)) => journal.undo(&mut host),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = undone {
                self.note(device, Some(&error));
                Turns::remember(&self.root, device, false);
                return Err(error);
            }
        }
        self.note(device, None);
        Ok(())
    }

    /// Nothing is undone under a program that uses the device.
    fn wait_for_users(&self, device: PciAddress, wait: Wait<'_>) -> Result<()> {
        match self.pci.device(device) {
            Ok(device) if device.is_with_vfio()? => device.wait_for_users(wait),
            _ => Ok(()),
        }
    }
}

/// Whether its owner is dead, or gave it up. One that cannot be read is tried, so that the reason is told.
fn is_abandoned(listed: &Result<virt_util::journal::Listed<crate::step::Step>>) -> bool {
    listed.as_ref().map_or(true, |listed| listed.owner.is_none_or(|owner| !owner.is_alive()))
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use virt_core::sriov::{Holder, Request, Selection, Wish};
    use virt_util::journal::{self, Changes, Journal};
    use virt_util::pci::Pci;
    use virt_util::root::Location;
    use virt_util::sysfs::Sysfs;

    use super::*;
    use crate::step::Step;

    /// A host with one function, of no driver, and nothing else.
    fn host() -> (tempfile::TempDir, Engine) {
        let scratch = tempfile::tempdir().unwrap();
        let sysfs = scratch.path().join("sys");
        std::fs::create_dir_all(sysfs.join("bus/pci/devices/0000:01:00.0")).unwrap();
        std::fs::write(sysfs.join("bus/pci/devices/0000:01:00.0/class"), "0x120000\n").unwrap();
        let engine =
            Engine::open(&Location::Below(scratch.path().join("state")), Pci::at(Sysfs::at(sysfs))).unwrap();
        (scratch, engine)
    }

    fn present() -> PciAddress {
        "0000:01:00.0".parse().unwrap()
    }

    fn request() -> Request {
        let mut request = Request::new("web");
        request.devices.push(Wish::new(Selection::Address(present())));
        request
    }

    #[test]
    fn a_lease_given_up_is_put_right_even_when_its_device_is_gone() {
        let (_scratch, engine) = host();
        let gone: PciAddress = "0000:01:10.2".parse().unwrap();
        let mut journal = engine.begin(gone, 0, "preparing it", Wait::FOREVER).unwrap();
        let holder = Holder { name: "web".into(), ..Holder::default() };
        let mut context = engine.context(Wait::FOREVER);
        journal.carry_out(Step::Lease { device: gone, holder, before: None }, &mut context).unwrap();
        drop(journal);
        let others = engine.inventory().unwrap().others;
        assert_eq!((others[0].address, others[0].held.alive), (gone, false));
        let findings = engine.diagnose().unwrap();
        assert!(findings.iter().any(|finding| finding.problem == "it is held, and is gone"));
        let restored = engine.recover().unwrap();
        assert_eq!(
            (restored[0].address, restored[0].holder.as_str(), &restored[0].failure),
            (gone, "web", &None)
        );
        assert!(engine.inventory().unwrap().others.is_empty());
        assert_eq!(engine.restore(gone).unwrap_err().code(), ErrorCode::OPERATION_INVALID);
    }

    #[test]
    fn a_device_is_leased_once_and_given_back_by_its_holder() {
        let (_scratch, engine) = host();
        engine.prepare(&request(), Wait::FOREVER).unwrap();
        let mut other = request();
        other.holder.name = "db".into();
        let error = engine.prepare(&other, Wait::FOREVER).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Requested operation is not valid: PCI device 0000:01:00.0 is in use by web"
        );
        let error = engine.release_device(present(), Some("db"), Wait::FOREVER).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Requested operation is not valid: PCI device 0000:01:00.0 is in use by web"
        );
        // It is not the first process's to lose.
        assert!(engine.recover().unwrap().is_empty());
        assert_eq!(engine.release("db", Wait::FOREVER).unwrap(), []);
        assert_eq!(engine.release("web", Wait::FOREVER).unwrap(), [present()]);
        engine.prepare(&other, Wait::FOREVER).unwrap();
        engine.release_device(present(), None, Wait::FOREVER).unwrap();
        let error = engine.release_device(present(), None, Wait::FOREVER).unwrap_err();
        assert!(error.to_string().ends_with("PCI device 0000:01:00.0 is not leased"), "{error}");
    }

    /// A step of a version to come.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Newer {
        Levitate,
    }

    impl journal::Step for Newer {
        type Context = ();

        fn carry_out(&self, (): &mut ()) -> Result<()> {
            Ok(())
        }

        fn undo(&self, (): &mut ()) -> Result<()> {
            Ok(())
        }

        fn describe(&self) -> String {
            "levitate".into()
        }

        fn changes(&self) -> Changes {
            Changes::Kernel
        }
    }

    #[test]
    fn what_cannot_be_restored_stays_listed_with_the_reason() {
        let (_scratch, engine) = host();
        let mut journal = Journal::begin(&engine.root, &present().to_string(), "preparing it").unwrap();
        journal.carry_out(Newer::Levitate, &mut ()).unwrap();
        drop(journal);
        for _ in 0..2 {
            let restored = engine.recover().unwrap();
            let failure = restored[0].failure.as_deref().unwrap();
            assert!(failure.contains("holds a step 'levitate' that is not known here"), "{failure}");
        }
        let others = engine.inventory().unwrap().others;
        assert!(others[0].held.failure.as_deref().is_some_and(|failure| failure.contains("levitate")));
        let error = engine.prepare(&request(), Wait::FOREVER).unwrap_err();
        assert!(error.to_string().contains("PCI device 0000:01:00.0 could not be restored"), "{error}");
    }

    #[test]
    fn holders_need_a_name_and_a_process_that_runs() {
        let (_scratch, engine) = host();
        let mut nameless = request();
        nameless.holder.name.clear();
        assert_eq!(engine.prepare(&nameless, Wait::FOREVER).unwrap_err().code(), ErrorCode::INVALID_ARG);
        let mut dead = request();
        dead.holder.process = Some(u32::MAX);
        assert_eq!(engine.prepare(&dead, Wait::FOREVER).unwrap_err().code(), ErrorCode::INVALID_ARG);
        assert_eq!(
            engine.hand_over("web", u32::MAX, Wait::FOREVER).unwrap_err().code(),
            ErrorCode::INVALID_ARG
        );
        let bound = {
            let mut bound = request();
            bound.devices[0].driver = Some("vfio-pci".into());
            bound
        };
        let error = engine.prepare(&bound, Wait::FOREVER).unwrap_err();
        let sentence = "unsupported configuration: host doesn't support passthrough of host PCI devices";
        assert_eq!(error.to_string(), sentence);
        assert!(engine.inventory().unwrap().others.is_empty());
    }
}
