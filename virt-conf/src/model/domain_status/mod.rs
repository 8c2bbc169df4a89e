//! `<domstatus>`: a running guest, and what its driver needs to find it again.
//!
//! The frame is any driver's; what is between it and the guest is that of the driver of QEMU. Fields stand in the order
//! in which libvirt writes them.

mod job;

pub use job::*;

use super::{Bitmap, Cpu, Domain};
use crate::domain::DomainHooks;
use crate::error::internal;
use crate::xml::{FormatFlags, ParseFlags, ParseOptions, Reader, Result, Xml, XmlValue, to_string};

/// A running guest, and what its driver needs to find it again.
///
/// ```
/// use virt_conf::domain::Neutral;
/// use virt_conf::model::{DomainStatus, domain_status::StatusState};
///
/// let text = "<domstatus state='running' reason='booted' pid='42'>
///   <monitor path='/run/monitor.sock' type='unix'/>
///   <domain type='kvm' id='1'><name>one</name><memory>1024</memory><os><type>hvm</type></os></domain>
/// </domstatus>";
/// let status = DomainStatus::from_xml(text, &Neutral)?;
/// assert_eq!((status.state, status.pid), (StatusState::Running, 42));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "domstatus", errors = DOMAIN)]
pub struct DomainStatus {
    /// What it does.
    #[xml(attr)]
    pub state: StatusState,
    /// Why it does that, `booted`.
    #[xml(attr)]
    pub reason: String,
    /// The number of the hypervisor's process.
    #[xml(attr)]
    pub pid: i64,
    /// What was done to it that nobody answers for.
    #[xml(child)]
    pub taints: Vec<Taint>,
    /// What it uses that will be gone from a later hypervisor, in words.
    #[xml(child)]
    pub deprecations: Vec<Deprecation>,
    /// What the driver of QEMU keeps.
    #[xml(flatten)]
    pub qemu: QemuStatus,
    /// The guest as it runs.
    #[xml(child, missing = internal("no domain config"))]
    pub domain: Domain,
}

/// What a guest does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum StatusState {
    /// Nobody knows.
    #[default]
    NoState,
    /// It runs.
    Running,
    /// It waits.
    Blocked,
    /// It is paused.
    Paused,
    /// It is shutting down.
    Shutdown,
    /// It is off.
    Shutoff,
    /// It crashed.
    Crashed,
    /// It sleeps.
    #[xml("pmsuspended")]
    PmSuspended,
}

/// Something done to a guest that nobody answers for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "taint")]
pub struct Taint {
    /// What it is, `high-privileges`.
    #[xml(attr)]
    pub flag: String,
}

/// Something that will be gone from a later hypervisor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "deprecation")]
pub struct Deprecation {
    /// What it is, in words.
    #[xml(text)]
    pub text: String,
}

