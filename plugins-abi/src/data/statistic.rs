//! Statistics of domains.

use crate::{DomainIdentity, TypedParameter, abi_data, abi_flags};

abi_data! {
    /// The statistics of one domain. (`virDomainStatsRecord`)
    #[derive(Clone, Debug, PartialEq)]
    pub struct DomainStatistics as DomainStatisticsAbi {
        /// Whose.
        pub domain: DomainIdentity,
        /// Under libvirt's names.
        pub parameters: Vec<TypedParameter>,
    }
}

abi_flags! {
    /// Groups of statistics. No bits mean all. (`virDomainStatsTypes`)
    pub struct StatisticsGroups {
        /// The state.
        const STATE = 1 << 0;
        /// CPU time.
        const CPU_TOTAL = 1 << 1;
        /// The memory balloon.
        const BALLOON = 1 << 2;
        /// Each vCPU.
        const VCPU = 1 << 3;
        /// Each interface.
        const INTERFACE = 1 << 4;
        /// Each disk.
        const BLOCK = 1 << 5;
        /// Performance counters.
        const PERF = 1 << 6;
        /// Each I/O thread.
        const IOTHREAD = 1 << 7;
        /// Memory bandwidth.
        const MEMORY = 1 << 8;
        /// How fast memory is written.
        const DIRTYRATE = 1 << 9;
        /// What only the hypervisor knows.
        const VM = 1 << 10;
    }
}
