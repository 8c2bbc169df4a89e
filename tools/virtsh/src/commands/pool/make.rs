//! `pool-define`, `pool-create`, and both from options.

use virt_core::DefineStoragePool;

use super::{BUILD, NO_OVERWRITE, OVERWRITE, done, start_flags};
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::Reply;
use crate::shell::Shell;
use crate::{progress, xml};

const FILE: Opt =
    Opt::text("file", "file containing an XML pool description").required().values(Values::Files);

pub(in super::super) static POOL_DEFINE: Command = Command {
    name: "pool-define",
    summary: "define an inactive persistent storage pool or modify an existing persistent one from an XML file",
    description: "Define or modify a persistent storage pool.",
    options: &[FILE, Opt::flag("validate", "validate the XML against the schema")],
    run: |shell, arguments| {
        let document = xml::read_file(arguments.required("file")?)?;
        let mut flags = DefineStoragePool::empty();
        flags.set(DefineStoragePool::VALIDATE, arguments.has("validate"));
        let pool = shell
            .connection()?
            .define_storage_pool(&document.text, flags)
            .map_err(|error| xml::failure(error, &document))
            .context(|| format!("Failed to define pool from {}", document.name))?;
        shell.print(&done(&pool, format!("Pool {} defined from {}", pool.name(), document.name)))
    },
};

pub(in super::super) static POOL_CREATE: Command = Command {
    name: "pool-create",
    summary: "create a pool from an XML file",
    description: "Create a pool.",
    options: &[FILE, BUILD, NO_OVERWRITE, OVERWRITE],
    run: |shell, arguments| {
        let flags = start_flags(arguments)?;
        let document = xml::read_file(arguments.required("file")?)?;
        let created = progress::watch(shell, "Creating pool", |connection| {
            connection.create_storage_pool(&document.text, flags)
        })?;
        let pool = created
            .map_err(|error| xml::failure(error, &document))
            .context(|| format!("Failed to create pool from {}", document.name))?;
        shell.print(&done(&pool, format!("Pool {} created from {}", pool.name(), document.name)))
    },
};

/// The options that a pool is described with, after `build`.
macro_rules! described {
    ($($more:expr),*) => {
        &[
            Opt::text("name", "name of the pool").required(),
            Opt::text("type", "type of the pool").required(),
            Opt::flag("print-xml", "print XML document, but don't define/create"),
            Opt::text("source-host", "source-host for underlying storage").tolerated(),
            Opt::text("source-path", "source path for underlying storage").tolerated(),
            Opt::text("source-dev", "source device for underlying storage").tolerated(),
            Opt::text("source-name", "source name for underlying storage").tolerated(),
            Opt::text("target", "target for underlying storage").tolerated().values(Values::Files),
            Opt::text("source-format", "format for underlying storage").tolerated(),
            Opt::text("auth-type", "auth type to be used for underlying storage").tolerated(),
            Opt::text("auth-username", "auth username to be used for underlying storage").tolerated(),
            Opt::text("secret-usage", "auth secret usage to be used for underlying storage").tolerated(),
            Opt::text("secret-uuid", "auth secret UUID to be used for underlying storage").tolerated(),
            Opt::text("adapter-name", "adapter name to be used for underlying storage").tolerated(),
            Opt::text("adapter-wwnn", "adapter wwnn to be used for underlying storage").tolerated(),
            Opt::text("adapter-wwpn", "adapter wwpn to be used for underlying storage").tolerated(),
            Opt::text("adapter-parent", "adapter parent scsi_hostN to be used for underlying vHBA storage").tolerated(),
            Opt::text("adapter-parent-wwnn", "adapter parent scsi_hostN wwnn to be used for underlying vHBA storage").tolerated(),
            Opt::text("adapter-parent-wwpn", "adapter parent scsi_hostN wwpn to be used for underlying vHBA storage").tolerated(),
            Opt::text(
                "adapter-parent-fabric-wwn",
                "adapter parent scsi_hostN fabric_wwn to be used for underlying vHBA storage",
            ).tolerated(),
            Opt::text("source-protocol-ver", "nfsvers value for NFS pool mount option").tolerated(),
            Opt::text("source-initiator", "initiator iqn for underlying storage").tolerated(),
            $($more),*
        ]
    };
}

