//! Checks of graphics cards, displays, audio backends and inputs.

use super::{internal, refuse_if, refuse_virtio_options, unsupported, wrong};
use crate::model::{
    Audio, AudioReference, Domain, DomainType, Graphics, GraphicsListen, Input, InputBus, InputKind, Switch,
    Video, VideoBackend, VideoModel, VideoType,
};
use crate::xml::{Result, Within};

impl Domain {
    pub(super) fn validate_video(&self, video: &Video) -> Result<()> {
        let Some(model) = &video.model else { return Ok(()) };
        let kind = model.kind.unwrap_or(VideoType::Default);
        refuse_if(kind == VideoType::None && self.devices.videos.len() > 1, || {
            unsupported("a 'none' video type must be the only video device defined for the domain")
                .within("model/@type")
        })?;
        validate_vhost_user_video(video, model, kind)?;
        let sizes = [("ram", model.ram), ("vram64", model.vram64), ("vgamem", model.vgamem)];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size != 0 && kind != VideoType::Qxl) {
            return Err(unsupported(format!("{name} attribute only supported for video type qxl"))
                .within(format_args!("model/@{name}")));
        }
        refuse_if(kind == VideoType::Ramfb && video.info.address.is_some(), || {
            unsupported("address not supported for video type ramfb").within("address")
        })?;
        refuse_if(model.blob.is_some() && kind != VideoType::Virtio, || {
            unsupported(format!("video type '{kind}' does not support blob resources")).within("model/@blob")
        })?;
        if kind == VideoType::Virtio { Ok(()) } else { refuse_virtio_options(&video.driver.virtio) }
    }

    pub(super) fn require_audio(&self, reference: Option<AudioReference>) -> Result<()> {
        let Some(AudioReference { id }) = reference.filter(|reference| reference.id != 0) else {
            return Ok(());
        };
        let known = self.devices.audios.iter().any(|audio| audio.id == id);
        refuse_if(!known, || wrong(format!("no audio device with ID {id}")).within("audio/@id"))
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
                .within("listen/@type")
            })?;
        }
        match graphics {
            Graphics::Vnc(vnc) => self.require_audio(vnc.audio),
            Graphics::Dbus(dbus) => {
                refuse_if(dbus.p2p && dbus.address.is_some(), || {
                    wrong("D-Bus p2p with an address is not supported").within("@p2p")
                })?;
                self.require_audio(dbus.audio)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn validate_audio(&self, audio: &Audio) -> Result<()> {
        let mut earlier = self.devices.audios.iter().take_while(|other| !std::ptr::eq(*other, audio));
        refuse_if(earlier.any(|other| other.id == audio.id), || {
            wrong(format!("audio ID {} is used multiple times", audio.id)).within("@id")
        })
    }

    pub(super) fn validate_input(&self, input: &Input) -> Result<()> {
        let kind = input.kind.tag();
        let bus = input.bus.unwrap_or(InputBus::None);
        let pointer_or_keys = matches!(input.kind, InputKind::Mouse | InputKind::Keyboard);
        let on_the_bus = |own: InputBus| {
            refuse_if(bus == own && !pointer_or_keys, || {
                internal(format!("{own} bus does not support {kind} input device")).within("@bus")
            })
        };
        let foreign = |sentence: &str| Err(internal(format!("{sentence} {bus}")).within("@bus"));
        let xen = self.kind == DomainType::Xen && self.os.kind.name == "linux";
        match self.os.kind.name.as_str() {
            "hvm" if matches!(bus, InputBus::Xen | InputBus::Default) => {
                return foreign("unsupported input bus");
            }
            "hvm" => on_the_bus(InputBus::Ps2)?,
            name if xen || matches!(name, "xen" | "xenpvh") => match bus {
                InputBus::Xen => on_the_bus(InputBus::Xen)?,
                _ => return foreign("unsupported input bus"),
            },
            _ if matches!(self.kind, DomainType::Vz | DomainType::Parallels) => match bus {
                InputBus::Parallels => on_the_bus(InputBus::Parallels)?,
                _ => return foreign("parallels containers don't support input bus"),
            },
            _ => return Err(internal("Input devices are not supported by this virtualization driver.")),
        }
        match input.kind {
            InputKind::Passthrough(_) => refuse_if(bus != InputBus::Virtio, || {
                unsupported("only bus 'virtio' is supported for 'passthrough' input devices").within("@bus")
            })?,
            InputKind::Evdev(_) => {
                refuse_if(bus != InputBus::None, || {
                    unsupported("input evdev doesn't support bus element").within("@bus")
                })?;
            }
            InputKind::Mouse | InputKind::Tablet | InputKind::Keyboard => {}
        }
        if let Some(model) = input.model {
            refuse_if(bus != InputBus::Virtio, || {
                unsupported(format!("only bus 'virtio' is supported for input model '{model}'"))
                    .within("@model")
            })?;
        }
        refuse_if(bus == InputBus::Ps2 && self.features.ps2 == Some(Switch::Off), || {
            unsupported("ps2 bus inputs require the ps2 feature not to be disabled").within("@bus")
        })
    }
}

fn validate_vhost_user_video(video: &Video, model: &VideoModel, kind: VideoType) -> Result<()> {
    if video.driver.name == Some(VideoBackend::VhostUser) {
        refuse_if(kind != VideoType::Virtio, || {
            unsupported("'vhostuser' driver is only supported with 'virtio' device").within("driver/@name")
        })
    } else {
        let rendernode =
            model.acceleration.as_ref().is_some_and(|acceleration| acceleration.rendernode.is_some());
        refuse_if(rendernode, || {
            unsupported("unsupported rendernode accel attribute without 'vhostuser'")
                .within("model/acceleration/@rendernode")
        })
    }?;
    let flat = model.resolution.is_some_and(|resolution| resolution.x == 0 || resolution.y == 0);
    refuse_if(flat, || {
        unsupported("video resolution values must be greater than 0").within("model/resolution")
    })
}
