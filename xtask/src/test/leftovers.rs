//! Finding processes that tests left running, by a mark in the environment that all they start inherits.

use std::fs;
use std::process::Command;

use super::Tally;
use crate::ui;

/// The variable that marks what a run of ours started; its value is the run.
const MARK: &str = "VIRT_XTASK_RUN";

/// Marks a command, and with it whatever it starts.
pub(super) fn mark(command: &mut Command) {
    command.env(MARK, run());
}

/// This run's name.
fn run() -> String {
    format!("{}", std::process::id())
}

/// Looks for processes with our mark that still run; `None` where there is none.
pub(super) fn check() -> Option<Tally> {
    let wanted = format!("{MARK}={}", run());
    let mut left = Vec::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let process = entry.path();
        // A process that ends while we look is none that was left.
        let Ok(environment) = fs::read(process.join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()) {
            let words = fs::read(process.join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            left.push(format!("{}: {}", entry.file_name().display(), words.trim_end()));
        }
    }
    if left.is_empty() {
        return None;
    }
    ui::bad("tests left processes behind");
    Some(Tally::fail("processes", left.join("\n")))
}
