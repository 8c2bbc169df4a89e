//! What a test compares with: a value, or a variable that each binding of the filter fills in.

use crate::xml::{Expected, Value};

/// What a test compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand<T> {
    /// A value.
    Value(T),
    /// `$NAME`: what the variable holds.
    Variable(VariableAccess),
}

/// A variable, and which of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableAccess {
    /// Its name: letters, digits, underscores.
    pub name: String,
    /// Which of its values.
    pub index: VariableIndex,
}

/// Which of a variable's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableIndex {
    /// `$NAME[3]`: one of them, counted from 0.
    Element(u32),
    /// `$NAME[@1]`: all, one after the other, together with what else the iterator of that number runs through. `$NAME` is
    /// `$NAME[@0]`.
    Iterator(u32),
}

impl<T> Operand<T> {
    /// The value, unless it is a variable's.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Variable(_) => None,
        }
    }
}

impl<T> From<T> for Operand<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl<T: Value> Value for Operand<T> {
    const KIND: crate::xml::Kind = T::KIND;

    fn parse(text: &str) -> Result<Self, Expected> {
        match text.strip_prefix('$') {
            Some(access) => VariableAccess::parse(access).map(Self::Variable),
            None => T::parse(text).map(Self::Value),
        }
    }

    fn format(&self, out: &mut String) {
        match self {
            Self::Value(value) => value.format(out),
            Self::Variable(access) => {
                out.push('$');
                access.format(out);
            }
        }
    }
}

impl VariableIndex {
    /// The highest number of an iterator.
    pub const LAST_ITERATOR: u32 = 1000;

    /// What stands between the brackets; libvirt does not look behind them.
    fn parse(text: &str) -> Option<Self> {
        let (text, _) = text.split_once(']')?;
        let text = text.trim_ascii();
        match text.strip_prefix('@') {
            Some(number) => {
                u32::parse(number).ok().filter(|number| *number <= Self::LAST_ITERATOR).map(Self::Iterator)
            }
            None => u32::parse(text).ok().map(Self::Element),
        }
    }
}

impl Value for VariableAccess {
    fn parse(text: &str) -> Result<Self, Expected> {
        let (name, index) = match text.split_once('[') {
            Some((name, index)) => (name, VariableIndex::parse(index)),
            None => (text, Some(VariableIndex::Iterator(0))),
        };
        match index {
            Some(index) if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                Ok(Self { name: name.to_owned(), index })
            }
            _ => Err("a variable".into()),
        }
    }

    fn format(&self, out: &mut String) {
        out.push_str(&self.name);
        match self.index {
            VariableIndex::Iterator(0) => {}
            VariableIndex::Iterator(number) => {
                out.push_str("[@");
                number.format(out);
                out.push(']');
            }
            VariableIndex::Element(number) => {
                out.push('[');
                number.format(out);
                out.push(']');
            }
        }
    }
}
