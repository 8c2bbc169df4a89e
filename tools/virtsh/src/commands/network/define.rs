//! `net-define`, `net-create`, `net-dumpxml`, `net-edit`

use virt_core::{CreateNetwork, DefineNetwork, NetworkXml};

use super::{NETWORK, done, network, option};
use crate::command::{Command, Opt, Outcome, Values};
use crate::editor::Draft;
use crate::failure::{Context as _, Document};
use crate::grammar::Arguments;
use crate::output::Reply;
use crate::shell::Shell;
use crate::xml;

const FILE: Opt =
    Opt::text("file", "file containing an XML network description").required().values(Values::Files);

pub(super) static DEFINE: Command = Command {
    name: "net-define",
    summary: "define an inactive persistent virtual network or modify an existing persistent one from an XML file",
    description: "Define or modify a persistent virtual network.",
    options: &[FILE, Opt::flag("validate", "validate the XML against the schema")],
    run: define,
};

pub(super) static CREATE: Command = Command {
    name: "net-create",
    summary: "create a network from an XML file",
    description: "Create a network.",
    options: &[FILE, Opt::flag("validate", "validate the XML against the schema")],
    run: create,
};

pub(super) static DUMPXML: Command = Command {
    name: "net-dumpxml",
    summary: "network information in XML",
    description: "Output the network information as an XML dump to stdout.",
    options: &[option(NETWORK), Opt::flag("inactive", "show inactive defined XML")],
    run: dumpxml,
};

pub(super) static EDIT: Command = Command {
    name: "net-edit",
    summary: "edit XML configuration for a network",
    description: "Edit the XML configuration for a network.",
    options: &[option(NETWORK)],
    run: edit,
};

fn define(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let document = xml::read_file(arguments.required("file")?)?;
    let flags = arguments.collect(&[("validate", DefineNetwork::VALIDATE)]);
    let network = shell
        .connection()?
        .define_network(&document.text, flags)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to define network from {}", document.name))?;
    shell.print(&done(&network, format!("Network {} defined from {}", network.name(), document.name)))
}

fn create(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let document = xml::read_file(arguments.required("file")?)?;
    let flags = arguments.collect(&[("validate", CreateNetwork::VALIDATE)]);
    let network = shell
        .connection()?
        .create_network(&document.text, flags)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to create network from {}", document.name))?;
    shell.print(&done(&network, format!("Network {} created from {}", network.name(), document.name)))
}

fn dumpxml(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let flags = arguments.collect(&[("inactive", NetworkXml::INACTIVE)]);
    let text = network(shell, arguments)?.xml(flags)?;
    shell.print(&Reply::Text { key: "xml", text })
}

fn edit(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let network = network(shell, arguments)?;
    let name = network.name();
    let before = network.xml(NetworkXml::INACTIVE)?;
    let draft = Draft::new(name, &before)?;
    shell.output.flush();
    draft.open(None)?;
    let text = draft.read()?;
    if text == before {
        return shell.print(&done(&network, format!("Network {name} XML configuration not changed.")));
    }
    let document = Document { name: draft.path().display().to_string(), text };
    let defined = network.connection().define_network(&document.text, DefineNetwork::VALIDATE);
    match defined
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to define network {name}"))
    {
        Ok(network) => {
            shell.print(&done(&network, format!("Network {} XML configuration edited.", network.name())))
        }
        // Whatever went wrong, what the user wrote stays.
        Err(failure) => {
            let path = draft.keep();
            let hint =
                format!("your text is kept in {0}; virtsh net-define {0} tries it again", path.display());
            Err(failure.hint(hint))
        }
    }
}
