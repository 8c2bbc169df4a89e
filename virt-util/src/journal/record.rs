//! A journal's files: one in the run directory for steps on the kernel, one in the lib directory for steps on files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Changes;
use crate::dir::Dir;
use crate::lock::Lock;
use crate::owner::Owner;
use crate::root::Root;
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result, file, frames};

/// The format's version. A newer one is left alone.
const VERSION: u32 = 1;

const SUFFIX: &str = ".journal";

/// One record of a journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Record {
    /// First of all.
    Header { version: u32, driver: String, purpose: String },
    /// Whose it is; nobody's once it was given up.
    Owner { owner: Option<Owner> },
    /// A step that is about to be done.
    Step { number: usize, step: Value },
}

/// The step's kind, by serde's custom: a word, or an object's only name.
pub(super) fn kind(step: &Value) -> String {
    let name = step.as_str().or_else(|| step.as_object()?.keys().next().map(String::as_str));
    name.unwrap_or("(unnamed)").to_owned()
}

/// What both files of a journal hold.
#[derive(Debug, Default)]
pub(super) struct Contents {
    driver: String,
    pub(super) purpose: String,
    pub(super) owner: Option<Owner>,
    pub(super) steps: Vec<(usize, Value)>,
}

impl Contents {
    /// Whether it is ours to undo: of this driver, and its owner is dead.
    pub(super) fn is_abandoned(&self, root: &Root) -> bool {
        self.driver == root.driver() && self.owner.is_none_or(|owner| !owner.is_alive())
    }
}

/// The directories that journals are in.
#[derive(Clone, Debug)]
pub(super) struct Places {
    driver: String,
    kernel: Dir,
    files: Dir,
}

impl Places {
    pub(super) fn open(root: &Root) -> Result<Self> {
        Ok(Self {
            driver: root.driver().to_owned(),
            kernel: root.run().subdir("journal")?,
            files: root.lib().subdir("journal")?,
        })
    }

    fn dir(&self, changes: Changes) -> &Dir {
        match changes {
            Changes::Kernel => &self.kernel,
            Changes::Files => &self.files,
        }
    }

    /// Held by whoever is at work on the journal.
    pub(super) fn lock(&self, name: &str, purpose: &str, wait: Wait<'_>) -> Result<Lock> {
        Lock::acquire(&self.kernel, &format!("{name}.lock"), purpose, wait)
    }

    pub(super) fn try_lock(&self, name: &str, purpose: &str) -> Result<Option<Lock>> {
        Lock::try_acquire(&self.kernel, &format!("{name}.lock"), purpose)
    }

    pub(super) fn has(&self, changes: Changes, name: &str) -> Result<bool> {
        self.dir(changes).contains(&file_name(name))
    }

