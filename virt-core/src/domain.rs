//! Domains.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use plugins_abi::{
    Affect, Call, DestroyDomain, DeviceChange, DomainIdentity, DomainInfo, DomainJob, DomainState,
    DomainStatus, DomainSummary, DomainXml, MemoryFlags, MetadataChange, MetadataKind, OpenConsole,
    RebootDomain, Screenshot, ShutdownDomain, StartDomain, UndefineDomain, VcpuFlags, console, devices,
    domain_information, domains, jobs, lifecycle, planner, tuning,
};
use uuid::Uuid;
use virt_util::{Error, ErrorCode, Result};

use crate::connection::{Connection, slot};
use crate::stream::Stream;

/// A domain of a connection. Cheap to clone; stays valid while the domain changes, and says so when it is gone.
#[derive(Clone, Debug)]
pub struct Domain {
    connection: Connection,
    name: Arc<str>,
    uuid: Uuid,
    id: Option<u32>,
}

/// A domain in a list, with its summary at that moment.
#[derive(Clone, Debug)]
pub struct DomainEntry {
    connection: Connection,
    summary: DomainSummary,
}

impl DomainEntry {
    pub(crate) fn new(connection: &Connection, summary: DomainSummary) -> Self {
        Self { connection: connection.clone(), summary }
    }

    /// A handle of the domain in this line.
    pub fn domain(&self) -> Domain {
        Domain {
            connection: self.connection.clone(),
            name: self.summary.name.as_str().into(),
            uuid: self.summary.uuid,
            id: self.summary.id,
        }
    }
}

impl std::ops::Deref for DomainEntry {
    type Target = DomainSummary;

    fn deref(&self) -> &DomainSummary {
        &self.summary
    }
}

