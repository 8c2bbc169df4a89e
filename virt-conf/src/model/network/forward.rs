//! `<forward>`: how a network reaches the world.

use std::net::IpAddr;

use crate::model::device::{HostdevDriver, PciSlot};
use crate::xml::{Reader, Result, Xml, XmlValue};

/// How a network reaches the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "forward", keep_empty, after_read = NetworkForward::settle)]
pub struct NetworkForward {
    /// The host's device that traffic must leave through, the first of `interfaces`; any by default.
    #[xml(attr)]
    pub dev: Option<String>,
    /// In which way.
    #[xml(attr, default)]
    pub mode: ForwardMode,
    /// Whether libvirt takes assigned functions from the host and gives them back; no by default.
    #[xml(attr, omit)]
    pub managed: bool,
    /// The host's driver that holds assigned functions meanwhile.
    #[xml(child, default)]
    pub driver: HostdevDriver,
    /// SR-IOV devices whose functions are handed out.
    #[xml(child = "pf")]
    pub physical_functions: Vec<ForwardDevice>,
    /// How addresses are translated.
    #[xml(child)]
    pub nat: Option<ForwardNat>,
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
    #[xml(attr)]
    pub dev: String,
    /// How many guests use it while the network runs.
    #[xml(attr, live)]
    pub connections: Option<u32>,
}

/// A PCI function.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "address", tag = "type")]
pub enum ForwardAddress {
    /// Where it is.
    Pci(PciSlot),
}

/// How addresses are translated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "nat")]
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
#[xml(name = "address")]
pub struct NatAddresses {
    /// The first.
    #[xml(attr)]
    pub start: IpAddr,
    /// The last; the first by default.
    #[xml(attr)]
    pub end: Option<IpAddr>,
}

/// A range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "port")]
pub struct NatPorts {
    /// The first.
    #[xml(attr)]
    pub start: u32,
    /// The last.
    #[xml(attr)]
    pub end: u32,
}

impl NetworkForward {
    /// The device of the attribute and the first of the list are one.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match (&self.dev, self.interfaces.first()) {
            (Some(dev), None) => {
                self.interfaces.push(ForwardDevice { dev: dev.clone(), connections: None });
            }
            (Some(dev), Some(first)) if *dev != first.dev => {
                return Err(reader.refuse(format!(
                    "forward dev '{dev}' must match first interface element dev '{}' in network '{}'",
                    first.dev,
                    reader
                        .parent()
                        .map(|network| network.child_value(&[], "name").into_owned())
                        .unwrap_or_default(),
                )));
            }
            (None, Some(first)) => self.dev = Some(first.dev.clone()),
            _ => {}
        }
        Ok(())
    }
}
