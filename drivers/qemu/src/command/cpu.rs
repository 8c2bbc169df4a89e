//! Processors: `-cpu`, `-smp`, I/O threads and throttle groups.

use virt_conf::model::{
    Cpu, CpuCacheMode, CpuFeaturePolicy, CpuMaxPhysAddrMode, CpuMode, Hyperv, HypervMode, IoThread,
    PanicModel, Switch, TimerName,
};
use virt_util::Result;

use super::builder::{Builder, switch, unsupported};
use super::{Props, on_off};
use crate::caps::{Arch, Flag, qemu_feature_name};

impl Builder<'_, '_> {
    /// `-cpu`.
    pub(crate) fn cpu(&mut self) -> Result<()> {
        let domain = self.domain;
        let mut parts = Vec::new();
        let mut model = None;
        if let Some(cpu) = domain.cpu.as_ref().filter(|cpu| cpu.mode.is_some()) {
            model = Some(self.cpu_model(cpu, &mut parts)?);
        }
        self.cpu_clocks(&mut parts)?;
        if let Some(eoi) = domain.features.apic.and_then(|apic| apic.eoi) {
            parts.push(format!("kvm-pv-eoi={}", on_off(eoi == Switch::On)));
        }
        if let Some(spinlock) = switch(domain.features.pvspinlock) {
            parts.push(format!("kvm-pv-unhalt={}", on_off(spinlock)));
        }
        if let Some(hyperv) = &domain.features.hyperv {
            hyperv_parts(hyperv, &mut parts);
        }
        if domain.devices.panics.iter().any(|panic| panic.model == Some(PanicModel::Hyperv)) {
            parts.push("hv-crash".to_owned());
        }
        if let Some(kvm) = &domain.features.kvm {
            if kvm.hidden == Some(Switch::On) {
                parts.push("kvm=off".to_owned());
            }
            if kvm.hint_dedicated == Some(Switch::On) {
                parts.push("kvm-hint-dedicated=on".to_owned());
            }
            if kvm.poll_control == Some(Switch::On) {
                parts.push("kvm-poll-control=on".to_owned());
            }
            if kvm.pv_ipi == Some(Switch::Off) {
                parts.push("kvm-pv-ipi=off".to_owned());
            }
        }
        if let Some(pmu) = switch(domain.features.pmu) {
            parts.push(format!("pmu={}", on_off(pmu)));
        }
        if let Some(address) = domain.cpu.as_ref().and_then(|cpu| cpu.max_phys_addr) {
            match address.mode {
                CpuMaxPhysAddrMode::Passthrough => {
                    parts.push("host-phys-bits=on".to_owned());
                    if let Some(limit) = address.limit {
                        parts.push(format!("host-phys-bits-limit={limit}"));
                    }
                }
                CpuMaxPhysAddrMode::Emulate => {
                    if let Some(bits) = address.bits {
                        parts.push(format!("phys-bits={bits}"));
                    }
                }
            }
        }
        let model = match model {
            Some(model) => model,
            None if parts.is_empty() && !self.is_32_bit_on_64() => return Ok(()),
            None => self.default_model()?,
        };
        if self.is_32_bit_on_64() && model == "host" {
            parts.push("aarch64=off".to_owned());
        }
        parts.insert(0, model);
        self.line.option("-cpu", parts.join(","));
        Ok(())
    }

    /// A 32-bit Arm guest under a 64-bit binary.
    fn is_32_bit_on_64(&self) -> bool {
        self.board.arch == Arch::Armv7l && self.caps.arch == Arch::Aarch64
    }

    fn default_model(&self) -> Result<String> {
        let machine = self.caps.machine(self.accelerator, self.board.machine);
        let model = machine
            .and_then(|machine| machine.default_cpu.as_deref())
            .and_then(|type_name| self.caps.cpu_model_of_type(self.accelerator, type_name));
        let no_default = |arch| {
            unsupported(format!("CPU flags requested but can't determine default CPU for arch {arch}"))
        };
        match (model, self.board.arch) {
            (_, arch @ Arch::Ppc) => Err(no_default(arch)),
            (Some(model), _) => Ok(model.name.clone()),
            (None, Arch::I686) => Ok("qemu32".to_owned()),
            (None, Arch::X86_64) => Ok("qemu64".to_owned()),
            (None, arch) => Err(no_default(arch)),
        }
    }

