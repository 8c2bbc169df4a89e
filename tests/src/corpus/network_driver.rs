//! `network-dnsmasq` and `network-firewall`: what the network driver makes of a network.

use anyhow::{Context as _, Result};
use virt_conf::model::Network;
use virt_driver_network::dnsmasq::{Files, Names};
use virt_driver_network::firewall::{Rules, iptables_commands, nftables_commands};

use super::{Case, Expected, Kind, Outcome, equal_text};

/// `network-dnsmasq`: the configuration of the server, and the file of its hosts.
pub(super) struct Dnsmasq;

/// `network-firewall`: the commands of one of libvirt's backends.
pub(super) struct Firewall;

/// Where libvirt's tests have dnsmasq's files.
const DIRECTORY: &str = "/var/lib/libvirt/dnsmasq";

impl Kind for Dnsmasq {
    fn name(&self) -> &'static str {
        "network-dnsmasq"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let network: Network = case.input()?.parse()?;
        let names = Names {
            hosts: format!("{DIRECTORY}/{}.hostsfile", network.name),
            addresses: format!("{DIRECTORY}/{}.addnhosts", network.name),
            pid: None,
        };
        let files = Files::of(&network, &names)?;
        let configuration = equal_text("", &case.expected_text()?, &files.configuration);
        let Some(hosts) = case.params.value("hostsfile") else { return Ok(configuration) };
        let Expected::File(path) = case.expected() else { anyhow::bail!("the case expects no file") };
        let expected = std::fs::read_to_string(path.with_file_name(hosts))?;
        match configuration {
            Outcome::Passed => Ok(equal_text("", &expected, &files.hosts)),
            failed => Ok(failed),
        }
    }
}

impl Kind for Firewall {
    fn name(&self) -> &'static str {
        "network-firewall"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let network: Network = case.input()?.parse()?;
        let rules = Rules::of(&network).context("the network has no firewall")?;
        let commands = match case.params.value("backend") {
            Some("iptables") => iptables_commands(&rules),
            Some("nftables") => nftables_commands(&rules),
            other => anyhow::bail!("there is no backend {other:?}"),
        };
        let text: String = commands.iter().map(|words| wrapped(words)).collect();
        Ok(equal_text("", &case.expected_text()?, &text))
    }
}

/// A command as libvirt's tests show it: a line a word, but an option and its value on one, and with them a following `!`.
fn wrapped(words: &[String]) -> String {
    let mut text = String::new();
    let mut after_option = false;
    for (place, word) in words.iter().enumerate() {
        let is_option = word.starts_with('-');
        if place > 0 {
            let breaks = is_option || !(after_option || word == "!");
            text += if breaks { " \\\n" } else { " " };
        }
        let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:,=".contains(c));
        text += &if is_plain && !word.starts_with('!') { word.clone() } else { format!("'{word}'") };
        after_option = is_option;
    }
    text + "\n"
}
