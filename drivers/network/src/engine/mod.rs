//! What happens to networks: started, stopped, found out about, put right.

mod choose;
pub(crate) mod port;
mod repair;
mod rules;
mod shaping;
mod start;
mod step;
mod update;
mod validate;

use std::sync::Arc;

use uuid::Uuid;
use virt_core::driver::Host;
use virt_util::Result;
use virt_util::index::Entry;
use virt_util::journal::{self, Fault};
use virt_util::wait::Wait;

use crate::state::{STARTING, Store};

pub(crate) use shaping::Shaping;
use step::{Context, Step};
pub(crate) use update::{Target, read_metadata};

/// The class of what belongs to no port.
pub(crate) const DEFAULT_CLASS: u16 = 2;

/// One root's networks.
pub(crate) struct Engine {
    /// What is known of them.
    pub(crate) store: Arc<Store>,
    /// Where virtual functions are asked for.
    pub(crate) host: Host,
    /// The URI that the networks are reached by.
    pub(crate) uri: String,
    /// Where to fail, for tests.
    pub(crate) fault: Option<Fault>,
}

impl Engine {
    /// The network with `uuid`; what somebody who died was about to do with it is undone.
    pub(crate) fn entry(&self, uuid: Uuid) -> Result<Arc<Entry>> {
        self.settled(self.store.by_uuid(uuid)?)
    }

    /// The network called `name`, likewise.
    pub(crate) fn entry_by_name(&self, name: &str) -> Result<Arc<Entry>> {
        self.settled(self.store.by_name(name)?)
    }

    fn settled(&self, entry: Arc<Entry>) -> Result<Arc<Entry>> {
        if !entry.is_active() || entry.state != STARTING {
            return Ok(entry);
        }
        self.recover()?;
        self.store.by_uuid(entry.uuid)
    }

    /// Undoes what processes that died left half done; answers a line each.
    pub(crate) fn recover(&self) -> Result<Vec<String>> {
        let mut context = Context::undoing(self.store.clone());
        let recovered = journal::recover::<Step>(self.store.root(), &mut context)?;
        let line = |it: journal::Recovered| match it.error {
            None => format!("{}: undone", it.purpose),
            Some(error) => format!("{}: cannot be undone: {error}", it.purpose),
        };
        Ok(recovered.into_iter().map(line).collect())
    }

    /// Starts every network that starts with the host; answers the errors of those that did not.
    pub(crate) fn start_all(&self, wait: Wait<'_>) -> Result<Vec<String>> {
        let wanted =
            self.store.index().list()?.into_iter().filter(|entry| entry.autostart && !entry.is_active());
        let errors = wanted.filter_map(|entry| {
            let error = self.start(entry.uuid, wait).err()?;
            Some(format!("{}: {error}", entry.name))
        });
        Ok(errors.collect())
    }
}

#[cfg(test)]
mod tests;
