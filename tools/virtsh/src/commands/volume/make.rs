//! `vol-create`, `vol-create-as`, `vol-create-from`, `vol-clone`

use virt_core::{CreateStorageVolume, StorageVolume};

use super::super::pool::{self, POOL, make_escaped as escaped};
use super::{IN_POOL, VOL, done, volume, volume_in};
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::Reply;
use crate::shell::Shell;
use crate::{progress, xml};

const FILE: Opt =
    Opt::text("file", "file containing an XML vol description").required().values(Values::Files);
const PREALLOCATE: Opt =
    Opt::flag("prealloc-metadata", "preallocate metadata (for qcow2 instead of full allocation)");
const REFLINK: Opt = Opt::flag("reflink", "use btrfs COW lightweight copy");
const VALIDATE: Opt = Opt::flag("validate", "validate the XML against the schema");

fn flags(arguments: &Arguments) -> CreateStorageVolume {
    arguments.collect(&[
        ("prealloc-metadata", CreateStorageVolume::PREALLOC_METADATA),
        ("reflink", CreateStorageVolume::REFLINK),
        ("validate", CreateStorageVolume::VALIDATE),
    ])
}

pub(in super::super) static VOL_CREATE: Command = Command {
    name: "vol-create",
    summary: "create a vol from an XML file",
    description: "Create a vol.",
    options: &[Opt::text("pool", "pool name").required(), FILE, PREALLOCATE, VALIDATE],
    run: |shell, arguments| {
        let pool = pool::pool(shell, arguments, "pool")?;
        let document = xml::read_file(arguments.required("file")?)?;
        let flags = flags(arguments);
        let created = progress::watch(shell, "Creating volume", |connection| {
            connection.storage_pool_by_uuid(pool.uuid())?.create_volume(&document.text, flags)
        })?;
        let volume = created
            .map_err(|error| xml::failure(error, &document))
            .context(|| format!("Failed to create vol from {}", document.name))?;
        shell.print(&done(&volume, format!("Vol {} created from {}", volume.name(), document.name)))
    },
};

pub(in super::super) static VOL_CREATE_FROM: Command = Command {
    name: "vol-create-from",
    summary: "create a vol, using another volume as input",
    description: "Create a vol from an existing volume.",
    options: &[
        POOL,
        FILE,
        VOL,
        Opt::text("inputpool", "pool name or uuid of the input volume's pool").tolerated(),
        PREALLOCATE,
        REFLINK,
        VALIDATE,
    ],
    run: |shell, arguments| {
        let pool = pool::pool(shell, arguments, "pool")?;
        let document = xml::read_file(arguments.required("file")?)?;
        let source = volume_in(shell, arguments, "inputpool")?;
        let flags = flags(arguments);
        let created = progress::watch(shell, "Copying", |connection| {
            connection.storage_pool_by_uuid(pool.uuid())?.clone_volume(&document.text, &source, flags)
        })?;
        let volume = created
            .map_err(|error| xml::failure(error, &document))
            .context(|| format!("Failed to create vol from {}", document.name))?;
        let message = format!("Vol {} created from input vol {}", volume.name(), source.name());
        shell.print(&done(&volume, message))
    },
};

pub(in super::super) static VOL_CLONE: Command = Command {
    name: "vol-clone",
    summary: "clone a volume.",
    description: "Clone an existing volume within the parent pool.",
    options: &[
        VOL,
        Opt::text("newname", "clone name").required(),
        IN_POOL,
        PREALLOCATE,
        REFLINK,
        Opt::flag("print-xml", "print XML document rather than clone the volume"),
    ],
    run: clone,
};

fn clone(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let source = volume(shell, arguments)?;
    let name = arguments.required("newname")?;
    let text = renamed(&source, name)?;
    if arguments.has("print-xml") {
        return shell.print(&Reply::Text { key: "xml", text });
    }
    let flags = flags(arguments);
    let cloned = progress::watch(shell, "Cloning", |connection| {
        connection.storage_pool_by_uuid(source.pool_uuid())?.clone_volume(&text, &source, flags)
    })?;
    let volume = cloned.context(|| format!("Failed to clone vol from {}", source.name()))?;
    shell.print(&done(&volume, format!("Vol {} cloned from {}", volume.name(), source.name())))
}

/// The document of a volume under another name.
fn renamed(source: &StorageVolume, name: &str) -> Result<String, Failure> {
    use virt_conf::model;
    use virt_conf::xml::{FormatOptions, ParseOptions, from_str, to_string};
    let mut document: model::StorageVolume = from_str(&source.xml()?, &ParseOptions::default())?;
    name.clone_into(&mut document.name);
    document.key = None;
    if let Some(target) = &mut document.target {
        target.path = None;
    }
    Ok(to_string(&document, FormatOptions::default()))
}

pub(in super::super) static VOL_CREATE_AS: Command = Command {
    name: "vol-create-as",
    summary: "create a volume from a set of args",
    description: "Create a vol.",
    options: &[
        Opt::text("pool", "pool name").required(),
        Opt::text("name", "name of the volume").required(),
        Opt::text("capacity", "size of the vol, as scaled integer (default bytes)").required(),
        Opt::text("allocation", "initial allocation size, as scaled integer (default bytes)").tolerated(),
        Opt::text("format", "file format type raw,bochs,qcow,qcow2,qed,vmdk").tolerated(),
        Opt::text("backing-vol", "the backing volume if taking a snapshot").tolerated(),
        Opt::text("backing-vol-format", "format of backing volume if taking a snapshot").tolerated(),
        PREALLOCATE,
        Opt::flag("print-xml", "print XML document, but don't define/create"),
    ],
    run: create_as,
};

fn create_as(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let name = arguments.required("name")?;
    let capacity = arguments.size("capacity", 1, u64::MAX)?.unwrap_or_default();
    let allocation = arguments.size("allocation", 1, u64::MAX)?;
    let pool = pool::pool(shell, arguments, "pool")?;
    let mut text = format!("<volume>\n  <name>{}</name>\n  <capacity>{capacity}</capacity>\n", escaped(name));
    if let Some(allocation) = allocation {
        text.push_str(&format!("  <allocation>{allocation}</allocation>\n"));
    }
    if let Some(format) = arguments.text("format")? {
        text.push_str(&format!("  <target>\n    <format type='{}'/>\n  </target>\n", escaped(format)));
    }
    if let Some(backing) = arguments.text("backing-vol")? {
        let connection = shell.connection()?;
        let found = pool
            .volume_by_name(backing)
            .or_else(|_| connection.storage_volume_by_key(backing))
            .or_else(|_| connection.storage_volume_by_path(backing));
        let backing = found.context(|| format!("failed to get vol '{backing}'"))?;
        text.push_str(&format!("  <backingStore>\n    <path>{}</path>\n", escaped(backing.path())));
        if let Some(format) = arguments.text("backing-vol-format")? {
            text.push_str(&format!("    <format type='{}'/>\n", escaped(format)));
        }
        text.push_str("  </backingStore>\n");
    }
    text.push_str("</volume>\n");
    if arguments.has("print-xml") {
        return shell.print(&Reply::Text { key: "xml", text });
    }
    let flags = flags(arguments);
    let created = progress::watch(shell, "Creating volume", |connection| {
        connection.storage_pool_by_uuid(pool.uuid())?.create_volume(&text, flags)
    })?;
    let volume = created.context(|| format!("Failed to create vol {name}"))?;
    shell.print(&done(&volume, format!("Vol {name} created")))
}
