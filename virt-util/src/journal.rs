//! What was done, so that it can be undone: by ourselves when a later step fails, or by the next process when we die.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use virt_util::journal::{self, Changes, Fault, Journal, Step};
//! use virt_util::root::{Location, Root};
//! use virt_util::Result;
//!
//! /// What a driver does to start something; `Vec<String>` stands for the host.
//! #[derive(Serialize, Deserialize)]
//! enum Work {
//!     Add { name: String },
//! }
//!
//! impl Step for Work {
//!     type Context = Vec<String>;
//!
//!     fn carry_out(&self, host: &mut Vec<String>) -> Result<()> {
//!         let Self::Add { name } = self;
//!         host.push(name.clone());
//!         Ok(())
//!     }
//!
//!     fn undo(&self, host: &mut Vec<String>) -> Result<()> {
//!         let Self::Add { name } = self;
//!         host.retain(|other| other != name);
//!         Ok(())
//!     }
//!
//!     fn describe(&self) -> String {
//!         let Self::Add { name } = self;
//!         format!("add '{name}'")
//!     }
//!
//!     fn changes(&self) -> Changes {
//!         Changes::Kernel
//!     }
//! }
//!
//! let scratch = tempfile::tempdir().unwrap();
//! let root = Root::open(&Location::Below(scratch.path().into()), "test")?;
//! let mut host = Vec::new();
//! let mut journal = Journal::begin(&root, "web", "starting 'web'")?;
//! journal.fail(Fault::After(1));
//! journal.carry_out(Work::Add { name: "link".into() }, &mut host)?;
//! let error = journal.carry_out(Work::Add { name: "rule".into() }, &mut host).unwrap_err();
//! assert!(error.advice().unwrap().contains("add 'rule'"));
//! assert!(host.is_empty());
//! # Ok::<(), virt_util::Error>(())
//! ```

mod record;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Instant;

use nix::sys::signal::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::lock::Lock;
use crate::owner::Owner;
use crate::root::Root;
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

use record::{Contents, Places, Record};

/// One thing that can be done and undone. A driver has one enum of them; plan, journal and undo are three uses of it.
///
/// Serialised with serde's default (externally tagged) form, the variant's name is the step's kind; a kind once
/// released keeps its name and meaning.
pub trait Step: Serialize + DeserializeOwned {
    /// What steps act through: the driver's connection to the host.
    type Context: ?Sized;

    /// Does it.
    ///
    /// # Errors
    ///
    /// When it could not be done. It may be half done: undo comes next.
    fn carry_out(&self, context: &mut Self::Context) -> Result<()>;

    /// Undoes it. It may have been done, half done, not done, or undone before: in each case this makes it undone.
    ///
    /// # Errors
    ///
    /// When it may still be in force: the step stays in the journal and is tried again by whoever recovers next.
    fn undo(&self, context: &mut Self::Context) -> Result<()>;

    /// What it does, for people: `attach 0000:01:10.2 to vfio-pci`.
    fn describe(&self) -> String;

    /// What it changes, which decides how long its record lives.
    fn changes(&self) -> Changes;
}

/// What a step changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Changes {
    /// State of the kernel (a VF, a link, a rule, a process): gone after a reboot, and so is the record.
    Kernel,
    /// Files: they outlive a reboot, and so does the record.
    Files,
}

/// The steps of one undertaking (starting a guest), written down before each is done.
///
/// Whoever has it has its lock: nobody else undoes the same steps at the same time.
pub struct Journal<S: Step> {
    places: Places,
    name: String,
    purpose: String,
    owner: Option<Owner>,
    steps: Vec<Entry<S>>,
    next: usize,
    deadline: Option<Instant>,
    faults: Vec<Fault>,
    /// Whether it is ours to undo should we drop it unfinished.
    unfinished: bool,
    _lock: Lock,
}

struct Entry<S> {
    number: usize,
    step: S,
}

