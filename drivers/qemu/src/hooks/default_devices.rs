//! Devices that a board has, or that everybody expects, without anybody naming them.

use virt_conf::model::{
    ControllerKind, DeviceInfo, Domain, Gic, GicVersion, Input, InputBus, InputKind, MemoryBalloon,
    MemoryBalloonModel, Panic, PanicModel, PciController, PciModel, PlainController, Switch, UsbController,
    UsbModel, VirtioDriver, Watchdog, WatchdogModel,
};
use virt_util::Result;

use super::{QemuHooks, unsupported};
use crate::caps::{Accelerator, Arch, Flag};

/// What a board comes with.
struct Implied {
    pci_root: Option<PciModel>,
    sata: bool,
    usb: bool,
    usb_model: Option<UsbModel>,
    balloon: bool,
    panic: Option<PanicModel>,
    itco: bool,
}

impl QemuHooks<'_> {
    fn implied(&self, domain: &Domain) -> Implied {
        let board = self.board(domain);
        let mut implied = Implied {
            pci_root: None,
            sata: false,
            usb: true,
            usb_model: None,
            balloon: true,
            panic: None,
            itco: false,
        };
        match board.arch {
            Arch::X86_64 | Arch::I686 => {
                if board.is_q35() {
                    implied.pci_root = Some(PciModel::PcieRoot);
                    implied.sata = true;
                    implied.itco = true;
                    // USB 3 where there is, USB 2 else; but no USB rather than USB 1.
                    implied.usb_model = if self.has(Flag::QemuXhci) {
                        Some(UsbModel::QemuXhci)
                    } else if self.has(Flag::NecUsbXhci) {
                        Some(UsbModel::NecXhci)
                    } else if self.has(Flag::Ich9UsbEhci1) {
                        Some(UsbModel::Ich9Ehci1)
                    } else {
                        None
                    };
                    implied.usb = implied.usb_model.is_some();
                } else if board.is_i440fx() {
                    implied.pci_root = Some(PciModel::PciRoot);
                } else {
                    implied.usb = board.machine != "isapc" && board.machine != "microvm";
                }
            }
            Arch::Armv6l | Arch::Armv7l | Arch::Armv7b | Arch::Aarch64 => {
                implied.usb = false;
                implied.balloon = false;
                if board.machine == "versatilepb" {
                    implied.pci_root = Some(PciModel::PciRoot);
                    implied.usb = true;
                }
                if board.is_arm_virt() {
                    implied.pci_root = Some(PciModel::PcieRoot);
                }
            }
            Arch::Ppc64 | Arch::Ppc64le => {
                if board.is_pseries() {
                    implied.pci_root = Some(PciModel::PciRoot);
                    implied.panic = Some(PanicModel::Pseries);
                } else {
                    implied.pci_root =
                        matches!(board.machine, "mac99" | "g3beige" | "ppce500").then_some(PciModel::PciRoot);
                    implied.usb = implied.pci_root.is_some();
                }
            }
            Arch::Ppc => {
                implied.pci_root = Some(PciModel::PciRoot);
            }
            Arch::S390x => {
                implied.usb = false;
                implied.panic = Some(PanicModel::S390);
                if self.has(Flag::Zpci) {
                    implied.pci_root = Some(PciModel::PciRoot);
                }
            }
            Arch::Riscv32 | Arch::Riscv64 | Arch::Loongarch64 => {
                implied.usb = false;
                implied.balloon = board.is_riscv_virt();
                if board.is_riscv_virt() || board.is_loongarch_virt() {
                    implied.pci_root = Some(PciModel::PcieRoot);
                }
            }
            Arch::Sparc => {
                implied.usb = false;
                implied.balloon = false;
            }
            Arch::Sparc64 | Arch::Alpha | Arch::Mips | Arch::Mipsel | Arch::Mips64 | Arch::Mips64el => {
                implied.pci_root = Some(PciModel::PciRoot);
            }
            _ => {
                implied.usb = false;
                implied.balloon = false;
            }
        }
        implied
    }

    /// Adds what the board comes with and everybody expects.
    pub(super) fn add_default_devices(&self, domain: &mut Domain) -> Result<()> {
        let implied = self.implied(domain);
        let arch = self.board(domain).arch;
        let devices = &mut domain.devices;
        // A root that the document does not number is number 0.
        for controller in &mut devices.controllers {
            if let ControllerKind::Pci(pci) = &controller.kind
                && matches!(pci.model, Some(PciModel::PciRoot | PciModel::PcieRoot))
                && pci.model == implied.pci_root
            {
                controller.index.get_or_insert(0);
            }
            if implied.sata && matches!(controller.kind, ControllerKind::Sata(_)) {
                controller.index.get_or_insert(0);
            }
        }
        let has_usb = devices.controllers.iter().any(|one| matches!(one.kind, ControllerKind::Usb(_)));
        if implied.usb && !has_usb {
            let usb = UsbController { model: implied.usb_model, ..UsbController::default() };
            devices.ensure_controller(ControllerKind::Usb(usb), 0);
        }
        if implied.sata {
            devices.ensure_controller(ControllerKind::Sata(PlainController::default()), 0);
        }
        if let Some(model) = implied.pci_root {
            let root = devices.controllers.iter().find_map(|one| match &one.kind {
                ControllerKind::Pci(pci) if one.index == Some(0) => pci.model,
                _ => None,
            });
            match root {
                Some(found) if found != model => {
                    return Err(unsupported(format!(
                        "The PCI controller with index='0' must be model='{}' for this machine type, but model='{}' was found instead",
                        model.as_str(),
                        found.as_str()
                    )));
                }
                Some(_) => {}
                None => devices.ensure_controller(
                    ControllerKind::Pci(PciController { model: Some(model), ..PciController::default() }),
                    0,
                ),
            }
        }
        if implied.balloon && devices.memballoon.is_none() {
            devices.memballoon = Some(balloon(MemoryBalloonModel::Virtio));
        }
        if let Some(model) = implied.panic {
            let has_one = devices.panics.iter().any(|panic| {
                matches!(panic.model, None | Some(PanicModel::Default)) || panic.model == Some(model)
            });
            if !has_one {
                devices.panics.push(Panic { model: Some(model), ..Panic::default() });
            }
        }
        if implied.itco {
            let has_one = devices.watchdogs.iter().any(|watchdog| watchdog.model == WatchdogModel::Itco);
            if !has_one {
                devices.watchdogs.push(Watchdog {
                    model: WatchdogModel::Itco,
                    action: virt_conf::model::WatchdogAction::default(),
                    info: DeviceInfo::default(),
                });
            }
        }
        if arch.is_x86() && domain.features.ps2 != Some(Switch::Off) {
            for kind in [InputKind::Mouse, InputKind::Keyboard] {
                let same = |input: &Input| input.kind == kind && input.bus == Some(InputBus::Ps2);
                if !domain.devices.inputs.iter().any(same) {
                    domain.devices.inputs.push(Input {
                        kind,
                        bus: Some(InputBus::Ps2),
                        model: None,
                        driver: VirtioDriver::default(),
                        info: DeviceInfo::default(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Features that a board needs.
    pub(super) fn settle_features(&self, domain: &mut Domain) -> Result<()> {
        let board = self.board(domain);
        let accelerator = self.accelerator(domain);
        if board.is_arm_virt() {
            let wanted = domain.features.gic.and_then(|gic| gic.version);
            if wanted.is_none()
                && (domain.features.gic.is_some()
                    || !self.caps.gic.is_empty()
                    || accelerator == Accelerator::Tcg)
            {
                // The newest that KVM has; emulation keeps to the oldest.
                let newest = [(3, GicVersion::V3), (2, GicVersion::V2)]
                    .into_iter()
                    .find(|(version, _)| self.caps.supports_gic(accelerator, *version))
                    .map(|(_, version)| version);
                let version = match (accelerator, newest) {
                    (Accelerator::Tcg, _) | (_, None) => GicVersion::V2,
                    (_, Some(newest)) => newest,
                };
                domain.features.gic = Some(Gic { version: Some(version) });
            }
        }
        Ok(())
    }
}

/// A balloon of that model.
pub(super) fn balloon(model: MemoryBalloonModel) -> MemoryBalloon {
    MemoryBalloon {
        model,
        autodeflate: None,
        free_page_reporting: None,
        stats_period: 0,
        driver: virt_conf::model::VirtioDriver::default(),
        info: DeviceInfo::default(),
    }
}
