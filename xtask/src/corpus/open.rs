//! Cases that are not yet as libvirt does them: `tests/corpus-open.txt`, an id a line.
//!
//! The list is a ratchet for the tests: a case that is not in it must pass, and one that is in it must not. It excuses
//! nothing: `cargo xtask corpus` counts these cases as failed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use virt_tests::corpus::{Outcome, Report};

use crate::workspace;

const HEAD: &str = "\
# Cases of the corpus that are not yet as libvirt does them. No case may be added that passed before; `cargo xtask corpus
# --record-open` takes out those that pass now.
";

fn path() -> PathBuf {
    workspace::root().join("tests/corpus-open.txt")
}

/// The ids in the list.
pub(super) fn load() -> Result<BTreeSet<String>> {
    let path = path();
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
}

/// Writes the list anew: the cases that fail without being exceptions.
pub(super) fn record(reports: &[Report<'_>]) -> Result<usize> {
    let failed = reports.iter().filter(|report| report.exception.is_none());
    let failed = failed.filter(|report| matches!(report.outcome, Outcome::Failed(_)));
    let ids: BTreeSet<&str> = failed.map(|report| report.case.id).collect();
    let mut text = HEAD.to_owned();
    for id in &ids {
        text.push_str(id);
        text.push('\n');
    }
    let path = path();
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(ids.len())
}
