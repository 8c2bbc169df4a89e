//! The guests and what can be done with them, on plain values.

use std::collections::BTreeMap;

use uuid::Uuid;
use virt_conf::model::Domain;
use virt_core::driver::{DomainIdentity, DomainState, DomainSummary};
use virt_core::{Error, ErrorCode, ErrorDomain, Result};

/// Every guest of the process.
#[derive(Default)]
pub(crate) struct Guests {
    guests: BTreeMap<Uuid, Guest>,
    last_id: u32,
}

/// One guest.
pub(crate) struct Guest {
    pub(crate) definition: Domain,
    uuid: Uuid,
    id: Option<u32>,
    persistent: bool,
}

impl Guest {
    pub(crate) fn identity(&self) -> DomainIdentity {
        DomainIdentity { name: self.definition.name.clone(), uuid: self.uuid, id: self.id }
    }

    pub(crate) fn summary(&self) -> DomainSummary {
        DomainSummary {
            name: self.definition.name.clone(),
            uuid: self.uuid,
            id: self.id,
            state: if self.id.is_some() { DomainState::Running } else { DomainState::Shutoff },
            reason: 1, // booted, or shut down: the same number in both states
            persistent: self.persistent,
            autostart: false,
            managed_save: false,
        }
    }
}

impl Guests {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Guest> {
        self.guests.values()
    }

    pub(crate) fn find(&self, uuid: Uuid) -> Result<&Guest> {
        self.guests.get(&uuid).ok_or_else(|| no_domain(format!("no domain with matching uuid '{uuid}'")))
    }

    pub(crate) fn find_named(&self, name: &str) -> Result<&Guest> {
        let found = self.all().find(|guest| guest.definition.name == name);
        found.ok_or_else(|| no_domain(format!("no domain with matching name '{name}'")))
    }

    pub(crate) fn find_numbered(&self, id: u32) -> Result<&Guest> {
        let found = self.all().find(|guest| guest.id == Some(id));
        found.ok_or_else(|| no_domain(format!("no domain with matching id '{id}'")))
    }

    /// Adds a guest, or gives a known one another definition.
    pub(crate) fn define(&mut self, mut definition: Domain, persistent: bool) -> Result<&Guest> {
        let uuid = *definition.uuid.get_or_insert_with(Uuid::new_v4);
        if let Some(other) =
            self.all().find(|guest| guest.definition.name == definition.name && guest.uuid != uuid)
        {
            let detail = format!("domain '{}' already exists with uuid {}", definition.name, other.uuid);
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::DOMAIN, detail));
        }
        if let Some(known) = self.guests.get(&uuid).filter(|it| it.definition.name != definition.name) {
            let detail = format!("domain '{}' is already defined with uuid {uuid}", known.definition.name);
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::DOMAIN, detail));
        }
        let known = self.guests.remove(&uuid);
        let id = known.as_ref().and_then(|guest| guest.id);
        let persistent = persistent || known.is_some_and(|guest| guest.persistent);
        Ok(self.guests.entry(uuid).or_insert(Guest { definition, uuid, id, persistent }))
    }

    /// Takes a guest's definition away; while it runs, it stays until it stops.
    pub(crate) fn undefine(&mut self, uuid: Uuid) -> Result<()> {
        let guest = self.find_mut(uuid)?;
        if !guest.persistent {
            return Err(invalid("cannot undefine transient domain"));
        }
        guest.persistent = false;
        self.drop_unless_needed(uuid);
        Ok(())
    }

    pub(crate) fn start(&mut self, uuid: Uuid) -> Result<&Guest> {
        if self.find(uuid)?.id.is_some() {
            return Err(invalid("domain is already running"));
        }
        self.last_id += 1;
        let id = self.last_id;
        let guest = self.find_mut(uuid)?;
        guest.id = Some(id);
        Ok(guest)
    }

    pub(crate) fn stop(&mut self, uuid: Uuid) -> Result<()> {
        let guest = self.find_mut(uuid)?;
        if guest.id.take().is_none() {
            return Err(invalid("domain is not running"));
        }
        self.drop_unless_needed(uuid);
        Ok(())
    }

    fn find_mut(&mut self, uuid: Uuid) -> Result<&mut Guest> {
        self.guests.get_mut(&uuid).ok_or_else(|| no_domain(format!("no domain with matching uuid '{uuid}'")))
    }

    /// A guest that neither runs nor has a definition is gone.
    fn drop_unless_needed(&mut self, uuid: Uuid) {
        self.guests.retain(|each, guest| *each != uuid || guest.persistent || guest.id.is_some());
    }
}

fn no_domain(detail: String) -> Error {
    Error::new(ErrorCode::NO_DOMAIN, ErrorDomain::DOMAIN, detail)
}

fn invalid(detail: &str) -> Error {
    Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::DOMAIN, detail)
}

#[cfg(test)]
mod tests {
    use super::{Guests, Uuid};
    use virt_conf::model::Domain;

    fn named(name: &str) -> Domain {
        Domain { name: name.to_owned(), ..Domain::default() }
    }

    fn message<T>(result: virt_core::Result<T>) -> String {
        result.err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn a_defined_guest_outlives_its_end() {
        let mut guests = Guests::default();
        let uuid = guests.define(named("one"), true).unwrap().identity().uuid;
        assert_eq!(guests.start(uuid).unwrap().identity().id, Some(1));
        assert_eq!(
            message(guests.start(uuid)),
            "Requested operation is not valid: domain is already running"
        );
        guests.stop(uuid).unwrap();
        assert_eq!(message(guests.stop(uuid)), "Requested operation is not valid: domain is not running");
        assert_eq!(guests.start(uuid).unwrap().identity().id, Some(2));
        guests.undefine(uuid).unwrap();
        assert!(guests.find_named("one").is_ok());
        guests.stop(uuid).unwrap();
        assert_eq!(message(guests.find_named("one")), "Domain not found: no domain with matching name 'one'");
    }

    #[test]
    fn names_are_unique() {
        let mut guests = Guests::default();
        let uuid = guests.define(named("one"), true).unwrap().identity().uuid;
        let wanted = format!("operation failed: domain 'one' already exists with uuid {uuid}");
        assert_eq!(message(guests.define(named("one"), true)), wanted);
        assert_eq!(
            message(guests.find(Uuid::nil())),
            format!("Domain not found: no domain with matching uuid '{}'", Uuid::nil())
        );
    }
}
