//! The care for guests that no client looks after.

use std::time::Duration;

use uuid::Uuid;
use virt_core::driver::{Call, GuestCare};
use virt_util::Result;
use virt_util::wait::Wait;

use super::Connection;
use crate::engine::StartOptions;

/// How long guests have to shut down when the host does, unless the call says so.
const HOST_STOP: Duration = Duration::from_mins(5);

impl GuestCare for Connection {
    fn finish(&self, call: &Call, domain: Uuid) -> Result<()> {
        self.engine.finish(domain, call.wait())?;
        self.engine.tidy(domain, call.wait())
    }

    fn recover(&self, call: &Call) -> Result<Vec<String>> {
        self.engine.recover(call.wait())
    }

    fn host_start(&self, call: &Call) -> Result<Vec<String>> {
        let mut errors = self.engine.recover(call.wait())?;
        errors.clear();
        for entry in self.engine.entries(call.wait())? {
            if entry.autostart && !entry.is_active() {
                let started = self.engine.start(entry.uuid, StartOptions::default(), call.wait());
                errors.extend(started.err().map(|error| format!("{}: {error}", entry.name)));
            }
        }
        Ok(errors)
    }

    fn host_stop(&self, call: &Call) -> Result<Vec<String>> {
        let wait = if call.deadline().is_some() { call.wait() } else { Wait::at_most(HOST_STOP) };
        self.engine.stop_all(wait)
    }
}
