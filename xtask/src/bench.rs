//! `cargo xtask bench`: our figures beside libvirt's and beside the floor, from one run.
//!
//! The programs of the three sides take one sample each in turn, several times over, so that whatever else the machine
//! does hits all of them; what is compared are the medians. A side that did not run is shown as missing, and the
//! command fails: a ratio with nothing on its other side is no result.

mod documents;
mod figures;
mod programs;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use console::style;
use indexmap::IndexMap;
use serde_json::json;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};

use crate::setup::{self, Purpose};
use crate::ui::{self, Progress};
use figures::{BENCHMARKS, BUILD, Benchmark, Side, Verdict};

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only benchmarks whose names contain one of these.
    names: Vec<String>,
    /// How many samples each side takes.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Measure the release build of the models, too, which takes minutes.
    #[arg(long)]
    build: bool,
    /// Print the figures as JSON, every sample included, and nothing else.
    #[arg(long)]
    json: bool,
}

/// All samples taken: by benchmark and side, in the order in which they were taken.
#[derive(Default)]
struct Samples(BTreeMap<(String, Side), Vec<f64>>);

impl Samples {
    fn of(&self, name: &str, side: Side) -> &[f64] {
        self.0.get(&(name.to_owned(), side)).map_or(&[], Vec::as_slice)
    }

    fn median(&self, name: &str, side: Side) -> Option<f64> {
        let mut samples = self.of(name, side).to_vec();
        samples.sort_by(f64::total_cmp);
        let middle = samples.len() / 2;
        match samples.len() {
            0 => None,
            count if count % 2 == 1 => Some(samples[middle]),
            _ => Some(f64::midpoint(samples[middle - 1], samples[middle])),
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// When something cannot be built, a side is missing, or a goal is missed.
pub(crate) fn run(options: &Options) -> Result<()> {
    ui::quiet(options.json);
    let wanted = |benchmark: &&Benchmark| {
        (options.build || benchmark.name != BUILD)
            && (options.names.is_empty()
                || options.names.iter().any(|name| benchmark.name.contains(name.as_str())))
    };
    let benchmarks: Vec<&Benchmark> = BENCHMARKS.iter().filter(wanted).collect();
    if benchmarks.is_empty() {
        let names: Vec<&str> = BENCHMARKS.iter().map(|benchmark| benchmark.name).collect();
        bail!("there is no such benchmark; there are {}", names.join(", "));
    }
    if let Err(error) = setup::prepare(Purpose::Bench) {
        ui::failure(&error);
        ui::note("going on: a side that needs it will be missing");
    }
    let place = tempfile::tempdir()?;
    let wanted =
        |samples: &[&str]| samples.iter().any(|name| benchmarks.iter().any(|each| each.source == *name));
    let programs = programs::build(place.path(), wanted)?;
    let mut samples = Samples::default();
    // In the order in which they failed.
    let mut failures = IndexMap::new();
    let progress = Progress::begin("measuring");
    // What forgets all that the kernel has cached comes when everything else was measured.
    let (calm, disturbing): (Vec<_>, Vec<_>) = programs.iter().partition(|program| !program.drops_caches());
    for (programs, round) in [calm, disturbing]
        .iter()
        .flat_map(|programs| (1..=options.repeats).map(move |round| (programs, round)))
    {
        // What always comes out the same is measured once.
        for program in programs.iter().filter(|program| round == 1 || !program.steady) {
            progress.detail(&format!("round {round} of {}: {}", options.repeats, program.name));
            match program.run() {
                Ok(taken) => taken.into_iter().for_each(|(name, value)| {
                    samples.0.entry((name, program.side)).or_default().push(value);
                }),
                Err(error) => _ = failures.insert(program.name, format!("{error:#}")),
            }
        }
    }
    progress.done();
    for (program, error) in &failures {
        eprintln!("{program} did not run: {error}");
    }
    report(&benchmarks, &samples, options.json)
}

fn report(benchmarks: &[&Benchmark], samples: &Samples, json: bool) -> Result<()> {
    let verdicts: Vec<Verdict> = benchmarks
        .iter()
        .map(|benchmark| benchmark.verdict(|side| samples.median(benchmark.source, side)))
        .collect();
    if json {
        println!("{:#}", as_json(benchmarks, samples));
    } else {
        println!("\n{}", as_table(benchmarks, samples));
    }
    let count = |wanted: Verdict| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    let (missing, missed) = (count(Verdict::Missing), count(Verdict::Missed));
    if missing + missed > 0 {
        bail!("{missed} of {} goals are missed, {missing} have a side missing", benchmarks.len());
    }
    Ok(())
}

fn as_table(benchmarks: &[&Benchmark], samples: &Samples) -> tabled::Table {
    let mut builder = Builder::default();
    builder.push_record(["benchmark", "ours", "libvirt", "floor", "ours/libvirt", "goal", ""]);
    for benchmark in benchmarks {
        let median = |side| samples.median(benchmark.source, side);
        let shown = |side| {
            let value = benchmark.figure(side, median);
            match (value, benchmark.has(side)) {
                (Some(value), _) => benchmark.unit.show(value),
                (None, true) => style("missing").red().to_string(),
                (None, false) => String::new(),
            }
        };
        let ratio = match (benchmark.figure(Side::Ours, median), benchmark.figure(Side::Libvirt, median)) {
            (Some(ours), Some(libvirt)) if libvirt > 0.0 => format!("{:.3}", ours / libvirt),
            _ if benchmark.has(Side::Libvirt) => style("missing").red().to_string(),
            _ => String::new(),
        };
        let verdict = match benchmark.verdict(median) {
            Verdict::Met => style("met").green(),
            Verdict::Missed => style("missed").red(),
            Verdict::Missing => style("missing").red(),
        };
        builder.push_record([
            benchmark.name.to_owned(),
            shown(Side::Ours),
            shown(Side::Libvirt),
            shown(Side::Floor),
            ratio,
            benchmark.goal.show(benchmark.unit),
            verdict.to_string(),
        ]);
    }
    let mut table = builder.build();
    table.with(Style::sharp()).modify(Columns::new(1..), Alignment::right());
    table
}

fn as_json(benchmarks: &[&Benchmark], samples: &Samples) -> serde_json::Value {
    let figures = benchmarks.iter().map(|benchmark| {
        let median = |side| samples.median(benchmark.source, side);
        let figure = |side| benchmark.figure(side, median);
        let ratio = |over: Side| match (figure(Side::Ours), figure(over)) {
            (Some(ours), Some(other)) if other > 0.0 => Some(ours / other),
            _ => None,
        };
        json!({
            "name": benchmark.name,
            "what": benchmark.what,
            "unit": benchmark.unit.base(),
            "ours": figure(Side::Ours),
            "libvirt": figure(Side::Libvirt),
            "floor": figure(Side::Floor),
            "ours_to_libvirt": ratio(Side::Libvirt),
            "ours_to_floor": ratio(Side::Floor),
            "goal": benchmark.goal.show(benchmark.unit),
            "verdict": benchmark.verdict(median).name(),
            "samples": {
                "ours": samples.of(benchmark.source, Side::Ours),
                "libvirt": samples.of(benchmark.source, Side::Libvirt),
                "floor": samples.of(benchmark.source, Side::Floor),
            },
        })
    });
    figures.collect()
}
