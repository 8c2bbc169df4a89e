//! What a hypervisor adds to reading a domain.

use crate::model::*;
use crate::xml::{ParseOptions, Result};

bitflags::bitflags! {
    /// What a hypervisor can do, as far as the neutral steps ask: libvirt's `VIR_DOMAIN_DEF_FEATURE_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Features: u32 {
        /// SCSI buses have 16 units, not 7.
        const WIDE_SCSI = 1 << 0;
        /// Memory devices may be plugged.
        const MEMORY_HOTPLUG = 1 << 1;
        /// CPUs beyond those online may be pinned.
        const OFFLINE_VCPUPIN = 1 << 2;
        /// A name may contain a slash.
        const NAME_SLASH = 1 << 3;
        /// CPUs may be switched one by one.
        const INDIVIDUAL_VCPUS = 1 << 4;
        /// Users may name devices, `ua-` first.
        const USER_ALIAS = 1 << 5;
        /// The driver picks the firmware.
        const FW_AUTOSELECT = 1 << 6;
        /// Any model name of a network card is accepted.
        const NET_MODEL_STRING = 1 << 7;
        /// Disks may be passed as file descriptors.
        const DISK_FD = 1 << 8;
    }
}

/// One device, of any kind.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeviceMut<'a> {
    /// `<interface>`
    Interface(&'a mut Interface),
    /// `<disk>`
    Disk(&'a mut Disk),
    /// `<sound>`
    Sound(&'a mut Sound),
    /// `<hostdev>`
    Hostdev(&'a mut Hostdev),
    /// `<filesystem>`
    Filesystem(&'a mut Filesystem),
    /// `<controller>`
    Controller(&'a mut Controller),
    /// `<smartcard>`
    Smartcard(&'a mut Smartcard),
    /// `<serial>`
    Serial(&'a mut Serial),
    /// `<parallel>`
    Parallel(&'a mut Parallel),
    /// `<channel>`
    Channel(&'a mut Channel),
    /// `<console>`
    Console(&'a mut Console),
    /// `<input>`
    Input(&'a mut Input),
    /// `<memballoon>`
    MemoryBalloon(&'a mut MemoryBalloon),
    /// `<watchdog>`
    Watchdog(&'a mut Watchdog),
    /// `<rng>`
    Rng(&'a mut Rng),
    /// `<nvram>`
    Nvram(&'a mut NvramDevice),
    /// `<hub>`
    Hub(&'a mut Hub),
    /// `<redirdev>`
    RedirectedDevice(&'a mut RedirectedDevice),
    /// `<shmem>`
    SharedMemory(&'a mut SharedMemory),
    /// `<memory>`
    Memory(&'a mut MemoryDevice),
    /// `<crypto>`
    Crypto(&'a mut Crypto),
    /// `<panic>`
    Panic(&'a mut Panic),
    /// `<tpm>`
    Tpm(&'a mut Tpm),
    /// `<vsock>`
    Vsock(&'a mut Vsock),
    /// `<iommu>`
    Iommu(&'a mut Iommu),
    /// `<video>`
    Video(&'a mut Video),
    /// `<graphics>`
    Graphics(&'a mut Graphics),
    /// `<audio>`
    Audio(&'a mut Audio),
}

/// What a hypervisor adds to reading a domain. Every method may be left out.
pub trait DomainHooks {
    /// What the hypervisor can do.
    fn features(&self) -> Features {
        Features::empty()
    }

    /// The architecture that a guest has which names none, in libvirt's spelling; that of this program by default.
    fn host_arch(&self) -> &str {
        match std::env::consts::ARCH {
            "x86" => "i686",
            "arm" => "armv7l",
            "powerpc" => "ppc",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "powerpc64" => "ppc64",
            other => other,
        }
    }

    /// The hypervisors' namespaces whose elements are kept, by prefix; others are dropped, as libvirt drops them.
    fn namespaces(&self) -> &'static [&'static str] {
        &["bhyve", "lxc", "qemu", "vmware", "xen"]
    }

    /// Fills in what must stand before anything else is looked at.
    ///
    /// # Errors
    ///
    /// When the definition cannot be completed.
    fn domain_post_parse_basic(&self, _domain: &mut Domain, _options: &ParseOptions) -> Result<()> {
        Ok(())
    }

    /// Fills in the domain: machine type, implicit devices.
    ///
    /// # Errors
    ///
    /// When the definition cannot be completed.
    fn domain_post_parse(&self, _domain: &mut Domain, _options: &ParseOptions) -> Result<()> {
        Ok(())
    }

    /// Fills in one device. While it runs, `domain` lacks the devices of the same kind.
    ///
    /// # Errors
    ///
    /// When the device cannot be completed.
    fn device_post_parse(
        &self,
        _device: DeviceMut<'_>,
        _domain: &Domain,
        _options: &ParseOptions,
    ) -> Result<()> {
        Ok(())
    }

    /// Gives every device that lacks one an address.
    ///
    /// # Errors
    ///
    /// When addresses collide or run out.
    fn assign_addresses(&self, _domain: &mut Domain, _options: &ParseOptions) -> Result<()> {
        Ok(())
    }

    /// Checks the whole domain.
    ///
    /// # Errors
    ///
    /// When the hypervisor cannot run it.
    fn validate(&self, _domain: &Domain, _options: &ParseOptions) -> Result<()> {
        Ok(())
    }
}

/// No hypervisor: the features that libvirt's own neutral tests switch on, and no additions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Neutral;

impl DomainHooks for Neutral {
    fn features(&self) -> Features {
        Features::MEMORY_HOTPLUG
            | Features::OFFLINE_VCPUPIN
            | Features::NAME_SLASH
            | Features::INDIVIDUAL_VCPUS
            | Features::USER_ALIAS
            | Features::FW_AUTOSELECT
            | Features::NET_MODEL_STRING
            | Features::DISK_FD
    }
}
