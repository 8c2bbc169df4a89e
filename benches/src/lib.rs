//! Benchmarks, ours beside libvirt's in one run: what the measuring programs share.
//!
//! A program takes one sample of each thing that it measures and prints it: the benchmark's name, a tab, and seconds
//! or bytes. `cargo xtask bench` runs the programs of all sides in turn, several times, and compares the medians.

use std::time::{Duration, Instant};

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
