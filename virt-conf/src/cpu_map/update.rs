//! What a guest's `<cpu>` becomes on a given host.

use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{Candidate, CpuMap, FeatureId, FeatureSet, Model, Processor, Role};
use crate::model::{Cpu, CpuFallback, CpuFeature, CpuFeaturePolicy, CpuMatch, CpuMode, CpuModel};

/// Sets the policy of one feature, at its place or at the end.
pub(super) fn set_feature(features: &mut Vec<CpuFeature>, wanted: &CpuFeature) {
    match features.iter_mut().find(|feature| feature.name == wanted.name) {
        Some(feature) => feature.policy = wanted.policy,
        None => features.push(wanted.clone()),
    }
}

pub(super) fn internal(detail: impl AsRef<str>) -> Error {
    Error::internal(ErrorDomain::CPU, detail)
}

/// Gives `guest` the host's model, and keeps what it asks for besides: a maker's name, and features.
///
/// This is what `host-model` means on every architecture that names its features.
pub fn take_host_model(guest: &mut Cpu, host: &Cpu) {
    let mut features = host.features.clone();
    for wanted in &guest.features {
        set_feature(&mut features, wanted);
    }
    let host_model = host.model.clone().unwrap_or_default();
    let own = guest.model.take().unwrap_or_default();
    let was_custom = guest.mode == Some(CpuMode::Custom);
    if !was_custom {
        guest.vendor.clone_from(&host.vendor);
    }
    guest.model = Some(CpuModel {
        fallback: own.fallback.or(host_model.fallback),
        vendor_id: own.vendor_id.or(host_model.vendor_id.filter(|_| !was_custom)),
        name: host_model.name,
    });
    guest.features = features;
    guest.mode = Some(CpuMode::Custom);
    guest.matching = Some(CpuMatch::Exact);
}

impl CpuMap {
    pub(super) fn model_named(&self, cpu: &Cpu) -> Result<&Model> {
        let name = cpu.model.as_ref().map_or("", |model| &model.name);
        self.model(name).ok_or_else(|| internal(format!("Unknown CPU model {name}")))
    }

    pub(super) fn known_feature(&self, name: &str) -> Result<FeatureId> {
        self.feature_id(name).ok_or_else(|| internal(format!("Unknown CPU feature {name}")))
    }

    /// Everything that `cpu` can do: what its model can, if it has one, with what is added to it and taken from it.
    ///
    /// # Errors
    ///
    /// When its model or one of its features is not in the table.
    pub fn features_of(&self, cpu: &Cpu) -> Result<FeatureSet> {
        let mut all = match &cpu.model {
            Some(model) if !model.name.is_empty() => self.model_named(cpu)?.features.clone(),
            _ => FeatureSet::default(),
        };
        for feature in &cpu.features {
            let id = self.known_feature(&feature.name)?;
            match feature.policy {
                CpuFeaturePolicy::Force | CpuFeaturePolicy::Require => all.insert(id),
                CpuFeaturePolicy::Disable | CpuFeaturePolicy::Forbid => all.remove(id),
                CpuFeaturePolicy::Optional => {}
            }
        }
        Ok(all)
    }

    /// Makes `guest` independent of the host: a named model, and every feature either there or not.
    ///
    /// # Errors
    ///
    /// When it depends on a host that nothing is known of, or its model is not in the table.
    pub fn update(&self, guest: &mut Cpu, host: Option<&Cpu>) -> Result<()> {
        let takes_host = guest.mode == Some(CpuMode::HostModel)
            || guest.mode == Some(CpuMode::Custom) && guest.matching == Some(CpuMatch::Minimum);
        let optional = |feature: &CpuFeature| feature.policy == CpuFeaturePolicy::Optional;
        if takes_host || guest.features.iter().any(optional) {
            let host = host.ok_or_else(|| {
                Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::CPU, "unknown host CPU model")
            })?;
            let available = self.features_of(host)?;
            for feature in guest.features.iter_mut().filter(|feature| optional(feature)) {
                let id = self
                    .feature_id(&feature.name)
                    .ok_or_else(|| internal(format!("unknown CPU feature {}", feature.name)))?;
                feature.policy = if available.contains(id) {
                    CpuFeaturePolicy::Require
                } else {
                    CpuFeaturePolicy::Disable
                };
            }
            if takes_host {
                take_host_model(guest, host);
            }
        }
        let model = self.model_named(guest)?;
        self.disable_gone(model, &mut guest.features);
        Ok(())
    }

    /// Replaces a model that the hypervisor does not have by the closest one that it has.
    ///
    /// # Errors
    ///
    /// When the definition insists on its model, or no other one comes close.
    pub fn translate(&self, cpu: &mut Cpu, offered: &[Candidate<'_>]) -> Result<()> {
        let Some(model) = cpu.model.as_ref() else { return Ok(()) };
        if offered.iter().any(|candidate| candidate.name == model.name) {
            return Ok(());
        }
        if model.fallback == Some(CpuFallback::Forbid) {
            return Err(Error::new(
                ErrorCode::CONFIG_UNSUPPORTED,
                ErrorDomain::CPU,
                format!("CPU model {} is not supported by hypervisor", model.name),
            ));
        }
        let known = self.model_named(cpu)?;
        let vendor = known.vendor.as_ref().and_then(|name| self.vendors.iter().find(|one| one.name == *name));
        let signature = known.signatures.first();
        let processor = Processor {
            vendor_id: vendor.map(|vendor| vendor.id.clone()),
            family: signature.map_or(0, |signature| signature.family),
            model: signature.map_or(0, |signature| signature.model),
            stepping: signature.and_then(|one| one.steppings).map_or(0, |(first, _)| first),
            features: self.features_of(cpu)?,
        };
        let mut closest = self
            .decode(&processor, Role::Guest, Some(offered))
            .ok_or_else(|| internal("Cannot find suitable CPU model for given data"))?;
        for wanted in &cpu.features {
            set_feature(&mut closest.features, wanted);
        }
        if let (Some(model), Some(found)) = (&mut cpu.model, closest.model) {
            model.name = found.name;
        }
        cpu.features = closest.features;
        Ok(())
    }

    /// Takes away what ties a guest to its host.
    pub fn keep_migratable(&self, cpu: &mut Cpu) {
        cpu.features.retain(|feature| {
            self.feature_id(&feature.name)
                .and_then(|id| self.feature(id))
                .is_none_or(|feature| feature.migratable)
        });
    }
}
