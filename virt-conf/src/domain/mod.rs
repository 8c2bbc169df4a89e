//! The three steps of reading a domain: syntax, then defaults that need no hypervisor, then checks that need none.
//!
//! What a hypervisor adds to the second and third comes from [`DomainHooks`].

mod devices;
mod hooks;
mod metadata;
mod post_parse;
mod validate;

pub use hooks::{DeviceMut, DomainHooks, Features, Neutral};

use crate::model::Domain;
use crate::xml::{self, FormatOptions, ParseFlags, ParseOptions, Result};

impl Domain {
    /// Reads a definition: syntax, defaults and checks, with what `hooks` add.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence, when any of the three steps refuses the text.
    pub fn from_xml(text: &str, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<Self> {
        let mut domain = Self::parse(text, options)?;
        domain.keep_namespaces(hooks.namespaces());
        domain.post_parse(options, hooks)?;
        if !options.flags.contains(ParseFlags::SKIP_VALIDATE) {
            domain.validate(options, hooks)?;
        }
        Ok(domain)
    }

    /// Reads the syntax alone: no defaults are filled in, nothing is checked across elements.
    ///
    /// # Errors
    ///
    /// When the text is not XML, or not a domain's.
    pub fn parse(text: &str, options: &ParseOptions) -> Result<Self> {
        xml::from_str(text, options)
    }

    fn keep_namespaces(&mut self, kept: &[&str]) {
        fn drop_unless<T: Default>(kept: bool, elements: &mut T) {
            if !kept {
                *elements = T::default();
            }
        }
        drop_unless(kept.contains(&"bhyve"), &mut self.bhyve);
        drop_unless(kept.contains(&"lxc"), &mut self.lxc);
        drop_unless(kept.contains(&"qemu"), &mut self.qemu);
        drop_unless(kept.contains(&"vmware"), &mut self.vmware);
        drop_unless(kept.contains(&"xen"), &mut self.xen);
    }

    /// Writes the definition as libvirt writes it.
    #[must_use]
    pub fn to_xml(&self, options: &FormatOptions) -> String {
        xml::to_string(self, *options)
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_xml(&FormatOptions::default()))
    }
}

impl std::str::FromStr for Domain {
    type Err = xml::Error;

    /// All three steps, as a persistent definition, with no hypervisor's additions.
    fn from_str(text: &str) -> Result<Self> {
        Self::from_xml(text, &ParseOptions::inactive(), &Neutral)
    }
}
