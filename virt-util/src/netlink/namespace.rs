//! The network namespaces of a host, as far as this process can see them.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Error, ErrorDomain, Result};

/// A network namespace, held open. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Where it was found: `/run/netns/blue`, `/proc/4711/ns/net`.
    pub path: PathBuf,
    file: Arc<File>,
}

impl Namespace {
    /// This thread's.
    ///
    /// # Errors
    ///
    /// When /proc does not tell.
    pub fn current() -> Result<Self> {
        // `self` would be the process's first thread.
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// The one that is kept at a path.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        match File::open(path) {
            Ok(file) => Ok(Self { path: path.to_owned(), file: Arc::new(file) }),
            Err(error) => Err(Error::system(
                ErrorDomain::NONE,
                format!("cannot open network namespace '{}'", path.display()),
                error,
            )),
        }
    }

    /// What tells it from others.
    fn identity(&self) -> Option<(u64, u64)> {
        self.file.metadata().ok().map(|stat| (stat.dev(), stat.ino()))
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Every network namespace that has a name or a process, this thread's first, each once. Those that this process may
/// not look at are left out. Each is looked for when it is asked for: there are as many places to look at as processes.
///
/// # Errors
///
/// When not even its own can be opened.
pub fn namespaces() -> Result<impl Iterator<Item = Namespace>> {
    let current = Namespace::current()?;
    let mut seen: BTreeSet<_> = current.identity().into_iter().collect();
    let places = std::iter::once_with(|| names("/run/netns").into_iter().chain(processes())).flatten();
    let others = places
        .filter_map(|path| Namespace::open(&path).ok())
        .filter(move |namespace| namespace.identity().is_some_and(|identity| seen.insert(identity)));
    Ok(std::iter::once(current).chain(others))
}

fn names(directory: &str) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort_unstable();
    paths
}

fn processes() -> Vec<PathBuf> {
    let numbered = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
    };
    names("/proc").into_iter().filter(numbered).map(|path| path.join("ns/net")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_threads_namespace_is_the_first_and_none_comes_twice() {
        let found: Vec<_> = namespaces().unwrap().collect();
        let mut identities: Vec<_> = found.iter().filter_map(Namespace::identity).collect();
        assert_eq!(identities.first().copied(), Namespace::current().unwrap().identity());
        let before = identities.len();
        identities.sort_unstable();
        identities.dedup();
        assert_eq!(identities.len(), before);
    }
}
