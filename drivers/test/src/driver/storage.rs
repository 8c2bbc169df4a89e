//! Storage pools and volumes.

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::StoragePool as Document;
use virt_conf::model::storage_pool_capabilities::{PoolCapability, StoragePoolCapabilities};
use virt_conf::xml::{FormatOptions, ParseOptions, from_str, to_string};
use virt_core::driver::*;

use super::{TestConnection, checked};
use crate::engine::{Happening, Living as _, Pool, Volume, pool};
use crate::error;

/// The types of pools; all can be simulated.
const KINDS: [&str; 14] = [
    "dir",
    "fs",
    "netfs",
    "logical",
    "disk",
    "iscsi",
    "iscsi-direct",
    "scsi",
    "mpath",
    "rbd",
    "sheepdog",
    "gluster",
    "zfs",
    "vstorage",
];

fn read(xml: &str, strict: bool) -> Result<(Document, Uuid)> {
    let mut pool: Document = from_str(xml, &ParseOptions { strict, ..ParseOptions::default() })?;
    let uuid = *pool.uuid.get_or_insert_with(Uuid::new_v4);
    Ok((pool, uuid))
}

impl TestConnection {
    fn ask_pool<R>(&self, pool: Uuid, question: impl FnOnce(&Pool) -> R) -> Result<R> {
        self.node.pools.ask(pool, question)
    }

    /// Something that changes volumes, of which nobody is told.
    fn change_volumes<R>(&self, pool: Uuid, change: impl FnOnce(&mut Pool) -> Result<R>) -> Result<R> {
        self.node.pools.write().change(pool, change)
    }

    /// Something that only an event tells of.
    fn pretend(&self, pool: Uuid, event: StoragePoolLifecycle) -> Result<()> {
        self.node.pools.change(pool, |pool| {
            pool.require_off()?;
            Ok(vec![Happening::lifecycle(event.number())])
        })
    }
}

impl StoragePools for TestConnection {
    fn list(&self, _: &Call, filter: ListStoragePools) -> Result<Vec<StoragePoolSummary>> {
        checked(filter.only(ListStoragePools::all(), "testConnectListAllStoragePools"))?;
        let mut list = self.node.pools.list(Pool::summary);
        list.retain(|pool| filter.accepts(pool));
        Ok(list)
    }

    fn lookup_by_name(&self, _: &Call, name: String) -> Result<StoragePoolSummary> {
        self.node.pools.ask_named(&name, Pool::summary)
    }

    fn lookup_by_uuid(&self, _: &Call, uuid: Uuid) -> Result<StoragePoolSummary> {
        self.ask_pool(uuid, Pool::summary)
    }

    fn lookup_by_target_path(&self, _: &Call, path: String) -> Result<StoragePoolSummary> {
        let pools = self.node.pools.read();
        let found = pools.iter().find(|pool| pool.target_path() == Some(path.as_str()));
        let sentence = || format!("no storage pool with matching target path '{path}'");
        let absent = || Error::new(ErrorCode::NO_STORAGE_POOL, ErrorDomain::TEST, sentence());
        found.map(Pool::summary).ok_or_else(absent)
    }

    fn define(&self, _: &Call, xml: String, flags: DefineStoragePool) -> Result<StoragePoolSummary> {
        checked(flags.only(DefineStoragePool::VALIDATE, "testStoragePoolDefineXML"))?;
        let (pool, uuid) = read(&xml, flags.contains(DefineStoragePool::VALIDATE))?;
        self.node.check_source(&pool, uuid)?;
        self.node.pools.define(&pool.name.clone(), uuid, pool, Pool::summary)
    }

    fn undefine(&self, _: &Call, pool: Uuid) -> Result<()> {
        self.node.pools.undefine(pool)
    }

    fn create_xml(&self, _: &Call, xml: String, flags: StartStoragePool) -> Result<StoragePoolSummary> {
        checked(flags.only(StartStoragePool::all(), "testStoragePoolCreateXML"))?;
        let (pool, uuid) = read(&xml, false)?;
        self.node.check_source(&pool, uuid)?;
        self.node.pools.create_xml(&pool.name.clone(), uuid, pool, Pool::summary)
    }

    fn create(&self, _: &Call, pool: Uuid, flags: StartStoragePool) -> Result<()> {
        checked(flags.only(StartStoragePool::all(), "testStoragePoolCreate"))?;
        self.node.pools.start(pool)
    }

    fn build(&self, _: &Call, pool: Uuid, flags: BuildStoragePool) -> Result<()> {
        checked(flags.only(BuildStoragePool::all(), "testStoragePoolBuild"))?;
        self.pretend(pool, StoragePoolLifecycle::Created)
    }

    fn destroy(&self, _: &Call, pool: Uuid) -> Result<()> {
        self.node.pools.stop(pool)
    }

    fn delete(&self, _: &Call, pool: Uuid, flags: DeleteStoragePool) -> Result<()> {
        checked(flags.only(DeleteStoragePool::all(), "testStoragePoolDelete"))?;
        self.pretend(pool, StoragePoolLifecycle::Deleted)
    }

    fn refresh(&self, _: &Call, pool: Uuid) -> Result<()> {
        self.node.pools.change(pool, |pool| {
            pool.require_active()?;
            Ok(vec![Happening { kind: StoragePoolEventKind::Refresh.number(), ..Happening::default() }])
        })
    }

    fn info(&self, _: &Call, pool: Uuid) -> Result<StoragePoolInfo> {
        self.ask_pool(pool, Pool::info)
    }

    fn summary(&self, _: &Call, pool: Uuid) -> Result<StoragePoolSummary> {
        self.ask_pool(pool, Pool::summary)
    }

