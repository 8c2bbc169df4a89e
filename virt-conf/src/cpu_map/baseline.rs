//! The processor that several hosts have in common.

use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::update::internal;
use super::{Candidate, CpuMap, FeatureSet, Processor, Role, Vendor};
use crate::model::{Cpu, CpuFallback};

/// "operation failed: .." about a processor.
fn failed(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::CPU, detail)
}

/// Who makes the processors of a group, as far as the first ones say.
#[derive(Default)]
struct Maker<'a> {
    vendor: Option<&'a Vendor>,
    /// Some say nothing of their maker, and so does the result.
    unsaid: bool,
}

impl CpuMap {
    fn vendor(&self, name: &str) -> Result<&Vendor> {
        let vendor = self.vendors.iter().find(|vendor| vendor.name == name);
        vendor.ok_or_else(|| failed(format!("Unknown CPU vendor {name}")))
    }

    fn maker_of_all(&self, cpus: &[Cpu]) -> Result<Maker<'_>> {
        let mut maker = Maker::default();
        for (at, cpu) in cpus.iter().enumerate() {
            let model = self.model_named(cpu)?;
            // The first one is taken at its word.
            if at > 0
                && let (Some(said), Some(known)) = (&cpu.vendor, model.vendor())
                && said != known
            {
                return Err(failed(format!(
                    "CPU vendor {known} of model {} differs from vendor {said}",
                    model.name
                )));
            }
            maker.unsaid |= cpu.vendor.is_none();
            let implied = model.vendor().filter(|_| at > 0);
            let Some(name) = cpu.vendor.as_deref().or(implied) else { continue };
            match maker.vendor {
                Some(vendor) if vendor.name != name => return Err(failed("CPU vendors do not match")),
                Some(_) => {}
                None => maker.vendor = Some(self.vendor(name)?),
            }
        }
        Ok(maker)
    }

    /// The richest processor that each of `cpus` has everything of, out of the models `offered`, and of nothing but
    /// `features` where those are given.
    ///
    /// # Errors
    ///
    /// When they have nothing in common, or different makers; a model or feature that is not in the table.
    pub(crate) fn baseline(
        &self,
        cpus: &[Cpu],
        offered: Option<&[Candidate<'_>]>,
        features: Option<&[&str]>,
        migratable: bool,
    ) -> Result<Cpu> {
        let maker = self.maker_of_all(cpus)?;
        let mut sets = cpus.iter().map(|cpu| self.features_of(cpu));
        let first = sets.next().transpose()?.unwrap_or_default();
        let mut common = sets.try_fold(first, |common, set| set.map(|set| common.both(&set)))?;
        if let Some(features) = features {
            let mut allowed = FeatureSet::default();
            features.iter().filter_map(|name| self.feature_id(name)).for_each(|id| allowed.insert(id));
            common = common.both(&allowed);
        }
        if common.is_empty() {
            return Err(failed("CPUs are incompatible"));
        }
        let mut preferred: Vec<&str> = Vec::new();
        for name in cpus.iter().filter_map(|cpu| cpu.model.as_ref()).map(|model| model.name.as_str()) {
            if !preferred.contains(&name) {
                preferred.push(name);
            }
        }
        let processor = Processor {
            vendor_id: maker.vendor.map(|vendor| vendor.id.clone()),
            features: common,
            ..Processor::default()
        };
        let mut baseline = self
            .decode_preferring(&processor, Role::Guest, offered, &preferred)
            .ok_or_else(|| internal("Cannot find suitable CPU model for given data"))?;
        if migratable {
            self.keep_migratable(&mut baseline);
        }
        if maker.unsaid {
            baseline.vendor = None;
        }
        if let (Some(model), [only]) = (&mut baseline.model, preferred.as_slice())
            && model.name == *only
        {
            model.fallback = Some(CpuFallback::Forbid);
        }
        Ok(baseline)
    }
}
