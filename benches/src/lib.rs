//! Benchmarks, ours beside libvirt's in one run: what the measuring programs share.
//!
//! A program takes one sample of each thing that it measures and prints it: the benchmark's name, a tab, and seconds
//! or bytes. `cargo xtask bench` runs the programs of all sides in turn, several times, and compares the medians.

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use virt_conf::domain::Neutral;
use virt_conf::model::Domain;
use virt_conf::xml::{FormatFlags, FormatOptions, ParseOptions};

/// Prints a sample of a time.
pub fn time(name: &str, time: Duration) {
    println!("{name}\t{:.9}", time.as_secs_f64());
}

/// Prints a sample of an amount of memory, in bytes.
pub fn memory(name: &str, bytes: u64) {
    println!("{name}\t{bytes}");
}

/// Runs something `calls` times and prints the time that one takes.
pub fn per_call(name: &str, calls: u32, mut call: impl FnMut()) {
    let begin = Instant::now();
    for _ in 0..calls {
        call();
    }
    time(name, begin.elapsed() / calls);
}

/// The documents that a list names, a path a line.
///
/// # Errors
///
/// When one cannot be read.
pub fn texts(list: &str) -> Result<Vec<String>, Box<dyn Error>> {
    fs::read_to_string(list)?.lines().map(|path| Ok(fs::read_to_string(path)?)).collect()
}

/// Reads a domain's document, defaults and checks included, as libvirt's parser does it.
///
/// # Errors
///
/// When it is refused.
pub fn read(text: &str, options: &ParseOptions) -> Result<Domain, Box<dyn Error>> {
    Ok(Domain::from_xml(text, options, &Neutral)?)
}

/// Writes a domain's document, passwords included.
pub fn write(domain: &Domain) -> String {
    domain.to_xml(&FormatOptions::from(FormatFlags::SECURE))
}
