//! `cargo xtask test`: every ring of tests, and a table of what came of them.
//!
//! A ring is a kind of test by what it needs; a test that cannot run on this machine is counted as skipped, with its
//! reason, and never as passed. The last line is `N passed, N failed, N skipped`.

mod checks;
mod leftovers;
mod libtest;
mod oracle;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};

use crate::corpus::{self, Summary};
use crate::setup::Purpose;
use crate::workspace::{self, cargo};
use crate::{setup, ui};

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these rings.
    #[arg(long = "ring", value_enum, value_name = "RING")]
    rings: Vec<Ring>,
    /// Only what needs neither QEMU nor a network: checks, unit tests and the corpus.
    #[arg(long, conflicts_with = "rings")]
    quick: bool,
    /// Install nothing; what cannot run is skipped.
    #[arg(long)]
    no_setup: bool,
}

/// A kind of test, by what it needs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ring {
    /// Formatting, lints, documentation, the rules of the house, every driver built alone.
    Checks,
    /// Unit, golden and documentation tests; any machine, no root.
    Unit,
    /// What libvirt itself reads, writes and refuses.
    Corpus,
    /// Documents that nobody would write, a minute in all.
    Fuzz,
    /// Real programs on this machine: plugins, QEMU, networks.
    Real,
    /// A machine with SR-IOV, IOMMU and USB, in a QEMU of its own.
    Lab,
}

impl Ring {
    const ALL: [Ring; 6] = [Ring::Checks, Ring::Unit, Ring::Corpus, Ring::Fuzz, Ring::Real, Ring::Lab];
    const QUICK: [Ring; 3] = [Ring::Checks, Ring::Unit, Ring::Corpus];

    fn title(self) -> &'static str {
        match self {
            Ring::Checks => "checks",
            Ring::Unit => "1 unit",
            Ring::Corpus => "2 corpus",
            Ring::Fuzz => "2 fuzz",
            Ring::Real => "3 real",
            Ring::Lab => "4 lab",
        }
    }

    fn run(self) -> Result<Tally> {
        match self {
            Ring::Checks => checks::run(),
            Ring::Unit => unit(),
            Ring::Corpus => corpus(),
            Ring::Fuzz => fuzz(),
            Ring::Real => crossing(|target| !is_lab(target)),
            Ring::Lab => crossing(is_lab),
        }
    }
}

/// What came of some tests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    /// Each with what it printed.
    failed: Vec<(String, String)>,
    /// Each with the reason.
    skipped: Vec<(String, String)>,
    /// Skipped ones of which only the number is known.
    skipped_unnamed: usize,
    /// Failed ones of which only the number is known; they have shown themselves.
    failed_unnamed: usize,
}

impl Tally {
    fn pass() -> Tally {
        Tally { passed: 1, ..Tally::default() }
    }

    fn fail(name: &str, output: String) -> Tally {
        Tally { failed: vec![(name.to_owned(), output)], ..Tally::default() }
    }

    fn skip(name: &str, reason: &str) -> Tally {
        Tally { skipped: vec![(name.to_owned(), reason.to_owned())], ..Tally::default() }
    }

    fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
        self.skipped_unnamed += other.skipped_unnamed;
        self.failed_unnamed += other.failed_unnamed;
    }

    fn failures(&self) -> usize {
        self.failed.len() + self.failed_unnamed
    }

    fn skips(&self) -> usize {
        self.skipped.len() + self.skipped_unnamed
    }
}

/// Runs the command.
///
/// # Errors
///
/// When a test fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let rings: Vec<Ring> = match (options.quick, options.rings.is_empty()) {
        (true, _) => Ring::QUICK.to_vec(),
        (false, true) => Ring::ALL.to_vec(),
        (false, false) => Ring::ALL.into_iter().filter(|ring| options.rings.contains(ring)).collect(),
    };
    let mut number = 0;
    let mut heading = |title: &str| {
        number += 1;
        ui::section(number, title);
    };
    if !options.no_setup && rings.iter().any(|ring| !Ring::QUICK.contains(ring)) {
        heading("What the tests need");
        if let Err(error) = setup::prepare(Purpose::Test) {
            ui::failure(&error);
            ui::note("going on: what needs it will be skipped");
        }
    }
    let mut results = Vec::new();
    for ring in rings {
        heading(&format!("Ring {}", ring.title()));
        let start = Instant::now();
        let tally = ring.run().unwrap_or_else(|error| Tally::fail(ring.title(), format!("{error:#}")));
        results.push((ring.title().to_owned(), tally, start.elapsed()));
    }
    if let Some(left) = leftovers::check() {
        results.push(("left behind".to_owned(), left, Duration::ZERO));
    }
    heading(&format!("Outcome, after {}", ui::elapsed(began.elapsed())));
    conclude(&results)
}

