//! The machine and what executes it: `-name`, `-machine`, `-accel`, firmware, clock, boot.

use virt_conf::model::{
    AcpiTableType, ClockBasis, ClockOffset, DeviceInfo, GicVersion, HptResizing, IoapicDriver, IommuModel,
    KeywrapCipherName, LaunchSecurity, LoaderType, MemoryModel, Switch, TickPolicy, TimerName, TimerTrack,
};
use virt_util::Result;

use super::builder::{Builder, internal, switch, unsupported};
use super::{escape_commas, on_off};
use crate::caps::{Accelerator, Flag};

impl Builder<'_, '_> {
    /// `-name`, and `-S`: the guest waits until everything about it is set up.
    pub(crate) fn name(&mut self) {
        let name = escape_commas(&self.domain.name);
        self.line.option("-name", format!("guest={name},debug-threads=on"));
        self.line.push("-S");
    }

    /// `-machine`.
    pub(crate) fn machine(&mut self) -> Result<()> {
        let domain = self.domain;
        let features = &domain.features;
        let mut parts = vec![escape_commas(self.board.machine), "usb=off".to_owned()];
        let mut add = |key: &str, value: &str| parts.push(format!("{key}={value}"));
        if let Some(vmport) = switch(features.vmport) {
            if !self.has(Flag::MachineVmportOpt) {
                return Err(unsupported("vmport is not available with this QEMU binary"));
            }
            add("vmport", on_off(vmport));
        }
        if let Some(smm) = &features.smm {
            add("smm", on_off(smm.state == Switch::On));
        }
        for (name, key) in
            [(KeywrapCipherName::Aes, "aes-key-wrap"), (KeywrapCipherName::Dea, "dea-key-wrap")]
        {
            if let Some(cipher) = domain.keywrap.ciphers.iter().find(|cipher| cipher.name == name) {
                add(key, on_off(cipher.state == Switch::On));
            }
        }
        if domain.memory_backing.no_share_pages {
            add("mem-merge", "off");
        }
        if let Some(gic) = features.gic.filter(|_| self.board.is_arm_virt()) {
            match gic.version {
                Some(GicVersion::V2) => add("gic-version", "2"),
                Some(GicVersion::V3) => add("gic-version", "3"),
                Some(GicVersion::Host) => add("gic-version", "host"),
                None => {}
            }
        }
        match features.ioapic {
            Some(IoapicDriver::Kvm) => add("kernel_irqchip", "on"),
            Some(IoapicDriver::Qemu) => add("kernel_irqchip", "split"),
            None => {}
        }
        if let Some(hpt) = &features.hpt {
            if let Some(resizing) = hpt.resizing {
                let word = match resizing {
                    HptResizing::Enabled => "enabled",
                    HptResizing::Disabled => "disabled",
                    HptResizing::Required => "required",
                };
                add("resize-hpt", word);
            }
            if let Some(size) = hpt.maxpagesize {
                add("cap-hpt-max-page-size", &format!("{}k", size.0));
            }
        }
        for (key, state) in [
            ("cap-htm", features.htm),
            ("cap-nested-hv", features.nested_hv),
            ("cap-ccf-assist", features.ccf_assist),
        ] {
            if let Some(state) = switch(state) {
                add(key, on_off(state));
            }
        }
        for (key, word) in [
            ("cap-cfpc", features.cfpc.map(virt_conf::model::Cfpc::as_str)),
            ("cap-sbbc", features.sbbc.map(virt_conf::model::Sbbc::as_str)),
            ("cap-ibs", features.ibs.map(virt_conf::model::Ibs::as_str)),
        ] {
            if let Some(word) = word {
                add(key, word);
            }
        }
        if let Some(ras) = switch(features.ras) {
            add("ras", on_off(ras));
        }
        if let Some(ps2) = switch(features.ps2) {
            add("i8042", on_off(ps2));
        }
        if let Some(aia) = features.aia {
            add("aia", aia.as_str());
        }
        if domain.devices.iommus.iter().any(|iommu| iommu.model == IommuModel::Smmuv3) {
            add("iommu", "smmuv3");
        }
        let dump = domain.memory.and_then(|memory| memory.dump_core).map(|dump| dump == Switch::On);
        add("dump-guest-core", on_off(dump.unwrap_or(self.launch.settings.dump_guest_core)));
        if domain.devices.memories.iter().any(|memory| memory.model == MemoryModel::Nvdimm) {
            add("nvdimm", "on");
        }
        parts.extend(self.machine_memory());
        parts.extend(self.machine_firmware_and_security());
        if let Some(on) = self.hpet() {
            parts.push(format!("hpet={}", on_off(on)));
        }
        if let Some(audio) = self.speaker_audio()? {
            parts.push(format!("pcspk-audiodev={audio}"));
        }
        parts.extend(self.machine_acpi()?);
        self.line.option("-machine", parts.join(","));
        Ok(())
    }

