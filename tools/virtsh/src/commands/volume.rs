//! `vol-list`, `vol-create`, `vol-info` ...

mod make;
mod transfer;
mod tree;

use virt_core::{
    DeleteStorageVolume, ResizeStorageVolume, StorageVolume, StorageVolumeInfoFlags, WipeAlgorithm,
};

pub(super) use make::{VOL_CLONE, VOL_CREATE, VOL_CREATE_AS, VOL_CREATE_FROM};
pub(super) use transfer::{VOL_DOWNLOAD, VOL_UPLOAD};

use super::pool::{self, POOL, size};
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Reply, Table};
use crate::progress;
use crate::shell::Shell;

const VOL: Opt = Opt::text("vol", "vol name, key or path").required();
const IN_POOL: Opt = Opt::text("pool", "pool name or uuid").positional();

/// The volume that the option `vol` names, in the pool that `pool` names.
fn volume(shell: &mut Shell, arguments: &Arguments) -> Result<StorageVolume, Failure> {
    volume_in(shell, arguments, "pool")
}

fn volume_in(shell: &mut Shell, arguments: &Arguments, option: &str) -> Result<StorageVolume, Failure> {
    let wanted = arguments.required("vol")?;
    let pool = match arguments.text(option)? {
        Some(_) => Some(pool::pool(shell, arguments, option)?),
        None => None,
    };
    if let Some(pool) = &pool
        && let Ok(volume) = pool.volume_by_name(wanted)
    {
        return Ok(volume);
    }
    let connection = shell.connection()?;
    let found =
        connection.storage_volume_by_key(wanted).or_else(|_| connection.storage_volume_by_path(wanted));
    let volume = found.map_err(Failure::from).context(|| match &pool {
        Some(_) => format!("failed to get vol '{wanted}'"),
        None => format!("failed to get vol '{wanted}', specifying --{option} might help"),
    })?;
    match pool {
        Some(pool) if pool.uuid() != volume.pool_uuid() => {
            Err(Failure::sentence(format!("Requested volume '{wanted}' is not in pool '{}'", pool.name())))
        }
        _ => Ok(volume),
    }
}

fn done(volume: &StorageVolume, message: String) -> Reply {
    let subject = vec![
        Field::new("name", "Name", volume.name()),
        Field::new("pool", "Pool", volume.pool_name()),
        Field::new("path", "Path", volume.path()),
    ];
    Reply::Done { message, subject: Some(subject) }
}

/// A command that answers one value of a volume.
macro_rules! value {
    ($name:ident, $command:literal, $summary:literal, $options:expr, $key:literal, |$volume:ident| $value:expr) => {
        pub(super) static $name: Command = Command {
            name: $command,
            summary: $summary,
            description: "",
            options: $options,
            run: |shell, arguments| {
                let $volume = volume(shell, arguments)?;
                shell.print(&Reply::Value(Field::new($key, "", $value)))
            },
        };
    };
}

value!(
    VOL_KEY,
    "vol-key",
    "returns the volume key for a given volume name or path",
    &[VOL, IN_POOL],
    "key",
    |it| it.key()
);
value!(
    VOL_PATH,
    "vol-path",
    "returns the volume path for a given volume name or key",
    &[VOL, IN_POOL],
    "path",
    |it| it.path()
);
value!(
    VOL_NAME,
    "vol-name",
    "returns the volume name for a given volume key or path",
    &[VOL],
    "name",
    |it| it.name()
);

pub(super) static VOL_POOL: Command = Command {
    name: "vol-pool",
    summary: "returns the storage pool for a given volume key or path",
    description: "",
    options: &[VOL, Opt::flag("uuid", "return the pool uuid rather than pool name")],
    run: |shell, arguments| {
        let volume = volume(shell, arguments)?;
        let pool = match arguments.has("uuid") {
            true => volume.pool_uuid().to_string(),
            false => volume.pool_name().to_owned(),
        };
        shell.print(&Reply::Value(Field::new("pool", "Pool", pool)))
    },
};

pub(super) static VOL_DUMPXML: Command = Command {
    name: "vol-dumpxml",
    summary: "vol information in XML",
    description: "Output the vol information as an XML dump to stdout.",
    options: &[VOL, IN_POOL],
    run: |shell, arguments| {
        let text = volume(shell, arguments)?.xml()?;
        shell.print(&Reply::Text { key: "xml", text })
    },
};

pub(super) static VOL_DELETE: Command = Command {
    name: "vol-delete",
    summary: "delete a vol",
    description: "Delete a given vol.",
    options: &[
        VOL,
        IN_POOL,
        Opt::flag(
            "delete-snapshots",
            "delete snapshots associated with volume (must be supported by storage driver)",
        ),
    ],
    run: |shell, arguments| {
        let volume = volume(shell, arguments)?;
        let flags = arguments.collect(&[("delete-snapshots", DeleteStorageVolume::WITH_SNAPSHOTS)]);
        volume.delete(flags).context(|| format!("Failed to delete vol {}", volume.name()))?;
        shell.print(&done(&volume, format!("Vol {} deleted", volume.name())))
    },
};

pub(super) static VOL_WIPE: Command = Command {
    name: "vol-wipe",
    summary: "wipe a vol",
    description: "Ensure data previously on a volume is not accessible to future reads",
    options: &[
        VOL,
        IN_POOL,
        Opt::text("algorithm", "perform selected wiping algorithm")
            .tolerated()
            .values(Values::OneOf(ALGORITHMS)),
    ],
    run: |shell, arguments| {
        let algorithm = match arguments.text("algorithm")? {
            None => WipeAlgorithm::Zero,
            Some(name) => {
                let known = WipeAlgorithm::ALL.iter().copied().find(|it| it.text() == name);
                known.ok_or_else(|| Failure::usage(format!("Unsupported algorithm '{name}'")))?
            }
        };
        let volume = volume(shell, arguments)?;
        let wiped =
            progress::watch(shell, "Wiping", |connection| volume.through(connection).wipe(algorithm))?;
        wiped.context(|| format!("Failed to wipe vol {}", volume.name()))?;
        shell.print(&done(&volume, format!("Vol {} wiped", volume.name())))
    },
};

