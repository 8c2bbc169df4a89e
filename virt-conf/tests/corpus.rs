//! What must hold of every document, of those that libvirt's own tests, its documentation and other programs have: it comes back
//! from JSON and YAML, and what differs from another one is all that has to be changed. VIRT_CORPUS names the corpus.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use virt_conf::convert::Whole;
use virt_conf::document::{self, Kind};
use virt_conf::tree::Tree;
use virt_conf_generate::{Manner, check, check_pair, grow};

/// Every document that our reader accepts, by its file, the ones that go together behind each other.
fn documents(corpus: &Path) -> Vec<(PathBuf, &'static Kind, Tree, String)> {
    let manifest = std::fs::read_to_string(corpus.join("manifest.tsv")).unwrap();
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for line in manifest.lines().skip(1) {
        for name in line.split('\t').skip(2).take(2) {
            let path = corpus.join(name.strip_prefix("@visible/").unwrap_or(name));
            if path.extension().is_none_or(|extension| extension != "xml") {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let Ok(kind) = document::kind_of(&text) else { continue };
            let Ok(tree) = kind.read(&text) else { continue };
            if known.insert(path.clone()) {
                found.push((path, kind, tree, text));
            }
        }
    }
    found
}

/// Tries `law` on each item, and says of all that break it how.
fn hold<T>(items: &[T], name: impl Fn(&T) -> String, law: impl Fn(&T)) {
    let mut broken = Vec::new();
    for item in items {
        if let Err(said) = catch_unwind(AssertUnwindSafe(|| law(item))) {
            let text = said.downcast_ref::<String>().map_or("no words", String::as_str);
            broken.push(format!("{}: {text}", name(item)));
        }
    }
    println!("{} tried", items.len());
    assert!(!items.is_empty(), "the corpus has no such documents");
    assert!(broken.is_empty(), "{} of {}:\n{}", broken.len(), items.len(), broken.join("\n\n"));
}

fn corpus() -> Option<PathBuf> {
    let corpus = std::env::var_os("VIRT_CORPUS").map(PathBuf::from);
    if corpus.is_none() {
        println!("skipped: VIRT_CORPUS does not name the corpus");
    }
    corpus
}

#[test]
fn every_document_comes_back_from_json_and_yaml() {
    let Some(corpus) = corpus() else { return };
    hold(
        &documents(&corpus),
        |it| it.0.display().to_string(),
        |(_, kind, tree, text)| {
            check(kind, text);
            let Ok(written) = kind.write(tree) else { return };
            let yaml = serde_norway::to_string(&Whole { kind, tree: tree.clone() }).unwrap();
            let again: Whole =
                serde_norway::from_str(&yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
            assert_eq!(kind.write(&again.tree).unwrap(), written, "YAML changes it: {yaml}");
        },
    );
}

#[test]
fn what_differs_is_all_that_has_to_be_changed() {
    let Some(corpus) = corpus() else { return };
    let documents = documents(&corpus);
    let neighbours: Vec<_> = documents.windows(2).filter(|pair| pair[0].1.model == pair[1].1.model).collect();
    let names = |pair: &&[(PathBuf, &Kind, Tree, String)]| {
        format!("{} and {}", pair[0].0.display(), pair[1].0.display())
    };
    hold(&neighbours, names, |pair| check_pair(pair[0].1, &pair[0].2, &pair[1].2));
    hold(
        &documents,
        |it| it.0.display().to_string(),
        |(_, kind, tree, text)| {
            let seed = text.len() as u64;
            let other = grow(kind, tree.clone(), &[seed, seed + 1, seed + 2, seed + 3], Manner::Tame);
            let Ok(other) = kind.read(&other.to_xml()) else { return };
            if kind.write(tree).is_ok() && kind.write(&other).is_ok() {
                check_pair(kind, tree, &other);
            }
        },
    );
}
