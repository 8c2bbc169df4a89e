//! Questions about a domain document that several parts of the driver ask.

use virt_conf::model::{
    BootDevice, ConsoleTargetType, Controller, ControllerKind, DeviceAddress, DeviceInfo, DiskDevice, Domain,
    DomainType, HostDeviceAddress, Hostdev, HostdevInterface, Interface, InterfaceKind, MdevHostdev,
    NumaCell, PciModel, PciSlot, ScsiHostHostdev, ScsiHostdev, SubsystemDevice, Switch, Teaming, UsbHostdev,
    UsbHostdevSource, UsbModel, VirtioModel,
};

use crate::caps::{Accelerator, Arch, Board};
use crate::command::subsystem;

/// What executes the guest, as its `type` says; `None` for types of other hypervisors.
pub(crate) fn accelerator_of(kind: DomainType) -> Option<Accelerator> {
    match kind {
        DomainType::Kvm => Some(Accelerator::Kvm),
        DomainType::Hvf => Some(Accelerator::Hvf),
        DomainType::Qemu => Some(Accelerator::Tcg),
        _ => None,
    }
}

/// The guest's board, once architecture and machine type are known.
pub(crate) fn board_of(domain: &Domain) -> Option<Board<'_>> {
    let kind = &domain.os.kind;
    Some(Board { arch: Arch::from_name(kind.arch.as_deref()?)?, machine: kind.machine.as_deref()? })
}

/// Types of controllers, which number themselves independently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ControllerType {
    Ide,
    Fdc,
    Scsi,
    Sata,
    VirtioSerial,
    Ccid,
    Usb,
    Pci,
    Xenbus,
    Isa,
    Nvme,
}

impl ControllerType {
    /// The name in documents and aliases.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ide => "ide",
            Self::Fdc => "fdc",
            Self::Scsi => "scsi",
            Self::Sata => "sata",
            Self::VirtioSerial => "virtio-serial",
            Self::Ccid => "ccid",
            Self::Usb => "usb",
            Self::Pci => "pci",
            Self::Xenbus => "xenbus",
            Self::Isa => "isa",
            Self::Nvme => "nvme",
        }
    }
}

/// What type of controller it is.
pub(crate) fn controller_type(controller: &Controller) -> ControllerType {
    match &controller.kind {
        ControllerKind::Ide(_) => ControllerType::Ide,
        ControllerKind::Fdc(_) => ControllerType::Fdc,
        ControllerKind::Scsi(_) => ControllerType::Scsi,
        ControllerKind::Sata(_) => ControllerType::Sata,
        ControllerKind::VirtioSerial(_) => ControllerType::VirtioSerial,
        ControllerKind::Ccid(_) => ControllerType::Ccid,
        ControllerKind::Usb(_) => ControllerType::Usb,
        ControllerKind::Pci(_) => ControllerType::Pci,
        ControllerKind::Xenbus(_) => ControllerType::Xenbus,
        ControllerKind::Isa(_) => ControllerType::Isa,
        ControllerKind::Nvme(_) => ControllerType::Nvme,
    }
}

/// For a PCI controller, its model.
#[expect(clippy::option_option, reason = "no PCI controller, and one without model, are two things")]
pub(crate) fn pci_model(controller: &Controller) -> Option<Option<PciModel>> {
    match &controller.kind {
        ControllerKind::Pci(pci) => Some(pci.model),
        _ => None,
    }
}

/// Companions of ICH9's USB 2.0 controller.
pub(crate) fn is_companion(model: UsbModel) -> bool {
    matches!(model, UsbModel::Ich9Uhci1 | UsbModel::Ich9Uhci2 | UsbModel::Ich9Uhci3)
}

/// The USB controller of that index that has ports of its own.
pub(crate) fn usb_master(domain: &Domain, index: Option<u32>) -> Option<&Controller> {
    domain.devices.controllers.iter().find(|controller| {
        matches!(&controller.kind, ControllerKind::Usb(usb) if !usb.model.is_some_and(is_companion))
            && controller.index == index
    })
}

/// The alias of the USB bus of that index.
pub(crate) fn usb_alias_of(domain: &Domain, index: u32) -> Option<&str> {
    usb_master(domain, Some(index))?.info.alias.as_deref()
}

/// The generation of virtio, when the card speaks it.
pub(crate) fn virtio_net_model(interface: &Interface) -> Option<VirtioModel> {
    crate::command::virtio_generation(interface.model.as_deref()?)
}

/// Whether the console at `position` is only another name of the first serial port.
pub(crate) fn console_doubles_serial(domain: &Domain, position: usize) -> bool {
    position == 0
        && domain
            .devices
            .consoles
            .first()
            .is_some_and(|console| matches!(console.target.kind, None | Some(ConsoleTargetType::Serial)))
}

/// The NUMA cells of the guest.
pub(crate) fn numa_cells(domain: &Domain) -> &[NumaCell] {
    domain.cpu.as_ref().map_or(&[], |cpu| &cpu.numa.cells)
}

/// The memory that the guest starts with, without what is plugged in, in KiB.
pub(crate) fn initial_memory_kib(domain: &Domain) -> u64 {
    match domain.memory {
        Some(memory) => {
            let plugged: u64 = domain.devices.memories.iter().map(|memory| memory.target.size.0).sum();
            memory.size.0.saturating_sub(plugged)
        }
        None => numa_cells(domain).iter().map(|cell| cell.memory.0.0).sum(),
    }
}

/// A size in MiB, in bytes.
pub(crate) fn gigabytes_aligned_bytes(mib: u64) -> u64 {
    mib.saturating_mul(1024 * 1024)
}

