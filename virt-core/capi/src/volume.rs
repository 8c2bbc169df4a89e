//! Volumes of storage pools.

use std::ffi::{CString, c_char, c_uint, c_ulonglong};

use virt_core::{
    CreateStorageVolume, DeleteStorageVolume, ResizeStorageVolume, StorageVolumeInfoFlags,
    TransferStorageVolume, WipeAlgorithm,
};
use virt_util::{ErrorCode, Result};

use crate::connect::{Connect, text};
use crate::runtime::*;
use crate::storage::StoragePool;
use crate::stream::Stream;
use crate::types::*;

/// A volume, as the application found it.
pub(crate) struct StorageVol {
    connect: Reference<Connect>,
    pub(crate) volume: virt_core::StorageVolume,
    name: CString,
    key: CString,
}

impl Kind for StorageVol {
    type Opaque = virStorageVol;
    const MAGIC: u32 = 0x7613_C108;
    const INVALID: ErrorCode = ErrorCode::INVALID_STORAGE_VOL;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        &raw const *object.connect
    }
}

impl StorageVol {
    pub(crate) fn new(connect: &Object<Connect>, volume: virt_core::StorageVolume) -> Reference<Self> {
        let (connect, name, key) = (connect.reference(), text(volume.name()), text(volume.key()));
        Reference::new(Self { connect, volume, name, key })
    }

    pub(crate) fn connect(&self) -> &Object<Connect> {
        &self.connect
    }
}

pub(crate) fn virStorageVolLookupByName(
    pool: &Object<StoragePool>,
    name: &str,
) -> Result<Reference<StorageVol>> {
    Ok(StorageVol::new(pool.connect(), pool.pool.volume_by_name(name)?))
}

pub(crate) fn virStorageVolLookupByKey(conn: &Object<Connect>, key: &str) -> Result<Reference<StorageVol>> {
    Ok(StorageVol::new(conn, conn.connection.storage_volume_by_key(key)?))
}

pub(crate) fn virStorageVolLookupByPath(conn: &Object<Connect>, path: &str) -> Result<Reference<StorageVol>> {
    Ok(StorageVol::new(conn, conn.connection.storage_volume_by_path(path)?))
}

pub(crate) fn virStorageVolCreateXML(
    pool: &Object<StoragePool>,
    xml: &str,
    flags: CreateStorageVolume,
) -> Result<Reference<StorageVol>> {
    Ok(StorageVol::new(pool.connect(), pool.pool.create_volume(xml, flags)?))
}

pub(crate) fn virStorageVolCreateXMLFrom(
    pool: &Object<StoragePool>,
    xml: &str,
    source: &Object<StorageVol>,
    flags: CreateStorageVolume,
) -> Result<Reference<StorageVol>> {
    Ok(StorageVol::new(pool.connect(), pool.pool.clone_volume(xml, &source.volume, flags)?))
}

pub(crate) fn virStorageVolRef(volume: &Object<StorageVol>) -> Result<()> {
    volume.reference().into_raw();
    Ok(())
}

pub(crate) unsafe fn virStorageVolFree(volume: &Object<StorageVol>) -> Result<()> {
    // SAFETY: C gives its reference back.
    unsafe { volume.release() };
    Ok(())
}

/// The connection, without a reference for C.
pub(crate) fn virStorageVolGetConnect(volume: &Object<StorageVol>) -> Result<*mut virConnect> {
    Ok(volume.connect.as_raw())
}

pub(crate) fn virStorageVolGetName(volume: &Object<StorageVol>) -> Result<*const c_char> {
    Ok(volume.name.as_ptr())
}

pub(crate) fn virStorageVolGetKey(volume: &Object<StorageVol>) -> Result<*const c_char> {
    Ok(volume.key.as_ptr())
}

pub(crate) fn virStorageVolGetPath(volume: &Object<StorageVol>) -> Result<String> {
    volume.volume.summary().map(|summary| summary.path)
}

pub(crate) fn virStorageVolGetXMLDesc(volume: &Object<StorageVol>, _: NoFlags) -> Result<String> {
    volume.volume.xml()
}

pub(crate) fn virStorageVolGetInfo(volume: &Object<StorageVol>, info: Out<virStorageVolInfo>) -> Result<()> {
    virStorageVolGetInfoFlags(volume, info, StorageVolumeInfoFlags::empty())
}

pub(crate) fn virStorageVolGetInfoFlags(
    volume: &Object<StorageVol>,
    info: Out<virStorageVolInfo>,
    flags: StorageVolumeInfoFlags,
) -> Result<()> {
    let known = volume.volume.info(flags)?;
    info.set(virStorageVolInfo {
        r#type: known.kind.number(),
        capacity: known.capacity,
        allocation: known.allocation,
    });
    Ok(())
}

pub(crate) fn virStorageVolDelete(volume: &Object<StorageVol>, flags: DeleteStorageVolume) -> Result<()> {
    volume.volume.delete(flags)
}

pub(crate) fn virStorageVolWipe(volume: &Object<StorageVol>, _: NoFlags) -> Result<()> {
    volume.volume.wipe(WipeAlgorithm::Zero)
}

pub(crate) fn virStorageVolWipePattern(
    volume: &Object<StorageVol>,
    algorithm: c_uint,
    _: NoFlags,
) -> Result<()> {
    volume.volume.wipe(WipeAlgorithm::from_number(algorithm.cast_signed()))
}

pub(crate) fn virStorageVolResize(
    volume: &Object<StorageVol>,
    capacity: c_ulonglong,
    flags: ResizeStorageVolume,
) -> Result<()> {
    volume.volume.resize(capacity, flags)
}

pub(crate) fn virStorageVolUpload(
    volume: &Object<StorageVol>,
    stream: &Object<Stream>,
    offset: c_ulonglong,
    length: c_ulonglong,
    flags: TransferStorageVolume,
) -> Result<()> {
    stream.open(|| volume.volume.upload(offset, length, flags))
}

pub(crate) fn virStorageVolDownload(
    volume: &Object<StorageVol>,
    stream: &Object<Stream>,
    offset: c_ulonglong,
    length: c_ulonglong,
    flags: TransferStorageVolume,
) -> Result<()> {
    stream.open(|| volume.volume.download(offset, length, flags))
}
