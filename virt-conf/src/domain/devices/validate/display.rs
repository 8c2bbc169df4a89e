//! Checks of graphics cards, displays, audio backends and inputs.

use super::{internal, refuse_if, refuse_virtio_options, unsupported, wrong};
use crate::model::{
    AudioReference, Domain, Graphics, GraphicsListen, Input, InputBus, InputKind, Switch, Video,
    VideoBackend, VideoModel, VideoType,
};
use crate::xml::Result;

impl Domain {
    pub(super) fn validate_video(&self, video: &Video) -> Result<()> {
        let Some(model) = &video.model else { return Ok(()) };
        let kind = model.kind.unwrap_or(VideoType::Default);
        refuse_if(kind == VideoType::None && self.devices.videos.len() > 1, || {
            unsupported("a 'none' video type must be the only video device defined for the domain")
        })?;
        validate_vhost_user_video(video, model, kind)?;
        let sizes = [("ram", model.ram), ("vram64", model.vram64), ("vgamem", model.vgamem)];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size != 0 && kind != VideoType::Qxl) {
            return Err(unsupported(format!("{name} attribute only supported for video type qxl")));
        }
        refuse_if(kind == VideoType::Ramfb && video.info.address.is_some(), || {
            unsupported("address not supported for video type ramfb")
        })?;
        refuse_if(model.blob.is_some() && kind != VideoType::Virtio, || {
            unsupported(format!("video type '{kind}' does not support blob resources"))
        })?;
        if kind == VideoType::Virtio { Ok(()) } else { refuse_virtio_options(&video.driver.virtio) }
    }

    pub(super) fn require_audio(&self, reference: Option<AudioReference>) -> Result<()> {
        let Some(AudioReference { id }) = reference.filter(|reference| reference.id != 0) else {
            return Ok(());
        };
        let known = self.devices.audios.iter().any(|audio| audio.id == id);
        refuse_if(!known, || wrong(format!("no audio device with ID {id}")))
    }

    pub(super) fn validate_graphics(&self, graphics: &Graphics) -> Result<()> {
        for listen in graphics.listens() {
            let taken = match listen {
                GraphicsListen::Socket(_) | GraphicsListen::None => {
                    matches!(graphics, Graphics::Vnc(_) | Graphics::Spice(_))
                }
                GraphicsListen::Address(_) | GraphicsListen::Network(_) => true,
            };
            refuse_if(!taken, || {
                unsupported(format!(
                    "listen type '{}' is not available for graphics type '{}'",
                    listen.tag(),
                    graphics.tag()
                ))
            })?;
        }
        match graphics {
            Graphics::Vnc(vnc) => self.require_audio(vnc.audio),
            Graphics::Dbus(dbus) => {
                refuse_if(dbus.p2p && dbus.address.is_some(), || {
                    wrong("D-Bus p2p with an address is not supported")
                })?;
                self.require_audio(dbus.audio)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn validate_audios(&self) -> Result<()> {
        let audios = &self.devices.audios;
        for (at, audio) in audios.iter().enumerate() {
            let twin = audios.iter().take(at).any(|other| other.id == audio.id);
            refuse_if(twin, || wrong(format!("audio ID {} is used multiple times", audio.id)))?;
        }
        Ok(())
    }

    pub(super) fn validate_input(&self, input: &Input) -> Result<()> {
        let kind = input.kind.tag();
        let bus = input.bus.unwrap_or(InputBus::None);
        let pointer_or_keys = matches!(input.kind, InputKind::Mouse | InputKind::Keyboard);
        match self.os.kind.name.as_str() {
            "hvm" => match bus {
                InputBus::Ps2 => refuse_if(!pointer_or_keys, || {
                    internal(format!("ps2 bus does not support {kind} input device"))
                })?,
                InputBus::Xen | InputBus::Default => {
                    return Err(internal(format!("unsupported input bus {bus}")));
                }
                InputBus::Usb | InputBus::Virtio | InputBus::Parallels | InputBus::None => {}
            },
            "xen" | "linux" | "xenpvh" if bus == InputBus::Xen => refuse_if(!pointer_or_keys, || {
                internal(format!("xen bus does not support {kind} input device"))
            })?,
            _ => {}
        }
        match input.kind {
            InputKind::Passthrough(_) => refuse_if(bus != InputBus::Virtio, || {
                unsupported("only bus 'virtio' is supported for 'passthrough' input devices")
            })?,
            InputKind::Evdev(_) => {
                refuse_if(bus != InputBus::None, || unsupported("input evdev doesn't support bus element"))?;
            }
            InputKind::Mouse | InputKind::Tablet | InputKind::Keyboard => {}
        }
        if let Some(model) = input.model {
            refuse_if(bus != InputBus::Virtio, || {
                unsupported(format!("only bus 'virtio' is supported for input model '{model}'"))
            })?;
        }
        refuse_if(bus == InputBus::Ps2 && self.features.ps2 == Some(Switch::Off), || {
            unsupported("ps2 bus inputs require the ps2 feature not to be disabled")
        })
    }
}

fn validate_vhost_user_video(video: &Video, model: &VideoModel, kind: VideoType) -> Result<()> {
    if video.driver.name == Some(VideoBackend::VhostUser) {
        refuse_if(kind != VideoType::Virtio, || {
            unsupported("'vhostuser' driver is only supported with 'virtio' device")
        })
    } else {
        let rendernode =
            model.acceleration.as_ref().is_some_and(|acceleration| acceleration.rendernode.is_some());
        refuse_if(rendernode, || unsupported("unsupported rendernode accel attribute without 'vhostuser'"))
    }?;
    let flat = model.resolution.is_some_and(|resolution| resolution.x == 0 || resolution.y == 0);
    refuse_if(flat, || unsupported("video resolution values must be greater than 0"))
}
