//! What QEMU, or this binary of it, cannot run: one file for each family of things that a document describes.

mod character;
mod clock;
mod controller;
mod cpu;
mod disk;
mod display;
mod domain;
mod features;
mod filesystem;
mod hostdev;
mod info;
mod input;
mod interface;
mod memory;
mod pci_controller;
mod sound;
mod storage;
mod tpm;
mod watchdog;

pub(crate) use storage::check_disk_format;

use virt_conf::domain::DeviceRef;
use virt_conf::model::{Domain, Graphics, MemoryAccess};
use virt_conf::xml::Within;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{QemuHooks, unsupported};
use crate::caps::Flag;
use crate::model::numa_cells;

/// "XML error: .."
pub(super) fn wrong(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::QEMU, detail)
}

/// "internal error: .."
pub(super) fn internal(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::QEMU, detail)
}

/// "unsupported configuration: .." about what is at `way`, where `fault` holds.
fn refuse_if<S: AsRef<str>>(fault: bool, way: &str, sentence: impl FnOnce() -> S) -> Result<()> {
    if fault { Err(unsupported(sentence()).within(way)) } else { Ok(()) }
}

/// "unsupported configuration: .." with the way and the sentence of the first fault that holds.
fn first_fault(faults: &[(bool, &str, &str)]) -> Result<()> {
    match faults.iter().find(|(fault, ..)| *fault) {
        Some((_, way, sentence)) => Err(unsupported(sentence).within(way)),
        None => Ok(()),
    }
}

impl QemuHooks<'_> {
    /// Whether something is asked for that this binary does not have.
    fn lacks(&self, asked: bool, flag: Flag) -> bool {
        asked && !self.has(flag)
    }

    /// Checks one device.
    pub(super) fn check_device(&self, device: DeviceRef<'_>, domain: &Domain) -> Result<()> {
        self.check_info(device, domain)?;
        match device {
            DeviceRef::Interface(interface) => self.check_interface(interface, domain),
            DeviceRef::Serial(serial) => self.check_serial(serial, domain),
            DeviceRef::Parallel(parallel) => self.check_parallel(parallel, domain),
            DeviceRef::Channel(channel) => self.check_source(&channel.source, domain),
            DeviceRef::Console(console) => self.check_source(&console.source, domain),
            DeviceRef::Smartcard(card) => self.check_smartcard(card, domain),
            DeviceRef::Rng(rng) => self.check_rng(rng, domain),
            DeviceRef::RedirectedDevice(device) => self.check_redirected(device, domain),
            DeviceRef::Watchdog(watchdog) => self.check_watchdog(watchdog, domain),
            DeviceRef::Hostdev(hostdev) => self.check_hostdev(hostdev, domain),
            DeviceRef::Video(video) => self.check_video(video, domain),
            DeviceRef::Disk(disk) => self.check_disk(disk, domain),
            DeviceRef::Controller(controller) => self.check_controller(controller, domain),
            DeviceRef::Vsock(_) => refuse_if(
                !self.has(Flag::VhostVsock),
                "@model",
                || "vsock device is not supported with this QEMU binary",
            ),
            DeviceRef::Tpm(tpm) => self.check_tpm(tpm, domain),
            DeviceRef::Graphics(graphics) => self.check_graphics(graphics, domain),
            DeviceRef::Input(input) => self.check_input(input, domain),
            DeviceRef::MemoryBalloon(balloon) => self.check_balloon(balloon),
            DeviceRef::Iommu(iommu) => self.check_iommu(iommu, domain),
            DeviceRef::Filesystem(filesystem) => self.check_filesystem(filesystem, domain),
            DeviceRef::Nvram(nvram) => self.check_nvram(nvram, domain),
            DeviceRef::Hub(_) => {
                refuse_if(!self.has(Flag::UsbHub), "@type", || "usb-hub not supported by QEMU binary")
            }
            DeviceRef::Sound(sound) => self.check_sound(sound),
            DeviceRef::Memory(memory) => self.check_memory_device(memory, domain),
            DeviceRef::SharedMemory(memory) => self.check_shared_memory(memory),
            DeviceRef::Audio(audio) => self.check_audio(audio, domain),
            DeviceRef::Crypto(crypto) => self.check_crypto(crypto),
            DeviceRef::PersistentStore(store) => self.check_pstore(store),
            _ => Ok(()),
        }
    }
}

/// What another process serves must see the guest's memory; `name` calls it.
fn require_shared_memory(domain: &Domain, name: &str) -> Result<()> {
    let shared = |access: Option<MemoryAccess>| access == Some(MemoryAccess::Shared);
    let everywhere = domain.memory_backing.access;
    let cells = numa_cells(domain);
    let seen = if cells.is_empty() {
        shared(everywhere)
    } else {
        cells.iter().all(|cell| shared(cell.mem_access.or(everywhere)))
    };
    if seen { Ok(()) } else { Err(unsupported(format!("'{name}' requires shared memory"))) }
}

/// Whether somebody looks at the guest over SPICE.
fn has_spice(domain: &Domain) -> bool {
    domain.devices.graphics.iter().any(|graphics| matches!(graphics, Graphics::Spice(_)))
}
