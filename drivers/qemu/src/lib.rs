//! The qemu driver.

pub mod caps;
pub mod command;
pub(crate) mod model;
pub mod monitor;
pub mod probe;
