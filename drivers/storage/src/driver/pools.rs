//! Pools.

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::StoragePool;
use virt_conf::xml::ParseOptions;
use virt_core::driver::*;

use super::Connection;

impl StoragePools for Connection {
    fn list(&self, _: &Call, filter: ListStoragePools) -> Result<Vec<StoragePoolSummary>> {
        filter.only(ListStoragePools::all(), "storageConnectListAllStoragePools")?;
        self.engine.list(filter)
    }

    fn lookup_by_name(&self, _: &Call, name: String) -> Result<StoragePoolSummary> {
        self.engine.store().by_name(&name).map(|entry| self.engine.summary(&entry))
    }

    fn lookup_by_uuid(&self, _: &Call, uuid: Uuid) -> Result<StoragePoolSummary> {
        self.engine.store().by_uuid(uuid).map(|entry| self.engine.summary(&entry))
    }

    fn lookup_by_target_path(&self, _: &Call, path: String) -> Result<StoragePoolSummary> {
        self.engine.by_target_path(&path)
    }

    fn define(&self, call: &Call, xml: String, flags: DefineStoragePool) -> Result<StoragePoolSummary> {
        flags.only(DefineStoragePool::VALIDATE, "storagePoolDefineXML")?;
        let strict = flags.contains(DefineStoragePool::VALIDATE);
        let options = ParseOptions { strict, ..ParseOptions::default() };
        let pool: StoragePool = virt_conf::xml::from_str(&xml, &options)?;
        self.engine.define(&pool, call)
    }

    fn undefine(&self, call: &Call, pool: Uuid) -> Result<()> {
        self.engine.undefine(pool, call)
    }

    fn create_xml(&self, call: &Call, xml: String, flags: StartStoragePool) -> Result<StoragePoolSummary> {
        flags.only(StartStoragePool::all(), "storagePoolCreateXML")?;
        let pool: StoragePool = virt_conf::xml::from_str(&xml, &ParseOptions::default())?;
        self.engine.create_xml(&pool, flags, call)
    }

    fn create(&self, call: &Call, pool: Uuid, flags: StartStoragePool) -> Result<()> {
        flags.only(StartStoragePool::all(), "storagePoolCreate")?;
        self.engine.create(pool, flags, call)
    }

    fn build(&self, call: &Call, pool: Uuid, flags: BuildStoragePool) -> Result<()> {
        flags.only(BuildStoragePool::OVERWRITE | BuildStoragePool::NO_OVERWRITE, "storagePoolBuild")?;
        self.engine.build(pool, flags, call)
    }

    fn destroy(&self, call: &Call, pool: Uuid) -> Result<()> {
        self.engine.destroy(pool, call)
    }

    fn delete(&self, call: &Call, pool: Uuid, flags: DeleteStoragePool) -> Result<()> {
        flags.only(DeleteStoragePool::ZEROED, "storagePoolDelete")?;
        self.engine.delete(pool, flags, call)
    }

    fn refresh(&self, call: &Call, pool: Uuid) -> Result<()> {
        self.engine.refresh(pool, call)
    }

    fn info(&self, _: &Call, pool: Uuid) -> Result<StoragePoolInfo> {
        self.engine.info(&*self.engine.store().by_uuid(pool)?)
    }

    fn summary(&self, _: &Call, pool: Uuid) -> Result<StoragePoolSummary> {
        self.engine.store().by_uuid(pool).map(|entry| self.engine.summary(&entry))
    }

    fn xml(&self, _: &Call, pool: Uuid, flags: StoragePoolXml) -> Result<String> {
        flags.only(StoragePoolXml::INACTIVE, "storagePoolGetXMLDesc")?;
        self.engine.xml(pool, flags.contains(StoragePoolXml::INACTIVE))
    }

    fn set_autostart(&self, call: &Call, pool: Uuid, autostart: bool) -> Result<()> {
        self.engine.set_autostart(pool, autostart, call)
    }

    fn find_sources(&self, call: &Call, kind: String, source: Option<String>) -> Result<String> {
        self.engine.find_sources(&kind, source.as_deref(), call)
    }

    fn capabilities(&self, _: &Call) -> Result<String> {
        Ok(super::capabilities::xml())
    }

    fn subscribe(&self, _: &Call, from: Option<u64>) -> Result<Arc<dyn ObjectEventSource>> {
        self.engine.store().log().subscribe(from)
    }

    fn host_start(&self, call: &Call) -> Result<Vec<String>> {
        self.engine.host_start(call)
    }

    fn recover(&self, _: &Call) -> Result<Vec<String>> {
        self.engine.recover()
    }
}
