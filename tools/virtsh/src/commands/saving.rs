//! `save`, `restore`, `managedsave`, `dump` and what belongs to them.

use virt_core::{DumpDomain, DumpFormat, SaveDomain, SaveImageXml};

use super::done;
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::failure::{Context as _, Document, Failure};
use crate::grammar::Arguments;
use crate::output::{Field, Reply};
use crate::shell::Shell;
use crate::{progress, xml};

const BYPASS_CACHE: Opt = Opt::flag("bypass-cache", "avoid file system cache when saving");
const RUNNING: Opt = Opt::flag("running", "set domain to be running on restore");
const PAUSED: Opt = Opt::flag("paused", "set domain to be paused on restore");
const SECURITY_INFO: Opt = Opt::flag("security-info", "include security sensitive information in XML dump");
const STATE_FILE: Opt = Opt::text("file", "saved state file to read").required().values(Values::Files);
const NEW_XML: Opt =
    Opt::text("xml", "filename containing updated XML for the target").required().values(Values::Files);

pub(super) static SAVE: Command = Command {
    name: "save",
    summary: "save a domain state to a file",
    description: "Save the RAM state of a running domain.",
    options: &[
        domain(DOMAIN, Values::ActiveDomains),
        Opt::text("file", "where to save the data").required().values(Values::Files),
        BYPASS_CACHE,
        Opt::text("xml", "filename containing updated XML for the target").values(Values::Files),
        RUNNING,
        PAUSED,
        Opt::flag("verbose", "display the progress of save"),
    ],
    run: save,
};

pub(super) static RESTORE: Command = Command {
    name: "restore",
    summary: "restore a domain from a saved state in a file",
    description: "Restore a domain.",
    options: &[
        Opt::text("file", "the state to restore").required().values(Values::Files),
        Opt::flag("bypass-cache", "avoid file system cache when restoring"),
        Opt::text("xml", "filename containing updated XML for the target").values(Values::Files),
        Opt::flag("running", "restore domain into running state"),
        Opt::flag("paused", "restore domain into paused state"),
        Opt::flag("reset-nvram", "re-initialize NVRAM from its pristine template"),
    ],
    run: restore,
};

pub(super) static SAVE_IMAGE_DUMPXML: Command = Command {
    name: "save-image-dumpxml",
    summary: "saved state domain information in XML",
    description: "Dump XML of domain information for a saved state file to stdout.",
    options: &[STATE_FILE, SECURITY_INFO],
    run: save_image_dumpxml,
};

pub(super) static SAVE_IMAGE_DEFINE: Command = Command {
    name: "save-image-define",
    summary: "redefine the XML for a domain's saved state file",
    description: "Replace the domain XML associated with a saved state file",
    options: &[
        Opt::text("file", "saved state file to modify").required().values(Values::Files),
        NEW_XML,
        RUNNING,
        PAUSED,
    ],
    run: save_image_define,
};

pub(super) static MANAGEDSAVE: Command = Command {
    name: "managedsave",
    summary: "managed save of a domain state",
    description: "Save and destroy a running domain, so it can be restarted from\nthe same state at a later time.  When the virsh 'start'\ncommand is next run for the domain, it will automatically\nbe started from this saved state.",
    options: &[
        domain(DOMAIN, Values::ActiveDomains),
        BYPASS_CACHE,
        Opt::flag("running", "set domain to be running on next start"),
        Opt::flag("paused", "set domain to be paused on next start"),
        Opt::flag("verbose", "display the progress of save"),
    ],
    run: managedsave,
};

pub(super) static MANAGEDSAVE_REMOVE: Command = Command {
    name: "managedsave-remove",
    summary: "Remove managed save of a domain",
    description: "Remove an existing managed save state file from a domain",
    options: &[domain(DOMAIN, Values::AllDomains)],
    run: managedsave_remove,
};

pub(super) static MANAGEDSAVE_DUMPXML: Command = Command {
    name: "managedsave-dumpxml",
    summary: "Domain information of managed save state file in XML",
    description: "Dump XML of domain information for a managed save state file to stdout.",
    options: &[domain(DOMAIN, Values::AllDomains), SECURITY_INFO],
    run: managedsave_dumpxml,
};

pub(super) static MANAGEDSAVE_DEFINE: Command = Command {
    name: "managedsave-define",
    summary: "redefine the XML for a domain's managed save state file",
    description: "Replace the domain XML associated with a managed save state file",
    options: &[domain(DOMAIN, Values::AllDomains), NEW_XML, RUNNING, PAUSED],
    run: managedsave_define,
};

pub(super) static DUMP: Command = Command {
    name: "dump",
    summary: "dump the core of a domain to a file for analysis",
    description: "Core dump a domain.",
    options: &[
        domain(DOMAIN, Values::ActiveDomains),
        Opt::text("file", "where to dump the core").required().values(Values::Files),
        Opt::flag("live", "perform a live core dump if supported"),
        Opt::flag("crash", "crash the domain after core dump"),
        Opt::flag("bypass-cache", "avoid file system cache when dumping"),
        Opt::flag("reset", "reset the domain after core dump"),
        Opt::flag("verbose", "display the progress of dump"),
        Opt::flag("memory-only", "dump domain's memory only"),
        Opt::text("format", "specify the format of memory-only dump"),
    ],
    run: dump,
};

