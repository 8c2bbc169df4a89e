//! `<memballoon>`, `<watchdog>`, `<panic>`, `<shmem>`, `<nvram>`, `<pstore>`, `<lease>`: devices of a few lines each.

use super::{DeviceInfo, VirtioDriver};
use crate::error::{refuse, unsupported};
use crate::model::{Kib, Mib, Switch};
use crate::xml::{Reader, Result, Value, Xml, XmlValue};

/// A device through which the host takes memory from the guest and gives it back.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "memballoon", after_read = MemoryBalloon::settle)]
pub struct MemoryBalloon {
    /// Which device.
    #[xml(attr)]
    pub model: MemoryBalloonModel,
    /// Whether memory flows back before the guest kills processes; default: off.
    #[xml(attr)]
    pub autodeflate: Option<Switch>,
    /// Whether the guest tells which pages it does not use; default: off.
    #[xml(attr = "freePageReporting")]
    pub free_page_reporting: Option<Switch>,
    /// Seconds between two statistics; 0: none are taken.
    #[xml(attr = "stats/@period", omit)]
    pub stats_period: i32,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
    /// Tuning of the virtio transport.
    #[xml(child, default)]
    pub driver: VirtioDriver,
}

impl MemoryBalloon {
    /// What is not there has no place.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        if self.model == MemoryBalloonModel::None {
            self.info = DeviceInfo::default();
        }
        Ok(())
    }
}

/// Which kind of balloon the guest sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum MemoryBalloonModel {
    /// virtio, as suits the slot.
    Virtio,
    /// Xen.
    Xen,
    /// No device, not even the implicit one.
    None,
    /// virtio, both 0.9 and 1.0.
    #[xml("virtio-transitional")]
    VirtioTransitional,
    /// virtio, 1.0 and later.
    #[xml("virtio-non-transitional")]
    VirtioNonTransitional,
}

/// A device that notices when the guest hangs.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "watchdog")]
pub struct Watchdog {
    /// Which device.
    #[xml(attr)]
    pub model: WatchdogModel,
    /// What happens then; default: `reset`.
    #[xml(attr, default)]
    pub action: WatchdogAction,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// Which kind of watchdog the guest sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum WatchdogModel {
    /// Intel 6300ESB, on PCI.
    I6300Esb,
    /// iBASE 700, on ISA.
    Ib700,
    /// s390.
    Diag288,
    /// Intel TCO, part of the q35 machine.
    Itco,
}

/// What happens to a guest that hangs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, XmlValue)]
pub enum WatchdogAction {
    /// It is reset.
    #[default]
    Reset,
    /// It is asked to shut down.
    Shutdown,
    /// It is switched off.
    Poweroff,
    /// It is paused.
    Pause,
    /// Its memory is dumped.
    Dump,
    /// Nothing.
    None,
    /// It gets a non-maskable interrupt.
    #[xml("inject-nmi")]
    InjectNmi,
}

/// A device through which the guest tells that it crashed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "panic")]
pub struct Panic {
    /// Which device; default: the machine's.
    #[xml(attr, invalid = |text| unsupported(format!("unknown panic model '{text}'")))]
    pub model: Option<PanicModel>,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// Panic devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum PanicModel {
    /// Not decided; never written to a finished definition.
    Default,
    /// pvpanic, on ISA.
    Isa,
    /// Part of the pSeries machine.
    Pseries,
    /// Part of Hyper-V's interface.
    Hyperv,
    /// Part of the s390 machine.
    S390,
    /// pvpanic, on PCI.
    Pvpanic,
}

