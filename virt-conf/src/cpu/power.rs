//! Processors of POWER: a model is all that there is to one.

use std::num::ParseIntError;
use std::sync::OnceLock;

use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Comparison;
use crate::model::{Cpu, CpuDocument, CpuFallback, CpuMatch, CpuMode, CpuModel};

/// A model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PowerModel {
    /// Its name, `POWER9`.
    pub(super) name: &'static str,
    /// Its maker.
    pub(super) vendor: &'static str,
    /// Versions of processors that belong to it: a value, and the bits of it that count.
    versions: Vec<(u32, u32)>,
}

fn internal(detail: impl AsRef<str>) -> Error {
    Error::internal(ErrorDomain::CPU, detail)
}

fn failed(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::CPU, detail)
}

fn read(line: &'static str) -> Option<PowerModel> {
    let mut words = line.split_whitespace();
    let (name, vendor) = (words.next()?, words.next()?);
    let number = |text: &str| -> std::result::Result<u32, ParseIntError> {
        u32::from_str_radix(text.trim_start_matches("0x"), 16)
    };
    let version = |word: &str| {
        let (value, mask) = word.split_once('/')?;
        Some((number(value).ok()?, number(mask).ok()?))
    };
    Some(PowerModel { name, vendor, versions: words.map(version).collect::<Option<_>>()? })
}

/// Every model, older ones first.
pub(super) fn models() -> &'static [PowerModel] {
    static MODELS: OnceLock<Vec<PowerModel>> = OnceLock::new();
    MODELS.get_or_init(|| {
        let lines = include_str!("power-models.txt").lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(read).collect()
    })
}

/// The model of that name.
pub(super) fn model(name: &str) -> Option<&'static PowerModel> {
    models().iter().find(|model| model.name == name)
}

/// The model whose processor says `version`.
pub(super) fn model_of_version(version: u32) -> Option<&'static PowerModel> {
    models().iter().find(|model| model.versions.iter().any(|(value, mask)| version & mask == *value))
}

/// The later name of a model that was once named with its version.
pub(super) fn later_name(name: &str) -> &str {
    match name {
        "POWER7_v2.1" | "POWER7_v2.3" | "POWER7+_v2.1" => "POWER7",
        "POWER8_v1.0" => "POWER8",
        other => other,
    }
}

fn known(name: Option<&str>) -> Result<&'static PowerModel> {
    let name =
        name.ok_or_else(|| Error::new(ErrorCode::INVALID_ARG, ErrorDomain::CPU, "no CPU model specified"))?;
    model(name).ok_or_else(|| internal(format!("Unknown CPU model {name}")))
}

/// The generations that can stand in for older ones.
fn generation(name: &str, prefix: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.parse().ok().filter(|number| (6..=10).contains(number))
}

/// Whether a host of the model `host` can run the instruction set of an older one, `mode`.
fn can_stand_in(host: &str, mode: &str) -> Result<bool> {
    let host =
        generation(host, "POWER").ok_or_else(|| internal("Host CPU does not support compatibility modes"))?;
    let mode =
        generation(mode, "power").ok_or_else(|| internal(format!("Unknown compatibility mode {mode}")))?;
    Ok(mode <= host)
}

/// Compares what `cpu` asks for with `host`; makers and architectures are known to be the same.
pub(super) fn compare(host: &Cpu, cpu: &CpuDocument) -> Result<Comparison> {
    let host = known(host.model.as_ref().map(|model| model.name.as_str()))?;
    let wanted = match cpu {
        CpuDocument::Host(other) => known(other.model.model.as_deref().map(later_name))?,
        CpuDocument::Guest(guest) => {
            let name = guest.model.as_ref().map(|model| later_name(&model.name));
            match (guest.mode, name) {
                (Some(CpuMode::HostModel), Some(mode)) if !can_stand_in(host.name, mode)? => {
                    let reason = format!("host CPU model does not match required CPU model {mode}");
                    return Ok(Comparison::Incompatible(reason));
                }
                (Some(CpuMode::HostModel | CpuMode::HostPassthrough | CpuMode::Maximum), _) => host,
                (_, name) => known(name)?,
            }
        }
    };
    Ok(if wanted == host {
        Comparison::Identical
    } else {
        Comparison::Incompatible(format!("host CPU model does not match required CPU model {}", wanted.name))
    })
}

/// What all have in common: they are the same model, or have nothing in common.
pub(super) fn baseline(cpus: &[Cpu]) -> Result<Cpu> {
    let name = |cpu: &Cpu| cpu.model.as_ref().map(|model| model.name.clone());
    let common = known(cpus.first().and_then(name).as_deref())?;
    for cpu in cpus {
        if name(cpu).as_deref() != Some(common.name) {
            return Err(failed("CPUs are incompatible"));
        }
        let Some(vendor) = &cpu.vendor else { continue };
        if !models().iter().any(|model| model.vendor == vendor) {
            return Err(failed(format!("Unknown CPU vendor {vendor}")));
        }
        if common.vendor != vendor {
            return Err(failed(format!(
                "CPU vendor {} of model {} differs from vendor {vendor}",
                common.vendor, common.name
            )));
        }
    }
    Ok(Cpu {
        mode: Some(CpuMode::Custom),
        matching: Some(CpuMatch::Exact),
        model: Some(CpuModel {
            fallback: Some(CpuFallback::Forbid),
            vendor_id: None,
            name: common.name.to_owned(),
        }),
        ..Cpu::default()
    })
}
