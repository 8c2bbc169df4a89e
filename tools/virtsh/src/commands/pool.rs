//! `pool-list`, `pool-start`, `pool-info` ...

mod make;

use serde_json::Value;
use virt_core::{
    BuildStoragePool, DefineStoragePool, DeleteStoragePool, Error, ErrorCode, ListStoragePools,
    StartStoragePool, StoragePool, StoragePoolEventKind, StoragePoolState, StoragePoolXml, Uuid,
};

pub(super) use make::{POOL_CREATE, POOL_CREATE_AS, POOL_DEFINE, POOL_DEFINE_AS, escaped as make_escaped};

use super::edit::{Editable, edit_definition};
use super::follow::{self, Shown};
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure, FailureKind};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Record, Reply, Table};
use crate::shell::Shell;
use crate::{progress, xml};

pub(super) const POOL: Opt = Opt::text("pool", "pool name or uuid").required();
pub(super) const BUILD: Opt = Opt::flag("build", "build the pool as normal");
pub(super) const NO_OVERWRITE: Opt = Opt::flag("no-overwrite", "do not overwrite any existing data");
pub(super) const OVERWRITE: Opt = Opt::flag("overwrite", "overwrite any existing data");

/// The pool that this option names.
pub(super) fn pool(shell: &mut Shell, arguments: &Arguments, option: &str) -> Result<StoragePool, Failure> {
    named(shell, arguments.required(option)?)
}

/// The pool of this name or UUID.
pub(super) fn named(shell: &mut Shell, wanted: &str) -> Result<StoragePool, Failure> {
    let connection = shell.connection()?;
    let by_uuid = wanted.parse::<Uuid>().ok().filter(|_| wanted.len() == 36);
    let found = match by_uuid.map(|uuid| connection.storage_pool_by_uuid(uuid)) {
        Some(Ok(pool)) => Ok(pool),
        _ => connection.storage_pool_by_name(wanted),
    };
    found
        .map_err(|error| match error.code() {
            ErrorCode::NO_STORAGE_POOL => Failure::from(error).kind(FailureKind::NotFound),
            _ => error.into(),
        })
        .context(|| format!("failed to get pool '{wanted}'"))
}

pub(super) fn done(pool: &StoragePool, message: String) -> Reply {
    let subject =
        vec![Field::new("name", "Name", pool.name()), Field::new("uuid", "UUID", pool.uuid().to_string())];
    Reply::Done { message, subject: Some(subject) }
}

/// A command that does one thing to a pool, and says so.
macro_rules! simple {
    ($name:ident, $command:literal, $summary:literal, $description:literal, $verb:literal, $done:literal,
     |$pool:ident| $work:expr) => {
        pub(super) static $name: Command = Command {
            name: $command,
            summary: $summary,
            description: $description,
            options: &[POOL],
            run: |shell, arguments| {
                let $pool = pool(shell, arguments, "pool")?;
                $work.context(|| format!(concat!("Failed to ", $verb, " pool {}"), $pool.name()))?;
                shell.print(&done(&$pool, format!($done, $pool.name())))
            },
        };
    };
}

simple!(
    POOL_DESTROY,
    "pool-destroy",
    "destroy (stop) a pool",
    "Forcefully stop a given pool. Raw data in the pool is untouched",
    "destroy",
    "Pool {} destroyed",
    |pool| pool.destroy()
);
simple!(
    POOL_DELETE,
    "pool-delete",
    "delete a pool",
    "Delete a given pool.",
    "delete",
    "Pool {} deleted",
    |pool| pool.delete(DeleteStoragePool::empty())
);
simple!(
    POOL_REFRESH,
    "pool-refresh",
    "refresh a pool",
    "Refresh a given pool.",
    "refresh",
    "Pool {} refreshed",
    |pool| pool.refresh()
);
simple!(
    POOL_UNDEFINE,
    "pool-undefine",
    "undefine an inactive pool",
    "Undefine the configuration for an inactive pool.",
    "undefine",
    "Pool {} has been undefined",
    |pool| pool.undefine()
);

pub(super) static POOL_START: Command = Command {
    name: "pool-start",
    summary: "start a (previously defined) inactive pool",
    description: "Start a pool.",
    options: &[POOL, BUILD, NO_OVERWRITE, OVERWRITE],
    run: |shell, arguments| {
        let flags = start_flags(arguments)?;
        let pool = pool(shell, arguments, "pool")?;
        let started = progress::watch(shell, "Starting pool", |connection| {
            connection.storage_pool_by_uuid(pool.uuid())?.start(flags)
        })?;
        started.context(|| format!("Failed to start pool {}", pool.name()))?;
        shell.print(&done(&pool, format!("Pool {} started", pool.name())))
    },
};

