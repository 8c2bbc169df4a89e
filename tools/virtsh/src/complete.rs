//! Completion: what can come next. One engine for the shells' scripts, for `complete`, and for the interactive mode.

use std::time::Duration;

use virt_core::{EventKind, ListDomains, ListNodeDevices};

use crate::command::{Command, Kind, Opt, Place, Values};
use crate::commands::{self, GROUPS};
use crate::grammar;
use crate::shell::Shell;

/// How long to wait for the names of domains. Whoever presses the tab key wants to go on typing.
const PATIENCE: Duration = Duration::from_millis(500);

/// What can stand in the place of the last of `words`.
///
/// virsh offers values for a position only when their first letters are there; `eager` offers them at once, before the
/// options.
pub fn candidates(shell: &mut Shell, words: &[String], eager: bool) -> Vec<String> {
    let (name, before, text) = match words {
        [] => return command_names(""),
        [name] => return command_names(name),
        [name, before @ .., text] => (name, before, text.as_str()),
    };
    let Some(command) = commands::find(name) else {
        // virsh passes over what it does not know, and so over its own global options.
        return command_names(text);
    };
    let (given, expected) = grammar::parse_partial(command, before);
    if let Some(option) = expected {
        let found = values(shell, option, text);
        if !found.is_empty() || option.values != Values::None || !text.is_empty() {
            return found;
        }
    }
    let wants_options = text.is_empty() || (text.starts_with('-') && !before.iter().any(|word| word == "--"));
    let position = command.options.iter().find(|option| {
        let seen = given.iter().any(|it| it.option.name == option.name);
        option.place != Place::Named && (option.kind == Kind::Words || !seen)
    });
    let mut found = Vec::new();
    if eager || !wants_options {
        found.extend(position.into_iter().flat_map(|option| values(shell, option, text)));
    }
    if wants_options {
        let understood = grammar::is_understood(command, before);
        let options = command.options.iter().filter(|option| {
            let again = option.kind == Kind::Words || !understood;
            !matches!(option.kind, Kind::Alias(..))
                && (again || !given.iter().any(|it| it.option.name == option.name))
        });
        let names = options.map(|option| format!("--{}", option.name));
        found.extend(names.filter(|name| name.starts_with(text)));
    }
    found
}

fn command_names(prefix: &str) -> Vec<String> {
    let all = GROUPS.iter().flat_map(|group| group.commands).filter(|command| !command.is_hidden());
    let matching = all.filter(|command| command.name.starts_with(prefix));
    matching.map(|command: &&Command| command.name.to_owned()).collect()
}

/// The values of an option that begin with `prefix`.
fn values(shell: &mut Shell, option: &Opt, prefix: &str) -> Vec<String> {
    let filter = match option.values {
        Values::None | Values::Files => return Vec::new(),
        Values::Commands => return command_names(prefix),
        Values::EventKinds => {
            let kinds = EventKind::ALL.iter().map(|kind| kind.text());
            return kinds.filter(|kind| kind.starts_with(prefix)).map(str::to_owned).collect();
        }
        Values::OneOf(list) => {
            let matching = list.iter().filter(|value| value.starts_with(prefix));
            return matching.map(|value| (*value).to_owned()).collect();
        }
        Values::NodeDevices => {
            return node_devices(shell).into_iter().filter(|name| name.starts_with(prefix)).collect();
        }
        Values::AllDomains => ListDomains::empty(),
        Values::ActiveDomains => ListDomains::ACTIVE,
        Values::InactiveDomains => ListDomains::INACTIVE,
        Values::PausedDomains => ListDomains::PAUSED,
        Values::PersistentDomains => ListDomains::PERSISTENT,
    };
    domains(shell, filter).into_iter().filter(|name| name.starts_with(prefix)).collect()
}

/// The names of domains; none where they cannot be had quickly.
fn domains(shell: &mut Shell, filter: ListDomains) -> Vec<String> {
    let patience = shell.settings.timeout.map_or(PATIENCE, |timeout| timeout.min(PATIENCE));
    let Ok(connection) = shell.connection_within(patience) else { return Vec::new() };
    let list = connection.with_timeout(patience).domains(filter).unwrap_or_default();
    let mut names: Vec<String> = list.iter().map(|entry| entry.name.clone()).collect();
    names.sort();
    names
}

/// The names of devices of the host, as [`domains`].
fn node_devices(shell: &mut Shell) -> Vec<String> {
    let patience = shell.settings.timeout.map_or(PATIENCE, |timeout| timeout.min(PATIENCE));
    let Ok(connection) = shell.connection_within(patience) else { return Vec::new() };
    let list = connection.with_timeout(patience).node_devices(ListNodeDevices::empty()).unwrap_or_default();
    list.iter().map(|entry| entry.name.clone()).collect()
}

/// The scripts that connect shells to [`candidates`].
pub fn script(shell: &str) -> Option<&'static str> {
    match shell {
        "bash" => Some(include_str!("complete/virtsh.bash")),
        "zsh" => Some(include_str!("complete/virtsh.zsh")),
        "fish" => Some(include_str!("complete/virtsh.fish")),
        _ => None,
    }
}

/// The shells that [`script`] knows.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish"];
