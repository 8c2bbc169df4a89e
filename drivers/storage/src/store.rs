//! Pools: their files, the index over them, and their events.

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::StoragePool;
use virt_conf::xml::{FormatOptions, ParseOptions};
use virt_core::driver::{StoragePoolEventKind, StoragePoolState};
use virt_core::object_log::{Happening, ObjectLog};
use virt_util::dir::Dir;
use virt_util::file::{self, DOCUMENT_LIMIT};
use virt_util::index::{Describe, Entry, FileEntry, Index, IndexLock, Source, Sources};
use virt_util::lock::Lock;
use virt_util::root::Root;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::{backend, error};

/// Everything that one root holds about pools. Shared by all processes that have it open.
pub(crate) struct Store {
    root: Root,
    index: Index,
    log: ObjectLog,
    autostart: Dir,
    status: Dir,
    locks: Dir,
}

/// What the index keeps of a pool: its type, and the storage that no other pool may have.
pub(crate) const KIND: &str = "kind";
const SOURCE: &str = "source";

impl Store {
    pub(crate) fn open(root: Root) -> Result<Self> {
        let autostart = root.config().subdir("autostart")?;
        let status = root.run().subdir("status")?;
        let sources = Sources {
            definitions: root.config().clone(),
            status: Some(status.clone()),
            suffix: ".xml".into(),
        };
        let describe = Describer { autostart: autostart.clone() };
        Ok(Self {
            index: Index::open(root.run(), "pools", sources, Box::new(describe))?,
            log: ObjectLog::open(root.run(), "events")?,
            locks: root.run().subdir("locks")?,
            autostart,
            status,
            root,
        })
    }

    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn log(&self) -> &ObjectLog {
        &self.log
    }

    pub(crate) fn by_uuid(&self, uuid: Uuid) -> Result<Arc<Entry>> {
        let missing = || error::no_pool(format!("no storage pool with matching uuid '{uuid}'"));
        self.index.by_uuid(uuid)?.ok_or_else(missing)
    }

    pub(crate) fn by_name(&self, name: &str) -> Result<Arc<Entry>> {
        let missing = || error::no_pool(format!("no storage pool with matching name '{name}'"));
        self.index.by_name(name)?.ok_or_else(missing)
    }

    /// Takes the lock of one pool: the second of the three, held while it is started, stopped, built, or its volumes change.
    pub(crate) fn lock_pool(&self, uuid: Uuid, purpose: &str, wait: Wait<'_>) -> Result<Lock> {
        Lock::acquire(&self.locks, &format!("{uuid}.lock"), purpose, wait)
            .map_err(|error| error.in_domain(ErrorDomain::STORAGE))
    }

    /// Refuses a pool whose name, UUID or storage is another's; the pool that it redefines, if there is one.
    pub(crate) fn check_unique(&self, pool: &StoragePool, uuid: Uuid) -> Result<Option<Arc<Entry>>> {
        let known = match (self.index.by_uuid(uuid)?, self.index.by_name(&pool.name)?) {
            (Some(known), _) if known.name != pool.name => {
                let sentence = format!("pool '{}' is already defined with uuid {uuid}", known.name);
                return Err(error::failed(sentence));
            }
            (Some(known), _) => Some(known),
            (None, Some(known)) => {
                let sentence = format!("pool '{}' already exists with uuid {}", pool.name, known.uuid);
                return Err(error::failed(sentence));
            }
            (None, None) => None,
        };
        let source = backend::source_key(pool);
        let has_it = |entry: &&Arc<Entry>| {
            entry.uuid != uuid && source.is_some() && entry.notes.get(SOURCE) == source.as_ref()
        };
        match self.index.list()?.iter().find(has_it) {
            Some(other) => Err(error::failed(format!("Storage source conflict with pool: '{}'", other.name))),
            None => Ok(known),
        }
    }

    /// What the next start uses; what runs, for a pool without a definition.
    pub(crate) fn definition(&self, entry: &Entry) -> Result<StoragePool> {
        match (&entry.definition, &entry.status) {
            (Some(file), _) => parse(&file::read(self.root.config(), &file.name, DOCUMENT_LIMIT)?),
            (None, Some(file)) => parse(&file::read(&self.status, &file.name, DOCUMENT_LIMIT)?),
            (None, None) => {
                Err(error::no_pool(format!("no storage pool with matching uuid '{}'", entry.uuid)))
            }
        }
    }

    /// What runs.
    pub(crate) fn running(&self, entry: &Entry) -> Result<StoragePool> {
        match &entry.status {
            Some(file) if entry.is_active() => parse(&file::read(&self.status, &file.name, DOCUMENT_LIMIT)?),
            _ => Err(error::invalid(format!("storage pool '{}' is not active", entry.name))),
        }
    }

