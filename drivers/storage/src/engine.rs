//! What can be done to pools, on plain values.

mod volumes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;
use virt_conf::model::storage_pool::{FreeExtent, SourceSearch, StoragePoolKind};
use virt_conf::model::{Bytes, StoragePool};
use virt_conf::xml::{FormatOptions, ParseOptions};
use virt_core::driver::{
    BuildStoragePool, Call, DeleteStoragePool, Host, ListStoragePools, StartStoragePool,
    StoragePoolEventKind, StoragePoolInfo, StoragePoolLifecycle, StoragePoolState, StoragePoolSummary,
};
use virt_util::Result;
use virt_util::index::Entry;
use virt_util::lock::Lock;
use virt_util::root::Root;

use crate::backend::{Ask, Where};
use crate::content::Content;
use crate::store::{KIND, Store};
use crate::{backend, error, making};

/// The pools of one root.
pub(crate) struct Engine {
    store: Store,
    host: Host,
    uri: String,
    contents: Mutex<HashMap<Uuid, Arc<Content>>>,
}

impl Engine {
    pub(crate) fn open(root: Root, host: Host, uri: String) -> Result<Self> {
        Ok(Self { store: Store::open(root)?, host, uri, contents: Mutex::default() })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// What is known of the volumes of a pool.
    fn content(&self, pool: Uuid) -> Result<Arc<Content>> {
        let dir = self.store.root().run().subdir("volumes")?;
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(contents.entry(pool).or_insert_with(|| Arc::new(Content::new(dir, pool))).clone())
    }

    pub(crate) fn list(&self, filter: ListStoragePools) -> Result<Vec<StoragePoolSummary>> {
        let entries = self.store.index().list()?;
        let summaries = entries.iter().map(|entry| self.summary(entry));
        Ok(summaries.filter(|pool| filter.accepts(pool)).collect())
    }

    pub(crate) fn summary(&self, entry: &Entry) -> StoragePoolSummary {
        let info = self.info(entry).unwrap_or(OFF);
        StoragePoolSummary {
            name: entry.name.clone(),
            uuid: entry.uuid,
            state: info.state,
            kind: entry.notes.get(KIND).cloned().unwrap_or_default(),
            persistent: entry.is_persistent(),
            autostart: entry.autostart,
            capacity: info.capacity,
            allocation: info.allocation,
            available: info.available,
        }
    }

    pub(crate) fn info(&self, entry: &Entry) -> Result<StoragePoolInfo> {
        if !entry.is_active() {
            return Ok(OFF);
        }
        // Of a pool of files, its directory knows.
        let has_files = matches!(entry.notes.get(KIND).map(String::as_str), Some("dir" | "fs" | "netfs"));
        let space = if has_files { None } else { self.content(entry.uuid)?.space()? };
        Ok(backend::info(&self.store.running(entry)?, space.as_ref()))
    }

    fn ask<'a>(&'a self, pool: &'a StoragePool, call: &'a Call) -> Ask<'a> {
        Ask { pool, call, host: &self.host, uri: &self.uri }
    }

    pub(crate) fn by_target_path(&self, path: &str) -> Result<StoragePoolSummary> {
        let wanted = path.trim_end_matches('/');
        for entry in self.store.index().list()?.iter().filter(|entry| entry.is_active()) {
            if self.store.running(entry)?.target_path() == Some(wanted) {
                return Ok(self.summary(entry));
            }
        }
        Err(error::no_pool(format!("no storage pool with matching target path '{path}'")))
    }

    pub(crate) fn xml(&self, uuid: Uuid, inactive: bool) -> Result<String> {
        let entry = self.store.by_uuid(uuid)?;
        let mut pool = match inactive || !entry.is_active() {
            true => self.store.definition(&entry)?,
            false => self.store.running(&entry)?,
        };
        let info = self.info(&entry)?;
        (pool.capacity, pool.allocation, pool.available) =
            (Bytes(info.capacity), Bytes(info.allocation), Bytes(info.available));
        if let StoragePoolKind::Disk(disk) = &mut pool.kind
            && entry.is_active()
            && let (Some(device), Some(space)) =
                (disk.source.devices.first_mut(), self.content(uuid)?.space()?)
        {
            device.free_extents =
                space.free.iter().map(|(start, end)| FreeExtent { start: *start, end: *end }).collect();
        }
        Ok(virt_conf::xml::to_string(&pool, FormatOptions::default()))
    }

    pub(crate) fn define(&self, pool: &StoragePool, call: &Call) -> Result<StoragePoolSummary> {
        let uuid = check(pool)?;
        let mut lock = self.store.index().lock("defining a storage pool", call.wait())?;
        self.store.check_unique(pool, uuid)?;
        let entry = self.store.write_definition(&mut lock, uuid, pool)?;
        self.store.tell(
            &lock,
            &entry,
            StoragePoolEventKind::Lifecycle,
            StoragePoolLifecycle::Defined.number(),
        )?;
        Ok(self.summary(&entry))
    }

    pub(crate) fn undefine(&self, uuid: Uuid, call: &Call) -> Result<()> {
        let mut lock = self.store.index().lock("undefining a storage pool", call.wait())?;
        let entry = self.store.by_uuid(uuid)?;
        if entry.is_active() {
            return Err(error::invalid(format!("storage pool '{}' is still active", entry.name)));
        }
        self.store.remove_definition(&mut lock, &entry)?;
        self.store.tell(
            &lock,
            &entry,
            StoragePoolEventKind::Lifecycle,
            StoragePoolLifecycle::Undefined.number(),
        )
    }

    /// Starts a pool that has no definition, or a defined one.
    pub(crate) fn create_xml(
        &self,
        pool: &StoragePool,
        flags: StartStoragePool,
        call: &Call,
    ) -> Result<StoragePoolSummary> {
        let uuid = check(pool)?;
        let _turn = self.turn(uuid, "starting a storage pool", call)?;
        if let Some(known) = self.store.check_unique(pool, uuid)?
            && known.is_active()
        {
            return Err(error::invalid(format!("pool is already active as '{}'", known.name)));
        }
        self.start(uuid, pool.clone(), flags, call)
    }

    pub(crate) fn create(&self, uuid: Uuid, flags: StartStoragePool, call: &Call) -> Result<()> {
        let _turn = self.turn(uuid, "starting a storage pool", call)?;
        let entry = self.store.by_uuid(uuid)?;
        self.refuse_active(&entry, "already")?;
        self.start(uuid, self.store.definition(&entry)?, flags, call).map(drop)
    }

    /// The caller has the pool's lock.
    fn start(
        &self,
        uuid: Uuid,
        mut pool: StoragePool,
        flags: StartStoragePool,
        call: &Call,
    ) -> Result<StoragePoolSummary> {
        let backend = backend::of(&pool.kind)?;
        let builds = [
            (StartStoragePool::WITH_BUILD, BuildStoragePool::empty()),
            (StartStoragePool::WITH_BUILD_OVERWRITE, BuildStoragePool::OVERWRITE),
            (StartStoragePool::WITH_BUILD_NO_OVERWRITE, BuildStoragePool::NO_OVERWRITE),
        ];
        let build = builds.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, build)| build);
        if let Some(build) = build.reduce(|one, other| one | other) {
            backend.build(&self.ask(&pool, call), build)?;
        }
        making::recover_all(self.store.root())?;
        let found =
            matches!(pool.kind, StoragePoolKind::Scsi(_)) && backend.is_active(&self.ask(&pool, call))?;
        backend.start(&self.ask(&pool, call))?;
        if !found {
            backend::note_made(&mut pool);
        }
        self.begin(uuid, &mut pool, call)
    }

    /// Looks at the volumes of a pool that is on the host, and writes that it runs; what cannot be looked at is taken away
    /// again. The caller has the pool's lock.
    fn begin(&self, uuid: Uuid, pool: &mut StoragePool, call: &Call) -> Result<StoragePoolSummary> {
        let backend = backend::of(&pool.kind)?;
        let content = self.content(uuid)?;
        let ask = self.ask(pool, call);
        let found = backend
            .refresh(&ask, &*content.volumes()?)
            .and_then(|found| content.replace(Arc::new(found.volumes), found.space))
            .inspect_err(|_| {
                // Whoever gave up is not asked again.
                if let Err(error) = backend.stop(&self.ask(pool, Call::background())) {
                    log::warn!("{error:#}");
                }
            });
        found?;
        backend::note_permissions(pool);
        let mut lock = self.store.index().lock("starting a storage pool", call.wait())?;
        // Somebody else may have taken its name or storage meanwhile.
        self.store.check_unique(pool, uuid)?;
        let entry = self.store.write_status(&mut lock, uuid, pool)?;
        self.store.tell(
            &lock,
            &entry,
            StoragePoolEventKind::Lifecycle,
            StoragePoolLifecycle::Started.number(),
        )?;
        Ok(self.summary(&entry))
    }

    pub(crate) fn build(&self, uuid: Uuid, flags: BuildStoragePool, call: &Call) -> Result<()> {
        let _turn = self.turn(uuid, "building a storage pool", call)?;
        let entry = self.store.by_uuid(uuid)?;
        self.refuse_active(&entry, "already")?;
        let pool = self.store.definition(&entry)?;
        backend::of(&pool.kind)?.build(&self.ask(&pool, call), flags)?;
        let lock = self.store.index().lock("building a storage pool", call.wait())?;
        self.store.tell(
            &lock,
            &entry,
            StoragePoolEventKind::Lifecycle,
            StoragePoolLifecycle::Created.number(),
        )
    }

    pub(crate) fn destroy(&self, uuid: Uuid, call: &Call) -> Result<()> {
        let _turn = self.turn(uuid, "stopping a storage pool", call)?;
        let entry = self.store.by_uuid(uuid)?;
        let pool = self.store.running(&entry)?;
        backend::of(&pool.kind)?.stop(&self.ask(&pool, call))?;
        self.off(&entry, call)
    }

    /// Writes that a pool is off. The caller has the pool's lock.
    fn off(&self, entry: &Entry, call: &Call) -> Result<()> {
        let mut lock = self.store.index().lock("stopping a storage pool", call.wait())?;
        self.store.remove_status(&mut lock, entry)?;
        self.content(entry.uuid)?.clear()?;
        self.store.tell(&lock, entry, StoragePoolEventKind::Lifecycle, StoragePoolLifecycle::Stopped.number())
    }

    pub(crate) fn delete(&self, uuid: Uuid, flags: DeleteStoragePool, call: &Call) -> Result<()> {
        let _turn = self.turn(uuid, "deleting a storage pool", call)?;
        let entry = self.store.by_uuid(uuid)?;
        self.refuse_active(&entry, "still")?;
        if flags.contains(DeleteStoragePool::ZEROED) {
            return Err(error::unsupported("the storage of a pool cannot be written over as a whole"));
        }
        let pool = self.store.definition(&entry)?;
        backend::of(&pool.kind)?.delete(&self.ask(&pool, call))?;
        let lock = self.store.index().lock("deleting a storage pool", call.wait())?;
        self.store.tell(
            &lock,
            &entry,
            StoragePoolEventKind::Lifecycle,
            StoragePoolLifecycle::Deleted.number(),
        )
    }

    /// Looks at its volumes anew; a pool that cannot be looked at is off.
    pub(crate) fn refresh(&self, uuid: Uuid, call: &Call) -> Result<()> {
        let _turn = self.turn(uuid, "refreshing a storage pool", call)?;
        let entry = self.store.by_uuid(uuid)?;
        let pool = self.store.running(&entry)?;
        making::recover_all(self.store.root())?;
        let content = self.content(uuid)?;
        let backend = backend::of(&pool.kind)?;
        match backend.refresh(&self.ask(&pool, call), &*content.volumes()?) {
            Ok(found) => content.replace(Arc::new(found.volumes), found.space)?,
            // Whoever gave up has found out nothing about the pool.
            Err(error) if call.check().is_err() => return Err(error),
            Err(error) => {
                if let Err(stop) = backend.stop(&self.ask(&pool, call)) {
                    log::warn!("{stop:#}");
                }
                self.off(&entry, call)?;
                return Err(error);
            }
        }
        let lock = self.store.index().lock("refreshing a storage pool", call.wait())?;
        self.store.tell(&lock, &entry, StoragePoolEventKind::Refresh, 0)
    }

    pub(crate) fn set_autostart(&self, uuid: Uuid, autostart: bool, call: &Call) -> Result<()> {
        let mut lock = self.store.index().lock("changing a storage pool", call.wait())?;
        let entry = self.store.by_uuid(uuid)?;
        self.store.set_autostart(&mut lock, &entry, autostart)
    }

    /// Takes over the pools that somebody else brought to the host, and starts those that start with it; answers the errors.
    pub(crate) fn host_start(&self, call: &Call) -> Result<Vec<String>> {
        let entries = self.store.index().list()?;
        let start = |entry: &Arc<Entry>| {
            let started = match self.take_over(entry.uuid, call) {
                Ok(false) if entry.autostart => self.create(entry.uuid, StartStoragePool::empty(), call),
                other => other.map(drop),
            };
            started.err().map(|error| format!("{}: {error}", entry.name))
        };
        Ok(entries.iter().filter(|entry| !entry.is_active()).filter_map(start).collect())
    }

    /// A pool that is off here and on the host already (mounted, logged in, switched on) is on; whether it was so.
    fn take_over(&self, uuid: Uuid, call: &Call) -> Result<bool> {
        let _turn = self.turn(uuid, "starting a storage pool", call)?;
        let entry = self.store.by_uuid(uuid)?;
        if entry.is_active() {
            return Ok(true);
        }
        let mut pool = self.store.definition(&entry)?;
        // Nobody here knows of it, so that nobody else can have started it.
        let Ok(backend) = backend::of(&pool.kind) else { return Ok(false) };
        if !backend.is_active(&self.ask(&pool, call))? {
            return Ok(false);
        }
        self.begin(uuid, &mut pool, call).map(|_| true)
    }

    /// What pools of this type could be made of.
    pub(crate) fn find_sources(&self, kind: &str, source: Option<&str>, call: &Call) -> Result<String> {
        let unknown = || error::unsupported(format!("unknown storage pool type {kind}"));
        ListStoragePools::of_kind(kind).ok_or_else(unknown)?;
        let place =
            source.map(|source| virt_conf::xml::from_str::<SourceSearch>(source, &ParseOptions::default()));
        let place = place.transpose()?.map(|it| Where { hosts: it.hosts, initiator: it.initiator });
        match backend::named(kind) {
            Some(backend) => backend.find_sources(kind, place.as_ref(), call),
            None => Err(backend::no_support(format!("pool type '{kind}' does not support source discovery"))),
        }
    }

    pub(crate) fn recover(&self) -> Result<Vec<String>> {
        making::recover_all(self.store.root())
    }

    fn refuse_active(&self, entry: &Entry, word: &str) -> Result<()> {
        match entry.is_active() {
            true => Err(error::invalid(format!("storage pool '{}' is {word} active", entry.name))),
            false => Ok(()),
        }
    }

    fn turn(&self, uuid: Uuid, purpose: &str, call: &Call) -> Result<Lock> {
        self.store.lock_pool(uuid, purpose, call.wait())
    }
}

const OFF: StoragePoolInfo =
    StoragePoolInfo { state: StoragePoolState::Inactive, capacity: 0, allocation: 0, available: 0 };

/// Refuses names that cannot be a file's; the pool's UUID.
fn check(pool: &StoragePool) -> Result<Uuid> {
    let name = pool.name.as_str();
    if name.contains(char::is_control) || name == "." || name == ".." || name.len() > 200 {
        return Err(error::argument(format!("'{}' cannot be a storage pool's name", name.escape_default())));
    }
    Ok(pool.uuid.unwrap_or_else(Uuid::new_v4))
}

#[cfg(test)]
mod tests;
