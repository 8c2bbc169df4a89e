//! What a driver is made of: the traits it implements, the data of their calls, the errors, the host's services.
//!
//! A driver is a library crate with a type that implements [`Driver`] and [`DriverEntry`], and a cdylib of its own whose
//! whole source is [`export_driver!`](crate::export_driver).

pub use plugins_abi::*;
pub use virt_util::error::{Error, ErrorCode, ErrorDomain, Place, Result};
