//! PCI functions.

use std::sync::OnceLock;

use virt_conf::model::nodedev::{
    IdentifiedName, LinkSpeed, LinkValidity, PciCapability, PciExpress, PciExpressLink, PciSubCapability,
    PhysicalFunction, VirtualFunctions, VitalProductData, VpdField, VpdFields, VpdIndex, VpdReadOnly,
    VpdReadWrite,
};
use virt_util::pci::{Config, ExpressLink, Header, PciAddress, PciDevice, Vpd};

use super::{address, iommu_group, mdev_types};
use crate::host::{Host, last};

/// What stays as it is for as long as a function is plugged in. Each register of its configuration space is a question to the
/// hardware, and each name is looked for in a long list: they are asked for once.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    device: PciDevice,
    class: Option<u32>,
    product: IdentifiedName,
    vendor: IdentifiedName,
    numa_node: Option<i32>,
    config: Config,
    has_vpd: bool,
}

impl Facts {
    fn read(host: &Host, path: &str) -> Option<Self> {
        let at: PciAddress = last(path).parse().ok()?;
        let device = host.pci.device(at).ok()?;
        let number = |name: &str| host.hexadecimal(&format!("{path}/{name}"));
        let (vendor, product) = (number("vendor")?, number("device")?);
        let (vendor_name, product_name) = host.pci_names(vendor as u16, product as u16);
        let named = |id, name: Option<String>| IdentifiedName { id, name: name.unwrap_or_default() };
        let node = host.number(&format!("{path}/numa_node")).filter(|node| *node >= 0);
        Some(Self {
            class: number("class"),
            product: named(product, product_name),
            vendor: named(vendor, vendor_name),
            numa_node: node.and_then(|node| i32::try_from(node).ok()),
            config: device.outline().unwrap_or_default(),
            has_vpd: device.has_vital_product_data(),
            device,
        })
    }
}

/// Describes the function at a path.
pub(crate) fn capability(host: &Host, path: &str, known: &OnceLock<Option<Facts>>) -> Option<PciCapability> {
    let facts = known.get_or_init(|| Facts::read(host, path)).as_ref()?;
    let at = facts.device.address();
    let express = || express(facts.device.express_link_now(&facts.config));
    Some(PciCapability {
        class: facts.class,
        domain: at.domain,
        bus: at.bus.into(),
        slot: at.device.into(),
        function: at.function.into(),
        product: facts.product.clone(),
        vendor: facts.vendor.clone(),
        capabilities: more(host, path, facts),
        iommu_group: iommu_group(host, path).filter(|group| !group.addresses.is_empty()),
        numa_node: facts.numa_node,
        express: facts.config.is_express().then(express),
    })
}

/// What else it is, in the order of the document.
fn more(host: &Host, path: &str, facts: &Facts) -> Vec<PciSubCapability> {
    let mut found = Vec::new();
    if let Some(parent) = host.link(&format!("{path}/physfn")) {
        let address = parent.parse().ok().map(address);
        found.push(PciSubCapability::PhysFunction(PhysicalFunction { address }));
    }
    if let Some(total) = host.number(&format!("{path}/sriov_totalvfs")) {
        let addresses = virtual_functions(host, path);
        let max_count = u32::try_from(total).unwrap_or_default();
        if max_count > 0 || !addresses.is_empty() {
            found.push(PciSubCapability::VirtFunctions(VirtualFunctions { max_count, addresses }));
        }
    }
    match facts.config.header() {
        Some(Header::Bridge) => found.push(PciSubCapability::PciBridge),
        Some(Header::CardBus) => found.push(PciSubCapability::CardbusBridge),
        _ => {}
    }
    found.extend(mdev_types(host, path).map(PciSubCapability::MdevTypes));
    let vpd = || facts.device.vital_product_data().ok().flatten();
    let vpd = if facts.has_vpd { vpd() } else { None };
    found.extend(vpd.map(|vpd| PciSubCapability::Vpd(vital_product_data(vpd))));
    found
}

fn virtual_functions(host: &Host, path: &str) -> Vec<virt_conf::model::nodedev::NodeDevicePciAddress> {
    let function = |index: u32| host.link(&format!("{path}/virtfn{index}"));
    (0..).map_while(function).filter_map(|name| name.parse().ok()).map(address).collect()
}

/// Vital product data that are there and whole.
pub(crate) fn vpd(host: &Host, path: &str) -> Option<Vpd> {
    let device = host.pci.device(last(path).parse().ok()?).ok()?;
    device.has_vital_product_data().then(|| device.vital_product_data().ok().flatten()).flatten()
}

fn vital_product_data(vpd: Vpd) -> VitalProductData {
    let mut fields = Vec::new();
    let index = |keyword: &str| VpdIndex(keyword.chars().nth(1).unwrap_or('0'));
    if let Some(list) = vpd.read_only {
        let mut part = VpdReadOnly::default();
        for field in list {
            match field.keyword.as_str() {
                "EC" => part.change_level = Some(field.text),
                "MN" => part.manufacture_id = Some(field.text),
                "PN" => part.part_number = Some(field.text),
                "SN" => part.serial_number = Some(field.text),
                keyword if keyword.starts_with('V') => {
                    part.vendor_fields.push(VpdField { index: index(keyword), value: field.text });
                }
                _ => {}
            }
        }
        fields.push(VpdFields::ReadOnly(part));
    }
    if let Some(list) = vpd.read_write {
        let mut part = VpdReadWrite::default();
        for field in list {
            match field.keyword.as_str() {
                "YA" => part.asset_tag = Some(field.text),
                keyword if keyword.starts_with('V') => {
                    part.vendor_fields.push(VpdField { index: index(keyword), value: field.text });
                }
                keyword if keyword.starts_with('Y') => {
                    part.system_fields.push(VpdField { index: index(keyword), value: field.text });
                }
                _ => {}
            }
        }
        fields.push(VpdFields::ReadWrite(part));
    }
    VitalProductData { name: vpd.name, fields }
}

fn express(link: Option<ExpressLink>) -> PciExpress {
    let links = link.map(|link| {
        let can = PciExpressLink {
            validity: LinkValidity::Capability,
            port: Some(link.port.into()),
            speed: speed(link.best_generation),
            width: link.most_lanes.into(),
        };
        let does = PciExpressLink {
            validity: LinkValidity::Status,
            port: None,
            speed: speed(link.generation),
            width: link.lanes.into(),
        };
        vec![can, does]
    });
    PciExpress { links: links.unwrap_or_default() }
}

fn speed(generation: u8) -> Option<LinkSpeed> {
    Some(match generation {
        1 => LinkSpeed::Gt2_5,
        2 => LinkSpeed::Gt5,
        3 => LinkSpeed::Gt8,
        4 => LinkSpeed::Gt16,
        5 => LinkSpeed::Gt32,
        6 => LinkSpeed::Gt64,
        _ => return None,
    })
}
