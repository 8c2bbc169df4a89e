//! `<features>`: what the machine and the hypervisor offer the guest.

use super::Hyperv;
use crate::model::{Kib, PrettyBytes, Switch, read_scaled};
use crate::xml::{Element, Fields, Reader, Result, Shape, Writer, Xml, XmlValue};

/// What the machine and the hypervisor offer the guest. Where a feature is absent, the hypervisor decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "features", before_read = DomainFeatures::refuse_unknown)]
pub struct DomainFeatures {
    /// ACPI, for power management and much else.
    #[xml(flag)]
    pub acpi: bool,
    /// The programmable interrupt controller.
    #[xml(child)]
    pub apic: Option<Apic>,
    /// Physical address extension of 32-bit guests.
    #[xml(flag)]
    pub pae: bool,
    /// Hardware-assisted paging.
    #[xml(attr = "hap/@state", bare = Switch::On)]
    pub hap: Option<Switch>,
    /// Xen's Viridian extensions for Windows guests.
    #[xml(flag)]
    pub viridian: bool,
    /// A network namespace of its own for a container.
    #[xml(flag)]
    pub privnet: bool,
    /// Hyper-V's enlightenments for Windows guests.
    #[xml(child)]
    pub hyperv: Option<Hyperv>,
    /// What KVM offers.
    #[xml(child)]
    pub kvm: Option<KvmFeatures>,
    /// Paravirtualized spinlocks.
    #[xml(attr = "pvspinlock/@state", bare = Switch::On)]
    pub pvspinlock: Option<Switch>,
    /// What a container's root may do.
    #[xml(child)]
    pub capabilities: Option<ContainerCapabilities>,
    /// The performance monitoring unit.
    #[xml(attr = "pmu/@state", bare = Switch::On)]
    pub pmu: Option<Switch>,
    /// VMware's I/O port.
    #[xml(attr = "vmport/@state", bare = Switch::On)]
    pub vmport: Option<Switch>,
    /// Arm's interrupt controller.
    #[xml(child)]
    pub gic: Option<Gic>,
    /// System management mode.
    #[xml(child)]
    pub smm: Option<Smm>,
    /// Who emulates the I/O interrupt controller.
    #[xml(attr = "ioapic/@driver")]
    pub ioapic: Option<IoapicDriver>,
    /// How a pSeries guest may resize its page table.
    #[xml(child)]
    pub hpt: Option<Hpt>,
    /// The device through which a guest tells where its core dump information is.
    #[xml(attr = "vmcoreinfo/@state", bare = Switch::On)]
    pub vmcoreinfo: Option<Switch>,
    /// Transactional memory of pSeries guests.
    #[xml(attr = "htm/@state", required)]
    pub htm: Option<Switch>,
    /// KVM inside pSeries guests.
    #[xml(attr = "nested-hv/@state", required)]
    pub nested_hv: Option<Switch>,
    /// What happens when the guest touches a register that the hypervisor does not know.
    #[xml(attr = "msrs/@unknown", required)]
    pub msrs_unknown: Option<MsrsUnknown>,
    /// The count cache flush of pSeries guests.
    #[xml(attr = "ccf-assist/@state", required)]
    pub ccf_assist: Option<Switch>,
    /// What Xen offers.
    #[xml(child)]
    pub xen: Option<XenFeatures>,
    /// How pSeries guests flush caches on a change of privilege.
    #[xml(attr = "cfpc/@value")]
    pub cfpc: Option<Cfpc>,
    /// How pSeries guests guard against speculation past bounds checks.
    #[xml(attr = "sbbc/@value")]
    pub sbbc: Option<Sbbc>,
    /// How pSeries guests guard against speculated indirect branches.
    #[xml(attr = "ibs/@value")]
    pub ibs: Option<Ibs>,
    /// Settings of software emulation.
    #[xml(child)]
    pub tcg: Option<TcgFeatures>,
    /// Whether the guest's memory is freed after its process is gone.
    #[xml(attr = "async-teardown/@enabled", bare = true)]
    pub async_teardown: Option<bool>,
    /// Arm's reporting of hardware errors to the guest.
    #[xml(attr = "ras/@state", required)]
    pub ras: Option<Switch>,
    /// The PS/2 controller, for keyboard and mouse.
    #[xml(attr = "ps2/@state", required)]
    pub ps2: Option<Switch>,
    /// RISC-V's advanced interrupt architecture. Since 11.1.
    #[xml(attr = "aia/@value")]
    pub aia: Option<Aia>,
    /// Arm's virtualization extensions: guests inside this one. Since 12.1.
    #[xml(flag)]
    pub virtualization: bool,
}

