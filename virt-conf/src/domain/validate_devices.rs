//! Checks that need no hypervisor: the devices'.

use super::DomainHooks;
use crate::model::Domain;
use crate::xml::Result;

impl Domain {
    pub(super) fn validate_devices(&self, hooks: &dyn DomainHooks) -> Result<()> {
        let _ = (&self.devices, hooks.features());
        Ok(())
    }
}
