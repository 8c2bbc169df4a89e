//! Storage pools.

use std::sync::Arc;
use std::time::SystemTime;

use plugins_abi::{
    BuildStoragePool, CreateStorageVolume, DefineStoragePool, DeleteStoragePool, ListStoragePools,
    ObjectEvent, StartStoragePool, StoragePoolInfo, StoragePoolLifecycle, StoragePoolSummary, StoragePoolXml,
    storage_pools, storage_volumes,
};
use uuid::Uuid;
use virt_util::{ErrorCode, Result};

use crate::connection::{Connection, secondary};
use crate::event::{Events, Notice, Subscription, time};
use crate::storage_volume::{StorageVolume, StorageVolumeEntry};

/// A storage pool: storage on the host that volumes are made in. Cheap to clone; stays valid while the pool changes, and says
/// so when it is gone.
///
/// ```no_run
/// use virt_core::{Connection, CreateStorageVolume, DefineStoragePool, StartStoragePool};
///
/// let connection = Connection::open("qemu:///system")?;
/// let xml = "<pool type='dir'><name>images</name><target><path>/srv/images</path></target></pool>";
/// let pool = connection.define_storage_pool(xml, DefineStoragePool::empty())?;
/// pool.start(StartStoragePool::WITH_BUILD)?;
/// let xml = "<volume><name>web.qcow2</name><capacity unit='G'>10</capacity>
///   <target><format type='qcow2'/></target></volume>";
/// let volume = pool.create_volume(xml, CreateStorageVolume::empty())?;
/// println!("{}", volume.path());
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StoragePool {
    connection: Connection,
    name: Arc<str>,
    uuid: Uuid,
}

/// A storage pool in a list, with its summary at that moment.
#[derive(Clone, Debug)]
pub struct StoragePoolEntry {
    connection: Connection,
    summary: StoragePoolSummary,
}

impl StoragePoolEntry {
    /// A handle of the pool in this line.
    pub fn pool(&self) -> StoragePool {
        StoragePool::new(&self.connection, &self.summary.name, self.summary.uuid)
    }
}

impl std::ops::Deref for StoragePoolEntry {
    type Target = StoragePoolSummary;

    fn deref(&self) -> &StoragePoolSummary {
        &self.summary
    }
}

/// Something happened to a storage pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoragePoolEvent {
    /// Its number: each event of one driver root has the next one, the same for every reader.
    pub sequence: u64,
    /// When it happened.
    pub time: SystemTime,
    /// The pool's name.
    pub name: String,
    /// What identifies the pool everywhere.
    pub uuid: Uuid,
    /// What.
    pub kind: StoragePoolEventKind,
}

/// What happened to a storage pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoragePoolEventKind {
    /// It was defined, started ...
    Lifecycle(StoragePoolLifecycle),
    /// Its volumes were looked at anew.
    Refresh,
    /// A kind that this version does not know, by its number.
    Other(i32),
}

impl From<ObjectEvent> for StoragePoolEvent {
    fn from(event: ObjectEvent) -> Self {
        use plugins_abi::StoragePoolEventKind as Kind;
        let kind = match Kind::from_number(event.kind) {
            Kind::Lifecycle => {
                StoragePoolEventKind::Lifecycle(StoragePoolLifecycle::from_number(event.event))
            }
            Kind::Refresh => StoragePoolEventKind::Refresh,
            _ => StoragePoolEventKind::Other(event.kind),
        };
        let time = time(event.seconds, event.nanoseconds);
        let uuid = event.uuid.unwrap_or_default();
        Self { sequence: event.sequence, time, name: event.name, uuid, kind }
    }
}

/// A call of the driver of storage: `ask!(connection, storage_pools, list(filter))`.
macro_rules! ask {
    ($connection:expr, $module:ident, $method:ident($($argument:expr),*)) => {{
        let connection = $connection;
        connection.call(|call| {
            secondary!(connection, call, "storage", $module, $module::$method)?.$method(call $(, $argument)*)
        })
    }};
}
pub(crate) use ask;

impl Connection {
    /// The storage pools that `filter` asks for, with everything a list shows, in one call. An empty filter: all.
    ///
    /// # Errors
    ///
    /// `NO_SUPPORT` where no driver has the role `storage`; what that driver says otherwise.
    pub fn storage_pools(&self, filter: ListStoragePools) -> Result<Vec<StoragePoolEntry>> {
        let list = ask!(self, storage_pools, list(filter))?;
        let entry = |summary| StoragePoolEntry { connection: self.clone(), summary };
        Ok(list.into_iter().map(entry).collect())
    }

