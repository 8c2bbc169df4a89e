//! `<video>`: the guest's graphics cards.

use super::{DeviceInfo, VirtioOptions};
use crate::model::Switch;
use crate::xml::{FormatOptions, Reader, Result, Xml, XmlValue};

/// A graphics card of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "video")]
pub struct Video {
    /// Which process draws, and tuning of the transport.
    #[xml(child, default)]
    pub driver: VideoDriver,
    /// The card; absent in a definition: the hypervisor's driver picks one.
    #[xml(child)]
    pub model: Option<VideoModel>,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// Backend of a graphics card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "driver")]
pub struct VideoDriver {
    /// Options of the virtio transport.
    #[xml(flatten)]
    pub virtio: VirtioOptions,
    /// Where drawing is done; default: in the emulator.
    #[xml(attr)]
    pub name: Option<VideoBackend>,
    /// bhyve: whether VGA registers and memory are decoded; default: `io`.
    #[xml(attr)]
    pub vgaconf: Option<VgaConf>,
}

/// Processes that draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum VideoBackend {
    /// The emulator itself.
    Qemu,
    /// A helper process, over vhost-user.
    VhostUser,
}

/// How bhyve treats VGA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum VgaConf {
    /// Registers are decoded.
    Io,
    /// Registers and memory are decoded.
    On,
    /// Nothing is decoded; the firmware draws.
    Off,
}

/// The card and its memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "model")]
pub struct VideoModel {
    /// Which card; absent: what the hypervisor's driver gives for the machine.
    #[xml(attr = "type")]
    pub kind: Option<VideoType>,
    /// QXL: size of the primary bar, in KiB; 0: not set.
    #[xml(attr, omit)]
    pub ram: u32,
    /// Size of video memory, in KiB; 0: not set.
    #[xml(attr, omit)]
    pub vram: u32,
    /// QXL: size of the 64-bit secondary bar, in KiB; 0: not set.
    #[xml(attr, omit)]
    pub vram64: u32,
    /// QXL: size of the VGA framebuffer, in KiB; 0: not set.
    #[xml(attr, omit)]
    pub vgamem: u32,
    /// Number of screens; default: 1.
    #[xml(attr, when = not_zero)]
    pub heads: Option<u32>,
    /// Whether this is the card that firmware draws on; default: the first one.
    #[xml(attr, omit)]
    pub primary: bool,
    /// virtio: whether resources are shared with the host as blobs; default: off.
    #[xml(attr)]
    pub blob: Option<Switch>,
    /// VGA, Bochs and virtio: whether the guest can read what the screen is; default: the card's own. Since 11.7.
    #[xml(attr)]
    pub edid: Option<Switch>,
    /// virtio: which of the emulator's devices it is; filled in by the driver. Since 12.5.
    #[xml(attr)]
    pub device: Option<VirtioVideoDevice>,
    /// Hardware acceleration.
    #[xml(child)]
    pub acceleration: Option<VideoAcceleration>,
    /// Resolution at start; default: the card's own.
    #[xml(child)]
    pub resolution: Option<VideoResolution>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the derive hands over the field as it is")]
fn not_zero(number: &u32, _: FormatOptions) -> bool {
    *number != 0
}

/// Graphics cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum VideoType {
    /// What the hypervisor's driver picks; never written to a finished definition.
    Default,
    /// Standard VGA.
    Vga,
    /// Cirrus Logic GD5446.
    Cirrus,
    /// VMware SVGA II.
    Vmvga,
    /// Xen's paravirtual framebuffer.
    Xen,
    /// VirtualBox.
    Vbox,
    /// SPICE's paravirtual card.
    Qxl,
    /// Parallels.
    Parallels,
    /// virtio-gpu.
    Virtio,
    /// UEFI graphics output of bhyve.
    Gop,
    /// No card, not even the implicit one.
    None,
    /// Bochs display adapter, without VGA.
    Bochs,
    /// A framebuffer in guest memory, for firmware.
    Ramfb,
}

/// Devices of the emulator that are virtio's graphics cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum VirtioVideoDevice {
    /// With VGA.
    #[xml("virtio-vga")]
    VirtioVga,
    /// With VGA, drawing by OpenGL.
    #[xml("virtio-vga-gl")]
    VirtioVgaGl,
    /// Without VGA.
    #[xml("virtio-gpu")]
    VirtioGpu,
    /// Without VGA, drawing by OpenGL.
    #[xml("virtio-gpu-gl")]
    VirtioGpuGl,
    /// With VGA, drawn by a helper process.
    #[xml("vhost-user-vga")]
    VhostUserVga,
    /// Without VGA, drawn by a helper process.
    #[xml("vhost-user-gpu")]
    VhostUserGpu,
}

/// Hardware acceleration of a graphics card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "acceleration", after_read = VideoAcceleration::settle)]
pub struct VideoAcceleration {
    /// Whether 3D is accelerated.
    #[xml(attr)]
    pub accel3d: Option<bool>,
    /// Whether 2D is accelerated.
    #[xml(attr)]
    pub accel2d: Option<bool>,
    /// Host path of the render node used; default: the first that fits.
    #[xml(attr)]
    pub rendernode: Option<String>,
}

impl VideoAcceleration {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if *self == Self::default() {
            return Err(reader.unsupported("missing values for acceleration"));
        }
        Ok(())
    }
}

/// Resolution in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "resolution")]
pub struct VideoResolution {
    /// Width.
    #[xml(attr)]
    pub x: u32,
    /// Height.
    #[xml(attr)]
    pub y: u32,
}
