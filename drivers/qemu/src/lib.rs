//! The qemu driver.

pub mod caps;
pub mod command;
pub mod monitor;
pub mod probe;
