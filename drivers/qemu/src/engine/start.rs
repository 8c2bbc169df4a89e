//! Starting a guest: its plan is carried out step by step, and undone if one of them fails.

use std::sync::{Arc, PoisonError};

use serde_json::json;
use uuid::Uuid;
use virt_conf::model::Domain;
use virt_conf::xml::Place;
use virt_core::driver::{
    DomainState, LifecycleEvent, PausedReason, ResumedDetail, RunningReason, StartedDetail, SuspendedDetail,
};
use virt_util::index::Entry;
use virt_util::journal::{Fault, Journal};
use virt_util::owner::Owner;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use super::context::{Context, Secrets};
use super::learn::learn;
use super::port;
use super::step::Step;
use super::{BOUND, Engine, invalid, is_plausible};
use crate::event;
use crate::plan::{self, Prepared};
use crate::state::{Status, uuid_of};

/// How to start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StartOptions {
    /// Leave the guest's CPUs stopped.
    pub(crate) paused: bool,
    /// End the guest with this connection, or with this process.
    pub(crate) bound: bool,
    /// Begin with fresh variables of the firmware.
    pub(crate) reset_nvram: bool,
    /// Where to fail, for tests.
    pub(crate) fault: Option<Fault>,
}

impl Engine {
    /// What starting `domain` would do, as JSON.
    pub(crate) fn plan(
        &self,
        mut domain: Domain,
        unread: &[Place],
        options: StartOptions,
        wait: Wait<'_>,
    ) -> Result<String> {
        let ignored = plan::ignored(&domain, unread);
        let ports = port::wanted(&domain, &self.uri)?;
        let foreseen = port::foresee(&mut domain, &self.host, &self.uri, wait);
        let mut prepared = self.prepare(domain, None, options, wait)?;
        prepared.ignored = ignored;
        prepared.chosen.splice(0..0, foreseen);
        prepared.steps.splice(0..0, ports.into_iter().map(|(_, port)| Step::Port(port)));
        prepared.steps.extend((!options.paused).then(Step::go));
        prepared.to_json()
    }

    /// Starts a defined guest.
    pub(crate) fn start(&self, uuid: Uuid, options: StartOptions, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let _lock = self.store.lock_guest(uuid, "starting", wait)?;
        let entry = self.idle(uuid, "domain is already running", wait)?;
        let domain = self.domain(&entry, true)?;
        self.launch(domain, options, wait)
    }

    /// Starts a guest that is not defined, or another version of one that is.
    pub(crate) fn start_transient(
        &self,
        domain: Domain,
        options: StartOptions,
        wait: Wait<'_>,
    ) -> Result<Arc<Entry>> {
        let uuid = uuid_of(&domain)?;
        let _lock = self.store.lock_guest(uuid, "starting", wait)?;
        if self.store.index().by_uuid(uuid)?.is_some() {
            self.idle(uuid, &format!("domain is already active as '{}'", domain.name), wait)?;
        }
        self.launch(domain, options, wait)
    }

    /// The guest, which must not run; the caller holds its lock.
    fn idle(&self, uuid: Uuid, sentence: &str, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let mut entry = self.store.by_uuid(uuid)?;
        if !is_plausible(&entry) {
            self.finish_locked(uuid, wait)?;
            entry = self.store.by_uuid(uuid)?;
        }
        if entry.is_active() { Err(invalid(sentence)) } else { Ok(entry) }
    }

    /// Starts `domain`; the caller holds its lock, and knows that it does not run.
    pub(super) fn launch(&self, domain: Domain, options: StartOptions, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let uuid = uuid_of(&domain)?;
        let name = domain.name.clone();
        // What a starter that died left, before its place is taken.
        let leftover = self.context(Secrets::default(), None);
        self.release(uuid, leftover)?;
        let (before, id) = self.announce(&domain, wait)?;
        let started = self.carry_out(domain, id, options, wait);
        if started.is_err() {
            let withdrawn = self.withdraw(uuid, before.as_deref());
            withdrawn.unwrap_or_else(|error| log::error!("domain '{name}' still counts as active: {error}"));
        }
        started
    }

    /// Takes name, UUID and a number for a guest that is about to start. Whoever looks meanwhile sees it starting up.
    fn announce(&self, domain: &Domain, wait: Wait<'_>) -> Result<(Option<Arc<Entry>>, u32)> {
        let uuid = uuid_of(domain)?;
        let mut lock = self.store.index().lock("starting a guest", wait)?;
        let before = self.store.index().by_uuid(uuid)?;
        let mut entry = before.as_deref().cloned().unwrap_or_default();
        let id = lock.next_id();
        entry.uuid = uuid;
        entry.name.clone_from(&domain.name);
        entry.id = Some(id);
        (entry.state, entry.reason) = (DomainState::Paused.number(), PausedReason::StartingUp.number());
        Status::note_process(&mut entry, &Owner::current()?);
        lock.put(entry)?;
        Ok((before, id))
    }