/// Where to fail, for tests: steps are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The step fails before it does anything.
    Before(usize),
    /// The step is done, and then fails.
    After(usize),
    /// The process is killed by SIGKILL when the step is written down, before it is done.
    KilledBefore(usize),
    /// The process is killed by SIGKILL when the step is done.
    KilledAfter(usize),
    /// The process is killed by SIGKILL before the step is undone.
    KilledBeforeUndo(usize),
    /// The process is killed by SIGKILL when the step is undone, which nothing has been told of yet.
    KilledAfterUndo(usize),
}

impl<S: Step> Journal<S> {
    /// Begins the journal `name` (a guest's UUID) of the driver at `root`. This process owns it: should it die, the next
    /// one undoes what stands in it.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RESOURCE_BUSY`] when somebody is at work on one of that name; [`ErrorCode::OPERATION_INVALID`] when there
    /// is one already; when it cannot be written.
    pub fn begin(root: &Root, name: &str, purpose: &str) -> Result<Self> {
        let places = Places::open(root)?;
        let lock = places.lock(name, purpose, Wait::NOT)?;
        if places.exists(name)? {
            let sentence = format!("what an earlier process did for '{name}' is not undone yet");
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NONE, sentence)
                .hint("recover first; the log says why a step could not be undone"));
        }
        let owner = Some(Owner::current()?);
        places.create(Changes::Kernel, name, purpose, owner)?;
        Ok(Self {
            places,
            name: name.to_owned(),
            purpose: purpose.to_owned(),
            owner,
            steps: Vec::new(),
            next: 0,
            deadline: None,
            faults: Vec::new(),
            unfinished: true,
            _lock: lock,
        })
    }

    /// Opens the journal `name`; nothing when there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RESOURCE_BUSY`] when somebody is at work on it. When it is a newer version's, or holds a step unknown
    /// here: it is left alone.
    pub fn open(root: &Root, name: &str) -> Result<Option<Self>> {
        let places = Places::open(root)?;
        if !places.exists(name)? {
            return Ok(None);
        }
        let lock = places.lock(name, "undoing what was done", Wait::NOT)?;
        let contents = places.read(name)?;
        contents.map(|contents| Self::of(places, name, contents, lock)).transpose()
    }

    fn of(places: Places, name: &str, contents: Contents, lock: Lock) -> Result<Self> {
        let steps = decode(name, contents.steps)?;
        let next = steps.last().map_or(0, |entry| entry.number + 1);
        Ok(Self {
            places,
            name: name.to_owned(),
            purpose: contents.purpose,
            owner: contents.owner,
            steps,
            next,
            deadline: None,
            faults: Vec::new(),
            unfinished: false,
            _lock: lock,
        })
    }

    /// No step is begun after `deadline`: what was done by then is undone, and the error is a timeout.
    #[must_use]
    pub fn until(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Fails where told, for tests of a driver's undo.
    pub fn fail(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Does one step: writes it down, then does it. Steps may be carried out one by one as the need for them shows.
    ///
    /// # Errors
    ///
    /// When the step fails: everything since [`Journal::begin`] is undone in reverse order, the journal is gone, and the
    /// error's hint says which step it was. What could not be undone stays in the journal, and is logged.
    pub fn carry_out(&mut self, step: S, context: &mut S::Context) -> Result<()> {
        let number = self.next;
        let description = step.describe();
        let outcome = self.attempt(number, step, &description, context);
        let Err(error) = outcome else { return Ok(()) };
        let undone = match self.undo_all(context) {
            Ok(()) => "what was done before it is undone".to_owned(),
            Err(left) => {
                log::error!("{left}");
                format!("undoing what was done before it failed too: {left}")
            }
        };
        let step = format!("step {number} of {} failed, {description}; {undone}", self.purpose);
        let hint = error.advice().map_or_else(|| step.clone(), |advice| format!("{advice} ({step})"));
        Err(error.hint(hint))
    }

    fn attempt(&mut self, number: usize, step: S, description: &str, context: &mut S::Context) -> Result<()> {
        if Wait::until(self.deadline).expired() {
            let sentence = format!("{}: the deadline passed before the step to {description}", self.purpose);
            return Err(Error::new(ErrorCode::OPERATION_TIMEOUT, ErrorDomain::NONE, sentence));
        }
        let changes = step.changes();
        if changes == Changes::Files && !self.places.has(Changes::Files, &self.name)? {
            self.places.create(Changes::Files, &self.name, &self.purpose, Some(Owner::current()?))?;
        }
        let value = serde_json::to_value(&step).map_err(|error| {
            Error::internal(ErrorDomain::NONE, format!("cannot write down the step to {description}"))
                .caused_by(error)
        })?;
        self.places.append(changes, &self.name, &Record::Step { number, step: value })?;
        self.next += 1;
        self.steps.push(Entry { number, step });
        self.meet(Fault::KilledBefore(number), description)?;
        self.meet(Fault::Before(number), description)?;
        if let Some(entry) = self.steps.last() {
            entry.step.carry_out(context)?;
        }
        self.meet(Fault::KilledAfter(number), description)?;
        self.meet(Fault::After(number), description)
    }

    /// Fails if it was told to fail here.
    fn meet(&self, fault: Fault, description: &str) -> Result<()> {
        if !self.faults.contains(&fault) {
            return Ok(());
        }
        if !matches!(fault, Fault::Before(_) | Fault::After(_)) {
            // It does not come back.
            let _ = nix::sys::signal::raise(Signal::SIGKILL);
        }
        let sentence = format!("the step to {description} was told to fail");
        Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence))
    }

    /// The steps that are in force, in their order.
    pub fn steps(&self) -> impl Iterator<Item = &S> {
        self.steps.iter().map(|entry| &entry.step)
    }

    /// What was being done: `starting guest 'web'`.
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// Who owned it when it was begun or opened; nobody's once it was given up.
    pub fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Leaves what was done in force for as long as `owner` lives: a guest's process. When it has died, the next process
    /// that recovers undoes it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn hand_over(mut self, owner: Owner) -> Result<()> {
        self.set_owner(Some(owner))?;
        self.unfinished = false;
        Ok(())
    }

    /// Makes it this process's, before what was done for another owner is undone: should this process die half-way, the next
    /// one goes on.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn take_over(&mut self) -> Result<()> {
        let owner = Some(Owner::current()?);
        self.set_owner(owner)?;
        self.owner = owner;
        Ok(())
    }

    /// Leaves what was done in force for good, and removes the journal.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub fn keep(mut self) -> Result<()> {
        self.places.remove(&self.name)?;
        self.unfinished = false;
        Ok(())
    }

    /// Undoes everything in reverse order, and removes the journal. A step that cannot be undone does not keep the others
    /// from it; it stays in the journal.
    ///
    /// # Errors
    ///
    /// When steps were left: the error names the first and says how many.
    pub fn undo(mut self, context: &mut S::Context) -> Result<()> {
        self.undo_all(context)
    }

    fn undo_all(&mut self, context: &mut S::Context) -> Result<()> {
        let mut left = Vec::new();
        let mut first = None;
        while let Some(entry) = self.steps.pop() {
            let description = entry.step.describe();
            let undone = self
                .meet(Fault::KilledBeforeUndo(entry.number), &description)
                .and_then(|()| entry.step.undo(context))
                .and_then(|()| self.meet(Fault::KilledAfterUndo(entry.number), &description));
            if let Err(error) = undone {
                log::error!("cannot undo the step to {description}: {error:#}");
                first.get_or_insert((description, error));
                left.push(entry);
            }
        }
        self.unfinished = false;
        left.reverse();
        self.steps = left;
        let Some((description, error)) = first else { return self.places.remove(&self.name) };
        // What is undone need not be undone again; what is left is nobody's until somebody recovers.
        let steps = self.steps.iter().map(|entry| {
            let value = serde_json::to_value(&entry.step).unwrap_or_default();
            (entry.step.changes(), Record::Step { number: entry.number, step: value })
        });
        self.places.replace(&self.name, &self.purpose, steps.collect())?;
        let sentence = format!(
            "cannot undo {} of the steps of {}: {description}: {error}",
            self.steps.len(),
            self.purpose
        );
        Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence).caused_by(error))
    }

    fn set_owner(&self, owner: Option<Owner>) -> Result<()> {
        // The one in the run directory counts as long as it is there.
        for changes in [Changes::Kernel, Changes::Files] {
            if self.places.has(changes, &self.name)? {
                self.places.append(changes, &self.name, &Record::Owner { owner })?;
            }
        }
        Ok(())
    }
}