/// What the driver of QEMU keeps about a running guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct QemuStatus {
    /// How the emulator is spoken to.
    #[xml(child)]
    pub monitor: Option<StatusMonitor>,
    /// Whether a D-Bus daemon runs for it.
    #[xml(flag = "dbusDaemon")]
    pub dbus_daemon: bool,
    /// Whether its helpers' state migrates over D-Bus.
    #[xml(flag = "dbusVMState")]
    pub dbus_vm_state: bool,
    /// The namespaces of its own that it is in.
    #[xml(child)]
    pub namespaces: Option<StatusNamespaces>,
    /// The threads of its vCPUs.
    #[xml(child, default)]
    pub vcpus: StatusVcpus,
    /// What the emulator can do.
    #[xml(child = "qemuCaps")]
    pub capabilities: Option<StatusCapabilities>,
    /// What the lock manager keeps.
    #[xml(child_text = "lockstate")]
    pub lock_state: Option<String>,
    /// What is being done to it.
    #[xml(child)]
    pub job: Option<StatusJob>,
    /// Whether it reboots when it shuts down.
    #[xml(flag = "fakereboot")]
    pub fake_reboot: bool,
    /// The aliases of its devices, as the emulator last listed them.
    #[xml(child, default)]
    pub devices: StatusDevices,
    /// Where numad placed it.
    #[xml(child)]
    pub numad: Option<StatusNumad>,
    /// The directory of its own files.
    #[xml(attr = "libDir/@path")]
    pub lib_dir: Option<String>,
    /// The directory of its channels' sockets.
    #[xml(attr = "channelTargetDir/@path")]
    pub channel_target_dir: Option<String>,
    /// The directory of files behind its memory. Since 10.0.
    #[xml(attr = "memoryBackingDir/@path")]
    pub memory_backing_dir: Option<String>,
    /// Its processor as the definition asked for it, where it runs with another.
    #[xml(child)]
    pub cpu: Option<Cpu>,
    /// Whether `virtlogd` has its consoles' logs.
    #[xml(flag = "chardevStdioLogd")]
    pub chardev_stdio_logd: bool,
    /// Whether the owners of its files are noted on them.
    #[xml(flag = "rememberOwner")]
    pub remember_owner: bool,
    /// Whether the emulator reboots it; absent: nobody decided.
    #[xml(attr = "allowReboot/@value", lenient)]
    pub allow_reboot: Option<bool>,
    /// Whether a daemon for SCSI reservations runs for it.
    #[xml(flag = "prDaemon")]
    pub pr_daemon: bool,
    /// The number of the last node of a disk.
    #[xml(attr = "nodename/@index", default)]
    pub node_name_index: u64,
    /// The number of the last set of descriptors.
    #[xml(attr = "fdset/@index", default)]
    pub fd_set_index: u32,
    /// Whether its memory was allocated at once.
    #[xml(flag = "memPrealloc")]
    pub memory_preallocated: bool,
    /// Copies and merges of disks that go on while the daemon is away.
    #[xml(child = "blockjobs", default)]
    pub block_jobs: StatusBlockJobs,
    /// Helpers of user networking.
    #[xml(child, default)]
    pub slirp: StatusSlirp,
    /// Seconds that the guest's agent has to answer; -2: any time.
    #[xml(child_text = "agentTimeout", default)]
    pub agent_timeout: AgentTimeout,
    /// The backup that goes on while the daemon is away, where there is one.
    #[xml(child, default)]
    pub backups: StatusBackups,
    /// The limit on locked memory that its process had at first, in bytes.
    #[xml(child_text = "originalMemlock")]
    pub original_memlock: Option<u64>,
    /// The limit on locked memory that its process had before it migrated, in bytes.
    #[xml(child_text = "preMigrationMemlock")]
    pub pre_migration_memlock: Option<u64>,
}

/// Seconds that a guest's agent has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentTimeout(pub i32);

impl Default for AgentTimeout {
    fn default() -> Self {
        Self(-2)
    }
}

impl crate::xml::Value for AgentTimeout {
    fn parse(text: &str) -> std::result::Result<Self, crate::xml::Expected> {
        i32::parse(text).map(Self).map_err(|_| internal("failed to parse agent timeout").into())
    }
    fn format(&self, out: &mut String) {
        self.0.format(out);
    }
}

/// How an emulator is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "monitor", after_read = StatusMonitor::settle)]
pub struct StatusMonitor {
    /// The socket's path.
    #[xml(attr, missing = internal("no monitor path"))]
    pub path: String,
    /// What is there: `unix`, or `pty` where none is named.
    #[xml(attr = "type")]
    pub kind: Option<String>,
}

/// Namespaces of a guest's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "namespaces", after_read = StatusNamespaces::check)]
pub struct StatusNamespaces {
    /// It sees no device of the host but its own.
    #[xml(flag)]
    pub mount: bool,
}

/// The threads of a guest's vCPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "vcpus", spread)]
pub struct StatusVcpus {
    /// The threads of those that are plugged in.
    #[xml(child)]
    pub list: Vec<StatusVcpu>,
}

/// The thread of a vCPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "vcpu")]
pub struct StatusVcpu {
    /// The vCPU's number.
    #[xml(attr)]
    pub id: u32,
    /// The thread's number.
    #[xml(attr)]
    pub pid: u32,
}

/// What an emulator can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "qemuCaps", spread)]
pub struct StatusCapabilities {
    /// One entry each, in the order of libvirt's list.
    #[xml(child)]
    pub flags: Vec<StatusFlag>,
}

/// Something that an emulator can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "flag")]
pub struct StatusFlag {
    /// libvirt's name for it.
    #[xml(attr)]
    pub name: String,
}

/// The aliases of a guest's devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "devices")]
pub struct StatusDevices {
    /// One entry each.
    #[xml(child)]
    pub list: Vec<StatusDevice>,
}

/// A guest's device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "device")]
pub struct StatusDevice {
    /// What the emulator calls the device, `virtio-disk0` for example.
    #[xml(attr, missing = internal("failed to parse qemu device list"))]
    pub alias: String,
}

