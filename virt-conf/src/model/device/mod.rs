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
mod iommu;
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
pub use iommu::*;
pub use memory::*;
pub use rng::*;
pub use small::*;
pub use smartcard::*;
pub use sound::*;
pub use tpm::*;
pub use video::*;

use crate::xml::{Element as _, Reader, Result, Xml};

/// The devices of a guest, each kind in the order in which libvirt writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "devices", keep_open, before_read = Devices::check)]
pub struct Devices {
    /// The program that runs the guest, an absolute path; by default the driver chooses one.
    #[xml(child_text)]
    pub emulator: Option<String>,
    /// Disks, floppies and compact discs.
    #[xml(child, key = "target/@dev")]
    pub disks: Vec<Disk>,
    /// Controllers that other devices are plugged into.
    #[xml(child, key = "@type @index")]
    pub controllers: Vec<Controller>,
    /// Leases of a lock manager.
    #[xml(child, key = "lockspace key")]
    pub leases: Vec<Lease>,
    /// File systems of the host.
    #[xml(child, key = "target/@dir")]
    pub filesystems: Vec<Filesystem>,
    /// Network interfaces.
    #[xml(child, key = "mac/@address")]
    pub interfaces: Vec<Interface>,
    /// Smart card readers.
    #[xml(child)]
    pub smartcards: Vec<Smartcard>,
    /// Serial ports.
    #[xml(child, key = "target/@port")]
    pub serials: Vec<Serial>,
    /// Parallel ports.
    #[xml(child, key = "target/@port")]
    pub parallels: Vec<Parallel>,
    /// Consoles of any kind; the first may stand for the first serial port.
    #[xml(child, key = "target/@port")]
    pub consoles: Vec<Console>,
    /// Private channels between host and guest.
    #[xml(child, key = "target/@name")]
    pub channels: Vec<Channel>,
    /// Keyboards, mice, tablets.
    #[xml(child)]
    pub inputs: Vec<Input>,
    /// Trusted platform modules.
    #[xml(child, read_after = cryptos)]
    pub tpms: Vec<Tpm>,
    /// Ways to look at the guest's display.
    #[xml(child, key = "@type")]
    pub graphics: Vec<Graphics>,
    /// Sound cards.
    #[xml(child)]
    pub sounds: Vec<Sound>,
    /// Audio backends of the host.
    #[xml(child, key = "@id")]
    pub audios: Vec<Audio>,
    /// Graphics cards.
    #[xml(child)]
    pub videos: Vec<Video>,
    /// Devices of the host.
    #[xml(child)]
    pub hostdevs: Vec<Hostdev>,
    /// USB ports for devices of whoever looks at the guest.
    #[xml(child, read_after = hubs)]
    pub redirected: Vec<RedirectedDevice>,
    /// Which devices may be plugged into those.
    #[xml(child, read_after = redirected)]
    pub redirection_filter: Option<RedirectionFilter>,
    /// USB hubs, in the order of the document.
    #[xml(child, read_after = nvram)]
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
    #[xml(child, read_after = rngs)]
    pub cryptos: Vec<Crypto>,
    /// What maps the guest's own devices to its memory: one, or several of ARM's (since 11.10); none: nothing does.
    #[xml(child)]
    pub iommus: Vec<Iommu>,
    /// Sockets between host and guest.
    #[xml(child)]
    pub vsock: Option<Vsock>,
    /// Storage for last words.
    #[xml(child)]
    pub pstore: Option<PersistentStore>,
}

impl Devices {
    /// Takes the devices of another `<devices>` of the same guest, behind its own.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.disks.append(&mut other.disks);
        self.controllers.append(&mut other.controllers);
        self.leases.append(&mut other.leases);
        self.filesystems.append(&mut other.filesystems);
        self.interfaces.append(&mut other.interfaces);
        self.smartcards.append(&mut other.smartcards);
        self.serials.append(&mut other.serials);
        self.parallels.append(&mut other.parallels);
        self.consoles.append(&mut other.consoles);
        self.channels.append(&mut other.channels);
        self.inputs.append(&mut other.inputs);
        self.tpms.append(&mut other.tpms);
        self.graphics.append(&mut other.graphics);
        self.sounds.append(&mut other.sounds);
        self.audios.append(&mut other.audios);
        self.videos.append(&mut other.videos);
        self.hostdevs.append(&mut other.hostdevs);
        self.redirected.append(&mut other.redirected);
        self.hubs.append(&mut other.hubs);
        self.watchdogs.append(&mut other.watchdogs);
        self.rngs.append(&mut other.rngs);
        self.panics.append(&mut other.panics);
        self.shared_memories.append(&mut other.shared_memories);
        self.memories.append(&mut other.memories);
        self.cryptos.append(&mut other.cryptos);
        self.iommus.append(&mut other.iommus);
        self.emulator = self.emulator.take().or(other.emulator);
        self.redirection_filter = self.redirection_filter.take().or(other.redirection_filter);
        self.memballoon = self.memballoon.take().or(other.memballoon);
        self.nvram = self.nvram.take().or(other.nvram);
        self.vsock = self.vsock.take().or(other.vsock);
        self.pstore = self.pstore.take().or(other.pstore);
    }

    /// Of some devices a guest has one at most, in all its `<devices>` together.
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let guest = reader.parent().filter(|guest| guest.all(Self::NAME).nth(1).is_some());
        let count = |name| match guest {
            Some(guest) => guest.all(Self::NAME).map(|devices| devices.all(name).count()).sum(),
            None => reader.all(name).count(),
        };
        let several = |name| count(name) > 1;
        let internal = [
            ("memballoon", "only a single memory balloon device is supported"),
            ("nvram", "only a single nvram device is supported"),
            ("redirfilter", "only one set of redirection filter rule is supported"),
        ];
        if let Some((_, sentence)) = internal.iter().find(|(name, _)| several(*name)) {
            return Err(reader.internal(sentence));
        }
        // ARM's serve one PCI bus each.
        let serves_all = |devices: &Reader<'_, '_>| {
            devices.all(Iommu::NAME).any(|iommu| iommu.attr_text("model") != Some("smmuv3"))
        };
        let one_for_all = match reader.parent() {
            Some(guest) => guest.all(Self::NAME).any(|devices| serves_all(&devices)),
            None => serves_all(reader),
        };
        if several(Iommu::NAME) && one_for_all {
            return Err(reader.refuse("only a single IOMMU device is supported"));
        }
        let refused = [
            ("vsock", "only a single vsock device is supported"),
            ("pstore", "only a single pstore device is supported"),
        ];
        if let Some((_, sentence)) = refused.iter().find(|(name, _)| several(*name)) {
            return Err(reader.refuse(sentence));
        }
        if count("tpm") > 2 {
            return Err(reader
                .refuse("a maximum of two TPM devices is supported, one of them being a TPM Proxy device"));
        }
        Ok(())
    }
}
