//! The driver traits, and the slots that say which of them a driver has.

mod connection;
mod device;
mod domain;
mod hostdev;
mod network;
mod node;
mod node_device;
mod running;
mod screen;
mod secret;
mod slots;
mod storage;
mod work;

pub use connection::*;
pub use device::*;
pub use domain::*;
pub use hostdev::*;
pub use network::*;
pub use node::*;
pub use node_device::*;
pub use running::*;
pub use screen::*;
pub use secret::*;
pub use slots::*;
pub use storage::*;
pub use work::*;

pub use crate::data::*;