/// The programmable interrupt controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "apic", keep_empty)]
pub struct Apic {
    /// Whether the guest may end an interrupt without an exit.
    #[xml(attr)]
    pub eoi: Option<Switch>,
}

/// Arm's interrupt controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "gic", keep_empty)]
pub struct Gic {
    /// Its version; the driver's choice by default.
    #[xml(attr)]
    pub version: Option<GicVersion>,
}

/// Versions of Arm's interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum GicVersion {
    /// The host's.
    Host,
    /// GICv2.
    #[xml("2")]
    V2,
    /// GICv3.
    #[xml("3")]
    V3,
}

/// System management mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "smm", after_read = Smm::settle)]
pub struct Smm {
    /// Whether there is one.
    #[xml(attr, default)]
    pub state: Switch,
    /// How much memory is reserved for it, where it is on; the hypervisor's choice by default.
    #[xml(child = "tseg")]
    pub tseg: Option<TsegSize>,
}

impl Smm {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.tseg = self.tseg.filter(|_| self.state == Switch::On);
        Ok(())
    }
}

/// The memory reserved for system management mode, in bytes; read in MiB where there is no unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TsegSize(pub u64);

impl Fields for TsegSize {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        read_scaled(reader, 1 << 20).map(Self)
    }
    fn write_attrs(&self, writer: &mut Writer) {
        PrettyBytes(self.0).write_attrs(writer);
    }
    fn write_children(&self, writer: &mut Writer) {
        PrettyBytes(self.0).write_children(writer);
    }
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        PrettyBytes::describe(None, shape);
    }
}

impl Element for TsegSize {
    const NAME: &'static str = "tseg";
}

/// Who emulates the I/O interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum IoapicDriver {
    /// QEMU.
    Qemu,
    /// The kernel.
    Kvm,
}

/// How a pSeries guest may resize its page table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "hpt")]
pub struct Hpt {
    /// Whether it may; the hypervisor decides by default.
    #[xml(attr)]
    pub resizing: Option<HptResizing>,
    /// The largest page that it may use.
    #[xml(child = "maxpagesize")]
    pub maxpagesize: Option<Kib>,
}

/// Whether a pSeries guest may resize its page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum HptResizing {
    /// If it knows how.
    Enabled,
    /// It may not.
    Disabled,
    /// It must know how.
    Required,
}

/// What happens when the guest touches an unknown register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum MsrsUnknown {
    /// Nothing.
    Ignore,
    /// A fault.
    Fault,
}

/// Cache flush on a change of privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum Cfpc {
    /// No mitigation.
    Broken,
    /// A software workaround.
    Workaround,
    /// Fixed in hardware.
    Fixed,
}

/// Speculation past bounds checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum Sbbc {
    /// No mitigation.
    Broken,
    /// A software workaround.
    Workaround,
    /// Fixed in hardware.
    Fixed,
}

/// Speculated indirect branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum Ibs {
    /// No mitigation.
    Broken,
    /// A software workaround.
    Workaround,
    /// Fixed by serializing.
    #[xml("fixed-ibs")]
    FixedIbs,
    /// Fixed by disabling the cache.
    #[xml("fixed-ccd")]
    FixedCcd,
    /// Fixed in hardware.
    #[xml("fixed-na")]
    FixedNa,
}

