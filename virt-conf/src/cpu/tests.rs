//! Processors of several architectures, by their documents.

use super::*;
use crate::cpu_map::FeatureSet;
use crate::model::{CpuCheck, CpuFeaturePolicy};
use crate::xml::{FormatOptions, ParseOptions, to_string};

fn read(text: &str) -> CpuDocument {
    CpuDocument::from_xml(text, &ParseOptions::default()).expect("a processor")
}

fn host(architecture: &str, inner: &str) -> HostCpu {
    format!("<cpu><arch>{architecture}</arch>{inner}</cpu>").parse().expect("a host's processor")
}

fn guest(text: &str) -> Cpu {
    match read(text) {
        CpuDocument::Guest(cpu) => *cpu,
        CpuDocument::Host(_) => panic!("{text} is a host's"),
    }
}

const PENRYN: &str = "<model>Penryn</model><vendor>Intel</vendor><feature name='vmx'/>";

/// How a host of Penryn with VMX compares with what is asked of it.
fn against_penryn(text: &str) -> std::result::Result<Comparison, String> {
    compare("x86_64", Some(&Cpu::from(&host("x86_64", PENRYN))), &read(text))
        .map_err(|error| error.to_string())
}

fn incompatible(reason: &str) -> std::result::Result<Comparison, String> {
    Ok(Comparison::Incompatible(reason.to_owned()))
}

