//! Graphics cards and input devices.

use virt_conf::model::{
    EvdevInput, GrabToggle, Input, InputBus, InputKind, Switch, Video, VideoBackend, VideoModel, VideoType,
};
use virt_util::Result;

use super::builder::{Builder, alias, internal, switch, unsupported, virtio_options};
use super::{Descriptor, Props};
use crate::caps::Flag;

impl Builder<'_, '_> {
    /// All graphics cards; the primary one answers on VGA's ports where the board has them.
    pub(crate) fn videos(&mut self) -> Result<()> {
        let domain = self.domain;
        for video in &domain.devices.videos {
            let model = video.model.as_ref().ok_or_else(|| internal("a graphics card has no model yet"))?;
            let kind = model.kind.ok_or_else(|| internal("a graphics card has no type yet"))?;
            if kind == VideoType::None {
                continue;
            }
            if video.driver.name == Some(VideoBackend::VhostUser) {
                let name = alias(&video.info)?;
                let helper = Descriptor::Helper { alias: name.to_owned() };
                self.descriptor_chardev(&format!("chr-vu-{name}"), helper, false);
            }
            let props = self.video(video, model, kind)?;
            self.device(&props);
        }
        Ok(())
    }

    fn video(&self, video: &Video, model: &VideoModel, kind: VideoType) -> Result<Props> {
        let name = alias(&video.info)?;
        let accelerated =
            model.acceleration.as_ref().is_some_and(|acceleration| acceleration.accel3d == Some(true));
        let vhost_user = video.driver.name == Some(VideoBackend::VhostUser);
        let mut props = match kind {
            VideoType::Virtio => {
                let base = if vhost_user {
                    if model.primary { "vhost-user-vga" } else { "vhost-user-gpu" }
                } else if self.is_virtio_vga(model) {
                    if accelerated && self.has(Flag::VirtioVgaGl) { "virtio-vga-gl" } else { "virtio-vga" }
                } else if accelerated && self.has(Flag::VirtioGpuGlPci) {
                    "virtio-gpu-gl"
                } else {
                    "virtio-gpu"
                };
                let options = &video.driver.virtio;
                if base == "vhost-user-vga" {
                    Props::device(base)
                } else if base.contains("vga") {
                    virtio_options(Props::device(base), options)
                } else {
                    self.virtio_name(base, None, &video.info, Some(options))?
                }
            }
            VideoType::Vga => Props::device("VGA"),
            VideoType::Cirrus => Props::device("cirrus-vga"),
            VideoType::Vmvga => Props::device("vmware-svga"),
            VideoType::Qxl => Props::device(if model.primary { "qxl-vga" } else { "qxl" }),
            VideoType::Bochs => Props::device("bochs-display"),
            VideoType::Ramfb => Props::device("ramfb"),
            other => {
                return Err(unsupported(format!("video type '{}' is not valid for QEMU", other.as_str())));
            }
        };
        props = props.text("id", name);
        if kind == VideoType::Virtio && !vhost_user && accelerated && !self.has(Flag::VirtioGpuGlPci) {
            props = props.flag("virgl", true);
        }
        match kind {
            VideoType::Qxl => {
                props = props
                    .nonzero("max_outputs", model.heads.unwrap_or(0))
                    .number("ram_size", u64::from(model.ram) * 1024)
                    .number("vram_size", u64::from(model.vram) * 1024)
                    .number("vram64_size_mb", model.vram64 / 1024)
                    .nonzero("vgamem_mb", model.vgamem / 1024);
            }
            VideoType::Virtio => {
                props = props.nonzero("max_outputs", model.heads.unwrap_or(0));
                props = props.opt_flag("blob", switch(model.blob));
                if vhost_user {
                    props = props.text("chardev", format!("chr-vu-{name}"));
                }
            }
            VideoType::Vga => props = props.nonzero("vgamem_mb", model.vram / 1024),
            VideoType::Vmvga => props = props.nonzero("vgamem_mb", model.vram / 1024),
            VideoType::Bochs => props = props.nonzero("vgamem", u64::from(model.vram) * 1024),
            _ => {}
        }
        if let Some(resolution) = model.resolution {
            props = props.number("xres", resolution.x).number("yres", resolution.y);
        }
        self.address(&mut props, &video.info)?;
        Ok(props)
    }

    fn is_virtio_vga(&self, model: &VideoModel) -> bool {
        model.primary && self.has(Flag::VirtioVga) && !self.board.arch.is_arm() && !self.board.arch.is_s390()
    }

    /// All input devices.
    pub(crate) fn inputs(&mut self) -> Result<()> {
        let domain = self.domain;
        for input in &domain.devices.inputs {
            if let InputKind::Evdev(evdev) = &input.kind {
                let props = input_linux(alias(&input.info)?, evdev);
                self.object(&props);
                continue;
            }
            if let Some(props) = self.input(input)? {
                self.zpci(&input.info)?;
                self.device(&props);
            }
        }
        Ok(())
    }

    fn input(&self, input: &Input) -> Result<Option<Props>> {
        let id = alias(&input.info)?;
        let mut props = match input.bus {
            Some(InputBus::Usb) => Props::device(match input.kind {
                InputKind::Mouse => "usb-mouse",
                InputKind::Tablet => "usb-tablet",
                InputKind::Keyboard => "usb-kbd",
                _ => return Err(internal("an input device of this type cannot be on USB")),
            })
            .text("id", id),
            Some(InputBus::Virtio) => {
                let base = match input.kind {
                    InputKind::Mouse => "virtio-mouse",
                    InputKind::Tablet => "virtio-tablet",
                    InputKind::Keyboard => "virtio-keyboard",
                    _ => "virtio-input-host",
                };
                let props = self
                    .virtio_name(base, input.model, &input.info, Some(&input.driver.virtio))?
                    .text("id", id);
                match &input.kind {
                    InputKind::Passthrough(passthrough) => {
                        props.opt_text("evdev", passthrough.evdev.as_deref())
                    }
                    _ => props,
                }
            }
            // The board's own.
            _ => return Ok(None),
        };
        self.address(&mut props, &input.info)?;
        Ok(Some(props))
    }
}

fn input_linux(id: &str, evdev: &EvdevInput) -> Props {
    let toggle = evdev.grab_toggle.map(GrabToggle::as_str);
    Props::object("input-linux", id)
        .text("evdev", evdev.dev.clone().unwrap_or_default())
        .opt_flag("repeat", evdev.repeat.map(|repeat| repeat == Switch::On))
        .flag_if("grab_all", evdev.grab.is_some())
        .opt_text("grab-toggle", toggle)
}
