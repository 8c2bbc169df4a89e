//! Plans, jobs and events.

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::Domain;
use virt_conf::xml::ParseOptions;
use virt_core::driver::{
    Call, DomainJob, EventSource, Events, JobKind, JobOperation, Jobs, Planner, StartDomain,
};
use virt_util::Result;

use super::Connection;
use super::lifecycle::options_of;
use crate::engine::invalid;
use crate::event;

impl Planner for Connection {
    fn plan(&self, call: &Call, domain: Uuid, flags: StartDomain) -> Result<String> {
        let options = options_of(flags, "virDomainPlan")?;
        let entry = self.entry(call, domain)?;
        let domain = self.engine.domain(&entry, true)?;
        self.engine.plan(domain, &[], options, call.wait())
    }

    fn plan_xml(&self, call: &Call, xml: String, flags: StartDomain) -> Result<String> {
        let options = options_of(flags, "virDomainPlan")?;
        let domain = self.parse(call, &xml, flags.contains(StartDomain::VALIDATE))?;
        let (_, unread) = Domain::parse_listing(&xml, &ParseOptions::inactive())?;
        self.engine.plan(domain, &unread, options, call.wait())
    }
}

impl Jobs for Connection {
    fn job(&self, call: &Call, domain: Uuid, completed: bool) -> Result<DomainJob> {
        // Nothing here is a job yet, so none was ever completed either.
        if completed {
            self.entry(call, domain)?;
        } else {
            self.engine.active(domain, call.wait())?;
        }
        Ok(DomainJob {
            kind: JobKind::None,
            operation: JobOperation::None,
            elapsed: 0,
            remaining: None,
            parameters: Vec::new(),
        })
    }

    fn abort_job(&self, call: &Call, domain: Uuid) -> Result<()> {
        self.engine.active(domain, call.wait())?;
        Err(invalid("no job is active on the domain"))
    }
}

impl Events for Connection {
    fn subscribe(&self, _call: &Call, from: Option<u64>) -> Result<Arc<dyn EventSource>> {
        Ok(Arc::new(event::Source::new(self.engine.store.clone(), from)?))
    }
}
