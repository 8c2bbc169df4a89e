//! The guest's processor where the document leaves it open.

use virt_conf::model::{Cpu, CpuCheck, CpuFallback, CpuMatch, CpuMode, CpuModel, Domain, Switch};

use super::QemuHooks;
use crate::caps::{Accelerator, Arch, Flag};

impl QemuHooks<'_> {
    /// Fills in the processor: QEMU's default for the machine, and what modes imply.
    pub(super) fn settle_cpu(&self, domain: &mut Domain) {
        let board = self.board(domain);
        let arch = board.arch;
        let accelerator = self.accelerator(domain);
        // What QEMU calls the default is only what emulation runs, on boards where acceleration has another.
        let says_default = arch.is_x86()
            || arch.is_s390()
            || arch.is_ppc64()
            || accelerator == Accelerator::Tcg && arch != Arch::Ppc;
        let default = self.default_cpu(accelerator, board.machine).filter(|_| says_default);
        let cpu = domain.cpu.get_or_insert_default();
        if cpu.mode.is_none()
            && let Some(model) = default
        {
            // Running "host" under its own name keeps following the host.
            if model == "host" {
                if arch.is_s390() {
                    cpu.mode = Some(CpuMode::HostModel);
                    cpu.check = CpuCheck::Partial;
                } else {
                    cpu.mode = Some(CpuMode::HostPassthrough);
                    cpu.check = CpuCheck::None;
                }
            } else {
                cpu.mode = Some(CpuMode::Custom);
                cpu.matching = Some(CpuMatch::Exact);
                cpu.check = CpuCheck::None;
                cpu.model =
                    Some(CpuModel { fallback: Some(CpuFallback::Forbid), vendor_id: None, name: model });
            }
        }
        match cpu.mode {
            Some(CpuMode::HostPassthrough | CpuMode::Maximum) => {
                if cpu.check == CpuCheck::Default {
                    cpu.check = CpuCheck::None;
                }
                // What emulation gives is the same everywhere, whatever it is made of.
                let follows_host = cpu.mode == Some(CpuMode::HostPassthrough);
                if follows_host && cpu.migratable.is_none() && self.has(Flag::CpuMigratable) && arch.is_x86()
                {
                    cpu.migratable = Some(Switch::On);
                }
            }
            Some(CpuMode::HostModel) => {
                if cpu.check == CpuCheck::Default {
                    cpu.check = CpuCheck::Partial;
                }
            }
            Some(CpuMode::Custom) => {
                if cpu.check == CpuCheck::Default {
                    // Emulation does not depend on what the host can do.
                    cpu.check =
                        if accelerator == Accelerator::Kvm { CpuCheck::Partial } else { CpuCheck::None };
                }
            }
            None => {}
        }
        if *cpu == Cpu::default() {
            domain.cpu = None;
        }
    }

    /// The name of the machine's default model.
    fn default_cpu(&self, accelerator: Accelerator, machine: &str) -> Option<String> {
        let type_name = self.caps.machine(accelerator, machine)?.default_cpu.as_deref()?;
        let model = self.caps.cpu_model_of_type(accelerator, type_name);
        model.map(|model| model.name.clone())
    }
}
