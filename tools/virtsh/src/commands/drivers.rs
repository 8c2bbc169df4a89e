//! `drivers`

use serde_json::Value;
use virt_core::{Connection, DriverState, FoundDriver, Registry};

use crate::command::{Command, Opt, Outcome};
use crate::failure::{Failure, FailureKind};
use crate::grammar::Arguments;
use crate::output::{Field, Record, Reply};
use crate::shell::Shell;

pub(super) static DRIVERS: Command = Command {
    name: "drivers",
    summary: "show every driver found",
    description: "Show every driver linked in or found as a plugin: its file, version, ABI, URIs and\nwhat it can do, or why it was refused. With a name, only this one.",
    options: &[Opt::text("name", "name of a driver").positional()],
    run: drivers,
};

fn drivers(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let wanted = arguments.text("name")?;
    let mut found = Registry::global().drivers();
    if let Some(name) = wanted {
        found.retain(|driver| driver.name == name);
        if found.is_empty() {
            return Err(Failure::sentence(format!("no driver '{name}' was found"))
                .kind(FailureKind::NotFound)
                .hint("virtsh drivers lists those that were"));
        }
    }
    let timeout = shell.settings.timeout;
    let records = found.iter().map(|driver| describe(driver, timeout)).collect();
    shell.print(&Reply::Records { records, width: 14 })
}

fn describe(driver: &FoundDriver, timeout: Option<std::time::Duration>) -> Record {
    let file = driver.path.as_ref().map(|path| path.display().to_string());
    let checked = driver.check();
    let state = match (&driver.state, &checked) {
        (DriverState::Refused(_), _) | (_, Err(_)) => "refused",
        (DriverState::Linked, _) => "linked in",
        _ => "usable",
    };
    let mut record = Record::new();
    if !driver.name.is_empty() {
        record.push(Field::new("name", "Name", driver.name.as_str()));
        record.push(Field::new("description", "Description", driver.description.as_str()));
    }
    record
        .push(Field::new("file", "File", file.clone()).shown(file.unwrap_or_else(|| "linked in".to_owned())));
    record.push(Field::new("state", "State", state));
    if !driver.name.is_empty() {
        let uris: Vec<_> = driver.schemes.iter().map(|scheme| format!("{scheme}:///")).collect();
        record.push(Field::new("version", "Version", driver.version.as_str()));
        record.push(Field::new("abi", "ABI", driver.abi.as_str()));
        record.push(list("roles", "Roles", driver.roles.iter().map(String::as_str)));
        record.push(list("uris", "URIs", uris.iter().map(String::as_str)));
    }
    match checked {
        Ok(()) => record.extend(capabilities(driver, timeout)),
        Err(error) => {
            record.push(Field::new("refusal", "Refused", error.to_string()));
            if let Some(hint) = error.advice() {
                record.push(Field::new("hint", "Hint", hint));
            }
        }
    }
    record
}

/// What the driver can do, from a connection of it.
fn capabilities(driver: &FoundDriver, timeout: Option<std::time::Duration>) -> Option<Field> {
    let uri = usual_uri(driver.schemes.first()?);
    let mut builder = Connection::builder().uri(uri.as_str()).read_only(true);
    if let Some(timeout) = timeout {
        builder = builder.timeout(timeout);
    }
    let field = match builder.open() {
        Ok(connection) => {
            let traits = connection.capabilities_by_trait();
            let filled = traits.into_iter().filter(|(_, filled)| *filled).map(|(name, _)| name);
            list("capabilities", "Capabilities", filled)
        }
        Err(error) => {
            let why = format!("unknown, {uri} cannot be opened: {error}");
            Field::new("capabilities_error", "Capabilities", why)
        }
    };
    Some(field)
}

/// A URI of this scheme that every host has.
fn usual_uri(scheme: &str) -> String {
    let path = match scheme {
        "test" => "default",
        _ if nix::unistd::geteuid().is_root() => "system",
        _ => "session",
    };
    format!("{scheme}:///{path}")
}

fn list<'a>(key: &'static str, label: &'static str, items: impl Iterator<Item = &'a str>) -> Field {
    let items: Vec<&str> = items.collect();
    Field::new(key, label, Value::from(items.clone())).shown(items.join(", "))
}
