//! Cases in which we differ from libvirt on purpose: a file with an id and a reason a line.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The cases that may fail, with the reason.
#[derive(Debug, Default)]
pub struct Exceptions(BTreeMap<String, String>);

impl Exceptions {
    /// The workspace's own list.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or a line lacks its reason.
    pub fn load() -> Result<Self> {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus-exceptions.tsv"))
    }

    /// The list in a file: an id, a tab, a reason. Lines that begin with `#` are comments.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or a line lacks its reason.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut all = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once('\t') {
                Some((id, reason)) if !reason.trim().is_empty() => {
                    all.insert(id.to_owned(), reason.to_owned());
                }
                _ => bail!("{}: `{line}` has no reason", path.display()),
            }
        }
        Ok(Self(all))
    }

    /// Why a case may fail.
    pub fn reason(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }
}
