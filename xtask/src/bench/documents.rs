//! The documents that reading and writing are measured on: those domains of the corpus that need no hypervisor.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use virt_conf::domain::Neutral;
use virt_conf::model::Domain;
use virt_conf::xml::ParseOptions;
use virt_tests::corpus::Corpus;

/// Of how many documents one is defined with validation, which takes libvirt long.
const SHARE: usize = 12;

/// Lists of documents, a path a line.
pub(super) struct Lists {
    /// All of them.
    pub(super) all: PathBuf,
    /// How many that are.
    pub(super) count: usize,
    /// Some from everywhere among them, all of which can be read strictly.
    pub(super) some: PathBuf,
}

/// Writes the lists into `place`.
///
/// # Errors
///
/// When there is no corpus, or it cannot be read.
pub(super) fn lists(place: &Path) -> Result<Lists> {
    let directory =
        Corpus::default_directory().context("there is no corpus here: name one with VIRT_CORPUS")?;
    let corpus = Corpus::open(&directory, None)?;
    let of_domains = corpus.cases().filter(|case| {
        case.kind == "domain"
            && matches!(case.expectation, "roundtrip" | "output")
            && case.params.is("needs", "none")
    });
    let paths: BTreeSet<PathBuf> = of_domains.filter_map(|case| case.inputs().into_iter().next()).collect();
    let strict = paths.iter().filter(|path| reads_strictly(path)).step_by(SHARE);
    Ok(Lists {
        all: write(place.join("all.list"), paths.iter())?,
        count: paths.len(),
        some: write(place.join("some.list"), strict)?,
    })
}

/// Whether all names in a document are known: what is measured is reading, not refusing.
fn reads_strictly(path: &Path) -> bool {
    let options = ParseOptions { strict: true, ..ParseOptions::inactive() };
    fs::read_to_string(path).is_ok_and(|text| Domain::from_xml(&text, &options, &Neutral).is_ok())
}

fn write<'a>(file: PathBuf, paths: impl Iterator<Item = &'a PathBuf>) -> Result<PathBuf> {
    let mut text = String::new();
    for path in paths {
        writeln!(text, "{}", path.display())?;
    }
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
