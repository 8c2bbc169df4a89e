//! Defaults of single devices.

use virt_conf::domain::DeviceMut;
use virt_conf::model::{
    Console, ConsoleTargetType, Controller, ControllerKind, Disk, DiskSource, Domain, EncryptionEngine,
    Hostdev, HostdevKind, ImageFormat, Input, InputBus, InputKind, Interface, InterfaceKind, MacvtapMode,
    MetadataCache, Panic, PanicModel, ScsiModel, Serial, SerialTargetModel, SerialTargetType, SharedMemory,
    SharedMemoryModel, StorageEncryption, StorageFormat, SubsystemDevice, Switch, Tpm, TpmBackend, TpmModel,
    TpmVersion, UsbModel, Video, VideoType, VirtioModel, Vsock,
};
use virt_conf::xml::{ParseFlags, ParseOptions, Within};
use virt_util::Result;

use super::{QemuHooks, restore, unsupported};
use crate::caps::{Board, Flag};

impl QemuHooks<'_> {
    /// Fills in one device.
    pub(super) fn settle_device(
        &self,
        device: DeviceMut<'_>,
        domain: &Domain,
        options: &ParseOptions,
    ) -> Result<()> {
        let status = options.flags.contains(ParseFlags::STATUS);
        match device {
            DeviceMut::Disk(disk) => {
                settle_disk(disk);
                if status {
                    restore::restore_disk(disk);
                }
            }
            DeviceMut::Interface(interface) => self.settle_interface(interface, domain),
            DeviceMut::Controller(controller) => {
                self.settle_controller(controller, domain, options);
                self.check_settled_controller(controller, domain)?;
            }
            DeviceMut::Serial(serial) => self.settle_serial(serial, domain),
            DeviceMut::Console(console) => self.settle_console(console, domain),
            DeviceMut::Video(video) => self.settle_video(video, domain),
            DeviceMut::Hostdev(hostdev) => {
                settle_hostdev(hostdev);
                if status {
                    restore::restore_hostdev(hostdev);
                }
            }
            DeviceMut::Input(input) => self.settle_input(input, domain),
            DeviceMut::Panic(panic) => self.settle_panic(panic, domain),
            DeviceMut::Tpm(tpm) => self.settle_tpm(tpm, domain),
            DeviceMut::SharedMemory(shared) => settle_shared_memory(shared)?,
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
                InterfaceKind::Vdpa(_) | InterfaceKind::VhostUser(_) => Some("virtio".to_owned()),
                _ => self.default_net_model(self.board(domain)).map(str::to_owned),
            };
        }
    }

    /// The USB controller of a board, where its model is left open.
    fn default_usb_model(
        &self,
        board: Board<'_>,
        is_placed: bool,
        options: &ParseOptions,
    ) -> Option<UsbModel> {
        let arch = board.arch;
        let first = |choices: &[(Flag, UsbModel)]| {
            choices.iter().find(|(flag, _)| self.has(*flag)).map(|(_, model)| *model)
        };
        let xhci = [(Flag::QemuXhci, UsbModel::QemuXhci), (Flag::NecUsbXhci, UsbModel::NecXhci)];
        if arch.is_s390() {
            // Mainframes had none: only one that was put into a slot is meant.
            return (!is_placed).then_some(UsbModel::None);
        }
        if arch.is_ppc64() {
            let abi_update = options.flags.contains(ParseFlags::ABI_UPDATE);
            let ohci = [(Flag::PciOhci, UsbModel::PciOhci)];
            return if abi_update {
                first(&xhci).or_else(|| first(&ohci))
            } else {
                first(&ohci).or_else(|| first(&xhci))
            };
        }
        if arch.is_arm() || board.is_loongarch_virt() {
            return first(&xhci);
        }
        if board.is_q35() {
            return first(&[(Flag::Piix3UsbUhci, UsbModel::Piix3Uhci)]);
        }
        if board.is_i440fx() {
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
                    usb.model = self.default_usb_model(board, controller.info.address.is_some(), options);
                }
            }
            ControllerKind::Scsi(scsi) if matches!(scsi.model, None | Some(ScsiModel::Auto)) => {
                let only_virtio = board.is_s390_ccw() || board.is_loongarch_virt();
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
        // ISA was once everybody's default, and means whatever the board has.
        let named = serial
            .target
            .kind
            .filter(|kind| !matches!(kind, SerialTargetType::None | SerialTargetType::IsaSerial));
        let kind = named.or_else(|| {
            if board.arch.is_x86() || board.is_loongarch_virt() && self.has(Flag::IsaSerial) {
                Some(SerialTargetType::IsaSerial)
            } else if board.is_pseries() {
                Some(SerialTargetType::SpaprVioSerial)
            } else if board.is_arm_virt() || board.is_riscv_virt() || board.is_loongarch_virt() {
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
            Some(SerialTargetType::SystemSerial) if board.is_arm_virt() => Some(SerialTargetModel::Pl011),
            Some(SerialTargetType::SystemSerial) if board.is_riscv_virt() || board.is_loongarch_virt() => {
                Some(SerialTargetModel::Ns16550a)
            }
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
        if input.bus.is_some() || matches!(input.kind, InputKind::Evdev(_)) {
            return;
        }
        let board = self.board(domain);
        input.bus = Some(match input.kind {
            InputKind::Mouse | InputKind::Keyboard if board.arch.is_x86() => InputBus::Ps2,
            InputKind::Passthrough(_) => InputBus::Virtio,
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
            } else if board.arch.is_x86() {
                PanicModel::Isa
            } else if board.is_arm_virt() {
                PanicModel::Pvpanic
            } else {
                PanicModel::Default
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
    // A volume's format is the pool's business.
    let is_volume = matches!(disk.source, DiskSource::Volume(_)) && crate::command::has_medium(&disk.source);
    if !is_volume {
        disk.driver.format.get_or_insert(StorageFormat::Raw);
    }
    if let Some(mirror) = disk.mirror.as_mut().filter(|mirror| mirror.format.is_none()) {
        mirror.format =
            Some(ImageFormat { kind: StorageFormat::Raw, metadata_cache: MetadataCache::default() });
        mirror.file_format = mirror.file.is_some().then_some(StorageFormat::Raw);
    }
    let mut encryptions: Vec<&mut StorageEncryption> = Vec::new();
    encryptions.extend(disk.encryption.as_mut());
    encryptions.extend(disk.source.common_mut().and_then(|common| common.encryption.as_mut()));
    let mut below = disk.backing_store.as_mut();
    while let Some(layer) = below {
        let common = layer.source.as_mut().and_then(DiskSource::common_mut);
        encryptions.extend(common.and_then(|common| common.encryption.as_mut()));
        below = layer.backing_store.as_deref_mut();
    }
    for encryption in encryptions {
        encryption.engine.get_or_insert(EncryptionEngine::Qemu);
    }
}

fn settle_hostdev(hostdev: &mut Hostdev) {
    let HostdevKind::Subsystem(subsystem) = &mut hostdev.kind else { return };
    if let SubsystemDevice::Mdev(mdev) = &mut subsystem.device
        && mdev.model == virt_conf::model::MdevModel::VfioPci
    {
        mdev.display.get_or_insert(Switch::Off);
    }
}

fn settle_shared_memory(shared: &mut SharedMemory) -> Result<()> {
    let model = shared.model;
    let doorbell = model == SharedMemoryModel::IvshmemDoorbell;
    // The size when it was still a default of QEMU.
    if !doorbell {
        shared.size.get_or_insert(virt_conf::model::Mib(4));
    }
    if model == SharedMemoryModel::Ivshmem {
        return Ok(());
    }
    if shared.server.is_none() {
        let sentence = format!("shmem model '{model}' is supported only with server option enabled");
        return if doorbell { Err(unsupported(sentence).within("server")) } else { Ok(()) };
    }
    if !doorbell {
        let sentence = format!("shmem model '{model}' is supported only with server option disabled");
        return Err(unsupported(sentence).within("server"));
    }
    if shared.size.is_some_and(|size| size.0 != 0) {
        let sentence = format!("shmem model '{model}' does not support size setting");
        return Err(unsupported(sentence).within("size"));
    }
    shared.msi.get_or_insert_default().ioeventfd.get_or_insert(Switch::On);
    Ok(())
}

fn settle_vsock(vsock: &mut Vsock) {
    vsock.model.get_or_insert(VirtioModel::Virtio);
}
