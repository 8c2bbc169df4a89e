//! From a tree to serde's data model.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{CHILDREN, OTHERS, TEXT, is_plain, is_shared};
use crate::tree::Tree;
use crate::xml::{About, Child, Describe, Kind, List};

/// An element with what is known of it.
pub(super) struct Typed<'a> {
    pub(super) tree: &'a Tree,
    pub(super) describe: Describe,
}

/// A value with its kind.
struct Value<'a>(&'a str, Kind);

/// Children of one name.
enum Entry<'a> {
    One(&'a Tree, Option<Child>),
    Many(Vec<(&'a Tree, Option<Child>)>),
    /// Of several names.
    Mixed(Vec<(&'a Tree, Option<Child>)>),
}

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(foreign) = &self.tree.foreign {
            return serializer.collect_str(foreign);
        }
        let shape = self.tree.shape(self.describe);
        let kind = shape.own_text().map_or(Kind::Text, |about| about.kind);
        if is_plain(self.describe) && self.tree.attrs.is_empty() && self.tree.children.is_empty() {
            return Value(&self.tree.text, kind).serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.tree.attrs {
            let known = shape.find_attr(name).unwrap_or(&About::NOTHING);
            let value = Value(value, known.kind);
            if is_shared(self.describe, name) {
                map.serialize_entry(&format!("@{name}"), &value)?;
            } else {
                map.serialize_entry(name, &value)?;
            }
        }
        if !self.tree.text.is_empty() {
            map.serialize_entry(TEXT, &Value(&self.tree.text, kind))?;
        }
        let mut entries: Vec<(&str, Entry<'_>)> = Vec::new();
        for tree in &self.tree.children {
            let child = shape.find_child(&tree.name).copied();
            let (key, list) = match child {
                None => (OTHERS, List::Ordered),
                Some(Child { list: List::Mixed, .. }) => (CHILDREN, List::Mixed),
                Some(child) => (tree.name.as_str(), child.list),
            };
            match (entries.iter_mut().find(|(known, _)| *known == key).map(|(_, entry)| entry), list) {
                (Some(Entry::Many(all) | Entry::Mixed(all)), _) => all.push((tree, child)),
                (Some(entry), _) => {
                    if let Entry::One(first, known) = *entry {
                        *entry = Entry::Many(vec![(first, known), (tree, child)]);
                    }
                }
                (None, List::No) => entries.push((key, Entry::One(tree, child))),
                (None, List::Mixed) => entries.push((key, Entry::Mixed(vec![(tree, child)]))),
                (None, _) => entries.push((key, Entry::Many(vec![(tree, child)]))),
            }
        }
        for (key, entry) in &entries {
            map.serialize_entry(key, entry)?;
        }
        map.end()
    }
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(tree, child) => Item(tree, *child).serialize(serializer),
            Self::Many(all) => serializer.collect_seq(all.iter().map(|(tree, child)| Item(tree, *child))),
            Self::Mixed(all) => serializer.collect_seq(all.iter().map(|(tree, child)| Named(tree, *child))),
        }
    }
}

struct Item<'a>(&'a Tree, Option<Child>);

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(tree, child) = self;
        match child {
            Some(child) if matches!(child.about.kind, Kind::Flag) => serializer.serialize_bool(true),
            Some(child) => Typed { tree, describe: child.inside }.serialize(serializer),
            None => serializer.serialize_str(&tree.to_xml()),
        }
    }
}

struct Named<'a>(&'a Tree, Option<Child>);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.0.name, Item(self.0, self.1))])
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(text, kind) = *self;
        if let Some((on, off)) = kind.switch()
            && (text == on || text == off)
        {
            return serializer.serialize_bool(text == on);
        }
        match kind {
            Kind::Number { .. } | Kind::Amount => {
                // What is not spelled as a number is spelled would not come back as it was.
                if let Some(number) = text.parse().ok().filter(|number: &u64| number.to_string() == text) {
                    return serializer.serialize_u64(number);
                }
                if let Some(number) = text.parse().ok().filter(|number: &i64| number.to_string() == text) {
                    return serializer.serialize_i64(number);
                }
            }
            Kind::Hex => {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                if let Ok(number) = u64::from_str_radix(digits, 16) {
                    return serializer.serialize_u64(number);
                }
            }
            _ => {}
        }
        serializer.serialize_str(text)
    }
}
