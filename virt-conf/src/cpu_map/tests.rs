//! What the tables say, and what is made of them.

use super::*;
use crate::model::{Cpu, CpuFeature, CpuFeaturePolicy, CpuMode, CpuModel};

fn read(features: &str, models: &str) -> CpuMap {
    CpuMap::read(features, models).expect("the tables are right")
}

const FEATURES: &str = "
cpuid 0x1 ecx
  0 one
  1 two
  2 three pinned
cpuid 0x7.1 edx
  5 four
msr 0x10a eax
  31 five
";

const MODELS: &str = "
vendor Maker MakerOfChips
vendor Other OtherMaker12
model Old
  vendor Maker
  decode host guest
  features +one
model Middle like Old
  signature 6/10/0-3
  decode host guest
  features +two +four
  later +five
model New like Middle
  signature 6/11
  decode host guest
  features -four +five
  gone +four
model Foreign
  vendor Other
  decode host guest
  features +one +two +five
";

fn processor(map: &CpuMap, model: u32, features: &[&str]) -> Processor {
    let mut processor = Processor::new(Some("MakerOfChips".into()), 6, model, 0);
    for name in features {
        processor.features.insert(map.feature_id(name).expect("known"));
    }
    processor
}

fn spell(cpu: &Cpu) -> String {
    let mut text = cpu.model.as_ref().map(|model| model.name.clone()).unwrap_or_default();
    for feature in &cpu.features {
        let sign = if feature.policy == CpuFeaturePolicy::Disable { '-' } else { '+' };
        text.push_str(&format!(" {sign}{}", feature.name));
    }
    text
}

#[test]
fn the_shipped_tables_are_whole() {
    CpuMap::read(include_str!("x86-features.txt"), include_str!("x86-models.txt")).expect("readable");
    let map = CpuMap::x86();
    let haswell = map.model("Haswell").expect("known");
    assert_eq!(haswell.vendor(), Some("Intel"));
    assert!(haswell.features().contains(map.feature_id("avx2").expect("known")));
    assert!(!map.feature(map.feature_id("invtsc").expect("known")).expect("known").migratable);
    assert!(map.models().iter().all(|model| {
        model.vendor().is_none_or(|vendor| map.vendors.iter().any(|known| known.name == vendor))
    }));
}

#[test]
fn lines_that_make_no_sense_are_named() {
    for (features, models) in [
        ("cpuid 1", ""),
        ("  1 early", ""),
        ("cpuid 0x1 eex", ""),
        (FEATURES, "model New like Nothing"),
        (FEATURES, "model One\n  features one"),
        (FEATURES, "model One\n  features +unknown"),
        (FEATURES, "model One\n  colour red"),
    ] {
        CpuMap::read(features, models).expect_err(models);
    }
}

#[test]
fn the_model_with_the_processors_signature_wins() {
    let map = read(FEATURES, MODELS);
    let found = |model, features: &[&str]| {
        map.decode(&processor(&map, model, features), Role::Guest, None).map(|cpu| spell(&cpu))
    };
    assert_eq!(found(10, &["one", "two", "four"]).as_deref(), Some("Middle"));
    // Without the signature, the fewest changes count.
    assert_eq!(found(99, &["one", "three"]).as_deref(), Some("Old +three"));
    // What the model once had is named.
    assert_eq!(found(11, &["one", "two", "five"]).as_deref(), Some("New -four"));
    assert_eq!(found(11, &["one", "two", "four", "five"]).as_deref(), Some("New +four"));
}

#[test]
fn a_host_has_everything_of_its_model() {
    let map = read(FEATURES, MODELS);
    let found = map.decode(&processor(&map, 11, &["one", "two"]), Role::Host, None).expect("one fits");
    assert_eq!(spell(&found), "Old +two");
}

#[test]
fn the_hypervisors_models_and_their_blockers_count() {
    let map = read(FEATURES, MODELS);
    let blockers = ["three".to_owned()];
    let offered =
        [Candidate { name: "Middle", blockers: &blockers }, Candidate { name: "Foreign", blockers: &[] }];
    let found = map.decode(&processor(&map, 11, &["one", "two"]), Role::Guest, Some(&offered)).expect("fits");
    assert_eq!(spell(&found), "Middle -three -four");
    assert!(map.decode(&processor(&map, 11, &["one"]), Role::Guest, Some(&offered[1..])).is_none());
}

fn named(name: &str, features: &[(&str, CpuFeaturePolicy)]) -> Cpu {
    Cpu {
        mode: Some(CpuMode::Custom),
        model: Some(CpuModel { name: name.into(), ..CpuModel::default() }),
        features: features
            .iter()
            .map(|(name, policy)| CpuFeature { policy: *policy, name: (*name).into() })
            .collect(),
        ..Cpu::default()
    }
}

#[test]
fn host_model_becomes_the_hosts_model() {
    let map = read(FEATURES, MODELS);
    let host = named("Middle", &[("three", CpuFeaturePolicy::Require)]);
    let mut guest = named("", &[("two", CpuFeaturePolicy::Disable), ("one", CpuFeaturePolicy::Optional)]);
    guest.mode = Some(CpuMode::HostModel);
    map.update(&mut guest, Some(&host)).expect("known");
    assert_eq!(spell(&guest), "Middle +three -two +one");
    assert_eq!(guest.mode, Some(CpuMode::Custom));
    let mut alone = named("New", &[("three", CpuFeaturePolicy::Optional)]);
    let error = map.update(&mut alone.clone(), None).expect_err("depends on a host");
    assert_eq!(error.message(), "unsupported configuration: unknown host CPU model");
    map.update(&mut alone, Some(&named("Old", &[]))).expect("known");
    assert_eq!(spell(&alone), "New -three -four");
}

#[test]
fn a_model_that_the_hypervisor_lacks_is_translated() {
    let map = read(FEATURES, MODELS);
    let offered = [Candidate { name: "Old", blockers: &[] }];
    let mut cpu = named("Middle", &[]);
    map.translate(&mut cpu, &offered).expect("Old comes close");
    assert_eq!(spell(&cpu), "Old +two +four");
    let mut strict = named("Middle", &[]);
    strict.model.as_mut().expect("named").fallback = Some(crate::model::CpuFallback::Forbid);
    let error = map.translate(&mut strict, &offered).expect_err("it insists");
    assert_eq!(error.message(), "unsupported configuration: CPU model Middle is not supported by hypervisor");
}
