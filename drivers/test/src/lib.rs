#![doc = include_str!("../README.md")]

mod caps;
mod config;
mod console;
mod defaults;
mod definition;
mod driver;
mod engine;
mod error;
mod fault;
mod native;
mod plan;
mod screen;

pub use driver::TestDriver;
