//! PCI slots: a trial first, which shows what bridges are missing; then the assignment.

use virt_conf::model::{
    Controller, ControllerKind, DeviceAddress, DeviceInfo, Domain, PciAddress, PciController, PciModel,
    PciModelName, PciSlot, Switch, UsbModel,
};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Context;
use super::device::{Class, Entry, entries};
use super::pci_set::{Bus, Connect, PciSlots};
use super::q35;
use crate::caps::Flag;

/// Whether the device shall sit on PCI, but where is open.
pub(super) fn is_wanted(info: &DeviceInfo) -> bool {
    match &info.address {
        None => true,
        Some(DeviceAddress::Pci(pci)) => pci.slot.is_empty(),
        Some(_) => false,
    }
}

/// The slot of a device whose place is known.
pub(super) fn known(info: &DeviceInfo) -> Option<PciSlot> {
    match &info.address {
        Some(DeviceAddress::Pci(pci)) if !pci.slot.is_empty() => Some(pci.slot),
        _ => None,
    }
}

/// Puts the device at `at`, keeping what else its address says.
pub(super) fn put(info: &mut DeviceInfo, at: PciSlot) {
    let previous = match info.address.take() {
        Some(DeviceAddress::Pci(pci)) => pci,
        _ => PciAddress::default(),
    };
    info.address = Some(DeviceAddress::Pci(PciAddress { slot: at, ..previous }));
}

/// A place on the first bus.
pub(super) fn root(slot: u32, function: u32) -> PciSlot {
    PciSlot { domain: 0, bus: 0, slot, function }
}

/// The buses that the document's controllers make.
fn slots_of(domain: &Domain, context: Context<'_>, count: usize, may_grow: bool) -> PciSlots {
    let mut models: Vec<Option<PciModel>> = vec![None; count];
    for controller in &domain.devices.controllers {
        let ControllerKind::Pci(pci) = &controller.kind else { continue };
        let (Some(model), Some(index)) = (pci.model, controller.index) else { continue };
        if let Some(place) = models.get_mut(index as usize) {
            *place = Some(model);
        }
    }
    let first = models.first().copied().flatten();
    // Numbers that the document skips become what the board adds by itself.
    let filler = match first {
        Some(PciModel::PcieRoot) => PciModel::PcieRootPort,
        _ if context.board.is_pseries() => PciModel::PciRoot,
        _ => PciModel::PciBridge,
    };
    let mut buses: Vec<Bus> = models.into_iter().map(|known| Bus::new(known.unwrap_or(filler))).collect();
    if let Some(first) = buses.first_mut().filter(|_| context.board.is_pseries()) {
        // Devices of the host get bridges of their own, which the host can reset by themselves.
        first.isolation_locked = true;
    }
    PciSlots {
        buses,
        may_grow,
        multiple_roots: context.board.is_pseries(),
        has_pcie_to_pci: context.caps.has(Flag::PciePciBridge),
    }
}

/// The number of buses that the document's controllers make.
fn bus_count(domain: &Domain) -> usize {
    let indices = domain.devices.controllers.iter().filter_map(|controller| match controller.kind {
        ControllerKind::Pci(_) => controller.index,
        _ => None,
    });
    indices.max().map_or(0, |max| max as usize + 1)
}

