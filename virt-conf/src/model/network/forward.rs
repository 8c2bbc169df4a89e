//! `<forward>`: how a network reaches the world.

use std::net::Ipv4Addr;

use super::{AddressRange, Affirmed, detail, name_of, refuse, unsupported};
use crate::model::device::{HostdevDriver, PciSlot};
use crate::xml::{Element, Error, Reader, Result, Xml, XmlValue};

/// How a network reaches the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "forward", keep_empty, after_read = NetworkForward::settle)]
pub struct NetworkForward {
    /// The host's device that traffic must leave through, the first of `interfaces`; any by default.
    #[xml(attr)]
    pub dev: Option<String>,
    /// In which way.
    #[xml(attr, default, unless_empty, invalid = |text| unsupported(format!("unknown forwarding type '{text}'")))]
    pub mode: ForwardMode,
    /// Whether libvirt takes assigned functions from the host and gives them back; no by default.
    #[xml(attr, with = Affirmed)]
    pub managed: Option<bool>,
    /// The host's driver that holds assigned functions meanwhile.
    #[xml(child, default)]
    pub driver: HostdevDriver,
    /// How addresses are translated.
    #[xml(child)]
    pub nat: Option<ForwardNat>,
    /// SR-IOV devices whose functions are handed out.
    #[xml(child = "pf")]
    pub physical_functions: Vec<ForwardDevice>,
    /// Devices of the host.
    #[xml(child = "interface")]
    pub interfaces: Vec<ForwardDevice>,
    /// Functions that are handed out.
    #[xml(child = "address")]
    pub addresses: Vec<ForwardAddress>,
}

/// Ways of reaching the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum ForwardMode {
    /// Through the host, under its address.
    #[default]
    Nat,
    /// Through the host, which routes.
    Route,
    /// Through the host, which firewalls nothing.
    Open,
    /// On a bridge of the host, or a device shared by macvtap.
    Bridge,
    /// On a device shared by macvtap, whose frames go through an external switch.
    Vepa,
    /// On a device shared by macvtap, whose ports cannot talk to each other.
    Private,
    /// On a device of its own for each guest, by macvtap.
    Passthrough,
    /// On a PCI function of its own for each guest.
    Hostdev,
}

/// A device of the host.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "interface")]
pub struct ForwardDevice {
    /// Its name.
    #[xml(attr, missing = no_device(r))]
    pub dev: String,
    /// How many guests use it while the network runs. Only ever written.
    #[xml(attr, live, write_only)]
    pub connections: Option<u32>,
}

/// A PCI function.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "address", tag = "type", before_read = ForwardAddress::check)]
pub enum ForwardAddress {
    /// Where it is.
    Pci(PciSlot),
}

/// How addresses are translated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "nat", before_read = ForwardNat::check)]
pub struct ForwardNat {
    /// Whether IPv6 addresses are, too; no by default.
    #[xml(attr)]
    pub ipv6: Option<bool>,
    /// Into which addresses; the host's by default.
    #[xml(child)]
    pub address: Option<NatAddresses>,
    /// Into which ports; any from 1024 by default.
    #[xml(child)]
    pub port: Option<NatPorts>,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "address", after_read = NatAddresses::settle)]
pub struct NatAddresses {
    /// The first.
    #[xml(attr, invalid = |text| bad_address(r, "start", text), missing = no_address(r, "start"))]
    pub start: Ipv4Addr,
    /// The last.
    #[xml(attr, invalid = |text| bad_address(r, "end", text), missing = no_address(r, "end"))]
    pub end: Ipv4Addr,
}

/// A range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "port", after_read = NatPorts::settle)]
pub struct NatPorts {
    /// The first.
    #[xml(attr, invalid = |_| bad_port(r, "start"), missing = bad_port(r, "start"))]
    pub start: u32,
    /// The last.
    #[xml(attr, invalid = |_| bad_port(r, "end"), missing = bad_port(r, "end"))]
    pub end: u32,
}

