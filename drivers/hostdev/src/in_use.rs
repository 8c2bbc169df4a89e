//! Whether the host itself uses a device: it is never taken from it unawares.

use std::time::Duration;

use virt_core::driver::{Error, ErrorCode, ErrorDomain, Result};
use virt_util::netlink::Link;
use virt_util::pci::{PciAddress, PciDevice};
use virt_util::sysfs::Sysfs;
use virt_util::wait::Wait;

use crate::host::netdevs_of;
use virt_util::pci::Pci;

const PATIENCE: Duration = Duration::from_secs(10);

/// The base class of network controllers.
const NETWORK: u32 = 0x02;

/// Refuses a device that the host uses, and says how.
///
/// # Errors
///
/// [`ErrorCode::OPERATION_INVALID`] when it does; when that cannot be found out.
pub(crate) fn check(pci: &Pci, device: &PciDevice) -> Result<()> {
    let address = device.address();
    if device.driver()?.is_none() || device.is_with_vfio()? {
        return Ok(());
    }
    let children = device.virtual_functions()?.len();
    if children > 0 {
        return Err(used(address, &format!("it has {children} virtual functions")));
    }
    if device.identity()?.class >> 16 == NETWORK {
        network(pci, address)?;
    }
    storage(pci.sysfs(), address)
}

fn used(address: PciAddress, how: &str) -> Error {
    let sentence = format!("PCI device {address} is used by the host: {how}");
    Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence)
        .hint("choose another, or say that the host is to lose it (force)")
}

/// An address, a master, a device on top, packets in both directions, or a container.
fn network(pci: &Pci, address: PciAddress) -> Result<()> {
    for mut uplink in netdevs_of(pci, address)? {
        let netlink = &mut uplink.netlink;
        let name = &uplink.link.name;
        if !uplink.ours {
            let place = uplink.namespace.path.display();
            return Err(used(address, &format!("{name} is in the network namespace {place}")));
        }
        let wait = Wait::at_most(PATIENCE);
        let index = uplink.link.index;
        let addresses = netlink.addresses(wait)?;
        if addresses.iter().any(|it| it.index == index && !it.link_local) {
            return Err(used(address, &format!("{name} has an address")));
        }
        let links = netlink.links(wait)?;
        let called = |wanted: &dyn Fn(&Link) -> bool| {
            links.iter().find(|link| wanted(link)).map(|link| link.name.clone())
        };
        if let Some(master) = uplink.link.master {
            let master = called(&|link| link.index == master).unwrap_or_default();
            return Err(used(address, &format!("{name} is a part of {master}")));
        }
        if let Some(upper) = called(&|link| link.lower == Some(index) && link.index != index) {
            return Err(used(address, &format!("{upper} is on top of {name}")));
        }
        let packets = netlink.link_with_packets(index, wait)?.packets;
        if uplink.link.up && packets.is_some_and(|(received, sent)| received > 0 && sent > 0) {
            return Err(used(address, &format!("{name} is up and has traffic")));
        }
    }
    Ok(())
}

/// A file system, swap, or a device made of it.
fn storage(sysfs: &Sysfs, address: PciAddress) -> Result<()> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let swaps = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    let function = address.to_string();
    for name in sysfs.names("class/block")? {
        // The link names every device on the way.
        let place = std::fs::read_link(sysfs.path(format!("class/block/{name}"))).unwrap_or_default();
        if !place.components().any(|part| part.as_os_str() == function.as_str()) {
            continue;
        }
        let number = sysfs.read(format!("class/block/{name}/dev"))?.unwrap_or_default();
        if mounts.lines().any(|line| line.split(' ').nth(2) == Some(number.as_str())) {
            return Err(used(address, &format!("{name} is mounted")));
        }
        if swaps.lines().any(|line| line.split_whitespace().next() == Some(&format!("/dev/{name}"))) {
            return Err(used(address, &format!("{name} holds swap")));
        }
        if let Some(holder) = sysfs.names(format!("class/block/{name}/holders"))?.first() {
            return Err(used(address, &format!("{name} is a part of {holder}")));
        }
    }
    Ok(())
}