/// Memory that guests share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "shmem", after_read = SharedMemory::settle)]
pub struct SharedMemory {
    /// Name of the memory on the host, without a slash.
    #[xml(attr, default)]
    pub name: String,
    /// Who owns what is in it when guests migrate.
    #[xml(attr)]
    pub role: Option<SharedMemoryRole>,
    /// How the guest sees it; default: `ivshmem`.
    #[xml(attr = "model/@type", default)]
    pub model: SharedMemoryModel,
    /// Its size, a power of two; default: 4 MiB. With a server, the server decides.
    #[xml(child)]
    pub size: Option<Mib>,
    /// The server that connects guests.
    #[xml(child)]
    pub server: Option<SharedMemoryServer>,
    /// Interrupts between guests; needs a server.
    #[xml(child)]
    pub msi: Option<SharedMemoryMsi>,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

impl SharedMemory {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.name.is_empty() {
            return Err(reader.refuse("shmem element must contain 'name' attribute"));
        }
        if self.msi.is_some() && self.server.is_none() {
            return Err(reader.refuse("msi option is only supported with a server"));
        }
        // Nothing is no size; less than a MiB is one, if none that a guest can have.
        let is_zero = |size: Reader<'_, '_>| size.own_text().trim().parse() == Ok(0_u64);
        if reader.first("size").is_some_and(is_zero) {
            self.size = None;
        }
        Ok(())
    }
}

/// Who owns what is in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum SharedMemoryRole {
    /// This guest: it takes the contents along.
    Master,
    /// Another guest: this one must let go before it migrates.
    Peer,
}

/// How the guest sees shared memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, XmlValue)]
pub enum SharedMemoryModel {
    /// The old device, for emulators before 2.6.
    #[default]
    Ivshmem,
    /// Memory alone.
    #[xml("ivshmem-plain")]
    IvshmemPlain,
    /// Memory and interrupts.
    #[xml("ivshmem-doorbell")]
    IvshmemDoorbell,
}

/// The server that connects guests with shared memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "server", keep_empty)]
pub struct SharedMemoryServer {
    /// Path of its socket; default: the driver's, by the memory's name.
    #[xml(attr)]
    pub path: Option<String>,
}

/// Interrupts between guests with shared memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "msi", keep_empty)]
pub struct SharedMemoryMsi {
    /// Number of vectors; 0: one.
    #[xml(attr, omit)]
    pub vectors: u32,
    /// Whether kicks of the guest are taken outside its CPU threads; default: the hypervisor's choice.
    #[xml(attr)]
    pub ioeventfd: Option<Switch>,
}

/// pSeries' non-volatile memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "nvram", keep_open)]
pub struct NvramDevice {
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// Storage where the guest's kernel leaves its last words.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "pstore", before_read = PersistentStore::check)]
pub struct PersistentStore {
    /// Which device.
    #[xml(attr)]
    pub backend: PersistentStoreBackend,
    /// Path of the file; default: the driver's, by the guest's name.
    #[xml(child_text)]
    pub path: Option<String>,
    /// Its size, a power of two.
    #[xml(child = "size")]
    pub size: Option<Kib>,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

impl PersistentStore {
    /// The size is looked for where it stands, in libvirt's sentences.
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let unknown = |text| PersistentStoreBackend::parse(text).is_err();
        if reader.attr_text("backend").is_none_or(unknown) {
            return Ok(());
        }
        let size = reader.child_value(&[], "size");
        if size.is_empty() {
            return Err(reader.xml_error("missing element or attribute './size'"));
        }
        match <u64 as Value>::parse(&size) {
            Ok(_) => Ok(()),
            Err(_) => {
                Err(reader.xml_error(format!("Invalid value '{size}' for element or attribute './size'")))
            }
        }
    }
}

/// Devices for last words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum PersistentStoreBackend {
    /// ACPI's error record serialisation table.
    #[xml("acpi-erst")]
    AcpiErst,
}

/// A lease of a lock manager that the guest must hold to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "lease")]
pub struct Lease {
    /// Name of the lockspace.
    #[xml(child_text)]
    pub lockspace: Option<String>,
    /// Name of the lease, unique in the lockspace.
    #[xml(child_text, missing = refuse("Missing 'key' element for lease"))]
    pub key: String,
    /// Where the lease is kept.
    #[xml(child)]
    pub target: LeaseTarget,
}

/// Where a lease is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "target")]
pub struct LeaseTarget {
    /// Path of the lockspace's file.
    #[xml(attr)]
    pub path: String,
    /// Where in the file, in bytes; default: 0.
    #[xml(attr, omit)]
    pub offset: u64,
}
