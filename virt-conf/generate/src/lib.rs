//! Documents made up from what the models of virt-conf know of themselves: for tests that no list of examples covers,
//! and as seeds and mutations for fuzzing.
//!
//! Every name and every spelling comes from a model's [`Shape`]: a field that is added to a model is
//! in the next document that is made up. [`grow`] begins with an element and adds to it, step by step, what the model's own reader
//! accepts; [`change`] does one such step, whether the outcome makes sense or not.

mod feature;
mod laws;
mod value;

use std::collections::BTreeSet;

pub use fastrand::Rng;
pub use feature::{features, places};
pub use laws::{check, check_pair};
pub use value::{Manner, value};
use virt_conf::document::Kind;
use virt_conf::tree::Tree;
use virt_conf::xml::{Describe, Kind as Spelled, RawElement, RawNode, Shape};

/// No model is nested deeper, but for chains of images, which are as long as one likes.
const DEPTH: usize = 8;

/// How often a document is begun anew until the reader accepts it.
const BEGINNINGS: u64 = 1200;

/// The simplest document of this kind that chance finds and its reader accepts, the same each time; `None` where there is none.
pub fn begin(kind: &Kind) -> Option<Tree> {
    (0..BEGINNINGS).find_map(|attempt| {
        // The first attempts say no more than they must.
        let plenty = (attempt / 60) as u8;
        let tree = fill(kind.root, kind.describe, &mut Rng::with_seed(attempt), Manner::Tame, plenty, 0);
        kind.read(&tree.to_xml()).is_ok().then_some(tree)
    })
}

/// A document that grows out of another one, in as many steps as there are numbers: each says at random what is tried, and
/// what the reader refuses is taken back. Without a step that did not matter the document is the same, so that a test
/// which fails finds the steps that matter.
#[must_use]
pub fn grow(kind: &Kind, mut tree: Tree, steps: &[u64], manner: Manner) -> Tree {
    for step in steps {
        let mut next = tree.clone();
        change(&mut next, kind.describe, &mut Rng::with_seed(*step), manner);
        if kind.read(&next.to_xml()).is_ok() {
            tree = next;
        }
    }
    tree
}

/// An element with all that it must have; the rest of what it may have is there with a chance of `plenty` in 20.
pub fn fill(name: &str, describe: Describe, rng: &mut Rng, manner: Manner, plenty: u8, depth: usize) -> Tree {
    let mut tree = Tree { name: name.to_owned(), ..Tree::default() };
    let mut passed = BTreeSet::new();
    // An attribute may be what decides which others there are.
    loop {
        let shape = tree.shape(describe);
        let next = shape.attrs().iter().find(|(name, _)| !passed.contains(name));
        let Some((name, about)) = next else { break };
        passed.insert(*name);
        if about.required || rng.u8(..20) < plenty {
            tree.attrs.push(((*name).to_owned(), value(name, about.kind, rng, manner)));
        }
    }
    let shape = tree.shape(describe);
    if shape.is_foreign() {
        return Tree { name: name.to_owned(), foreign: Some(foreign(name, rng)), ..Tree::default() };
    }
    if let Some(about) = shape.own_text()
        && (about.required || shape.children().is_empty() || rng.u8(..20) < plenty)
    {
        tree.text = value(name, about.kind, rng, manner);
    }
    if depth < DEPTH {
        let mut passed = BTreeSet::new();
        for child in shape.children() {
            if passed.insert(child.name) && (child.about.required || rng.u8(..20) < plenty) {
                // What is deep down is one of many.
                let plenty = plenty.saturating_sub(depth as u8);
                tree.children.push(fill(child.name, child.inside, rng, manner, plenty, depth + 1));
            }
        }
    }
    tree
}

/// Somebody else's element.
fn foreign(name: &str, rng: &mut Rng) -> RawElement {
    let uri = "http://example.org/notes/1.0".to_owned();
    let mut note = RawElement {
        name: "note:text".to_owned(),
        attributes: vec![("xmlns:note".to_owned(), uri), ("lang".to_owned(), "en".to_owned())],
        content: Vec::new(),
    };
    if rng.bool() {
        note.content.push(RawNode::Text("kept, word for word".to_owned()));
    }
    if name.contains(':') {
        return note;
    }
    RawElement { name: name.to_owned(), content: vec![RawNode::Element(note)], ..RawElement::default() }
}