impl<S: Step> Drop for Journal<S> {
    fn drop(&mut self) {
        if self.unfinished {
            log::warn!("{} was given up without undoing it: whoever recovers next does", self.purpose);
            if let Err(error) = self.set_owner(None) {
                log::error!("{error:#}");
            }
        }
    }
}

impl<S: Step> fmt::Debug for Journal<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.steps().map(Step::describe).collect();
        f.debug_struct("Journal").field("name", &self.name).field("steps", &steps).finish_non_exhaustive()
    }
}

/// The steps of a journal's file.
fn decode<S: Step>(name: &str, steps: Vec<(usize, serde_json::Value)>) -> Result<Vec<Entry<S>>> {
    let decode = |(number, step): (usize, serde_json::Value)| {
        let kind = record::kind(&step);
        let step = serde_json::from_value(step).map_err(|error| {
            let sentence = format!("the journal of '{name}' holds a step '{kind}' that is not known here");
            Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NONE, sentence)
                .hint("undo it with the version that wrote it; until then it is left alone")
                .caused_by(error)
        })?;
        Ok(Entry { number, step })
    };
    steps.into_iter().map(decode).collect()
}

/// What stands in a journal, for those who only look.
#[derive(Debug)]
pub struct Listed<S> {
    /// What was being done: `starting guest 'web'`.
    pub purpose: String,
    /// Whose it is; nobody's once it was given up.
    pub owner: Option<Owner>,
    /// The steps that are in force, or were begun, in their order.
    pub steps: Vec<S>,
}