/// Seconds since 1970 as `2009-02-15T09:49:06`.
pub(crate) fn iso_time(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400);
    let rest = seconds.rem_euclid(86_400);
    // Years are counted from March, so that the leap day comes last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", rest / 3600, rest % 3600 / 60, rest % 60)
}

/// One device of the host, from `<hostdev>` or `<interface type='hostdev'>`.
pub(crate) struct HostdevRef<'a> {
    pub source: HostdevSource<'a>,
    pub info: &'a DeviceInfo,
    /// The position of the interface that it comes from.
    pub interface: Option<usize>,
}

/// What is handed to the guest.
pub(crate) enum HostdevSource<'a> {
    Pci { host: PciSlot, display: Option<Switch>, ramfb: Option<Switch>, teaming: Option<&'a Teaming> },
    Usb(UsbHostdev),
    Scsi(&'a ScsiHostdev, &'a Hostdev),
    ScsiHost(&'a ScsiHostHostdev),
    Mdev(&'a MdevHostdev),
}

impl HostdevRef<'_> {
    /// Managed for the guest, but not shown to it.
    pub(crate) fn is_unassigned(&self) -> bool {
        matches!(self.info.address, Some(DeviceAddress::Unassigned))
    }
}

/// What an interface is plugged into as it runs: what its network made of it, or else what is defined.
pub(crate) fn effective(interface: &Interface) -> &InterfaceKind {
    interface.actual.as_ref().map_or(&interface.kind, |actual| &actual.kind)
}

/// The device of the host that an interface is, by its definition or by its network's choice.
pub(crate) fn hostdev_of(interface: &Interface) -> Option<&HostdevInterface> {
    match effective(interface) {
        InterfaceKind::Hostdev(hostdev) => Some(hostdev),
        _ => None,
    }
}

/// All devices of the host, those of interfaces first.
pub(crate) fn hostdevs(domain: &Domain) -> Vec<HostdevRef<'_>> {
    let from_interfaces = domain.devices.interfaces.iter().enumerate().filter_map(|(position, interface)| {
        let hostdev = hostdev_of(interface)?;
        let source = match hostdev.source.address {
            Some(HostDeviceAddress::Pci(address)) => HostdevSource::Pci {
                host: address.slot,
                display: None,
                ramfb: None,
                teaming: interface.teaming.as_ref(),
            },
            Some(HostDeviceAddress::Usb(address)) => HostdevSource::Usb(UsbHostdev {
                source: UsbHostdevSource { address: Some(address), ..UsbHostdevSource::default() },
            }),
            None => HostdevSource::Usb(UsbHostdev {
                source: UsbHostdevSource { product: hostdev.source.usb, ..UsbHostdevSource::default() },
            }),
        };
        Some(HostdevRef { source, info: &interface.info, interface: Some(position) })
    });
    let own = domain.devices.hostdevs.iter().filter_map(|hostdev| {
        let source = match subsystem(hostdev)? {
            SubsystemDevice::Pci(pci) => HostdevSource::Pci {
                host: pci.source.address.slot,
                display: pci.display,
                ramfb: pci.ramfb,
                teaming: pci.teaming.as_ref(),
            },
            SubsystemDevice::Usb(usb) => HostdevSource::Usb(usb.clone()),
            SubsystemDevice::Scsi(scsi) => HostdevSource::Scsi(scsi, hostdev),
            SubsystemDevice::ScsiHost(host) => HostdevSource::ScsiHost(host),
            SubsystemDevice::Mdev(mdev) => HostdevSource::Mdev(mdev),
        };
        Some(HostdevRef { source, info: &hostdev.info, interface: None })
    });
    from_interfaces.chain(own).collect()
}

/// The order in which firmware tries the guest's devices.
///
/// A device's own order wins; where no device has one, the first of each kind takes the place of its kind in `<os>`.
#[derive(Debug, Default)]
pub(crate) struct BootIndices {
    disks: Vec<Option<u32>>,
    interfaces: Vec<Option<u32>>,
}

impl BootIndices {
    /// The order that `domain` asks for.
    pub(crate) fn of(domain: &Domain) -> Self {
        let place = |device: BootDevice| {
            let found = domain.os.boots.iter().rposition(|boot| boot.dev == device);
            found.map(|position| position as u32 + 1)
        };
        let mut floppy = place(BootDevice::Fd);
        let mut cdrom = place(BootDevice::Cdrom);
        let mut disk = place(BootDevice::Hd);
        let mut network = place(BootDevice::Network);
        let own = |info: &DeviceInfo| info.boot.as_ref().map(|boot| boot.order).filter(|order| *order != 0);
        let disks = domain
            .devices
            .disks
            .iter()
            .map(|device| {
                own(&device.info).or_else(|| match device.device {
                    DiskDevice::Cdrom => cdrom.take(),
                    DiskDevice::Floppy => floppy.take(),
                    DiskDevice::Disk | DiskDevice::Lun => disk.take(),
                })
            })
            .collect();
        let interfaces = domain
            .devices
            .interfaces
            .iter()
            .map(|interface| own(&interface.info).or_else(|| network.take()))
            .collect();
        Self { disks, interfaces }
    }

    /// The place of the disk at `position`.
    pub(crate) fn disk(&self, position: usize) -> Option<u32> {
        self.disks.get(position).copied().flatten()
    }

    /// The place of the interface at `position`.
    pub(crate) fn interface(&self, position: usize) -> Option<u32> {
        self.interfaces.get(position).copied().flatten()
    }
}
