//! What the fuzz target is made of: how inputs are changed, and what keeps an input from
//! taking more stack or memory than it may.

pub mod image;
pub mod limit;
pub mod mutate;
pub mod prepare;

use std::sync::OnceLock;

use virt_conf::document::{KINDS, Kind};

/// The kind of document that is asked for; `None` when each input is to tell.
///
/// # Panics
///
/// When there is no such kind.
pub fn target() -> Option<&'static Kind> {
    static TARGET: OnceLock<Option<&'static Kind>> = OnceLock::new();
    *TARGET.get_or_init(|| {
        let name = std::env::var("VIRT_FUZZ_TARGET").ok()?;
        let kind = KINDS.iter().find(|kind| kind.model == name);
        Some(kind.unwrap_or_else(|| panic!("VIRT_FUZZ_TARGET names no kind of document: {name}")))
    })
}
