//! All devices that have addresses, with what each needs of a bus.

use virt_conf::model::{
    Controller, ControllerKind, DeviceAddress, DeviceInfo, Devices, DiskBus, DiskModel, Domain,
    FilesystemDriverType, HostdevKind, InputBus, IommuModel, MemoryBalloonModel, MemoryModel, PanicModel,
    PciModel, PciSlot, ScsiModel, SerialTargetModel, SoundModel, SubsystemDevice, UsbModel, VideoType,
    VirtioModel, WatchdogModel,
};

use super::Context;
use super::pci_set::Connect;
use crate::caps::Flag;
use crate::model::{hostdev_of, virtio_net_model};

/// The kinds of devices, in the order in which PCI slots are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    PciController,
    Filesystem,
    Interface,
    Sound,
    Controller,
    Disk,
    Hostdev,
    Balloon,
    Rng,
    Watchdog,
    Video,
    SharedMemory,
    Input,
    Serial,
    Memory,
    Vsock,
    Crypto,
    Iommu,
    Panic,
    Pstore,
}

/// The first position of a `<hostdev>`, after those of interfaces.
const AFTER_INTERFACES: usize = 1 << 20;

/// One device that may have an address.
pub(super) struct Entry<'a> {
    pub class: Class,
    /// Which of its kind.
    pub position: usize,
    /// What it needs of a PCI bus; nothing: it is no PCI device.
    pub needs: Connect,
    /// The device of the host that is handed through.
    pub host: Option<PciSlot>,
    /// Whether virtio stands between guest and device, on whatever bus.
    pub virtio: bool,
    /// Which USB controller it is.
    pub usb: Option<UsbModel>,
    pub info: &'a mut DeviceInfo,
}

/// What kinds of slots devices want on this board.
struct Wants {
    pci: Connect,
    pcie: Connect,
    virtio: Connect,
    nothing: Connect,
}

impl Wants {
    fn of(context: Context<'_>, devices: &Devices) -> Self {
        let express_root = devices.controllers.iter().any(|controller| {
            matches!(&controller.kind, ControllerKind::Pci(pci) if pci.model == Some(PciModel::PcieRoot))
        });
        let pci = Connect::HOTPLUG | Connect::PCI_DEVICE;
        let pcie = if express_root { Connect::HOTPLUG | Connect::PCIE_DEVICE } else { pci };
        let _ = context;
        Self { pci, pcie, virtio: pcie, nothing: Connect::empty() }
    }

    /// A part of the root complex, where there is one.
    fn integrated(&self) -> Connect {
        if self.pcie.contains(Connect::PCIE_DEVICE) {
            (self.pcie - Connect::HOTPLUG) | Connect::INTEGRATED
        } else {
            self.pci
        }
    }

    fn generation(&self, model: Option<VirtioModel>) -> Connect {
        match model {
            Some(VirtioModel::Transitional) => self.pci,
            Some(VirtioModel::NonTransitional) => self.pcie,
            _ => self.virtio,
        }
    }
}

fn controller_needs(controller: &Controller, wants: &Wants) -> (Connect, bool) {
    match &controller.kind {
        ControllerKind::Pci(pci) => (pci.model.map(bridge_needs).unwrap_or_default(), false),
        ControllerKind::Usb(usb) => match usb.model {
            Some(UsbModel::NecXhci | UsbModel::QemuXhci) => (wants.pcie, false),
            Some(UsbModel::None | UsbModel::Qusb1 | UsbModel::Qusb2) => (wants.nothing, false),
            Some(_) | None => (wants.pci, false),
        },
        ControllerKind::Scsi(scsi) => match scsi.model {
            Some(ScsiModel::VirtioScsi) => (wants.virtio, true),
            Some(ScsiModel::VirtioTransitional) => (wants.pci, true),
            Some(ScsiModel::VirtioNonTransitional) => (wants.pcie, true),
            Some(ScsiModel::IbmvScsi | ScsiModel::Ncr53C90) | None => (wants.nothing, false),
            Some(_) => (wants.pci, false),
        },
        ControllerKind::VirtioSerial(serial) => (wants.generation(serial.model), true),
        ControllerKind::Sata(_) => (wants.pci, false),
        ControllerKind::Nvme(_) => (wants.pcie, false),
        ControllerKind::Ide(_)
        | ControllerKind::Fdc(_)
        | ControllerKind::Ccid(_)
        | ControllerKind::Xenbus(_)
        | ControllerKind::Isa(_) => (wants.nothing, false),
    }
}