/// Prints what failed and what was skipped, the table, and the line that machines read.
fn conclude(results: &[(String, Tally, Duration)]) -> Result<()> {
    for (ring, tally, _) in results {
        for (name, output) in &tally.failed {
            ui::bad(&format!("{ring}: {name}"));
            workspace::tail(output, 60).lines().for_each(|line| println!("     {line}"));
        }
    }
    for (ring, tally, _) in results {
        for (name, reason) in &tally.skipped {
            ui::note(&format!("skipped in {ring}: {name}: {reason}"));
        }
    }
    let mut builder = Builder::default();
    builder.push_record(["ring", "passed", "failed", "skipped", "time"]);
    let mut total = (0, 0, 0);
    for (ring, tally, time) in results {
        let counts = (tally.passed, tally.failures(), tally.skips());
        total = (total.0 + counts.0, total.1 + counts.1, total.2 + counts.2);
        let counts = [counts.0, counts.1, counts.2].map(|count| count.to_string());
        builder.push_record([vec![ring.clone()], counts.to_vec(), vec![ui::elapsed(*time)]].concat());
    }
    let mut table = builder.build();
    table.with(Style::sharp()).modify(Columns::new(1..), Alignment::right());
    println!("\n{table}\n");
    let (passed, failed, skipped) = total;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        bail!("{failed} of the tests failed");
    }
    Ok(())
}

/// Everything but the tests that cross rooms.
fn unit() -> Result<Tally> {
    // Drivers start the program that stays with a guest.
    build_programs()?;
    let mut command = cargo();
    command.args(["test", "--workspace", "--exclude", "virt-tests", "--no-fail-fast"]);
    if let Some(directory) = virt_tests::corpus::Corpus::default_directory() {
        command.env("VIRT_CORPUS", directory);
    }
    let oracle = oracle::Oracle::ask();
    match &oracle {
        Ok(oracle) => oracle.tell(&mut command),
        Err(error) => ui::note(&format!("libvirt cannot be asked: {error:#}")),
    }
    libtest::run(command, "unit and documentation tests")
}

/// How many failing cases of the corpus are shown with their differences.
const SHOWN_CASES: usize = 5;

fn corpus() -> Result<Tally> {
    let Some(Summary { count, open, mut failures, exceptions }) = corpus::summary()? else {
        return Ok(Tally::skip("the corpus", "there is none here: VIRT_CORPUS names its directory"));
    };
    let failed_unnamed = failures.len().saturating_sub(SHOWN_CASES);
    failures.truncate(SHOWN_CASES);
    if open > 0 {
        ui::note(&format!(
            "{open} cases are known not to be right yet (tests/corpus-open.txt); they count as skipped"
        ));
    }
    // What is excepted differs, for a reason that stands in the list, and what is open is not right yet: neither passed.
    let skipped_unnamed = count.skipped + count.excepted + open;
    let mut tally =
        Tally { passed: count.passed, failed: failures, failed_unnamed, skipped_unnamed, ..Tally::default() };
    if let Err(error) = exceptions {
        tally.add(Tally::fail("the list of exceptions", format!("{error:#}")));
    }
    Ok(tally)
}

/// How many inputs every kind of document is tried with: about a minute in all.
const FUZZ: u64 = 1500;

fn fuzz() -> Result<Tally> {
    if workspace::find_program("c++").is_none() {
        return Ok(Tally::skip("all targets", "libFuzzer needs a C++ compiler"));
    }
    let mut tally = Tally::default();
    for outcome in crate::fuzz::summary(FUZZ)? {
        tally.add(match outcome.find {
            Some(find) => Tally::fail(&outcome.target, find),
            None => Tally::pass(),
        });
    }
    Ok(tally)
}

/// The tests that cross rooms, those whose target is wanted.
fn crossing(wanted: fn(&str) -> bool) -> Result<Tally> {
    let metadata = workspace::metadata(&workspace::root().join("Cargo.toml"))?;
    let package =
        metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == "virt-tests");
    let targets = package.into_iter().flat_map(|package| &package.targets).filter(|target| target.is_test());
    let targets: Vec<&str> = targets.map(|target| target.name.as_str()).filter(|name| wanted(name)).collect();
    if targets.is_empty() {
        return Ok(Tally::skip("all", "there are no tests of this kind"));
    }
    // Programs and plugins as they are shipped: the plugins each built alone, so without core's `host` feature.
    build_programs()?;
    checks::build_drivers_alone()?;
    let mut command = cargo();
    command.args(["test", "--package", "virt-tests", "--no-fail-fast"]);
    if targets.iter().any(|name| !is_lab(name)) {
        // The library's own tests go with the ring that needs less.
        command.args(["--lib", "--bins", "--examples"]);
    }
    for name in targets {
        command.args(["--test", name]);
    }
    libtest::run(command, "tests that cross rooms")
}

fn is_lab(target: &str) -> bool {
    target.starts_with("lab")
}

/// Builds the programs that tests start.
fn build_programs() -> Result<()> {
    let progress = ui::Progress::begin("building the programs");
    let mut command: Command = cargo();
    command.args(["build", "--package", "xtask", "--package", "virtsh", "--package", "virt-controller"]);
    workspace::follow(&mut command, &progress)?;
    progress.done();
    Ok(())
}