pub(super) static POOL_BUILD: Command = Command {
    name: "pool-build",
    summary: "build a pool",
    description: "Build a given pool.",
    options: &[POOL, NO_OVERWRITE, OVERWRITE],
    run: |shell, arguments| {
        arguments.exclusive("overwrite", "no-overwrite")?;
        let flags =
            [("no-overwrite", BuildStoragePool::NO_OVERWRITE), ("overwrite", BuildStoragePool::OVERWRITE)];
        let flags = arguments.collect(&flags);
        let pool = pool(shell, arguments, "pool")?;
        let built = progress::watch(shell, "Building pool", |connection| {
            connection.storage_pool_by_uuid(pool.uuid())?.build(flags)
        })?;
        built.context(|| format!("Failed to build pool {}", pool.name()))?;
        shell.print(&done(&pool, format!("Pool {} built", pool.name())))
    },
};

/// The flags of `--build`, `--overwrite`, `--no-overwrite`.
pub(super) fn start_flags(arguments: &Arguments) -> Result<StartStoragePool, Failure> {
    arguments.exclusive("overwrite", "no-overwrite")?;
    Ok(arguments.collect(&[
        ("build", StartStoragePool::WITH_BUILD),
        ("overwrite", StartStoragePool::WITH_BUILD_OVERWRITE),
        ("no-overwrite", StartStoragePool::WITH_BUILD_NO_OVERWRITE),
    ]))
}

pub(super) static POOL_AUTOSTART: Command = Command {
    name: "pool-autostart",
    summary: "autostart a pool",
    description: "Configure a pool to be automatically started at boot.",
    options: &[POOL, Opt::flag("disable", "disable autostarting")],
    run: |shell, arguments| {
        let pool = pool(shell, arguments, "pool")?;
        let (wanted, verb) = if arguments.has("disable") { (false, "unmark") } else { (true, "mark") };
        pool.set_autostart(wanted)
            .context(|| format!("failed to {verb} pool {} as autostarted", pool.name()))?;
        shell.print(&done(&pool, format!("Pool {} {verb}ed as autostarted", pool.name())))
    },
};

pub(super) static POOL_DUMPXML: Command = Command {
    name: "pool-dumpxml",
    summary: "pool information in XML",
    description: "Output the pool information as an XML dump to stdout.",
    options: &[POOL, Opt::flag("inactive", "show inactive defined XML")],
    run: |shell, arguments| {
        let mut flags = StoragePoolXml::empty();
        flags.set(StoragePoolXml::INACTIVE, arguments.has("inactive"));
        let text = pool(shell, arguments, "pool")?.xml(flags)?;
        shell.print(&Reply::Text { key: "xml", text })
    },
};

pub(super) static POOL_EDIT: Command = Command {
    name: "pool-edit",
    summary: "edit XML configuration for a storage pool",
    description: "Edit the XML configuration for a storage pool.",
    options: &[POOL],
    run: |shell, arguments| {
        let pool = pool(shell, arguments, "pool")?;
        edit_definition(shell, &pool, true)
    },
};

impl Editable for StoragePool {
    const DEFINE: &str = "pool-define";

    fn title(&self) -> String {
        format!("Pool {}", self.name())
    }

    fn title_within(&self) -> String {
        format!("pool {}", self.name())
    }

    fn file_name(&self) -> &str {
        self.name()
    }

    fn definition(&self) -> Result<String, Failure> {
        Ok(self.xml(StoragePoolXml::INACTIVE)?)
    }

    fn define(&self, text: &str, strict: bool) -> Result<Self, Error> {
        let mut flags = DefineStoragePool::empty();
        flags.set(DefineStoragePool::VALIDATE, strict);
        self.connection().define_storage_pool(text, flags)
    }

    fn done(&self, message: String) -> Reply {
        done(self, message)
    }
}

pub(super) static POOL_NAME: Command = Command {
    name: "pool-name",
    summary: "convert a pool UUID to pool name",
    description: "",
    options: &[Opt::text("pool", "pool uuid").required()],
    run: |shell, arguments| {
        let name = pool(shell, arguments, "pool")?.name().to_owned();
        shell.print(&Reply::Value(Field::new("name", "Name", name)))
    },
};

pub(super) static POOL_UUID: Command = Command {
    name: "pool-uuid",
    summary: "convert a pool name to pool UUID",
    description: "",
    options: &[Opt::text("pool", "pool name").required()],
    run: |shell, arguments| {
        let uuid = pool(shell, arguments, "pool")?.uuid().to_string();
        shell.print(&Reply::Value(Field::new("uuid", "UUID", uuid)))
    },
};

pub(super) static POOL_CAPABILITIES: Command = Command {
    name: "pool-capabilities",
    summary: "storage pool capabilities",
    description: "Returns capabilities of storage pool support.",
    options: &[],
    run: |shell, _| {
        let text = shell.connection()?.storage_pool_capabilities();
        let text = text.context(|| "failed to get storage pool capabilities")?;
        shell.print(&Reply::Text { key: "xml", text })
    },
};

