//! Connections.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use plugins_abi::{
    Call, CallScope, Cancellation, DefineDomain, DomainCapabilitiesRequest, DomainIdentity, ListDomains,
    NodeInfo, OpenRequest, Slots, StartDomain, domains, events, guest_care, host_information, lifecycle,
    native_configuration, planner,
};
use uuid::Uuid;
use virt_util::Result;

use crate::domain::{Domain, DomainEntry};
use crate::event::{Events, Notice, Subscription};
use crate::registry::{HYPERVISOR, Registry};
use crate::secondary::Secondaries;

/// An open connection to a hypervisor.
///
/// Cheap to clone and shared between threads; it ends when the last clone, and the last [`Domain`] of it, is dropped.
/// Guests go on.
///
/// ```
/// # let registry = virt_core::Registry::empty();
/// # registry.register::<virt_driver_test::TestDriver>()?;
/// use std::time::Duration;
/// use virt_core::Connection;
///
/// let connection = Connection::builder()
///     .uri("test:///default")
///     .read_only(true)
///     .timeout(Duration::from_secs(10))
///     .registry(&registry)
///     .open()?;
/// let guest = connection.domain_by_name("test")?;
/// let error = guest.suspend().unwrap_err();
/// assert_eq!(error.to_string(), "operation forbidden: read only access prevents virDomainSuspend");
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
    scope: CallScope,
    timeout: Option<Duration>,
}

struct Inner {
    slots: Slots,
    secondaries: Secondaries,
    read_only: bool,
}

/// What to open, and how.
#[derive(Clone, Debug, Default)]
pub struct ConnectionBuilder {
    uri: String,
    read_only: bool,
    timeout: Option<Duration>,
    registry: Option<Registry>,
}

impl ConnectionBuilder {
    /// The URI, or an alias of the configuration file; without it the default one, see [`crate::default_uri`].
    #[must_use]
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = uri.into();
        self
    }

    /// Whether to refuse everything that changes something or shows secrets. The default is no.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// How long each call may take, opening included. The default is for ever.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Where drivers come from. The default is [`Registry::global`].
    #[must_use]
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.registry = Some(registry.clone());
        self
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// `NO_CONNECT` when no driver serves the URI; what the driver says otherwise.
    pub fn open(self) -> Result<Connection> {
        let uri = crate::defaults::resolve(&self.uri)?;
        let registry = self.registry.unwrap_or_else(|| Registry::global().clone());
        let scope = CallScope::new().read_only(self.read_only);
        let request = OpenRequest { uri, read_only: self.read_only, role: HYPERVISOR.to_owned() };
        let uri = request.uri.clone();
        let (slots, alone) = timed(&scope, self.timeout, |call| registry.open_connection(call, request))?;
        let secondaries = Secondaries::new((!alone).then_some(registry), uri, self.read_only);
        let inner = Arc::new(Inner { slots, secondaries, read_only: self.read_only });
        Ok(Connection { inner, scope, timeout: self.timeout })
    }
}

/// Runs `work` with a deadline from now, if there is one.
pub(crate) fn timed<T>(scope: &CallScope, timeout: Option<Duration>, work: impl FnOnce(&Call) -> T) -> T {
    match timeout {
        None => scope.run(work),
        Some(time) => scope.clone().within(time).run(work),
    }
}

/// The trait behind a slot; the error of an empty one names the method that was wanted.
macro_rules! slot {
    ($connection:expr, $slot:ident, $module:ident :: $method:ident) => {
        match &$connection.slots().$slot {
            Some(implementation) => Ok(implementation),
            None => Err($module::method::$method.unsupported()),
        }
    };
}
pub(crate) use slot;

/// As [`slot!`] for what a secondary driver of this role has where the connection's own has nothing:
/// `secondary!(self, call, "nodedev", node_devices, node_devices::list)`.
macro_rules! secondary {
    ($connection:expr, $call:expr, $role:literal, $slot:ident, $module:ident :: $method:ident) => {
        match &$connection.slots().$slot {
            Some(own) => Ok(own.clone()),
            None => $connection
                .secondary($call, $role)?
                .and_then(|slots| slots.$slot.clone())
                .ok_or_else(|| $module::method::$method.unsupported()),
        }
    };
}
pub(crate) use secondary;

