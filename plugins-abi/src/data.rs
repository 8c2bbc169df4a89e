//! What crosses the door by value, with libvirt's numbers.

mod domain;
mod event;
mod flags;
mod host;

pub use domain::*;
pub use event::*;
pub use flags::*;
pub use host::*;
