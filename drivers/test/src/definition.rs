//! Domain XML: what this hypervisor adds to reading it, and how it is written.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use virt_conf::domain::{DeviceMut, DomainHooks, Features};
use virt_conf::model::{Domain, VideoType};
use virt_conf::xml::{FormatFlags, FormatOptions, ParseFlags, ParseOptions};
use virt_core::driver::Result;

use crate::caps;

/// A domain's definition, or what runs of it. The one that is there from the beginning is read when somebody first looks
/// at it: lists and look-ups do not, and are what many a process opens the default host for.
#[derive(Clone)]
pub(crate) struct Definition(Arc<LazyLock<Domain, Box<dyn FnOnce() -> Domain + Send>>>);

impl Definition {
    /// What `read` will answer.
    pub(crate) fn later(read: impl FnOnce() -> Domain + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(read))))
    }

    /// Changes this one; its clones stay as they are.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Domain)) {
        let mut domain = Domain::clone(self);
        change(&mut domain);
        *self = domain.into();
    }
}

impl From<Domain> for Definition {
    fn from(domain: Domain) -> Self {
        Self::later(|| domain)
    }
}

impl Deref for Definition {
    type Target = Domain;

    fn deref(&self) -> &Domain {
        &self.0
    }
}

impl std::fmt::Debug for Definition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What the names of the host's ends of interfaces begin with.
const INTERFACE_PREFIX: &str = "testnet";

/// What the simulated hypervisor adds to a domain.
struct Hooks;

impl DomainHooks for Hooks {
    fn features(&self) -> Features {
        Features::MEMORY_HOTPLUG
            | Features::OFFLINE_VCPUPIN
            | Features::INDIVIDUAL_VCPUS
            | Features::USER_ALIAS
            | Features::FW_AUTOSELECT
            | Features::NET_MODEL_STRING
    }

    fn namespaces(&self) -> &'static [&'static str] {
        &[]
    }

    fn host_arch(&self) -> &str {
        caps::ARCHITECTURE
    }

    fn device_post_parse(&self, device: DeviceMut<'_>, domain: &Domain, _: &ParseOptions) -> Result<()> {
        if let DeviceMut::Video(video) = device {
            let kind = &mut video.model.get_or_insert_default().kind;
            if kind.is_none_or(|kind| kind == VideoType::Default) {
                *kind = Some(default_card(domain));
            }
        }
        Ok(())
    }
}

/// What the simulated hypervisor adds to documents that have domains inside.
pub(crate) fn hooks() -> &'static dyn DomainHooks {
    &Hooks
}

/// The graphics card of a guest that does not say which it wants.
fn default_card(domain: &Domain) -> VideoType {
    let kind = &domain.os.kind;
    match (kind.name.as_str(), kind.arch.as_deref()) {
        ("xen" | "linux", _) => VideoType::Xen,
        (_, Some("ppc64" | "ppc64le")) => VideoType::Vga,
        _ => VideoType::Cirrus,
    }
}

/// Reads a definition. `strict` refuses what no model knows.
pub(crate) fn read(xml: &str, strict: bool) -> Result<Domain> {
    let options = ParseOptions { strict, ..ParseOptions::from(ParseFlags::INACTIVE) };
    let mut domain = Domain::from_xml(xml, &options, &Hooks)?;
    name_interfaces(&mut domain);
    Ok(domain)
}

/// Fills in what a definition leaves open once it has one device more or another, and checks it.
pub(crate) fn complete(domain: &mut Domain) -> Result<()> {
    domain.complete(&ParseOptions::from(ParseFlags::INACTIVE), &Hooks)?;
    name_interfaces(domain);
    Ok(())
}

/// Writes a definition, or what runs.
pub(crate) fn write(domain: &Domain, flags: FormatFlags) -> String {
    domain.to_xml(&FormatOptions::from(flags))
}

/// Gives the host's end of every interface a name, unique in this domain.
fn name_interfaces(domain: &mut Domain) {
    let interfaces = &mut domain.devices.interfaces;
    let mut taken: HashSet<String> = interfaces.iter().filter_map(|it| it.target.dev.clone()).collect();
    let mut number = 0;
    for target in interfaces.iter_mut().map(|it| &mut it.target).filter(|it| it.dev.is_none()) {
        let mut next = || {
            let name = format!("{INTERFACE_PREFIX}{number}");
            number += 1;
            name
        };
        let mut name = next();
        while !taken.insert(name.clone()) {
            name = next();
        }
        target.dev = Some(name);
    }
}

/// The memory that the domain can have, in KiB.
pub(crate) fn maximum_memory(domain: &Domain) -> u64 {
    domain.memory.map_or(0, |memory| memory.size.0)
}

/// The memory that the domain is left, in KiB.
pub(crate) fn memory(domain: &Domain) -> u64 {
    domain.current_memory.map_or_else(|| maximum_memory(domain), |size| size.0)
}

/// The processors that are there.
pub(crate) fn vcpus(domain: &Domain) -> u32 {
    domain.vcpu.current.unwrap_or(domain.vcpu.max)
}

/// Sets the number of processors that are there, at most the maximum.
pub(crate) fn set_vcpus(domain: &mut Domain, count: u32) {
    domain.vcpu.current = (count < domain.vcpu.max).then_some(count);
    domain.vcpus.list.sort_by_key(|vcpu| vcpu.id);
    for (order, vcpu) in (0..).zip(&mut domain.vcpus.list) {
        vcpu.enabled = order < count;
    }
}

/// Sets the number of processors that can be there.
pub(crate) fn set_maximum_vcpus(domain: &mut Domain, maximum: u32) {
    let count = vcpus(domain).min(maximum);
    domain.vcpu.max = maximum;
    domain.vcpus.list.retain(|vcpu| vcpu.id < maximum);
    set_vcpus(domain, count);
}
