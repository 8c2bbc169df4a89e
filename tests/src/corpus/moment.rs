//! `domainsnapshot` and `domaincheckpoint`: what a guest was at some moment, with the guest inside.

use anyhow::Result;
use virt_conf::domain::Neutral;
use virt_conf::model::{Disk, DomainCheckpoint, DomainSnapshot};
use virt_conf::xml::{FormatFlags, FormatOptions, ParseFlags, ParseOptions, from_str};

use super::domain::refusal;
use super::{Case, Expected, Kind, Outcome, equal_text, lost_xml};

/// `domainsnapshot`
pub(super) struct Snapshots;

impl Kind for Snapshots {
    fn name(&self) -> &'static str {
        "domainsnapshot"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let input = case.input()?;
        // Documents of others are of snapshots that were made; libvirt's own test says which.
        let mut flags = ParseFlags::empty();
        flags.set(ParseFlags::REDEFINE, case.params.is("redefine", "1") || case.expectation == "semantic");
        let internal = case.params.value("args").is_some_and(|args| args.contains("TEST_INTERNAL"))
            || (case.expectation == "semantic" && input.contains("<active>"));
        flags.set(ParseFlags::INTERNAL, internal);
        let strict = case.expectation == "schema-valid";
        let options = ParseOptions { strict, ..ParseOptions::from(flags) };
        let read = |text: &str| DomainSnapshot::from_xml(text, &options, &Neutral);
        let mut view = FormatFlags::SECURE;
        view.set(FormatFlags::INTERNAL, internal);
        let write = |snapshot: &DomainSnapshot| snapshot.to_xml(&FormatOptions::from(view));
        let mut snapshot = match (case.expectation, read(&input)) {
            ("parse-error", read) => return refusal(case, read.map(drop)),
            (_, Err(error)) => return Ok(Outcome::Failed(format!("refused: {error:#}\n"))),
            (_, Ok(snapshot)) => snapshot,
        };
        // libvirt's test says which guest it is, and which time.
        let mut words = case.params.value("args").unwrap_or_default().split(',');
        if snapshot.domain.is_none() {
            snapshot.domain_uuid = words.next().and_then(|uuid| uuid.parse().ok());
        }
        let time = words.next().and_then(|time| time.parse().ok()).filter(|time| *time > 0);
        if let Some(time) = time.filter(|_| !flags.contains(ParseFlags::REDEFINE)) {
            snapshot.begin(time);
        }
        let ours = write(&snapshot);
        Ok(match case.expectation {
            "roundtrip" | "output" => equal_text(&input, &case.expected_text()?, &ours),
            "semantic" if case.expected() == Expected::Same => match lost_xml(&input, &ours)? {
                Some(difference) => Outcome::Failed(format!("{difference}\n")),
                None => equal_text(&input, &ours, &write(&read(&ours)?)),
            },
            "schema-valid" => Outcome::Passed,
            _ => Outcome::Skipped("nothing runs this expectation yet"),
        })
    }
}

/// `domaincheckpoint`
pub(super) struct Checkpoints;

impl Kind for Checkpoints {
    fn name(&self) -> &'static str {
        "domaincheckpoint"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let input = case.input()?;
        let mut flags = ParseFlags::empty();
        flags.set(
            ParseFlags::REDEFINE,
            case.params.is("redefine", "1") || case.expectation == "schema-invalid",
        );
        let read = DomainCheckpoint::from_xml(&input, &ParseOptions::from(flags), &Neutral);
        let mut checkpoint = match (case.expectation, read) {
            ("parse-error" | "schema-invalid", read) => return refusal(case, read.map(drop)),
            (_, Err(error)) => return Ok(Outcome::Failed(format!("refused: {error:#}\n"))),
            (_, Ok(checkpoint)) => checkpoint,
        };
        let mut words = case.params.value("args").unwrap_or_default().split(',');
        if let Some(time) = words.next().and_then(|time| time.parse().ok()).filter(|time| *time > 0) {
            checkpoint.begin(time);
        }
        // libvirt's test puts the checkpoint of one disk beside a guest that has it.
        if words.any(|word| word == "TEST_VDA_BITMAP") {
            let disk = "<disk type='file'><source file='/vda'/><target dev='vda'/></disk>";
            let guest: Disk = from_str(disk, &ParseOptions::default())?;
            checkpoint.align_disks(&[guest])?;
        }
        let ours = checkpoint.to_xml(&FormatOptions::from(FormatFlags::SECURE));
        Ok(match case.expectation {
            "roundtrip" | "output" => equal_text(&input, &case.expected_text()?, &ours),
            "schema-valid" => Outcome::Passed,
            _ => Outcome::Skipped("nothing runs this expectation yet"),
        })
    }
}
