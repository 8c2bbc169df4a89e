//! `net-update`

use virt_core::{Affect, NetworkChange, NetworkCommand, NetworkPart};

use super::{NETWORK, done, network, option};
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::shell::Shell;
use crate::xml;

use super::super::tuning::check_impact;

const COMMANDS: &[&str] = &["modify", "delete", "add-last", "add-first", "add"];
const SECTIONS: &[&str] = &[
    "bridge",
    "domain",
    "ip",
    "ip-dhcp-host",
    "ip-dhcp-range",
    "forward",
    "forward-interface",
    "forward-pf",
    "portgroup",
    "dns-host",
    "dns-txt",
    "dns-srv",
];

pub(super) static UPDATE: Command = Command {
    name: "net-update",
    summary: "update parts of an existing network's configuration",
    description: "",
    options: &[
        option(NETWORK),
        Opt::text("command", "type of update (add-first, add-last (add), delete, or modify)")
            .required()
            .values(Values::OneOf(COMMANDS)),
        Opt::text("section", "which section of network configuration to update")
            .required()
            .values(Values::OneOf(SECTIONS)),
        Opt::text(
            "xml",
            "name of file containing xml (or, if it starts with '<', the complete xml element itself) to add/modify, or to be matched for search",
        )
        .required()
        .values(Values::Files),
        Opt::number("parent-index", "which parent object to search through"),
        Opt::flag("config", "affect next network startup"),
        Opt::flag("live", "affect running network"),
        Opt::flag("current", "affect current state of network"),
    ],
    run: update,
};

fn update(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    check_impact(arguments)?;
    let network = network(shell, arguments)?;
    let word = arguments.required("command")?;
    let command = match word {
        "add" => Some(NetworkCommand::AddLast),
        _ => NetworkCommand::ALL
            .iter()
            .copied()
            .find(|known| known.text() == word && *known != NetworkCommand::None),
    };
    let command = command.ok_or_else(|| Failure::usage(format!("unrecognized command name '{word}'")))?;
    let word = arguments.required("section")?;
    let section =
        NetworkPart::ALL.iter().copied().find(|known| known.text() == word && *known != NetworkPart::None);
    let section = section.ok_or_else(|| Failure::usage(format!("unrecognized section name '{word}'")))?;
    let given = arguments.required("xml")?;
    let text = if given.starts_with('<') { given.to_owned() } else { xml::read_file(given)?.text };
    let parent = arguments.number("parent-index")?.unwrap_or(-1);
    let affect: Affect = arguments.collect(&[("live", Affect::LIVE), ("config", Affect::CONFIG)]);
    let change = NetworkChange { command, section, parent, xml: text };
    network.update(change, affect).context(|| format!("Failed to update network {}", network.name()))?;
    let affected = match (affect.contains(Affect::LIVE), affect.contains(Affect::CONFIG)) {
        (true, true) => "persistent config and live state",
        (true, false) => "live state",
        (false, true) => "persistent config",
        (false, false) if network.is_active()? => "live state",
        (false, false) => "persistent config",
    };
    shell.print(&done(&network, format!("Updated network {} {affected}", network.name())))
}
