//! Files that are whole or not there: atomic writes, bounded reads, and scans that skip what cannot be read.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::fcntl::{OFlag, renameat};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat};
use serde::{Deserialize, Serialize};

use crate::dir::Dir;
use crate::owner::Owner;
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// The most that an XML document may be long, in bytes, wherever nobody said otherwise: 16 MiB.
pub const DOCUMENT_LIMIT: u64 = 16 << 20;

/// Which content of a file: changes whenever the file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Inode number.
    pub inode: u64,
    /// Length in bytes.
    pub size: u64,
    /// Last change of content, in nanoseconds since 1970.
    pub modified: i64,
    /// Last change of content, mode, owner or links, in nanoseconds since 1970.
    pub changed: i64,
}

impl Identity {
    /// What `stat` says. The device's number is left out: it may change from one boot to the next.
    pub fn of(stat: &FileStat) -> Self {
        Self {
            inode: stat.st_ino,
            size: stat.st_size as u64,
            modified: stat.st_mtime.wrapping_mul(1_000_000_000).wrapping_add(stat.st_mtime_nsec),
            changed: stat.st_ctime.wrapping_mul(1_000_000_000).wrapping_add(stat.st_ctime_nsec),
        }
    }
}

/// Writes the whole file `name` in `dir`, in place of an earlier one.
///
/// Readers see the old content or the new one, whatever crashes when: the text goes to a temporary file in the same
/// directory, is synced, and takes over the name. `mode` is what the file gets, the umask notwithstanding.
///
/// ```
/// use virt_util::dir::Dir;
/// use virt_util::file;
///
/// let scratch = tempfile::tempdir().unwrap();
/// let dir = Dir::open(scratch.path())?;
/// let identity = file::write(&dir, "web.xml", 0o600, b"<domain/>")?;
/// assert_eq!(file::read(&dir, "web.xml", 1024)?, b"<domain/>");
/// assert_eq!(file::identity(&dir, "web.xml")?, Some(identity));
/// # Ok::<(), virt_util::Error>(())
/// ```
///
/// # Errors
///
/// When a step fails, in which case the earlier file stands as it was.
pub fn write(dir: &Dir, name: &str, mode: u32, content: &[u8]) -> Result<Identity> {
    let temporary = temporary_name()?;
    let result = write_temporary(dir, &temporary, mode, content)
        .map_err(|error| failed("cannot write", dir, name, error))
        .and_then(|file| {
            renameat(dir, temporary.as_str(), dir, checked(name)?)
                .map_err(|errno| dir.named("cannot replace", name, errno))?;
            dir.sync()?;
            // Taken last: the rename changes the time of change.
            fstat(&file).map_err(|errno| dir.named("cannot examine", name, errno))
        });
    if result.is_err() {
        // The error that is being reported matters more than a stray temporary file, which the next scan removes.
        let _ = dir.remove_file(&temporary);
    }
    result.map(|stat| Identity::of(&stat))
}

fn checked(name: &str) -> Result<&str> {
    if name.starts_with(TEMPORARY) {
        let sentence = format!("'{name}' cannot be a file's name: '{TEMPORARY}' begins temporary ones");
        return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence));
    }
    Ok(name)
}

fn write_temporary(dir: &Dir, temporary: &str, mode: u32, content: &[u8]) -> std::io::Result<File> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
    let opened = dir.try_open_file(temporary, flags, Mode::S_IRUSR | Mode::S_IWUSR);
    let mut file = opened.map_err(std::io::Error::other)??;
    file.write_all(content)?;
    fchmod(file.as_fd(), Mode::from_bits_truncate(mode))?;
    if dir.is_durable() {
        file.sync_all()?;
    }
    Ok(file)
}

const TEMPORARY: &str = ".tmp-";

/// `.tmp-PID-START-COUNT`: says whose it is, so that a dead writer's can be told from a live one's.
pub(crate) fn temporary_name() -> Result<String> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let owner = Owner::current()?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Ok(format!("{TEMPORARY}{}-{}-{count}", owner.pid, owner.start_time))
}

