//! Saved memory, security labels and messages.

use uuid::Uuid;
use virt_conf::xml::FormatFlags;
use virt_core::driver::*;

use super::{TestConnection, checked};
use crate::engine::{Guest, saving};
use crate::{definition, error};

/// The simulated security model, and the label of every guest that runs.
const MODEL: &str = "testSecurity";
const LABEL: &str = "libvirt-test";

/// What can be asked of saving.
const SAVES: SaveDomain = SaveDomain::BYPASS_CACHE.union(SaveDomain::RUNNING).union(SaveDomain::PAUSED);

/// Whether a guest is paused when it goes on, where flags say it.
fn paused(flags: SaveDomain) -> Result<Option<bool>> {
    match (flags.contains(SaveDomain::RUNNING), flags.contains(SaveDomain::PAUSED)) {
        (true, true) => Err(error::misuse(
            "Flags 'VIR_DOMAIN_SAVE_RUNNING' and 'VIR_DOMAIN_SAVE_PAUSED' are mutually exclusive",
        )),
        (running, paused) => Ok((running || paused).then_some(paused)),
    }
}

/// Passwords need a connection that may write.
pub(super) fn may_show(call: &Call, secure: bool, function: &str) -> Result<()> {
    if secure && call.read_only() {
        let detail = format!("{function} with secure flag");
        return Err(Error::new(ErrorCode::OPERATION_DENIED, ErrorDomain::DOMAIN, detail));
    }
    Ok(())
}

impl Saving for TestConnection {
    fn managed_save(&self, _: &Call, domain: Uuid, flags: SaveDomain) -> Result<()> {
        checked(flags.only(SAVES, "testDomainManagedSave"))?;
        self.node.managed_save(domain, paused(flags)?)
    }

    fn has_managed_save(&self, _: &Call, domain: Uuid) -> Result<bool> {
        self.node.ask(domain, |guest| guest.summary().managed_save)
    }

    fn remove_managed_save(&self, _: &Call, domain: Uuid) -> Result<()> {
        self.node.remove_managed_save(domain)
    }

    fn managed_save_xml(&self, call: &Call, domain: Uuid, flags: SaveImageXml) -> Result<String> {
        checked(flags.only(SaveImageXml::SECURE, "testDomainManagedSaveGetXMLDesc"))?;
        let secure = flags.contains(SaveImageXml::SECURE);
        may_show(call, secure, "virDomainManagedSaveGetXMLDesc")?;
        self.node.managed_save_xml(domain, secure)
    }

    fn define_managed_save_xml(&self, _: &Call, domain: Uuid, xml: String, flags: SaveDomain) -> Result<()> {
        checked(flags.only(SAVES, "testDomainManagedSaveDefineXML"))?;
        self.node.define_managed_save_xml(domain, &xml, paused(flags)?)
    }

    fn save(
        &self,
        _: &Call,
        domain: Uuid,
        path: String,
        xml: Option<String>,
        flags: SaveDomain,
    ) -> Result<()> {
        checked(flags.only(SaveDomain::BYPASS_CACHE, "testDomainSaveFlags"))?;
        self.node.save(domain, &path, xml.as_deref())
    }

    fn restore(&self, _: &Call, path: String, xml: Option<String>, flags: SaveDomain) -> Result<()> {
        checked(flags.only(SAVES, "testDomainRestoreFlags"))?;
        let paused = paused(flags)?.unwrap_or(false);
        self.node.restore(&path, xml.as_deref(), paused)
    }

    fn image_xml(&self, call: &Call, path: String, flags: SaveImageXml) -> Result<String> {
        checked(flags.only(SaveImageXml::SECURE, "testDomainSaveImageGetXMLDesc"))?;
        let secure = flags.contains(SaveImageXml::SECURE);
        may_show(call, secure, "virDomainSaveImageGetXMLDesc")?;
        let domain = saving::read_image(&path)?;
        let flags = if secure { FormatFlags::SECURE } else { FormatFlags::empty() };
        Ok(definition::write(&domain, flags))
    }

    fn define_image_xml(&self, _: &Call, path: String, xml: String, flags: SaveDomain) -> Result<()> {
        checked(flags.only(SAVES, "testDomainSaveImageDefineXML"))?;
        let domain = saving::replaced(&path, &xml)?;
        saving::write_image(&path, &domain, &domain.name)
    }

    fn core_dump(
        &self,
        _: &Call,
        domain: Uuid,
        path: String,
        format: DumpFormat,
        flags: DumpDomain,
    ) -> Result<()> {
        let handled = DumpDomain::CRASH | DumpDomain::LIVE | DumpDomain::BYPASS_CACHE | DumpDomain::RESET;
        checked(flags.only(handled, "testDomainCoreDumpWithFormat"))?;
        if format != DumpFormat::Raw {
            let sentence = "kdump-compressed format is not supported here";
            return Err(Error::new(ErrorCode::OPERATION_UNSUPPORTED, ErrorDomain::TEST, sentence));
        }
        let (crash, reset) = (flags.contains(DumpDomain::CRASH), flags.contains(DumpDomain::RESET));
        self.node.core_dump(domain, &path, crash, reset)
    }
}

fn label(guest: &Guest) -> SecurityLabel {
    match guest.is_active() {
        true => SecurityLabel { label: LABEL.to_owned(), enforcing: true },
        false => SecurityLabel::default(),
    }
}

impl Security for TestConnection {
    fn model(&self, _: &Call) -> Result<SecurityModel> {
        Ok(SecurityModel { model: MODEL.to_owned(), doi: String::new() })
    }

    fn label(&self, _: &Call, domain: Uuid) -> Result<SecurityLabel> {
        self.node.ask(domain, label)
    }

    fn labels(&self, _: &Call, domain: Uuid) -> Result<Vec<SecurityLabel>> {
        self.node.ask(domain, |guest| vec![label(guest)])
    }
}
