//! Defaults of single devices.

use virt_conf::domain::DeviceMut;
use virt_conf::model::{
    Console, ConsoleTargetType, Controller, ControllerKind, Disk, DiskDevice, Domain, Hostdev, HostdevKind,
    Input, InputBus, InputKind, Interface, InterfaceKind, MacvtapMode, Panic, PanicModel, ScsiModel, Serial,
    SerialTargetModel, SerialTargetType, SharedMemory, SharedMemoryModel, SubsystemDevice, Switch, Tpm,
    TpmBackend, TpmModel, TpmVersion, UsbModel, Video, VideoType, VirtioModel, Vsock,
};
use virt_conf::xml::{ParseFlags, ParseOptions};
use virt_util::Result;

use super::QemuHooks;
use crate::caps::{Board, Flag};

impl QemuHooks<'_> {
    /// Fills in one device.
    pub(super) fn settle_device(
        &self,
        device: DeviceMut<'_>,
        domain: &Domain,
        options: &ParseOptions,
    ) -> Result<()> {
        match device {
            DeviceMut::Disk(disk) => settle_disk(disk),
            DeviceMut::Interface(interface) => self.settle_interface(interface, domain),
            DeviceMut::Controller(controller) => self.settle_controller(controller, domain, options),
            DeviceMut::Serial(serial) => self.settle_serial(serial, domain),
            DeviceMut::Console(console) => self.settle_console(console, domain),
            DeviceMut::Video(video) => self.settle_video(video, domain),
            DeviceMut::Hostdev(hostdev) => settle_hostdev(hostdev),
            DeviceMut::Input(input) => self.settle_input(input, domain),
            DeviceMut::Panic(panic) => self.settle_panic(panic, domain),
            DeviceMut::Tpm(tpm) => self.settle_tpm(tpm, domain),
            DeviceMut::SharedMemory(shared) => settle_shared_memory(shared),
            DeviceMut::Vsock(vsock) => settle_vsock(vsock),
            _ => {}
        }
        Ok(())
    }

    /// The card that guests most likely have a driver for.
    fn default_net_model(&self, board: Board<'_>) -> Option<&'static str> {
        let arch = board.arch;
        if arch.is_s390() || arch.is_riscv() || arch.is_loongarch() {
            return Some("virtio");
        }
        if arch.is_arm() {
            return Some(if board.machine == "versatilepb" {
                "smc91c111"
            } else if board.is_arm_virt() {
                "virtio"
            } else {
                "lan9118"
            });
        }
        if arch.is_ppc64() && board.is_pseries() {
            return Some("virtio");
        }
        [(Flag::Rtl8139, "rtl8139"), (Flag::E1000, "e1000"), (Flag::VirtioNet, "virtio")]
            .into_iter()
            .find(|(flag, _)| self.has(*flag))
            .map(|(_, model)| model)
    }

    fn settle_interface(&self, interface: &mut Interface, domain: &Domain) {
        if let InterfaceKind::Direct(direct) = &mut interface.kind {
            direct.mode.get_or_insert(MacvtapMode::Vepa);
        }
        if interface.model.is_none() && !matches!(interface.kind, InterfaceKind::Hostdev(_)) {
            interface.model = match &interface.kind {
                InterfaceKind::Vdpa(_) => Some("virtio".to_owned()),
                _ => self.default_net_model(self.board(domain)).map(str::to_owned),
            };
        }
    }

    /// The USB controller of a board, where its model is left open.
    fn default_usb_model(&self, board: Board<'_>, options: &ParseOptions) -> Option<UsbModel> {
        let arch = board.arch;
        let first = |choices: &[(Flag, UsbModel)]| {
            choices.iter().find(|(flag, _)| self.has(*flag)).map(|(_, model)| *model)
        };
        let xhci = [(Flag::QemuXhci, UsbModel::QemuXhci), (Flag::NecUsbXhci, UsbModel::NecXhci)];
        if arch.is_s390() {
            return Some(UsbModel::None);
        }
        if arch.is_ppc64() && board.is_pseries() {
            let abi_update = options.flags.contains(ParseFlags::ABI_UPDATE);
            let ohci = [(Flag::PciOhci, UsbModel::PciOhci)];
            return if abi_update {
                first(&xhci).or_else(|| first(&ohci))
            } else {
                first(&ohci).or_else(|| first(&xhci))
            };
        }
        if board.is_arm_virt() || board.is_riscv_virt() || board.is_loongarch_virt() {
            return first(&xhci);
        }
        if board.machine == "versatilepb" {
            return first(&[(Flag::PciOhci, UsbModel::PciOhci)]);
        }
        if arch.is_ppc64() {
            return first(&xhci).or_else(|| first(&[(Flag::PciOhci, UsbModel::PciOhci)]));
        }
        if board.is_q35() {
            return first(&[(Flag::Piix3UsbUhci, UsbModel::Piix3Uhci)]);
        }
        first(&[(Flag::Piix3UsbUhci, UsbModel::Piix3Uhci), (Flag::PciOhci, UsbModel::PciOhci)])
    }

    pub(super) fn settle_controller(
        &self,
        controller: &mut Controller,
        domain: &Domain,
        options: &ParseOptions,
    ) {
        let board = self.board(domain);
        match &mut controller.kind {
            ControllerKind::Usb(usb) => {
                if usb.model.is_none() {
                    usb.model = self.default_usb_model(board, options);
                }
            }
            ControllerKind::Scsi(scsi) if scsi.model.is_none() => {
                let only_virtio = board.is_s390_ccw()
                    || board.is_arm_virt()
                    || board.is_riscv_virt()
                    || board.is_loongarch_virt();
                scsi.model = if board.is_pseries() {
                    Some(ScsiModel::IbmvScsi)
                } else if only_virtio {
                    Some(ScsiModel::VirtioScsi)
                } else if board.arch == crate::caps::Arch::Sparc && self.has(Flag::Ncr53c90) {
                    Some(ScsiModel::Ncr53C90)
                } else if self.has(Flag::Lsi) {
                    Some(ScsiModel::LsiLogic)
                } else if self.has(Flag::VirtioScsiPci) {
                    Some(ScsiModel::VirtioScsi)
                } else {
                    None
                };
            }
            _ => {}
        }
    }

    fn settle_serial(&self, serial: &mut Serial, domain: &Domain) {
        let board = self.board(domain);
        let kind = serial.target.kind.filter(|kind| *kind != SerialTargetType::None).or_else(|| {
            if board.arch.is_x86() || board.is_loongarch_virt() && self.has(Flag::IsaSerial) {
                Some(SerialTargetType::IsaSerial)
            } else if board.is_pseries() {
                Some(SerialTargetType::SpaprVioSerial)
            } else if board.arch.is_arm() || board.arch.is_riscv() || board.arch.is_loongarch() {
                Some(SerialTargetType::SystemSerial)
            } else if board.arch.is_s390() {
                Some(SerialTargetType::SclpSerial)
            } else {
                None
            }
        });
        serial.target.kind = kind;
        let model = serial.target.model.filter(|model| *model != SerialTargetModel::None);
        serial.target.model = model.or(match kind {
            Some(SerialTargetType::IsaSerial) => Some(SerialTargetModel::IsaSerial),
            Some(SerialTargetType::PciSerial) => Some(SerialTargetModel::PciSerial),
            Some(SerialTargetType::UsbSerial) => Some(SerialTargetModel::UsbSerial),
            Some(SerialTargetType::SpaprVioSerial) => Some(SerialTargetModel::SpaprVty),
            Some(SerialTargetType::SystemSerial) if board.arch.is_arm() => Some(SerialTargetModel::Pl011),
            Some(SerialTargetType::SystemSerial) => Some(SerialTargetModel::Ns16550a),
            Some(SerialTargetType::SclpSerial) => Some(SerialTargetModel::SclpConsole),
            Some(SerialTargetType::IsaDebug) => Some(SerialTargetModel::IsaDebugcon),
            _ => None,
        });
    }

    fn settle_console(&self, console: &mut Console, domain: &Domain) {
        if matches!(console.target.kind, None | Some(ConsoleTargetType::None)) {
            let is_s390 = self.board(domain).arch.is_s390();
            console.target.kind =
                Some(if is_s390 { ConsoleTargetType::Sclp } else { ConsoleTargetType::Serial });
        }
    }

    fn settle_video(&self, video: &mut Video, domain: &Domain) {
        let board = self.board(domain);
        let model = video.model.get_or_insert_default();
        if matches!(model.kind, None | Some(VideoType::Default)) {
            let arch = board.arch;
            model.kind = Some(if board.is_pseries() || arch.is_ppc() {
                VideoType::Vga
            } else if board.is_arm_virt() || arch.is_riscv() || arch.is_s390() || arch.is_loongarch() {
                VideoType::Virtio
            } else if self.has(Flag::CirrusVga) {
                VideoType::Cirrus
            } else if self.has(Flag::Vga) {
                VideoType::Vga
            } else {
                VideoType::Default
            });
        }
        if model.kind == Some(VideoType::Qxl) && model.vgamem == 0 {
            model.vgamem = 16 * 1024;
        }
    }

    fn settle_input(&self, input: &mut Input, domain: &Domain) {
        if input.bus.is_some() {
            return;
        }
        let board = self.board(domain);
        input.bus = Some(match input.kind {
            InputKind::Mouse | InputKind::Keyboard if board.arch.is_x86() => InputBus::Ps2,
            InputKind::Passthrough(_) => InputBus::Virtio,
            InputKind::Evdev(_) => InputBus::None,
            _ if board.arch.is_s390() => InputBus::Virtio,
            _ => InputBus::Usb,
        });
    }

    fn settle_panic(&self, panic: &mut Panic, domain: &Domain) {
        if matches!(panic.model, None | Some(PanicModel::Default)) {
            let board = self.board(domain);
            panic.model = Some(if board.is_pseries() {
                PanicModel::Pseries
            } else if board.arch.is_s390() {
                PanicModel::S390
            } else {
                PanicModel::Isa
            });
        }
    }

    fn settle_tpm(&self, tpm: &mut Tpm, domain: &Domain) {
        let board = self.board(domain);
        if matches!(tpm.model, None | Some(TpmModel::Default)) {
            tpm.model = Some(if board.arch.is_ppc64() { TpmModel::TpmSpapr } else { TpmModel::TpmTis });
        }
        if let TpmBackend::Emulator(emulator) = &mut tpm.backend
            && matches!(emulator.version, None | Some(TpmVersion::Default))
        {
            // Firmware of these and newer interfaces know nothing older.
            emulator.version = Some(match tpm.model {
                Some(TpmModel::TpmTis) if board.arch.is_x86() => TpmVersion::V1_2,
                _ => TpmVersion::V2_0,
            });
        }
    }
}

