//! `<device>`: a device of the host.
//!
//! Fields stand in the order in which libvirt writes them.

mod mediated;
mod network;
mod pci;
mod s390;
mod storage;
mod system;
mod usb;

pub use mediated::*;
pub use network::*;
pub use pci::*;
pub use s390::*;
pub use storage::*;
pub use system::*;
pub use usb::*;

use crate::xml::{
    Error, ErrorCode, ErrorDomain, Expected, FormatOptions, ParseFlags, Reader, Result, Value, Xml, XmlValue,
};

/// A device of the host.
///
/// ```
/// use virt_conf::model::NodeDevice;
/// use virt_conf::model::nodedev::NodeDeviceCapability;
///
/// let text = "<device><name>net_eth0</name><capability type='net'><interface>eth0</interface></capability></device>";
/// let device: NodeDevice = text.parse()?;
/// assert!(matches!(&device.capabilities[..], [NodeDeviceCapability::Net(net)] if net.interface == "eth0"));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "device", document, errors = NODEDEV, after_read = NodeDevice::settle)]
pub struct NodeDevice {
    /// What libvirt calls it, `pci_0000_00_1f_2`; unique on the host.
    #[xml(child_text, default)]
    pub name: String,
    /// Where it is in sysfs; absent in the definition of a mediated device that does not run.
    #[xml(child_text, only = FormatOptions::live)]
    pub path: Option<String>,
    /// Its device nodes: the node itself, then the links to it; of a device that runs.
    #[xml(child, only = FormatOptions::live)]
    pub devnodes: Vec<DeviceNode>,
    /// The device that it hangs on; a virtual host bus adapter that is to be created names its parent by world-wide names
    /// instead.
    #[xml(child)]
    pub parent: Option<ParentDevice>,
    /// The host's driver that it is bound to. Only ever written: no definition decides it.
    #[xml(child, write_only)]
    pub driver: Option<BoundDriver>,
    /// What it is. All but a few devices have one capability.
    #[xml(child, key = "@type")]
    pub capabilities: Vec<NodeDeviceCapability>,
}

impl NodeDevice {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.name.is_empty() {
            if !reader.flags().contains(ParseFlags::CREATE) {
                return Err(reader.place(Error::bare(ErrorCode::NO_NAME, ErrorDomain::NODEDEV)));
            }
            // A device that is to be created is named by what it becomes.
            "new device".clone_into(&mut self.name);
        }
        if self.capabilities.is_empty() {
            return Err(reader.internal(format!("no device capabilities for '{}'", self.name)));
        }
        // It has one node, and any number of links to it.
        let last = self.devnodes.iter().rposition(|node| node.kind == DeviceNodeKind::Dev);
        let mut place = 0..;
        self.devnodes.retain(|node| place.next() == last || node.kind != DeviceNodeKind::Dev);
        self.devnodes.sort_by_key(|node| node.kind);
        Ok(())
    }
}

/// A device node, `/dev/sda`, or a link to it.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "devnode")]
pub struct DeviceNode {
    /// Whether it is the node or a link to it.
    #[xml(attr = "type")]
    pub kind: DeviceNodeKind,
    /// Where it is, below `/dev`.
    #[xml(text)]
    pub path: String,
}

/// What a path in `/dev` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, XmlValue)]
pub enum DeviceNodeKind {
    /// The device node.
    Dev,
    /// A symbolic link to it.
    Link,
}

/// The device that another one hangs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "parent", after_read = ParentDevice::check)]
pub struct ParentDevice {
    /// World-wide node name of the host bus adapter, with `wwpn`; to create a virtual one on it.
    #[xml(attr)]
    pub wwnn: Option<String>,
    /// World-wide port name of the host bus adapter, with `wwnn`.
    #[xml(attr)]
    pub wwpn: Option<String>,
    /// World-wide name of the fabric that the host bus adapter is to be connected to.
    #[xml(attr = "fabric_wwn")]
    pub fabric_wwn: Option<String>,
    /// Its name; absent when it is chosen by the names above.
    #[xml(text, skip_if = String::is_empty)]
    pub name: String,
}

