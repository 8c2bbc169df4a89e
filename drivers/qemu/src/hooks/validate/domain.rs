//! The guest as a whole: emulator, machine, firmware, lifecycle, launch security.

use virt_conf::model::{
    AcpiTableType, CpuMode, DiskSource, Domain, DomainType, LaunchSecurity, LifecycleAction, LoaderType,
    OsFirmware, Sysinfo,
};
use virt_conf::xml::Within;
use virt_util::Result;

use super::{QemuHooks, first_fault, refuse_if, unsupported, wrong};
use crate::caps::{Accelerator, Arch, Flag};
use crate::model::accelerator_of;

impl QemuHooks<'_> {
    /// Checks everything that is no single device.
    pub(in crate::hooks) fn check_domain(&self, domain: &Domain) -> Result<()> {
        self.check_emulator(domain)?;
        self.check_firmware_needs(domain)?;
        self.check_bios(domain)?;
        check_lifecycle(domain)?;
        self.check_cpu(domain).within("cpu")?;
        self.check_memory_hotplug(domain)?;
        self.check_thread_pools(domain)?;
        self.check_clock(domain).within("clock")?;
        let sleeps = domain.pm.suspend_to_mem.is_some() || domain.pm.suspend_to_disk.is_some();
        refuse_if(sleeps && !self.board(domain).arch.is_x86(), "pm", || "setting ACPI S3/S4 not supported")?;
        self.check_boot(domain).within("os")?;
        self.check_vcpus(domain)?;
        let tuned = !domain.cputune.cachetunes.is_empty() || !domain.cputune.memorytunes.is_empty();
        refuse_if(
            tuned && domain.kind != DomainType::Kvm,
            "cputune",
            || "cachetune is only supported for KVM domains",
        )?;
        self.check_features(domain).within("features")?;
        self.check_memory_backing(domain).within("memoryBacking")?;
        self.check_numa(domain).within("cpu/numa")?;
        self.check_consoles(domain).within("devices")?;
        check_firmware_values(domain)?;
        self.check_panics(domain).within("devices")?;
        check_tpms(domain).within("devices")?;
        check_watchdogs(domain).within("devices")?;
        self.check_launch_security(domain).within("launchSecurity")
    }

    fn check_emulator(&self, domain: &Domain) -> Result<()> {
        let kind = &domain.os.kind;
        let emulator = domain.devices.emulator.as_deref().unwrap_or(&self.caps.emulator);
        refuse_if(kind.name != "hvm", "os/type", || {
            format!("Emulator '{emulator}' does not support os type '{}'", kind.name)
        })?;
        let arch = kind.arch.as_deref().unwrap_or_default();
        let runs = Arch::from_name(arch).is_some_and(|arch| self.runs_arch(arch));
        refuse_if(!runs, "os/type/@arch", || {
            format!("Emulator '{emulator}' does not support arch '{arch}'")
        })?;
        let accelerates = match accelerator_of(domain.kind) {
            Some(Accelerator::Tcg) => true,
            Some(Accelerator::Kvm) => self.has(Flag::Kvm),
            Some(Accelerator::Hvf) => self.has(Flag::Hvf),
            None => false,
        };
        refuse_if(!accelerates, "@type", || {
            format!("Emulator '{emulator}' does not support virt type '{}'", domain.kind)
        })?;
        let machine = kind.machine.as_deref().unwrap_or_default();
        let found = self.caps.machine(self.accelerator(domain), machine);
        refuse_if(found.is_none_or(|found| found.name != machine), "os/type/@machine", || {
            format!("Emulator '{emulator}' does not support machine type '{machine}'")
        })?;
        let without_acpi = found.is_some_and(|found| found.acpi == Some(false));
        refuse_if(without_acpi && domain.features.acpi, "features/acpi", || {
            format!("machine type '{machine}' does not support ACPI")
        })?;
        refuse_if(
            domain.memtune.min_guarantee.is_some_and(|size| size.0 != 0),
            "memtune/min_guarantee",
            || "Parameter 'min_guarantee' not supported by QEMU.",
        )
    }

    /// A binary for 64 bits runs guests of 32 too.
    fn runs_arch(&self, arch: Arch) -> bool {
        let own = self.caps.arch;
        own == arch
            || matches!(
                (own, arch),
                (Arch::X86_64, Arch::I686)
                    | (Arch::Ppc64, Arch::Ppc64le)
                    | (Arch::Aarch64, Arch::Armv7l | Arch::Armv6l)
            )
    }

    fn check_firmware_needs(&self, domain: &Domain) -> Result<()> {
        let arch = self.board(domain).arch;
        let flash =
            domain.os.loader.as_ref().is_some_and(|loader| {
                loader.kind == Some(LoaderType::Pflash) && loader.readonly == Some(true)
            });
        let uefi = flash || domain.os.firmware == Some(OsFirmware::Efi);
        let acpi = domain.features.acpi;
        first_fault(&[
            (uefi && arch.is_x86() && !acpi, "os", "UEFI requires ACPI on this architecture"),
            (
                acpi && arch == Arch::Aarch64 && !uefi,
                "features/acpi",
                "ACPI requires UEFI on this architecture",
            ),
            (
                self.lacks(domain.genid.is_some(), Flag::Vmgenid),
                "genid",
                "this QEMU does not support the 'genid' capability",
            ),
        ])
    }

    fn check_bios(&self, domain: &Domain) -> Result<()> {
        if domain.os.bios.useserial != Some(true) {
            return Ok(());
        }
        let way = "os/bios/@useserial";
        refuse_if(
            !self.board(domain).arch.is_x86(),
            way,
            || "BIOS serial console only supported on x86 architectures",
        )?;
        if domain.devices.serials.is_empty() {
            return Err(wrong("need at least one serial port to use BIOS serial output").within(way));
        }
        Ok(())
    }

    fn check_boot(&self, domain: &Domain) -> Result<()> {
        let os = &domain.os;
        if domain.bootloader.is_some() || domain.bootloader_args.is_some() {
            return Err(unsupported("bootloader is not supported by QEMU"));
        }
        if let Some(loader) = &os.loader
            && loader.secure == Some(true)
        {
            let board = self.board(domain);
            let managed = domain.features.smm.is_some_and(|smm| smm.state == virt_conf::model::Switch::On);
            first_fault(&[
                (!board.is_q35(), "loader/@secure", "Secure boot is supported with q35 machine types only"),
                (
                    board.arch != Arch::X86_64,
                    "loader/@secure",
                    "Secure boot is supported for x86_64 architecture only",
                ),
                (
                    os.firmware.is_none() && !managed,
                    "loader/@secure",
                    "Secure boot requires SMM feature enabled",
                ),
            ])?;
        }
        if let Some(source) = os.nvram.as_ref().and_then(|nvram| nvram.source.as_ref()) {
            self.check_nvram_source(source).within("nvram")?;
        }
        for table in &os.acpi.tables {
            let known = matches!(table.kind, AcpiTableType::Slic | AcpiTableType::Raw | AcpiTableType::Msdm);
            refuse_if(!known, "acpi/table", || format!("ACPI table type '{}' is not supported", table.kind))?;
        }
        refuse_if(
            self.lacks(os.shim.is_some(), Flag::Shim),
            "shim",
            || "shim is not supported by this QEMU binary",
        )
    }

    fn check_nvram_source(&self, source: &DiskSource) -> Result<()> {
        let supported = matches!(source, DiskSource::File(_) | DiskSource::Block(_) | DiskSource::Network(_));
        refuse_if(!supported, "@type", || format!("unsupported nvram disk type '{}'", source.tag()))?;
        if let Some(common) = source.common() {
            first_fault(&[
                (!common.slices.slices.is_empty(), "source/slices", "slices are not supported with NVRAM"),
                (
                    common.reservations.is_some(),
                    "source/reservations",
                    "persistent reservations are not supported with NVRAM",
                ),
            ])?;
        }
        self.check_storage(&super::storage::Image::of_nvram(source))
    }

    fn check_launch_security(&self, domain: &Domain) -> Result<()> {
        let Some(security) = &domain.launch_security else { return Ok(()) };
        let (known, name) = match security {
            LaunchSecurity::Sev(_) => (self.has(Flag::SevGuest), "sev"),
            LaunchSecurity::SevSnp(_) => (self.has(Flag::SevSnpGuest), "sev-snp"),
            LaunchSecurity::S390Pv => (self.has(Flag::S390PvGuest), "s390-pv"),
            LaunchSecurity::Tdx(_) => (false, "tdx"),
        };
        refuse_if(!known, "@type", || {
            format!("'{name}' launch security is not supported with this QEMU binary")
        })?;
        let hashes = matches!(security, LaunchSecurity::Sev(sev) if sev.kernel_hashes.is_some());
        refuse_if(
            self.lacks(hashes, Flag::SevGuestKernelHashes),
            "@kernelHashes",
            || "SEV measured direct kernel boot is not supported with this QEMU binary",
        )
    }

    fn check_thread_pools(&self, domain: &Domain) -> Result<()> {
        let threads = domain.iothreadids.list.iter().map(|one| (one.thread_pool_min, one.thread_pool_max));
        let main = (domain.default_iothread.thread_pool_min, domain.default_iothread.thread_pool_max);
        let sized = threads.chain([main]).any(|(min, max)| min.is_some() || max.is_some());
        refuse_if(
            self.lacks(sized, Flag::IothreadThreadPoolMax),
            "iothreadids",
            || "thread_pool_min and thread_pool_max is not supported by this QEMU binary",
        )
    }
}

