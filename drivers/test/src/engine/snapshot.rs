//! Snapshots and checkpoints of guests.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;
use virt_conf::model::snapshot::SnapshotState;
use virt_conf::model::{DiskSnapshot, Domain, DomainCheckpoint, DomainSnapshot};
use virt_conf::xml::{FormatFlags, FormatOptions, ParseFlags, ParseOptions};
use virt_core::driver::{
    CheckpointXml, CreateCheckpoint, CreateSnapshot, DeleteMoment, DomainState, Error, ErrorCode,
    ErrorDomain, LifecycleEvent, ListCheckpoints, ListDomains, ListSnapshots, MomentSummary, PausedReason,
    Result, RevertSnapshot, RunningReason, ShutoffReason, StartedDetail, StoppedDetail, SuspendedDetail,
    UndefineDomain,
};

use super::events::Occurrence;
use super::moment::{Moment, Moments};
use super::{Guest, Node};
use crate::definition::{self, Definition};
use crate::error;

/// The snapshots and checkpoints of a guest; it has either.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) snapshots: Moments<DomainSnapshot>,
    pub(super) checkpoints: Moments<DomainCheckpoint>,
}

fn is_external(kind: Option<DiskSnapshot>) -> bool {
    kind == Some(DiskSnapshot::External)
}

impl Moment for DomainSnapshot {
    const ABSENT: ErrorCode = ErrorCode::NO_DOMAIN_SNAPSHOT;
    const KIND: &'static str = "domain snapshot";

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    fn set_parent(&mut self, parent: Option<String>) {
        self.parent = parent;
    }

    fn describe(&self) -> MomentSummary {
        MomentSummary {
            created: self.creation_time.unwrap_or_default(),
            state: self.state.map(|state| state.to_string()).unwrap_or_default(),
            external: is_external(self.memory.snapshot)
                || self.disks.list.iter().any(|disk| is_external(disk.snapshot)),
            ..MomentSummary::default()
        }
    }
}

impl Moment for DomainCheckpoint {
    const ABSENT: ErrorCode = ErrorCode::NO_DOMAIN_CHECKPOINT;
    const KIND: &'static str = "domain checkpoint";

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    fn set_parent(&mut self, parent: Option<String>) {
        self.parent = parent;
    }

    fn describe(&self) -> MomentSummary {
        MomentSummary { created: self.creation_time.unwrap_or_default(), ..MomentSummary::default() }
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().cast_signed()
}

fn unsupported(sentence: &str) -> Error {
    Error::new(ErrorCode::OPERATION_UNSUPPORTED, ErrorDomain::TEST, sentence)
}

/// The guest as a document of a moment has it: what runs, else the definition; and without its number.
fn own_domain(guest: &Guest) -> Box<Domain> {
    Box::new(Domain { id: None, ..guest.domain().cloned().unwrap_or_default() })
}

fn accepts(filter: ListSnapshots, snapshot: &MomentSummary) -> bool {
    let pick = |holds: bool, yes, no| (yes | no, if holds { yes } else { no });
    let state = match snapshot.state.as_str() {
        "shutoff" => ListSnapshots::INACTIVE,
        "disk-snapshot" => ListSnapshots::DISK_ONLY,
        _ => ListSnapshots::ACTIVE,
    };
    let kinds = [
        (ListSnapshots::METADATA | ListSnapshots::NO_METADATA, ListSnapshots::METADATA),
        pick(snapshot.children == 0, ListSnapshots::LEAVES, ListSnapshots::NO_LEAVES),
        (ListSnapshots::INACTIVE | ListSnapshots::ACTIVE | ListSnapshots::DISK_ONLY, state),
        pick(snapshot.external, ListSnapshots::EXTERNAL, ListSnapshots::INTERNAL),
    ];
    kinds.into_iter().all(|(kind, own)| !filter.intersects(kind) || filter.contains(own))
}

impl Guest {
    /// Whether a list with this filter shows a guest with such a history.
    pub(super) fn has_moments(&self, filter: ListDomains) -> bool {
        let pick = |holds: bool, yes, no| (yes | no, if holds { yes } else { no });
        let History { snapshots, checkpoints } = &self.history;
        let kinds = [
            pick(!snapshots.is_empty(), ListDomains::HAS_SNAPSHOT, ListDomains::NO_SNAPSHOT),
            pick(!checkpoints.is_empty(), ListDomains::HAS_CHECKPOINT, ListDomains::NO_CHECKPOINT),
        ];
        kinds.into_iter().all(|(kind, own)| !filter.intersects(kind) || filter.contains(own))
    }

