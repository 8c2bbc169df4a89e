//! What was done, so that it can be undone: by ourselves when a later step fails, or by the next process when we die.

use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::owner::Owner;
use crate::root::Root;
use crate::{Error, Result};

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
pub struct Journal<S: Step>(std::marker::PhantomData<S>);

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
}

impl<S: Step> Journal<S> {
    /// Begins the journal `name` (a guest's UUID) of the driver at `root`. This process owns it: should it die, the next
    /// one undoes what stands in it.
    ///
    /// # Errors
    ///
    /// When there is one of that name, or it cannot be written.
    pub fn begin(root: &Root, name: &str, purpose: &str) -> Result<Self> {
        let _ = (root, name, purpose);
        todo!()
    }

    /// Opens the journal `name`; nothing when there is none.
    ///
    /// # Errors
    ///
    /// When it is a newer version's, or holds a step unknown here: it is left alone.
    pub fn open(root: &Root, name: &str) -> Result<Option<Self>> {
        let _ = (root, name);
        todo!()
    }

    /// No step is begun after `deadline`: what was done by then is undone, and the error is a timeout.
    #[must_use]
    pub fn until(self, deadline: Option<Instant>) -> Self {
        let _ = deadline;
        todo!()
    }

    /// Fails where told, for tests of a driver's undo.
    pub fn fail(&mut self, fault: Fault) {
        let _ = fault;
        todo!()
    }

    /// Does one step: writes it down, then does it. Steps may be carried out one by one as the need for them shows.
    ///
    /// # Errors
    ///
    /// When the step fails: everything since [`Journal::begin`] is undone in reverse order, the journal is gone, and the
    /// error says which step it was.
    pub fn carry_out(&mut self, step: S, context: &mut S::Context) -> Result<()> {
        let _ = (step, context);
        todo!()
    }

    /// The steps that are in force, in their order.
    pub fn steps(&self) -> impl Iterator<Item = &S> {
        std::iter::empty()
    }

    /// Leaves what was done in force for as long as `owner` lives: a guest's process. When it has died, the next process
    /// that recovers undoes it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn hand_over(self, owner: Owner) -> Result<()> {
        let _ = owner;
        todo!()
    }

    /// Leaves what was done in force for good, and removes the journal.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub fn keep(self) -> Result<()> {
        todo!()
    }

    /// Undoes everything in reverse order, and removes the journal. A step that cannot be undone does not keep the others
    /// from it; it stays in the journal.
    ///
    /// # Errors
    ///
    /// When steps were left: the error names the first and says how many.
    pub fn undo(self, context: &mut S::Context) -> Result<()> {
        let _ = context;
        todo!()
    }
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
    let _ = (root, context);
    todo!()
}
