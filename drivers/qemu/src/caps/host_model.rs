//! The named model that `host-model` stands for, from what QEMU says of the host's processor.

use virt_conf::cpu_map::{Candidate, CpuMap, Processor, Role};
use virt_conf::model::{Cpu, CpuFallback, CpuFeature, CpuFeaturePolicy, CpuMatch, CpuMode, CpuModel, Switch};

use super::{Accelerator, Arch, Capabilities, HostCpu, HostCpuProperty, HostCpuValue};

/// libvirt's names of features that QEMU spells otherwise.
const FEATURE_NAMES: &[(&str, &str)] = &[
    ("cmp_legacy", "cmp-legacy"),
    ("ds_cpl", "ds-cpl"),
    ("fxsr_opt", "fxsr-opt"),
    ("kvm_pv_eoi", "kvm-pv-eoi"),
    ("kvm_pv_unhalt", "kvm-pv-unhalt"),
    ("lahf_lm", "lahf-lm"),
    ("nodeid_msr", "nodeid-msr"),
    ("pclmuldq", "pclmulqdq"),
    ("perfctr_core", "perfctr-core"),
    ("perfctr_nb", "perfctr-nb"),
    ("tsc_adjust", "tsc-adjust"),
    ("vmx-invvpid-single-context-noglobals", "vmx-invept-single-context-noglobals"),
];

/// Features that no QEMU takes, because it never knew them or because they never did anything.
const IGNORED_FEATURES: &[&str] = &["cmt", "mbm_total", "mbm_local", "osxsave", "ospke"];

/// QEMU's name of a CPU feature.
pub(crate) fn qemu_feature_name(arch: Arch, name: &str) -> &str {
    let known = FEATURE_NAMES.iter().find(|(ours, _)| arch.is_x86() && *ours == name);
    known.map_or(name, |(_, theirs)| theirs)
}

/// libvirt's name of a CPU feature of QEMU.
pub(crate) fn feature_name_of_qemu(arch: Arch, name: &str) -> &str {
    let known = FEATURE_NAMES.iter().find(|(_, theirs)| arch.is_x86() && *theirs == name);
    known.map_or(name, |(ours, _)| ours)
}

/// Whether the feature means something to QEMU.
pub(crate) fn is_qemu_feature(arch: Arch, name: &str) -> bool {
    !(arch.is_x86() && IGNORED_FEATURES.contains(&name))
}

impl HostCpuProperty {
    fn is_on(&self, migratable: bool) -> bool {
        self.value == HostCpuValue::Boolean(true) && !(migratable && self.migratable == Some(false))
    }
}

/// What QEMU says, as the processor itself would.
fn processor(host: &HostCpu, migratable: bool) -> Processor {
    let map = CpuMap::x86();
    let mut processor = Processor::default();
    for property in &host.properties {
        match &property.value {
            HostCpuValue::Boolean(_) => {
                let id = map.feature_id(feature_name_of_qemu(Arch::X86_64, &property.name));
                if let Some(id) = id.filter(|_| property.is_on(migratable)) {
                    processor.features.insert(id);
                }
            }
            HostCpuValue::Text(text) if property.name == "vendor" => {
                processor.vendor_id = Some(text.clone());
            }
            HostCpuValue::Number(number) => {
                let number = u32::try_from(*number).unwrap_or(0);
                match property.name.as_str() {
                    "family" => processor.family = number,
                    "model" => processor.model = number,
                    "stepping" => processor.stepping = number,
                    _ => {}
                }
            }
            HostCpuValue::Text(_) => {}
        }
    }
    processor
}

impl Capabilities {
    /// The CPU models of the binary, as the table of models takes them.
    pub(crate) fn cpu_candidates(&self, accelerator: Accelerator) -> Vec<Candidate<'_>> {
        let models = self.under(accelerator).map(|under| under.cpus.as_slice()).unwrap_or_default();
        models.iter().map(|model| Candidate { name: &model.name, blockers: &model.blockers }).collect()
    }

    /// What `host-model` stands for: with all that the host can do, or only with what survives migration.
    ///
    /// `host` is what is known of the host's processor where QEMU does not say.
    #[must_use]
    pub fn host_model(&self, accelerator: Accelerator, migratable: bool, host: Option<&Cpu>) -> Option<Cpu> {
        let told = self.under(accelerator).and_then(|under| under.host_cpu.as_ref());
        let mut cpu = match told {
            Some(told) if self.arch.is_x86() => {
                let asked = migratable && told.migratability;
                let offered = self.cpu_candidates(accelerator);
                // A binary that names no models is not held to any.
                let offered = (!offered.is_empty()).then_some(offered.as_slice());
                CpuMap::x86().decode(&processor(told, asked), Role::Guest, offered)?
            }
            Some(told) if self.arch.is_s390() => mainframe(told, migratable),
            _ => host?.clone(),
        };
        if let Some(model) = &mut cpu.model {
            model.fallback = Some(CpuFallback::Forbid);
        }
        cpu.features.retain(|feature| is_qemu_feature(self.arch, &feature.name));
        let says_what_migrates = told.is_some_and(|told| told.migratability);
        if migratable && self.arch.is_x86() && !says_what_migrates {
            CpuMap::x86().keep_migratable(&mut cpu);
        }
        Some(cpu)
    }

    /// The features that the binary knows, by libvirt's names; nothing where it was not asked.
    pub(crate) fn known_features(&self, accelerator: Accelerator) -> Option<Vec<&str>> {
        let told = self.under(accelerator)?.host_cpu.as_ref()?;
        let features =
            told.properties.iter().filter(|property| matches!(property.value, HostCpuValue::Boolean(_)));
        Some(features.map(|property| feature_name_of_qemu(self.arch, &property.name)).collect())
    }

    /// Names the features that the maker has given up, as being there or not.
    pub(crate) fn settle_deprecated(&self, accelerator: Accelerator, cpu: &mut Cpu, state: Switch) {
        let deprecated = self
            .under(accelerator)
            .and_then(|under| under.host_cpu.as_ref())
            .map(|told| told.deprecated_features.as_slice())
            .unwrap_or_default();
        let policy = if state == Switch::On { CpuFeaturePolicy::Require } else { CpuFeaturePolicy::Disable };
        for name in deprecated {
            match cpu.features.iter_mut().find(|feature| feature.name == *name) {
                Some(feature) => feature.policy = policy,
                None => cpu.features.push(CpuFeature { policy, name: name.clone() }),
            }
        }
    }
}

/// QEMU names the model of a mainframe's processor itself.
fn mainframe(told: &HostCpu, migratable: bool) -> Cpu {
    let features = told.properties.iter().filter_map(|property| {
        let HostCpuValue::Boolean(_) = property.value else { return None };
        let policy =
            if property.is_on(migratable) { CpuFeaturePolicy::Require } else { CpuFeaturePolicy::Disable };
        Some(CpuFeature { policy, name: property.name.clone() })
    });
    Cpu {
        mode: Some(CpuMode::Custom),
        matching: Some(CpuMatch::Exact),
        model: Some(CpuModel { name: told.model.clone(), ..CpuModel::default() }),
        features: features.collect(),
        ..Cpu::default()
    }
}