fn settle_disk(disk: &mut Disk) {
    disk.driver.name.get_or_insert_with(|| "qemu".to_owned());
    let has_source = crate::command::has_medium(&disk.source);
    if disk.driver.format.is_none() && (has_source || disk.device != DiskDevice::Cdrom) {
        disk.driver.format = Some(virt_conf::model::StorageFormat::Raw);
    }
    disk.driver.format.get_or_insert(virt_conf::model::StorageFormat::Raw);
}

fn settle_hostdev(hostdev: &mut Hostdev) {
    let HostdevKind::Subsystem(subsystem) = &mut hostdev.kind else { return };
    match &mut subsystem.device {
        SubsystemDevice::Mdev(mdev) => {
            if mdev.model == virt_conf::model::MdevModel::VfioPci {
                mdev.display.get_or_insert(Switch::Off);
            }
        }
        SubsystemDevice::ScsiHost(host) => {
            host.model.get_or_insert(VirtioModel::Virtio);
        }
        _ => {}
    }
}

fn settle_shared_memory(shared: &mut SharedMemory) {
    // The size when it was still a default of QEMU.
    if shared.size.is_none() && shared.model == SharedMemoryModel::IvshmemPlain {
        shared.size = Some(virt_conf::model::Mib(4));
    }
}

fn settle_vsock(vsock: &mut Vsock) {
    vsock.model.get_or_insert(VirtioModel::Virtio);
}