/// The journals at `root` by their names, with what stands in each. Nothing is locked: they may change meanwhile.
///
/// # Errors
///
/// When the journals' directories cannot be read. Why one of them cannot be read stands in its place.
pub fn list<S: Step>(root: &Root) -> Result<Vec<(String, Result<Listed<S>>)>> {
    list_named(root, |_| true)
}

/// As [`list`], but for those whose names are not `wanted`, which are not read.
///
/// # Errors
///
/// As for [`list`].
pub fn list_named<S: Step>(
    root: &Root,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Result<Listed<S>>)>> {
    let places = Places::open(root)?;
    let mut listed = Vec::new();
    for name in places.names()?.into_iter().filter(|name| wanted(name)) {
        let contents = match places.read(&name) {
            Ok(None) => continue,
            Ok(Some(contents)) => decode::<S>(&name, contents.steps).map(|steps| Listed {
                purpose: contents.purpose,
                owner: contents.owner,
                steps: steps.into_iter().map(|entry| entry.step).collect(),
            }),
            Err(error) => Err(error),
        };
        listed.push((name, contents));
    }
    Ok(listed)
}

/// What became of a journal that a dead process left.
#[derive(Debug)]
pub struct Recovered {
    /// The journal's name.
    pub name: String,
    /// What was being done: `starting guest 'web'`.
    pub purpose: String,
    /// Nothing when all was undone; else why the journal is still there.
    pub error: Option<Error>,
}

/// Undoes what dead owners left at `root`, each journal once, whoever else recovers at the same time. Journals of live
/// owners are not touched.
///
/// # Errors
///
/// When the journals' directories cannot be read.
pub fn recover<S: Step>(root: &Root, context: &mut S::Context) -> Result<Vec<Recovered>> {
    let places = Places::open(root)?;
    let mut recovered = Vec::new();
    for name in places.names()? {
        // Somebody is at work on it.
        let Some(lock) = places.try_lock(&name, "undoing what a dead process left")? else { continue };
        let (purpose, outcome) = match places.read(&name) {
            Ok(None) => continue,
            Ok(Some(contents)) if !contents.is_abandoned(root) => continue,
            Ok(Some(contents)) => {
                let purpose = contents.purpose.clone();
                let journal = Journal::<S>::of(places.clone(), &name, contents, lock);
                (purpose, journal.and_then(|journal| journal.undo(context)))
            }
            Err(error) => (String::new(), Err(error)),
        };
        recovered.push(Recovered { name, purpose, error: outcome.err() });
    }
    Ok(recovered)
}
