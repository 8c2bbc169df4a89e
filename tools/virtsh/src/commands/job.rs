//! `domjobinfo`, `domjobabort`

use virt_core::{DomainJob, JobKind, TypedValue};

use super::done;
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::grammar::Arguments;
use crate::output::{Field, Record, Reply};
use crate::shell::Shell;

pub(super) static DOMJOBINFO: Command = Command {
    name: "domjobinfo",
    summary: "domain job information",
    description: "Returns information about jobs running on a domain.",
    options: &[
        domain(DOMAIN, Values::ActiveDomains),
        Opt::flag("completed", "return statistics of a recently completed job"),
        Opt::flag("anystats", "print statistics for any kind of job (even failed ones)"),
        Opt::flag("rawstats", "print the raw data returned by libvirt"),
    ],
    run: domjobinfo,
};

pub(super) static DOMJOBABORT: Command = Command {
    name: "domjobabort",
    summary: "abort active domain job",
    description: "Aborts the currently running domain job",
    options: &[domain(DOMAIN, Values::ActiveDomains)],
    run: |shell, arguments| {
        let domain = shell.domain(arguments)?;
        domain.abort_job()?;
        if shell.output.is_data() { shell.print(&done(&domain, "Job aborted".to_owned())) } else { Ok(()) }
    },
};

fn domjobinfo(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain(arguments)?;
    let job = domain.job(arguments.has("completed"))?;
    if arguments.has("rawstats") || shell.output.is_data() {
        return shell.print(&Reply::Record { fields: raw(&job), width: 17 });
    }
    let mut fields =
        vec![Field::new("kind", "Job type", job.kind.text()).shown(format!("{:<12}", job.kind.text()))];
    let ended_badly = matches!(job.kind, JobKind::None | JobKind::Failed | JobKind::Cancelled);
    if !ended_badly || (arguments.has("anystats") && job.kind != JobKind::None) {
        fields.extend(statistics(&job));
    }
    shell.print(&Reply::Record { fields, width: 17 })
}

/// Everything, under libvirt's names.
fn raw(job: &DomainJob) -> Record {
    let mut fields = vec![
        Field::new("kind", "type", job.kind.text()),
        Field::new("operation", "operation", job.operation.text()),
        Field::new("elapsed_ms", "time_elapsed", job.elapsed),
        Field::new("remaining_ms", "time_remaining", job.remaining),
    ];
    let parameters: serde_json::Map<_, _> =
        job.parameters.iter().map(|it| (it.field.clone(), crate::output::typed(&it.value))).collect();
    let lines: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    fields.push(Field::new("parameters", "parameters", parameters).shown(lines.join("\n")));
    fields
}

fn statistics(job: &DomainJob) -> Record {
    let mut fields = vec![
        Field::new("operation", "Operation", job.operation.text())
            .shown(format!("{:<12}", job.operation.text())),
        Field::new("elapsed_ms", "Time elapsed", job.elapsed).shown(format!("{:<12} ms", job.elapsed)),
    ];
    if let Some(remaining) = job.remaining.filter(|_| job.kind == JobKind::Bounded) {
        fields.push(
            Field::new("remaining_ms", "Time remaining", remaining).shown(format!("{remaining:<12} ms")),
        );
    }
    let sizes = [
        ("data_processed", "Data processed"),
        ("data_remaining", "Data remaining"),
        ("data_total", "Data total"),
        ("memory_processed", "Memory processed"),
        ("memory_remaining", "Memory remaining"),
        ("memory_total", "Memory total"),
        ("disk_processed", "File processed"),
        ("disk_remaining", "File remaining"),
        ("disk_total", "File total"),
    ];
    for (name, label) in sizes {
        let found = job.parameters.iter().find(|parameter| parameter.field == name);
        if let Some(TypedValue::UnsignedLongLong(bytes)) = found.map(|it| &it.value)
            && *bytes > 0
        {
            let (number, unit) = scaled(*bytes);
            fields.push(Field::new(name, label, *bytes).shown(format!("{number:<12.3} {unit}")));
        }
    }
    fields
}

/// The largest binary unit that leaves at least one.
fn scaled(bytes: u64) -> (f64, &'static str) {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = (bytes.max(1).ilog2() / 10) as usize;
    (bytes as f64 / 1024f64.powi(power as i32), units.get(power).copied().unwrap_or("B"))
}
