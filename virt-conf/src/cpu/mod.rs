//! What can be computed with processors: comparing them, finding what they have in common, making a guest's fit a host.
//!
//! Each architecture has its own rules; architectures are called by libvirt's names. What is known about models and
//! features of x86 is in [`crate::cpu_map`].

mod arm;
mod data;
mod power;

#[cfg(test)]
mod tests;

use virt_util::{Error, ErrorCode, ErrorDomain, Result};

pub use data::{CpuData, CpuidLeaf, MachineRegister};

use crate::cpu_map::{Candidate, CpuMap, Role, take_host_model};
use crate::model::{Cpu, CpuDocument, CpuFallback, CpuMatch, CpuMode, HostCpu, HostCpuModel};

/// How a host compares with what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// It cannot give that; the reason.
    Incompatible(String),
    /// It has that, and nothing more.
    Identical,
    /// It has more than that.
    Superset,
}

impl Comparison {
    /// Makes an error of a host that cannot give what is asked of it.
    ///
    /// # Errors
    ///
    /// `the CPU is incompatible with host CPU`, with the reason.
    pub fn or_refuse(self) -> Result<Self> {
        match self {
            Self::Incompatible(reason) => {
                Err(Error::new(ErrorCode::CPU_INCOMPATIBLE, ErrorDomain::CPU, reason))
            }
            fits => Ok(fits),
        }
    }
}

/// What a baseline may be made of; by default everything that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct BaselineOptions<'a> {
    /// The models that a hypervisor has.
    pub models: Option<&'a [Candidate<'a>]>,
    /// The features that a hypervisor has.
    pub features: Option<&'a [&'a str]>,
    /// Leaves out what ties a guest to its host.
    pub migratable: bool,
    /// Names every feature, those that the model brings too.
    pub expand: bool,
}

/// Architectures whose processors follow the same rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    X86,
    Power,
    Arm,
    Mainframe,
    RiscV,
    LoongArch,
}

/// "this function is not supported by the connection driver: .." about a processor.
fn no_support(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::CPU, detail)
}

fn unsupported(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::CPU, detail)
}

fn unknown_host() -> Error {
    unsupported("unknown host CPU model")
}

impl Family {
    fn of(architecture: &str) -> Result<Self> {
        match architecture {
            "i686" | "x86_64" => Ok(Self::X86),
            "ppc64" | "ppc64le" => Ok(Self::Power),
            "armv6l" | "armv7b" | "armv7l" | "aarch64" => Ok(Self::Arm),
            "s390" | "s390x" => Ok(Self::Mainframe),
            "riscv64" => Ok(Self::RiscV),
            "loongarch64" => Ok(Self::LoongArch),
            other => Err(no_support(format!("'{other}' architecture is not supported by CPU driver"))),
        }
    }
}

/// Compares what `cpu`, a guest's processor or another host's, asks for with what `host` has; nothing fits a host that
/// nothing is known of.
///
/// # Errors
///
/// When a model or feature is not known, or nothing is known about the architecture.
///
/// ```
/// use virt_conf::cpu::{Comparison, compare};
/// use virt_conf::model::{Cpu, CpuDocument, HostCpu};
/// use virt_conf::xml::ParseOptions;
///
/// let host: HostCpu = "<cpu><arch>x86_64</arch><model>Penryn</model></cpu>".parse()?;
/// let guest = "<cpu match='exact'><model>Nehalem</model></cpu>";
/// let guest = CpuDocument::from_xml(guest, &ParseOptions::default())?;
/// let compared = compare("x86_64", Some(&Cpu::from(&host)), &guest)?;
/// let Comparison::Incompatible(reason) = compared else { panic!("it is older") };
/// assert_eq!(reason, "Host CPU does not provide required features: sse4.2, popcnt");
/// # Ok::<(), virt_util::Error>(())
/// ```
pub fn compare(architecture: &str, host: Option<&Cpu>, cpu: &CpuDocument) -> Result<Comparison> {
    let family = Family::of(architecture)?;
    if matches!(family, Family::Mainframe | Family::RiscV | Family::LoongArch) {
        // The hypervisor finds out.
        return Ok(Comparison::Identical);
    }
    if family == Family::Arm && matches!(cpu, CpuDocument::Guest(_)) {
        return Ok(Comparison::Identical);
    }
    let Some(host) = host.filter(|host| host.model.is_some()) else {
        return Ok(Comparison::Incompatible("unknown host CPU".to_owned()));
    };
    if family == Family::Arm {
        return Ok(arm::compare(host, cpu));
    }
    let (other, vendor) = match cpu {
        CpuDocument::Guest(cpu) => (None, &cpu.vendor),
        CpuDocument::Host(host) => (Some(host.architecture.as_str()), &host.model.vendor),
    };
    if let Some(other) = other.filter(|other| Family::of(other).ok() != Some(family)) {
        return Ok(Comparison::Incompatible(format!("CPU arch {other} does not match host arch")));
    }
    if let Some(vendor) = vendor.as_ref().filter(|vendor| host.vendor.as_ref() != Some(vendor)) {
        let reason = format!("host CPU vendor does not match required CPU vendor {vendor}");
        return Ok(Comparison::Incompatible(reason));
    }
    match family {
        Family::Power => power::compare(host, cpu),
        _ => CpuMap::x86().compare(host, cpu),
    }
}

