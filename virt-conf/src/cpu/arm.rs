//! Processors of Arm: hosts are compared by their names, guests not at all, as the hypervisor finds out.

use super::Comparison;
use crate::model::{Cpu, CpuDocument};

/// What a document can ask for: vectors, each length of them, and signed pointers.
pub(super) const FEATURES: &[&str] = &[
    "pauth", "sve", "sve128", "sve256", "sve384", "sve512", "sve640", "sve768", "sve896", "sve1024",
    "sve1152", "sve1280", "sve1408", "sve1536", "sve1664", "sve1792", "sve1920", "sve2048",
];

/// Compares two hosts.
pub(super) fn compare(host: &Cpu, cpu: &CpuDocument) -> Comparison {
    let CpuDocument::Host(other) = cpu else { return Comparison::Identical };
    let name = host.model.as_ref().map(|model| &model.name);
    if (host.vendor.as_ref(), name) == (other.model.vendor.as_ref(), other.model.model.as_ref()) {
        return Comparison::Identical;
    }
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "<null>".to_owned());
    Comparison::Incompatible(format!(
        "Host CPU model does not match required CPU vendor {} or(and) model {}",
        name(&other.model.vendor),
        name(&other.model.model)
    ))
}
