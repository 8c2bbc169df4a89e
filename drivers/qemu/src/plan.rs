//! What a start would do, as data: found out without doing any of it.

mod choose;
pub(crate) mod host_devices;
mod ignored;
mod images;
mod passwords;
mod plug;
mod prepare;
mod services;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use virt_conf::model::Domain;
use virt_util::journal::Step as _;
use virt_util::spawn::{Limit, User};
use virt_util::{Error, ErrorDomain, Result};

use crate::command::CommandLine;
use crate::engine::{Secrets, Step};
pub(crate) use ignored::ignored;
pub(crate) use passwords::passwords;
pub(crate) use prepare::tap_of;

/// The version of the JSON form.
const VERSION: u32 = 1;

/// A guest that is ready to start: what will run, and the steps there.
pub(crate) struct Prepared {
    /// The guest as it will run: with aliases, addresses, ports, names of host devices.
    pub(crate) domain: Domain,
    /// What is done, in this order.
    pub(crate) steps: Vec<Step>,
    /// The emulator's command line, which is in one of the steps.
    pub(crate) line: CommandLine,
    /// What is in none of the steps.
    pub(crate) secrets: Secrets,
    /// Elements of the definition that this driver does not act on, as paths.
    pub(crate) ignored: Vec<String>,
    /// What was chosen because the definition leaves it open; another start may choose otherwise.
    pub(crate) chosen: Vec<Choice>,
}

/// Something that the definition leaves open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Choice {
    /// What is chosen, `/domain/devices/graphics[1]/@port`.
    pub(crate) path: String,
    /// What it would be now.
    pub(crate) now: String,
}

#[derive(Serialize)]
struct PlanJson<'a> {
    version: u32,
    domain: Value,
    steps: Vec<StepJson<'a>>,
    command: Vec<&'a str>,
    environment: BTreeMap<&'a str, &'a str>,
    descriptors: BTreeMap<i32, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a User>,
    limits: &'a [Limit],
    ignored: &'a [String],
    chosen: &'a [Choice],
}

#[derive(Serialize)]
struct StepJson<'a> {
    description: String,
    #[serde(flatten)]
    step: &'a Step,
}

impl Prepared {
    /// The plan as JSON.
    pub(crate) fn to_json(&self) -> Result<String> {
        let program = self.steps.iter().find_map(|step| match step {
            Step::Emulator { program, .. } => Some(program),
            _ => None,
        });
        let plan = PlanJson {
            version: VERSION,
            domain: json!({ "name": self.domain.name, "uuid": self.domain.uuid }),
            steps: self.steps.iter().map(|step| StepJson { description: step.describe(), step }).collect(),
            command: std::iter::once(&self.line.program)
                .chain(&self.line.arguments)
                .map(String::as_str)
                .collect(),
            environment: self
                .line
                .environment
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            descriptors: self
                .line
                .descriptors
                .iter()
                .map(|(number, what)| (*number, format!("{what:?}")))
                .collect(),
            user: program.and_then(|program| program.user.as_ref()),
            limits: program.map(|program| program.limits.as_slice()).unwrap_or_default(),
            ignored: &self.ignored,
            chosen: &self.chosen,
        };
        serde_json::to_string_pretty(&plan)
            .map_err(|error| Error::internal(ErrorDomain::QEMU, format!("a plan that is no JSON: {error}")))
    }
}
