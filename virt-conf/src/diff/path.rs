//! Where in a document: `/domain/devices/disk[target/@dev='vda']/driver/@cache`.

use std::fmt;
use std::str::FromStr;

use crate::xml::{Error, ErrorCode, ErrorDomain, Result};

/// The way from the root to an element or attribute, spelled as XPath spells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The only element of this name.
    Child(String),
    /// The one at this place, from 1, among its equals; `*` for places among elements of several names.
    Nth(String, usize),
    /// The one where these paths have these values.
    Keyed(String, Vec<(String, String)>),
    /// An attribute.
    Attr(String),
}

impl Step {
    /// The name of the element or attribute.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Child(name) | Self::Nth(name, _) | Self::Keyed(name, _) | Self::Attr(name) => name,
        }
    }
}

impl Path {
    /// This path and one step more.
    #[must_use]
    pub fn join(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            write!(f, "/{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Child(name) => f.write_str(name),
            Self::Nth(name, place) => write!(f, "{name}[{place}]"),
            Self::Attr(name) => write!(f, "@{name}"),
            Self::Keyed(name, keys) => {
                write!(f, "{name}[")?;
                for (at, (path, value)) in keys.iter().enumerate() {
                    let and = if at > 0 { " and " } else { "" };
                    // As XPath 2 has it: a quote within quotes is doubled.
                    write!(f, "{and}{path}='{}'", value.replace('\'', "''"))?;
                }
                f.write_str("]")
            }
        }
    }
}

impl FromStr for Path {
    type Err = Error;

    /// A slash in front may be left out.
    fn from_str(text: &str) -> Result<Self> {
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('/').unwrap_or(text);
        while !rest.is_empty() {
            let (step, behind) = step(rest).ok_or_else(|| malformed(text, rest))?;
            rest = match behind.strip_prefix('/') {
                Some(more) if !more.is_empty() => more,
                None if behind.is_empty() => behind,
                _ => return Err(malformed(text, behind)),
            };
            steps.push(step);
        }
        Ok(Self(steps))
    }
}

fn malformed(path: &str, rest: &str) -> Error {
    let detail = format!("malformed path '{path}' at '{rest}'");
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, detail)
}

/// The first step of `text`, and what is behind it.
fn step(text: &str) -> Option<(Step, &str)> {
    let end = text.find(['/', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
    if let Some(attr) = name.strip_prefix('@') {
        return (!attr.is_empty()).then(|| (Step::Attr(attr.to_owned()), rest));
    }
    let Some(mut inside) = rest.strip_prefix('[') else { return Some((Step::Child(name.to_owned()), rest)) };
    if let Some((place, rest)) = inside.split_once(']')
        && let Ok(place) = place.parse::<usize>()
    {
        return (place > 0).then(|| (Step::Nth(name.to_owned(), place), rest));
    }
    let mut keys = Vec::new();
    loop {
        let (path, behind) = inside.split_once("='")?;
        let (value, behind) = quoted(behind)?;
        keys.push((path.to_owned(), value));
        match behind.strip_prefix(" and ") {
            Some(more) => inside = more,
            None => return Some((Step::Keyed(name.to_owned(), keys), behind.strip_prefix(']')?)),
        }
    }
}

/// The value whose opening quote is in front of `text`, and what is behind the closing one.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (part, behind) = rest.split_once('\'')?;
        value.push_str(part);
        match behind.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Some((value, behind)),
        }
    }
}
