//! `<rng>`, `<crypto>`, `<vsock>`: small virtio devices.

use super::{CharLog, CharSource, DeviceInfo, VirtioDriver, VirtioModel};
use crate::xml::{Reader, Result, Value, Xml, XmlValue};

/// A source of random numbers for the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "rng", before_read = Rng::check)]
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

impl Rng {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        // A model that is missing, or that there is not, is the first thing to complain about.
        let known = reader.attr_text("model").is_some_and(|text| VirtioModel::parse(text).is_ok());
        if known && reader.all("backend").count() != 1 {
            return Err(reader.refuse("only one RNG backend is supported"));
        }
        Ok(())
    }
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
#[xml(before_read = EgdRng::check)]
pub struct EgdRng {
    /// How the daemon is reached.
    #[xml(flatten)]
    pub source: CharSource,
    /// A copy of what is said.
    #[xml(child, read_if = CharLog::is_kept)]
    pub log: Option<CharLog>,
}

impl EgdRng {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.attr_text("type") {
            None => Err(reader.refuse("missing EGD backend type")),
            Some(kind) if !CharSource::KINDS.contains(&kind) => {
                Err(reader.unsupported(format!("unknown backend type '{kind}' for egd")))
            }
            Some(_) => Ok(()),
        }
    }
}

/// A cryptographic accelerator of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "crypto", before_read = Crypto::check)]
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

impl Crypto {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        // What is missing of itself is the first thing to complain about.
        let said = ["model", "type"].into_iter().all(|name| reader.attr_text(name).is_some());
        if said && reader.all("backend").count() != 1 {
            return Err(reader.refuse("only one crypto backend is supported"));
        }
        Ok(())
    }
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