/// RISC-V's advanced interrupt architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum Aia {
    /// Absent.
    None,
    /// Wired interrupts.
    Aplic,
    /// Wired and message-signalled interrupts.
    #[xml("aplic-imsic")]
    AplicImsic,
}

/// What KVM offers. Each is off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "kvm", keep_open, before_read = KvmFeatures::refuse_unknown)]
pub struct KvmFeatures {
    /// Whether the guest cannot see that it runs on KVM.
    #[xml(attr = "hidden/@state", required)]
    pub hidden: Option<Switch>,
    /// Whether the guest is told that it has its processors to itself.
    #[xml(attr = "hint-dedicated/@state", required)]
    pub hint_dedicated: Option<Switch>,
    /// Whether the guest may poll before it halts.
    #[xml(attr = "poll-control/@state", required)]
    pub poll_control: Option<Switch>,
    /// Whether the guest may send interrupts between processors by hypercall.
    #[xml(attr = "pv-ipi/@state", required)]
    pub pv_ipi: Option<Switch>,
    /// Whether dirty pages are tracked in rings.
    #[xml(child = "dirty-ring")]
    pub dirty_ring: Option<DirtyRing>,
}

/// Whether dirty pages are tracked in rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "dirty-ring", after_read = DirtyRing::settle)]
pub struct DirtyRing {
    /// Whether they are.
    #[xml(attr)]
    pub state: Switch,
    /// Entries of a ring, a power of two from 1024 to 65536.
    #[xml(attr, omit)]
    pub size: u32,
}

/// What Xen offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "xen", keep_open, before_read = XenFeatures::refuse_unknown)]
pub struct XenFeatures {
    /// Whether a paravirtualized guest sees the host's memory map.
    #[xml(attr = "e820_host/@state", required)]
    pub e820_host: Option<Switch>,
    /// Whether devices may be passed through.
    #[xml(child)]
    pub passthrough: Option<XenPassthrough>,
}

/// Whether devices may be passed through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "passthrough")]
pub struct XenPassthrough {
    /// Whether they may.
    #[xml(attr)]
    pub state: Switch,
    /// How their page tables are kept; Xen's choice by default.
    #[xml(attr)]
    pub mode: Option<XenPassthroughMode>,
}

/// How the page tables of passed-through devices are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum XenPassthroughMode {
    /// In step with the guest's.
    #[xml("sync_pt")]
    SyncPt,
    /// The guest's own.
    #[xml("share_pt")]
    SharePt,
}

/// Settings of software emulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "tcg", keep_empty)]
pub struct TcgFeatures {
    /// The size of the cache of translated code; the hypervisor's choice by default.
    #[xml(child = "tb-cache")]
    pub tb_cache: Option<Kib>,
}

macro_rules! container_capabilities {
    ($($field:ident = $spelled:literal, $doc:literal;)*) => {
        /// What a container's root may do: the kernel's capabilities, by their names.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
        #[xml(name = "capabilities", before_read = ContainerCapabilities::refuse_unknown)]
        pub struct ContainerCapabilities {
            /// What holds for those that are not named: `default` drops the dangerous ones.
            #[xml(attr, default)]
            pub policy: CapabilitiesPolicy,
            $(
                #[doc = $doc]
                #[xml(attr = $spelled, bare = Switch::On)]
                pub $field: Option<Switch>,
            )*
        }
    };
}

