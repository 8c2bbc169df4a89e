//! All guests of a simulated host, found by name, UUID and number.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;
use virt_core::driver::Result;

use super::guest::Guest;
use crate::error;

/// All guests, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Guests {
    guests: BTreeMap<u64, Guest>,
    by_uuid: HashMap<Uuid, u64>,
    by_name: HashMap<String, u64>,
    by_id: HashMap<u32, u64>,
    /// How many guests there have been.
    came: u64,
    /// The number that was given last.
    last_id: u32,
}

impl Guests {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Guest> {
        self.guests.values()
    }

    pub(super) fn by_uuid(&self, uuid: Uuid) -> Result<&Guest> {
        self.find(&self.by_uuid, &uuid).ok_or_else(|| error::gone(uuid))
    }

    pub(super) fn with_uuid(&self, uuid: Uuid) -> Option<&Guest> {
        self.find(&self.by_uuid, &uuid)
    }

    pub(super) fn with_name(&self, name: &str) -> Option<&Guest> {
        self.find(&self.by_name, name)
    }

    pub(super) fn with_id(&self, id: u32) -> Option<&Guest> {
        self.find(&self.by_id, &id)
    }

    fn find<K, Q>(&self, index: &HashMap<K, u64>, key: &Q) -> Option<&Guest>
    where
        K: std::hash::Hash + Eq + std::borrow::Borrow<Q>,
        Q: std::hash::Hash + Eq + ?Sized,
    {
        self.guests.get(index.get(key)?)
    }

    /// The number of the next guest that starts.
    pub(super) fn next_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    /// Whether a domain is a guest that is there already (its UUID), a new one (nothing), or in conflict with one.
    pub(super) fn owner_of(&self, name: &str, uuid: Uuid) -> Result<Option<&Guest>> {
        match (self.with_uuid(uuid), self.with_name(name)) {
            (Some(guest), _) if guest.name != name => {
                Err(error::taken(format!("domain '{}' is already defined with uuid {uuid}", guest.name)))
            }
            (Some(guest), _) => Ok(Some(guest)),
            (None, Some(other)) => {
                Err(error::taken(format!("domain '{name}' already exists with uuid {}", other.uuid)))
            }
            (None, None) => Ok(None),
        }
    }

    /// Adds a guest whose name and UUID are free.
    pub(super) fn add(&mut self, guest: Guest) {
        self.came += 1;
        self.by_uuid.insert(guest.uuid, self.came);
        self.by_name.insert(guest.name.clone(), self.came);
        self.by_id.extend(guest.id().map(|id| (id, self.came)));
        self.guests.insert(self.came, guest);
    }

    /// Changes a guest; the indexes follow, and a guest that is gone afterwards is removed.
    pub(super) fn change<T>(
        &mut self,
        uuid: Uuid,
        change: impl FnOnce(&mut Guest) -> Result<T>,
    ) -> Result<T> {
        let key = self.by_uuid.get(&uuid).copied().ok_or_else(|| error::gone(uuid))?;
        let guest = self.guests.get_mut(&key).ok_or_else(|| error::gone(uuid))?;
        let (id, name) = (guest.id(), guest.name.clone());
        let result = change(guest);
        if guest.id() != id {
            id.and_then(|id| self.by_id.remove(&id));
            self.by_id.extend(guest.id().map(|id| (id, key)));
        }
        if guest.name != name {
            self.by_name.remove(&name);
            self.by_name.insert(guest.name.clone(), key);
        }
        if guest.is_gone() {
            self.by_name.remove(&guest.name);
            self.by_uuid.remove(&uuid);
            self.guests.remove(&key);
        }
        result
    }
}
