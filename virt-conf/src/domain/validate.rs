//! Checks that need no hypervisor: the domain's own.

use super::{DomainHooks, Features};
use crate::error::{invalid, plain, refuse, unsupported};
use crate::model::{
    Bitmap, Domain, IdRange, LaunchSecurity, LifecycleAction, LoaderType, NumaAccess, OsFirmware,
    OsFirmwareFeatureName,
};
use crate::xml::{Element as _, Error, ErrorCode, ErrorDomain, ParseOptions, Result, Within};

impl Domain {
    /// Checks what libvirt checks for any hypervisor, and what `hooks` add.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence about the first fault.
    pub fn validate(&self, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<()> {
        self.validate_parts(options, hooks).within(Self::NAME)
    }

    fn validate_parts(&self, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<()> {
        hooks.validate(self, options)?;
        self.validate_devices(options, hooks).within("devices")?;
        self.validate_resource().within("resource/fibrechannel/@appid")?;
        self.refuse_duplicate_targets().within("devices")?;
        self.refuse_duplicate_hostdevs().within("devices")?;
        self.refuse_duplicate_drives().within("devices")?;
        self.validate_topology().within("cpu/topology")?;
        self.refuse_duplicate_aliases().within("devices")?;
        self.validate_iommu_features().within("devices")?;
        self.validate_lifecycle()?;
        self.validate_hugepages().within("memoryBacking/hugepages")?;
        self.validate_firmware(hooks).within("os")?;
        self.validate_cputune().within("cputune")?;
        self.validate_boot().within("os")?;
        self.validate_blkiotune().within("blkiotune")?;
        self.validate_idmap()?;
        self.validate_numa().within("cpu/numa")?;
        self.validate_iothreads()?;
        self.validate_launch_security().within("launchSecurity")
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
            check_range(name, value, 1_000_000).within(name)?;
        }
        let quotas = [
            ("quota", tune.quota),
            ("global_quota", tune.global_quota),
            ("emulator_quota", tune.emulator_quota),
            ("iothread_quota", tune.iothread_quota),
        ];
        for (name, value) in quotas {
            // A negative quota is no limit.
            check_range(name, u64::try_from(value).unwrap_or_default(), u64::MAX >> 20).within(name)?;
        }
        Ok(())
    }

    fn validate_iothreads(&self) -> Result<()> {
        let threads = self.iothreadids.list.iter().map(|one| (one.thread_pool_min, one.thread_pool_max));
        let main = (self.default_iothread.thread_pool_min, self.default_iothread.thread_pool_max);
        for (at, (min, max)) in threads.chain([main]).enumerate() {
            // Unlimited is less than any minimum.
            let error = if max == Some(0) {
                unsupported("thread_pool_max must be a positive integer")
            } else if min.unwrap_or(-1) > max.unwrap_or(-1) {
                unsupported("thread_pool_min must be smaller or equal to thread_pool_max")
            } else {
                continue;
            };
            return Err(match self.iothreadids.list.get(at) {
                Some(thread) => error.within(format_args!("iothreadids/iothread[@id='{}']", thread.id)),
                None => error.within("defaultiothread"),
            });
        }
        Ok(())
    }

    fn validate_resource(&self) -> Result<()> {
        const LENGTHS: std::ops::RangeInclusive<usize> = 1..=128;
        let Some(appid) = &self.resource.fibre_channel_appid else { return Ok(()) };
        if !appid.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(refuse("Fibre Channel 'appid' is not a printable string"));
        }
        if !LENGTHS.contains(&appid.len()) {
            let (first, last) = (LENGTHS.start(), LENGTHS.end());
            return Err(invalid(format!(
                "Fibre Channel 'appid' string length must be between [{first}, {last}]"
            )));
        }
        Ok(())
    }

    /// A topology has a size that a number holds.
    fn validate_topology(&self) -> Result<()> {
        let Some(topology) = self.cpu.as_ref().and_then(|cpu| cpu.topology.as_ref()) else { return Ok(()) };
        if topology.processors() > u64::from(u32::MAX) {
            return Err(Error::new(
                ErrorCode::OVERFLOW,
                ErrorDomain::DOMAIN,
                "cpu topology results in more than 4294967295 cpus",
            ));
        }
        Ok(())
    }

    fn validate_blkiotune(&self) -> Result<()> {
        let devices = &self.blkiotune.devices;
        for (at, device) in devices.iter().enumerate() {
            if devices.iter().take(at).any(|other| other.path == device.path) {
                return Err(unsupported(format!("duplicate blkio device path '{}'", device.path))
                    .within_nth("device", at));
            }
        }
        Ok(())
    }

