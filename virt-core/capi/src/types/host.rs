//! The types of C for connections and the host; the header is made from this file.

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_ulonglong, c_void};

use super::*;

/// A connection. Only its address is known outside.
pub struct _virConnect {
    _private: (),
}

pub type virConnect = _virConnect;

pub type virConnectPtr = *mut virConnect;

/// A stream. Only its address is known outside.
pub struct _virStream {
    _private: (),
}

pub type virStream = _virStream;

pub type virStreamPtr = *mut virStream;

pub type virSecurityLabel = _virSecurityLabel;

#[repr(C)]
pub struct _virSecurityLabel {
    pub label: [c_char; VIR_SECURITY_LABEL_BUFLEN],
    pub enforcing: c_int,
}

pub type virSecurityLabelPtr = *mut virSecurityLabel;

pub type virSecurityModel = _virSecurityModel;

#[repr(C)]
pub struct _virSecurityModel {
    pub model: [c_char; VIR_SECURITY_MODEL_BUFLEN],
    pub doi: [c_char; VIR_SECURITY_DOI_BUFLEN],
}

pub type virSecurityModelPtr = *mut virSecurityModel;

pub type virNodeInfo = _virNodeInfo;

#[repr(C)]
pub struct _virNodeInfo {
    pub model: [c_char; 32],
    pub memory: c_ulong,
    pub cpus: c_uint,
    pub mhz: c_uint,
    pub nodes: c_uint,
    pub sockets: c_uint,
    pub cores: c_uint,
    pub threads: c_uint,
}

pub type virNodeCPUStats = _virNodeCPUStats;

#[repr(C)]
pub struct _virNodeCPUStats {
    pub field: [c_char; VIR_NODE_CPU_STATS_FIELD_LENGTH],
    pub value: c_ulonglong,
}

pub type virNodeMemoryStats = _virNodeMemoryStats;

#[repr(C)]
pub struct _virNodeMemoryStats {
    pub field: [c_char; VIR_NODE_MEMORY_STATS_FIELD_LENGTH],
    pub value: c_ulonglong,
}

pub type virNodeInfoPtr = *mut virNodeInfo;

pub type virNodeCPUStatsPtr = *mut virNodeCPUStats;

pub type virNodeMemoryStatsPtr = *mut virNodeMemoryStats;

#[repr(C)]
pub struct _virConnectCredential {
    pub r#type: c_int,
    pub prompt: *const c_char,
    pub challenge: *const c_char,
    pub defresult: *const c_char,
    pub result: *mut c_char,
    pub resultlen: c_uint,
}

pub type virConnectCredential = _virConnectCredential;

pub type virConnectCredentialPtr = *mut virConnectCredential;

pub type virConnectAuthCallbackPtr =
    Option<unsafe extern "C" fn(cred: virConnectCredentialPtr, ncred: c_uint, cbdata: *mut c_void) -> c_int>;

#[repr(C)]
pub struct _virConnectAuth {
    pub credtype: *mut c_int,
    pub ncredtype: c_uint,
    pub cb: virConnectAuthCallbackPtr,
    pub cbdata: *mut c_void,
}

pub type virConnectAuth = _virConnectAuth;

pub type virConnectAuthPtr = *mut virConnectAuth;

pub type virConnectCloseFunc =
    Option<unsafe extern "C" fn(conn: virConnectPtr, reason: c_int, opaque: *mut c_void)>;
