//! Setting a network's rules: one process of `nft`, or where there is none, of `iptables-restore`.

use std::path::PathBuf;
use std::time::Duration;

use virt_util::netlink::has_nftables_table;
use virt_util::spawn::{Program, Spawn, find_program};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::firewall::{Family, Rules, removal, remove as without_table, restore, table, transaction};
use crate::internal;

/// How long a program may take: it waits for others that change the rules.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much a program may have to say.
const OUTPUT: usize = 16 << 20;

/// The programs where there is no nftables.
const IPTABLES: [(Family, &str, &str); 2] = [
    (Family::Ipv4, "iptables-save", "iptables-restore"),
    (Family::Ipv6, "ip6tables-save", "ip6tables-restore"),
];

/// Makes the rules what they shall be, whatever there is of them.
pub(super) fn apply(rules: &Rules, wait: Wait<'_>) -> Result<()> {
    if let Some(nft) = find_program("nft") {
        let replacing = has_nftables_table(&table(rules.bridge()), wait)?;
        return run(nft, &["-j", "-f", "-"], &transaction(rules, replacing), wait).map(drop);
    }
    for (family, save, change) in IPTABLES {
        let text = restore(rules, family);
        if !text.is_empty() {
            take_away(rules.bridge(), save, change, wait)?;
            run(program(change)?, &["-w", "--noflush"], &text, wait)?;
        }
    }
    Ok(())
}

/// Takes away the rules of the network with this bridge, if there are any.
pub(super) fn remove(bridge: &str) -> Result<()> {
    let wait = Wait::at_most(PATIENCE);
    if let Some(nft) = find_program("nft") {
        if !has_nftables_table(&table(bridge), wait)? {
            return Ok(());
        }
        return run(nft, &["-j", "-f", "-"], &without_table(bridge), wait).map(drop);
    }
    IPTABLES
        .into_iter()
        .filter(|(_, save, _)| find_program(save).is_some())
        .try_for_each(|(_, save, change)| take_away(bridge, save, change, wait))
}

/// Whether the rules are there, as far as that can be told without a process.
pub(super) fn are_there(bridge: &str) -> Result<bool> {
    if find_program("nft").is_none() {
        return Ok(true);
    }
    has_nftables_table(&table(bridge), Wait::at_most(PATIENCE))
}

fn take_away(bridge: &str, save: &str, change: &str, wait: Wait<'_>) -> Result<()> {
    let saved = run(program(save)?, &[], "", wait)?;
    let text = removal(&saved, bridge);
    if text.is_empty() {
        return Ok(());
    }
    run(program(change)?, &["-w", "--noflush"], &text, wait).map(drop)
}

fn program(name: &str) -> Result<PathBuf> {
    find_program(name).ok_or_else(|| {
        let detail = "firewall initialization failed: neither nft nor iptables was found";
        Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::FIREWALL, detail).hint("install nftables")
    })
}

fn run(path: PathBuf, args: &[&str], input: &str, wait: Wait<'_>) -> Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let args = args.iter().map(|word| (*word).to_owned()).collect();
    let env = vec![
        ("LC_ALL".to_owned(), "C".to_owned()),
        ("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
    ];
    let output =
        Spawn::new(Program { path, args, env, ..Program::default() }).run(input.as_bytes(), OUTPUT, wait)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    // The rest repeats our rules.
    let first = words.lines().next().unwrap_or("it does not say why");
    Err(internal(format!("Failed to apply firewall command '{name}': {first}")))
}
