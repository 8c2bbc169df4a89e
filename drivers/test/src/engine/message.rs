//! What the user of a guest should know of it: what makes it hard to help, and what will not be there for ever.

use virt_conf::model::{CpuMode, DiskDevice, DiskSource, Domain};
use virt_core::driver::DomainMessages;

use super::Guest;

/// A processor that only exists to be deprecated.
const DEPRECATED_CPU: &str = "Deprecated-Test";

/// What is said of a guest that runs, or has run, with this document; the sentences and their order are libvirt's.
fn messages(domain: &Domain, kinds: DomainMessages) -> Vec<String> {
    let disks = || domain.devices.disks.iter();
    let passthrough = disks().any(|disk| {
        disk.device == DiskDevice::Cdrom
            && matches!(&disk.source, DiskSource::Block(_))
            && disk.source.path().is_some()
    });
    let deprecated = domain.cpu.iter().filter_map(|cpu| cpu.model.as_ref());
    let deprecated: Vec<_> = deprecated.filter(|model| model.name == DEPRECATED_CPU).collect();
    let taints = [
        (disks().any(|disk| disk.rawio == Some(true)), "running with undesirable elevated privileges"),
        (
            domain.devices.interfaces.iter().any(|card| card.script.is_some()),
            "network configuration using opaque shell scripts",
        ),
        (
            domain.cpu.as_ref().is_some_and(|cpu| cpu.mode == Some(CpuMode::HostPassthrough)),
            "potentially unsafe use of host CPU passthrough",
        ),
        (passthrough, "use of host cdrom passthrough"),
        (domain.os.dtb.is_some(), "custom device tree blob used"),
        (!deprecated.is_empty(), "use of deprecated configuration settings"),
    ];
    let all = kinds.is_empty();
    let mut messages = Vec::new();
    if all || kinds.contains(DomainMessages::TAINTING) {
        let hold = taints.into_iter().filter(|(holds, _)| *holds);
        messages.extend(hold.map(|(_, what)| format!("tainted: {what}")));
    }
    if all || kinds.contains(DomainMessages::DEPRECATION) {
        let models =
            deprecated.iter().map(|model| format!("deprecated configuration: CPU model {}", model.name));
        messages.extend(models);
    }
    messages
}

impl Guest {
    /// Of what runs, or ran last.
    pub(crate) fn messages(&self, kinds: DomainMessages) -> Vec<String> {
        self.ran.as_deref().map(|domain| messages(domain, kinds)).unwrap_or_default()
    }
}
