//! What a document says, piece by piece: so that a test can tell which piece of it is to blame.

use std::collections::BTreeSet;

use virt_conf::tree::Tree;
use virt_conf::xml::{Describe, Kind};

/// Every element, attribute and fixed spelling in a document: `disk/source`, `disk/@type`, `disk/@type=file`. Of elements
/// that are nested in their own kind, all levels are one.
pub fn features(tree: &Tree, describe: Describe) -> BTreeSet<String> {
    fn spelled(kind: Kind) -> bool {
        matches!(kind, Kind::OneOf(_) | Kind::YesNo)
    }
    fn walk(tree: &Tree, describe: Describe, path: &str, found: &mut BTreeSet<String>) {
        let shape = tree.shape(describe);
        for (name, text) in &tree.attrs {
            let path = format!("{path}/@{name}");
            if shape.find_attr(name).is_some_and(|about| spelled(about.kind)) {
                found.insert(format!("{path}={text}"));
            }
            found.insert(path);
        }
        if shape.own_text().is_some_and(|about| spelled(about.kind)) {
            found.insert(format!("{path}={}", tree.text));
        }
        for child in &tree.children {
            let path = below(path, &child.name);
            if let Some(known) = shape.find_child(&child.name).filter(|_| child.foreign.is_none()) {
                walk(child, known.inside, &path, found);
            }
            found.insert(path);
        }
    }
    let mut found = BTreeSet::from([tree.name.clone()]);
    walk(tree, describe, &tree.name, &mut found);
    found
}

/// Every element that a model knows: the numbers of the children on the way to it, its path as in [`features`], and what describes it.
pub fn places(tree: &Tree, describe: Describe) -> Vec<(Vec<usize>, String, Describe)> {
    let mut found = vec![(Vec::new(), tree.name.clone(), describe)];
    let mut next = 0;
    while let Some((way, path, describe)) = found.get(next).cloned() {
        next += 1;
        let Some(element) = way.iter().try_fold(tree, |tree, step| tree.children.get(*step)) else {
            continue;
        };
        let shape = element.shape(describe);
        for (at, child) in element.children.iter().enumerate().filter(|(_, child)| child.foreign.is_none()) {
            if let Some(known) = shape.find_child(&child.name) {
                let path = below(&path, &child.name);
                found.push(([way.clone(), vec![at]].concat(), path, known.inside));
            }
        }
    }
    found
}

/// The path of a child; one of its parent's own kind is on the same level.
fn below(path: &str, child: &str) -> String {
    if path.rsplit('/').next() == Some(child) { path.to_owned() } else { format!("{path}/{child}") }
}
