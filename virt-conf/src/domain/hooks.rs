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

/// What a device of that model has in common with every other; some have nothing.
macro_rules! info_of {
    ($device:ident) => {{
        let _ = $device;
        None
    }};
    ($device:ident info) => {
        Some(&$device.info)
    };
}

/// Every kind of device: the element, its model, and `info` where it has what every device has.
macro_rules! kinds {
    ($($element:literal $kind:ident $model:ident $($info:ident)?;)*) => {
        /// One device, of any kind, to be filled in.
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum DeviceMut<'a> {
            $(#[doc = concat!("`<", $element, ">`")] $kind(&'a mut $model),)*
        }

        /// One device, of any kind, to be looked at.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum DeviceRef<'a> {
            $(#[doc = concat!("`<", $element, ">`")] $kind(&'a $model),)*
        }

        impl<'a> DeviceRef<'a> {
            /// Alias, boot order, option ROM and address; audio backends and displays have none.
            #[must_use]
            pub fn info(self) -> Option<&'a DeviceInfo> {
                match self {
                    $(Self::$kind(device) => info_of!(device $($info)?),)*
                }
            }
        }
    };
}

kinds! {
    "interface" Interface Interface info;
    "disk" Disk Disk info;
    "sound" Sound Sound info;
    "hostdev" Hostdev Hostdev info;
    "filesystem" Filesystem Filesystem info;
    "controller" Controller Controller info;
    "smartcard" Smartcard Smartcard info;
    "serial" Serial Serial info;
    "parallel" Parallel Parallel info;
    "channel" Channel Channel info;
    "console" Console Console info;
    "input" Input Input info;
    "memballoon" MemoryBalloon MemoryBalloon info;
    "watchdog" Watchdog Watchdog info;
    "rng" Rng Rng info;
    "nvram" Nvram NvramDevice info;
    "hub" Hub Hub info;
    "redirdev" RedirectedDevice RedirectedDevice info;
    "shmem" SharedMemory SharedMemory info;
    "memory" Memory MemoryDevice info;
    "crypto" Crypto Crypto info;
    "panic" Panic Panic info;
    "tpm" Tpm Tpm info;
    "vsock" Vsock Vsock info;
    "pstore" PersistentStore PersistentStore info;
    "iommu" Iommu Iommu info;
    "video" Video Video info;
    "graphics" Graphics Graphics;
    "audio" Audio Audio;
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

    /// The security driver that labels guests which name none; `none` where none is in use.
    fn default_security_model(&self) -> Option<&str> {
        None
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

    /// Checks the domain as a whole, before anything neutral is checked.
    ///
    /// # Errors
    ///
    /// When the hypervisor cannot run it.
    fn validate(&self, _domain: &Domain, _options: &ParseOptions) -> Result<()> {
        Ok(())
    }

    /// Checks one device of `domain`, after what is neutral about it was checked.
    ///
    /// # Errors
    ///
    /// When the hypervisor cannot give it to a guest.
    fn validate_device(
        &self,
        _device: DeviceRef<'_>,
        _domain: &Domain,
        _options: &ParseOptions,
    ) -> Result<()> {
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
