//! What domains have used.

use plugins_abi::{DomainStatistics, ListDomains, StatisticsGroups, TypedParameter, statistics};
use virt_util::Result;

use crate::connection::{Connection, slot};
use crate::domain::{Domain, calls};

impl Domain {
    /// Groups of statistics, under libvirt's names: `state.state`, `cpu.time` ... No groups: all.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN` when it is gone.
    pub fn statistics(&self, groups: StatisticsGroups) -> Result<Vec<TypedParameter>> {
        let connection = self.connection();
        let list = self.ask(|call| {
            let (domains, filter) = (vec![self.uuid()], ListDomains::empty());
            slot!(connection, statistics, statistics::domains)?.domains(call, domains, groups, filter)
        })?;
        Ok(list.into_iter().next().map(|record| record.parameters).unwrap_or_default())
    }

    calls! {
        /// Of the memory: `actual`, `available`, `unused`, `rss` ..., in KiB.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not running.
        fn memory_statistics() -> Vec<TypedParameter> = statistics, statistics::memory;
        /// Of the host's processors, from `start` on, `count` of them; of all together with -1.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not running, `INVALID_ARG` beyond the last processor.
        fn processor_statistics(start: i32, count: u32) -> Vec<Vec<TypedParameter>>
            = statistics, statistics::processors;
    }

    /// Of a disk, by its target or its path; of all together with an empty name.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when it is not running, `INVALID_ARG` for a disk that it does not have.
    pub fn block_statistics(&self, disk: &str) -> Result<Vec<TypedParameter>> {
        let connection = self.connection();
        self.ask(|call| {
            slot!(connection, statistics, statistics::block)?.block(call, self.uuid(), disk.to_owned())
        })
    }

    /// Of an interface, by its name on the host or its MAC address.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when it is not running, `INVALID_ARG` for an interface that it does not have.
    pub fn interface_statistics(&self, device: &str) -> Result<Vec<TypedParameter>> {
        let connection = self.connection();
        self.ask(|call| {
            let statistics = slot!(connection, statistics, statistics::interface)?;
            statistics.interface(call, self.uuid(), device.to_owned())
        })
    }

    /// The sizes of a disk: `capacity`, `allocation`, `physical`, in bytes.
    ///
    /// # Errors
    ///
    /// `INVALID_ARG` for a disk that it does not have.
    pub fn block_info(&self, disk: &str) -> Result<Vec<TypedParameter>> {
        let connection = self.connection();
        self.ask(|call| {
            let statistics = slot!(connection, statistics, statistics::block_info)?;
            statistics.block_info(call, self.uuid(), disk.to_owned())
        })
    }
}

impl Connection {
    /// Groups of statistics of all domains that `filter` asks for, in one call.
    ///
    /// ```
    /// # let registry = virt_core::Registry::empty();
    /// # registry.register::<virt_driver_test::TestDriver>()?;
    /// # let connection = virt_core::Connection::builder().uri("test:///default").registry(&registry).open()?;
    /// use virt_core::{ListDomains, StatisticsGroups, TypedValue};
    ///
    /// let records = connection.domain_statistics(StatisticsGroups::STATE, ListDomains::ACTIVE)?;
    /// let state = records[0].parameters.iter().find(|it| it.field == "state.state").unwrap();
    /// assert_eq!(state.value, TypedValue::Int(1));
    /// # Ok::<(), virt_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `NO_SUPPORT` where the driver has none.
    pub fn domain_statistics(
        &self,
        groups: StatisticsGroups,
        filter: ListDomains,
    ) -> Result<Vec<DomainStatistics>> {
        self.call(|call| {
            slot!(self, statistics, statistics::domains)?.domains(call, Vec::new(), groups, filter)
        })
    }
}
