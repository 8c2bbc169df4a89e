//! `net-port-list`, `net-port-create`, `net-port-dumpxml`, `net-port-delete`

use virt_core::{CreateNetworkPort, NetworkPort, Uuid};

use super::{NETWORK, network, option};
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Reply, Table};
use crate::shell::Shell;
use crate::xml;

const PORT: Opt = Opt::text("port", "port UUID").required();

pub(super) static LIST: Command = Command {
    name: "net-port-list",
    summary: "list network ports",
    description: "Returns list of network ports.",
    options: &[
        option(NETWORK),
        Opt::flag("uuid", "list uuid's only"),
        Opt::flag("table", "list table (default)"),
    ],
    run: list,
};

pub(super) static CREATE: Command = Command {
    name: "net-port-create",
    summary: "create a network port from an XML file",
    description: "Create a network port.",
    options: &[
        option(NETWORK),
        Opt::text("file", "file containing an XML network port description").required().values(Values::Files),
        Opt::flag("validate", "validate the XML against the schema"),
    ],
    run: create,
};

pub(super) static DUMPXML: Command = Command {
    name: "net-port-dumpxml",
    summary: "network port information in XML",
    description: "Output the network port information as an XML dump to stdout.",
    options: &[option(NETWORK), PORT],
    run: |shell, arguments| {
        let text = port(shell, arguments)?.xml()?;
        shell.print(&Reply::Text { key: "xml", text })
    },
};

pub(super) static DELETE: Command = Command {
    name: "net-port-delete",
    summary: "delete the specified network port",
    description: "Delete the specified network port.",
    options: &[option(NETWORK), PORT],
    run: |shell, arguments| {
        let port = port(shell, arguments)?;
        let uuid = port.uuid();
        port.delete().context(|| format!("Failed to delete network port {uuid}"))?;
        shell.print(&done(uuid, format!("Network port {uuid} deleted")))
    },
};

fn port(shell: &mut Shell, arguments: &Arguments) -> Result<NetworkPort, Failure> {
    let network = network(shell, arguments)?;
    let wanted = arguments.required("port")?;
    let uuid: Uuid =
        wanted.parse().map_err(|_| Failure::usage(format!("failed to get network port '{wanted}'")))?;
    network.port(uuid).context(|| format!("failed to get network port '{wanted}'"))
}

fn done(uuid: Uuid, message: String) -> Reply {
    Reply::Done { message, subject: Some(vec![Field::new("uuid", "UUID", uuid.to_string())]) }
}

fn list(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    arguments.exclusive("table", "uuid")?;
    let network = network(shell, arguments)?;
    let ports = network.ports().context(|| "Failed to list network ports")?;
    if arguments.has("uuid") && shell.output.format() == Format::Plain {
        for port in &ports {
            shell.output.text(&format!("{}\n", port.uuid()));
        }
        return Ok(());
    }
    let columns = vec![Column::new("uuid", "UUID")];
    let rows = ports.iter().map(|port| vec![Field::new("uuid", "UUID", port.uuid().to_string())]).collect();
    shell.print(&Reply::Table(Table { columns, rows }))
}

fn create(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let network = network(shell, arguments)?;
    let document = xml::read_file(arguments.required("file")?)?;
    let flags = arguments.collect(&[("validate", CreateNetworkPort::VALIDATE)]);
    let port = network
        .create_port(&document.text, flags)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to create network from {}", document.name))?;
    shell.print(&done(port.uuid(), format!("Network port {} created from {}", port.uuid(), document.name)))
}