    fn cpu_model(&self, cpu: &Cpu, parts: &mut Vec<String>) -> Result<String> {
        let model = match cpu.mode {
            Some(CpuMode::HostPassthrough | CpuMode::Maximum) => {
                if let Some(migratable) = switch(cpu.migratable) {
                    parts.push(format!("migratable={}", on_off(migratable)));
                }
                if cpu.mode == Some(CpuMode::Maximum) { "max".to_owned() } else { "host".to_owned() }
            }
            Some(CpuMode::HostModel) if self.board.arch.is_ppc64() => {
                // Power guests run on the host's own model, with an older one's instruction set.
                match &cpu.model {
                    Some(model) => {
                        parts.push(format!("compat={}", model.name.to_lowercase()));
                        "host".to_owned()
                    }
                    None => "host".to_owned(),
                }
            }
            Some(CpuMode::HostModel) if cpu.model.is_none() => {
                if self.board.arch.is_arm() || self.board.arch.is_s390() {
                    "host".to_owned()
                } else {
                    return Err(unsupported(format!(
                        "CPU mode 'host-model' for {} {} domain on {} host is not supported by hypervisor",
                        self.board.arch,
                        self.accelerator.name(),
                        self.board.arch
                    )));
                }
            }
            _ => match &cpu.model {
                Some(model) => {
                    if let Some(vendor) = &model.vendor_id {
                        parts.push(format!("vendor={vendor}"));
                    }
                    model.name.clone()
                }
                None => self.default_model()?,
            },
        };
        for feature in &cpu.features {
            let on = !matches!(feature.policy, CpuFeaturePolicy::Disable | CpuFeaturePolicy::Forbid);
            let name = if self.has(Flag::CanonicalCpuFeatures) {
                qemu_feature_name(self.board.arch, &feature.name)
            } else {
                &feature.name
            };
            parts.push(format!("{name}={}", on_off(on)));
        }
        if let Some(cache) = &cpu.cache {
            match cache.mode {
                CpuCacheMode::Emulate => parts.push("l3-cache=on".to_owned()),
                CpuCacheMode::Passthrough => {
                    parts.push("host-cache-info=on".to_owned());
                    parts.push("l3-cache=off".to_owned());
                }
                CpuCacheMode::Disable => {
                    if matches!(cpu.mode, Some(CpuMode::HostPassthrough | CpuMode::Maximum)) {
                        parts.push("host-cache-info=off".to_owned());
                    }
                    parts.push("l3-cache=off".to_owned());
                }
            }
        }
        Ok(model)
    }

    fn cpu_clocks(&self, parts: &mut Vec<String>) -> Result<()> {
        for timer in &self.domain.clock.timers {
            match timer.name {
                TimerName::Kvmclock => {
                    if let Some(present) = timer.present {
                        parts.push(format!("kvmclock={}", on_off(present)));
                    }
                }
                TimerName::Hypervclock => {
                    if timer.present == Some(true) {
                        parts.push("hv-time=on".to_owned());
                    }
                }
                TimerName::Tsc => {
                    if let Some(frequency) = timer.frequency {
                        parts.push(format!("tsc-frequency={frequency}"));
                    }
                }
                TimerName::Armvtimer => match timer.tickpolicy {
                    Some(virt_conf::model::TickPolicy::Delay) => parts.push("kvm-no-adjvtime=off".to_owned()),
                    Some(virt_conf::model::TickPolicy::Discard) => {
                        parts.push("kvm-no-adjvtime=on".to_owned());
                    }
                    _ => {}
                },
                TimerName::Platform => {
                    return Err(unsupported("unsupported timer type (name) 'platform'"));
                }
                TimerName::Pit | TimerName::Rtc | TimerName::Hpet => {}
            }
        }
        Ok(())
    }

    /// `-smp`.
    pub(crate) fn smp(&mut self) -> Result<()> {
        let domain = self.domain;
        let max = domain.vcpu.max;
        // Hot-pluggable processors join after the start, over the monitor.
        let online = if domain.vcpus.list.is_empty() {
            domain.vcpu.current.unwrap_or(max)
        } else {
            let cold =
                domain.vcpus.list.iter().filter(|vcpu| vcpu.enabled && vcpu.hotpluggable != Some(true));
            cold.count() as u32
        };
        let mut value = online.to_string();
        if online != max {
            value.push_str(&format!(",maxcpus={max}"));
        }
        match domain.cpu.as_ref().and_then(|cpu| cpu.topology) {
            Some(topology) => {
                value.push_str(&format!(",sockets={}", topology.sockets));
                let dies = topology.dies.unwrap_or(1);
                if self.has(Flag::SmpDies) {
                    value.push_str(&format!(",dies={dies}"));
                } else if dies > 1 {
                    return Err(unsupported("Only 1 die per socket is supported"));
                }
                let clusters = topology.clusters.unwrap_or(1);
                if self.has(Flag::SmpClusters) {
                    value.push_str(&format!(",clusters={clusters}"));
                } else if clusters > 1 {
                    return Err(unsupported("Only 1 cluster per die is supported"));
                }
                value.push_str(&format!(",cores={},threads={}", topology.cores, topology.threads));
            }
            None => value.push_str(&format!(",sockets={max},cores=1,threads=1")),
        }
        self.line.option("-smp", value);
        Ok(())
    }