/// Whether `name` is a temporary file, and its writer is dead.
fn is_abandoned(name: &str) -> bool {
    let Some((pid, rest)) = name.strip_prefix(TEMPORARY).and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    let start = rest.split_once('-').and_then(|(start, _)| start.parse().ok());
    let (Ok(pid), Some(start_time)) = (pid.parse(), start) else { return false };
    let Ok(boot) = crate::owner::boot_id() else { return false };
    !Owner { pid, start_time, boot }.is_alive()
}

/// Reads the whole file `name` in `dir`.
///
/// # Errors
///
/// When it is missing, is no regular file, or is longer than `limit` bytes.
pub fn read(dir: &Dir, name: &str, limit: u64) -> Result<Vec<u8>> {
    read_identified(dir, name, limit).map(|(content, _)| content)
}

/// As [`read`], and which content it was.
///
/// # Errors
///
/// As for [`read`].
pub fn read_identified(dir: &Dir, name: &str, limit: u64) -> Result<(Vec<u8>, Identity)> {
    // Not blocking: somebody may have put a FIFO there.
    let mut file = dir.open_file(name, OFlag::O_RDONLY | OFlag::O_NONBLOCK, Mode::empty())?;
    let cannot = |error: std::io::Error| failed("cannot read", dir, name, error);
    let stat = fstat(&file).map_err(|errno| cannot(errno.into()))?;
    let refused = |why: String| {
        let sentence = format!("'{}' {why}", dir.join(name).display());
        Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence))
    };
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return refused("is not a regular file".into());
    }
    let mut content = Vec::with_capacity((stat.st_size as u64).min(limit) as usize + 1);
    Read::by_ref(&mut file).take(limit.saturating_add(1)).read_to_end(&mut content).map_err(cannot)?;
    if content.len() as u64 > limit {
        return refused(format!("is longer than {limit} bytes"));
    }
    Ok((content, Identity::of(&stat)))
}

/// As [`read`]; nothing when the file is missing.
///
/// # Errors
///
/// As for [`read`].
pub fn read_if_present(dir: &Dir, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
    match dir.contains(name)? {
        true => match read(dir, name, limit) {
            // Removed since.
            Err(_) if !dir.contains(name)? => Ok(None),
            other => other.map(Some),
        },
        false => Ok(None),
    }
}

/// Which content the file `name` has now; nothing when it is missing.
///
/// # Errors
///
/// As `fstatat(2)` says.
pub fn identity(dir: &Dir, name: &str) -> Result<Option<Identity>> {
    Ok(dir.stat_of(name)?.map(|stat| Identity::of(&stat)))
}

/// A file that was skipped, and why. It stands where it was, untouched.
#[derive(Debug)]
pub struct Skipped {
    /// The file's name in its directory.
    pub name: String,
    /// What was wrong with it.
    pub error: Error,
}

/// Calls `visit` with name, content and identity of each file in `dir` whose name ends in `suffix`, in the order of
/// their names, and gives back those that could not be read or that `visit` refused.
///
/// Such a file is left as it is: it may be a newer version's, or a user's slip of the pen. Temporary files of dead
/// writers are removed.
///
/// # Errors
///
/// When the directory itself cannot be read.
pub fn scan(
    dir: &Dir,
    suffix: &str,
    limit: u64,
    mut visit: impl FnMut(&str, &[u8], Identity) -> Result<()>,
) -> Result<Vec<Skipped>> {
    let mut skipped = Vec::new();
    for name in names(dir, suffix)? {
        let visited = read_identified(dir, &name, limit)
            .and_then(|(content, identity)| visit(&name, &content, identity));
        if let Err(error) = visited {
            // Removed since the directory was read: not there, so nothing to report.
            if dir.contains(&name).unwrap_or(true) {
                log::warn!("skipped '{}': {error:#}", dir.join(&name).display());
                skipped.push(Skipped { name, error });
            }
        }
    }
    Ok(skipped)
}

