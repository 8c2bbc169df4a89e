//! `net-info`, `net-name`, `net-uuid`

use super::{By, NETWORK, network, network_by, option};
use crate::command::{Command, Outcome};
use crate::grammar::Arguments;
use crate::output::{Field, Reply};
use crate::shell::Shell;

pub(super) static INFO: Command = Command {
    name: "net-info",
    summary: "network information",
    description: "Returns basic information about the network",
    options: &[option(NETWORK)],
    run: info,
};

pub(super) static NAME: Command = Command {
    name: "net-name",
    summary: "convert a network UUID to network name",
    description: "",
    options: &[option("network uuid")],
    run: |shell, arguments| {
        let network = network_by(shell, arguments, By::Uuid)?;
        shell.print(&Reply::Value(Field::new("name", "Name", network.name())))
    },
};

pub(super) static UUID: Command = Command {
    name: "net-uuid",
    summary: "convert a network name to network UUID",
    description: "",
    options: &[option("network name")],
    run: |shell, arguments| {
        let network = network_by(shell, arguments, By::Name)?;
        shell.print(&Reply::Value(Field::new("uuid", "UUID", network.uuid().to_string())))
    },
};

fn info(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let network = network(shell, arguments)?;
    let mut fields = vec![
        Field::new("name", "Name", network.name()),
        Field::new("uuid", "UUID", network.uuid().to_string()),
        Field::new("active", "Active", network.is_active()?),
        Field::new("persistent", "Persistent", network.is_persistent()?),
        Field::new("autostart", "Autostart", network.autostart()?),
    ];
    // Not every network has a bridge.
    fields.extend(network.bridge_name().ok().map(|bridge| Field::new("bridge", "Bridge", bridge)));
    shell.print(&Reply::Record { fields, width: 15 })
}
