//! What bodies answer, as C has it.

use std::ffi::{c_char, c_int, c_uint, c_ulong};
use std::ptr;

use virt_util::Result;

use super::memory;
use super::object::{Kind, Reference};

/// A type of C that a function answers, and which of its values means failure.
pub(crate) trait Failure {
    const FAILURE: Self;
}

impl Failure for () {
    const FAILURE: Self = ();
}

impl Failure for c_int {
    const FAILURE: Self = -1;
}

impl Failure for c_uint {
    const FAILURE: Self = c_uint::MAX;
}

/// Amounts: nothing.
impl Failure for c_ulong {
    const FAILURE: Self = 0;
}

impl<T> Failure for *mut T {
    const FAILURE: Self = ptr::null_mut();
}

impl<T> Failure for *const T {
    const FAILURE: Self = ptr::null();
}

/// What a body answers where C expects a `C`.
pub(crate) trait Answer<C> {
    fn into_c(self) -> Result<C>;
}

macro_rules! as_it_is {
    ($($ty:ty),*) => {$(
        impl Answer<$ty> for $ty {
            fn into_c(self) -> Result<$ty> {
                Ok(self)
            }
        }
    )*};
}
as_it_is!(c_int, c_uint, c_ulong);

impl Answer<()> for () {
    fn into_c(self) -> Result<()> {
        Ok(())
    }
}

impl Answer<c_int> for () {
    fn into_c(self) -> Result<c_int> {
        Ok(0)
    }
}

impl Answer<c_int> for bool {
    fn into_c(self) -> Result<c_int> {
        Ok(c_int::from(self))
    }
}

/// Counts, as far as C can count.
impl Answer<c_int> for usize {
    fn into_c(self) -> Result<c_int> {
        Ok(c_int::try_from(self).unwrap_or(c_int::MAX))
    }
}

/// Text that C frees.
impl Answer<*mut c_char> for String {
    fn into_c(self) -> Result<*mut c_char> {
        memory::text(&self)
    }
}

impl<T> Answer<*const T> for *const T {
    fn into_c(self) -> Result<*const T> {
        Ok(self)
    }
}

impl<T> Answer<*mut T> for *mut T {
    fn into_c(self) -> Result<*mut T> {
        Ok(self)
    }
}

/// An object of which C has one reference more.
impl<K: Kind> Answer<*mut K::Opaque> for Reference<K> {
    fn into_c(self) -> Result<*mut K::Opaque> {
        Ok(self.into_raw())
    }
}
