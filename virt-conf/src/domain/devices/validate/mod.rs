//! Checks of devices that need no hypervisor: first each device alone, then all of them together.

mod character;
mod controller;
mod disk;
mod display;
mod hostdev;
mod interface;
mod memory;
mod misc;
mod together;

use crate::domain::way::{Way, each};
use crate::domain::{DeviceRef, DomainHooks};
use crate::model::{DeviceAddress, DeviceSecurityLabel, Devices, Domain, Switch, VirtioOptions};
use crate::xml::{Error, ErrorCode, ErrorDomain, ParseOptions, Result, Within};

impl Devices {
    /// Visits every device, in the order in which libvirt checks them; an error names the device.
    fn try_each(&self, visit: &mut dyn FnMut(DeviceRef<'_>, bool) -> Result<()>) -> Result<()> {
        macro_rules! visit {
            ($($field:ident $kind:ident;)*) => {$(
                each(&self.$field, |device| visit(DeviceRef::$kind(device), device.is_host_device()))?;
            )*};
        }
        visit! {
            disks Disk;
            interfaces Interface;
            sounds Sound;
            hostdevs Hostdev;
            filesystems Filesystem;
            controllers Controller;
            smartcards Smartcard;
            serials Serial;
            parallels Parallel;
            channels Channel;
            consoles Console;
            inputs Input;
            memballoon MemoryBalloon;
            watchdogs Watchdog;
            nvram Nvram;
            hubs Hub;
            rngs Rng;
            redirected RedirectedDevice;
            videos Video;
            shared_memories SharedMemory;
            memories Memory;
            cryptos Crypto;
            tpms Tpm;
            panics Panic;
            iommus Iommu;
            vsock Vsock;
            pstore PersistentStore;
            graphics Graphics;
            audios Audio;
        }
        Ok(())
    }
}

impl Domain {
    /// Checks each device: what libvirt checks for any hypervisor, then what `hooks` add.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence about the first fault.
    pub(in crate::domain) fn validate_devices(
        &self,
        options: &ParseOptions,
        hooks: &dyn DomainHooks,
    ) -> Result<()> {
        self.devices.try_each(&mut |device, of_host| {
            let address = device.info().and_then(|info| info.address.as_ref());
            refuse_if(matches!(address, Some(DeviceAddress::Unassigned)) && !of_host, || {
                unsupported("address of type 'unassigned' is supported only for hostdevs")
                    .within("address/@type")
            })?;
            self.validate_device(device)?;
            hooks.validate_device(device, self, options)
        })
    }

    fn validate_device(&self, device: DeviceRef<'_>) -> Result<()> {
        match device {
            DeviceRef::Disk(disk) => self.validate_disk(disk),
            DeviceRef::Interface(interface) => interface::validate(interface),
            DeviceRef::Sound(sound) => self.require_audio(sound.audio),
            DeviceRef::Hostdev(hostdev) => hostdev::validate(hostdev),
            DeviceRef::Filesystem(filesystem) => self.validate_filesystem(filesystem),
            DeviceRef::Controller(controller) => controller::validate(controller),
            DeviceRef::Smartcard(card) => self.validate_smartcard(card),
            DeviceRef::Serial(serial) => self.validate_source(&serial.source, false),
            DeviceRef::Parallel(parallel) => self.validate_source(&parallel.source, false),
            DeviceRef::Channel(channel) => self.validate_channel(channel),
            DeviceRef::Console(console) => self.validate_source(&console.source, false),
            DeviceRef::Input(input) => self.validate_input(input),
            DeviceRef::Rng(rng) => self.validate_rng(rng),
            DeviceRef::RedirectedDevice(device) => self.validate_redirected(device),
            DeviceRef::Video(video) => self.validate_video(video),
            DeviceRef::SharedMemory(memory) => misc::validate_shared_memory(memory),
            DeviceRef::Memory(memory) => self.validate_memory(memory),
            DeviceRef::Tpm(tpm) => misc::validate_tpm(tpm),
            DeviceRef::Vsock(vsock) => misc::validate_vsock(vsock),
            DeviceRef::Iommu(iommu) => misc::validate_iommu(iommu),
            DeviceRef::PersistentStore(store) => misc::validate_pstore(store),
            DeviceRef::Graphics(graphics) => self.validate_graphics(graphics),
            DeviceRef::Audio(audio) => self.validate_audio(audio),
            DeviceRef::MemoryBalloon(_)
            | DeviceRef::Watchdog(_)
            | DeviceRef::Nvram(_)
            | DeviceRef::Hub(_)
            | DeviceRef::Crypto(_)
            | DeviceRef::Panic(_) => Ok(()),
        }
    }

    /// Labels of a device's own say nothing where the guest's are not to be changed.
    fn validate_labels(&self, labels: &[DeviceSecurityLabel]) -> Result<()> {
        let fixed = |label: &DeviceSecurityLabel| {
            let mut guests = self.seclabels.iter().filter(|guests| guests.model == label.model);
            guests.any(|guests| guests.relabel != Some(true))
        };
        refuse_if(labels.iter().any(fixed), || {
            unsupported("label overrides require relabeling to be enabled at the domain level")
                .within("source/seclabel")
        })
    }
}

/// "unsupported configuration: .."
fn unsupported(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::DOMAIN, detail)
}

/// "XML error: .."
fn wrong(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, detail)
}

/// "internal error: .."
fn internal(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::DOMAIN, detail)
}

/// A sentence that stands alone.
fn detail(text: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_DETAIL, ErrorDomain::DOMAIN, text)
}

/// `Err(error())` where `fault` holds.
fn refuse_if(fault: bool, error: impl FnOnce() -> Error) -> Result<()> {
    if fault { Err(error()) } else { Ok(()) }
}

/// Options of virtio on a device that is none.
fn refuse_virtio_options(options: &VirtioOptions) -> Result<()> {
    let set = |option: Option<Switch>| option.is_some();
    let faults = [
        (set(options.iommu), "driver/@iommu", "iommu driver option is only supported for virtio devices"),
        (set(options.ats), "driver/@ats", "ats driver option is only supported for virtio devices"),
        (set(options.packed), "driver/@packed", "packed driver option is only supported for virtio devices"),
        (
            set(options.page_per_vq),
            "driver/@page_per_vq",
            "page_per_vq option is only supported for virtio devices",
        ),
    ];
    first_fault(&faults)
}

/// "unsupported configuration" with the way and the sentence of the first fault that holds.
fn first_fault(faults: &[(bool, &str, &str)]) -> Result<()> {
    match faults.iter().find(|(fault, ..)| *fault) {
        Some((_, way, sentence)) => Err(unsupported(sentence).within(way)),
        None => Ok(()),
    }
}
