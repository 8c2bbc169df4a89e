#![doc = include_str!("../README.md")]

mod driver;
mod engine;
mod error;
mod store;
mod vault;

pub use driver::SecretDriver;
