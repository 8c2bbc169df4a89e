//! As much of RELAX NG as tells which elements and attributes there are, and where.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::rc::{Rc, Weak};

use anyhow::{Context, Result};
use roxmltree::{Document, Node};

/// A schema, with what it includes.
#[derive(Debug, Default)]
pub(super) struct Grammar {
    defines: BTreeMap<String, Vec<Pattern>>,
    start: Vec<Pattern>,
    /// For elements, which outlive no grammar that they are of.
    own: Weak<Grammar>,
}

/// A grammar that stays while its elements are looked at.
pub(super) struct Loaded(Rc<Grammar>);

#[derive(Debug)]
enum Pattern {
    Element(Rc<Element>),
    Attribute(String),
    Ref(String),
    /// Several in a row, or to choose from.
    Group(Vec<Pattern>),
    /// A grammar of its own in the middle of another.
    Grammar(Rc<Grammar>),
}

/// An element's definition.
#[derive(Debug)]
pub(super) struct Element {
    /// Its name, `qemu:commandline` where it is in a hypervisor's namespace.
    pub(super) name: String,
    content: Vec<Pattern>,
    grammar: Weak<Grammar>,
}

/// What may be in an element.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) attributes: BTreeSet<String>,
    pub(super) elements: Vec<Rc<Element>>,
}

/// Reads a schema.
pub(super) fn load(file: &Path) -> Result<Loaded> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let document = Document::parse(&text).with_context(|| format!("{} is no XML", file.display()))?;
    grammar(document.root_element(), file.parent().unwrap_or(Path::new("."))).map(Loaded)
}

impl Loaded {
    /// What a document may begin with.
    pub(super) fn start(&self) -> Content {
        let mut content = Content::default();
        content.add(&self.0, &self.0.start, &mut HashSet::new());
        // The grammar is needed until the end of the comparison, and there are few.
        std::mem::forget(self.0.clone());
        content
    }
}

fn grammar(root: Node<'_, '_>, directory: &Path) -> Result<Rc<Grammar>> {
    let mut failure = None;
    let built = Rc::new_cyclic(|own| {
        let mut built = Grammar { own: own.clone(), ..Grammar::default() };
        if let Err(error) = built.take(root, directory) {
            failure = Some(error);
        }
        built
    });
    failure.map_or(Ok(built), Err)
}

impl Grammar {
    fn take(&mut self, root: Node<'_, '_>, directory: &Path) -> Result<()> {
        for node in root.children().filter(Node::is_element) {
            match node.tag_name().name() {
                "start" => self.start = self.patterns(node, "", directory)?,
                "define" => {
                    let patterns = self.patterns(node, "", directory)?;
                    let name = node.attribute("name").unwrap_or_default();
                    self.defines.entry(name.to_owned()).or_default().extend(patterns);
                }
                "div" => self.take(node, directory)?,
                "include" => {
                    let file = directory.join(node.attribute("href").unwrap_or_default());
                    let text = std::fs::read_to_string(&file)
                        .with_context(|| format!("cannot read {}", file.display()))?;
                    let included = Document::parse(&text)?;
                    self.take(included.root_element(), directory)?;
                    // What stands inside replaces what was included.
                    for define in node.children().filter(|child| child.has_tag_name_local("define")) {
                        self.defines.remove(define.attribute("name").unwrap_or_default());
                    }
                    self.take(node, directory)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn patterns(&self, node: Node<'_, '_>, namespace: &str, directory: &Path) -> Result<Vec<Pattern>> {
        node.children()
            .filter(Node::is_element)
            .filter_map(|child| self.pattern(child, namespace, directory).transpose())
            .collect()
    }

    fn pattern(&self, node: Node<'_, '_>, namespace: &str, directory: &Path) -> Result<Option<Pattern>> {
        let namespace = node.attribute("ns").unwrap_or(namespace);
        Ok(Some(match node.tag_name().name() {
            "element" => {
                let Some(name) = name(node) else { return Ok(None) };
                // ".../domain/qemu/1.0": libvirt's documents and models say qemu.
                let prefix = namespace.rsplit('/').nth(1);
                let name = prefix.map_or(name.clone(), |prefix| format!("{prefix}:{name}"));
                let content = self.patterns(node, namespace, directory)?;
                Pattern::Element(Rc::new(Element { name, content, grammar: self.own.clone() }))
            }
            "attribute" => match name(node) {
                Some(name) => Pattern::Attribute(name),
                None => return Ok(None),
            },
            "ref" => Pattern::Ref(node.attribute("name").unwrap_or_default().to_owned()),
            "grammar" => Pattern::Grammar(grammar(node, directory)?),
            "text" | "data" | "value" | "empty" | "notAllowed" | "anyName" | "name" | "list" => {
                return Ok(None);
            }
            _ => Pattern::Group(self.patterns(node, namespace, directory)?),
        }))
    }
}

fn name(node: Node<'_, '_>) -> Option<String> {
    let child = || node.children().find(|child| child.has_tag_name_local("name"));
    let name = node.attribute("name").map(str::to_owned);
    name.or_else(|| Some(child()?.text()?.trim().to_owned()))
}

/// Names of RELAX NG's own elements, whatever prefix they have.
trait Local {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl Local for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.tag_name().name() == name
    }
}

impl Content {
    /// Of several definitions of one element together.
    pub(super) fn of(elements: &[Rc<Element>]) -> Self {
        let mut content = Self::default();
        for element in elements {
            if let Some(grammar) = element.grammar.upgrade() {
                content.add(&grammar, &element.content, &mut HashSet::new());
            }
        }
        content
    }

    fn add(&mut self, grammar: &Rc<Grammar>, patterns: &[Pattern], seen: &mut HashSet<String>) {
        for pattern in patterns {
            match pattern {
                Pattern::Element(element) => {
                    if !self.elements.iter().any(|known| Rc::ptr_eq(known, element)) {
                        self.elements.push(element.clone());
                    }
                }
                Pattern::Attribute(name) => _ = self.attributes.insert(name.clone()),
                Pattern::Ref(name) if seen.insert(name.clone()) => {
                    if let Some(patterns) = grammar.defines.get(name) {
                        self.add(grammar, patterns, seen);
                    }
                }
                Pattern::Ref(_) => {}
                Pattern::Group(patterns) => self.add(grammar, patterns, seen),
                Pattern::Grammar(inner) => self.add(inner, &inner.start, &mut HashSet::new()),
            }
        }
    }
}
