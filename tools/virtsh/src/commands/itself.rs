//! `cd`, `complete`, `completion`, `connect`, `echo`, `exit`, `help`, `pwd`, `quit`

use std::path::PathBuf;

use super::{GROUPS, find, find_group};
use crate::command::{Command, Opt, Outcome, Values};
use crate::complete;
use crate::failure::Failure;
use crate::grammar::Arguments;
use crate::output::{Field, Reply};
use crate::shell::Shell;
use crate::{help, words};

pub(super) static CD: Command = Command {
    name: "cd",
    summary: "change the current directory",
    description: "Change the current directory.",
    options: &[Opt::text("dir", "directory to switch to (default: home or else root)")
        .positional()
        .values(Values::Files)],
    run: |_, arguments| {
        let home = || std::env::var_os("HOME").map_or_else(|| "/".into(), PathBuf::from);
        let directory = arguments.text("dir")?.map_or_else(home, PathBuf::from);
        std::env::set_current_dir(&directory).map_err(|error| {
            let words = virt_core::Error::system(virt_core::ErrorDomain::NONE, "cd", error);
            Failure::sentence(format!("{words}: {}", directory.display()))
        })
    },
};

/// For the shells' completion scripts, and hidden as virsh's.
pub(super) static COMPLETE: Command = Command {
    name: "complete",
    summary: "",
    description: "",
    options: &[
        Opt::flag("eager", "offer values before their first letters are typed"),
        Opt::words("string", "the command line, up to the cursor").values(Values::Commands),
    ],
    run: |shell, arguments| {
        let words: Vec<String> = arguments.words("string").map(str::to_owned).collect();
        let candidates = complete::candidates(shell, &words, arguments.has("eager"));
        for candidate in &candidates {
            shell.output.text(&format!("{candidate}\n"));
        }
        if candidates.is_empty() { Err(Failure::silent()) } else { Ok(()) }
    },
};

pub(super) static COMPLETION: Command = Command {
    name: "completion",
    summary: "print a script that completes virtsh's command lines",
    description: "Print a script for the shell: bash, zsh or fish. It completes commands, options and\nthe names of domains, for instance after eval \"$(virtsh completion bash)\".",
    options: &[Opt::text("shell", "bash, zsh or fish").required().values(Values::OneOf(complete::SHELLS))],
    run: |shell, arguments| {
        let name = arguments.required("shell")?;
        let script = complete::script(name).ok_or_else(|| {
            Failure::usage(format!("Unknown shell '{name}', expecting 'bash', 'zsh', or 'fish'"))
        })?;
        shell.output.text(script);
        Ok(())
    },
};

pub(super) static CONNECT: Command = Command {
    name: "connect",
    summary: "(re)connect to hypervisor",
    description: "Connect to local hypervisor. This is built-in command after shell start up.",
    options: &[
        Opt::text("name", "hypervisor connection URI").positional(),
        Opt::flag("readonly", "read-only connection"),
    ],
    run: |shell, arguments| {
        let uri = arguments.raw("name").filter(|uri| !uri.is_empty()).map(str::to_owned);
        shell.reconnect(uri, arguments.has("readonly"))
    },
};

pub(super) static ECHO: Command = Command {
    name: "echo",
    summary: "echo arguments. Used for internal testing.",
    description: "Echo back arguments, possibly with quoting. Used for internal testing.",
    options: &[
        Opt::flag("shell", "escape for shell use"),
        Opt::flag("xml", "escape for XML use"),
        Opt::flag("split", "split each argument on ','; ',,' is an escape sequence"),
        Opt::flag("err", "output to stderr"),
        Opt::alias("str", "string"),
        Opt::shorthand("hi", "string", "hello"),
        Opt::text("prefix", "prefix the message"),
        Opt::words("string", "arguments to echo"),
    ],
    run: echo,
};

pub(super) static EXIT: Command = Command {
    name: "exit",
    summary: "quit this interactive terminal",
    description: "",
    options: &[],
    run: leave,
};

pub(super) static QUIT: Command = Command {
    name: "quit",
    summary: "quit this interactive terminal",
    description: "",
    options: &[],
    run: leave,
};

pub(super) static HELP: Command = Command {
    name: "help",
    summary: "print help",
    description: "Prints global help, command specific help, or help for a\ngroup of related commands",
    options: &[Opt::text(
        "command",
        "Prints global help, command specific help, or help for a group of related commands",
    )
    .positional()
    .values(Values::Commands)],
    run: |shell, arguments| {
        let (text, data) = match arguments.raw("command") {
            None => (help::groups(), help::list(GROUPS)),
            Some(name) => match (find(name), find_group(name)) {
                (Some(command), _) => (help::command(command), help::page(command)),
                (None, Some(group)) => (help::group(group), help::list([group])),
                (None, None) => {
                    let sentence = format!("command or command group '{name}' doesn't exist");
                    return Err(Failure::usage(sentence));
                }
            },
        };
        if shell.output.is_data() {
            shell.output.data(&data);
        } else {
            shell.output.text(&text);
        }
        Ok(())
    },
};

pub(super) static PWD: Command = Command {
    name: "pwd",
    summary: "print the current directory",
    description: "Print the current directory.",
    options: &[],
    run: |shell, _| {
        let directory = std::env::current_dir().map_err(|error| {
            let words = virt_core::Error::system(
                virt_core::ErrorDomain::NONE,
                "pwd: cannot get current directory",
                error,
            );
            Failure::sentence(words.to_string())
        })?;
        shell.print(&Reply::Value(Field::new("directory", "", directory.to_string_lossy())))
    },
};

fn leave(shell: &mut Shell, _: &Arguments) -> Outcome {
    shell.leaving = true;
    Ok(())
}

fn echo(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    arguments.exclusive("shell", "xml")?;
    arguments.exclusive("shell", "split")?;
    arguments.exclusive("xml", "split")?;
    let (for_shell, for_xml) = (arguments.has("shell"), arguments.has("xml"));
    let written = |word: &str| match (for_shell, for_xml) {
        (true, _) => words::quote_for_shell(word),
        (_, true) => escape_xml(word),
        _ => word.to_owned(),
    };
    let parts: Vec<String> = if arguments.has("split") {
        arguments.words("string").flat_map(split_list).collect()
    } else {
        arguments.words("string").map(written).collect()
    };
    let separator = if arguments.has("split") { "\n" } else { " " };
    let mut text = parts.join(separator);
    if arguments.has("split") && !text.is_empty() {
        text.push('\n');
    }
    if let Some(prefix) = arguments.raw("prefix") {
        text.insert_str(0, &format!("{prefix} "));
    }
    if arguments.has("err") {
        return Err(Failure::sentence(text));
    }
    if shell.output.is_data() {
        return shell.print(&Reply::Value(Field::new("text", "", text)));
    }
    shell.output.text(&text);
    Ok(())
}

/// The items of a list with commas; two commas are one that belongs to an item.
fn split_list(list: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut item = String::new();
    let mut rest = list.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ',' if rest.next_if_eq(&',').is_none() => items.push(std::mem::take(&mut item)),
            c => item.push(c),
        }
    }
    items.push(item);
    items
}

fn escape_xml(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '\'' => out += "&apos;",
            '"' => out += "&quot;",
            c => out.push(c),
        }
    }
    out
}
