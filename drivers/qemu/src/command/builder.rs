//! What all parts of the command line share: the document, the capabilities, and how options are spelled.

use virt_conf::model::{DeviceAddress, DeviceInfo, Domain, PciModel, Switch, VirtioModel, VirtioOptions};
use virt_conf::xml::Value;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{CommandLine, Descriptor, Launch, Props};
use crate::caps::{Accelerator, Board, Capabilities, Flag};
use crate::model::{pci_model, usb_alias_of};

/// The command line under construction.
pub(crate) struct Builder<'a, 'l> {
    pub domain: &'a Domain,
    pub caps: &'a Capabilities,
    pub board: Board<'a>,
    pub accelerator: Accelerator,
    pub launch: &'a mut Launch<'l>,
    pub line: CommandLine,
    pub next_fdset: u32,
}

/// An error about a document that this binary cannot run.
pub(crate) fn unsupported(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, detail)
}

/// An error about a document that lacks what should be there by now.
pub(crate) fn internal(detail: impl AsRef<str>) -> Error {
    Error::internal(ErrorDomain::QEMU, detail)
}

/// `on` as true; absent stays absent.
pub(crate) fn switch(value: Option<Switch>) -> Option<bool> {
    value.map(|value| value == Switch::On)
}

/// A value as the document spells it.
pub(crate) fn spelled(value: &impl Value) -> String {
    let mut text = String::new();
    value.format(&mut text);
    text
}

/// The alias that every device has by the time its options are written.
pub(crate) fn alias(info: &DeviceInfo) -> Result<&str> {
    info.alias.as_deref().ok_or_else(|| internal("a device has no alias yet"))
}

impl Builder<'_, '_> {
    /// Whether the binary can do `flag`.
    pub(crate) fn has(&self, flag: Flag) -> bool {
        self.caps.has(flag)
    }

    /// Adds `-device`.
    pub(crate) fn device(&mut self, props: &Props) {
        let json = self.has(Flag::DeviceJsonHotplug);
        self.line.option("-device", if json { props.to_json() } else { props.to_options(Some("driver")) });
    }

    /// Adds `-object`.
    pub(crate) fn object(&mut self, props: &Props) {
        self.line.option("-object", props.to_json());
    }

    /// Adds `-blockdev`.
    pub(crate) fn blockdev(&mut self, props: &Props) {
        self.line.option("-blockdev", props.to_json());
    }

    /// Adds `-netdev`.
    pub(crate) fn netdev(&mut self, props: &Props) {
        let json = self.has(Flag::NetdevJson);
        self.line.option("-netdev", if json { props.to_json() } else { props.to_options(Some("type")) });
    }

    /// The number of a descriptor that the emulator inherits.
    pub(crate) fn descriptor(&mut self, descriptor: Descriptor) -> i32 {
        let number = self.launch.descriptors.number(&descriptor);
        self.line.descriptors.push((number, descriptor));
        number
    }

    /// Hands descriptors over as a set of their own; gives the path under which QEMU opens it.
    pub(crate) fn descriptor_set(&mut self, members: Vec<(Descriptor, String)>) -> String {
        let set = self.next_fdset;
        self.next_fdset += 1;
        self.numbered_descriptor_set(set, members)
    }

    /// The same under a number that is already taken.
    pub(crate) fn numbered_descriptor_set(&mut self, set: u32, members: Vec<(Descriptor, String)>) -> String {
        for (descriptor, opaque) in members {
            let fd = self.descriptor(descriptor);
            self.line.option("-add-fd", format!("set={set},fd={fd},opaque={opaque}"));
        }
        format!("/dev/fdset/{set}")
    }

