//! What QEMU adds to reading a domain: defaults, addresses and checks that depend on the binary's capabilities.

use virt_conf::domain::{DomainHooks, Features};

use crate::caps::Capabilities;

/// What QEMU adds to reading a domain that one binary shall run.
#[derive(Clone, Copy, Debug)]
pub struct QemuHooks<'a> {
    caps: &'a Capabilities,
}

impl<'a> QemuHooks<'a> {
    /// For the binary with these capabilities.
    pub fn new(caps: &'a Capabilities) -> Self {
        Self { caps }
    }
}

impl DomainHooks for QemuHooks<'_> {
    fn features(&self) -> Features {
        Features::MEMORY_HOTPLUG
            | Features::OFFLINE_VCPUPIN
            | Features::INDIVIDUAL_VCPUS
            | Features::USER_ALIAS
            | Features::FW_AUTOSELECT
            | Features::NET_MODEL_STRING
            | Features::DISK_FD
    }

    fn namespaces(&self) -> &'static [&'static str] {
        &["qemu"]
    }
}
