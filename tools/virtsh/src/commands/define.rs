//! `define`, `undefine`, `create`, `dumpxml`

use virt_core::{DefineDomain, DomainXml, StartDomain, UndefineDomain};

use super::{console, done};
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::output::Reply;
use crate::shell::Shell;
use crate::{progress, xml};

pub(super) const FILE: Opt =
    Opt::text("file", "file containing an XML domain description").required().values(Values::Files);

pub(super) static DEFINE: Command = Command {
    name: "define",
    summary: "define (but don't start) a domain from an XML file",
    description: "Define a domain.",
    options: &[FILE, Opt::flag("validate", "validate the XML against the schema")],
    run: define,
};

pub(super) static UNDEFINE: Command = Command {
    name: "undefine",
    summary: "undefine a domain",
    description: "Undefine an inactive domain, or convert persistent to transient.",
    options: &[
        domain(DOMAIN, Values::PersistentDomains),
        Opt::flag("managed-save", "remove domain managed state file"),
        Opt::flag("snapshots-metadata", "remove all domain snapshot metadata (vm must be inactive)"),
        Opt::flag("checkpoints-metadata", "remove all domain checkpoint metadata (vm must be inactive)"),
        Opt::flag("nvram", "remove nvram file"),
        Opt::flag("keep-nvram", "keep nvram file"),
        Opt::flag("tpm", "remove TPM state"),
        Opt::flag("keep-tpm", "keep TPM state"),
    ],
    run: undefine,
};

pub(super) static CREATE: Command = Command {
    name: "create",
    summary: "create a domain from an XML file",
    description: "Create a domain.",
    options: &[
        FILE,
        Opt::flag("console", "attach to console after creation"),
        Opt::flag("paused", "leave the guest paused after creation"),
        Opt::flag("autodestroy", "automatically destroy the guest when virtsh disconnects"),
        Opt::flag("validate", "validate the XML against the schema"),
        Opt::flag("reset-nvram", "re-initialize NVRAM from its pristine template"),
    ],
    run: create,
};

pub(super) static DUMPXML: Command = Command {
    name: "dumpxml",
    summary: "domain information in XML",
    description: "Output the domain information as an XML dump to stdout.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::flag("inactive", "show inactive defined XML"),
        Opt::flag("security-info", "include security sensitive information in XML dump"),
        Opt::flag("update-cpu", "update guest CPU according to host CPU"),
        Opt::flag("migratable", "provide XML suitable for migrations"),
    ],
    run: dumpxml,
};

fn define(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let document = xml::read_file(arguments.required("file")?)?;
    let mut flags = DefineDomain::empty();
    flags.set(DefineDomain::VALIDATE, arguments.has("validate"));
    let domain = shell
        .connection()?
        .define_domain(&document.text, flags)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to define domain from {}", document.name))?;
    let message = format!("Domain '{}' defined from {}", domain.name(), document.name);
    shell.print(&done(&domain, message))
}

fn undefine(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    arguments.exclusive("nvram", "keep-nvram")?;
    arguments.exclusive("tpm", "keep-tpm")?;
    let flags = [
        ("managed-save", UndefineDomain::MANAGED_SAVE),
        ("snapshots-metadata", UndefineDomain::SNAPSHOTS_METADATA),
        ("checkpoints-metadata", UndefineDomain::CHECKPOINTS_METADATA),
        ("nvram", UndefineDomain::NVRAM),
        ("keep-nvram", UndefineDomain::KEEP_NVRAM),
        ("tpm", UndefineDomain::TPM),
        ("keep-tpm", UndefineDomain::KEEP_TPM),
    ];
    let flags = arguments.collect(&flags);
    let domain = shell.domain(arguments)?;
    let called = arguments.required("domain")?;
    domain.undefine(flags).context(|| format!("Failed to undefine domain '{called}'"))?;
    shell.print(&done(&domain, format!("Domain '{called}' has been undefined")))
}

/// The options of `start` and `create`.
pub(super) const START_FLAGS: &[(&str, StartDomain)] = &[
    ("paused", StartDomain::PAUSED),
    ("autodestroy", StartDomain::AUTODESTROY),
    ("bypass-cache", StartDomain::BYPASS_CACHE),
    ("force-boot", StartDomain::FORCE_BOOT),
    ("validate", StartDomain::VALIDATE),
    ("reset-nvram", StartDomain::RESET_NVRAM),
];

fn create(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let document = xml::read_file(arguments.required("file")?)?;
    let flags = arguments.collect(START_FLAGS);
    let created = progress::watch(shell, "Creating domain", |connection| {
        connection.create_domain(&document.text, flags)
    })?;
    let domain = created
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to create domain from {}", document.name))?;
    shell.print(&done(&domain, format!("Domain '{}' created from {}", domain.name(), document.name)))?;
    if arguments.has("console") {
        console::attach(shell, &domain, &console::Attachment::default())?;
    }
    Ok(())
}

fn dumpxml(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let flags = [
        ("inactive", DomainXml::INACTIVE),
        ("security-info", DomainXml::SECURE),
        ("update-cpu", DomainXml::UPDATE_CPU),
        ("migratable", DomainXml::MIGRATABLE),
    ];
    let flags = arguments.collect(&flags);
    let text = shell.domain(arguments)?.xml(flags)?;
    shell.print(&Reply::Text { key: "xml", text })
}