/// The richest processor that all of `cpus` have everything of: what a guest can have that moves between their hosts.
///
/// # Errors
///
/// When they have nothing in common; when a model or feature is not known; on architectures without an answer.
///
/// ```
/// use virt_conf::cpu::{BaselineOptions, baseline};
/// use virt_conf::model::{Cpu, HostCpu};
///
/// let host = |model| format!("<cpu><arch>x86_64</arch><model>{model}</model></cpu>").parse::<HostCpu>();
/// let hosts = [Cpu::from(&host("Nehalem")?), Cpu::from(&host("Penryn")?)];
/// let common = baseline("x86_64", &hosts, &BaselineOptions::default())?;
/// assert_eq!(common.model.unwrap().name, "Penryn");
/// # Ok::<(), virt_util::Error>(())
/// ```
pub fn baseline(architecture: &str, cpus: &[Cpu], options: &BaselineOptions<'_>) -> Result<Cpu> {
    let invalid = |detail: String| Error::new(ErrorCode::INVALID_ARG, ErrorDomain::CPU, detail);
    let first = cpus.first().ok_or_else(|| invalid("no CPUs given".to_owned()))?;
    if let Some(at) = cpus.iter().position(|cpu| cpu.model.is_none()) {
        return Err(invalid(format!("no CPU model specified at index {at}")));
    }
    let mut common = match Family::of(architecture)? {
        Family::X86 => CpuMap::x86().baseline(cpus, options.models, options.features, options.migratable)?,
        Family::Power => power::baseline(cpus)?,
        Family::Arm => Cpu {
            mode: Some(CpuMode::Custom),
            matching: Some(CpuMatch::Exact),
            model: first.model.clone(),
            ..Cpu::default()
        },
        _ => return Err(no_support(format!("cannot compute baseline CPU of {architecture} architecture"))),
    };
    if options.expand {
        expand(architecture, &mut common)?;
    }
    Ok(common)
}