impl NetworkForward {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let name = name_of(reader);
        if reader.all(ForwardNat::NAME).count() > 1 {
            return Err(
                reader.refuse(format!("Only one <nat> element is allowed in <forward> of network {name}"))
            );
        }
        if self.nat.is_some() && self.mode != ForwardMode::Nat {
            return Err(reader.refuse(format!(
                "The <nat> element can only be used when <forward> 'mode' is 'nat' in network {name}"
            )));
        }
        if self.dev.is_some() && !(self.addresses.is_empty() && self.physical_functions.is_empty()) {
            return Err(reader.refuse(format!(
                "the <forward> 'dev' attribute cannot be used when <address> or <pf> sub-elements are present in network {name}"
            )));
        }
        self.managed = match self.mode {
            ForwardMode::Hostdev => Some(self.managed.unwrap_or_default()),
            _ => None,
        };
        self.settle_devices(reader, &name)?;
        for (at, ForwardAddress::Pci(slot)) in self.addresses.iter().enumerate() {
            slot.check(reader)?;
            if self.addresses.iter().take(at).any(|ForwardAddress::Pci(other)| other == slot) {
                let PciSlot { domain, bus, slot, function } = slot;
                return Err(reader.refuse(format!(
                    "PCI device '{domain:04x}:{bus:02x}:{slot:02x}.{function}' can only be listed once in network {name}",
                )));
            }
        }
        if self.physical_functions.len() > 1 && self.interfaces.is_empty() && self.addresses.is_empty() {
            return Err(
                reader.refuse(format!("Only one <pf> element is allowed in <forward> of network {name}"))
            );
        }
        // Of devices by name, by place and by what they are part of, the first kind counts that there is.
        if !self.interfaces.is_empty() {
            self.addresses.clear();
        }
        if !(self.interfaces.is_empty() && self.addresses.is_empty()) {
            self.physical_functions.clear();
        }
        Ok(())
    }

    /// The device of the attribute and the first of the list are one, and each is listed once.
    fn settle_devices(&mut self, reader: &Reader<'_, '_>, name: &str) -> Result<()> {
        for (at, device) in self.interfaces.iter().enumerate() {
            if self.interfaces.iter().take(at).any(|other| other.dev == device.dev) {
                return Err(reader.refuse(format!(
                    "interface '{}' can only be listed once in network {name}",
                    device.dev
                )));
            }
        }
        match (&self.dev, self.interfaces.first()) {
            (Some(dev), None) => {
                self.interfaces.push(ForwardDevice { dev: dev.clone(), connections: None });
            }
            (Some(dev), Some(first)) if *dev != first.dev => {
                return Err(reader.refuse(format!(
                    "<forward dev='{dev}'> must match first <interface dev='{}'/> in network {name}",
                    first.dev,
                )));
            }
            (None, Some(_)) => self.name_device(),
            _ => {}
        }
        Ok(())
    }

    /// Names the first device of the list as the one that traffic leaves through.
    pub(super) fn name_device(&mut self) {
        self.dev = self.interfaces.first().map(|device| device.dev.clone());
    }
}

impl ForwardAddress {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.attr_text("type") {
            None => Err(reader.refuse(format!("missing address type in network {}", name_of(reader)))),
            Some(kind) if Self::Pci(PciSlot::default()).tag() != kind => {
                Err(reader
                    .unsupported(format!("unknown address type '{kind}' in network {}", name_of(reader))))
            }
            Some(_) => Ok(()),
        }
    }
}

impl ForwardNat {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        for only in [NatAddresses::NAME, NatPorts::NAME] {
            if reader.all(only).count() > 1 {
                return Err(reader.refuse(format!(
                    "Only one <{only}> element is allowed in <nat> in <forward> in network {}",
                    name_of(reader)
                )));
            }
        }
        Ok(())
    }
}

impl NatAddresses {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let range = AddressRange { start: self.start.into(), end: self.end.into() };
        range.check(None).map_err(|error| reader.place(error))
    }
}

impl NatPorts {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let last = u32::from(u16::MAX);
        if self.start > last {
            return Err(reader.place(bad_port(reader, "start")));
        }
        if self.end > last || self.end < self.start {
            return Err(reader.place(bad_port(reader, "end")));
        }
        Ok(())
    }
}

fn no_device(reader: &Reader<'_, '_>) -> Error {
    if reader.fragment().is_some() {
        return refuse("missing dev attribute in <interface> element");
    }
    let name = name_of(reader);
    refuse(match reader.name() {
        ForwardDevice::NAME => {
            format!("Missing required dev attribute in <forward> <interface> element of network {name}")
        }
        function => format!("Missing required dev attribute in <{function}> element of network '{name}'"),
    })
}

fn no_address(reader: &Reader<'_, '_>, which: &str) -> Error {
    refuse(format!(
        "missing '{which}' attribute in <address> element in <nat> in <forward> in network {}",
        name_of(reader)
    ))
}

fn bad_address(reader: &Reader<'_, '_>, which: &str, text: &str) -> Error {
    refuse(format!(
        "Bad ipv4 {which} address '{text}' in <nat> in <forward> in network '{}'",
        name_of(reader)
    ))
}

fn bad_port(reader: &Reader<'_, '_>, which: &str) -> Error {
    detail(format!(
        "Missing or invalid '{which}' attribute in <port> in <nat> in <forward> in network {}",
        name_of(reader)
    ))
}
