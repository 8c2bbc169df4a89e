//! Single root I/O virtualization: physical functions, their virtual functions, and the network devices of both.

use super::{PciAddress, PciDevice};
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// A virtual function, seen from its physical one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualFunction {
    /// Its number, from 0: what netlink calls it.
    pub index: u32,
    /// Where it is.
    pub address: PciAddress,
}

/// One of the network devices of a function: a card may have several ports behind one function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// The network device's name now, in the network namespace that the tree was mounted in.
    pub netdev: String,
    /// Which port of the card it is, where the driver tells.
    pub phys_port_id: Option<String>,
    /// The port's number on its function.
    pub dev_port: u32,
}

impl PciDevice {
    /// The physical function that it belongs to; nothing when it is no virtual function.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    pub fn physical_function(&self) -> Result<Option<PciAddress>> {
        let name = self.sysfs.link_name(self.attribute("physfn"))?;
        Ok(name.and_then(|name| name.parse().ok()))
    }

    /// How many virtual functions it can have; nothing when it can have none.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    pub fn total_virtual_functions(&self) -> Result<Option<u32>> {
        let total = self.sysfs.number(self.attribute("sriov_totalvfs"))?;
        Ok(total.and_then(|total| u32::try_from(total).ok()))
    }

    /// Whether drivers are let at new virtual functions by themselves.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    pub fn probes_virtual_functions(&self) -> Result<bool> {
        Ok(self.sysfs.number(self.attribute("sriov_drivers_autoprobe"))? != Some(0))
    }

    /// Its virtual functions, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn virtual_functions(&self) -> Result<Vec<VirtualFunction>> {
        let mut found = Vec::new();
        for name in self.sysfs.names(self.attribute(""))? {
            let Some(index) = name.strip_prefix("virtfn").and_then(|digits| digits.parse().ok()) else {
                continue;
            };
            let target = self.sysfs.link_name(self.attribute(&name))?;
            if let Some(address) = target.and_then(|target| target.parse().ok()) {
                found.push(VirtualFunction { index, address });
            }
        }
        found.sort_unstable_by_key(|function| function.index);
        Ok(found)
    }

    /// One of its virtual functions, by the number; nothing when it has no such.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    pub fn virtual_function(&self, index: u32) -> Result<Option<PciAddress>> {
        let target = self.sysfs.link_name(self.attribute(&format!("virtfn{index}")))?;
        Ok(target.and_then(|target| target.parse().ok()))
    }

    /// Its number among the virtual functions of its physical one.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::CONFIG_UNSUPPORTED`] when it is no virtual function; when its physical function does not know it.
    pub fn index(&self) -> Result<u32> {
        let Some(parent) = self.physical_function()? else {
            let sentence = format!("PCI device {} is no SR-IOV virtual function", self.address);
            return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence));
        };
        let parent = Self { sysfs: self.sysfs.clone(), address: parent };
        let mine = parent.virtual_functions()?.into_iter().find(|function| function.address == self.address);
        mine.map(|function| function.index).ok_or_else(|| {
            let sentence = format!(
                "{} is a virtual function of {}, which does not list it",
                self.address, parent.address
            );
            Error::internal(ErrorDomain::NODEDEV, sentence)
        })
    }

    /// Changes how many virtual functions there are: first none, as the kernel wants it, then `count`.
    ///
    /// # Errors
    ///
    /// When there can be none, or not as many; what the driver answers.
    pub fn set_virtual_functions(&self, count: u32) -> Result<()> {
        let total = self.total_virtual_functions()?.unwrap_or_default();
        if count > total {
            let sentence =
                format!("PCI device {} can have {total} virtual functions, not {count}", self.address);
            return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence));
        }
        let attribute = self.attribute("sriov_numvfs");
        if self.sysfs.number(&attribute)? != Some(0) {
            self.sysfs.write(&attribute, "0")?;
        }
        if count > 0 { self.sysfs.write(&attribute, &count.to_string()) } else { Ok(()) }
    }

    /// Its network devices, as far as they are in the network namespace that the tree was mounted in.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn ports(&self) -> Result<Vec<Port>> {
        let mut ports = Vec::new();
        for netdev in self.sysfs.names(self.attribute("net"))? {
            let attribute = |name: &str| self.attribute(&format!("net/{netdev}/{name}"));
            let phys_port_id = self.sysfs.read(attribute("phys_port_id"))?.filter(|id| !id.is_empty());
            let dev_port = self.sysfs.number(attribute("dev_port"))?.unwrap_or_default() as u32;
            ports.push(Port { netdev, phys_port_id, dev_port });
        }
        Ok(ports)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn both_functions_lead_to_each_other() {
        let fixture = Fixture::new();
        let parent = fixture.function("0000:01:00.0", "0x020000", Some("igb"));
        fixture.netdev(parent, "eth0", None);
        // Numbers count by value: 10 comes after 2.
        let children: Vec<_> = (0..12)
            .map(|index| {
                let text = format!("0000:01:{:02x}.{}", 0x10 + index / 4, index % 4 * 2);
                let child = fixture.function(&text, "0x020000", Some("igbvf"));
                fixture.virtual_function(parent, index, child);
                child
            })
            .collect();
        let parent = fixture.pci().device(parent).unwrap();
        let listed: Vec<_> = parent.virtual_functions().unwrap().iter().map(|it| it.address).collect();
        assert_eq!(listed, children);
        let eleventh = fixture.pci().device(children[10]).unwrap();
        assert_eq!(eleventh.physical_function().unwrap(), Some(parent.address()));
        assert_eq!(eleventh.index().unwrap(), 10);
        assert_eq!(parent.total_virtual_functions().unwrap(), Some(12));
        let error = parent.index().unwrap_err();
        assert_eq!(error.code(), ErrorCode::CONFIG_UNSUPPORTED);
        let error = parent.set_virtual_functions(13).unwrap_err();
        assert!(error.to_string().ends_with("can have 12 virtual functions, not 13"), "{error}");
    }

    #[test]
    fn a_function_may_have_several_ports() {
        let fixture = Fixture::new();
        let parent = fixture.function("0000:03:00.0", "0x020000", Some("mlx4_core"));
        fixture.netdev(parent, "ens3d1", Some("b"));
        fixture.netdev(parent, "ens3", Some("a"));
        let ports = fixture.pci().device(parent).unwrap().ports().unwrap();
        let ids: Vec<_> =
            ports.iter().map(|port| (port.netdev.as_str(), port.phys_port_id.as_deref())).collect();
        assert_eq!(ids, [("ens3", Some("a")), ("ens3d1", Some("b"))]);
    }

    #[test]
    fn the_number_of_functions_passes_through_none() {
        let fixture = Fixture::new();
        let parent = fixture.function("0000:01:00.0", "0x020000", Some("igb"));
        let child = fixture.function("0000:01:10.0", "0x020000", None);
        fixture.virtual_function(parent, 0, child);
        let device = fixture.pci().device(parent).unwrap();
        device.set_virtual_functions(1).unwrap();
        let sysfs = fixture.pci().sysfs().clone();
        assert_eq!(sysfs.number("bus/pci/devices/0000:01:00.0/sriov_numvfs").unwrap(), Some(1));
        device.set_virtual_functions(0).unwrap();
        assert_eq!(sysfs.number("bus/pci/devices/0000:01:00.0/sriov_numvfs").unwrap(), Some(0));
    }
}
