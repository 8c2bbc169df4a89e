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
    /// The test whose output is being shown.
    shown: Option<String>,
    outputs: BTreeMap<String, String>,
    ignored: usize,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let trimmed = line.trim();
        if let Some(rest) = trimmed.strip_prefix("Running ").or_else(|| trimmed.strip_prefix("Doc-tests ")) {
            self.target = target(rest);
        } else if let Some(name) =
            trimmed.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            self.shown = Some(name.to_owned());
        } else if matches!(trimmed, "successes:" | "failures:") {
            self.shown = None;
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.result(counts);
        } else if let Some(name) = &self.shown {
            let output = self.outputs.entry(name.clone()).or_default();
            output.push_str(line);
            output.push('\n');
        } else if let Some((name, reason)) = ignored(trimmed) {
            self.ignored += 1;
            self.tally.skipped.push((format!("{} {name}", self.target), reason.to_owned()));
        } else if let Some(name) = failed(trimmed) {
            self.outputs.entry(name.to_owned()).or_default();
            self.tally.failed.push((name.to_owned(), String::new()));
        }
    }

    /// The line that ends one target's tests: its numbers are what counts, the lines before it only explain them.
    fn result(&mut self, counts: &str) {
        let count = |what: &str| {
            let part = counts.split([';', '.']).find(|part| part.trim_end().ends_with(what));
            part.and_then(|part| part.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0)
        };
        let (passed, failed, ignored) = (count("passed"), count("failed"), count("ignored"));
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
        self.tally.passed += passed.saturating_sub(skipped.len());
        self.tally.failed_unnamed += failed.saturating_sub(named);
        self.tally.skipped_unnamed += ignored.saturating_sub(std::mem::take(&mut self.ignored));
        self.tally.skipped.extend(skipped);
        self.shown = None;
    }

    fn finish(self) -> Tally {
        self.tally
    }
}

/// `virt_util` from `unittests src/lib.rs (target/debug/deps/virt_util-0123456789abcdef)`.
fn target(text: &str) -> String {
    let file = text.split_once('(').map_or(text, |(_, rest)| rest.trim_end_matches(')'));
    let name = file.rsplit('/').next().unwrap_or(file);
    name.rsplit_once('-').map_or(name, |(name, _)| name).to_owned()
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
    fn numbers_count_where_names_are_lost() {
        let tally =
            read("noisetest bad ... FAILED\ntest result: FAILED. 0 passed; 1 failed; 1 ignored; 0 measured");
        assert_eq!((tally.failures(), tally.skips()), (1, 1));
    }
}
