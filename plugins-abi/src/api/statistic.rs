//! What domains have used.

use uuid::Uuid;

use super::*;
use crate::{TypedParameter, driver_api};

driver_api! {
    /// What domains have used and done, under libvirt's names.
    pub trait Statistics in statistics {
        /// Groups of statistics of domains, `state.state`, `cpu.time`, `block.0.rd.bytes` ...; of all that `filter` asks
        /// for where no domain is named. No group means all.
        #[api(read, "virConnectGetAllDomainStats", since "1.0")]
        fn domains(&self, call: &Call, domains: Vec<Uuid>, groups: StatisticsGroups, filter: ListDomains)
            -> Vec<DomainStatistics>;
        /// Of a disk, by its target or its path; of all together with an empty name.
        #[api(read, "virDomainBlockStatsFlags", since "1.0")]
        fn block(&self, call: &Call, domain: Uuid, disk: String) -> Vec<TypedParameter>;
        /// Of an interface, by its name on the host or its MAC address: `rx_bytes`, `rx_packets`, `rx_errs`, `rx_drop`,
        /// `tx_bytes` ...
        #[api(read, "virDomainInterfaceStats", since "1.0")]
        fn interface(&self, call: &Call, domain: Uuid, device: String) -> Vec<TypedParameter>;
        /// Of the memory: `actual`, `available`, `unused`, `rss` ...
        #[api(read, "virDomainMemoryStats", since "1.0")]
        fn memory(&self, call: &Call, domain: Uuid) -> Vec<TypedParameter>;
        /// Of the host's processors, from `start` on, `count` of them; of all together with -1.
        #[api(read, "virDomainGetCPUStats", since "1.0")]
        fn processors(&self, call: &Call, domain: Uuid, start: i32, count: u32) -> Vec<Vec<TypedParameter>>;
        /// The sizes of a disk: `capacity`, `allocation`, `physical`.
        #[api(read, "virDomainGetBlockInfo", since "1.0")]
        fn block_info(&self, call: &Call, domain: Uuid, disk: String) -> Vec<TypedParameter>;
    }
}