/// Gives every PCI device that lacks one a slot, and adds the bridges that this takes.
pub(super) fn assign(domain: &mut Domain, context: Context<'_>) -> Result<()> {
    let count = bus_count(domain);
    if !context.board.can_have_pci() {
        return Ok(());
    }
    let has_bridges = context.caps.has(Flag::PciBridge) || context.board.is_pseries();
    let is_express = domain.devices.controllers.iter().any(|controller| {
        matches!(&controller.kind, ControllerKind::Pci(pci) if pci.model == Some(PciModel::PcieRoot))
    });
    if count > 0 && (has_bridges || is_express) {
        let mut trial = domain.clone();
        let mut slots = slots_of(&trial, context, count, true);
        fill(&mut trial, context, &mut slots)?;
        let grown = slots.buses.len() > count;
        if count == 1 && grown && is_express {
            // Whoever leaves all bridges to us gets one free slot to plug something in later.
            slots.reserve_next(Connect::HOTPLUG | Connect::PCIE_DEVICE, 0, None)?;
        } else if !is_express && !slots.multiple_roots && !is_s390(context) {
            // A later bridge needs a slot itself.
            let free = slots.buses.iter().any(|bus| !bus.is_full());
            if free {
                slots.reserve_next(Connect::HOTPLUG | Connect::PCI_DEVICE, 0, None)?;
            }
        }
        for (index, bus) in slots.buses.iter().enumerate().skip(1) {
            let known = domain.devices.controllers.iter().any(|controller| {
                matches!(controller.kind, ControllerKind::Pci(_)) && controller.index == Some(index as u32)
            });
            if !known {
                let pci = PciController { model: Some(bus.model), ..PciController::default() };
                domain.devices.ensure_controller(ControllerKind::Pci(pci), index as u32);
            }
        }
    }
    let count = bus_count(domain);
    let mut slots = slots_of(domain, context, count, false);
    fill(domain, context, &mut slots)?;
    settle_multifunction(domain, context);
    if is_s390(context) && context.caps.has(Flag::Zpci) {
        name_functions(domain, context)?;
    }
    settle_bridges(domain, context)
}

fn is_s390(context: Context<'_>) -> bool {
    context.board.arch.is_s390()
}

fn fill(domain: &mut Domain, context: Context<'_>, slots: &mut PciSlots) -> Result<()> {
    collect(domain, context, slots)?;
    if context.board.is_i440fx() {
        q35::reserve_i440fx(domain, context, slots)?;
    } else if context.board.is_q35() {
        q35::reserve_q35(domain, context, slots)?;
    }
    give_out(domain, context, slots)
}

/// Takes the slots that the document names.
fn collect(domain: &mut Domain, context: Context<'_>, slots: &mut PciSlots) -> Result<()> {
    // The chipset's own functions are reserved with the chipset.
    let is_i440fx = context.board.is_i440fx();
    let is_own = |controller: &Controller| match &controller.kind {
        ControllerKind::Ide(_) => known(&controller.info) == Some(root(1, 1)),
        ControllerKind::Usb(usb) => {
            matches!(usb.model, Some(UsbModel::Piix3Uhci) | None)
                && known(&controller.info) == Some(root(1, 2))
        }
        _ => false,
    };
    let own: Vec<bool> = domain
        .devices
        .controllers
        .iter()
        .map(|controller| is_i440fx && controller.index == Some(0) && is_own(controller))
        .collect();
    for entry in entries(&mut domain.devices, context) {
        let Some(at) = known(entry.info) else { continue };
        if entry.class == Class::Controller && own.get(entry.position) == Some(&true) {
            continue;
        }
        let needs = if entry.needs.is_empty() { Connect::PCI_DEVICE } else { entry.needs };
        slots.reserve(at, needs, context.isolation_group(&entry), true)?;
        if entry.needs.contains(Connect::AGGREGATE) {
            slots.set_aggregate(at);
        }
    }
    Ok(())
}

