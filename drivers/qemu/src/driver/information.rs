//! What guests are doing.

use uuid::Uuid;
use virt_core::driver::{Call, DomainInfo, DomainInformation, DomainState, DomainStatus, DomainSummary};
use virt_util::Result;

use super::Connection;
use super::domains::summary;
use crate::engine::Engine;

impl DomainInformation for Connection {
    fn info(&self, call: &Call, domain: Uuid) -> Result<DomainInfo> {
        let entry = self.entry(call, domain)?;
        let domain = self.engine.domain(&entry, false)?;
        let memory = self.engine.memory(&entry, &domain, call.wait())?;
        Ok(DomainInfo {
            state: DomainState::from_number(entry.state),
            maximum_memory: memory.maximum,
            memory: memory.current,
            vcpus: domain.vcpu.current.unwrap_or(domain.vcpu.max),
            cpu_time: Engine::cpu_time(&entry)?,
        })
    }

    fn status(&self, call: &Call, domain: Uuid) -> Result<DomainStatus> {
        let entry = self.entry(call, domain)?;
        Ok(DomainStatus { state: DomainState::from_number(entry.state), reason: entry.reason })
    }

    fn summary(&self, call: &Call, domain: Uuid) -> Result<DomainSummary> {
        self.entry(call, domain).map(|entry| summary(&entry))
    }

    fn is_updated(&self, call: &Call, domain: Uuid) -> Result<bool> {
        self.entry(call, domain).map(|_| false)
    }

    fn os_type(&self, call: &Call, domain: Uuid) -> Result<String> {
        let entry = self.entry(call, domain)?;
        let domain = self.engine.domain(&entry, false)?;
        Ok(crate::definition::os_type(&domain))
    }
}
