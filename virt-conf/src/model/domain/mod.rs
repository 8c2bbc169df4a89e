//! `<domain>`: a guest.
//!
//! Fields stand in the order in which libvirt writes them.

mod clock;
mod features;
mod hyperv;
mod lifecycle;
mod memory;
mod namespace;
mod os;
mod security;
mod vcpu;

pub use clock::*;
pub use features::*;
pub use hyperv::*;
pub use lifecycle::*;
pub use memory::*;
pub use namespace::*;
pub use os::*;
pub use security::*;
pub use vcpu::*;

use uuid::Uuid;

use super::{Cpu, Devices, IoTune, Kib, SecurityLabel, Sysinfo};
use crate::domain::keep_one_a_namespace;
use crate::error::{internal, refuse, unsupported};
use crate::xml::{
    Codec, Element, Error, Expected, Fields, Plain, RawElement, Reader, Result, Shape, Writer, Xml, XmlValue,
};

/// A guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "domain", errors = DOMAIN, before_read = Domain::refuse_repeated, after_read = Domain::gather)]
pub struct Domain {
    /// Which hypervisor runs it.
    #[xml(
        attr = "type",
        invalid = |text| match text {
            "" => no_type(),
            text => unsupported(format!("invalid domain type {text}")),
        },
        missing = no_type()
    )]
    pub kind: DomainType,
    /// Its number on this host while it runs.
    #[xml(attr, live)]
    pub id: Option<i32>,
    /// Its name, unique on the host and connection.
    #[xml(child_text, default)]
    pub name: String,
    /// Its identity; generated where absent.
    #[xml(child_text, invalid = |_| internal("malformed uuid element"))]
    pub uuid: Option<Uuid>,
    /// Its identity in the firmware's tables and in what else the guest sees of it, where that differs. Since 11.7.
    #[xml(child_text, invalid = |_| internal("malformed hwuuid element"))]
    pub hwuuid: Option<Uuid>,
    /// Changes whenever the guest goes back in time, so that it notices; generated where empty.
    #[xml(child)]
    pub genid: Option<GenerationId>,
    /// One line about it.
    #[xml(child_text, with = Title)]
    pub title: Option<String>,
    /// Any text about it.
    #[xml(child_text)]
    pub description: Option<String>,
    /// What applications keep with it, each in a namespace of its own.
    #[xml(raw)]
    pub metadata: Option<RawElement>,
    /// How far its memory can grow by plugging; not at all by default.
    #[xml(child, unless_empty)]
    pub max_memory: Option<MaxMemory>,
    /// The memory it starts with.
    #[xml(child, unless_empty)]
    pub memory: Option<Memory>,
    /// The memory it is left by ballooning, at most `memory`, which is the default.
    #[xml(child = "currentMemory", unless_empty)]
    pub current_memory: Option<Kib>,
    /// Weights and limits of its block I/O.
    #[xml(child, default)]
    pub blkiotune: Blkiotune,
    /// Limits on its memory.
    #[xml(child, default, read_after = memory_backing)]
    pub memtune: Memtune,
    /// What backs its memory.
    #[xml(child, default)]
    pub memory_backing: MemoryBacking,
    /// How many processors it has; one by default.
    #[xml(child, default)]
    pub vcpu: Vcpu,
    /// Its processors one by one.
    #[xml(child, default)]
    pub vcpus: Vcpus,
    /// How many I/O threads it has; none by default.
    #[xml(child_text, omit, invalid = |text| refuse(format!("invalid iothreads count '{text}'")))]
    pub iothreads: u32,
    /// Its I/O threads one by one.
    #[xml(child, default)]
    pub iothreadids: IoThreadIds,
    /// The hypervisor's main thread.
    #[xml(child, default)]
    pub default_iothread: DefaultIoThread,
    /// Limits that several disks share.
    #[xml(child, default, read_after = clock)]
    pub throttlegroups: ThrottleGroups,
    /// How much of the host's processors it gets.
    #[xml(child, default)]
    pub cputune: Cputune,
    /// From which nodes of the host its memory comes.
    #[xml(child, default)]
    pub numatune: Numatune,
    /// Whether devices of the host are handed over through the kernel's iommufd; as each device says by default. Since 12.2.
    #[xml(child)]
    pub iommufd: Option<Iommufd>,
    /// Where it is accounted.
    #[xml(child, default)]
    pub resource: Resource,
    /// What its firmware tells it about its machine.
    #[xml(child, key = "@type", read_after = idmap)]
    pub sysinfos: Vec<Sysinfo>,
    /// The host's program that boots a paravirtualized guest.
    #[xml(child_text)]
    pub bootloader: Option<String>,
    /// That program's arguments.
    #[xml(child_text = "bootloader_args")]
    pub bootloader_args: Option<String>,
    /// How it boots.
    #[xml(child, default)]
    pub os: Os,
    /// Which users of the host a container's users are; the same ones by default.
    #[xml(child, default, read_after = launch_security)]
    pub idmap: IdMap,
    /// What the machine and the hypervisor offer it.
    #[xml(child, default)]
    pub features: DomainFeatures,
    /// Its processor.
    #[xml(child, read_after = cputune)]
    pub cpu: Option<Cpu>,
    /// What time it is in it.
    #[xml(child, default, read_after = perf)]
    pub clock: Clock,
    /// What happens when it shuts itself down; `destroy` by default.
    #[xml(child_text = "on_poweroff", invalid = |text| unsupported(format!("unknown on_poweroff action: {text}")))]
    pub on_poweroff: Option<LifecycleAction>,
    /// What happens when it reboots; `restart` by default.
    #[xml(child_text = "on_reboot", invalid = |text| unsupported(format!("unknown on_reboot action: {text}")))]
    pub on_reboot: Option<LifecycleAction>,
    /// What happens when it crashes; `destroy` by default.
    #[xml(child_text = "on_crash", invalid = |text| unsupported(format!("unknown on_crash action: {text}")))]
    pub on_crash: Option<LifecycleAction>,
    /// What happens when it loses the lock on its disks; the lock manager decides by default.
    #[xml(child_text = "on_lockfailure", invalid = |text| unsupported(format!("unknown on_lockfailure action: {text}")))]
    pub on_lockfailure: Option<LockFailureAction>,
    /// Which ways of sleeping it is offered.
    #[xml(child, default)]
    pub pm: PowerManagement,
    /// Which events of the host's processors are counted for it.
    #[xml(child, default)]
    pub perf: Perf,
    /// Everything that is attached to its buses.
    #[xml(child, default)]
    pub devices: Devices,
    /// How it is confined, one entry a security driver; as the host is configured by default.
    #[xml(child, key = "@model", read_after = description)]
    pub seclabels: Vec<SecurityLabel>,
    /// Whether an s390 guest can wrap keys.
    #[xml(child, default, read_after = sysinfos)]
    pub keywrap: Keywrap,
    /// How it is guarded against its host.
    #[xml(child)]
    pub launch_security: Option<LaunchSecurity>,
    /// Elements in QEMU's namespace.
    #[xml(flatten)]
    pub qemu: QemuNamespace,
    /// Elements in the namespace of Linux containers.
    #[xml(flatten)]
    pub lxc: LxcNamespace,
    /// Elements in bhyve's namespace.
    #[xml(flatten)]
    pub bhyve: BhyveNamespace,
    /// Elements in Xen's namespace.
    #[xml(flatten)]
    pub xen: XenNamespace,
    /// Elements in VMware's namespace.
    #[xml(flatten)]
    pub vmware: VmwareNamespace,
}

