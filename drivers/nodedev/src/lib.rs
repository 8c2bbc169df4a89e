#![doc = include_str!("../README.md")]

mod binding;
mod describe;
mod driver;
mod engine;
mod event;
mod host;
mod inventory;
mod kind;
mod mediated;
mod mediated_file;
mod vport;

pub use driver::NodedevDriver;
pub use engine::Engine;