    fn machine_memory(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let cpu = self.domain.cpu.as_ref();
        let epc = self.domain.devices.memories.iter().filter(|memory| memory.model == MemoryModel::SgxEpc);
        if cpu.is_some_and(|cpu| {
            !cpu.numa.interconnects.latencies.is_empty()
                || !cpu.numa.interconnects.bandwidths.is_empty()
                || cpu.numa.cells.iter().any(|cell| !cell.caches.is_empty())
        }) {
            parts.push("hmat=on".to_owned());
        }
        if let Some(id) = self.default_ram_id()
            && cpu.is_none_or(|cpu| cpu.numa.cells.is_empty())
        {
            parts.push(format!("memory-backend={}", escape_commas(id)));
        }
        for (position, memory) in epc.enumerate() {
            let alias = memory.info.alias.as_deref().unwrap_or_default();
            parts.push(format!("sgx-epc.{position}.memdev=mem{alias}"));
            if let Some(node) = memory.target.node {
                parts.push(format!("sgx-epc.{position}.node={node}"));
            }
        }
        parts
    }

    fn machine_firmware_and_security(&self) -> Vec<String> {
        let mut parts = Vec::new();
        for (number, node) in self.pflash_nodes().into_iter().enumerate() {
            if let Some(node) = node {
                parts.push(format!("pflash{number}={node}"));
            }
        }
        if let Some(parm) = self.machine_loadparm() {
            parts.push(format!("loadparm={parm}"));
        }
        if self.domain.launch_security.is_some() {
            parts.push("confidential-guest-support=lsec0".to_owned());
        }
        parts
    }

    /// The boot menu entry, which older mainframe guests are told through the machine.
    fn machine_loadparm(&self) -> Option<&str> {
        if self.has(Flag::VirtioCcwLoadparm) {
            return None;
        }
        let devices = &self.domain.devices;
        let infos = devices.disks.iter().map(|disk| &disk.info);
        let infos = infos.chain(devices.interfaces.iter().map(|interface| &interface.info));
        let infos = infos.chain(devices.hostdevs.iter().map(|hostdev| &hostdev.info));
        let first = |info: &&DeviceInfo| info.boot.as_ref().is_some_and(|boot| boot.order == 1);
        infos.filter(first).find_map(|info| info.boot.as_ref()?.loadparm.as_deref())
    }

    fn hpet(&self) -> Option<bool> {
        self.has(Flag::MachineHpet).then(|| self.timer(TimerName::Hpet)?.present)?
    }

    fn machine_acpi(&self) -> Result<Option<String>> {
        let acpi = self.domain.features.acpi;
        // Old versions take `-no-acpi`, or cannot turn it off.
        match self.caps.machine(self.accelerator, self.board.machine).and_then(|machine| machine.acpi) {
            Some(true) => Ok(Some(format!("acpi={}", on_off(acpi)))),
            Some(false) if acpi && self.board.arch.is_x86() => Err(unsupported(format!(
                "ACPI is not supported with this machine type '{}'",
                self.board.machine
            ))),
            _ => Ok(None),
        }
    }

