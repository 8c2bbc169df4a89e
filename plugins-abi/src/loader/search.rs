//! Where plugins are looked for.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::file::read_manifest;
use crate::Result;
use crate::manifest::FoundManifest;

/// The environment variable with directories to search first, separated by colons.
pub(super) const DIRECTORY_VARIABLE: &str = "VIRT_DRIVER_DIR";

/// The system's directory for plugins.
pub(super) const SYSTEM_DIRECTORY: &str = "/usr/lib/virt/drivers";

/// What plugins are called in directories that hold other shared objects too.
const FILE_PREFIX: &str = "libvirt_driver_";

/// A file that may be a plugin.
#[derive(Debug)]
pub struct Candidate {
    /// Where it is.
    pub path: PathBuf,
    /// What it says about itself, or why it is none.
    pub manifest: Result<FoundManifest>,
}

/// The directories that are searched, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPath {
    directories: Vec<Directory>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Directory {
    path: PathBuf,
    /// Whether it holds nothing but plugins.
    dedicated: bool,
}

impl SearchPath {
    /// `VIRT_DRIVER_DIR` (ignored in a process with raised privileges), beside the shared object that contains this
    /// code, beside the executable, and the system's directory.
    pub fn standard() -> Self {
        let mut this = Self::default();
        // SAFETY: getauxval only reads the process's auxiliary vector.
        let raised = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
        if let Some(list) = std::env::var_os(DIRECTORY_VARIABLE).filter(|_| !raised) {
            for path in std::env::split_paths(&list).filter(|path| path.is_absolute()) {
                this.push(path, true);
            }
        }
        let beside = |file: PathBuf| file.parent().map(Path::to_owned);
        if let Some(directory) = virt_util::object::containing().and_then(beside) {
            this.push(directory, false);
        }
        if let Some(directory) = std::env::current_exe().ok().and_then(beside) {
            this.push(directory, false);
        }
        this.push(SYSTEM_DIRECTORY.into(), true);
        this
    }

    /// Only this directory, where every shared object is a candidate.
    pub fn only(directory: impl Into<PathBuf>) -> Self {
        let mut this = Self::default();
        this.push(directory.into(), true);
        this
    }

    /// What is searched, first to last.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().map(|directory| directory.path.as_path())
    }

    fn push(&mut self, path: PathBuf, dedicated: bool) {
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        if !self.directories.iter().any(|known| known.path == path) {
            self.directories.push(Directory { path, dedicated });
        }
    }

    /// Every file that may be a plugin, in the order of the search; within a directory by name. Directories that do
    /// not exist are passed over.
    pub fn candidates(&self) -> Vec<Candidate> {
        let mut found = Vec::new();
        for directory in &self.directories {
            let entries = std::fs::read_dir(&directory.path).into_iter().flatten().flatten();
            let mut paths: Vec<PathBuf> = entries
                .map(|entry| entry.path())
                .filter(|path| path.extension() == Some(OsStr::new("so")))
                .filter(|path| directory.dedicated || has_prefix(path))
                .collect();
            paths.sort();
            found.extend(paths.into_iter().map(|path| Candidate { manifest: read_manifest(&path), path }));
        }
        found
    }
}

fn has_prefix(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(FILE_PREFIX.as_bytes()))
}
