//! Domains: who they are, and how they are found.

use std::ffi::{CString, c_char, c_int, c_uchar, c_uint};
use std::sync::atomic::{AtomicI32, Ordering};

use uuid::Uuid;
use virt_core::ListDomains;
use virt_util::{ErrorCode, Result};

use crate::connect::{Connect, text};
use crate::runtime::*;
use crate::types::*;

/// No number: the domain does not run.
const NO_ID: i32 = -1;

/// A domain, as the application found it.
pub(crate) struct Domain {
    connect: Reference<Connect>,
    pub(crate) domain: virt_core::Domain,
    name: CString,
    id: AtomicI32,
}

impl Kind for Domain {
    type Opaque = virDomain;
    const MAGIC: u32 = 0x7613_C102;
    const INVALID: ErrorCode = ErrorCode::INVALID_DOMAIN;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        &raw const *object.connect
    }
}

impl Domain {
    pub(crate) fn new(connect: &Object<Connect>, domain: virt_core::Domain) -> Reference<Self> {
        let id = AtomicI32::new(number(domain.known_id()));
        Reference::new(Self { connect: connect.reference(), name: text(domain.name()), domain, id })
    }

    /// Remembers the number that it has now.
    pub(crate) fn learn_id(&self, id: Option<u32>) {
        self.id.store(number(id), Ordering::Relaxed);
    }
}

fn number(id: Option<u32>) -> i32 {
    id.and_then(|id| i32::try_from(id).ok()).unwrap_or(NO_ID)
}

pub(crate) fn virDomainLookupByName(conn: &Object<Connect>, name: &str) -> Result<Reference<Domain>> {
    Ok(Domain::new(conn, conn.connection.domain_by_name(name)?))
}

pub(crate) fn virDomainLookupByUUID(conn: &Object<Connect>, uuid: Uuid) -> Result<Reference<Domain>> {
    Ok(Domain::new(conn, conn.connection.domain_by_uuid(uuid)?))
}

pub(crate) fn virDomainLookupByUUIDString(
    conn: &Object<Connect>,
    uuid: UuidText,
) -> Result<Reference<Domain>> {
    virDomainLookupByUUID(conn, uuid.0)
}

pub(crate) fn virDomainLookupByID(conn: &Object<Connect>, id: Room) -> Result<Reference<Domain>> {
    let id = u32::try_from(id.0).unwrap_or(u32::MAX);
    Ok(Domain::new(conn, conn.connection.domain_by_id(id)?))
}

pub(crate) fn virDomainRef(domain: &Object<Domain>) -> Result<()> {
    domain.reference().into_raw();
    Ok(())
}

pub(crate) unsafe fn virDomainFree(domain: &Object<Domain>) -> Result<()> {
    // SAFETY: C gives its reference back.
    unsafe { domain.release() };
    Ok(())
}

/// The connection, without a reference for C.
pub(crate) fn virDomainGetConnect(domain: &Object<Domain>) -> Result<*mut virConnect> {
    Ok(domain.connect.as_raw())
}

pub(crate) fn virDomainGetName(domain: &Object<Domain>) -> Result<*const c_char> {
    Ok(domain.name.as_ptr())
}

/// The number that it had when it was found, or started through this object.
pub(crate) fn virDomainGetID(domain: &Object<Domain>) -> Result<c_uint> {
    Ok(domain.id.load(Ordering::Relaxed).cast_unsigned())
}

pub(crate) fn virDomainGetUUID(domain: &Object<Domain>, uuid: Out<c_uchar>) -> Result<()> {
    memory::write_uuid(uuid, domain.domain.uuid());
    Ok(())
}

pub(crate) fn virDomainGetUUIDString(domain: &Object<Domain>, buffer: Out<c_char>) -> Result<()> {
    memory::write_uuid_text(buffer, domain.domain.uuid());
    Ok(())
}

pub(crate) fn virConnectListAllDomains(
    conn: &Object<Connect>,
    domains: Option<Out<*mut virDomainPtr>>,
    flags: ListDomains,
) -> Result<usize> {
    let entries = conn.connection.domains(flags)?;
    match domains {
        None => Ok(entries.len()),
        place => memory::give_objects(
            place,
            entries.iter().map(|entry| Domain::new(conn, entry.domain())).collect(),
        ),
    }
}

pub(crate) fn virConnectNumOfDomains(conn: &Object<Connect>) -> Result<usize> {
    conn.connection.domains(ListDomains::ACTIVE).map(|domains| domains.len())
}

pub(crate) fn virConnectNumOfDefinedDomains(conn: &Object<Connect>) -> Result<usize> {
    conn.connection.domains(ListDomains::INACTIVE).map(|domains| domains.len())
}

/// Writes the numbers of running domains, as many as there is room for.
pub(crate) unsafe fn virConnectListDomains(
    conn: &Object<Connect>,
    ids: *mut c_int,
    room: Room,
) -> Result<usize> {
    let room = if ids.is_null() { 0 } else { room.0 };
    let running = conn.connection.domains(ListDomains::ACTIVE)?;
    let numbers = running.iter().filter_map(|entry| i32::try_from(entry.id?).ok()).take(room);
    let mut count = 0;
    for id in numbers {
        // SAFETY: the application has room for that many.
        unsafe { ids.add(count).write(id) };
        count += 1;
    }
    Ok(count)
}

pub(crate) unsafe fn virConnectListDefinedDomains(
    conn: &Object<Connect>,
    names: *mut *mut c_char,
    room: Room,
) -> Result<usize> {
    let defined = conn.connection.domains(ListDomains::INACTIVE)?;
    let texts = defined.iter().map(|entry| entry.name.clone()).collect();
    // SAFETY: the application has room for that many.
    unsafe { memory::fill_names(names, room.0, texts) }
}
