//! Documents that are one model and need no driver: read, written, refused as libvirt does.

use anyhow::Result;
use virt_conf::model;
use virt_conf::model::nodedev::{NodeDeviceCapability, StorageCapability, StorageSubCapability};
use virt_conf::xml::{FormatFlags, ParseFlags, ParseOptions};

use super::domain::{refusal, same_meaning};
use super::{Case, Kind, Outcome, equal_text};

/// What the cases of one kind of document have in common.
trait Document: Sized {
    /// Reads it, as libvirt would by itself.
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self>;

    /// Writes it as the case asks.
    fn write(self, case: &Case<'_>) -> String;

    /// Runs a case of this kind.
    fn run(case: &Case<'_>) -> Result<Outcome> {
        let input = case.input()?;
        let mut flags = ParseFlags::empty();
        if case.params.value("mode").is_some() || case.expectation == "semantic" {
            flags |= ParseFlags::INACTIVE;
        }
        let strict = matches!(case.expectation, "schema-valid");
        let read = Self::read(&input, &ParseOptions { strict, ..ParseOptions::from(flags) });
        match (case.expectation, read) {
            ("parse-error", read) | ("semantic", read) if case.params.is("oracle", "refused") => {
                refusal(case, read.map(drop))
            }
            ("parse-error", read) => refusal(case, read.map(drop)),
            (_, Err(error)) => Ok(Outcome::Failed(format!("refused: {error:#}\n"))),
            ("roundtrip" | "output", Ok(document)) => {
                Ok(equal_text(&input, &case.expected_text()?, &document.write(case)))
            }
            ("semantic", Ok(document)) => same_meaning(case, &input, &document.write(case)),
            ("schema-valid", Ok(_)) => Ok(Outcome::Passed),
            _ => Ok(Outcome::Skipped("nothing runs this expectation yet")),
        }
    }
}

macro_rules! kinds {
    ($($kind:ident $name:literal;)*) => {$(
        #[doc = concat!("`", $name, "`")]
        pub(super) struct $kind;

        impl Kind for $kind {
            fn name(&self) -> &'static str {
                $name
            }

            fn run(&self, case: &Case<'_>) -> Result<Outcome> {
                <model::$kind as Document>::run(case)
            }
        }
    )*};
}

kinds! {
    NodeDevice "nodedev";
}

impl Document for model::NodeDevice {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(mut self, case: &Case<'_>) -> String {
        if case.params.is("flags", "INACTIVE") {
            return self.to_xml(FormatFlags::INACTIVE);
        }
        // libvirt's own test fills in what no document decides: what would run if the definition were started, and the
        // blocks that a disk of this size has.
        if case.origin == "nodedevxml2xmltest" {
            for capability in &mut self.capabilities {
                match capability {
                    NodeDeviceCapability::Mdev(device) => device.activate(),
                    NodeDeviceCapability::Storage(storage) => with_blocks(storage),
                    _ => {}
                }
            }
        }
        self.to_xml(FormatFlags::empty())
    }
}

fn with_blocks(storage: &mut StorageCapability) {
    let blocks = |size: u64, block: u64| (Some(block), Some(size / block));
    for capability in &mut storage.capabilities {
        if let StorageSubCapability::Removable(medium) = capability {
            if medium.available.0 {
                (medium.logical_block_size, medium.blocks) = blocks(medium.size, 2048);
            }
            return;
        }
    }
    (storage.logical_block_size, storage.blocks) = blocks(storage.size.unwrap_or_default(), 512);
}
