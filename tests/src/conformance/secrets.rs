//! Secrets.

use uuid::Uuid;
use virt_core::{
    DefineSecret, ErrorCode, ListSecrets, Secret, SecretEventKind, SecretLifecycle, SecretUsageKind,
};

use super::Behaviour;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a secret is found until it is removed", lives),
    ("a secret keeps its value to itself where it is private", values),
    ("what secrets are for is unique", conflicts),
];

const ABSENT: &[ErrorCode] = &[ErrorCode::NO_SECRET];

impl Probe<'_> {
    fn secret_xml(&self, which: &str, uuid: Uuid, attributes: &str) -> String {
        format!(
            "<secret {attributes}><uuid>{uuid}</uuid><usage type='ceph'><name>{}</name></usage></secret>",
            self.name(which)
        )
    }

    fn define_secret(&self, xml: &str) -> Result<Secret, Ended> {
        self.did("Secrets.define", self.connection.define_secret(xml, DefineSecret::empty()))
    }

    fn lists(&self, secret: &Secret, filter: ListSecrets) -> Result<bool, Ended> {
        let list = self.did("Secrets.list", self.connection.secrets(filter))?;
        Ok(list.iter().any(|entry| entry.uuid == secret.uuid()))
    }
}

fn lives(probe: &Probe<'_>) -> Result<(), Ended> {
    let mut events = probe.did("Secrets.subscribe", probe.connection.secret_events())?;
    let uuid = Uuid::new_v4();
    let secret = probe.define_secret(&probe.secret_xml("a", uuid, "ephemeral='yes'"))?;
    let mut told = |wanted: SecretEventKind| {
        probe.next_event(&mut events, &format!("a secret had {wanted:?}"), |event| {
            (event.uuid == uuid && event.kind == wanted).then_some(())
        })
    };
    told(SecretEventKind::Lifecycle(SecretLifecycle::Defined))?;
    let found = probe.did("Secrets.lookup_by_uuid", probe.connection.secret_by_uuid(uuid))?;
    probe.same("Secrets.lookup_by_uuid", "what it is for", found.usage(), &probe.name("a"))?;
    let found = probe.connection.secret_by_usage(SecretUsageKind::Ceph, &probe.name("a"));
    let found = probe.did("Secrets.lookup_by_usage", found)?;
    probe.same("Secrets.lookup_by_usage", "the UUID", found.uuid(), uuid)?;
    let filters = [
        (ListSecrets::empty(), true),
        (ListSecrets::EPHEMERAL | ListSecrets::NO_PRIVATE, true),
        (ListSecrets::NO_EPHEMERAL, false),
        (ListSecrets::PRIVATE, false),
    ];
    for (filter, expected) in filters {
        probe.same("Secrets.list", "whether it is listed", probe.lists(&secret, filter)?, expected)?;
    }
    let xml = probe.did("Secrets.xml", secret.xml())?;
    probe.holds("Secrets.xml", "it has the UUID", xml.contains(&format!("<uuid>{uuid}</uuid>")))?;
    probe.define_secret(&xml)?;
    let again = probe.did("Secrets.xml", secret.xml())?;
    probe.same("Secrets.xml", "what becomes of it when it is defined again", again, xml)?;
    probe.refused("Secrets.value", secret.value(), ABSENT)?;
    probe.did("Secrets.set_value", secret.set_value(b"open \0 sesame"))?;
    told(SecretEventKind::ValueChanged)?;
    let value = probe.did("Secrets.value", secret.value())?;
    probe.holds("Secrets.set_value", "the value is what was set", &*value == b"open \0 sesame")?;
    probe.did("Secrets.undefine", secret.undefine())?;
    told(SecretEventKind::Lifecycle(SecretLifecycle::Undefined))?;
    probe.same("Secrets.list", "whether it is listed", probe.lists(&secret, ListSecrets::empty())?, false)?;
    probe.refused("Secrets.lookup_by_uuid", probe.connection.secret_by_uuid(uuid), ABSENT)?;
    let gone = probe.connection.secret_by_usage(SecretUsageKind::Ceph, &probe.name("a"));
    probe.refused("Secrets.lookup_by_usage", gone, ABSENT)?;
    probe.refused("Secrets.xml", secret.xml(), ABSENT)?;
    probe.refused("Secrets.undefine", secret.undefine(), ABSENT).map(drop)
}

fn values(probe: &Probe<'_>) -> Result<(), Ended> {
    let uuid = Uuid::new_v4();
    let secret = probe.define_secret(&probe.secret_xml("a", uuid, "ephemeral='yes' private='yes'"))?;
    let outcome = private(probe, &secret);
    // Whatever was seen: secrets have no name by which they could be removed afterwards.
    let removed = probe.did("Secrets.undefine", secret.undefine());
    outcome.and(removed)
}

fn private(probe: &Probe<'_>, secret: &Secret) -> Result<(), Ended> {
    probe.did("Secrets.set_value", secret.set_value(b"open sesame"))?;
    probe.refused("Secrets.value", secret.value(), &[ErrorCode::INVALID_SECRET])?;
    let xml = probe.did("Secrets.xml", secret.xml())?;
    probe.holds("Secrets.xml", "the value is not there", !xml.contains("sesame"))?;
    probe.refused("Secrets.set_value", secret.set_value(b""), &[ErrorCode::INVALID_ARG])?;
    let reader = probe.did("Driver.open", probe.subject.open(true))?;
    let same = probe.did("Secrets.lookup_by_uuid", reader.secret_by_uuid(secret.uuid()))?;
    let denied = &[ErrorCode::OPERATION_DENIED];
    probe.refused("Secrets.value", same.value(), denied)?;
    probe.refused("Secrets.set_value", same.set_value(b"other"), denied)?;
    probe.refused("Secrets.undefine", same.undefine(), denied).map(drop)
}

fn conflicts(probe: &Probe<'_>) -> Result<(), Ended> {
    let uuid = Uuid::new_v4();
    let secret = probe.define_secret(&probe.secret_xml("a", uuid, "ephemeral='yes'"))?;
    let outcome = (|| {
        let taken = &[ErrorCode::INTERNAL_ERROR, ErrorCode::OPERATION_FAILED];
        for (which, uuid) in [("a", Uuid::new_v4()), ("b", uuid)] {
            let xml = probe.secret_xml(which, uuid, "ephemeral='yes'");
            let result = probe.connection.define_secret(&xml, DefineSecret::empty());
            probe.refused("Secrets.define", result, taken)?;
        }
        let wrong = [
            ("<secret>\n<uuid>a</uid>\n</secret>", ErrorCode::XML_DETAIL),
            ("<pool/>", ErrorCode::XML_ERROR),
        ];
        for (xml, code) in wrong {
            let result = probe.connection.define_secret(xml, DefineSecret::empty());
            probe.refused("Secrets.define", result, &[code])?;
        }
        Ok(())
    })();
    let removed = probe.did("Secrets.undefine", secret.undefine());
    outcome.and(removed)
}
