//! What is kept of a document that `roxmltree` has read.

use roxmltree::{NodeId, NodeType, StringStorage};

use super::{AttributeData, Declared, Key, Kind, Names, Open, Span, Tree, UNESCAPED};
use crate::xml::read::DEPTH_LIMIT;

impl<'input> Tree<'input> {
    /// What `roxmltree` has read.
    pub(super) fn of(source: &'input str, document: &roxmltree::Document<'input>) -> Self {
        let root = document.root_element();
        // Half of the nodes of a definition, or a little less, only lay it out.
        let expected = root.descendants().len() * 2 / 3 + 1;
        let mut tree = Self {
            source,
            nodes: Vec::with_capacity(expected),
            attributes: Vec::with_capacity(expected),
            ..Self::default()
        };
        let mut open: Vec<(NodeId, Open)> = Vec::with_capacity(16);
        for node in root.descendants() {
            let parent = node.parent().map(|parent| parent.id());
            while open.last().is_some_and(|(id, _)| Some(*id) != parent) {
                open.pop();
            }
            tree.take(&node, &mut open);
        }
        tree
    }

    /// Takes what is kept of a node; nothing of one that nobody will miss.
    fn take(&mut self, node: &roxmltree::Node<'_, 'input>, open: &mut Vec<(NodeId, Open)>) {
        let around = open.last_mut().map(|(_, around)| around);
        match node.node_type() {
            NodeType::Element => {
                let name = node.tag_name().name();
                let index = self.append(Kind::Element, self.span(name), Key::of(name), around);
                open.push((node.id(), Open::new(index)));
                if open.len() > DEPTH_LIMIT {
                    self.too_deep.get_or_insert(index);
                }
                let first = self.attributes.len() as u32;
                let mut names = Names::default();
                for attribute in node.attributes() {
                    let (mut name, mut key) = (self.span(attribute.name()), Key::of(attribute.name()));
                    names.0 |= key.set().0;
                    if attribute.namespace().is_some() {
                        name = self.with_prefix(name);
                        key = Key::of(self.text(name));
                    }
                    let value = self.keep(attribute.value_storage());
                    self.attributes.push(AttributeData { name, key, value });
                }
                let namespace = self.take_namespaces(node);
                let count = self.attributes.len() as u32 - first;
                if let Some(data) = self.nodes.get_mut(index as usize) {
                    (data.attributes, data.attribute_count) = (first, count);
                    (data.attribute_names, data.namespace) = (names, namespace);
                }
            }
            NodeType::Text => {
                let Some(text) = node.text_storage() else { return };
                let alone = || node.prev_sibling().is_none() && node.next_sibling().is_none();
                if !is_layout(text) || alone() {
                    let text = self.keep(text);
                    self.append(Kind::Text, text, Key::NONE, around);
                }
            }
            NodeType::Comment => {
                let Some(text) = node.text_storage() else { return };
                let text = self.keep(text);
                self.append(Kind::Comment, text, Key::NONE, around);
            }
            NodeType::PI | NodeType::Root => {
                let Some(pi) = node.pi() else { return };
                let index = self.append(Kind::Instruction, self.span(pi.target), Key::NONE, around);
                let Some(value) = pi.value else { return };
                if let Some(data) = self.nodes.get_mut(index as usize) {
                    (data.attributes, data.attribute_count) = (self.attributes.len() as u32, 1);
                }
                let (name, value) = (Span::NOTHING, self.span(value));
                self.attributes.push(AttributeData { name, key: Key::NONE, value });
            }
        }
    }

    /// Takes the namespaces that an element declares, and answers the number of its own.
    fn take_namespaces(&mut self, node: &roxmltree::Node<'_, 'input>) -> u16 {
        if node.namespaces().len() == 0 {
            return 0;
        }
        let inherited = |namespace: &roxmltree::Namespace<'_>| {
            node.parent_element().is_some_and(|parent| parent.namespaces().any(|other| other == namespace))
        };
        let element = self.span(node.tag_name().name()).start;
        for namespace in node.namespaces().filter(|namespace| !inherited(namespace)) {
            let prefix = namespace.name().and_then(|name| {
                // The same text, but of the source's lifetime.
                let rest = self.source.get(element as usize..)?;
                let at = rest.find(&format!("xmlns:{name}"))? + "xmlns:".len();
                rest.get(at..at + name.len())
            });
            self.namespaces.push(Declared { prefix, uri: namespace.uri().into(), element });
        }
        // Any declaration of the same URI stands for the namespace.
        let own = node.tag_name().namespace();
        let known = own.and_then(|own| self.namespaces.iter().rposition(|declared| &*declared.uri == own));
        known.map_or(0, |known| known as u16 + 1)
    }

    /// A text; one that is not in the source as it is read is put aside.
    fn keep(&mut self, text: &StringStorage<'input>) -> Span {
        match text {
            StringStorage::Borrowed(text) => self.span(text),
            StringStorage::Owned(_) => {
                self.unescaped.push(text.clone());
                Span { start: self.unescaped.len() as u32 - 1, length: UNESCAPED }
            }
        }
    }

    /// A part of the source.
    fn span(&self, part: &'input str) -> Span {
        let start = part.as_ptr().addr().wrapping_sub(self.source.as_ptr().addr());
        Span { start: start as u32, length: part.len() as u32 }
    }

    /// The name of an attribute with the prefix that stands before it.
    fn with_prefix(&self, name: Span) -> Span {
        let before = self.source.get(..name.start as usize).unwrap_or_default();
        let start = before.rfind(char::is_whitespace).map_or(name.start, |at| at as u32 + 1);
        Span { start, length: name.end() as u32 - start }
    }
}

/// Line breaks and blanks that only lay a document out.
fn is_layout(text: &str) -> bool {
    let mut broken = false;
    for byte in text.bytes() {
        match byte {
            b'\n' => broken = true,
            b' ' | b'\t' | b'\r' => {}
            _ => return false,
        }
    }
    broken
}
