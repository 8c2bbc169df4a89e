//! What differs between two documents of one kind, by meaning: paths and values, before and after.
//!
//! Both sides are models, so spelling does not count: hexadecimal or decimal, units, the order of attributes. What the
//! model's [`Shape`] says of lists does: where a list has a key, elements are
//! told apart by it, and one that moved is a move, not a change of all that stood between; where order means nothing, it is
//! not compared. [`Diff::apply`] carries the changes out on the same document or on another one.
//!
//! ```
//! use virt_conf::{diff, model::Interface, xml};
//!
//! let read = |text| xml::from_str::<Interface>(text, &xml::ParseOptions::default());
//! let before = read("<interface type='bridge'><source bridge='br0'/><mtu size='1500'/></interface>")?;
//! let after = read("<interface type='bridge'><source bridge='br1'/></interface>")?;
//! let changes = diff::diff(&before, &after)?;
//! assert_eq!(
//!     changes.to_string(),
//!     "/interface/source/@bridge: br0 -> br1\n- /interface/mtu: <mtu size=\"1500\"/>\n",
//! );
//! assert_eq!(changes.apply(&before)?, after);
//! # Ok::<(), xml::Error>(())
//! ```

mod lists;
mod path;

use std::fmt;

pub use path::{Path, Step};

use crate::tree::Tree;
use crate::xml::{Describe, Element, Kind, List, Result, Shape};
use lists::{Group, Pairing};
pub(crate) use lists::{group_name, key};

/// What differs, in the order of the first document; what only the second has stands last in its element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// The differences.
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An attribute's value, or an element's text; an amount with its unit.
    Value {
        /// The attribute, or the element whose text it is.
        path: Path,
        /// What it was; nothing where it was absent.
        before: Option<String>,
        /// What it is.
        after: Option<String>,
    },
    /// A new element.
    Added {
        /// Where it is.
        path: Path,
        /// How many elements of its list come before it.
        at: usize,
        /// The element.
        element: Tree,
    },
    /// An element that is gone.
    Removed {
        /// Where it was.
        path: Path,
        /// The element.
        element: Tree,
    },
    /// An element of an ordered list that others have overtaken.
    Moved {
        /// Where it was.
        path: Path,
        /// How many elements of its list come before it now.
        to: usize,
    },
}

/// What differs between `before` and `after`.
///
/// # Errors
///
/// When one of them holds a text that has no place in XML.
pub fn diff<T: Element>(before: &T, after: &T) -> Result<Diff> {
    Ok(diff_trees(&Tree::of(before)?, &Tree::of(after)?, |shape| T::describe(None, shape)))
}

/// What differs between two elements that `describe` describes.
#[must_use]
pub fn diff_trees(before: &Tree, after: &Tree, describe: Describe) -> Diff {
    let mut changes = Vec::new();
    elements(before, after, describe, &Path(vec![Step::Child(after.name.clone())]), &mut changes);
    Diff { changes }
}

fn elements(before: &Tree, after: &Tree, describe: Describe, path: &Path, out: &mut Vec<Change>) {
    if before == after {
        return;
    }
    if before.foreign.is_some() || after.foreign.is_some() {
        value(path.clone(), Some(before.to_xml()), Some(after.to_xml()), out);
        return;
    }
    let shapes = (before.shape(describe), after.shape(describe));
    let names = merged(before.attrs.iter().map(|(name, _)| name), after.attrs.iter().map(|(name, _)| name));
    let amount = Amount::of(&shapes.1).or(Amount::of(&shapes.0));
    for name in names {
        let here = path.join(Step::Attr(name.to_owned()));
        if amount == Some(Amount::Attr(name)) {
            value(here, with_unit(before, before.attr(name)), with_unit(after, after.attr(name)), out);
        } else if amount.is_none() || name != UNIT {
            value(here, before.attr(name).map(str::to_owned), after.attr(name).map(str::to_owned), out);
        }
    }
    if amount == Some(Amount::Text) {
        value(path.clone(), with_unit(before, text(before)), with_unit(after, text(after)), out);
    } else {
        value(path.clone(), text(before).map(str::to_owned), text(after).map(str::to_owned), out);
    }
    for group in Group::all(before, after, &shapes) {
        children(&group, path, out);
    }
}

fn children(group: &Group<'_>, path: &Path, out: &mut Vec<Change>) {
    for pairing in group.pairings() {
        match pairing {
            Pairing::Both { step, before, after, moved } => {
                let here = path.join(step);
                if let Some(to) = moved {
                    out.push(Change::Moved { path: here.clone(), to });
                }
                elements(before, after, group.inside_of(&after.name), &here, out);
            }
            Pairing::Gone { step, before } => {
                out.push(Change::Removed { path: path.join(step), element: before.clone() });
            }
            Pairing::New { step, at, after } => {
                out.push(Change::Added { path: path.join(step), at, element: after.clone() });
            }
        }
    }
}

fn value(path: Path, before: Option<String>, after: Option<String>, out: &mut Vec<Change>) {
    if before != after {
        out.push(Change::Value { path, before, after });
    }
}

/// The attribute that the unit of an amount stands in.
pub(crate) const UNIT: &str = "unit";

/// What of an element is an amount, whose unit is beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount<'a> {
    Text,
    Attr(&'a str),
}

impl Amount<'_> {
    pub(crate) fn of(shape: &Shape) -> Option<Self> {
        if shape.own_text().is_some_and(|about| matches!(about.kind, Kind::Amount)) {
            return Some(Self::Text);
        }
        let amount = shape.attrs().iter().find(|(_, about)| matches!(about.kind, Kind::Amount));
        amount.map(|(name, _)| Self::Attr(name))
    }
}

fn with_unit(tree: &Tree, number: Option<&str>) -> Option<String> {
    let number = number?;
    Some(tree.attr(UNIT).map_or_else(|| number.to_owned(), |unit| format!("{number} {unit}")))
}

pub(crate) fn text(tree: &Tree) -> Option<&str> {
    Some(tree.text.as_str()).filter(|text| !text.is_empty())
}

/// The names of both, those of the first in front.
fn merged<'a>(
    first: impl Iterator<Item = &'a String>,
    second: impl Iterator<Item = &'a String>,
) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for name in first.chain(second) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

impl Diff {
    /// Whether the documents mean the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Change {
    /// What it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Value { path, .. }
            | Self::Added { path, .. }
            | Self::Removed { path, .. }
            | Self::Moved { path, .. } => path,
        }
    }
}

/// One line a change.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| writeln!(f, "{change}"))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { path, before: Some(before), after: Some(after) } => {
                write!(f, "{path}: {before} -> {after}")
            }
            Self::Value { path, before: None, after } => {
                write!(f, "+ {path}: {}", after.as_deref().unwrap_or_default())
            }
            Self::Value { path, before: Some(before), after: None } => write!(f, "- {path}: {before}"),
            Self::Added { path, element, .. } => write!(f, "+ {path}: {}", element.to_xml()),
            Self::Removed { path, element } => write!(f, "- {path}: {}", element.to_xml()),
            Self::Moved { path, to } => write!(f, "{path}: moved to place {}", to + 1),
        }
    }
}

/// How a list's elements are told from each other, as the model of either side says.
pub(crate) fn list_of(shapes: &(Shape, Shape), name: &str) -> List {
    let child = shapes.1.find_child(name).or_else(|| shapes.0.find_child(name));
    child.map_or(List::Ordered, |child| child.list)
}
