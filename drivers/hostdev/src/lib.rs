#![doc = include_str!("../README.md")]

mod claim;
mod doctor;
mod driver;
mod engine;
mod host;
mod in_use;
mod inventory;
mod restore;
mod step;
mod take;
mod turn;

pub use driver::HostdevDriver;
pub use engine::Engine;
