//! Ports of virtio serial controllers.

use virt_conf::model::{
    ChannelTarget, Controller, ControllerKind, DeviceAddress, DeviceInfo, Domain, VirtioSerialAddress,
};

/// Gives every virtio channel without a port the next free one; port 0 belongs to consoles.
pub(super) fn assign(domain: &mut Domain) {
    let ports: Vec<(u32, u32)> = domain
        .devices
        .controllers
        .iter()
        .filter_map(|controller: &Controller| match &controller.kind {
            ControllerKind::VirtioSerial(serial) => Some((controller.index?, serial.ports.unwrap_or(31))),
            _ => None,
        })
        .collect();
    let mut used: Vec<(u32, u32)> = Vec::new();
    let place = |info: &DeviceInfo| match &info.address {
        Some(DeviceAddress::VirtioSerial(place)) if place.port != 0 => Some((place.controller, place.port)),
        _ => None,
    };
    for channel in &domain.devices.channels {
        used.extend(place(&channel.info));
    }
    for console in &domain.devices.consoles {
        used.extend(place(&console.info));
    }
    for channel in &mut domain.devices.channels {
        if !matches!(channel.target, ChannelTarget::Virtio(_)) || place(&channel.info).is_some() {
            continue;
        }
        let wanted = match &channel.info.address {
            Some(DeviceAddress::VirtioSerial(place)) => Some(place.controller),
            Some(_) => continue,
            None => None,
        };
        let mut candidates = ports
            .iter()
            .filter(|(index, _)| wanted.is_none_or(|wanted| wanted == *index))
            .flat_map(|(index, ports)| (1..*ports).map(move |port| (*index, port)));
        if let Some((controller, port)) = candidates.find(|place| !used.contains(place)) {
            used.push((controller, port));
            channel.info.address =
                Some(DeviceAddress::VirtioSerial(VirtioSerialAddress { controller, bus: 0, port }));
        }
    }
}
