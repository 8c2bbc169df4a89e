//! Secrets.

use std::sync::Arc;
use std::time::SystemTime;

use plugins_abi::{
    DefineSecret, ListSecrets, ObjectEvent, SecretLifecycle, SecretSummary, SecretUsageKind, SecretValue,
    secrets,
};
use uuid::Uuid;
use virt_util::Result;

use crate::connection::{Connection, secondary};
use crate::event::{Events, Notice, Subscription, time};

/// A secret: what a volume, a Ceph cluster, an iSCSI target, a TLS certificate or a TPM is opened with. Cheap to clone; stays
/// valid while the secret changes, and says so when it is gone.
///
/// ```no_run
/// use virt_core::{Connection, DefineSecret, SecretUsageKind};
///
/// let connection = Connection::open("qemu:///system")?;
/// let xml = "<secret><usage type='volume'><volume>/srv/images/web.img</volume></usage></secret>";
/// let secret = connection.define_secret(xml, DefineSecret::empty())?;
/// secret.set_value(b"open sesame")?;
/// assert_eq!(connection.secret_by_usage(SecretUsageKind::Volume, "/srv/images/web.img")?.uuid(), secret.uuid());
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Secret {
    connection: Connection,
    uuid: Uuid,
    usage_kind: SecretUsageKind,
    usage: Arc<str>,
}

/// A secret in a list, with its summary at that moment.
#[derive(Clone, Debug)]
pub struct SecretEntry {
    connection: Connection,
    summary: SecretSummary,
}

impl SecretEntry {
    /// A handle of the secret in this line.
    pub fn secret(&self) -> Secret {
        Secret::new(&self.connection, &self.summary)
    }
}

impl std::ops::Deref for SecretEntry {
    type Target = SecretSummary;

    fn deref(&self) -> &SecretSummary {
        &self.summary
    }
}

/// Something happened to a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretEvent {
    /// Its number: each event of one driver root has the next one, the same for every reader.
    pub sequence: u64,
    /// When it happened.
    pub time: SystemTime,
    /// To which.
    pub uuid: Uuid,
    /// What.
    pub kind: SecretEventKind,
}

/// What happened to a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretEventKind {
    /// It was defined, or undefined.
    Lifecycle(SecretLifecycle),
    /// It has another value.
    ValueChanged,
    /// A kind that this version does not know, by its number.
    Other(i32),
}

impl From<ObjectEvent> for SecretEvent {
    fn from(event: ObjectEvent) -> Self {
        use plugins_abi::SecretEventKind as Kind;
        let kind = match Kind::from_number(event.kind) {
            Kind::Lifecycle => SecretEventKind::Lifecycle(SecretLifecycle::from_number(event.event)),
            Kind::ValueChanged => SecretEventKind::ValueChanged,
            _ => SecretEventKind::Other(event.kind),
        };
        let time = time(event.seconds, event.nanoseconds);
        Self { sequence: event.sequence, time, uuid: event.uuid.unwrap_or_default(), kind }
    }
}

/// A call of the driver of secrets: `ask!(connection, list(filter))`.
macro_rules! ask {
    ($connection:expr, $method:ident($($argument:expr),*)) => {{
        let connection = $connection;
        connection.call(|call| {
            secondary!(connection, call, "secret", secrets, secrets::$method)?.$method(call $(, $argument)*)
        })
    }};
}

impl Connection {
    /// The secrets that `filter` asks for, with everything a list shows, in one call. An empty filter: all.
    ///
    /// # Errors
    ///
    /// `NO_SUPPORT` where no driver has the role `secret`; what that driver says otherwise.
    pub fn secrets(&self, filter: ListSecrets) -> Result<Vec<SecretEntry>> {
        let list = ask!(self, list(filter))?;
        let entry = |summary| SecretEntry { connection: self.clone(), summary };
        Ok(list.into_iter().map(entry).collect())
    }

    /// The secret of this UUID.
    ///
    /// # Errors
    ///
    /// `NO_SECRET` when there is none.
    pub fn secret_by_uuid(&self, uuid: Uuid) -> Result<Secret> {
        ask!(self, lookup_by_uuid(uuid)).map(|summary| Secret::new(self, &summary))
    }

