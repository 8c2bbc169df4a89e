//! What can be done to pools, on plain values.

mod volumes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;
use virt_conf::model::{Bytes, StoragePool};
use virt_conf::xml::FormatOptions;
use virt_core::driver::{
    BuildStoragePool, Call, DeleteStoragePool, Host, ListStoragePools, StartStoragePool,
    StoragePoolEventKind, StoragePoolInfo, StoragePoolLifecycle, StoragePoolState, StoragePoolSummary,
};
use virt_util::Result;
use virt_util::index::Entry;
use virt_util::lock::Lock;
use virt_util::root::Root;

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
        if entry.is_active() { Ok(backend::info(&self.store.running(entry)?)) } else { Ok(OFF) }
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
        let builds = [
            (StartStoragePool::WITH_BUILD, BuildStoragePool::empty()),
            (StartStoragePool::WITH_BUILD_OVERWRITE, BuildStoragePool::OVERWRITE),
            (StartStoragePool::WITH_BUILD_NO_OVERWRITE, BuildStoragePool::NO_OVERWRITE),
        ];
        let build = builds.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, build)| build);
        if let Some(build) = build.reduce(|one, other| one | other) {
            backend::build(&pool, build, call)?;
        }
        making::recover_all(self.store.root())?;
        backend::start(&pool, call)?;
        let content = self.content(uuid)?;
        let found = backend::volumes(&pool, &*content.volumes()?, call)
            .and_then(|volumes| content.replace(Arc::new(volumes)))
            .inspect_err(|_| {
                if let Err(error) = backend::stop(&pool, call) {
                    log::warn!("{error:#}");
                }
            });
        found?;
        backend::note_permissions(&mut pool);
        let mut lock = self.store.index().lock("starting a storage pool", call.wait())?;
        // Somebody else may have taken its name or storage meanwhile.
        self.store.check_unique(&pool, uuid)?;
        let entry = self.store.write_status(&mut lock, uuid, &pool)?;
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
        backend::build(&self.store.definition(&entry)?, flags, call)?;
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
        backend::stop(&pool, call)?;
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
            return Err(error::unsupported("the storage of a directory cannot be written over as a whole"));
        }
        backend::delete(&self.store.definition(&entry)?)?;
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
        match backend::volumes(&pool, &*content.volumes()?, call) {
            Ok(volumes) => content.replace(Arc::new(volumes))?,
            // Whoever gave up has found out nothing about the pool.
            Err(error) if call.check().is_err() => return Err(error),
            Err(error) => {
                if let Err(stop) = backend::stop(&pool, call) {
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

    /// Starts every pool that starts with the host; answers the errors.
    pub(crate) fn host_start(&self, call: &Call) -> Result<Vec<String>> {
        let entries = self.store.index().list()?;
        let waiting = entries.iter().filter(|entry| entry.autostart && !entry.is_active());
        let start = |entry: &Arc<Entry>| {
            let started = self.create(entry.uuid, StartStoragePool::empty(), call);
            started.err().map(|error| format!("{}: {error}", entry.name))
        };
        Ok(waiting.filter_map(start).collect())
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
