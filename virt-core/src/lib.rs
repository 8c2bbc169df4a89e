//! Libvirt's job as an embeddable library.
//!
//! The crate has two faces: [`driver`], for authors of drivers, and (feature `host`, on by default) connections,
//! domains and events for applications.

pub mod driver;

/// What [`export_driver!`](crate::export_driver) expands to names these; not for people.
#[doc(hidden)]
pub use plugins_abi::{Cross, Driver, DriverEntry, manifest, private};

pub use plugins_abi::export_driver;
pub use virt_util::error::{Error, ErrorCode, ErrorDomain, Place, Result};
