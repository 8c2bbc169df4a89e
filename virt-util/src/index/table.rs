//! The index in memory.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::log::{Change, Stamps};
use super::{Entry, FileEntry, Source};
use crate::owner::boot_id;

/// All entries, by all that they are looked up by.
#[derive(Debug, Default)]
pub(super) struct Table {
    by_uuid: HashMap<Uuid, Arc<Entry>>,
    by_name: HashMap<String, Uuid>,
    by_id: HashMap<u32, Uuid>,
    pub(super) last_id: u32,
    /// Nothing when the index has not been compared with the files yet.
    pub(super) stamps: Option<Stamps>,
    /// Whether the file is another boot's.
    stale: bool,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.by_uuid.len()
    }

    pub(super) fn by_uuid(&self, uuid: Uuid) -> Option<&Arc<Entry>> {
        self.by_uuid.get(&uuid)
    }

    pub(super) fn by_name(&self, name: &str) -> Option<&Arc<Entry>> {
        self.by_name.get(name).and_then(|uuid| self.by_uuid.get(uuid))
    }

    pub(super) fn by_id(&self, id: u32) -> Option<&Arc<Entry>> {
        self.by_id.get(&id).and_then(|uuid| self.by_uuid.get(uuid))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.by_uuid.values()
    }

    /// The file of each entry.
    pub(super) fn files(&self) -> impl Iterator<Item = (Source, &FileEntry, Uuid)> {
        self.by_uuid.values().flat_map(|entry| {
            let definition = entry.definition.iter().map(|file| (Source::Definition, file, entry.uuid));
            definition.chain(entry.status.iter().map(|file| (Source::Status, file, entry.uuid)))
        })
    }

    pub(super) fn put(&mut self, mut entry: Entry) {
        if self.stale {
            // What ran during another boot does not run.
            (entry.id, entry.status) = (None, None);
        }
        self.remove(entry.uuid);
        self.by_name.insert(entry.name.clone(), entry.uuid);
        if let Some(id) = entry.id {
            self.by_id.insert(id, entry.uuid);
            self.last_id = self.last_id.max(id);
        }
        self.by_uuid.insert(entry.uuid, Arc::new(entry));
    }

    pub(super) fn remove(&mut self, uuid: Uuid) {
        let Some(old) = self.by_uuid.remove(&uuid) else { return };
        if self.by_name.get(&old.name) == Some(&uuid) {
            self.by_name.remove(&old.name);
        }
        if let Some(id) = old.id.filter(|id| self.by_id.get(id) == Some(&uuid)) {
            self.by_id.remove(&id);
        }
    }

    /// Takes over a change that was read.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Header { boot, .. } => self.stale = boot_id().is_ok_and(|now| now != boot),
            Change::Put(entry) => self.put(*entry),
            Change::Remove(uuid) => self.remove(uuid),
            Change::State { uuid, state, reason } => {
                if let Some(entry) = self.by_uuid.get_mut(&uuid) {
                    let entry = Arc::make_mut(entry);
                    (entry.state, entry.reason) = (state, reason);
                }
            }
            // Another boot's status directory is not ours.
            Change::Directories(stamps) => self.stamps = (!self.stale).then_some(stamps),
            Change::LastId(id) if !self.stale => self.last_id = self.last_id.max(id),
            Change::LastId(_) => {}
        }
    }

    /// The changes that make this table of an empty one.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        let entries = self.by_uuid.values().map(|entry| Change::Put(Box::new(Entry::clone(entry))));
        entries.chain([Change::LastId(self.last_id)]).chain(self.stamps.map(Change::Directories))
    }
}
