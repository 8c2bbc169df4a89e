//! Security models and labels.

use crate::{abi_data, abi_flags};

abi_data! {
    /// `virSecurityModel`
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct SecurityModel as SecurityModelAbi {
        /// `selinux`, `apparmor`, `dac`; empty where there is none.
        pub model: String,
        /// What its labels belong to.
        pub doi: String,
    }

    /// `virSecurityLabel`
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct SecurityLabel as SecurityLabelAbi {
        /// The label; empty where there is none.
        pub label: String,
        /// Whether the host acts upon it.
        pub enforcing: bool,
    }
}

abi_flags! {
    /// Which messages of a domain. No bits mean all. (`virDomainMessageType`)
    pub struct DomainMessages {
        /// Configuration that will not be there for ever.
        const DEPRECATION = 1 << 0;
        /// What makes it hard to help with this domain.
        const TAINTING = 1 << 1;
    }
}
