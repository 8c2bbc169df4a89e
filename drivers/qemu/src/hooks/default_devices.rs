//! Devices that a board has, or that everybody expects, without anybody naming them.

use virt_conf::model::{
    Controller, ControllerKind, DeviceInfo, Domain, Gic, GicVersion, Input, InputBus, InputKind,
    IoapicDriver, Iommu, IommuDriver, IommuModel, MemoryBalloon, MemoryBalloonModel, Panic, PanicModel,
    PciController, PciModel, PlainController, Switch, UsbController, UsbModel, VirtioDriver, Watchdog,
    WatchdogModel,
};
use virt_conf::xml::Within;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{QemuHooks, unsupported};
use crate::caps::{Accelerator, Arch, Flag};

/// The most processors that interrupts reach without an extended mode.
const MAX_OLD_APIC: u32 = 255;

/// What a board comes with.
struct Implied {
    pci_root: Option<PciModel>,
    sata: bool,
    usb: bool,
    usb_model: Option<UsbModel>,
    balloon: bool,
    panic: Option<PanicModel>,
    itco: bool,
    usb_inputs: bool,
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
            usb_inputs: false,
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
                    implied.usb_model = Some(UsbModel::PciOhci).filter(|_| self.has(Flag::PciOhci));
                }
                if board.is_arm_virt() {
                    implied.pci_root = Some(PciModel::PcieRoot);
                }
            }
            Arch::Ppc64 | Arch::Ppc64le => {
                implied.pci_root = Some(PciModel::PciRoot);
                implied.usb_inputs = true;
                implied.panic = board.is_pseries().then_some(PanicModel::Pseries);
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
        number_pci_controllers(&mut devices.controllers);
        if implied.sata {
            let sata = devices.controllers.iter_mut();
            let first = sata
                .filter(|one| matches!(one.kind, ControllerKind::Sata(_)))
                .find(|one| one.index.is_none());
            if let Some(first) = first {
                first.index = Some(0);
            }
        }
        // The first of several becomes number 0 where none says so.
        let has_usb = devices.controllers.iter().any(|one| {
            matches!(one.kind, ControllerKind::Usb(_)) && one.index.is_none_or(|index| index == 0)
        });
        if implied.usb && !has_usb {
            let usb = UsbController { model: implied.usb_model, ..UsbController::default() };
            devices.ensure_controller(ControllerKind::Usb(usb), 0);
        }
        if implied.sata {
            devices.ensure_controller(ControllerKind::Sata(PlainController::default()), 0);
        }
        if let Some(model) = implied.pci_root {
            let root = devices.controllers.iter().find_map(|one| match &one.kind {
                ControllerKind::Pci(pci) if one.index == Some(0) => Some(pci.model),
                _ => None,
            });
            match root {
                Some(found) if found != Some(model) => {
                    let sentence = format!(
                        "The PCI controller with index='0' must be model='{}' for this machine type, but model='{}' was found instead",
                        model.as_str(),
                        found.map_or("(null)", PciModel::as_str)
                    );
                    return Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, sentence)
                        .within("controller[@type='pci'][@index='0']/@model")
                        .within("devices"));
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
                // All of a guest's watchdogs do the same.
                let action = devices.watchdogs.first().map(|first| first.action).unwrap_or_default();
                devices.watchdogs.push(Watchdog {
                    model: WatchdogModel::Itco,
                    action,
                    info: DeviceInfo::default(),
                });
            }
        }
        if arch.is_x86() && domain.features.ps2 != Some(Switch::Off) {
            ensure_input(domain, InputKind::Mouse, InputBus::Ps2);
            ensure_input(domain, InputKind::Keyboard, InputBus::Ps2);
        }
        if implied.usb_inputs && !domain.devices.graphics.is_empty() {
            if is_usb_off(domain) {
                return Err(unsupported(USB_IS_OFF));
            }
            ensure_input(domain, InputKind::Keyboard, InputBus::Usb);
            let is_tablet = |input: &Input| matches!(input.kind, InputKind::Tablet);
            if !domain.devices.inputs.iter().any(is_tablet) {
                ensure_input(domain, InputKind::Mouse, InputBus::Usb);
            }
        }
        Ok(())
    }

    /// What interrupts need to reach more processors than the old controllers count.
    pub(super) fn settle_many_processors(&self, domain: &mut Domain) {
        if !self.board(domain).is_q35() || domain.vcpu.max <= MAX_OLD_APIC {
            return;
        }
        let iommus = &mut domain.devices.iommus;
        if iommus.is_empty() {
            iommus.push(Iommu {
                model: IommuModel::Intel,
                driver: IommuDriver::default(),
                info: DeviceInfo::default(),
            });
        }
        let Some(iommu) = iommus.iter_mut().find(|iommu| iommu.model == IommuModel::Intel) else { return };
        iommu.driver.intremap.get_or_insert(Switch::On);
        iommu.driver.eim.get_or_insert(Switch::On);
    }

    /// Interrupts that are remapped come from QEMU's own controller.
    pub(super) fn settle_remapping(&self, domain: &mut Domain) {
        let remaps =
            |iommu: &Iommu| iommu.model == IommuModel::Intel && iommu.driver.intremap == Some(Switch::On);
        if domain.devices.iommus.iter().any(remaps) {
            domain.features.ioapic.get_or_insert(IoapicDriver::Qemu);
        }
    }

    /// Features that a board needs.
    pub(super) fn settle_features(&self, domain: &mut Domain, abi_update: bool) -> Result<()> {
        let board = self.board(domain);
        let accelerator = self.accelerator(domain);
        let has_acpi = self.caps.machine(accelerator, board.machine).and_then(|machine| machine.acpi);
        if board.arch.is_s390() && has_acpi == Some(false) && !abi_update {
            // Older definitions ask for what mainframes never had.
            domain.features.acpi = false;
            return Ok(());
        }
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

/// Bridges that the document does not number take the lowest numbers that it leaves, in its order.
fn number_pci_controllers(controllers: &mut [Controller]) {
    let is_pci = |one: &Controller| matches!(one.kind, ControllerKind::Pci(_));
    let mut used: Vec<u32> =
        controllers.iter().filter(|one| is_pci(one)).filter_map(|one| one.index).collect();
    for controller in controllers.iter_mut().filter(|one| is_pci(one) && one.index.is_none()) {
        controller.index = (0..=u32::MAX).find(|free| !used.contains(free));
        used.extend(controller.index);
    }
}

/// What is wrong with USB devices of a guest that shall have no USB.
const USB_IS_OFF: &str = "USB is disabled for this domain, but USB devices are present in the domain XML";

/// Whether the document says that there is no USB.
fn is_usb_off(domain: &Domain) -> bool {
    let off =
        |one: &Controller| matches!(&one.kind, ControllerKind::Usb(usb) if usb.model == Some(UsbModel::None));
    domain.devices.controllers.iter().any(off)
}

fn ensure_input(domain: &mut Domain, kind: InputKind, bus: InputBus) {
    let same = |input: &Input| input.kind == kind && input.bus == Some(bus);
    if !domain.devices.inputs.iter().any(same) {
        domain.devices.inputs.push(Input {
            kind,
            bus: Some(bus),
            model: None,
            driver: VirtioDriver::default(),
            info: DeviceInfo::default(),
        });
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
