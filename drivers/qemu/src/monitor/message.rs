//! What goes over the monitor: commands out; greeting, answers and events in.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use virt_util::{Error, ErrorDomain};

#[derive(Serialize)]
pub(super) struct Request<'a> {
    pub(super) execute: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<&'a Value>,
    pub(super) id: u64,
}

/// What QEMU says first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Greeting {
    /// Which QEMU speaks.
    pub version: Version,
    /// What its monitor can do beyond the base protocol, `oob` for one.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// A version of QEMU, as the greeting and `query-version` give it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Version {
    /// The release.
    pub qemu: Triple,
    /// The packager's own version, empty when there is none.
    #[serde(default)]
    pub package: String,
}

/// Major, minor and micro number of a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Triple {
    /// 10 of 10.0.2
    pub major: u32,
    /// 0 of 10.0.2
    pub minor: u32,
    /// 2 of 10.0.2
    pub micro: u32,
}

/// Something that happened in QEMU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// QEMU's name for it, `SHUTDOWN`.
    #[serde(rename = "event")]
    pub name: String,
    /// What belongs to it; null when nothing does.
    #[serde(default)]
    pub data: Value,
    /// When it happened, by the host's wall clock.
    #[serde(default)]
    pub timestamp: Timestamp,
}

/// Wall clock time; both numbers are -1 when QEMU could not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Microseconds of that second.
    pub microseconds: i64,
}

/// QEMU's own "no" to a command.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// `GenericError`, `CommandNotFound`, `DeviceNotActive`, `DeviceNotFound`, `KVMMissingCap`.
    #[serde(default)]
    pub class: String,
    /// QEMU's words.
    #[serde(default)]
    pub desc: String,
}

impl Refusal {
    /// The refusal of `command` in libvirt's words.
    pub fn into_error(self, command: &str) -> Error {
        let detail = if self.desc.is_empty() {
            format!("unable to execute QEMU command '{command}'")
        } else {
            format!("unable to execute QEMU command '{command}': {}", self.desc)
        };
        Error::internal(ErrorDomain::QEMU, detail)
    }

    /// Whether this QEMU does not know the command at all.
    pub fn is_unknown_command(&self) -> bool {
        self.class == "CommandNotFound"
    }
}

/// One message from QEMU.
#[derive(Debug)]
pub(super) enum Incoming {
    Greeting(Greeting),
    Event(Event),
    Answer { id: Option<u64>, result: std::result::Result<Box<RawValue>, Refusal> },
}

/// A line, its parts unread as yet: answers may be large.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default, rename = "QMP")]
    greeting: Option<&'a RawValue>,
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
    #[serde(default)]
    id: Option<Value>,
    #[serde(borrow, default, deserialize_with = "present")]
    r#return: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<Refusal>,
}

/// Tells `"return": null` from no `return`.
fn present<'de: 'a, 'a, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl Incoming {
    /// Understands one line; the error is a phrase that completes "broke the protocol".
    pub(super) fn parse(line: &[u8]) -> std::result::Result<Self, String> {
        let unreadable = |error: serde_json::Error| format!("{error} in {}", excerpt(line));
        // serde would read an array as the members in their order.
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Err(format!("no JSON object: {}", excerpt(line)));
        }
        let line_parts: Line<'_> = serde_json::from_slice(line).map_err(unreadable)?;
        let Line { greeting, event, id, r#return, error } = line_parts;
        if let Some(greeting) = greeting {
            return serde_json::from_str(greeting.get()).map(Self::Greeting).map_err(unreadable);
        }
        if event.is_some() {
            return serde_json::from_slice(line).map(Self::Event).map_err(unreadable);
        }
        // An id that is not one of our numbers answers somebody else: never the command under way.
        let id = id.map(|id| id.as_u64().unwrap_or(0));
        match (r#return, error) {
            (_, Some(refusal)) => Ok(Self::Answer { id, result: Err(refusal) }),
            (Some(value), None) => Ok(Self::Answer { id, result: Ok(value.to_owned()) }),
            (None, None) => Err(format!("neither greeting, event nor answer: {}", excerpt(line))),
        }
    }
}

/// The beginning of a line, fit for a message.
pub(super) fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.get(..120).unwrap_or(line)).into_owned();
    if line.len() > 120 { format!("{text}...") } else { text }
}
