//! Consoles, channels and screens of running guests.

use std::sync::Arc;

use uuid::Uuid;
use virt_core::driver::{Call, Console, OpenConsole, Screenshot, Stream};
use virt_util::Result;

use super::Connection;
use super::stream::DeviceStream;
use crate::wait_of;

impl Console for Connection {
    fn open_console(
        &self,
        call: &Call,
        domain: Uuid,
        device: Option<String>,
        flags: OpenConsole,
    ) -> Result<Arc<dyn Stream>> {
        flags.only(OpenConsole::FORCE | OpenConsole::SAFE, "qemuDomainOpenConsole")?;
        let entry = self.engine.active(domain, wait_of(call))?;
        let (alias, source) = self.engine.console(&entry, device.as_deref())?;
        let force = flags.contains(OpenConsole::FORCE);
        let claim = self.engine.claim(&entry, &alias, "console", force, wait_of(call))?;
        Ok(Arc::new(DeviceStream::open(&source, &alias, claim, wait_of(call))?))
    }

    fn open_channel(
        &self,
        call: &Call,
        domain: Uuid,
        name: Option<String>,
        flags: OpenConsole,
    ) -> Result<Arc<dyn Stream>> {
        flags.only(OpenConsole::FORCE, "qemuDomainOpenChannel")?;
        let entry = self.engine.active(domain, wait_of(call))?;
        let (alias, source) = self.engine.channel(&entry, name.as_deref())?;
        let force = flags.contains(OpenConsole::FORCE);
        let claim = self.engine.claim(&entry, &alias, "channel", force, wait_of(call))?;
        Ok(Arc::new(DeviceStream::open(&source, &alias, claim, wait_of(call))?))
    }

    fn screenshot(&self, call: &Call, domain: Uuid, screen: u32) -> Result<Screenshot> {
        self.engine.screenshot(domain, screen, wait_of(call))
    }
}
