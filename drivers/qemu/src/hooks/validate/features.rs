//! `<features>`, each where its board and this binary have it.

use virt_conf::model::{Domain, DomainType, Switch};
use virt_util::Result;

use super::{QemuHooks, first_fault, refuse_if};
use crate::caps::Flag;

impl QemuHooks<'_> {
    pub(super) fn check_features(&self, domain: &Domain) -> Result<()> {
        let board = self.board(domain);
        let features = &domain.features;
        let x86 = board.arch.is_x86();
        let elsewhere = |fault: bool, name: &str| {
            refuse_if(fault, name, || {
                format!(
                    "The '{name}' feature is not supported for architecture '{}' or machine type '{}'",
                    board.arch, board.machine
                )
            })
        };
        let eoi = features.apic.is_some_and(|apic| apic.eoi.is_some());
        refuse_if(eoi && !x86, "apic/@eoi", || {
            format!(
                "The 'eoi' attribute of the 'apic' feature is not supported for architecture '{}' or machine type '{}'",
                board.arch, board.machine
            )
        })?;
        refuse_if(features.hyperv.is_some() && !x86 && !board.is_arm_virt(), "hyperv", || {
            format!(
                "Hyperv features are not supported for architecture '{}' or machine type '{}'",
                board.arch, board.machine
            )
        })?;
        elsewhere(features.pvspinlock.is_some() && !x86, "pvspinlock")?;
        refuse_if(features.pmu == Some(Switch::Off) && board.arch.is_ppc64(), "pmu", || {
            format!("PMU is always enabled for architecture '{}'", board.arch)
        })?;
        let has_vmport = self.has(Flag::MachineVmportOpt)
            && (board.is_q35() || board.is_i440fx() || x86 && board.machine == "isapc");
        first_fault(&[
            (
                features.vmport.is_some() && !has_vmport,
                "vmport",
                "vmport is not available with this QEMU binary",
            ),
            (
                features.vmport == Some(Switch::On) && features.ps2 == Some(Switch::Off),
                "vmport",
                "vmport feature requires the ps2 feature not to be disabled",
            ),
        ])?;
        elsewhere(features.gic.is_some() && !board.is_arm_virt(), "gic")?;
        elsewhere(features.ioapic.is_some() && !x86, "ioapic")?;
        let pseries = board.is_pseries();
        elsewhere(features.hpt.is_some() && !pseries, "hpt")?;
        refuse_if(
            self.lacks(features.vmcoreinfo == Some(Switch::On), Flag::Vmcoreinfo),
            "vmcoreinfo",
            || "vmcoreinfo is not available with this QEMU binary",
        )?;
        elsewhere(features.htm.is_some() && !pseries, "htm")?;
        elsewhere(features.nested_hv.is_some() && !pseries, "nested-hv")?;
        elsewhere(features.ccf_assist.is_some() && !pseries, "ccf-assist")?;
        elsewhere(features.cfpc.is_some() && !pseries, "cfpc")?;
        elsewhere(features.sbbc.is_some() && !pseries, "sbbc")?;
        elsewhere(features.ibs.is_some() && !pseries, "ibs")?;
        if let Some(tcg) = &features.tcg {
            refuse_if(domain.kind != DomainType::Qemu, "tcg", || {
                format!("TCG features are incompatible with domain type '{}'", domain.kind)
            })?;
            refuse_if(
                tcg.tb_cache.is_some_and(|size| !size.0.is_multiple_of(1024)),
                "tcg/tb-cache",
                || "tb-cache size must be an integer multiple of MiB",
            )?;
        }
        let toggles_ps2 = self.has(Flag::MachineI8042Opt) && (board.is_q35() || board.is_i440fx());
        first_fault(&[
            (
                self.lacks(features.async_teardown == Some(true), Flag::RunWithAsyncTeardown),
                "async-teardown",
                "asynchronous teardown is not available with this QEMU binary",
            ),
            (
                features.ras.is_some() && !board.is_arm_virt(),
                "ras",
                "ras feature is only supported with ARM Virt machines",
            ),
            (
                self.lacks(features.ras.is_some(), Flag::MachineVirtRas),
                "ras",
                "ras feature is not available with this QEMU binary",
            ),
            (
                features.ps2.is_some() && !self.has_ps2(domain),
                "ps2",
                "ps2 feature is not available with this QEMU binary",
            ),
            (
                features.ps2.is_some() && !toggles_ps2,
                "ps2",
                "ps2 feature state cannot be controlled with this QEMU binary",
            ),
            (
                features.aia.is_some() && !board.is_riscv_virt(),
                "aia",
                "aia feature is only supported with RISC-V Virt machines",
            ),
            (
                self.lacks(features.aia.is_some(), Flag::MachineVirtAia),
                "aia",
                "aia feature is not available with this QEMU binary",
            ),
        ])
    }

    /// Whether the guest can have a keyboard and a mouse on PS/2.
    pub(super) fn has_ps2(&self, domain: &Domain) -> bool {
        let board = self.board(domain);
        board.arch.is_x86() && (self.has(Flag::I8042) || !board.is_microvm())
    }
}
