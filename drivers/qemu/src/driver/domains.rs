//! Finding, defining and describing guests.

use uuid::Uuid;
use virt_conf::model::Domain;
use virt_conf::xml::{FormatFlags, ParseFlags, ParseOptions};
use virt_core::driver::{
    Affect, Call, DefineDomain, DefinedDetail, DomainIdentity, DomainState, DomainSummary, DomainXml,
    Domains, LifecycleEvent, ListDomains, MetadataChange, MetadataKind, UndefineDomain, UndefinedDetail,
};
use virt_util::index::Entry;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Connection;
use crate::engine::{Engine, invalid};
use crate::model::hostdev_of;
use crate::{definition, event, metadata};

/// Who a guest is.
pub(super) fn identity(entry: &Entry) -> DomainIdentity {
    DomainIdentity { name: entry.name.clone(), uuid: entry.uuid, id: entry.id }
}

/// What a list shows of a guest.
pub(super) fn summary(entry: &Entry) -> DomainSummary {
    DomainSummary {
        name: entry.name.clone(),
        uuid: entry.uuid,
        id: entry.id,
        state: DomainState::from_number(entry.state),
        reason: entry.reason,
        persistent: entry.is_persistent(),
        autostart: entry.autostart,
        managed_save: false,
    }
}

impl Connection {
    /// Reads a definition: syntax, defaults, checks.
    pub(crate) fn parse(&self, call: &Call, xml: &str, strict: bool) -> Result<Domain> {
        let options = ParseOptions { flags: ParseFlags::INACTIVE | ParseFlags::ABI_UPDATE, strict };
        definition::parse(xml, &options, &self.engine, call.wait())
    }
}

/// A running guest as others see it: an interface that its network made a device of the host is shown as that.
fn published(mut domain: Domain) -> Domain {
    for interface in &mut domain.devices.interfaces {
        let is_hostdev = hostdev_of(interface).is_some();
        if let Some(actual) = interface.actual.take_if(|_| is_hostdev) {
            interface.kind = actual.kind;
            interface.vlan = actual.vlan;
            interface.virtualport = actual.virtualport;
            interface.bandwidth = actual.bandwidth;
            interface.isolated = actual.isolated;
        }
    }
    domain
}

impl Domains for Connection {
    fn list(&self, call: &Call, filter: ListDomains) -> Result<Vec<DomainSummary>> {
        let entries = self.engine.entries(call.wait())?;
        Ok(entries.iter().map(|entry| summary(entry)).filter(|domain| filter.accepts(domain)).collect())
    }

    fn lookup_by_name(&self, call: &Call, name: String) -> Result<DomainIdentity> {
        let entry = self.engine.store.by_name(&name)?;
        self.entry(call, entry.uuid).map(|entry| identity(&entry))
    }

    fn lookup_by_uuid(&self, call: &Call, uuid: Uuid) -> Result<DomainIdentity> {
        self.entry(call, uuid).map(|entry| identity(&entry))
    }

    fn lookup_by_id(&self, call: &Call, id: u32) -> Result<DomainIdentity> {
        let entry = self.engine.store.by_id(id)?;
        let entry = self.entry(call, entry.uuid)?;
        if entry.id != Some(id) {
            return Err(crate::state::no_domain(format!("no domain with matching id {id}")));
        }
        Ok(identity(&entry))
    }

    fn define(&self, call: &Call, xml: String, flags: DefineDomain) -> Result<DomainIdentity> {
        flags.only(DefineDomain::VALIDATE, "virDomainDefineXMLFlags")?;
        let domain = self.parse(call, &xml, flags.contains(DefineDomain::VALIDATE))?;
        let store = &self.engine.store;
        let mut lock = store.index().lock("defining a guest", call.wait())?;
        let known = store.check_unique(&domain)?;
        let entry = store.write_definition(&mut lock, &domain)?;
        let is_new = known.is_none_or(|entry| !entry.is_persistent());
        let detail = if is_new { DefinedDetail::Added } else { DefinedDetail::Updated };
        event::lifecycle(&entry, LifecycleEvent::Defined, detail.number()).append(&lock, store.events())?;
        Ok(identity(&entry))
    }

