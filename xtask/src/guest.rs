//! `cargo xtask guest`: makes the tiny Linux guest that tests and benchmarks boot, and says where it is.

use anyhow::Result;
use virt_tests::guest::Guest;

use crate::ui::Progress;
use crate::{setup, ui};

/// Runs the command.
///
/// # Errors
///
/// When the guest cannot be made.
pub(crate) fn run() -> Result<()> {
    setup::prepare(setup::Purpose::Demo)?;
    let guest = build()?;
    ui::note(&format!(
        "kernel  {} (compressed: {})",
        guest.kernel.display(),
        guest.compressed_kernel.display()
    ));
    ui::note(&format!("initrd  {}", guest.initrd.display()));
    Ok(())
}

/// Makes the guest behind a progress line.
///
/// # Errors
///
/// When it cannot be made.
pub(crate) fn build() -> Result<Guest> {
    let progress = Progress::begin("the tiny Linux guest");
    let guest = virt_tests::guest::build_with(&mut |stage| progress.detail(stage))?;
    progress.done();
    ui::note(&format!("Linux {}, with an initramfs made around busybox", guest.release));
    Ok(guest)
}
