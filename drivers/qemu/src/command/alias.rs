//! Aliases: the names by which the running guest's devices are known to QEMU and in its live document.

use virt_conf::model::{
    ConsoleTargetType, Controller, ControllerKind, DeviceAddress, DeviceInfo, Disk, DiskBus, Domain,
    MemoryModel, PciModel, ScsiModel,
};

use super::disk::has_scsi_targets;
use crate::caps::Board;
use crate::model::{ControllerType, board_of, controller_type, hostdev_of, is_companion};

/// Gives every device that has no alias of the user's the one libvirt gives it.
pub fn assign_aliases(domain: &mut Domain) {
    let owned = board_of(domain).map(|board| (board.arch, board.machine.to_owned()));
    let board = owned.as_ref().map(|(arch, machine)| Board { arch: *arch, machine });
    let scsi_models: Vec<(u32, Option<ScsiModel>)> = domain
        .devices
        .controllers
        .iter()
        .filter_map(|controller| match &controller.kind {
            ControllerKind::Scsi(scsi) => Some((controller.index.unwrap_or(0), scsi.model)),
            _ => None,
        })
        .collect();
    let devices = &mut domain.devices;
    for disk in &mut devices.disks {
        let name = disk_alias(disk, &scsi_models);
        set(&mut disk.info, name);
    }
    // Interfaces that are devices of the host share numbers with those; names of the user's own take none.
    let infos =
        || devices.interfaces.iter().map(|it| &it.info).chain(devices.hostdevs.iter().map(|it| &it.info));
    let mut hostdev = first_free(infos(), "hostdev").unwrap_or(0);
    let mut net = first_free(infos(), "net").unwrap_or(0);
    for interface in &mut devices.interfaces {
        if hostdev_of(interface).is_some() {
            set_next(&mut interface.info, "hostdev", &mut hostdev);
        } else {
            set_next(&mut interface.info, "net", &mut net);
        }
    }
    for device in &mut devices.hostdevs {
        set_next(&mut device.info, "hostdev", &mut hostdev);
    }
    number(devices.filesystems.iter_mut().map(|device| &mut device.info), "fs");
    number(devices.sounds.iter_mut().map(|device| &mut device.info), "sound");
    number(devices.videos.iter_mut().map(|device| &mut device.info), "video");
    for controller in &mut devices.controllers {
        let name = controller_alias(controller, board);
        set(&mut controller.info, name);
    }
    companions(&mut devices.controllers);
    number(devices.inputs.iter_mut().map(|device| &mut device.info), "input");
    number(devices.parallels.iter_mut().map(|device| &mut device.info), "parallel");
    number(devices.serials.iter_mut().map(|device| &mut device.info), "serial");
    number(devices.channels.iter_mut().map(|device| &mut device.info), "channel");
    let first_serial = devices.serials.first().and_then(|serial| serial.info.alias.clone());
    for (position, console) in devices.consoles.iter_mut().enumerate() {
        // The first console of a machine with a serial port is that port.
        let doubled = position == 0 && matches!(console.target.kind, None | Some(ConsoleTargetType::Serial));
        let name = match &first_serial {
            Some(serial) if doubled => serial.clone(),
            _ => format!("console{position}"),
        };
        set(&mut console.info, name);
    }
    number(devices.hubs.iter_mut().map(|device| &mut device.info), "hub");
    number(devices.shared_memories.iter_mut().map(|device| &mut device.info), "shmem");
    number(devices.smartcards.iter_mut().map(|device| &mut device.info), "smartcard");
    number(devices.redirected.iter_mut().map(|device| &mut device.info), "redir");
    number(devices.watchdogs.iter_mut().map(|device| &mut device.info), "watchdog");
    number(devices.memballoon.iter_mut().map(|device| &mut device.info), "balloon");
    number(devices.rngs.iter_mut().map(|device| &mut device.info), "rng");
    for (position, tpm) in devices.tpms.iter_mut().enumerate() {
        set(&mut tpm.info, format!("tpm{position}"));
    }
    memories(devices.memories.iter_mut().map(|memory| (memory.model, &mut memory.info)));
    number(devices.panics.iter_mut().map(|device| &mut device.info), "panic");
    number(devices.vsock.iter_mut().map(|device| &mut device.info), "vsock");
    number(devices.cryptos.iter_mut().map(|device| &mut device.info), "crypto");
    number(devices.iommus.iter_mut().map(|device| &mut device.info), "iommu");
    number(devices.pstore.iter_mut().map(|device| &mut device.info), "pstore");
    number(devices.nvram.iter_mut().map(|device| &mut device.info), "nvram");
}

