//! The driver's face: each method checks, finds the guest, and hands over to the engine.

mod moments;
mod networks;
mod node_devices;
mod saving;
mod statistics;
mod storage;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use uuid::Uuid;
use virt_conf::xml::FormatFlags;
use virt_core::driver::*;

use crate::engine::{Guest, Node, Wanted, devices};
use crate::{caps, config, definition, error, fault, native, plan, screen};

/// The path of the default host.
const DEFAULT: &str = "/default";

/// The test driver. See the crate's documentation.
#[derive(Debug, Default)]
pub struct TestDriver {
    /// The default host; it is forgotten with its last connection.
    default: Mutex<Weak<Node>>,
}

impl DriverEntry for TestDriver {
    const MANIFEST: Manifest = Manifest {
        name: "test",
        version: env!("CARGO_PKG_VERSION"),
        description: "Simulated guests",
        schemes: &["test"],
        roles: &["hypervisor", "alone"],
    };

    fn create(_: Host) -> Result<Self> {
        Ok(Self::default())
    }
}

impl Driver for TestDriver {
    fn open(&self, call: &Call, request: OpenRequest) -> Result<Slots> {
        let uri: Uri = request.uri.parse()?;
        let faults = fault::asked_for(&uri)?;
        if let Some(faults) = &faults {
            faults(call, &driver::method::open)?;
        }
        let node = match uri.path() {
            "" | "/" => return Err(error::argument("testOpen: supply a path or use test:///default")),
            DEFAULT => self.default_node()?,
            file => Arc::new(config::node_from_file(Path::new(file))?),
        };
        let connection = Arc::new(TestConnection { node, uri: request.uri, autodestroy: Mutex::default() });
        let slots = Slots::new(connection.clone())
            .with_domains(connection.clone())
            .with_lifecycle(connection.clone())
            .with_information(connection.clone())
            .with_tuning(connection.clone())
            .with_console(connection.clone())
            .with_host(connection.clone())
            .with_native(connection.clone())
            .with_planner(connection.clone())
            .with_jobs(connection.clone())
            .with_events(connection.clone())
            .with_care(connection.clone())
            .with_devices(connection.clone())
            .with_networks(connection.clone())
            .with_network_ports(connection.clone())
            .with_storage_pools(connection.clone())
            .with_storage_volumes(connection.clone())
            .with_node_devices(connection.clone())
            .with_secrets(connection.clone())
            .with_security(connection.clone())
            .with_saving(connection.clone())
            .with_snapshots(connection.clone())
            .with_checkpoints(connection.clone())
            .with_statistics(connection);
        Ok(match faults {
            Some(faults) => slots.watched(&faults),
            None => slots,
        })
    }
}

impl TestDriver {
    fn default_node(&self) -> Result<Arc<Node>> {
        let mut default = self.default.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = default.upgrade() {
            return Ok(node);
        }
        let node = Arc::new(config::default_node()?);
        *default = Arc::downgrade(&node);
        Ok(node)
    }
}

/// A connection to a simulated host.
#[derive(Debug)]
struct TestConnection {
    node: Arc<Node>,
    uri: String,
    /// The guests to destroy when it is closed.
    autodestroy: Mutex<Vec<Uuid>>,
}

impl TestConnection {
    fn started(&self, domain: Uuid, flags: StartDomain) {
        if flags.contains(StartDomain::AUTODESTROY) {
            self.autodestroy.lock().unwrap_or_else(PoisonError::into_inner).push(domain);
        }
    }
}

/// Refuses flags that a function does not handle.
fn checked(flags: Result<()>) -> Result<()> {
    flags.map_err(|error| error.in_domain(ErrorDomain::TEST))
}

impl Session for TestConnection {
    fn close(&self, _: &Call) -> Result<()> {
        let guests = std::mem::take(&mut *self.autodestroy.lock().unwrap_or_else(PoisonError::into_inner));
        for guest in guests {
            if let Err(error) = self.node.destroy(guest) {
                log::debug!("a guest that goes with its connection has gone before: {error}");
            }
        }
        Ok(())
    }

    fn is_alive(&self, _: &Call) -> Result<bool> {
        Ok(true)
    }

    fn hypervisor(&self, _: &Call) -> Result<String> {
        Ok("TEST".to_owned())
    }

