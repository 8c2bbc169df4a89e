//! Snapshots and checkpoints.

use virt_core::{
    CheckpointXml, CreateCheckpoint, CreateSnapshot, DeleteMoment, DestroyDomain, Domain, DomainState,
    ErrorCode, ListCheckpoints, ListDomains, ListSnapshots, MomentSummary, RevertSnapshot, SnapshotXml,
    StartDomain, UndefineDomain,
};

use super::Behaviour;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("snapshots are a tree", tree),
    ("a guest goes back to a snapshot", revert),
    ("what cannot be done with snapshots is refused", refusals),
    ("checkpoints follow each other", checkpoints),
];

const ABSENT: &[ErrorCode] = &[ErrorCode::NO_DOMAIN_SNAPSHOT];

fn document(kind: &str, name: &str) -> String {
    format!("<domain{kind}><name>{name}</name></domain{kind}>")
}

fn names(list: &[MomentSummary]) -> Vec<&str> {
    list.iter().map(|moment| moment.name.as_str()).collect()
}

impl Probe<'_> {
    fn snapshot(&self, guest: &Domain, name: &str) -> Result<virt_core::Snapshot, Ended> {
        let made = guest.create_snapshot(&document("snapshot", name), CreateSnapshot::empty());
        self.did("Snapshots.create", made)
    }

    fn snapshots_are(&self, guest: &Domain, filter: ListSnapshots, expected: &[&str]) -> Result<(), Ended> {
        let list = self.did("Snapshots.list", guest.snapshots(filter | ListSnapshots::TOPOLOGICAL))?;
        self.same("Snapshots.list", &format!("what {filter:?} lists"), names(&list), expected.to_vec())
    }

    fn current_is(&self, guest: &Domain, expected: &str) -> Result<(), Ended> {
        let current = self.did("Snapshots.current", guest.current_snapshot())?;
        self.same("Snapshots.current", "the current one", current.name(), expected)
    }
}

fn tree(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    probe.snapshots_are(&guest, ListSnapshots::empty(), &[])?;
    probe.refused("Snapshots.current", guest.current_snapshot(), ABSENT)?;
    let one = probe.snapshot(&guest, "one")?;
    let two = probe.snapshot(&guest, "two")?;
    probe.did("Snapshots.revert", one.revert(RevertSnapshot::empty()))?;
    probe.current_is(&guest, "one")?;
    probe.snapshot(&guest, "three")?;
    probe.current_is(&guest, "three")?;
    probe.snapshots_are(&guest, ListSnapshots::empty(), &["one", "two", "three"])?;
    probe.snapshots_are(&guest, ListSnapshots::ROOTS, &["one"])?;
    probe.snapshots_are(&guest, ListSnapshots::LEAVES, &["two", "three"])?;
    probe.snapshots_are(&guest, ListSnapshots::NO_LEAVES, &["one"])?;
    probe.snapshots_are(&guest, ListSnapshots::INACTIVE, &[])?;
    let children = probe.did("Snapshots.list", one.children(ListSnapshots::empty()))?;
    probe.same("Snapshots.list", "the children", names(&children), vec!["two", "three"])?;
    let found = probe.did("Snapshots.lookup", guest.snapshot("two"))?;
    let summary = probe.did("Snapshots.lookup", found.summary())?;
    probe.same("Snapshots.lookup", "the parent", summary.parent.as_deref(), Some("one"))?;
    let parent = probe.did("Snapshots.lookup", two.parent())?;
    let parent = parent.map(|parent| parent.name().to_owned());
    probe.same("Snapshots.lookup", "the parent", parent.as_deref(), Some("one"))?;
    let xml = probe.did("Snapshots.xml", two.xml(SnapshotXml::empty()))?;
    for part in ["<name>two</name>", "<state>running</state>", "<name>one</name>", "<creationTime>"] {
        probe.holds("Snapshots.xml", &format!("it has {part}"), xml.contains(part))?;
    }
    let list = probe.list(ListDomains::HAS_SNAPSHOT)?;
    probe.same("Domains.list", "who has snapshots", list, vec!["a".to_owned()])?;
    probe.same("Domains.list", "who has none", probe.list(ListDomains::NO_SNAPSHOT)?, vec![])?;
    // What is left of a tree whose root goes is its parent's.
    probe.did("Snapshots.delete", one.delete(DeleteMoment::empty()))?;
    probe.snapshots_are(&guest, ListSnapshots::ROOTS, &["two", "three"])?;
    let redefined = guest.create_snapshot(&xml, CreateSnapshot::REDEFINE);
    // Its parent is gone.
    probe.refused("Snapshots.create", redefined, &[ErrorCode::INVALID_ARG, ErrorCode::OPERATION_INVALID])?;
    probe.did("Snapshots.delete", two.delete(DeleteMoment::CHILDREN))?;
    probe.snapshots_are(&guest, ListSnapshots::empty(), &["three"])?;
    probe.refused("Snapshots.lookup", guest.snapshot("two"), ABSENT)?;
    probe.refused("Snapshots.delete", two.delete(DeleteMoment::empty()), ABSENT)?;
    let three = probe.did("Snapshots.lookup", guest.snapshot("three"))?;
    probe.did("Snapshots.delete", three.delete(DeleteMoment::empty()))
}

