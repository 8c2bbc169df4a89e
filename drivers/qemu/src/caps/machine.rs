//! What kind of board a machine type is: which buses and devices it is born with.

use super::Arch;

/// A machine type's name with its architecture, for questions about the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board<'a> {
    /// The guest's architecture.
    pub arch: Arch,
    /// The machine type: `pc-q35-10.0`.
    pub machine: &'a str,
}

/// Whether `machine` is `family` itself or one of its versions.
fn is_version_of(machine: &str, family: &str) -> bool {
    machine.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

impl Board<'_> {
    /// The Q35 chipset: PCI Express.
    pub fn is_q35(self) -> bool {
        self.arch.is_x86() && (self.machine == "q35" || self.machine.starts_with("pc-q35"))
    }

    /// The 440FX chipset: conventional PCI.
    pub fn is_i440fx(self) -> bool {
        self.arch.is_x86()
            && (self.machine == "pc"
                || ["pc-0.", "pc-1.", "pc-i440fx", "rhel"]
                    .iter()
                    .any(|prefix| self.machine.starts_with(prefix)))
    }

    /// The minimal board for micro VMs.
    pub fn is_microvm(self) -> bool {
        self.arch.is_x86() && self.machine == "microvm"
    }

    /// The virtual Arm board.
    pub fn is_arm_virt(self) -> bool {
        self.arch.is_arm() && is_version_of(self.machine, "virt")
    }

    /// The virtual RISC-V board.
    pub fn is_riscv_virt(self) -> bool {
        self.arch.is_riscv() && is_version_of(self.machine, "virt")
    }

    /// The virtual LoongArch board.
    pub fn is_loongarch_virt(self) -> bool {
        self.arch.is_loongarch() && is_version_of(self.machine, "virt")
    }

    /// The paravirtual Power board.
    pub fn is_pseries(self) -> bool {
        self.arch.is_ppc64() && is_version_of(self.machine, "pseries")
    }

    /// The mainframe board with a channel subsystem.
    pub fn is_s390_ccw(self) -> bool {
        self.arch.is_s390() && self.machine.starts_with("s390-ccw")
    }

    /// A conventional PCI root bus.
    pub fn has_pci_root(self) -> bool {
        self.is_i440fx() || self.is_pseries()
    }

    /// A PCI Express root bus.
    pub fn has_pcie_root(self) -> bool {
        self.is_q35() || self.is_arm_virt() || self.is_riscv_virt() || self.is_loongarch_virt()
    }

    /// Whether there can be PCI devices: of Arm's and RISC-V's boards, most have no bus that they could be put on.
    pub fn can_have_pci(self) -> bool {
        if self.arch.is_arm() {
            self.is_arm_virt() || self.machine == "versatilepb"
        } else {
            !self.arch.is_riscv() || self.is_riscv_virt()
        }
    }

    /// An IDE controller on the board.
    pub fn has_builtin_ide(self) -> bool {
        self.is_i440fx()
            || (self.arch == Arch::Alpha && self.machine == "clipper")
            || (self.arch == Arch::Sparc64 && matches!(self.machine, "sun4u" | "sun4v"))
            || (self.arch.is_mips() && self.machine == "malta")
            || (self.arch.is_ppc() && self.machine == "g3beige")
    }

    /// Whether QEMU numbers the PCI buses (`pci.0`); elsewhere the only one is called `pci`.
    pub fn has_pci_multi_bus(self) -> bool {
        self.arch.is_x86() || self.arch.is_ppc() || self.arch.is_s390() || self.is_arm_virt()
    }

    /// Whether floppy drives need a controller plugged in: Q35 has none from version 2.4 on.
    pub fn needs_floppy_controller(self) -> bool {
        let old = ["pc-q35-1.", "pc-q35-2.0", "pc-q35-2.1", "pc-q35-2.2", "pc-q35-2.3"];
        self.is_q35()
            && !old.iter().any(|version| {
                self.machine
                    .strip_prefix(version)
                    .is_some_and(|rest| version.ends_with('.') || rest.is_empty())
            })
    }
}