    pub(crate) fn write_definition(
        &self,
        lock: &mut IndexLock<'_>,
        uuid: Uuid,
        pool: &StoragePool,
    ) -> Result<Arc<Entry>> {
        let (name, identity) = write(self.root.config(), pool)?;
        let mut entry = self.index.by_uuid(uuid)?.as_deref().cloned().unwrap_or_default();
        describe(&mut entry, uuid, pool);
        entry.definition = Some(FileEntry { name, identity });
        lock.put(entry)
    }

    /// Takes the definition of a pool that is off away.
    pub(crate) fn remove_definition(&self, lock: &mut IndexLock<'_>, entry: &Entry) -> Result<()> {
        if let Some(file) = &entry.definition {
            self.root.config().remove_file(&file.name)?;
            self.autostart.remove_file(&file.name)?;
        }
        lock.remove(entry.uuid)
    }

    /// Writes that a pool runs, and as what.
    pub(crate) fn write_status(
        &self,
        lock: &mut IndexLock<'_>,
        uuid: Uuid,
        pool: &StoragePool,
    ) -> Result<Arc<Entry>> {
        let (name, identity) = write(&self.status, pool)?;
        let mut entry = self.index.by_uuid(uuid)?.as_deref().cloned().unwrap_or_default();
        describe(&mut entry, uuid, pool);
        entry.id = Some(entry.id.unwrap_or_else(|| lock.next_id()));
        entry.state = StoragePoolState::Running.number();
        entry.status = Some(FileEntry { name, identity });
        lock.put(entry)
    }

    /// Writes that a pool is off; one without a definition is forgotten.
    pub(crate) fn remove_status(&self, lock: &mut IndexLock<'_>, entry: &Entry) -> Result<()> {
        if let Some(file) = &entry.status {
            self.status.remove_file(&file.name)?;
        }
        if entry.definition.is_none() {
            return lock.remove(entry.uuid);
        }
        let state = StoragePoolState::Inactive.number();
        lock.put(Entry { id: None, status: None, state, ..entry.clone() }).map(drop)
    }

    pub(crate) fn set_autostart(
        &self,
        lock: &mut IndexLock<'_>,
        entry: &Entry,
        autostart: bool,
    ) -> Result<()> {
        let file = entry.definition.as_ref().ok_or_else(|| error::argument("pool has no config file"))?;
        match autostart {
            true => drop(file::write(&self.autostart, &file.name, 0o600, b"")?),
            false => self.autostart.remove_file(&file.name)?,
        }
        lock.put(Entry { autostart, ..entry.clone() }).map(drop)
    }

    pub(crate) fn tell(
        &self,
        lock: &IndexLock<'_>,
        entry: &Entry,
        kind: StoragePoolEventKind,
        event: i32,
    ) -> Result<()> {
        let happening = Happening {
            name: entry.name.clone(),
            uuid: Some(entry.uuid),
            kind: kind.number(),
            event,
            detail: 0,
        };
        self.log.append(lock, &happening).map(drop)
    }
}

fn write(dir: &Dir, pool: &StoragePool) -> Result<(String, file::Identity)> {
    let name = format!("{}.xml", pool.name);
    let text = virt_conf::xml::to_string(pool, FormatOptions::default());
    let identity = file::write(dir, &name, 0o600, text.as_bytes())?;
    Ok((name, identity))
}

fn parse(content: &[u8]) -> Result<StoragePool> {
    let text = std::str::from_utf8(content)
        .map_err(|error| Error::new(ErrorCode::XML_ERROR, ErrorDomain::STORAGE, error.to_string()))?;
    virt_conf::xml::from_str(text, &ParseOptions::default())
}

fn describe(entry: &mut Entry, uuid: Uuid, pool: &StoragePool) {
    entry.uuid = uuid;
    entry.name.clone_from(&pool.name);
    entry.notes.insert(KIND.to_owned(), backend::kind_name(&pool.kind).to_owned());
    match backend::source_key(pool) {
        Some(key) => drop(entry.notes.insert(SOURCE.to_owned(), key)),
        None => drop(entry.notes.remove(SOURCE)),
    }
}

struct Describer {
    autostart: Dir,
}

impl Describe for Describer {
    fn describe(&self, source: Source, name: &str, content: &[u8]) -> Result<Entry> {
        let pool = parse(content)?;
        let wrong = |what: String| Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::STORAGE, what));
        if name != format!("{}.xml", pool.name) {
            return wrong(format!("it defines a pool called '{}'", pool.name));
        }
        let Some(uuid) = pool.uuid else { return wrong("it has no UUID".to_owned()) };
        let mut entry = Entry { autostart: self.autostart.contains(name)?, ..Entry::default() };
        describe(&mut entry, uuid, &pool);
        if source == Source::Status {
            entry.state = StoragePoolState::Running.number();
            // Its number is of no consequence; that it has one says that it runs.
            entry.id = Some(crc32fast::hash(uuid.as_bytes()) | 1 << 31);
        }
        Ok(entry)
    }
}
