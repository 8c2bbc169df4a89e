//! Snapshots and checkpoints.

use uuid::Uuid;
use virt_core::driver::*;

use super::saving::may_show;
use super::{TestConnection, checked};
use crate::engine::Guest;

impl Snapshots for TestConnection {
    fn list(
        &self,
        _: &Call,
        domain: Uuid,
        parent: Option<String>,
        filter: ListSnapshots,
    ) -> Result<Vec<MomentSummary>> {
        checked(filter.only(ListSnapshots::all(), "testDomainListAllSnapshots"))?;
        self.node.ask(domain, |guest| guest.snapshots(parent.as_deref(), filter))?
    }

    fn lookup(&self, _: &Call, domain: Uuid, name: String) -> Result<MomentSummary> {
        self.node.ask(domain, |guest| guest.snapshot(&name))?
    }

    fn current(&self, _: &Call, domain: Uuid) -> Result<MomentSummary> {
        self.node.ask(domain, Guest::current_snapshot)?
    }

    fn create(&self, _: &Call, domain: Uuid, xml: String, flags: CreateSnapshot) -> Result<MomentSummary> {
        checked(flags.only(CreateSnapshot::all(), "testDomainSnapshotCreateXML"))?;
        self.node.create_snapshot(domain, &xml, flags)
    }

    fn xml(&self, call: &Call, domain: Uuid, name: String, flags: SnapshotXml) -> Result<String> {
        checked(flags.only(SnapshotXml::SECURE, "testDomainSnapshotGetXMLDesc"))?;
        let secure = flags.contains(SnapshotXml::SECURE);
        may_show(call, secure, "virDomainSnapshotGetXMLDesc")?;
        self.node.ask(domain, |guest| guest.snapshot_xml(&name, secure))?
    }

    fn revert(&self, _: &Call, domain: Uuid, name: String, flags: RevertSnapshot) -> Result<()> {
        let handled = RevertSnapshot::RUNNING | RevertSnapshot::PAUSED | RevertSnapshot::FORCE;
        checked(flags.only(handled, "testDomainRevertToSnapshot"))?;
        self.node.revert(domain, &name, flags)
    }

    fn delete(&self, _: &Call, domain: Uuid, name: String, flags: DeleteMoment) -> Result<()> {
        let handled = DeleteMoment::CHILDREN | DeleteMoment::CHILDREN_ONLY;
        checked(flags.only(handled, "testDomainSnapshotDelete"))?;
        self.node.delete_snapshot(domain, &name, flags)
    }
}

impl Checkpoints for TestConnection {
    fn list(
        &self,
        _: &Call,
        domain: Uuid,
        parent: Option<String>,
        filter: ListCheckpoints,
    ) -> Result<Vec<MomentSummary>> {
        checked(filter.only(ListCheckpoints::all(), "testDomainListAllCheckpoints"))?;
        self.node.ask(domain, |guest| guest.checkpoints(parent.as_deref(), filter))?
    }

    fn lookup(&self, _: &Call, domain: Uuid, name: String) -> Result<MomentSummary> {
        self.node.ask(domain, |guest| guest.checkpoint(&name))?
    }

    fn create(&self, _: &Call, domain: Uuid, xml: String, flags: CreateCheckpoint) -> Result<MomentSummary> {
        checked(flags.only(CreateCheckpoint::all(), "testDomainCheckpointCreateXML"))?;
        self.node.create_checkpoint(domain, &xml, flags)
    }

    fn xml(&self, call: &Call, domain: Uuid, name: String, flags: CheckpointXml) -> Result<String> {
        let handled = CheckpointXml::SECURE | CheckpointXml::NO_DOMAIN;
        checked(flags.only(handled, "testDomainCheckpointGetXMLDesc"))?;
        may_show(call, flags.contains(CheckpointXml::SECURE), "virDomainCheckpointGetXMLDesc")?;
        self.node.ask(domain, |guest| guest.checkpoint_xml(&name, flags))?
    }

    fn delete(&self, _: &Call, domain: Uuid, name: String, flags: DeleteMoment) -> Result<()> {
        checked(flags.only(DeleteMoment::all(), "testDomainCheckpointDelete"))?;
        self.node.delete_checkpoint(domain, &name, flags)
    }
}
