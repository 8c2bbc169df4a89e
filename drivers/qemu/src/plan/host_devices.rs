//! Devices of the host that a definition hands to its guest: checked, and written down as a request.

use std::path::PathBuf;

use virt_conf::model::{
    Domain, HostDeviceAddress, Hostdev, HostdevDriver, HostdevDriverName, HostdevInterface, HostdevKind,
    Interface, PciSlot, ScsiHostdevSource, StartupPolicy, SubsystemDevice, UsbHostAddress, UsbProduct,
    VirtualPort, VirtualPortType,
};
use virt_core::driver::Host;
use virt_core::sriov::{
    ANY_VFIO, Claim, Claimed, Holder, MacAddress, PciAddress, PortProfile, Request, Selection, Settings,
    UsbSelector, Vlan, VlanProtocol, Wish,
};
use virt_util::usb::Usb;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::engine::{Lease, Ownership, foresee};
use crate::model::hostdev_of;

/// What libvirt says of everything that has no address set for it from outside.
const ONLY_VIRTUAL_FUNCTIONS: &str =
    "Interface type hostdev is currently supported on SR-IOV Virtual Functions only";

fn unsupported(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, sentence)
}

/// All devices of the host that `domain` has, as a lease; nothing where it has none. USB devices that are named by vendor
/// and product get their places in `domain`, and optional ones that are not there go.
pub(crate) fn lease(
    domain: &mut Domain,
    owner: Option<Ownership>,
    host: &Host,
    wait: Wait<'_>,
) -> Result<Option<Lease>> {
    let mut asked = Asked::of(domain, owner);
    for interface in &domain.devices.interfaces {
        asked.interface(interface)?;
    }
    for hostdev in &domain.devices.hostdevs {
        asked.hostdev(hostdev)?;
    }
    asked.lease.whole = true;
    let (lease, claimed) = asked.settle(host, wait)?;
    place(&mut domain.devices.hostdevs, &claimed);
    Ok(lease)
}

/// As [`lease`], for one interface that comes to a running guest.
pub(crate) fn lease_interface(
    domain: &Domain,
    interface: &Interface,
    owner: Option<Ownership>,
    host: &Host,
    wait: Wait<'_>,
) -> Result<Option<Lease>> {
    let mut asked = Asked::of(domain, owner);
    asked.interface(interface)?;
    Ok(asked.settle(host, wait)?.0)
}

/// As [`lease`], for one device that comes to a running guest.
pub(crate) fn lease_hostdev(
    domain: &Domain,
    hostdev: &mut Hostdev,
    owner: Option<Ownership>,
    host: &Host,
    wait: Wait<'_>,
) -> Result<Option<Lease>> {
    let mut asked = Asked::of(domain, owner);
    asked.hostdev(hostdev)?;
    let (lease, claimed) = asked.settle(host, wait)?;
    let mut alone = vec![hostdev.clone()];
    place(&mut alone, &claimed);
    match alone.pop() {
        Some(placed) => *hostdev = placed,
        None => return Err(unsupported("there is no such device to attach")),
    }
    Ok(lease)
}

/// A request in the making.
struct Asked {
    lease: Lease,
}

impl Asked {
    fn of(domain: &Domain, owner: Option<Ownership>) -> Self {
        let mut request = Request::new(domain.name.clone());
        request.holder = Holder { id: domain.uuid, driver: Some("QEMU".into()), ..request.holder };
        Self { lease: Lease { request, steps: Vec::new(), owner, files: Vec::new(), whole: false } }
    }

    fn interface(&mut self, interface: &Interface) -> Result<()> {
        let Some(hostdev) = hostdev_of(interface) else { return Ok(()) };
        let Some(HostDeviceAddress::Pci(address)) = hostdev.source.address else {
            log::warn!("a USB device cannot be an interface of type hostdev: {ONLY_VIRTUAL_FUNCTIONS}");
            return Err(unsupported(ONLY_VIRTUAL_FUNCTIONS)
                .hint("hand it over as a plain <hostdev>: nothing is set on it then"));
        };
        let mut wish = wish(address.slot, hostdev.managed, &hostdev.driver)?;
        wish.settings = settings(interface, hostdev)?;
        self.lease.request.devices.push(wish);
        Ok(())
    }

