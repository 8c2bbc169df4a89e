//! What works with files below a directory: processes and sockets, which a guest must not leave behind.

use std::fs;
use std::io;
use std::path::Path;

use virt_util::process::Process;

/// The processes that have been told of the directory, work in it, or have something open in it, with their names; but
/// for this one.
///
/// # Errors
///
/// When the processes of this machine cannot be listed.
pub fn processes(place: &Path) -> io::Result<Vec<(Process, String)>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if pid != std::process::id() && uses(&entry.path(), place) {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            // What has ended meanwhile left nothing.
            if let Some(process) = Process::open(pid).map_err(io::Error::other)? {
                processes.push((process, name.trim_end().to_owned()));
            }
        }
    }
    Ok(processes)
}

fn uses(process: &Path, place: &Path) -> bool {
    let told = fs::read(process.join("cmdline"))
        .is_ok_and(|words| String::from_utf8_lossy(&words).contains(&*place.to_string_lossy()));
    let links = fs::read_dir(process.join("fd")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut links = links.chain([process.join("cwd")]);
    told || links.any(|link| fs::read_link(link).is_ok_and(|target| target.starts_with(place)))
}

/// The sockets whose addresses are below the directory, whether their files are still there or not.
///
/// # Errors
///
/// When the sockets of this machine cannot be listed.
pub fn sockets(place: &Path) -> io::Result<Vec<String>> {
    let table = fs::read_to_string("/proc/net/unix")?;
    let names = table.lines().filter_map(|line| line.split_whitespace().nth(7));
    Ok(names.filter(|name| Path::new(name).starts_with(place)).map(str::to_owned).collect())
}
