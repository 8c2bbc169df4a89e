//! What there is: physical functions, their virtual ones, and who has which.

use std::collections::BTreeMap;

use virt_core::driver::Result;
use virt_core::sriov::{Held, HeldDevice, Inventory, Netdev, PhysicalFunction, VERSION, VirtualFunction};
use virt_util::netlink::{VfAttributeKind, VfInfo};
use virt_util::pci::{PciAddress, PciDevice};

use crate::engine::Engine;
use crate::host::{Uplink, netdevs_of};

/// The settings that a driver may report as missing.
const OPTIONAL: [VfAttributeKind; 5] = [
    VfAttributeKind::SpoofCheck,
    VfAttributeKind::Trust,
    VfAttributeKind::RssQuery,
    VfAttributeKind::NodeGuid,
    VfAttributeKind::PortGuid,
];

impl Engine {
    /// Physical functions with SR-IOV, their virtual functions, and everything that is held. Changes nothing.
    ///
    /// # Errors
    ///
    /// When devices cannot be listed.
    pub fn inventory(&self) -> Result<Inventory> {
        let mut held = BTreeMap::new();
        for (device, journals) in self.journals()? {
            held.extend(self.held(device, &journals).map(|held| (device, held)));
        }
        let mut physical_functions = Vec::new();
        for device in self.pci.devices()? {
            if let Some(total) = device.total_virtual_functions()? {
                physical_functions.push(self.physical_function(&device, total, &mut held)?);
            }
        }
        let others = held.into_iter().map(|(address, held)| HeldDevice { address, held }).collect();
        Ok(Inventory { version: VERSION, physical_functions, others })
    }

    fn physical_function(
        &self,
        device: &PciDevice,
        total: u32,
        held: &mut BTreeMap<PciAddress, Held>,
    ) -> Result<PhysicalFunction> {
        let identity = device.identity()?;
        let uplinks =
            if device.driver()?.is_some() { netdevs_of(&self.pci, device.address())? } else { Vec::new() };
        let infos: BTreeMap<u32, VfInfo> =
            uplinks.iter().flat_map(|uplink| &uplink.link.vfs).map(|info| (info.index, *info)).collect();
        let mut virtual_functions = Vec::new();
        for child in device.virtual_functions()? {
            // It may have gone since.
            let Ok(device) = self.pci.device(child.address) else { continue };
            let settings = infos.get(&child.index).copied();
            let reported = |kind: &VfAttributeKind| settings.is_some_and(|info| info.get(*kind).is_some());
            virtual_functions.push(VirtualFunction {
                address: child.address,
                index: child.index,
                driver: device.driver()?,
                netdev: device.ports()?.into_iter().next().map(|port| port.netdev),
                iommu_group: device.iommu_group()?.map(|group| group.number),
                settings,
                supports: OPTIONAL.into_iter().filter(reported).collect(),
                held: held.remove(&child.address),
            });
        }
        Ok(PhysicalFunction {
            address: device.address(),
            vendor: identity.vendor,
            product: identity.product,
            driver: device.driver()?,
            netdevs: uplinks.iter().map(netdev).collect(),
            total,
            virtual_functions,
        })
    }
}

fn netdev(uplink: &Uplink) -> Netdev {
    Netdev {
        name: uplink.link.name.clone(),
        permanent_mac: uplink.link.permanent_mac,
        up: uplink.link.up,
        namespace: (!uplink.ours).then(|| uplink.namespace.path.display().to_string()),
    }
}
