//! Files that are made under another name until they are whole: what a killed process leaves is known, and removed.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use virt_core::driver::Call;
use virt_util::journal::{Changes, Journal, Step, recover};
use virt_util::root::Root;
use virt_util::sysfs::Sysfs;
use virt_util::{Error, ErrorCode, Result};

use crate::command::Command;
use crate::error;

/// How the names of unfinished files begin.
const PREFIX: &str = ".virt-unfinished-";

/// Whether this is the name of an unfinished file.
pub(crate) fn is_unfinished(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// What is done to a directory while a volume is made in it.
#[derive(Debug, Serialize, Deserialize)]
enum Work {
    /// An empty file that becomes a volume.
    File { path: PathBuf },
    /// A device that becomes a volume: what removes it, and, of a partition, where on its disk it begins, in bytes. Whoever
    /// writes this down makes it.
    Device { path: PathBuf, remove: Command, start: Option<u64> },
}

/// Whether the device that was written down is there, and no other in its place.
fn is_there(path: &Path, start: Option<u64>) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let sector = || Sysfs::host().number(format!("class/block/{name}/start")).ok().flatten();
    path.exists()
        && start.is_none_or(|start| sector().is_some_and(|sector| sector.unsigned_abs() * 512 == start))
}

impl Step for Work {
    type Context = ();

    fn carry_out(&self, (): &mut ()) -> Result<()> {
        let Self::File { path } = self else { return Ok(()) };
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map(drop).map_err(|error| error::about("cannot create path", path, error))
    }

    fn undo(&self, (): &mut ()) -> Result<()> {
        let path = match self {
            Self::File { path } => path,
            Self::Device { path, remove, start } if is_there(path, *start) => {
                return remove.run(Call::background()).map(drop);
            }
            Self::Device { .. } => return Ok(()),
        };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error::about("cannot remove", path, error))
            }
            _ => Ok(()),
        }
    }

    fn describe(&self) -> String {
        let (Self::File { path } | Self::Device { path, .. }) = self;
        format!("make '{}'", path.display())
    }

    fn changes(&self) -> Changes {
        Changes::Files
    }
}

/// The journal of a volume that is being made, and its name.
fn journal(root: &Root, pool: Uuid, name: &str) -> Result<(String, Journal<Work>)> {
    // Names are longer than a journal's may be.
    let mark = format!("{pool}-{:08x}", crc32fast::hash(name.as_bytes()));
    let busy = |error: Error| match error.code() {
        ErrorCode::RESOURCE_BUSY => error::invalid(format!("volume '{name}' is still being allocated.")),
        _ => error,
    };
    let journal = Journal::begin(root, &mark, &format!("making volume '{name}'")).map_err(busy)?;
    Ok((mark, journal))
}

/// A device that is being made and filled. Dropping it removes it.
pub(crate) struct MakingDevice(Option<Journal<Work>>);

impl MakingDevice {
    /// Writes down that the device at `path`, where nothing is, is going to be made, and what removes it.
    pub(crate) fn begin(
        root: &Root,
        pool: Uuid,
        name: &str,
        path: &Path,
        (remove, start): (Command, Option<u64>),
    ) -> Result<Self> {
        recover_all(root)?;
        if path.exists() {
            return Err(error::invalid(format!("volume target path '{}' already exists", path.display())));
        }
        let (_, mut journal) = journal(root, pool, name)?;
        journal.carry_out(Work::Device { path: path.to_owned(), remove, start }, &mut ())?;
        Ok(Self(Some(journal)))
    }

    /// It is whole: nothing is undone any more.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.0.take().map_or(Ok(()), Journal::keep)
    }
}

impl Drop for MakingDevice {
    fn drop(&mut self) {
        if let Some(journal) = self.0.take()
            && let Err(error) = journal.undo(&mut ())
        {
            log::error!("{error:#}");
        }
    }
}

/// A file that is being made. Dropping it removes it.
pub(crate) struct Making {
    path: PathBuf,
    target: PathBuf,
    journal: Option<Journal<Work>>,
}

impl Making {
    /// Begins to make the file `target` of the volume `name`; nobody else makes it at the same time.
    pub(crate) fn begin(root: &Root, pool: Uuid, name: &str, target: &Path) -> Result<Self> {
        recover_all(root)?;
        let (mark, mut journal) = journal(root, pool, name)?;
        let path = target.with_file_name(format!("{PREFIX}{mark}"));
        // Half-made by whoever had this journal before, and already forgotten by it.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                journal.undo(&mut ())?;
                return Err(error::about("cannot remove", &path, error));
            }
            _ => {}
        }
        journal.carry_out(Work::File { path: path.clone() }, &mut ())?;
        Ok(Self { path, target: target.to_owned(), journal: Some(journal) })
    }

    /// Where it is until it is whole.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn open(&self) -> Result<File> {
        let opened =
            OpenOptions::new().read(true).write(true).custom_flags(nix::libc::O_NOFOLLOW).open(&self.path);
        opened.map_err(|error| error::about("cannot open volume", &self.path, error))
    }

    /// Gives it its name, which nothing has yet.
    pub(crate) fn finish(self) -> Result<()> {
        self.end(RenameFlags::RENAME_NOREPLACE)
    }

    /// Gives it its name, in place of the file that has it.
    pub(crate) fn replace(self) -> Result<()> {
        self.end(RenameFlags::empty())
    }

    fn end(mut self, flags: RenameFlags) -> Result<()> {
        let file = self.open()?;
        file.sync_all().map_err(|error| error::about("cannot sync data to file", &self.target, error))?;
        let renamed = match renameat2(AT_FDCWD, &self.path, AT_FDCWD, &self.target, flags) {
            // Not every file system can refuse to replace; the pool's lock does.
            Err(Errno::EINVAL) if !self.target.exists() => {
                renameat2(AT_FDCWD, &self.path, AT_FDCWD, &self.target, RenameFlags::empty())
            }
            other => other,
        };
        renamed.map_err(|errno| match errno {
            Errno::EEXIST => {
                error::invalid(format!("volume target path '{}' already exists", self.target.display()))
            }
            errno => error::about("cannot rename to", &self.target, errno),
        })?;
        if let Some(directory) = self.target.parent() {
            let synced = File::open(directory).and_then(|directory| directory.sync_all());
            synced.map_err(|error| error::about("cannot sync", directory, error))?;
        }
        // Undoing finds nothing under the old name: that is what is recorded.
        self.journal.take().map_or(Ok(()), |journal| journal.undo(&mut ()))
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if let Some(journal) = self.journal.take()
            && let Err(error) = journal.undo(&mut ())
        {
            log::error!("{error:#}");
        }
    }
}

/// Removes what processes that died left; one line each.
pub(crate) fn recover_all(root: &Root) -> Result<Vec<String>> {
    let recovered = recover::<Work>(root, &mut ())?;
    let line = |it: virt_util::journal::Recovered| match it.error {
        None => format!("{}: undone", it.purpose),
        Some(error) => format!("{}: {error}", it.purpose),
    };
    Ok(recovered.into_iter().map(line).collect())
}
