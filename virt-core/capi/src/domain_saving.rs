//! Domains whose memory is kept in files.

use std::ffi::c_uint;

use virt_core::{DumpDomain, DumpFormat, SaveDomain, SaveImageXml};
use virt_util::Result;

use crate::connect::Connect;
use crate::runtime::*;

type Domain = Object<kind::Domain>;

pub(crate) fn virDomainSave(domain: &Domain, to: &str) -> Result<()> {
    domain.domain.save(to, None, SaveDomain::empty())
}

pub(crate) fn virDomainSaveFlags(
    domain: &Domain,
    to: &str,
    xml: Option<&str>,
    flags: SaveDomain,
) -> Result<()> {
    domain.domain.save(to, xml, flags)
}

pub(crate) fn virDomainRestore(conn: &Object<Connect>, from: &str) -> Result<()> {
    conn.connection.restore_domain(from, None, SaveDomain::empty())
}

pub(crate) fn virDomainRestoreFlags(
    conn: &Object<Connect>,
    from: &str,
    xml: Option<&str>,
    flags: SaveDomain,
) -> Result<()> {
    conn.connection.restore_domain(from, xml, flags)
}

pub(crate) fn virDomainSaveImageGetXMLDesc(
    conn: &Object<Connect>,
    file: &str,
    flags: SaveImageXml,
) -> Result<String> {
    conn.connection.save_image_xml(file, flags)
}

pub(crate) fn virDomainSaveImageDefineXML(
    conn: &Object<Connect>,
    file: &str,
    xml: &str,
    flags: SaveDomain,
) -> Result<()> {
    conn.connection.define_save_image_xml(file, xml, flags)
}

pub(crate) fn virDomainManagedSave(domain: &Domain, flags: SaveDomain) -> Result<()> {
    domain.domain.managed_save(flags)
}

pub(crate) fn virDomainManagedSaveRemove(domain: &Domain, _: NoFlags) -> Result<()> {
    domain.domain.remove_managed_save()
}

pub(crate) fn virDomainManagedSaveGetXMLDesc(domain: &Domain, flags: SaveImageXml) -> Result<String> {
    domain.domain.managed_save_xml(flags)
}

pub(crate) fn virDomainManagedSaveDefineXML(domain: &Domain, xml: &str, flags: SaveDomain) -> Result<()> {
    domain.domain.define_managed_save_xml(xml, flags)
}

pub(crate) fn virDomainCoreDump(domain: &Domain, to: &str, flags: DumpDomain) -> Result<()> {
    domain.domain.core_dump(to, DumpFormat::Raw, flags)
}

pub(crate) fn virDomainCoreDumpWithFormat(
    domain: &Domain,
    to: &str,
    format: c_uint,
    flags: DumpDomain,
) -> Result<()> {
    domain.domain.core_dump(to, DumpFormat::from_number(format.cast_signed()), flags)
}
