//! What clients and a controller say to each other: lines of JSON, numbered requests and answers, and notices.
//!
//! ```text
//! client:     {"id":1,"do":"hello","version":1}
//! controller: {"id":1,"ok":{"version":1,"requests":["hello","status",...]}}
//! client:     {"id":2,"do":"lock","purpose":"suspending"}
//! controller: {"id":2,"ok":null}
//! controller: {"notice":"ended","status":{"exited":0}}
//! client:     {"id":3,"do":"levitate"}
//! controller: {"id":3,"error":{"code":3,"domain":0,"message":"... knows no request 'levitate'"}}
//! ```
//!
//! Guests live for months and the library is upgraded under them, so both sides outlive their versions: fields that a
//! side does not know are ignored, fields that are missing have a default, a request that the controller does not know is
//! refused by its name, and a notice that the client does not know is skipped. The version that both speak is the lower
//! one; a side that can no longer speak it says so.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Settings, Status};
use crate::owner::Owner;
use crate::process::ExitStatus;
use crate::spawn::Program;
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// The protocol's version that this library speaks.
pub const VERSION: u32 = 1;

/// The oldest version that this library still speaks.
pub const OLDEST: u32 = 1;

/// What a client asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// First of all: which version the client speaks.
    Hello {
        /// The newest that it speaks.
        version: u32,
    },
    /// From the process that started the controller: what it is for.
    Begin {
        /// For the guest's whole life.
        settings: Box<Settings>,
    },
    /// From the process that started the controller: take over the guest that `guest.json` tells of.
    Adopt,
    /// Start the guest; as many descriptors come beside the line as there are numbers.
    Spawn {
        /// What to run.
        program: Box<Program>,
        /// The descriptors' numbers in the guest.
        numbers: Vec<i32>,
    },
    /// From now on the guest outlives the client that had it started.
    Settle,
    /// What is known of the guest.
    Status,
    /// Take the guest's lock; answered when it is granted.
    Lock {
        /// What for, in words for people.
        purpose: String,
        /// Refuse rather than wait.
        #[serde(default)]
        at_once: bool,
    },
    /// Let go of the guest's lock, or of the place in the queue for it; answers who holds it, if another does.
    Unlock,
    /// Be told of the monitor's events.
    Subscribe,
    /// Speak to the monitor over the socket whose descriptor comes beside the line.
    Monitor,
    /// Send the guest a signal.
    Signal {
        /// Its number.
        number: i32,
    },
    /// Keep other notes.
    SetNotes {
        /// In place of those in the settings.
        notes: Value,
    },
    /// Something that the guest has let go of was seen to.
    Tended {
        /// What, by the name that the event had for it.
        what: String,
    },
    /// The ended guest has been finished: nothing is left to do.
    Retire,
    /// Replace the controller's program, keeping all it holds.
    Replace {
        /// The new one.
        path: String,
    },
}

impl Request {
    /// The names of all requests, as they stand after `do`.
    pub const NAMES: [&'static str; 15] = [
        "hello",
        "begin",
        "adopt",
        "spawn",
        "settle",
        "status",
        "lock",
        "unlock",
        "subscribe",
        "monitor",
        "signal",
        "set-notes",
        "tended",
        "retire",
        "replace",
    ];
}

/// A numbered request as it is sent.
#[derive(Debug, Serialize)]
pub(super) struct Numbered {
    pub(super) id: u64,
    #[serde(flatten)]
    pub(super) request: Request,
}

/// What the controller answers to `hello`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Welcome {
    /// The version that both speak from now on.
    pub version: u32,
    /// The requests that the controller knows.
    pub requests: Vec<String>,
}

/// Who holds the guest's lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// Its process; nothing when it cannot be told.
    pub owner: Option<Owner>,
    /// What it holds it for.
    pub purpose: String,
}

impl LockHolder {
    /// libvirt's refusal of somebody who waited for the lock in vain.
    pub(super) fn refusal(&self) -> Error {
        let process = self.owner.map(|owner| format!(" of {owner}")).unwrap_or_default();
        let sentence = format!("cannot acquire state change lock (held by {}{process})", self.purpose);
        Error::new(ErrorCode::OPERATION_TIMEOUT, ErrorDomain::NONE, sentence)
    }
}

