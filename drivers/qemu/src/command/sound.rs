//! Sound cards and what they play on.

use virt_conf::model::{
    AlsaAudioStream, Audio, AudioKind, AudioReference, AudioStream, BufferedAudioStream, JackAudioStream,
    NamedAudioStream, OssAudioStream, Sound, SoundCodecType, SoundModel,
};
use virt_util::Result;

use super::Props;
use super::builder::{Builder, alias, internal, unsupported};

impl Builder<'_, '_> {
    /// The audio backend that a device names, or the first there is.
    pub(crate) fn audio_id(&self, wanted: Option<&AudioReference>) -> Option<u32> {
        let audios = &self.domain.devices.audios;
        match wanted {
            Some(wanted) => audios.iter().find(|audio| audio.id == wanted.id).map(|audio| audio.id),
            None => audios.first().map(|audio| audio.id),
        }
    }

    fn required_audio(&self, sound: &Sound) -> Result<String> {
        let id = self.audio_id(sound.audio.as_ref());
        id.map(|id| format!("audio{id}")).ok_or_else(|| internal("no audio backend for a sound device"))
    }

    /// Sound cards.
    pub(crate) fn sounds(&mut self) -> Result<()> {
        let domain = self.domain;
        for sound in &domain.devices.sounds {
            // The speaker is part of the board.
            if sound.model != SoundModel::PcSpk {
                self.sound(sound, &self.required_audio(sound)?)?;
            }
        }
        Ok(())
    }

    /// What the board's own speaker plays on, if the guest has it.
    pub(crate) fn speaker_audio(&self) -> Result<Option<String>> {
        let mut sounds = self.domain.devices.sounds.iter();
        let speaker = sounds.find(|sound| sound.model == SoundModel::PcSpk);
        speaker.map(|sound| self.required_audio(sound)).transpose()
    }

    fn sound(&mut self, sound: &Sound, audio: &str) -> Result<()> {
        let id = alias(&sound.info)?;
        let driver = match sound.model {
            SoundModel::Sb16 => "sb16",
            SoundModel::Es1370 => "ES1370",
            SoundModel::Ac97 => "AC97",
            SoundModel::Ich6 => "intel-hda",
            SoundModel::Ich9 => "ich9-intel-hda",
            SoundModel::Usb => "usb-audio",
            SoundModel::Virtio => "virtio-sound",
            SoundModel::PcSpk | SoundModel::Ich7 => {
                return Err(unsupported(format!(
                    "sound card model '{}' is not supported by qemu",
                    sound.model.as_str()
                )));
            }
        };
        let is_hda = matches!(sound.model, SoundModel::Ich6 | SoundModel::Ich9);
        let mut props = if sound.model == SoundModel::Virtio {
            self.virtio_name(driver, None, &sound.info, Some(&sound.driver.virtio))?
        } else {
            Props::device(driver)
        };
        props = props.text("id", id);
        if !is_hda {
            props = props.text("audiodev", audio);
        }
        if sound.model == SoundModel::Virtio {
            props = props.nonzero("streams", sound.streams);
        }
        if sound.model == SoundModel::Usb {
            props = props.opt_flag("multi", sound.multichannel);
        }
        self.address(&mut props, &sound.info)?;
        self.zpci(&sound.info)?;
        self.device(&props);
        if is_hda {
            self.codecs(sound, id, audio);
        }
        Ok(())
    }

    fn codecs(&mut self, sound: &Sound, id: &str, audio: &str) {
        let default = [SoundCodecType::Duplex];
        let named: Vec<_> = sound.codecs.iter().map(|codec| codec.kind).collect();
        let codecs = if named.is_empty() { &default[..] } else { &named[..] };
        for (number, codec) in codecs.iter().enumerate() {
            let driver = match codec {
                SoundCodecType::Duplex => "hda-duplex",
                SoundCodecType::Micro => "hda-micro",
                SoundCodecType::Output => "hda-output",
            };
            let props = Props::device(driver)
                .text("id", format!("{id}-codec{number}"))
                .text("bus", format!("{id}.0"))
                .number("cad", number as u64)
                .text("audiodev", audio);
            self.device(&props);
        }
    }

    /// Audio backends.
    pub(crate) fn audios(&mut self) {
        let domain = self.domain;
        for audio in &domain.devices.audios {
            let props = self.audio(audio);
            self.line.option("-audiodev", props.to_json());
        }
    }

