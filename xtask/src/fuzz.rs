//! `cargo xtask fuzz`: what comes of documents that nobody would write, and of headers of disk images that nobody should.
//!
//! It does what cargo-fuzz does, for virt-conf/fuzz: builds it with the compiler's instrumentation, which any toolchain can, and
//! lets libFuzzer run on each kind of document, and on images, for some time. A sanitizer would look for what only unsafe code can do wrong,
//! and what is fuzzed has none. Inputs that are worth keeping stay below target/fuzz, as does whatever made a target fail.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};
use virt_conf::document::KINDS;

use crate::ui::Progress;
use crate::{ui, workspace};

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// What to try: the models of documents, Domain or Disk, and Image for disk images; all of them by default.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How many seconds each target is tried for.
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "minutes")]
    seconds: u64,
    /// The same in minutes.
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// A directory with documents to begin with, besides those that are made up; it is only read.
    #[arg(long, value_name = "DIR")]
    corpus: Vec<PathBuf>,
    /// Print the targets' names.
    #[arg(long)]
    list: bool,
}

/// What `cargo fuzz` would have rustc do: count the edges that are taken, and watch what is compared.
const INSTRUMENTATION: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// How long one input may take; a machine may be busy with other things.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Something that is tried: a kind of document, or disk images.
#[derive(Clone, Copy)]
struct Target {
    name: &'static str,
    doc: &'static str,
    /// The program that tries it.
    program: &'static str,
    /// The longest input, in bytes.
    longest: usize,
}

/// Every target, in the order in which they are tried.
fn targets() -> Vec<Target> {
    let document = |kind: &&virt_conf::document::Kind| Target {
        name: kind.model,
        doc: kind.doc,
        program: "document",
        longest: LONGEST,
    };
    // An ISO 9660 image has its mark behind 32 KiB.
    let image = Target { name: "Image", doc: "Headers of disk images.", program: "image", longest: 40 << 10 };
    KINDS.iter().map(|kind| document(&kind)).chain([image]).collect()
}

/// When a target has been tried enough.
#[derive(Clone, Copy)]
enum Limit {
    Time(Duration),
    /// So many inputs: the same ones each time.
    Runs(u64),
}

/// The longest document, in bytes.
const LONGEST: usize = 16 << 10;

/// What came of one target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The model's name.
    pub(crate) target: String,
    executions: u64,
    per_second: u64,
    /// How many edges of the program were taken, and how many features that makes with how often and on what.
    edges: u64,
    features: u64,
    /// How many inputs were found that do something new.
    kept: u64,
    /// What failed, in the words of the target, and the file with the input.
    pub(crate) find: Option<String>,
}

/// Runs the command.
///
/// # Errors
///
/// When a target cannot be built, or fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.list {
        for target in targets() {
            println!("{:24} {}", target.name, target.doc);
        }
        return Ok(());
    }
    if let Some(unknown) =
        options.targets.iter().find(|name| targets().iter().all(|target| target.name != **name))
    {
        bail!("there is no target {unknown}; --list shows them");
    }
    let wanted =
        |name: &str| options.targets.is_empty() || options.targets.iter().any(|target| target == name);
    let time = options.minutes.map_or(Duration::from_secs(options.seconds), Duration::from_mins);
    let programs = build()?;
    let mut outcomes = Vec::new();
    for target in targets().into_iter().filter(|target| wanted(target.name)) {
        let progress = Progress::begin(&format!("{} for {}", target.name, ui::elapsed(time)));
        let place = directory().join("kept").join(target.name);
        outcomes.push(try_one(&programs, target, Limit::Time(time), &place, &options.corpus, &progress)?);
        progress.done();
    }
    println!("{}", table(&outcomes));
    let finds: Vec<&str> = outcomes.iter().filter_map(|outcome| outcome.find.as_deref()).collect();
    for find in &finds {
        println!("{find}\n");
    }
    if !finds.is_empty() {
        bail!(
            "{} of the targets failed; each input is kept, and given to the target alone it fails again",
            finds.len()
        );
    }
    Ok(())
}

