//! Definitions: their files, and the index over them.

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::Secret;
use virt_conf::model::secret::SecretUsage;
use virt_conf::xml::{FormatOptions, ParseOptions};
use virt_core::driver::{SecretSummary, SecretUsageKind};
use virt_core::object_log::ObjectLog;
use virt_util::dir::Dir;
use virt_util::file::{self, DOCUMENT_LIMIT};
use virt_util::index::{Describe, Entry, FileEntry, Index, IndexLock, Source, Sources};
use virt_util::root::Root;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::error;

/// The definitions of one root. Shared by all processes that have it open.
pub(crate) struct Store {
    index: Index,
    log: ObjectLog,
    lasting: Dir,
    ephemeral: Dir,
}

impl Store {
    pub(crate) fn open(root: &Root) -> Result<Self> {
        let ephemeral = root.run().subdir("ephemeral")?;
        let sources = Sources {
            definitions: root.config().clone(),
            status: Some(ephemeral.clone()),
            suffix: ".xml".into(),
        };
        Ok(Self {
            index: Index::open(root.run(), "secrets", sources, Box::new(Describer))?,
            log: ObjectLog::open(root.run(), "events")?,
            lasting: root.config().clone(),
            ephemeral,
        })
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn log(&self) -> &ObjectLog {
        &self.log
    }

    pub(crate) fn by_uuid(&self, uuid: Uuid) -> Result<Arc<Entry>> {
        self.index.by_uuid(uuid)?.ok_or_else(|| error::no_uuid(uuid))
    }

    /// The secret that is for this, whatever its state; secrets for nothing are not found by it.
    pub(crate) fn by_usage(&self, kind: SecretUsageKind, usage: &str) -> Result<Option<Arc<Entry>>> {
        let is_it = |entry: &Arc<Entry>| {
            let summary = summary(entry);
            kind != SecretUsageKind::None && summary.usage_kind == kind && summary.usage == usage
        };
        Ok(self.index.list()?.into_iter().find(is_it))
    }

    /// The definition.
    pub(crate) fn definition(&self, entry: &Entry) -> Result<Secret> {
        let (dir, name) = match (&entry.definition, &entry.status) {
            (Some(file), _) => (&self.lasting, &file.name),
            (None, Some(file)) => (&self.ephemeral, &file.name),
            (None, None) => return Err(error::no_uuid(entry.uuid)),
        };
        parse(&file::read(dir, name, DOCUMENT_LIMIT)?)
    }

    /// Writes a definition, which may have become ephemeral or stopped being it.
    pub(crate) fn write(&self, lock: &mut IndexLock<'_>, uuid: Uuid, secret: &Secret) -> Result<Arc<Entry>> {
        let (dir, other) = match secret.ephemeral {
            true => (&self.ephemeral, &self.lasting),
            false => (&self.lasting, &self.ephemeral),
        };
        let name = file_name(uuid);
        let text = virt_conf::xml::to_string(secret, FormatOptions::default());
        let identity = file::write(dir, &name, 0o600, text.as_bytes())?;
        other.remove_file(&name)?;
        let mut entry = describe(uuid, secret);
        let file = Some(FileEntry { name, identity });
        match secret.ephemeral {
            true => entry.status = file,
            false => entry.definition = file,
        }
        lock.put(entry)
    }

    /// Removes a definition.
    pub(crate) fn remove(&self, lock: &mut IndexLock<'_>, uuid: Uuid) -> Result<()> {
        self.lasting.remove_file(&file_name(uuid))?;
        self.ephemeral.remove_file(&file_name(uuid))?;
        lock.remove(uuid)
    }
}

fn file_name(uuid: Uuid) -> String {
    format!("{uuid}.xml")
}

/// Reads a definition as it was written.
fn parse(content: &[u8]) -> Result<Secret> {
    let text = std::str::from_utf8(content)
        .map_err(|error| Error::new(ErrorCode::XML_ERROR, ErrorDomain::SECRET, error.to_string()))?;
    virt_conf::xml::from_str(text, &ParseOptions::default())
}

/// What a secret is for.
pub(crate) fn usage(secret: &Secret) -> (SecretUsageKind, &str) {
    match &secret.usage {
        None | Some(SecretUsage::None) => (SecretUsageKind::None, ""),
        Some(SecretUsage::Volume(usage)) => (SecretUsageKind::Volume, &usage.volume),
        Some(SecretUsage::Ceph(usage)) => (SecretUsageKind::Ceph, &usage.name),
        Some(SecretUsage::Iscsi(usage)) => (SecretUsageKind::Iscsi, &usage.target),
        Some(SecretUsage::Tls(usage)) => (SecretUsageKind::Tls, &usage.name),
        Some(SecretUsage::Vtpm(usage)) => (SecretUsageKind::Vtpm, &usage.name),
    }
}

/// The names of what the index keeps of a secret.
const KIND: &str = "kind";
const USAGE: &str = "usage";
const PRIVATE: &str = "private";
const EPHEMERAL: &str = "ephemeral";

fn describe(uuid: Uuid, secret: &Secret) -> Entry {
    let (kind, usage) = usage(secret);
    let notes = [
        (KIND, kind.number().to_string()),
        (USAGE, usage.to_owned()),
        (PRIVATE, secret.private.to_string()),
        (EPHEMERAL, secret.ephemeral.to_string()),
    ];
    let notes = notes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    // A secret has no name: its UUID stands in for one.
    Entry { uuid, name: uuid.to_string(), notes, ..Entry::default() }
}

/// What a list shows of a secret.
pub(crate) fn summary(entry: &Entry) -> SecretSummary {
    let note = |name: &str| entry.notes.get(name).map_or("", String::as_str);
    SecretSummary {
        uuid: entry.uuid,
        usage_kind: SecretUsageKind::from_number(note(KIND).parse().unwrap_or_default()),
        usage: note(USAGE).to_owned(),
        ephemeral: note(EPHEMERAL) == "true",
        private: note(PRIVATE) == "true",
    }
}

struct Describer;

impl Describe for Describer {
    fn describe(&self, source: Source, name: &str, content: &[u8]) -> Result<Entry> {
        let secret = parse(content)?;
        let wrong = |what: String| Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::SECRET, what));
        let Some(uuid) = secret.uuid.filter(|uuid| name == file_name(*uuid)) else {
            return wrong("it defines another secret than its name says".to_owned());
        };
        if secret.ephemeral != (source == Source::Status) {
            return wrong("ephemeral secrets and others have different directories".to_owned());
        }
        Ok(describe(uuid, &secret))
    }
}
