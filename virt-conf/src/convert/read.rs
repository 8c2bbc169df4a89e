//! From serde's data model to a tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{CHILDREN, OTHERS, TEXT};
use crate::tree::{Tree, is_foreign};
use crate::xml::{About, Child, Describe, Kind, RawElement, Shape, nearest};

/// Nested deeper than any document is.
const DEPTH_LIMIT: usize = 256;

/// Anything that serde can bring; numbers as they would be written.
#[derive(Debug)]
pub(super) enum Data {
    Nothing,
    Boolean(bool),
    Number(String),
    Text(String),
    List(Vec<Data>),
    Map(Vec<(String, Data)>),
}

type Result<T> = std::result::Result<T, String>;

impl Data {
    /// The element of this name.
    pub(super) fn into_tree(self, name: &str, describe: Describe) -> Result<Tree> {
        let known = Child { name: "", about: &About::NOTHING, inside: describe, list: crate::xml::List::No };
        Self::element(self, name, &known, &format!("/{name}"))?
            .ok_or_else(|| format!("/{name}: expected an element, found nothing"))
    }

    fn element(self, name: &str, known: &Child, path: &str) -> Result<Option<Tree>> {
        if path.matches('/').count() > DEPTH_LIMIT {
            return Err(format!("{path}: nested too deeply"));
        }
        let mut tree = Tree { name: name.to_owned(), ..Tree::default() };
        match self {
            Self::Nothing => return Ok(None),
            Self::Boolean(there) if matches!(known.about.kind, Kind::Flag) => {
                return Ok(there.then_some(tree));
            }
            Self::Text(text) if is_foreign(known.inside) => {
                let raw: RawElement =
                    text.parse().map_err(|error| format!("{path}: not an XML element: {error}"))?;
                return if raw.name == name || name == OTHERS {
                    Ok(Some(Tree::foreign(raw)))
                } else {
                    Err(format!("{path}: expected an element <{name}>, found <{}>", raw.name))
                };
            }
            Self::List(_) => return Err(format!("{path}: expected one element, found a list")),
            Self::Map(entries) => map(entries, &mut tree, known.inside, path)?,
            value => {
                let mut shape = Shape::default();
                (known.inside)(&mut shape);
                let text = shape
                    .own_text()
                    .ok_or_else(|| format!("{path}: expected a map, for <{name}> has no text of its own"))?;
                tree.text = value.spelled(text.kind, path)?.unwrap_or_default();
            }
        }
        Ok(Some(tree))
    }

    /// The value as XML spells it; nothing where it is absent.
    fn spelled(&self, kind: Kind, path: &str) -> Result<Option<String>> {
        Ok(Some(match self {
            Self::Nothing => return Ok(None),
            Self::Boolean(value) => {
                let (on, off) = kind.switch().unwrap_or(("yes", "no"));
                if *value { on } else { off }.to_owned()
            }
            Self::Number(text) => match (kind, text.parse::<u64>()) {
                (Kind::Hex, Ok(number)) => format!("{number:#x}"),
                _ => text.clone(),
            },
            Self::Text(text) => text.clone(),
            Self::List(_) => return Err(format!("{path}: expected a value, found a list")),
            Self::Map(_) => return Err(format!("{path}: expected a value, found a map")),
        }))
    }

    fn into_items(self) -> Vec<Self> {
        match self {
            Self::List(items) => items,
            item => vec![item],
        }
    }

    /// Whether it is a map with this key.
    pub(super) fn has(&self, name: &str) -> bool {
        matches!(self, Self::Map(entries) if entries.iter().any(|(key, _)| key.trim_start_matches('@') == name))
    }

    fn is_structured(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }
}

