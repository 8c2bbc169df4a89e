//! `<cpu>`: the guest's processor, and the NUMA topology that stands inside it.

mod host;
mod numa;

pub use host::*;
pub use numa::*;

use super::Switch;
use crate::error::{refuse_cpu, unsupported_cpu};
use crate::xml::{FormatOptions, NonZero, Reader, Result, Xml, XmlValue};

/// The guest's processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cpu", after_read = Cpu::settle)]
pub struct Cpu {
    /// Where the model comes from; `custom` where a model is named.
    #[xml(attr, invalid = |text| unsupported_cpu(format!("Invalid mode attribute '{text}'")))]
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
    #[xml(child, when = says_something)]
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
    #[xml(child, key = "@name", unordered)]
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
    #[xml(attr, unless_empty, invalid = |_| unsupported_cpu("Invalid fallback attribute"))]
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
    #[xml(attr, with = NonZero)]
    pub sockets: u32,
    /// Dies of a socket; 1 by default.
    #[xml(attr, with = NonZero)]
    pub dies: Option<u32>,
    /// Clusters of a die; 1 by default.
    #[xml(attr, with = NonZero)]
    pub clusters: Option<u32>,
    /// Cores of a cluster.
    #[xml(attr, with = NonZero)]
    pub cores: u32,
    /// Threads of a core.
    #[xml(attr, with = NonZero)]
    pub threads: u32,
}

/// The cache that the guest is told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "cache", after_read = CpuCache::settle)]
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
    #[xml(attr, default, invalid = |_| unsupported_cpu("Invalid CPU feature policy"))]
    pub policy: CpuFeaturePolicy,
    /// Its name, `vmx`.
    #[xml(attr, unless_empty, missing = refuse_cpu("Invalid CPU feature name"))]
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

/// What becomes of a model that is not named is nothing that documents say.
fn says_something(model: &CpuModel, _: FormatOptions) -> bool {
    !model.name.is_empty() || model.vendor_id.is_some()
}

impl CpuCache {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match self.level {
            Some(level) if !(1..=3).contains(&level) => {
                Err(reader.place(refuse_cpu("invalid CPU cache level, must be in range [1,3]")))
            }
            _ => Ok(()),
        }
    }
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
        self.check(named).map_err(|error| reader.place(error))?;
        // A model without a mode is a custom one; a bare <topology> or <numa> asks for no model.
        if self.mode.is_none() && (named || self.matching.is_some()) {
            self.mode = Some(CpuMode::Custom);
        }
        match self.mode {
            Some(CpuMode::Custom) if !named => (self.mode, self.matching) = (None, None),
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
            // The host's model takes the place of one without a name, and what follows from its lack stays.
            Some(model) if self.mode == Some(CpuMode::HostModel) && model.vendor_id.is_none() => {
                model.fallback = model.fallback.filter(|fallback| *fallback == CpuFallback::Forbid);
            }
            // Without a name there is nothing to fall back from.
            Some(model) => model.fallback = None,
            None => {}
        }
        if self.model.as_ref().is_some_and(|model| *model == CpuModel::default()) {
            self.model = None;
        }
        Ok(())
    }

    fn check(&self, named: bool) -> Result<()> {
        let vendor_id = self.model.as_ref().and_then(|model| model.vendor_id.as_deref());
        if vendor_id.is_some_and(|id| id.len() != 12) {
            return Err(refuse_cpu("vendor_id must be exactly 12 characters long"));
        }
        let custom = matches!(self.mode, None | Some(CpuMode::Custom));
        if !named && self.vendor.is_some() {
            return Err(refuse_cpu("CPU vendor specified without CPU model"));
        }
        if custom && !named && !self.features.is_empty() {
            return Err(refuse_cpu("Non-empty feature list specified without CPU model"));
        }
        let whole = matches!(self.mode, Some(CpuMode::HostPassthrough | CpuMode::Maximum));
        if self.migratable.is_some() && !whole {
            return Err(unsupported_cpu(
                "Attribute migratable is only allowed for 'host-passthrough' / 'maximum' CPU mode",
            ));
        }
        let mut names: Vec<&str> = self.features.iter().map(|feature| feature.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(refuse_cpu(format!("CPU feature '{}' specified more than once", pair[0]))),
            None => Ok(()),
        }
    }
}
