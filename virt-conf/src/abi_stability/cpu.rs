//! Processors and NUMA nodes.

use super::{NULL, Pair, UNSET, named, number, row};
use crate::error::{unsupported, unsupported_cpu};
use crate::tree::Tree;
use crate::xml::{ErrorDomain, Result};

pub(super) fn nodes(pair: Pair<'_>) -> Result<()> {
    let count = "Target NUMA node count '{target}' doesn't match source '{source}'";
    let cells = pair.below("cpu/numa").all("cell", count)?;
    for (at, cell) in cells.iter().enumerate() {
        let sizes = (number(cell.source, "@memory"), number(cell.target, "@memory"));
        if sizes.0 != sizes.1 {
            let sentence =
                format!("Size of target NUMA node {at} ({}) doesn't match source ({})", sizes.1, sizes.0);
            return Err(unsupported(sentence));
        }
        if cell.source.attr("cpus") != cell.target.attr("cpus") {
            let sentence = format!("Processor mask of target NUMA node {at} doesn't match source");
            return Err(unsupported(sentence));
        }
        for other in 0..cells.len() {
            if distance(cell.source, at, other) != distance(cell.target, at, other) {
                let sentence = format!("Target NUMA distance from {at} to {other} doesn't match source");
                return Err(unsupported(sentence));
            }
        }
    }
    Ok(())
}

fn distance(cell: &Tree, here: usize, there: usize) -> u64 {
    let siblings = cell.child("distances").map(|distances| named(distances, "sibling")).unwrap_or_default();
    let id = there.to_string();
    let known = siblings.into_iter().find(|sibling| sibling.attr("id") == Some(&id));
    known.map_or(if here == there { 10 } else { 20 }, |sibling| number(sibling, "@value"))
}

pub(super) fn processors(pair: Pair<'_>) -> Result<()> {
    let count = |tree: &Tree| number(tree, "vcpu").max(1);
    pair.same_number(
        count(pair.source),
        count(pair.target),
        "Target domain vCPU max {target} does not match source {source}",
    )?;
    for at in 0..count(pair.source) {
        let states = (state(pair.source, at), state(pair.target, at));
        if states.0.0 != states.1.0 {
            let sentence = format!("State of vCPU '{at}' differs between source and destination definitions");
            return Err(unsupported(sentence));
        }
        if states.0.1 != states.1.1 {
            let sentence = format!(
                "vcpu enable order of vCPU '{at}' differs between source and destination definitions"
            );
            return Err(unsupported(sentence));
        }
    }
    Ok(())
}

/// Whether a processor is online, and as which it was switched on.
fn state(domain: &Tree, at: u64) -> (bool, u64) {
    let known = domain.child("vcpus").map(|vcpus| named(vcpus, "vcpu")).unwrap_or_default();
    match known.into_iter().find(|vcpu| number(vcpu, "@id") == at) {
        Some(vcpu) => (vcpu.attr("enabled") == Some("yes"), number(vcpu, "@order")),
        None => {
            let current = domain.value("vcpu/@current").map_or(u64::MAX, |_| number(domain, "vcpu/@current"));
            (at < current, 0)
        }
    }
}

pub(super) fn model(pair: Pair<'_>) -> Result<()> {
    compare(pair).map_err(|error| error.in_domain(ErrorDomain::CPU))
}

const ADDRESSES: &str = "Target CPU maxphysaddr does not match source";

fn compare(pair: Pair<'_>) -> Result<()> {
    let (source, target) = pair.has("cpu");
    if source != target {
        return Err(unsupported_cpu("Target CPU does not match source"));
    }
    let cpu = pair.below("cpu");
    cpu.check(&[
        row("@mode", "custom", "Target CPU mode {target} does not match source {source}"),
        row("@check", UNSET, "Target CPU check {target} does not match source {source}"),
        row("model", NULL, "Target CPU model {target} does not match source {source}"),
        row("vendor", NULL, "Target CPU vendor {target} does not match source {source}"),
        row("model/@vendor_id", NULL, "Target CPU vendor id {target} does not match source {source}"),
        row("topology/@sockets", "0", "Target CPU sockets {target} does not match source {source}"),
        row("topology/@dies", "0", "Target CPU dies {target} does not match source {source}"),
        row("topology/@clusters", "0", "Target CPU clusters {target} does not match source {source}"),
        row("topology/@cores", "0", "Target CPU cores {target} does not match source {source}"),
        row("topology/@threads", "0", "Target CPU threads {target} does not match source {source}"),
    ])?;
    if cpu.source.child("cache") != cpu.target.child("cache") {
        return Err(unsupported_cpu("Target CPU cache does not match source"));
    }
    if cpu.has("maxphysaddr").0 != cpu.has("maxphysaddr").1 {
        return Err(unsupported_cpu(ADDRESSES));
    }
    cpu.check(&[row("maxphysaddr/@mode", "", ADDRESSES), row("maxphysaddr/@bits", "", ADDRESSES)])?;
    for feature in cpu.all("feature", "Target CPU feature count {target} does not match source {source}")? {
        feature.check(&[
            row("@name", NULL, "Target CPU feature {target} does not match source {source}"),
            row("@policy", NULL, "Target CPU feature policy {target} does not match source {source}"),
        ])?;
    }
    Ok(())
}
