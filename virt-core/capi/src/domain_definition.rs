//! What domains are: definitions, metadata, devices.

use std::ffi::c_int;

use virt_core::{Affect, DefineDomain, DeviceChange, DomainXml, MetadataChange, MetadataKind};
use virt_util::Result;

use crate::domain::Domain as DomainObject;
use crate::runtime::*;

type Domain = Object<DomainObject>;

pub(crate) fn virDomainDefineXML(conn: &Object<kind::Connect>, xml: &str) -> Result<Reference<DomainObject>> {
    virDomainDefineXMLFlags(conn, xml, DefineDomain::empty())
}

pub(crate) fn virDomainDefineXMLFlags(
    conn: &Object<kind::Connect>,
    xml: &str,
    flags: DefineDomain,
) -> Result<Reference<DomainObject>> {
    Ok(DomainObject::new(conn, conn.connection.define_domain(xml, flags)?))
}

pub(crate) fn virDomainGetXMLDesc(domain: &Domain, flags: DomainXml) -> Result<String> {
    domain.domain.xml(flags)
}

/// The object keeps the name that it was found by.
pub(crate) fn virDomainRename(domain: &Domain, name: &str, _: NoFlags) -> Result<()> {
    domain.domain.rename(name).map(drop)
}

pub(crate) fn virDomainGetMetadata(
    domain: &Domain,
    kind: c_int,
    namespace: Option<&str>,
    affect: Affect,
) -> Result<String> {
    domain.domain.metadata(MetadataKind::from_number(kind), namespace, affect)
}

pub(crate) fn virDomainSetMetadata(
    domain: &Domain,
    kind: c_int,
    text: Option<&str>,
    prefix: Option<&str>,
    namespace: Option<&str>,
    affect: Affect,
) -> Result<()> {
    domain.domain.set_metadata(metadata_change(kind, text, prefix, namespace), affect)
}

/// What `virDomainSetMetadata` and `virNetworkSetMetadata` are told.
pub(crate) fn metadata_change(
    kind: c_int,
    text: Option<&str>,
    prefix: Option<&str>,
    namespace: Option<&str>,
) -> MetadataChange {
    MetadataChange {
        kind: MetadataKind::from_number(kind),
        text: text.map(str::to_owned),
        prefix: prefix.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
    }
}

pub(crate) fn virDomainAttachDevice(domain: &Domain, xml: &str) -> Result<()> {
    domain.domain.attach_device(xml, DeviceChange::LIVE)
}

pub(crate) fn virDomainAttachDeviceFlags(domain: &Domain, xml: &str, flags: DeviceChange) -> Result<()> {
    domain.domain.attach_device(xml, flags)
}

pub(crate) fn virDomainDetachDevice(domain: &Domain, xml: &str) -> Result<()> {
    domain.domain.detach_device(xml, DeviceChange::LIVE)
}

pub(crate) fn virDomainDetachDeviceFlags(domain: &Domain, xml: &str, flags: DeviceChange) -> Result<()> {
    domain.domain.detach_device(xml, flags)
}

pub(crate) fn virDomainDetachDeviceAlias(domain: &Domain, alias: &str, flags: DeviceChange) -> Result<()> {
    domain.domain.detach_device_alias(alias, flags)
}

pub(crate) fn virDomainUpdateDeviceFlags(domain: &Domain, xml: &str, flags: DeviceChange) -> Result<()> {
    domain.domain.update_device(xml, flags)
}
