#![doc = include_str!("../README.md")]

mod address;
pub mod caps;
pub mod command;
mod config;
mod definition;
mod driver;
mod engine;
mod event;
pub mod hooks;
pub mod host;
mod metadata;
pub(crate) mod model;
pub mod monitor;
mod plan;
pub mod probe;
mod state;

pub use driver::QemuDriver;
