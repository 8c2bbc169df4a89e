//! Moments of a guest that can be gone back to, or compared with: what snapshots and checkpoints have in common is a tree
//! of names, one of which is the one that the guest goes on from.

use virt_core::driver::{DeleteMoment, Error, ErrorCode, ErrorDomain, MomentSummary, Result};

/// A snapshot or a checkpoint.
pub(super) trait Moment {
    /// What its absence is called, and the sentence that says so.
    const ABSENT: ErrorCode;
    const KIND: &'static str;

    fn name(&self) -> &str;
    fn parent(&self) -> Option<&str>;
    fn set_parent(&mut self, parent: Option<String>);
    /// What a list shows of it beside its place in the tree.
    fn describe(&self) -> MomentSummary;
}

/// The snapshots, or the checkpoints, of a guest, in the order in which they came.
#[derive(Debug)]
pub(super) struct Moments<M> {
    list: Vec<M>,
    current: Option<String>,
}

impl<M> Default for Moments<M> {
    fn default() -> Self {
        Self { list: Vec::new(), current: None }
    }
}

impl<M: Moment> Moments<M> {
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.current = None;
    }

    pub(super) fn find(&self, name: &str) -> Result<&M> {
        let absent = || {
            let sentence = format!("no {} with matching name '{name}'", M::KIND);
            Error::new(M::ABSENT, ErrorDomain::TEST, sentence)
        };
        self.list.iter().find(|moment| moment.name() == name).ok_or_else(absent)
    }

    pub(super) fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    pub(super) fn set_current(&mut self, name: Option<&str>) {
        self.current = name.map(str::to_owned);
    }

    /// What a list shows of one.
    pub(super) fn summary(&self, moment: &M) -> MomentSummary {
        MomentSummary {
            name: moment.name().to_owned(),
            parent: moment.parent().map(str::to_owned),
            current: self.current() == Some(moment.name()),
            children: self.children(Some(moment.name())).count() as u32,
            ..moment.describe()
        }
    }

    /// Those that come right after one; those without a parent where there is none.
    fn children<'a>(&'a self, parent: Option<&'a str>) -> impl Iterator<Item = &'a M> {
        self.list.iter().filter(move |moment| moment.parent() == parent)
    }

    /// All that follow, each before what follows it.
    fn descendants<'a>(&'a self, parent: Option<&'a str>, found: &mut Vec<&'a M>) {
        for child in self.children(parent) {
            found.push(child);
            self.descendants(Some(child.name()), found);
        }
    }

    /// All of them or, of one, its children or all that follow; parents before their children.
    pub(super) fn list(&self, parent: Option<&str>, deep: bool) -> Result<Vec<MomentSummary>> {
        if let Some(parent) = parent {
            self.find(parent)?;
        }
        let mut found = Vec::new();
        match deep {
            true => self.descendants(parent, &mut found),
            false => found.extend(self.children(parent)),
        }
        Ok(found.into_iter().map(|moment| self.summary(moment)).collect())
    }

    /// Adds one after the current one; it is the current one then.
    pub(super) fn add(&mut self, mut moment: M) -> Result<MomentSummary> {
        if self.find(moment.name()).is_ok() {
            let sentence = format!("domain moment {} already exists", moment.name());
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::DOMAIN, sentence));
        }
        moment.set_parent(self.current.clone());
        self.current = Some(moment.name().to_owned());
        let summary = self.summary(&moment);
        self.list.push(moment);
        Ok(summary)
    }

    /// Puts one in its place, in the stead of one of the same name where there is such. A parent must be there, and not
    /// follow it.
    pub(super) fn redefine(&mut self, moment: M, current: bool) -> Result<MomentSummary> {
        let refuse = |sentence: String| Error::new(ErrorCode::INVALID_ARG, ErrorDomain::DOMAIN, sentence);
        let mut next = moment.parent();
        while let Some(parent) = next {
            if parent == moment.name() {
                return Err(refuse(format!("parent {parent} would create cycle to {parent}")));
            }
            let found = self.find(parent);
            next = found
                .map_err(|_| refuse(format!("parent {parent} for moment {} not found", moment.name())))?
                .parent();
        }
        let name = moment.name().to_owned();
        match self.list.iter().position(|known| known.name() == name) {
            Some(place) => self.list[place] = moment,
            None => self.list.push(moment),
        }
        if current {
            self.current = Some(name.clone());
        }
        self.find(&name).map(|moment| self.summary(moment))
    }

    /// Removes one, or it and all that follow, or these alone. What is left behind it becomes its parent's; the current one
    /// moves up to who is left.
    pub(super) fn delete(&mut self, name: &str, flags: DeleteMoment) -> Result<()> {
        let parent = self.find(name)?.parent().map(str::to_owned);
        let only = flags.contains(DeleteMoment::CHILDREN_ONLY);
        if only || flags.contains(DeleteMoment::CHILDREN) {
            let mut found = Vec::new();
            self.descendants(Some(name), &mut found);
            let mut gone: Vec<String> = found.into_iter().map(|moment| moment.name().to_owned()).collect();
            if !only {
                gone.push(name.to_owned());
            }
            if self.current.as_ref().is_some_and(|current| gone.contains(current)) {
                self.current = if only { Some(name.to_owned()) } else { parent };
            }
            self.list.retain(|moment| !gone.iter().any(|gone| gone == moment.name()));
            return Ok(());
        }
        for child in self.list.iter_mut().filter(|moment| moment.parent() == Some(name)) {
            child.set_parent(parent.clone());
        }
        if self.current.as_deref() == Some(name) {
            self.current = parent;
        }
        self.list.retain(|moment| moment.name() != name);
        Ok(())
    }
}
