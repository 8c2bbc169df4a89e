//! The end of a guest: what it held is given back, its state and its event are written, and it starts again if its
//! definition says so.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use uuid::Uuid;
use virt_conf::model::{Domain, LifecycleAction};
use virt_core::driver::{DomainState, LifecycleEvent, ShutoffReason, StoppedDetail, UndefineDomain};
use virt_util::controller::{Attached, Client};
use virt_util::index::Entry;
use virt_util::journal::{self, Journal};
use virt_util::process::{ExitStatus, Process};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::context::{Context, Secrets};
use super::start::StartOptions;
use super::step::Step;
use super::{BOUND, Engine, REBOOT, invalid, is_plausible, not_running};
use crate::event;
use crate::state::{Status, no_domain};

/// How long an emulator may take to end by itself, as in libvirt.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It shut down.
    Shutdown,
    /// Somebody destroyed it.
    Destroyed,
    /// Its kernel panicked.
    Crashed,
    /// The emulator died.
    Failed,
}

impl End {
    /// What the emulator's exit says, and what the monitor said before.
    fn of(entry: &Entry, exit: Option<ExitStatus>) -> Self {
        match (DomainState::from_number(entry.state), exit) {
            (DomainState::Crashed, _) => Self::Crashed,
            (DomainState::Shutdown, _) | (_, Some(ExitStatus::Exited(0))) => Self::Shutdown,
            _ => Self::Failed,
        }
    }

    fn reason(self) -> ShutoffReason {
        match self {
            Self::Shutdown => ShutoffReason::Shutdown,
            Self::Destroyed => ShutoffReason::Destroyed,
            Self::Crashed | Self::Failed => ShutoffReason::Crashed,
        }
    }

    fn detail(self) -> StoppedDetail {
        match self {
            Self::Shutdown => StoppedDetail::Shutdown,
            Self::Destroyed => StoppedDetail::Destroyed,
            Self::Crashed => StoppedDetail::Crashed,
            Self::Failed => StoppedDetail::Failed,
        }
    }

    /// Whether the definition wants another start.
    fn restarts(self, domain: &Domain) -> bool {
        let action = match self {
            Self::Shutdown => domain.on_poweroff,
            Self::Crashed => domain.on_crash,
            Self::Destroyed | Self::Failed => None,
        };
        use LifecycleAction::{CoredumpRestart, RenameRestart, Restart};
        matches!(action, Some(Restart | RenameRestart | CoredumpRestart))
    }
}

/// What was left of a guest when somebody looked.
struct Remains {
    client: Option<Client>,
    exit: Option<ExitStatus>,
    notes: Value,
}

impl Engine {
    /// Finishes a guest that has ended; one that runs, or was finished by somebody else, is left alone.
    pub(crate) fn finish(&self, uuid: Uuid, wait: Wait<'_>) -> Result<()> {
        let lock = self.store.lock_guest(uuid, "finishing", wait)?;
        let again = self.finish_locked(uuid, wait)?;
        drop(lock);
        match again {
            Some(domain) => self.launch_alone(domain, wait),
            None => Ok(()),
        }
    }

    /// As [`Engine::finish`], for the holder of the guest's lock; the guest to start again, if its definition says so.
    pub(super) fn finish_locked(&self, uuid: Uuid, wait: Wait<'_>) -> Result<Option<Domain>> {
        let Some(entry) = self.store.index().by_uuid(uuid)? else { return Ok(None) };
        if !entry.is_active() {
            return Ok(None);
        }
        let Some(remains) = self.remains(&entry, wait)? else { return Ok(None) };
        let noted = |note: &str| remains.notes.get(note).and_then(Value::as_bool) == Some(true);
        let end = match remains.exit {
            // Whoever started it is gone, and so it was killed.
            None | Some(ExitStatus::Signalled(_)) if noted(BOUND) => End::Destroyed,
            exit => End::of(&entry, exit),
        };
        let rebooting = noted(REBOOT);
        self.close(&entry, remains.client, end, rebooting && end == End::Shutdown, wait)
    }

