//! `cargo xtask schema`: what libvirt's schemas name, against what the models name.
//!
//! Two lists stand beside it: `tests/schema-exceptions.tsv`, paths that no model is to name, with the reason; and
//! `tests/schema-open.txt`, those that are still missing, which may only shrink.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};
use virt_tests::corpus::{Corpus, Exceptions};
use virt_tests::schema::{self, Coverage};

use crate::workspace;

/// Options of `cargo xtask schema`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The directory with the schemas; by default that of the corpus.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print the paths that no model names.
    #[arg(long)]
    missing: bool,
    /// Write the list of paths that are still missing, tests/schema-open.txt, anew.
    #[arg(long, conflicts_with = "dir")]
    record_open: bool,
}

const HEAD: &str = "\
# Paths in libvirt's schemas that no model names yet. `cargo xtask schema --record-open` takes out those that one names now.
";

pub(crate) fn run(options: &Options) -> Result<()> {
    let default = || Some(Corpus::default_directory()?.join("schemas"));
    let directory = options.dir.clone().or_else(default);
    let directory = directory
        .context("there are no schemas here: name a directory with --dir, or a corpus with VIRT_CORPUS")?;
    let exceptions = Exceptions::read(&workspace::root().join("tests/schema-exceptions.tsv"))?;
    let mut all = schema::compare(&directory)?;
    let mut excepted = Vec::new();
    for coverage in &mut all {
        let before = coverage.missing.len();
        coverage.missing.retain(|path| exceptions.reason(path).is_none());
        excepted.push(before - coverage.missing.len());
    }
    let missing: BTreeSet<&str> =
        all.iter().flat_map(|coverage| &coverage.missing).map(String::as_str).collect();
    if options.missing {
        for path in &missing {
            println!("{path}");
        }
    }
    println!("{}", table(&all, &excepted));
    let list = workspace::root().join("tests/schema-open.txt");
    if options.record_open {
        let lines: String = missing.iter().flat_map(|path| [path, "\n"]).collect();
        fs::write(&list, format!("{HEAD}{lines}"))
            .with_context(|| format!("cannot write {}", list.display()))?;
        return Ok(());
    }
    let known = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let known: BTreeSet<&str> = known.lines().collect();
    let new: Vec<&str> = missing.iter().copied().filter(|path| !known.contains(path)).collect();
    if !new.is_empty() {
        bail!("no model names these: {}", new.join(", "));
    }
    match missing.len() {
        0 => Ok(()),
        count => bail!("no model names {count} of the schemas' paths; --missing shows which"),
    }
}

fn table(all: &[Coverage], excepted: &[usize]) -> String {
    let mut builder = Builder::default();
    builder.push_record(["schema", "root", "paths", "named", "missing", "excepted"]);
    for (coverage, excepted) in all.iter().zip(excepted) {
        let missing = coverage.missing.len();
        let named = coverage.paths - missing - excepted;
        let numbers = [coverage.paths, named, missing, *excepted].map(|number| number.to_string());
        builder.push_record([coverage.schema.clone(), coverage.root.clone()].into_iter().chain(numbers));
    }
    let mut table = builder.build();
    table.with(Style::blank()).modify(Columns::new(2..), Alignment::right());
    table.to_string()
}
