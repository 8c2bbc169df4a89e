//! The host, and what its hypervisor can do.

use std::ffi::{c_char, c_ulonglong};

use virt_core::DomainCapabilitiesRequest;
use virt_util::Result;

use crate::runtime::*;
use crate::types::*;

type Connect = Object<kind::Connect>;

pub(crate) fn virNodeGetInfo(conn: &Connect, info: Out<virNodeInfo>) -> Result<()> {
    let node = conn.connection.node_info()?;
    info.set(virNodeInfo {
        model: memory::fixed(&node.model),
        memory: node.memory,
        cpus: node.cpus,
        mhz: node.mhz,
        nodes: node.nodes,
        sockets: node.sockets,
        cores: node.cores,
        threads: node.threads,
    });
    Ok(())
}

pub(crate) fn virNodeGetFreeMemory(conn: &Connect) -> Result<c_ulonglong> {
    conn.connection.free_memory()
}

pub(crate) fn virConnectGetCapabilities(conn: &Connect) -> Result<String> {
    conn.connection.capabilities()
}

pub(crate) fn virConnectGetMaxVcpus(conn: &Connect, virtualization: Option<&str>) -> Result<usize> {
    conn.connection.maximum_vcpus(virtualization).map(|count| count as usize)
}

pub(crate) fn virConnectGetSysinfo(conn: &Connect, _: NoFlags) -> Result<String> {
    conn.connection.system_information()
}

/// Where there is no place for the names, only their number is answered.
pub(crate) fn virConnectGetCPUModelNames(
    conn: &Connect,
    architecture: &str,
    models: Option<Out<*mut *mut c_char>>,
    _: NoFlags,
) -> Result<usize> {
    let names = conn.connection.cpu_models(architecture)?;
    let count = names.len();
    if let Some(models) = models {
        models.set(memory::list(names, |name| memory::text(&name))?.0);
    }
    Ok(count)
}

pub(crate) fn virConnectGetDomainCapabilities(
    conn: &Connect,
    emulator: Option<&str>,
    architecture: Option<&str>,
    machine: Option<&str>,
    virtualization: Option<&str>,
    _: NoFlags,
) -> Result<String> {
    conn.connection.domain_capabilities(DomainCapabilitiesRequest {
        emulator: emulator.map(str::to_owned),
        architecture: architecture.map(str::to_owned),
        machine: machine.map(str::to_owned),
        virtualization: virtualization.map(str::to_owned),
    })
}

pub(crate) fn virConnectDomainXMLFromNative(
    conn: &Connect,
    format: &str,
    configuration: &str,
    _: NoFlags,
) -> Result<String> {
    conn.connection.xml_from_native(format, configuration)
}

pub(crate) fn virConnectDomainXMLToNative(
    conn: &Connect,
    format: &str,
    xml: &str,
    _: NoFlags,
) -> Result<String> {
    conn.connection.xml_to_native(format, xml)
}
