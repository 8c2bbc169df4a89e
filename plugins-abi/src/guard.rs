//! The one place where a panic becomes an error. It runs on the side that panics: each side has a std of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::std_types::{RBox, RResult};

use crate::error::ErrorRecord;
use crate::{Cross, Error, ErrorDomain, Result};

/// An implementation that may panic; its methods seen from outside do not.
#[derive(Debug)]
pub struct Guard<T: ?Sized>(pub std::sync::Arc<T>);

/// Runs `work`; what it panics with becomes an internal error that names `place`.
pub fn guard<T: Cross>(
    place: &'static str,
    work: impl FnOnce() -> Result<T>,
) -> RResult<T::Abi, RBox<ErrorRecord>> {
    match catch(place, work) {
        Ok(value) => RResult::ROk(value.into_abi()),
        Err(error) => RResult::RErr(error.into_abi()),
    }
}

/// [`guard`] without the crossing, for drivers that are linked in.
pub(crate) fn catch<T>(place: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let words = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no words".to_owned());
        // The payload's own Drop may panic, and that must not unwind out.
        std::mem::forget(payload);
        Err(Error::internal(ErrorDomain::NONE, format!("panic in {place}: {words}"))
            .hint("this is a defect of the driver: please report it, with the log"))
    })
}

/// What the gate calls; the public name because the macros expand elsewhere.
#[doc(hidden)]
#[inline]
pub fn catch_panic<T>(place: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch(place, work)
}
