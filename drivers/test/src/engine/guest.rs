//! One simulated guest: its definition, what runs of it, and the steps between its states.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;
use virt_conf::model::{Channel, ChannelTarget, Domain, LifecycleAction};
use virt_conf::xml::FormatFlags;
use virt_core::driver::{
    CrashedDetail, CrashedReason, DomainIdentity, DomainInfo, DomainState, DomainStatus, DomainSummary,
    Error, ErrorCode, ErrorDomain, Event, LifecycleEvent, PausedReason, Result, ResumedDetail, RunningReason,
    ShutdownDetail, ShutoffReason, StartedDetail, StoppedDetail, SuspendedDetail,
};

use super::events::Occurrence;
use super::snapshot::History;
use super::table::Object;
use crate::console::Port;
use crate::definition::{self, Definition};
use crate::error;

/// A simulated guest. At least one of `config` and `run` is there; a guest that lost both is gone.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(super) name: String,
    pub(super) uuid: Uuid,
    /// The definition that the next start uses; a transient guest has none.
    pub(super) config: Option<Definition>,
    /// What runs.
    pub(super) run: Option<Run>,
    /// Why it does not run.
    pub(super) stopped: ShutoffReason,
    pub(super) autostart: bool,
    /// What its next start goes on from.
    pub(super) saved: Option<Saved>,
    /// What runs, or ran last.
    pub(super) ran: Option<Definition>,
    /// Its snapshots and checkpoints.
    pub(super) history: History,
    /// Whether the definition was changed while the guest ran.
    pub(super) updated: bool,
}

/// The memory that was saved of a guest.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    pub(super) domain: Definition,
    /// Whether it is paused when it goes on.
    pub(super) paused: bool,
}

/// The running part of a guest.
#[derive(Debug)]
pub(super) struct Run {
    id: u32,
    state: DomainState,
    reason: i32,
    /// As it runs, its number included.
    pub(super) domain: Definition,
    pub(super) console: Arc<Port>,
    /// Those of its channels that somebody has opened, by their places among its devices.
    channels: Mutex<BTreeMap<usize, Arc<Port>>>,
    since: Instant,
}

impl Object for Guest {
    type Happening = Occurrence;
    type Event = Event;
    const KIND: &'static str = "domain";
    const ABSENT: ErrorCode = ErrorCode::NO_DOMAIN;
    const DOMAIN: ErrorDomain = ErrorDomain::DOMAIN;

    fn name(&self) -> &str {
        &self.name
    }

    fn uuid(&self) -> Uuid {
        self.uuid
    }

    fn tell(&self, happening: Occurrence) -> Event {
        happening.to(self.identity())
    }

    fn number(&self) -> Option<u32> {
        self.id()
    }

    fn is_gone(&self) -> bool {
        self.run.is_none() && self.config.is_none()
    }
}

impl Guest {
    /// A guest that is defined and does not run.
    pub(super) fn defined(uuid: Uuid, name: &str, definition: Definition) -> Self {
        Self { config: Some(definition), ..Self::transient(uuid, name) }
    }