    /// I/O threads.
    pub(crate) fn iothreads(&mut self) -> Result<()> {
        let domain = self.domain;
        let named = &domain.iothreadids.list;
        // Threads that are only counted take the numbers that are left.
        let unnamed = (1..)
            .filter(|id| !named.iter().any(|thread| thread.id == *id))
            .take((domain.iothreads as usize).saturating_sub(named.len()))
            .map(|id| IoThread { id, ..IoThread::default() });
        for thread in named.iter().cloned().chain(unnamed) {
            let props = self.iothread(&thread)?;
            self.object(&props);
        }
        let default = &domain.default_iothread;
        if default.thread_pool_min.is_some() || default.thread_pool_max.is_some() {
            let props = Props::object("main-loop", "main-loop")
                .opt_number("thread-pool-min", default.thread_pool_min)
                .opt_number("thread-pool-max", default.thread_pool_max);
            self.object(&props);
        }
        Ok(())
    }

    fn iothread(&self, thread: &IoThread) -> Result<Props> {
        let pool = thread.thread_pool_min.is_some() || thread.thread_pool_max.is_some();
        if pool && !self.has(Flag::IothreadThreadPoolMax) {
            return Err(unsupported(
                "thread_pool_min and thread_pool_max is not supported by this QEMU binary",
            ));
        }
        let poll = thread.poll.unwrap_or_default();
        Ok(Props::object("iothread", &format!("iothread{}", thread.id))
            .opt_number("thread-pool-min", thread.thread_pool_min)
            .opt_number("thread-pool-max", thread.thread_pool_max)
            .opt_number("poll-max-ns", poll.max)
            .opt_number("poll-grow", poll.grow)
            .opt_number("poll-shrink", poll.shrink))
    }
}

fn hyperv_parts(hyperv: &Hyperv, parts: &mut Vec<String>) {
    if hyperv.mode == HypervMode::Passthrough {
        parts.push("hv-passthrough=on".to_owned());
    }
    let on = |state: Option<Switch>| state == Some(Switch::On);
    let mut add = |present: bool, text: String| {
        if present {
            parts.push(text);
        }
    };
    add(on(hyperv.relaxed), "hv-relaxed=on".into());
    add(on(hyperv.vapic), "hv-vapic=on".into());
    if let Some(spinlocks) = hyperv.spinlocks.filter(|spinlocks| spinlocks.state == Switch::On) {
        add(true, format!("hv-spinlocks=0x{:x}", spinlocks.retries.unwrap_or(0)));
    }
    add(on(hyperv.vpindex), "hv-vpindex=on".into());
    add(on(hyperv.runtime), "hv-runtime=on".into());
    add(on(hyperv.synic), "hv-synic=on".into());
    if let Some(stimer) = hyperv.stimer.filter(|stimer| stimer.state == Switch::On) {
        add(true, "hv-stimer=on".into());
        add(on(stimer.direct), "hv-stimer-direct=on".into());
    }
    add(on(hyperv.reset), "hv-reset=on".into());
    if let Some(vendor) = hyperv.vendor_id.as_ref().filter(|vendor| vendor.state == Switch::On) {
        add(true, format!("hv-vendor-id={}", vendor.value.as_deref().unwrap_or_default()));
    }
    add(on(hyperv.frequencies), "hv-frequencies=on".into());
    add(on(hyperv.reenlightenment), "hv-reenlightenment=on".into());
    if let Some(flush) = hyperv.tlbflush.filter(|flush| flush.state == Switch::On) {
        add(true, "hv-tlbflush=on".into());
        add(on(flush.direct), "hv-tlbflush-direct=on".into());
        add(on(flush.extended), "hv-tlbflush-ext=on".into());
    }
    add(on(hyperv.ipi), "hv-ipi=on".into());
    add(on(hyperv.evmcs), "hv-evmcs=on".into());
    add(on(hyperv.avic), "hv-avic=on".into());
    add(on(hyperv.emsr_bitmap), "hv-emsr-bitmap=on".into());
    add(on(hyperv.xmm_input), "hv-xmm-input=on".into());
}