pub(super) static FIND_SOURCES: Command = Command {
    name: "find-storage-pool-sources",
    summary: "discover potential storage pool sources",
    description: "Returns XML <sources> document.",
    options: &[
        Opt::text("type", "type of storage pool sources to discover").required(),
        Opt::text("srcSpec", "optional file of source xml to query for pools")
            .tolerated()
            .values(Values::Files),
    ],
    run: |shell, arguments| {
        let document = arguments.text("srcSpec")?.map(xml::read_file).transpose()?;
        find(shell, arguments.required("type")?, document.map(|document| document.text).as_deref())
    },
};

pub(super) static FIND_SOURCES_AS: Command = Command {
    name: "find-storage-pool-sources-as",
    summary: "find potential storage pool sources",
    description: "Returns XML <sources> document.",
    options: &[
        Opt::text("type", "type of storage pool sources to find").required(),
        Opt::text("host", "optional host to query").tolerated(),
        Opt::text("port", "optional port to query").tolerated(),
        Opt::text("initiator", "optional initiator IQN to use for query").tolerated(),
    ],
    run: |shell, arguments| {
        let host = arguments.text("host")?.map(|host| {
            let escaped =
                |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;");
            let port =
                arguments.raw("port").map(|port| format!(" port='{}'", escaped(port))).unwrap_or_default();
            let initiator = arguments.raw("initiator").map(escaped);
            let initiator = initiator
                .map(|name| format!("\n  <initiator>\n    <iqn name='{name}'/>\n  </initiator>"))
                .unwrap_or_default();
            format!("<source>\n  <host name='{}'{port}/>{initiator}\n</source>\n", escaped(host))
        });
        find(shell, arguments.required("type")?, host.as_deref())
    },
};

fn find(shell: &mut Shell, kind: &str, source: Option<&str>) -> Outcome {
    let text = shell.connection()?.find_storage_pool_sources(kind, source);
    let text = text.context(|| format!("Failed to find any {kind} pool sources"))?;
    shell.print(&Reply::Text { key: "xml", text })
}

/// A size as virsh writes it.
pub(super) fn size(key: &'static str, label: &'static str, bytes: u64, exact: bool) -> Field {
    if exact {
        return Field::new(key, label, bytes);
    }
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let step = if bytes == 0 { 0 } else { bytes.ilog2() as usize / 10 };
    let number = bytes as f64 / (1_u64 << (10 * step)) as f64;
    Field::new(key, label, bytes).shown(format!("{number:.2} {}", UNITS[step]))
}

pub(super) static POOL_INFO: Command = Command {
    name: "pool-info",
    summary: "storage pool information",
    description: "Returns basic information about the storage pool.",
    options: &[POOL, Opt::flag("bytes", "Return pool info in bytes")],
    run: |shell, arguments| {
        let exact = arguments.has("bytes");
        let pool = pool(shell, arguments, "pool")?;
        let summary = pool.summary()?;
        let mut fields = vec![
            Field::new("name", "Name", pool.name()),
            Field::new("uuid", "UUID", pool.uuid().to_string()),
            Field::new("state", "State", summary.state.text()),
            Field::new("persistent", "Persistent", summary.persistent),
            Field::new("autostart", "Autostart", summary.autostart),
        ];
        if matches!(summary.state, StoragePoolState::Running | StoragePoolState::Degraded) {
            fields.push(size("capacity", "Capacity", summary.capacity, exact));
            fields.push(size("allocation", "Allocation", summary.allocation, exact));
            fields.push(size("available", "Available", summary.available, exact));
        }
        shell.print(&Reply::Record { fields, width: 15 })
    },
};

pub(super) static POOL_LIST: Command = Command {
    name: "pool-list",
    summary: "list pools",
    description: "Returns list of pools.",
    options: &[
        Opt::flag("inactive", "list inactive pools"),
        Opt::flag("all", "list inactive & active pools"),
        Opt::flag("transient", "list transient pools"),
        Opt::flag("persistent", "list persistent pools"),
        Opt::flag("autostart", "list pools with autostart enabled"),
        Opt::flag("no-autostart", "list pools with autostart disabled"),
        Opt::text("type", "only list pool of specified type(s) (if supported)").tolerated(),
        Opt::flag("details", "display extended details for pools"),
        Opt::flag("uuid", "list UUID of active pools only"),
        Opt::flag("name", "list name of active pools only"),
    ],
    run: list,
};

