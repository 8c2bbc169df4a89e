//! Storage pools.

use std::ffi::{CString, c_char, c_int, c_uchar};

use uuid::Uuid;
use virt_core::{
    BuildStoragePool, DefineStoragePool, DeleteStoragePool, ListStoragePools, StartStoragePool,
    StoragePoolState, StoragePoolXml,
};
use virt_util::{ErrorCode, Result};

use crate::connect::{Connect, text};
use crate::runtime::*;
use crate::types::*;
use crate::volume::StorageVol;

/// A pool, as the application found it.
pub(crate) struct StoragePool {
    connect: Reference<Connect>,
    pub(crate) pool: virt_core::StoragePool,
    name: CString,
}

impl Kind for StoragePool {
    type Opaque = virStoragePool;
    const MAGIC: u32 = 0x7613_C107;
    const INVALID: ErrorCode = ErrorCode::INVALID_STORAGE_POOL;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        &raw const *object.connect
    }
}

impl StoragePool {
    pub(crate) fn new(connect: &Object<Connect>, pool: virt_core::StoragePool) -> Reference<Self> {
        Reference::new(Self { connect: connect.reference(), name: text(pool.name()), pool })
    }

    pub(crate) fn connect(&self) -> &Object<Connect> {
        &self.connect
    }
}

pub(crate) fn virStoragePoolLookupByName(
    conn: &Object<Connect>,
    name: &str,
) -> Result<Reference<StoragePool>> {
    Ok(StoragePool::new(conn, conn.connection.storage_pool_by_name(name)?))
}

pub(crate) fn virStoragePoolLookupByUUID(
    conn: &Object<Connect>,
    uuid: Uuid,
) -> Result<Reference<StoragePool>> {
    Ok(StoragePool::new(conn, conn.connection.storage_pool_by_uuid(uuid)?))
}

pub(crate) fn virStoragePoolLookupByUUIDString(
    conn: &Object<Connect>,
    uuid: UuidText,
) -> Result<Reference<StoragePool>> {
    virStoragePoolLookupByUUID(conn, uuid.0)
}

pub(crate) fn virStoragePoolLookupByTargetPath(
    conn: &Object<Connect>,
    path: &str,
) -> Result<Reference<StoragePool>> {
    Ok(StoragePool::new(conn, conn.connection.storage_pool_by_target_path(path)?))
}

pub(crate) fn virStoragePoolLookupByVolume(volume: &Object<StorageVol>) -> Result<Reference<StoragePool>> {
    Ok(StoragePool::new(volume.connect(), volume.volume.pool()))
}

pub(crate) fn virStoragePoolRef(pool: &Object<StoragePool>) -> Result<()> {
    pool.reference().into_raw();
    Ok(())
}

pub(crate) unsafe fn virStoragePoolFree(pool: &Object<StoragePool>) -> Result<()> {
    // SAFETY: C gives its reference back.
    unsafe { pool.release() };
    Ok(())
}

/// The connection, without a reference for C.
pub(crate) fn virStoragePoolGetConnect(pool: &Object<StoragePool>) -> Result<*mut virConnect> {
    Ok(pool.connect.as_raw())
}

pub(crate) fn virStoragePoolGetName(pool: &Object<StoragePool>) -> Result<*const c_char> {
    Ok(pool.name.as_ptr())
}

pub(crate) fn virStoragePoolGetUUID(pool: &Object<StoragePool>, uuid: Out<c_uchar>) -> Result<()> {
    memory::write_uuid(uuid, pool.pool.uuid());
    Ok(())
}

pub(crate) fn virStoragePoolGetUUIDString(pool: &Object<StoragePool>, buffer: Out<c_char>) -> Result<()> {
    memory::write_uuid_text(buffer, pool.pool.uuid());
    Ok(())
}

pub(crate) fn virConnectListAllStoragePools(
    conn: &Object<Connect>,
    pools: Option<Out<*mut virStoragePoolPtr>>,
    flags: ListStoragePools,
) -> Result<usize> {
    let entries = conn.connection.storage_pools(flags)?;
    match pools {
        None => Ok(entries.len()),
        place => {
            memory::give_objects(place, entries.iter().map(|it| StoragePool::new(conn, it.pool())).collect())
        }
    }
}

pub(crate) fn virConnectNumOfStoragePools(conn: &Object<Connect>) -> Result<usize> {
    conn.connection.storage_pools(ListStoragePools::ACTIVE).map(|pools| pools.len())
}

pub(crate) fn virConnectNumOfDefinedStoragePools(conn: &Object<Connect>) -> Result<usize> {
    conn.connection.storage_pools(ListStoragePools::INACTIVE).map(|pools| pools.len())
}

/// # Safety
///
/// The application has room for that many.
unsafe fn names(
    conn: &Object<Connect>,
    filter: ListStoragePools,
    names: *mut *mut c_char,
    room: Room,
) -> Result<usize> {
    let entries = conn.connection.storage_pools(filter)?;
    let texts = entries.iter().map(|entry| entry.name.clone()).collect();
    // SAFETY: the caller's promise.
    unsafe { memory::fill_names(names, room.0, texts) }
}

