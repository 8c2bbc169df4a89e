//! What happens to guests, on plain values: started, stopped, finished, found out about.

mod claim;
mod context;
mod device;
mod finish;
mod learn;
mod lease;
mod live;
mod plug;
pub(crate) mod port;
mod processor;
mod start;
mod step;
mod tap;
mod tune;
mod update;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use uuid::Uuid;
use virt_conf::model::{Cpu, CpuMode, Domain};
use virt_core::driver::Host;
use virt_util::controller::Client;
use virt_util::index::Entry;
use virt_util::spawn::User;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::caps::Capabilities;
use crate::command::Settings;
use crate::model::accelerator_of;
use crate::probe::Probes;
use crate::state::{Status, Store};

pub(crate) use claim::Claim;
pub(crate) use context::{Context, Password, Secrets};
pub(crate) use lease::{Lease, foresee};
pub(crate) use plug::Wanted;
pub(crate) use start::StartOptions;
pub(crate) use step::{Ownership, Step};
pub(crate) use tap::{Macvtap, Tap, free_name as free_tap_name};

/// One root's guests, and what is needed to run them.
pub(crate) struct Engine {
    /// What is known of guests.
    pub(crate) store: Arc<Store>,
    /// What emulators can do.
    pub(crate) probes: Probes,
    /// What the administrator set.
    pub(crate) settings: Settings,
    /// The user that emulators run as, if not ours.
    pub(crate) user: Option<User>,
    /// Whether images become that user's as long as a guest runs.
    pub(crate) owns_images: bool,
    /// The URI that leads here again, for controllers.
    pub(crate) uri: String,
    /// What other drivers are asked for.
    pub(crate) host: Host,
    /// The connections to guests that end with ours, or with our process.
    pub(crate) bound: Mutex<Vec<(Uuid, Client)>>,
}

/// The note on a guest that ends with whoever started it.
const BOUND: &str = "bound";
/// The note on a guest that starts again when it has shut down.
const REBOOT: &str = "reboot";

/// The sentence for a call that needs a running guest.
pub(crate) fn not_running() -> Error {
    invalid("domain is not running")
}

/// The sentence for a call that does not fit the guest's state.
pub(crate) fn invalid(sentence: &str) -> Error {
    Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::QEMU, sentence)
}

impl Engine {
    /// What the emulator of `domain` can do.
    pub(crate) fn capabilities(&self, domain: &Domain, wait: Wait<'_>) -> Result<Arc<Capabilities>> {
        let emulator = domain.devices.emulator.as_ref().ok_or_else(|| {
            Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, "No emulator found for this domain")
        })?;
        let emulator = Path::new(emulator);
        match accelerator_of(domain.kind).filter(|_| needs_processors(domain)) {
            Some(accelerator) => self.probes.with_processors(emulator, accelerator, wait),
            None => self.probes.capabilities(emulator, wait),
        }
    }

    /// The guest with `uuid`, its state found out if the index is behind.
    pub(crate) fn entry(&self, uuid: Uuid, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let entry = self.store.by_uuid(uuid)?;
        if is_plausible(&entry) {
            return Ok(entry);
        }
        self.finish(uuid, wait)?;
        self.store.by_uuid(uuid)
    }

    /// All guests, the state of each found out if the index is behind.
    pub(crate) fn entries(&self, wait: Wait<'_>) -> Result<Vec<Arc<Entry>>> {
        let entries = self.store.index().list()?;
        if entries.iter().all(|entry| is_plausible(entry)) {
            return Ok(entries);
        }
        for entry in entries.iter().filter(|entry| !is_plausible(entry)) {
            // One guest that cannot be finished does not hide the others.
            let finished = self.finish(entry.uuid, wait);
            finished
                .unwrap_or_else(|error| log::warn!("domain '{}' cannot be finished: {error}", entry.name));
        }
        self.store.index().list()
    }

    /// The guest with `uuid`, which has to run.
    pub(crate) fn active(&self, uuid: Uuid, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let entry = self.entry(uuid, wait)?;
        if entry.is_active() { Ok(entry) } else { Err(not_running()) }
    }

    /// What the guest of `entry` is: as it runs, or as it is defined.
    pub(crate) fn domain(&self, entry: &Entry, inactive: bool) -> Result<Domain> {
        if entry.status.is_some() && !(inactive && entry.is_persistent()) {
            return self.store.status(entry).map(|status| status.domain);
        }
        self.store.definition(entry)?.ok_or_else(|| {
            Error::internal(ErrorDomain::QEMU, format!("nothing is known of domain '{}'", entry.name))
        })
    }

    /// What steps act through, which give up at `deadline`.
    pub(crate) fn context(&self, secrets: Secrets, deadline: Option<Instant>) -> Context {
        Context::new(self.store.clone(), self.host.clone(), secrets, deadline)
    }

    /// The directory of files that belong to a running guest.
    pub(crate) fn guest_files(&self, id: u32, name: &str) -> PathBuf {
        self.store.root().run().join(&short_name(id, name))
    }
}

/// Whether what the index says can be true: of a guest that runs, that its process lives.
fn is_plausible(entry: &Entry) -> bool {
    !entry.is_active() || Status::process_of(entry).is_some_and(|process| process.is_alive())
}

/// Whether what the emulator says of processors matters to `domain`: to all but those that take everything as it comes.
fn needs_processors(domain: &Domain) -> bool {
    let takes_all = |cpu: &Cpu| {
        matches!(cpu.mode, Some(CpuMode::HostPassthrough | CpuMode::Maximum)) && cpu.features.is_empty()
    };
    !domain.cpu.as_ref().is_some_and(takes_all)
}

/// libvirt's name of a guest's directory: `domain-1-web`, the name cut at 20 characters.
pub(crate) fn short_name(id: u32, name: &str) -> String {
    let name: String = name.chars().take(20).map(|c| if c == '/' { '_' } else { c }).collect();
    format!("domain-{id}-{name}")
}

#[cfg(test)]
mod tests;
