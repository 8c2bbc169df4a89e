//! `net-list`

use virt_core::{Affect, ErrorCode, ListNetworks, MetadataKind, NetworkEntry};

use crate::command::{Command, Opt, Outcome};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Reply, Table};
use crate::shell::Shell;

pub(super) static LIST: Command = Command {
    name: "net-list",
    summary: "list networks",
    description: "Returns list of networks.",
    options: &[
        Opt::flag("inactive", "list inactive networks"),
        Opt::flag("all", "list inactive & active networks"),
        Opt::flag("persistent", "list persistent networks"),
        Opt::flag("transient", "list transient networks"),
        Opt::flag("autostart", "list networks with autostart enabled"),
        Opt::flag("no-autostart", "list networks with autostart disabled"),
        Opt::flag("uuid", "list uuid's only"),
        Opt::flag("name", "list network names only"),
        Opt::flag("table", "list table (default)"),
        Opt::flag("title", "show network title"),
    ],
    run: list,
};

/// Which option narrows the list to what.
const FILTERS: &[(&str, ListNetworks)] = &[
    ("persistent", ListNetworks::PERSISTENT),
    ("transient", ListNetworks::TRANSIENT),
    ("autostart", ListNetworks::AUTOSTART),
    ("no-autostart", ListNetworks::NO_AUTOSTART),
];

fn list(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    for (one, other) in [("table", "uuid"), ("table", "name"), ("uuid", "name")] {
        arguments.exclusive(one, other)?;
    }
    let mut filter = if arguments.has("all") {
        ListNetworks::ACTIVE | ListNetworks::INACTIVE
    } else if arguments.has("inactive") {
        ListNetworks::INACTIVE
    } else {
        ListNetworks::ACTIVE
    };
    filter |= arguments.collect(FILTERS);
    let mut networks = shell.connection()?.networks(filter).context(|| "Failed to list networks")?;
    // Active ones first.
    networks.sort_by_cached_key(|it| (!it.active, it.name.to_lowercase(), it.name.clone()));
    if shell.output.format() == Format::Plain {
        let word: Option<fn(&NetworkEntry) -> String> = match (arguments.has("uuid"), arguments.has("name")) {
            (true, _) => Some(|network| network.uuid.to_string()),
            (_, true) => Some(|network| network.name.clone()),
            _ => None,
        };
        if let Some(word) = word {
            for network in &networks {
                shell.output.text(&format!("{}\n", word(network)));
            }
            return Ok(());
        }
    }
    let with_title = arguments.has("title");
    let mut columns = vec![
        Column::new("name", "Name"),
        Column::state("state", "State"),
        Column::new("autostart", "Autostart"),
        Column::new("persistent", "Persistent"),
        Column::data("uuid"),
        Column::data("bridge"),
    ];
    if with_title {
        columns.push(Column::new("title", "Title"));
    }
    let rows: Result<Vec<_>, Failure> = networks.iter().map(|network| row(network, with_title)).collect();
    shell.print(&Reply::Table(Table { columns, rows: rows? }))
}

fn row(network: &NetworkEntry, with_title: bool) -> Result<Vec<Field>, Failure> {
    let mut row = vec![
        Field::new("name", "Name", network.name.as_str()),
        Field::new("state", "State", if network.active { "active" } else { "inactive" }),
        Field::new("autostart", "Autostart", network.autostart),
        Field::new("persistent", "Persistent", network.persistent),
        Field::new("uuid", "UUID", network.uuid.to_string()),
        Field::new("bridge", "Bridge", network.bridge.clone()),
    ];
    if with_title {
        let title = match network.network().metadata(MetadataKind::Title, None, Affect::empty()) {
            Err(error) if error.code() == ErrorCode::NO_NETWORK_METADATA => String::new(),
            other => other?,
        };
        row.push(Field::new("title", "Title", title));
    }
    Ok(row)
}