pub(crate) unsafe fn virConnectListStoragePools(
    conn: &Object<Connect>,
    list: *mut *mut c_char,
    room: Room,
) -> Result<usize> {
    // SAFETY: the application's array.
    unsafe { names(conn, ListStoragePools::ACTIVE, list, room) }
}

pub(crate) unsafe fn virConnectListDefinedStoragePools(
    conn: &Object<Connect>,
    list: *mut *mut c_char,
    room: Room,
) -> Result<usize> {
    // SAFETY: the application's array.
    unsafe { names(conn, ListStoragePools::INACTIVE, list, room) }
}

pub(crate) fn virStoragePoolDefineXML(
    conn: &Object<Connect>,
    xml: &str,
    flags: DefineStoragePool,
) -> Result<Reference<StoragePool>> {
    Ok(StoragePool::new(conn, conn.connection.define_storage_pool(xml, flags)?))
}

pub(crate) fn virStoragePoolCreateXML(
    conn: &Object<Connect>,
    xml: &str,
    flags: StartStoragePool,
) -> Result<Reference<StoragePool>> {
    Ok(StoragePool::new(conn, conn.connection.create_storage_pool(xml, flags)?))
}

pub(crate) fn virStoragePoolBuild(pool: &Object<StoragePool>, flags: BuildStoragePool) -> Result<()> {
    pool.pool.build(flags)
}

pub(crate) fn virStoragePoolCreate(pool: &Object<StoragePool>, flags: StartStoragePool) -> Result<()> {
    pool.pool.start(flags)
}

pub(crate) fn virStoragePoolDestroy(pool: &Object<StoragePool>) -> Result<()> {
    pool.pool.destroy()
}

pub(crate) fn virStoragePoolDelete(pool: &Object<StoragePool>, flags: DeleteStoragePool) -> Result<()> {
    pool.pool.delete(flags)
}

pub(crate) fn virStoragePoolUndefine(pool: &Object<StoragePool>) -> Result<()> {
    pool.pool.undefine()
}

pub(crate) fn virStoragePoolRefresh(pool: &Object<StoragePool>, _: NoFlags) -> Result<()> {
    pool.pool.refresh()
}

pub(crate) fn virStoragePoolGetInfo(pool: &Object<StoragePool>, info: Out<virStoragePoolInfo>) -> Result<()> {
    let known = pool.pool.info()?;
    info.set(virStoragePoolInfo {
        state: known.state.number(),
        capacity: known.capacity,
        allocation: known.allocation,
        available: known.available,
    });
    Ok(())
}

pub(crate) fn virStoragePoolGetXMLDesc(pool: &Object<StoragePool>, flags: StoragePoolXml) -> Result<String> {
    pool.pool.xml(flags)
}

pub(crate) fn virStoragePoolGetAutostart(pool: &Object<StoragePool>, autostart: Out<c_int>) -> Result<()> {
    autostart.set(pool.pool.summary()?.autostart.into());
    Ok(())
}

pub(crate) fn virStoragePoolSetAutostart(pool: &Object<StoragePool>, autostart: bool) -> Result<()> {
    pool.pool.set_autostart(autostart)
}

pub(crate) fn virStoragePoolIsActive(pool: &Object<StoragePool>) -> Result<bool> {
    pool.pool.summary().map(|summary| summary.state != StoragePoolState::Inactive)
}

pub(crate) fn virStoragePoolIsPersistent(pool: &Object<StoragePool>) -> Result<bool> {
    pool.pool.summary().map(|summary| summary.persistent)
}

pub(crate) fn virStoragePoolNumOfVolumes(pool: &Object<StoragePool>) -> Result<usize> {
    pool.pool.volumes().map(|volumes| volumes.len())
}

pub(crate) unsafe fn virStoragePoolListVolumes(
    pool: &Object<StoragePool>,
    names: *mut *mut c_char,
    room: Room,
) -> Result<usize> {
    let volumes = pool.pool.volumes()?;
    let texts = volumes.iter().map(|entry| entry.name.clone()).collect();
    // SAFETY: the application has room for that many.
    unsafe { memory::fill_names(names, room.0, texts) }
}

pub(crate) fn virStoragePoolListAllVolumes(
    pool: &Object<StoragePool>,
    volumes: Option<Out<*mut virStorageVolPtr>>,
    _: NoFlags,
) -> Result<usize> {
    let entries = pool.pool.volumes()?;
    let objects = || entries.iter().map(|entry| StorageVol::new(pool.connect(), entry.volume())).collect();
    match volumes {
        None => Ok(entries.len()),
        place => memory::give_objects(place, objects()),
    }
}

pub(crate) fn virConnectFindStoragePoolSources(
    conn: &Object<Connect>,
    kind: &str,
    source: Option<&str>,
    _: NoFlags,
) -> Result<String> {
    conn.connection.find_storage_pool_sources(kind, source)
}

pub(crate) fn virConnectGetStoragePoolCapabilities(conn: &Object<Connect>, _: NoFlags) -> Result<String> {
    conn.connection.storage_pool_capabilities()
}
