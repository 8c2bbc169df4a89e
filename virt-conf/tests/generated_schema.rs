//! What models write, filled in at random through what they know of themselves, against libvirt's schemas: every element, attribute
//! and spelling that a model writes occurs in a document that the schema accepts, or is an exception with a reason.
//!
//! The schemas are those of the corpus, in VIRT_CORPUS. With VIRT_GENERATED set guests are tried, too, which takes minutes. VIRT_GENERATED_OPEN, a file, is written anew with what is not accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use virt_conf::document::{KINDS, Kind};
use virt_conf::tree::Tree;
use virt_conf::xml::{Kind as Spelled, List, Shape};
use virt_conf_generate::{Manner, Rng, features, fill, parse, places, value};

/// The documents that have a schema of their own: the model, the schema, and a document to begin with that it accepts.
const SCHEMAS: &[(&str, &str, &str)] = &[
    (
        "Capabilities",
        "capability",
        "<capabilities><host><cpu><arch>x86_64</arch></cpu></host></capabilities>",
    ),
    ("CpuDocument", "cpu", "<cpu match='exact'><model>Haswell</model></cpu>"),
    (
        "Domain",
        "domain",
        "<domain type='kvm'><name>web</name><memory>1024</memory><os><type arch='x86_64' machine='q35'>hvm</type></os><devices><disk type='file'><source file='/web.img'/><target dev='vda'/></disk><interface type='network'><source network='lan'/></interface></devices></domain>",
    ),
    (
        "DomainBackup",
        "domainbackup",
        "<domainbackup mode='push'><disks><disk name='vda' type='file'><target file='/web.copy'/></disk></disks></domainbackup>",
    ),
    (
        "DomainCapabilities",
        "domaincaps",
        "<domainCapabilities><path>/usr/bin/qemu-system-x86_64</path><domain>kvm</domain><arch>x86_64</arch><devices/><features/></domainCapabilities>",
    ),
    (
        "DomainCheckpoint",
        "domaincheckpoint",
        "<domaincheckpoint><name>one</name><disks><disk name='vda'/></disks></domaincheckpoint>",
    ),
    (
        "DomainSnapshot",
        "domainsnapshot",
        "<domainsnapshot><name>one</name><disks><disk name='vda' snapshot='external'/></disks></domainsnapshot>",
    ),
    ("HostInterface", "interface", "<interface type='ethernet' name='eth0'/>"),
    (
        "Network",
        "network",
        "<network><name>lan</name><forward mode='nat'/><ip address='192.0.2.1' netmask='255.255.255.0'/></network>",
    ),
    (
        "NetworkPort",
        "networkport",
        "<networkport><uuid>c7a5fdbd-cdaf-9455-926a-d65c16db1809</uuid><owner><name>web</name><uuid>8b3f4dc4-6a8e-5f9b-94a5-4c35babd8d95</uuid></owner><mac address='52:54:00:12:34:56'/></networkport>",
    ),
    (
        "NodeDevice",
        "nodedev",
        "<device><name>one</name><capability type='net'><interface>eth0</interface></capability></device>",
    ),
    ("NwFilter", "nwfilter", "<filter name='one'><rule action='accept' direction='in'/></filter>"),
    (
        "NwFilterBinding",
        "nwfilterbinding",
        "<filterbinding><owner><name>web</name><uuid>8b3f4dc4-6a8e-5f9b-94a5-4c35babd8d95</uuid></owner><portdev name='vnet0'/><mac address='52:54:00:12:34:56'/><filterref filter='one'/></filterbinding>",
    ),
    ("Secret", "secret", "<secret><usage type='volume'><volume>/web.img</volume></usage></secret>"),
    (
        "StoragePool",
        "storagepool",
        "<pool type='dir'><name>one</name><target><path>/one</path></target></pool>",
    ),
    (
        "StoragePoolCapabilities",
        "storagepoolcaps",
        "<storagepoolCapabilities><pool type='dir' supported='yes'/></storagepoolCapabilities>",
    ),
    (
        "StorageVolume",
        "storagevol",
        "<volume type='file'><name>one</name><capacity>1024</capacity><target><path>/one/one</path></target></volume>",
    ),
];