    /// `-no-acpi` and `-no-hpet`, of versions whose machines have no such properties.
    pub(crate) fn old_machine_switches(&mut self) {
        if self.timer(TimerName::Hpet).and_then(|timer| timer.present) == Some(false)
            && !self.has(Flag::MachineHpet)
            && self.board.arch.is_x86()
        {
            self.line.push("-no-hpet");
        }
    }

    /// `-no-acpi`, for the same.
    pub(crate) fn no_acpi(&mut self) {
        let machine = self.caps.machine(self.accelerator, self.board.machine);
        let unknown = machine.is_none_or(|machine| machine.acpi.is_none());
        if unknown && self.board.arch.is_x86() && !self.domain.features.acpi {
            self.line.push("-no-acpi");
        }
    }

    /// `-accel`.
    pub(crate) fn accel(&mut self) {
        let mut value = self.accelerator.name().to_owned();
        match self.accelerator {
            Accelerator::Tcg => {
                if let Some(cache) = self.domain.features.tcg.and_then(|tcg| tcg.tb_cache) {
                    value.push_str(&format!(",tb-size={}", cache.0 / 1024));
                }
            }
            Accelerator::Kvm => {
                let ring = self.domain.features.kvm.and_then(|kvm| kvm.dirty_ring);
                if let Some(ring) = ring.filter(|ring| ring.state == Switch::On) {
                    value.push_str(&format!(",dirty-ring-size={}", ring.size));
                }
            }
            Accelerator::Hvf => {}
        }
        self.line.option("-accel", value);
    }

    /// `-global` for the memory that system management takes.
    pub(crate) fn tseg(&mut self) -> Result<()> {
        let Some(size) = self.domain.features.smm.and_then(|smm| smm.tseg) else { return Ok(()) };
        if !self.has(Flag::MchExtendedTsegMbytes) {
            return Err(unsupported("Setting TSEG size is not supported with this QEMU binary"));
        }
        let value = format!("mch.extended-tseg-mbytes={}", size.0 / (1024 * 1024));
        self.line.option("-global", value);
        Ok(())
    }

    /// Firmware that is no flash memory, and whether flash is for system management only.
    pub(crate) fn loader(&mut self) {
        let Some(loader) = &self.domain.os.loader else { return };
        if loader.kind == Some(LoaderType::Rom) {
            self.line.option("-bios", loader.path.clone());
        } else if loader.kind == Some(LoaderType::Pflash) && loader.secure == Some(true) {
            self.line.option("-global", "driver=cfi.pflash01,property=secure,value=on");
        }
    }

    fn timer(&self, name: TimerName) -> Option<&virt_conf::model::Timer> {
        self.domain.clock.timers.iter().find(|timer| timer.name == name)
    }

    /// `-rtc` and the switches of other clocks.
    pub(crate) fn clock(&mut self) -> Result<()> {
        let base = match &self.domain.clock.offset {
            ClockOffset::Utc(_) => "utc".to_owned(),
            ClockOffset::Localtime(_) | ClockOffset::Timezone(_) => "localtime".to_owned(),
            ClockOffset::Variable(variable) => {
                let now = match variable.basis {
                    ClockBasis::Utc => self.launch.host.now,
                    ClockBasis::Localtime => self.launch.host.now + self.launch.host.utc_offset,
                };
                crate::model::iso_time(now + variable.adjustment)
            }
            ClockOffset::Absolute(absolute) => {
                crate::model::iso_time(i64::try_from(absolute.start).unwrap_or(i64::MAX))
            }
        };
        if let ClockOffset::Timezone(timezone) = &self.domain.clock.offset {
            self.line.environment.push(("TZ".into(), timezone.timezone.clone()));
        }
        let mut value = format!("base={base}");
        if let Some(rtc) = self.timer(TimerName::Rtc) {
            match rtc.track {
                Some(TimerTrack::Guest) => value.push_str(",clock=vm"),
                Some(TimerTrack::Wall) => value.push_str(",clock=host"),
                Some(TimerTrack::Realtime) => value.push_str(",clock=rt"),
                Some(TimerTrack::Boot) => return Err(unsupported("unsupported rtc timer track 'boot'")),
                None => {}
            }
            match rtc.tickpolicy {
                None | Some(TickPolicy::Delay) => {}
                Some(TickPolicy::Catchup) => value.push_str(",driftfix=slew"),
                Some(other) => {
                    return Err(unsupported(format!(
                        "unsupported rtc timer tickpolicy '{}'",
                        other.as_str()
                    )));
                }
            }
        }
        self.line.option("-rtc", value);
        if let Some(pit) = self.timer(TimerName::Pit) {
            match pit.tickpolicy {
                None | Some(TickPolicy::Delay) => {
                    if self.has(Flag::KvmPitLostTickPolicy) {
                        self.line.option("-global", "kvm-pit.lost_tick_policy=delay");
                    }
                }
                Some(TickPolicy::Discard) => {
                    if !self.has(Flag::KvmPitLostTickPolicy) {
                        return Err(unsupported("unsupported pit tickpolicy 'discard'"));
                    }
                    self.line.option("-global", "kvm-pit.lost_tick_policy=discard");
                }
                Some(TickPolicy::Catchup) => {}
                Some(TickPolicy::Merge) => return Err(unsupported("unsupported pit tickpolicy 'merge'")),
            }
        }
        self.old_machine_switches();
        Ok(())
    }

