//! The types of C for what all headers share: typed parameters; the header is made from this file.

use std::ffi::{c_char, c_int, c_longlong, c_uint, c_ulonglong, c_void};

use super::*;

pub type virFreeCallback = Option<unsafe extern "C" fn(opaque: *mut c_void)>;

pub type virTypedParameter = _virTypedParameter;

#[repr(C)]
pub struct _virTypedParameter {
    pub field: [c_char; VIR_TYPED_PARAM_FIELD_LENGTH],
    pub r#type: c_int,
    pub value: virTypedParameterValue,
}

/// The value of a typed parameter; which member it is, its type says.
#[repr(C)]
#[derive(Clone, Copy)]
pub union virTypedParameterValue {
    pub i: c_int,
    pub ui: c_uint,
    pub l: c_longlong,
    pub ul: c_ulonglong,
    pub d: f64,
    pub b: c_char,
    pub s: *mut c_char,
}

pub type virTypedParameterPtr = *mut virTypedParameter;
