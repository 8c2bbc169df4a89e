//! What every device has: alias, boot order, option ROM, ACPI index, address.

use super::DeviceAddress;
use crate::model::{Bitmap, Switch};
use crate::xml::{Codec, Expected, FormatOptions, NonZero, Reader, Result, Value, Xml, XmlValue};

/// What every device has, written at the end of its element.
///
/// Not every device uses all of it: boot order belongs to disks, interfaces, host and redirected devices, the option
/// ROM to interfaces and host devices, the master to USB controllers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct DeviceInfo {
    /// Place in the boot order; absent: the guest does not boot from this device.
    #[xml(child)]
    pub boot: Option<Boot>,
    /// Identifies the device in the running guest; assigned at start unless it begins with `ua-`.
    #[xml(attr = "alias/@name", unless_empty, when = alias_stays)]
    pub alias: Option<String>,
    /// USB companion controllers: the first port of the master that this controller serves.
    #[xml(attr = "master/@startport", bare = 0)]
    pub master_startport: Option<u32>,
    /// PCI devices: the option ROM shown to the guest.
    #[xml(child, default)]
    pub rom: Rom,
    /// PCI devices: what ACPI tables say about it.
    #[xml(child, default)]
    pub acpi: DeviceAcpi,
    /// Where the guest finds the device; absent: assigned by the hypervisor's driver.
    #[xml(child)]
    pub address: Option<DeviceAddress>,
}

/// Assigned aliases last as long as the guest runs; those of the user stay.
#[expect(clippy::ptr_arg, reason = "the derive hands over the field as it is")]
fn alias_stays(alias: &String, options: FormatOptions) -> bool {
    options.live() || alias.starts_with(USER_ALIAS)
}

/// How aliases chosen by users begin.
pub(crate) const USER_ALIAS: &str = "ua-";

/// Place of a device in the boot order of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "boot", after_read = Boot::settle)]
pub struct Boot {
    /// Unique in the domain; the lowest, from 1, is tried first.
    #[xml(attr, with = NonZero)]
    pub order: u32,
    /// s390: which entry of the boot loader's menu to load, up to 8 characters.
    #[xml(attr)]
    pub loadparm: Option<String>,
}

impl Boot {
    /// Firmware knows capital letters only.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let Some(loadparm) = &mut self.loadparm else { return Ok(()) };
        if !(1..=8).contains(&loadparm.len()) {
            return Err(reader.internal(format!(
                "loadparm value '{}' must be between 1 and 8 characters",
                loadparm.to_ascii_uppercase()
            )));
        }
        loadparm.make_ascii_uppercase();
        let known = |c: &char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '.' | ' ');
        match loadparm.chars().find(|c| !known(c)) {
            Some(_) => Err(reader.internal(format!(
                "invalid loadparm value '{loadparm}', expecting chars in set of [a-zA-Z0-9.] and blank spaces"
            ))),
            None => Ok(()),
        }
    }
}

/// Option ROM of a PCI device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "rom", after_read = Rom::settle)]
pub struct Rom {
    /// Whether the device has any ROM; default: yes.
    #[xml(attr)]
    pub enabled: Option<bool>,
    /// Whether the ROM appears in the guest's memory map; default: as the hypervisor's version decides.
    #[xml(attr)]
    pub bar: Option<Switch>,
    /// Host path of an image that replaces the device's own.
    #[xml(attr)]
    pub file: Option<String>,
}

impl Rom {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.enabled == Some(false) && (self.bar.is_some() || self.file.is_some()) {
            return Err(reader.unsupported("ROM tuning is not supported when ROM is disabled"));
        }
        Ok(())
    }
}

/// What ACPI tables say about a PCI device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "acpi")]
pub struct DeviceAcpi {
    /// Its index, from 1 to 16383, from which a guest may derive a stable name; 0: none.
    #[xml(attr, omit)]
    pub index: u32,
    /// Host devices: the guest's NUMA nodes that belong to it, one for each part that it can be divided into. Since 11.8.
    #[xml(attr)]
    pub nodeset: Option<Bitmap>,
}

/// Options common to all virtio devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VirtioOptions {
    /// Whether the device's memory accesses go through the guest's IOMMU; default: off.
    #[xml(attr)]
    pub iommu: Option<Switch>,
    /// Whether the device caches address translations of the IOMMU (PCIe ATS); default: off.
    #[xml(attr)]
    pub ats: Option<Switch>,
    /// Whether packed virtqueues are offered; default: off.
    #[xml(attr)]
    pub packed: Option<Switch>,
    /// Whether each queue has a notification page of its own; default: off.
    #[xml(attr = "page_per_vq")]
    pub page_per_vq: Option<Switch>,
}

/// Element `<driver>` of devices whose only tuning is that of virtio.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "driver")]
pub struct VirtioDriver {
    /// Options of the virtio transport.
    #[xml(flatten)]
    pub virtio: VirtioOptions,
}

/// Which generation of virtio a device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum VirtioModel {
    /// Whichever suits the slot the device sits in.
    Virtio,
    /// Both 0.9 and 1.0; needs a conventional PCI slot.
    #[xml("virtio-transitional")]
    Transitional,
    /// Only 1.0 and later.
    #[xml("virtio-non-transitional")]
    NonTransitional,
}

/// `yes`, or anything else for no: libvirt never looked closer at some attributes.
#[derive(Debug)]
pub enum YesOrNot {}

impl Codec<bool> for YesOrNot {
    const KIND: crate::xml::Kind = crate::xml::Kind::YesNo;

    fn parse(text: &str) -> std::result::Result<bool, Expected> {
        Ok(text == "yes")
    }
    fn format(value: &bool, out: &mut String) {
        value.format(out);
    }
}
