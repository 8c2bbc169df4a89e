//! The index of a driver's objects of one type: name, UUID, id and state of each, so that lists and lookups open no
//! document.

mod log;
mod reconcile;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{ControlFlow, Deref};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::dir::Dir;
use crate::file::{Identity, Skipped};
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

use self::log::{Change, Log};
use reconcile::{SkippedFiles, is_current, reconcile};
use table::Table;

pub use self::log::ChangeLock;

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
/// Reading takes no lock and costs a few `stat` calls when nothing has changed. Changing is done under [`Index::lock`].
///
/// A file that somebody edits is noticed when the index is opened, whatever the edit; by an index that is open already,
/// when the edit replaced the file, added or removed one (as editors do), since that changes the directory.
///
/// ```
/// use virt_util::dir::Dir;
/// use virt_util::file;
/// use virt_util::index::{Describe, Entry, FileEntry, Index, Source, Sources};
/// use virt_util::wait::Wait;
/// # use virt_util::{Error, ErrorCode, ErrorDomain, Result};
///
/// /// Definitions that hold a UUID and a name.
/// struct Words;
///
/// impl Describe for Words {
///     fn describe(&self, _: Source, _: &str, content: &[u8]) -> Result<Entry> {
///         let bad = || Error::new(ErrorCode::XML_ERROR, ErrorDomain::NONE, "two words were expected");
///         let (uuid, name) = std::str::from_utf8(content).ok().and_then(|text| text.split_once(' ')).ok_or_else(bad)?;
///         Ok(Entry { uuid: uuid.parse().map_err(|_| bad())?, name: name.into(), ..Entry::default() })
///     }
/// }
///
/// let scratch = tempfile::tempdir().unwrap();
/// let dir = Dir::open(scratch.path())?;
/// let definitions = dir.subdir("definitions")?;
/// let sources = Sources { definitions: definitions.clone(), status: None, suffix: ".txt".into() };
/// let index = Index::open(&dir, "words", sources, Box::new(Words))?;
///
/// let uuid = uuid::Uuid::from_u128(7);
/// let mut lock = index.lock("defining 'web'", Wait::FOREVER)?;
/// let identity = file::write(&definitions, "web.txt", 0o600, format!("{uuid} web").as_bytes())?;
/// let definition = Some(FileEntry { name: "web.txt".into(), identity });
/// lock.put(Entry { uuid, name: "web".into(), definition, ..Entry::default() })?;
/// drop(lock);
///
/// assert_eq!(index.by_name("web")?.expect("just defined").uuid, uuid);
/// // Somebody removes it by hand.
/// definitions.remove_file("web.txt")?;
/// assert!(index.by_name("web")?.is_none());
/// # Ok::<(), virt_util::Error>(())
/// ```
pub struct Index {
    dir: Dir,
    name: String,
    sources: Sources,
    describe: Box<dyn Describe>,
    state: Mutex<State>,
}

/// How long a reader waits for whoever changes an index that has to be made anew.
const PATIENCE: Duration = Duration::from_secs(10);

struct State {
    log: Log,
    table: Table,
    skipped: SkippedFiles,
}

impl State {
    /// Takes over what was added to the file.
    fn read(&mut self) -> Result<u64> {
        if !self.log.open_current()? {
            self.table = Table::default();
        }
        let table = &mut self.table;
        self.log.read(|change| {
            table.apply(change);
            ControlFlow::Continue(())
        })
    }
}

impl Index {
    /// Opens the index `name` (`domains`) in `dir`, and brings it up to date with the files.
    ///
    /// # Errors
    ///
    /// When the directories cannot be read, or the index is a newer version's. Files that cannot be read are in
    /// [`Index::skipped`].
    pub fn open(dir: &Dir, name: &str, sources: Sources, describe: Box<dyn Describe>) -> Result<Self> {
        let log = Log::new(dir.clone(), name);
        let state = State { log, table: Table::default(), skipped: SkippedFiles::new() };
        let this =
            Self { dir: dir.clone(), name: name.to_owned(), sources, describe, state: Mutex::new(state) };
        let files = this.sources.files()?;
        let current = {
            let mut state = this.lock_state();
            state.read()?;
            state.table.stamps.is_some() && is_current(&state.table, &state.skipped, &files)
        };
        if !current {
            let change = ChangeLock::acquire(dir, name, "bringing the index up to date", Wait::FOREVER)?;
            this.reconcile(&change)?;
        }
        Ok(this)
    }

    /// The object called `name`.
    ///
    /// # Errors
    ///
    /// When the index had to be brought up to date, and could not.
    pub fn by_name(&self, name: &str) -> Result<Option<Arc<Entry>>> {
        Ok(self.current()?.table.by_name(name).cloned())
    }

    /// The object with `uuid`.
    ///
    /// # Errors
    ///
    /// As for [`Index::by_name`].
    pub fn by_uuid(&self, uuid: Uuid) -> Result<Option<Arc<Entry>>> {
        Ok(self.current()?.table.by_uuid(uuid).cloned())
    }

    /// The active object with `id`.
    ///
    /// # Errors
    ///
    /// As for [`Index::by_name`].
    pub fn by_id(&self, id: u32) -> Result<Option<Arc<Entry>>> {
        Ok(self.current()?.table.by_id(id).cloned())
    }

