//! `network-update`: one element of a network changed, or refused.

use anyhow::{Context as _, Result};
use virt_conf::model::{Network, NetworkSection, NetworkUpdate};
use virt_conf::xml::ParseOptions;

use super::domain::refusal;
use super::{Case, Kind, Outcome, equal_text};

/// `network-update`
pub(super) struct NetworkUpdates;

impl Kind for NetworkUpdates {
    fn name(&self) -> &'static str {
        "network-update"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let path = case.aux().into_iter().next().context("the case has no network")?;
        let before = std::fs::read_to_string(path)?;
        let mut network = Network::from_xml(&before, &ParseOptions::default())?;
        let word = |name| case.params.value(name).unwrap_or_default().to_lowercase().replace('_', "-");
        let Ok(section) = word("section").parse::<NetworkSection>() else {
            anyhow::bail!("there is no section {}", word("section"));
        };
        let Ok(command) = word("command").parse::<NetworkUpdate>() else {
            anyhow::bail!("there is no command {}", word("command"));
        };
        // Minus one leaves the choice to libvirt.
        let parent = case.params.value("index").and_then(|index| index.parse().ok());
        let updated = network.update(section, command, parent, &case.input()?);
        Ok(match (case.expectation, updated) {
            ("error", updated) => refusal(case, updated)?,
            (_, Err(error)) => Outcome::Failed(format!("refused: {error:#}\n")),
            (_, Ok(())) => equal_text(&before, &case.expected_text()?, &network.to_string()),
        })
    }
}
