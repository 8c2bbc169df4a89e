//! A document in memory, as models are read from it: every element with its attributes and its place.
//!
//! `roxmltree` reads the text, unless it is as plain as most are. What is kept of it is small, because it lives as long as the
//! model grows beside it, and made for the one question that models ask again and again: whether an element has a child, or an attribute, of a name.
//! Mostly it has not, and then the answer is a bit.

#![expect(clippy::inline_always, reason = "a name is a constant only where it stands")]

mod plain;
mod take;
mod undeclared;

use std::borrow::Cow;

use roxmltree::StringStorage;

/// "No node": the root's parent, the last child's sibling.
const NONE: u32 = u32::MAX;

/// A document.
#[derive(Debug, Default)]
pub(super) struct Tree<'input> {
    source: &'input str,
    nodes: Vec<NodeData>,
    attributes: Vec<AttributeData>,
    /// Texts that do not stand in the source as they are read.
    unescaped: Vec<StringStorage<'input>>,
    namespaces: Vec<Declared<'input>>,
    /// The first element that is nested too deeply.
    too_deep: Option<u32>,
}

/// A declaration of a namespace.
#[derive(Debug)]
pub(super) struct Declared<'input> {
    pub(super) prefix: Option<&'input str>,
    pub(super) uri: Box<str>,
    /// Where the name of the element stands that has it.
    element: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Element,
    Text,
    Comment,
    /// Its value is its only "attribute".
    Instruction,
}

/// A text, by its place in the source.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// Its number, where it is among the unescaped ones.
    start: u32,
    /// [`UNESCAPED`] for those.
    length: u32,
}

const UNESCAPED: u32 = u32::MAX;

#[derive(Debug)]
struct NodeData {
    /// The names of the elements in it.
    children: Names,
    /// The names of its attributes.
    attribute_names: Names,
    /// An element's local name, an instruction's target, text.
    text: Span,
    /// The name, of an element.
    key: Key,
    parent: u32,
    first: u32,
    next: u32,
    /// The first of its attributes.
    attributes: u32,
    attribute_count: u32,
    /// Its namespace, plus 1; 0: it is in none.
    namespace: u16,
    kind: Kind,
}

#[derive(Debug)]
struct AttributeData {
    /// As spelled, with its prefix.
    name: Span,
    key: Key,
    value: Span,
}

/// What nearly all names differ in: the length, and the last letters. No name's is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u32);

impl Key {
    /// Of what has no name.
    const NONE: Self = Self(0);

    /// A number where the name is a constant.
    #[inline(always)]
    pub(super) const fn of(name: &str) -> Self {
        Self(last_letters(name) | (name.len() as u32) << 24)
    }

    /// The set of one name; none of what has no name. A prefix makes no difference.
    #[inline(always)]
    const fn set(self) -> Names {
        let letters = self.0 & 0x00ff_ffff;
        if letters == 0 { Names(0) } else { Names(1 << (letters.wrapping_mul(0x9E37_79B1) >> 26)) }
    }
}

/// The last three letters, or fewer where a prefix ends before them.
#[inline(always)]
const fn last_letters(name: &str) -> u32 {
    match name.as_bytes() {
        [b':', c] | [.., b':', c] => *c as u32,
        [.., b':', b, c] => *b as u32 | (*c as u32) << 8,
        [.., a, b, c] => *a as u32 | (*b as u32) << 8 | (*c as u32) << 16,
        [a, b] => *a as u32 | (*b as u32) << 8,
        [a] => *a as u32,
        [] => 0,
    }
}

/// A set of names, which may seem to hold one that it does not.
#[derive(Clone, Copy, Debug, Default)]
struct Names(u64);

impl Names {
    #[inline(always)]
    fn may_hold(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A node of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a, 'input> {
    tree: &'a Tree<'input>,
    data: &'a NodeData,
}

impl PartialEq for Node<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.data, other.data)
    }
}

/// An attribute that declares no namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a, 'input> {
    tree: &'a Tree<'input>,
    data: &'a AttributeData,
}

impl<'a> Attribute<'a, '_> {
    /// Its name, as spelled, with its prefix.
    pub(super) fn spelled(self) -> &'a str {
        self.tree.text(self.data.name)
    }

    /// Its name, if it is in no namespace, as all are that models know.
    pub(super) fn plain_name(self) -> Option<&'a str> {
        Some(self.spelled()).filter(|name| !name.contains(':'))
    }

    pub(super) fn value(self) -> &'a str {
        self.tree.text(self.data.value)
    }

    /// Where it begins in the source.
    pub(super) fn start(self) -> usize {
        self.data.name.start as usize
    }

    /// Where its value begins in the source, behind the quote.
    pub(super) fn value_start(self) -> usize {
        let Span { start, length } = self.data.value;
        if length != UNESCAPED {
            return start as usize;
        }
        let behind_name = self.data.name.end();
        let rest = self.tree.source.get(behind_name..).unwrap_or_default();
        behind_name + rest.find(['\'', '"']).map_or(0, |quote| quote + 1)
    }
}

