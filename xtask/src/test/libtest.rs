//! Running `cargo test` and reading what Rust's test harness prints.
//!
//! A test that cannot run says so by printing a line `skipped: REASON`: the harness itself knows no such outcome.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::{Tally, leftovers};
use crate::ui::Progress;
use crate::workspace;

/// How long one ring's tests may take, building included; a test that hangs must not hang the ring.
const LIMIT: Duration = Duration::from_mins(40);

/// Runs a `cargo test` command, without the arguments for the harness.
pub(super) fn run(mut command: Command, what: &str) -> Result<Tally> {
    let progress = Progress::begin(what);
    command.args(["--", "--show-output"]);
    leftovers::mark(&mut command);
    let mut reader = Reader::default();
    let mut said = String::new();
    let ended = workspace::read_lines(&mut command, LIMIT, |line| {
        progress.detail(line);
        said.push_str(line);
        said.push('\n');
        reader.line(line);
    });
    let mut tally = reader.finish();
    match ended {
        Err(error) => tally.add(Tally::fail(what, format!("{error:#}\n{}", workspace::tail(&said, 40)))),
        // Not a test that failed, then: it does not compile, or the harness itself was killed.
        Ok(status) if !status.success() && tally.failures() == 0 => {
            let output = format!("cargo ended with {status}\n{}", workspace::tail(&said, 40));
            tally.add(Tally::fail(what, output));
        }
        Ok(_) => (),
    }
    progress.done();
    Ok(tally)
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    tally: Tally,
    /// What is being tested: a package's library, a file of tests, documentation.
    target: String,
    /// How many tests that has.
    expected: usize,
    /// The test whose output is being shown.
    shown: Option<String>,
    /// Whether what is shown is the words of another harness, which the test ran.
    nested: bool,
    outputs: BTreeMap<String, String>,
    ignored: usize,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let trimmed = line.trim();
        if let Some(target) = cargo_target(line) {
            (self.target, self.shown, self.nested) = (target, None, false);
        } else if let Some(counts) =
            line.strip_prefix("test result: ").map(Counts::of).filter(|counts| self.is_ours(counts))
        {
            self.result(&counts);
        } else if self.shown.is_some() && self.is_nested(line) {
            self.keep(line);
        } else if let Some(name) =
            trimmed.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            self.shown = Some(name.to_owned());
            // A test that says nothing is shown all the same.
            self.outputs.entry(name.to_owned()).or_default();
        } else if matches!(trimmed, "successes:" | "failures:") {
            self.shown = None;
        } else if self.shown.is_some() {
            self.keep(line);
        } else if let Some(count) = running(line) {
            self.expected = count;
        } else if let Some((name, reason)) = ignored(trimmed) {
            self.ignored += 1;
            self.tally.skipped.push((format!("{} {name}", self.target), reason.to_owned()));
        } else if let Some(name) = failed(trimmed) {
            self.tally.failed.push((name.to_owned(), String::new()));
        }
    }

    /// Whether the line that ends a harness's words is that of the harness that cargo runs: it counts all of its tests.
    fn is_ours(&self, counts: &Counts) -> bool {
        self.shown.is_none() || (counts.all == self.expected && (self.expected != 1 || !self.nested))
    }

    /// Whether a line of a test's output belongs to another harness, from `running 1 test` to `test result:`.
    fn is_nested(&mut self, line: &str) -> bool {
        let was = self.nested;
        if running(line).is_some() {
            self.nested = true;
        } else if line.starts_with("test result: ") {
            self.nested = false;
        }
        was || self.nested
    }

    fn keep(&mut self, line: &str) {
        let Some(name) = &self.shown else { return };
        let output = self.outputs.entry(name.clone()).or_default();
        output.push_str(line);
        output.push('\n');
    }

    /// The line that ends one target's tests: its numbers are what counts, the lines before it only explain them.
    fn result(&mut self, counts: &Counts) {
        let outputs = std::mem::take(&mut self.outputs);
        let new = self.tally.failed.iter_mut().filter(|(_, output)| output.is_empty());
        let mut named = 0;
        for (name, output) in new {
            *output =
                outputs.get(name).filter(|text| !text.is_empty()).cloned().unwrap_or("no output".to_owned());
            *name = format!("{} {name}", self.target);
            named += 1;
        }
        let reasons = outputs.iter().filter_map(|(name, output)| {
            Some((name, output.lines().find_map(|line| line.trim().strip_prefix("skipped: "))?))
        });
        let skipped: Vec<_> =
            reasons.map(|(name, reason)| (format!("{} {name}", self.target), reason.to_owned())).collect();
        self.tally.passed += counts.passed.saturating_sub(skipped.len());
        self.tally.failed_unnamed += counts.failed.saturating_sub(named);
        self.tally.skipped_unnamed += counts.ignored.saturating_sub(std::mem::take(&mut self.ignored));
        self.tally.skipped.extend(skipped);
        (self.shown, self.nested) = (None, false);
    }

    fn finish(self) -> Tally {
        self.tally
    }
}

