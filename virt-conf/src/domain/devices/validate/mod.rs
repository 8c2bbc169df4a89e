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

use crate::domain::DomainHooks;
use crate::model::{Domain, Switch, VirtioOptions};
use crate::xml::{Error, ErrorCode, ErrorDomain, Result};

impl Domain {
    /// Checks what libvirt checks for any hypervisor.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence about the first fault.
    pub(in crate::domain) fn validate_devices(&self, _: &dyn DomainHooks) -> Result<()> {
        let devices = &self.devices;
        self.check_places()?;
        for disk in &devices.disks {
            self.validate_disk(disk)?;
        }
        devices.interfaces.iter().try_for_each(interface::validate)?;
        for sound in &devices.sounds {
            self.require_audio(sound.audio)?;
        }
        devices.hostdevs.iter().try_for_each(hostdev::validate)?;
        for filesystem in &devices.filesystems {
            self.validate_filesystem(filesystem)?;
        }
        devices.controllers.iter().try_for_each(controller::validate)?;
        devices.smartcards.iter().try_for_each(character::validate_smartcard)?;
        self.validate_character_devices()?;
        for input in &devices.inputs {
            self.validate_input(input)?;
        }
        devices.rngs.iter().try_for_each(character::validate_rng)?;
        for redirected in &devices.redirected {
            self.validate_redirected(redirected)?;
        }
        devices.shared_memories.iter().try_for_each(misc::validate_shared_memory)?;
        for (at, memory) in devices.memories.iter().enumerate() {
            self.validate_memory(at, memory)?;
        }
        devices.tpms.iter().try_for_each(misc::validate_tpm)?;
        devices.vsock.iter().try_for_each(misc::validate_vsock)?;
        devices.iommu.iter().try_for_each(misc::validate_iommu)?;
        for video in &devices.videos {
            self.validate_video(video)?;
        }
        for graphics in &devices.graphics {
            self.validate_graphics(graphics)?;
        }
        self.validate_audios()?;
        devices.pstore.iter().try_for_each(misc::validate_pstore)?;
        self.validate_together()
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
        (set(options.iommu), "iommu driver option is only supported for virtio devices"),
        (set(options.ats), "ats driver option is only supported for virtio devices"),
        (set(options.packed), "packed driver option is only supported for virtio devices"),
        (set(options.page_per_vq), "page_per_vq option is only supported for virtio devices"),
    ];
    first_fault(&faults)
}

/// "unsupported configuration" with the sentence of the first fault that holds.
fn first_fault(faults: &[(bool, &str)]) -> Result<()> {
    match faults.iter().find(|(fault, _)| *fault) {
        Some((_, sentence)) => Err(unsupported(sentence)),
        None => Ok(()),
    }
}
