//! Checks of devices that need no hypervisor.

use crate::domain::DomainHooks;
use crate::model::Domain;
use crate::xml::Result;

impl Domain {
    pub(in crate::domain) fn validate_devices(&self, hooks: &dyn DomainHooks) -> Result<()> {
        let _ = (self.devices.usb_disabled(), hooks.features());
        Ok(())
    }
}
