//! What a running guest has on the host: its processes and sockets, and whether they are gone afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
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
        let mut processes = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if pid != std::process::id() && uses(&entry.path(), place) {
                let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                // What has ended meanwhile left nothing.
                if let Some(process) = Process::open(pid)? {
                    processes.push((process, name.trim_end().to_owned()));
                }
            }
        }
        Ok(Traces { processes })
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
        let sockets = sockets(place)?;
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

/// Whether a process has been told of the directory, works in it, or has something open in it.
fn uses(process: &Path, place: &Path) -> bool {
    let told = fs::read(process.join("cmdline"))
        .is_ok_and(|words| String::from_utf8_lossy(&words).contains(&*place.to_string_lossy()));
    let links = fs::read_dir(process.join("fd")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut links = links.chain([process.join("cwd")]);
    told || links.any(|link| fs::read_link(link).is_ok_and(|target| target.starts_with(place)))
}

/// A process's share of the memory that it uses, in KiB.
fn memory(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

/// The sockets whose addresses are below the directory, whether their files are still there or not.
fn sockets(place: &Path) -> Result<Vec<String>> {
    let table = fs::read_to_string("/proc/net/unix")?;
    let names = table.lines().filter_map(|line| line.split_whitespace().nth(7));
    Ok(names.filter(|name| Path::new(name).starts_with(place)).map(str::to_owned).collect())
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
