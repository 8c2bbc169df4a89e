//! The types of C for secrets; the header is made from this file.

use std::ffi::{c_int, c_void};

use super::*;

/// A secret. Only its address is known outside.
pub struct _virSecret {
    _private: (),
}

pub type virSecret = _virSecret;

pub type virSecretPtr = *mut virSecret;

pub type virConnectSecretEventGenericCallback =
    Option<unsafe extern "C" fn(conn: virConnectPtr, secret: virSecretPtr, opaque: *mut c_void)>;

pub type virConnectSecretEventLifecycleCallback = Option<
    unsafe extern "C" fn(
        conn: virConnectPtr,
        secret: virSecretPtr,
        event: c_int,
        detail: c_int,
        opaque: *mut c_void,
    ),
>;
