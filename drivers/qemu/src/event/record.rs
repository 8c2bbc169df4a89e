//! An event as it stands in the log.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use virt_core::driver::{
    DomainIdentity, Event, EventKind, LifecycleEvent, MetadataChange, TypedParameter, TypedValue,
};
use virt_util::eventlog::{self, EventLog};
use virt_util::index::{Entry, IndexLock};
use virt_util::{Error, ErrorDomain, Result};

/// An event as it stands in the log: one of ours, or what a controller heard from the monitor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The guest.
    pub(crate) guest: Uuid,
    /// What the monitor said; nothing in an event of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) monitor: Option<crate::monitor::Event>,
    /// The guest's name; empty where the monitor speaks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    /// The guest's number while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u32>,
    /// libvirt's numbers: kind, event, detail.
    #[serde(default)]
    pub(crate) event: (i32, i32, i32),
    /// Further arguments of libvirt's callback.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parameters: Vec<(String, Value)>,
}

/// A lifecycle event of `entry`'s guest.
pub(crate) fn lifecycle(entry: &Entry, event: LifecycleEvent, detail: i32) -> Record {
    Record {
        guest: entry.uuid,
        monitor: None,
        name: entry.name.clone(),
        id: entry.id,
        event: (EventKind::Lifecycle.number(), event.number(), detail),
        parameters: Vec::new(),
    }
}

/// Something that happened to a device of `entry`'s guest.
pub(crate) fn device(entry: &Entry, kind: EventKind, alias: &str) -> Record {
    Record {
        event: (kind.number(), 0, 0),
        parameters: vec![("devAlias".to_owned(), Value::String(alias.to_owned()))],
        ..lifecycle(entry, LifecycleEvent::Defined, 0)
    }
}

/// Another medium in a drive of `entry`'s guest: the paths of the one before and the one now.
pub(crate) fn disk_change(entry: &Entry, before: Option<&str>, now: Option<&str>, alias: &str) -> Record {
    let text = |name: &str, value: Option<&str>| Some((name.to_owned(), Value::String(value?.to_owned())));
    let parameters = [text("oldSrcPath", before), text("newSrcPath", now), text("devAlias", Some(alias))];
    Record {
        event: (EventKind::DiskChange.number(), 0, 0),
        parameters: parameters.into_iter().flatten().collect(),
        ..lifecycle(entry, LifecycleEvent::Defined, 0)
    }
}

/// A change of `entry`'s guest's metadata.
pub(crate) fn metadata(entry: &Entry, change: &MetadataChange) -> Record {
    let namespace = change.namespace.iter().map(|uri| ("nsuri".to_owned(), Value::String(uri.clone())));
    Record {
        event: (EventKind::MetadataChange.number(), change.kind.number(), 0),
        parameters: namespace.collect(),
        ..lifecycle(entry, LifecycleEvent::Defined, 0)
    }
}

impl Record {
    /// Puts the event into the log.
    pub(crate) fn append(&self, lock: &IndexLock<'_>, log: &EventLog) -> Result<u64> {
        let payload = serde_json::to_vec(self).map_err(|error| {
            Error::internal(ErrorDomain::QEMU, format!("an event that is no JSON: {error}"))
        })?;
        log.append(lock, &payload)
    }

    /// Reads what stands in the log.
    pub(crate) fn read(event: &eventlog::Event) -> Option<Self> {
        serde_json::from_slice(&event.payload)
            .inspect_err(|error| log::warn!("event {} is not understood: {error}", event.sequence))
            .ok()
    }

    /// An event of ours as clients get it; `from` says when it was and which number it has.
    pub(super) fn to_event(&self, from: &eventlog::Event) -> Event {
        let (kind, event, detail) = self.event;
        let parameters = self.parameters.iter().filter_map(|(name, value)| parameter(name, value));
        Event {
            kind: EventKind::from_number(kind),
            event,
            detail,
            parameters: parameters.collect(),
            ..blank(from, DomainIdentity { name: self.name.clone(), uuid: self.guest, id: self.id })
        }
    }
}

/// An event that says nothing yet.
pub(super) fn blank(from: &eventlog::Event, domain: DomainIdentity) -> Event {
    let since = from.time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Event {
        sequence: from.sequence,
        seconds: since.as_secs().cast_signed(),
        nanoseconds: since.subsec_nanos(),
        domain,
        kind: EventKind::Lifecycle,
        event: 0,
        detail: 0,
        parameters: Vec::new(),
    }
}

fn parameter(name: &str, value: &Value) -> Option<TypedParameter> {
    let value = match value {
        Value::Bool(value) => TypedValue::Boolean(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => TypedValue::LongLong(value),
            (None, Some(value)) => TypedValue::UnsignedLongLong(value),
            (None, None) => TypedValue::Double(number.as_f64()?),
        },
        Value::String(value) => TypedValue::Text(value.clone()),
        _ => return None,
    };
    Some(TypedParameter { field: name.to_owned(), value })
}