/// The names in `dir` that end in `suffix` and are not hidden, sorted. Removes temporary files of dead writers.
pub(crate) fn names(dir: &Dir, suffix: &str) -> Result<Vec<String>> {
    let mut names = dir.names()?;
    names.retain(|name| {
        if is_abandoned(name) {
            // Whoever sees it next tries again.
            let _ = dir.remove_file(name);
        }
        name.ends_with(suffix) && !name.starts_with('.')
    });
    names.sort_unstable();
    Ok(names)
}

fn failed(attempt: &str, dir: &Dir, name: &str, error: std::io::Error) -> Error {
    match error.raw_os_error() {
        Some(number) => dir.named(attempt, name, Errno::from_raw(number)),
        None => Error::system(ErrorDomain::NONE, format!("{attempt} '{}'", dir.join(name).display()), error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn scratch() -> (tempfile::TempDir, Dir) {
        let scratch = tempfile::tempdir().unwrap();
        let dir = Dir::open(scratch.path()).unwrap();
        (scratch, dir)
    }

    #[test]
    fn a_write_replaces_the_file_and_sets_its_mode() {
        let (scratch, dir) = scratch();
        let first = write(&dir, "a", 0o644, b"one").unwrap();
        let second = write(&dir, "a", 0o600, b"two").unwrap();
        assert_ne!(first, second);
        assert_eq!(read(&dir, "a", 3).unwrap(), b"two");
        let mode = std::fs::metadata(scratch.path().join("a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(dir.names().unwrap(), ["a"]);
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let (scratch, dir) = scratch();
        std::fs::create_dir(scratch.path().join("a")).unwrap();
        let error = write(&dir, "a", 0o600, b"one").unwrap_err();
        assert!(error.to_string().starts_with("cannot replace '"), "{error}");
        assert_eq!(dir.names().unwrap(), ["a"]);
    }

    #[test]
    fn long_files_fifos_and_directories_are_refused() {
        let (scratch, dir) = scratch();
        write(&dir, "long", 0o600, &[b'x'; 11]).unwrap();
        assert!(read(&dir, "long", 10).unwrap_err().to_string().ends_with("/long' is longer than 10 bytes"));
        assert_eq!(read(&dir, "long", 11).unwrap().len(), 11);
        nix::unistd::mkfifo(&scratch.path().join("fifo"), Mode::S_IRWXU).unwrap();
        assert!(read(&dir, "fifo", 10).unwrap_err().to_string().ends_with("is not a regular file"));
        assert!(read(&dir, "missing", 10).unwrap_err().to_string().ends_with("No such file or directory"));
        assert!(read_if_present(&dir, "missing", 10).unwrap().is_none());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_and_skipped_and_stays() {
        let (scratch, dir) = scratch();
        for name in ["b.xml", "a.xml", "bad.xml", "other.txt", ".hidden.xml"] {
            write(&dir, name, 0o600, name.as_bytes()).unwrap();
        }
        let mut seen = Vec::new();
        let skipped = scan(&dir, ".xml", 100, |name, content, _| {
            assert_eq!(name.as_bytes(), content);
            if name == "bad.xml" {
                return Err(Error::bare(ErrorCode::XML_ERROR, ErrorDomain::XML));
            }
            seen.push(name.to_owned());
            Ok(())
        });
        assert_eq!(seen, ["a.xml", "b.xml"]);
        assert_eq!(skipped.unwrap()[0].name, "bad.xml");
        assert!(scratch.path().join("bad.xml").exists());
    }

    #[test]
    fn temporary_files_of_dead_writers_are_removed_and_of_live_ones_kept() {
        let (_scratch, dir) = scratch();
        let live = temporary_name().unwrap();
        for name in [&live, ".tmp-1-1-1", ".tmp-x"] {
            dir.open_file(name, OFlag::O_CREAT | OFlag::O_WRONLY, Mode::S_IRWXU).unwrap();
        }
        names(&dir, "").unwrap();
        let mut left = dir.names().unwrap();
        left.sort();
        let mut expected = [live.as_str(), ".tmp-x"];
        expected.sort_unstable();
        assert_eq!(left, expected);
    }
}
