//! Places of errors that are noticed after reading, when the text is no longer at hand.
//!
//! Whoever notices names the way from the thing that is checked (`source/@dev`), each caller adds the way to that thing
//! ([`Within::within`]), and whoever still has the text turns the whole way into a line and a column ([`locate`]).

use std::fmt::Display;

use super::tree::{Node, Tree};
use super::{Error, Place, Result, error};

/// Adds the way to an error about a part of a document.
///
/// ```
/// use virt_conf::xml::{Error, ErrorCode, ErrorDomain, Within, locate};
///
/// let fault = Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, "too many").within("@count");
/// let fault = fault.within_nth("disk", 1).within("devices");
/// let found = locate(fault, "<devices>\n  <disk/>\n  <disk count='9'/>\n</devices>");
/// assert_eq!(format!("{found:#}"), "XML error: too many (line 3:16, /devices/disk[2]/@count)");
/// ```
pub trait Within: Sized {
    /// The error is about what is at `path` of the thing that the caller looks at: names, each with its number among
    /// elements of its name (`disk[2]`) or what it has (`disk[target/@dev='vda']`), an attribute last (`@bus`).
    /// An error that already has its line and column stays as it is.
    #[must_use]
    fn within(self, path: impl Display) -> Self;

    /// [`within`](Self::within) the element of this name that has `before` others of its name before it.
    #[must_use]
    fn within_nth(self, name: &str, before: usize) -> Self {
        self.within(format_args!("{name}[{}]", before + 1))
    }
}

impl Within for Error {
    fn within(self, path: impl Display) -> Self {
        let path = match self.place() {
            Some(place) if place.line != 0 => return self,
            Some(place) => format!("{path}/{}", place.path),
            None => path.to_string(),
        };
        self.at(Place { path, ..Place::default() })
    }
}

impl<T> Within for Result<T> {
    fn within(self, path: impl Display) -> Self {
        self.map_err(|error| error.within(path))
    }

    fn within_nth(self, name: &str, before: usize) -> Self {
        self.map_err(|error| error.within_nth(name, before))
    }
}

/// Finds the place of an error that only knows the way to it. What the text does not have, because a default filled it in, is
/// placed at the nearest element around it that the text has.
#[must_use]
pub fn locate(error: Error, text: &str) -> Error {
    let way = match error.place() {
        Some(place) if place.line == 0 => place.path.clone(),
        _ => return error,
    };
    let Ok(tree) = Tree::parse(text) else { return error };
    let mut steps = split(&way, '/');
    let mut node = tree.root();
    if steps.next().is_none_or(|root| root != node.name()) {
        return error;
    }
    for step in steps {
        if let Some(attribute) = step.strip_prefix('@') {
            return error.at(error::place(node, Some(attribute)));
        }
        match child(node, step) {
            Some(found) => node = found,
            None => break,
        }
    }
    error.at(error::place(node, None))
}

/// `disk[2]`, `controller[@type='pci'][@index='0']`, `disk[target/@dev='vda']`: an attribute that the text leaves to a default
/// may have any value.
fn child<'a, 'input>(node: Node<'a, 'input>, step: &str) -> Option<Node<'a, 'input>> {
    let mut parts = split(step, '[');
    let name = parts.next()?;
    let mut number = 0;
    let mut wanted = Vec::new();
    for part in parts.map(|part| part.trim_end_matches(']')) {
        match part.split_once('=') {
            Some((path, value)) => wanted.push((path, value.trim_matches('\''))),
            None => number = part.parse::<usize>().ok()?.saturating_sub(1),
        }
    }
    let named = || node.elements().filter(|child| child.name() == name);
    let agrees = |child: &Node<'_, '_>, absent| {
        wanted.iter().all(|(path, value)| attribute(*child, path).map_or(absent, |given| given == *value))
    };
    let pick = |absent| named().filter(|child| agrees(child, absent)).nth(number);
    pick(false).or_else(|| pick(true))
}

/// `target/@dev`
fn attribute<'a>(mut node: Node<'a, '_>, path: &str) -> Option<&'a str> {
    for step in path.split('/') {
        match step.strip_prefix('@') {
            Some(name) => return node.attribute(name),
            None => node = node.elements().find(|child| child.name() == step)?,
        }
    }
    None
}

/// The parts between `separator`s that are not inside brackets.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |c| {
        let outside = depth == 0;
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        outside && c == separator
    })
}
