//! The index's file: every change of it, one after the other, begun anew when most of it is out of date.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fstat};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Entry;
use super::table::Table;
use crate::dir::Dir;
use crate::lock::Lock;
use crate::owner::boot_id;
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result, file, frames};

/// The format's version. A newer one is left alone.
const VERSION: u32 = 1;

/// One record of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Change {
    /// First of all: which format, and during which boot.
    Header { version: u32, boot: Uuid },
    /// An object is there, or has changed.
    Put(Box<Entry>),
    /// An object is gone.
    Remove(Uuid),
    /// An object is in another state.
    State { uuid: Uuid, state: i32, reason: i32 },
    /// What the directories looked like when all the above was true.
    Directories(Stamps),
    /// The highest id given so far.
    LastId(u32),
}

/// When the directories of definitions and of status files last changed, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamps {
    pub(super) definitions: i64,
    pub(super) status: Option<i64>,
}

/// A change to a driver's objects under way: whoever has this holds the index's lock, the first of the three.
#[derive(Debug)]
pub struct ChangeLock {
    pub(super) dir: Dir,
    pub(super) name: String,
    _lock: Lock,
}

impl ChangeLock {
    /// Takes the lock of the index `name` in `dir` without reading the index, to change an object's state or append events.
    ///
    /// # Errors
    ///
    /// As for [`Lock::acquire`].
    pub fn acquire(dir: &Dir, name: &str, purpose: &str, wait: Wait<'_>) -> Result<Self> {
        let lock = Lock::acquire(dir, &format!("{name}.lock"), purpose, wait)?;
        Ok(Self { dir: dir.clone(), name: name.to_owned(), _lock: lock })
    }

    pub(super) fn try_acquire(dir: &Dir, name: &str, purpose: &str) -> Result<Option<Self>> {
        let lock = Lock::try_acquire(dir, &format!("{name}.lock"), purpose)?;
        Ok(lock.map(|lock| Self { dir: dir.clone(), name: name.to_owned(), _lock: lock }))
    }

    /// Notes that the object `uuid` is in another state.
    ///
    /// # Errors
    ///
    /// When the index cannot be written.
    pub fn set_state(&self, uuid: Uuid, state: i32, reason: i32) -> Result<()> {
        self.set_state_unless(uuid, state, reason, &[])
    }

