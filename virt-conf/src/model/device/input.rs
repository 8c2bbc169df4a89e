//! `<input>` and `<hub>`: what the guest is operated with, and USB hubs.

use super::{DeviceInfo, VirtioDriver, VirtioModel};
use crate::error::unsupported;
use crate::model::Switch;
use crate::xml::{Reader, Result, Xml, XmlValue};

/// An input device of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "input", before_read = Input::check, after_read = Input::settle)]
pub struct Input {
    /// The bus it is plugged into; default: what the domain's type and the device allow.
    #[xml(
        attr,
        invalid = |text| unsupported(format!("unknown input bus type '{text}'")),
        skip_if = is_on_no_bus
    )]
    pub bus: Option<InputBus>,
    /// Which generation of virtio, on the virtio bus.
    #[xml(attr)]
    pub model: Option<VirtioModel>,
    /// Tuning of the virtio transport.
    #[xml(child, default)]
    pub driver: VirtioDriver,
    /// What it is, and for devices of the host which one.
    #[xml(flatten)]
    pub kind: InputKind,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "the derive hands over the field as it is"
)]
fn is_on_no_bus(bus: &Option<InputBus>) -> bool {
    *bus == Some(InputBus::None)
}

impl Input {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.attr_text("type") {
            None => Err(reader.internal("missing input device type")),
            Some("mouse" | "tablet" | "keyboard" | "passthrough" | "evdev") => Ok(()),
            Some(kind) => Err(reader.unsupported(format!("unknown input device type '{kind}'"))),
        }
    }

    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let source = match &self.kind {
            InputKind::Passthrough(input) => input.evdev.is_some(),
            InputKind::Evdev(input) => input.dev.is_some(),
            InputKind::Mouse | InputKind::Tablet | InputKind::Keyboard => true,
        };
        if !source && reader.first("source").is_some() {
            return Err(reader.refuse("Missing evdev path for input device"));
        }
        let evdev = matches!(self.kind, InputKind::Evdev(_));
        self.bus = self.bus.filter(|bus| *bus != InputBus::None || !evdev);
        let usb = matches!(self.info.address, None | Some(super::DeviceAddress::Usb(_)));
        if self.bus == Some(InputBus::Usb) && !usb {
            return Err(reader.refuse("Invalid address for a USB device"));
        }
        Ok(())
    }
}

/// Kinds of input devices.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "type", inside = "source")]
pub enum InputKind {
    /// A pointer with relative movement.
    Mouse,
    /// A pointer with absolute coordinates.
    Tablet,
    /// Keys.
    Keyboard,
    /// An event device of the host, handed through virtio.
    Passthrough(PassthroughInput),
    /// An event device of the host, whose events the emulated devices deliver.
    Evdev(EvdevInput),
}

/// Source of `type='passthrough'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct PassthroughInput {
    /// Host path of the event device.
    #[xml(attr)]
    pub evdev: Option<String>,
}

/// Source of `type='evdev'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct EvdevInput {
    /// Host path of the event device.
    #[xml(attr)]
    pub dev: Option<String>,
    /// Whether grabbing one device grabs all others; default: only this one.
    #[xml(attr)]
    pub grab: Option<InputGrab>,
    /// Which keys hand the devices over between host and guest; default: both control keys.
    #[xml(attr = "grabToggle")]
    pub grab_toggle: Option<GrabToggle>,
    /// Whether auto-repeat events are delivered; default: off.
    #[xml(attr)]
    pub repeat: Option<Switch>,
}

/// Buses of input devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum InputBus {
    /// The keyboard controller of a PC.
    Ps2,
    /// USB.
    Usb,
    /// Xen's own.
    Xen,
    /// Parallels' own.
    Parallels,
    /// Virtio.
    Virtio,
    /// None: only with `type='evdev'`.
    None,
    /// Whatever the hypervisor has.
    Default,
}

/// What is grabbed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum InputGrab {
    /// Every event device of the guest.
    All,
}

/// Keys that hand event devices over between host and guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum GrabToggle {
    /// Both control keys.
    #[xml("ctrl-ctrl")]
    CtrlCtrl,
    /// Both alt keys.
    #[xml("alt-alt")]
    AltAlt,
    /// Both shift keys.
    #[xml("shift-shift")]
    ShiftShift,
    /// Both meta keys.
    #[xml("meta-meta")]
    MetaMeta,
    /// Scroll lock.
    Scrolllock,
    /// Control and scroll lock.
    #[xml("ctrl-scrolllock")]
    CtrlScrolllock,
}

/// A hub that gives the guest more ports.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "hub", before_read = Hub::check)]
pub struct Hub {
    /// The bus whose ports it multiplies.
    #[xml(attr = "type")]
    pub kind: HubType,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

impl Hub {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.attr_text("type") {
            None => Err(reader.internal("missing hub device type")),
            Some("usb") => Ok(()),
            Some(kind) => Err(reader.unsupported(format!("unknown hub device type '{kind}'"))),
        }
    }
}

/// Buses that have hubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum HubType {
    /// USB, eight ports.
    Usb,
}
