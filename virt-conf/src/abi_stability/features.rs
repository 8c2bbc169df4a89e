//! `<features>`, in libvirt's order and words.

use super::{Pair, UNSET, number, row};
use crate::error::unsupported;
use crate::tree::Tree;
use crate::xml::Result;

/// What libvirt looks at of a feature.
enum Look {
    /// Whether it is on.
    State,
    /// The value of that attribute alone, which has another word for nothing.
    Value(&'static str, &'static str),
    /// Whether it is on, and further attributes with their words for nothing.
    With(&'static [(&'static str, &'static str, &'static str)]),
}

/// In the order of libvirt's list of features.
const FEATURES: &[(&str, Look)] = &[
    ("acpi", Look::State),
    ("apic", Look::With(&[("eoi", "@eoi", UNSET)])),
    ("pae", Look::State),
    ("hap", Look::State),
    ("viridian", Look::State),
    ("privnet", Look::State),
    ("hyperv", Look::State),
    ("kvm", Look::State),
    ("pvspinlock", Look::State),
    ("capabilities", Look::Value("policy", "default")),
    ("pmu", Look::State),
    ("vmport", Look::State),
    ("gic", Look::With(&[("version", "@version", "none")])),
    ("smm", Look::State),
    ("ioapic", Look::Value("driver", "none")),
    ("hpt", Look::With(&[("resizing", "@resizing", "none"), ("maxpagesize", "maxpagesize", "0")])),
    ("vmcoreinfo", Look::State),
    ("htm", Look::State),
    ("nested-hv", Look::State),
    ("ccf-assist", Look::State),
    ("xen", Look::State),
    ("cfpc", Look::Value("value", "none")),
    ("sbbc", Look::Value("value", "none")),
    ("ibs", Look::Value("value", "none")),
    ("ras", Look::State),
    ("ps2", Look::State),
    ("aia", Look::Value("value", "none")),
];

/// In the order of libvirt's list.
const HYPERV: &[&str] = &[
    "relaxed",
    "vapic",
    "spinlocks",
    "vpindex",
    "runtime",
    "synic",
    "stimer",
    "reset",
    "vendor_id",
    "frequencies",
    "reenlightenment",
    "tlbflush",
    "ipi",
    "evmcs",
    "avic",
    "emsr_bitmap",
    "xmm_input",
];

const KVM: &[&str] = &["hidden", "hint-dedicated", "poll-control", "pv-ipi", "dirty-ring"];

pub(super) fn check(pair: Pair<'_>) -> Result<()> {
    let features = pair.below("features");
    for (name, look) in FEATURES {
        let shown = |tree: &Tree| match look {
            Look::State => state(tree, name).to_owned(),
            Look::Value(attr, absent) => {
                let value = tree.child(name).and_then(|feature| feature.attr(attr)).unwrap_or(absent);
                format!("{attr}={value}")
            }
            Look::With(more) => {
                let mut shown = state(tree, name).to_owned();
                for (label, path, absent) in *more {
                    let value = tree.child(name).and_then(|feature| feature.value(path)).unwrap_or(absent);
                    shown += &format!(",{label}={value}");
                }
                shown
            }
        };
        let sentence =
            format!("State of feature '{name}' differs: source: '{{source}}', destination: '{{target}}'");
        pair.same(&shown(features.source), &shown(features.target), &sentence)?;
    }
    hyperv(features)?;
    xen(features)?;
    kvm(features)?;
    smm(features)
}

/// Whether a feature is on: by its attribute `state`, or by being there at all. Hyper-V's has a mode.
fn state<'a>(features: &'a Tree, name: &str) -> &'a str {
    let Some(feature) = features.child(name) else { return UNSET };
    match name {
        // Modes are counted as switches are: none, custom, passthrough and default, on, off.
        "hyperv" if feature.attr("mode") == Some("passthrough") => "off",
        _ => feature.attr("state").unwrap_or("on"),
    }
}

fn hyperv(features: Pair<'_>) -> Result<()> {
    if features.source.child("hyperv").is_none() {
        return Ok(());
    }
    let hyperv = features.below("hyperv");
    for name in HYPERV {
        match *name {
            "spinlocks" => hyperv.check(&[row(
                "spinlocks/@retries",
                "0",
                "HyperV spinlock retry count differs: source: '{source}', destination: '{target}'",
            )])?,
            "vendor_id" => hyperv.check(&[row(
                "vendor_id/@value",
                super::NIL,
                "HyperV vendor_id differs: source: '{source}', destination: '{target}'",
            )])?,
            _ => {
                let sentence = format!(
                    "State of HyperV enlightenment feature '{name}' differs: source: '{{source}}', destination: '{{target}}'"
                );
                hyperv.same(state(hyperv.source, name), state(hyperv.target, name), &sentence)?;
            }
        }
    }
    if state(hyperv.source, "stimer") == "on" {
        let stimer = hyperv.below("stimer");
        let sentence =
            "State of HyperV stimer direct feature differs: source: '{source}', destination: '{target}'";
        hyperv.same(state(stimer.source, "direct"), state(stimer.target, "direct"), sentence)?;
    }
    Ok(())
}

fn xen(features: Pair<'_>) -> Result<()> {
    if features.source.child("xen").is_none() {
        return Ok(());
    }
    let xen = features.below("xen");
    for name in ["e820_host", "passthrough"] {
        let sentence =
            format!("State of Xen feature '{name}' differs: source: '{{source}}', destination: '{{target}}'");
        xen.same(state(xen.source, name), state(xen.target, name), &sentence)?;
    }
    xen.check(&[row(
        "passthrough/@mode",
        "default",
        "'mode' of Xen passthrough feature differs: source: '{source}', destination: '{target}'",
    )])
}

fn kvm(features: Pair<'_>) -> Result<()> {
    if features.source.child("kvm").is_none() {
        return Ok(());
    }
    let kvm = features.below("kvm");
    for name in KVM {
        let sentence =
            format!("State of KVM feature '{name}' differs: source: '{{source}}', destination: '{{target}}'");
        kvm.same(state(kvm.source, name), state(kvm.target, name), &sentence)?;
    }
    // libvirt has no name left for the feature here.
    kvm.check(&[row(
        "dirty-ring/@size",
        "0",
        "dirty ring size of KVM feature '(null)' differs: source: '{source}', destination: '{target}'",
    )])
}

fn smm(features: Pair<'_>) -> Result<()> {
    if state(features.source, "smm") != "on" {
        return Ok(());
    }
    let smm = features.below("smm");
    let (source, target) = smm.has("tseg");
    if source != target {
        let word = |specified| if specified { "specified" } else { "not specified" };
        return Err(unsupported(format!(
            "SMM TSEG differs: source: {}, destination: '{}'",
            word(source),
            word(target)
        )));
    }
    let size = |tree: &Tree| {
        let unit = tree.value("tseg/@unit").unwrap_or("B");
        format!("{} {unit}", number(tree, "tseg"))
    };
    smm.same(
        &size(smm.source),
        &size(smm.target),
        "Size of SMM TSEG size differs: source: '{source}', destination: '{target}'",
    )
}