/// Calls of one trait, each a line: check the slot, call, pass on.
macro_rules! calls {
    ($($(#[doc = $doc:expr])* fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty = $slot:ident, $module:ident :: $method:ident;)*) => {$(
        $(#[doc = $doc])*
        pub fn $name(&self $(, $arg: $ty)*) -> Result<$ret> {
            let connection = self.connection();
            self.ask(|call| slot!(connection, $slot, $module::$method)?.$method(call, self.uuid() $(, $arg)*))
        }
    )*};
}
pub(crate) use calls;

impl Domain {
    pub(crate) fn new(connection: &Connection, identity: DomainIdentity) -> Self {
        Self {
            connection: connection.clone(),
            name: identity.name.into(),
            uuid: identity.uuid,
            id: identity.id,
        }
    }

    /// Its name, as it was when this handle was made.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What identifies it everywhere; it never changes.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The connection it belongs to.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The number that it had when this handle was made; [`Domain::id`] asks for the one it has now.
    pub fn known_id(&self) -> Option<u32> {
        self.id
    }

    /// Its number while it runs.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN` when it is gone.
    pub fn id(&self) -> Result<Option<u32>> {
        let connection = &self.connection;
        let find = |call: &Call| {
            slot!(connection, domains, domains::lookup_by_uuid)?.lookup_by_uuid(call, self.uuid)
        };
        self.ask(find).map(|identity| identity.id)
    }

    pub(crate) fn ask<T>(&self, work: impl FnOnce(&Call) -> Result<T>) -> Result<T> {
        self.connection.call(work).map_err(|error| self.named(error))
    }

    /// An error about a domain that is gone, with the name that drivers, which are asked by UUID, no longer know.
    fn named(&self, error: Error) -> Error {
        let ending = format!("'{}'", self.uuid);
        if error.code() != ErrorCode::NO_DOMAIN || !error.message().ends_with(&ending) {
            return error;
        }
        let message = format!("{} ({})", error.message(), self.name);
        let named = Error::verbatim(error.code(), error.domain(), message);
        match error.advice() {
            Some(advice) => named.hint(advice),
            None => named,
        }
    }

    /// Whether it is active.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN` when it is gone.
    pub fn is_active(&self) -> Result<bool> {
        self.id().map(|id| id.is_some())
    }

    /// Its state.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN` when it is gone.
    pub fn state(&self) -> Result<DomainState> {
        self.status().map(|status| status.state)
    }

    /// Starts it. Starting an active domain is an error.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when it is active; otherwise the step that failed, after everything before it was undone.
    pub fn start(&self, flags: StartDomain) -> Result<()> {
        self.start_with_files(Vec::new(), flags)
    }

    /// As [`Domain::start`], and gives its first process these files, as its descriptors from 3 on.
    ///
    /// # Errors
    ///
    /// As [`Domain::start`]; `NO_SUPPORT` where guests cannot be given files.
    pub fn start_with_files(&self, files: Vec<OwnedFd>, flags: StartDomain) -> Result<()> {
        let connection = &self.connection;
        self.ask(|call| {
            slot!(connection, lifecycle, lifecycle::create)?.create(call, self.uuid, files, flags)
        })?;
        Ok(())
    }

    /// Gives it another name; it must be inactive. Handles made before keep showing the old name.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when it is active, `OPERATION_FAILED` when the name is taken.
    pub fn rename(&self, name: &str) -> Result<Self> {
        let connection = &self.connection;
        self.ask(|call| {
            slot!(connection, domains, domains::rename)?.rename(call, self.uuid, name.to_owned())
        })?;
        Ok(Self { name: name.into(), ..self.clone() })
    }

    /// Opens a console: the device of this alias, or the first.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when it is not running, `OPERATION_FAILED` when somebody else has the console.
    pub fn open_console(&self, device: Option<&str>, flags: OpenConsole) -> Result<Stream> {
        let (connection, device) = (&self.connection, device.map(str::to_owned));
        let stream = self.ask(|call| {
            slot!(connection, console, console::open_console)?.open_console(call, self.uuid, device, flags)
        })?;
        Stream::new(connection, stream)
    }

    /// Opens a channel: the one of this name, or the first.
    ///
    /// # Errors
    ///
    /// As [`Domain::open_console`].
    pub fn open_channel(&self, name: Option<&str>, flags: OpenConsole) -> Result<Stream> {
        let (connection, name) = (&self.connection, name.map(str::to_owned));
        let stream = self.ask(|call| {
            slot!(connection, console, console::open_channel)?.open_channel(call, self.uuid, name, flags)
        })?;
        Stream::new(connection, stream)
    }

    /// Gives it the device that this XML describes, an `<interface>`, a `<disk>`, a `<hostdev>`.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` for `LIVE` when it is not running, `CONFIG_UNSUPPORTED` for a device that it cannot have or not
    /// get while it runs. Nothing is left of what was done.
    pub fn attach_device(&self, xml: &str, flags: DeviceChange) -> Result<()> {
        let connection = &self.connection;
        self.ask(|call| {
            slot!(connection, devices, devices::attach)?.attach(call, self.uuid, xml.to_owned(), flags)
        })
    }

    /// Takes away the device that this XML describes. A running guest that has not let go of it soon may do so later: the
    /// event `device-removed` or `device-removal-failed` tells what came of it.
    ///
    /// # Errors
    ///
    /// `DEVICE_MISSING` when it has no such device, `OPERATION_INVALID` for `LIVE` when it is not running.
    pub fn detach_device(&self, xml: &str, flags: DeviceChange) -> Result<()> {
        let connection = &self.connection;
        self.ask(|call| {
            slot!(connection, devices, devices::detach)?.detach(call, self.uuid, xml.to_owned(), flags)
        })
    }

    /// As [`Domain::detach_device`], by the device's alias.
    ///
    /// # Errors
    ///
    /// As [`Domain::detach_device`].
    pub fn detach_device_alias(&self, alias: &str, flags: DeviceChange) -> Result<()> {
        let (connection, alias) = (&self.connection, alias.to_owned());
        self.ask(|call| {
            slot!(connection, devices, devices::detach_alias)?.detach_alias(call, self.uuid, alias, flags)
        })
    }

    /// Makes a device what this XML says.
    ///
    /// # Errors
    ///
    /// `DEVICE_MISSING` when it has no such device, `OPERATION_UNSUPPORTED` for what cannot change while it runs.
    pub fn update_device(&self, xml: &str, flags: DeviceChange) -> Result<()> {
        let connection = &self.connection;
        self.ask(|call| {
            slot!(connection, devices, devices::update)?.update(call, self.uuid, xml.to_owned(), flags)
        })
    }

    /// A title, a description, or an element of `<metadata>` of this namespace.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN_METADATA` when it has none.
    pub fn metadata(&self, kind: MetadataKind, namespace: Option<&str>, affect: Affect) -> Result<String> {
        let (connection, namespace) = (&self.connection, namespace.map(str::to_owned));
        self.ask(|call| {
            slot!(connection, domains, domains::metadata)?.metadata(call, self.uuid, kind, namespace, affect)
        })
    }

    calls! {
        /// Takes its definition away: an active domain becomes transient, an inactive one is gone.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is transient.
        fn undefine(flags: UndefineDomain) -> () = domains, domains::undefine;
        /// Its XML.
        ///
        /// # Errors
        ///
        /// `OPERATION_DENIED` for `SECURE` on a read-only connection.
        fn xml(flags: DomainXml) -> String = domains, domains::xml;
        /// Sets a title, a description, or an element of `<metadata>`; nothing as text removes it.
        ///
        /// # Errors
        ///
        /// `INVALID_ARG` for an element without prefix or namespace.
        fn set_metadata(change: MetadataChange, affect: Affect) -> () = domains, domains::set_metadata;
        /// Asks the guest to shut down; returns when it was asked.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not running.
        fn shutdown(flags: ShutdownDomain) -> () = lifecycle, lifecycle::shutdown;
        /// Asks the guest to reboot; returns when it was asked.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not running.
        fn reboot(flags: RebootDomain) -> () = lifecycle, lifecycle::reboot;
        /// Presses the reset button.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not running.
        fn reset() -> () = lifecycle, lifecycle::reset;
        /// Ends it at once; it is off when this returns.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not running.
        fn destroy(flags: DestroyDomain) -> () = lifecycle, lifecycle::destroy;
        /// Stops its CPUs.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not running.
        fn suspend() -> () = lifecycle, lifecycle::suspend;
        /// Lets its CPUs go on.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not paused.
        fn resume() -> () = lifecycle, lifecycle::resume;
        /// Whether it starts with the host.
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn autostart() -> bool = lifecycle, lifecycle::autostart;
        /// Decides whether it starts with the host.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is transient.
        fn set_autostart(autostart: bool) -> () = lifecycle, lifecycle::set_autostart;
        /// State, memory, vCPUs and CPU time.
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn info() -> DomainInfo = information, domain_information::info;
        /// Its state, and why.
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn status() -> DomainStatus = information, domain_information::status;
        /// Everything a list shows.
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn summary() -> DomainSummary = information, domain_information::summary;
        /// Whether its definition differs from what runs.
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn is_updated() -> bool = information, domain_information::is_updated;
        /// `hvm`, `exe` ...
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn os_type() -> String = information, domain_information::os_type;
        /// The largest memory it may have, in KiB.
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn maximum_memory() -> u64 = tuning, tuning::maximum_memory;
        /// Sets the memory, or with `MAXIMUM` the largest memory, in KiB.
        ///
        /// # Errors
        ///
        /// `INVALID_ARG` above the maximum, `OPERATION_INVALID` for `LIVE` when it is not running.
        fn set_memory(kibibytes: u64, flags: MemoryFlags) -> () = tuning, tuning::set_memory;
        /// The number of vCPUs, or with `MAXIMUM` the largest number.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` for `LIVE` when it is not running.
        fn vcpus(flags: VcpuFlags) -> u32 = tuning, tuning::vcpus;
        /// Sets the number of vCPUs, or with `MAXIMUM` the largest number.
        ///
        /// # Errors
        ///
        /// `INVALID_ARG` above the maximum, `OPERATION_INVALID` for `LIVE` when it is not running.
        fn set_vcpus(vcpus: u32, flags: VcpuFlags) -> () = tuning, tuning::set_vcpus;
        /// A picture of screen number `screen`.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not running or has no screen.
        fn screenshot(screen: u32) -> Screenshot = console, console::screenshot;
        /// What starting it would do, as JSON, without doing it.
        ///
        /// # Errors
        ///
        /// As [`Domain::start`].
        fn plan(flags: StartDomain) -> String = planner, planner::plan;
        /// What goes on in it, or with `completed` the job that ended last.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not running.
        fn job(completed: bool) -> DomainJob = jobs, jobs::job;
        /// Gives up what goes on in it.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when nothing goes on.
        fn abort_job() -> () = jobs, jobs::abort_job;
    }
}