    /// `-no-shutdown`, and sleep states.
    pub(crate) fn power_management(&mut self) {
        // Whoever watches the monitor decides what follows the guest's end.
        self.line.push("-no-shutdown");
        self.no_acpi();
        let driver = if self.board.is_q35() { "ICH9-LPC" } else { "PIIX4_PM" };
        let pm = self.domain.pm;
        for (state, value) in [("s3", pm.suspend_to_mem), ("s4", pm.suspend_to_disk)] {
            if let Some(enabled) = value {
                let option = format!("{driver}.disable_{state}={}", u32::from(!enabled));
                self.line.option("-global", option);
            }
        }
    }

    /// `-boot`, and a kernel loaded without firmware.
    pub(crate) fn boot(&mut self) -> Result<()> {
        let os = &self.domain.os;
        let mut parts = Vec::new();
        if let Some(menu) = &os.bootmenu {
            if let Some(enable) = menu.enable {
                parts.push(format!("menu={}", on_off(enable)));
            }
            if let Some(timeout) = menu.timeout {
                parts.push(format!("splash-time={timeout}"));
            }
        }
        if let Some(timeout) = os.bios.reboot_timeout {
            parts.push(format!("reboot-timeout={timeout}"));
        }
        parts.push("strict=on".to_owned());
        self.line.option("-boot", parts.join(","));
        for (option, path) in
            [("-kernel", &os.kernel), ("-initrd", &os.initrd), ("-append", &os.cmdline), ("-dtb", &os.dtb)]
        {
            if let Some(path) = path {
                self.line.option(option, path.clone());
            }
        }
        if let Some(shim) = &os.shim {
            if !self.has(Flag::Shim) {
                return Err(unsupported("shim is not supported with this QEMU"));
            }
            self.line.option("-shim", shim.clone());
        }
        for table in &os.acpi.tables {
            let path = escape_commas(&table.path);
            match table.kind {
                AcpiTableType::Raw => self.line.option("-acpitable", format!("file={path}")),
                AcpiTableType::Rawset => self.line.option("-acpitable", format!("data={path}")),
                AcpiTableType::Slic | AcpiTableType::Msdm => {
                    let signature = table.kind.as_str().to_uppercase();
                    self.line.option("-acpitable", format!("sig={signature},file={path}"));
                }
            }
        }
        Ok(())
    }

