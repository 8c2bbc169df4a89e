//! The command line of a guest: a pure function of the domain document, the binary's capabilities and a [`Launch`].

mod launch;
mod line;
mod props;

pub use launch::*;
pub use line::CommandLine;
pub use props::{Props, escape_commas, on_off};
