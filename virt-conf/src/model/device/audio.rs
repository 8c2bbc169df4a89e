//! `<audio>`: where the host plays what the guest plays, and records what the guest records.

use crate::xml::{NonZero, Reader, Result, Xml, XmlValue};

/// An audio backend of the host.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "audio")]
pub struct Audio {
    /// Number by which sound cards and displays name it, from 1, unique in the domain.
    #[xml(attr, first, with = NonZero, read_after = kind)]
    pub id: u32,
    /// Microseconds between two looks at the buffers; 0: the hypervisor's default.
    #[xml(attr = "timerPeriod", omit, with = NonZero)]
    pub timer_period: u32,
    /// Which sound system.
    #[xml(flatten)]
    pub kind: AudioKind,
}

/// Sound systems of hosts.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "type")]
pub enum AudioKind {
    /// None: what is played is lost.
    None(PlainAudio),
    /// ALSA.
    Alsa(AlsaAudio),
    /// macOS.
    CoreAudio(BufferedAudio),
    /// JACK.
    Jack(JackAudio),
    /// OSS.
    Oss(OssAudio),
    /// `PulseAudio`.
    PulseAudio(PulseAudio),
    /// SDL.
    Sdl(SdlAudio),
    /// The SPICE viewer.
    Spice(PlainAudio),
    /// A WAV file.
    File(FileAudio),
    /// D-Bus.
    Dbus(PlainAudio),
    /// `PipeWire`.
    Pipewire(PipewireAudio),
}

/// What every direction of every sound system has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = AudioStream::settle)]
pub struct AudioStream {
    /// Whether the emulator mixes several cards; default: yes.
    #[xml(attr = "mixingEngine")]
    pub mixing_engine: Option<bool>,
    /// Whether the host's settings are those below instead of the guest's; default: no.
    #[xml(attr = "fixedSettings")]
    pub fixed_settings: Option<bool>,
    /// Streams that may be open at once; 0: the default, 1.
    #[xml(attr, omit, with = NonZero)]
    pub voices: u32,
    /// Length of the buffer in microseconds; 0: the default.
    #[xml(attr = "bufferLength", omit, with = NonZero)]
    pub buffer_length: u32,
    /// The host's settings, where they are fixed, and only there.
    #[xml(child)]
    pub settings: Option<AudioSettings>,
}

impl AudioStream {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let fixed = self.fixed_settings == Some(true);
        if self.settings.is_some() && !fixed {
            return Err(reader.unsupported("audio settings specified without fixed settings flag"));
        }
        if fixed && self.mixing_engine != Some(true) {
            return Err(reader.unsupported("fixed audio settings requires mixing engine"));
        }
        if fixed {
            self.settings.get_or_insert_default();
        }
        Ok(())
    }
}

/// Settings of the host's side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "settings", keep_empty)]
pub struct AudioSettings {
    /// Samples a second; 0: the default, 44100.
    #[xml(attr, omit, with = NonZero)]
    pub frequency: u32,
    /// Number of channels; 0: the default, 2.
    #[xml(attr, omit, with = NonZero)]
    pub channels: u32,
    /// Format of a sample; default: `s16`.
    #[xml(attr)]
    pub format: Option<AudioFormat>,
}

/// Formats of audio samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum AudioFormat {
    /// 8 bits, signed.
    S8,
    /// 8 bits, unsigned.
    U8,
    /// 16 bits, signed.
    S16,
    /// 16 bits, unsigned.
    U16,
    /// 32 bits, signed.
    S32,
    /// 32 bits, unsigned.
    U32,
    /// 32 bits, floating point.
    F32,
}

/// `type='none'`, `spice` and `dbus`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct PlainAudio {
    /// To the guest.
    #[xml(child = "input", default)]
    pub input: PlainAudioStream,
    /// From the guest.
    #[xml(child = "output", default)]
    pub output: PlainAudioStream,
}

/// A direction with nothing of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "input")]
pub struct PlainAudioStream {
    /// What every direction has.
    #[xml(flatten)]
    pub common: AudioStream,
}

/// `type='alsa'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct AlsaAudio {
    /// To the guest.
    #[xml(child = "input", default)]
    pub input: AlsaAudioStream,
    /// From the guest.
    #[xml(child = "output", default)]
    pub output: AlsaAudioStream,
}

/// A direction of ALSA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "input")]
pub struct AlsaAudioStream {
    /// What every direction has.
    #[xml(flatten)]
    pub common: AudioStream,
    /// ALSA's name of the device; default: `default`.
    #[xml(attr)]
    pub dev: Option<String>,
}

/// `type='coreaudio'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct BufferedAudio {
    /// To the guest.
    #[xml(child = "input", default)]
    pub input: BufferedAudioStream,
    /// From the guest.
    #[xml(child = "output", default)]
    pub output: BufferedAudioStream,
}