    fn version(&self, _: &Call) -> Result<u64> {
        Ok(caps::HYPERVISOR_VERSION)
    }

    fn uri(&self, _: &Call) -> Result<String> {
        Ok(self.uri.clone())
    }

    fn hostname(&self, _: &Call) -> Result<String> {
        hostname()
    }

    fn is_secure(&self, _: &Call) -> Result<bool> {
        Ok(true)
    }

    fn is_encrypted(&self, _: &Call) -> Result<bool> {
        Ok(false)
    }
}

impl Domains for TestConnection {
    fn list(&self, _: &Call, filter: ListDomains) -> Result<Vec<DomainSummary>> {
        checked(filter.only(ListDomains::all(), "testConnectListAllDomains"))?;
        Ok(self.node.list(filter))
    }

    fn lookup_by_name(&self, _: &Call, name: String) -> Result<DomainIdentity> {
        self.node.lookup_by_name(&name)
    }

    fn lookup_by_uuid(&self, _: &Call, uuid: Uuid) -> Result<DomainIdentity> {
        self.node.lookup_by_uuid(uuid)
    }

    fn lookup_by_id(&self, _: &Call, id: u32) -> Result<DomainIdentity> {
        self.node.lookup_by_id(id)
    }

    fn define(&self, _: &Call, xml: String, flags: DefineDomain) -> Result<DomainIdentity> {
        checked(flags.only(DefineDomain::VALIDATE, "testDomainDefineXMLFlags"))?;
        let domain = definition::read(&xml, flags.contains(DefineDomain::VALIDATE))?;
        self.node.define(domain)
    }

    fn undefine(&self, _: &Call, domain: Uuid, flags: UndefineDomain) -> Result<()> {
        let handled = UndefineDomain::MANAGED_SAVE
            | UndefineDomain::SNAPSHOTS_METADATA
            | UndefineDomain::CHECKPOINTS_METADATA
            | UndefineDomain::NVRAM;
        checked(flags.only(handled, "testDomainUndefineFlags"))?;
        self.node.undefine(domain, flags)
    }

    fn xml(&self, call: &Call, domain: Uuid, flags: DomainXml) -> Result<String> {
        let handled = DomainXml::SECURE | DomainXml::INACTIVE | DomainXml::MIGRATABLE;
        checked(flags.only(handled, "testDomainGetXMLDesc"))?;
        if flags.contains(DomainXml::SECURE) && call.read_only() {
            let detail = "virDomainGetXMLDesc with secure flag";
            return Err(Error::new(ErrorCode::OPERATION_DENIED, ErrorDomain::DOMAIN, detail));
        }
        let pairs = [
            (DomainXml::SECURE, FormatFlags::SECURE),
            (DomainXml::INACTIVE, FormatFlags::INACTIVE),
            (DomainXml::MIGRATABLE, FormatFlags::MIGRATABLE),
        ];
        let format = pairs.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, format)| format);
        let format = format.collect();
        self.node.ask(domain, |guest| guest.xml(format))
    }

    fn rename(&self, _: &Call, domain: Uuid, name: String) -> Result<()> {
        if name.is_empty() {
            return Err(error::misuse("string new_name in virDomainRename must not be empty"));
        }
        if name.contains('/') {
            let detail = format!("name {name} cannot contain '/'");
            return Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::TEST, detail));
        }
        self.node.rename(domain, &name)
    }

    fn metadata(
        &self,
        _: &Call,
        domain: Uuid,
        kind: MetadataKind,
        namespace: Option<String>,
        affect: Affect,
    ) -> Result<String> {
        checked(affect.only(Affect::all(), "testDomainGetMetadata"))?;
        self.node.ask(domain, |guest| guest.metadata(kind, namespace.as_deref(), affect))?
    }

    fn set_metadata(&self, _: &Call, domain: Uuid, change: MetadataChange, affect: Affect) -> Result<()> {
        checked(affect.only(Affect::all(), "testDomainSetMetadata"))?;
        self.node.set_metadata(domain, &change, affect)
    }
}

impl DomainInformation for TestConnection {
    fn info(&self, _: &Call, domain: Uuid) -> Result<DomainInfo> {
        self.node.ask(domain, Guest::info)
    }

    fn status(&self, _: &Call, domain: Uuid) -> Result<DomainStatus> {
        self.node.ask(domain, Guest::status)
    }

