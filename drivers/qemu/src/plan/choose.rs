//! What a definition leaves open and the host has to decide at the start: names of devices, ports.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use virt_conf::model::{Domain, InterfaceKind};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Choice;
use crate::command::{Allocator, PortUse, Settings};
use crate::engine::free_tap_name;
use crate::model::effective;

/// Chooses for one start, and notes what it chose.
pub(super) struct Chooser<'a> {
    settings: &'a Settings,
    id: u32,
    ports: Vec<u16>,
    /// What was chosen.
    pub(super) chosen: Vec<Choice>,
}

impl<'a> Chooser<'a> {
    /// For the guest that will have the number `id`.
    pub(super) fn new(settings: &'a Settings, id: u32) -> Self {
        Self { settings, id, ports: Vec::new(), chosen: Vec::new() }
    }

    /// Names the tap devices that have no name.
    pub(super) fn name_taps(&mut self, domain: &mut Domain) {
        let mut taken = Vec::new();
        for (at, interface) in domain.devices.interfaces.iter_mut().enumerate() {
            let pattern = match effective(interface) {
                InterfaceKind::Bridge(_) | InterfaceKind::Ethernet(_) | InterfaceKind::Network(_) => "vnet",
                InterfaceKind::Direct(_) => "macvtap",
                _ => continue,
            };
            if interface.target.dev.is_none() {
                let name = free_tap_name(pattern, &taken);
                let path = format!("/domain/devices/interface[{}]/target/@dev", at + 1);
                self.chosen.push(Choice { path, now: name.clone() });
                taken.push(name.clone());
                interface.target.dev = Some(name);
            }
        }
    }
}

impl Allocator for Chooser<'_> {
    fn port(&mut self, purpose: PortUse) -> Result<u32> {
        let (address, first, attribute) = match purpose {
            PortUse::Vnc => (&self.settings.vnc_listen, 5900, "port"),
            PortUse::VncWebsocket => (&self.settings.vnc_listen, 5700, "websocket"),
            PortUse::Spice => (&self.settings.spice_listen, 5900, "port"),
            PortUse::SpiceTls => (&self.settings.spice_listen, 5900, "tlsPort"),
        };
        // A name instead of an address is looked up by QEMU; any of the host's addresses will do to see what is free.
        let ip = address.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let is_free =
            |port: &u16| !self.ports.contains(port) && TcpListener::bind(SocketAddr::new(ip, *port)).is_ok();
        let port = (first..=u16::MAX).find(is_free);
        let port =
            port.ok_or_else(|| Error::internal(ErrorDomain::QEMU, "Unable to find an unused port in range"))?;
        self.ports.push(port);
        self.chosen
            .push(Choice { path: format!("/domain/devices/graphics/@{attribute}"), now: port.to_string() });
        Ok(port.into())
    }

    fn vsock_cid(&mut self) -> Result<u32> {
        // 0 to 2 are the hypervisor's and the host's; numbers of guests begin with 1 and are never given twice.
        let cid = self.id.saturating_add(2);
        self.chosen.push(Choice { path: "/domain/devices/vsock/cid/@address".into(), now: cid.to_string() });
        Ok(cid)
    }

    fn network_address(&mut self, network: &str) -> Result<String> {
        let detail = format!("no network with matching name '{network}'");
        Err(Error::new(ErrorCode::NO_NETWORK, ErrorDomain::QEMU, detail))
    }
}
