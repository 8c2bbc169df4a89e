//! What domains are doing, and what of memory and processors they have.

use std::ffi::{c_int, c_uint, c_ulong};

use virt_core::{MemoryFlags, VcpuFlags};
use virt_util::Result;

use crate::runtime::*;
use crate::types::*;

type Domain = Object<kind::Domain>;

pub(crate) fn virDomainGetInfo(domain: &Domain, info: Out<virDomainInfo>) -> Result<()> {
    let known = domain.domain.info()?;
    info.set(virDomainInfo {
        state: u8::try_from(known.state.number()).unwrap_or_default(),
        maxMem: known.maximum_memory,
        memory: known.memory,
        nrVirtCpu: u16::try_from(known.vcpus).unwrap_or(u16::MAX),
        cpuTime: known.cpu_time,
    });
    Ok(())
}

pub(crate) fn virDomainGetState(
    domain: &Domain,
    state: Out<c_int>,
    reason: Option<Out<c_int>>,
    _: NoFlags,
) -> Result<()> {
    let status = domain.domain.status()?;
    state.set(status.state.number());
    if let Some(reason) = reason {
        reason.set(status.reason);
    }
    Ok(())
}

pub(crate) fn virDomainIsActive(domain: &Domain) -> Result<bool> {
    domain.domain.is_active()
}

pub(crate) fn virDomainIsPersistent(domain: &Domain) -> Result<bool> {
    domain.domain.summary().map(|summary| summary.persistent)
}

pub(crate) fn virDomainIsUpdated(domain: &Domain) -> Result<bool> {
    domain.domain.is_updated()
}

pub(crate) fn virDomainGetOSType(domain: &Domain) -> Result<String> {
    domain.domain.os_type()
}

pub(crate) fn virDomainGetMaxMemory(domain: &Domain) -> Result<c_ulong> {
    domain.domain.maximum_memory()
}

pub(crate) fn virDomainSetMaxMemory(domain: &Domain, kibibytes: NonZero<c_ulong>) -> Result<()> {
    domain.domain.set_memory(kibibytes.0, MemoryFlags::MAXIMUM)
}

pub(crate) fn virDomainSetMemory(domain: &Domain, kibibytes: NonZero<c_ulong>) -> Result<()> {
    domain.domain.set_memory(kibibytes.0, MemoryFlags::LIVE)
}

pub(crate) fn virDomainSetMemoryFlags(
    domain: &Domain,
    kibibytes: NonZero<c_ulong>,
    flags: MemoryFlags,
) -> Result<()> {
    domain.domain.set_memory(kibibytes.0, flags)
}

pub(crate) fn virDomainGetVcpusFlags(domain: &Domain, flags: VcpuFlags) -> Result<usize> {
    domain.domain.vcpus(flags).map(|count| count as usize)
}

pub(crate) fn virDomainGetMaxVcpus(domain: &Domain) -> Result<usize> {
    virDomainGetVcpusFlags(domain, VcpuFlags::LIVE | VcpuFlags::MAXIMUM)
}

pub(crate) fn virDomainSetVcpus(domain: &Domain, count: NonZero<c_uint>) -> Result<()> {
    domain.domain.set_vcpus(count.0, VcpuFlags::LIVE)
}

pub(crate) fn virDomainSetVcpusFlags(
    domain: &Domain,
    count: NonZero<c_uint>,
    flags: VcpuFlags,
) -> Result<()> {
    domain.domain.set_vcpus(count.0, flags)
}