    fn validate_numa(&self) -> Result<()> {
        const MOST_LEVELS: u32 = 3;
        let Some(cpu) = &self.cpu else { return Ok(()) };
        let numa = &cpu.numa;
        for (number, cell) in numa.cells.iter().enumerate() {
            for (at, cache) in cell.caches.iter().enumerate() {
                let level = cache.level;
                if level > MOST_LEVELS {
                    return Err(refuse("Ain't nobody heard of that much cache level")
                        .within_nth("cache", at)
                        .within_nth("cell", number));
                }
                if cell.caches.iter().take(at).any(|other| other.level == level) {
                    return Err(refuse(format!("Cache level '{level}' already defined"))
                        .within_nth("cache", at)
                        .within_nth("cell", number));
                }
            }
        }
        let latencies = numa.interconnects.latencies.iter().map(|one| Link {
            initiator: one.initiator,
            target: one.target,
            cache: one.cache,
            access: one.kind,
            latency: true,
        });
        let bandwidths = numa.interconnects.bandwidths.iter().map(|one| Link {
            initiator: one.initiator,
            target: one.target,
            cache: one.cache,
            access: one.kind,
            latency: false,
        });
        let links: Vec<Link> = latencies.chain(bandwidths).collect();
        for (at, link) in links.iter().enumerate() {
            let outcome = self.validate_link(link, links.get(..at).unwrap_or_default());
            let (name, before) = match at.checked_sub(numa.interconnects.latencies.len()) {
                Some(before) => ("bandwidth", before),
                None => ("latency", at),
            };
            outcome.within_nth(name, before).within("interconnects")?;
        }
        Ok(())
    }

    fn validate_link(&self, link: &Link, earlier: &[Link]) -> Result<()> {
        let node = |id: u32| self.cpu.as_ref().and_then(|cpu| cpu.numa.cells.get(id as usize));
        let Some(initiator) = node(link.initiator) else {
            return Err(refuse("'initiator' refers to a non-existent NUMA node"));
        };
        let Some(target) = node(link.target) else {
            return Err(refuse("'target' refers to a non-existent NUMA node"));
        };
        if initiator.cpus.is_none() {
            return Err(refuse("NUMA nodes without CPUs can't be initiator"));
        }
        if link.cache > 0 && target.caches.iter().all(|cache| cache.level != link.cache) {
            return Err(refuse("'cache' refers to a non-existent NUMA node cache"));
        }
        for other in earlier {
            if other == link {
                return Err(refuse("Duplicate info for NUMA latencies"));
            }
            let back = (other.target, other.initiator) == (link.initiator, link.target);
            if back && link.initiator != link.target {
                return Err(refuse("Link already defined"));
            }
        }
        Ok(())
    }

    fn validate_launch_security(&self) -> Result<()> {
        let Some(LaunchSecurity::SevSnp(snp)) = &self.launch_security else { return Ok(()) };
        let fields = [
            ("guestVisibleWorkarounds", &snp.guest_visible_workarounds, 16),
            ("idBlock", &snp.id_block, 96),
            ("idAuth", &snp.id_auth, 4096),
            ("hostData", &snp.host_data, 32),
        ];
        for (name, text, wanted) in fields {
            let Some(length) = text.as_deref().map(base64_length) else { continue };
            if length != wanted {
                return Err(unsupported(format!(
                    "Unexpected length of '{name}', expected {wanted} got {length}"
                ))
                .within(name));
            }
        }
        Ok(())
    }