/// Names every feature of `cpu`, those that its model brings too, sorted.
///
/// # Errors
///
/// When the model is not known.
pub fn expand(architecture: &str, cpu: &mut Cpu) -> Result<()> {
    if Family::of(architecture)? == Family::X86 {
        return CpuMap::x86().expand(cpu);
    }
    cpu.features.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

/// Gives old names of models their later ones.
pub fn convert_legacy(architecture: &str, cpu: &mut Cpu) {
    if Family::of(architecture).ok() == Some(Family::Power)
        && let Some(model) = &mut cpu.model
    {
        model.name = power::later_name(&model.name).to_owned();
    }
}

/// Makes `guest` independent of the host, where it asks for `host-model`, the minimum, or optional features.
///
/// # Errors
///
/// When it depends on a host that nothing is known of; when a model or feature is not known.
pub fn update(architecture: &str, guest: &mut Cpu, host: Option<&Cpu>) -> Result<()> {
    let family = Family::of(architecture)?;
    let mode = match guest.mode {
        Some(mode @ (CpuMode::Custom | CpuMode::HostModel)) => mode,
        Some(CpuMode::HostPassthrough | CpuMode::Maximum) | None => return Ok(()),
    };
    match family {
        Family::X86 => CpuMap::x86().update(guest, host),
        // There `host-model` names the older instruction set that the host's model is to have.
        Family::Power => {
            if mode == CpuMode::Custom {
                guest.matching = Some(CpuMatch::Exact);
            }
            Ok(())
        }
        Family::Mainframe if guest.matching == Some(CpuMatch::Minimum) => {
            Err(unsupported("match mode minimum not supported"))
        }
        Family::Mainframe | Family::Arm | Family::RiscV if mode == CpuMode::HostModel => {
            let host = host.ok_or_else(unknown_host)?;
            if family != Family::Mainframe {
                guest.features.clear();
            }
            take_host_model(guest, host);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Replaces a model that a hypervisor does not have by the closest one out of those that it has.
///
/// # Errors
///
/// When the definition insists on its model, or no other one comes close.
pub fn translate(architecture: &str, cpu: &mut Cpu, offered: &[Candidate<'_>]) -> Result<()> {
    if cpu.mode != Some(CpuMode::Custom) {
        return Ok(());
    }
    if Family::of(architecture)? == Family::X86 {
        return CpuMap::x86().translate(cpu, offered);
    }
    let Some(model) = &cpu.model else { return Ok(()) };
    if offered.iter().any(|candidate| candidate.name == model.name) {
        return Ok(());
    }
    if model.fallback == Some(CpuFallback::Forbid) {
        return Err(unsupported(format!("CPU model {} is not supported by hypervisor", model.name)));
    }
    Err(no_support(format!("cannot translate CPU model {} to a supported model", model.name)))
}

/// Whether `host` has the feature of that name.
///
/// # Errors
///
/// When the feature or the host's model is not known; on architectures whose features have no names.
///
/// ```
/// let host = "<cpu><arch>x86_64</arch><model>Penryn</model><feature name='vmx'/></cpu>".parse()?;
/// assert!(virt_conf::cpu::has_feature(&host, "vmx")?);
/// assert!(!virt_conf::cpu::has_feature(&host, "avx")?);
/// # Ok::<(), virt_util::Error>(())
/// ```
pub fn has_feature(host: &HostCpu, name: &str) -> Result<bool> {
    match Family::of(&host.architecture)? {
        Family::X86 => CpuMap::x86().has_feature(host, name),
        _ => {
            Err(no_support(format!("cannot check guest CPU feature for {} architecture", host.architecture)))
        }
    }
}

/// The models that documents can name, older ones first; nothing where the hypervisor alone decides.
///
/// # Errors
///
/// When nothing is known about the architecture.
pub fn models(architecture: &str) -> Result<Option<Vec<&'static str>>> {
    Ok(match Family::of(architecture)? {
        Family::X86 => Some(CpuMap::x86().models().iter().map(|model| model.name.as_str()).collect()),
        Family::Power => Some(power::models().iter().map(|model| model.name).collect()),
        _ => None,
    })
}

/// Who makes processors of a model, as far as that is known.
#[must_use]
pub fn vendor_of(architecture: &str, model: &str) -> Option<&'static str> {
    match Family::of(architecture).ok()? {
        Family::X86 => CpuMap::x86().model(model)?.vendor(),
        Family::Power => power::model(model).map(|model| model.vendor),
        Family::Mainframe => (model.starts_with('z') || model.starts_with("gen")).then_some("IBM"),
        _ => None,
    }
}

/// Whether documents can ask for a feature of this name.
#[must_use]
pub fn knows_feature(architecture: &str, name: &str) -> bool {
    match Family::of(architecture) {
        Ok(Family::X86) => CpuMap::x86().feature_id(name).is_some(),
        Ok(Family::Arm) => arm::FEATURES.contains(&name),
        _ => true,
    }
}

/// The host of POWER whose processor version register says `version`; nothing where no model is known to.
///
/// ```
/// let host = virt_conf::cpu::describe_power_host(0x004e_1202).expect("known");
/// assert_eq!(host.model.model.as_deref(), Some("POWER9"));
/// ```
#[must_use]
pub fn describe_power_host(version: u32) -> Option<HostCpu> {
    let found = power::model_of_version(version)?;
    let model = HostCpuModel {
        model: Some(found.name.to_owned()),
        vendor: Some(found.vendor.to_owned()),
        ..HostCpuModel::default()
    };
    Some(HostCpu { architecture: "ppc64".to_owned(), model })
}

/// The host whose processor says `data`, as capabilities describe it.
///
/// # Errors
///
/// When no model comes close.
pub fn describe_host(data: &CpuData) -> Result<HostCpu> {
    let map = CpuMap::x86();
    let found = map
        .decode(&data.processor(map), Role::Host, None)
        .ok_or_else(|| Error::internal(ErrorDomain::CPU, "Cannot find suitable CPU model for given data"))?;
    let model = HostCpuModel { signature: data.signature(), ..HostCpuModel::of_guest(found) };
    Ok(HostCpu { architecture: "x86_64".to_owned(), model })
}
