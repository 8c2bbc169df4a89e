//! PCI functions of the host: SR-IOV, IOMMU group, link, vital product data.

use super::{IdentifiedName, MdevTypes, NodeDeviceIommuGroup, check_type, invalid, missing, wrong};
use crate::model::PciSlot;
use crate::xml::{Expected, Reader, Result, Value, Xml, XmlValue};

/// A PCI function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = PciCapability::settle)]
pub struct PciCapability {
    /// Class, subclass and programming interface, three bytes; absent where the kernel does not tell.
    #[xml(child_text, with = crate::xml::HexDigits<6>, invalid = |_| invalid(r, "PCI class"))]
    pub class: Option<u32>,
    /// PCI segment, 0 to 0xffff.
    #[xml(child_text, invalid = |_| invalid(r, "PCI domain ID"), missing = missing(r, "PCI domain ID"))]
    pub domain: u32,
    /// Bus, 0 to 0xff.
    #[xml(child_text, invalid = |_| invalid(r, "PCI bus ID"), missing = missing(r, "PCI bus ID"))]
    pub bus: u32,
    /// Slot, 0 to 0x1f.
    #[xml(child_text, invalid = |_| invalid(r, "PCI slot ID"), missing = missing(r, "PCI slot ID"))]
    pub slot: u32,
    /// Function, 0 to 7.
    #[xml(child_text, invalid = |_| invalid(r, "PCI function ID"), missing = missing(r, "PCI function ID"))]
    pub function: u32,
    /// The device's number in its vendor's list, 0 to 0xffff, and its name.
    #[xml(child = "product", missing = missing(r, "PCI product ID"))]
    pub product: IdentifiedName,
    /// The number of who made it, 0 to 0xffff, and its name.
    #[xml(child = "vendor", missing = missing(r, "PCI vendor ID"))]
    pub vendor: IdentifiedName,
    /// What else it is: SR-IOV roles, header type, mediated device types, vital product data; in that order.
    #[xml(child, key = "@type", unordered)]
    pub capabilities: Vec<PciSubCapability>,
    /// Its IOMMU group; absent where the host has no IOMMU.
    #[xml(child)]
    pub iommu_group: Option<NodeDeviceIommuGroup>,
    /// The host's NUMA node that it is attached to; absent where the kernel does not tell.
    #[xml(attr = "numa/@node", invalid = |_| invalid(r, "NUMA node ID"))]
    pub numa_node: Option<i32>,
    /// Its PCI Express links; absent for conventional PCI.
    #[xml(child)]
    pub express: Option<PciExpress>,
}

impl PciCapability {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        // What makes no mediated devices says nothing.
        let silent = MdevTypes::default();
        self.capabilities.retain(|it| !matches!(it, PciSubCapability::MdevTypes(types) if *types == silent));
        self.capabilities.sort_by_key(PciSubCapability::position);
        // A group of nothing is none.
        self.iommu_group = self.iommu_group.take().filter(|group| !group.addresses.is_empty());
        Ok(())
    }

    /// Domain, bus, slot and function in one.
    #[must_use]
    pub fn address(&self) -> PciSlot {
        PciSlot { domain: self.domain, bus: self.bus, slot: self.slot, function: self.function }
    }

    /// The physical function that it is a virtual function of.
    #[must_use]
    pub fn physical_function(&self) -> Option<PciSlot> {
        self.capabilities.iter().find_map(|capability| match capability {
            PciSubCapability::PhysFunction(function) => function.address.map(|address| address.slot),
            _ => None,
        })
    }

    /// Where the functions are that were made of this one.
    pub fn virtual_functions(&self) -> impl Iterator<Item = PciSlot> {
        let functions = self.capabilities.iter().filter_map(|capability| match capability {
            PciSubCapability::VirtFunctions(functions) => Some(&functions.addresses),
            _ => None,
        });
        functions.flatten().map(|address| address.slot)
    }
}

/// What else a PCI function is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type", before_read = check_type)]
pub enum PciSubCapability {
    /// A virtual function of another one.
    #[xml("phys_function")]
    PhysFunction(PhysicalFunction),
    /// One that has, or could have, virtual functions.
    #[xml("virt_functions")]
    VirtFunctions(VirtualFunctions),
    /// A bridge to another PCI bus.
    #[xml("pci-bridge")]
    PciBridge,
    /// A bridge to a CardBus.
    #[xml("cardbus-bridge")]
    CardbusBridge,
    /// One that can make mediated devices.
    #[xml("mdev_types")]
    MdevTypes(MdevTypes),
    /// One with vital product data.
    Vpd(VitalProductData),
}

impl PciSubCapability {
    fn position(&self) -> u8 {
        match self {
            Self::PhysFunction(_) => 0,
            Self::VirtFunctions(_) => 1,
            Self::PciBridge | Self::CardbusBridge => 2,
            Self::MdevTypes(_) => 3,
            Self::Vpd(_) => 4,
        }
    }
}

