//! `virt-controller`: the small process that stays with a running guest. Drivers start it; nobody else needs to.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Does not come back when a driver started this program.
    virt_core::serve_guests();
    eprintln!(
        "virt-controller stays with a running guest; drivers start it, there is nothing to do for it here"
    );
    ExitCode::from(2)
}
