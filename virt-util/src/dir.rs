//! Directories held by descriptor: private by construction, and reachable however long their path is.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::dir::Dir as DirStream;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, fsync, geteuid, unlinkat};

use crate::{Error, ErrorCode, ErrorDomain, Result};

/// An open directory. Cloning is cheap and shares the descriptor.
///
/// Names given to its methods are single names, never paths: `a/b`, `..` and the like are refused.
///
/// ```
/// use virt_util::dir::Dir;
///
/// let scratch = tempfile::tempdir().unwrap();
/// let dir = Dir::open(scratch.path())?.subdir("guests")?;
/// assert_eq!(dir.path(), scratch.path().join("guests"));
/// assert!(dir.names()?.is_empty());
/// assert!(dir.subdir("../elsewhere").is_err());
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dir(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fd: OwnedFd,
    path: PathBuf,
    durable: bool,
}

impl Dir {
    /// Opens an existing directory of any owner and mode.
    ///
    /// # Errors
    ///
    /// When it does not exist or may not be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let fd = nix::fcntl::open(path, DIRECTORY, Mode::empty())
            .map_err(|errno| failed(format!("cannot open directory '{}'", path.display()), errno))?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self(Arc::new(Inner { fd, path, durable: true })))
    }

    /// A directory that was inherited from another process, as a transient one.
    pub(crate) fn from_fd(fd: OwnedFd) -> Result<Self> {
        let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let path = std::fs::read_link(&link)
            .map_err(|error| Error::system(ErrorDomain::NONE, format!("cannot read '{link}'"), error))?;
        Ok(Self(Arc::new(Inner { fd, path, durable: false })))
    }

    /// Opens `path`, creating what is missing of it with mode 0700.
    ///
    /// # Errors
    ///
    /// When a part of it cannot be made or is no directory.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Self::create_with(path.as_ref(), Mode::S_IRWXU)
    }

    /// As [`Dir::create`], with another mode for what is missing.
    pub(crate) fn create_with(path: &Path, mode: Mode) -> Result<Self> {
        match Self::open(path) {
            Err(error) if is_missing(&error) => {}
            other => return other,
        }
        let mut built = PathBuf::new();
        for part in path.components() {
            built.push(part);
            match nix::unistd::mkdir(&built, mode) {
                Ok(()) | Err(Errno::EEXIST | Errno::EISDIR | Errno::EROFS) => {}
                Err(Errno::EACCES | Errno::EPERM) if built.is_dir() => {}
                Err(errno) => {
                    return Err(failed(format!("cannot create directory '{}'", built.display()), errno));
                }
            }
        }
        Self::open(path)
    }

    /// Opens the directory `name` in this one, creating it with mode 0700 when it is missing.
    ///
    /// # Errors
    ///
    /// When it is a symbolic link, belongs to somebody else than us or root, or may be written by others.
    pub fn subdir(&self, name: &str) -> Result<Self> {
        self.subdir_with(name, Mode::S_IRWXU)
    }

    /// As [`Dir::subdir`], with another mode for a missing one.
    pub(crate) fn subdir_with(&self, name: &str, mode: Mode) -> Result<Self> {
        if let Some(existing) = self.existing_subdir(name)? {
            return Ok(existing);
        }
        let path = self.join(name);
        match mkdirat(self, name, mode) {
            // The umask may have taken bits away.
            Ok(()) => self.sync()?,
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(failed(format!("cannot create directory '{}'", path.display()), errno)),
        }
        self.existing_subdir(name)?
            .ok_or_else(|| failed(format!("cannot open directory '{}'", path.display()), Errno::ENOENT))
    }

    /// Opens the directory `name` in this one; nothing when it is missing.
    ///
    /// # Errors
    ///
    /// As for [`Dir::subdir`].
    pub fn existing_subdir(&self, name: &str) -> Result<Option<Self>> {
        check_name(name)?;
        let path = self.join(name);
        match openat(self, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty()) {
            Ok(fd) => {
                let this = Self(Arc::new(Inner { fd, path, durable: self.0.durable }));
                this.check_private()?;
                Ok(Some(this))
            }
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(failed(format!("cannot open directory '{}'", path.display()), errno)),
        }
    }

    fn check_private(&self) -> Result<()> {
        let stat = self.stat()?;
        let owner = stat.st_uid;
        let path = self.path().display();
        let refusal = if owner != 0 && owner != geteuid().as_raw() {
            format!("directory '{path}' belongs to user {owner}")
        } else if stat.st_mode & 0o022 != 0 {
            format!("directory '{path}' may be written by others (mode {:04o})", stat.st_mode & 0o7777)
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorCode::ACCESS_DENIED, ErrorDomain::NONE, refusal)
            .hint(format!("make it private: chown it to the user who runs this, and chmod 0700 '{path}'")))
    }

    /// The same directory with writes that skip `fsync`: for what need not survive a crash of the machine.
    ///
    /// # Errors
    ///
    /// When there is no room for another descriptor.
    pub fn transient(&self) -> Result<Self> {
        let fd = self.0.fd.try_clone().map_err(|error| {
            Error::system(ErrorDomain::NONE, format!("cannot duplicate '{}'", self.path().display()), error)
        })?;
        Ok(Self(Arc::new(Inner { fd, path: self.0.path.clone(), durable: false })))
    }

    /// Whether what is written here is meant to survive a crash of the machine.
    pub fn is_durable(&self) -> bool {
        self.0.durable
    }

    /// Lets everybody pass through to names they know (mode 0711), for guests that run as a user of their own.
    ///
    /// # Errors
    ///
    /// When the directory is not ours.
    pub fn let_pass(&self) -> Result<()> {
        fchmod(self, Mode::from_bits_truncate(0o711))
            .map_err(|errno| failed(format!("cannot change the mode of '{}'", self.path().display()), errno))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The path of `name` in it, for people and for programs that take a path.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path.join(name)
    }

    /// A path of `name` in it that is short however deep the directory lies, and holds in this process alone, while
    /// this directory is open.
    pub fn short_path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.0.fd.as_raw_fd()))
    }

    /// Opens the file `name`, without following a symbolic link, close-on-exec.
    ///
    /// # Errors
    ///
    /// As `open(2)` says.
    pub fn open_file(&self, name: &str, flags: OFlag, mode: Mode) -> Result<File> {
        self.try_open_file(name, flags, mode)
            .and_then(|result| result.map_err(|errno| self.named("cannot open", name, errno)))
    }

    /// As [`Dir::open_file`], with the error number for those who expect one.
    pub(crate) fn try_open_file(&self, name: &str, flags: OFlag, mode: Mode) -> Result<nix::Result<File>> {
        check_name(name)?;
        Ok(openat(self, name, flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, mode).map(File::from))
    }

    /// The names in it without `.` and `..`, in no order.
    ///
    /// # Errors
    ///
    /// When it cannot be read. A name that is not UTF-8 is left out with a warning: it is none of ours.
    pub fn names(&self) -> Result<Vec<String>> {
        let cannot = |errno| failed(format!("cannot read directory '{}'", self.path().display()), errno);
        let mut stream = DirStream::openat(self, ".", DIRECTORY, Mode::empty()).map_err(cannot)?;
        let mut names = Vec::new();
        for entry in stream.iter() {
            let entry = entry.map_err(cannot)?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => names.push(name.to_owned()),
                Err(_) => log::warn!("'{}' holds a name that is not UTF-8", self.path().display()),
            }
        }
        Ok(names)
    }

    /// What `stat(2)` says of the directory itself.
    ///
    /// # Errors
    ///
    /// As `fstat(2)` says.
    pub fn stat(&self) -> Result<FileStat> {
        fstat(self).map_err(|errno| failed(format!("cannot examine '{}'", self.path().display()), errno))
    }

    /// What `stat(2)` says of `name`, not following a symbolic link; nothing when there is none.
    ///
    /// # Errors
    ///
    /// As `fstatat(2)` says.
    pub fn stat_of(&self, name: &str) -> Result<Option<FileStat>> {
        check_name(name)?;
        match fstatat(self, name, nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.named("cannot examine", name, errno)),
        }
    }

    /// Whether `name` is there.
    ///
    /// # Errors
    ///
    /// As `fstatat(2)` says.
    pub fn contains(&self, name: &str) -> Result<bool> {
        Ok(self.stat_of(name)?.is_some())
    }

    /// Removes the file `name`; that it was not there is no error.
    ///
    /// # Errors
    ///
    /// As `unlinkat(2)` says.
    pub fn remove_file(&self, name: &str) -> Result<()> {
        check_name(name)?;
        match unlinkat(self, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => self.sync(),
            Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(self.named("cannot remove", name, errno)),
        }
    }

    /// Removes `name` and, when it is a directory, all that is below it; symbolic links are removed, not followed.
    /// That it was not there is no error.
    ///
    /// # Errors
    ///
    /// When a part of it cannot be removed.
    pub fn remove_tree(&self, name: &str) -> Result<()> {
        let Some(stat) = self.stat_of(name)? else { return Ok(()) };
        if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFDIR {
            return self.remove_file(name);
        }
        let fd = match openat(self, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => return Ok(()),
            Err(errno) => return Err(self.named("cannot open", name, errno)),
        };
        let inner = Self(Arc::new(Inner { fd, path: self.join(name), durable: false }));
        for name in inner.names()? {
            inner.remove_tree(&name)?;
        }
        match unlinkat(self, name, UnlinkatFlags::RemoveDir) {
            Ok(()) => self.sync(),
            Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(self.named("cannot remove", name, errno)),
        }
    }

    /// Makes names added, changed and removed here survive a crash of the machine. Nothing in a transient directory.
    ///
    /// # Errors
    ///
    /// As `fsync(2)` says.
    pub fn sync(&self) -> Result<()> {
        if !self.0.durable {
            return Ok(());
        }
        fsync(self).map_err(|errno| failed(format!("cannot sync '{}'", self.path().display()), errno))
    }

    /// An error about `name` in this directory.
    pub(crate) fn named(&self, attempt: &str, name: &str, errno: Errno) -> Error {
        failed(format!("{attempt} '{}'", self.join(name).display()), errno)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

fn failed(attempt: String, errno: Errno) -> Error {
    Error::system(ErrorDomain::NONE, attempt, errno)
}

fn is_missing(error: &Error) -> bool {
    error.errno() == Some(Errno::ENOENT)
}

/// Refuses what is not the name of one file.
fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name == "." || name == ".." || name.len() > 255 || name.contains(['/', '\0']) {
        let sentence = format!("'{name}' cannot be a file's name");
        return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence)
            .hint("a file's name has 1 to 255 bytes, without '/'"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn subdirectories_are_private_or_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = Dir::open(scratch.path()).unwrap();
        let made = dir.subdir("made").unwrap();
        assert_eq!(made.stat().unwrap().st_mode & 0o7777, 0o700);

        std::fs::create_dir(scratch.path().join("open")).unwrap();
        std::fs::set_permissions(scratch.path().join("open"), PermissionsExt::from_mode(0o777)).unwrap();
        let error = dir.subdir("open").unwrap_err();
        assert_eq!(error.code(), ErrorCode::ACCESS_DENIED);
        assert!(error.to_string().ends_with("may be written by others (mode 0777)"), "{error}");

        std::os::unix::fs::symlink("/tmp", scratch.path().join("link")).unwrap();
        assert!(dir.subdir("link").is_err());
    }

    #[test]
    fn a_tree_is_removed_and_links_are_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = Dir::open(scratch.path()).unwrap();
        let kept = scratch.path().join("kept");
        std::fs::create_dir(&kept).unwrap();
        std::fs::write(kept.join("file"), "").unwrap();
        let tree = dir.subdir("tree").unwrap().subdir("branch").unwrap();
        std::os::unix::fs::symlink(&kept, tree.join("link")).unwrap();
        dir.remove_tree("tree").unwrap();
        dir.remove_tree("tree").unwrap();
        assert!(kept.join("file").exists());
        assert_eq!(dir.names().unwrap(), ["kept"]);
    }
}
