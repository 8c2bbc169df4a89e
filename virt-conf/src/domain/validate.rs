//! Checks that need no hypervisor: the domain's own.

use super::DomainHooks;
use crate::model::Domain;
use crate::xml::{ParseOptions, Result};

impl Domain {
    /// Checks what libvirt checks for any hypervisor, and what `hooks` add.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence about the first fault.
    pub fn validate(&self, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<()> {
        self.validate_devices(hooks)?;
        hooks.validate(self, options)
    }
}