    /// The storage pool of this name.
    ///
    /// # Errors
    ///
    /// `NO_STORAGE_POOL` when there is none.
    pub fn storage_pool_by_name(&self, name: &str) -> Result<StoragePool> {
        ask!(self, storage_pools, lookup_by_name(name.to_owned())).map(|it| StoragePool::of(self, &it))
    }

    /// A handle of the storage pool that an event is about, gone or not.
    pub fn storage_pool_of(&self, name: &str, uuid: Uuid) -> StoragePool {
        StoragePool::new(self, name, uuid)
    }

    /// The storage pool of this UUID.
    ///
    /// # Errors
    ///
    /// `NO_STORAGE_POOL` when there is none.
    pub fn storage_pool_by_uuid(&self, uuid: Uuid) -> Result<StoragePool> {
        ask!(self, storage_pools, lookup_by_uuid(uuid)).map(|it| StoragePool::of(self, &it))
    }

    /// The running storage pool that shows at this path.
    ///
    /// # Errors
    ///
    /// `NO_STORAGE_POOL` when there is none.
    pub fn storage_pool_by_target_path(&self, path: &str) -> Result<StoragePool> {
        ask!(self, storage_pools, lookup_by_target_path(path.to_owned())).map(|it| StoragePool::of(self, &it))
    }

    /// Gives a storage pool a definition: a new pool, or another definition for the next start of a known one.
    ///
    /// # Errors
    ///
    /// `XML_ERROR` and its kin with the place in the XML; `OPERATION_FAILED` when name and UUID belong to two pools, or another
    /// pool has the same storage.
    pub fn define_storage_pool(&self, xml: &str, flags: DefineStoragePool) -> Result<StoragePool> {
        ask!(self, storage_pools, define(xml.to_owned(), flags)).map(|it| StoragePool::of(self, &it))
    }

    /// Starts a storage pool that vanishes when it stops.
    ///
    /// # Errors
    ///
    /// As [`Connection::define_storage_pool`] and [`StoragePool::start`].
    pub fn create_storage_pool(&self, xml: &str, flags: StartStoragePool) -> Result<StoragePool> {
        ask!(self, storage_pools, create_xml(xml.to_owned(), flags)).map(|it| StoragePool::of(self, &it))
    }

    /// Storage of this type (`netfs`, `logical` ...) that a pool could be made of, as `<sources>`; `source` is a `<source>`
    /// that says where to look.
    ///
    /// # Errors
    ///
    /// `NO_SUPPORT` for types that cannot be looked for.
    pub fn find_storage_pool_sources(&self, kind: &str, source: Option<&str>) -> Result<String> {
        let source = source.map(str::to_owned);
        ask!(self, storage_pools, find_sources(kind.to_owned(), source))
    }

    /// Starts every storage pool that starts with the host, and takes over those that are there already (mounted, logged in
    /// to, switched on); answers the errors of those that did not, and nothing where no driver has storage.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn start_storage_pools(&self) -> Result<Vec<String>> {
        match ask!(self, storage_pools, host_start()) {
            Err(error) if error.code() == ErrorCode::NO_SUPPORT => Ok(Vec::new()),
            other => other,
        }
    }

    /// Which types of storage pools there can be, as XML.
    ///
    /// # Errors
    ///
    /// As for [`Connection::storage_pools`].
    pub fn storage_pool_capabilities(&self) -> Result<String> {
        ask!(self, storage_pools, capabilities())
    }

    /// The volume with this key, in any storage pool that runs.
    ///
    /// # Errors
    ///
    /// `NO_STORAGE_VOL` when there is none.
    pub fn storage_volume_by_key(&self, key: &str) -> Result<StorageVolume> {
        ask!(self, storage_volumes, lookup_by_key(key.to_owned())).map(|it| StorageVolume::new(self, it))
    }

    /// The volume at this path, in any storage pool that runs.
    ///
    /// # Errors
    ///
    /// `NO_STORAGE_VOL` when there is none.
    pub fn storage_volume_by_path(&self, path: &str) -> Result<StorageVolume> {
        ask!(self, storage_volumes, lookup_by_path(path.to_owned())).map(|it| StorageVolume::new(self, it))
    }

    /// What happens to storage pools from now on, as a blocking iterator.
    ///
    /// # Errors
    ///
    /// As for [`Connection::storage_pools`].
    pub fn storage_pool_events(&self) -> Result<Events<StoragePoolEvent>> {
        let source = ask!(self, storage_pools, subscribe(None))?;
        Ok(Events::new(self.clone(), source))
    }

    /// Calls `callback` for everything that happens to storage pools from now on, on a thread of its own, until the
    /// subscription is dropped.
    ///
    /// # Errors
    ///
    /// As for [`Connection::storage_pools`].
    pub fn on_storage_pool_event(
        &self,
        callback: impl FnMut(Notice<StoragePoolEvent>) + Send + 'static,
    ) -> Result<Subscription> {
        Subscription::new(self.storage_pool_events()?, callback)
    }
}

