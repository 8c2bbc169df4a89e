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
use virt_core::driver::Call;
use virt_util::wait::Wait;

/// How long a call may block.
fn wait_of(call: &Call) -> Wait<'_> {
    let wait = Wait::until(call.deadline());
    match call.cancellation() {
        Some(cancel) => wait.cancelled_by(cancel),
        None => wait,
    }
}
