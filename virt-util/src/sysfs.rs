//! Attributes of the kernel's devices, as files below `/sys`, or below a tree of the same shape.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::{Error, ErrorDomain, Result};

/// A sysfs tree. Paths given to its methods are relative to its root.
///
/// ```
/// use virt_util::sysfs::Sysfs;
///
/// let scratch = tempfile::tempdir().unwrap();
/// std::fs::write(scratch.path().join("mtu"), "1500\n").unwrap();
/// let sysfs = Sysfs::at(scratch.path());
/// assert_eq!(sysfs.read("mtu")?.as_deref(), Some("1500"));
/// assert_eq!(sysfs.number("mtu")?, Some(1500));
/// assert_eq!(sysfs.read("missing")?, None);
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysfs {
    root: PathBuf,
}

impl Sysfs {
    /// This machine's.
    pub fn host() -> Self {
        Self::at("/sys")
    }

    /// A tree of the same shape elsewhere.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where an attribute is.
    pub fn path(&self, attribute: impl AsRef<Path>) -> PathBuf {
        self.root.join(attribute)
    }

    /// Whether it is there.
    pub fn exists(&self, attribute: impl AsRef<Path>) -> bool {
        self.path(attribute).exists()
    }

    /// What it says, without the line's end; nothing when it is missing, or when the device cannot tell.
    ///
    /// # Errors
    ///
    /// When it is there and may not be read.
    pub fn read(&self, attribute: impl AsRef<Path>) -> Result<Option<String>> {
        let path = self.path(attribute);
        // The kernel gives all of an attribute of text at once, and no more than this: one call of read(2) will do.
        let mut page = [0; 4096];
        let length = match std::fs::File::open(&path).and_then(|mut file| file.read(&mut page)) {
            Ok(length) => length,
            Err(error) if cannot_tell(&error) => return Ok(None),
            Err(error) => return Err(failed("read", &path, error)),
        };
        let text = String::from_utf8_lossy(page.get(..length).unwrap_or_default());
        Ok(Some(text.trim_end().to_owned()))
    }

    /// As [`Sysfs::read`], as bytes: configuration space, vital product data.
    ///
    /// # Errors
    ///
    /// As for [`Sysfs::read`].
    pub fn read_bytes(&self, attribute: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
        let path = self.path(attribute);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if cannot_tell(&error) => Ok(None),
            Err(error) => Err(failed("read", &path, error)),
        }
    }

    /// The number that it says, in decimal or, after `0x`, in hexadecimal; nothing when it says none.
    ///
    /// # Errors
    ///
    /// As for [`Sysfs::read`].
    pub fn number(&self, attribute: impl AsRef<Path>) -> Result<Option<i64>> {
        Ok(self.read(attribute)?.and_then(|text| match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }))
    }

    /// The last name in what a symbolic link leads to; nothing when there is no link.
    ///
    /// # Errors
    ///
    /// When it is there and may not be read.
    pub fn link_name(&self, link: impl AsRef<Path>) -> Result<Option<String>> {
        let path = self.path(link);
        match std::fs::read_link(&path) {
            Ok(target) => Ok(target.file_name().map(|name| name.to_string_lossy().into_owned())),
            Err(error) if cannot_tell(&error) || error.kind() == ErrorKind::InvalidInput => Ok(None),
            Err(error) => Err(failed("read", &path, error)),
        }
    }

    /// The names in a directory, sorted; none when it is missing.
    ///
    /// # Errors
    ///
    /// When it is there and may not be read.
    pub fn names(&self, directory: impl AsRef<Path>) -> Result<Vec<String>> {
        let path = self.path(directory);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if cannot_tell(&error) => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &path, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("read", &path, error))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Writes to an attribute, in one piece; it is never created.
    ///
    /// # Errors
    ///
    /// As the attribute answers; the error's source is the system's.
    pub fn write(&self, attribute: impl AsRef<Path>, text: &str) -> Result<()> {
        use std::io::Write as _;
        let path = self.path(attribute);
        let written = std::fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            Error::system(ErrorDomain::NONE, format!("cannot write '{text}' to '{}'", path.display()), error)
        })
    }
}

/// Missing, or of a device that went meanwhile, or that its driver does not answer for.
fn cannot_tell(error: &std::io::Error) -> bool {
    const SILENT: [Errno; 5] =
        [Errno::ENODEV, Errno::ENXIO, Errno::EOPNOTSUPP, Errno::EINVAL, Errno::ENOTDIR];
    error.kind() == ErrorKind::NotFound
        || error.raw_os_error().is_some_and(|number| SILENT.contains(&Errno::from_raw(number)))
}

fn failed(attempt: &str, path: &Path, error: std::io::Error) -> Error {
    Error::system(ErrorDomain::NONE, format!("cannot {attempt} '{}'", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_nothing_and_what_is_odd_is_no_number() {
        let scratch = tempfile::tempdir().unwrap();
        let sysfs = Sysfs::at(scratch.path());
        std::fs::write(scratch.path().join("class"), "0x020000\n").unwrap();
        std::fs::write(scratch.path().join("words"), "flr bus\n").unwrap();
        std::os::unix::fs::symlink("../../drivers/igb", scratch.path().join("driver")).unwrap();
        assert_eq!(sysfs.number("class").unwrap(), Some(0x02_0000));
        assert_eq!(sysfs.number("words").unwrap(), None);
        assert_eq!(sysfs.link_name("driver").unwrap().as_deref(), Some("igb"));
        assert_eq!(sysfs.link_name("class").unwrap(), None);
        assert_eq!(sysfs.link_name("none").unwrap(), None);
        assert_eq!(sysfs.read("class/below").unwrap(), None);
        assert_eq!(sysfs.names("none").unwrap(), Vec::<String>::new());
        assert_eq!(sysfs.names("").unwrap(), ["class", "driver", "words"]);
        let error = sysfs.write("none", "1").unwrap_err();
        assert!(error.to_string().starts_with("cannot write '1' to '"), "{error}");
    }
}