const ALGORITHMS: &[&str] =
    &["zero", "nnsa", "dod", "bsi", "gutmann", "schneier", "pfitzner7", "pfitzner33", "random", "trim"];

pub(super) static VOL_RESIZE: Command = Command {
    name: "vol-resize",
    summary: "resize a vol",
    description: "Resizes a storage volume. This is safe only for storage volumes not in use by an active guest.\n\
                  See blockresize for live resizing.",
    options: &[
        VOL,
        Opt::text("capacity", "new capacity for the vol, as scaled integer (default bytes)").required(),
        IN_POOL,
        Opt::flag("allocate", "allocate the new capacity, rather than leaving it sparse"),
        Opt::flag("delta", "use capacity as a delta to current size, rather than the new size"),
        Opt::flag("shrink", "allow the resize to shrink the volume"),
    ],
    run: resize,
};

fn resize(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let text = arguments.required("capacity")?;
    let mut flags = arguments.collect(&[
        ("allocate", ResizeStorageVolume::ALLOCATE),
        ("delta", ResizeStorageVolume::DELTA),
        ("shrink", ResizeStorageVolume::SHRINK),
    ]);
    // A size with a minus is one to shrink by.
    let (digits, verb) = match text.strip_prefix('-') {
        Some(digits) if flags.contains(ResizeStorageVolume::SHRINK) => {
            flags |= ResizeStorageVolume::DELTA;
            (digits, "by")
        }
        Some(_) => {
            return Err(Failure::usage("negative size requires --shrink"));
        }
        None => (text, if arguments.has("delta") { "by" } else { "to" }),
    };
    let capacity = crate::number::parse_size(digits, 1, u64::MAX).map_err(|_| {
        Failure::usage(format!(
            "Scaled numeric value '{text}' for <capacity> option is malformed or out of range"
        ))
    })?;
    let volume = volume(shell, arguments)?;
    let name = volume.name();
    volume
        .resize(capacity, flags)
        .context(|| format!("Failed to change size of volume '{name}' {verb} {text}"))?;
    shell.print(&done(&volume, format!("Size of volume '{name}' successfully changed {verb} {text}")))
}

pub(super) static VOL_INFO: Command = Command {
    name: "vol-info",
    summary: "storage vol information",
    description: "Returns basic information about the storage vol.",
    options: &[
        VOL,
        IN_POOL,
        Opt::flag("bytes", "sizes are represented in bytes rather than pretty units"),
        Opt::flag("physical", "return the physical size of the volume in allocation field"),
    ],
    run: |shell, arguments| {
        let volume = volume(shell, arguments)?;
        let (exact, physical) = (arguments.has("bytes"), arguments.has("physical"));
        let mut flags = StorageVolumeInfoFlags::empty();
        flags.set(StorageVolumeInfoFlags::GET_PHYSICAL, physical);
        let info = volume.info(flags)?;
        let shown =
            |field: Field, bytes: u64| if exact { field.shown(format!("{bytes} bytes")) } else { field };
        let (key, label) = if physical { ("physical", "Physical") } else { ("allocation", "Allocation") };
        let fields = vec![
            Field::new("name", "Name", volume.name()),
            Field::new("type", "Type", info.kind.text()),
            shown(size("capacity", "Capacity", info.capacity, exact), info.capacity),
            shown(size(key, label, info.allocation, exact), info.allocation),
        ];
        shell.print(&Reply::Record { fields, width: 15 })
    },
};

pub(super) static VOL_LIST: Command = Command {
    name: "vol-list",
    summary: "list vols",
    description: "Returns list of vols by pool.",
    options: &[
        POOL,
        Opt::flag("details", "display extended details for volumes"),
        Opt::flag("tree", "display volumes below the images that they are based on"),
    ],
    run: list,
};

fn list(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let pool = pool::pool(shell, arguments, "pool")?;
    let mut volumes = pool.volumes().context(|| "Failed to list volumes")?;
    volumes.sort_by_cached_key(|volume| (volume.name.to_lowercase(), volume.name.clone()));
    if arguments.has("tree") && !shell.output.is_data() {
        let text = tree::text(&volumes);
        shell.output.text(&text);
        return Ok(());
    }
    let mut columns = vec![Column::new("name", "Name"), Column::new("path", "Path")];
    let further = [("type", "Type"), ("capacity", "Capacity"), ("allocation", "Allocation")];
    columns.extend(further.map(|(key, label)| match arguments.has("details") {
        true => Column::new(key, label),
        false => Column::data(key),
    }));
    columns.extend([Column::data("key"), Column::data("format"), Column::data("backing")]);
    let rows = volumes.iter().map(|volume| {
        vec![
            Field::new("name", "Name", volume.name.as_str()),
            Field::new("path", "Path", volume.path.as_str()),
            Field::new("type", "Type", volume.kind.text()),
            size("capacity", "Capacity", volume.capacity, false),
            size("allocation", "Allocation", volume.allocation, false),
            Field::new("key", "Key", volume.key.as_str()),
            Field::new("format", "Format", volume.format.clone()),
            Field::new("backing", "Backing", volume.backing.clone()),
        ]
    });
    shell.print(&Reply::Table(Table { columns, rows: rows.collect() }))
}