    /// A guest without a definition, to be started at once.
    pub(super) fn transient(uuid: Uuid, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            uuid,
            config: None,
            run: None,
            stopped: ShutoffReason::None,
            autostart: false,
            saved: None,
            ran: None,
            history: History::default(),
            updated: false,
        }
    }

    pub(crate) fn identity(&self) -> DomainIdentity {
        DomainIdentity { name: self.name.clone(), uuid: self.uuid, id: self.id() }
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.run.as_ref().map(|run| run.id)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.run.is_some()
    }

    pub(crate) fn status(&self) -> DomainStatus {
        match &self.run {
            Some(run) => DomainStatus { state: run.state, reason: run.reason },
            None => DomainStatus { state: DomainState::Shutoff, reason: self.stopped.number() },
        }
    }

    pub(crate) fn summary(&self) -> DomainSummary {
        let DomainStatus { state, reason } = self.status();
        DomainSummary {
            name: self.name.clone(),
            uuid: self.uuid,
            id: self.id(),
            state,
            reason,
            persistent: self.config.is_some(),
            autostart: self.autostart,
            managed_save: self.saved.is_some(),
        }
    }

    pub(crate) fn info(&self) -> DomainInfo {
        let domain = self.domain();
        let ran = self.run.as_ref().map(|run| run.since.elapsed().as_nanos() as u64);
        DomainInfo {
            state: self.status().state,
            maximum_memory: domain.map_or(0, definition::maximum_memory),
            memory: domain.map_or(0, definition::memory),
            vcpus: domain.map_or(0, definition::vcpus),
            cpu_time: ran.unwrap_or(0),
        }
    }

    pub(crate) fn is_updated(&self) -> bool {
        self.updated
    }

    pub(crate) fn autostart(&self) -> bool {
        self.autostart
    }

    /// What runs, else what would.
    pub(crate) fn domain(&self) -> Option<&Domain> {
        self.run.as_ref().map(|run| &run.domain).or(self.config.as_ref()).map(Deref::deref)
    }

    /// Its XML: what runs, or with `INACTIVE` the definition where it has one.
    pub(crate) fn xml(&self, flags: FormatFlags) -> String {
        let inactive = flags.contains(FormatFlags::INACTIVE);
        let config = self.config.as_deref().filter(|_| inactive);
        config.or_else(|| self.domain()).map(|domain| definition::write(domain, flags)).unwrap_or_default()
    }

    /// Its console: the device of this alias, or the first. The machine has one, defined or not.
    pub(crate) fn console_of(&self, alias: Option<&str>) -> Result<&Arc<Port>> {
        let run = self.running()?;
        let devices = &run.domain.devices;
        let known = |alias: &str| {
            let numbered = |prefix: &str, count: usize| {
                let number = alias.strip_prefix(prefix).and_then(|number| number.parse::<usize>().ok());
                number.is_some_and(|number| number < count)
            };
            numbered("console", devices.consoles.len().max(1)) || numbered("serial", devices.serials.len())
        };
        match alias {
            Some(alias) if !known(alias) => {
                Err(error::internal(format!("cannot find console device '{alias}'")))
            }
            _ => Ok(&run.console),
        }
    }

    /// Its channel of this name, or the first. Whatever is sent into it, the guest sends back.
    pub(crate) fn channel_of(&self, name: Option<&str>) -> Result<Arc<Port>> {
        let run = self.running()?;
        let wanted = |channel: &Channel| match (&channel.target, name) {
            (_, None) => true,
            (ChannelTarget::Virtio(target), name) => target.name.as_deref() == name,
            (ChannelTarget::Xen(target), name) => target.name.as_deref() == name,
            _ => false,
        };
        let found = run.domain.devices.channels.iter().position(wanted);
        let place = found
            .ok_or_else(|| error::internal(format!("cannot find channel {}", name.unwrap_or("(null)"))))?;
        let mut channels = run.channels.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(channels.entry(place).or_insert_with(|| Arc::new(Port::channel())).clone())
    }

    /// Refuses a guest that does not run.
    pub(crate) fn require_running(&self) -> Result<()> {
        self.running().map(drop)
    }

    /// The refusal of a guest that runs.
    pub(crate) fn already_running(&self) -> Error {
        error::internal(format!("Domain '{}' is already running", self.name))
    }

    /// For how long it has run, and as what.
    pub(super) fn ran_for(&self) -> Result<(Duration, &Domain)> {
        self.running().map(|run| (run.since.elapsed(), &*run.domain))
    }

    pub(super) fn running(&self) -> Result<&Run> {
        self.run.as_ref().ok_or_else(|| error::invalid("domain is not running"))
    }

    /// Starts it under this number, from `domain`, or from its definition.
    pub(super) fn start(&mut self, id: u32, domain: Option<Domain>, paused: bool) -> Vec<Occurrence> {
        // What was saved is gone on from, unless something else is to run.
        let saved = self.saved.take().filter(|_| domain.is_none());
        let paused = paused || saved.as_ref().is_some_and(|saved| saved.paused);
        let saved = saved.map(|saved| saved.domain);
        let from = saved.or_else(|| domain.map(Definition::from)).or_else(|| self.config.clone());
        self.run_as(id, from, DomainState::Running, RunningReason::Booted.number());
        let mut occurrences =
            vec![Occurrence::lifecycle(LifecycleEvent::Started, StartedDetail::Booted.number())];
        if paused {
            self.enter(DomainState::Paused, PausedReason::User.number());
            let detail = SuspendedDetail::Paused.number();
            occurrences.push(Occurrence::lifecycle(LifecycleEvent::Suspended, detail));
        }
        occurrences
    }

    /// Lets it run in a given state, as if it had always been so.
    pub(super) fn run_as(&mut self, id: u32, from: Option<Definition>, state: DomainState, reason: i32) {
        let numbered = move || {
            let domain = from.map(|definition| Domain::clone(&definition)).unwrap_or_default();
            Domain { id: i32::try_from(id).ok(), ..domain }
        };
        self.saved = None;
        let (domain, console) = (Definition::later(numbered), Arc::new(Port::new(&self.name)));
        let (channels, since) = (Mutex::default(), Instant::now());
        self.ran = Some(domain.clone());
        self.run = Some(Run { id, state, reason, domain, console, channels, since });
    }

    fn enter(&mut self, state: DomainState, reason: i32) {
        if let Some(run) = &mut self.run {
            (run.state, run.reason) = (state, reason);
        }
    }

    /// Ends what runs.
    pub(super) fn stop(&mut self, reason: ShutoffReason, detail: StoppedDetail) -> Vec<Occurrence> {
        if let Some(run) = self.run.take() {
            run.console.hang_up();
            let channels = run.channels.into_inner().unwrap_or_else(PoisonError::into_inner);
            for port in channels.values() {
                port.hang_up();
            }
        }
        self.stopped = reason;
        self.updated = false;
        vec![Occurrence::lifecycle(LifecycleEvent::Stopped, detail.number())]
    }

    pub(super) fn suspend(&mut self) -> Result<Vec<Occurrence>> {
        match self.status().state {
            DomainState::Running => {}
            _ => return Err(error::internal(format!("domain '{}' not running", self.name))),
        }
        self.enter(DomainState::Paused, PausedReason::User.number());
        Ok(vec![Occurrence::lifecycle(LifecycleEvent::Suspended, SuspendedDetail::Paused.number())])
    }

    pub(super) fn resume(&mut self) -> Result<Vec<Occurrence>> {
        match self.status().state {
            DomainState::Paused => {}
            _ => return Err(error::internal(format!("domain '{}' not paused", self.name))),
        }
        self.enter(DomainState::Running, RunningReason::Unpaused.number());
        Ok(vec![Occurrence::lifecycle(LifecycleEvent::Resumed, ResumedDetail::Unpaused.number())])
    }

    /// Asks it to shut down; a simulated guest does so at once.
    pub(super) fn shut_down(&mut self) -> Result<Vec<Occurrence>> {
        match self.status().state {
            DomainState::Running => Ok(self.ended(|domain| domain.on_poweroff, LifecycleAction::Destroy)),
            _ => Err(error::internal(format!("domain '{}' not running", self.name))),
        }
    }

    /// Asks it to reboot.
    pub(super) fn reboot(&mut self) -> Result<Vec<Occurrence>> {
        self.running()?;
        Ok(self.ended(|domain| domain.on_reboot, LifecycleAction::Restart))
    }

    pub(super) fn reset(&mut self) -> Result<Vec<Occurrence>> {
        self.running()?.console.boot();
        Ok(Vec::new())
    }

    pub(super) fn destroy(&mut self) -> Result<Vec<Occurrence>> {
        self.running()?;
        Ok(self.stop(ShutoffReason::Destroyed, StoppedDetail::Destroyed))
    }

    /// The guest itself shut down, from inside.
    pub(super) fn powered_off(&mut self) -> Vec<Occurrence> {
        let asked = Occurrence::lifecycle(LifecycleEvent::Shutdown, ShutdownDetail::Guest.number());
        let mut occurrences = vec![asked];
        occurrences.extend(self.ended(|domain| domain.on_poweroff, LifecycleAction::Destroy));
        occurrences
    }

    /// The guest's kernel panicked.
    pub(super) fn crashed(&mut self) -> Vec<Occurrence> {
        let panicked = CrashedDetail::Panicked.number();
        let mut occurrences = vec![Occurrence::lifecycle(LifecycleEvent::Crashed, panicked)];
        match self.action(|domain| domain.on_crash, LifecycleAction::Destroy) {
            LifecycleAction::Preserve => {
                self.enter(DomainState::Crashed, CrashedReason::Panicked.number());
            }
            LifecycleAction::PreserveRunning => {}
            action if restarts(action) => self.boot(),
            _ => occurrences.extend(self.stop(ShutoffReason::Crashed, StoppedDetail::Crashed)),
        }
        occurrences
    }

    /// The guest came to its end: what its definition wants then.
    fn ended(
        &mut self,
        which: fn(&Domain) -> Option<LifecycleAction>,
        default: LifecycleAction,
    ) -> Vec<Occurrence> {
        if restarts(self.action(which, default)) {
            self.boot();
            return Vec::new();
        }
        self.stop(ShutoffReason::Shutdown, StoppedDetail::Shutdown)
    }

    fn action(
        &self,
        which: fn(&Domain) -> Option<LifecycleAction>,
        default: LifecycleAction,
    ) -> LifecycleAction {
        self.domain().and_then(which).unwrap_or(default)
    }

    fn boot(&mut self) {
        self.enter(DomainState::Running, RunningReason::Booted.number());
        if let Some(run) = &self.run {
            run.console.boot();
        }
    }
}

fn restarts(action: LifecycleAction) -> bool {
    use LifecycleAction::{CoredumpRestart, RenameRestart, Restart};
    matches!(action, Restart | RenameRestart | CoredumpRestart)
}
