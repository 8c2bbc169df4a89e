//! The entry of a driver, its sessions, and what the host offers to it.

use std::sync::Arc;

use super::*;
use crate::driver_api;

driver_api! {
    /// A driver. One object for the process; every connection is a set of slots of its own.
    pub trait Driver in driver {
        /// Opens a connection. The URI is one of the schemes that the manifest names.
        #[api(read, "virConnectOpen", since "1.0")]
        fn open(&self, call: &Call, request: OpenRequest) -> Slots;
    }
}

driver_api! {
    /// What every connection has.
    pub trait Session in session {
        /// Ends the connection: nothing of it is used afterwards. Guests go on.
        #[api(read, "virConnectClose", since "1.0")]
        fn close(&self, call: &Call) -> ();
        /// Whether what the connection leads to still answers.
        #[api(read, "virConnectIsAlive", since "1.0")]
        fn is_alive(&self, call: &Call) -> bool;
        /// The hypervisor's name, `QEMU`.
        #[api(read, "virConnectGetType", since "1.0")]
        fn hypervisor(&self, call: &Call) -> String;
        /// The hypervisor's version: 1,000,000 * major + 1,000 * minor + release; 0 where there is none.
        #[api(read, "virConnectGetVersion", since "1.0")]
        fn version(&self, call: &Call) -> u64;
        /// The URI that leads here again.
        #[api(read, "virConnectGetURI", since "1.0")]
        fn uri(&self, call: &Call) -> String;
        /// The name of the host that runs the guests.
        #[api(read, "virConnectGetHostname", since "1.0")]
        fn hostname(&self, call: &Call) -> String;
        /// Whether nobody on the way can read along.
        #[api(read, "virConnectIsSecure", since "1.0")]
        fn is_secure(&self, call: &Call) -> bool;
        /// Whether the way is encrypted.
        #[api(read, "virConnectIsEncrypted", since "1.0")]
        fn is_encrypted(&self, call: &Call) -> bool;
    }
}

driver_api! {
    /// What the host offers to drivers.
    pub trait HostServices in host_services {
        /// The driver that serves a role (`network`, `storage` ...) for connections to `uri`, opened for this driver.
        #[api(read, "", since "1.0")]
        fn role(&self, call: &Call, role: String, uri: String) -> Slots;
        /// A program of ours: `controller`, the process that stays with a guest.
        #[api(read, "", since "1.0")]
        fn helper(&self, call: &Call, name: String) -> HelperProgram;
        /// The version of the library: 1,000,000 * major + 1,000 * minor + release.
        #[api(read, "virGetVersion", since "1.0")]
        fn version(&self, call: &Call) -> u64;
    }
}

/// The host, as drivers hold it.
pub type Host = Arc<dyn HostServices>;