/// How many values are tried where there is no fixed set of them, and how much besides what it must have an element is given.
const VALUES: usize = 6;
const PLENTY: [u8; 8] = [0, 0, 0, 1, 2, 4, 8, 12];

/// How deep below the first document others are looked for.
const ROUNDS: usize = 7;

/// A document that was made up, and what its model writes.
struct Sample {
    tree: Tree,
    written: String,
    features: BTreeSet<String>,
}

fn sample(kind: &'static Kind, tree: Tree) -> Option<Sample> {
    let written = kind.rewrite(&tree.to_xml(), true).ok()?.text;
    let features = features(&parse(&written, kind.describe)?, kind.describe);
    Some(Sample { tree, written, features })
}

/// Which of these documents the schema accepts.
fn accepted(schema: &Path, samples: &[Sample]) -> Vec<bool> {
    let place = tempfile::tempdir().unwrap();
    let mut accepted = vec![false; samples.len()];
    for (part, samples) in samples.chunks(500).enumerate() {
        let mut command = Command::new("xmllint");
        command.args(["--noout", "--relaxng"]).arg(schema).current_dir(place.path());
        for (number, sample) in samples.iter().enumerate() {
            let name = (part * 500 + number).to_string();
            fs::write(place.path().join(&name), &sample.written).unwrap();
            command.arg(name);
        }
        let said = command.output().unwrap();
        for line in String::from_utf8_lossy(&said.stderr).lines() {
            if let Some(name) = line.strip_suffix(" validates") {
                accepted[name.parse::<usize>().unwrap()] = true;
            }
        }
    }
    accepted
}

/// What one addition to an accepted document makes of it: each attribute, each spelling, each child of each of its elements that was not
/// looked at before.
fn additions(kind: &'static Kind, tree: &Tree, seen: &mut BTreeSet<String>) -> Vec<(String, Sample)> {
    let mut found = Vec::new();
    let mut add = |feature: String, way: &[usize], change: &dyn Fn(&mut Tree)| {
        let mut next = tree.clone();
        if let Some(element) = way.iter().try_fold(&mut next, |tree, step| tree.children.get_mut(*step)) {
            change(element);
        }
        found.extend(
            sample(kind, next).filter(|sample| sample.features.contains(&feature)).map(|new| (feature, new)),
        );
    };
    for (way, path, describe) in places(tree, kind.describe) {
        // A guest inside another document is the guest's own schema's matter.
        if path.contains("/domain") || path.contains("/inactiveDomain") {
            continue;
        }
        let Some(element) = way.iter().try_fold(tree, |tree, step| tree.children.get(*step)) else {
            continue;
        };
        // What picks a variant makes another element of it.
        let shape = Shape::undecided(describe);
        let tags: Vec<_> = shape.tags().iter().map(|tag| (tag.name, element.attr(tag.name))).collect();
        if !seen.insert(format!("{path} {tags:?}")) {
            continue;
        }
        let shape = element.shape(describe);
        for (name, about) in shape.attrs() {
            let path = format!("{path}/@{name}");
            for (value, spelled) in values(&path, about.kind) {
                let feature = if spelled { format!("{path}={value}") } else { path.clone() };
                add(feature, &way, &|element| {
                    element.attrs.retain(|(known, _)| known != name);
                    element.attrs.push(((*name).to_owned(), value.clone()));
                });
            }
        }
        for child in shape.children() {
            let again = path.rsplit('/').next() == Some(child.name);
            let feature = if again { path.clone() } else { format!("{path}/{}", child.name) };
            for (number, plenty) in PLENTY.into_iter().enumerate() {
                let mut rng = Rng::with_seed(seed(&feature) + number as u64);
                let new = fill(child.name, child.inside, &mut rng, Manner::Tame, plenty, way.len());
                add(feature.clone(), &way, &|element| {
                    if matches!(child.list, List::No) {
                        element.children.retain(|known| known.name != child.name);
                    }
                    element.children.push(new.clone());
                });
            }
        }
    }
    found
}

