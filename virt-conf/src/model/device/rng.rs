//! `<rng>`, `<crypto>`, `<vsock>`, `<iommu>`: small virtio devices, and the IOMMU.

use super::{CharLog, CharSource, DeviceInfo, VirtioDriver, VirtioModel};
use crate::model::Switch;
use crate::xml::{Xml, XmlValue};

/// A source of random numbers for the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "rng")]
pub struct Rng {
    /// Which generation of virtio.
    #[xml(attr)]
    pub model: VirtioModel,
    /// How much the guest may take.
    #[xml(child)]
    pub rate: Option<RngRate>,
    /// Where the numbers come from.
    #[xml(child)]
    pub backend: RngBackend,
    /// Tuning of the virtio transport.
    #[xml(child, default)]
    pub driver: VirtioDriver,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// How much the guest may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "rate")]
pub struct RngRate {
    /// Bytes in a period.
    #[xml(attr)]
    pub bytes: u32,
    /// Length of a period in milliseconds; 0: a second.
    #[xml(attr, omit)]
    pub period: u32,
}

/// Where random numbers come from.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "backend", tag = "model")]
pub enum RngBackend {
    /// A file of the host.
    Random(RandomRng),
    /// An entropy daemon.
    Egd(Box<EgdRng>),
    /// The emulator.
    Builtin,
}

/// `model='random'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct RandomRng {
    /// Path of the file; default: the hypervisor's, usually `/dev/random`.
    #[xml(text)]
    pub path: String,
}

/// `model='egd'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct EgdRng {
    /// How the daemon is reached.
    #[xml(flatten)]
    pub source: CharSource,
    /// A copy of what is said.
    #[xml(child)]
    pub log: Option<CharLog>,
}

/// A cryptographic accelerator of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "crypto")]
pub struct Crypto {
    /// How the guest sees it.
    #[xml(attr)]
    pub model: CryptoModel,
    /// Who computes.
    #[xml(attr = "type")]
    pub kind: CryptoType,
    /// With what it computes.
    #[xml(child)]
    pub backend: CryptoBackend,
    /// Tuning of the virtio transport.
    #[xml(child, default)]
    pub driver: VirtioDriver,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// How the guest sees an accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum CryptoModel {
    /// virtio.
    Virtio,
}

/// Who computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum CryptoType {
    /// The emulator.
    Qemu,
}

/// With what an accelerator computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "backend", tag = "model")]
pub enum CryptoBackend {
    /// The emulator's own code.
    Builtin(CryptoQueues),
    /// The kernel's key service.
    Lkcf(CryptoQueues),
}

/// Queues of an accelerator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
pub struct CryptoQueues {
    /// Number of queues; 0: one.
    #[xml(attr, omit)]
    pub queues: u32,
}

/// Sockets between host and guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "vsock", keep_empty)]
pub struct Vsock {
    /// Which generation of virtio; default: what suits the machine.
    #[xml(attr)]
    pub model: Option<VirtioModel>,
    /// The guest's address.
    #[xml(child, default)]
    pub cid: VsockCid,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
    /// Tuning of the virtio transport.
    #[xml(child, default)]
    pub driver: VirtioDriver,
}

/// The guest's address among sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cid")]
pub struct VsockCid {
    /// Whether the address is assigned at start; default: when none is given.
    #[xml(attr)]
    pub auto: Option<bool>,
    /// Context identifier, from 3; 0: none yet.
    #[xml(attr, omit)]
    pub address: u32,
}

/// The guest's IOMMU.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "iommu")]
pub struct Iommu {
    /// Which one.
    #[xml(attr)]
    pub model: IommuModel,
    /// What it can do.
    #[xml(child, default)]
    pub driver: IommuDriver,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// Which IOMMU the guest sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum IommuModel {
    /// Intel VT-d.
    Intel,
    /// ARM SMMUv3.
    Smmuv3,
    /// virtio.
    Virtio,
}

/// What an IOMMU can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "driver")]
pub struct IommuDriver {
    /// Intel: whether interrupts are remapped; default: off.
    #[xml(attr)]
    pub intremap: Option<Switch>,
    /// Intel: whether translations of assigned devices are tracked; default: off.
    #[xml(attr = "caching_mode")]
    pub caching_mode: Option<Switch>,
    /// Intel: whether interrupts reach more than 255 CPUs; default: the hypervisor's choice.
    #[xml(attr)]
    pub eim: Option<Switch>,
    /// Intel: whether devices may cache translations; default: off.
    #[xml(attr)]
    pub iotlb: Option<Switch>,
    /// Intel: bits of an I/O address, 39 or 48; 0: the hypervisor's choice.
    #[xml(attr = "aw_bits", omit)]
    pub aw_bits: u32,
    /// Intel: whether memory accesses are translated; default: on. Since libvirt 10.7.
    #[xml(attr = "dma_translation")]
    pub dma_translation: Option<Switch>,
}
