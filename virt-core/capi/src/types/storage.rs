//! The types of C for storage pools and volumes; the header is made from this file.

use std::ffi::{c_int, c_ulonglong, c_void};

use super::*;

/// A storage pool. Only its address is known outside.
pub struct _virStoragePool {
    _private: (),
}

pub type virStoragePool = _virStoragePool;

pub type virStoragePoolPtr = *mut virStoragePool;

pub type virStoragePoolInfo = _virStoragePoolInfo;

#[repr(C)]
pub struct _virStoragePoolInfo {
    pub state: c_int,
    pub capacity: c_ulonglong,
    pub allocation: c_ulonglong,
    pub available: c_ulonglong,
}

pub type virStoragePoolInfoPtr = *mut virStoragePoolInfo;

/// A storage volume. Only its address is known outside.
pub struct _virStorageVol {
    _private: (),
}

pub type virStorageVol = _virStorageVol;

pub type virStorageVolPtr = *mut virStorageVol;

pub type virStorageVolInfo = _virStorageVolInfo;

#[repr(C)]
pub struct _virStorageVolInfo {
    pub r#type: c_int,
    pub capacity: c_ulonglong,
    pub allocation: c_ulonglong,
}

pub type virStorageVolInfoPtr = *mut virStorageVolInfo;

pub type virConnectStoragePoolEventGenericCallback =
    Option<unsafe extern "C" fn(conn: virConnectPtr, pool: virStoragePoolPtr, opaque: *mut c_void)>;

pub type virConnectStoragePoolEventLifecycleCallback = Option<
    unsafe extern "C" fn(
        conn: virConnectPtr,
        pool: virStoragePoolPtr,
        event: c_int,
        detail: c_int,
        opaque: *mut c_void,
    ),
>;
