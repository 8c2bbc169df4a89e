//! Which named model comes closest to a processor.

use super::{CpuMap, FeatureSet, Model, Processor};
use crate::model::{Cpu, CpuFallback, CpuFeature, CpuFeaturePolicy, CpuMatch, CpuMode, CpuModel};

/// A model that a hypervisor offers.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// How the hypervisor calls it.
    pub name: &'a str,
    /// The features that keep this host from running it as the hypervisor defines it.
    pub blockers: &'a [String],
}

/// What the model is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To describe a host: the model has nothing that the processor lacks.
    Host,
    /// To give to a guest: features may be taken from the model.
    Guest,
}

/// A model with what must be added and taken away.
struct Fit<'a> {
    model: &'a Model,
    features: Vec<CpuFeature>,
}

/// What one feature that must be taken away costs; each further one costs one more than the one before.
const FIRST_PENALTY: usize = 2;

impl Fit<'_> {
    /// The whole cost, and the part of it for what is taken away.
    fn cost(&self, role: Role) -> (usize, usize) {
        if role == Role::Host {
            return (self.features.len(), 0);
        }
        let disabled =
            self.features.iter().filter(|feature| feature.policy == CpuFeaturePolicy::Disable).count();
        // Only one of two counts: a model is rather taken down a little than another one built up much.
        let counted = disabled.div_ceil(2);
        let penalty = (0..counted).map(|place| FIRST_PENALTY + place).sum();
        (self.features.len() - counted + penalty, penalty)
    }
}

impl CpuMap {
    /// The processor as a named model with features; nothing where no model fits.
    ///
    /// `offered` are the models that the hypervisor has; without it, every model of the table.
    #[must_use]
    pub fn decode(
        &self,
        processor: &Processor,
        role: Role,
        offered: Option<&[Candidate<'_>]>,
    ) -> Option<Cpu> {
        self.decode_preferring(processor, role, offered, &[])
    }

    /// As [`CpuMap::decode`]; a model that is `preferred` wins where it takes less away than another one, and a single
    /// such model wins in any case.
    pub(super) fn decode_preferring(
        &self,
        processor: &Processor,
        role: Role,
        offered: Option<&[Candidate<'_>]>,
        preferred: &[&str],
    ) -> Option<Cpu> {
        let vendor = processor.vendor_id.as_deref().and_then(|id| self.vendor_of_id(id));
        let mut features = processor.features.clone();
        self.drop_broken(processor, vendor.map(|vendor| vendor.name.as_str()), &mut features);
        let known_signature = (processor.family, processor.model, processor.stepping) != (0, 0, 0);
        let mut best: Option<Fit<'_>> = None;
        // Newer models come first, and keep their place against older ones that are no better.
        for model in self.models.iter().rev() {
            let blockers = match offered.map(|all| all.iter().find(|one| one.name == model.name)) {
                None => &[][..],
                Some(Some(candidate)) => candidate.blockers,
                Some(None) => continue,
            };
            let other_vendor = vendor.zip(model.vendor.as_ref()).is_some_and(|(a, b)| a.name != *b);
            let usable = match role {
                Role::Host => model.for_host,
                Role::Guest => model.for_guest,
            };
            if other_vendor || !usable {
                continue;
            }
            let fit = self.fit(&features, model, blockers, role);
            if role == Role::Host
                && fit.features.iter().any(|feature| feature.policy == CpuFeaturePolicy::Disable)
            {
                continue;
            }
            let is_preferred = preferred.contains(&model.name.as_str());
            if is_preferred && preferred.len() == 1 {
                best = Some(fit);
                break;
            }
            let better = best.as_ref().is_none_or(|current| {
                let (was, is) = (current.model.has_signature(processor), model.has_signature(processor));
                if known_signature && was != is {
                    return is;
                }
                let (current_cost, current_penalty) = current.cost(role);
                let (cost, penalty) = fit.cost(role);
                cost < current_cost || (is_preferred || cost == current_cost) && penalty < current_penalty
            });
            if better {
                best = Some(fit);
            }
        }
        let Fit { model, features } = best?;
        Some(Cpu {
            mode: Some(CpuMode::Custom),
            matching: Some(CpuMatch::Exact),
            model: Some(CpuModel {
                fallback: Some(CpuFallback::Allow),
                vendor_id: None,
                name: model.name.clone(),
            }),
            vendor: vendor.map(|vendor| vendor.name.clone()),
            features,
            ..Cpu::default()
        })
    }

    fn fit<'a>(&self, features: &FeatureSet, model: &'a Model, blockers: &[String], role: Role) -> Fit<'a> {
        let added = features.without(&model.features);
        let mut missing = model.features.without(features);
        // The hypervisor's own definition may have features that ours has not, and that the host lacks.
        for id in blockers.iter().filter_map(|name| self.feature_id(name)) {
            if !added.contains(id) {
                missing.insert(id);
            }
        }
        let named = |set: &FeatureSet, policy| -> Vec<CpuFeature> {
            set.iter().map(|id| CpuFeature { policy, name: self.name_of(id).to_owned() }).collect()
        };
        let mut all = named(&added, CpuFeaturePolicy::Require);
        all.extend(named(&missing, CpuFeaturePolicy::Disable));
        if role == Role::Guest {
            self.disable_gone(model, &mut all);
        }
        Fit { model, features: all }
    }

    /// Names what a model once had, so that a guest has none of it on any hypervisor.
    pub(super) fn disable_gone(&self, model: &Model, features: &mut Vec<CpuFeature>) {
        for id in &model.gone {
            let name = self.name_of(*id);
            if !features.iter().any(|feature| feature.name == name) {
                features.push(CpuFeature { policy: CpuFeaturePolicy::Disable, name: name.to_owned() });
            }
        }
    }

    /// Early Haswells announce transactions that do not work.
    fn drop_broken(&self, processor: &Processor, vendor: Option<&str>, features: &mut FeatureSet) {
        let early_haswell = match processor.model {
            60 | 69 | 70 => true,
            63 => processor.stepping < 4,
            _ => false,
        };
        if vendor == Some("Intel") && processor.family == 6 && early_haswell {
            for id in ["hle", "rtm"].iter().filter_map(|name| self.feature_id(name)) {
                features.remove(id);
            }
        }
    }
}
