//! What the host's security model makes of domains, and what their users should know.

use plugins_abi::{DomainMessages, SecurityLabel, SecurityModel, domain_information, security};
use virt_util::Result;

use crate::connection::{Connection, slot};
use crate::domain::{Domain, calls};

impl Domain {
    calls! {
        /// Its label under the host's first model; empty while it does not run.
        ///
        /// ```
        /// # let registry = virt_core::Registry::empty();
        /// # registry.register::<virt_driver_test::TestDriver>()?;
        /// # let connection = virt_core::Connection::builder().uri("test:///default").registry(&registry).open()?;
        /// let guest = connection.domain_by_name("test")?;
        /// let label = guest.security_label()?;
        /// assert_eq!((label.label.as_str(), label.enforcing), ("libvirt-test", true));
        /// # Ok::<(), virt_core::Error>(())
        /// ```
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn security_label() -> SecurityLabel = security, security::label;
        /// Its labels, one a model of the host's.
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn security_labels() -> Vec<SecurityLabel> = security, security::labels;
        /// What its user should know of it, a sentence each. No kinds: all.
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn messages(kinds: DomainMessages) -> Vec<String> = information, domain_information::messages;
    }
}

impl Connection {
    /// The first security model of the host.
    ///
    /// # Errors
    ///
    /// `NO_SUPPORT` where the driver knows of none.
    pub fn security_model(&self) -> Result<SecurityModel> {
        self.call(|call| slot!(self, security, security::model)?.model(call))
    }
}
