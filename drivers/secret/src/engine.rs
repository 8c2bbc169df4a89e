//! What can be done to secrets, on plain values.

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::Secret;
use virt_core::driver::{
    ListSecrets, ObjectEventSource, SecretEventKind, SecretLifecycle, SecretSummary, SecretUsageKind,
    SecretValue,
};
use virt_core::object_log::Happening;
use virt_util::index::IndexLock;
use virt_util::root::Root;
use virt_util::wait::Wait;
use virt_util::{Result, index::Entry};

use crate::error;
use crate::store::{Store, summary, usage};
use crate::vault::{VALUE_LIMIT, Vault};

/// The secrets of one root.
pub(crate) struct Engine {
    store: Store,
    lasting: Vault,
    ephemeral: Vault,
}

impl Engine {
    pub(crate) fn open(root: &Root) -> Result<Self> {
        Ok(Self {
            store: Store::open(root)?,
            lasting: Vault::lasting(root)?,
            ephemeral: Vault::ephemeral(root)?,
        })
    }

    pub(crate) fn list(&self, filter: ListSecrets) -> Result<Vec<SecretSummary>> {
        let entries = self.store.index().list()?;
        Ok(entries.iter().map(|entry| summary(entry)).filter(|secret| filter.accepts(secret)).collect())
    }

    pub(crate) fn by_uuid(&self, uuid: Uuid) -> Result<SecretSummary> {
        self.store.by_uuid(uuid).map(|entry| summary(&entry))
    }

    pub(crate) fn by_usage(&self, kind: SecretUsageKind, usage: &str) -> Result<SecretSummary> {
        let found = self.store.by_usage(kind, usage)?;
        found.map(|entry| summary(&entry)).ok_or_else(|| error::no_usage(usage))
    }

    pub(crate) fn xml(&self, uuid: Uuid) -> Result<String> {
        let secret = self.store.definition(&*self.store.by_uuid(uuid)?)?;
        Ok(virt_conf::xml::to_string(&secret, virt_conf::xml::FormatOptions::default()))
    }

    /// Gives a secret a definition; one that is known keeps its value, its use and its privacy.
    pub(crate) fn define(&self, secret: &Secret, wait: Wait<'_>) -> Result<SecretSummary> {
        let uuid = secret.uuid.unwrap_or_else(Uuid::new_v4);
        let (kind, wanted) = usage(secret);
        let mut lock = self.store.index().lock("defining a secret", wait)?;
        let known = self.store.index().by_uuid(uuid)?;
        match known.as_deref().map(summary) {
            Some(known) => {
                if (known.usage_kind, known.usage.as_str()) != (kind, wanted) {
                    return Err(error::other_usage(uuid, &known.usage));
                }
                if known.private && !secret.private {
                    return Err(error::no_longer_private());
                }
                if known.ephemeral != secret.ephemeral {
                    self.move_value(uuid, secret.ephemeral)?;
                }
            }
            None => {
                if let Some(other) = self.store.by_usage(kind, wanted)? {
                    return Err(error::usage_taken(other.uuid, wanted));
                }
                // What a crash left of an earlier one is not this one's value.
                self.lasting.remove(uuid)?;
                self.ephemeral.remove(uuid)?;
            }
        }
        let entry = self.store.write(&mut lock, uuid, secret)?;
        self.tell(&lock, &entry, SecretEventKind::Lifecycle, SecretLifecycle::Defined.number())?;
        if let Some(before) = known
            && summary(&before).ephemeral != secret.ephemeral
        {
            // It is in its new place, and the definition says so.
            self.vault(!secret.ephemeral).remove(uuid)?;
        }
        Ok(summary(&entry))
    }

    /// Copies a value to where the definition will say that it is.
    fn move_value(&self, uuid: Uuid, ephemeral: bool) -> Result<()> {
        match self.vault(!ephemeral).get(uuid)? {
            Some(value) => self.vault(ephemeral).put(uuid, &value),
            None => self.vault(ephemeral).remove(uuid),
        }
    }

    pub(crate) fn undefine(&self, uuid: Uuid, wait: Wait<'_>) -> Result<()> {
        let mut lock = self.store.index().lock("undefining a secret", wait)?;
        let entry = self.store.by_uuid(uuid)?;
        // The value first: a definition without one can be undefined again, a value without a definition is nobody's.
        self.lasting.remove(uuid)?;
        self.ephemeral.remove(uuid)?;
        self.store.remove(&mut lock, uuid)?;
        self.tell(&lock, &entry, SecretEventKind::Lifecycle, SecretLifecycle::Undefined.number())
    }

    pub(crate) fn set_value(&self, uuid: Uuid, value: &SecretValue, wait: Wait<'_>) -> Result<()> {
        if value.is_empty() {
            return Err(error::empty_value());
        }
        if value.len() > VALUE_LIMIT {
            return Err(error::failed(format!("a secret's value has at most {VALUE_LIMIT} bytes")));
        }
        let lock = self.store.index().lock("setting the value of a secret", wait)?;
        let entry = self.store.by_uuid(uuid)?;
        self.vault(summary(&entry).ephemeral).put(uuid, value)?;
        self.tell(&lock, &entry, SecretEventKind::ValueChanged, 0)
    }

    /// The value for an application.
    pub(crate) fn value(&self, uuid: Uuid) -> Result<SecretValue> {
        if self.by_uuid(uuid)?.private {
            return Err(error::private());
        }
        self.reveal(uuid)
    }

    /// The value for a driver that opens something with it.
    pub(crate) fn reveal(&self, uuid: Uuid) -> Result<SecretValue> {
        let known = self.by_uuid(uuid)?;
        let vault = self.vault(known.ephemeral);
        if !vault.has(uuid)? {
            return Err(error::no_value(uuid));
        }
        vault.get(uuid)?.ok_or_else(|| error::no_value(uuid))
    }

    pub(crate) fn subscribe(&self, from: Option<u64>) -> Result<Arc<dyn ObjectEventSource>> {
        self.store.log().subscribe(from)
    }

    fn vault(&self, ephemeral: bool) -> &Vault {
        if ephemeral { &self.ephemeral } else { &self.lasting }
    }

    fn tell(&self, lock: &IndexLock<'_>, entry: &Entry, kind: SecretEventKind, event: i32) -> Result<()> {
        let happening = Happening {
            name: entry.name.clone(),
            uuid: Some(entry.uuid),
            kind: kind.number(),
            event,
            detail: 0,
        };
        self.store.log().append(lock, &happening).map(drop)
    }
}

#[cfg(test)]
mod tests;
