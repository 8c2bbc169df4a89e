//! Events: how they stand in the log, and the reader that clients get.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use virt_core::driver::{
    Call, MetadataChange, NetworkEventKind, NetworkLifecycle, ObjectEvent, ObjectEventBatch,
    ObjectEventSource, TypedParameter,
};
use virt_util::eventlog::{self, EventLog, EventReader, Next};
use virt_util::index::{Entry, IndexLock};
use virt_util::wait::Wait;
use virt_util::{ErrorCode, Result};

use crate::internal;

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    network: Uuid,
    name: String,
    /// libvirt's numbers: kind, event.
    event: (i32, i32),
    /// The namespace whose element changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

/// Something in the life of `entry`'s network.
pub(crate) fn lifecycle(entry: &Entry, event: NetworkLifecycle) -> Record {
    let event = (NetworkEventKind::Lifecycle.number(), event.number());
    Record { network: entry.uuid, name: entry.name.clone(), event, namespace: None }
}

/// A change of `entry`'s network's metadata.
pub(crate) fn metadata(entry: &Entry, change: &MetadataChange) -> Record {
    let event = (NetworkEventKind::MetadataChange.number(), change.kind.number());
    Record { event, namespace: change.namespace.clone(), ..lifecycle(entry, NetworkLifecycle::Defined) }
}

impl Record {
    /// Puts the event into the log.
    pub(crate) fn append(&self, lock: &IndexLock<'_>, log: &EventLog) -> Result<()> {
        let payload = serde_json::to_vec(self)
            .map_err(|error| internal(format!("an event that is no JSON: {error}")))?;
        log.append(lock, &payload).map(drop)
    }

    fn read(event: &eventlog::Event) -> Option<ObjectEvent> {
        let record: Self = serde_json::from_slice(&event.payload)
            .inspect_err(|error| log::warn!("event {} is not understood: {error}", event.sequence))
            .ok()?;
        let since = event.time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Some(ObjectEvent {
            sequence: event.sequence,
            seconds: since.as_secs().cast_signed(),
            nanoseconds: since.subsec_nanos(),
            name: record.name,
            uuid: Some(record.network),
            kind: record.event.0,
            event: record.event.1,
            detail: 0,
            parameters: record.namespace.map(|uri| TypedParameter::new("nsuri", uri)).into_iter().collect(),
        })
    }
}

/// A reader of one root's events.
pub(crate) struct Source {
    reader: Mutex<EventReader>,
    descriptor: i32,
}

impl Source {
    /// Reads from now on, or from the event `from` on.
    pub(crate) fn new(log: &EventLog, from: Option<u64>) -> Result<Self> {
        let reader = log.reader(match from {
            Some(first) => eventlog::From::After(first.saturating_sub(1)),
            None => eventlog::From::Now,
        })?;
        let descriptor = reader.as_fd().as_raw_fd();
        Ok(Self { reader: Mutex::new(reader), descriptor })
    }
}

impl ObjectEventSource for Source {
    fn next(&self, call: &Call, limit: u32) -> Result<ObjectEventBatch> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = ObjectEventBatch { missed: 0, events: Vec::new() };
        let mut wait = call.wait();
        while batch.events.len() < limit as usize {
            let next = match wait.is_immediate() {
                true => reader.try_next()?,
                false => match reader.next(wait) {
                    Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => None,
                    other => Some(other?),
                },
            };
            match next {
                None => break,
                Some(Next::Missed(count)) => batch.missed += count,
                Some(Next::Event(event)) => batch.events.extend(Record::read(&event)),
            }
            wait = Wait::NOT;
        }
        Ok(batch)
    }

    fn descriptor(&self, _: &Call) -> Result<i32> {
        Ok(self.descriptor)
    }
}