    fn xml(&self, _: &Call, pool: Uuid, flags: StoragePoolXml) -> Result<String> {
        checked(flags.only(StoragePoolXml::INACTIVE, "testStoragePoolGetXMLDesc"))?;
        self.ask_pool(pool, |pool| pool.xml(flags.contains(StoragePoolXml::INACTIVE)))
    }

    fn set_autostart(&self, _: &Call, pool: Uuid, autostart: bool) -> Result<()> {
        self.node.pools.change(pool, |pool| {
            if !pool.life().is_persistent() {
                return Err(error::argument("pool has no config file"));
            }
            pool.life_mut().autostart = autostart;
            Ok(Vec::new())
        })
    }

    fn find_sources(&self, _: &Call, kind: String, source: Option<String>) -> Result<String> {
        pool::find_sources(&kind, source.as_deref())
    }

    fn capabilities(&self, _: &Call) -> Result<String> {
        let pool = |kind: &str| PoolCapability {
            kind: kind.to_owned(),
            supported: true,
            pool_options: None,
            volume_options: None,
        };
        let pools = StoragePoolCapabilities { pools: KINDS.into_iter().map(pool).collect() };
        Ok(to_string(&pools, FormatOptions::default()))
    }

    fn subscribe(&self, _: &Call, from: Option<u64>) -> Result<Arc<dyn ObjectEventSource>> {
        Ok(Arc::new(self.node.pools.subscribe(from)?))
    }

    fn host_start(&self, _: &Call) -> Result<Vec<String>> {
        Ok(self.node.pools.start_all())
    }

    fn recover(&self, _: &Call) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

impl StorageVolumes for TestConnection {
    fn list(&self, _: &Call, pool: Uuid) -> Result<Vec<StorageVolumeSummary>> {
        self.ask_pool(pool, Pool::volume_summaries)?
    }

    fn lookup_by_name(&self, _: &Call, pool: Uuid, name: String) -> Result<StorageVolumeSummary> {
        self.ask_pool(pool, |pool| pool.volume_summary(&name))?
    }

    fn lookup_by_key(&self, _: &Call, key: String) -> Result<StorageVolumeSummary> {
        self.node.volume_by_key(&key)
    }

    fn lookup_by_path(&self, _: &Call, path: String) -> Result<StorageVolumeSummary> {
        self.node.volume_by_path(&path)
    }

    fn create_xml(
        &self,
        _: &Call,
        pool: Uuid,
        xml: String,
        flags: CreateStorageVolume,
    ) -> Result<StorageVolumeSummary> {
        let handled = CreateStorageVolume::PREALLOC_METADATA | CreateStorageVolume::VALIDATE;
        checked(flags.only(handled, "testStorageVolCreateXML"))?;
        self.change_volumes(pool, |pool| pool.create_volume(&xml, flags))
    }

    fn create_xml_from(
        &self,
        _: &Call,
        pool: Uuid,
        xml: String,
        source_pool: Uuid,
        source: String,
        flags: CreateStorageVolume,
    ) -> Result<StorageVolumeSummary> {
        checked(flags.only(CreateStorageVolume::all(), "testStorageVolCreateXMLFrom"))?;
        let original = self.ask_pool(source_pool, |pool| pool.volume(&source).cloned())??;
        self.change_volumes(pool, |pool| pool.clone_volume(&xml, &original, flags))
    }

    fn delete(&self, _: &Call, pool: Uuid, volume: String, flags: DeleteStorageVolume) -> Result<()> {
        checked(flags.only(DeleteStorageVolume::all(), "testStorageVolDelete"))?;
        self.change_volumes(pool, |pool| pool.delete_volume(&volume))
    }

    fn wipe(&self, _: &Call, pool: Uuid, volume: String, _: WipeAlgorithm) -> Result<()> {
        self.change_volumes(pool, |pool| pool.wipe_volume(&volume))
    }

    fn resize(
        &self,
        _: &Call,
        pool: Uuid,
        volume: String,
        capacity: u64,
        flags: ResizeStorageVolume,
    ) -> Result<()> {
        checked(flags.only(ResizeStorageVolume::all(), "testStorageVolResize"))?;
        self.change_volumes(pool, |pool| pool.resize_volume(&volume, capacity, flags))
    }

    fn info(
        &self,
        _: &Call,
        pool: Uuid,
        volume: String,
        flags: StorageVolumeInfoFlags,
    ) -> Result<StorageVolumeInfo> {
        checked(flags.only(StorageVolumeInfoFlags::all(), "testStorageVolGetInfoFlags"))?;
        self.ask_pool(pool, |pool| pool.volume(&volume).map(Volume::info))?
    }

    fn xml(&self, _: &Call, pool: Uuid, volume: String) -> Result<String> {
        self.ask_pool(pool, |pool| pool.volume(&volume).map(Volume::xml))?
    }

    fn upload(
        &self,
        _: &Call,
        pool: Uuid,
        volume: String,
        offset: u64,
        length: u64,
        flags: TransferStorageVolume,
    ) -> Result<Arc<dyn Stream>> {
        checked(flags.only(TransferStorageVolume::all(), "testStorageVolUpload"))?;
        self.node.upload(pool, &volume, (offset, length))
    }

    fn download(
        &self,
        _: &Call,
        pool: Uuid,
        volume: String,
        offset: u64,
        length: u64,
        flags: TransferStorageVolume,
    ) -> Result<Arc<dyn Stream>> {
        checked(flags.only(TransferStorageVolume::all(), "testStorageVolDownload"))?;
        let sparse = flags.contains(TransferStorageVolume::SPARSE_STREAM);
        self.node.download(pool, &volume, (offset, length), sparse)
    }
}
