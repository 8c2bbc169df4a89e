//! What holds between processes: tests that start real ones, and kill them.
//!
//! This program is its own cast: started with a role's name it plays that role, otherwise it runs the tests.

mod controller;
mod roles;
mod storage;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    virt_util::controller::main_hook(roles::finish);
    if let Some(status) = roles::play() {
        return status;
    }
    let trials: Vec<Trial> = [controller::trials(), storage::trials()].into_iter().flatten().collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test by its name; it fails by panicking.
fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}
