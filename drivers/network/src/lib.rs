#![doc = include_str!("../README.md")]

pub mod dnsmasq;
mod driver;
mod engine;
mod event;
pub mod firewall;
mod state;

pub use driver::NetworkDriver;

use virt_core::driver::Call;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain};

/// How long a call may take.
fn wait_of(call: &Call) -> Wait<'_> {
    let wait = Wait::until(call.deadline());
    match call.cancellation() {
        Some(cancel) => wait.cancelled_by(cancel),
        None => wait,
    }
}

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
