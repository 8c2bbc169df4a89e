//! libvirt itself as an oracle: what it finds out about this machine's QEMU, for tests that find out the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::workspace;

/// The variable in which tests find the file that libvirt wrote about QEMU.
const QEMU_CACHE: &str = "LIBVIRT_QEMU_CACHE";

/// What was asked of libvirt, kept for as long as tests read it.
pub(super) struct Oracle {
    qemu_cache: PathBuf,
    _place: TempDir,
}

impl Oracle {
    /// Asks the installed libvirt, in a directory of its own: no daemon takes part.
    ///
    /// # Errors
    ///
    /// When there is no libvirt with a driver for QEMU, or no QEMU. The tests that need it skip themselves then.
    pub(super) fn ask() -> Result<Oracle> {
        let qemu = workspace::find_program("qemu-system-x86_64").context("there is no QEMU")?;
        let virsh = workspace::find_program("virsh").context("there is no virsh")?;
        let place = tempfile::tempdir()?;
        let mut command = Command::new(virsh);
        command.args(["-c", &format!("qemu:///embed?root={}", place.path().display()), "domcapabilities"]);
        workspace::output(command.args(["--virttype", "qemu", "--emulatorbin"]).arg(&qemu))?;
        let directory = place.path().join("cache/qemu/capabilities");
        let qemu_cache = about(&directory, &qemu)?;
        Ok(Oracle { qemu_cache, _place: place })
    }

    /// Tells a command's tests where the answers are.
    pub(super) fn tell(&self, command: &mut Command) {
        command.env(QEMU_CACHE, &self.qemu_cache);
    }
}

/// The file in libvirt's cache that is about one emulator.
fn about(directory: &Path, emulator: &Path) -> Result<PathBuf> {
    let wanted = format!("<emulator>{}</emulator>", emulator.display());
    let files = directory.read_dir().with_context(|| format!("cannot list {}", directory.display()))?;
    let mut files = files.filter_map(|entry| Some(entry.ok()?.path()));
    let found = files.find(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains(&wanted)));
    found.with_context(|| format!("libvirt wrote nothing about {}", emulator.display()))
}
