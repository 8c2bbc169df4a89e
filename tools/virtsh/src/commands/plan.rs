//! `plan`

use serde_json::Value;
use virt_core::StartDomain;

use super::define::START_FLAGS;
use crate::command::{Command, DOMAIN, Opt, Outcome, Place, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::Format;
use crate::shell::Shell;
use crate::{words, xml};

pub(super) static PLAN: Command = Command {
    name: "plan",
    summary: "show what starting a domain would do",
    description: "Print the files, devices, processes and settings that starting the domain would\ntouch, in their order, and the command line. Nothing is done.",
    options: &[
        Opt { place: Place::Positional, ..Opt::text("domain", DOMAIN).values(Values::PersistentDomains) },
        Opt::text("xml", "file containing an XML domain description").values(Values::Files),
        Opt::flag("paused", "plan to leave the guest paused after creation"),
        Opt::flag("force-boot", "plan a fresh boot, discarding any managed save"),
        Opt::flag("reset-nvram", "plan to re-initialize NVRAM from its pristine template"),
    ],
    run: plan,
};

fn plan(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    arguments.exclusive("domain", "xml")?;
    let flags: StartDomain = arguments.collect(START_FLAGS);
    let (name, text) = if let Some(file) = arguments.text("xml")? {
        let document = xml::read_file(file)?;
        let planned = shell.connection()?.plan(&document.text, flags);
        let text = planned
            .map_err(|error| xml::failure(error, &document))
            .context(|| format!("Failed to plan the start of the domain in {}", document.name))?;
        (document.name, text)
    } else if arguments.has("domain") {
        let domain = shell.domain(arguments)?;
        let text = domain
            .plan(flags)
            .context(|| format!("Failed to plan the start of domain '{}'", domain.name()))?;
        (domain.name().to_owned(), text)
    } else {
        return Err(Failure::usage("need either domain or domain XML"));
    };
    let plan: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::sentence(format!("the driver's plan for '{name}' is not JSON: {error}")))?;
    match shell.output.format() {
        // Rows are what a plan has of steps.
        Format::Csv => shell.output.data(plan.get("steps").unwrap_or(&Value::Null)),
        Format::Json | Format::Yaml => shell.output.data(&plan),
        Format::Plain | Format::Table => shell.output.text(&for_people(&plan)),
    }
    Ok(())
}

/// The plan as text: its steps numbered, its command line an option a line, everything else under its name.
fn for_people(plan: &Value) -> String {
    let Value::Object(plan) = plan else { return format!("{plan:#}\n") };
    let mut sections = Vec::new();
    for (name, value) in plan {
        if name == "version" || is_empty(value) {
            continue;
        }
        let body = match (name.as_str(), value) {
            ("steps", Value::Array(steps)) => numbered(steps),
            ("command", Value::Array(command)) => command_line(command),
            (_, Value::Array(items)) => items.iter().map(|item| format!("  {}\n", line(item))).collect(),
            (_, Value::Object(items)) => {
                items.iter().map(|(key, value)| format!("  {key}: {}\n", line(value))).collect()
            }
            (_, other) => format!("  {}\n", line(other)),
        };
        sections.push(format!("{}:\n{body}", title(name)));
    }
    sections.join("\n")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// `ignored_elements` as `Ignored elements`.
fn title(key: &str) -> String {
    let spaced = key.replace(['_', '-'], " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn numbered(steps: &[Value]) -> String {
    let width = steps.len().to_string().len();
    let lines = steps.iter().enumerate();
    lines.map(|(index, step)| format!("  {:>width$}. {}\n", index + 1, line(step))).collect()
}

/// What describes a step: its `description` where it has one, else its parts.
fn line(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(line).collect::<Vec<_>>().join(", "),
        Value::Object(parts) => match parts.get("description") {
            Some(Value::String(text)) => text.clone(),
            _ => parts
                .iter()
                .filter(|(_, part)| !is_empty(part))
                .map(|(key, part)| format!("{key} {}", line(part)))
                .collect::<Vec<_>>()
                .join(", "),
        },
        other => other.to_string(),
    }
}

/// A command line to read or to paste into a shell: each option begins a line.
fn command_line(command: &[Value]) -> String {
    let mut out = String::new();
    for (index, word) in command.iter().enumerate() {
        let word = line(word);
        if index == 0 {
            out.push_str("  ");
        } else if word.starts_with('-') {
            out.push_str(" \\\n    ");
        } else {
            out.push(' ');
        }
        out += &words::quote_for_shell(&word);
    }
    out.push('\n');
    out
}