    /// All objects, by name.
    ///
    /// # Errors
    ///
    /// As for [`Index::by_name`].
    pub fn list(&self) -> Result<Vec<Arc<Entry>>> {
        let mut entries: Vec<_> = self.current()?.table.entries().cloned().collect();
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// The files that were skipped, and why.
    pub fn skipped(&self) -> Vec<Arc<Skipped>> {
        let mut skipped: Vec<_> =
            self.lock_state().skipped.values().map(|(_, skipped)| skipped.clone()).collect();
        skipped.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        skipped
    }

    /// Takes the index for a change: the first of the three locks, held shortly.
    ///
    /// # Errors
    ///
    /// As for [`crate::lock::Lock::acquire`].
    pub fn lock(&self, purpose: &str, wait: Wait<'_>) -> Result<IndexLock<'_>> {
        let change = ChangeLock::acquire(&self.dir, &self.name, purpose, wait)?;
        let current = {
            let mut state = self.lock_state();
            state.read()?;
            state.table.stamps == Some(self.sources.stamps()?)
        };
        if !current {
            self.reconcile(&change)?;
        }
        Ok(IndexLock { index: self, change })
    }

    /// The index, up to date unless somebody is changing it just now, in which case as it was before.
    fn current(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock_state();
        state.read()?;
        if state.table.stamps == Some(self.sources.stamps()?) {
            return Ok(state);
        }
        // Files were changed by somebody who does not know of the index, or died before he had told it; or somebody is
        // about to tell it, and has the lock.
        let is_whole = state.table.stamps.is_some();
        drop(state);
        const PURPOSE: &str = "bringing the index up to date";
        let change = match ChangeLock::try_acquire(&self.dir, &self.name, PURPOSE)? {
            // Somebody removed or damaged the index's file: what there is says nothing.
            None if !is_whole => {
                Some(ChangeLock::acquire(&self.dir, &self.name, PURPOSE, Wait::at_most(PATIENCE))?)
            }
            other => other,
        };
        if let Some(change) = change {
            self.reconcile(&change)?;
        }
        let mut state = self.lock_state();
        state.read()?;
        Ok(state)
    }

    fn reconcile(&self, _: &ChangeLock) -> Result<()> {
        let mut state = self.lock_state();
        let whole = state.read()?;
        let State { log, table, skipped } = &mut *state;
        let changes = reconcile(table, skipped, &self.sources, &*self.describe)?;
        if changes.is_empty() {
            return Ok(());
        }
        log.append(whole, &changes)?;
        log.compact(table)
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while he held it left, at worst, a table that is read again when it differs from the file.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("dir", &self.dir.path())
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The index, locked and up to date: names, UUIDs and ids cannot change under the holder.
#[derive(Debug)]
pub struct IndexLock<'a> {
    index: &'a Index,
    change: ChangeLock,
}

impl IndexLock<'_> {
    /// The index itself, to look things up.
    pub fn index(&self) -> &Index {
        self.index
    }

    /// The id for the next object that becomes active: 1, 2, 3 ... within one boot.
    pub fn next_id(&self) -> u32 {
        self.index.lock_state().table.last_id.saturating_add(1)
    }

    /// Adds the object or replaces what is known of it. Write or remove its files first: after a crash in between the
    /// files are right.
    ///
    /// # Errors
    ///
    /// When another object has its name or id, or the index cannot be written.
    pub fn put(&mut self, entry: Entry) -> Result<Arc<Entry>> {
        let (mut state, whole) = self.state()?;
        let table = &state.table;
        let other = |other: Option<&Arc<Entry>>| other.filter(|other| other.uuid != entry.uuid).cloned();
        if let Some(other) = other(table.by_name(&entry.name)) {
            let sentence = format!("name '{}' is that of {} already", entry.name, other.uuid);
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence));
        }
        if let Some(other) = entry.id.and_then(|id| other(table.by_id(id))) {
            let sentence = format!("id {} is that of '{}' already", entry.id.unwrap_or_default(), other.name);
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence));
        }
        let uuid = entry.uuid;
        self.write(&mut state, whole, Change::Put(Box::new(entry)))?;
        let entry = state.table.by_uuid(uuid).cloned();
        entry.ok_or_else(|| Error::internal(ErrorDomain::NONE, format!("entry {uuid} was not kept")))
    }

    /// Forgets the object; that it is unknown is no error.
    ///
    /// # Errors
    ///
    /// When the index cannot be written.
    pub fn remove(&mut self, uuid: Uuid) -> Result<()> {
        let (mut state, whole) = self.state()?;
        self.write(&mut state, whole, Change::Remove(uuid))
    }

    fn state(&self) -> Result<(MutexGuard<'_, State>, u64)> {
        let mut state = self.index.lock_state();
        let mut whole = state.read()?;
        if state.table.stamps.is_none() {
            // Somebody removed the index's file.
            drop(state);
            self.index.reconcile(&self.change)?;
            state = self.index.lock_state();
            whole = state.read()?;
        }
        Ok((state, whole))
    }

    fn write(&self, state: &mut State, whole: u64, change: Change) -> Result<()> {
        // The files that the change tells of were written before, which gave their directory another stamp.
        let changes = [change, Change::Directories(self.index.sources.stamps()?)];
        state.log.append(whole, &changes)?;
        for change in changes {
            state.table.apply(change);
        }
        state.log.compact(&state.table)
    }
}

impl Deref for IndexLock<'_> {
    type Target = ChangeLock;

    fn deref(&self) -> &ChangeLock {
        &self.change
    }
}

#[cfg(test)]
mod tests;
