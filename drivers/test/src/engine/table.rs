//! Objects of one kind, found by name, UUID and number; and the same with their events.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use uuid::Uuid;
use virt_core::driver::{Error, ErrorCode, ErrorDomain, Result};

use super::events::{EventLog, Reader, Record};

/// Something that a host has several of: guests, networks, pools ...
pub(crate) trait Object {
    /// What happens to it, before it has a number and a time.
    type Happening;
    /// The same, as readers get it.
    type Event: Record;
    /// What people call such a thing, `network`.
    const KIND: &'static str;
    /// The same in fewer words, `pool` for `storage pool`.
    const SHORT: &'static str = Self::KIND;
    /// What its absence is called.
    const ABSENT: ErrorCode;
    /// Who says that two of them are in each other's way.
    const DOMAIN: ErrorDomain;

    fn name(&self) -> &str;
    fn uuid(&self) -> Uuid;
    /// What is true of it now is how readers are told of what happened.
    fn tell(&self, happening: Self::Happening) -> Self::Event;
    /// Its number, of those that have one.
    fn number(&self) -> Option<u32> {
        None
    }
    /// Whether nothing is left of it.
    fn is_gone(&self) -> bool;
    /// The error of a handle to one that is gone.
    fn gone(uuid: Uuid) -> Error {
        Error::new(Self::ABSENT, ErrorDomain::TEST, format!("no {} with matching uuid '{uuid}'", Self::KIND))
    }
}

/// All objects of one kind, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Table<T> {
    objects: BTreeMap<u64, T>,
    by_uuid: HashMap<Uuid, u64>,
    by_name: HashMap<String, u64>,
    by_number: HashMap<u32, u64>,
    /// How many there have been.
    came: u64,
    /// The number that was given last.
    last_number: u32,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            by_uuid: HashMap::new(),
            by_name: HashMap::new(),
            by_number: HashMap::new(),
            came: 0,
            last_number: 0,
        }
    }
}

impl<T: Object> Table<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.objects.values()
    }

    pub(crate) fn by_uuid(&self, uuid: Uuid) -> Result<&T> {
        self.with_uuid(uuid).ok_or_else(|| T::gone(uuid))
    }

    pub(crate) fn with_uuid(&self, uuid: Uuid) -> Option<&T> {
        self.find(&self.by_uuid, &uuid)
    }

    pub(crate) fn with_name(&self, name: &str) -> Option<&T> {
        self.find(&self.by_name, name)
    }

    pub(crate) fn with_number(&self, number: u32) -> Option<&T> {
        self.find(&self.by_number, &number)
    }

    fn find<K, Q>(&self, index: &HashMap<K, u64>, key: &Q) -> Option<&T>
    where
        K: Hash + Eq + Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.objects.get(index.get(key)?)
    }

    /// The number of the next object that needs one.
    pub(crate) fn next_number(&mut self) -> u32 {
        self.last_number += 1;
        self.last_number
    }

    /// Whom a name and a UUID belong to: an object that is there already, nobody yet, or different ones, which is an error.
    pub(crate) fn owner_of(&self, name: &str, uuid: Uuid) -> Result<Option<&T>> {
        let taken = |sentence: String| Err(Error::new(ErrorCode::OPERATION_FAILED, T::DOMAIN, sentence));
        match (self.with_uuid(uuid), self.with_name(name)) {
            (Some(owner), _) if owner.name() != name => {
                taken(format!("{} '{}' is already defined with uuid {uuid}", T::SHORT, owner.name()))
            }
            (Some(owner), _) => Ok(Some(owner)),
            (None, Some(other)) => {
                taken(format!("{} '{name}' already exists with uuid {}", T::SHORT, other.uuid()))
            }
            (None, None) => Ok(None),
        }
    }

    /// Adds an object whose name and UUID are free.
    pub(crate) fn add(&mut self, object: T) {
        self.came += 1;
        self.by_uuid.insert(object.uuid(), self.came);
        self.by_name.insert(object.name().to_owned(), self.came);
        self.by_number.extend(object.number().map(|number| (number, self.came)));
        self.objects.insert(self.came, object);
    }

    /// Changes an object; the indexes follow, and one that is gone afterwards is removed.
    pub(crate) fn change<R>(&mut self, uuid: Uuid, change: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let key = self.by_uuid.get(&uuid).copied().ok_or_else(|| T::gone(uuid))?;
        let object = self.objects.get_mut(&key).ok_or_else(|| T::gone(uuid))?;
        let (number, name) = (object.number(), object.name().to_owned());
        let result = change(object);
        if object.number() != number {
            number.and_then(|number| self.by_number.remove(&number));
            self.by_number.extend(object.number().map(|number| (number, key)));
        }
        if object.name() != name {
            self.by_name.remove(&name);
            self.by_name.insert(object.name().to_owned(), key);
        }
        if object.is_gone() {
            self.by_name.remove(object.name());
            self.by_uuid.remove(&uuid);
            self.objects.remove(&key);
        }
        result
    }
}

/// A table that all connections share, and what happened to the objects in it.
#[derive(Debug)]
pub(crate) struct Objects<T: Object> {
    table: RwLock<Table<T>>,
    events: Arc<EventLog<T::Event>>,
}

impl<T: Object> Default for Objects<T> {
    fn default() -> Self {
        Self { table: RwLock::default(), events: Arc::default() }
    }
}

impl<T: Object> Objects<T> {
    /// Every change is whole before it can panic, so a poisoned lock is as good as any.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Table<T>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Table<T>> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this makes of each of them.
    pub(crate) fn list<S>(&self, look: impl FnMut(&T) -> S) -> Vec<S> {
        self.read().iter().map(look).collect()
    }

    /// Asks one something.
    pub(crate) fn ask<R>(&self, uuid: Uuid, question: impl FnOnce(&T) -> R) -> Result<R> {
        self.read().by_uuid(uuid).map(question)
    }

    /// Asks the one of this name something.
    pub(crate) fn ask_named<R>(&self, name: &str, question: impl FnOnce(&T) -> R) -> Result<R> {
        let absent = || {
            let sentence = format!("no {} with matching name '{name}'", T::KIND);
            Error::new(T::ABSENT, ErrorDomain::TEST, sentence)
        };
        self.read().with_name(name).map(question).ok_or_else(absent)
    }

    /// Changes one, and tells what happened, as it is afterwards.
    pub(crate) fn change(
        &self,
        uuid: Uuid,
        change: impl FnOnce(&mut T) -> Result<Vec<T::Happening>>,
    ) -> Result<()> {
        self.write().change(uuid, |object| {
            let happenings = change(object)?;
            self.tell(object, happenings);
            Ok(())
        })
    }

    /// Tells what happened to an object, in the order of the changes: with the table's lock.
    pub(crate) fn tell(&self, object: &T, happenings: Vec<T::Happening>) {
        self.publish(happenings.into_iter().map(|happening| object.tell(happening)).collect());
    }

    pub(crate) fn publish(&self, events: Vec<T::Event>) {
        self.events.publish(events);
    }

    /// What happens from now on, or from the event of this number on.
    pub(crate) fn subscribe(&self, from: Option<u64>) -> Result<Reader<T::Event>> {
        self.events.subscribe(from)
    }
}
