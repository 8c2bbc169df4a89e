//! What C sees: structs, pointers, callbacks, constants, under the names that C has for them.

#![allow(missing_docs, unreachable_pub, non_camel_case_types, non_snake_case, clippy::pub_underscore_fields)]
// All of the API, though not all of it is used here.
#![allow(dead_code)]

mod common;
mod constants;
mod domain;
mod domain_checkpoint;
mod domain_snapshot;
mod event;
mod host;
mod interface;
mod network;
mod nodedev;
mod nwfilter;
mod secret;
mod storage;
mod stream;
mod virterror;

pub use common::*;
pub use constants::*;
pub use domain::*;
pub use domain_checkpoint::*;
pub use domain_snapshot::*;
pub use event::*;
pub use host::*;
pub use interface::*;
pub use network::*;
pub use nodedev::*;
pub use nwfilter::*;
pub use secret::*;
pub use storage::*;
pub use stream::*;
pub use virterror::*;
