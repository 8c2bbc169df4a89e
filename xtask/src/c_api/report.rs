//! What works, as a list.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::table::{Kind, Table};
use crate::workspace;

/// `api/STATE.md`: how many functions have bodies, and what has none and why.
pub(super) fn state(table: &Table) -> String {
    let supported = table.functions.iter().filter(|function| function.kind != Kind::Unsupported).count();
    let mut text = format!(
        "Written by `cargo xtask c-api` from functions.tsv.\n\n{supported} of {} symbols do what libvirt's do; the others \
         answer \"not supported\":\n",
        table.functions.len()
    );
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for function in table.functions.iter().filter(|function| function.kind == Kind::Unsupported) {
        reasons.entry(&function.reason).or_default().push(&function.symbol);
    }
    for (reason, symbols) in reasons {
        let _ = writeln!(text, "\n- {reason}: {}", symbols.join(", "));
    }
    text
}

/// Prints for every symbol the programs in C that call it, and see in what they print or check what it did.
///
/// # Errors
///
/// When the programs cannot be read.
pub(super) fn print(table: &Table) -> Result<()> {
    let directory = workspace::root().join("tests/c");
    let mut programs = Vec::new();
    for entry in
        std::fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "c" || extension == "py") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            programs.push((name, std::fs::read_to_string(&path)?));
        }
    }
    programs.sort();
    let (mut seen, mut unseen) = (0, 0);
    for function in &table.functions {
        let said = match function.kind {
            Kind::Unsupported => format!("not supported: {}", function.reason),
            _ => {
                let users = programs.iter().filter(|(_, text)| calls(text, &function.symbol));
                let users: Vec<_> = users.map(|(name, _)| name.as_str()).collect();
                if users.is_empty() {
                    unseen += 1;
                    "seen by no test".to_owned()
                } else {
                    seen += 1;
                    users.join(", ")
                }
            }
        };
        println!("{}\t{said}", function.symbol);
    }
    for symbol in without_bodies(table)? {
        println!("{symbol}\ta driver trait has it: write its body");
    }
    let unsupported = table.functions.len() - seen - unseen;
    println!("{seen} seen by a test, {unseen} by none, {unsupported} not supported");
    Ok(())
}

/// The functions that a driver trait is marked with, and that have no body.
fn without_bodies(table: &Table) -> Result<Vec<String>> {
    let traits = workspace::root().join("plugins-abi/src/api");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&traits).with_context(|| format!("cannot read {}", traits.display()))? {
        let text = std::fs::read_to_string(entry?.path())?;
        let marks = text.lines().filter_map(|line| line.trim().strip_prefix("#[api("));
        let names = marks.filter_map(|mark| mark.split('"').nth(1)).filter(|name| !name.is_empty());
        let lacks = |name: &&str| {
            table
                .functions
                .iter()
                .any(|function| function.symbol == **name && function.kind == Kind::Unsupported)
        };
        found.extend(names.filter(lacks).map(str::to_owned));
    }
    found.sort();
    Ok(found)
}

/// Whether a program names the symbol, and not only a longer one.
fn calls(text: &str, symbol: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    text.match_indices(symbol).any(|(at, _)| ends(&text[at + symbol.len()..]))
}