fn set(info: &mut DeviceInfo, name: String) {
    info.alias.get_or_insert(name);
}

fn set_next(info: &mut DeviceInfo, stem: &str, next: &mut u32) {
    if info.alias.is_none() {
        info.alias = Some(format!("{stem}{next}"));
        *next = next.saturating_add(1);
    }
}

fn number<'a>(infos: impl Iterator<Item = &'a mut DeviceInfo>, stem: &str) {
    let mut infos: Vec<_> = infos.collect();
    // In a running guest places are no numbers: what was unplugged left a gap.
    let mut next = first_free(infos.iter().map(|info| &**info), stem);
    for (position, info) in infos.iter_mut().enumerate() {
        match &mut next {
            None => set(info, format!("{stem}{position}")),
            Some(next) => set_next(info, stem, next),
        }
    }
}

/// The number behind the highest that is taken already; nothing before the first numbering.
fn first_free<'a>(infos: impl Iterator<Item = &'a DeviceInfo>, stem: &str) -> Option<u32> {
    let number = |info: &DeviceInfo| info.alias.as_deref()?.strip_prefix(stem)?.parse::<u32>().ok();
    infos.filter_map(number).max().map(|highest| highest.saturating_add(1))
}

fn memories<'a>(memories: impl Iterator<Item = (MemoryModel, &'a mut DeviceInfo)>) {
    let mut epc = 0;
    let mut virtio_mem = 0;
    let mut virtio_pmem = 0;
    for (position, (model, info)) in memories.enumerate() {
        let slot = match &info.address {
            Some(DeviceAddress::Dimm(dimm)) => dimm.slot as usize,
            _ => position,
        };
        let count = |counter: &mut usize| {
            *counter += 1;
            *counter - 1
        };
        let name = match model {
            MemoryModel::Dimm => format!("dimm{slot}"),
            MemoryModel::Nvdimm => format!("nvdimm{slot}"),
            MemoryModel::VirtioPmem => format!("virtiopmem{}", count(&mut virtio_pmem)),
            MemoryModel::VirtioMem => format!("virtiomem{}", count(&mut virtio_mem)),
            MemoryModel::SgxEpc => format!("epc{}", count(&mut epc)),
        };
        set(info, name);
    }
}

fn disk_alias(disk: &Disk, scsi_models: &[(u32, Option<ScsiModel>)]) -> String {
    let bus = disk.target.bus;
    let stem = bus.map_or("disk", DiskBus::as_str);
    if let Some(DeviceAddress::Drive(place)) = &disk.info.address {
        let model =
            scsi_models.iter().find(|(index, _)| *index == place.controller).and_then(|(_, model)| *model);
        // Sparc's adapter is numbered as those with targets.
        let has_targets = has_scsi_targets(model) || model == Some(ScsiModel::Ncr53C90);
        return if bus == Some(DiskBus::Scsi) && has_targets {
            format!("{stem}{}-{}-{}-{}", place.controller, place.bus, place.target, place.unit)
        } else {
            format!("{stem}{}-{}-{}", place.controller, place.bus, place.unit)
        };
    }
    let index = disk.target.dev.as_deref().and_then(disk_index).unwrap_or(0);
    format!("{stem}-disk{index}")
}

