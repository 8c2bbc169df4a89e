//! Fragments of libvirt's documentation: strict reading knows every name in them, wherever they belong.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use roxmltree::Node;
use virt_conf::model;
use virt_conf::xml::{Describe, Fields, Shape};

use super::{Case, Kind, Outcome};

/// `doc-snippet`
pub(super) struct Snippet;

impl Kind for Snippet {
    fn name(&self) -> &'static str {
        "doc-snippet"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let text = case.input()?;
        let document = roxmltree::Document::parse(&text).context("the fragment is no XML")?;
        let mut unknown = Vec::new();
        for element in document.root_element().children().filter(Node::is_element) {
            let name = element.tag_name().name();
            let least =
                places(name).into_iter().map(|place| strange(element, place, name)).min_by_key(Vec::len);
            match least {
                Some(names) => unknown.extend(names),
                None => unknown.push(format!("{name}: belongs nowhere")),
            }
        }
        Ok(if unknown.is_empty() { Outcome::Passed } else { Outcome::Failed(unknown.join("\n") + "\n") })
    }
}

/// Every document that fragments are taken from, by its root's name.
fn documents() -> Vec<(&'static str, Describe)> {
    fn of<T: Fields>(shape: &mut Shape) {
        T::describe(None, shape);
    }
    vec![
        ("domain", of::<model::Domain>),
        ("domainCapabilities", of::<model::DomainCapabilities>),
        ("capabilities", of::<model::Capabilities>),
        ("domainbackup", of::<model::DomainBackup>),
        ("domaincheckpoint", of::<model::DomainCheckpoint>),
        ("domainsnapshot", of::<model::DomainSnapshot>),
        ("network", of::<model::Network>),
        ("networkport", of::<model::NetworkPort>),
        ("device", of::<model::NodeDevice>),
        ("filter", of::<model::NwFilter>),
        ("filterbinding", of::<model::NwFilterBinding>),
        ("secret", of::<model::Secret>),
        ("pool", of::<model::StoragePool>),
        ("volume", of::<model::StorageVolume>),
        ("interface", of::<model::HostInterface>),
    ]
}

/// Elements inside of others of the same kind add nothing below this depth.
const DEPTH: usize = 6;

/// What an element of this name may have, at each of the places that it belongs to.
fn places(name: &str) -> Vec<Describe> {
    let mut found = Vec::new();
    for (root, describe) in documents() {
        if root == name {
            found.push(describe);
        }
        let mut queue = VecDeque::from([(describe, vec![root])]);
        while let Some((describe, path)) = queue.pop_front() {
            let mut shape = Shape::default();
            describe(&mut shape);
            for child in shape.children().iter().filter(|child| !path.contains(&child.name)) {
                if child.name == name {
                    found.push(child.inside);
                } else if path.len() < DEPTH {
                    let way = path.iter().copied().chain([child.name]).collect();
                    queue.push_back((child.inside, way));
                }
            }
        }
    }
    found
}

/// The attributes and elements below `node` that have no place there.
fn strange(node: Node<'_, '_>, describe: Describe, path: &str) -> Vec<String> {
    let shape = Shape::picked(describe, |name| node.attribute(name));
    if shape.is_foreign() {
        return Vec::new();
    }
    // Where the text is about something else, `...` stands for whatever attributes an element may have.
    let plain = |attr: &roxmltree::Attribute<'_, '_>| attr.namespace().is_none() && attr.value() != "...";
    let attrs = node.attributes().filter(plain).map(|attr| attr.name());
    let mut unknown: Vec<String> =
        attrs.filter(|name| shape.find_attr(name).is_none()).map(|name| format!("{path}/@{name}")).collect();
    let elements =
        node.children().filter(|child| child.is_element() && child.tag_name().namespace().is_none());
    for child in elements {
        let name = child.tag_name().name();
        let path = format!("{path}/{name}");
        let known = shape.children().iter().filter(|known| known.name == name);
        let least = known.map(|known| strange(child, known.inside, &path)).min_by_key(Vec::len);
        match least {
            Some(names) => unknown.extend(names),
            None if shape.is_open() => {}
            None => unknown.push(path),
        }
    }
    unknown
}
