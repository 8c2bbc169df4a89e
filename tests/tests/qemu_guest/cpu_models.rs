//! Processors that a guest asks for, and those that it gets.

use virt_core::{DestroyDomain, DomainCapabilitiesRequest, DomainXml, StartDomain};
use virt_tests::skip;

use crate::lab::{Lab, bare};

/// A guest with this processor; nothing, said aloud, where there is no QEMU.
fn lab(cpu: &str) -> Result<Lab, String> {
    Lab::new(&bare("").replace("<cpu mode='maximum'/>", cpu))
}

/// What stands between two words of a text.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let behind = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}")).1;
    behind.split_once(end).unwrap_or_else(|| panic!("no {end} in {behind}")).0
}

/// The features of a document, by their policy.
fn features<'a>(text: &'a str, policy: &str) -> Vec<&'a str> {
    let start = format!("<feature policy='{policy}' name='");
    text.lines().filter_map(|line| line.trim().strip_prefix(start.as_str())?.strip_suffix("'/>")).collect()
}

#[test]
fn host_model_is_a_named_model_with_features() {
    let lab = match lab("<cpu mode='host-model'/>") {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let request = DomainCapabilitiesRequest {
        virtualization: Some("qemu".into()),
        ..DomainCapabilitiesRequest::default()
    };
    let offered = lab.connection.domain_capabilities(request).expect("asked");
    let offered = between(&offered, "<mode name='host-model' supported='yes'>", "</mode>").to_owned();
    let plan = lab.domain.plan(StartDomain::PAUSED).expect("planned");
    lab.domain.start(StartDomain::PAUSED).expect("started");
    let live = lab.domain.xml(DomainXml::empty()).expect("described");
    let live = between(&live, "<cpu mode='custom' match='exact' check='full'>", "</cpu>").to_owned();
    let model = between(&live, "<model fallback='forbid'>", "</model>");
    assert!(offered.contains(&format!("<model fallback='forbid'>{model}</model>")), "{offered}");
    // Emulation gives what it promised, so that guest, command line and capabilities agree.
    let required = features(&live, "require");
    assert!(required.contains(&"hypervisor"), "{live}");
    assert_eq!(required, features(&offered, "require"));
    assert_eq!(features(&live, "disable"), features(&offered, "disable"));
    assert!(plan.contains(&format!("{model},")), "{plan}");
    assert!(plan.contains("hypervisor=on"), "{plan}");
    // The definition still follows the host.
    let definition = lab.domain.xml(DomainXml::INACTIVE).expect("described");
    assert!(definition.contains("<cpu mode='host-model' check='partial'/>"), "{definition}");
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

#[test]
fn the_live_definition_names_what_the_guest_got() {
    let lab = match lab("<cpu mode='custom' match='exact'><model>Haswell</model></cpu>") {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    lab.domain.start(StartDomain::PAUSED).expect("started");
    let live = lab.domain.xml(DomainXml::empty()).expect("described");
    let live = between(&live, "<cpu mode='custom' match='exact' check='full'>", "</cpu>");
    assert!(features(live, "require").contains(&"hypervisor"), "{live}");
    // Emulation has never had transactions.
    assert!(features(live, "disable").contains(&"rtm"), "{live}");
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

#[test]
fn a_guest_that_would_not_get_what_it_asks_for_does_not_start() {
    let cases = [
        (
            "<cpu mode='custom' match='exact' check='full'><model>Haswell</model></cpu>",
            "operation failed: guest CPU doesn't match specification: extra features: ",
        ),
        (
            "<cpu mode='custom' match='exact' check='partial'><model>Haswell</model></cpu>",
            "the CPU is incompatible with host CPU: Host CPU does not provide required features: ",
        ),
        (
            "<cpu mode='host-model'><feature policy='require' name='rtm'/></cpu>",
            "the CPU is incompatible with host CPU: Host CPU does not provide required features: rtm",
        ),
        (
            "<cpu mode='maximum' check='full'><feature policy='require' name='rtm'/></cpu>",
            "operation failed: guest CPU doesn't match specification: missing features: rtm",
        ),
    ];
    for (cpu, sentence) in cases {
        let lab = match lab(cpu) {
            Ok(lab) => lab,
            Err(reason) => skip!("{reason}"),
        };
        let error = lab.domain.start(StartDomain::PAUSED).expect_err(cpu);
        assert!(error.to_string().starts_with(sentence), "{error}");
        lab.assert_clean();
    }
}

#[test]
fn maximum_is_everything_that_emulation_has() {
    let lab = match lab("<cpu mode='maximum'/>") {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    lab.domain.start(StartDomain::PAUSED).expect("started");
    let live = lab.domain.xml(DomainXml::empty()).expect("described");
    assert!(live.contains("<cpu mode='maximum' check='none'/>"), "{live}");
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}
