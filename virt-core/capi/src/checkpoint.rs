//! Checkpoints of domains.

use std::ffi::{CString, c_char};

use virt_core::{CheckpointXml, CreateCheckpoint, DeleteMoment, ListCheckpoints, MomentSummary};
use virt_util::{ErrorCode, Result};

use crate::connect::{Connect, text};
use crate::domain::Domain;
use crate::runtime::*;
use crate::types::*;

/// A checkpoint, as the application found it.
pub(crate) struct DomainCheckpoint {
    domain: Reference<Domain>,
    moment: virt_core::Checkpoint,
    name: CString,
}

impl Kind for DomainCheckpoint {
    type Opaque = virDomainCheckpoint;
    const MAGIC: u32 = 0x7613_C001;
    const INVALID: ErrorCode = ErrorCode::INVALID_DOMAIN_CHECKPOINT;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        Domain::connect(&object.domain)
    }
}

type Checkpoint = Object<DomainCheckpoint>;

impl DomainCheckpoint {
    fn new(domain: &Object<Domain>, moment: virt_core::Checkpoint) -> Reference<Self> {
        let name = text(moment.name());
        Reference::new(Self { domain: domain.reference(), moment, name })
    }
}

/// Those of a list.
fn found(domain: &Object<Domain>, list: &[MomentSummary]) -> Vec<Reference<DomainCheckpoint>> {
    list.iter().map(|entry| DomainCheckpoint::new(domain, domain.domain.checkpoint_of(entry))).collect()
}

pub(crate) fn virDomainCheckpointCreateXML(
    domain: &Object<Domain>,
    xml: &str,
    flags: CreateCheckpoint,
) -> Result<Reference<DomainCheckpoint>> {
    Ok(DomainCheckpoint::new(domain, domain.domain.create_checkpoint(xml, flags)?))
}

pub(crate) fn virDomainCheckpointLookupByName(
    domain: &Object<Domain>,
    name: &str,
    _: NoFlags,
) -> Result<Reference<DomainCheckpoint>> {
    Ok(DomainCheckpoint::new(domain, domain.domain.checkpoint(name)?))
}

pub(crate) fn virDomainCheckpointRef(checkpoint: &Checkpoint) -> Result<()> {
    checkpoint.reference().into_raw();
    Ok(())
}

pub(crate) unsafe fn virDomainCheckpointFree(checkpoint: &Checkpoint) -> Result<()> {
    // SAFETY: C gives its reference back.
    unsafe { checkpoint.release() };
    Ok(())
}

/// The domain, without a reference for C.
pub(crate) fn virDomainCheckpointGetDomain(checkpoint: &Checkpoint) -> Result<*mut virDomain> {
    Ok(checkpoint.domain.as_raw())
}

/// The connection, without a reference for C.
pub(crate) fn virDomainCheckpointGetConnect(checkpoint: &Checkpoint) -> Result<*mut virConnect> {
    crate::domain::virDomainGetConnect(&checkpoint.domain)
}

pub(crate) fn virDomainCheckpointGetName(checkpoint: &Checkpoint) -> Result<*const c_char> {
    Ok(checkpoint.name.as_ptr())
}

pub(crate) fn virDomainCheckpointGetXMLDesc(checkpoint: &Checkpoint, flags: CheckpointXml) -> Result<String> {
    checkpoint.moment.xml(flags)
}

pub(crate) fn virDomainCheckpointGetParent(
    checkpoint: &Checkpoint,
    _: NoFlags,
) -> Result<Reference<DomainCheckpoint>> {
    let parent = checkpoint.moment.parent()?.ok_or_else(|| {
        let message = format!("checkpoint '{}' does not have a parent", checkpoint.moment.name());
        virt_util::Error::new(ErrorCode::NO_DOMAIN_CHECKPOINT, virt_util::ErrorDomain::TEST, message)
    })?;
    Ok(DomainCheckpoint::new(&checkpoint.domain, parent))
}

pub(crate) fn virDomainCheckpointDelete(checkpoint: &Checkpoint, flags: DeleteMoment) -> Result<()> {
    checkpoint.moment.delete(flags)
}

pub(crate) fn virDomainListAllCheckpoints(
    domain: &Object<Domain>,
    checkpoints: Option<Out<*mut virDomainCheckpointPtr>>,
    flags: ListCheckpoints,
) -> Result<usize> {
    let list = domain.domain.checkpoints(flags)?;
    match checkpoints {
        None => Ok(list.len()),
        place => memory::give_objects(place, found(domain, &list)),
    }
}

pub(crate) fn virDomainCheckpointListAllChildren(
    checkpoint: &Checkpoint,
    children: Option<Out<*mut virDomainCheckpointPtr>>,
    flags: ListCheckpoints,
) -> Result<usize> {
    let list = checkpoint.moment.children(flags)?;
    match children {
        None => Ok(list.len()),
        place => memory::give_objects(place, found(&checkpoint.domain, &list)),
    }
}
