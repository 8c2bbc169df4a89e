//! `<sound>`: sound cards of the guest.

use super::{DeviceInfo, VirtioDriver};
use crate::xml::{Reader, Result, Xml, XmlValue};

/// A sound card of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "sound", after_read = Sound::settle)]
pub struct Sound {
    /// Which card.
    #[xml(attr)]
    pub model: SoundModel,
    /// USB: whether more than two channels are offered; default: no.
    #[xml(attr)]
    pub multichannel: Option<bool>,
    /// virtio: number of streams; 0: the device's own.
    #[xml(attr, omit)]
    pub streams: u32,
    /// Intel HDA: what is connected to it; default: line out and line in.
    #[xml(child)]
    pub codecs: Vec<SoundCodec>,
    /// The audio backend that plays and records; default: the first.
    #[xml(child)]
    pub audio: Option<AudioReference>,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
    /// Tuning of the virtio transport.
    #[xml(child, default)]
    pub driver: VirtioDriver,
}

impl Sound {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        if self.model != SoundModel::Virtio {
            self.streams = 0;
        }
        Ok(())
    }
}

/// Sound cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum SoundModel {
    /// Sound Blaster 16.
    Sb16,
    /// Ensoniq ES1370.
    Es1370,
    /// The speaker of a PC.
    PcSpk,
    /// Intel 82801AA AC'97.
    Ac97,
    /// Intel HDA of ICH6.
    Ich6,
    /// Intel HDA of ICH9.
    Ich9,
    /// USB audio.
    Usb,
    /// Intel HDA of ICH7.
    Ich7,
    /// virtio.
    Virtio,
}

/// Something connected to an Intel HDA card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "codec")]
pub struct SoundCodec {
    /// What it is.
    #[xml(attr = "type")]
    pub kind: SoundCodecType,
}

/// What can be connected to an Intel HDA card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum SoundCodecType {
    /// Line out and line in.
    Duplex,
    /// Line out and a microphone.
    Micro,
    /// Line out.
    Output,
}

/// An audio backend, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "audio")]
pub struct AudioReference {
    /// The backend's `id`, from 1.
    #[xml(attr)]
    pub id: u32,
}
