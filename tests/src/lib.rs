//! Tests that cross rooms, and what they share.
//!
//! A test that cannot run on this machine prints why, with [`skip!`], and returns; `cargo xtask test` counts it as
//! skipped, not as passed.

pub mod abi;
pub mod client;
pub mod conformance;
pub mod corpus;
pub mod guest;
pub mod lab;
pub mod node_devices;
pub mod peer;
pub mod schema;
pub mod traces;

/// Says why a test cannot run here, for the ring's table, and returns from it.
///
/// Crates that cannot use this one print the line themselves: `skipped: ` and the reason, alone on a line.
#[macro_export]
macro_rules! skip {
    ($($reason:tt)+) => {{
        println!("skipped: {}", format_args!($($reason)+));
        return;
    }};
}

/// The front page's examples, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;
