//! `list`

use virt_core::{Affect, DomainEntry, DomainState, ListDomains, MetadataKind};

use crate::command::{Command, Opt, Outcome};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Reply, Table};
use crate::shell::Shell;

pub(super) static LIST: Command = Command {
    name: "list",
    summary: "list domains",
    description: "Returns list of domains.",
    options: &[
        Opt::flag("inactive", "list inactive domains"),
        Opt::flag("all", "list inactive & active domains"),
        Opt::flag("transient", "list transient domains"),
        Opt::flag("persistent", "list persistent domains"),
        Opt::flag("with-snapshot", "list domains with existing snapshot"),
        Opt::flag("without-snapshot", "list domains without a snapshot"),
        Opt::flag("with-checkpoint", "list domains with existing checkpoint"),
        Opt::flag("without-checkpoint", "list domains without a checkpoint"),
        Opt::flag("state-running", "list domains in running state"),
        Opt::flag("state-paused", "list domains in paused state"),
        Opt::flag("state-shutoff", "list domains in shutoff state"),
        Opt::flag("state-other", "list domains in other states"),
        Opt::flag("autostart", "list domains with autostart enabled"),
        Opt::flag("no-autostart", "list domains with autostart disabled"),
        Opt::flag("with-managed-save", "list domains with managed save state"),
        Opt::flag("without-managed-save", "list domains without managed save"),
        Opt::flag("uuid", "list uuid's only"),
        Opt::flag("name", "list domain names only"),
        Opt::flag("id", "list domain IDs only"),
        Opt::flag("table", "list table (default)"),
        Opt::flag("managed-save", "mark inactive domains with managed save state"),
        Opt::flag("title", "show domain title"),
    ],
    run: list,
};

/// Which option narrows the list to what.
const FILTERS: &[(&str, ListDomains)] = &[
    ("transient", ListDomains::TRANSIENT),
    ("persistent", ListDomains::PERSISTENT),
    ("with-snapshot", ListDomains::HAS_SNAPSHOT),
    ("without-snapshot", ListDomains::NO_SNAPSHOT),
    ("with-checkpoint", ListDomains::HAS_CHECKPOINT),
    ("without-checkpoint", ListDomains::NO_CHECKPOINT),
    ("state-running", ListDomains::RUNNING),
    ("state-paused", ListDomains::PAUSED),
    ("state-shutoff", ListDomains::SHUTOFF),
    ("state-other", ListDomains::OTHER),
    ("autostart", ListDomains::AUTOSTART),
    ("no-autostart", ListDomains::NO_AUTOSTART),
    ("with-managed-save", ListDomains::MANAGED_SAVE),
    ("without-managed-save", ListDomains::NO_MANAGED_SAVE),
];

fn list(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    for short in ["name", "uuid", "id"] {
        arguments.exclusive("table", short)?;
    }
    let mut filter = if arguments.has("all") {
        ListDomains::ACTIVE | ListDomains::INACTIVE
    } else if arguments.has("inactive") || arguments.has("state-shutoff") {
        ListDomains::INACTIVE
    } else {
        ListDomains::ACTIVE
    };
    for (option, narrowed) in FILTERS {
        if arguments.has(option) {
            filter |= *narrowed;
        }
    }
    let mut domains = shell.connection()?.domains(filter).context(|| "Failed to list domains")?;
    // Active ones by number, then the others by name.
    domains.sort_by_cached_key(|it| (it.id.is_none(), it.id, it.name.to_lowercase(), it.name.clone()));

    let fields = ["id", "uuid", "name"].map(|option| arguments.has(option));
    if fields.contains(&true) && shell.output.format() == Format::Plain {
        let only_id = fields == [true, false, false];
        for domain in domains.iter().filter(|domain| !only_id || domain.id.is_some()) {
            shell.output.text(&short_line(domain, fields));
        }
        return Ok(());
    }
    let with_title = arguments.has("title");
    let mut columns = vec![
        Column::new("id", "Id"),
        Column::new("name", "Name"),
        Column::state("state", "State"),
        Column::data("uuid"),
        Column::data("reason"),
        Column::data("persistent"),
        Column::data("autostart"),
        Column::data("managed_save"),
    ];
    if with_title {
        columns.push(Column::new("title", "Title"));
    }
    let rows: Result<Vec<_>, Failure> =
        domains.iter().map(|it| row(it, with_title, arguments.has("managed-save"))).collect();
    shell.print(&Reply::Table(Table { columns, rows: rows? }))
}

/// What the options `--id`, `--uuid`, `--name` leave of a line.
fn short_line(domain: &DomainEntry, [id, uuid, name]: [bool; 3]) -> String {
    let mut words = Vec::new();
    if uuid {
        words.push(domain.uuid.to_string());
    }
    if id {
        words.push(domain.id.map_or_else(|| "-".to_owned(), |id| id.to_string()));
    }
    if name {
        words.push(domain.name.clone());
    }
    format!("{}\n", words.join(" "))
}

fn row(domain: &DomainEntry, with_title: bool, mark_saved: bool) -> Result<Vec<Field>, Failure> {
    let saved = mark_saved && domain.state == DomainState::Shutoff && domain.managed_save;
    let state = if saved { "saved" } else { domain.state.text() };
    let mut row = vec![
        Field::new("id", "Id", domain.id),
        Field::new("name", "Name", domain.name.as_str()),
        Field::new("state", "State", domain.state.text()).shown(state),
        Field::new("uuid", "UUID", domain.uuid.to_string()),
        Field::new("reason", "Reason", domain.state.reason(domain.reason)),
        Field::new("persistent", "Persistent", domain.persistent),
        Field::new("autostart", "Autostart", domain.autostart),
        Field::new("managed_save", "Managed save", domain.managed_save),
    ];
    if with_title {
        row.push(Field::new("title", "Title", title(domain)?));
    }
    Ok(row)
}

/// The title; empty where there is none.
fn title(domain: &DomainEntry) -> Result<String, Failure> {
    match domain.domain().metadata(MetadataKind::Title, None, Affect::empty()) {
        Ok(title) => Ok(title),
        Err(error) if error.code() == virt_core::ErrorCode::NO_DOMAIN_METADATA => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}
