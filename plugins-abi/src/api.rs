//! The driver traits, and the slots that say which of them a driver has.

mod connection;
mod device;
mod domain;
mod hostdev;
mod moment;
mod network;
mod node;
mod node_device;
mod running;
mod save;
mod screen;
mod secret;
mod security_label;
mod slots;
mod statistic;
mod storage;
mod work;

pub use connection::*;
pub use device::*;
pub use domain::*;
pub use hostdev::*;
pub use moment::*;
pub use network::*;
pub use node::*;
pub use node_device::*;
pub use running::*;
pub use save::*;
pub use screen::*;
pub use secret::*;
pub use security_label::*;
pub use slots::*;
pub use statistic::*;
pub use storage::*;
pub use work::*;

pub use crate::data::*;
