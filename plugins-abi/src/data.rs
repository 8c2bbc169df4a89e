//! What crosses the door by value, with libvirt's numbers.

mod domain;
mod event;
mod flags;
mod host;
mod network;
mod node_device;
mod object_event;
mod secret;
mod storage;

pub use domain::*;
pub use event::*;
pub use flags::*;
pub use host::*;
pub use network::*;
pub use node_device::*;
pub use object_event::*;
pub use secret::*;
pub use storage::*;
