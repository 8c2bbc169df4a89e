//! Reads, writes, compares and converts whatever libFuzzer comes up with as a document of one kind.
//!
//! The environment variable `VIRT_FUZZ_TARGET` names the kind by its model (`Domain`, `Disk`); without it the root element of each input does.
//! `VIRT_FUZZ_PREPARE`, a directory, makes it write seeds and a dictionary for the kind and end.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use virt_conf::document::kind_of;
use virt_conf_fuzz::{limit, mutate, prepare, target};
use virt_conf_generate::check;

fuzz_target!(
    init: {
        limit::stack();
        prepare::if_asked();
    },
    |data: &[u8]| {
        let Ok(text) = std::str::from_utf8(data) else { return };
        let Some(kind) = target().or_else(|| kind_of(text).ok()) else { return };
        // Reading is what strangers' documents meet first; the rest works on models.
        let _ = limit::memory(text.len(), || kind.rewrite(text, true));
        check(kind, text);
    }
);

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::document(target(), data, size, max_size, seed)
});