impl<'input> Tree<'input> {
    /// Reads a document.
    pub(super) fn parse(text: &'input str) -> Result<Self, roxmltree::Error> {
        if let Some(tree) = Self::of_plain(text) {
            return Ok(tree);
        }
        match roxmltree::Document::parse(text) {
            Ok(document) => Ok(Self::of(text, &document)),
            Err(refused @ roxmltree::Error::UnknownNamespace(..)) => Self::parse_undeclared(text, refused),
            Err(error) => Err(error),
        }
    }

    pub(super) fn root(&self) -> Node<'_, 'input> {
        static NOTHING: NodeData = NodeData::new(Kind::Element, Span::NOTHING, Key::NONE);
        Node { tree: self, data: self.nodes.first().unwrap_or(&NOTHING) }
    }

    /// The first element that is nested more deeply than models are read.
    pub(super) fn too_deep(&self) -> Option<Node<'_, 'input>> {
        self.root().at(self.too_deep?)
    }

    /// Line and column, from 1, of a byte of the source.
    pub(super) fn position(&self, at: usize) -> (u32, u32) {
        let before = self.source.get(..at).unwrap_or(self.source);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        (line as u32, column as u32)
    }

    fn text(&self, span: Span) -> &str {
        match span.length {
            UNESCAPED => self.unescaped.get(span.start as usize).map_or("", StringStorage::as_str),
            _ => self.source.get(span.start as usize..span.end()).unwrap_or_default(),
        }
    }

    /// Part of the source; quicker to compare than a text.
    #[inline]
    fn bytes(&self, span: Span) -> &[u8] {
        self.source.as_bytes().get(span.start as usize..span.end()).unwrap_or_default()
    }
}

/// An element that is not at its end yet.
struct Open {
    index: u32,
    /// The index of its last child.
    last: u32,
}

impl Open {
    fn new(index: u32) -> Self {
        Self { index, last: NONE }
    }
}

impl Tree<'_> {
    /// Puts a node behind the last child of the element around it, and answers its index.
    fn append(&mut self, kind: Kind, text: Span, key: Key, around: Option<&mut Open>) -> u32 {
        let index = self.nodes.len() as u32;
        let mut parent = NONE;
        if let Some(around) = around {
            parent = around.index;
            let last = std::mem::replace(&mut around.last, index);
            if let Some(around) = self.nodes.get_mut(parent as usize) {
                around.children.0 |= key.set().0;
                if last == NONE {
                    around.first = index;
                }
            }
            if let Some(last) = self.nodes.get_mut(last as usize) {
                last.next = index;
            }
        }
        self.nodes.push(NodeData { parent, ..NodeData::new(kind, text, key) });
        index
    }
}

impl Span {
    const NOTHING: Self = Self { start: 0, length: 0 };

    fn end(self) -> usize {
        self.start as usize + self.length as usize
    }
}

impl NodeData {
    const fn new(kind: Kind, text: Span, key: Key) -> Self {
        Self {
            children: Names(0),
            attribute_names: Names(0),
            text,
            key,
            parent: NONE,
            first: NONE,
            next: NONE,
            attributes: 0,
            attribute_count: 0,
            namespace: 0,
            kind,
        }
    }
}

impl<'a, 'input> Node<'a, 'input> {
    #[inline]
    fn at(self, index: u32) -> Option<Self> {
        self.tree.nodes.get(index as usize).map(|data| Self { tree: self.tree, data })
    }

    pub(super) fn tree(self) -> &'a Tree<'input> {
        self.tree
    }

    pub(super) fn kind(self) -> Kind {
        self.data.kind
    }

    /// Where it begins in the source.
    pub(super) fn start(self) -> usize {
        let Span { start, length } = self.data.text;
        let source = self.tree.source;
        match self.kind() {
            Kind::Element => {
                let before = source.get(..start as usize).unwrap_or_default();
                before.rfind('<').unwrap_or(start as usize)
            }
            _ if length == UNESCAPED => self.parent().map_or(0, Self::inner_start),
            _ => start as usize,
        }
    }

