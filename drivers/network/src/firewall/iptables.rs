//! The rules for `iptables-restore`, where there is no nftables: chains of the network's own, which come and go as a whole.

use std::collections::BTreeMap;

use super::{Chain, Family, Rule, Rules, Verdict};

/// Which built-in chain leads to which of ours, in which table. Only what nftables needs a rule for, and what opens the
/// host's own ports where somebody else closed them.
const PLACES: [(Chain, &str, &str, &str); 7] = [
    (Chain::Input, "filter", "INPUT", "VI"),
    (Chain::Output, "filter", "OUTPUT", "VO"),
    // What is asked first is put in front last.
    (Chain::GuestOutput, "filter", "FORWARD", "VFO"),
    (Chain::GuestInput, "filter", "FORWARD", "VFI"),
    (Chain::Cross, "filter", "FORWARD", "VFX"),
    (Chain::Nat, "nat", "POSTROUTING", "VN"),
    (Chain::Mangle, "mangle", "POSTROUTING", "VM"),
];

/// What `iptables-restore --noflush` (or `ip6tables-restore`, for IPv6) is to read to set up the rules of one family.
/// What was there of them is gone.
pub(crate) fn restore(rules: &Rules, family: Family) -> String {
    let mut tables = Tables::default();
    for (chain, table, builtin, prefix) in PLACES {
        let own: Vec<&Rule> =
            rules.rules.iter().rev().filter(|rule| rule.chain == chain && rule.family == family).collect();
        if own.is_empty() {
            continue;
        }
        let name = format!("{prefix}_{}", rules.bridge);
        let table = tables.0.entry(table).or_default();
        table.chains.push(format!(":{name} - [0:0]"));
        table.rules.push(format!("-I {builtin} -j {name}"));
        table.rules.extend(own.into_iter().map(|rule| format!("-A {name} {}", condition(rule))));
    }
    tables.to_string()
}

/// What it is to read to take away what `iptables-save` shows of a network's chains; empty where there is nothing.
pub(crate) fn removal(saved: &str, bridge: &str) -> String {
    let names: Vec<String> = PLACES.iter().map(|(.., prefix)| format!("{prefix}_{bridge}")).collect();
    let is_ours = |name: &str| names.iter().any(|own| own == name);
    let mut tables = Tables::default();
    let mut current = None;
    for line in saved.lines() {
        if let Some(name) = line.strip_prefix('*') {
            current = PLACES.iter().map(|(_, table, ..)| *table).find(|table| *table == name);
        }
        let Some(table) = current else { continue };
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["-A", builtin, "-j", name] if is_ours(name) => {
                tables.0.entry(table).or_default().rules.insert(0, format!("-D {builtin} -j {name}"));
            }
            [chain, ..] if chain.strip_prefix(':').is_some_and(is_ours) => {
                let name = chain.trim_start_matches(':');
                tables.0.entry(table).or_default().rules.extend([format!("-F {name}"), format!("-X {name}")]);
            }
            _ => {}
        }
    }
    tables.to_string()
}

#[derive(Default)]
struct Tables(BTreeMap<&'static str, Table>);

#[derive(Default)]
struct Table {
    chains: Vec<String>,
    rules: Vec<String>,
}

impl std::fmt::Display for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, table) in &self.0 {
            writeln!(f, "*{name}")?;
            table.chains.iter().chain(&table.rules).try_for_each(|line| writeln!(f, "{line}"))?;
            writeln!(f, "COMMIT")?;
        }
        Ok(())
    }
}

fn condition(rule: &Rule) -> String {
    let mut words = Vec::new();
    let mut add = |word: String| words.push(word);
    rule.source.iter().for_each(|subnet| add(format!("-s {subnet}")));
    let not = if rule.elsewhere { "! " } else { "" };
    rule.destination.iter().for_each(|subnet| add(format!("{not}-d {subnet}")));
    rule.from_device.iter().for_each(|device| add(format!("-i {device}")));
    rule.to_device.iter().for_each(|device| add(format!("-o {device}")));
    if let Some(protocol) = rule.protocol {
        add(format!("-p {}", protocol.name()));
    }
    rule.port.iter().for_each(|port| add(format!("--dport {port}")));
    if rule.established {
        add("-m conntrack --ctstate ESTABLISHED,RELATED".to_owned());
    }
    add(match &rule.verdict {
        Verdict::Accept => "-j ACCEPT".to_owned(),
        Verdict::Reject => "-j REJECT".to_owned(),
        Verdict::Return => "-j RETURN".to_owned(),
        Verdict::FillChecksum => "-j CHECKSUM --checksum-fill".to_owned(),
        Verdict::Translate { addresses: None, ports } => match ports {
            Some((first, last)) => format!("-j MASQUERADE --to-ports {first}-{last}"),
            None => "-j MASQUERADE".to_owned(),
        },
        Verdict::Translate { addresses: Some((first, last)), ports } => {
            let ports = ports.map(|(first, last)| format!(":{first}-{last}")).unwrap_or_default();
            format!("-j SNAT --to-source {first}-{last}{ports}")
        }
    });
    words.join(" ")
}
