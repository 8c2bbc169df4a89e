//! `net-start`, `net-destroy`, `net-undefine`, `net-autostart`, `net-repair`

use virt_core::Network;

use super::{NETWORK, done, network, option};
use crate::command::{Command, Opt, Outcome};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Reply, Table};
use crate::shell::Shell;

pub(super) static START: Command = Command {
    name: "net-start",
    summary: "start a (previously defined) inactive network",
    description: "Start a network.",
    options: &[option(NETWORK)],
    run: |shell, arguments| act(shell, arguments, "start", "started", Network::start),
};

pub(super) static DESTROY: Command = Command {
    name: "net-destroy",
    summary: "destroy (stop) a network",
    description: "Forcefully stop a given network.",
    options: &[option(NETWORK)],
    run: |shell, arguments| act(shell, arguments, "destroy", "destroyed", Network::destroy),
};

pub(super) static UNDEFINE: Command = Command {
    name: "net-undefine",
    summary: "undefine a persistent network",
    description: "Undefine the configuration for a persistent network.",
    options: &[option(NETWORK)],
    run: |shell, arguments| act(shell, arguments, "undefine", "has been undefined", Network::undefine),
};

pub(super) static AUTOSTART: Command = Command {
    name: "net-autostart",
    summary: "autostart a network",
    description: "Configure a network to be automatically started at boot.",
    options: &[option(NETWORK), Opt::flag("disable", "disable autostarting")],
    run: autostart,
};

pub(super) static REPAIR: Command = Command {
    name: "net-repair",
    summary: "put right what running networks lack",
    description: "Set rules again that somebody flushed, start servers again that were killed, and undo\nwhat processes that died left half done: of one network, or of all.",
    options: &[Opt::text("network", NETWORK).positional()],
    run: repair,
};

/// Does something to a network, and says so.
fn act(
    shell: &mut Shell,
    arguments: &Arguments,
    verb: &str,
    happened: &str,
    work: impl Fn(&Network) -> virt_core::Result<()>,
) -> Outcome {
    let network = network(shell, arguments)?;
    work(&network).context(|| format!("Failed to {verb} network {}", network.name()))?;
    shell.print(&done(&network, format!("Network {} {happened}", network.name())))
}

fn autostart(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let network = network(shell, arguments)?;
    let name = network.name();
    let (wanted, verb) = if arguments.has("disable") { (false, "unmark") } else { (true, "mark") };
    network.set_autostart(wanted).context(|| format!("failed to {verb} network {name} as autostarted"))?;
    shell.print(&done(&network, format!("Network {name} {verb}ed as autostarted")))
}

fn repair(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let lines = match arguments.text("network")? {
        Some(_) => network(shell, arguments)?.repair(),
        None => shell.connection()?.repair_networks(),
    };
    let lines = lines.context(|| "Failed to repair networks")?;
    if shell.output.format() == Format::Plain {
        for line in lines {
            shell.output.extra(&format!("{line}\n"));
        }
        return Ok(());
    }
    let columns = vec![Column::new("result", "Result")];
    let rows = lines.into_iter().map(|line| vec![Field::new("result", "Result", line)]).collect();
    shell.print(&Reply::Table(Table { columns, rows }))
}
