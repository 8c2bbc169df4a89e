//! The door between the host and its drivers: what both sides must agree on, and nothing else.
//!
//! A driver implements plain Rust traits ([`Driver`], [`Domains`], [`Lifecycle`] ...) and names itself in
//! [`export_driver!`]; a host calls the same traits, whether the driver is linked into it or was loaded from a file.
//! Everything that must survive different compilers on the two sides (`abi_stable`'s types) stays inside this crate.
//!
//! Text, numbers, handles, typed parameters and file descriptors cross the door; models of XML never do.
//!
//! Traits and data are defined once each: [`driver_api!`] for traits, [`abi_data!`] for structs,
//! [`abi_enum!`] and [`abi_flags!`] for numbers with names.

#![allow(non_local_definitions, clippy::expl_impl_clone_on_copy)] // the expansions of sabi_trait and StableAbi

mod api;
mod call;
mod cross;
mod data;
mod entry;
mod error;
mod guard;
#[cfg(feature = "loader")]
pub mod loader;
#[doc(hidden)]
pub mod logging;
mod macros;
pub mod manifest;
mod method;
mod secret;
mod value;

pub use api::*;
pub use call::{Call, CallScope, Caller, Cancellation, Progress};
pub use cross::{Cross, Descriptor};
pub use entry::DriverEntry;
#[doc(hidden)]
pub use guard::catch_panic;
pub use manifest::Manifest;
pub use method::{Access, Method, Watch};
pub use secret::SecretValue;
pub use value::{TypedParameter, TypedValue};
pub use virt_util::error::{Error, ErrorCode, ErrorDomain, Place, Result};

/// What the macros' expansions call; not for people.
#[doc(hidden)]
pub mod private {
    pub use crate::cross::Cross;
    pub use crate::entry::{DriverModule, DriverModuleRef, InitArguments};
    pub use crate::error::ErrorRecord;
    pub use crate::guard::{Guard, guard};
    pub use crate::logging;
    pub use abi_stable;
    pub use bitflags;
    pub use log;
}