/// A short run of all targets, always of the same inputs, so that it comes out the same each time; answers and prints what came of it.
///
/// # Errors
///
/// When they cannot be built.
pub(crate) fn summary(runs: u64) -> Result<Vec<Outcome>> {
    let programs = build()?;
    let progress = Progress::begin(&format!("all targets, {runs} inputs each"));
    let kept = tempfile::tempdir()?;
    let mut outcomes = Vec::new();
    for target in targets() {
        progress.detail(target.name);
        let place = kept.path().join(target.name);
        outcomes.push(try_one(&programs, target, Limit::Runs(runs), &place, &[], &progress)?);
    }
    progress.done();
    println!("{}", table(&outcomes));
    Ok(outcomes)
}

fn directory() -> PathBuf {
    workspace::root().join("target/fuzz")
}

/// Builds the programs and answers the directory that they are in.
fn build() -> Result<PathBuf> {
    if workspace::find_program("c++").is_none() {
        bail!("libFuzzer is written in C++, and there is no compiler for it: install g++");
    }
    let said = workspace::output(Command::new("rustc").arg("-vV"))?;
    let host =
        said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not say its host")?;
    let progress = Progress::begin("building the targets");
    let mut command = workspace::cargo();
    // Naming the target keeps the instrumentation out of build scripts and macros.
    command.args(["build", "--release", "--manifest-path", "virt-conf/fuzz/Cargo.toml", "--target", host]);
    command.arg("--target-dir").arg(directory());
    command.env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\u{1f}")).env_remove("RUSTFLAGS");
    workspace::follow(&mut command, &progress)?;
    progress.done();
    Ok(directory().join(host).join("release"))
}

fn try_one(
    programs: &Path,
    Target { name: target, program, longest, .. }: Target,
    limit: Limit,
    place: &Path,
    corpus: &[PathBuf],
    progress: &Progress,
) -> Result<Outcome> {
    let (inputs, finds) = (place.join("inputs"), directory().join("finds"));
    for directory in [&inputs, &finds] {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let program = programs.join(program);
    let mut command = Command::new(&program);
    command.env("VIRT_FUZZ_TARGET", target);
    let mut prepare = Command::new(&program);
    prepare.env("VIRT_FUZZ_TARGET", target).env("VIRT_FUZZ_PREPARE", place);
    if let Limit::Runs(runs) = limit {
        prepare.env("VIRT_FUZZ_DRAW", runs.to_string());
    }
    workspace::output(&mut prepare)?;
    let time = match limit {
        Limit::Time(time) => {
            command.arg(format!("-max_total_time={}", time.as_secs().max(1)));
            time
        }
        Limit::Runs(runs) => {
            // Documents are drawn beforehand, always the same ones: libFuzzer goes by what an input reaches, and a UUID that is made up
            // is enough to lead it elsewhere.
            let more = if program.ends_with("document") { 0 } else { runs };
            command.arg(format!("-runs={more}")).arg(format!("-seed_inputs=@{}", listed(place)?.display()));
            Duration::ZERO
        }
    };
    command.arg(format!("-artifact_prefix={}/{target}-", finds.display()));
    command.arg(format!("-dict={}", place.join("dictionary").display()));
    command.arg(format!("-timeout={}", TIMEOUT.as_secs())).arg(format!("-max_len={longest}"));
    command.args(["-rss_limit_mb=2048", "-print_final_stats=1", "-seed=1", "-reload=0"]);
    command.arg(&inputs).args(corpus);
    if let Limit::Time(_) = limit {
        command.arg(place.join("seeds"));
    }
    // Where it happened is seen from the input; a trace of the stack would push what failed out of the report.
    command.env("RUST_BACKTRACE", "0");
    let mut reader = Reader::new(target);
    let status = workspace::read_lines(&mut command, time + Duration::from_mins(5), |line| {
        progress.detail(line);
        reader.line(line);
    });
    let mut outcome = reader.outcome;
    let failure = match status {
        Ok(status) => (!status.success()).then(|| status.to_string()),
        Err(error) => Some(format!("{error:#}")),
    };
    outcome.find = failure.map(|failure| {
        format!("{target}: {failure}\n{}\n{}", workspace::tail(&reader.said, 30), input(&reader.said))
    });
    Ok(outcome)
}

/// Writes a list of the seeds in the order of their names, and answers where: libFuzzer takes a directory's files in the order
/// in which the file system has them, which is another one on another machine.
fn listed(place: &Path) -> Result<PathBuf> {
    let mut seeds = std::fs::read_dir(place.join("seeds"))?
        .map(|entry| Ok(entry?.path().display().to_string()))
        .collect::<Result<Vec<_>>>()?;
    seeds.sort();
    let list = place.join("seeds.list");
    std::fs::write(&list, seeds.join(","))?;
    Ok(list)
}

/// The input that failed, as text where it is some, for whoever has only the report.
fn input(said: &str) -> String {
    let file =
        said.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, file)| file.trim());
    let Some((file, bytes)) = file.and_then(|file| Some((file, std::fs::read(file).ok()?))) else {
        return String::new();
    };
    let shown = String::from_utf8(bytes).unwrap_or_else(|_| "(no text)".to_owned());
    format!("{file}:\n{shown}")
}

