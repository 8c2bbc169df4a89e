//! Consoles, channels and screens of running guests.

use std::sync::Arc;

use uuid::Uuid;
use virt_core::driver::{Call, Console, OpenConsole, Screenshot, Stream};
use virt_util::Result;

use super::Connection;
use super::stream::DeviceStream;

impl Console for Connection {
    fn open_console(
        &self,
        call: &Call,
        domain: Uuid,
        device: Option<String>,
        flags: OpenConsole,
    ) -> Result<Arc<dyn Stream>> {
        flags.only(OpenConsole::FORCE | OpenConsole::SAFE, "qemuDomainOpenConsole")?;
        let entry = self.engine.active(domain, call.wait())?;
        let (alias, source) = self.engine.console(&entry, device.as_deref())?;
        let force = flags.contains(OpenConsole::FORCE);
        let claim = self.engine.claim(&entry, &alias, "console", force, call.wait())?;
        Ok(Arc::new(DeviceStream::open(&source, &alias, claim, call.wait())?))
    }

    fn open_channel(
        &self,
        call: &Call,
        domain: Uuid,
        name: Option<String>,
        flags: OpenConsole,
    ) -> Result<Arc<dyn Stream>> {
        flags.only(OpenConsole::FORCE, "qemuDomainOpenChannel")?;
        let entry = self.engine.active(domain, call.wait())?;
        let (alias, source) = self.engine.channel(&entry, name.as_deref())?;
        let force = flags.contains(OpenConsole::FORCE);
        let claim = self.engine.claim(&entry, &alias, "channel", force, call.wait())?;
        Ok(Arc::new(DeviceStream::open(&source, &alias, claim, call.wait())?))
    }

    fn screenshot(&self, call: &Call, domain: Uuid, screen: u32) -> Result<Screenshot> {
        self.engine.screenshot(domain, screen, call.wait())
    }
}