    fn validate_boot(&self) -> Result<()> {
        if self.os.bootmenu.and_then(|menu| menu.timeout).is_some_and(|timeout| timeout > 65535) {
            return Err(unsupported("invalid value for boot menu timeout, must be in range [0,65535]")
                .within("bootmenu/@timeout"));
        }
        if self.os.bios.reboot_timeout.is_some_and(|timeout| !(-1..=65535).contains(&timeout)) {
            return Err(unsupported("invalid value for rebootTimeout, must be in range [-1,65535]")
                .within("bios/@rebootTimeout"));
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
                        let error = plain(format!(
                            "nodeset attribute of hugepages of sizes {first} and {second} intersect"
                        ));
                        return Err(error.within("@nodeset").within_nth("page", at));
                    }
                    (None, None) => {
                        let error = plain(format!("two master hugepages detected: {first} and {second}"));
                        return Err(error.within_nth("page", at));
                    }
                    _ => {}
                }
            }
            let unknown = page.nodeset.iter().flat_map(Bitmap::iter).find(|node| *node >= nodes);
            if let Some(node) = unknown {
                let error = plain(format!("hugepages: node {node} not found"));
                return Err(error.within("@nodeset").within_nth("page", at));
            }
        }
        Ok(())
    }

    fn validate_firmware(&self, hooks: &dyn DomainHooks) -> Result<()> {
        let os = &self.os;
        if let Some(firmware) = os.firmware {
            if !hooks.features().contains(Features::FW_AUTOSELECT) {
                return Err(unsupported("firmware auto selection not implemented for this driver")
                    .within("@firmware"));
            }
            let feature = |name| os.firmware_features.features.iter().find(|feature| feature.name == name);
            let enrolled =
                feature(OsFirmwareFeatureName::EnrolledKeys).is_some_and(|feature| feature.enabled);
            let insecure = feature(OsFirmwareFeatureName::SecureBoot).is_some_and(|feature| !feature.enabled);
            if enrolled && insecure {
                return Err(plain(
                    "firmware feature 'enrolled-keys' cannot be enabled when firmware feature 'secure-boot' is disabled",
                )
                .within("firmware/feature[@name='enrolled-keys']/@enabled"));
            }
            if os.nvram.is_some() && firmware != OsFirmware::Efi {
                return Err(
                    plain(format!("firmware type '{firmware}' does not support nvram")).within("nvram")
                );
            }
        } else if !os.firmware_features.features.is_empty() {
            return Err(plain(
                "cannot use feature-based firmware autoselection when firmware autoselection is disabled",
            )
            .within("firmware"));
        } else if (os.loader.is_some() || os.nvram.is_some())
            && os.loader.as_ref().is_none_or(|loader| loader.path.is_empty())
        {
            return Err(
                plain("no loader path specified and firmware auto selection disabled").within("loader")
            );
        }
        let Some(loader) = &os.loader else { return Ok(()) };
        match (loader.stateless, os.firmware) {
            (Some(true), _) => match &os.nvram {
                Some(nvram) if nvram.template.is_some() => {
                    Err(plain("NVRAM template is not permitted when loader is stateless")
                        .within("nvram/@template"))
                }
                Some(_) => Err(plain("NVRAM is not permitted when loader is stateless").within("nvram")),
                None => Ok(()),
            },
            (Some(false), None) if loader.kind != Some(LoaderType::Pflash) => {
                Err(plain("Only pflash loader type permits NVRAM").within("loader/@stateless"))
            }
            (Some(false), Some(OsFirmware::Bios)) => {
                Err(plain("Only EFI firmware permits NVRAM").within("loader/@stateless"))
            }
            _ => Ok(()),
        }
    }

    fn validate_lifecycle(&self) -> Result<()> {
        for (event, action) in [("poweroff", self.on_poweroff), ("reboot", self.on_reboot)] {
            use LifecycleAction::{CoredumpDestroy, CoredumpRestart, PreserveRunning};
            // Only of a crash is there anything to dump, and only a guest that crashed has not ended itself.
            if let Some(of_crash @ (CoredumpDestroy | CoredumpRestart | PreserveRunning)) = action {
                let sentence = format!("Lifecycle event '{event}' doesn't support '{of_crash}' action");
                return Err(unsupported(sentence).within(format_args!("on_{event}")));
            }
        }
        Ok(())
    }

    fn validate_idmap(&self) -> Result<()> {
        let (uids, gids) = (&self.idmap.uids, &self.idmap.gids);
        if uids.is_empty() != gids.is_empty() {
            return Err(unsupported("uid and gid should be mapped both").within("idmap"));
        }
        let rootless = |ranges: &[IdRange]| ranges.first().is_some_and(|range| range.start != 0);
        if rootless(uids) || rootless(gids) {
            return Err(unsupported("You must map the root user of container").within("idmap"));
        }
        Ok(())
    }
}

/// How fast one node reaches another's memory, or how much it can move.
#[derive(PartialEq)]
struct Link {
    initiator: u32,
    target: u32,
    cache: u32,
    access: NumaAccess,
    latency: bool,
}

/// How many bytes the text stands for; what is not of its alphabet is passed over.
fn base64_length(text: &str) -> usize {
    let digits = text.bytes().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).count();
    digits * 6 / 8
}

/// Zero is no setting.
fn check_range(name: &str, value: u64, most: u64) -> Result<()> {
    const LEAST: u64 = 1000;
    if value != 0 && !(LEAST..=most).contains(&value) {
        return Err(unsupported(format!("Value of cputune '{name}' must be in range [{LEAST}, {most}]")));
    }
    Ok(())
}