/// The hypervisors that libvirt has drivers for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum DomainType {
    /// QEMU, emulating the processor.
    #[default]
    Qemu,
    /// QEMU with the old kernel module for acceleration.
    Kqemu,
    /// QEMU with KVM.
    Kvm,
    /// Xen.
    Xen,
    /// Linux containers.
    Lxc,
    /// User-mode Linux.
    Uml,
    /// OpenVZ containers.
    Openvz,
    /// libvirt's test driver.
    Test,
    /// VMware's desktop and server products.
    Vmware,
    /// Hyper-V.
    HyperV,
    /// VirtualBox.
    Vbox,
    /// IBM's Power hypervisor.
    Phyp,
    /// Parallels.
    Parallels,
    /// FreeBSD's bhyve.
    Bhyve,
    /// Virtuozzo.
    Vz,
    /// QEMU with macOS's Hypervisor framework.
    Hvf,
}

/// A number that changes whenever the guest goes back in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "genid", keep_empty)]
pub struct GenerationId {
    /// The number; absent until one is generated.
    #[xml(text, invalid = |_| internal("malformed genid element"))]
    pub id: Option<Uuid>,
}

/// Whether devices of the host are handed over through the kernel's iommufd. Since 12.2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "iommufd", after_read = Iommufd::settle)]
pub struct Iommufd {
    /// Whether they are, unless a device says otherwise.
    #[xml(attr)]
    pub enabled: bool,
    /// Name of a group of file descriptors, associated with the domain, to use instead of opening `/dev/iommu`.
    #[xml(attr)]
    pub fdgroup: Option<String>,
}