impl ParentDevice {
    fn check(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let (given, value, other) = match (&self.wwnn, &self.wwpn) {
            (Some(wwnn), None) => ("wwnn", wwnn, "wwpn"),
            (None, Some(wwpn)) => ("wwpn", wwpn, "wwnn"),
            _ => return Ok(()),
        };
        Err(reader
            .refuse(format!("when providing parent {given}='{value}', the {other} must also be provided")))
    }
}

/// The host's driver that a device is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "driver")]
pub struct BoundDriver {
    /// The driver's name, `ixgbe`.
    #[xml(child_text)]
    pub name: String,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type", keep_empty, keep_open)]
pub enum NodeDeviceCapability {
    /// The host itself.
    System(SystemCapability),
    /// A PCI function.
    Pci(Box<PciCapability>),
    /// A USB device.
    #[xml("usb_device")]
    UsbDevice(UsbDeviceCapability),
    /// An interface of a USB device.
    Usb(UsbInterfaceCapability),
    /// A network interface.
    Net(NetCapability),
    /// A SCSI host.
    #[xml("scsi_host")]
    ScsiHost(ScsiHostCapability),
    /// A SCSI target.
    #[xml("scsi_target")]
    ScsiTarget(ScsiTargetCapability),
    /// A SCSI logical unit.
    Scsi(ScsiCapability),
    /// A SCSI generic device.
    #[xml("scsi_generic")]
    ScsiGeneric(ScsiGenericCapability),
    /// A block device.
    Storage(StorageCapability),
    /// A node of a graphics card.
    Drm(DrmCapability),
    /// What only makes mediated devices.
    #[xml("mdev_types")]
    MdevParent(MdevParentCapability),
    /// A mediated device.
    Mdev(MdevCapability),
    /// An s390 channel device.
    Ccw(CcwCapability),
    /// An s390 subchannel.
    Css(CssCapability),
    /// A group of s390 channel devices that work as one.
    CcwGroup(CcwGroupCapability),
    /// A vDPA device.
    Vdpa(VdpaCapability),
    /// An s390 cryptographic adapter.
    #[xml("ap_card")]
    ApCard(ApCardCapability),
    /// A queue of an s390 cryptographic adapter.
    #[xml("ap_queue")]
    ApQueue(ApQueueCapability),
    /// The s390 device that hands cryptographic queues to guests.
    #[xml("ap_matrix")]
    ApMatrix(ApMatrixCapability),
}

/// The name of the device that `reader` is in.
fn name(reader: &Reader<'_, '_>) -> String {
    let name = reader.root().child_value(&[], "name").into_owned();
    if name.is_empty() { "new device".to_owned() } else { name }
}

/// "internal error: SENTENCE for 'NAME'"
fn internal(reader: &Reader<'_, '_>, sentence: &str) -> Error {
    Error::internal(ErrorDomain::NODEDEV, format!("{sentence} for '{}'", name(reader)))
}

/// "unsupported configuration: SENTENCE for 'NAME'"
fn unsupported(reader: &Reader<'_, '_>, sentence: &str) -> Error {
    let sentence = format!("{sentence} for '{}'", name(reader));
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence)
}

/// What libvirt says of a device without its `what`.
fn missing(reader: &Reader<'_, '_>, what: &str) -> Error {
    internal(reader, &format!("no {what} supplied"))
}

/// What libvirt says of a device whose `what` is none.
fn invalid(reader: &Reader<'_, '_>, what: &str) -> Error {
    internal(reader, &format!("invalid {what} supplied"))
}

fn wrong(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::NODEDEV, sentence)
}