    /// The object that says how the guest's memory is protected from the host.
    pub(crate) fn launch_security(&mut self) -> Result<()> {
        let Some(security) = &self.domain.launch_security else { return Ok(()) };
        let path = |name: &str| format!("{}/{name}.base64", self.launch.paths.guest);
        let props = match security {
            LaunchSecurity::Sev(sev) => {
                let host = self.caps.sev.as_ref();
                super::Props::object("sev-guest", "lsec0")
                    .opt_number("cbitpos", sev.cbitpos.or(host.map(|host| host.cbitpos)))
                    .opt_number(
                        "reduced-phys-bits",
                        sev.reduced_phys_bits.or(host.map(|host| host.reduced_phys_bits)),
                    )
                    .number("policy", sev.policy)
                    .opt_text("dh-cert-file", sev.dh_cert.as_ref().map(|_| path("dh_cert")))
                    .opt_text("session-file", sev.session.as_ref().map(|_| path("session")))
                    .opt_flag("kernel-hashes", sev.kernel_hashes)
            }
            LaunchSecurity::SevSnp(snp) => {
                let host = self.caps.sev.as_ref();
                super::Props::object("sev-snp-guest", "lsec0")
                    .opt_number("cbitpos", snp.cbitpos.or(host.map(|host| host.cbitpos)))
                    .opt_number(
                        "reduced-phys-bits",
                        snp.reduced_phys_bits.or(host.map(|host| host.reduced_phys_bits)),
                    )
                    .opt_flag("kernel-hashes", snp.kernel_hashes)
                    .number("policy", snp.policy)
                    .opt_text("guest-visible-workarounds", snp.guest_visible_workarounds.as_deref())
                    .opt_text("id-block", snp.id_block.as_deref())
                    .opt_text("id-auth", snp.id_auth.as_deref())
                    .opt_text("host-data", snp.host_data.as_deref())
                    .opt_flag("author-key-enabled", snp.author_key)
                    .opt_flag("vcek-disabled", snp.vcek.map(|vcek| !vcek))
            }
            // Refused with the definition.
            LaunchSecurity::Tdx(_) => return Ok(()),
            LaunchSecurity::S390Pv => super::Props::object("s390-pv-guest", "lsec0"),
        };
        self.object(&props);
        Ok(())
    }

    /// The id of the guest's main memory, on boards that let it be named.
    pub(crate) fn default_ram_id(&self) -> Option<&str> {
        self.caps.machine(self.accelerator, self.board.machine)?.default_ram_id.as_deref()
    }

    /// `-sandbox`.
    pub(crate) fn sandbox(&mut self) -> Result<()> {
        match self.launch.settings.seccomp_sandbox {
            Some(false) => self.line.option("-sandbox", "off"),
            wanted if self.has(Flag::SeccompSandbox) => {
                let _ = wanted;
                self.line.option(
                    "-sandbox",
                    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
                );
            }
            Some(true) => return Err(unsupported("QEMU does not support seccomp sandboxes")),
            None => {}
        }
        Ok(())
    }

    /// How the process ends, and how its messages look.
    pub(crate) fn teardown_and_messages(&mut self) -> Result<()> {
        if self.domain.features.async_teardown == Some(true) {
            if !self.has(Flag::RunWithAsyncTeardown) {
                return Err(unsupported("asynchronous teardown is not available with this QEMU binary"));
            }
            self.line.option("-run-with", "async-teardown=on");
        }
        if self.launch.settings.timestamps {
            self.line.option("-msg", "timestamp=on");
        }
        Ok(())
    }

    /// The helper that reserves SCSI devices for the guest, shared by all disks that libvirt manages it for.
    pub(crate) fn pr_manager(&mut self) {
        let managed = self.domain.devices.disks.iter().any(|disk| {
            let common = disk.source.common();
            common
                .and_then(|common| common.reservations.as_ref())
                .is_some_and(|one| one.managed == Some(true))
        });
        if managed {
            let path = format!("{}/pr-helper0.sock", self.launch.paths.guest);
            self.object(&super::Props::object("pr-manager-helper", "pr-helper0").text("path", path));
        }
    }

    /// `-uuid`.
    pub(crate) fn identity(&mut self) -> Result<()> {
        let uuid = self.domain.uuid.ok_or_else(|| internal("the domain has no UUID yet"))?;
        self.line.option("-uuid", uuid.to_string());
        Ok(())
    }
}
