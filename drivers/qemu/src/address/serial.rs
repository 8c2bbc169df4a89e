//! Ports of virtio serial controllers.

use virt_conf::model::{
    ChannelTarget, Controller, ControllerKind, DeviceAddress, DeviceInfo, Domain, VirtioSerialAddress,
    VirtioSerialController,
};

/// The ports of a controller that does not say how many it has.
const DEFAULT_PORTS: u32 = 31;

/// Gives every virtio channel without a port the next free one; port 0 belongs to consoles.
pub(super) fn assign(domain: &mut Domain) {
    let mut ports: Vec<(u32, u32)> = domain
        .devices
        .controllers
        .iter()
        .filter_map(|controller: &Controller| match &controller.kind {
            ControllerKind::VirtioSerial(serial) => {
                Some((controller.index?, serial.ports.unwrap_or(DEFAULT_PORTS)))
            }
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
    let mut added = Vec::new();
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
        let free = candidates.find(|place| !used.contains(place)).or_else(|| {
            // A controller more, unless the document insists on a full one.
            let index = (0..=u32::MAX).find(|index| !ports.iter().any(|(known, _)| known == index))?;
            let controller = wanted.is_none().then_some((index, 1))?;
            let kind = ControllerKind::VirtioSerial(VirtioSerialController::default());
            added.push((kind, index));
            ports.push((index, DEFAULT_PORTS));
            Some(controller)
        });
        if let Some((controller, port)) = free {
            used.push((controller, port));
            channel.info.address =
                Some(DeviceAddress::VirtioSerial(VirtioSerialAddress { controller, bus: 0, port }));
        }
    }
    for (kind, index) in added {
        domain.devices.ensure_controller(kind, index);
    }
}
