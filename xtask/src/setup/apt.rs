//! apt, Debian's package manager: what it offers, and installing it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{leading_number, sources};
use crate::ui::Progress;
use crate::workspace;

/// A source of packages to be added to apt's own.
pub(super) struct Entry {
    /// The file that it goes into.
    pub(super) file: PathBuf,
    /// What the file then holds.
    pub(super) text: String,
    /// The suite that it offers.
    pub(super) suite: String,
}

/// Whether this system has apt.
pub(super) fn available() -> bool {
    workspace::find_program("apt-get").is_some()
}

/// Fetches the lists of what there is.
pub(super) fn update() -> Result<()> {
    let progress = Progress::begin("fetching the package lists");
    workspace::follow(apt_get().arg("update"), &progress)?;
    progress.done();
    Ok(())
}

/// Installs packages, from the named suite where one is given.
pub(super) fn install(packages: &[&str], suite: Option<&str>) -> Result<()> {
    let progress = Progress::begin(&format!("installing {}", packages.join(" ")));
    let mut command = apt_get();
    command.args(["install", "--yes", "--no-install-recommends"]);
    if let Some(suite) = suite {
        command.args(["--target-release", suite]);
    }
    workspace::follow(command.args(packages), &progress)?;
    progress.done();
    Ok(())
}

/// The newest version that the release itself offers, its first number only; `None` where it has no such package.
pub(super) fn own_version(package: &str) -> Result<Option<u32>> {
    let table = workspace::output(Command::new("apt-cache").env("LC_ALL", "C").args(["madison", package]))?;
    let own = table.lines().filter(|line| !line.contains(sources::BACKPORTS));
    Ok(own.filter_map(|line| leading_number(line.split('|').nth(1)?.trim())).max())
}

/// The suite with newer packages for this release, on Debian.
pub(super) fn backports_suite() -> Option<String> {
    let release = std::fs::read_to_string("/etc/os-release").ok()?;
    let value = |name: &str| {
        release.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix('=')?.trim_matches('"')))
    };
    (value("ID")? == "debian")
        .then(|| value("VERSION_CODENAME").map(|name| format!("{name}{}", sources::BACKPORTS)))?
}

/// The entry for the backports of this release, derived from the one for the release itself.
/// `None` where there is one already, or none to derive it from.
///
/// # Errors
///
/// When apt's sources cannot be read.
pub(super) fn backports_entry() -> Result<Option<Entry>> {
    let Some(suite) = backports_suite() else { return Ok(None) };
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let directory = Path::new("/etc/apt/sources.list.d");
    if directory.is_dir() {
        let listed = directory.read_dir().with_context(|| format!("cannot list {}", directory.display()))?;
        files.extend(listed.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files.sort();
    let mut derived = None;
    for file in files.iter().filter(|file| file.is_file()) {
        let deb822 = match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => true,
            Some("list") => false,
            _ => continue,
        };
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        if sources::offers(&text, deb822, &suite) {
            return Ok(None);
        }
        derived = derived.or_else(|| Some((sources::derive(&text, deb822, &suite)?, deb822)));
    }
    Ok(derived.map(|(text, deb822)| {
        let name = if deb822 { "virt-backports.sources" } else { "virt-backports.list" };
        Entry { file: directory.join(name), text, suite }
    }))
}

/// Adds an entry to apt's sources.
pub(super) fn add(entry: &Entry) -> Result<()> {
    std::fs::write(&entry.file, &entry.text).with_context(|| format!("cannot write {}", entry.file.display()))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
    // Somebody else's apt may be at work: wait for it.
    command.args(["--quiet", "--option", "DPkg::Lock::Timeout=300"]);
    command
}