    fn summary(&self, _: &Call, domain: Uuid) -> Result<DomainSummary> {
        self.node.ask(domain, Guest::summary)
    }

    fn is_updated(&self, _: &Call, domain: Uuid) -> Result<bool> {
        self.node.ask(domain, Guest::is_updated)
    }

    fn os_type(&self, _: &Call, domain: Uuid) -> Result<String> {
        self.node.ask(domain, |_| "linux".to_owned())
    }

    fn messages(&self, _: &Call, domain: Uuid, kinds: DomainMessages) -> Result<Vec<String>> {
        checked(kinds.only(DomainMessages::all(), "testDomainGetMessages"))?;
        self.node.ask(domain, |guest| guest.messages(kinds))
    }
}

impl Lifecycle for TestConnection {
    fn create(
        &self,
        _: &Call,
        domain: Uuid,
        files: Vec<OwnedFd>,
        flags: StartDomain,
    ) -> Result<DomainIdentity> {
        refuse_files(&files, &lifecycle::method::create)?;
        let handled = STARTS | StartDomain::FORCE_BOOT | StartDomain::BYPASS_CACHE;
        checked(flags.only(handled, "testDomainCreateWithFlags"))?;
        let identity = self.node.start(domain, flags.contains(StartDomain::PAUSED))?;
        self.started(identity.uuid, flags);
        Ok(identity)
    }

    fn create_xml(
        &self,
        _: &Call,
        xml: String,
        files: Vec<OwnedFd>,
        flags: StartDomain,
    ) -> Result<DomainIdentity> {
        refuse_files(&files, &lifecycle::method::create_xml)?;
        checked(flags.only(STARTS | StartDomain::VALIDATE, "testDomainCreateXML"))?;
        let domain = definition::read(&xml, flags.contains(StartDomain::VALIDATE))?;
        let identity = self.node.start_transient(domain, flags.contains(StartDomain::PAUSED))?;
        self.started(identity.uuid, flags);
        Ok(identity)
    }

    fn shutdown(&self, _: &Call, domain: Uuid, flags: ShutdownDomain) -> Result<()> {
        let handled = ShutdownDomain::ACPI_POWER_BUTTON | ShutdownDomain::GUEST_AGENT;
        checked(flags.only(handled, "testDomainShutdownFlags"))?;
        self.node.shut_down(domain)
    }

    fn reboot(&self, _: &Call, domain: Uuid, flags: RebootDomain) -> Result<()> {
        let handled = RebootDomain::ACPI_POWER_BUTTON | RebootDomain::GUEST_AGENT;
        checked(flags.only(handled, "testDomainReboot"))?;
        self.node.reboot(domain)
    }

    fn reset(&self, _: &Call, domain: Uuid) -> Result<()> {
        self.node.reset(domain)
    }

    fn destroy(&self, _: &Call, domain: Uuid, flags: DestroyDomain) -> Result<()> {
        checked(flags.only(DestroyDomain::GRACEFUL, "testDomainDestroyFlags"))?;
        self.node.destroy(domain)
    }

    fn suspend(&self, _: &Call, domain: Uuid) -> Result<()> {
        self.node.suspend(domain)
    }

    fn resume(&self, _: &Call, domain: Uuid) -> Result<()> {
        self.node.resume(domain)
    }

    fn autostart(&self, _: &Call, domain: Uuid) -> Result<bool> {
        self.node.ask(domain, Guest::autostart)
    }

    fn set_autostart(&self, _: &Call, domain: Uuid, autostart: bool) -> Result<()> {
        self.node.set_autostart(domain, autostart)
    }
}

/// How every guest can be started.
const STARTS: StartDomain = StartDomain::PAUSED.union(StartDomain::AUTODESTROY);

/// Only containers inherit files.
fn refuse_files(files: &[OwnedFd], method: &Method) -> Result<()> {
    if files.is_empty() { Ok(()) } else { Err(method.unsupported()) }
}

impl Tuning for TestConnection {
    fn maximum_memory(&self, _: &Call, domain: Uuid) -> Result<u64> {
        self.node.ask(domain, |guest| guest.domain().map_or(0, definition::maximum_memory))
    }

