//! Sound cards, audio backends and cryptographic accelerators.

use virt_conf::model::{Audio, AudioKind, Crypto, CryptoBackend, Domain, Sound, SoundCodecType, SoundModel};
use virt_conf::xml::Within;
use virt_util::Result;

use super::{QemuHooks, has_spice, internal, refuse_if};
use crate::caps::Flag;

impl QemuHooks<'_> {
    pub(super) fn check_sound(&self, sound: &Sound) -> Result<()> {
        let model = sound.model;
        match model {
            SoundModel::Usb => refuse_if(
                !self.has(Flag::UsbAudio),
                "@model",
                || "usb-audio controller is not supported by this QEMU binary",
            ),
            SoundModel::Ich9 => refuse_if(
                !self.has(Flag::Ich9IntelHda),
                "@model",
                || "The ich9-intel-hda audio controller is not supported in this QEMU binary",
            ),
            SoundModel::Virtio => refuse_if(
                !self.has(Flag::VirtioSound),
                "@model",
                || "virtio-sound controller is not supported in this QEMU binary",
            ),
            SoundModel::Ich7 => {
                Err(internal(format!("sound card model '{model}' is not supported by qemu")).within("@model"))
            }
            SoundModel::Es1370
            | SoundModel::Ac97
            | SoundModel::Ich6
            | SoundModel::Sb16
            | SoundModel::PcSpk => Ok(()),
        }?;
        if !matches!(model, SoundModel::Ich6 | SoundModel::Ich9) {
            return Ok(());
        }
        for (at, codec) in sound.codecs.iter().enumerate() {
            let (flag, name) = match codec.kind {
                SoundCodecType::Duplex => (Flag::HdaDuplex, "hda-duplex"),
                SoundCodecType::Micro => (Flag::HdaMicro, "hda-micro"),
                SoundCodecType::Output => (Flag::HdaOutput, "hda-output"),
            };
            refuse_if(!self.has(flag), "@type", || format!("{name} not supported in this QEMU binary"))
                .within_nth("codec", at)?;
        }
        Ok(())
    }

    pub(super) fn check_audio(&self, audio: &Audio, domain: &Domain) -> Result<()> {
        match audio.kind {
            AudioKind::Spice(_) => refuse_if(
                !has_spice(domain),
                "@type",
                || "Spice audio is not supported without spice graphics",
            ),
            AudioKind::Dbus(_) => refuse_if(
                !self.has(Flag::DisplayDbus),
                "@type",
                || "D-Bus audio is not supported with this QEMU",
            ),
            _ => Ok(()),
        }
    }

    pub(super) fn check_crypto(&self, crypto: &Crypto) -> Result<()> {
        let model = crypto.model;
        refuse_if(!self.has(Flag::VirtioCrypto), "@model", || {
            format!("crypto model {model} is not supported")
        })?;
        let kernel = matches!(crypto.backend, CryptoBackend::Lkcf(_));
        refuse_if(self.lacks(kernel, Flag::CryptodevBackendLkcf), "backend/@model", || {
            format!("crypto backend {} is not supported", crypto.backend.tag())
        })
    }
}