    /// Takes back what [`Engine::announce`] said.
    fn withdraw(&self, uuid: Uuid, before: Option<&Entry>) -> Result<()> {
        let mut lock = self.store.index().lock("a start that failed", Wait::FOREVER)?;
        match before {
            Some(entry) => lock.put(entry.clone()).map(drop),
            None => lock.remove(uuid),
        }
    }

    fn carry_out(
        &self,
        mut domain: Domain,
        id: u32,
        options: StartOptions,
        wait: Wait<'_>,
    ) -> Result<Arc<Entry>> {
        let uuid = uuid_of(&domain)?;
        let purpose = format!("starting domain '{}'", domain.name);
        let mut context = self.context(Secrets::default(), wait.deadline());
        let mut journal =
            Journal::begin(self.store.root(), &uuid.to_string(), &purpose)?.until(wait.deadline());
        if let Some(fault) = options.fault {
            journal.fail(fault);
        }
        // What interfaces are plugged into is for the driver of networks to say, and all else depends on it.
        for (place, port) in port::wanted(&domain, &self.uri)? {
            journal.carry_out(Step::Port(port), &mut context)?;
            if let (Some(interface), Some(port)) =
                (domain.devices.interfaces.get_mut(place), context.last_port())
            {
                port::plug_in(interface, port);
            }
        }
        let Prepared { mut domain, steps, secrets, .. } = match self.prepare(domain, Some(id), options, wait)
        {
            Ok(prepared) => prepared,
            Err(error) => return Err(abandon(journal, &mut context, error)),
        };
        context.set_secrets(secrets);
        let (before, after): (Vec<Step>, Vec<Step>) = split_after_emulator(steps);
        for step in before {
            journal.carry_out(step, &mut context)?;
        }
        if let Err(error) = learn(&mut domain, &mut context) {
            return Err(abandon(journal, &mut context, error));
        }
        for step in after.into_iter().chain((!options.paused).then(Step::go)) {
            journal.carry_out(step, &mut context)?;
        }
        let entry = match self.settle(&domain, options.paused, &context, wait) {
            Ok(entry) => entry,
            Err(error) => return Err(abandon(journal, &mut context, error)),
        };
        let process =
            context.process().ok_or_else(|| Error::internal(ErrorDomain::QEMU, "no emulator was started"))?;
        journal.hand_over(process)?;
        if let Some(mut client) = context.into_client() {
            // Should this process end before now, the controller kills the guest and has it finished.
            if options.bound {
                client.set_notes(json!({ BOUND: true }), wait)?;
                client.unlock()?;
                self.bound.lock().unwrap_or_else(PoisonError::into_inner).push((uuid, client));
            } else {
                client.settle(wait)?;
                // Letting go of the guest's lock is the last thing: until now nobody else could touch it.
            }
        }
        Ok(entry)
    }

    /// Ends the guests that were started to end with this connection.
    pub(crate) fn destroy_bound(&self, wait: Wait<'_>) {
        let bound = std::mem::take(&mut *self.bound.lock().unwrap_or_else(PoisonError::into_inner));
        for (uuid, mut client) in bound {
            // One that has ended may run again by now, for somebody else: then its controller is another.
            let running = client.status(wait).is_ok_and(|status| status.ended.is_none());
            if running && let Err(error) = self.destroy(uuid, false, wait) {
                log::warn!("domain {uuid} is left to its controller to end: {error}");
            }
        }
    }

    /// Writes down that the guest runs, and the events.
    fn settle(&self, domain: &Domain, paused: bool, context: &Context, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let process =
            context.process().ok_or_else(|| Error::internal(ErrorDomain::QEMU, "no emulator was started"))?;
        let state = if paused {
            (DomainState::Paused.number(), PausedReason::User.number())
        } else {
            (DomainState::Running.number(), RunningReason::Booted.number())
        };
        let status = Status { state, process, domain: domain.clone() };
        let mut lock = self.store.index().lock("a guest that has started", wait)?;
        let entry = self.store.write_status(&mut lock, &status)?;
        let started = (LifecycleEvent::Started, StartedDetail::Booted.number());
        let events = if paused {
            [started, (LifecycleEvent::Suspended, SuspendedDetail::Paused.number())]
        } else {
            [(LifecycleEvent::Resumed, ResumedDetail::Unpaused.number()), started]
        };
        for (kind, detail) in events {
            event::lifecycle(&entry, kind, detail).append(&lock, self.store.events())?;
        }
        Ok(entry)
    }
}

/// The steps up to the emulator's own, and those that need its monitor.
fn split_after_emulator(mut steps: Vec<Step>) -> (Vec<Step>, Vec<Step>) {
    let emulator = steps.iter().position(|step| matches!(step, Step::Emulator { .. }));
    let after = steps.split_off(emulator.map_or(steps.len(), |at| at + 1));
    (steps, after)
}

/// Undoes a start, or what came to a guest, for a reason that is no step's.
pub(super) fn abandon(journal: Journal<Step>, context: &mut Context, error: Error) -> Error {
    if let Err(left) = journal.undo(context) {
        log::error!("a failed start is not undone whole: {left}");
    }
    error
}
