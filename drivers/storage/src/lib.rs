#![doc = include_str!("../README.md")]

mod backend;
pub mod command;
mod content;
mod driver;
mod engine;
mod error;
mod making;
mod refresh;
mod store;
mod stream;
mod volume;
mod wipe;

pub use driver::StorageDriver;
