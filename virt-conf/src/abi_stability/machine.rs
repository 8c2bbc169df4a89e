//! Identity, memory, firmware, timers and the firmware's tables.

use super::{NIL, Pair, Row, UNSET, named, number, row};
use crate::error::unsupported;
use crate::tree::Tree;
use crate::xml::{ErrorDomain, Result};

pub(super) const FIRMWARE: &[Row] = &[
    row("os/type", NIL, "Target domain OS type {target} does not match source {source}"),
    row("os/type/@arch", NIL, "Target domain architecture {target} does not match source {source}"),
    row("os/type/@machine", NIL, "Target domain machine type {target} does not match source {source}"),
    row("os/smbios/@mode", "none", "Target domain SMBIOS mode {target} does not match source {source}"),
];

pub(super) fn identity(pair: Pair<'_>) -> Result<()> {
    pair.check(&[
        row("@type", NIL, "Target domain virt type {target} does not match source {source}"),
        row("uuid", NIL, "Target domain uuid {target} does not match source {source}"),
    ])?;
    let (source, target) = pair.has("genid");
    if source != target {
        return Err(unsupported("Target domain requested genid does not match source"));
    }
    pair.check(&[
        row("genid", "", "Target domain genid {target} does not match source {source}"),
        row("name", NIL, "Target domain name '{target}' does not match source '{source}'"),
    ])
}

pub(super) fn memory(pair: Pair<'_>) -> Result<()> {
    pair.same_number(
        initial(pair.source),
        initial(pair.target),
        "Target domain max memory {target} does not match source {source}",
    )?;
    let current = |tree: &Tree| match number(tree, "currentMemory") {
        0 => number(tree, "memory"),
        current => current,
    };
    pair.same_number(
        current(pair.source),
        current(pair.target),
        "Target domain current memory {target} does not match source {source}",
    )?;
    pair.check(&[
        row("maxMemory", "0", "Target maximum memory size '{target}' doesn't match source '{source}'"),
        row(
            "maxMemory/@slots",
            "0",
            "Target domain memory slots count '{target}' doesn't match source '{source}'",
        ),
    ])
}

/// What the guest starts with, in KiB: all of it, but for what is plugged.
fn initial(domain: &Tree) -> u64 {
    let devices = domain.child("devices").map(|devices| named(devices, "memory")).unwrap_or_default();
    let plugged = devices.iter().fold(0_u64, |sum, device| sum.saturating_add(number(device, "target/size")));
    number(domain, "memory").saturating_sub(plugged)
}

pub(super) fn timers(pair: Pair<'_>) -> Result<()> {
    for timer in pair.below("clock").all("timer", "Target domain timers do not match source")? {
        timer.check(&[
            row("@name", NIL, "Target timer {target} does not match source {source}"),
            row("@present", UNSET, "Target timer presence '{target}' does not match source '{source}'"),
        ])?;
        if timer.source.attr("name") == Some("tsc") {
            timer.check(&[
                row("@frequency", "0", "Target TSC frequency {target} does not match source {source}"),
                row("@mode", "none", "Target TSC mode {target} does not match source {source}"),
            ])?;
        }
    }
    Ok(())
}

/// The tables of the firmware that libvirt compares, each with its name in sentences, and with its entries, whose names there
/// are their own but for the maker's.
const TABLES: &[(&str, &str, &[&str])] = &[
    ("bios", "BIOS", &["vendor", "version", "date", "release"]),
    ("system", "system", &["manufacturer", "product", "version", "serial", "uuid", "sku", "family"]),
    ("baseBoard", "base board", &["manufacturer", "product", "version", "serial", "asset", "location"]),
    ("chassis", "chassis", &["manufacturer", "version", "serial", "asset", "sku"]),
];

/// Two documents' tables.
pub(super) fn tables(pair: Pair<'_>) -> Result<()> {
    for sysinfo in pair.all("sysinfo", "Target domain count of sysinfo does not match source")? {
        table(sysinfo).map_err(|error| error.in_domain(ErrorDomain::SYSINFO))?;
    }
    Ok(())
}

fn table(sysinfo: Pair<'_>) -> Result<()> {
    sysinfo.check(&[row("@type", NIL, "Target sysinfo {target} does not match source {source}")])?;
    if sysinfo.source.attr("type") != Some("smbios") {
        return Ok(());
    }
    for (table, label, names) in TABLES {
        let missing = match *table {
            "baseBoard" => "Target sysinfo base board count '{target}' does not match source '{source}'",
            "chassis" => "Target chassis does not match source",
            _ => "Target sysinfo does not match source",
        };
        for pair in sysinfo.all(table, missing)? {
            for name in *names {
                let shown = if *name == "manufacturer" { "vendor" } else { name };
                let sentence =
                    format!("Target sysinfo {label} {shown} {{target}} does not match source {{source}}");
                pair.same(entry(pair.source, name), entry(pair.target, name), &sentence)?;
            }
        }
    }
    Ok(())
}

fn entry<'a>(table: &'a Tree, name: &str) -> &'a str {
    let entry = table.children.iter().find(|entry| entry.attr("name") == Some(name));
    entry.map_or(super::NULL, |entry| entry.text.as_str())
}