container_capabilities! {
    audit_control = "audit_control/@state", "Change the rules of auditing.";
    audit_write = "audit_write/@state", "Write to the audit log.";
    block_suspend = "block_suspend/@state", "Keep the host from suspending.";
    chown = "chown/@state", "Change the owner of files.";
    dac_override = "dac_override/@state", "Pass over file permissions.";
    dac_read_search = "dac_read_search/@state", "Pass over permissions to read files and directories.";
    fowner = "fowner/@state", "Act as owner of every file.";
    fsetid = "fsetid/@state", "Keep set-user-ID bits when changing files.";
    ipc_lock = "ipc_lock/@state", "Lock memory.";
    ipc_owner = "ipc_owner/@state", "Pass over permissions of System V IPC.";
    kill = "kill/@state", "Send signals to any process.";
    lease = "lease/@state", "Take leases on any file.";
    linux_immutable = "linux_immutable/@state", "Set the immutable and append-only flags.";
    mac_admin = "mac_admin/@state", "Administer mandatory access control.";
    mac_override = "mac_override/@state", "Pass over mandatory access control.";
    mknod = "mknod/@state", "Make device nodes.";
    net_admin = "net_admin/@state", "Administer the network.";
    net_bind_service = "net_bind_service/@state", "Bind to ports below 1024.";
    net_broadcast = "net_broadcast/@state", "Broadcast and listen to multicast.";
    net_raw = "net_raw/@state", "Use raw and packet sockets.";
    setgid = "setgid/@state", "Change group IDs.";
    setfcap = "setfcap/@state", "Set capabilities of files.";
    setpcap = "setpcap/@state", "Hand on capabilities.";
    setuid = "setuid/@state", "Change user IDs.";
    sys_admin = "sys_admin/@state", "Mount, and administer the system.";
    sys_boot = "sys_boot/@state", "Reboot, and load a new kernel.";
    sys_chroot = "sys_chroot/@state", "Change the root directory.";
    sys_module = "sys_module/@state", "Load kernel modules.";
    sys_nice = "sys_nice/@state", "Change priorities.";
    sys_pacct = "sys_pacct/@state", "Switch process accounting.";
    sys_ptrace = "sys_ptrace/@state", "Trace any process.";
    sys_rawio = "sys_rawio/@state", "Access I/O ports.";
    sys_resource = "sys_resource/@state", "Pass over resource limits.";
    sys_time = "sys_time/@state", "Set the clock.";
    sys_tty_config = "sys_tty_config/@state", "Configure terminals.";
    syslog = "syslog/@state", "Read the kernel's log.";
    wake_alarm = "wake_alarm/@state", "Wake the host by alarm.";
}

/// What holds for capabilities that are not named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum CapabilitiesPolicy {
    /// Those that could harm the host are dropped.
    #[default]
    Default,
    /// They are kept.
    Allow,
    /// They are dropped.
    Deny,
}

impl DomainFeatures {
    fn refuse_unknown(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.unnamed_child::<Self>() {
            Some(name) => Err(reader.unsupported(format!("unexpected feature '{name}'"))),
            None => Ok(()),
        }
    }
}

impl ContainerCapabilities {
    fn refuse_unknown(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.unnamed_child::<Self>() {
            Some(name) => Err(reader.unsupported(format!("unexpected capability feature '{name}'"))),
            None => Ok(()),
        }
    }
}

impl DirtyRing {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.state == Switch::Off {
            self.size = 0;
            return Ok(());
        }
        if reader.attr_text("size").is_none() {
            return Err(reader.missing_attr(&[], "size"));
        }
        if !self.size.is_power_of_two() || !(1024..=65536).contains(&self.size) {
            return Err(reader.refuse("dirty ring must be power of 2 and ranges [1024, 65536]"));
        }
        Ok(())
    }
}

impl KvmFeatures {
    fn refuse_unknown(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.unnamed_child::<Self>() {
            Some(name) => Err(reader.unsupported(format!("unsupported KVM feature: {name}"))),
            None => Ok(()),
        }
    }
}

impl XenFeatures {
    fn refuse_unknown(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.unnamed_child::<Self>() {
            Some(name) => Err(reader.unsupported(format!("unsupported Xen feature: {name}"))),
            None => Ok(()),
        }
    }
}
