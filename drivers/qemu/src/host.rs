//! The host and what it can run.

mod facts;
mod node;

use std::path::PathBuf;

pub(crate) use facts::facts;
use virt_core::driver::{Call, DomainCapabilitiesRequest, HostInformation, NativeConfiguration, NodeInfo};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::driver::Connection;

/// Where emulators are looked for.
const DIRECTORIES: &[&str] = &["/usr/bin", "/usr/local/bin", "/usr/libexec"];

/// The emulator of the host's own architecture.
pub(crate) fn default_emulator() -> Result<PathBuf> {
    let architecture = node::architecture();
    let name = format!("qemu-system-{architecture}");
    let candidates = DIRECTORIES.iter().map(|dir| PathBuf::from(dir).join(&name));
    let other = ["/usr/bin/qemu-kvm", "/usr/libexec/qemu-kvm"].into_iter().map(PathBuf::from);
    candidates.chain(other).find(|path| path.is_file()).ok_or_else(|| {
        let sentence = format!("Cannot find suitable emulator for {architecture}");
        Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::QEMU, sentence).hint(format!("install {name}"))
    })
}

impl HostInformation for Connection {
    fn domain_capabilities(&self, _call: &Call, _request: DomainCapabilitiesRequest) -> Result<String> {
        Err(Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::QEMU, "virConnectGetDomainCapabilities"))
    }

    fn node_info(&self, _call: &Call) -> Result<NodeInfo> {
        node::info()
    }

    fn free_memory(&self, _call: &Call) -> Result<u64> {
        node::free_memory()
    }
}

impl NativeConfiguration for Connection {}