fn check_lifecycle(domain: &Domain) -> Result<()> {
    use LifecycleAction::{Destroy, Preserve, RenameRestart, Restart};
    let (poweroff, reboot, crash) = (domain.on_poweroff, domain.on_reboot, domain.on_crash);
    let place = |action| match Some(action) {
        action if action == poweroff => "on_poweroff",
        action if action == reboot => "on_reboot",
        _ => "on_crash",
    };
    first_fault(&[
        (
            [poweroff, reboot, crash].contains(&Some(RenameRestart)),
            place(RenameRestart),
            "qemu driver doesn't support the 'rename-restart' action for 'on_reboot'/'on_poweroff'/'on_crash'",
        ),
        (
            [poweroff, reboot].contains(&Some(Preserve)),
            place(Preserve),
            "qemu driver doesn't support the 'preserve' action for 'on_reboot'/'on_poweroff'",
        ),
        (
            poweroff == Some(Restart) && reboot == Some(Destroy),
            "on_reboot",
            "qemu driver doesn't support 'onReboot' set to 'destroy and 'onPoweroff' set to 'reboot'",
        ),
    ])
}

/// Values handed to the guest's firmware have names below `opt/`, of which some are taken.
fn check_firmware_values(domain: &Domain) -> Result<()> {
    for (at, sysinfo) in domain.sysinfos.iter().enumerate() {
        let Sysinfo::Fwcfg(values) = sysinfo else { continue };
        for entry in &values.entries {
            let name = entry.name.as_deref().unwrap_or_default();
            let outcome = if !name.starts_with("opt/") {
                Err(unsupported("Invalid firmware name"))
            } else if name.starts_with("opt/ovmf/") || name.starts_with("opt/org.qemu/") {
                Err(unsupported("That firmware name is reserved"))
            } else {
                Ok(())
            };
            outcome.within(format_args!("entry[@name='{name}']")).within_nth("sysinfo", at)?;
        }
    }
    Ok(())
}

