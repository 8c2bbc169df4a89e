//! `dominfo`, `domstate`

use serde_json::Value;
use virt_core::{Domain, DomainMessages, ErrorCode, Result};

use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::output::{Field, Reply};
use crate::shell::Shell;

pub(super) static DOMINFO: Command = Command {
    name: "dominfo",
    summary: "domain information",
    description: "Returns basic information about the domain.",
    options: &[domain(DOMAIN, Values::AllDomains)],
    run: dominfo,
};

pub(super) static DOMSTATE: Command = Command {
    name: "domstate",
    summary: "domain state",
    description: "Returns state about a domain.",
    options: &[domain(DOMAIN, Values::AllDomains), Opt::flag("reason", "also print reason for the state")],
    run: domstate,
};

fn dominfo(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain(arguments)?;
    let summary = domain.summary()?;
    let info = domain.info()?;
    let mut record = vec![
        Field::new("id", "Id", summary.id),
        Field::new("name", "Name", summary.name.as_str()),
        Field::new("uuid", "UUID", summary.uuid.to_string()),
        Field::new("os_type", "OS Type", domain.os_type()?),
        Field::new("state", "State", info.state.text()),
        Field::new("cpus", "CPU(s)", info.vcpus),
    ];
    if info.cpu_time != 0 {
        let (seconds, rest) = (info.cpu_time / 1_000_000_000, info.cpu_time % 1_000_000_000);
        record.push(
            Field::new("cpu_time_ns", "CPU time", info.cpu_time)
                .shown(format!("{seconds}.{}s", rest / 100_000_000)),
        );
    }
    let maximum = Field::new("max_memory_kib", "Max memory", info.maximum_memory);
    record.push(match u32::try_from(info.maximum_memory) {
        Ok(u32::MAX) => maximum.shown("no limit"),
        _ => maximum.shown(format!("{} KiB", info.maximum_memory)),
    });
    record.push(Field::new("memory_kib", "Used memory", info.memory).shown(format!("{} KiB", info.memory)));
    record.push(Field::new("persistent", "Persistent", summary.persistent));
    record.push(Field::new("autostart", "Autostart", summary.autostart).shown(if summary.autostart {
        "enable"
    } else {
        "disable"
    }));
    record.push(Field::new("managed_save", "Managed save", summary.managed_save));
    security(&domain, &mut record)?;
    if let Some(messages) = supported(domain.messages(DomainMessages::empty()))?
        && !messages.is_empty()
    {
        let shown = messages.join("\n");
        record.push(Field::new("messages", "Messages", messages).shown(shown));
    }
    shell.print(&Reply::Record { fields: record, width: 15 })
}

/// What the host's security model makes of a domain, where there is one.
fn security(domain: &Domain, record: &mut Vec<Field>) -> Result<()> {
    let Some(model) = supported(domain.connection().security_model())? else { return Ok(()) };
    if model.model.is_empty() {
        return Ok(());
    }
    record.push(Field::new("security_model", "Security model", model.model));
    record.push(Field::new("security_doi", "Security DOI", model.doi));
    let label = domain.security_label()?;
    if !label.label.is_empty() {
        let word = if label.enforcing { "enforcing" } else { "permissive" };
        let shown = format!("{} ({word})", label.label);
        record.push(Field::new("security_label", "Security label", label.label).shown(shown));
    }
    Ok(())
}

/// Nothing from a driver that does not have it.
fn supported<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.code() == ErrorCode::NO_SUPPORT => Ok(None),
        result => result.map(Some),
    }
}

fn domstate(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain(arguments)?;
    let status = domain.status().context(|| format!("Failed to get state of domain '{}'", domain.name()))?;
    let (state, reason) = (status.state.text(), status.state.reason(status.reason));
    if shell.output.format() == crate::output::Format::Plain {
        let shown = if arguments.has("reason") { format!("{state} ({reason})") } else { state.to_owned() };
        return shell.print(&Reply::Value(Field::new("state", "State", Value::Null).shown(shown)));
    }
    let fields = vec![Field::new("state", "State", state), Field::new("reason", "Reason", reason)];
    shell.print(&Reply::Record { fields, width: 15 })
}