fn revert(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let state = |expected| {
        let status = probe.did("DomainInformation.status", guest.status())?;
        probe.same("Snapshots.revert", "the state", status.state, expected)
    };
    let off = probe.snapshot(&guest, "off")?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    let on = probe.snapshot(&guest, "on")?;
    probe.did("Lifecycle.destroy", guest.destroy(DestroyDomain::empty()))?;
    probe.did("Snapshots.revert", on.revert(RevertSnapshot::empty()))?;
    state(DomainState::Running)?;
    probe.did("Snapshots.revert", on.revert(RevertSnapshot::PAUSED))?;
    state(DomainState::Paused)?;
    probe.did("Snapshots.revert", off.revert(RevertSnapshot::empty()))?;
    state(DomainState::Shutoff)?;
    probe.current_is(&guest, "off")?;
    probe.refused(
        "Domains.undefine",
        guest.undefine(UndefineDomain::empty()),
        &[ErrorCode::OPERATION_INVALID],
    )?;
    probe.did("Domains.undefine", guest.undefine(UndefineDomain::SNAPSHOTS_METADATA))
}

fn refusals(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let create = |xml: &str, flags| guest.create_snapshot(xml, flags);
    let none = CreateSnapshot::empty();
    let snapshot = probe.snapshot(&guest, "one")?;
    let twice = create(&document("snapshot", "one"), none);
    probe.refused("Snapshots.create", twice, &[ErrorCode::OPERATION_FAILED, ErrorCode::OPERATION_INVALID])?;
    probe.refused("Snapshots.create", create("<domainsnapshot", none), &[ErrorCode::XML_DETAIL])?;
    let unknown = create(&document("snapshot", "two"), CreateSnapshot::from_bits_retain(1 << 30));
    probe.refused("Snapshots.create", unknown, &[ErrorCode::INVALID_ARG])?;
    let reader = probe.did("Driver.open", probe.subject.open(true))?;
    let same = probe.did("Domains.lookup_by_uuid", reader.domain_by_uuid(guest.uuid()))?;
    let same = probe.did("Snapshots.lookup", same.snapshot("one"))?;
    let denied = &[ErrorCode::OPERATION_DENIED];
    probe.refused("Snapshots.revert", same.revert(RevertSnapshot::empty()), denied)?;
    probe.refused("Snapshots.delete", same.delete(DeleteMoment::empty()), denied)?;
    probe.refused("Snapshots.xml", same.xml(SnapshotXml::SECURE), denied)?;
    probe.did("Snapshots.delete", snapshot.delete(DeleteMoment::empty()))
}

fn checkpoints(probe: &Probe<'_>) -> Result<(), Ended> {
    let disk =
        "<disk type='file'><source file='/images/a'/><target dev='vda' bus='virtio'/></disk></devices>";
    let xml = probe.xml("a", virt_core::Uuid::new_v4()).replacen("</devices>", disk, 1);
    let defined = probe.connection.define_domain(&xml, virt_core::DefineDomain::empty());
    let guest = probe.did("Domains.define", defined)?;
    let create = |name| guest.create_checkpoint(&document("checkpoint", name), CreateCheckpoint::empty());
    let codes = &[ErrorCode::OPERATION_UNSUPPORTED, ErrorCode::OPERATION_INVALID];
    probe.refused("Checkpoints.create", create("one"), codes)?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    for name in ["one", "two", "three"] {
        probe.did("Checkpoints.create", create(name))?;
    }
    probe.refused("Checkpoints.create", create("one"), &[ErrorCode::OPERATION_FAILED])?;
    let are = |filter, expected: &[&str]| {
        let list = probe.did("Checkpoints.list", guest.checkpoints(filter | ListCheckpoints::TOPOLOGICAL))?;
        probe.same("Checkpoints.list", &format!("what {filter:?} lists"), names(&list), expected.to_vec())
    };
    are(ListCheckpoints::empty(), &["one", "two", "three"])?;
    are(ListCheckpoints::ROOTS, &["one"])?;
    are(ListCheckpoints::LEAVES, &["three"])?;
    let two = probe.did("Checkpoints.lookup", guest.checkpoint("two"))?;
    let children = probe.did("Checkpoints.list", two.children(ListCheckpoints::empty()))?;
    probe.same("Checkpoints.list", "the children", names(&children), vec!["three"])?;
    let xml = probe.did("Checkpoints.xml", two.xml(CheckpointXml::NO_DOMAIN))?;
    probe.holds("Checkpoints.xml", "it names its parent", xml.contains("<name>one</name>"))?;
    probe.holds("Checkpoints.xml", "the guest is left out", !xml.contains("<domain type"))?;
    // A guest has either.
    let snapshot = guest.create_snapshot(&document("snapshot", "one"), CreateSnapshot::empty());
    probe.refused("Snapshots.create", snapshot, codes)?;
    probe.did("Checkpoints.delete", two.delete(DeleteMoment::empty()))?;
    are(ListCheckpoints::empty(), &["one", "three"])?;
    let gone = &[ErrorCode::NO_DOMAIN_CHECKPOINT];
    probe.refused("Checkpoints.lookup", guest.checkpoint("two"), gone)?;
    let one = probe.did("Checkpoints.lookup", guest.checkpoint("one"))?;
    probe.did("Checkpoints.delete", one.delete(DeleteMoment::CHILDREN))?;
    are(ListCheckpoints::empty(), &[])
}