/// Changes one thing: an attribute, a text, an element.
pub fn change(tree: &mut Tree, describe: Describe, rng: &mut Rng, manner: Manner) {
    let places = places(tree, describe);
    let Some((way, _, describe)) = rng.choice(&places) else { return };
    let Some(element) = way.iter().try_fold(tree, |tree, step| tree.children.get_mut(*step)) else { return };
    let shape = element.shape(*describe);
    match rng.u8(..16) {
        0..=5 => set_attribute(element, &shape, rng, manner),
        6..=11 => add_child(element, &shape, rng, manner, way.len()),
        12 => {
            if let Some(about) = shape.own_text() {
                element.text = value(&element.name, about.kind, rng, manner);
            }
        }
        13 if !element.attrs.is_empty() => {
            element.attrs.swap_remove(rng.usize(..element.attrs.len()));
        }
        14 if !element.children.is_empty() => {
            element.children.remove(rng.usize(..element.children.len()));
        }
        15 if !element.children.is_empty() => {
            let one = rng.usize(..element.children.len());
            let other = rng.usize(..=element.children.len());
            if rng.bool() && other < element.children.len() {
                element.children.swap(one, other);
            } else if let Some(again) = element.children.get(one).cloned() {
                element.children.insert(other, again);
            }
        }
        _ => {
            set_attribute(element, &shape, rng, manner);
            add_child(element, &shape, rng, manner, way.len());
        }
    }
}

fn set_attribute(element: &mut Tree, shape: &Shape, rng: &mut Rng, manner: Manner) {
    let Some((name, about)) = rng.choice(shape.attrs()) else { return };
    let new = value(name, about.kind, rng, manner);
    match element.attrs.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => *old = new,
        None => element.attrs.push(((*name).to_owned(), new)),
    }
}

fn add_child(element: &mut Tree, shape: &Shape, rng: &mut Rng, manner: Manner, depth: usize) {
    let Some(child) = rng.choice(shape.children()) else { return };
    let plenty = *rng.choice(&[0, 0, 2, 6, 12]).unwrap_or(&0);
    let new = fill(child.name, child.inside, rng, manner, plenty, depth.min(DEPTH - 1));
    match element.children.iter_mut().find(|known| known.name == child.name) {
        // A second one would not be read.
        Some(old) if matches!(child.list, virt_conf::xml::List::No) => *old = new,
        _ => element.children.push(new),
    }
}

/// Any document as a tree, whether it makes sense or not; `None` when it is not XML.
pub fn parse(text: &str, describe: Describe) -> Option<Tree> {
    fn build(raw: RawElement, describe: Describe) -> Tree {
        let mut tree = Tree { name: raw.name, attrs: raw.attributes, ..Tree::default() };
        // They come back where the names want them.
        tree.attrs.retain(|(name, _)| !name.starts_with("xmlns"));
        let shape = tree.shape(describe);
        for node in raw.content {
            match node {
                RawNode::Text(text) => tree.text += &text,
                RawNode::Element(child) => {
                    tree.children.push(match shape.find_child(&child.name).map(|child| child.inside) {
                        Some(inside) if !Shape::of_all(inside).is_foreign() => build(child, inside),
                        _ => Tree { name: child.name.clone(), foreign: Some(child), ..Tree::default() },
                    });
                }
                RawNode::Comment(_) | RawNode::Instruction(..) => {}
            }
        }
        tree
    }
    Some(build(text.parse().ok()?, describe))
}

/// Every name and every fixed value that documents of these kinds have.
pub fn words<'a>(kinds: impl IntoIterator<Item = &'a Kind>) -> BTreeSet<&'static str> {
    fn spellings(kind: Spelled, found: &mut BTreeSet<&'static str>) {
        match kind {
            Spelled::OneOf(all) => found.extend(all.iter().map(|spelling| spelling.name)),
            Spelled::YesNo => found.extend(["yes", "no"]),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    let mut seen: Vec<Describe> = Vec::new();
    let mut open: Vec<Describe> = Vec::new();
    for kind in kinds {
        found.insert(kind.root);
        open.push(kind.describe);
    }
    while let Some(describe) = open.pop() {
        if seen.iter().any(|known| std::ptr::fn_addr_eq(*known, describe)) {
            continue;
        }
        seen.push(describe);
        let shape = Shape::of_all(describe);
        for (name, about) in shape.attrs() {
            found.insert(name);
            spellings(about.kind, &mut found);
        }
        if let Some(about) = shape.own_text() {
            spellings(about.kind, &mut found);
        }
        for child in shape.children() {
            found.insert(child.name);
            open.push(child.inside);
        }
    }
    found
}