    /// Forgets the moments of a guest that is to be undefined, if flags say so; a guest that goes on keeps them.
    pub(super) fn may_lose_moments(&mut self, flags: UndefineDomain) -> Result<()> {
        if self.is_active() {
            return Ok(());
        }
        let count = self.history.snapshots.count();
        if count > 0 && !flags.contains(UndefineDomain::SNAPSHOTS_METADATA) {
            let sentence = format!("cannot delete inactive domain with {count} snapshots");
            return Err(error::invalid(sentence).in_domain(ErrorDomain::TEST));
        }
        let count = self.history.checkpoints.count();
        if count > 0 && !flags.contains(UndefineDomain::CHECKPOINTS_METADATA) {
            let sentence = format!("cannot delete inactive domain with {count} checkpoints");
            return Err(error::invalid(sentence).in_domain(ErrorDomain::TEST));
        }
        self.history.snapshots.clear();
        self.history.checkpoints.clear();
        Ok(())
    }

    pub(crate) fn snapshots(
        &self,
        parent: Option<&str>,
        filter: ListSnapshots,
    ) -> Result<Vec<MomentSummary>> {
        // Of a domain the bit asks for the roots alone, of a snapshot for more than its children.
        let deep = filter.contains(ListSnapshots::DESCENDANTS) == parent.is_some();
        let mut list = self.history.snapshots.list(parent, deep)?;
        list.retain(|snapshot| accepts(filter, snapshot));
        Ok(list)
    }

    pub(crate) fn checkpoints(
        &self,
        parent: Option<&str>,
        filter: ListCheckpoints,
    ) -> Result<Vec<MomentSummary>> {
        let deep = filter.contains(ListCheckpoints::DESCENDANTS) == parent.is_some();
        let mut list = self.history.checkpoints.list(parent, deep)?;
        let leaf = |it: &MomentSummary| {
            if it.children == 0 { ListCheckpoints::LEAVES } else { ListCheckpoints::NO_LEAVES }
        };
        let kinds = ListCheckpoints::LEAVES | ListCheckpoints::NO_LEAVES;
        list.retain(|checkpoint| !filter.intersects(kinds) || filter.contains(leaf(checkpoint)));
        Ok(list)
    }

    pub(crate) fn snapshot(&self, name: &str) -> Result<MomentSummary> {
        self.history.snapshots.find(name).map(|snapshot| self.history.snapshots.summary(snapshot))
    }

    pub(crate) fn checkpoint(&self, name: &str) -> Result<MomentSummary> {
        self.history.checkpoints.find(name).map(|checkpoint| self.history.checkpoints.summary(checkpoint))
    }

    pub(crate) fn current_snapshot(&self) -> Result<MomentSummary> {
        let absent = || {
            let sentence = "the domain does not have a current snapshot";
            Error::new(ErrorCode::NO_DOMAIN_SNAPSHOT, ErrorDomain::TEST, sentence)
        };
        self.history.snapshots.current().ok_or_else(absent).and_then(|name| self.snapshot(name))
    }

    pub(crate) fn snapshot_xml(&self, name: &str, secure: bool) -> Result<String> {
        let flags = if secure { FormatFlags::SECURE } else { FormatFlags::empty() };
        Ok(self.history.snapshots.find(name)?.to_xml(&FormatOptions::from(flags)))
    }

    pub(crate) fn checkpoint_xml(&self, name: &str, flags: CheckpointXml) -> Result<String> {
        let mut checkpoint = self.history.checkpoints.find(name)?.clone();
        if flags.contains(CheckpointXml::NO_DOMAIN) {
            checkpoint.domain = None;
        }
        let secure = flags.contains(CheckpointXml::SECURE);
        let flags = if secure { FormatFlags::SECURE } else { FormatFlags::empty() };
        Ok(checkpoint.to_xml(&FormatOptions::from(flags)))
    }
}

impl Node {
    pub(crate) fn create_snapshot(
        &self,
        uuid: Uuid,
        xml: &str,
        flags: CreateSnapshot,
    ) -> Result<MomentSummary> {
        let redefine = flags.contains(CreateSnapshot::REDEFINE);
        let parse = if redefine { ParseFlags::REDEFINE } else { ParseFlags::empty() };
        let options = ParseOptions { flags: parse, strict: flags.contains(CreateSnapshot::VALIDATE) };
        let mut snapshot = DomainSnapshot::from_xml(xml, &options, definition::hooks())?;
        let mut made = MomentSummary::default();
        self.guests.change(uuid, |guest| {
            if !guest.history.checkpoints.is_empty() {
                return Err(unsupported("cannot create snapshot while checkpoint exists"));
            }
            if redefine {
                made = guest.history.snapshots.redefine(snapshot, flags.contains(CreateSnapshot::CURRENT))?;
                return Ok(Vec::new());
            }
            let active = guest.is_active();
            let halt = flags.contains(CreateSnapshot::HALT) && active;
            if guest.config.is_none() && flags.contains(CreateSnapshot::HALT) {
                return Err(error::invalid("cannot halt after transient domain snapshot"));
            }
            snapshot.begin(now());
            let disk_only = flags.contains(CreateSnapshot::DISK_ONLY);
            let (state, kind) = match (disk_only, guest.status().state) {
                (true, _) => (SnapshotState::DiskSnapshot, DiskSnapshot::External),
                (_, DomainState::Shutoff) => (SnapshotState::Shutoff, DiskSnapshot::Internal),
                (_, DomainState::Paused) => (SnapshotState::Paused, DiskSnapshot::Internal),
                _ => (SnapshotState::Running, DiskSnapshot::Internal),
            };
            let domain = own_domain(guest);
            snapshot.state = Some(state);
            let memory = active && !disk_only;
            snapshot.memory.snapshot.get_or_insert(if memory {
                DiskSnapshot::Internal
            } else {
                DiskSnapshot::No
            });
            // Nobody looks at the disks of a simulated guest.
            snapshot.align_disks(&domain.devices.disks, kind, true, |_| true)?;
            snapshot.domain = Some(domain);
            made = match flags.contains(CreateSnapshot::NO_METADATA) {
                true => MomentSummary { name: Moment::name(&snapshot).to_owned(), ..snapshot.describe() },
                false => guest.history.snapshots.add(snapshot)?,
            };
            Ok(match halt {
                true => guest.stop(ShutoffReason::FromSnapshot, StoppedDetail::FromSnapshot),
                false => Vec::new(),
            })
        })?;
        Ok(made)
    }

