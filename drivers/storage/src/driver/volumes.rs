//! Volumes.

use std::sync::Arc;

use uuid::Uuid;
use virt_core::driver::*;

use super::Connection;

impl StorageVolumes for Connection {
    fn list(&self, _: &Call, pool: Uuid) -> Result<Vec<StorageVolumeSummary>> {
        self.engine.volumes(pool)
    }

    fn lookup_by_name(&self, _: &Call, pool: Uuid, name: String) -> Result<StorageVolumeSummary> {
        self.engine.volume(pool, &name)
    }

    fn lookup_by_key(&self, _: &Call, key: String) -> Result<StorageVolumeSummary> {
        self.engine.volume_by_key(&key)
    }

    fn lookup_by_path(&self, _: &Call, path: String) -> Result<StorageVolumeSummary> {
        self.engine.volume_by_path(&path)
    }

    fn create_xml(
        &self,
        call: &Call,
        pool: Uuid,
        xml: String,
        flags: CreateStorageVolume,
    ) -> Result<StorageVolumeSummary> {
        let handled = CreateStorageVolume::PREALLOC_METADATA | CreateStorageVolume::VALIDATE;
        flags.only(handled, "storageVolCreateXML")?;
        self.engine.create_volume(pool, &xml, flags, call)
    }

    fn create_xml_from(
        &self,
        call: &Call,
        pool: Uuid,
        xml: String,
        source_pool: Uuid,
        source: String,
        flags: CreateStorageVolume,
    ) -> Result<StorageVolumeSummary> {
        flags.only(CreateStorageVolume::all(), "storageVolCreateXMLFrom")?;
        self.engine.clone_volume(pool, &xml, (source_pool, &source), flags, call)
    }

    fn delete(&self, call: &Call, pool: Uuid, volume: String, flags: DeleteStorageVolume) -> Result<()> {
        flags.only(DeleteStorageVolume::all(), "storageVolDelete")?;
        self.engine.delete_volume(pool, &volume, flags.contains(DeleteStorageVolume::ZEROED), call)
    }

    fn wipe(&self, call: &Call, pool: Uuid, volume: String, algorithm: WipeAlgorithm) -> Result<()> {
        self.engine.wipe_volume(pool, &volume, algorithm, call)
    }

    fn resize(
        &self,
        call: &Call,
        pool: Uuid,
        volume: String,
        capacity: u64,
        flags: ResizeStorageVolume,
    ) -> Result<()> {
        flags.only(ResizeStorageVolume::all(), "storageVolResize")?;
        self.engine.resize_volume(pool, &volume, capacity, flags, call)
    }

    fn info(
        &self,
        call: &Call,
        pool: Uuid,
        volume: String,
        flags: StorageVolumeInfoFlags,
    ) -> Result<StorageVolumeInfo> {
        flags.only(StorageVolumeInfoFlags::all(), "storageVolGetInfoFlags")?;
        self.engine.volume_info(pool, &volume, flags.contains(StorageVolumeInfoFlags::GET_PHYSICAL), call)
    }

    fn xml(&self, call: &Call, pool: Uuid, volume: String) -> Result<String> {
        self.engine.volume_xml(pool, &volume, call)
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
        flags.only(TransferStorageVolume::all(), "storageVolUpload")?;
        self.engine.upload(pool, &volume, (offset, length))
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
        flags.only(TransferStorageVolume::all(), "storageVolDownload")?;
        let sparse = flags.contains(TransferStorageVolume::SPARSE_STREAM);
        self.engine.download(pool, &volume, (offset, length), sparse)
    }
}