    fn hostdev(&mut self, hostdev: &Hostdev) -> Result<()> {
        let HostdevKind::Subsystem(subsystem) = &hostdev.kind else { return Ok(()) };
        let request = &mut self.lease.request;
        match &subsystem.device {
            SubsystemDevice::Pci(pci) => {
                request.devices.push(wish(pci.source.address.slot, subsystem.managed, &pci.driver)?);
            }
            SubsystemDevice::Usb(usb) => {
                let source = &usb.source;
                let optional = source.startup_policy == Some(StartupPolicy::Optional);
                request.claims.push(usb_claim(&source.product, source.address.as_ref(), optional)?);
            }
            SubsystemDevice::Scsi(scsi) => {
                if let ScsiHostdevSource::Adapter(adapter) = &scsi.source {
                    let address = &adapter.address;
                    request.claims.push(Claim::Scsi {
                        adapter: adapter.adapter.clone(),
                        bus: address.bus,
                        target: address.target,
                        unit: address.unit,
                        shared: hostdev.shareable,
                    });
                }
            }
            SubsystemDevice::ScsiHost(scsi) => {
                let wwpn = scsi.source.wwpn.clone().unwrap_or_default();
                request.claims.push(Claim::ScsiHost { wwpn });
            }
            SubsystemDevice::Mdev(mdev) => request.claims.push(Claim::Mdev { uuid: mdev.uuid }),
        }
        Ok(())
    }

    /// Asks whether all of that can be had; names the USB devices that were found.
    fn settle(mut self, host: &Host, wait: Wait<'_>) -> Result<(Option<Lease>, Vec<Option<Claimed>>)> {
        let request = &mut self.lease.request;
        if request.devices.is_empty() && request.claims.is_empty() {
            return Ok((None, Vec::new()));
        }
        let plan = foresee(host, request, wait)?;
        self.lease.steps = plan.steps.into_iter().map(|step| step.description).collect();
        let nodes = plan.claimed.iter().flatten().filter_map(|claimed| claimed.node.as_deref());
        // A group of vfio's may be made only then; everybody may use the other.
        let there = nodes.filter(|node| !node.starts_with("/dev/vfio/") && !node.starts_with("/dev/vhost"));
        self.lease.files = there.map(PathBuf::from).collect();
        let mut found = plan.claimed.iter();
        request.claims.retain_mut(|claim| match (claim, found.next()) {
            (Claim::Usb { device, .. }, Some(Some(claimed))) => {
                // The one that was found, whatever else is plugged in until it is taken.
                device.address = claimed.usb.as_ref().map(|usb| (usb.bus, usb.device));
                true
            }
            (_, Some(None)) => false,
            _ => true,
        });
        Ok((Some(self.lease), plan.claimed))
    }
}

fn wish(slot: PciSlot, managed: bool, driver: &HostdevDriver) -> Result<Wish> {
    let address = address_of(slot)?;
    let driver = match driver.name {
        None | Some(HostdevDriverName::Vfio) => driver.model.as_deref().unwrap_or(ANY_VFIO),
        Some(name) => {
            return Err(unsupported(format!(
                "PCI passthrough with driver '{name}' is not supported by QEMU"
            ))
            .hint("leave the driver out, or name vfio"));
        }
    };
    let mut wish = Wish::new(Selection::Address(address)).bound_to(driver);
    wish.unmanaged = !managed;
    Ok(wish)
}

/// A function's address as the kernel writes it.
pub(crate) fn address_of(slot: PciSlot) -> Result<PciAddress> {
    let text = format!("{:04x}:{:02x}:{:02x}.{:x}", slot.domain, slot.bus, slot.slot, slot.function);
    text.parse()
}

/// The same as documents have it.
pub(crate) fn slot_of(address: PciAddress) -> PciSlot {
    let PciAddress { domain, bus, device, function } = address;
    PciSlot { domain, bus: bus.into(), slot: device.into(), function: function.into() }
}