    /// The boot menu entry that a device's own option takes; older versions are told through the machine.
    pub(crate) fn loadparm<'i>(&self, info: &'i DeviceInfo) -> Option<&'i str> {
        info.boot.as_ref()?.loadparm.as_deref().filter(|_| self.has(Flag::VirtioCcwLoadparm))
    }

    /// Adds what says where the guest finds the device.
    pub(crate) fn address(&self, props: &mut Props, info: &DeviceInfo) -> Result<()> {
        match &info.address {
            Some(DeviceAddress::Pci(pci)) if !pci.slot.is_empty() => {
                let slot = pci.slot;
                props.set("bus", self.pci_bus_name(slot.bus, &slot.to_string())?);
                if let Some(multifunction) = switch(pci.multifunction) {
                    props.set("multifunction", multifunction);
                }
                props.set(
                    "addr",
                    match slot.function {
                        0 => format!("0x{:x}", slot.slot),
                        function => format!("0x{:x}.0x{function:x}", slot.slot),
                    },
                );
                if info.acpi.index != 0 {
                    props.set("acpi-index", info.acpi.index);
                }
            }
            Some(DeviceAddress::Usb(usb)) => {
                let controller = usb_alias_of(self.domain, usb.bus).unwrap_or("usb");
                props.set("bus", format!("{controller}.0"));
                if let Some(port) = &usb.port {
                    props.set("port", spelled(port));
                }
            }
            Some(DeviceAddress::SpaprVio(vio)) => {
                if let Some(reg) = vio.reg {
                    props.set("reg", reg);
                }
            }
            Some(DeviceAddress::Ccw(ccw)) => {
                props.set(
                    "devno",
                    format!(
                        "{:x}.{:x}.{:04x}",
                        ccw.cssid.unwrap_or(0),
                        ccw.ssid.unwrap_or(0),
                        ccw.devno.unwrap_or(0)
                    ),
                );
            }
            Some(DeviceAddress::Isa(isa)) => {
                if isa.iobase != 0 {
                    props.set("iobase", isa.iobase);
                }
                if isa.irq != 0 {
                    props.set("irq", isa.irq);
                }
            }
            Some(DeviceAddress::Dimm(dimm)) => {
                props.set("slot", dimm.slot);
                if dimm.base != 0 {
                    props.set("addr", dimm.base);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn pci_bus_name(&self, index: u32, device: &str) -> Result<String> {
        let controller = self
            .domain
            .devices
            .controllers
            .iter()
            .find(|controller| pci_model(controller).is_some() && controller.index == Some(index))
            .ok_or_else(|| {
                internal(format!(
                    "Could not find PCI controller with index '{index}' required for device at address '{device}'"
                ))
            })?;
        if index == 0 {
            // QEMU made the root and named it.
            return Ok(default_root_name(self.board, pci_model(controller).flatten()).to_owned());
        }
        let alias = alias(&controller.info)?;
        // A pSeries host bridge beyond the first has its bus inside.
        let is_further_root = pci_model(controller) == Some(Some(PciModel::PciRoot));
        Ok(if is_further_root { format!("{alias}.0") } else { alias.to_owned() })
    }

    /// The name of a virtio device on the bus that its address says: `virtio-net` becomes `virtio-net-pci`.
    pub(crate) fn virtio_name(
        &self,
        base: &str,
        model: Option<VirtioModel>,
        info: &DeviceInfo,
        options: Option<&VirtioOptions>,
    ) -> Result<Props> {
        let suffix = match &info.address {
            Some(DeviceAddress::Pci(_)) => "-pci",
            Some(DeviceAddress::Ccw(_)) => "-ccw",
            Some(DeviceAddress::VirtioMmio) => "-device",
            // These stand on the PCI bus of a controller, or nowhere at all.
            Some(DeviceAddress::Drive(_) | DeviceAddress::VirtioSerial(_)) | None => "",
            Some(_) => return Err(internal("Unexpected address type for virtio device")),
        };
        let generation = match model {
            Some(VirtioModel::Transitional) if !suffix.is_empty() => "-transitional",
            Some(VirtioModel::NonTransitional) if !suffix.is_empty() => "-non-transitional",
            _ => "",
        };
        let generation = if self.has(Flag::VirtioPciNonTransitional) { generation } else { "" };
        let mut props = Props::device(&format!("{base}{suffix}{generation}"));
        if !self.has(Flag::VirtioPciNonTransitional) {
            match model {
                Some(VirtioModel::NonTransitional) => {
                    props = props.text("disable-legacy", "on").text("disable-modern", "off");
                }
                Some(VirtioModel::Transitional) => {
                    props = props.text("disable-legacy", "off").text("disable-modern", "off");
                }
                _ => {}
            }
        }
        if let Some(options) = options {
            props = virtio_options(props, options);
        }
        Ok(props)
    }
}

/// How QEMU calls the root bus of a board.
fn default_root_name(board: Board<'_>, model: Option<PciModel>) -> &'static str {
    match model {
        Some(PciModel::PcieRoot) => "pcie.0",
        _ if board.has_pci_multi_bus() => "pci.0",
        _ => "pci",
    }
}

/// Adds the options that all virtio devices have.
pub(crate) fn virtio_options(props: Props, options: &VirtioOptions) -> Props {
    props
        .opt_flag("iommu_platform", switch(options.iommu))
        .opt_flag("ats", switch(options.ats))
        .opt_flag("packed", switch(options.packed))
        .opt_flag("page-per-vq", switch(options.page_per_vq))
}
