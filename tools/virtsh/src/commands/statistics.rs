//! `domstats`, `domifstat`

use virt_core::{DomainStatistics, ListDomains, StatisticsGroups, TypedParameter, TypedValue};

use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Reply, Table};
use crate::shell::Shell;

pub(super) static DOMSTATS: Command = Command {
    name: "domstats",
    summary: "get statistics about one or multiple domains",
    description: "Gets statistics about one or more (or all) domains",
    options: &[
        Opt::flag("state", "report domain state"),
        Opt::flag("cpu-total", "report domain physical cpu usage"),
        Opt::flag("balloon", "report domain balloon statistics"),
        Opt::flag("vcpu", "report domain virtual cpu information"),
        Opt::flag("interface", "report domain network interface information"),
        Opt::flag("block", "report domain block device statistics"),
        Opt::flag("perf", "report domain perf event statistics"),
        Opt::flag("iothread", "report domain IOThread information"),
        Opt::flag("memory", "report domain memory usage"),
        Opt::flag("dirtyrate", "report domain dirty rate information"),
        Opt::flag("vm", "report hypervisor-specific statistics"),
        Opt::flag("list-active", "list only active domains"),
        Opt::flag("list-inactive", "list only inactive domains"),
        Opt::flag("list-persistent", "list only persistent domains"),
        Opt::flag("list-transient", "list only transient domains"),
        Opt::flag("list-running", "list only running domains"),
        Opt::flag("list-paused", "list only paused domains"),
        Opt::flag("list-shutoff", "list only shutoff domains"),
        Opt::flag("list-other", "list only domains in other states"),
        Opt::flag("raw", "do not pretty-print the fields"),
        Opt::flag("enforce", "enforce requested stats parameters"),
        Opt::flag("backing", "add backing chain information to block stats"),
        Opt::flag("nowait", "report only stats that are accessible instantly"),
        Opt::words("domain", "list of domains to get stats for").values(Values::AllDomains),
    ],
    run: domstats,
};

pub(super) static DOMIFSTAT: Command = Command {
    name: "domifstat",
    summary: "get network interface stats for a domain",
    description: "Get network interface stats for a running domain.",
    options: &[
        domain(DOMAIN, Values::ActiveDomains),
        Opt::text("interface", "interface device specified by name or MAC Address").required(),
    ],
    run: domifstat,
};

fn shown(value: &TypedValue) -> String {
    match value {
        TypedValue::Int(value) => value.to_string(),
        TypedValue::UnsignedInt(value) => value.to_string(),
        TypedValue::LongLong(value) => value.to_string(),
        TypedValue::UnsignedLongLong(value) => value.to_string(),
        TypedValue::Double(value) => format!("{value:.6}"),
        TypedValue::Boolean(value) => if *value { "yes" } else { "no" }.to_owned(),
        TypedValue::Text(value) => value.clone(),
        _ => String::new(),
    }
}

fn domstats(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let groups = arguments.collect(&[
        ("state", StatisticsGroups::STATE),
        ("cpu-total", StatisticsGroups::CPU_TOTAL),
        ("balloon", StatisticsGroups::BALLOON),
        ("vcpu", StatisticsGroups::VCPU),
        ("interface", StatisticsGroups::INTERFACE),
        ("block", StatisticsGroups::BLOCK),
        ("perf", StatisticsGroups::PERF),
        ("iothread", StatisticsGroups::IOTHREAD),
        ("memory", StatisticsGroups::MEMORY),
        ("dirtyrate", StatisticsGroups::DIRTYRATE),
        ("vm", StatisticsGroups::VM),
    ]);
    let filter = arguments.collect(&[
        ("list-active", ListDomains::ACTIVE),
        ("list-inactive", ListDomains::INACTIVE),
        ("list-persistent", ListDomains::PERSISTENT),
        ("list-transient", ListDomains::TRANSIENT),
        ("list-running", ListDomains::RUNNING),
        ("list-paused", ListDomains::PAUSED),
        ("list-shutoff", ListDomains::SHUTOFF),
        ("list-other", ListDomains::OTHER),
    ]);
    // libvirt has these among the flags of the list; a driver without them refuses them.
    let how = arguments.collect(&[
        ("nowait", ListDomains::from_bits_retain(1 << 29)),
        ("backing", ListDomains::from_bits_retain(1 << 30)),
        ("enforce", ListDomains::from_bits_retain(1 << 31)),
    ]);
    let names: Vec<String> = arguments.words("domain").map(str::to_owned).collect();
    let records = if names.is_empty() {
        shell.connection()?.domain_statistics(groups, filter | how)?
    } else {
        let all = shell.connection()?.domain_statistics(groups, how)?;
        let mut records = Vec::new();
        for name in &names {
            let uuid = shell.domain_called(arguments, name)?.uuid();
            records.extend(all.iter().find(|record| record.domain.uuid == uuid).cloned());
        }
        records
    };
    if shell.output.format() == Format::Plain {
        let lines = |record: &DomainStatistics| {
            let line = |it: &TypedParameter| format!("  {}={}\n", it.field, shown(&it.value));
            let lines: String = record.parameters.iter().map(line).collect();
            format!("Domain: '{}'\n{lines}", record.domain.name)
        };
        let text = records.iter().map(lines).collect::<Vec<_>>().join("\n");
        return shell.print(&Reply::Text { key: "statistics", text });
    }
    let row = |name: &str, it: &TypedParameter| {
        vec![
            Field::new("domain", "Domain", name),
            Field::new("field", "Field", it.field.as_str()),
            Field::new("value", "Value", shown(&it.value)),
        ]
    };
    let rows =
        records.iter().flat_map(|record| record.parameters.iter().map(|it| row(&record.domain.name, it)));
    let columns =
        vec![Column::new("domain", "Domain"), Column::new("field", "Field"), Column::new("value", "Value")];
    shell.print(&Reply::Table(Table { columns, rows: rows.collect() }))
}

fn domifstat(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let device = arguments.required("interface")?;
    let domain = shell.domain(arguments)?;
    let counts = domain
        .interface_statistics(device)
        .context(|| format!("Failed to get interface stats {} {device}", domain.name()))?;
    if shell.output.format() == Format::Plain {
        let line = |it: &TypedParameter| format!("{device} {} {}\n", it.field, shown(&it.value));
        return shell.print(&Reply::Text { key: "statistics", text: counts.iter().map(line).collect() });
    }
    let row = |it: &TypedParameter| {
        vec![Field::new("field", "Field", it.field.as_str()), Field::new("value", "Value", shown(&it.value))]
    };
    let columns = vec![Column::new("field", "Field"), Column::new("value", "Value")];
    shell.print(&Reply::Table(Table { columns, rows: counts.iter().map(row).collect() }))
}