/// What libFuzzer said so far.
struct Reader {
    outcome: Outcome,
    /// What is none of its running figures.
    said: String,
}

impl Reader {
    fn new(target: &str) -> Self {
        Self { outcome: Outcome { target: target.to_owned(), ..Outcome::default() }, said: String::new() }
    }

    fn line(&mut self, line: &str) {
        if line.starts_with('#') {
            // `#4096	pulse  cov: 812 ft: 2031 corp: 77/9Kb exec/s: 1365 rss: 61Mb`
            let mut words = line.split_whitespace();
            let number = |word: Option<&str>| word.and_then(|word| word.parse().ok());
            while let Some(word) = words.next() {
                match word {
                    "cov:" => self.outcome.edges = number(words.next()).unwrap_or(self.outcome.edges),
                    "ft:" => self.outcome.features = number(words.next()).unwrap_or(self.outcome.features),
                    _ => {}
                }
            }
        } else if let Some((name, figure)) = line.strip_prefix("stat::").and_then(|rest| rest.split_once(':'))
        {
            let figure = figure.trim().parse().unwrap_or(0);
            match name {
                "number_of_executed_units" => self.outcome.executions = figure,
                "average_exec_per_sec" => self.outcome.per_second = figure,
                "new_units_added" => self.outcome.kept = figure,
                _ => {}
            }
        } else {
            self.said.push_str(line);
            self.said.push('\n');
        }
    }
}

fn table(outcomes: &[Outcome]) -> String {
    let mut builder = Builder::default();
    builder.push_record(["target", "executions", "a second", "edges", "features", "new inputs", "finds"]);
    for outcome in outcomes {
        let finds = u64::from(outcome.find.is_some());
        let figures =
            [outcome.executions, outcome.per_second, outcome.edges, outcome.features, outcome.kept, finds];
        builder.push_record(
            [outcome.target.clone()].into_iter().chain(figures.map(|figure| figure.to_string())),
        );
    }
    let mut table = builder.build();
    table.with(Style::blank()).modify(Columns::new(1..), Alignment::right());
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Reader};

    #[test]
    fn figures_are_read_and_the_rest_is_kept() {
        let mut reader = Reader::new("Disk");
        let said = "INFO: Running with entropic power schedule
#2\tINITED cov: 812 ft: 2031 corp: 77/9Kb exec/s: 0 rss: 61Mb
#8192\tDONE   cov: 900 ft: 2100 corp: 99/12Kb lim: 128 exec/s: 1365 rss: 61Mb
stat::number_of_executed_units: 8192
stat::average_exec_per_sec:     1365
stat::new_units_added:          22
thread '<unnamed>' panicked at 'writing is no fixed point'";
        said.lines().for_each(|line| reader.line(line));
        assert!(reader.said.ends_with("panicked at 'writing is no fixed point'\n"), "{}", reader.said);
        let wanted = Outcome {
            target: "Disk".to_owned(),
            executions: 8192,
            per_second: 1365,
            edges: 900,
            features: 2100,
            kept: 22,
            find: None,
        };
        assert_eq!(reader.outcome, wanted);
    }
}
