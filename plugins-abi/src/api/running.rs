//! Starting, stopping, resizing domains.

use std::os::fd::OwnedFd;

use uuid::Uuid;

use super::*;
use crate::driver_api;

driver_api! {
    /// Starting and stopping domains.
    pub trait Lifecycle in lifecycle {
        /// Starts a defined domain. Starting an active domain is an error. `files` are inherited by the guest's first
        /// process (containers only).
        #[api(write, "virDomainCreateWithFiles", since "1.0")]
        fn create(&self, call: &Call, domain: Uuid, files: Vec<OwnedFd>, flags: StartDomain) -> DomainIdentity;
        /// Starts a domain that vanishes when it stops.
        #[api(write, "virDomainCreateXMLWithFiles", since "1.0")]
        fn create_xml(&self, call: &Call, xml: String, files: Vec<OwnedFd>, flags: StartDomain) -> DomainIdentity;
        /// Asks the guest to shut down; returns when it was asked.
        #[api(write, "virDomainShutdownFlags", since "1.0")]
        fn shutdown(&self, call: &Call, domain: Uuid, flags: ShutdownDomain) -> ();
        /// Asks the guest to reboot; returns when it was asked.
        #[api(write, "virDomainReboot", since "1.0")]
        fn reboot(&self, call: &Call, domain: Uuid, flags: RebootDomain) -> ();
        /// Presses the reset button.
        #[api(write, "virDomainReset", since "1.0")]
        fn reset(&self, call: &Call, domain: Uuid) -> ();
        /// Ends the domain at once; it is off when this returns.
        #[api(write, "virDomainDestroyFlags", since "1.0")]
        fn destroy(&self, call: &Call, domain: Uuid, flags: DestroyDomain) -> ();
        /// Stops its CPUs.
        #[api(write, "virDomainSuspend", since "1.0")]
        fn suspend(&self, call: &Call, domain: Uuid) -> ();
        /// Lets its CPUs go on.
        #[api(write, "virDomainResume", since "1.0")]
        fn resume(&self, call: &Call, domain: Uuid) -> ();
        /// Whether it starts with the host.
        #[api(read, "virDomainGetAutostart", since "1.0")]
        fn autostart(&self, call: &Call, domain: Uuid) -> bool;
        /// Decides whether it starts with the host. Transient domains cannot.
        #[api(write, "virDomainSetAutostart", since "1.0")]
        fn set_autostart(&self, call: &Call, domain: Uuid, autostart: bool) -> ();
    }
}

driver_api! {
    /// Memory and vCPUs.
    pub trait Tuning in tuning {
        /// The largest memory it may have, in KiB.
        #[api(read, "virDomainGetMaxMemory", since "1.0")]
        fn maximum_memory(&self, call: &Call, domain: Uuid) -> u64;
        /// Sets the memory, or with `MAXIMUM` the largest memory, in KiB.
        #[api(write, "virDomainSetMemoryFlags", since "1.0")]
        fn set_memory(&self, call: &Call, domain: Uuid, kibibytes: u64, flags: MemoryFlags) -> ();
        /// The number of vCPUs, or with `MAXIMUM` the largest number.
        #[api(read, "virDomainGetVcpusFlags", since "1.0")]
        fn vcpus(&self, call: &Call, domain: Uuid, flags: VcpuFlags) -> u32;
        /// Sets the number of vCPUs, or with `MAXIMUM` the largest number.
        #[api(write, "virDomainSetVcpusFlags", since "1.0")]
        fn set_vcpus(&self, call: &Call, domain: Uuid, vcpus: u32, flags: VcpuFlags) -> ();
    }
}
