//! What a guest asks of a processor against what a host has.

use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::update::{internal, set_feature};
use super::{CpuMap, FeatureSet};
use crate::cpu::Comparison;
use crate::model::{Cpu, CpuCheck, CpuDocument, CpuFeature, CpuFeaturePolicy, CpuMatch, CpuMode, HostCpu};

/// The features that one processor asks for, by what is done about them.
#[derive(Debug, Default)]
struct Wishes {
    require: FeatureSet,
    force: FeatureSet,
    optional: FeatureSet,
    disable: FeatureSet,
    forbid: FeatureSet,
}

impl CpuMap {
    /// The names of `features`, in the table's order.
    fn names(&self, features: &FeatureSet) -> String {
        let names: Vec<_> = features.iter().map(|id| self.name_of(id)).collect();
        names.join(", ")
    }

    fn wishes(&self, cpu: &CpuDocument) -> Result<Wishes> {
        let mut wishes = Wishes::default();
        let cpu = match cpu {
            CpuDocument::Host(host) => {
                wishes.require = self.features_of(&host.as_ref().into())?;
                return Ok(wishes);
            }
            CpuDocument::Guest(cpu) => cpu,
        };
        if cpu.model.as_ref().is_some_and(|model| !model.name.is_empty()) {
            wishes.require = self.model_named(cpu)?.features().clone();
        }
        for feature in &cpu.features {
            let id = self.known_feature(&feature.name)?;
            match feature.policy {
                CpuFeaturePolicy::Force => wishes.force.insert(id),
                CpuFeaturePolicy::Require => wishes.require.insert(id),
                CpuFeaturePolicy::Optional => wishes.optional.insert(id),
                CpuFeaturePolicy::Disable => wishes.disable.insert(id),
                CpuFeaturePolicy::Forbid => wishes.forbid.insert(id),
            }
        }
        Ok(wishes)
    }

    /// Compares what `cpu` asks for with `host`; the makers and architectures are known to be the same.
    ///
    /// # Errors
    ///
    /// When a model or feature is not in the table.
    pub(crate) fn compare(&self, host: &Cpu, cpu: &CpuDocument) -> Result<Comparison> {
        let available = self.features_of(host)?;
        let wishes = self.wishes(cpu)?;
        let forbidden = wishes.forbid.both(&available);
        if !forbidden.is_empty() {
            let names = self.names(&forbidden);
            return Ok(Comparison::Incompatible(format!("Host CPU provides forbidden features: {names}")));
        }
        // What the model would have brought, and the definition decides otherwise about.
        let required =
            wishes.require.without(&wishes.force).without(&wishes.optional).without(&wishes.disable);
        let missing = required.without(&available);
        if !missing.is_empty() {
            let names = self.names(&missing);
            return Ok(Comparison::Incompatible(format!(
                "Host CPU does not provide required features: {names}"
            )));
        }
        let extra = available
            .without(&wishes.optional)
            .without(&required)
            .without(&wishes.disable)
            .without(&wishes.force);
        if extra.is_empty() {
            return Ok(Comparison::Identical);
        }
        match cpu {
            CpuDocument::Guest(guest) if guest.matching == Some(CpuMatch::Strict) => {
                let names = self.names(&extra);
                Ok(Comparison::Incompatible(format!(
                    "Host CPU does not strictly match guest CPU: Extra features: {names}"
                )))
            }
            _ => Ok(Comparison::Superset),
        }
    }

    /// Names every feature that the model brings, sorted.
    ///
    /// # Errors
    ///
    /// When the model is not in the table.
    pub(crate) fn expand(&self, cpu: &mut Cpu) -> Result<()> {
        let model = self.model_named(cpu)?;
        let mut features: Vec<CpuFeature> = model
            .features()
            .iter()
            .map(|id| CpuFeature { policy: CpuFeaturePolicy::Require, name: self.name_of(id).to_owned() })
            .collect();
        let decided = |feature: &&CpuFeature| {
            matches!(feature.policy, CpuFeaturePolicy::Require | CpuFeaturePolicy::Disable)
        };
        for feature in cpu.features.iter().filter(decided) {
            set_feature(&mut features, feature);
        }
        self.disable_gone(model, &mut features);
        features.sort_by(|a, b| a.name.cmp(&b.name));
        cpu.features = features;
        Ok(())
    }

    /// Makes `cpu`, as a guest was started with it, what the guest got: with the features `enabled`, and without those
    /// that were asked for and `disabled`. A definition with `check='full'` is held to its word instead.
    ///
    /// # Errors
    ///
    /// `guest CPU doesn't match specification`, with what is too much and what is missing; a model or feature that is
    /// not in the table.
    pub fn update_live(&self, cpu: &mut Cpu, enabled: &FeatureSet, disabled: &FeatureSet) -> Result<()> {
        let takes_all = matches!(cpu.mode, Some(CpuMode::HostPassthrough | CpuMode::Maximum));
        let expected = self.features_of(cpu)?;
        let mut refused = FeatureSet::default();
        for feature in cpu.features.iter().filter(|feature| feature.policy == CpuFeaturePolicy::Disable) {
            refused.insert(self.known_feature(&feature.name)?);
        }
        let (mut extra, mut missing) = (FeatureSet::default(), FeatureSet::default());
        for id in 0..self.features().len() {
            let wanted = expected.contains(id);
            if !wanted && enabled.contains(id) && (!takes_all || refused.contains(id)) {
                extra.insert(id);
            }
            if disabled.contains(id) || wanted && !enabled.contains(id) {
                missing.insert(id);
            }
        }
        if cpu.check == CpuCheck::Full {
            return self.hold_to(&extra, &missing);
        }
        for id in 0..self.features().len() {
            let policy = match (extra.contains(id), missing.contains(id)) {
                (_, true) => CpuFeaturePolicy::Disable,
                (true, false) => CpuFeaturePolicy::Require,
                (false, false) => continue,
            };
            set_feature(&mut cpu.features, &CpuFeature { policy, name: self.name_of(id).to_owned() });
        }
        if let Ok(model) = self.model_named(cpu) {
            self.disable_gone(model, &mut cpu.features);
        }
        Ok(())
    }

    fn hold_to(&self, extra: &FeatureSet, missing: &FeatureSet) -> Result<()> {
        let list = |what: &str, features: &FeatureSet| {
            (!features.is_empty())
                .then(|| format!("{what} features: {}", self.names(features).replace(", ", ",")))
        };
        let differing: Vec<_> =
            [list("extra", extra), list("missing", missing)].into_iter().flatten().collect();
        if differing.is_empty() {
            return Ok(());
        }
        let sentence = format!("guest CPU doesn't match specification: {}", differing.join(", "));
        Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::CPU, sentence))
    }

    /// Whether `host` has the feature of that name.
    ///
    /// # Errors
    ///
    /// When the feature, or the host's model, is not in the table.
    pub(crate) fn has_feature(&self, host: &HostCpu, name: &str) -> Result<bool> {
        let features = self.features_of(&host.into())?;
        let id = self.feature_id(name).ok_or_else(|| internal(format!("unknown CPU feature {name}")))?;
        Ok(features.contains(id))
    }
}
