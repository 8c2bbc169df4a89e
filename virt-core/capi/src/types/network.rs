//! The types of C for networks and their ports; the header is made from this file.

use std::ffi::{c_char, c_int, c_longlong, c_uint, c_void};

use super::*;

/// A network. Only its address is known outside.
pub struct _virNetwork {
    _private: (),
}

pub type virNetwork = _virNetwork;

pub type virNetworkPtr = *mut virNetwork;

/// A port of a network. Only its address is known outside.
pub struct _virNetworkPort {
    _private: (),
}

pub type virNetworkPort = _virNetworkPort;

pub type virNetworkPortPtr = *mut virNetworkPort;

pub type virConnectNetworkEventLifecycleCallback = Option<
    unsafe extern "C" fn(
        conn: virConnectPtr,
        net: virNetworkPtr,
        event: c_int,
        detail: c_int,
        opaque: *mut c_void,
    ),
>;

pub type virNetworkDHCPLease = _virNetworkDHCPLease;

pub type virNetworkDHCPLeasePtr = *mut virNetworkDHCPLease;

#[repr(C)]
pub struct _virNetworkDHCPLease {
    pub iface: *mut c_char,
    pub expirytime: c_longlong,
    pub r#type: c_int,
    pub mac: *mut c_char,
    pub iaid: *mut c_char,
    pub ipaddr: *mut c_char,
    pub prefix: c_uint,
    pub hostname: *mut c_char,
    pub clientid: *mut c_char,
}

pub type virConnectNetworkEventGenericCallback =
    Option<unsafe extern "C" fn(conn: virConnectPtr, net: virNetworkPtr, opaque: *mut c_void)>;

pub type virConnectNetworkEventMetadataChangeCallback = Option<
    unsafe extern "C" fn(
        conn: virConnectPtr,
        net: virNetworkPtr,
        r#type: c_int,
        nsuri: *const c_char,
        opaque: *mut c_void,
    ),
>;
