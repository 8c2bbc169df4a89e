//! What a connection's own driver lacks and another driver of this host has: networks, storage, node devices ...

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use plugins_abi::{Call, OpenRequest, Slots};
use virt_util::{ErrorCode, Result};

use crate::registry::Registry;

/// The secondary drivers of one connection, each opened for the connection's URI when it is first needed.
pub(crate) struct Secondaries {
    /// Nothing for a connection whose driver is alone.
    registry: Option<Registry>,
    uri: String,
    read_only: bool,
    /// By role; nothing where no driver has it.
    open: Mutex<BTreeMap<&'static str, Option<Arc<Slots>>>>,
}

impl Secondaries {
    pub(crate) fn new(registry: Option<Registry>, uri: String, read_only: bool) -> Self {
        Self { registry, uri, read_only, open: Mutex::default() }
    }

    /// The slots of the driver that has this role; nothing where there is none. What could not be opened is tried again the
    /// next time.
    pub(crate) fn get(&self, call: &Call, role: &'static str) -> Result<Option<Arc<Slots>>> {
        let Some(registry) = &self.registry else { return Ok(None) };
        // What a panic leaves is a map without the driver that panicked.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.get(role) {
            return Ok(known.clone());
        }
        let request = OpenRequest { uri: self.uri.clone(), read_only: self.read_only, role: role.to_owned() };
        let slots = match registry.open(call, request) {
            Ok(slots) => Some(Arc::new(slots)),
            Err(error) if error.code() == ErrorCode::NO_SUPPORT => {
                log::debug!("{error:#}");
                None
            }
            Err(error) => return Err(error),
        };
        open.insert(role, slots.clone());
        Ok(slots)
    }
}

impl Drop for Secondaries {
    fn drop(&mut self) {
        let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (role, slots) in open.iter().filter_map(|(role, slots)| Some((role, slots.as_ref()?))) {
            if let Err(error) = slots.session.close(Call::background()) {
                log::warn!("closing a connection's driver for {role}: {error}");
            }
        }
    }
}
