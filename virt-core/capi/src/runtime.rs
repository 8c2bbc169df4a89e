//! What all functions have in common: entering, arguments, answers, objects, memory.

mod answer;
mod argument;
mod entry;
pub(crate) mod memory;
mod object;

pub(crate) use argument::{Below, Callback, NoFlags, NonZero, Out, Room, UuidText, take};
pub(crate) use entry::{Function, callback, enter, export, guarded, unsupported};
pub(crate) use object::{Kind, Object, Reference, kind};
pub(crate) use virt_util::ErrorDomain;
