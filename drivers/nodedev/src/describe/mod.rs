//! Devices as documents.

pub(crate) mod net;
pub(crate) mod pci;
mod s390;
mod scsi;
pub(crate) mod storage;
mod system;
mod usb;

use virt_conf::model::NodeDevice;
use virt_conf::model::PciSlot;
use virt_conf::model::nodedev::{
    BoundDriver, DeviceNode, DeviceNodeKind, DrmCapability, DrmKind, MdevCapability, MdevParentCapability,
    MdevType, MdevTypeReference, MdevTypes, MdevViews, MediatedSubCapability, NodeDeviceCapability,
    NodeDeviceIommuGroup, NodeDevicePciAddress, ParentDevice, VdpaCapability,
};
use virt_util::pci::PciAddress;

use crate::host::{Host, above, last};
use crate::kind::{Device, Kind, MDEV_TYPES};

/// Describes a device as it is now; nothing when it went meanwhile.
pub(crate) fn device(host: &Host, device: &Device, parent: Option<&str>) -> Option<NodeDevice> {
    let path = &device.path;
    let mut described = NodeDevice {
        name: device.name.clone(),
        parent: parent.map(|name| ParentDevice { name: name.to_owned(), ..ParentDevice::default() }),
        ..NodeDevice::default()
    };
    if device.kind != Kind::System {
        if !host.exists(path) {
            return None;
        }
        described.path = Some(host.sysfs.path(path).to_string_lossy().into_owned());
        described.driver = host.link(&format!("{path}/driver")).map(|name| BoundDriver { name });
    }
    let capability = match device.kind {
        Kind::System => NodeDeviceCapability::System(system::capability(host)),
        Kind::Pci => NodeDeviceCapability::Pci(Box::new(pci::capability(host, path, &device.pci)?)),
        Kind::UsbDevice => {
            let (capability, nodes) = usb::device(host, path)?;
            described.devnodes = nodes;
            NodeDeviceCapability::UsbDevice(capability)
        }
        Kind::UsbInterface => NodeDeviceCapability::Usb(usb::interface(host, path)),
        Kind::Net => NodeDeviceCapability::Net(net::capability(host, path)),
        Kind::ScsiHost => NodeDeviceCapability::ScsiHost(scsi::host(host, path)?),
        Kind::ScsiTarget => NodeDeviceCapability::ScsiTarget(scsi::target(host, path)),
        Kind::Scsi => NodeDeviceCapability::Scsi(scsi::unit(host, path)?),
        Kind::ScsiGeneric => {
            let properties = host.properties(path);
            described.devnodes = nodes(host, false, &properties);
            let char = described.devnodes.first().map(|node| node.path.clone()).unwrap_or_default();
            NodeDeviceCapability::ScsiGeneric(virt_conf::model::nodedev::ScsiGenericCapability { char })
        }
        Kind::Storage => {
            let (capability, nodes) = storage::capability(host, path)?;
            described.devnodes = nodes;
            NodeDeviceCapability::Storage(capability)
        }
        Kind::Drm => {
            described.devnodes = nodes(host, false, &host.properties(path));
            NodeDeviceCapability::Drm(DrmCapability { kind: drm_kind(last(path)) })
        }
        Kind::MdevTypes => {
            let types = mdev_types(host, path).map(MediatedSubCapability::MdevTypes);
            NodeDeviceCapability::MdevParent(MdevParentCapability { capability: Some(types?) })
        }
        Kind::Mdev => NodeDeviceCapability::Mdev(mdev(host, path)?),
        Kind::Vdpa => NodeDeviceCapability::Vdpa(vdpa(host, path)?),
        Kind::Ccw => NodeDeviceCapability::Ccw(s390::ccw(host, path)?),
        Kind::Css => NodeDeviceCapability::Css(s390::css(host, path)?),
        Kind::CcwGroup => NodeDeviceCapability::CcwGroup(s390::ccw_group(host, path)?),
        Kind::ApCard => NodeDeviceCapability::ApCard(s390::ap_card(path)?),
        Kind::ApQueue => NodeDeviceCapability::ApQueue(s390::ap_queue(path)?),
        Kind::ApMatrix => NodeDeviceCapability::ApMatrix(s390::ap_matrix(host, path)),
    };
    described.capabilities.push(capability);
    Some(described)
}

/// The node of a device and the links to it.
pub(crate) fn nodes(host: &Host, block: bool, properties: &crate::host::Properties) -> Vec<DeviceNode> {
    let Some(node) = properties.node() else { return Vec::new() };
    let at = |kind, path: &str| DeviceNode { kind, path: format!("/dev/{path}") };
    let mut nodes = vec![at(DeviceNodeKind::Dev, node)];
    let record = host.record(block, properties);
    nodes.extend(record.links.iter().map(|link| at(DeviceNodeKind::Link, link)));
    nodes
}

/// The IOMMU group of a device, with its members in the order in which the kernel gives them.
pub(crate) fn iommu_group(host: &Host, path: &str) -> Option<NodeDeviceIommuGroup> {
    let number = host.link(&format!("{path}/iommu_group"))?.parse().ok()?;
    let members = host.listed(&format!("{path}/iommu_group/devices"));
    let addresses = members.iter().filter_map(|name| name.parse().ok()).map(address).collect();
    Some(NodeDeviceIommuGroup { number, addresses })
}

pub(crate) fn address(address: PciAddress) -> NodeDevicePciAddress {
    let slot = PciSlot {
        domain: address.domain,
        bus: address.bus.into(),
        slot: address.device.into(),
        function: address.function.into(),
    };
    NodeDevicePciAddress { slot }
}

/// What mediated devices a device can make; nothing where it can make none.
pub(crate) fn mdev_types(host: &Host, path: &str) -> Option<MdevTypes> {
    let directory = format!("{path}/{MDEV_TYPES}");
    let kind = |id: String| {
        let attribute = |name: &str| host.text(&format!("{directory}/{id}/{name}"));
        Some(MdevType {
            name: attribute("name"),
            device_api: attribute("device_api")?,
            available_instances: attribute("available_instances")?.parse().ok()?,
            id,
        })
    };
    let types: Vec<_> = host.listed(&directory).into_iter().filter_map(kind).collect();
    (!types.is_empty()).then_some(MdevTypes { types })
}

/// A mediated device as it runs.
pub(crate) fn mdev(host: &Host, path: &str) -> Option<MdevCapability> {
    let kind = MdevTypeReference { id: host.link(&format!("{path}/mdev_type")) };
    let group = host.link(&format!("{path}/iommu_group")).and_then(|number| number.parse().ok());
    Some(MdevCapability {
        types: MdevViews { defined: kind.clone(), active: kind },
        uuid: Some(last(path).parse().ok()?),
        parent_address: Some(last(above(path)).to_owned()),
        iommu_group: NodeDeviceIommuGroup { number: group.unwrap_or_default(), addresses: Vec::new() },
        attributes: MdevViews::default(),
    })
}

fn drm_kind(name: &str) -> DrmKind {
    match name {
        name if name.starts_with("render") => DrmKind::Render,
        name if name.starts_with("control") => DrmKind::Control,
        _ => DrmKind::Primary,
    }
}

fn vdpa(host: &Host, path: &str) -> Option<VdpaCapability> {
    let name = host.listed(path).into_iter().find(|name| name.starts_with("vhost-vdpa"))?;
    Some(VdpaCapability { chardev: format!("/dev/{name}") })
}
