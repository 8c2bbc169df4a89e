//! The types of C for node devices; the header is made from this file.

use std::ffi::{c_int, c_void};

use super::*;

/// A node device. Only its address is known outside.
pub struct _virNodeDevice {
    _private: (),
}

pub type virNodeDevice = _virNodeDevice;

pub type virNodeDevicePtr = *mut virNodeDevice;

pub type virConnectNodeDeviceEventGenericCallback =
    Option<unsafe extern "C" fn(conn: virConnectPtr, dev: virNodeDevicePtr, opaque: *mut c_void)>;

pub type virConnectNodeDeviceEventLifecycleCallback = Option<
    unsafe extern "C" fn(
        conn: virConnectPtr,
        dev: virNodeDevicePtr,
        event: c_int,
        detail: c_int,
        opaque: *mut c_void,
    ),
>;