/// Gives out slots, kind by kind.
fn give_out(domain: &mut Domain, context: Context<'_>, slots: &mut PciSlots) -> Result<()> {
    // Companions of a USB 2.0 controller sit in its slot: what is known of each number's slot.
    let indices: Vec<Option<u32>> =
        domain.devices.controllers.iter().map(|controller| controller.index).collect();
    let mut usb_slots: Vec<(Option<u32>, PciSlot)> = Vec::new();
    let mut all = entries(&mut domain.devices, context);
    for entry in &all {
        if let (Class::Controller, Some(_), Some(at)) =
            (entry.class, ich9_function(entry.usb), known(entry.info))
        {
            usb_slots.push((indices.get(entry.position).copied().flatten(), at));
        }
    }
    all.sort_by_key(|entry| entry.class);
    for entry in &mut all {
        if entry.class == Class::Disk {
            check_disk(entry.info)?;
        }
        if entry.needs.is_empty() || !is_wanted(entry.info) {
            continue;
        }
        let at = match ich9_function(entry.usb) {
            Some(function) => {
                let index = indices.get(entry.position).copied().flatten();
                ich9_place(slots, &mut usb_slots, index, function, entry)?
            }
            None => slots.reserve_next(entry.needs, context.isolation_group(entry), None)?,
        };
        put(entry.info, at);
    }
    Ok(())
}

/// Disks of virtio are devices of a bus, never units of a controller.
fn check_disk(info: &DeviceInfo) -> Result<()> {
    match &info.address {
        None | Some(DeviceAddress::Pci(_) | DeviceAddress::Ccw(_) | DeviceAddress::VirtioMmio) => Ok(()),
        Some(other) => Err(Error::new(
            ErrorCode::CONFIG_UNSUPPORTED,
            ErrorDomain::DOMAIN,
            format!("virtio disk cannot have an address of type '{}'", other.tag()),
        )),
    }
}

/// The function that a part of ICH9's USB 2.0 controller has in its slot.
fn ich9_function(model: Option<UsbModel>) -> Option<u32> {
    match model? {
        UsbModel::Ich9Ehci1 => Some(7),
        UsbModel::Ich9Uhci1 => Some(0),
        UsbModel::Ich9Uhci2 => Some(1),
        UsbModel::Ich9Uhci3 => Some(2),
        _ => None,
    }
}

fn ich9_place(
    slots: &mut PciSlots,
    known: &mut Vec<(Option<u32>, PciSlot)>,
    index: Option<u32>,
    function: u32,
    entry: &Entry<'_>,
) -> Result<PciSlot> {
    if let Some((_, at)) = known.iter().find(|(other, _)| *other == index) {
        let at = PciSlot { function, ..*at };
        slots.reserve(at, entry.needs, 0, true)?;
        return Ok(at);
    }
    let at = slots.reserve_next(entry.needs, 0, Some(function))?;
    known.push((index, at));
    Ok(at)
}

/// Function 0 must say so when others of its slot are in use.
fn settle_multifunction(domain: &mut Domain, context: Context<'_>) {
    let mut all = entries(&mut domain.devices, context);
    let further: Vec<PciSlot> =
        all.iter().filter_map(|entry| known(entry.info)).filter(|at| at.function != 0).collect();
    for entry in &mut all {
        let Some(at) = known(entry.info).filter(|at| at.function == 0) else { continue };
        let shared =
            further.iter().any(|other| (other.domain, other.bus, other.slot) == (at.domain, at.bus, at.slot));
        if let Some(DeviceAddress::Pci(pci)) = &mut entry.info.address
            && shared
            && pci.multifunction.is_none()
        {
            pci.multifunction = Some(Switch::On);
        }
    }
}

/// Gives functions of mainframes their two names: a number of the guest's, from 1 on, and one of the host's, from 0 on.
fn name_functions(domain: &mut Domain, context: Context<'_>) -> Result<()> {
    let mut used: [Vec<u32>; 2] = [Vec::new(), Vec::new()];
    let taken = |name: &str, number: u32| {
        Error::internal(ErrorDomain::DOMAIN, format!("zPCI {name} {number:o} is already reserved"))
    };
    let mut all = entries(&mut domain.devices, context);
    for entry in &all {
        let Some(DeviceAddress::Pci(PciAddress { zpci: Some(zpci), .. })) = &entry.info.address else {
            continue;
        };
        for (used, (name, number)) in used.iter_mut().zip([("uid", zpci.uid), ("fid", zpci.fid)]) {
            let Some(number) = number else { continue };
            if used.contains(&number) {
                return Err(taken(name, number));
            }
            used.push(number);
        }
    }
    for entry in &mut all {
        let Some(DeviceAddress::Pci(pci)) = &mut entry.info.address else { continue };
        let zpci = pci.zpci.get_or_insert_default();
        for (used, (number, first)) in used.iter_mut().zip([(&mut zpci.uid, 1), (&mut zpci.fid, 0)]) {
            if number.is_none() {
                *number = (first..=u32::MAX).find(|free| !used.contains(free));
                used.extend(*number);
            }
        }
    }
    Ok(())
}

