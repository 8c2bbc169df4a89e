//! A place of its own for a guest and its controller, so that stopping the service that started the guest does not kill it.
//!
//! Under systemd that is a scope: only what systemd itself made is safe from it when it cleans up after a service, and its
//! limits and accounting apply. It is asked over D-Bus by hand, since `systemd-run` would be a program that may be missing
//! and a process more, and a bus library would outweigh the controller. Elsewhere it is a cgroup below the top of the
//! unified hierarchy, where that may be written; the session of its own that a controller has in any case keeps terminals'
//! signals away.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::unistd::geteuid;

use crate::systemd;
use crate::wait::Wait;

/// How long a guest's start may take longer because systemd does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A cgroup that was made for a guest, and is removed after it.
#[derive(Debug)]
pub(super) struct OwnGroup {
    path: PathBuf,
}

/// Leaves the place this process was started in. A guest that is safe from nothing but its service's end is better than no
/// guest: failures are told to the log.
pub(super) fn settle(title: &str) -> Option<OwnGroup> {
    if systemd::is_running() {
        let slice = geteuid().is_root().then_some("machine.slice");
        match systemd::start_scope(title, &[std::process::id()], slice, Wait::at_most(PATIENCE)) {
            Ok(()) => return None,
            Err(error) => eprintln!("the guest gets no scope of its own: {error:#}"),
        }
    }
    OwnGroup::current().or_else(|| OwnGroup::make(title))
}

/// A place for a controller to be born in, opened, where [`settle`] would make one.
pub(super) fn prepare(title: &str) -> Option<OwnedFd> {
    if systemd::is_running() {
        return None;
    }
    let path = fresh(title)?;
    std::fs::create_dir_all(&path).and_then(|()| std::fs::File::open(&path)).ok().map(OwnedFd::from)
}

/// Removes what is left of a guest's place when its controller has ended. This process itself may be in it, as one that
/// the controller started.
pub(super) fn clear() {
    match OwnGroup::current() {
        Some(group) => group.leave(),
        None => sweep(),
    }
}

/// Goes where the guest `pid` is, for a controller that takes over; to a place of its own where that cannot be.
pub(super) fn join(title: &str, pid: u32) -> Option<OwnGroup> {
    let Ok(groups) = std::fs::read_to_string(format!("/proc/{pid}/cgroup")) else { return settle(title) };
    let ours = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut own = None;
    for line in groups.lines().filter(|line| !ours.lines().any(|other| other == *line)) {
        let Some((number_and_kind, group)) = line.rsplit_once(':') else { continue };
        // Where a service's processes are looked for: the unified hierarchy, or systemd's own of old.
        let mount = match number_and_kind {
            "0:" => unified_mount(),
            named if named.ends_with(":name=systemd") => Some("/sys/fs/cgroup/systemd".into()),
            _ => None,
        };
        let Some(mount) = mount else { continue };
        let path = mount.join(group.trim_start_matches('/'));
        if let Err(error) = enter(&path) {
            eprintln!("the controller does not join its guest's cgroup '{group}': {error}");
            return settle(title);
        }
        if path.parent() == top().as_deref() {
            own = Some(OwnGroup { path });
        }
    }
    own
}

/// Below which cgroups of our making are.
fn top() -> Option<PathBuf> {
    unified_mount().map(|mount| mount.join("virt"))
}

/// Removes the cgroups of guests that were killed along with their controllers.
pub(super) fn sweep() {
    let Some(top) = top() else { return };
    for group in std::fs::read_dir(&top).into_iter().flatten().flatten() {
        if group.file_type().is_ok_and(|kind| kind.is_dir()) {
            // The kernel removes none that holds a process.
            let _ = std::fs::remove_dir(group.path());
        }
    }
    let _ = std::fs::remove_dir(&top);
}

impl OwnGroup {
    fn make(title: &str) -> Option<Self> {
        let path = fresh(title)?;
        // Without rights to the hierarchy there is only the session of our own. Twice, as another controller's sweep may
        // come between.
        let make = || std::fs::create_dir_all(&path).and_then(|()| enter(&path));
        if make().or_else(|_| make()).is_err() {
            let _ = std::fs::remove_dir(&path);
            return None;
        }
        Some(Self { path })
    }

    /// The one that this process is in, if it is one that was made for a guest.
    fn current() -> Option<Self> {
        let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let path = unified_mount()?.join(own);
        (path.parent() == top().as_deref()).then_some(Self { path })
    }

    /// One made by an earlier program of this process.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves and removes it: only an empty one can be removed.
    pub(super) fn leave(self) {
        if let Some(top) = self.path.parent().and_then(Path::parent) {
            // A helper of the guest may still be in it: then it is swept up later.
            let _ = enter(top);
        }
        sweep();
    }
}

/// A name that no cgroup has, for the guest that people know by `title`.
fn fresh(title: &str) -> Option<PathBuf> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    sweep();
    let name: String =
        title.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).take(100).collect();
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    Some(top()?.join(format!("{name}-{}-{number}", std::process::id())))
}

fn enter(group: &Path) -> std::io::Result<()> {
    std::fs::File::options().write(true).open(group.join("cgroup.procs"))?.write_all(b"0")
}

/// Where the unified hierarchy is mounted.
fn unified_mount() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = |line: &str| -> Option<PathBuf> {
        let (fields, kind) = line.split_once(" - ")?;
        let path = fields.split(' ').nth(4)?;
        kind.starts_with("cgroup2 ").then(|| path.into())
    };
    mounts.lines().find_map(mount)
}