    /// Ends a running guest.
    pub(crate) fn destroy(&self, uuid: Uuid, graceful: bool, wait: Wait<'_>) -> Result<()> {
        let _lock = self.store.lock_guest(uuid, "destroying", wait)?;
        let entry = self.store.by_uuid(uuid)?;
        if !is_plausible(&entry) {
            self.finish_locked(uuid, wait)?;
            return Err(not_running());
        }
        if !entry.is_active() {
            return Err(not_running());
        }
        let Some(mut client) = self.attach(&entry, "destroying", wait)? else {
            self.finish_locked(uuid, wait)?;
            return Err(not_running());
        };
        client.signal(Signal::SIGTERM, wait)?;
        let patience = wait
            .deadline()
            .map_or(PATIENCE, |at| PATIENCE.min(at.saturating_duration_since(std::time::Instant::now())));
        match client.wait_for_end(Wait::at_most(patience)) {
            Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT && !graceful => {
                client.signal(Signal::SIGKILL, wait)?;
                client.wait_for_end(wait)?;
            }
            ended => {
                ended?;
            }
        }
        self.close(&entry, Some(client), End::Destroyed, false, wait).map(drop)
    }

    /// Undoes what processes that died left half done.
    pub(crate) fn recover(&self, wait: Wait<'_>) -> Result<Vec<String>> {
        let mut context = self.context(Secrets::default(), wait.deadline());
        let mut lines = Vec::new();
        for recovered in journal::recover::<Step>(self.store.root(), &mut context)? {
            lines.push(match recovered.error {
                None => format!("{}: undone: {}", recovered.name, recovered.purpose),
                Some(error) => format!("{}: cannot undo {}: {error}", recovered.name, recovered.purpose),
            });
        }
        for entry in self.store.index().list()?.iter().filter(|entry| !is_plausible(entry)) {
            lines.push(match self.finish(entry.uuid, wait) {
                Ok(()) => format!("{}: finished, its process has ended", entry.name),
                Err(error) => format!("{}: cannot be finished: {error}", entry.name),
            });
        }
        Ok(lines)
    }

    /// Shuts every guest down, and destroys those that still run when `wait` ends; a line for each.
    pub(crate) fn stop_all(&self, wait: Wait<'_>) -> Result<Vec<String>> {
        let mut asked = Vec::new();
        let mut lines = Vec::new();
        for entry in self.entries(wait)?.into_iter().filter(|entry| entry.is_active()) {
            // One that cannot be asked, paused for one, is destroyed at once.
            let outcome = self.power_down(entry.uuid, false, wait);
            asked.push((entry, outcome.is_ok()));
        }
        for (entry, asked) in asked {
            let process = Status::process_of(&entry).map(|owner| Process::of(&owner)).transpose()?.flatten();
            let ended = process.is_none_or(|process| asked && process.wait(wait).is_ok());
            let patience = Wait::at_most(2 * PATIENCE);
            let (what, outcome) = if ended {
                ("shut down", self.finish(entry.uuid, patience))
            } else {
                ("destroyed", self.destroy(entry.uuid, false, patience))
            };
            lines.push(match outcome {
                Ok(()) => format!("{}: {what}", entry.name),
                Err(error) => format!("{}: {error}", entry.name),
            });
        }
        Ok(lines)
    }

    /// Removes the NVRAM of a guest that is undefined, if the flags say so.
    pub(crate) fn undefine_nvram(&self, entry: &Entry, flags: UndefineDomain) -> Result<()> {
        let domain = self.domain(entry, true)?;
        let Some(path) =
            domain.os.nvram.as_ref().map(|nvram| nvram.path.clone()).filter(|path| !path.is_empty())
        else {
            return Ok(());
        };
        if !std::path::Path::new(&path).exists() || flags.contains(UndefineDomain::KEEP_NVRAM) {
            return Ok(());
        }
        if !flags.contains(UndefineDomain::NVRAM) {
            return Err(invalid("cannot undefine domain with nvram"));
        }
        std::fs::remove_file(&path).map_err(|error| {
            Error::system(ErrorDomain::QEMU, format!("failed to remove nvram: {path}"), error)
        })
    }