impl Iommufd {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.fdgroup.is_some() && !self.enabled {
            return Err(reader.unsupported("Setting 'fdgroup' when 'iommufd' is disabled is not supported."));
        }
        Ok(())
    }
}

/// Limits that several disks share. Since 11.2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "throttlegroups", after_read = ThrottleGroups::settle)]
pub struct ThrottleGroups {
    /// The groups, each of a name of its own.
    #[xml(child, key = "group_name", unordered)]
    pub groups: Vec<ThrottleGroup>,
}

/// Limits that the disks which name them share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThrottleGroup {
    /// The limits, and the group's name.
    pub limits: IoTune,
}

// Here the name is behind all limits; where a disk has its own, it is among them.
impl Fields for ThrottleGroup {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let mut group = Self { limits: Fields::read(reader)? };
        group.settle(reader)?;
        Ok(group)
    }
    fn write_attrs(&self, _: &mut Writer) {}
    fn write_children(&self, writer: &mut Writer) {
        let mut limits = self.limits.clone();
        let name = limits.group_name.take();
        limits.write_children(writer);
        if let Some(name) = &name {
            writer.child_text::<Plain, _>("group_name", name);
        }
    }
    fn describe(this: Option<&Self>, shape: &mut Shape) {
        shape.title("Limits that the disks which name them share.");
        IoTune::describe(this.map(|group| &group.limits), shape);
    }
}

impl Element for ThrottleGroup {
    const NAME: &'static str = "throttlegroup";
}

/// One line.
enum Title {}

impl Codec<String> for Title {
    fn parse(text: &str) -> std::result::Result<String, Expected> {
        Domain::check_title(text)?;
        Ok(text.to_owned())
    }
    fn format(title: &String, out: &mut String) {
        out.push_str(title);
    }
}

fn no_type() -> Error {
    internal("missing domain type attribute")
}

impl Domain {
    /// A title is one line.
    pub(crate) fn check_title(title: &str) -> Result<()> {
        match title.contains('\n') {
            true => Err(refuse("Domain title can't contain newlines")),
            false => Ok(()),
        }
    }

    fn refuse_repeated(reader: &Reader<'_, '_>) -> Result<()> {
        let single = [
            (Resource::NAME, "only one resource element is supported"),
            (Numatune::NAME, "only one numatune is supported"),
        ];
        for (name, sentence) in single {
            if let Some(second) = reader.all(name).nth(1) {
                return Err(second.refuse(sentence));
            }
        }
        Ok(())
    }

    /// Devices count wherever they stand: a second `<devices>` continues the first.
    fn gather(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        for more in reader.all(Devices::NAME).skip(1) {
            self.devices.append(more.chosen()?);
        }
        self.bootloader_args = self.bootloader_args.take().filter(|_| self.bootloader.is_some());
        if let Some(metadata) = &mut self.metadata {
            keep_one_a_namespace(metadata);
        }
        self.metadata = self.metadata.take().filter(|metadata| metadata.elements().next().is_some());
        Ok(())
    }
}

impl ThrottleGroups {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        for (at, group) in self.groups.iter().enumerate() {
            let name = group.limits.group_name.as_deref().unwrap_or_default();
            if self.groups.iter().take(at).any(|other| other.limits.group_name.as_deref() == Some(name)) {
                return Err(reader.refuse(format!("duplicate group name '{name}' found")));
            }
        }
        Ok(())
    }
}

impl ThrottleGroup {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match self.limits.group_name {
            Some(_) => Ok(()),
            None => Err(reader.refuse("missing group name")),
        }
    }
}