#[test]
fn what_a_host_can_give() {
    use Comparison::{Identical, Superset};
    let cases = [
        ("<cpu match='exact'><model>Penryn</model></cpu>", Ok(Superset)),
        ("<cpu match='exact'><model>Penryn</model><feature name='vmx'/></cpu>", Ok(Identical)),
        ("<cpu><model>Penryn</model><feature name='vmx' policy='disable'/></cpu>", Ok(Identical)),
        ("<cpu><model>Penryn</model><feature name='vmx' policy='optional'/></cpu>", Ok(Identical)),
        (
            "<cpu match='strict'><model>Penryn</model></cpu>",
            incompatible("Host CPU does not strictly match guest CPU: Extra features: vmx"),
        ),
        (
            "<cpu><model>Penryn</model><feature name='vmx' policy='forbid'/></cpu>",
            incompatible("Host CPU provides forbidden features: vmx"),
        ),
        ("<cpu><model>Penryn</model><feature name='avx' policy='force'/></cpu>", Ok(Superset)),
        (
            "<cpu><model>Nehalem</model></cpu>",
            incompatible("Host CPU does not provide required features: sse4.2, popcnt"),
        ),
        (
            "<cpu><model>Penryn</model><vendor>AMD</vendor></cpu>",
            incompatible("host CPU vendor does not match required CPU vendor AMD"),
        ),
        (
            "<cpu><arch>ppc64</arch><model>POWER8</model></cpu>",
            incompatible("CPU arch ppc64 does not match host arch"),
        ),
        ("<cpu><arch>i686</arch><model>Penryn</model></cpu>", Ok(Superset)),
        ("<cpu><model>Nothing</model></cpu>", Err("internal error: Unknown CPU model Nothing".to_owned())),
        (
            "<cpu><model>Penryn</model><feature name='wings'/></cpu>",
            Err("internal error: Unknown CPU feature wings".to_owned()),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(against_penryn(text), expected, "{text}");
    }
}

#[test]
fn an_unknown_host_fits_nothing() {
    let unknown = compare("x86_64", None, &read("<cpu><model>Penryn</model></cpu>")).expect("compared");
    let error = unknown.or_refuse().expect_err("nothing is known of it");
    assert_eq!(error.code(), ErrorCode::CPU_INCOMPATIBLE);
    assert_eq!(error.to_string(), "the CPU is incompatible with host CPU: unknown host CPU");
    let error = compare("z80", None, &read("<cpu><model>x</model></cpu>")).expect_err("nobody knows it");
    assert_eq!(
        error.to_string(),
        "this function is not supported by the connection driver: 'z80' architecture is not supported by CPU driver"
    );
}

#[test]
fn what_hosts_have_in_common() {
    let common = |hosts: &[&str], options: BaselineOptions<'_>| {
        let cpus: Vec<Cpu> = hosts.iter().map(|inner| Cpu::from(&host("x86_64", inner))).collect();
        baseline("x86_64", &cpus, &options)
            .map(|cpu| to_string(&cpu, FormatOptions::default()))
            .map_err(|error| error.to_string())
    };
    let plain = BaselineOptions::default();
    assert_eq!(
        common(&[PENRYN, "<model>Nehalem</model><vendor>Intel</vendor>"], plain).expect("Penryn"),
        "<cpu mode='custom' match='exact'>\n  <model fallback='allow'>Penryn</model>\n  <vendor>Intel</vendor>\n</cpu>\n"
    );
    // One that says nothing of its maker silences the others.
    assert_eq!(
        common(&[PENRYN, "<model>Penryn</model>"], plain).expect("Penryn"),
        "<cpu mode='custom' match='exact'>\n  <model fallback='forbid'>Penryn</model>\n</cpu>\n"
    );
    let amd = "<model>Opteron_G1</model><vendor>AMD</vendor>";
    assert_eq!(common(&[PENRYN, amd], plain), Err("operation failed: CPU vendors do not match".to_owned()));
    let pinned = "<model>Penryn</model><vendor>Intel</vendor><feature name='invtsc'/>";
    let all = common(&[pinned], plain).expect("itself");
    assert!(all.contains("invtsc"), "{all}");
    let migratable = common(&[pinned], BaselineOptions { migratable: true, ..plain }).expect("itself");
    assert!(!migratable.contains("invtsc"), "{migratable}");
    let expanded = common(&[PENRYN], BaselineOptions { expand: true, ..plain }).expect("itself");
    assert!(expanded.contains("<feature policy='require' name='cx16'/>"), "{expanded}");
    let few =
        common(&[PENRYN], BaselineOptions { features: Some(&["fpu", "vmx"]), ..plain }).expect("little");
    assert!(few.contains("<feature policy='disable' name='cx16'/>"), "{few}");
    let none = common(&[PENRYN], BaselineOptions { features: Some(&[]), ..plain });
    assert_eq!(none, Err("operation failed: CPUs are incompatible".to_owned()));
    let error = baseline("x86_64", &[], &plain).expect_err("none");
    assert_eq!(error.to_string(), "invalid argument: no CPUs given");
    let error = baseline("s390x", &[guest("<cpu><model>z13</model></cpu>")], &plain).expect_err("nobody can");
    assert!(error.to_string().ends_with("cannot compute baseline CPU of s390x architecture"), "{error}");
}

#[test]
fn power_compares_names() {
    let host = Cpu::from(&host("ppc64", "<model>POWER8</model><vendor>IBM</vendor>"));
    let against = |text: &str| compare("ppc64", Some(&host), &read(text)).map_err(|error| error.to_string());
    assert_eq!(against("<cpu><model>POWER8_v1.0</model></cpu>"), Ok(Comparison::Identical));
    assert_eq!(
        against("<cpu><model>POWER7</model></cpu>"),
        incompatible("host CPU model does not match required CPU model POWER7")
    );
    // An older instruction set.
    assert_eq!(against("<cpu mode='host-model'><model>power7</model></cpu>"), Ok(Comparison::Identical));
    assert!(matches!(
        against("<cpu mode='host-model'><model>power9</model></cpu>"),
        Ok(Comparison::Incompatible(_))
    ));
    assert_eq!(
        against("<cpu mode='host-model'><model>power1</model></cpu>"),
        Err("internal error: Unknown compatibility mode power1".to_owned())
    );
    let mut old = guest("<cpu><model>POWER7+_v2.1</model></cpu>");
    convert_legacy("ppc64", &mut old);
    assert_eq!(old.model.as_ref().map(|model| model.name.as_str()), Some("POWER7"));
    let error = baseline("ppc64", &[host.clone(), old], &BaselineOptions::default()).expect_err("two");
    assert_eq!(error.to_string(), "operation failed: CPUs are incompatible");
    assert!(describe_power_host(0).is_none());
    assert_eq!(models("ppc64").expect("known").map(|models| models.len()), Some(7));
}

