//! Snapshots of domains.

use std::ffi::{CString, c_char};

use virt_core::{CreateSnapshot, DeleteMoment, ListSnapshots, MomentSummary, RevertSnapshot, SnapshotXml};
use virt_util::{ErrorCode, Result};

use crate::connect::{Connect, text};
use crate::domain::Domain;
use crate::runtime::*;
use crate::types::*;

/// A snapshot, as the application found it.
pub(crate) struct DomainSnapshot {
    domain: Reference<Domain>,
    moment: virt_core::Snapshot,
    name: CString,
}

impl Kind for DomainSnapshot {
    type Opaque = virDomainSnapshot;
    const MAGIC: u32 = 0x7613_C002;
    const INVALID: ErrorCode = ErrorCode::INVALID_DOMAIN_SNAPSHOT;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        Domain::connect(&object.domain)
    }
}

type Snapshot = Object<DomainSnapshot>;

impl DomainSnapshot {
    fn new(domain: &Object<Domain>, moment: virt_core::Snapshot) -> Reference<Self> {
        let name = text(moment.name());
        Reference::new(Self { domain: domain.reference(), moment, name })
    }
}

/// Those of a list.
fn found(domain: &Object<Domain>, list: &[MomentSummary]) -> Vec<Reference<DomainSnapshot>> {
    list.iter().map(|entry| DomainSnapshot::new(domain, domain.domain.snapshot_of(entry))).collect()
}

pub(crate) fn virDomainSnapshotCreateXML(
    domain: &Object<Domain>,
    xml: &str,
    flags: CreateSnapshot,
) -> Result<Reference<DomainSnapshot>> {
    Ok(DomainSnapshot::new(domain, domain.domain.create_snapshot(xml, flags)?))
}

pub(crate) fn virDomainSnapshotLookupByName(
    domain: &Object<Domain>,
    name: &str,
    _: NoFlags,
) -> Result<Reference<DomainSnapshot>> {
    Ok(DomainSnapshot::new(domain, domain.domain.snapshot(name)?))
}

pub(crate) fn virDomainSnapshotRef(snapshot: &Snapshot) -> Result<()> {
    snapshot.reference().into_raw();
    Ok(())
}

pub(crate) unsafe fn virDomainSnapshotFree(snapshot: &Snapshot) -> Result<()> {
    // SAFETY: C gives its reference back.
    unsafe { snapshot.release() };
    Ok(())
}

/// The domain, without a reference for C.
pub(crate) fn virDomainSnapshotGetDomain(snapshot: &Snapshot) -> Result<*mut virDomain> {
    Ok(snapshot.domain.as_raw())
}

/// The connection, without a reference for C.
pub(crate) fn virDomainSnapshotGetConnect(snapshot: &Snapshot) -> Result<*mut virConnect> {
    crate::domain::virDomainGetConnect(&snapshot.domain)
}

pub(crate) fn virDomainSnapshotGetName(snapshot: &Snapshot) -> Result<*const c_char> {
    Ok(snapshot.name.as_ptr())
}

pub(crate) fn virDomainSnapshotGetXMLDesc(snapshot: &Snapshot, flags: SnapshotXml) -> Result<String> {
    snapshot.moment.xml(flags)
}

pub(crate) fn virDomainSnapshotGetParent(
    snapshot: &Snapshot,
    _: NoFlags,
) -> Result<Reference<DomainSnapshot>> {
    let parent = snapshot.moment.parent()?.ok_or_else(|| {
        let message = format!("snapshot '{}' does not have a parent", snapshot.moment.name());
        virt_util::Error::new(ErrorCode::NO_DOMAIN_SNAPSHOT, virt_util::ErrorDomain::TEST, message)
    })?;
    Ok(DomainSnapshot::new(&snapshot.domain, parent))
}

pub(crate) fn virDomainSnapshotDelete(snapshot: &Snapshot, flags: DeleteMoment) -> Result<()> {
    snapshot.moment.delete(flags)
}

pub(crate) fn virDomainListAllSnapshots(
    domain: &Object<Domain>,
    snapshots: Option<Out<*mut virDomainSnapshotPtr>>,
    flags: ListSnapshots,
) -> Result<usize> {
    let list = domain.domain.snapshots(flags)?;
    match snapshots {
        None => Ok(list.len()),
        place => memory::give_objects(place, found(domain, &list)),
    }
}

pub(crate) fn virDomainSnapshotListAllChildren(
    snapshot: &Snapshot,
    children: Option<Out<*mut virDomainSnapshotPtr>>,
    flags: ListSnapshots,
) -> Result<usize> {
    let list = snapshot.moment.children(flags)?;
    match children {
        None => Ok(list.len()),
        place => memory::give_objects(place, found(&snapshot.domain, &list)),
    }
}

pub(crate) fn virDomainHasCurrentSnapshot(domain: &Object<Domain>, _: NoFlags) -> Result<bool> {
    match domain.domain.current_snapshot() {
        Ok(_) => Ok(true),
        Err(error) if error.code() == ErrorCode::NO_DOMAIN_SNAPSHOT => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn virDomainSnapshotCurrent(
    domain: &Object<Domain>,
    _: NoFlags,
) -> Result<Reference<DomainSnapshot>> {
    Ok(DomainSnapshot::new(domain, domain.domain.current_snapshot()?))
}

pub(crate) fn virDomainSnapshotIsCurrent(snapshot: &Snapshot, _: NoFlags) -> Result<bool> {
    snapshot.moment.summary().map(|summary| summary.current)
}

/// Whatever a driver of ours lists, it knows more of than the image says.
pub(crate) fn virDomainSnapshotHasMetadata(snapshot: &Snapshot, _: NoFlags) -> Result<bool> {
    snapshot.moment.summary().map(|_| true)
}

pub(crate) fn virDomainRevertToSnapshot(snapshot: &Snapshot, flags: RevertSnapshot) -> Result<()> {
    snapshot.moment.revert(flags)
}

pub(crate) fn virDomainSnapshotNum(domain: &Object<Domain>, flags: ListSnapshots) -> Result<usize> {
    domain.domain.snapshots(flags).map(|list| list.len())
}

pub(crate) fn virDomainSnapshotNumChildren(snapshot: &Snapshot, flags: ListSnapshots) -> Result<usize> {
    snapshot.moment.children(flags).map(|list| list.len())
}

pub(crate) unsafe fn virDomainSnapshotListNames(
    domain: &Object<Domain>,
    names: *mut *mut c_char,
    room: Room,
    flags: ListSnapshots,
) -> Result<usize> {
    let list = domain.domain.snapshots(flags)?;
    // SAFETY: the application has room for that many.
    unsafe { memory::fill_names(names, room.0, list.into_iter().map(|entry| entry.name).collect()) }
}

pub(crate) unsafe fn virDomainSnapshotListChildrenNames(
    snapshot: &Snapshot,
    names: *mut *mut c_char,
    room: Room,
    flags: ListSnapshots,
) -> Result<usize> {
    let list = snapshot.moment.children(flags)?;
    // SAFETY: the application has room for that many.
    unsafe { memory::fill_names(names, room.0, list.into_iter().map(|entry| entry.name).collect()) }
}