fn check_tpms(domain: &Domain) -> Result<()> {
    let proxy = Some(virt_conf::model::TpmModel::SpaprTpmProxy);
    let (proxies, others): (Vec<_>, Vec<_>) = domain.devices.tpms.iter().partition(|tpm| tpm.model == proxy);
    first_fault(&[
        (proxies.len() > 1, "tpm[2]", "only a single TPM Proxy device is supported"),
        (others.len() > 1, "tpm[2]", "only a single TPM non-proxy device is supported"),
    ])
}

/// All watchdogs but one kind are part of the machine.
fn check_watchdogs(domain: &Domain) -> Result<()> {
    let watchdogs = &domain.devices.watchdogs;
    for (at, watchdog) in watchdogs.iter().enumerate() {
        let model = watchdog.model;
        let again = watchdogs.iter().take(at).any(|other| other.model == model);
        if again && model != virt_conf::model::WatchdogModel::I6300Esb {
            return Err(unsupported(format!("domain can only have one watchdog with model '{model}'"))
                .within_nth("watchdog", at));
        }
    }
    Ok(())
}

/// Whether the guest gets the host's processor, or all that QEMU has.
pub(super) fn whole_cpu(mode: Option<CpuMode>) -> bool {
    matches!(mode, Some(CpuMode::HostPassthrough | CpuMode::Maximum))
}