/// What stands in a line that ends a harness's words: `FAILED. 2 passed; 1 failed; 2 ignored; 0 measured; ...`.
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
    all: usize,
}

impl Counts {
    fn of(text: &str) -> Self {
        let count = |what: &str| {
            let part = text.split([';', '.']).find(|part| part.trim_end().ends_with(what));
            part.and_then(|part| part.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0)
        };
        let (passed, failed, ignored) = (count("passed"), count("failed"), count("ignored"));
        Self { passed, failed, ignored, all: passed + failed + ignored + count("measured") }
    }
}

/// `virt_util` from `Running unittests src/lib.rs (target/debug/deps/virt_util-0123456789abcdef)`, as only cargo says it.
fn cargo_target(line: &str) -> Option<String> {
    let text = line.strip_prefix("     Running ").or_else(|| line.strip_prefix("   Doc-tests "))?;
    let file = text.split_once('(').map_or(text, |(_, rest)| rest.trim_end_matches(')'));
    let name = file.rsplit('/').next().unwrap_or(file);
    Some(name.rsplit_once('-').map_or(name, |(name, _)| name).to_owned())
}

/// How many tests a harness begins to run.
fn running(line: &str) -> Option<usize> {
    let (count, rest) = line.strip_prefix("running ")?.split_once(' ')?;
    if matches!(rest, "test" | "tests") { count.parse().ok() } else { None }
}

fn ignored(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    Some((name, rest.strip_prefix(", ").unwrap_or("ignored without a reason")))
}

fn failed(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::{Reader, Tally};

    fn read(text: &str) -> Tally {
        let mut reader = Reader::default();
        text.lines().for_each(|line| reader.line(line));
        reader.finish()
    }

    #[test]
    fn outcomes_are_counted_and_explained() {
        let tally = read(
            "
     Running unittests src/lib.rs (target/debug/deps/virt_util-0123456789abcdef)

running 5 tests
test bad ... FAILED
test fine ... ok
test later ... ignored, takes a day
test lame ... ok
test mute ... ignored

successes:

---- lame stdout ----
looking for QEMU
skipped: there is no QEMU

successes:
    fine
    lame

failures:

---- bad stdout ----
thread 'bad' panicked

failures:
    bad

test result: FAILED. 2 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s
",
        );
        assert_eq!(tally.passed, 1);
        assert_eq!(tally.failed, [("virt_util bad".to_owned(), "thread 'bad' panicked\n\n".to_owned())]);
        let skipped: Vec<String> =
            tally.skipped.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        assert_eq!(
            skipped,
            [
                "virt_util later: takes a day",
                "virt_util mute: ignored without a reason",
                "virt_util lame: there is no QEMU"
            ]
        );
    }

    #[test]
    fn a_harness_run_by_a_test_is_that_tests_output() {
        let nested = "
running 1 test
test inside ... FAILED

failures:

---- inside stdout ----
thread 'inside' panicked: 3 kills left something

failures:
    inside

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 9 filtered out; finished in 80.12s
the lab's words
";
        let text = |nested: &str| {
            format!(
                "
     Running tests/lab.rs (target/debug/deps/lab-0123456789abcdef)

running 3 tests
test fine ... ok
test inside ... ignored, runs inside the lab
test outer ... FAILED

successes:

---- fine stdout ----
running 1 test
test other ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 1.12s


successes:
    fine

failures:

---- outer stdout ----
{nested}

failures:
    outer

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 81.00s
"
            )
        };
        // To the end, and cut off by a time limit.
        for nested in [nested, nested.split_once("test result").unwrap().0] {
            let tally = read(&text(nested));
            assert_eq!((tally.passed, tally.failures(), tally.skips()), (1, 1, 1), "{tally:?}");
            let [(name, output)] = tally.failed.as_slice() else { panic!("{tally:?}") };
            assert_eq!(name, "lab outer");
            assert!(output.contains("3 kills left something"), "{output}");
            assert_eq!(output.contains("the lab's words"), nested.contains("the lab's words"), "{output}");
        }
    }

    #[test]
    fn numbers_count_where_names_are_lost() {
        let tally =
            read("noisetest bad ... FAILED\ntest result: FAILED. 0 passed; 1 failed; 1 ignored; 0 measured");
        assert_eq!((tally.failures(), tally.skips()), (1, 1));
    }
}
