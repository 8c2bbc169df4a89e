//! The three steps of reading a domain: syntax, then defaults that need no hypervisor, then checks that need none.
//!
//! What a hypervisor adds to the second and third comes from [`DomainHooks`].

mod change;
mod devices;
mod hooks;
mod metadata;
mod post_parse;
mod validate;
mod way;

pub use change::{Device, Place};
pub use hooks::{DeviceMut, DeviceRef, DomainHooks, Features, Neutral};
pub(crate) use metadata::keep_one_a_namespace;
pub use post_parse::ARCHITECTURES;

use crate::model::Domain;
use crate::xml::{self, FormatOptions, ParseFlags, ParseOptions, Result, locate};

impl Domain {
    /// Reads a definition: syntax, defaults and checks, with what `hooks` add.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence, when any of the three steps refuses the text.
    pub fn from_xml(text: &str, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<Self> {
        let mut read = Self::parse(text, options);
        // A guest is large: it stays where it was read.
        if let Ok(domain) = &mut read
            && let Err(error) = domain.complete(options, hooks)
        {
            read = Err(locate(error, text));
        }
        read
    }

    /// The steps after the syntax: defaults and checks, with what `hooks` add. An error knows the way to what it is about;
    /// [`locate`] makes of it a place in the text.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence, when one of them refuses the definition.
    pub fn complete(&mut self, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<()> {
        self.keep_namespaces(hooks.namespaces());
        self.post_parse(options, hooks)?;
        if !options.flags.contains(ParseFlags::SKIP_VALIDATE) {
            self.validate(options, hooks)?;
        }
        Ok(())
    }

    /// Reads the syntax alone: no defaults are filled in, nothing is checked across elements.
    ///
    /// # Errors
    ///
    /// When the text is not XML, or not a domain's.
    pub fn parse(text: &str, options: &ParseOptions) -> Result<Self> {
        xml::from_str(text, options)
    }

    /// As [`Domain::parse`], with the places of all elements and attributes that nothing reads.
    ///
    /// # Errors
    ///
    /// As [`Domain::parse`].
    pub fn parse_listing(text: &str, options: &ParseOptions) -> Result<(Self, Vec<xml::Place>)> {
        xml::from_str_listing(text, options)
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