fn list(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let mut filter = match (arguments.has("all"), arguments.has("inactive")) {
        (true, _) => ListStoragePools::ACTIVE | ListStoragePools::INACTIVE,
        (false, true) => ListStoragePools::INACTIVE,
        (false, false) => ListStoragePools::ACTIVE,
    };
    filter |= arguments.collect(&[
        ("transient", ListStoragePools::TRANSIENT),
        ("persistent", ListStoragePools::PERSISTENT),
        ("autostart", ListStoragePools::AUTOSTART),
        ("no-autostart", ListStoragePools::NO_AUTOSTART),
    ]);
    for kind in arguments.text("type")?.iter().flat_map(|kinds| kinds.split(',')) {
        let flag = ListStoragePools::of_kind(kind);
        filter |= flag.ok_or_else(|| Failure::usage(format!("Invalid pool type '{kind}'")))?;
    }
    let mut pools = shell.connection()?.storage_pools(filter).context(|| "Failed to list pools")?;
    pools.sort_by_cached_key(|pool| (pool.name.to_lowercase(), pool.name.clone()));
    let (uuid, name) = (arguments.has("uuid"), arguments.has("name"));
    if (uuid || name) && shell.output.format() == Format::Plain {
        for pool in &pools {
            let words = [uuid.then(|| pool.uuid.to_string()), name.then(|| pool.name.clone())];
            let words: Vec<String> = words.into_iter().flatten().collect();
            shell.output.text(&format!("{}\n", words.join(" ")));
        }
        return Ok(());
    }
    let details = arguments.has("details");
    let columns = match details {
        false => vec![
            Column::new("name", "Name"),
            Column::state("state", "State"),
            Column::new("autostart", "Autostart"),
            Column::data("uuid"),
            Column::data("type"),
            Column::data("persistent"),
            Column::data("capacity"),
            Column::data("allocation"),
            Column::data("available"),
        ],
        true => vec![
            Column::new("name", "Name"),
            Column::state("state", "State"),
            Column::new("autostart", "Autostart"),
            Column::data("uuid"),
            Column::data("type"),
            Column::new("persistent", "Persistent"),
            Column::new("capacity", "Capacity"),
            Column::new("allocation", "Allocation"),
            Column::new("available", "Available"),
        ],
    };
    let rows = pools.iter().map(|pool| {
        let runs = pool.state != StoragePoolState::Inactive;
        let state = match (details, runs) {
            (true, _) => pool.state.text(),
            (false, true) => "active",
            (false, false) => "inactive",
        };
        let size = |key, label, bytes| match runs {
            true => size(key, label, bytes, false),
            false => Field::new(key, label, Value::Null),
        };
        vec![
            Field::new("name", "Name", pool.name.as_str()),
            Field::new("state", "State", pool.state.text()).shown(state),
            Field::new("autostart", "Autostart", pool.autostart),
            Field::new("uuid", "UUID", pool.uuid.to_string()),
            Field::new("type", "Type", pool.kind.as_str()),
            Field::new("persistent", "Persistent", pool.persistent),
            size("capacity", "Capacity", pool.capacity),
            size("allocation", "Allocation", pool.allocation),
            size("available", "Available", pool.available),
        ]
    });
    shell.print(&Reply::Table(Table { columns, rows: rows.collect() }))
}

const KINDS: [&str; 2] = ["lifecycle", "refresh"];

pub(super) static POOL_EVENT: Command = Command {
    name: "pool-event",
    summary: "Storage Pool Events",
    description: "List event types, or wait for storage pool events to occur",
    options: &[
        Opt::text("pool", "filter by storage pool name or uuid").tolerated(),
        follow::EVENT,
        follow::LOOP,
        follow::TIMEOUT,
        follow::LIST,
        follow::TIMESTAMP,
    ],
    run: event,
};

fn event(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    if arguments.has("list") {
        return follow::list(shell, &KINDS);
    }
    let wanted = follow::wanted(arguments, &KINDS)?;
    let only = if arguments.has("pool") { Some(pool(shell, arguments, "pool")?.uuid()) } else { None };
    let events = shell.connection()?.storage_pool_events().context(|| "Failed to register for events")?;
    follow::follow(shell, arguments, events, |event| {
        let kind = match event.kind {
            StoragePoolEventKind::Lifecycle(_) => KINDS[0],
            StoragePoolEventKind::Refresh => KINDS[1],
            _ => return None,
        };
        if kind != wanted || only.is_some_and(|uuid| uuid != event.uuid) {
            return None;
        }
        let mut line = format!("event '{kind}' for storage pool {}", event.name);
        let mut more: Record = vec![
            Field::new("name", "Name", event.name.as_str()),
            Field::new("uuid", "UUID", event.uuid.to_string()),
        ];
        if let StoragePoolEventKind::Lifecycle(what) = event.kind {
            line.push_str(&format!(": {what}"));
            more.push(Field::new("type", "Type", what.text()));
        }
        Some(Shown::new(event.sequence, event.time, kind, line, more))
    })
}
