//! The host and what it can run.

use super::*;
use crate::driver_api;

driver_api! {
    /// The host and what it can run.
    pub trait HostInformation in host_information {
        /// The capabilities of host and hypervisor, as XML.
        #[api(read, "virConnectGetCapabilities", since "1.0")]
        fn capabilities(&self, call: &Call) -> String;
        /// What guests of one kind can have, as XML.
        #[api(read, "virConnectGetDomainCapabilities", since "1.0")]
        fn domain_capabilities(&self, call: &Call, request: DomainCapabilitiesRequest) -> String;
        /// CPUs and memory.
        #[api(read, "virNodeGetInfo", since "1.0")]
        fn node_info(&self, call: &Call) -> NodeInfo;
        /// Free memory, in bytes.
        #[api(read, "virNodeGetFreeMemory", since "1.0")]
        fn free_memory(&self, call: &Call) -> u64;
        /// The largest number of vCPUs of a guest of this virtualization type (nothing: the default).
        #[api(read, "virConnectGetMaxVcpus", since "1.0")]
        fn maximum_vcpus(&self, call: &Call, virtualization: Option<String>) -> u32;
        /// The CPU models that guests of this architecture can have.
        #[api(read, "virConnectGetCPUModelNames", since "1.0")]
        fn cpu_models(&self, call: &Call, architecture: String) -> Vec<String>;
        /// The SMBIOS tables, as XML.
        #[api(read, "virConnectGetSysinfo", since "1.0")]
        fn system_information(&self, call: &Call) -> String;
    }
}

driver_api! {
    /// Conversion between domain XML and the hypervisor's own configuration.
    pub trait NativeConfiguration in native_configuration {
        /// Domain XML from configuration in `format`, `qemu-argv`.
        #[api(read, "virConnectDomainXMLFromNative", since "1.0")]
        fn xml_from_native(&self, call: &Call, format: String, configuration: String) -> String;
        /// Configuration in `format` from domain XML.
        #[api(read, "virConnectDomainXMLToNative", since "1.0")]
        fn xml_to_native(&self, call: &Call, format: String, xml: String) -> String;
    }
}
