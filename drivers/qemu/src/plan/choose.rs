//! What a definition leaves open and the host has to decide at the start: names of devices, ports, paths of sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use virt_conf::model::{ChannelTarget, CharSource, Domain, Graphics, GraphicsListen, InterfaceKind};
use virt_util::{Error, ErrorDomain, Result};

use super::Choice;
use crate::command::{Paths, Settings};
use crate::engine::free_tap_name;

/// The ports of VNC servers, and of their WebSocket servers, as in libvirt.
const VNC_PORTS: std::ops::RangeInclusive<u16> = 5900..=65535;
const WEBSOCKET_PORTS: std::ops::RangeInclusive<u16> = 5700..=65535;

/// Decides everything that is open.
pub(super) fn choose(domain: &mut Domain, paths: &Paths, settings: &Settings) -> Result<Vec<Choice>> {
    let mut chosen = Vec::new();
    choose_taps(domain, &mut chosen);
    choose_ports(domain, settings, &mut chosen)?;
    choose_sockets(domain, paths);
    Ok(chosen)
}

fn choose_taps(domain: &mut Domain, chosen: &mut Vec<Choice>) {
    let mut taken = Vec::new();
    for (at, interface) in domain.devices.interfaces.iter_mut().enumerate() {
        let is_tap = matches!(interface.kind, InterfaceKind::Bridge(_) | InterfaceKind::Ethernet(_));
        if is_tap && interface.target.dev.is_none() {
            let name = free_tap_name(&taken);
            let path = format!("/domain/devices/interface[{}]/target/@dev", at + 1);
            chosen.push(Choice { path, now: name.clone() });
            taken.push(name.clone());
            interface.target.dev = Some(name);
        }
    }
}

fn choose_ports(domain: &mut Domain, settings: &Settings, chosen: &mut Vec<Choice>) -> Result<()> {
    let mut taken = Vec::new();
    for (at, graphics) in domain.devices.graphics.iter_mut().enumerate() {
        let Graphics::Vnc(vnc) = graphics else { continue };
        let listen = vnc.listens.listens.first();
        if matches!(listen, Some(GraphicsListen::Socket(_) | GraphicsListen::None)) {
            continue;
        }
        let address = match listen {
            Some(GraphicsListen::Address(listen)) => listen.address.clone(),
            _ => None,
        };
        let address = address.unwrap_or_else(|| settings.vnc_listen.clone());
        let mut port = vnc.port.unwrap_or_default();
        let mut pick = |range, attribute: &str| -> Result<i32> {
            let free = free_port(&address, range, &taken)?;
            taken.push(free);
            let path = format!("/domain/devices/graphics[{}]/@{attribute}", at + 1);
            chosen.push(Choice { path, now: free.to_string() });
            Ok(free.into())
        };
        if port.port == 0 {
            port.port = pick(VNC_PORTS, "port")?;
            port.autoport = true;
        }
        if port.websocket == -1 {
            port.websocket = pick(WEBSOCKET_PORTS, "websocket")?;
            port.websocket_generated = true;
        }
        vnc.port = Some(port);
    }
    Ok(())
}

/// The first port of `range` on which nobody listens at `address`.
fn free_port(address: &str, mut range: std::ops::RangeInclusive<u16>, taken: &[u16]) -> Result<u16> {
    // A name instead of an address is looked up by QEMU; any of the host's addresses will do to see what is free.
    let ip = address.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let is_free = |port: &u16| !taken.contains(port) && TcpListener::bind(SocketAddr::new(ip, *port)).is_ok();
    range
        .find(is_free)
        .ok_or_else(|| Error::internal(ErrorDomain::QEMU, "Unable to find an unused port in range"))
}

/// Sockets of channels that name none are in the guest's directory.
fn choose_sockets(domain: &mut Domain, paths: &Paths) {
    for channel in &mut domain.devices.channels {
        if let (CharSource::Unix(source), ChannelTarget::Virtio(target)) =
            (&mut channel.source, &channel.target)
            && source.path.is_none()
        {
            let alias = channel.info.alias.as_deref().unwrap_or("channel");
            let name = target.name.as_deref().unwrap_or(alias).replace('/', "_");
            source.path = Some(format!("{}/{name}", paths.channel));
        }
    }
}