    fn undefine(&self, call: &Call, domain: Uuid, flags: UndefineDomain) -> Result<()> {
        flags.only(UndefineDomain::all(), "qemuDomainUndefineFlags")?;
        let entry = self.entry(call, domain)?;
        if !entry.is_persistent() {
            return Err(invalid("cannot undefine transient domain"));
        }
        self.engine.undefine_nvram(&entry, flags)?;
        let store = &self.engine.store;
        let mut lock = store.index().lock("undefining a guest", call.wait())?;
        let entry = store.by_uuid(domain)?;
        store.remove_definition(&mut lock, &entry)?;
        let detail = UndefinedDetail::Removed.number();
        event::lifecycle(&entry, LifecycleEvent::Undefined, detail).append(&lock, store.events()).map(drop)
    }

    fn xml(&self, call: &Call, domain: Uuid, flags: DomainXml) -> Result<String> {
        flags.only(DomainXml::all(), "qemuDomainGetXMLDesc")?;
        if flags.contains(DomainXml::SECURE) && call.read_only() {
            let detail = "virDomainGetXMLDesc with secure flag";
            return Err(Error::new(ErrorCode::OPERATION_DENIED, ErrorDomain::DOM, detail));
        }
        let entry = self.entry(call, domain)?;
        let inactive = flags.contains(DomainXml::INACTIVE) || !entry.is_active();
        let domain = self.engine.domain(&entry, inactive)?;
        let mut format = FormatFlags::empty();
        let views = [
            (flags.contains(DomainXml::SECURE), FormatFlags::SECURE),
            (inactive, FormatFlags::INACTIVE),
            (flags.contains(DomainXml::UPDATE_CPU), FormatFlags::UPDATE_CPU),
            (flags.contains(DomainXml::MIGRATABLE), FormatFlags::MIGRATABLE),
        ];
        format.extend(views.iter().filter(|(wanted, _)| *wanted).map(|(_, flag)| *flag));
        let domain = if inactive { domain } else { published(domain) };
        Ok(domain.to_xml(&format.into()))
    }

    fn rename(&self, call: &Call, domain: Uuid, name: String) -> Result<()> {
        let entry = self.entry(call, domain)?;
        if entry.is_active() {
            return Err(invalid("cannot rename active domain"));
        }
        if entry.name == name {
            return Err(Error::new(
                ErrorCode::INVALID_ARG,
                ErrorDomain::QEMU,
                "Can't rename domain to itself",
            ));
        }
        let store = &self.engine.store;
        let mut lock = store.index().lock("renaming a guest", call.wait())?;
        if store.index().by_name(&name)?.is_some() {
            let detail = format!("domain with name '{name}' already exists");
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::QEMU, detail));
        }
        let renamed = store.rename(&mut lock, &entry, &name)?;
        let events = [
            event::lifecycle(&entry, LifecycleEvent::Undefined, UndefinedDetail::Renamed.number()),
            event::lifecycle(&renamed, LifecycleEvent::Defined, DefinedDetail::Renamed.number()),
        ];
        events.iter().try_for_each(|event| event.append(&lock, store.events()).map(drop))
    }

    fn metadata(
        &self,
        call: &Call,
        domain: Uuid,
        kind: MetadataKind,
        namespace: Option<String>,
        affect: Affect,
    ) -> Result<String> {
        let entry = self.entry(call, domain)?;
        let (live, config) =
            Engine::affected(&entry, affect.contains(Affect::LIVE), affect.contains(Affect::CONFIG))?;
        metadata::read(&self.engine.domain(&entry, config && !live)?, kind, namespace.as_deref())
    }

    fn set_metadata(&self, call: &Call, domain: Uuid, change: MetadataChange, affect: Affect) -> Result<()> {
        let entry = self.entry(call, domain)?;
        let (live, config) =
            Engine::affected(&entry, affect.contains(Affect::LIVE), affect.contains(Affect::CONFIG))?;
        let apply = |domain: &mut Domain| metadata::write(domain, &change);
        self.engine.change(&entry, live, config, apply, call.wait())?;
        let lock = self.engine.store.index().lock("a guest's metadata", call.wait())?;
        event::metadata(&entry, &change).append(&lock, self.engine.store.events()).map(drop)
    }
}
