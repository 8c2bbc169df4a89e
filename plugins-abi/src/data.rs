//! What crosses the door by value, with libvirt's numbers.

mod domain;
mod event;
mod flags;
mod host;
mod moment;
mod network;
mod node_device;
mod object_event;
mod save;
mod secret;
mod security_label;
mod statistic;
mod storage;

pub use domain::*;
pub use event::*;
pub use flags::*;
pub use host::*;
pub use moment::*;
pub use network::*;
pub use node_device::*;
pub use object_event::*;
pub use save::*;
pub use secret::*;
pub use security_label::*;
pub use statistic::*;
pub use storage::*;