/// What a bridge needs; root ports may share a slot.
fn bridge_needs(model: PciModel) -> Connect {
    let shared = if model == PciModel::PcieRootPort { Connect::AGGREGATE } else { Connect::empty() };
    Connect::of_bridge(model) | shared
}

/// All devices that may have an address, in the order in which libvirt goes through them.
pub(super) fn entries<'a>(devices: &'a mut Devices, context: Context<'_>) -> Vec<Entry<'a>> {
    let wants = Wants::of(context, devices);
    let mut all = Vec::new();
    let mut hosts = Vec::new();
    let mut add = |class, position, needs, virtio, usb, info: &'a mut DeviceInfo| {
        all.push(Entry { class, position, needs, host: None, virtio, usb, info });
    };
    for (at, disk) in devices.disks.iter_mut().enumerate() {
        if disk.target.bus == Some(DiskBus::Virtio) {
            add(
                Class::Disk,
                at,
                wants.generation(disk.model.and_then(DiskModel::virtio)),
                true,
                None,
                &mut disk.info,
            );
        }
    }
    for (at, interface) in devices.interfaces.iter_mut().enumerate() {
        if let Some(hostdev) = hostdev_of(interface) {
            let host = match hostdev.source.address {
                Some(virt_conf::model::HostDeviceAddress::Pci(address)) => Some(address.slot),
                _ => None,
            };
            hosts.extend(host.map(|slot| (at, slot)));
            let needs = if host.is_some() { wants.pcie } else { wants.nothing };
            add(Class::Hostdev, at, needs, false, None, &mut interface.info);
            continue;
        }
        let generation = virtio_net_model(interface);
        let needs = match (generation, interface.model.as_deref()) {
            (Some(generation), _) => wants.generation(Some(generation)),
            (None, Some("e1000e" | "igb")) => wants.pcie,
            (None, Some("usb-net" | "smc91c111" | "lan9118" | "spapr-vlan")) => wants.nothing,
            (None, _) => wants.pci,
        };
        add(Class::Interface, at, needs, generation.is_some(), None, &mut interface.info);
    }
    for (at, sound) in devices.sounds.iter_mut().enumerate() {
        let (needs, virtio) = match sound.model {
            SoundModel::Virtio => (wants.virtio, true),
            SoundModel::Sb16 | SoundModel::PcSpk | SoundModel::Usb => (wants.nothing, false),
            _ => (wants.pci, false),
        };
        add(Class::Sound, at, needs, virtio, None, &mut sound.info);
    }
    for (at, hostdev) in devices.hostdevs.iter_mut().enumerate() {
        let HostdevKind::Subsystem(subsystem) = &hostdev.kind else { continue };
        if let SubsystemDevice::Pci(pci) = &subsystem.device {
            hosts.push((at + AFTER_INTERFACES, pci.source.address.slot));
        }
        let (needs, virtio) = match &subsystem.device {
            SubsystemDevice::Pci(_) => (wants.pcie, false),
            SubsystemDevice::Mdev(mdev) => match mdev.model {
                virt_conf::model::MdevModel::VfioPci => (wants.pcie, false),
                virt_conf::model::MdevModel::VfioCcw => (wants.nothing, true),
                virt_conf::model::MdevModel::VfioAp => (wants.nothing, false),
            },
            SubsystemDevice::ScsiHost(host) => (wants.generation(host.model), true),
            SubsystemDevice::Usb(_) | SubsystemDevice::Scsi(_) => (wants.nothing, false),
        };
        add(Class::Hostdev, at + AFTER_INTERFACES, needs, virtio, None, &mut hostdev.info);
    }
    for (at, video) in devices.videos.iter_mut().enumerate() {
        let kind = video.model.as_ref().and_then(|model| model.kind);
        let (needs, virtio) = match kind {
            Some(VideoType::Virtio) => (wants.virtio, true),
            Some(VideoType::Bochs) => (wants.pcie, false),
            Some(VideoType::Vga | VideoType::Cirrus | VideoType::Vmvga | VideoType::Qxl) => {
                (wants.pci, false)
            }
            _ => (wants.nothing, false),
        };
        add(Class::Video, at, needs, virtio, None, &mut video.info);
    }
    for (at, filesystem) in devices.filesystems.iter_mut().enumerate() {
        let is_usb = filesystem.driver.kind == Some(FilesystemDriverType::Mtp);
        let needs = if is_usb { wants.nothing } else { wants.generation(filesystem.model) };
        add(Class::Filesystem, at, needs, !is_usb, None, &mut filesystem.info);
    }
    for (at, controller) in devices.controllers.iter_mut().enumerate() {
        let (needs, virtio) = controller_needs(controller, &wants);
        let usb = match &controller.kind {
            ControllerKind::Usb(usb) => usb.model,
            _ => None,
        };
        let is_pci = matches!(controller.kind, ControllerKind::Pci(_));
        let class = if is_pci { Class::PciController } else { Class::Controller };
        add(class, at, needs, virtio, usb, &mut controller.info);
    }
    for (at, serial) in devices.serials.iter_mut().enumerate() {
        let is_pci = serial.target.model == Some(SerialTargetModel::PciSerial);
        add(Class::Serial, at, if is_pci { wants.pci } else { wants.nothing }, false, None, &mut serial.info);
    }
    for (at, input) in devices.inputs.iter_mut().enumerate() {
        if input.bus == Some(InputBus::Virtio) {
            add(Class::Input, at, wants.generation(input.model), true, None, &mut input.info);
        }
    }
    if let Some(balloon) = &mut devices.memballoon {
        let generation = match balloon.model {
            MemoryBalloonModel::Virtio => Some(wants.virtio),
            MemoryBalloonModel::VirtioTransitional => Some(wants.pci),
            MemoryBalloonModel::VirtioNonTransitional => Some(wants.pcie),
            MemoryBalloonModel::None | MemoryBalloonModel::Xen => None,
        };
        if let Some(needs) = generation {
            add(Class::Balloon, 0, needs, true, None, &mut balloon.info);
        }
    }
    for (at, watchdog) in devices.watchdogs.iter_mut().enumerate() {
        let is_pci = watchdog.model == WatchdogModel::I6300Esb;
        add(
            Class::Watchdog,
            at,
            if is_pci { wants.pci } else { wants.nothing },
            false,
            None,
            &mut watchdog.info,
        );
    }
    for (at, rng) in devices.rngs.iter_mut().enumerate() {
        add(Class::Rng, at, wants.generation(Some(rng.model)), true, None, &mut rng.info);
    }
    for (at, shared) in devices.shared_memories.iter_mut().enumerate() {
        add(Class::SharedMemory, at, wants.pci, false, None, &mut shared.info);
    }
    for (at, memory) in devices.memories.iter_mut().enumerate() {
        if matches!(memory.model, MemoryModel::VirtioMem | MemoryModel::VirtioPmem) {
            add(Class::Memory, at, wants.pci, true, None, &mut memory.info);
        }
    }
    for (at, panic) in devices.panics.iter_mut().enumerate() {
        let is_pci = panic.model == Some(PanicModel::Pvpanic);
        let needs = if is_pci { wants.integrated() } else { wants.nothing };
        add(Class::Panic, at, needs, false, None, &mut panic.info);
    }
    for (at, crypto) in devices.cryptos.iter_mut().enumerate() {
        add(Class::Crypto, at, wants.virtio, true, None, &mut crypto.info);
    }
    if let Some(iommu) = devices.iommus.iter_mut().find(|iommu| iommu.model == IommuModel::Virtio) {
        let needs = wants.integrated();
        add(Class::Iommu, 0, needs, false, None, &mut iommu.info);
    }
    if let Some(vsock) = &mut devices.vsock {
        add(Class::Vsock, 0, wants.generation(vsock.model), true, None, &mut vsock.info);
    }
    if let Some(pstore) = &mut devices.pstore {
        add(Class::Pstore, 0, wants.pci, false, None, &mut pstore.info);
    }
    for (position, slot) in hosts {
        let entry = all.iter_mut().find(|one| one.class == Class::Hostdev && one.position == position);
        if let Some(entry) = entry {
            entry.host = Some(slot);
        }
    }
    all
}

/// Boards without PCI show virtio devices in memory.
pub(super) fn assign_mmio(domain: &mut Domain, context: Context<'_>) {
    let board = context.board;
    let old_arm = board.arch.is_arm() && (board.machine.starts_with("vexpress-") || board.is_arm_virt());
    let old_riscv = board.is_riscv_virt();
    if !(old_arm || old_riscv) || !context.caps.has(Flag::VirtioMmio) {
        return;
    }
    let has_pci = domain.devices.controllers.iter().any(|one| matches!(one.kind, ControllerKind::Pci(_)));
    let is_mmio = |info: &DeviceInfo| matches!(info.address, Some(DeviceAddress::VirtioMmio));
    // A guest that has some of its devices in memory gets them all there.
    if has_pci && !entries(&mut domain.devices, context).iter().any(|entry| is_mmio(entry.info)) {
        return;
    }
    for entry in entries(&mut domain.devices, context) {
        if entry.virtio && entry.info.address.is_none() {
            entry.info.address = Some(DeviceAddress::VirtioMmio);
        }
    }
}
