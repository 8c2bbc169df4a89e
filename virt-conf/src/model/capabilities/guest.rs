//! `<guest>` of a host's capabilities: which guests it can run.

use crate::model::{DomainType, Switch};
use crate::xml::Xml;

/// A kind of guest that a host can run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "guest")]
pub struct GuestCapabilities {
    /// The type of the operating system: `hvm` for any, `exe` for a program in a container, `xen` and `linux` for one
    /// that knows it runs under Xen.
    #[xml(child_text = "os_type")]
    pub os_type: String,
    /// The architecture, and what runs it.
    #[xml(child)]
    pub arch: GuestArchitecture,
    /// What such a guest can have.
    #[xml(child, default)]
    pub features: GuestFeatures,
}

/// An architecture that guests can have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "arch")]
pub struct GuestArchitecture {
    /// Its name, `x86_64`.
    #[xml(attr)]
    pub name: String,
    /// The bits of a word: 31, 32 or 64.
    #[xml(child_text)]
    pub wordsize: u32,
    /// The program that runs them, where no type of guest names its own.
    #[xml(child_text)]
    pub emulator: Option<String>,
    /// The firmware that they start with, of Xen.
    #[xml(child_text)]
    pub loader: Option<String>,
    /// The machines that they can be.
    #[xml(child)]
    pub machines: Vec<GuestMachine>,
    /// The types of guests.
    #[xml(child, key = "@type")]
    pub domains: Vec<GuestDomain>,
}

/// A type of machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "machine")]
pub struct GuestMachine {
    /// What it is called in full, where this name stands for another.
    #[xml(attr)]
    pub canonical: Option<String>,
    /// The most vCPUs that it can have; absent where that is unknown.
    #[xml(attr = "maxCpus")]
    pub max_cpus: Option<u32>,
    /// Whether it will be gone from a later emulator; default: no. Since 7.1.
    #[xml(attr, omit)]
    pub deprecated: bool,
    /// What `<os><type machine='..'>` calls it.
    #[xml(text)]
    pub name: String,
}

/// A type of guest, as in `<domain type='..'>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "domain")]
pub struct GuestDomain {
    /// Which hypervisor runs such guests, `kvm` or `qemu` for example.
    #[xml(attr = "type")]
    pub domain_type: DomainType,
    /// The program that runs them; the architecture's by default.
    #[xml(child_text)]
    pub emulator: Option<String>,
    /// The firmware that they start with; the architecture's by default.
    #[xml(child_text)]
    pub loader: Option<String>,
    /// The machines that they can be; the architecture's by default.
    #[xml(child)]
    pub machines: Vec<GuestMachine>,
}

/// What guests of a kind can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "features")]
pub struct GuestFeatures {
    /// 32-bit guests with physical addresses of 36 bits.
    #[xml(flag)]
    pub pae: bool,
    /// 32-bit guests without.
    #[xml(flag)]
    pub nonpae: bool,
    /// Big-endian guests on ia64.
    #[xml(flag = "ia64_be")]
    pub ia64_be: bool,
    /// Whether guests have ACPI by default, and whether that can be changed.
    #[xml(child = "acpi")]
    pub acpi: Option<GuestToggle>,
    /// Whether guests have an APIC by default, and whether that can be changed.
    #[xml(child = "apic")]
    pub apic: Option<GuestToggle>,
    /// A processor model that the definition names.
    #[xml(flag)]
    pub cpuselection: bool,
    /// An order of boot devices, given beside each device.
    #[xml(flag)]
    pub deviceboot: bool,
    /// Snapshots of disks while the guest runs.
    #[xml(child = "disksnapshot")]
    pub disksnapshot: Option<GuestToggle>,
    /// Paging assisted by hardware. Since 3.4.
    #[xml(child = "hap")]
    pub hap: Option<GuestToggle>,
    /// External snapshots that can be deleted and reverted to. Since 9.9.
    #[xml(flag = "externalSnapshot")]
    pub external_snapshot: bool,
}

/// Something that guests have or can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "toggle")]
pub struct GuestToggle {
    /// Whether they have it by default.
    #[xml(attr = "default")]
    pub by_default: Switch,
    /// Whether a definition can say otherwise.
    #[xml(attr)]
    pub toggle: bool,
}
