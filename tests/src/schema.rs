//! What libvirt's schemas name, against what the models name: every path to an element or an attribute.

mod grammar;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result};
use virt_conf::document::{KINDS, Kind};
use virt_conf::model::Domain;
use virt_conf::xml::{Describe, Shape};

use grammar::{Content, Element};

/// The paths of one root element.
#[derive(Debug)]
pub struct Coverage {
    /// The name of the root element.
    pub root: String,
    /// The schema that begins with it.
    pub schema: String,
    /// How many paths the schema has.
    pub paths: usize,
    /// Those that no model names: `domain/devices/disk/@type`.
    pub missing: BTreeSet<String>,
}

/// Compares every schema in `directory` that describes a document.
///
/// # Errors
///
/// When a schema cannot be read.
pub fn compare(directory: &Path) -> Result<Vec<Coverage>> {
    let mut all = Vec::new();
    let entries =
        std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rng"));
    files.sort();
    for file in files {
        let mut roots: BTreeMap<String, Vec<Rc<Element>>> = BTreeMap::new();
        for element in grammar::load(&file)?.start().elements {
            roots.entry(element.name.clone()).or_default().push(element);
        }
        let schema = file.file_name().unwrap_or_default().to_string_lossy();
        all.extend(roots.into_iter().map(|(root, elements)| cover(&schema, root, elements)));
    }
    Ok(all)
}

fn cover(schema: &str, root: String, elements: Vec<Rc<Element>>) -> Coverage {
    let content = Content::of(&elements);
    // Two kinds of documents may have one root; the schema is that of the one that knows more of it.
    let known = |kind: &&Kind| {
        let shape = Shape::of_all(kind.describe);
        content.elements.iter().filter(|child| shape.names_child(&child.name)).count()
    };
    let kind = KINDS.iter().filter(|kind| kind.root == root).max_by_key(known);
    let mut walk = Walk::default();
    walk.found(root.clone(), kind.is_some());
    if let Some(kind) = kind {
        walk.element(&root, &elements, &[kind.describe]);
    }
    Coverage { root, schema: schema.to_owned(), paths: walk.paths.len(), missing: walk.missing }
}

#[derive(Default)]
struct Walk {
    paths: BTreeSet<String>,
    missing: BTreeSet<String>,
    /// What is being looked at: schemas of chains of images describe themselves.
    open: Vec<(Vec<*const Element>, Vec<usize>)>,
}

impl Walk {
    /// Several of a model's variants may have a child of this name, each a shape of its own for it.
    fn element(&mut self, path: &str, elements: &[Rc<Element>], shapes: &[Describe]) {
        let key = (
            elements.iter().map(Rc::as_ptr).collect(),
            shapes.iter().map(|describe| *describe as usize).collect(),
        );
        if self.open.contains(&key) {
            return;
        }
        self.open.push(key);
        let content = Content::of(elements);
        let mut shape = Shape::default();
        for describe in shapes {
            describe(&mut shape);
        }
        for attribute in &content.attributes {
            let known = shape.is_open() || shape.find_attr(attribute).is_some();
            self.found(format!("{path}/@{attribute}"), known);
        }
        let mut children: BTreeMap<&str, Vec<Rc<Element>>> = BTreeMap::new();
        for child in &content.elements {
            children.entry(&child.name).or_default().push(child.clone());
        }
        for (name, elements) in children {
            let path = format!("{path}/{name}");
            let mut inside: Vec<Describe> = Vec::new();
            for child in shape.children().iter().filter(|child| child.name == name) {
                if !inside.iter().any(|known| std::ptr::fn_addr_eq(*known, child.inside)) {
                    inside.push(child.inside);
                }
            }
            self.found(path.clone(), shape.is_open() || !inside.is_empty());
            // What is in an element that is not known itself is not counted one by one; and a guest inside another
            // document has a schema of its own, which counts it.
            let own = self.open.len() == 1 && is_guest(&inside);
            if !inside.is_empty() && !own {
                self.element(&path, &elements, &inside);
            }
        }
        self.open.pop();
    }

    fn found(&mut self, path: String, known: bool) {
        if !known {
            self.missing.insert(path.clone());
        }
        self.paths.insert(path);
    }
}

/// Whether these shapes together name all that a guest's document does.
fn is_guest(shapes: &[Describe]) -> bool {
    let mut shape = Shape::default();
    for describe in shapes {
        describe(&mut shape);
    }
    let guest = Shape::of::<Domain>();
    !shapes.is_empty()
        && guest.attrs().iter().all(|(name, _)| shape.find_attr(name).is_some())
        && guest.children().iter().all(|child| shape.find_child(child.name).is_some())
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn what_no_model_names_is_listed() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        write(
            "common.rng",
            "<grammar xmlns='http://relaxng.org/ns/structure/1.0'>
               <define name='usage'><element name='usage'><attribute name='replaced'/></element></define>
               <define name='more'><attribute name='ephemeral'/><ref name='more'/></define>
             </grammar>",
        );
        write(
            "secret.rng",
            "<grammar xmlns='http://relaxng.org/ns/structure/1.0'>
               <include href='common.rng'>
                 <define name='usage'>
                   <element name='usage'><attribute name='type'/><attribute name='colour'/></element>
                 </define>
               </include>
               <start><element name='secret'><ref name='more'/><interleave><ref name='usage'/>
                 <optional><element name='note'><attribute name='inside'/></element></optional></interleave></element></start>
             </grammar>",
        );
        let all = compare(directory.path()).unwrap();
        let secret = all.iter().find(|coverage| coverage.root == "secret").unwrap();
        assert_eq!(secret.paths, 6);
        assert!(secret.missing.iter().eq(["secret/note", "secret/usage/@colour"]), "{:?}", secret.missing);
    }
}
