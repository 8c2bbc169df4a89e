//! Graphics cards, and ways to look at them.

use virt_conf::model::{
    AudioKind, DbusGraphics, Domain, Graphics, MemorySource, SpiceGraphics, Switch, Video, VideoBackend,
    VideoModel, VideoType, VncGraphics,
};
use virt_conf::xml::Within;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{QemuHooks, first_fault, refuse_if, unsupported, wrong};
use crate::caps::Flag;

/// What QEMU counts in bytes, in KiB.
const MOST_KIB: u32 = u32::MAX / 1024;
/// The longest password that VNC's protocol looks at.
const VNC_PASSWORD: usize = 8;

impl QemuHooks<'_> {
    pub(super) fn check_video(&self, video: &Video, domain: &Domain) -> Result<()> {
        let Some(model) = &video.model else { return Ok(()) };
        let kind = model.kind.unwrap_or(VideoType::Default);
        if kind == VideoType::None {
            return Ok(());
        }
        refuse_if(!self.has_card(kind), "model/@type", || {
            format!("domain configuration does not support video model '{kind}'")
        })?;
        if !matches!(kind, VideoType::Qxl | VideoType::Virtio) {
            refuse_if(!model.primary, "model/@primary", || {
                format!("video type '{kind}' is only valid as primary video device")
            })?;
            refuse_if(model.heads.unwrap_or(1) != 1, "model/@heads", || {
                format!("video type '{kind}' doesn't support multiple 'heads'")
            })?;
        }
        let acceleration = model.acceleration.as_ref();
        refuse_if(
            acceleration.is_some_and(|one| one.accel2d == Some(true)),
            "model/acceleration/@accel2d",
            || "qemu does not support the accel2d setting",
        )?;
        check_sizes(kind, model).within("model")?;
        if video.driver.name == Some(VideoBackend::VhostUser) {
            let virtio = kind == VideoType::Virtio;
            refuse_if(
                self.lacks(virtio, Flag::VhostUserGpu),
                "driver/@name",
                || "this QEMU does not support 'vhost-user' video device",
            )?;
        } else if acceleration.is_some_and(|one| one.accel3d == Some(true)) {
            let renders = self.has(Flag::VirtioGpuGlPci) || self.has(Flag::VirtioVgaGl);
            first_fault(&[
                (
                    kind != VideoType::Virtio,
                    "model/acceleration/@accel3d",
                    "3d acceleration is supported only with 'virtio' video device",
                ),
                (
                    !renders,
                    "model/acceleration/@accel3d",
                    "3d acceleration is not supported by this QEMU binary",
                ),
            ])?;
        }
        let blob = model.blob.filter(|_| kind == VideoType::Virtio);
        let shared = domain.memory_backing.source == Some(MemorySource::Memfd);
        first_fault(&[
            (
                self.lacks(blob.is_some(), Flag::VirtioGpuBlob),
                "model/@blob",
                "this QEMU does not support 'blob' for virtio-gpu devices",
            ),
            (
                blob == Some(Switch::On) && !shared,
                "model/@blob",
                "'blob' support for virtio-gpu devices requires a memfd memory backend",
            ),
            (
                kind == VideoType::Ramfb && video.info.address.is_some(),
                "address",
                "'address' is not supported for 'ramfb' video devices",
            ),
        ])
    }

    fn has_card(&self, kind: VideoType) -> bool {
        match kind {
            VideoType::Vga => self.has(Flag::Vga),
            VideoType::Cirrus => self.has(Flag::CirrusVga),
            VideoType::Vmvga => self.has(Flag::VmwareSvga),
            VideoType::Qxl => self.has(Flag::Qxl),
            VideoType::Virtio => self.has(Flag::VirtioGpu) || self.has(Flag::VirtioGpuCcw),
            VideoType::Bochs => self.has(Flag::BochsDisplay),
            VideoType::Ramfb => self.has(Flag::Ramfb),
            VideoType::None => true,
            VideoType::Default | VideoType::Xen | VideoType::Vbox | VideoType::Parallels | VideoType::Gop => {
                false
            }
        }
    }

    pub(super) fn check_graphics(&self, graphics: &Graphics, domain: &Domain) -> Result<()> {
        let known = match graphics {
            Graphics::Sdl(_) => self.has(Flag::Sdl),
            Graphics::Vnc(_) => self.has(Flag::Vnc),
            Graphics::Spice(_) => self.has(Flag::Spice),
            Graphics::EglHeadless(_) => self.has(Flag::EglHeadless),
            Graphics::Dbus(_) | Graphics::Rdp(_) => self.has(Flag::DisplayDbus),
            Graphics::Desktop(_) => false,
        };
        refuse_if(!known, "@type", || {
            format!("{} graphics are not supported with this QEMU", graphics.tag())
        })?;
        let rendered = domain.devices.graphics.iter().any(|one| matches!(one, Graphics::EglHeadless(_)));
        let drawn_twice = rendered && matches!(graphics, Graphics::Spice(spice) if uses_gl(spice));
        let pairs = matches!(graphics, Graphics::EglHeadless(_) | Graphics::Vnc(_) | Graphics::Spice(_));
        first_fault(&[
            (
                rendered && !pairs,
                "@type",
                "graphics type 'egl-headless' is only supported with one of: 'vnc', 'spice' graphics types",
            ),
            (drawn_twice, "gl/@enable", "multiple OpenGL displays are not supported by QEMU"),
        ])?;
        match graphics {
            Graphics::Spice(spice) => self.check_spice(spice),
            Graphics::EglHeadless(egl) => {
                let node = egl.rendernode.is_some();
                refuse_if(
                    self.lacks(node, Flag::EglHeadlessRendernode),
                    "gl/@rendernode",
                    || "This QEMU doesn't support OpenGL rendernode with egl-headless graphics type",
                )
            }
            Graphics::Vnc(vnc) => self.check_vnc(vnc),
            Graphics::Dbus(dbus) => check_dbus(dbus, domain),
            Graphics::Rdp(rdp) => first_fault(&[
                (rdp.replace_user, "@replaceUser", "RDP doesn't support 'replaceUser'"),
                (rdp.multi_user, "@multiUser", "RDP doesn't support 'multiUser'"),
            ]),
            Graphics::Sdl(_) | Graphics::Desktop(_) => Ok(()),
        }
    }

    fn check_spice(&self, spice: &SpiceGraphics) -> Result<()> {
        let gl = uses_gl(spice);
        let node = gl && spice.gl.as_ref().is_some_and(|gl| gl.rendernode.is_some());
        first_fault(&[
            (self.lacks(gl, Flag::SpiceGl), "gl/@enable", "This QEMU doesn't support spice OpenGL"),
            (
                self.lacks(node, Flag::SpiceRendernode),
                "gl/@rendernode",
                "This QEMU doesn't support spice OpenGL rendernode",
            ),
        ])
    }

    fn check_vnc(&self, vnc: &VncGraphics) -> Result<()> {
        refuse_if(
            self.lacks(vnc.power_control.is_some(), Flag::VncPowerControl),
            "@powerControl",
            || "VNC power control is not available",
        )?;
        let length = vnc.auth.passwd.as_ref().map_or(0, String::len);
        refuse_if(length > VNC_PASSWORD, "@passwd", || {
            format!("VNC password is {length} characters long, only {VNC_PASSWORD} permitted")
        })
    }
}