    /// Where what is in an element begins in the source: behind the `>` that is in no attribute's value.
    fn inner_start(self) -> usize {
        let start = self.start();
        let mut quote = None;
        let rest = self.tree.source.get(start..).unwrap_or_default().bytes().enumerate();
        for (at, byte) in rest {
            match (byte, quote) {
                (b'>', None) => return start + at + 1,
                (b'\'' | b'"', None) => quote = Some(byte),
                (_, Some(open)) if byte == open => quote = None,
                _ => {}
            }
        }
        start
    }

    /// An element's name without its prefix.
    pub(super) fn name(self) -> &'input str {
        let name = self.data.text;
        self.tree.source.get(name.start as usize..name.end()).unwrap_or_default()
    }

    /// An element's name with its prefix.
    pub(super) fn spelled(self) -> &'input str {
        self.tree.source.get(self.start() + 1..self.data.text.end()).unwrap_or_default()
    }

    pub(super) fn namespace(self) -> Option<&'a str> {
        let number = usize::from(self.data.namespace).checked_sub(1)?;
        self.tree.namespaces.get(number).map(|declared| &*declared.uri)
    }

    #[inline]
    pub(super) fn has_namespace(self) -> bool {
        self.data.namespace != 0
    }

    /// The namespaces that this element declares.
    pub(super) fn declared(self) -> impl Iterator<Item = &'a Declared<'input>> {
        self.tree.namespaces.iter().filter(move |declared| declared.element == self.data.text.start)
    }

    pub(super) fn attributes(self) -> impl Iterator<Item = Attribute<'a, 'input>> + use<'a, 'input> {
        let first = self.data.attributes as usize;
        let all = self.tree.attributes.get(first..first + self.data.attribute_count as usize);
        all.unwrap_or_default().iter().map(move |data| Attribute { tree: self.tree, data })
    }

    /// Whether it may have an attribute of a name.
    #[inline(always)]
    pub(super) fn may_have_attribute(self, name: Key) -> bool {
        self.data.attribute_names.may_hold(name.set())
    }

    /// Whether it may have an element of a name in it.
    #[inline(always)]
    pub(super) fn may_have_child(self, name: Key) -> bool {
        self.data.children.may_hold(name.set())
    }

    /// An attribute that is in no namespace.
    pub(super) fn attribute_node(self, name: &str) -> Option<Attribute<'a, 'input>> {
        self.keyed_attribute(name, Key::of(name))
    }

    /// The same, of a name whose key is known.
    #[inline]
    pub(super) fn keyed_attribute(self, name: &str, key: Key) -> Option<Attribute<'a, 'input>> {
        let has_name = |span: Span| self.tree.bytes(span) == name.as_bytes();
        self.attributes().find(|attribute| attribute.data.key == key && has_name(attribute.data.name))
    }

    pub(super) fn attribute(self, name: &str) -> Option<&'a str> {
        self.attribute_node(name).map(Attribute::value)
    }

    /// Text, a comment's content, an instruction's target.
    pub(super) fn text(self) -> &'a str {
        self.tree.text(self.data.text)
    }

    /// What stands behind an instruction's target.
    pub(super) fn value(self) -> Option<&'a str> {
        self.attributes().next().map(Attribute::value)
    }

    pub(super) fn parent(self) -> Option<Self> {
        self.at(self.data.parent)
    }

    pub(super) fn first_child(self) -> Option<Self> {
        self.at(self.data.first)
    }

    pub(super) fn next_sibling(self) -> Option<Self> {
        self.at(self.data.next)
    }

    /// Whether its parent has no other children.
    pub(super) fn is_alone(self) -> bool {
        self.data.next == NONE && self.parent().and_then(Self::first_child) == Some(self)
    }

    pub(super) fn children(self) -> impl Iterator<Item = Self> + use<'a, 'input> {
        std::iter::successors(self.first_child(), |node| node.next_sibling())
    }

    pub(super) fn elements(self) -> impl Iterator<Item = Self> + use<'a, 'input> {
        self.children().filter(|child| child.data.kind == Kind::Element)
    }

    /// The elements from this one to the root.
    pub(super) fn ancestors(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |node| node.parent())
    }

    /// The elements of a name, as libvirt's XPath expressions find them: one with a prefix is in that hypervisor's namespace, one without in none.
    pub(super) fn named<'n>(self, name: &'n str, key: Key) -> Named<'n, 'a, 'input> {
        Named { name: self.tree.wanted(name, key), tree: self.tree, next: self.data.first }
    }

    /// The first of them.
    pub(super) fn first_named(self, name: &str, key: Key) -> Option<Self> {
        self.tree.next_named(self.data.first, &self.tree.wanted(name, key))
    }

    /// All text in it.
    pub(super) fn own_text(self) -> Cow<'a, str> {
        match self.first_child() {
            None => return Cow::Borrowed(""),
            Some(only) if only.kind() == Kind::Text && only.data.next == NONE => {
                return Cow::Borrowed(only.text());
            }
            Some(_) => {}
        }
        let mut all = String::new();
        let mut next = self.first_child();
        while let Some(node) = next {
            if node.kind() == Kind::Text {
                all.push_str(node.text());
            }
            next = node.first_child().or_else(|| {
                let inside = node.ancestors().take_while(|ancestor| *ancestor != self);
                inside.into_iter().find_map(Self::next_sibling)
            });
        }
        Cow::Owned(all)
    }
}