    /// What is left of the guest; nothing when it runs.
    fn remains(&self, entry: &Entry, wait: Wait<'_>) -> Result<Option<Remains>> {
        let nothing = Remains { client: None, exit: None, notes: Value::Null };
        let Some(dir) = self.store.existing_guest_dir(entry.uuid)? else { return Ok(Some(nothing)) };
        match Client::attach(&dir, wait)? {
            Attached::Running(mut client) => {
                let status = client.status(wait)?;
                if status.ended.is_none() && status.guest.is_some() {
                    return Ok(None);
                }
                client.lock("finishing", wait)?;
                Ok(Some(Remains { exit: status.ended, notes: status.settings.notes, client: Some(client) }))
            }
            Attached::Dead(dead) => {
                let notes = dead.settings.notes.clone();
                dead.retire()?;
                Ok(Some(Remains { notes, ..nothing }))
            }
            Attached::Nothing => Ok(Some(nothing)),
        }
    }

    /// Gives back what the ended guest held, and says how it ended.
    fn close(
        &self,
        entry: &Entry,
        client: Option<Client>,
        end: End,
        rebooting: bool,
        wait: Wait<'_>,
    ) -> Result<Option<Domain>> {
        // From here on the work is done whatever the caller's patience: half of it is worth nothing.
        let wait = if wait.deadline().is_some() { Wait::at_most(3 * PATIENCE) } else { wait };
        let domain = self.domain(entry, true);
        let mut context = self.context(Secrets::default(), None);
        if let Some(client) = client {
            context.keep_client(client);
        }
        self.release(entry.uuid, context)?;
        self.store.remove_claims(entry.uuid)?;
        self.write_end(entry, end, wait)?;
        match domain {
            Ok(domain) if rebooting || end.restarts(&domain) => Ok(Some(domain)),
            _ => Ok(None),
        }
    }

    /// Writes down that the guest is off.
    fn write_end(&self, entry: &Entry, end: End, wait: Wait<'_>) -> Result<()> {
        let mut lock = self.store.index().lock("finishing a guest", wait)?;
        // The controller may have written down a later state meanwhile, and somebody a new definition.
        let now = self.store.index().by_uuid(entry.uuid)?;
        let now = now.as_deref().unwrap_or(entry);
        self.store.remove_status(&mut lock, now, end.reason())?;
        let stopped = event::lifecycle(now, LifecycleEvent::Stopped, end.detail().number());
        stopped.append(&lock, self.store.events()).map(drop)
    }

    /// Undoes the journal of a guest that has ended, or whose starter has.
    pub(super) fn release(&self, uuid: Uuid, mut context: Context) -> Result<()> {
        for name in self.device_journals(uuid)? {
            // Its emulator is gone, or about to be: only what it has of the host is left.
            let mut alone = self.context(Secrets::default(), None);
            if let Some(journal) = Journal::<Step>::open(self.store.root(), &name)? {
                context.end(uuid)?;
                journal.undo(&mut alone)?;
            }
        }
        match Journal::<Step>::open(self.store.root(), &uuid.to_string())? {
            Some(journal) => journal.undo(&mut context),
            None => context.end(uuid),
        }
    }

    /// Starts a guest for its own sake; failing is no error of whoever finished it.
    fn launch_alone(&self, domain: Domain, wait: Wait<'_>) -> Result<()> {
        let name = domain.name.clone();
        let uuid = domain.uuid.ok_or_else(|| no_domain(name.clone()))?;
        let _lock = self.store.lock_guest(uuid, "starting again", wait)?;
        let started = self.launch(domain, StartOptions::default(), wait);
        if let Err(error) = started {
            log::error!("domain '{name}' does not start again: {error}");
        }
        Ok(())
    }
}
