//! What came of it, call by call.

use std::collections::BTreeMap;
use std::fmt;

use plugins_abi::{Slots, driver, event_source, object_event_source, stream};

/// What came of a call. The worst of several counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It does what it should.
    Works,
    /// The driver does not have it.
    NotSupported,
    /// It does something else, and what.
    Wrong(String),
}

/// What came of every call, by `Trait.method`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    calls: BTreeMap<&'static str, Outcome>,
}

impl Report {
    pub(super) fn add(&mut self, seen: Vec<(&'static str, Outcome)>) {
        for (call, outcome) in seen {
            let known = self.calls.entry(call).or_insert(Outcome::Works);
            if *known < outcome {
                *known = outcome;
            }
        }
    }

    /// What came of this call, `Lifecycle.create`; nothing for one that was not tried.
    pub fn outcome(&self, call: &str) -> Option<&Outcome> {
        self.calls.get(call)
    }

    /// The calls that do something else than they should, and what.
    pub fn wrong(&self) -> impl Iterator<Item = (&str, &str)> {
        self.calls.iter().filter_map(|(call, outcome)| match outcome {
            Outcome::Wrong(what) => Some((*call, what.as_str())),
            _ => None,
        })
    }

    /// As JSON: an object of `works`, `not supported`, `untried`, or `wrong: ` and what, by call.
    pub fn to_json(&self) -> String {
        let lines: serde_json::Map<String, serde_json::Value> =
            self.lines().map(|(call, words)| (call, words.into())).collect();
        serde_json::Value::Object(lines).to_string()
    }

    /// Every call of the door and what came of it, in the door's order.
    fn lines(&self) -> impl Iterator<Item = (String, String)> {
        let beside = driver::METHODS
            .iter()
            .chain(event_source::METHODS)
            .chain(object_event_source::METHODS)
            .chain(stream::METHODS);
        let methods = Slots::methods().chain(beside);
        methods.map(|method| {
            let call = format!("{}.{}", method.interface, method.name);
            let words = match self.outcome(&call) {
                None => "untried".to_owned(),
                Some(Outcome::Works) => "works".to_owned(),
                Some(Outcome::NotSupported) => "not supported".to_owned(),
                Some(Outcome::Wrong(what)) => format!("wrong: {what}"),
            };
            (call, words)
        })
    }
}

impl fmt::Display for Report {
    /// A table, one line a call.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().try_for_each(|(call, words)| writeln!(f, "{call:<40} {words}"))
    }
}
