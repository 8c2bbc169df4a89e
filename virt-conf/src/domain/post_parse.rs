//! Defaults that need no hypervisor: the domain's own.

use uuid::Uuid;

use super::DomainHooks;
use crate::model::Domain;
use crate::xml::{ParseOptions, Result};

impl Domain {
    /// Fills in what libvirt fills in for any hypervisor, and what `hooks` add.
    ///
    /// # Errors
    ///
    /// When the definition cannot be completed.
    pub fn post_parse(&mut self, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<()> {
        self.uuid.get_or_insert_with(Uuid::new_v4);
        hooks.domain_post_parse_basic(self, options)?;
        hooks.domain_post_parse(self, options)?;
        self.post_parse_devices(options, hooks)?;
        hooks.assign_addresses(self, options)
    }
}
