//! The index of a driver's objects of one type: name, UUID, id and state of each, so that lists and lookups open no
//! document.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Result;
use crate::dir::Dir;
use crate::file::{Identity, Skipped};
use crate::wait::Wait;

/// What the index knows of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// The object's UUID, by which it is one object.
    pub uuid: Uuid,
    /// Its name, unique within the index.
    pub name: String,
    /// Its number while it is active, unique within the index; ids are never given twice within one boot.
    pub id: Option<u32>,
    /// The driver's number for its state (`virDomainState` for guests).
    pub state: i32,
    /// The driver's number for why it is in that state.
    pub reason: i32,
    /// Whether it is started with the host.
    pub autostart: bool,
    /// The content of its definition file when the entry was made; nothing for a transient object.
    pub definition: Option<FileEntry>,
    /// The content of its status file when the entry was made; nothing for an inactive object.
    pub status: Option<FileEntry>,
    /// What else the driver looks up without opening a document, or keeps unique: a bridge's name, a port.
    pub notes: BTreeMap<String, String>,
}

/// A file that an entry was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the directory.
    pub name: String,
    /// Its content then.
    pub identity: Identity,
}

impl Entry {
    /// Whether it has a definition, and so outlives its stop.
    pub fn is_persistent(&self) -> bool {
        self.definition.is_some()
    }

    /// Whether it runs.
    pub fn is_active(&self) -> bool {
        self.id.is_some()
    }
}

/// Which of an object's two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The definition, in the configuration directory.
    Definition,
    /// The status of a running object, in the run directory.
    Status,
}

/// How a driver tells the index what is in a file that the index does not know: the only time that documents are read.
///
/// From a definition `uuid`, `name`, `autostart` and `notes` are taken over; from a status file these, `id`, `state` and
/// `reason`, over what the definition says.
pub trait Describe: Send + Sync {
    /// What the file `name` of `source` holds.
    ///
    /// # Errors
    ///
    /// When it cannot be understood: the file is named to the user, skipped, and left as it is.
    fn describe(&self, source: Source, name: &str, content: &[u8]) -> Result<Entry>;
}

/// Where the files of the objects are.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Where definitions are.
    pub definitions: Dir,
    /// Where status files are, for drivers that have them.
    pub status: Option<Dir>,
    /// What their names end in.
    pub suffix: String,
}

/// The index of one type of objects of one driver root, shared by all processes that have it open.
///
/// Reading takes no lock and costs two `stat` calls when nothing has changed. Changing is done under [`Index::lock`].
pub struct Index(());

impl Index {
    /// Opens the index `name` (`domains`) in `dir`, and brings it up to date with the files.
    ///
    /// # Errors
    ///
    /// When the directories cannot be read. Files that cannot be read are in [`Index::skipped`].
    pub fn open(dir: &Dir, name: &str, sources: Sources, describe: Box<dyn Describe>) -> Result<Self> {
        let _ = (dir, name, sources, describe);
        todo!()
    }

    /// The object called `name`.
    ///
    /// # Errors
    ///
    /// When the index had to be brought up to date, and could not.
    pub fn by_name(&self, name: &str) -> Result<Option<Arc<Entry>>> {
        let _ = name;
        todo!()
    }

    /// The object with `uuid`.
    ///
    /// # Errors
    ///
    /// As for [`Index::by_name`].
    pub fn by_uuid(&self, uuid: Uuid) -> Result<Option<Arc<Entry>>> {
        let _ = uuid;
        todo!()
    }

    /// The active object with `id`.
    ///
    /// # Errors
    ///
    /// As for [`Index::by_name`].
    pub fn by_id(&self, id: u32) -> Result<Option<Arc<Entry>>> {
        let _ = id;
        todo!()
    }

    /// All objects, by name.
    ///
    /// # Errors
    ///
    /// As for [`Index::by_name`].
    pub fn list(&self) -> Result<Vec<Arc<Entry>>> {
        todo!()
    }

    /// The files that were skipped, and why.
    pub fn skipped(&self) -> Vec<Arc<Skipped>> {
        todo!()
    }

    /// Takes the index for a change: the first of the three locks, held shortly.
    ///
    /// # Errors
    ///
    /// As for [`crate::lock::Lock::acquire`].
    pub fn lock(&self, purpose: &str, wait: Wait<'_>) -> Result<IndexLock<'_>> {
        let _ = (purpose, wait);
        todo!()
    }
}

/// The index, locked and up to date: names, UUIDs and ids cannot change under the holder.
pub struct IndexLock<'a>(&'a Index);

impl IndexLock<'_> {
    /// The index itself, to look things up.
    pub fn index(&self) -> &Index {
        self.0
    }

    /// The id for the next object that becomes active: 1, 2, 3 ... within one boot.
    pub fn next_id(&self) -> u32 {
        todo!()
    }

    /// Adds the object or replaces what is known of it. Write or remove its files first: after a crash in between the
    /// files are right.
    ///
    /// # Errors
    ///
    /// When another object has its name or id, or the index cannot be written.
    pub fn put(&mut self, entry: Entry) -> Result<Arc<Entry>> {
        let _ = entry;
        todo!()
    }

    /// Forgets the object; that it is unknown is no error.
    ///
    /// # Errors
    ///
    /// When the index cannot be written.
    pub fn remove(&mut self, uuid: Uuid) -> Result<()> {
        let _ = uuid;
        todo!()
    }
}
