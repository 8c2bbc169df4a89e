//! `setmem`, `setmaxmem`, `setvcpus`, `vcpucount`

use virt_core::{Domain, Error, MemoryFlags, VcpuFlags};

use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Reply, Table};
use crate::shell::Shell;

pub(super) const CONFIG: Opt = Opt::flag("config", "affect next boot");
pub(super) const LIVE: Opt = Opt::flag("live", "affect running domain");
pub(super) const CURRENT: Opt = Opt::flag("current", "affect current domain");

pub(super) static SETMEM: Command = Command {
    name: "setmem",
    summary: "change memory allocation",
    description: "Change the current memory allocation in the guest domain.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::number("size", "new memory size, as scaled integer (default KiB)").required(),
        Opt::alias("kilobytes", "size"),
        CONFIG,
        LIVE,
        CURRENT,
    ],
    run: |shell, arguments| set_memory(shell, arguments, MemoryFlags::empty()),
};

pub(super) static SETMAXMEM: Command = Command {
    name: "setmaxmem",
    summary: "change maximum memory limit",
    description: "Change the maximum memory allocation limit in the guest domain.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::number("size", "new maximum memory size, as scaled integer (default KiB)").required(),
        Opt::alias("kilobytes", "size"),
        CONFIG,
        LIVE,
        CURRENT,
    ],
    run: |shell, arguments| set_memory(shell, arguments, MemoryFlags::MAXIMUM),
};

pub(super) static SETVCPUS: Command = Command {
    name: "setvcpus",
    summary: "change number of virtual CPUs",
    description: "Change the number of virtual CPUs in the guest domain.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::number("count", "number of virtual CPUs").required(),
        Opt::flag("maximum", "set maximum limit on next boot"),
        CONFIG,
        LIVE,
        CURRENT,
        Opt::flag("guest", "modify cpu state in the guest"),
        Opt::flag("hotpluggable", "make added vcpus hot(un)pluggable"),
    ],
    run: set_vcpus,
};

pub(super) static VCPUCOUNT: Command = Command {
    name: "vcpucount",
    summary: "domain vcpu counts",
    description: "Returns the number of virtual CPUs used by the domain.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::flag("maximum", "get maximum count of vcpus"),
        Opt::flag("active", "get number of currently active vcpus"),
        Opt::flag("live", "get value from running domain"),
        Opt::flag("config", "get value to be used on next boot"),
        Opt::flag("current", "get value according to current domain state"),
        Opt::flag("guest", "retrieve vcpu count from the guest instead of the hypervisor"),
    ],
    run: vcpucount,
};

/// Refuses `--current` with `--live` or `--config`.
pub(super) fn check_impact(arguments: &Arguments) -> Result<(), Failure> {
    arguments.exclusive("current", "live")?;
    arguments.exclusive("current", "config")
}

fn set_memory(shell: &mut Shell, arguments: &Arguments, mut flags: MemoryFlags) -> Outcome {
    let maximum = flags.contains(MemoryFlags::MAXIMUM);
    check_impact(arguments)?;
    flags |= arguments.collect(&[("config", MemoryFlags::CONFIG), ("live", MemoryFlags::LIVE)]);
    let domain = shell.domain(arguments)?;
    let bytes = arguments.size("size", 1024, u64::MAX)?.unwrap_or_default();
    let result = domain.set_memory(bytes.div_ceil(1024), flags);
    if maximum { result.context(|| "Unable to change MaxMemorySize") } else { Ok(result?) }
}

fn set_vcpus(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    check_impact(arguments)?;
    arguments.exclusive("guest", "config")?;
    arguments.requires("maximum", "config")?;
    let flags = arguments.collect(&[
        ("maximum", VcpuFlags::MAXIMUM),
        ("config", VcpuFlags::CONFIG),
        ("live", VcpuFlags::LIVE),
        ("guest", VcpuFlags::GUEST),
        ("hotpluggable", VcpuFlags::HOTPLUGGABLE),
    ]);
    let domain = shell.domain(arguments)?;
    let count: u32 = arguments.number("count")?.unwrap_or_default();
    if count == 0 {
        return Err(Failure::usage("Can't set 0 processors for a VM"));
    }
    Ok(domain.set_vcpus(count, flags)?)
}

fn vcpucount(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    arguments.exclusive("live", "config")?;
    arguments.exclusive("active", "maximum")?;
    arguments.exclusive("guest", "config")?;
    let chosen = ["maximum", "active", "live", "config", "current", "guest"];
    let domain = shell.domain(arguments)?;
    if !chosen.into_iter().any(|name| arguments.has(name)) {
        return all_counts(shell, &domain);
    }
    let flags = arguments.collect(&[
        ("maximum", VcpuFlags::MAXIMUM),
        ("config", VcpuFlags::CONFIG),
        ("live", VcpuFlags::LIVE),
        ("guest", VcpuFlags::GUEST),
    ]);
    let count = domain.vcpus(flags);
    let count = if arguments.has("guest") {
        count.context(|| "Failed to retrieve vCPU count from the guest")?
    } else {
        count?
    };
    shell.print(&Reply::Value(Field::new("vcpus", "vCPUs", count)))
}

fn all_counts(shell: &mut Shell, domain: &Domain) -> Outcome {
    let summary = domain.summary()?;
    let mut rows = Vec::new();
    for (limit, limit_flag) in [("maximum", VcpuFlags::MAXIMUM), ("current", VcpuFlags::empty())] {
        for (impact, flag) in [("config", VcpuFlags::CONFIG), ("live", VcpuFlags::LIVE)] {
            let applies = if impact == "live" { summary.id.is_some() } else { summary.persistent };
            if applies {
                let count = domain.vcpus(limit_flag | flag).map_err(|error: Error| {
                    let kind = if limit == "maximum" { "maximum" } else { "current" };
                    Failure::from(error).context(format!("Failed to retrieve {kind} vcpu count"))
                })?;
                rows.push(vec![
                    Field::new("limit", "Limit", limit),
                    Field::new("impact", "Impact", impact),
                    Field::new("vcpus", "vCPUs", count),
                ]);
            }
        }
    }
    if shell.output.format() == Format::Plain {
        for row in &rows {
            if let [limit, impact, count] = row.as_slice() {
                let line = format!("{:<12} {:<12} {:>3}\n", limit.text(), impact.text(), count.text());
                shell.output.text(&line);
            }
        }
        return Ok(());
    }
    let columns =
        vec![Column::new("limit", "Limit"), Column::new("impact", "Impact"), Column::new("vcpus", "vCPUs")];
    shell.print(&Reply::Table(Table { columns, rows }))
}
