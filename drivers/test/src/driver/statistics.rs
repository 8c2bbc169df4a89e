//! Statistics.

use uuid::Uuid;
use virt_core::driver::*;

use super::{TestConnection, checked};
use crate::engine::Guest;

/// Groups that guests here have; the others are empty.
const GROUPS: StatisticsGroups = StatisticsGroups::all();

impl Statistics for TestConnection {
    fn domains(
        &self,
        _: &Call,
        domains: Vec<Uuid>,
        groups: StatisticsGroups,
        filter: ListDomains,
    ) -> Result<Vec<DomainStatistics>> {
        checked(groups.only(GROUPS, "testConnectGetAllDomainStats"))?;
        checked(filter.only(ListDomains::all(), "testConnectGetAllDomainStats"))?;
        let domains = match domains.is_empty() {
            true => self.node.list(filter).into_iter().map(|domain| domain.uuid).collect(),
            false => domains,
        };
        domains.into_iter().map(|domain| self.node.ask(domain, |guest| guest.statistics(groups))).collect()
    }

    fn block(&self, _: &Call, domain: Uuid, disk: String) -> Result<Vec<TypedParameter>> {
        self.node.ask(domain, |guest| guest.block_statistics(&disk))?
    }

    fn interface(&self, _: &Call, domain: Uuid, device: String) -> Result<Vec<TypedParameter>> {
        self.node.ask(domain, |guest| guest.interface_statistics(&device))?
    }

    fn memory(&self, _: &Call, domain: Uuid) -> Result<Vec<TypedParameter>> {
        self.node.ask(domain, Guest::memory_statistics)?
    }

    fn processors(&self, _: &Call, domain: Uuid, start: i32, count: u32) -> Result<Vec<Vec<TypedParameter>>> {
        self.node.ask(domain, |guest| guest.processor_statistics(start, count))?
    }

    fn block_info(&self, _: &Call, domain: Uuid, disk: String) -> Result<Vec<TypedParameter>> {
        self.node.ask(domain, |guest| guest.block_info(&disk))?
    }
}