/// The elements of a name in another one.
pub(super) struct Named<'n, 'a, 'input> {
    name: Wanted<'n>,
    tree: &'a Tree<'input>,
    next: u32,
}

/// A name that is looked for.
struct Wanted<'n> {
    key: Key,
    local: &'n str,
    /// The namespace that it is in.
    uri: Option<&'static str>,
}

impl<'input> Tree<'input> {
    #[inline]
    fn wanted<'n>(&self, name: &'n str, key: Key) -> Wanted<'n> {
        // Few documents have namespaces at all.
        let qualified = if self.namespaces.is_empty() { None } else { name.split_once(':') };
        match qualified {
            None => Wanted { key, local: name, uri: None },
            Some((prefix, local)) => Wanted { key: Key::of(local), local, uri: super::namespace(prefix) },
        }
    }

    /// The first that has the name, of a node and its siblings behind it.
    #[inline]
    fn next_named(&self, mut next: u32, name: &Wanted<'_>) -> Option<Node<'_, 'input>> {
        while let Some(data) = self.nodes.get(next as usize) {
            next = data.next;
            // Only elements have one.
            if data.key != name.key {
                continue;
            }
            let node = Node { tree: self, data };
            if node.namespace() == name.uri && self.bytes(data.text) == name.local.as_bytes() {
                return Some(node);
            }
        }
        None
    }
}

impl<'a, 'input> Iterator for Named<'_, 'a, 'input> {
    type Item = Node<'a, 'input>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.tree.next_named(self.next, &self.name);
        self.next = found.map_or(NONE, |node| node.data.next);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Node, Tree};

    fn named<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Node<'a, 'i> {
        node.elements().find(|child| child.name() == name).unwrap()
    }

    #[test]
    fn places_are_found_again() {
        let text = "<q:a xmlns:q='u' q:x = 'a&lt;b' y=\"'>'\" >&amp;1<b>2</b></q:a>";
        let tree = Tree::parse(text).unwrap();
        let root = tree.root();
        assert_eq!((root.start(), root.name(), root.spelled(), root.namespace()), (0, "a", "q:a", Some("u")));
        let attributes: Vec<_> = root.attributes().collect();
        let places = attributes.iter().map(|a| (a.spelled(), a.value(), text.split_at(a.value_start()).1));
        let places: Vec<_> = places.map(|(name, value, rest)| (name, value, &rest[..4])).collect();
        assert_eq!(places, [("q:x", "a<b", "a&lt"), ("y", "'>'", "'>'\"")]);
        assert_eq!(root.attributes().map(super::Attribute::start).collect::<Vec<_>>(), [17, 32]);
        let text_node = root.first_child().unwrap();
        assert_eq!((text_node.kind(), text_node.text()), (Kind::Text, "&1"));
        assert!(text[text_node.start()..].starts_with("&amp;1"));
        assert!(text[named(root, "b").start()..].starts_with("<b>"));
        assert_eq!(root.own_text(), "&12");
    }

    #[test]
    fn names_that_share_a_bit_or_a_key_are_told_apart() {
        let names = ["x", "xx", "os", "vcpu", "max_iops_sec", "min_iops_sec", "hostdev", "redirdev"];
        let inside: String = names.iter().map(|name| format!("<{name} {name}='{name}'/>")).collect();
        let text = format!("<root>{inside}</root>");
        let tree = Tree::parse(&text).unwrap();
        for name in names {
            let found: Vec<_> = tree.root().named(name, super::Key::of(name)).collect();
            assert_eq!(found.len(), 1, "{name}");
            assert!(tree.root().may_have_child(super::Key::of(name)));
            assert!(found[0].may_have_attribute(super::Key::of(name)));
            assert_eq!((found[0].name(), found[0].attribute(name)), (name, Some(name)));
            assert_eq!(found[0].attribute("max_iops_set"), None);
        }
        assert!(tree.root().first_named("maz_iops_sec", super::Key::of("maz_iops_sec")).is_none());
    }
}
