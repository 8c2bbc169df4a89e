//! What networks and storage pools have in common: a definition, what runs of it, and whether it starts with the host.

use uuid::Uuid;
use virt_core::driver::{Affect, Error, ErrorDomain, ObjectEvent, Result};

use super::events::Happening;
use super::table::{Object, Objects};
use crate::error;

/// The life of something that is defined and started. At least one of the two is there; what lost both is gone.
#[derive(Clone, Debug)]
pub(crate) struct Life<D> {
    pub(super) name: String,
    pub(super) uuid: Uuid,
    /// What the next start uses; what is transient has none.
    config: Option<D>,
    /// What runs.
    run: Option<D>,
    pub(crate) autostart: bool,
}

impl<D: Clone> Life<D> {
    /// Of something that is neither defined nor running yet.
    pub(super) fn new(name: &str, uuid: Uuid) -> Self {
        Self { name: name.to_owned(), uuid, config: None, run: None, autostart: false }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.run.is_some()
    }

    pub(crate) fn is_persistent(&self) -> bool {
        self.config.is_some()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.run.is_none() && self.config.is_none()
    }

    /// What runs, else what would; with `inactive` the other way round.
    pub(crate) fn document(&self, inactive: bool) -> Option<&D> {
        let (first, second) = if inactive { (&self.config, &self.run) } else { (&self.run, &self.config) };
        first.as_ref().or(second.as_ref())
    }

    /// What runs.
    pub(super) fn running(&self) -> Option<&D> {
        self.run.as_ref()
    }

    /// What a change affects: what it names, or what runs, or the definition.
    pub(super) fn affected(&self, affect: Affect, kind: &str) -> Result<Affect> {
        let affect = match affect {
            none if none.is_empty() && self.is_active() => Affect::LIVE,
            none if none.is_empty() => Affect::CONFIG,
            affect => affect,
        };
        if affect.contains(Affect::LIVE) && !self.is_active() {
            return Err(error::state(ErrorDomain::NETWORK, format!("{kind} is not running")));
        }
        if affect.contains(Affect::CONFIG) && !self.is_persistent() {
            let sentence = format!("cannot change persistent config of a transient {kind}");
            return Err(error::state(ErrorDomain::NETWORK, sentence));
        }
        Ok(affect)
    }

    /// Changes all that a change affects, or nothing.
    pub(super) fn edit(&mut self, affect: Affect, change: impl Fn(&mut D) -> Result<()>) -> Result<()> {
        let changed = |document: &Option<D>, which| match document {
            Some(document) if affect.contains(which) => {
                let mut document = document.clone();
                change(&mut document).map(|()| Some(document))
            }
            document => Ok(document.clone()),
        };
        let (run, config) = (changed(&self.run, Affect::LIVE)?, changed(&self.config, Affect::CONFIG)?);
        (self.run, self.config) = (run, config);
        Ok(())
    }
}

/// Numbers that networks and pools share.
const DEFINED: i32 = 0;
const UNDEFINED: i32 = 1;
const STARTED: i32 = 2;
const STOPPED: i32 = 3;

/// Something that has such a life.
pub(crate) trait Living: Object<Happening = Happening, Event = ObjectEvent> {
    /// Its document.
    type Document: Clone;

    fn new(life: Life<Self::Document>) -> Self;
    fn life(&self) -> &Life<Self::Document>;
    fn life_mut(&mut self) -> &mut Life<Self::Document>;
    /// The refusal of what cannot be done while it runs, to start or to undefine it; or while it does not, to stop it.
    /// Nothing where libvirt does not mind.
    fn wrong_state(&self, attempt: Attempt) -> Option<Error>;
    /// It stopped.
    fn stopped(&mut self) {}
}

/// What its state may forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Start,
    Stop,
    Undefine,
}

impl<T: Living> Objects<T> {
    /// Gives one a definition: a new one, or another for its next start.
    pub(crate) fn define<R>(
        &self,
        name: &str,
        uuid: Uuid,
        document: T::Document,
        look: impl FnOnce(&T) -> R,
    ) -> Result<R> {
        let mut table = self.write();
        if table.owner_of(name, uuid)?.is_none() {
            table.add(T::new(Life::new(name, uuid)));
        }
        table.change(uuid, |object| {
            object.life_mut().config = Some(document);
            self.tell(object, vec![Happening::lifecycle(DEFINED)]);
            Ok(look(object))
        })
    }

    /// Starts one that has no definition, or one that has in another shape this once.
    pub(crate) fn create_xml<R>(
        &self,
        name: &str,
        uuid: Uuid,
        document: T::Document,
        look: impl FnOnce(&T) -> R,
    ) -> Result<R> {
        let mut table = self.write();
        match table.owner_of(name, uuid)? {
            Some(object) if object.life().is_active() => {
                let sentence = format!("{} is already active as '{name}'", T::SHORT);
                return Err(error::state(T::DOMAIN, sentence));
            }
            Some(_) => {}
            None => table.add(T::new(Life::new(name, uuid))),
        }
        table.change(uuid, |object| {
            object.life_mut().run = Some(document);
            self.tell(object, vec![Happening::lifecycle(STARTED)]);
            Ok(look(object))
        })
    }

    /// Adds one that was there from the beginning, running; nobody is told.
    pub(crate) fn begin_with(&self, name: &str, uuid: Uuid, document: T::Document) -> Result<()> {
        let mut table = self.write();
        table.owner_of(name, uuid)?;
        let mut life = Life::new(name, uuid);
        (life.config, life.run) = (Some(document.clone()), Some(document));
        table.add(T::new(life));
        Ok(())
    }

    /// Starts a defined one.
    pub(crate) fn start(&self, uuid: Uuid) -> Result<()> {
        self.change(uuid, |object| {
            if object.life().is_active() {
                return object.wrong_state(Attempt::Start).map_or(Ok(Vec::new()), Err);
            }
            let life = object.life_mut();
            life.run.clone_from(&life.config);
            Ok(vec![Happening::lifecycle(STARTED)])
        })
    }

    /// Stops one.
    pub(crate) fn stop(&self, uuid: Uuid) -> Result<()> {
        self.change(uuid, |object| {
            if !object.life().is_active() {
                return object.wrong_state(Attempt::Stop).map_or(Ok(Vec::new()), Err);
            }
            object.life_mut().run = None;
            object.stopped();
            Ok(vec![Happening::lifecycle(STOPPED)])
        })
    }

    /// Takes the definition of one away that does not run.
    pub(crate) fn undefine(&self, uuid: Uuid) -> Result<()> {
        self.change(uuid, |object| {
            if object.life().is_active()
                && let Some(error) = object.wrong_state(Attempt::Undefine)
            {
                return Err(error);
            }
            object.life_mut().config = None;
            Ok(vec![Happening::lifecycle(UNDEFINED)])
        })
    }

    /// Starts all that start with the host; answers the errors.
    pub(crate) fn start_all(&self) -> Vec<String> {
        let waiting = self.list(|object| {
            let life = object.life();
            (life.autostart && !life.is_active()).then(|| (life.name.clone(), life.uuid))
        });
        let started = waiting.into_iter().flatten().map(|(name, uuid)| (name, self.start(uuid)));
        started.filter_map(|(name, result)| Some(format!("{name}: {}", result.err()?))).collect()
    }
}
