//! Defaults that need no hypervisor: the devices'.

use super::{DeviceMut, DomainHooks};
use crate::model::Domain;
use crate::xml::{ParseOptions, Result};

impl Domain {
    /// Runs over every device: first what `hooks` add, then what any hypervisor would fill in.
    pub(super) fn post_parse_devices(
        &mut self,
        options: &ParseOptions,
        hooks: &dyn DomainHooks,
    ) -> Result<()> {
        let mut interfaces = std::mem::take(&mut self.devices.interfaces);
        for interface in &mut interfaces {
            hooks.device_post_parse(DeviceMut::Interface(interface), self, options)?;
        }
        self.devices.interfaces = interfaces;
        Ok(())
    }
}
