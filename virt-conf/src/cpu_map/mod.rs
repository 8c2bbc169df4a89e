//! Processor models: which features each named one has, which one comes closest to a processor, and what a guest's
//! `<cpu>` becomes on a given host.
//!
//! The data stand in `x86-features.txt` and `x86-models.txt`, whose first lines say how to read them.

mod baseline;
mod compare;
mod decode;
mod table;
mod update;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use decode::{Candidate, Role};
pub use update::take_host_model;

/// What is known about the processors of one architecture.
#[derive(Debug, Default)]
pub struct CpuMap {
    vendors: Vec<Vendor>,
    features: Vec<Feature>,
    by_name: HashMap<String, FeatureId>,
    models: Vec<Model>,
}

/// A feature's place in the table.
pub type FeatureId = usize;

/// A maker of processors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// The name in documents: `Intel`.
    pub name: String,
    /// What the processor says, 12 characters: `GenuineIntel`.
    pub id: String,
}

/// Something that some processors can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The name in documents.
    pub name: String,
    /// Where a processor says that it can.
    pub place: FeaturePlace,
    /// Whether a guest that uses it can move to another host.
    pub migratable: bool,
}

/// One bit of a register that describes the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeaturePlace {
    /// The leaf of CPUID, or the number of a machine-specific register.
    pub leaf: Leaf,
    /// Which of the four registers of the answer.
    pub register: Register,
    /// The bit, from 0.
    pub bit: u32,
}

/// What is asked of a processor to learn about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Leaf {
    /// The instruction CPUID.
    Cpuid {
        /// In EAX.
        leaf: u32,
        /// In ECX.
        subleaf: u32,
    },
    /// A machine-specific register.
    Msr(u32),
}

/// A register of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are the names of registers")]
pub enum Register {
    Eax,
    Ebx,
    Ecx,
    Edx,
}

/// A named model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// The name: `Haswell`.
    pub name: String,
    /// The model that it was derived from.
    base: Option<String>,
    vendor: Option<String>,
    signatures: Vec<Signature>,
    features: FeatureSet,
    later: FeatureSet,
    /// In the order of their names.
    gone: Vec<FeatureId>,
    for_host: bool,
    for_guest: bool,
    compare_compatible: bool,
}

/// The processors that a model stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signature {
    family: u32,
    model: u32,
    steppings: Option<(u32, u32)>,
}

/// Features of one processor or model, as bits in the order of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureSet(Vec<u64>);

/// What a processor says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processor {
    /// Its maker's 12 characters.
    pub vendor_id: Option<String>,
    /// Which of the maker's generations it belongs to.
    pub family: u32,
    /// The model's number within the family.
    pub model: u32,
    /// The revision of the model.
    pub stepping: u32,
    /// What it can do.
    pub features: FeatureSet,
}

impl FeatureSet {
    /// Whether `feature` is in it.
    #[must_use]
    pub fn contains(&self, feature: FeatureId) -> bool {
        self.0.get(feature / 64).is_some_and(|word| word & (1 << (feature % 64)) != 0)
    }

    /// Puts `feature` in.
    pub fn insert(&mut self, feature: FeatureId) {
        let word = feature / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (feature % 64);
    }

    /// Takes `feature` out.
    pub fn remove(&mut self, feature: FeatureId) {
        if let Some(word) = self.0.get_mut(feature / 64) {
            *word &= !(1 << (feature % 64));
        }
    }

    /// What is in it, in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = FeatureId> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| at * 64 + bit)
        })
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Those that `other` has, too.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(word, mask)| word & mask).collect())
    }

    /// Those that `other` lacks.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let masks = other.0.iter().copied().chain(std::iter::repeat(0));
        Self(self.0.iter().zip(masks).map(|(word, mask)| word & !mask).collect())
    }
}

impl CpuMap {
    /// Processors of Intel, AMD and those like them.
    #[must_use]
    pub fn x86() -> &'static Self {
        static MAP: OnceLock<CpuMap> = OnceLock::new();
        MAP.get_or_init(|| {
            let tables = [include_str!("x86-features.txt"), include_str!("x86-models.txt")];
            // The tables are part of the program: a test reads them.
            Self::read(tables[0], tables[1]).unwrap_or_default()
        })
    }

    /// All models, older ones first.
    #[must_use]
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model of that name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The place of the feature of that name.
    #[must_use]
    pub fn feature_id(&self, name: &str) -> Option<FeatureId> {
        self.by_name.get(name).copied()
    }

    /// The feature at that place.
    #[must_use]
    pub fn feature(&self, id: FeatureId) -> Option<&Feature> {
        self.features.get(id)
    }

    /// All features, in the order in which documents list them.
    #[must_use]
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The maker whose processors say `id`.
    #[must_use]
    pub fn vendor_of_id(&self, id: &str) -> Option<&Vendor> {
        self.vendors.iter().find(|vendor| vendor.id == id)
    }

    /// The version that a name without one stands for: `Haswell-v1` for `Haswell`.
    #[must_use]
    pub fn canonical(&self, name: &str) -> Option<&str> {
        let model = self.model(name).filter(|model| !model.is_version())?;
        let same = |other: &&Model| {
            other.base.as_deref() == Some(name) && other.is_version() && other.features == model.features
        };
        self.models.iter().find(same).map(|other| other.name.as_str())
    }

    fn name_of(&self, id: FeatureId) -> &str {
        self.feature(id).map_or("", |feature| &feature.name)
    }
}

impl Model {
    /// The name of its maker; a model that several make has none.
    #[must_use]
    pub fn vendor(&self) -> Option<&str> {
        self.vendor.as_deref()
    }

    /// What it can do.
    #[must_use]
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// What hypervisors added to it after its first release.
    #[must_use]
    pub fn later(&self) -> &FeatureSet {
        &self.later
    }

    /// Whether a host that lacks some of its features may still be told to run it, for the hypervisor to decide.
    #[must_use]
    pub fn compares_compatible(&self) -> bool {
        self.compare_compatible
    }

    /// Whether its name ends in a version.
    fn is_version(&self) -> bool {
        let version = self.name.rsplit_once("-v").map(|(_, version)| version);
        version.is_some_and(|version| !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()))
    }

    fn has_signature(&self, processor: &Processor) -> bool {
        self.signatures.iter().any(|signature| {
            (signature.family, signature.model) == (processor.family, processor.model)
                && signature
                    .steppings
                    .is_none_or(|(first, last)| (first..=last).contains(&processor.stepping))
        })
    }
}

impl Processor {
    /// One that says the maker's characters and a signature, and can do nothing.
    #[must_use]
    pub fn new(vendor_id: Option<String>, family: u32, model: u32, stepping: u32) -> Self {
        Self { vendor_id, family, model, stepping, features: FeatureSet::default() }
    }
}

#[cfg(test)]
mod tests;
