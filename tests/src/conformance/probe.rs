//! The hand that touches the driver: it makes guests, notes what each call did, and cleans up.

use std::cell::RefCell;
use std::fmt::Debug;
use std::os::fd::{AsFd as _, AsRawFd as _};

use uuid::Uuid;
use virt_core::{
    Connection, DefineDomain, DeleteStoragePool, DeleteStorageVolume, DestroyDomain, Domain, Error,
    ErrorCode, Events, ListDomains, ListNetworks, ListStoragePools, Notice, UndefineDomain,
};

use super::host::PATIENCE;
use super::{Outcome, Subject};

/// A behaviour that cannot go on; why is noted.
#[derive(Debug)]
pub(super) struct Ended;

/// A connection on trial, during one behaviour.
pub struct Probe<'a> {
    pub(super) subject: &'a Subject,
    pub(super) connection: Connection,
    behaviour: &'static str,
    /// What every guest of this behaviour is called, but for its number.
    prefix: String,
    seen: RefCell<Vec<(&'static str, Outcome)>>,
}

impl<'a> Probe<'a> {
    pub(super) fn new(subject: &'a Subject, behaviour: &'static str) -> virt_core::Result<Self> {
        let connection = subject.open(false)?;
        let prefix = format!("conformance-{}", Uuid::new_v4().simple());
        Ok(Self { subject, connection, behaviour, prefix, seen: RefCell::default() })
    }

    /// The name of a guest of this behaviour.
    pub(super) fn name(&self, which: &str) -> String {
        format!("{}-{which}", self.prefix)
    }

    /// The XML of a guest of this behaviour.
    pub(super) fn xml(&self, which: &str, uuid: Uuid) -> String {
        self.subject.guest.named(&self.name(which), uuid)
    }

    /// A guest that is defined.
    pub(super) fn define(&self, which: &str) -> Result<Domain, Ended> {
        let xml = self.xml(which, Uuid::new_v4());
        self.did("Domains.define", self.connection.define_domain(&xml, DefineDomain::empty()))
    }

    /// The names of this behaviour's guests in a list.
    pub(super) fn list(&self, filter: ListDomains) -> Result<Vec<String>, Ended> {
        let list = self.did("Domains.list", self.connection.domains(filter))?;
        Ok(self.own(list.iter().map(|entry| entry.name.clone())))
    }

    /// Which of these names are this behaviour's, without what they have in common, in order.
    pub(super) fn own(&self, names: impl Iterator<Item = String>) -> Vec<String> {
        let mut own: Vec<_> = names
            .filter_map(|name| Some(name.strip_prefix(&self.prefix)?.strip_prefix('-')?.to_owned()))
            .collect();
        own.sort();
        own
    }

    /// Waits for the next event that `pick` takes; answers what it makes of it.
    pub(super) fn next_event<E, T>(
        &self,
        events: &mut Events<E>,
        what: &str,
        mut pick: impl FnMut(E) -> Option<T>,
    ) -> Result<T, Ended> {
        let call = "ObjectEventSource.next";
        loop {
            match self.did(call, events.next_within(PATIENCE))? {
                Some(Notice::Event(event)) => {
                    if let Some(found) = pick(event) {
                        return Ok(found);
                    }
                }
                Some(_) => {}
                None => return Err(self.wrong(call, format!("no event tells that {what}"))),
            }
        }
    }

    /// Events have a descriptor that can be waited on.
    pub(super) fn can_wait<E>(&self, events: &Events<E>) -> Result<(), Ended> {
        let descriptor = events.as_fd().as_raw_fd();
        self.holds("ObjectEventSource.descriptor", "there is one", descriptor >= 0)?;
        self.did("ObjectEventSource.descriptor", Ok(()))
    }

    fn note(&self, call: &'static str, outcome: Outcome) {
        self.seen.borrow_mut().push((call, outcome));
    }

    fn wrong(&self, call: &'static str, what: impl Into<String>) -> Ended {
        self.note(call, Outcome::Wrong(format!("{}: {}", self.behaviour, what.into())));
        Ended
    }

    /// A call that must succeed.
    pub(super) fn did<T>(&self, call: &'static str, result: virt_core::Result<T>) -> Result<T, Ended> {
        match result {
            Ok(value) => {
                self.note(call, Outcome::Works);
                Ok(value)
            }
            Err(error) if error.code() == ErrorCode::NO_SUPPORT => {
                self.note(call, Outcome::NotSupported);
                Err(Ended)
            }
            Err(error) => Err(self.wrong(call, format!("it failed: {error}"))),
        }
    }

    /// A call that must be refused with one of these codes.
    pub(super) fn refused<T: Debug>(
        &self,
        call: &'static str,
        result: virt_core::Result<T>,
        codes: &[ErrorCode],
    ) -> Result<Error, Ended> {
        match result {
            Ok(value) => Err(self.wrong(call, format!("it was not refused: {value:?}"))),
            Err(error) if codes.contains(&error.code()) => {
                self.note(call, Outcome::Works);
                Ok(error)
            }
            Err(error) if error.code() == ErrorCode::NO_SUPPORT => {
                self.note(call, Outcome::NotSupported);
                Err(Ended)
            }
            Err(error) => {
                Err(self.wrong(call, format!("refused with {:?}, not {codes:?}: {error}", error.code())))
            }
        }
    }

    /// What a call answered, or changed, must be this.
    pub(super) fn same<T: PartialEq + Debug>(
        &self,
        call: &'static str,
        what: &str,
        found: T,
        expected: T,
    ) -> Result<(), Ended> {
        if found == expected {
            return Ok(());
        }
        Err(self.wrong(call, format!("{what} is {found:?}, not {expected:?}")))
    }

    /// What must hold after a call.
    pub(super) fn holds(&self, call: &'static str, what: &str, holds: bool) -> Result<(), Ended> {
        if holds { Ok(()) } else { Err(self.wrong(call, format!("it does not hold that {what}"))) }
    }

    /// Removes what is left of this behaviour's guests; answers what was seen.
    pub(super) fn finish(self) -> Vec<(&'static str, Outcome)> {
        let entries = self.connection.domains(ListDomains::empty()).unwrap_or_default();
        for entry in entries.iter().filter(|entry| entry.name.starts_with(&self.prefix)) {
            let guest = entry.domain();
            // Each works only where the other does not suffice.
            let _ = guest.destroy(DestroyDomain::empty());
            let all = UndefineDomain::MANAGED_SAVE
                | UndefineDomain::SNAPSHOTS_METADATA
                | UndefineDomain::CHECKPOINTS_METADATA;
            let _ = guest.undefine(all).or_else(|_| guest.undefine(UndefineDomain::empty()));
        }
        self.remove_others();
        self.seen.into_inner()
    }

    /// Networks and pools; as with guests, each call works only where the other does not suffice.
    fn remove_others(&self) {
        let networks = self.connection.networks(ListNetworks::empty()).unwrap_or_default();
        for network in networks.iter().filter(|entry| entry.name.starts_with(&self.prefix)) {
            let network = network.network();
            let _ = network.destroy();
            let _ = network.undefine();
        }
        let pools = self.connection.storage_pools(ListStoragePools::empty()).unwrap_or_default();
        for pool in pools.iter().filter(|entry| entry.name.starts_with(&self.prefix)) {
            let pool = pool.pool();
            for volume in pool.volumes().unwrap_or_default() {
                let _ = volume.volume().delete(DeleteStorageVolume::empty());
            }
            let _ = pool.destroy();
            let _ = pool.delete(DeleteStoragePool::empty());
            let _ = pool.undefine();
        }
    }
}