#[test]
fn what_the_registers_say() {
    let text = "<cpudata arch='x86'>
  <cpuid eax_in='0x0' eax='0xd' ebx='0x756e6547' ecx='0x6c65746e' edx='0x49656e69'/>
  <cpuid eax_in='0x1' eax='0x306a9' ecx='0x1' edx='0x2000000'/>
  <msr index='0x10a' eax='0x1' edx='0'/>
</cpudata>";
    let data: CpuData = text.parse().expect("data");
    let processor = data.processor(CpuMap::x86());
    assert_eq!(processor.vendor_id.as_deref(), Some("GenuineIntel"));
    assert_eq!((processor.family, processor.model, processor.stepping), (6, 58, 9));
    let names: Vec<_> = processor
        .features
        .iter()
        .filter_map(|id| CpuMap::x86().feature(id))
        .map(|known| &known.name)
        .collect();
    assert_eq!(names, ["pni", "sse", "rdctl-no"]);
    let signature = data.signature().expect("said");
    assert_eq!(signature.to_eax(), 0x306a9);
    assert_eq!(crate::model::CpuSignature::from_eax(0x0080_0f12).to_eax(), 0x0080_0f12);
    let error = describe_host(&data).expect_err("less than any model");
    assert_eq!(error.to_string(), "internal error: Cannot find suitable CPU model for given data");
    assert_eq!(data.to_string().parse::<CpuData>().expect("data"), data);
}

#[test]
fn a_guest_is_described_as_it_came_to_be() {
    let map = CpuMap::x86();
    let set = |names: &[&str]| {
        let mut set = FeatureSet::default();
        for name in names {
            set.insert(map.feature_id(name).expect("known"));
        }
        set
    };
    let asked = guest("<cpu match='exact'><model>486</model><feature name='avx'/></cpu>");
    let mut enabled = map.features_of(&guest("<cpu><model>486</model></cpu>")).expect("known");
    enabled.insert(map.feature_id("hypervisor").expect("known"));
    let mut live = asked.clone();
    map.update_live(&mut live, &enabled, &set(&["avx"])).expect("described");
    let policy =
        |name: &str| live.features.iter().find(|feature| feature.name == name).map(|found| found.policy);
    assert_eq!(policy("avx"), Some(CpuFeaturePolicy::Disable));
    assert_eq!(policy("hypervisor"), Some(CpuFeaturePolicy::Require));
    let mut strict = Cpu { check: CpuCheck::Full, ..asked };
    let error = map.update_live(&mut strict, &enabled, &set(&["avx"])).expect_err("it differs");
    assert_eq!(
        error.to_string(),
        "operation failed: guest CPU doesn't match specification: extra features: hypervisor, missing features: avx"
    );
    let mut all = guest("<cpu mode='maximum'><feature name='avx' policy='disable'/></cpu>");
    map.update_live(&mut all, &enabled, &FeatureSet::default()).expect("nothing was refused");
    assert_eq!(all.features.len(), 1, "what was not mentioned is not named");
}

#[test]
fn features_are_asked_for_by_name() {
    let host = host("x86_64", PENRYN);
    assert!(has_feature(&host, "vmx").expect("known"));
    assert!(!has_feature(&host, "avx").expect("known"));
    assert_eq!(
        has_feature(&host, "wings").expect_err("no feature").to_string(),
        "internal error: unknown CPU feature wings"
    );
    assert!(knows_feature("aarch64", "sve512") && !knows_feature("aarch64", "avx"));
    assert!(knows_feature("s390x", "anything") && knows_feature("x86_64", "avx"));
    assert_eq!(vendor_of("x86_64", "EPYC"), Some("AMD"));
}
