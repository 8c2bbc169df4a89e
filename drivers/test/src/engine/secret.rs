//! Secrets, in memory alone.

use uuid::Uuid;
use virt_conf::model::Secret as Document;
use virt_conf::model::secret::SecretUsage;
use virt_core::driver::{
    Error, ErrorCode, ErrorDomain, ObjectEvent, Result, SecretEventKind, SecretLifecycle, SecretSummary,
    SecretUsageKind, SecretValue,
};

use super::Node;
use super::events::Happening;
use super::table::Object;

/// A simulated secret.
#[derive(Debug)]
pub(crate) struct Secret {
    uuid: Uuid,
    /// Its UUID as text, which is what events call it.
    name: String,
    /// Nothing once it is undefined.
    document: Option<Document>,
    value: Option<SecretValue>,
}

impl Object for Secret {
    type Happening = Happening;
    type Event = ObjectEvent;
    const KIND: &'static str = "secret";
    const ABSENT: ErrorCode = ErrorCode::NO_SECRET;
    const DOMAIN: ErrorDomain = ErrorDomain::SECRET;

    fn name(&self) -> &str {
        &self.name
    }

    fn uuid(&self) -> Uuid {
        self.uuid
    }

    fn tell(&self, happening: Happening) -> ObjectEvent {
        happening.to(&self.name, Some(self.uuid))
    }

    fn is_gone(&self) -> bool {
        self.document.is_none()
    }
}

/// What a document's secret is for.
fn usage(document: &Document) -> (SecretUsageKind, &str) {
    match &document.usage {
        None | Some(SecretUsage::None) => (SecretUsageKind::None, ""),
        Some(SecretUsage::Volume(usage)) => (SecretUsageKind::Volume, &usage.volume),
        Some(SecretUsage::Ceph(usage)) => (SecretUsageKind::Ceph, &usage.name),
        Some(SecretUsage::Iscsi(usage)) => (SecretUsageKind::Iscsi, &usage.target),
        Some(SecretUsage::Tls(usage)) => (SecretUsageKind::Tls, &usage.name),
        Some(SecretUsage::Vtpm(usage)) => (SecretUsageKind::Vtpm, &usage.name),
    }
}

fn refuse(code: ErrorCode, sentence: impl AsRef<str>) -> Error {
    Error::new(code, ErrorDomain::SECRET, sentence)
}

impl Secret {
    fn document(&self) -> Result<&Document> {
        self.document.as_ref().ok_or_else(|| Self::gone(self.uuid))
    }

    pub(crate) fn summary(&self) -> SecretSummary {
        let empty = Document::default();
        let document = self.document.as_ref().unwrap_or(&empty);
        let (usage_kind, usage) = usage(document);
        SecretSummary {
            uuid: self.uuid,
            usage_kind,
            usage: usage.to_owned(),
            ephemeral: document.ephemeral,
            private: document.private,
        }
    }

    pub(crate) fn xml(&self) -> Result<String> {
        Ok(virt_conf::xml::to_string(self.document()?, virt_conf::xml::FormatOptions::default()))
    }

    pub(crate) fn set_value(&mut self, value: SecretValue) -> Result<Vec<Happening>> {
        if value.is_empty() {
            let sentence = "value in virSecretSetValue must not be NULL";
            return Err(Error::verbatim(ErrorCode::INVALID_ARG, ErrorDomain::SECRET, sentence));
        }
        self.value = Some(value);
        Ok(vec![Happening { kind: SecretEventKind::ValueChanged.number(), ..Happening::default() }])
    }

    /// Its value; `reveal` is for drivers, which see private ones too.
    pub(crate) fn value(&self, reveal: bool) -> Result<SecretValue> {
        if self.document()?.private && !reveal {
            return Err(refuse(ErrorCode::INVALID_SECRET, "secret is private"));
        }
        let sentence = || format!("secret '{}' does not have a value", self.uuid);
        self.value.clone().ok_or_else(|| refuse(ErrorCode::NO_SECRET, sentence()))
    }

    pub(crate) fn undefine(&mut self) -> Vec<Happening> {
        self.document = None;
        self.value = None;
        vec![Happening::lifecycle(SecretLifecycle::Undefined.number())]
    }
}

impl Node {
    pub(crate) fn secret_by_usage(&self, kind: SecretUsageKind, wanted: &str) -> Result<SecretSummary> {
        let secrets = self.secrets.read();
        let found =
            secrets.iter().map(Secret::summary).find(|it| it.usage_kind == kind && it.usage == wanted);
        let sentence = || format!("no secret with matching usage '{wanted}'");
        found.ok_or_else(|| Error::new(ErrorCode::NO_SECRET, ErrorDomain::TEST, sentence()))
    }

    /// Gives a secret a definition; one that is known keeps its value, its use and its privacy.
    pub(crate) fn define_secret(&self, mut document: Document) -> Result<SecretSummary> {
        let uuid = *document.uuid.get_or_insert_with(Uuid::new_v4);
        let mut secrets = self.secrets.write();
        let (kind, wanted) = usage(&document);
        let internal = |sentence: String| refuse(ErrorCode::INTERNAL_ERROR, sentence);
        match secrets.with_uuid(uuid).map(Secret::summary) {
            Some(known) if (known.usage_kind, known.usage.as_str()) != (kind, wanted) => {
                let other = known.usage;
                return Err(internal(format!(
                    "a secret with UUID {uuid} is already defined for use with {other}"
                )));
            }
            Some(known) if known.private && !document.private => {
                return Err(internal("cannot change private flag on existing secret".to_owned()));
            }
            Some(_) => {}
            None => {
                let same = |it: &&Secret| {
                    let other = it.summary();
                    kind != SecretUsageKind::None && other.usage_kind == kind && other.usage == wanted
                };
                if let Some(other) = secrets.iter().find(same) {
                    let other = other.uuid;
                    return Err(internal(format!(
                        "a secret with UUID {other} already defined for use with {wanted}"
                    )));
                }
                secrets.add(Secret { uuid, name: uuid.to_string(), document: None, value: None });
            }
        }
        secrets.change(uuid, |secret| {
            secret.document = Some(document);
            self.secrets.tell(secret, vec![Happening::lifecycle(SecretLifecycle::Defined.number())]);
            Ok(secret.summary())
        })
    }
}