/// Fills in what bridges are called and numbered.
fn settle_bridges(domain: &mut Domain, context: Context<'_>) -> Result<()> {
    let mut lowest_bus = domain
        .devices
        .controllers
        .iter()
        .filter_map(|controller| match &controller.kind {
            ControllerKind::Pci(pci) => pci.target.bus_nr,
            _ => None,
        })
        .min()
        .unwrap_or(256);
    let mut root_indices: Vec<u32> = domain
        .devices
        .controllers
        .iter()
        .filter_map(|controller| match &controller.kind {
            ControllerKind::Pci(pci) => pci.target.index,
            _ => None,
        })
        .collect();
    for controller in &mut domain.devices.controllers {
        let index = controller.index.unwrap_or(0);
        let place = known(&controller.info);
        let ControllerKind::Pci(pci) = &mut controller.kind else { continue };
        let Some(model) = pci.model else { continue };
        if pci.name.is_none() {
            pci.name = default_name(model, context);
        }
        let target = &mut pci.target;
        match model {
            PciModel::PciBridge => {
                let number = *target.chassis_nr.get_or_insert(index);
                if number > 255 {
                    return Err(Error::internal(
                        ErrorDomain::QEMU,
                        format!("PCI bridge index '{number}' too high - it must be 255 or less"),
                    ));
                }
            }
            PciModel::PcieRootPort => {
                target.chassis.get_or_insert(index);
                if let Some(at) = place {
                    target.port.get_or_insert((at.slot << 3) + at.function);
                }
            }
            PciModel::PcieSwitchDownstreamPort => {
                target.chassis.get_or_insert(index);
                if let Some(at) = place {
                    target.port.get_or_insert(at.slot);
                }
            }
            PciModel::PciExpanderBus | PciModel::PcieExpanderBus => {
                if target.bus_nr.is_none() {
                    lowest_bus = lowest_bus.saturating_sub(2);
                    target.bus_nr = Some(lowest_bus);
                }
            }
            PciModel::PciRoot if context.board.is_pseries() => {
                if target.index.is_none() {
                    let free = (0..=u32::MAX).find(|free| !root_indices.contains(free)).unwrap_or(index);
                    root_indices.push(free);
                    target.index = Some(free);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn default_name(model: PciModel, context: Context<'_>) -> Option<PciModelName> {
    Some(match model {
        PciModel::PciBridge => PciModelName::PciBridge,
        PciModel::DmiToPciBridge => PciModelName::I82801b11Bridge,
        PciModel::PcieToPciBridge => PciModelName::PciePciBridge,
        PciModel::PcieRootPort if context.caps.has(Flag::PcieRootPort) => PciModelName::PcieRootPort,
        PciModel::PcieRootPort => PciModelName::Ioh3420,
        PciModel::PcieSwitchUpstreamPort => PciModelName::X3130Upstream,
        PciModel::PcieSwitchDownstreamPort => PciModelName::Xio3130Downstream,
        PciModel::PciExpanderBus => PciModelName::Pxb,
        PciModel::PcieExpanderBus => PciModelName::PxbPcie,
        PciModel::PciRoot if context.board.is_pseries() => PciModelName::SpaprPciHostBridge,
        PciModel::PciRoot | PciModel::PcieRoot => return None,
    })
}
