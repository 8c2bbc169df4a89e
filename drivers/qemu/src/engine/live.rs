//! What is done to running guests.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;
use virt_core::driver::{
    DomainState, LifecycleEvent, PausedReason, ResumedDetail, RunningReason, SuspendedDetail,
};
use virt_util::Result;
use virt_util::controller::{Attached, Client};
use virt_util::index::Entry;
use virt_util::wait::Wait;

use super::{Engine, REBOOT, invalid, not_running};
use crate::event;
use crate::monitor::Commands;

/// A running guest, locked for us.
pub(crate) struct Live {
    /// What the index said before.
    pub(crate) entry: Arc<Entry>,
    /// The connection to its controller, which holds its lock.
    pub(crate) client: Client,
}

impl Engine {
    /// Connects to the controller of `entry`'s guest and takes the guest's lock; nothing when it has ended.
    pub(super) fn attach(&self, entry: &Entry, purpose: &str, wait: Wait<'_>) -> Result<Option<Client>> {
        let Some(dir) = self.store.existing_guest_dir(entry.uuid)? else { return Ok(None) };
        let Attached::Running(mut client) = Client::attach(&dir, wait)? else { return Ok(None) };
        client.lock(purpose, wait)?;
        let running = client.status(wait)?.ended.is_none();
        Ok(running.then_some(client))
    }

    /// Connects to the controller of `entry`'s guest without taking the lock: to ask, not to change.
    pub(super) fn look_at(&self, entry: &Entry, wait: Wait<'_>) -> Result<Option<Client>> {
        let Some(dir) = self.store.existing_guest_dir(entry.uuid)? else { return Ok(None) };
        match Client::attach(&dir, wait)? {
            Attached::Running(client) => Ok(Some(client)),
            _ => Ok(None),
        }
    }

    /// The running guest with `uuid`, locked.
    pub(crate) fn live(&self, uuid: Uuid, purpose: &str, wait: Wait<'_>) -> Result<Live> {
        let entry = self.active(uuid, wait)?;
        let Some(client) = self.attach(&entry, purpose, wait)? else {
            self.finish(uuid, wait)?;
            return Err(not_running());
        };
        // The state may have changed until the lock was ours.
        let entry = self.store.by_uuid(uuid)?;
        Ok(Live { entry, client })
    }

    /// Stops the guest's CPUs.
    pub(crate) fn suspend(&self, uuid: Uuid, wait: Wait<'_>) -> Result<()> {
        let mut live = self.live(uuid, "suspending", wait)?;
        match live.state() {
            DomainState::PmSuspended => Err(invalid("domain is pmsuspended")),
            DomainState::Paused => Ok(()),
            _ => {
                live.client.pause(wait)?;
                let state = (DomainState::Paused.number(), PausedReason::User.number());
                let detail = SuspendedDetail::Paused.number();
                self.enter(&live.entry, state, LifecycleEvent::Suspended, detail, wait)
            }
        }
    }

    /// Lets the guest's CPUs go on.
    pub(crate) fn resume(&self, uuid: Uuid, wait: Wait<'_>) -> Result<()> {
        let mut live = self.live(uuid, "resuming", wait)?;
        match live.state() {
            DomainState::PmSuspended => Err(invalid("domain is pmsuspended")),
            DomainState::Running => Err(invalid("domain is already running")),
            _ => {
                live.client.resume(wait)?;
                let state = (DomainState::Running.number(), RunningReason::Unpaused.number());
                let detail = ResumedDetail::Unpaused.number();
                self.enter(&live.entry, state, LifecycleEvent::Resumed, detail, wait)
            }
        }
    }

    /// Presses the reset button.
    pub(crate) fn reset(&self, uuid: Uuid, wait: Wait<'_>) -> Result<()> {
        self.live(uuid, "resetting", wait)?.client.reset(wait)
    }

    /// Presses the power button; when the guest has shut down, it starts again if `reboot`.
    pub(crate) fn power_down(&self, uuid: Uuid, reboot: bool, wait: Wait<'_>) -> Result<()> {
        let mut live = self.live(uuid, if reboot { "rebooting" } else { "shutting down" }, wait)?;
        if !matches!(live.state(), DomainState::Running | DomainState::Blocked) {
            return Err(not_running());
        }
        // Also when it is not to start again: the last word counts.
        let mut notes = live.client.status(wait)?.settings.notes;
        match &mut notes {
            Value::Object(notes) => drop(notes.insert(REBOOT.into(), reboot.into())),
            notes => *notes = json!({ REBOOT: reboot }),
        }
        live.client.set_notes(notes, wait)?;
        live.client.power_down(wait)
    }

    /// Writes down another state of a running guest, and the event.
    fn enter(
        &self,
        entry: &Entry,
        state: (i32, i32),
        event: LifecycleEvent,
        detail: i32,
        wait: Wait<'_>,
    ) -> Result<()> {
        let mut lock = self.store.index().lock("a guest's new state", wait)?;
        let now = self.store.by_uuid(entry.uuid)?;
        let now = self.store.write_state(&mut lock, &now, state)?;
        event::lifecycle(&now, event, detail).append(&lock, self.store.events()).map(drop)
    }
}

impl Live {
    /// What the guest is doing.
    pub(crate) fn state(&self) -> DomainState {
        DomainState::from_number(self.entry.state)
    }
}
