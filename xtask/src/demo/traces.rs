//! What a running guest has on the host: its processes and sockets, and whether they are gone afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use virt_tests::traces;
use virt_util::process::Process;
use virt_util::wait::Wait;

use crate::ui;

/// How long what belonged to a guest may take to end after it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The processes that work with files below a directory.
pub(super) struct Traces {
    processes: Vec<(Process, String)>,
}

impl Traces {
    /// Looks at every process but this one.
    pub(super) fn below(place: &Path) -> Result<Traces> {
        Ok(Traces { processes: traces::processes(place)? })
    }

    pub(super) fn show(&self) {
        for (process, name) in &self.processes {
            let memory = memory(process.pid())
                .map_or(String::new(), |kibibytes| format!(", {kibibytes} KiB of memory"));
            ui::note(&format!("running for it: {name} (process {}{memory})", process.pid()));
        }
    }

    /// Waits for the processes to end, and looks for whatever else there may be.
    ///
    /// # Errors
    ///
    /// When something of the guest is left.
    pub(super) fn check_gone(&self, place: &Path) -> Result<()> {
        for (process, name) in &self.processes {
            if process.wait(Wait::at_most(PATIENCE)).is_err() {
                bail!("{name} (process {}) is still running", process.pid());
            }
        }
        if let Some((process, name)) = Traces::below(place)?.processes.first() {
            bail!("{name} (process {}) was left running", process.pid());
        }
        ui::good("no process");
        let sockets = traces::sockets(place)?;
        if !sockets.is_empty() {
            bail!("sockets were left: {}", sockets.join(", "));
        }
        ui::good("no socket");
        let files = guest_files(place);
        if !files.is_empty() {
            let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            bail!("files of the guest were left: {}", files.join(", "));
        }
        ui::good("no file but the guest's log");
        Ok(())
    }
}

/// A process's share of the memory that it uses, in KiB.
fn memory(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

/// Files and directories that have the guest's name in theirs, but for its log, which is kept for people; what the driver
/// keeps for itself (locks, its index, the log of events, what it knows of QEMU) has other names.
fn guest_files(place: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(place).min_depth(1).into_iter();
    // Files that stand in the directory itself are the demonstration's own.
    let passed_over = |entry: &walkdir::DirEntry| entry.file_name() == "log" || entry.file_type().is_file();
    let entries =
        entries.filter_entry(|entry| entry.depth() != 1 || !passed_over(entry)).filter_map(Result::ok);
    let own = entries.filter(|entry| entry.file_name().to_string_lossy().contains("demo"));
    own.map(walkdir::DirEntry::into_path).collect()
}