    fn audio(&mut self, audio: &Audio) -> Props {
        let driver = match &audio.kind {
            AudioKind::PulseAudio(_) => "pa",
            AudioKind::File(_) => "wav",
            AudioKind::None(_) => "none",
            AudioKind::Alsa(_) => "alsa",
            AudioKind::CoreAudio(_) => "coreaudio",
            AudioKind::Jack(_) => "jack",
            AudioKind::Oss(_) => "oss",
            AudioKind::Sdl(_) => "sdl",
            AudioKind::Spice(_) => "spice",
            AudioKind::Dbus(_) => "dbus",
            AudioKind::Pipewire(_) => "pipewire",
        };
        let mut props = Props::new()
            .text("id", format!("audio{}", audio.id))
            .text("driver", driver)
            .nonzero("timer-period", audio.timer_period);
        match &audio.kind {
            AudioKind::PulseAudio(pulse) => props = props.opt_text("server", pulse.server_name.as_deref()),
            AudioKind::File(file) => props = props.opt_text("path", file.path.as_deref()),
            AudioKind::Oss(oss) => {
                props = props
                    .opt_flag("try-mmap", oss.try_mmap)
                    .opt_flag("exclusive", oss.exclusive)
                    .opt_number("dsp-policy", oss.dsp_policy);
            }
            AudioKind::Sdl(sdl) => {
                if let Some(name) = sdl.driver.map(virt_conf::model::SdlAudioDriver::as_str) {
                    self.line.environment.push(("SDL_AUDIODRIVER".into(), name.into()));
                }
            }
            AudioKind::Pipewire(pipewire) => {
                let settings = self.launch.settings;
                let dir = pipewire.runtime_dir.as_ref().or(settings.pipewire_runtime_dir.as_ref());
                if let Some(dir) = dir {
                    self.line.environment.push(("PIPEWIRE_RUNTIME_DIR".into(), dir.clone()));
                }
            }
            _ => {}
        }
        let (input, output) = streams(&audio.kind);
        if !input.is_empty() {
            props = props.nested("in", input);
        }
        if !output.is_empty() {
            props = props.nested("out", output);
        }
        props
    }
}

fn streams(kind: &AudioKind) -> (Props, Props) {
    match kind {
        AudioKind::None(plain) | AudioKind::Spice(plain) | AudioKind::Dbus(plain) => {
            (stream(&plain.input.common), stream(&plain.output.common))
        }
        AudioKind::File(file) => (stream(&file.input.common), stream(&file.output.common)),
        AudioKind::Alsa(alsa) => (alsa_stream(&alsa.input), alsa_stream(&alsa.output)),
        AudioKind::CoreAudio(core) => (buffered_stream(&core.input), buffered_stream(&core.output)),
        AudioKind::Sdl(sdl) => (buffered_stream(&sdl.input), buffered_stream(&sdl.output)),
        AudioKind::Jack(jack) => (jack_stream(&jack.input), jack_stream(&jack.output)),
        AudioKind::Oss(oss) => (oss_stream(&oss.input), oss_stream(&oss.output)),
        AudioKind::PulseAudio(pulse) => (named_stream(&pulse.input), named_stream(&pulse.output)),
        AudioKind::Pipewire(pipewire) => (named_stream(&pipewire.input), named_stream(&pipewire.output)),
    }
}

fn stream(common: &AudioStream) -> Props {
    let settings = common.settings.clone().unwrap_or_default();
    Props::new()
        .opt_flag("mixing-engine", common.mixing_engine)
        .opt_flag("fixed-settings", common.fixed_settings)
        .nonzero("voices", common.voices)
        .nonzero("buffer-length", common.buffer_length)
        .nonzero("frequency", settings.frequency)
        .nonzero("channels", settings.channels)
        .opt_text("format", settings.format.map(virt_conf::model::AudioFormat::as_str))
}

fn alsa_stream(alsa: &AlsaAudioStream) -> Props {
    stream(&alsa.common).opt_text("dev", alsa.dev.as_deref())
}

fn buffered_stream(buffered: &BufferedAudioStream) -> Props {
    stream(&buffered.common).nonzero("buffer-count", buffered.buffer_count)
}

fn jack_stream(jack: &JackAudioStream) -> Props {
    stream(&jack.common)
        .opt_text("server-name", jack.server_name.as_deref())
        .opt_text("client-name", jack.client_name.as_deref())
        .opt_text("connect-ports", jack.connect_ports.as_deref())
        .opt_flag("exact-name", jack.exact_name)
}

fn oss_stream(oss: &OssAudioStream) -> Props {
    stream(&oss.common)
        .opt_text("dev", oss.dev.as_deref())
        .nonzero("buffer-count", oss.buffer_count)
        .opt_flag("try-poll", oss.try_poll)
}

fn named_stream(named: &NamedAudioStream) -> Props {
    stream(&named.common)
        .opt_text("name", named.name.as_deref())
        .opt_text("stream-name", named.stream_name.as_deref())
        .nonzero("latency", named.latency)
}