    fn set_memory(&self, _: &Call, domain: Uuid, kibibytes: u64, flags: MemoryFlags) -> Result<()> {
        checked(flags.only(MemoryFlags::all(), "testDomainSetMemoryFlags"))?;
        if kibibytes == 0 {
            return Err(error::misuse("memory in virDomainSetMemoryFlags must not be zero"));
        }
        let affect = Affect::from_bits_truncate(flags.bits());
        if flags.contains(MemoryFlags::MAXIMUM) {
            self.node.set_maximum_memory(domain, kibibytes, affect)
        } else {
            self.node.set_memory(domain, kibibytes, affect)
        }
    }

    fn vcpus(&self, _: &Call, domain: Uuid, flags: VcpuFlags) -> Result<u32> {
        checked(flags.only(VCPU_FLAGS, "testDomainGetVcpusFlags"))?;
        let affect = Affect::from_bits_truncate(flags.bits());
        let maximum = flags.contains(VcpuFlags::MAXIMUM);
        self.node.ask(domain, |guest| {
            let domain = guest.view(affect)?;
            Ok(if maximum { domain.vcpu.max } else { definition::vcpus(domain) })
        })?
    }

    fn set_vcpus(&self, _: &Call, domain: Uuid, vcpus: u32, flags: VcpuFlags) -> Result<()> {
        checked(flags.only(VCPU_FLAGS, "testDomainSetVcpusFlags"))?;
        if vcpus == 0 {
            return Err(error::misuse("nvcpus in virDomainSetVcpusFlags must not be zero"));
        }
        let affect = Affect::from_bits_truncate(flags.bits());
        match (flags.contains(VcpuFlags::MAXIMUM), affect) {
            (false, affect) => self.node.set_vcpus(domain, vcpus, affect),
            (true, Affect::CONFIG) => self.node.set_maximum_vcpus(domain, vcpus),
            (true, _) => Err(error::misuse(
                "Flag 'VIR_DOMAIN_AFFECT_CONFIG' is required by flag 'VIR_DOMAIN_VCPU_MAXIMUM'",
            )),
        }
    }
}

/// What can be asked of vCPUs here; there is no guest agent, and no vCPU is unplugged by its guest.
const VCPU_FLAGS: VcpuFlags = VcpuFlags::LIVE.union(VcpuFlags::CONFIG).union(VcpuFlags::MAXIMUM);

impl Console for TestConnection {
    fn open_console(
        &self,
        _: &Call,
        domain: Uuid,
        device: Option<String>,
        flags: OpenConsole,
    ) -> Result<Arc<dyn Stream>> {
        checked(flags.only(OpenConsole::all(), "testDomainOpenConsole"))?;
        let port = self.node.ask(domain, |guest| guest.console_of(device.as_deref()).cloned())??;
        let stream = port.open(&self.node, domain, flags.contains(OpenConsole::FORCE))?;
        Ok(Arc::new(stream))
    }

    fn open_channel(
        &self,
        _: &Call,
        domain: Uuid,
        name: Option<String>,
        flags: OpenConsole,
    ) -> Result<Arc<dyn Stream>> {
        checked(flags.only(OpenConsole::FORCE, "testDomainOpenChannel"))?;
        let port = self.node.ask(domain, |guest| guest.channel_of(name.as_deref()))??;
        let stream = port.open(&self.node, domain, flags.contains(OpenConsole::FORCE))?;
        Ok(Arc::new(stream))
    }

    fn screenshot(&self, _: &Call, domain: Uuid, _screen: u32) -> Result<Screenshot> {
        self.node.ask(domain, |_| screen::picture())
    }
}

impl HostInformation for TestConnection {
    fn capabilities(&self, _: &Call) -> Result<String> {
        Ok(caps::host(self.node.has_cells))
    }

    fn domain_capabilities(&self, _: &Call, request: DomainCapabilitiesRequest) -> Result<String> {
        caps::domain(&request)
    }

    fn node_info(&self, _: &Call) -> Result<NodeInfo> {
        Ok(self.node.info.clone())
    }

    fn free_memory(&self, _: &Call) -> Result<u64> {
        Ok(if self.node.has_cells { caps::free_memory() } else { 0 })
    }

    fn maximum_vcpus(&self, _: &Call, _: Option<String>) -> Result<u32> {
        Ok(caps::MAXIMUM_VCPUS)
    }