    /// A handle of the secret that an event is about; of one that is gone, it does not know what it was for.
    pub fn secret_of(&self, uuid: Uuid) -> Secret {
        let gone = |_| Secret {
            connection: self.clone(),
            uuid,
            usage_kind: SecretUsageKind::None,
            usage: "".into(),
        };
        self.secret_by_uuid(uuid).unwrap_or_else(gone)
    }

    /// The secret for this: a volume's path, a name, an iSCSI target.
    ///
    /// # Errors
    ///
    /// `NO_SECRET` when there is none.
    pub fn secret_by_usage(&self, kind: SecretUsageKind, usage: &str) -> Result<Secret> {
        ask!(self, lookup_by_usage(kind, usage.to_owned())).map(|summary| Secret::new(self, &summary))
    }

    /// Gives a secret a definition: a new one without a value, or another for one that is known, which keeps its value.
    ///
    /// # Errors
    ///
    /// `XML_ERROR` and its kin with the place in the XML; `INTERNAL_ERROR` when another secret is for the same thing.
    pub fn define_secret(&self, xml: &str, flags: DefineSecret) -> Result<Secret> {
        ask!(self, define(xml.to_owned(), flags)).map(|summary| Secret::new(self, &summary))
    }

    /// What happens to secrets from now on, as a blocking iterator.
    ///
    /// # Errors
    ///
    /// As for [`Connection::secrets`].
    pub fn secret_events(&self) -> Result<Events<SecretEvent>> {
        let source = ask!(self, subscribe(None))?;
        Ok(Events::new(self.clone(), source))
    }

    /// Calls `callback` for everything that happens to secrets from now on, on a thread of its own, until the subscription is
    /// dropped.
    ///
    /// # Errors
    ///
    /// As for [`Connection::secrets`].
    pub fn on_secret_event(
        &self,
        callback: impl FnMut(Notice<SecretEvent>) + Send + 'static,
    ) -> Result<Subscription> {
        Subscription::new(self.secret_events()?, callback)
    }
}

impl Secret {
    fn new(connection: &Connection, summary: &SecretSummary) -> Self {
        Self {
            connection: connection.clone(),
            uuid: summary.uuid,
            usage_kind: summary.usage_kind,
            usage: summary.usage.as_str().into(),
        }
    }

    /// What identifies it everywhere; it never changes.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// What kind of thing it is for.
    pub fn usage_kind(&self) -> SecretUsageKind {
        self.usage_kind
    }

    /// What it is for; empty where it is for nothing in particular.
    pub fn usage(&self) -> &str {
        &self.usage
    }

    /// The connection it belongs to.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What a list shows of it.
    ///
    /// # Errors
    ///
    /// `NO_SECRET` when it is gone.
    pub fn summary(&self) -> Result<SecretSummary> {
        ask!(&self.connection, lookup_by_uuid(self.uuid))
    }

    /// Its XML, in which the value does not stand.
    ///
    /// # Errors
    ///
    /// `NO_SECRET` when it is gone.
    pub fn xml(&self) -> Result<String> {
        ask!(&self.connection, xml(self.uuid))
    }

    /// Gives it a value. What is stored is encrypted, and what this library copied of it is wiped from memory.
    ///
    /// # Errors
    ///
    /// `NO_SECRET` when it is gone.
    pub fn set_value(&self, value: &[u8]) -> Result<()> {
        ask!(&self.connection, set_value(self.uuid, SecretValue::from(value)))
    }

    /// Its value, which is wiped from memory when it is dropped. It takes a connection that may write.
    ///
    /// # Errors
    ///
    /// `INVALID_SECRET` when it is private, `NO_SECRET` when it has no value or is gone.
    pub fn value(&self) -> Result<SecretValue> {
        ask!(&self.connection, value(self.uuid))
    }

    /// Removes it and its value.
    ///
    /// # Errors
    ///
    /// `NO_SECRET` when it is gone.
    pub fn undefine(&self) -> Result<()> {
        ask!(&self.connection, undefine(self.uuid))
    }
}
