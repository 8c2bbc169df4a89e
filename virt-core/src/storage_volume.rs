//! Volumes of storage pools.

use std::sync::Arc;

use plugins_abi::{
    DeleteStorageVolume, ResizeStorageVolume, StorageVolumeInfo, StorageVolumeInfoFlags,
    StorageVolumeSummary, TransferStorageVolume, WipeAlgorithm, storage_volumes,
};
use uuid::Uuid;
use virt_util::Result;

use crate::connection::{Connection, secondary};
use crate::storage_pool::{StoragePool, ask};
use crate::stream::Stream;

/// A volume: a disk image, or another thing in a storage pool that guests can use as a disk. Cheap to clone; stays valid while
/// the volume changes, and says so when it is gone.
#[derive(Clone, Debug)]
pub struct StorageVolume {
    connection: Connection,
    summary: Arc<StorageVolumeSummary>,
}

/// A volume in a list, with its summary at that moment.
#[derive(Clone, Debug)]
pub struct StorageVolumeEntry {
    connection: Connection,
    summary: StorageVolumeSummary,
}

impl StorageVolumeEntry {
    pub(crate) fn new(connection: &Connection, summary: StorageVolumeSummary) -> Self {
        Self { connection: connection.clone(), summary }
    }

    /// A handle of the volume in this line.
    pub fn volume(&self) -> StorageVolume {
        StorageVolume::new(&self.connection, self.summary.clone())
    }
}

impl std::ops::Deref for StorageVolumeEntry {
    type Target = StorageVolumeSummary;

    fn deref(&self) -> &StorageVolumeSummary {
        &self.summary
    }
}

/// A call about one volume.
macro_rules! about {
    ($volume:expr, $method:ident($($argument:expr),*)) => {{
        let volume = $volume;
        let (pool, name) = (volume.summary.pool, volume.summary.name.clone());
        ask!(&volume.connection, storage_volumes, $method(pool, name $(, $argument)*))
    }};
}

impl StorageVolume {
    pub(crate) fn new(connection: &Connection, summary: StorageVolumeSummary) -> Self {
        Self { connection: connection.clone(), summary: Arc::new(summary) }
    }

    /// Its name, unique in its pool.
    pub fn name(&self) -> &str {
        &self.summary.name
    }

    /// What identifies it on the host.
    pub fn key(&self) -> &str {
        &self.summary.key
    }

    /// Where it is on the host, or what stands in a path's place there.
    pub fn path(&self) -> &str {
        &self.summary.path
    }

    /// What people call the pool that it is in.
    pub fn pool_name(&self) -> &str {
        &self.summary.pool_name
    }

    /// What identifies the pool that it is in.
    pub fn pool_uuid(&self) -> Uuid {
        self.summary.pool
    }

    /// A handle of the pool that it is in.
    pub fn pool(&self) -> StoragePool {
        StoragePool::new(&self.connection, &self.summary.pool_name, self.summary.pool)
    }

    /// The connection it belongs to.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The same volume, whose calls go through another connection: one with a deadline, or with progress.
    #[must_use]
    pub fn through(&self, connection: &Connection) -> Self {
        Self { connection: connection.clone(), summary: self.summary.clone() }
    }

    /// What a list shows of it, as it is now.
    ///
    /// # Errors
    ///
    /// `NO_STORAGE_VOL` when it is gone.
    pub fn summary(&self) -> Result<StorageVolumeSummary> {
        about!(self, lookup_by_name())
    }

    /// Its sizes.
    ///
    /// # Errors
    ///
    /// `NO_STORAGE_VOL` when it is gone.
    pub fn info(&self, flags: StorageVolumeInfoFlags) -> Result<StorageVolumeInfo> {
        about!(self, info(flags))
    }

    /// Its XML.
    ///
    /// # Errors
    ///
    /// `NO_STORAGE_VOL` when it is gone.
    pub fn xml(&self) -> Result<String> {
        about!(self, xml())
    }

    /// Removes it.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` while it is being made or copied.
    pub fn delete(&self, flags: DeleteStorageVolume) -> Result<()> {
        about!(self, delete(flags))
    }

    /// Makes what is stored in it unreadable.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` while it is being made or copied; what the storage says, and then it is half wiped.
    pub fn wipe(&self, algorithm: WipeAlgorithm) -> Result<()> {
        about!(self, wipe(algorithm))
    }

    /// Changes the size that a guest sees, in bytes.
    ///
    /// # Errors
    ///
    /// `INVALID_ARG` for a smaller size without [`ResizeStorageVolume::SHRINK`].
    pub fn resize(&self, capacity: u64, flags: ResizeStorageVolume) -> Result<()> {
        about!(self, resize(capacity, flags))
    }

    /// A stream whose bytes go into the volume from `offset` on, at most `length` (0: as many as come).
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` while it is being made or copied.
    pub fn upload(&self, offset: u64, length: u64, flags: TransferStorageVolume) -> Result<Stream> {
        let stream = about!(self, upload(offset, length, flags))?;
        Stream::new(&self.connection, stream)
    }

    /// A stream of the volume's bytes from `offset` on, `length` of them (0: all).
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` while it is being made or copied.
    pub fn download(&self, offset: u64, length: u64, flags: TransferStorageVolume) -> Result<Stream> {
        let stream = about!(self, download(offset, length, flags))?;
        Stream::new(&self.connection, stream)
    }
}