impl Connection {
    /// Opens a connection that may read and write, with the drivers of this process and its plugins.
    ///
    /// # Errors
    ///
    /// As [`ConnectionBuilder::open`].
    pub fn open(uri: &str) -> Result<Self> {
        Self::builder().uri(uri).open()
    }

    /// What to open, and how.
    pub fn builder() -> ConnectionBuilder {
        ConnectionBuilder::default()
    }

    /// The same connection, whose calls each end with `OPERATION_TIMEOUT` after this time.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self.clone() }
    }

    /// The same connection, whose calls can be given up from another thread.
    #[must_use]
    pub fn cancelled_by(&self, cancellation: Arc<Cancellation>) -> Self {
        Self { scope: self.scope.clone().cancelled_by(cancellation), ..self.clone() }
    }

    /// The same connection, whose calls report how far they are: `done` of `total` (0: unknown), and of what.
    #[must_use]
    pub fn with_progress(&self, report: impl Fn(u64, u64, &str) + Send + Sync + 'static) -> Self {
        Self { scope: self.scope.clone().progress(Arc::new(report)), ..self.clone() }
    }

    /// Whether it was opened read-only.
    pub fn is_read_only(&self) -> bool {
        self.inner.read_only
    }

    /// The traits that the driver could have, and which of them it has.
    pub fn capabilities_by_trait(&self) -> Vec<(&'static str, bool)> {
        self.slots().filled()
    }

    pub(crate) fn slots(&self) -> &Slots {
        &self.inner.slots
    }

    pub(crate) fn secondary(&self, call: &Call, role: &'static str) -> Result<Option<Arc<Slots>>> {
        self.inner.secondaries.get(call, role)
    }

    pub(crate) fn call<T>(&self, work: impl FnOnce(&Call) -> T) -> T {
        timed(&self.scope, self.timeout, work)
    }

    /// The hypervisor's name, `QEMU`.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn hypervisor(&self) -> Result<String> {
        self.call(|call| self.slots().session.hypervisor(call))
    }

    /// The hypervisor's version: 1,000,000 * major + 1,000 * minor + release.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn version(&self) -> Result<u64> {
        self.call(|call| self.slots().session.version(call))
    }

    /// The URI that leads here again.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn uri(&self) -> Result<String> {
        self.call(|call| self.slots().session.uri(call))
    }

    /// The name of the host that runs the guests.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn hostname(&self) -> Result<String> {
        self.call(|call| self.slots().session.hostname(call))
    }

    /// Whether what the connection leads to still answers.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn is_alive(&self) -> Result<bool> {
        self.call(|call| self.slots().session.is_alive(call))
    }

    /// Whether nobody on the way can read along.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn is_secure(&self) -> Result<bool> {
        self.call(|call| self.slots().session.is_secure(call))
    }

    /// Whether the way is encrypted.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn is_encrypted(&self) -> Result<bool> {
        self.call(|call| self.slots().session.is_encrypted(call))
    }

    /// The domains that `filter` asks for, with everything a list shows, in one call. An empty filter: all.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn domains(&self, filter: ListDomains) -> Result<Vec<DomainEntry>> {
        let list = self.call(|call| slot!(self, domains, domains::list)?.list(call, filter))?;
        Ok(list.into_iter().map(|summary| DomainEntry::new(self, summary)).collect())
    }

    /// The domain of this name.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN` when there is none.
    pub fn domain_by_name(&self, name: &str) -> Result<Domain> {
        let find = |call: &Call| {
            slot!(self, domains, domains::lookup_by_name)?.lookup_by_name(call, name.to_owned())
        };
        self.call(find).map(|identity| Domain::new(self, identity))
    }

    /// The domain of this UUID.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN` when there is none.
    pub fn domain_by_uuid(&self, uuid: Uuid) -> Result<Domain> {
        let find = |call: &Call| slot!(self, domains, domains::lookup_by_uuid)?.lookup_by_uuid(call, uuid);
        self.call(find).map(|identity| Domain::new(self, identity))
    }

    /// The running domain of this number.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN` when there is none.
    pub fn domain_by_id(&self, id: u32) -> Result<Domain> {
        let find = |call: &Call| slot!(self, domains, domains::lookup_by_id)?.lookup_by_id(call, id);
        self.call(find).map(|identity| Domain::new(self, identity))
    }

    /// A handle of the domain that an event is about, gone or not.
    pub fn domain_of(&self, identity: &DomainIdentity) -> Domain {
        Domain::new(self, identity.clone())
    }

    /// Gives a domain a definition: a new domain, or another definition for the next start of a known one.
    ///
    /// # Errors
    ///
    /// `XML_ERROR` and its kin with the place in the XML; `OPERATION_FAILED` when name and UUID belong to two domains.
    pub fn define_domain(&self, xml: &str, flags: DefineDomain) -> Result<Domain> {
        let define = |call: &Call| slot!(self, domains, domains::define)?.define(call, xml.to_owned(), flags);
        self.call(define).map(|identity| Domain::new(self, identity))
    }

    /// Starts a domain that vanishes when it stops.
    ///
    /// # Errors
    ///
    /// As [`Connection::define_domain`] and [`Domain::start`].
    pub fn create_domain(&self, xml: &str, flags: StartDomain) -> Result<Domain> {
        self.create_domain_with_files(xml, Vec::new(), flags)
    }

    /// As [`Connection::create_domain`], and gives its first process these files, as its descriptors from 3 on.
    ///
    /// # Errors
    ///
    /// As [`Connection::create_domain`]; `NO_SUPPORT` where guests cannot be given files.
    pub fn create_domain_with_files(
        &self,
        xml: &str,
        files: Vec<OwnedFd>,
        flags: StartDomain,
    ) -> Result<Domain> {
        let create = |call: &Call| {
            slot!(self, lifecycle, lifecycle::create_xml)?.create_xml(call, xml.to_owned(), files, flags)
        };
        self.call(create).map(|identity| Domain::new(self, identity))
    }

    /// What starting the guest of this XML would do, as JSON, without doing it.
    ///
    /// # Errors
    ///
    /// As [`Connection::create_domain`].
    pub fn plan(&self, xml: &str, flags: StartDomain) -> Result<String> {
        self.call(|call| slot!(self, planner, planner::plan_xml)?.plan_xml(call, xml.to_owned(), flags))
    }

    /// The capabilities of host and hypervisor, as XML.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn capabilities(&self) -> Result<String> {
        self.call(|call| slot!(self, host, host_information::capabilities)?.capabilities(call))
    }

    /// What guests of one kind can have, as XML; what the request leaves out is the driver's default.
    ///
    /// # Errors
    ///
    /// `INVALID_ARG` for combinations that the driver cannot run.
    pub fn domain_capabilities(&self, request: DomainCapabilitiesRequest) -> Result<String> {
        self.call(|call| {
            slot!(self, host, host_information::domain_capabilities)?.domain_capabilities(call, request)
        })
    }

    /// The host's CPUs and memory.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn node_info(&self) -> Result<NodeInfo> {
        self.call(|call| slot!(self, host, host_information::node_info)?.node_info(call))
    }

    /// The host's free memory, in bytes.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn free_memory(&self) -> Result<u64> {
        self.call(|call| slot!(self, host, host_information::free_memory)?.free_memory(call))
    }

    /// The largest number of vCPUs of a guest of this virtualization type, `kvm`; nothing: the driver's default.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn maximum_vcpus(&self, virtualization: Option<&str>) -> Result<u32> {
        let virtualization = virtualization.map(str::to_owned);
        self.call(|call| {
            slot!(self, host, host_information::maximum_vcpus)?.maximum_vcpus(call, virtualization)
        })
    }

    /// The CPU models that guests of this architecture can have.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn cpu_models(&self, architecture: &str) -> Result<Vec<String>> {
        self.call(|call| {
            slot!(self, host, host_information::cpu_models)?.cpu_models(call, architecture.to_owned())
        })
    }

    /// The host's SMBIOS tables, as XML.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn system_information(&self) -> Result<String> {
        self.call(|call| slot!(self, host, host_information::system_information)?.system_information(call))
    }

    /// Domain XML from the hypervisor's own configuration in `format`.
    ///
    /// # Errors
    ///
    /// `INVALID_ARG` for a format that the driver does not know.
    pub fn xml_from_native(&self, format: &str, configuration: &str) -> Result<String> {
        let (format, configuration) = (format.to_owned(), configuration.to_owned());
        self.call(|call| {
            slot!(self, native, native_configuration::xml_from_native)?.xml_from_native(
                call,
                format,
                configuration,
            )
        })
    }

    /// The hypervisor's own configuration in `format` from domain XML.
    ///
    /// # Errors
    ///
    /// `INVALID_ARG` for a format that the driver does not know.
    pub fn xml_to_native(&self, format: &str, xml: &str) -> Result<String> {
        let (format, xml) = (format.to_owned(), xml.to_owned());
        self.call(|call| {
            slot!(self, native, native_configuration::xml_to_native)?.xml_to_native(call, format, xml)
        })
    }

    /// The events from now on, as a blocking iterator.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn events(&self) -> Result<Events> {
        self.subscribe(None)
    }

    /// The events from this sequence number on, as far back as they are kept; what is no longer kept comes first, as
    /// [`Notice::Missed`].
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn events_since(&self, sequence: u64) -> Result<Events> {
        self.subscribe(Some(sequence))
    }

    fn subscribe(&self, from: Option<u64>) -> Result<Events> {
        let source = self.call(|call| slot!(self, events, events::subscribe)?.subscribe(call, from))?;
        Ok(Events::new(self.clone(), source))
    }

    /// Calls `callback` for every event from now on, on a thread of its own, until the subscription is dropped.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn on_event(&self, callback: impl FnMut(Notice) + Send + 'static) -> Result<Subscription> {
        Subscription::new(self.events()?, callback)
    }

    /// Starts every network, every storage pool, then every domain, that starts with the host; answers the errors of those
    /// that did not. Pools that are on the host already are taken over.
    ///
    /// # Errors
    ///
    /// What the drivers say.
    pub fn host_start(&self) -> Result<Vec<String>> {
        // What fails keeps nobody from starting who does not need it.
        let told = |errors: Result<Vec<String>>| errors.unwrap_or_else(|error| vec![error.to_string()]);
        let mut errors = told(self.start_networks());
        errors.extend(told(self.start_storage_pools()));
        errors.extend(self.call(|call| slot!(self, care, guest_care::host_start)?.host_start(call))?);
        Ok(errors)
    }

    /// Shuts every guest down because the host goes down, within the connection's timeout; answers what became of each.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn host_stop(&self) -> Result<Vec<String>> {
        self.call(|call| slot!(self, care, guest_care::host_stop)?.host_stop(call))
    }

    /// Undoes what processes that died left half done; answers what was done, one line each. Drivers do this by
    /// themselves when they next touch what was left.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn recover(&self) -> Result<Vec<String>> {
        self.call(|call| slot!(self, care, guest_care::recover)?.recover(call))
    }

    /// Carries out what is left to do for a guest that has ended. The process that stays with the guest calls it when no
    /// client is there to.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn finish(&self, domain: Uuid) -> Result<()> {
        self.call(|call| slot!(self, care, guest_care::finish)?.finish(call, domain))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.slots.session.close(Call::background()) {
            log::warn!("closing a connection: {error}");
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("read_only", &self.inner.read_only)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
