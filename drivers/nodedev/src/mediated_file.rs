//! Definitions of mediated devices, as the files of mdevctl: `PARENT/UUID` below its directory, each a JSON object.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use uuid::Uuid;
use virt_conf::model::nodedev::MdevAttribute;
use virt_core::driver::{Error, ErrorDomain, Result};
use virt_util::dir::Dir;
use virt_util::file;

/// The largest file that is read.
const LIMIT: u64 = 1 << 20;

/// What is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) uuid: Uuid,
    /// What the kernel calls the parent: `0000:00:02.0`, `mtty`.
    pub(crate) parent: String,
    /// The kernel's name of the type.
    pub(crate) kind: String,
    /// Whether it is made when its parent comes.
    pub(crate) autostart: bool,
    /// Written in this order once it is made.
    pub(crate) attributes: Vec<MdevAttribute>,
}

impl Definition {
    /// All definitions, in the order of their parents and UUIDs. A file that cannot be read is named in the log and passed over.
    pub(crate) fn list(directory: &Path) -> Vec<Self> {
        let names = |path: &Path| {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            let mut names: Vec<_> =
                entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
            names.sort_unstable();
            names
        };
        let mut found = Vec::new();
        for parent in names(directory) {
            for name in names(&directory.join(&parent)) {
                // Scripts and notices of mdevctl stand in directories beside.
                let Ok(uuid) = name.parse::<Uuid>() else { continue };
                match Self::read(directory, &parent, uuid) {
                    Ok(definition) => found.extend(definition),
                    Err(error) => log::warn!("{error}"),
                }
            }
        }
        found
    }

    /// One definition; nothing where there is none.
    pub(crate) fn read(directory: &Path, parent: &str, uuid: Uuid) -> Result<Option<Self>> {
        let place = directory.join(parent);
        let Ok(dir) = Dir::open(&place) else { return Ok(None) };
        let Some(bytes) = file::read_if_present(&dir, &uuid.to_string(), LIMIT)? else { return Ok(None) };
        let broken = |what: &str| {
            let sentence = format!("the definition '{}' {what}", place.join(uuid.to_string()).display());
            Error::internal(ErrorDomain::NODEDEV, sentence)
        };
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| broken(&format!("is no JSON: {error}")))?;
        let kind =
            value.get("mdev_type").and_then(Value::as_str).ok_or_else(|| broken("has no mdev_type"))?;
        let list = value.get("attrs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        // Each attribute is an object of one member, so that their order is kept.
        let attributes = list.iter().filter_map(Value::as_object).flatten().filter_map(|(name, value)| {
            Some(MdevAttribute { name: name.clone(), value: value.as_str()?.to_owned() })
        });
        Ok(Some(Self {
            uuid,
            parent: parent.to_owned(),
            kind: kind.to_owned(),
            autostart: value.get("start").and_then(Value::as_str) == Some("auto"),
            attributes: attributes.collect(),
        }))
    }

    /// Writes it; another definition of the same device is replaced.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let place = self.place(directory);
        std::fs::create_dir_all(&place).map_err(|error| {
            Error::system(ErrorDomain::NODEDEV, format!("cannot make '{}'", place.display()), error)
        })?;
        file::write(&Dir::open(&place)?, &self.uuid.to_string(), 0o644, self.to_json().as_bytes()).map(drop)
    }

    /// Removes it.
    pub(crate) fn remove(&self, directory: &Path) -> Result<()> {
        Dir::open(self.place(directory))?.remove_file(&self.uuid.to_string())
    }

    fn place(&self, directory: &Path) -> PathBuf {
        directory.join(&self.parent)
    }

    /// As mdevctl writes it.
    fn to_json(&self) -> String {
        let attribute = |it: &MdevAttribute| {
            Value::Object(Map::from_iter([(it.name.clone(), Value::String(it.value.clone()))]))
        };
        let attributes: Vec<_> = self.attributes.iter().map(attribute).collect();
        let start = if self.autostart { "auto" } else { "manual" };
        format!("{:#}", json!({ "mdev_type": self.kind, "start": start, "attrs": attributes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_mdevctls_files() {
        let scratch = tempfile::tempdir().unwrap();
        let uuid = "11111111-2222-3333-4444-555555555555".parse().unwrap();
        let attribute = |name: &str| MdevAttribute { name: name.into(), value: "1".into() };
        let mut definition = Definition {
            uuid,
            parent: "mtty".into(),
            kind: "mtty-2".into(),
            autostart: true,
            attributes: Vec::new(),
        };
        definition.write(scratch.path()).unwrap();
        let file = scratch.path().join("mtty").join(uuid.to_string());
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, "{\n  \"mdev_type\": \"mtty-2\",\n  \"start\": \"auto\",\n  \"attrs\": []\n}");
        definition.attributes = vec![attribute("b"), attribute("a")];
        definition.write(scratch.path()).unwrap();
        std::fs::write(scratch.path().join("mtty/00000000-0000-0000-0000-000000000000"), "{").unwrap();
        assert_eq!(Definition::list(scratch.path()), [definition.clone()]);
        definition.remove(scratch.path()).unwrap();
        assert_eq!(Definition::list(scratch.path()), []);
    }
}