/// Where numad placed a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "numad")]
pub struct StatusNumad {
    /// The host's nodes.
    #[xml(attr)]
    pub nodeset: Option<Bitmap>,
    /// The host's processors; those of the nodes by default.
    #[xml(attr)]
    pub cpuset: Option<Bitmap>,
}

/// Helpers of user networking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "slirp")]
pub struct StatusSlirp {
    /// One for each interface.
    #[xml(child)]
    pub helpers: Vec<StatusSlirpHelper>,
}

/// A helper of user networking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "helper", spread)]
pub struct StatusSlirpHelper {
    /// The interface's alias.
    #[xml(attr, missing = internal("failed to parse slirp helper list"))]
    pub alias: String,
    /// The process's number.
    #[xml(attr, missing = internal("failed to parse slirp helper list"))]
    pub pid: i32,
    /// What it can do.
    #[xml(child = "feature")]
    pub features: Vec<StatusFlag>,
}

impl StatusMonitor {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match self.kind.get_or_insert_with(|| "pty".to_owned()).as_str() {
            "pty" | "unix" => Ok(()),
            kind => Err(reader.internal(format!("unsupported monitor type '{kind}'"))),
        }
    }
}

impl StatusNamespaces {
    fn check(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match reader.unnamed_child::<Self>() {
            Some(name) => Err(reader.internal(format!("malformed namespace name: {name}"))),
            None => Ok(()),
        }
    }
}

impl DomainStatus {
    /// Reads a status document; `hooks` complete the guest as for a document of its own.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence and the place.
    pub fn from_xml(text: &str, hooks: &dyn DomainHooks) -> Result<Self> {
        let mut status = Self::parse(text)?;
        status.complete(hooks)?;
        Ok(status)
    }

    /// Reads the syntax alone, for a driver whose hooks depend on what is in the document: it calls
    /// [`complete`](Self::complete) next.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence and the place.
    pub fn parse(text: &str) -> Result<Self> {
        crate::xml::from_str(text, &Self::options())
    }

    /// Completes the guest as for a document of its own.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence, when it cannot be completed.
    pub fn complete(&mut self, hooks: &dyn DomainHooks) -> Result<()> {
        self.domain.complete(&Self::options(), hooks)
    }

    /// How such documents are read: nothing that only a running guest has is ignored, nor anything refused that runs.
    pub(crate) const READ: ParseFlags = ParseFlags::STATUS
        .union(ParseFlags::ACTUAL_NET)
        .union(ParseFlags::PCI_ORIG_STATES)
        .union(ParseFlags::SKIP_VALIDATE)
        .union(ParseFlags::ALLOW_POST_PARSE_FAIL);

    /// How they are written, so that a driver that starts anew finds all of it.
    pub(crate) const WRITTEN: FormatFlags = FormatFlags::SECURE
        .union(FormatFlags::STATUS)
        .union(FormatFlags::ACTUAL_NET)
        .union(FormatFlags::PCI_ORIG_STATES)
        .union(FormatFlags::CLOCK_ADJUST);

    fn options() -> ParseOptions {
        ParseOptions::from(Self::READ)
    }

    /// Writes the document as libvirt writes it.
    #[must_use]
    pub fn to_xml(&self) -> String {
        to_string(self, Self::WRITTEN.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Neutral;

    fn status(inside: &str) -> String {
        format!(
            "<domstatus state='paused' reason='migration' pid='7'>{inside}<domain type='qemu' id='3'>\
             <name>x</name><memory>1024</memory><os><type>hvm</type></os></domain></domstatus>"
        )
    }

    #[test]
    fn what_is_always_written() {
        let text = DomainStatus::from_xml(&status("<monitor path='/m'/>"), &Neutral).unwrap().to_xml();
        let head = "<domstatus state='paused' reason='migration' pid='7'>
  <monitor path='/m' type='pty'/>
  <vcpus>
  </vcpus>
  <nodename index='0'/>
  <fdset index='0'/>
  <blockjobs active='no'/>
  <agentTimeout>-2</agentTimeout>
  <domain type='qemu' id='3'>
";
        assert_eq!(text.get(..head.len()), Some(head));
    }

    #[test]
    fn mistakes_are_named() {
        let message = |inside| DomainStatus::from_xml(&status(inside), &Neutral).unwrap_err().to_string();
        assert_eq!(
            message("<monitor path='/m' type='tcp'/>"),
            "internal error: unsupported monitor type 'tcp'"
        );
        assert_eq!(
            message("<namespaces><net/></namespaces>"),
            "internal error: malformed namespace name: net"
        );
        assert_eq!(message("<monitor/>"), "internal error: no monitor path");
    }
}
