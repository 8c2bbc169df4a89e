//! `<devices>`: one file per kind of device.

mod address;
mod audio;
mod chardev;
mod controller;
mod disk;
mod filesystem;
mod graphics;
mod hostdev;
mod info;
mod input;
mod interface;
mod memory;
mod rng;
mod small;
mod smartcard;
mod sound;
mod tpm;
mod video;

pub use address::*;
pub use audio::*;
pub use chardev::*;
pub use controller::*;
pub use disk::*;
pub use filesystem::*;
pub use graphics::*;
pub use hostdev::*;
pub use info::*;
pub use input::*;
pub use interface::*;
pub use memory::*;
pub use rng::*;
pub use small::*;
pub use smartcard::*;
pub use sound::*;
pub use tpm::*;
pub use video::*;

use crate::xml::{Reader, Result, Xml};

/// The devices of a guest, each kind in the order in which libvirt writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "devices", keep_open, before_read = Devices::check)]
pub struct Devices {
    /// The program that runs the guest, an absolute path; by default the driver chooses one.
    #[xml(child_text)]
    pub emulator: Option<String>,
    /// Disks, floppies and compact discs.
    #[xml(child)]
    pub disks: Vec<Disk>,
    /// Controllers that other devices are plugged into.
    #[xml(child)]
    pub controllers: Vec<Controller>,
    /// Leases of a lock manager.
    #[xml(child)]
    pub leases: Vec<Lease>,
    /// File systems of the host.
    #[xml(child)]
    pub filesystems: Vec<Filesystem>,
    /// Network interfaces.
    #[xml(child)]
    pub interfaces: Vec<Interface>,
    /// Smart card readers.
    #[xml(child)]
    pub smartcards: Vec<Smartcard>,
    /// Serial ports.
    #[xml(child)]
    pub serials: Vec<Serial>,
    /// Parallel ports.
    #[xml(child)]
    pub parallels: Vec<Parallel>,
    /// Consoles of any kind; the first may stand for the first serial port.
    #[xml(child)]
    pub consoles: Vec<Console>,
    /// Private channels between host and guest.
    #[xml(child)]
    pub channels: Vec<Channel>,
    /// Keyboards, mice, tablets.
    #[xml(child)]
    pub inputs: Vec<Input>,
    /// Trusted platform modules.
    #[xml(child)]
    pub tpms: Vec<Tpm>,
    /// Ways to look at the guest's display.
    #[xml(child)]
    pub graphics: Vec<Graphics>,
    /// Sound cards.
    #[xml(child)]
    pub sounds: Vec<Sound>,
    /// Audio backends of the host.
    #[xml(child)]
    pub audios: Vec<Audio>,
    /// Graphics cards.
    #[xml(child)]
    pub videos: Vec<Video>,
    /// Devices of the host.
    #[xml(child)]
    pub hostdevs: Vec<Hostdev>,
    /// USB ports for devices of whoever looks at the guest.
    #[xml(child)]
    pub redirected: Vec<RedirectedDevice>,
    /// Which devices may be plugged into those.
    #[xml(child)]
    pub redirection_filter: Option<RedirectionFilter>,
    /// USB hubs, in the order of the document.
    #[xml(child)]
    pub hubs: Vec<Hub>,
    /// What resets the guest when it hangs; x86 machines may have several.
    #[xml(child)]
    pub watchdogs: Vec<Watchdog>,
    /// The memory balloon; absent: the hypervisor's driver adds one where the guest can have it.
    #[xml(child)]
    pub memballoon: Option<MemoryBalloon>,
    /// Sources of random numbers.
    #[xml(child)]
    pub rngs: Vec<Rng>,
    /// pSeries' non-volatile memory.
    #[xml(child)]
    pub nvram: Option<NvramDevice>,
    /// Panic devices.
    #[xml(child)]
    pub panics: Vec<Panic>,
    /// Memory shared with other guests.
    #[xml(child)]
    pub shared_memories: Vec<SharedMemory>,
    /// Memory that is plugged into the guest.
    #[xml(child)]
    pub memories: Vec<MemoryDevice>,
    /// Cryptographic accelerators.
    #[xml(child)]
    pub cryptos: Vec<Crypto>,
    /// What maps the guest's own devices to its memory; absent: nothing does.
    #[xml(child)]
    pub iommu: Option<Iommu>,
    /// Sockets between host and guest.
    #[xml(child)]
    pub vsock: Option<Vsock>,
    /// Storage for last words.
    #[xml(child)]
    pub pstore: Option<PersistentStore>,
}

impl Devices {
    /// Of some devices a guest has one at most.
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let several = |name| reader.all(name).count() > 1;
        let internal = [
            ("memballoon", "only a single memory balloon device is supported"),
            ("nvram", "only a single nvram device is supported"),
            ("redirfilter", "only one set of redirection filter rule is supported"),
        ];
        if let Some((_, sentence)) = internal.iter().find(|(name, _)| several(*name)) {
            return Err(reader.internal(sentence));
        }
        let refused = [
            ("iommu", "only a single IOMMU device is supported"),
            ("vsock", "only a single vsock device is supported"),
            ("pstore", "only a single pstore device is supported"),
        ];
        if let Some((_, sentence)) = refused.iter().find(|(name, _)| several(*name)) {
            return Err(reader.refuse(sentence));
        }
        if reader.all("tpm").count() > 2 {
            return Err(reader
                .refuse("a maximum of two TPM devices is supported, one of them being a TPM Proxy device"));
        }
        Ok(())
    }
}