/// What the controller says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Reply {
    /// A request's answer.
    Ok { id: u64, ok: Value },
    /// A request's refusal.
    Error { id: u64, error: Refusal },
    /// What was not asked for.
    Notice(NoticeLine),
    /// A newer version's notice.
    Unknown(Value),
}

/// A notice as it is sent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "kebab-case")]
pub(super) enum NoticeLine {
    /// The guest has ended.
    Ended { status: ExitStatus },
    /// The monitor said something of its own accord.
    Monitor { event: Value },
    /// The client did not read, and so many events are gone.
    Missed { count: u64 },
}

/// An error on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Refusal {
    code: i32,
    domain: i32,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code().0,
            domain: error.domain().0,
            message: error.message().to_owned(),
            hint: error.advice().map(str::to_owned),
        }
    }
}

impl Refusal {
    /// The error that it was. No `From`: one more of those would leave `?` in other crates guessing.
    pub(super) fn into_error(self) -> Error {
        let error = Error::verbatim(ErrorCode(self.code), ErrorDomain(self.domain), self.message);
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// Reads a request: its number, and what it asks for or why that cannot be understood.
///
/// # Errors
///
/// When the line is no request at all: the client does not speak this protocol.
pub(super) fn read_request(line: &[u8]) -> Result<(u64, Result<Request>)> {
    let broken = |what: &str| {
        let sentence = format!("a client of the controller broke the protocol: {what}");
        Error::internal(ErrorDomain::NONE, sentence)
    };
    let value: Value = serde_json::from_slice(line).map_err(|error| broken("no JSON").caused_by(error))?;
    let id = value.get("id").and_then(Value::as_u64).ok_or_else(|| broken("a request without a number"))?;
    let name = value.get("do").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !Request::NAMES.contains(&name.as_str()) {
        let sentence = format!(
            "the controller of this guest (version {}, protocol {VERSION}) knows no request '{name}'",
            env!("CARGO_PKG_VERSION")
        );
        let error = Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NONE, sentence)
            .hint("the guest was started by an older version: replace its controller, or restart the guest");
        return Ok((id, Err(error)));
    }
    let request =
        serde_json::from_value(value).map_err(|error| broken(&format!("request '{name}': {error}")));
    Ok((id, request))
}

/// The version that both sides speak.
pub(super) fn common_version(theirs: u32, who: &str) -> Result<u32> {
    if theirs < OLDEST {
        let sentence =
            format!("{who} speaks version {theirs} of the protocol; {OLDEST} is the oldest known here");
        return Err(Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NONE, sentence));
    }
    Ok(theirs.min(VERSION))
}

/// One line of JSON.
pub(super) fn line(message: &impl Serialize) -> Vec<u8> {
    // Plain data: neither maps with other keys than strings nor fallible serialisers are in it.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// What `status` answers, with whatever a newer controller adds left out.
pub(super) fn read_status(value: Value) -> Result<Status> {
    serde_json::from_value(value).map_err(|error| {
        Error::internal(ErrorDomain::NONE, "the controller's status is not understood").caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_requests_are_refused_by_name_and_unknown_fields_ignored() {
        let (id, request) = read_request(br#"{"id":7,"do":"levitate","height":3}"#).unwrap();
        let error = request.unwrap_err();
        assert_eq!((id, error.code()), (7, ErrorCode::NO_SUPPORT));
        assert!(error.to_string().ends_with("knows no request 'levitate'"), "{error}");

        let (_, request) = read_request(br#"{"id":8,"do":"lock","purpose":"x","priority":9}"#).unwrap();
        assert!(matches!(request.unwrap(), Request::Lock { at_once: false, .. }));
        assert!(read_request(b"{}").is_err() && read_request(b"\xff").is_err() && read_request(b"").is_err());
    }

    #[test]
    fn names_are_those_that_are_sent() {
        for name in Request::NAMES {
            let unknown = serde_json::from_value::<Request>(serde_json::json!({ "do": name }));
            let missing_field = |error: serde_json::Error| error.to_string().contains("missing field");
            assert!(unknown.map_or_else(missing_field, |_| true), "{name}");
        }
    }

    #[test]
    fn a_newer_notice_is_no_error() {
        let reply = serde_json::from_str(r#"{"notice":"rehoused","where":"b"}"#).unwrap();
        assert!(matches!(reply, Reply::Unknown(_)));
    }
}
