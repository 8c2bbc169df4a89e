//! `<domainCapabilities>`: what guests of one kind can have with one emulator.
//!
//! Fields stand in the order in which libvirt writes them.

mod cpu;
mod features;

pub use cpu::*;
pub use features::*;

use super::DomainType;
use crate::xml::{Value, Xml};

/// What guests of one kind can have with one emulator.
///
/// ```
/// use virt_conf::model::{DiskBus, DomainCapabilities};
///
/// let text = "<domainCapabilities><domain>kvm</domain><arch>x86_64</arch><devices><disk supported='yes'>
///     <enum name='bus'><value>virtio</value><value>sata</value></enum></disk></devices></domainCapabilities>";
/// let capabilities: DomainCapabilities = text.parse()?;
/// let disk = capabilities.devices.disk.as_ref();
/// assert!(disk.is_some_and(|disk| disk.offers("bus", &DiskBus::Sata)));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "domainCapabilities", errors = CAPABILITIES, document)]
pub struct DomainCapabilities {
    /// The emulator's path; absent for hypervisors without one.
    #[xml(child_text)]
    pub path: Option<String>,
    /// The guests' type.
    #[xml(child_text = "domain")]
    pub domain_type: DomainType,
    /// Their machine, in full.
    #[xml(child_text)]
    pub machine: Option<String>,
    /// Their architecture, `x86_64`.
    #[xml(child_text)]
    pub arch: String,
    /// The most vCPUs that one can have; absent where there is no limit.
    #[xml(attr = "vcpu/@max")]
    pub max_vcpus: Option<u32>,
    /// Threads for disks. Since 1.3.2.
    #[xml(child = "iothreads")]
    pub iothreads: Option<Capability>,
    /// Firmware.
    #[xml(child)]
    pub os: Option<OsCapabilities>,
    /// Processors.
    #[xml(child)]
    pub cpu: Option<CpuCapabilities>,
    /// The sources of guests' memory. Since 8.5.
    #[xml(child = "memoryBacking")]
    pub memory_backing: Option<Capability>,
    /// Which devices the emulator offers, and the values that their main attributes can take.
    #[xml(child, default)]
    pub devices: DeviceCapabilities,
    /// What is no device.
    #[xml(child, default)]
    pub features: FeatureCapabilities,
}

/// Whether something is supported, and with which values of its attributes and elements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "supported")]
pub enum Capability {
    /// It is not.
    #[default]
    No,
    /// It is.
    Yes(Choices),
}

/// Values that an element of a definition can have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct Choices {
    /// Values of the element itself: paths of firmware.
    #[xml(child = "value")]
    pub values: Vec<ChoiceValue>,
    /// Values of what is in the element, by name.
    #[xml(child, key = "@name", unordered)]
    pub lists: Vec<Choice>,
}

/// The values that there are for one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "enum")]
pub struct Choice {
    /// What it is, `bus`.
    #[xml(attr)]
    pub name: String,
    /// The values, in libvirt's order.
    #[xml(child)]
    pub values: Vec<ChoiceValue>,
}

/// One value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "value")]
pub struct ChoiceValue {
    /// As a definition spells it.
    #[xml(text)]
    pub text: String,
}

/// Firmware.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "os", tag = "supported")]
pub enum OsCapabilities {
    /// It cannot be chosen.
    #[default]
    No,
    /// It can.
    Yes(OsChoices),
}

/// What there is of firmware.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct OsChoices {
    /// Its kinds that libvirt can find by itself (`firmware`).
    #[xml(child, key = "@name", unordered)]
    pub lists: Vec<Choice>,
    /// Which features it can have, `secureBoot`. Since 12.1.
    #[xml(child = "firmwareFeatures")]
    pub firmware_features: Option<Capability>,
    /// Images that a definition names.
    #[xml(child = "loader")]
    pub loader: Option<Capability>,
    /// A store of UEFI's variables outside of the firmware's image. Since 12.1.
    #[xml(child = "varstore")]
    pub varstore: Option<Capability>,
}

/// For each kind of device whether guests can have it, and the values of its main attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "devices", spread)]
pub struct DeviceCapabilities {
    /// Whether guests can have disks; with their buses, models and kinds of device.
    #[xml(child = "disk")]
    pub disk: Option<Capability>,
    /// Displays.
    #[xml(child = "graphics")]
    pub graphics: Option<Capability>,
    /// Graphics cards. Since 3.5.
    #[xml(child = "video")]
    pub video: Option<Capability>,
    /// Devices of the host.
    #[xml(child = "hostdev")]
    pub hostdev: Option<Capability>,
    /// Random number generators. Since 7.2.
    #[xml(child = "rng")]
    pub rng: Option<Capability>,
    /// Shared directories. Since 7.2.
    #[xml(child = "filesystem")]
    pub filesystem: Option<Capability>,
    /// TPMs. Since 8.0.
    #[xml(child = "tpm")]
    pub tpm: Option<Capability>,
    /// Redirected devices. Since 8.7.
    #[xml(child = "redirdev")]
    pub redirdev: Option<Capability>,
    /// Channels to the guest. Since 8.9.
    #[xml(child = "channel")]
    pub channel: Option<Capability>,
    /// Cryptographic devices. Since 9.0.
    #[xml(child = "crypto")]
    pub crypto: Option<Capability>,
    /// Network cards. Since 9.2.
    #[xml(child = "interface")]
    pub interface: Option<Capability>,
    /// Devices that tell of a guest's panic. Since 10.1.
    #[xml(child = "panic")]
    pub panic: Option<Capability>,
    /// Serial and other consoles. Since 11.0.
    #[xml(child = "console")]
    pub console: Option<Capability>,
}

impl Capability {
    /// Supported where `holds`, with nothing to choose from.
    #[must_use]
    pub fn from_bool(holds: bool) -> Self {
        if holds { Self::Yes(Choices::default()) } else { Self::No }
    }

    /// Supported, with lists of values by their names.
    pub fn with<'a>(lists: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>) -> Self {
        let lists = lists.into_iter().map(|(name, values)| Choice::new(name, values)).collect();
        Self::Yes(Choices { values: Vec::new(), lists })
    }

    /// Whether it is supported at all.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        matches!(self, Self::Yes(_))
    }

    /// Whether `value` is among those of the list called `name`.
    #[must_use]
    pub fn offers<T: Value>(&self, name: &str, value: &T) -> bool {
        let Self::Yes(choices) = self else { return false };
        let mut text = String::new();
        value.format(&mut text);
        let list = choices.lists.iter().find(|list| list.name == name);
        list.is_some_and(|list| list.values.iter().any(|value| value.text == text))
    }
}

impl Choice {
    /// A list called `name`.
    pub fn new<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values = values.into_iter().map(|text| ChoiceValue { text: text.to_owned() }).collect();
        Self { name: name.to_owned(), values }
    }
}
