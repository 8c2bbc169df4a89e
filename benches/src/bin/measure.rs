//! Runs a program to its end and prints what it took: `NAME.time` and `NAME.memory`, its largest resident size.
//!
//! This program is small: a child's size begins with its parent's, from before it became another program.
//!
//! usage: `measure NAME COMMAND [ARGUMENT ...]`

use std::error::Error;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let (Some(name), Some(program)) = (words.next(), words.next()) else {
        return Err("usage: measure NAME COMMAND [ARGUMENT ...]".into());
    };
    let name = name.to_string_lossy();
    let begin = Instant::now();
    let status = Command::new(&program).args(words).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    let elapsed = begin.elapsed();
    if !status.success() {
        return Err(format!("{} ended with {status}", program.display()).into());
    }
    virt_benches::time(&format!("{name}.time"), elapsed);
    let kibibytes = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    virt_benches::memory(&format!("{name}.memory"), kibibytes.unsigned_abs() * 1024);
    Ok(())
}
