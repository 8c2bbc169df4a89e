//! `cargo xtask corpus`: what libvirt itself reads, writes and refuses, against what we do.

mod open;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};
use virt_tests::corpus::{self, Corpus, Exceptions, Outcome, Report};

/// Options of `cargo xtask corpus`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The directory with manifest.tsv; by default $VIRT_CORPUS, else shared/corpus beside the workspace.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The directory that `@visible/` in a path means; by default the default corpus.
    #[arg(long, value_name = "DIR")]
    visible: Option<PathBuf>,
    /// Only cases of this kind.
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only cases whose id contains this.
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Print what differs, case by case.
    #[arg(long)]
    failures: bool,
    /// Print why cases were skipped.
    #[arg(long)]
    skipped: bool,
    /// Write the list of cases that are not yet right, tests/corpus-open.txt, anew.
    #[arg(long, conflicts_with_all = ["dir", "kind", "case"])]
    record_open: bool,
}

/// How many cases came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    /// Failed, with a reason in the list of exceptions.
    pub(crate) excepted: usize,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let default = Corpus::default_directory();
    let directory = options.dir.clone().or_else(|| default.clone());
    let directory = directory.context("there is no corpus here: name one with --dir or VIRT_CORPUS")?;
    let visible = options.visible.clone().or(default);
    let corpus = Corpus::open(&directory, visible.as_deref())?;
    let exceptions = Exceptions::load()?;
    let named = |id: &str| options.case.as_deref().is_none_or(|part| id.contains(part));
    let of_kind = |kind: &str| options.kind.is_empty() || options.kind.iter().any(|wanted| wanted == kind);
    let reports = corpus::run(&corpus, &exceptions, |case| of_kind(case.kind) && named(case.id));
    if reports.is_empty() {
        bail!("the corpus in {} has no such case", directory.display());
    }
    if options.failures {
        print_failures(&reports);
    }
    if options.skipped {
        print_skipped(&reports);
    }
    println!("{}", table(&reports));
    if options.record_open {
        println!("{} cases are noted as not yet right", open::record(&reports)?);
        return Ok(());
    }
    verdict(&reports)
}

/// What came of the default corpus, whole.
pub(crate) struct Summary {
    pub(crate) count: Count,
    /// How many cases are known not to be right yet.
    pub(crate) open: usize,
    /// The cases that failed without being an exception or known, and known ones that pass; each with the difference.
    pub(crate) failures: Vec<(String, String)>,
    /// Whether the list of exceptions is as it should be.
    pub(crate) exceptions: Result<()>,
}

/// Runs every case of the default corpus; `None` where there is none.
///
/// # Errors
///
/// When the corpus or one of the lists cannot be read.
pub(crate) fn summary() -> Result<Option<Summary>> {
    let Some(directory) = Corpus::default_directory() else { return Ok(None) };
    let corpus = Corpus::open(&directory, None)?;
    let exceptions = Exceptions::load()?;
    let known = open::load()?;
    let reports = corpus::run(&corpus, &exceptions, |_| true);
    let mut failures = Vec::new();
    let mut open = 0;
    for report in &reports {
        let case = &report.case;
        let name = || format!("{} {} {}", case.kind, case.expectation, case.id);
        match (&report.outcome, known.contains(case.id)) {
            (Outcome::Passed, true) => {
                let text =
                    "it passes now: `cargo xtask corpus --record-open` takes it out of tests/corpus-open.txt";
                failures.push((name(), text.to_owned()));
            }
            (Outcome::Failed(_), true) => open += 1,
            (Outcome::Failed(text), false) if report.exception.is_none() => {
                failures.push((name(), text.clone()));
            }
            _ => {}
        }
    }
    println!("{}", table(&reports));
    Ok(Some(Summary { count: count(&reports), open, failures, exceptions: sound_exceptions(&reports) }))
}

fn print_failures(reports: &[Report<'_>]) {
    for report in reports.iter().filter(|report| report.exception.is_none()) {
        if let Outcome::Failed(text) = &report.outcome {
            let case = &report.case;
            println!("=== {} {} {}", case.kind, case.expectation, case.id);
            for path in case.inputs() {
                println!("    {}", path.display());
            }
            println!("{text}");
        }
    }
}

fn print_skipped(reports: &[Report<'_>]) {
    let mut reasons: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for report in reports {
        if let Outcome::Skipped(reason) = report.outcome {
            *reasons.entry((report.case.kind, report.case.expectation, reason)).or_default() += 1;
        }
    }
    for ((kind, expectation, reason), count) in reasons {
        println!("{count} {kind} {expectation}: {reason}");
    }
}

fn count<'a>(reports: impl IntoIterator<Item = &'a Report<'a>>) -> Count {
    let mut count = Count::default();
    for report in reports {
        match (&report.outcome, report.exception) {
            (Outcome::Passed, _) => count.passed += 1,
            (Outcome::Failed(_), None) => count.failed += 1,
            (Outcome::Failed(_), Some(_)) => count.excepted += 1,
            (Outcome::Skipped(_), _) => count.skipped += 1,
        }
    }
    count
}

fn table(reports: &[Report<'_>]) -> String {
    let mut groups: BTreeMap<(&str, &str), Vec<&Report<'_>>> = BTreeMap::new();
    for report in reports {
        groups.entry((report.case.kind, report.case.expectation)).or_default().push(report);
    }
    let mut builder = Builder::default();
    builder.push_record(["kind", "expectation", "passed", "failed", "excepted", "skipped"]);
    let mut push = |kind: &str, expectation: &str, count: Count| {
        let numbers = [count.passed, count.failed, count.excepted, count.skipped];
        let cells = [kind.to_owned(), expectation.to_owned()];
        builder.push_record(cells.into_iter().chain(numbers.map(|n| n.to_string())));
    };
    for ((kind, expectation), group) in &groups {
        push(kind, expectation, count(group.iter().copied()));
    }
    push("total", "", count(reports));
    let mut table = builder.build();
    table.with(Style::blank()).modify(Columns::new(2..), Alignment::right());
    table.to_string()
}

/// Failures, exceptions that are none any more, and too many of them.
fn verdict(reports: &[Report<'_>]) -> Result<()> {
    sound_exceptions(reports)?;
    match count(reports).failed {
        0 => Ok(()),
        failed => bail!("{failed} cases are not as libvirt does them; --failures shows how"),
    }
}

/// Exceptions that are none any more, and too many of them.
fn sound_exceptions(reports: &[Report<'_>]) -> Result<()> {
    let stale: Vec<&str> = reports
        .iter()
        .filter(|report| report.exception.is_some() && report.outcome == Outcome::Passed)
        .map(|report| report.case.id)
        .collect();
    if !stale.is_empty() {
        bail!("these exceptions pass: take them out of tests/corpus-exceptions.tsv: {}", stale.join(", "));
    }
    let mut kinds: BTreeMap<&str, Vec<&Report<'_>>> = BTreeMap::new();
    for report in reports {
        kinds.entry(report.case.kind).or_default().push(report);
    }
    for (kind, group) in kinds {
        let count = count(group.iter().copied());
        if count.excepted * 100 > count.passed + count.failed + count.excepted {
            bail!("{} exceptions are more than 1 % of the {kind} cases", count.excepted);
        }
    }
    Ok(())
}