/// What libvirt says of a capability's capability that has no type, or one that is not among `known`.
fn check_kind(reader: &Reader<'_, '_>, known: &[&str], missing: &str, unknown: &str) -> Result<()> {
    match reader.attr_text("type") {
        None => Err(reader.place(internal(reader, missing))),
        Some(kind) if !known.contains(&kind) => {
            Err(reader.place(internal(reader, &format!("unknown {unknown} type '{kind}'"))))
        }
        Some(_) => Ok(()),
    }
}

/// What libvirt says of a capability's capability that has no type.
fn check_type(reader: &Reader<'_, '_>) -> Result<()> {
    match reader.attr_text("type") {
        None => Err(reader.refuse("Missing capability type")),
        Some(_) => Ok(()),
    }
}

/// Whose number it is that `reader` is at.
fn identified(reader: &Reader<'_, '_>) -> String {
    let usb = reader.parent().is_some_and(|device| device.attr_text("type") == Some("usb_device"));
    format!("{} {} ID", if usb { "USB" } else { "PCI" }, reader.name())
}

/// The device's identity in a vendor's list: a number, and its name where the list has one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "product", keep_empty)]
pub struct IdentifiedName {
    /// The number, 0 to 0xffff.
    #[xml(
        attr,
        unless_empty,
        with = crate::xml::HexDigits<4>,
        invalid = |_| invalid(r, &identified(r)),
        missing = missing(r, &identified(r))
    )]
    pub id: u32,
    /// The name; empty where the list has none.
    #[xml(text, skip_if = String::is_empty)]
    pub name: String,
}

/// The IOMMU group of a device: what can only be handed to a guest together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "iommuGroup", after_read = NodeDeviceIommuGroup::check)]
pub struct NodeDeviceIommuGroup {
    /// The group's number on the host.
    #[xml(attr, default)]
    pub number: u32,
    /// The PCI functions in it.
    #[xml(child)]
    pub addresses: Vec<NodeDevicePciAddress>,
}

impl NodeDeviceIommuGroup {
    /// A mediated device that does not run is in no group yet.
    fn check(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let mediated = reader.parent().is_some_and(|device| device.attr_text("type") == Some("mdev"));
        match reader.attr_text("number") {
            None if !mediated => Err(reader.missing_attr(&[], "number")),
            _ => Ok(()),
        }
    }
}

/// Types of mediated devices that a device can make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct MdevTypes {
    /// What can be made, each with how many are left.
    #[xml(child, key = "@id", unordered)]
    pub types: Vec<MdevType>,
}

/// A type of mediated devices.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "type")]
pub struct MdevType {
    /// The kernel's name for it, `i915-GVTg_V5_8`.
    #[xml(attr, missing = wrong("missing 'id' attribute for mediated device's <type> element"))]
    pub id: String,
    /// A name for people; absent where the kernel has none.
    #[xml(child_text)]
    pub name: Option<String>,
    /// What the devices are to user space, `vfio-pci`.
    #[xml(
        child_text = "deviceAPI",
        missing = wrong(format!("missing device API for mediated device type '{}'", r.attr_value(&[], "id")))
    )]
    pub device_api: String,
    /// How many more can be made.
    #[xml(
        child_text = "availableInstances",
        missing = wrong(format!(
            "missing number of available instances for mediated device type '{}'",
            r.attr_value(&[], "id")
        ))
    )]
    pub available_instances: u32,
}

/// A switch that is written as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumericFlag(pub bool);

impl Value for NumericFlag {
    const KIND: crate::xml::Kind = crate::xml::Kind::Number { min: 0, max: 1 };

    fn parse(text: &str) -> std::result::Result<Self, Expected> {
        match text {
            "1" => Ok(Self(true)),
            "0" => Ok(Self(false)),
            _ => Err("0 or 1".into()),
        }
    }

    fn format(&self, out: &mut String) {
        out.push(if self.0 { '1' } else { '0' });
    }
}