/// What is tried of a kind of value, and whether it is one of a fixed set.
fn values(path: &str, kind: Spelled) -> Vec<(String, bool)> {
    match kind {
        Spelled::OneOf(all) => all.iter().map(|spelling| (spelling.name.to_owned(), true)).collect(),
        Spelled::YesNo => ["yes", "no"].map(|word| (word.to_owned(), true)).to_vec(),
        _ => {
            let mut rng = Rng::with_seed(seed(path));
            (0..VALUES).map(|_| (value(path, kind, &mut rng, Manner::Tame), false)).collect()
        }
    }
}

/// Random numbers for one thing do not depend on what else a model has.
fn seed(path: &str) -> u64 {
    path.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) >> 8
}

/// The features that were written and no accepted document has, with the simplest document that has them.
fn refused(kind: &'static Kind, schema: &Path, begun: &str) -> BTreeMap<String, String> {
    let mut seen = BTreeSet::new();
    let mut good = BTreeSet::new();
    let mut bad: BTreeMap<String, String> = BTreeMap::new();
    let mut next = vec![kind.read(begun).unwrap()];
    for _ in 0..ROUNDS {
        let tried: Vec<_> = next.iter().flat_map(|tree| additions(kind, tree, &mut seen)).collect();
        let (aims, samples): (Vec<_>, Vec<_>) = tried.into_iter().unzip();
        next.clear();
        for ((aim, sample), accepted) in aims.iter().zip(&samples).zip(accepted(schema, &samples)) {
            if accepted {
                // One document for each thing that is new is enough to go on from.
                if good.insert(aim.clone()) {
                    next.push(sample.tree.clone());
                }
                good.extend(sample.features.iter().cloned());
            } else {
                let shortest = bad.entry(aim.clone()).or_insert_with(|| sample.written.clone());
                if sample.written.len() < shortest.len() {
                    shortest.clone_from(&sample.written);
                }
            }
        }
    }
    bad.retain(|feature, _| !good.contains(feature));
    bad
}

/// The lines of a list, each a feature and, behind a tab, a reason.
fn list(name: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let text = fs::read_to_string(&file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split('\t').next().unwrap_or(line).to_owned()).collect()
}

#[test]
fn what_models_write_is_accepted_by_the_schemas() {
    let Some(schemas) = std::env::var_os("VIRT_CORPUS").map(|corpus| PathBuf::from(corpus).join("schemas"))
    else {
        println!("skipped: there are no schemas here: VIRT_CORPUS names the directory above them");
        return;
    };
    if Command::new("xmllint").arg("--version").output().is_err() {
        println!("skipped: there is no xmllint");
        return;
    }
    let known: Vec<String> =
        ["schema-exceptions.tsv", "schema-open.txt"].iter().flat_map(|name| list(name)).collect();
    let only = std::env::var("VIRT_GENERATED_KIND").ok();
    let mut all = BTreeMap::new();
    // A guest has more parts than can be tried in seconds.
    let all_kinds = std::env::var_os("VIRT_GENERATED").is_some() || only.is_some();
    for (model, schema, begun) in
        SCHEMAS.iter().filter(|(model, _, _)| only.as_deref().is_none_or(|only| only == *model))
    {
        if *model == "Domain" && !all_kinds {
            println!("Domain: not without VIRT_GENERATED");
            continue;
        }
        let kind = KINDS.iter().find(|kind| kind.model == *model).unwrap();
        let found = refused(kind, &schemas.join(schema).with_extension("rng"), begun);
        println!("{model}: {} refused", found.len());
        all.extend(found);
    }
    if let Some(file) = std::env::var_os("VIRT_GENERATED_OPEN") {
        let lines: String = all.iter().map(|(feature, text)| format!("{feature}\n{text}\n")).collect();
        fs::write(file, lines).unwrap();
    }
    let is_known = |feature: &String| {
        known.iter().any(|known| {
            feature
                .strip_prefix(known.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '=']))
        })
    };
    let new: Vec<String> = all
        .iter()
        .filter(|(feature, _)| !is_known(feature))
        .map(|(feature, text)| format!("{feature}\n{text}"))
        .collect();
    assert!(new.is_empty(), "libvirt's schemas refuse these, and no list says so:\n{}", new.join("\n"));
}
