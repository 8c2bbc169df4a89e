//! The driver traits, and the slots that say which of them a driver has.

mod connection;
mod domain;
mod node;
mod running;
mod screen;
mod work;

pub use connection::*;
pub use domain::*;
pub use node::*;
pub use running::*;
pub use screen::*;
pub use work::*;

pub use crate::data::*;
