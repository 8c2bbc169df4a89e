//! `<cpu>`: the guest's processor, and the NUMA topology that stands inside it.

mod numa;

pub use numa::*;

use super::Switch;
use crate::xml::{Reader, Result, Xml, XmlValue};

/// The guest's processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cpu", after_read = Cpu::settle)]
pub struct Cpu {
    /// Where the model comes from; `custom` where a model is named.
    #[xml(attr)]
    pub mode: Option<CpuMode>,
    /// How close the host must come to the model; `exact` where one is named.
    #[xml(attr = "match")]
    pub matching: Option<CpuMatch>,
    /// How strictly the processor that the guest got is compared with the one asked for; the driver decides by default.
    #[xml(attr, omit)]
    pub check: CpuCheck,
    /// Whether features that cannot be migrated are left out; for `host-passthrough` and `maximum`.
    #[xml(attr)]
    pub migratable: Option<Switch>,
    /// Whether features that the maker has given up are kept; for s390's `host-model`. By default yes.
    #[xml(attr = "deprecated_features")]
    pub deprecated_features: Option<Switch>,
    /// A named model.
    #[xml(child)]
    pub model: Option<CpuModel>,
    /// The maker that the host's processor must have.
    #[xml(child_text)]
    pub vendor: Option<String>,
    /// Sockets, dies, clusters, cores, threads.
    #[xml(child)]
    pub topology: Option<CpuTopology>,
    /// The cache that the guest is told about; the hypervisor's by default.
    #[xml(child)]
    pub cache: Option<CpuCache>,
    /// The width of physical addresses; the hypervisor's by default.
    #[xml(child = "maxphysaddr")]
    pub max_phys_addr: Option<CpuMaxPhysAddr>,
    /// Features added to or taken from the model.
    #[xml(child)]
    pub features: Vec<CpuFeature>,
    /// The guest's NUMA topology.
    #[xml(child, default)]
    pub numa: Numa,
}

/// Where the guest's processor model comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum CpuMode {
    /// The definition names it.
    Custom,
    /// The named model that comes closest to the host's processor.
    #[xml("host-model")]
    HostModel,
    /// The host's processor as it is.
    #[xml("host-passthrough")]
    HostPassthrough,
    /// Everything that the hypervisor can give.
    Maximum,
}

/// How close the host must come to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum CpuMatch {
    /// It has at least the model's features; the guest gets the host's.
    Minimum,
    /// It has at least the model's features; the guest gets the model's.
    Exact,
    /// It has the model's features and no more.
    Strict,
}

/// How strictly the processor that the guest got is compared with the one asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum CpuCheck {
    /// The driver decides.
    #[default]
    Default,
    /// Not at all.
    None,
    /// The host is compared before the guest starts.
    Partial,
    /// The guest's processor is compared, too.
    Full,
}

/// A named model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "model")]
pub struct CpuModel {
    /// What happens when the hypervisor lacks the model; `allow` by default.
    #[xml(attr)]
    pub fallback: Option<CpuFallback>,
    /// The maker's name that the guest sees, 12 characters; the model's own by default.
    #[xml(attr = "vendor_id")]
    pub vendor_id: Option<String>,
    /// The model's name.
    #[xml(text, skip_if = String::is_empty)]
    pub name: String,
}

/// What happens when the hypervisor lacks a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum CpuFallback {
    /// The closest model is taken.
    #[default]
    Allow,
    /// The guest does not start.
    Forbid,
}

/// How the guest's processors are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "topology", after_read = CpuTopology::settle)]
pub struct CpuTopology {
    /// Sockets of the machine.
    #[xml(attr)]
    pub sockets: u32,
    /// Dies of a socket; 1 by default.
    #[xml(attr)]
    pub dies: Option<u32>,
    /// Clusters of a die; 1 by default.
    #[xml(attr)]
    pub clusters: Option<u32>,
    /// Cores of a cluster.
    #[xml(attr)]
    pub cores: u32,
    /// Threads of a core.
    #[xml(attr)]
    pub threads: u32,
}

/// The cache that the guest is told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "cache")]
pub struct CpuCache {
    /// Which level; every one by default.
    #[xml(attr)]
    pub level: Option<u32>,
    /// What it is told.
    #[xml(attr)]
    pub mode: CpuCacheMode,
}

/// What the guest is told about a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum CpuCacheMode {
    /// What the hypervisor makes up.
    Emulate,
    /// What the host has.
    Passthrough,
    /// That there is none.
    Disable,
}

/// The width of physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "maxphysaddr")]
pub struct CpuMaxPhysAddr {
    /// Where the width comes from.
    #[xml(attr)]
    pub mode: CpuMaxPhysAddrMode,
    /// The width in bits, with `emulate`.
    #[xml(attr)]
    pub bits: Option<u32>,
    /// The most bits to pass through, with `passthrough`.
    #[xml(attr)]
    pub limit: Option<u32>,
}

/// Where the width of physical addresses comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum CpuMaxPhysAddrMode {
    /// The definition.
    Emulate,
    /// The host.
    Passthrough,
}

/// A feature added to or taken from the model.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "feature")]
pub struct CpuFeature {
    /// What is done about it; `require` by default.
    #[xml(attr, default)]
    pub policy: CpuFeaturePolicy,
    /// Its name, `vmx`.
    #[xml(attr)]
    pub name: String,
}

/// What is done about a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum CpuFeaturePolicy {
    /// The guest has it, whether or not the host does.
    Force,
    /// The guest has it, or does not start.
    #[default]
    Require,
    /// The guest has it where the host does.
    Optional,
    /// The guest does not have it.
    Disable,
    /// The guest does not start where the host has it.
    Forbid,
}

impl CpuTopology {
    /// How many processors it makes.
    #[must_use]
    pub fn processors(&self) -> u64 {
        [self.sockets, self.dies.unwrap_or(1), self.clusters.unwrap_or(1), self.cores, self.threads]
            .into_iter()
            .fold(1u64, |product, count| product.saturating_mul(count.into()))
    }

    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.dies.get_or_insert(1);
        self.clusters.get_or_insert(1);
        Ok(())
    }
}

impl Cpu {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let named = self.model.as_ref().is_some_and(|model| !model.name.is_empty());
        // A model without a mode is a custom one; a bare <topology> or <numa> asks for no model.
        if self.mode.is_none() && (named || self.matching.is_some()) {
            self.mode = Some(CpuMode::Custom);
        }
        match self.mode {
            Some(CpuMode::Custom) => {
                self.matching.get_or_insert(CpuMatch::Exact);
            }
            Some(CpuMode::HostPassthrough | CpuMode::Maximum) => {
                (self.matching, self.model, self.vendor) = (None, None, None);
            }
            Some(CpuMode::HostModel) => self.matching = None,
            None => {}
        }
        match &mut self.model {
            Some(model) if named => {
                model.fallback.get_or_insert_default();
            }
            // Without a name there is nothing to fall back from.
            Some(model) => model.fallback = None,
            None => {}
        }
        if self.model.as_ref().is_some_and(|model| *model == CpuModel::default()) {
            self.model = None;
        }
        if !named && self.vendor.is_some() && self.mode != Some(CpuMode::HostModel) {
            return Err(reader.refuse("CPU vendor specified without CPU model"));
        }
        Ok(())
    }
}