    pub(crate) fn create_checkpoint(
        &self,
        uuid: Uuid,
        xml: &str,
        flags: CreateCheckpoint,
    ) -> Result<MomentSummary> {
        let redefine = flags.contains(CreateCheckpoint::REDEFINE);
        let parse = if redefine { ParseFlags::REDEFINE } else { ParseFlags::empty() };
        let mut checkpoint = DomainCheckpoint::from_xml(xml, &parse.into(), definition::hooks())?;
        let mut made = MomentSummary::default();
        self.guests.change(uuid, |guest| {
            if !guest.history.snapshots.is_empty() {
                return Err(unsupported("cannot create checkpoint while snapshot exists"));
            }
            if !redefine && !guest.is_active() {
                return Err(unsupported("cannot create checkpoint for inactive domain"));
            }
            if redefine {
                made = guest.history.checkpoints.redefine(checkpoint, true)?;
                return Ok(Vec::new());
            }
            checkpoint.begin(now());
            let domain = own_domain(guest);
            checkpoint.align_disks(&domain.devices.disks)?;
            checkpoint.domain = Some(domain);
            made = guest.history.checkpoints.add(checkpoint)?;
            Ok(Vec::new())
        })?;
        Ok(made)
    }

    /// Makes a guest what it was.
    pub(crate) fn revert(&self, uuid: Uuid, name: &str, flags: RevertSnapshot) -> Result<()> {
        let mut guests = self.guests.write();
        let id = guests.next_number();
        guests.change(uuid, |guest| {
            let snapshot = guest.history.snapshots.find(name)?.clone();
            let (running, paused) =
                (flags.contains(RevertSnapshot::RUNNING), flags.contains(RevertSnapshot::PAUSED));
            let off = matches!(snapshot.state, Some(SnapshotState::Shutoff | SnapshotState::DiskSnapshot));
            if guest.config.is_none() && off && !running && !paused {
                let sentence = "transient domain needs to request run state to revert to inactive snapshot";
                return Err(error::invalid(sentence));
            }
            let domain = *snapshot.domain.ok_or_else(|| {
                let sentence = format!("snapshot '{name}' lacks domain '{}' rollback info", guest.name);
                Error::new(ErrorCode::SNAPSHOT_REVERT_RISKY, ErrorDomain::DOMAIN, sentence)
            })?;
            let mut occurrences = Vec::new();
            let was_active = guest.is_active();
            if was_active {
                occurrences = guest.stop(ShutoffReason::FromSnapshot, StoppedDetail::FromSnapshot);
            }
            if guest.config.is_some() {
                guest.config = Some(Definition::from(domain.clone()));
            }
            if !off || running || paused {
                let paused = paused || (snapshot.state == Some(SnapshotState::Paused) && !running);
                let (state, reason) = match paused {
                    true => (DomainState::Paused, PausedReason::FromSnapshot.number()),
                    false => (DomainState::Running, RunningReason::FromSnapshot.number()),
                };
                guest.run_as(id, Some(Definition::from(domain)), state, reason);
                let detail = StartedDetail::FromSnapshot.number();
                occurrences.push(Occurrence::lifecycle(LifecycleEvent::Started, detail));
                if paused {
                    let detail = SuspendedDetail::FromSnapshot.number();
                    occurrences.push(Occurrence::lifecycle(LifecycleEvent::Suspended, detail));
                }
            }
            guest.history.snapshots.set_current(Some(name));
            self.guests.tell(guest, occurrences);
            Ok(())
        })
    }

    pub(crate) fn delete_snapshot(&self, uuid: Uuid, name: &str, flags: DeleteMoment) -> Result<()> {
        self.guests.change(uuid, |guest| {
            guest.history.snapshots.delete(name, flags)?;
            Ok(Vec::new())
        })
    }

    pub(crate) fn delete_checkpoint(&self, uuid: Uuid, name: &str, flags: DeleteMoment) -> Result<()> {
        self.guests.change(uuid, |guest| {
            guest.history.checkpoints.delete(name, flags)?;
            Ok(Vec::new())
        })
    }
}
