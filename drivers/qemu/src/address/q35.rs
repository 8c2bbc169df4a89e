//! Places that the chipsets of PCs keep for their own devices.

use virt_conf::model::{ControllerKind, Domain, PciModel, PciSlot, SoundModel, UsbModel, VideoType};
use virt_util::{Error, ErrorDomain, Result};

use super::Context;
use super::pci::{is_wanted, known, put, root};
use super::pci_set::{Connect, PciSlots};

/// The needs of a device of the chipset.
const BUILT_IN: Connect = Connect::PCI_DEVICE;

fn internal(detail: &str) -> Error {
    Error::internal(ErrorDomain::QEMU, detail)
}

/// PIIX3 in slot 1 with IDE and USB, the primary graphics card in slot 2.
pub(super) fn reserve_i440fx(domain: &mut Domain, _: Context<'_>, slots: &mut PciSlots) -> Result<()> {
    for controller in &mut domain.devices.controllers {
        if controller.index != Some(0) {
            continue;
        }
        match &controller.kind {
            ControllerKind::Ide(_) => {
                if known(&controller.info).is_some_and(|at| at != root(1, 1)) {
                    return Err(internal("Primary IDE controller must have PCI address 0:0:1.1"));
                }
                put(&mut controller.info, root(1, 1));
                slots.reserve(root(1, 1), BUILT_IN, 0, true)?;
            }
            ControllerKind::Usb(usb) if matches!(usb.model, Some(UsbModel::Piix3Uhci) | None) => {
                if known(&controller.info).is_some_and(|at| at != root(1, 2)) {
                    return Err(internal("PIIX3 USB controller at index 0 must have PCI address 0:0:1.2"));
                }
                if is_wanted(&controller.info) || known(&controller.info).is_some() {
                    put(&mut controller.info, root(1, 2));
                    slots.reserve(root(1, 2), BUILT_IN, 0, true)?;
                }
            }
            _ => {}
        }
    }
    // The bridge itself.
    slots.reserve(root(1, 0), BUILT_IN, 0, true)?;
    primary_video(domain, slots, root(2, 0))
}

/// The south bridge in slot 31, USB 2.0, sound and the way to PCI where boards have them.
pub(super) fn reserve_q35(domain: &mut Domain, _: Context<'_>, slots: &mut PciSlots) -> Result<()> {
    let mut usb_places = vec![root(0x1a, 0), root(0x1d, 0)];
    for controller in &mut domain.devices.controllers {
        match &controller.kind {
            ControllerKind::Sata(_) if controller.index == Some(0) => match known(&controller.info) {
                Some(at) if at != root(0x1f, 2) => {
                    return Err(internal("Primary SATA controller must have PCI address 0:0:1f.2"));
                }
                Some(_) => {}
                None => {
                    put(&mut controller.info, root(0x1f, 2));
                    slots.reserve(root(0x1f, 2), BUILT_IN, 0, true)?;
                }
            },
            ControllerKind::Usb(usb)
                if usb.model == Some(UsbModel::Ich9Uhci1) && is_wanted(&controller.info) =>
            {
                while let Some(at) = usb_places.pop() {
                    if slots.is_free_slot(at) {
                        slots.reserve(at, BUILT_IN, 0, true)?;
                        put(&mut controller.info, at);
                        break;
                    }
                }
            }
            ControllerKind::Pci(pci)
                if pci.model == Some(PciModel::DmiToPciBridge) && is_wanted(&controller.info) =>
            {
                let at = root(0x1e, 0);
                if slots.is_free_slot(at) {
                    slots.reserve(at, Connect::DMI_TO_PCI, 0, true)?;
                    put(&mut controller.info, at);
                }
            }
            _ => {}
        }
    }
    // LPC and SMBus.
    for function in [0, 3] {
        let at = root(0x1f, function);
        if !slots.is_used(at) {
            slots.reserve(at, BUILT_IN, 0, true)?;
        }
    }
    for sound in &mut domain.devices.sounds {
        let at = root(0x1b, 0);
        if sound.model == SoundModel::Ich9 && is_wanted(&sound.info) && slots.is_free_slot(at) {
            slots.reserve(at, BUILT_IN, 0, true)?;
            put(&mut sound.info, at);
        }
    }
    primary_video(domain, slots, root(1, 0))
}

/// The primary graphics card, where firmware looks for it.
fn primary_video(domain: &mut Domain, slots: &mut PciSlots, at: PciSlot) -> Result<()> {
    let Some(video) = domain.devices.videos.first_mut() else { return Ok(()) };
    let kind = video.model.as_ref().and_then(|model| model.kind);
    if matches!(kind, None | Some(VideoType::None | VideoType::Ramfb)) || !is_wanted(&video.info) {
        return Ok(());
    }
    if slots.is_free_slot(at) {
        slots.reserve(at, BUILT_IN, 0, true)?;
        put(&mut video.info, at);
    }
    Ok(())
}