    pub(super) fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.has(Changes::Kernel, name)? || self.has(Changes::Files, name)?)
    }

    /// The names of all journals.
    pub(super) fn names(&self) -> Result<BTreeSet<String>> {
        let mut names = file::names(&self.kernel, SUFFIX)?;
        names.extend(file::names(&self.files, SUFFIX)?);
        Ok(names.iter().filter_map(|name| name.strip_suffix(SUFFIX)).map(str::to_owned).collect())
    }

    /// Begins one of the files.
    pub(super) fn create(
        &self,
        changes: Changes,
        name: &str,
        purpose: &str,
        owner: Option<Owner>,
    ) -> Result<()> {
        self.write(changes, name, purpose, owner, &[])
    }

    fn write(
        &self,
        changes: Changes,
        name: &str,
        purpose: &str,
        owner: Option<Owner>,
        steps: &[&Record],
    ) -> Result<()> {
        let header =
            Record::Header { version: VERSION, driver: self.driver.clone(), purpose: purpose.to_owned() };
        let mut content = Vec::new();
        for record in [&header, &Record::Owner { owner }].into_iter().chain(steps.iter().copied()) {
            frames::push(&mut content, &serde_json::to_vec(record).unwrap_or_default());
        }
        file::write(self.dir(changes), &file_name(name), 0o600, &content).map(drop)
    }

    /// Puts `steps`, which nobody owns, in the place of what the files hold.
    pub(super) fn replace(&self, name: &str, purpose: &str, steps: Vec<(Changes, Record)>) -> Result<()> {
        for changes in [Changes::Kernel, Changes::Files] {
            let steps: Vec<_> = steps.iter().filter(|(of, _)| *of == changes).map(|(_, step)| step).collect();
            if steps.is_empty() {
                self.dir(changes).remove_file(&file_name(name))?;
            } else {
                self.write(changes, name, purpose, None, &steps)?;
            }
        }
        Ok(())
    }

    /// Adds a record, safe on disk where the file is meant to outlive the machine's crash.
    pub(super) fn append(&self, changes: Changes, name: &str, record: &Record) -> Result<()> {
        let dir = self.dir(changes);
        let file_name = file_name(name);
        let mut file = dir.open_file(&file_name, OFlag::O_RDWR | OFlag::O_APPEND, Mode::empty())?;
        let mut content = Vec::new();
        frames::push(&mut content, &serde_json::to_vec(record).unwrap_or_default());
        let written = mend(&file)
            .and_then(|()| file.write_all(&content))
            .and_then(|()| if dir.is_durable() { file.sync_data() } else { Ok(()) });
        written.map_err(|error| {
            Error::system(
                ErrorDomain::NONE,
                format!("cannot write '{}'", dir.join(&file_name).display()),
                error,
            )
        })
    }

    /// What the journal holds; nothing when there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Contents>> {
        let kernel = self.read_file(Changes::Kernel, name)?;
        let files = self.read_file(Changes::Files, name)?;
        // The owner in the run directory is the one that counts; after a reboot there is only the other.
        let Some(mut contents) = kernel else { return Ok(files) };
        contents.steps.extend(files.into_iter().flat_map(|files| files.steps));
        contents.steps.sort_by_key(|(number, _)| *number);
        Ok(Some(contents))
    }

    fn read_file(&self, changes: Changes, name: &str) -> Result<Option<Contents>> {
        let dir = self.dir(changes);
        let file_name = file_name(name);
        let path = dir.join(&file_name);
        let file = match dir.try_open_file(&file_name, OFlag::O_RDONLY, Mode::empty())? {
            Ok(file) => file,
            Err(nix::errno::Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(dir.named("cannot open", &file_name, errno)),
        };
        let mut contents = Contents::default();
        let mut begun = false;
        let mut refusal = None;
        // A torn tail is a step that was never begun.
        let read = frames::read(&file, 0, |payload, _| {
            match serde_json::from_slice(payload) {
                Ok(Record::Header { version: ..=VERSION, driver, purpose }) => {
                    (contents.driver, contents.purpose, begun) = (driver, purpose, true);
                }
                Ok(Record::Header { version, .. }) => {
                    refusal = Some(format!("has format {version}, and {VERSION} is the newest known here"));
                }
                Ok(Record::Owner { owner }) => contents.owner = owner,
                Ok(Record::Step { number, step }) => contents.steps.push((number, step)),
                Err(_) => refusal = Some("holds a record that is not known here".to_owned()),
            }
            if refusal.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        read.map_err(|error| {
            Error::system(ErrorDomain::NONE, format!("cannot read '{}'", path.display()), error)
        })?;
        match refusal.or_else(|| (!begun).then(|| "is no journal".to_owned())) {
            None => Ok(Some(contents)),
            Some(why) => Err(Error::new(
                ErrorCode::NO_SUPPORT,
                ErrorDomain::NONE,
                format!("'{}' {why}", path.display()),
            )
            .hint("undo it with the version that wrote it; until then it is left alone")),
        }
    }

    /// Removes the journal: that of the run directory last, as it says whose it is.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        [Changes::Files, Changes::Kernel]
            .iter()
            .try_for_each(|changes| self.dir(*changes).remove_file(&file_name(name)))
    }
}

fn file_name(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

/// Cuts off a tail that a killed writer tore.
fn mend(file: &File) -> std::io::Result<()> {
    let end = frames::read(file, 0, |_, _| ControlFlow::Continue(()))?;
    if file.metadata()?.len() > end { file.set_len(end) } else { Ok(()) }
}