/// The number that a disk's name says: `vda` is 0, `sdaa` is 26.
pub(crate) fn disk_index(name: &str) -> Option<u32> {
    let prefixes = ["fd", "hd", "vd", "sd", "xvd", "ubd"];
    let letters = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let letters = letters.trim_end_matches(|c: char| c.is_ascii_digit());
    if letters.is_empty() || !letters.bytes().all(|letter| letter.is_ascii_lowercase()) {
        return None;
    }
    let mut digits = letters.bytes().map(|letter| u32::from(letter - b'a') + 1);
    digits.try_fold(0u32, |number, digit| number.checked_mul(26)?.checked_add(digit)).map(|number| number - 1)
}

fn controller_alias(controller: &Controller, board: Option<Board<'_>>) -> String {
    let index = controller.index.unwrap_or(0);
    let kind = controller_type(controller);
    let is = |question: &dyn Fn(Board<'_>) -> bool| board.is_some_and(question);
    match &controller.kind {
        ControllerKind::Pci(pci) => {
            if pci.model == Some(PciModel::PcieRoot) {
                format!("pcie.{index}")
            } else if is(&|board| board.has_pci_multi_bus()) || index != 0 {
                format!("pci.{index}")
            } else {
                "pci".to_owned()
            }
        }
        // Names that QEMU gives to what comes with the board.
        ControllerKind::Ide(_) if index == 0 && is(&|board| board.has_builtin_ide()) => "ide".to_owned(),
        ControllerKind::Sata(_) if index == 0 && is(&|board| board.is_q35()) => "ide".to_owned(),
        ControllerKind::Usb(_) if index == 0 => "usb".to_owned(),
        ControllerKind::Scsi(scsi) if index == 0 && scsi.model == Some(ScsiModel::Ncr53C90) => {
            "scsi".to_owned()
        }
        _ => format!("{}{index}", kind.name()),
    }
}

/// Companions answer to their master's name.
fn companions(controllers: &mut [Controller]) {
    let masters: Vec<_> = controllers
        .iter()
        .filter_map(|controller| match &controller.kind {
            ControllerKind::Usb(usb) if !usb.model.is_some_and(is_companion) => {
                Some((controller.index, controller.info.alias.clone()))
            }
            _ => None,
        })
        .collect();
    for controller in controllers {
        let is_one =
            matches!(&controller.kind, ControllerKind::Usb(usb) if usb.model.is_some_and(is_companion));
        if !is_one || controller_type(controller) != ControllerType::Usb {
            continue;
        }
        if let Some((_, master)) = masters.iter().find(|(index, _)| *index == controller.index) {
            controller.info.alias.clone_from(master);
        }
    }
}

#[cfg(test)]
mod tests {
    use virt_conf::model::Domain;

    use super::assign_aliases;

    #[test]
    fn what_is_plugged_in_takes_no_name_that_another_device_has() {
        let xml = "<domain type='qemu'><name>web</name><memory>1</memory>\
                   <os><type arch='x86_64' machine='q35'>hvm</type></os><devices>\
                   <interface type='user'/><interface type='user'/><interface type='user'/>\
                   <rng model='virtio'><backend model='builtin'/></rng>\
                   <rng model='virtio'><backend model='builtin'/></rng></devices></domain>";
        let mut guest: Domain = xml.parse().expect("a guest");
        assign_aliases(&mut guest);
        // The first of each is unplugged, another one comes.
        let devices = &mut guest.devices;
        devices.interfaces.rotate_left(1);
        devices.interfaces[2].info.alias = None;
        devices.rngs.rotate_left(1);
        devices.rngs[1].info.alias = None;
        assign_aliases(&mut guest);
        let devices = &guest.devices;
        let names =
            devices.interfaces.iter().map(|it| &it.info).chain(devices.rngs.iter().map(|it| &it.info));
        let names: Vec<_> = names.filter_map(|info| info.alias.as_deref()).collect();
        assert_eq!(names, ["net1", "net2", "net3", "rng1", "rng2"]);
    }
}
