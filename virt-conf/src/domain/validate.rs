//! Checks that need no hypervisor: the domain's own.

use super::{DomainHooks, Features};
use crate::error::{plain, unsupported};
use crate::model::{Bitmap, Domain, IdRange, LifecycleAction, LoaderType, OsFirmware, OsFirmwareFeatureName};
use crate::xml::{ParseOptions, Result};

impl Domain {
    /// Checks what libvirt checks for any hypervisor, and what `hooks` add.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence about the first fault.
    pub fn validate(&self, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<()> {
        self.validate_devices(hooks)?;
        self.validate_cputune()?;
        self.validate_iothreads()?;
        self.validate_boot()?;
        self.validate_hugepages()?;
        self.validate_firmware(hooks)?;
        self.validate_lifecycle()?;
        self.validate_idmap()?;
        hooks.validate(self, options)
    }

    fn validate_cputune(&self) -> Result<()> {
        let tune = &self.cputune;
        let periods = [
            ("period", tune.period),
            ("global_period", tune.global_period),
            ("emulator_period", tune.emulator_period),
            ("iothread_period", tune.iothread_period),
        ];
        for (name, value) in periods {
            check_range(name, value, 1_000_000)?;
        }
        let quotas = [
            ("quota", tune.quota),
            ("global_quota", tune.global_quota),
            ("emulator_quota", tune.emulator_quota),
            ("iothread_quota", tune.iothread_quota),
        ];
        for (name, value) in quotas {
            // A negative quota is no limit.
            check_range(name, u64::try_from(value).unwrap_or_default(), u64::MAX >> 20)?;
        }
        Ok(())
    }

    fn validate_iothreads(&self) -> Result<()> {
        let main = (self.default_iothread.thread_pool_min, self.default_iothread.thread_pool_max);
        let threads =
            self.iothreadids.list.iter().map(|thread| (thread.thread_pool_min, thread.thread_pool_max));
        if threads.chain([main]).any(|pool| matches!(pool, (Some(min), Some(max)) if min > max)) {
            return Err(unsupported("thread_pool_min must be smaller or equal to thread_pool_max"));
        }
        Ok(())
    }

    fn validate_boot(&self) -> Result<()> {
        if self.os.bootmenu.and_then(|menu| menu.timeout).is_some_and(|timeout| timeout > 65535) {
            return Err(unsupported("invalid value for boot menu timeout, must be in range [0,65535]"));
        }
        if self.os.bios.reboot_timeout.is_some_and(|timeout| !(-1..=65535).contains(&timeout)) {
            return Err(unsupported("invalid value for rebootTimeout, must be in range [-1,65535]"));
        }
        Ok(())
    }

    fn validate_hugepages(&self) -> Result<()> {
        let Some(hugepages) = &self.memory_backing.hugepages else { return Ok(()) };
        let nodes = self.cpu.iter().map(|cpu| cpu.numa.cells.len()).sum::<usize>().max(1) as u32;
        for (at, page) in hugepages.pages.iter().enumerate() {
            for other in hugepages.pages.iter().take(at) {
                let (first, second) = (page.size.0.0, other.size.0.0);
                match (&page.nodeset, &other.nodeset) {
                    (Some(some), Some(others)) if some.overlaps(others) => {
                        return Err(plain(format!(
                            "nodeset attribute of hugepages of sizes {first} and {second} intersect"
                        )));
                    }
                    (None, None) => {
                        return Err(plain(format!("two master hugepages detected: {first} and {second}")));
                    }
                    _ => {}
                }
            }
            let unknown = page.nodeset.iter().flat_map(Bitmap::iter).find(|node| *node >= nodes);
            if let Some(node) = unknown {
                return Err(plain(format!("hugepages: node {node} not found")));
            }
        }
        Ok(())
    }

    fn validate_firmware(&self, hooks: &dyn DomainHooks) -> Result<()> {
        let os = &self.os;
        if let Some(firmware) = os.firmware {
            if !hooks.features().contains(Features::FW_AUTOSELECT) {
                return Err(unsupported("firmware auto selection not implemented for this driver"));
            }
            let feature = |name| os.firmware_features.features.iter().find(|feature| feature.name == name);
            let enrolled =
                feature(OsFirmwareFeatureName::EnrolledKeys).is_some_and(|feature| feature.enabled);
            let insecure = feature(OsFirmwareFeatureName::SecureBoot).is_some_and(|feature| !feature.enabled);
            if enrolled && insecure {
                return Err(plain(
                    "firmware feature 'enrolled-keys' cannot be enabled when firmware feature 'secure-boot' is disabled",
                ));
            }
            if os.nvram.is_some() && firmware != OsFirmware::Efi {
                return Err(plain(format!("firmware type '{firmware}' does not support nvram")));
            }
        } else if (os.loader.is_some() || os.nvram.is_some())
            && os.loader.as_ref().is_none_or(|loader| loader.path.is_empty())
        {
            return Err(plain("no loader path specified and firmware auto selection disabled"));
        }
        let Some(loader) = &os.loader else { return Ok(()) };
        match (loader.stateless, os.firmware) {
            (Some(true), _) => match &os.nvram {
                Some(nvram) if nvram.template.is_some() => {
                    Err(plain("NVRAM template is not permitted when loader is stateless"))
                }
                Some(_) => Err(plain("NVRAM is not permitted when loader is stateless")),
                None => Ok(()),
            },
            (Some(false), None) if loader.kind != Some(LoaderType::Pflash) => {
                Err(plain("Only pflash loader type permits NVRAM"))
            }
            (Some(false), Some(OsFirmware::Bios)) => Err(plain("Only EFI firmware permits NVRAM")),
            _ => Ok(()),
        }
    }

    fn validate_lifecycle(&self) -> Result<()> {
        for (event, action) in [("poweroff", self.on_poweroff), ("reboot", self.on_reboot)] {
            // Only of a crash is there anything to dump.
            if let Some(dump @ (LifecycleAction::CoredumpDestroy | LifecycleAction::CoredumpRestart)) = action
            {
                return Err(unsupported(format!(
                    "Lifecycle event '{event}' doesn't support '{dump}' action"
                )));
            }
        }
        Ok(())
    }

    fn validate_idmap(&self) -> Result<()> {
        let (uids, gids) = (&self.idmap.uids, &self.idmap.gids);
        if uids.is_empty() != gids.is_empty() {
            return Err(unsupported("uid and gid should be mapped both"));
        }
        let rootless = |ranges: &[IdRange]| ranges.first().is_some_and(|range| range.start != 0);
        if rootless(uids) || rootless(gids) {
            return Err(unsupported("You must map the root user of container"));
        }
        Ok(())
    }
}

/// Zero is no setting.
fn check_range(name: &str, value: u64, most: u64) -> Result<()> {
    const LEAST: u64 = 1000;
    if value != 0 && !(LEAST..=most).contains(&value) {
        return Err(unsupported(format!("Value of cputune '{name}' must be in range [{LEAST}, {most}]")));
    }
    Ok(())
}