/// What is set on the function before the guest gets it.
fn settings(interface: &Interface, hostdev: &HostdevInterface) -> Result<Settings> {
    let mut settings =
        Settings { mac: interface.mac.as_ref().map(|mac| MacAddress(mac.address.0)), ..Settings::default() };
    if settings.mac.is_none() {
        return Err(unsupported("an interface of type hostdev without a MAC address"));
    }
    // What the network says counts where the interface is one of its ports.
    let actual = interface.actual.as_deref();
    let port = actual.map_or(interface.virtualport.as_ref(), |actual| actual.virtualport.as_ref());
    let port = port.filter(|port| port.kind.is_some());
    settings.port_profile = port.map(profile).transpose()?;
    if let Some(vlan) = actual.map_or(interface.vlan.as_ref(), |actual| actual.vlan.as_ref()) {
        // libvirt's sentences.
        if vlan.trunk || vlan.tags.len() > 1 {
            return Err(unsupported("vlan trunking is not supported by SR-IOV network devices"));
        }
        if let Some(kind) = port.and_then(|port| port.kind) {
            return Err(unsupported(format!(
                "direct setting of the vlan tag is not allowed for hostdev devices using {kind} mode"
            )));
        }
        let tag = vlan.tags.first().map(|tag| u16::try_from(tag.id).unwrap_or(u16::MAX));
        settings.vlan = tag.map(|id| Vlan { id, qos: 0, protocol: VlanProtocol::Customer });
    }
    log::debug!("{:?} gets {settings:?}", hostdev.source.address);
    Ok(settings)
}

fn profile(port: &VirtualPort) -> Result<PortProfile> {
    match (port.kind, &port.parameters) {
        (Some(VirtualPortType::Qbh), Some(parameters)) => Ok(PortProfile::Qbh {
            profile: parameters.profileid.clone().unwrap_or_default(),
            instance: None,
            host: None,
        }),
        (kind, _) => {
            // libvirt's sentence.
            let kind = kind.map_or_else(|| "none".to_owned(), |kind| kind.to_string());
            Err(unsupported(format!(
                "virtualport type {kind} is currently not supported on interfaces of type hostdev"
            )))
        }
    }
}

fn usb_claim(product: &UsbProduct, address: Option<&UsbHostAddress>, optional: bool) -> Result<Claim> {
    let number = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    let product =
        product.vendor.zip(product.product).map(|(vendor, product)| (number(vendor), number(product)));
    let address = match address {
        Some(UsbHostAddress { bus, device: Some(device), .. }) => Some((*bus, *device)),
        Some(UsbHostAddress { bus, port: Some(port), .. }) => {
            // What is plugged in there now.
            let wanted = format!("{bus}-{port}");
            let found = Usb::host().devices()?.into_iter().find(|device| device.port == wanted);
            let found = found.map(|device| (device.bus, device.device));
            if found.is_none() && !optional {
                let sentence = format!("Did not find USB device bus:{bus} port:{port}");
                return Err(Error::internal(ErrorDomain::QEMU, sentence));
            }
            Some(found.unwrap_or((*bus, 0)))
        }
        _ => None,
    };
    Ok(Claim::Usb { device: UsbSelector { product, address }, optional })
}

/// Writes into USB devices where they were found; those that are not there, and may be missing, go.
fn place(hostdevs: &mut Vec<Hostdev>, claimed: &[Option<Claimed>]) {
    let mut claimed = claimed.iter();
    hostdevs.retain_mut(|hostdev| {
        let HostdevKind::Subsystem(subsystem) = &mut hostdev.kind else { return true };
        match &mut subsystem.device {
            SubsystemDevice::Pci(_) => true,
            SubsystemDevice::Scsi(scsi) => {
                if matches!(scsi.source, ScsiHostdevSource::Adapter(_)) {
                    claimed.next();
                }
                true
            }
            SubsystemDevice::ScsiHost(_) | SubsystemDevice::Mdev(_) => {
                claimed.next();
                true
            }
            SubsystemDevice::Usb(usb) => match claimed.next() {
                Some(Some(Claimed { usb: Some(found), .. })) => {
                    let address = usb.source.address.get_or_insert_default();
                    if address.port.is_none() {
                        (address.bus, address.device) = (found.bus, Some(found.device));
                    }
                    true
                }
                Some(None) => false,
                _ => true,
            },
        }
    });
}
