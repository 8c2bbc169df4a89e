//! Secrets.

use std::ffi::{CString, c_char, c_int, c_uchar};

use uuid::Uuid;
use virt_core::{DefineSecret, ListSecrets, SecretUsageKind};
use virt_util::{ErrorCode, Result};

use crate::connect::{Connect, text};
use crate::runtime::*;
use crate::types::*;

/// A secret, as the application found it.
pub(crate) struct Secret {
    connect: Reference<Connect>,
    pub(crate) secret: virt_core::Secret,
    usage: CString,
}

impl Kind for Secret {
    type Opaque = virSecret;
    const MAGIC: u32 = 0x7613_C106;
    const INVALID: ErrorCode = ErrorCode::INVALID_SECRET;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        &raw const *object.connect
    }
}

impl Secret {
    pub(crate) fn new(connect: &Object<Connect>, secret: virt_core::Secret) -> Reference<Self> {
        Reference::new(Self { connect: connect.reference(), usage: text(secret.usage()), secret })
    }
}

pub(crate) fn virSecretLookupByUUID(conn: &Object<Connect>, uuid: Uuid) -> Result<Reference<Secret>> {
    Ok(Secret::new(conn, conn.connection.secret_by_uuid(uuid)?))
}

pub(crate) fn virSecretLookupByUUIDString(
    conn: &Object<Connect>,
    uuid: UuidText,
) -> Result<Reference<Secret>> {
    virSecretLookupByUUID(conn, uuid.0)
}

pub(crate) fn virSecretLookupByUsage(
    conn: &Object<Connect>,
    kind: c_int,
    usage: &str,
) -> Result<Reference<Secret>> {
    Ok(Secret::new(conn, conn.connection.secret_by_usage(SecretUsageKind::from_number(kind), usage)?))
}

pub(crate) fn virSecretRef(secret: &Object<Secret>) -> Result<()> {
    secret.reference().into_raw();
    Ok(())
}

pub(crate) unsafe fn virSecretFree(secret: &Object<Secret>) -> Result<()> {
    // SAFETY: C gives its reference back.
    unsafe { secret.release() };
    Ok(())
}

/// The connection, without a reference for C.
pub(crate) fn virSecretGetConnect(secret: &Object<Secret>) -> Result<*mut virConnect> {
    Ok(secret.connect.as_raw())
}

pub(crate) fn virSecretGetUUID(secret: &Object<Secret>, uuid: Out<c_uchar>) -> Result<()> {
    memory::write_uuid(uuid, secret.secret.uuid());
    Ok(())
}

pub(crate) fn virSecretGetUUIDString(secret: &Object<Secret>, buffer: Out<c_char>) -> Result<()> {
    memory::write_uuid_text(buffer, secret.secret.uuid());
    Ok(())
}

pub(crate) fn virSecretGetUsageType(secret: &Object<Secret>) -> Result<c_int> {
    Ok(secret.secret.usage_kind().number())
}

pub(crate) fn virSecretGetUsageID(secret: &Object<Secret>) -> Result<*const c_char> {
    Ok(secret.usage.as_ptr())
}

pub(crate) fn virConnectListAllSecrets(
    conn: &Object<Connect>,
    secrets: Option<Out<*mut virSecretPtr>>,
    flags: ListSecrets,
) -> Result<usize> {
    let entries = conn.connection.secrets(flags)?;
    match secrets {
        None => Ok(entries.len()),
        place => {
            memory::give_objects(place, entries.iter().map(|it| Secret::new(conn, it.secret())).collect())
        }
    }
}

pub(crate) fn virConnectNumOfSecrets(conn: &Object<Connect>) -> Result<usize> {
    conn.connection.secrets(ListSecrets::empty()).map(|secrets| secrets.len())
}

pub(crate) unsafe fn virConnectListSecrets(
    conn: &Object<Connect>,
    uuids: *mut *mut c_char,
    room: Room,
) -> Result<usize> {
    let known = conn.connection.secrets(ListSecrets::empty())?;
    let texts = known.iter().map(|entry| entry.uuid.to_string()).collect();
    // SAFETY: the application has room for that many.
    unsafe { memory::fill_names(uuids, room.0, texts) }
}

pub(crate) fn virSecretDefineXML(
    conn: &Object<Connect>,
    xml: &str,
    flags: DefineSecret,
) -> Result<Reference<Secret>> {
    Ok(Secret::new(conn, conn.connection.define_secret(xml, flags)?))
}

pub(crate) fn virSecretUndefine(secret: &Object<Secret>) -> Result<()> {
    secret.secret.undefine()
}

pub(crate) fn virSecretGetXMLDesc(secret: &Object<Secret>, _: NoFlags) -> Result<String> {
    secret.secret.xml()
}

pub(crate) unsafe fn virSecretSetValue(
    secret: &Object<Secret>,
    value: *const c_uchar,
    length: usize,
    _: NoFlags,
) -> Result<()> {
    let value = match length {
        0 => &[],
        // SAFETY: the application's value is as long as it says.
        _ if !value.is_null() => unsafe { std::slice::from_raw_parts(value, length) },
        _ => return Err(crate::events::argument("value must not be NULL")),
    };
    secret.secret.set_value(value)
}

/// Bytes that C frees.
pub(crate) fn virSecretGetValue(
    secret: &Object<Secret>,
    length: Out<usize>,
    _: NoFlags,
) -> Result<*mut c_uchar> {
    let value = secret.secret.value()?;
    length.set(value.len());
    memory::bytes(&value)
}
