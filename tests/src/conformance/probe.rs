//! The hand that touches the driver: it makes guests, notes what each call did, and cleans up.

use std::cell::RefCell;
use std::fmt::Debug;

use uuid::Uuid;
use virt_core::{
    Connection, DefineDomain, DestroyDomain, Domain, Error, ErrorCode, ListDomains, UndefineDomain,
};

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
        (self.subject.guest)(&self.name(which), uuid)
    }

    /// A guest that is defined.
    pub(super) fn define(&self, which: &str) -> Result<Domain, Ended> {
        let xml = self.xml(which, Uuid::new_v4());
        self.did("Domains.define", self.connection.define_domain(&xml, DefineDomain::empty()))
    }

    /// The names of this behaviour's guests in a list.
    pub(super) fn list(&self, filter: ListDomains) -> Result<Vec<String>, Ended> {
        let list = self.did("Domains.list", self.connection.domains(filter))?;
        let ours = list.iter().map(|entry| entry.name.clone());
        let mut ours: Vec<_> = ours.filter(|name| name.starts_with(&self.prefix)).collect();
        ours.sort();
        Ok(ours.iter().map(|name| name[self.prefix.len() + 1..].to_owned()).collect())
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
            let _ = guest.undefine(UndefineDomain::empty());
        }
        self.seen.into_inner()
    }
}