/// A PCI address in the host's device tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "address", after_read = NodeDevicePciAddress::check)]
pub struct NodeDevicePciAddress {
    /// Domain, bus, slot and function.
    #[xml(flatten)]
    pub slot: PciSlot,
}

impl NodeDevicePciAddress {
    fn check(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.slot.check(reader)
    }
}

/// The physical function behind a virtual one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = PhysicalFunction::check)]
pub struct PhysicalFunction {
    /// Where the physical function is; absent where the kernel does not tell.
    #[xml(child)]
    pub address: Option<NodeDevicePciAddress>,
}

impl PhysicalFunction {
    fn check(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match self.address {
            None => Err(reader.refuse("Missing address in 'phys_function' capability")),
            Some(_) => Ok(()),
        }
    }
}

/// The virtual functions of a physical one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VirtualFunctions {
    /// How many it can have; absent where the kernel does not tell.
    #[xml(attr = "maxCount", omit, invalid = |_| wrong("Malformed 'maxCount' parameter"))]
    pub max_count: u32,
    /// Those that it has.
    #[xml(child)]
    pub addresses: Vec<NodeDevicePciAddress>,
}

/// What a function says of its PCI Express links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "pci-express", keep_empty, after_read = PciExpress::settle)]
pub struct PciExpress {
    /// What the link can do, and what it does.
    #[xml(child)]
    pub links: Vec<PciExpressLink>,
}

impl PciExpress {
    /// Each is said once: what it can do, then what it does.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.links.sort_by_key(|link| link.validity == LinkValidity::Status);
        self.links.dedup_by_key(|link| link.validity);
        Ok(())
    }
}

/// Speed and width of a link, as it is or as it could be.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "link")]
pub struct PciExpressLink {
    /// Whether this is what it can do or what it does.
    #[xml(attr)]
    pub validity: LinkValidity,
    /// The port's number; only of what it can do.
    #[xml(attr)]
    pub port: Option<i32>,
    /// Gigatransfers a second and lane; absent where unknown.
    #[xml(attr)]
    pub speed: Option<LinkSpeed>,
    /// Lanes.
    #[xml(attr)]
    pub width: u32,
}

/// What a link's numbers are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum LinkValidity {
    /// What the link can do.
    #[xml("cap")]
    Capability,
    /// What it does now.
    #[xml("sta")]
    Status,
}

/// The speed of a PCI Express lane, in gigatransfers a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum LinkSpeed {
    /// Generation 1.
    #[xml("2.5")]
    Gt2_5,
    /// Generation 2.
    #[xml("5")]
    Gt5,
    /// Generation 3.
    #[xml("8")]
    Gt8,
    /// Generation 4.
    #[xml("16")]
    Gt16,
    /// Generation 5.
    #[xml("32")]
    Gt32,
    /// Generation 6.
    #[xml("64")]
    Gt64,
}

/// Vital product data: what the vendor wrote into the device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VitalProductData {
    /// The product's name.
    #[xml(child_text, default)]
    pub name: String,
    /// What the vendor wrote, and what the owner may write.
    #[xml(child)]
    pub fields: Vec<VpdFields>,
}

/// Fields of vital product data.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "fields", tag = "access")]
pub enum VpdFields {
    /// Those that the vendor wrote.
    #[xml("readonly")]
    ReadOnly(VpdReadOnly),
    /// Those that the owner may write.
    #[xml("readwrite")]
    ReadWrite(VpdReadWrite),
}

/// What the vendor wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VpdReadOnly {
    /// The engineering change level.
    #[xml(child_text = "change_level")]
    pub change_level: Option<String>,
    /// The manufacturer's identity.
    #[xml(child_text = "manufacture_id")]
    pub manufacture_id: Option<String>,
    /// What it is ordered by.
    #[xml(child_text = "part_number")]
    pub part_number: Option<String>,
    /// What tells it from others of its kind.
    #[xml(child_text = "serial_number")]
    pub serial_number: Option<String>,
    /// Fields of the vendor's own.
    #[xml(child = "vendor_field")]
    pub vendor_fields: Vec<VpdField>,
}

/// What the owner may write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VpdReadWrite {
    /// The owner's asset tag.
    #[xml(child_text = "asset_tag")]
    pub asset_tag: Option<String>,
    /// Fields of the vendor's own.
    #[xml(child = "vendor_field")]
    pub vendor_fields: Vec<VpdField>,
    /// Fields of the system's own.
    #[xml(child = "system_field")]
    pub system_fields: Vec<VpdField>,
}

/// One of several fields that differ by a character.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "vendor_field")]
pub struct VpdField {
    /// The second character of the field's keyword.
    #[xml(attr)]
    pub index: VpdIndex,
    /// Its text.
    #[xml(text)]
    pub value: String,
}

/// The second character of a keyword of vital product data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VpdIndex(pub char);

impl Value for VpdIndex {
    fn parse(text: &str) -> std::result::Result<Self, Expected> {
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(only), None) => Ok(Self(only)),
            _ => Err("a single character".into()),
        }
    }

    fn format(&self, out: &mut String) {
        out.push(self.0);
    }
}