fn uses_gl(spice: &SpiceGraphics) -> bool {
    spice.gl.as_ref().is_some_and(|gl| gl.enable == Some(true))
}

fn check_sizes(kind: VideoType, model: &VideoModel) -> Result<()> {
    if kind == VideoType::Qxl {
        for (name, size) in [("vram", model.vram), ("ram", model.ram)] {
            if size > MOST_KIB {
                let detail = format!("value for '{name}' must be less than '{MOST_KIB}'");
                return Err(Error::new(ErrorCode::OVERFLOW, ErrorDomain::QEMU, detail)
                    .within(format_args!("@{name}")));
            }
        }
        first_fault(&[
            (
                (1..1024).contains(&model.vgamem),
                "@vgamem",
                "value for 'vgamem' must be at least 1 MiB (1024 KiB)",
            ),
            (
                model.vgamem != 0 && !model.vgamem.is_power_of_two(),
                "@vgamem",
                "value for 'vgamem' must be power of two",
            ),
        ])?;
    }
    let shows = matches!(kind, VideoType::Vga | VideoType::Qxl | VideoType::Virtio | VideoType::Bochs);
    if model.resolution.is_some() && !shows {
        return Err(wrong("model resolution is not supported").within("resolution"));
    }
    let small = matches!(kind, VideoType::Vga | VideoType::Vmvga) && (1..1024).contains(&model.vram);
    refuse_if(small, "@vram", || "value for 'vram' must be at least 1 MiB (1024 KiB)")
}

fn check_dbus(dbus: &DbusGraphics, domain: &Domain) -> Result<()> {
    let id = dbus.audio.map_or(0, |audio| audio.id);
    let audio = domain.devices.audios.iter().find(|audio| id != 0 && audio.id == id);
    match audio {
        Some(audio) if !matches!(audio.kind, AudioKind::Dbus(_)) => {
            Err(unsupported("The associated audio is not of 'dbus' kind.").within("audio/@id"))
        }
        _ => Ok(()),
    }
}
