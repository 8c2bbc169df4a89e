//! Devices of the host that are handed to guests, and what is set on them before.

use crate::driver_api;

driver_api! {
    /// Devices of the host that are handed to guests or others, and taken back as they were: the role `hostdev`.
    ///
    /// Requests and answers are JSON documents with a `version`; virt-core's module `sriov` has them as types.
    pub trait HostDevices in host_devices {
        /// What there is, and who has it: `{"version": 1, "physical-functions": [..], ..}`.
        #[api(read, "", since "1.0")]
        fn inventory(&self, call: &Call) -> String;
        /// What preparing would do: `{"version": 1, "steps": [..]}`. What is chosen only then may be another device.
        #[api(read, "", since "1.0")]
        fn plan(&self, call: &Call, request: String) -> String;
        /// Leases devices, sets them up, gives them to their drivers, all of them or none. Answers
        /// `{"version": 1, "devices": [..]}` in the order of the request.
        #[api(write, "", since "1.0")]
        fn prepare(&self, call: &Call, request: String) -> String;
        /// Changes what is set on a leased device; `settings` are those of a request. Answers the device.
        #[api(write, "", since "1.0")]
        fn apply(&self, call: &Call, device: String, holder: String, settings: String) -> String;
        /// Lets the end of a process give back what a holder has.
        #[api(write, "", since "1.0")]
        fn hand_over(&self, call: &Call, holder: String, process: u32) -> ();
        /// Gives back and restores everything that a holder has; answers the addresses. Nothing is no error.
        #[api(write, "", since "1.0")]
        fn release(&self, call: &Call, holder: String) -> Vec<String>;
        /// Gives back and restores one device, whoever has it; only if it is `holder` where one is named.
        #[api(write, "", since "1.0")]
        fn release_device(&self, call: &Call, device: String, holder: Option<String>) -> ();
        /// Puts right what dead holders and killed processes left, on one device or all. Answers what became of each, as a
        /// JSON list.
        #[api(write, "", since "1.0")]
        fn restore(&self, call: &Call, device: Option<String>) -> String;
        /// What is wrong on this host, as a JSON list, the worst first.
        #[api(read, "", since "1.0")]
        fn diagnose(&self, call: &Call) -> String;
    }
}