    /// As [`ChangeLock::set_state`], unless the object is in one of the states `unless` now.
    ///
    /// # Errors
    ///
    /// When the index cannot be written.
    pub fn set_state_unless(&self, uuid: Uuid, state: i32, reason: i32, unless: &[i32]) -> Result<()> {
        let mut log = Log::new(self.dir.clone(), &self.name);
        log.open_current()?;
        let mut now = None;
        let whole = log.read(|change| {
            match change {
                Change::Put(entry) if entry.uuid == uuid => now = Some(entry.state),
                Change::State { uuid: other, state, .. } if other == uuid => now = Some(state),
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
        match whole {
            // There is no index: it is made of the files when somebody needs it.
            0 => Ok(()),
            _ if now.is_some_and(|now| unless.contains(&now)) => Ok(()),
            whole => log.append(whole, &[Change::State { uuid, state, reason }]),
        }
    }
}

/// The file, and how far it has been read.
#[derive(Debug)]
pub(super) struct Log {
    dir: Dir,
    name: String,
    file: Option<File>,
    /// Up to where it has been read.
    pub(super) offset: u64,
    /// How many records that is.
    pub(super) records: usize,
}

impl Log {
    pub(super) fn new(dir: Dir, name: &str) -> Self {
        Self { dir, name: format!("{name}.index"), file: None, offset: 0, records: 0 }
    }

    /// Makes sure that the file of that name is the one that is open; whether it was before.
    pub(super) fn open_current(&mut self) -> Result<bool> {
        let named = self.dir.stat_of(&self.name)?;
        let open = match &self.file {
            Some(file) => {
                Some(fstat(file).map_err(|errno| self.dir.named("cannot examine", &self.name, errno))?)
            }
            None => None,
        };
        if let (Some(named), Some(open)) = (&named, &open)
            && named.st_ino == open.st_ino
            && open.st_size as u64 >= self.offset
        {
            return Ok(true);
        }
        (self.offset, self.records) = (0, 0);
        self.file = match named {
            Some(_) => {
                match self.dir.try_open_file(&self.name, OFlag::O_RDWR | OFlag::O_APPEND, Mode::empty())? {
                    Ok(file) => Some(file),
                    Err(nix::errno::Errno::ENOENT) => None,
                    Err(errno) => return Err(self.dir.named("cannot open", &self.name, errno)),
                }
            }
            None => None,
        };
        Ok(false)
    }

    /// Calls `visit` with each change that was not read yet; how long the whole part of the file is.
    pub(super) fn read(&mut self, mut visit: impl FnMut(Change) -> ControlFlow<()>) -> Result<u64> {
        let Some(file) = &self.file else { return Ok(0) };
        let size =
            fstat(file).map_err(|errno| self.dir.named("cannot examine", &self.name, errno))?.st_size as u64;
        if size <= self.offset {
            return Ok(self.offset);
        }
        let path = self.dir.join(&self.name);
        let mut refusal = None;
        let mut records = 0;
        let end = frames::read(file, self.offset, |payload, _| {
            records += 1;
            match serde_json::from_slice(payload) {
                Ok(Change::Header { version, .. }) if version > VERSION => {
                    let sentence = format!(
                        "'{}' has format {version}, written by a newer version; {VERSION} is the newest known here",
                        path.display()
                    );
                    refusal = Some(Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NONE, sentence));
                    ControlFlow::Break(())
                }
                Ok(change) => visit(change),
                // Ours by its checksum, and yet unknown: made again from the files like any other damage.
                Err(_) => ControlFlow::Break(()),
            }
        });
        let end = end.map_err(|error| {
            Error::system(ErrorDomain::NONE, format!("cannot read '{}'", path.display()), error)
        })?;
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        self.offset = end;
        self.records += records;
        Ok(end)
    }

    /// Adds changes behind the whole part of the file, which is `whole` bytes long. Under the lock.
    pub(super) fn append(&mut self, whole: u64, changes: &[Change]) -> Result<()> {
        let path = self.dir.join(&self.name);
        let cannot =
            |error| Error::system(ErrorDomain::NONE, format!("cannot write '{}'", path.display()), error);
        let Some(mut file) = self.file.as_ref().filter(|_| whole > 0) else {
            return self.rewrite(changes);
        };
        let size = file.metadata().map_err(cannot)?.len();
        if size > whole {
            // Somebody was killed while he wrote.
            file.set_len(whole).map_err(cannot)?;
        }
        let mut buffer = Vec::new();
        for change in changes {
            frames::push(&mut buffer, &serde_json::to_vec(change).unwrap_or_default());
        }
        if let Err(error) = file.write_all(&buffer) {
            // A part of it would be taken for a torn tail, which it is.
            let _ = file.set_len(whole);
            return Err(cannot(error));
        }
        self.offset = whole + buffer.len() as u64;
        self.records += changes.len();
        Ok(())
    }

    /// Puts a new file with nothing but `changes` in the place of the present one. Under the lock.
    pub(super) fn rewrite(&mut self, changes: &[Change]) -> Result<()> {
        let mut buffer = Vec::new();
        let header = Change::Header { version: VERSION, boot: boot_id()? };
        for change in std::iter::once(&header).chain(changes) {
            frames::push(&mut buffer, &serde_json::to_vec(change).unwrap_or_default());
        }
        file::write(&self.dir, &self.name, 0o600, &buffer)?;
        self.file = None;
        self.open_current()?;
        self.offset = buffer.len() as u64;
        self.records = changes.len() + 1;
        Ok(())
    }

    /// Begins anew when most records are out of date. Costs, spread over the changes, a constant for each.
    pub(super) fn compact(&mut self, table: &Table) -> Result<()> {
        if self.records > 1000 + 4 * table.len() {
            let changes: Vec<Change> = table.changes().collect();
            return self.rewrite(&changes);
        }
        Ok(())
    }
}
