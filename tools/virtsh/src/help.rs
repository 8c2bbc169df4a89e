//! Help: the program's page, the groups, the pages of commands, in virsh's layout.

use serde_json::{Value, json};

use crate::command::{Command, Group, Kind, Opt, Place};
use crate::commands::GROUPS;
use crate::failure::FailureKind;
use crate::grammar::value_word;
use crate::options::DEFAULT_TIMEOUT;

/// What `virtsh --help` prints.
pub fn program() -> String {
    let mut out = format!(
        "
virtsh [options]... [<command_string>]
virtsh [options]... <command> [args...]

  options:
    -c | --connect=URI      hypervisor connection URI
    -d | --debug=NUM        debug level [0-4]
    -e | --escape <char>    set escape sequence for console
    -h | --help             this help
    -k | --keepalive-interval=NUM
                            accepted for virsh's sake, without effect
    -K | --keepalive-count=NUM
                            accepted for virsh's sake, without effect
    -l | --log=FILE         output logging to file
    -q | --quiet            quiet mode
    -r | --readonly         connect readonly
    -t | --timing           print timing information
    -v                      short version
    -V                      long version
         --version[=TYPE]   version, TYPE is short or long (default short)
         --format=FORMAT    plain (virsh's words, the default), table, json, yaml or csv
         --timeout=SECONDS  how long each call may take (default {DEFAULT_TIMEOUT}, or
                            VIRTSH_TIMEOUT; 0: for ever)
         --exit-codes       tell failures apart by exit code, see below
  exit codes:
    0    done
    1    failed
    130  interrupted
    With --exit-codes, instead of 1:
"
    );
    for (kind, meaning) in FailureKind::ALL {
        if kind != FailureKind::Interrupted {
            out += &format!("    {:<4} {meaning}\n", kind as u8);
        }
    }
    out += "  commands (non interactive mode):\n\n";
    for group in GROUPS {
        out += &group_list(group, "");
        out.push('\n');
    }
    out += "\n  (specify help <group> for details about the commands in the group)\n";
    out += "\n  (specify help <command> for details about the command)\n\n";
    out
}

/// What `help` prints.
pub fn groups() -> String {
    let mut out = "Grouped commands:\n\n".to_owned();
    for group in GROUPS {
        out += &group_list(group, ":");
        out.push('\n');
    }
    out
}

/// What `help GROUP` prints.
pub fn group(group: &Group) -> String {
    group_list(group, ":")
}

fn group_list(group: &Group, colon: &str) -> String {
    let mut out = format!(" {} (help keyword '{}'){colon}\n", group.title, group.keyword);
    for command in group.commands.iter().filter(|command| !command.is_hidden()) {
        out += &format!("    {:<30} {}\n", command.name, command.summary);
    }
    out
}

/// What `help COMMAND` prints.
pub fn command(command: &Command) -> String {
    let shown: Vec<&Opt> =
        command.options.iter().filter(|option| !matches!(option.kind, Kind::Alias(..))).collect();
    let mut out = format!("  NAME\n    {} - {}\n", command.name, command.summary);
    out += &format!("\n  SYNOPSIS\n    {}", command.name);
    for option in &shown {
        out += &format!(" {}", synopsis(option));
    }
    out.push('\n');
    if !command.description.is_empty() {
        let description = command.description.replace('\n', "\n    ");
        out += &format!("\n  DESCRIPTION\n    {description}\n");
    }
    if !shown.is_empty() {
        out += "\n  OPTIONS\n";
        for option in shown {
            out += &format!("    {:<15}  {}\n", option_line(option), option.help);
        }
    }
    out
}

/// The commands of these groups, as data.
pub fn list<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Value {
    let of = |group: &'a Group| {
        let commands = group.commands.iter().filter(|command| !command.is_hidden());
        commands.map(
            |command| json!({ "group": group.keyword, "name": command.name, "summary": command.summary }),
        )
    };
    groups.into_iter().flat_map(of).collect()
}

/// A command's page, as data.
pub fn page(command: &Command) -> Value {
    let shown = command.options.iter().filter(|option| !matches!(option.kind, Kind::Alias(..)));
    let options: Value = shown
        .map(|option| {
            let takes = match option.kind {
                Kind::Flag => "nothing",
                Kind::Words => "words",
                _ => value_word(option),
            };
            json!({ "name": option.name, "takes": takes, "required": option.required, "help": option.help })
        })
        .collect();
    json!({
        "name": command.name,
        "summary": command.summary,
        "description": command.description,
        "options": options,
    })
}

fn synopsis(option: &Opt) -> String {
    let Opt { name, .. } = option;
    match option.kind {
        Kind::Flag => format!("[--{name}]"),
        Kind::Words if option.required => format!("<{name}>..."),
        Kind::Words => format!("[<{name}>]..."),
        _ if option.required => format!("<{name}>"),
        _ if option.place == Place::Positional => format!("[<{name}>]"),
        _ => format!("[--{name} <{}>]", value_word(option)),
    }
}

fn option_line(option: &Opt) -> String {
    let Opt { name, .. } = option;
    let name = if option.place == Place::Positional { format!("[--{name}]") } else { format!("--{name}") };
    match option.kind {
        Kind::Flag => name,
        Kind::Words => format!("{name} <string>..."),
        _ => format!("{name} <{}>", value_word(option)),
    }
}

/// What `--version` prints.
pub fn version(long: bool) -> String {
    let number = env!("CARGO_PKG_VERSION");
    if !long {
        return format!("{number}\n");
    }
    let mut out = format!("Virtsh command line tool of virt-core {number}\n\nDrivers found:\n");
    for driver in virt_core::Registry::global().drivers() {
        let what = if driver.name.is_empty() { "a file that was refused" } else { &driver.description };
        out += &format!(" {:<12} {:<10} {what}\n", driver.name, driver.version);
    }
    out
}
