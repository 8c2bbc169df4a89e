#![doc = include_str!("../README.md")]

pub mod dnsmasq;
mod driver;
mod engine;
mod event;
pub mod firewall;
mod state;

pub use driver::NetworkDriver;

use virt_util::{Error, ErrorCode, ErrorDomain};

/// A call that does not fit the network's state.
fn invalid(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NETWORK, sentence)
}

/// Something that networks cannot be.
fn unsupported(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NETWORK, sentence)
}

fn internal(sentence: impl AsRef<str>) -> Error {
    Error::internal(ErrorDomain::NETWORK, sentence)
}