    fn cpu_models(&self, _: &Call, architecture: String) -> Result<Vec<String>> {
        caps::cpu_models(&architecture)
    }

    fn system_information(&self, _: &Call) -> Result<String> {
        Ok(caps::SYSTEM_INFORMATION.to_owned())
    }
}

impl NativeConfiguration for TestConnection {
    fn xml_from_native(&self, _: &Call, format: String, configuration: String) -> Result<String> {
        native::to_xml(&format, &configuration)
    }

    fn xml_to_native(&self, _: &Call, format: String, xml: String) -> Result<String> {
        native::from_xml(&format, &xml)
    }
}

impl Planner for TestConnection {
    fn plan(&self, _: &Call, domain: Uuid, flags: StartDomain) -> Result<String> {
        let paused = flags.contains(StartDomain::PAUSED);
        self.node.ask(domain, |guest| match guest.domain() {
            Some(_) if guest.is_active() => Err(guest.already_running()),
            Some(domain) => Ok(plan::start(domain, paused)),
            None => Err(error::no_domain()),
        })?
    }

    fn plan_xml(&self, _: &Call, xml: String, flags: StartDomain) -> Result<String> {
        let domain = definition::read(&xml, flags.contains(StartDomain::VALIDATE))?;
        Ok(plan::start(&domain, flags.contains(StartDomain::PAUSED)))
    }
}

impl Jobs for TestConnection {
    fn job(&self, _: &Call, domain: Uuid, _completed: bool) -> Result<DomainJob> {
        self.node.ask(domain, Guest::require_running)??;
        Ok(DomainJob {
            kind: JobKind::None,
            operation: JobOperation::None,
            elapsed: 0,
            remaining: None,
            parameters: Vec::new(),
        })
    }

    fn abort_job(&self, _: &Call, domain: Uuid) -> Result<()> {
        self.node.ask(domain, Guest::require_running)??;
        Err(error::invalid("no job is active on the domain"))
    }
}

impl Events for TestConnection {
    fn subscribe(&self, _: &Call, from: Option<u64>) -> Result<Arc<dyn EventSource>> {
        Ok(Arc::new(self.node.subscribe(from)?))
    }
}

/// What attaching and detaching can affect; only an update can be forced.
const DEVICE_FLAGS: DeviceChange = DeviceChange::LIVE.union(DeviceChange::CONFIG);

/// The part of a device call's flags that says what is affected.
fn affect_of(flags: DeviceChange) -> Affect {
    Affect::from_bits_truncate(flags.bits())
}

impl Devices for TestConnection {
    fn attach(&self, _: &Call, domain: Uuid, xml: String, flags: DeviceChange) -> Result<()> {
        checked(flags.only(DEVICE_FLAGS, "testDomainAttachDeviceFlags"))?;
        self.node.attach_device(domain, &devices::read(&xml)?, affect_of(flags))
    }

    fn detach(&self, _: &Call, domain: Uuid, xml: String, flags: DeviceChange) -> Result<()> {
        checked(flags.only(DEVICE_FLAGS, "testDomainDetachDeviceFlags"))?;
        let wanted = Wanted::Like(Box::new(devices::read(&xml)?));
        self.node.detach_device(domain, &wanted, affect_of(flags))
    }

    fn detach_alias(&self, _: &Call, domain: Uuid, alias: String, flags: DeviceChange) -> Result<()> {
        checked(flags.only(DEVICE_FLAGS, "testDomainDetachDeviceAlias"))?;
        self.node.detach_device(domain, &Wanted::Alias(alias), affect_of(flags))
    }

    fn update(&self, _: &Call, domain: Uuid, xml: String, flags: DeviceChange) -> Result<()> {
        checked(flags.only(DeviceChange::all(), "testDomainUpdateDeviceFlags"))?;
        self.node.update_device(domain, &devices::read(&xml)?, affect_of(flags))
    }
}

impl GuestCare for TestConnection {
    fn finish(&self, _: &Call, domain: Uuid) -> Result<()> {
        // A simulated guest has nothing that outlives it.
        self.node.ask(domain, |_| ())
    }

    fn recover(&self, _: &Call) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn host_start(&self, _: &Call) -> Result<Vec<String>> {
        Ok(self.node.host_start())
    }

    fn host_stop(&self, _: &Call) -> Result<Vec<String>> {
        Ok(self.node.host_stop())
    }
}