/// A direction of macOS and SDL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "input")]
pub struct BufferedAudioStream {
    /// What every direction has.
    #[xml(flatten)]
    pub common: AudioStream,
    /// Number of buffers; 0: the default.
    #[xml(attr = "bufferCount", omit, with = NonZero)]
    pub buffer_count: u32,
}

/// `type='jack'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct JackAudio {
    /// To the guest.
    #[xml(child = "input", default)]
    pub input: JackAudioStream,
    /// From the guest.
    #[xml(child = "output", default)]
    pub output: JackAudioStream,
}

/// A direction of JACK.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "input")]
pub struct JackAudioStream {
    /// What every direction has.
    #[xml(flatten)]
    pub common: AudioStream,
    /// Name of the server; default: JACK's own.
    #[xml(attr = "serverName")]
    pub server_name: Option<String>,
    /// Name by which the server knows the guest; default: the guest's.
    #[xml(attr = "clientName")]
    pub client_name: Option<String>,
    /// Regular expression of ports to connect to; default: none.
    #[xml(attr = "connectPorts")]
    pub connect_ports: Option<String>,
    /// Whether the client's name must be exactly this; default: a number may be added.
    #[xml(attr = "exactName")]
    pub exact_name: Option<bool>,
}

/// `type='oss'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct OssAudio {
    /// Whether buffers are mapped, where the device can; default: no.
    #[xml(attr = "tryMMap")]
    pub try_mmap: Option<bool>,
    /// Whether other programs are kept out; default: no.
    #[xml(attr)]
    pub exclusive: Option<bool>,
    /// Timing policy, 0 (short delays) to 10 (few wake-ups); default: 5.
    #[xml(attr = "dspPolicy")]
    pub dsp_policy: Option<i32>,
    /// To the guest.
    #[xml(child = "input", default)]
    pub input: OssAudioStream,
    /// From the guest.
    #[xml(child = "output", default)]
    pub output: OssAudioStream,
}

/// A direction of OSS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "input")]
pub struct OssAudioStream {
    /// What every direction has.
    #[xml(flatten)]
    pub common: AudioStream,
    /// Path of the device; default: `/dev/dsp`.
    #[xml(attr)]
    pub dev: Option<String>,
    /// Number of buffers; 0: the default.
    #[xml(attr = "bufferCount", omit, with = NonZero)]
    pub buffer_count: u32,
    /// Whether the device is polled, where it can; default: yes.
    #[xml(attr = "tryPoll")]
    pub try_poll: Option<bool>,
}

/// `type='pulseaudio'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct PulseAudio {
    /// Host name or socket of the server; default: the user's.
    #[xml(attr = "serverName")]
    pub server_name: Option<String>,
    /// To the guest.
    #[xml(child = "input", default)]
    pub input: NamedAudioStream,
    /// From the guest.
    #[xml(child = "output", default)]
    pub output: NamedAudioStream,
}

/// A direction of `PulseAudio` and `PipeWire`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "input")]
pub struct NamedAudioStream {
    /// What every direction has.
    #[xml(flatten)]
    pub common: AudioStream,
    /// Name of the sink or source; default: the server's.
    #[xml(attr)]
    pub name: Option<String>,
    /// Name by which the server knows the stream; default: the guest's.
    #[xml(attr = "streamName")]
    pub stream_name: Option<String>,
    /// Desired delay in microseconds; 0: the default.
    #[xml(attr, omit, with = NonZero)]
    pub latency: u32,
}

/// `type='sdl'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct SdlAudio {
    /// Sound system that SDL uses; default: its own choice.
    #[xml(attr)]
    pub driver: Option<SdlAudioDriver>,
    /// To the guest.
    #[xml(child = "input", default)]
    pub input: BufferedAudioStream,
    /// From the guest.
    #[xml(child = "output", default)]
    pub output: BufferedAudioStream,
}

/// Sound systems that SDL uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum SdlAudioDriver {
    /// The enlightened sound daemon.
    Esd,
    /// ALSA.
    Alsa,
    /// KDE's old daemon.
    Arts,
    /// `PulseAudio`.
    PulseAudio,
}

/// `type='file'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct FileAudio {
    /// Path of the file; default: the emulator's own.
    #[xml(attr)]
    pub path: Option<String>,
    /// To the guest.
    #[xml(child = "input", default)]
    pub input: PlainAudioStream,
    /// From the guest.
    #[xml(child = "output", default)]
    pub output: PlainAudioStream,
}

/// `type='pipewire'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct PipewireAudio {
    /// Directory of the server's socket; default: the user's.
    #[xml(attr = "runtimeDir")]
    pub runtime_dir: Option<String>,
    /// To the guest.
    #[xml(child = "input", default)]
    pub input: NamedAudioStream,
    /// From the guest.
    #[xml(child = "output", default)]
    pub output: NamedAudioStream,
}