/// Calls about one pool, each a line.
macro_rules! calls {
    ($($(#[doc = $doc:expr])* fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty = $method:ident;)*) => {$(
        $(#[doc = $doc])*
        pub fn $name(&self $(, $arg: $ty)*) -> Result<$ret> {
            ask!(&self.connection, storage_pools, $method(self.uuid $(, $arg)*))
        }
    )*};
}

impl StoragePool {
    pub(crate) fn new(connection: &Connection, name: &str, uuid: Uuid) -> Self {
        Self { connection: connection.clone(), name: name.into(), uuid }
    }

    fn of(connection: &Connection, summary: &StoragePoolSummary) -> Self {
        Self::new(connection, &summary.name, summary.uuid)
    }

    /// Its name, as it was when this handle was made.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What identifies it everywhere; it never changes.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The connection it belongs to.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    calls! {
        /// Starts it: it is there on the host, and its volumes are known.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it runs already; what the storage says.
        fn start(flags: StartStoragePool) -> () = create;

        /// Makes its storage: a directory, a file system, a volume group ...
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it runs; `STORAGE_POOL_BUILT` when something is there.
        fn build(flags: BuildStoragePool) -> () = build;

        /// Stops it. What is stored stays; a pool without a definition is forgotten.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is off.
        fn destroy() -> () = destroy;

        /// Removes its storage.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it runs.
        fn delete(flags: DeleteStoragePool) -> () = delete;

        /// Takes its definition away.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it runs.
        fn undefine() -> () = undefine;

        /// Looks at its volumes anew.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is off; what the storage says, and then the pool is off.
        fn refresh() -> () = refresh;

        /// State and sizes.
        ///
        /// # Errors
        ///
        /// `NO_STORAGE_POOL` when it is gone.
        fn info() -> StoragePoolInfo = info;

        /// What a list shows of it.
        ///
        /// # Errors
        ///
        /// `NO_STORAGE_POOL` when it is gone.
        fn summary() -> StoragePoolSummary = summary;

        /// Its XML.
        ///
        /// # Errors
        ///
        /// `NO_STORAGE_POOL` when it is gone.
        fn xml(flags: StoragePoolXml) -> String = xml;

        /// Decides whether it starts with the host.
        ///
        /// # Errors
        ///
        /// `INVALID_ARG` when it has no definition.
        fn set_autostart(autostart: bool) -> () = set_autostart;
    }

    /// Its volumes, with everything a list shows, in one call.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when it is off.
    pub fn volumes(&self) -> Result<Vec<StorageVolumeEntry>> {
        let list = ask!(&self.connection, storage_volumes, list(self.uuid))?;
        Ok(list.into_iter().map(|summary| StorageVolumeEntry::new(&self.connection, summary)).collect())
    }

    /// The volume of this name.
    ///
    /// # Errors
    ///
    /// `NO_STORAGE_VOL` when there is none; `OPERATION_INVALID` when the pool is off.
    pub fn volume_by_name(&self, name: &str) -> Result<StorageVolume> {
        ask!(&self.connection, storage_volumes, lookup_by_name(self.uuid, name.to_owned()))
            .map(|summary| StorageVolume::new(&self.connection, summary))
    }

    /// Makes a volume.
    ///
    /// # Errors
    ///
    /// `XML_ERROR` and its kin with the place in the XML; `STORAGE_VOL_EXIST`; what the storage says, and then nothing is left
    /// of it.
    pub fn create_volume(&self, xml: &str, flags: CreateStorageVolume) -> Result<StorageVolume> {
        ask!(&self.connection, storage_volumes, create_xml(self.uuid, xml.to_owned(), flags))
            .map(|summary| StorageVolume::new(&self.connection, summary))
    }

    /// Makes a volume with the content of another one.
    ///
    /// # Errors
    ///
    /// As for [`StoragePool::create_volume`].
    pub fn clone_volume(
        &self,
        xml: &str,
        source: &StorageVolume,
        flags: CreateStorageVolume,
    ) -> Result<StorageVolume> {
        let connection = &self.connection;
        let (pool, name) = (source.pool_uuid(), source.name().to_owned());
        ask!(connection, storage_volumes, create_xml_from(self.uuid, xml.to_owned(), pool, name, flags))
            .map(|summary| StorageVolume::new(connection, summary))
    }
}
