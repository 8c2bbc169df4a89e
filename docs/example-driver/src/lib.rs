#![doc = include_str!("../README.md")]

mod driver;
mod engine;

pub use driver::ExampleDriver;