/// How a saved domain goes on.
fn flags(arguments: &Arguments) -> Result<SaveDomain, Failure> {
    arguments.exclusive("running", "paused")?;
    Ok(arguments.collect(&[
        ("bypass-cache", SaveDomain::BYPASS_CACHE),
        ("running", SaveDomain::RUNNING),
        ("paused", SaveDomain::PAUSED),
        ("reset-nvram", SaveDomain::RESET_NVRAM),
    ]))
}

/// The text of the file that `--xml` names.
fn document(arguments: &Arguments) -> Result<Option<Document>, Failure> {
    arguments.text("xml")?.map(xml::read_file).transpose()
}

fn save(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let (flags, document) = (flags(arguments)?, document(arguments)?);
    let file = arguments.required("file")?;
    let domain = shell.domain(arguments)?;
    let called = arguments.required("domain")?;
    let xml = document.as_ref().map(|document| document.text.as_str());
    let saved = progress::watch(shell, "Saving domain", |connection| {
        connection.domain_by_uuid(domain.uuid())?.save(file, xml, flags)
    })?;
    saved.context(|| format!("Failed to save domain '{called}' to {file}"))?;
    shell.print(&done(&domain, format!("Domain '{called}' saved to {file}")))
}

fn restore(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let (flags, document) = (flags(arguments)?, document(arguments)?);
    let file = arguments.required("file")?;
    let xml = document.as_ref().map(|document| document.text.as_str());
    let restored =
        progress::watch(shell, "Restoring domain", |connection| connection.restore_domain(file, xml, flags))?;
    restored.context(|| format!("Failed to restore domain from {file}"))?;
    let subject = Some(vec![Field::new("file", "File", file)]);
    shell.print(&Reply::Done { message: format!("Domain restored from {file}"), subject })
}

fn save_image_dumpxml(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let flags = arguments.collect(&[("security-info", SaveImageXml::SECURE)]);
    let text = shell.connection()?.save_image_xml(arguments.required("file")?, flags)?;
    shell.print(&Reply::Text { key: "xml", text })
}

fn save_image_define(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let (flags, file) = (flags(arguments)?, arguments.required("file")?);
    let document = xml::read_file(arguments.required("xml")?)?;
    shell
        .connection()?
        .define_save_image_xml(file, &document.text, flags)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to update {file}"))?;
    let subject = Some(vec![Field::new("file", "File", file)]);
    shell.print(&Reply::Done { message: format!("State file {file} updated."), subject })
}

fn managedsave(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let flags = flags(arguments)?;
    let domain = shell.domain(arguments)?;
    let called = arguments.required("domain")?;
    let saved = progress::watch(shell, "Saving domain", |connection| {
        connection.domain_by_uuid(domain.uuid())?.managed_save(flags)
    })?;
    saved.context(|| format!("Failed to save domain '{called}' state"))?;
    shell.print(&done(&domain, format!("Domain '{called}' state saved by libvirt")))
}

fn managedsave_remove(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain(arguments)?;
    let called = arguments.required("domain")?;
    if !domain.has_managed_save().context(|| "Failed to check for domain managed save image")? {
        let message = format!("Domain '{called}' has no manage save image; removal skipped");
        return shell.print(&done(&domain, message));
    }
    domain
        .remove_managed_save()
        .context(|| format!("Failed to remove managed save image for domain '{called}'"))?;
    shell.print(&done(&domain, format!("Removed managedsave image for domain '{called}'")))
}

fn managedsave_dumpxml(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let flags = arguments.collect(&[("security-info", SaveImageXml::SECURE)]);
    let text = shell.domain(arguments)?.managed_save_xml(flags)?;
    shell.print(&Reply::Text { key: "xml", text })
}

fn managedsave_define(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let flags = flags(arguments)?;
    let document = xml::read_file(arguments.required("xml")?)?;
    let domain = shell.domain(arguments)?;
    let called = arguments.required("domain")?;
    domain
        .define_managed_save_xml(&document.text, flags)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to update {} XML configuration", document.name))?;
    shell.print(&done(&domain, format!("Managed save state file of domain '{called}' updated.")))
}

fn dump(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let flags = arguments.collect(&[
        ("live", DumpDomain::LIVE),
        ("crash", DumpDomain::CRASH),
        ("bypass-cache", DumpDomain::BYPASS_CACHE),
        ("reset", DumpDomain::RESET),
        ("memory-only", DumpDomain::MEMORY_ONLY),
    ]);
    arguments.exclusive("live", "crash")?;
    arguments.exclusive("live", "reset")?;
    arguments.exclusive("crash", "reset")?;
    arguments.requires("format", "memory-only")?;
    let format = match arguments.text("format")? {
        None => DumpFormat::Raw,
        Some(word) => *DumpFormat::ALL.iter().find(|format| format.text() == word).ok_or_else(|| {
            Failure::sentence(format!(
                "format '{word}' is not supported, expecting 'kdump-zlib', 'kdump-lzo', 'kdump-snappy', 'win-dmp' or 'elf'"
            ))
        })?,
    };
    let file = arguments.required("file")?;
    let domain = shell.domain(arguments)?;
    let called = arguments.required("domain")?;
    let dumped = progress::watch(shell, "Dumping domain", |connection| {
        connection.domain_by_uuid(domain.uuid())?.core_dump(file, format, flags)
    })?;
    dumped.context(|| format!("Failed to core dump domain '{called}' to {file}"))?;
    shell.print(&done(&domain, format!("Domain '{called}' dumped to {file}")))
}
