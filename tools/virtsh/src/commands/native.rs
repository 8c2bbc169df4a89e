//! `domxml-from-native`, `domxml-to-native`

use virt_core::DomainXml;

use crate::command::{Command, DOMAIN, Opt, Outcome, Values};
use crate::failure::Failure;
use crate::grammar::Arguments;
use crate::output::Reply;
use crate::shell::Shell;
use crate::xml;

pub(super) static FROM_NATIVE: Command = Command {
    name: "domxml-from-native",
    summary: "Convert native config to domain XML",
    description: "Convert native guest configuration format to domain XML format.",
    options: &[
        Opt::text("format", "source config data format").required(),
        Opt::text("config", "config data file to import from").required().values(Values::Files),
    ],
    run: from_native,
};

pub(super) static TO_NATIVE: Command = Command {
    name: "domxml-to-native",
    summary: "Convert domain XML to native config",
    description: "Convert domain XML config to a native guest configuration format.",
    options: &[
        Opt::text("format", "target config data type format").required(),
        Opt::text("domain", DOMAIN).values(Values::PersistentDomains),
        Opt::text("xml", "xml data file to export from").tolerated().values(Values::Files),
    ],
    run: to_native,
};

fn from_native(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let format = arguments.required("format")?;
    let document = xml::read_file(arguments.required("config")?)?;
    let converted = shell.connection()?.xml_from_native(format, &document.text);
    let text = converted.map_err(|error| xml::failure(error, &document))?;
    shell.print(&Reply::Text { key: "xml", text })
}

fn to_native(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    arguments.exclusive("domain", "xml")?;
    let format = arguments.required("format")?;
    let document = match arguments.text("xml")? {
        Some(file) => xml::read_file(file)?,
        None if arguments.has("domain") => {
            let domain = shell.domain(arguments)?;
            let text = domain.xml(DomainXml::empty())?;
            crate::failure::Document { name: domain.name().to_owned(), text }
        }
        None => return Err(Failure::usage("need either domain or domain XML")),
    };
    let converted = shell.connection()?.xml_to_native(format, &document.text);
    let text = converted.map_err(|error| xml::failure(error, &document))?;
    shell.print(&Reply::Text { key: "configuration", text })
}
