//! Saved memory of guests, their labels and messages.

use virt_core::{
    Domain, DomainMessages, DomainState, DumpDomain, DumpFormat, ErrorCode, SaveDomain, SaveImageXml,
    StartDomain, UndefineDomain,
};

use super::Behaviour;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("the memory of a guest is kept until its next start", managed),
    ("a guest goes on from a file", file),
    ("the memory of a guest can be looked at", dump),
    ("a guest has a label while it runs", labels),
    ("a guest says what its user should know", messages),
];

const INVALID: &[ErrorCode] = &[ErrorCode::OPERATION_INVALID];

impl Probe<'_> {
    fn state_is(&self, call: &'static str, guest: &Domain, state: DomainState) -> Result<(), Ended> {
        let status = self.did("DomainInformation.status", guest.status())?;
        self.same(call, "the state", status.state, state)
    }

    fn running(&self) -> Result<Domain, Ended> {
        let guest = self.define("a")?;
        self.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
        Ok(guest)
    }
}

fn managed(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let has = |expected| {
        let found = probe.did("Saving.has_managed_save", guest.has_managed_save())?;
        probe.same("Saving.has_managed_save", "whether there is something", found, expected)?;
        let summary = probe.did("DomainInformation.summary", guest.summary())?;
        probe.same("DomainInformation.summary", "whether there is something", summary.managed_save, expected)
    };
    has(false)?;
    probe.refused("Saving.managed_save", guest.managed_save(SaveDomain::empty()), INVALID)?;
    let none = guest.managed_save_xml(SaveImageXml::empty());
    let codes = &[ErrorCode::OPERATION_INVALID, ErrorCode::OPERATION_FAILED];
    probe.refused("Saving.managed_save_xml", none, codes)?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    probe.did("Saving.managed_save", guest.managed_save(SaveDomain::PAUSED))?;
    probe.state_is("Saving.managed_save", &guest, DomainState::Shutoff)?;
    has(true)?;
    probe.refused("Domains.undefine", guest.undefine(UndefineDomain::empty()), INVALID)?;
    let xml = probe.did("Saving.managed_save_xml", guest.managed_save_xml(SaveImageXml::empty()))?;
    let named = xml.contains(&format!("<name>{}</name>", guest.name()));
    probe.holds("Saving.managed_save_xml", "it names the guest", named)?;
    let changed = xml.replacen("</name>", "</name><title>saved</title>", 1);
    let set = guest.define_managed_save_xml(&changed, SaveDomain::empty());
    probe.did("Saving.define_managed_save_xml", set)?;
    let xml = probe.did("Saving.managed_save_xml", guest.managed_save_xml(SaveImageXml::empty()))?;
    let kept = xml.contains("<title>saved</title>");
    probe.holds("Saving.define_managed_save_xml", "what was put there is there", kept)?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    probe.state_is("Saving.managed_save", &guest, DomainState::Paused)?;
    has(false)?;
    probe.did("Saving.managed_save", guest.managed_save(SaveDomain::RUNNING))?;
    probe.did("Saving.remove_managed_save", guest.remove_managed_save())?;
    has(false)?;
    probe.did("Saving.remove_managed_save", guest.remove_managed_save())
}

fn file(probe: &Probe<'_>) -> Result<(), Ended> {
    let Ok(scratch) = tempfile::tempdir() else { return Ok(()) };
    let path = scratch.path().join("guest.save");
    let path = path.to_string_lossy();
    let guest = probe.define("a")?;
    let save = || guest.save(&path, None, SaveDomain::empty());
    probe.refused("Saving.save", save(), INVALID)?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    probe.did("Saving.save", save())?;
    probe.state_is("Saving.save", &guest, DomainState::Shutoff)?;
    let image =
        || probe.did("Saving.image_xml", probe.connection.save_image_xml(&path, SaveImageXml::empty()));
    let xml = image()?;
    let named = xml.contains(&format!("<name>{}</name>", guest.name()));
    probe.holds("Saving.image_xml", "it names the guest", named)?;
    let changed = xml.replacen("</name>", "</name><title>saved</title>", 1);
    let set = probe.connection.define_save_image_xml(&path, &changed, SaveDomain::empty());
    probe.did("Saving.define_image_xml", set)?;
    let kept = image()?.contains("<title>saved</title>");
    probe.holds("Saving.define_image_xml", "what was put there is there", kept)?;
    let restore = |flags| probe.connection.restore_domain(&path, None, flags);
    probe.did("Saving.restore", restore(SaveDomain::PAUSED))?;
    probe.state_is("Saving.restore", &guest, DomainState::Paused)?;
    probe.refused("Saving.restore", restore(SaveDomain::empty()), INVALID)?;
    let nowhere = probe.connection.restore_domain("/no/such/file", None, SaveDomain::empty());
    let codes = &[ErrorCode::SYSTEM_ERROR, ErrorCode::OPERATION_FAILED];
    probe.refused("Saving.restore", nowhere, codes)?;
    let unknown = guest.save(&path, None, SaveDomain::from_bits_retain(1 << 30));
    probe.refused("Saving.save", unknown, &[ErrorCode::INVALID_ARG])?;
    let reader = probe.did("Driver.open", probe.subject.open(true))?;
    let denied = reader.restore_domain(&path, None, SaveDomain::empty());
    probe.refused("Saving.restore", denied, &[ErrorCode::OPERATION_DENIED]).map(drop)
}

fn dump(probe: &Probe<'_>) -> Result<(), Ended> {
    let Ok(scratch) = tempfile::tempdir() else { return Ok(()) };
    let path = scratch.path().join("guest.core");
    let path = path.to_string_lossy();
    let guest = probe.running()?;
    let dump = |flags| guest.core_dump(&path, DumpFormat::Raw, flags);
    probe.did("Saving.core_dump", dump(DumpDomain::LIVE))?;
    let written = std::fs::metadata(&*path).is_ok_and(|it| it.len() > 0);
    probe.holds("Saving.core_dump", "something was written", written)?;
    probe.state_is("Saving.core_dump", &guest, DomainState::Running)?;
    probe.did("Saving.core_dump", dump(DumpDomain::CRASH))?;
    probe.state_is("Saving.core_dump", &guest, DomainState::Shutoff)?;
    probe.refused("Saving.core_dump", dump(DumpDomain::empty()), INVALID).map(drop)
}

fn labels(probe: &Probe<'_>) -> Result<(), Ended> {
    let model = probe.did("Security.model", probe.connection.security_model())?;
    probe.holds("Security.model", "it has a name", !model.model.is_empty())?;
    let guest = probe.define("a")?;
    let label = || probe.did("Security.label", guest.security_label());
    probe.same("Security.label", "the label of a guest that is off", label()?.label, String::new())?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    let own = label()?;
    probe.holds("Security.label", "a guest that runs has one", !own.label.is_empty())?;
    let all = probe.did("Security.labels", guest.security_labels())?;
    probe.holds("Security.labels", "it is among all", all.contains(&own))
}

fn messages(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.running()?;
    let all = probe.did("DomainInformation.messages", guest.messages(DomainMessages::empty()))?;
    let each = [DomainMessages::TAINTING, DomainMessages::DEPRECATION];
    let each: Result<Vec<_>, Ended> =
        each.into_iter().map(|kind| probe.did("DomainInformation.messages", guest.messages(kind))).collect();
    probe.same("DomainInformation.messages", "all of them", all, each?.concat())?;
    let unknown = guest.messages(DomainMessages::from_bits_retain(1 << 30));
    probe.refused("DomainInformation.messages", unknown, &[ErrorCode::INVALID_ARG]).map(drop)
}