pub(in super::super) static POOL_DEFINE_AS: Command = Command {
    name: "pool-define-as",
    summary: "define a pool from a set of args",
    description: "Define a pool.",
    options: described![],
    run: |shell, arguments| {
        let text = document(arguments)?;
        if arguments.has("print-xml") {
            return shell.print(&Reply::Text { key: "xml", text });
        }
        let name = arguments.required("name")?;
        let defined = shell.connection()?.define_storage_pool(&text, DefineStoragePool::empty());
        let pool = defined.context(|| format!("Failed to define pool {name}"))?;
        shell.print(&done(&pool, format!("Pool {name} defined")))
    },
};

pub(in super::super) static POOL_CREATE_AS: Command = Command {
    name: "pool-create-as",
    summary: "create a pool from a set of args",
    description: "Create a pool.",
    options: described![BUILD, NO_OVERWRITE, OVERWRITE],
    run: create_as,
};

fn create_as(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let flags = start_flags(arguments)?;
    let text = document(arguments)?;
    if arguments.has("print-xml") {
        return shell.print(&Reply::Text { key: "xml", text });
    }
    let name = arguments.required("name")?;
    let created =
        progress::watch(shell, "Creating pool", |connection| connection.create_storage_pool(&text, flags))?;
    let pool = created.context(|| format!("Failed to create pool {name}"))?;
    shell.print(&done(&pool, format!("Pool {name} created")))
}

/// The document that the options describe.
fn document(arguments: &Arguments) -> Result<String, Failure> {
    let value = |name: &str| arguments.raw(name).map(escaped);
    let attribute =
        |name: &str, option: &str| value(option).map(|it| format!(" {name}='{it}'")).unwrap_or_default();
    let (name, kind) = (escaped(arguments.required("name")?), escaped(arguments.required("type")?));
    let mut text = format!("<pool type='{kind}'>\n  <name>{name}</name>\n");
    let mut source = String::new();
    let line = |source: &mut String, line: String| source.push_str(&format!("    {line}\n"));
    if let Some(host) = value("source-host") {
        line(&mut source, format!("<host name='{host}'/>"));
    }
    if let Some(path) = value("source-path") {
        line(&mut source, format!("<dir path='{path}'/>"));
    }
    if let Some(device) = value("source-dev") {
        line(&mut source, format!("<device path='{device}'/>"));
    }
    if let Some(wwnn) = value("adapter-wwnn") {
        let parents = [
            ("parent", "adapter-parent"),
            ("parent_wwnn", "adapter-parent-wwnn"),
            ("parent_wwpn", "adapter-parent-wwpn"),
            ("parent_fabric_wwn", "adapter-parent-fabric-wwn"),
        ];
        let parents: String = parents.iter().map(|(name, option)| attribute(name, option)).collect();
        let wwpn = value("adapter-wwpn").unwrap_or_default();
        line(&mut source, format!("<adapter type='fc_host'{parents} wwnn='{wwnn}' wwpn='{wwpn}'/>"));
    } else if let Some(adapter) = value("adapter-name") {
        line(&mut source, format!("<adapter name='{adapter}'/>"));
    }
    if let (Some(kind), Some(user)) = (value("auth-type"), value("auth-username")) {
        line(&mut source, format!("<auth type='{kind}' username='{user}'>"));
        let secret = match value("secret-uuid") {
            Some(uuid) => format!("uuid='{uuid}'"),
            None => format!("usage='{}'", value("secret-usage").unwrap_or_default()),
        };
        line(&mut source, format!("  <secret {secret}/>"));
        line(&mut source, "</auth>".to_owned());
    }
    if let Some(name) = value("source-name") {
        line(&mut source, format!("<name>{name}</name>"));
    }
    if let Some(format) = value("source-format") {
        line(&mut source, format!("<format type='{format}'/>"));
    }
    if let Some(version) = value("source-protocol-ver") {
        line(&mut source, format!("<protocol ver='{version}'/>"));
    }
    if let Some(initiator) = value("source-initiator") {
        line(&mut source, "<initiator>".to_owned());
        line(&mut source, format!("  <iqn name='{initiator}'/>"));
        line(&mut source, "</initiator>".to_owned());
    }
    if !source.is_empty() {
        text.push_str(&format!("  <source>\n{source}  </source>\n"));
    }
    if let Some(target) = arguments.text("target")? {
        let target =
            std::path::absolute(target).map_or_else(|_| target.to_owned(), |it| it.display().to_string());
        text.push_str(&format!("  <target>\n    <path>{}</path>\n  </target>\n", escaped(&target)));
    }
    text.push_str("</pool>\n");
    Ok(text)
}

/// Text as it stands in a document.
pub(in super::super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&apos;")
        .replace('"', "&quot;")
}