fn map(entries: Vec<(String, Data)>, tree: &mut Tree, describe: Describe, path: &str) -> Result<()> {
    // Which names there are depends on attributes that pick variants.
    let texts = entries.iter().filter_map(|(key, value)| match value {
        Data::Text(text) | Data::Number(text) => Some((key.trim_start_matches('@'), text.as_str())),
        _ => None,
    });
    let texts: Vec<(&str, &str)> = texts.collect();
    let shape =
        Shape::picked(describe, |name| texts.iter().find(|(key, _)| *key == name).map(|(_, text)| *text));
    for (key, value) in entries {
        match key.as_str() {
            TEXT => {
                let kind = shape.own_text().map_or(Kind::Text, |about| about.kind);
                tree.text = value.spelled(kind, path)?.unwrap_or_default();
            }
            CHILDREN => mixed(value, tree, &shape, path)?,
            OTHERS if shape.is_open() => {
                let foreign = Child {
                    name: OTHERS,
                    about: &About::NOTHING,
                    inside: Shape::anything,
                    list: crate::xml::List::Ordered,
                };
                for item in value.into_items() {
                    tree.children.extend(item.element(OTHERS, &foreign, &format!("{path}/{OTHERS}"))?);
                }
            }
            _ => entry(&key, value, tree, &shape, path)?,
        }
    }
    Ok(())
}

fn entry(key: &str, value: Data, tree: &mut Tree, shape: &Shape, path: &str) -> Result<()> {
    let (name, marked) = key.strip_prefix('@').map_or((key, false), |name| (name, true));
    let (attr, child) = (shape.find_attr(name), shape.find_child(name).filter(|_| !marked));
    match (attr, child) {
        (_, Some(child)) if attr.is_none() || value.is_structured() || child_has_value(child) => {
            children(name, value, tree, child, path)
        }
        (Some(about), _) => {
            let value = value.spelled(about.kind, &format!("{path}/@{name}"))?;
            tree.attrs.extend(value.map(|value| (name.to_owned(), value)));
            Ok(())
        }
        _ => {
            let known = shape.attrs().iter().map(|(name, _)| *name);
            let near = nearest(name, known.chain(shape.children().iter().map(|child| child.name)));
            let near = near.map(|near| format!(", did you mean '{near}'?")).unwrap_or_default();
            Err(format!("{path}: unknown key '{key}'{near}"))
        }
    }
}

/// Whether a child can be a value by itself, so that its attribute of the same name has `@` in front.
fn child_has_value(child: &Child) -> bool {
    let mut shape = Shape::default();
    (child.inside)(&mut shape);
    shape.own_text().is_some() || shape.is_foreign() || matches!(child.about.kind, Kind::Flag)
}

fn children(name: &str, value: Data, tree: &mut Tree, child: &Child, path: &str) -> Result<()> {
    let listed = matches!(value, Data::List(_));
    for (at, item) in value.into_items().into_iter().enumerate() {
        let place = if listed { format!("[{}]", at + 1) } else { String::new() };
        tree.children.extend(item.element(name, child, &format!("{path}/{name}{place}"))?);
    }
    Ok(())
}

fn mixed(value: Data, tree: &mut Tree, shape: &Shape, path: &str) -> Result<()> {
    for (at, item) in value.into_items().into_iter().enumerate() {
        let here = format!("{path}/*[{}]", at + 1);
        let Data::Map(entries) = item else {
            return Err(format!("{here}: expected a map of one name, found something else"));
        };
        for (name, value) in entries {
            let Some(child) = shape.find_child(&name) else {
                let near = nearest(&name, shape.children().iter().map(|child| child.name));
                let near = near.map(|near| format!(", did you mean '{near}'?")).unwrap_or_default();
                return Err(format!("{here}: unknown key '{name}'{near}"));
            };
            tree.children.extend(value.element(&name, child, &here)?);
        }
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Visit)
    }
}

struct Visit;

impl<'de> Visitor<'de> for Visit {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map, a list or a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> std::result::Result<Data, E> {
        Ok(Data::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> std::result::Result<Data, E> {
        Ok(Data::Number(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> std::result::Result<Data, E> {
        Ok(Data::Number(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> std::result::Result<Data, E> {
        Ok(Data::Number(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> std::result::Result<Data, E> {
        Ok(Data::Text(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> std::result::Result<Data, E> {
        Ok(Data::Nothing)
    }

    fn visit_none<E: Error>(self) -> std::result::Result<Data, E> {
        Ok(Data::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Data, D::Error> {
        Data::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Data, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Data::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Data, A::Error> {
        let mut map: Vec<(String, Data)> = Vec::new();
        while let Some((key, value)) = entries.next_entry::<String, Data>()? {
            if map.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom(format!("the key '{key}' stands twice in one map")));
            }
            map.push((key, value));
        }
        Ok(Data::Map(map))
    }
}
