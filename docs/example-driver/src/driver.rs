//! The driver's face: what a host calls. Each method checks, finds the guest, and hands on.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use virt_conf::model::Domain;
use virt_conf::xml::FormatOptions;
use virt_core::{Error, ErrorCode, ErrorDomain, Result};
use virt_core::driver::{
    Call, DefineDomain, DestroyDomain, DomainIdentity, DomainInformation, DomainStatus, DomainSummary,
    DomainXml, Domains, Driver, DriverEntry, Host, Lifecycle, ListDomains, Manifest, OpenRequest, Session,
    ShutdownDomain, Slots, StartDomain, UndefineDomain,
};

use crate::engine::{Guest, Guests};

/// The driver: one object in a process, with the guests of all its connections.
pub struct ExampleDriver {
    connection: Arc<Connection>,
}

/// What every connection is: the same guests, seen by everybody.
#[derive(Default)]
struct Connection {
    guests: Mutex<Guests>,
}

impl Connection {
    fn guests(&self) -> MutexGuard<'_, Guests> {
        // Nothing is left half done when a method panics.
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DriverEntry for ExampleDriver {
    const MANIFEST: Manifest = Manifest {
        name: "example",
        version: env!("CARGO_PKG_VERSION"),
        description: "Guests in the memory of one process",
        schemes: &["example"],
        roles: &["hypervisor"],
    };

    fn create(_host: Host) -> Result<Self> {
        Ok(Self { connection: Arc::default() })
    }
}

impl Driver for ExampleDriver {
    fn open(&self, _call: &Call, request: OpenRequest) -> Result<Slots> {
        log::debug!("opening {}", request.uri);
        // What a driver cannot do it leaves out: the host alone says "not supported".
        Ok(Slots::new(self.connection.clone())
            .with_domains(self.connection.clone())
            .with_information(self.connection.clone())
            .with_lifecycle(self.connection.clone()))
    }
}

impl Session for Connection {
    fn close(&self, _call: &Call) -> Result<()> {
        Ok(())
    }

    fn is_alive(&self, _call: &Call) -> Result<bool> {
        Ok(true)
    }

    fn hypervisor(&self, _call: &Call) -> Result<String> {
        Ok("Example".to_owned())
    }

    fn uri(&self, _call: &Call) -> Result<String> {
        Ok("example:///".to_owned())
    }

    fn is_secure(&self, _call: &Call) -> Result<bool> {
        Ok(true)
    }

    fn is_encrypted(&self, _call: &Call) -> Result<bool> {
        Ok(false)
    }
}

impl Domains for Connection {
    fn list(&self, _call: &Call, filter: ListDomains) -> Result<Vec<DomainSummary>> {
        filter.only(ListDomains::all(), "list")?;
        Ok(self.guests().all().map(Guest::summary).filter(|summary| filter.accepts(summary)).collect())
    }

    fn lookup_by_name(&self, _call: &Call, name: String) -> Result<DomainIdentity> {
        Ok(self.guests().find_named(&name)?.identity())
    }

    fn lookup_by_uuid(&self, _call: &Call, uuid: Uuid) -> Result<DomainIdentity> {
        Ok(self.guests().find(uuid)?.identity())
    }

    fn lookup_by_id(&self, _call: &Call, id: u32) -> Result<DomainIdentity> {
        Ok(self.guests().find_numbered(id)?.identity())
    }

    fn define(&self, _call: &Call, xml: String, flags: DefineDomain) -> Result<DomainIdentity> {
        // What a caller wants and a driver does not do is refused, never ignored.
        flags.only(DefineDomain::empty(), "define")?;
        // Syntax, defaults and checks in one; a real driver adds its own hypervisor's with `Domain::from_xml`.
        let definition: Domain = xml.parse()?;
        Ok(self.guests().define(definition, true)?.identity())
    }

    fn undefine(&self, _call: &Call, domain: Uuid, flags: UndefineDomain) -> Result<()> {
        flags.only(UndefineDomain::empty(), "undefine")?;
        self.guests().undefine(domain)
    }

    fn xml(&self, call: &Call, domain: Uuid, flags: DomainXml) -> Result<String> {
        flags.only(DomainXml::SECURE | DomainXml::INACTIVE, "xml")?;
        if flags.contains(DomainXml::SECURE) && call.read_only() {
            let detail = "a connection for reading is not shown passwords";
            return Err(Error::new(ErrorCode::OPERATION_DENIED, ErrorDomain::DOMAIN, detail));
        }
        Ok(self.guests().find(domain)?.definition.to_xml(&FormatOptions::default()))
    }
}

impl DomainInformation for Connection {
    fn status(&self, _call: &Call, domain: Uuid) -> Result<DomainStatus> {
        let summary = self.guests().find(domain)?.summary();
        Ok(DomainStatus { state: summary.state, reason: summary.reason })
    }

    fn summary(&self, _call: &Call, domain: Uuid) -> Result<DomainSummary> {
        Ok(self.guests().find(domain)?.summary())
    }
}

impl Lifecycle for Connection {
    fn create(
        &self,
        _call: &Call,
        domain: Uuid,
        _files: Vec<OwnedFd>,
        flags: StartDomain,
    ) -> Result<DomainIdentity> {
        flags.only(StartDomain::empty(), "create")?;
        Ok(self.guests().start(domain)?.identity())
    }

    fn create_xml(
        &self,
        _call: &Call,
        xml: String,
        _files: Vec<OwnedFd>,
        flags: StartDomain,
    ) -> Result<DomainIdentity> {
        flags.only(StartDomain::empty(), "create_xml")?;
        let mut guests = self.guests();
        let uuid = guests.define(xml.parse()?, false)?.identity().uuid;
        Ok(guests.start(uuid)?.identity())
    }

    /// These guests obey at once.
    fn shutdown(&self, _call: &Call, domain: Uuid, flags: ShutdownDomain) -> Result<()> {
        flags.only(ShutdownDomain::empty(), "shutdown")?;
        self.guests().stop(domain)
    }

    fn destroy(&self, _call: &Call, domain: Uuid, flags: DestroyDomain) -> Result<()> {
        flags.only(DestroyDomain::empty(), "destroy")?;
        self.guests().stop(domain)
    }
}
