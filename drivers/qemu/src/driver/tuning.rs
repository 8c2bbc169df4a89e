//! Memory and vCPUs.

use uuid::Uuid;
use virt_core::driver::{Call, MemoryFlags, Tuning, VcpuFlags};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Connection;
use crate::engine::Engine;

impl Tuning for Connection {
    fn maximum_memory(&self, call: &Call, domain: Uuid) -> Result<u64> {
        let entry = self.entry(call, domain)?;
        let domain = self.engine.domain(&entry, false)?;
        self.engine.memory(&entry, &domain, call.wait()).map(|memory| memory.maximum)
    }

    fn set_memory(&self, call: &Call, domain: Uuid, kibibytes: u64, flags: MemoryFlags) -> Result<()> {
        flags.only(MemoryFlags::all(), "qemuDomainSetMemoryFlags")?;
        let entry = self.entry(call, domain)?;
        let (live, config) =
            Engine::affected(&entry, flags.contains(MemoryFlags::LIVE), flags.contains(MemoryFlags::CONFIG))?;
        if flags.contains(MemoryFlags::MAXIMUM) {
            self.engine.set_maximum_memory(&entry, kibibytes, live, config, call.wait())
        } else {
            self.engine.set_memory(&entry, kibibytes, live, config, call.wait())
        }
    }

    fn vcpus(&self, call: &Call, domain: Uuid, flags: VcpuFlags) -> Result<u32> {
        let handled = VcpuFlags::LIVE | VcpuFlags::CONFIG | VcpuFlags::MAXIMUM;
        flags.only(handled, "qemuDomainGetVcpusFlags")?;
        let entry = self.entry(call, domain)?;
        let (live, _) =
            Engine::affected(&entry, flags.contains(VcpuFlags::LIVE), flags.contains(VcpuFlags::CONFIG))?;
        let vcpu = self.engine.domain(&entry, !live)?.vcpu;
        Ok(if flags.contains(VcpuFlags::MAXIMUM) { vcpu.max } else { vcpu.current.unwrap_or(vcpu.max) })
    }

    fn set_vcpus(&self, call: &Call, domain: Uuid, vcpus: u32, flags: VcpuFlags) -> Result<()> {
        let handled = VcpuFlags::LIVE | VcpuFlags::CONFIG | VcpuFlags::MAXIMUM | VcpuFlags::HOTPLUGGABLE;
        flags.only(handled, "qemuDomainSetVcpusFlags")?;
        if vcpus == 0 {
            let detail = "argument 'nvcpus' must be greater than 0";
            return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::DOMAIN, detail));
        }
        let entry = self.entry(call, domain)?;
        let (live, config) =
            Engine::affected(&entry, flags.contains(VcpuFlags::LIVE), flags.contains(VcpuFlags::CONFIG))?;
        if flags.contains(VcpuFlags::MAXIMUM) {
            self.engine.set_maximum_vcpus(&entry, vcpus, live, config, call.wait())
        } else {
            self.engine.set_vcpus(&entry, vcpus, live, config, call.wait())
        }
    }
}
