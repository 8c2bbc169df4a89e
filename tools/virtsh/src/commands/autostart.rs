//! `autostart`, and what happens to guests when the host starts and stops: `host-start`, `host-stop`

use std::time::Duration;

use super::done;
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Reply, Table};
use crate::progress;
use crate::shell::Shell;

/// How long guests have to shut down without `--timeout`, as libvirt-guests gives them.
const HOST_STOP_TIMEOUT: Duration = Duration::from_mins(5);

pub(super) static AUTOSTART: Command = Command {
    name: "autostart",
    summary: "autostart a domain",
    description: "Configure a domain to be automatically started at boot.",
    options: &[domain(DOMAIN, Values::PersistentDomains), Opt::flag("disable", "disable autostarting")],
    run: autostart,
};

pub(super) static HOST_START: Command = Command {
    name: "host-start",
    summary: "start everything that starts with the host",
    description: "Start every network, storage pool and then domain that is marked as autostarted and\ndoes not run yet.\nMeant for a service that runs once when the host has started.",
    options: &[],
    run: host_start,
};

pub(super) static HOST_STOP: Command = Command {
    name: "host-stop",
    summary: "shut every domain down because the host stops",
    description: "Ask every running domain to shut down, and wait for it: 300 seconds, or as long\nas virtsh --timeout says. Meant for a service that runs when the host stops.",
    options: &[],
    run: host_stop,
};

fn autostart(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain(arguments)?;
    let name = arguments.required("domain")?;
    let (wanted, verb) = if arguments.has("disable") { (false, "unmark") } else { (true, "mark") };
    domain.set_autostart(wanted).context(|| format!("failed to {verb} domain '{name}' as autostarted"))?;
    shell.print(&done(&domain, format!("Domain '{name}' {verb}ed as autostarted")))
}

fn host_start(shell: &mut Shell, _: &Arguments) -> Outcome {
    let errors = progress::watch(shell, "Starting domains", virt_core::Connection::host_start)?
        .context(|| "Failed to start the domains of this host")?;
    match errors.as_slice() {
        [] => Ok(()),
        errors => Err(errors.iter().rev().fold(Failure::silent(), Failure::context)),
    }
}

fn host_stop(shell: &mut Shell, _: &Arguments) -> Outcome {
    let timeout =
        if shell.settings.timeout_is_explicit { shell.settings.timeout } else { Some(HOST_STOP_TIMEOUT) };
    let lines = progress::watch(shell, "Shutting domains down", |connection| match timeout {
        Some(timeout) => connection.with_timeout(timeout).host_stop(),
        None => connection.host_stop(),
    })?
    .context(|| "Failed to shut down the domains of this host")?;
    if shell.output.format() == Format::Plain {
        for line in lines {
            shell.output.extra(&format!("{line}\n"));
        }
        return Ok(());
    }
    let columns = vec![Column::new("result", "Result")];
    let rows = lines.into_iter().map(|line| vec![Field::new("result", "Result", line)]).collect();
    shell.print(&Reply::Table(Table { columns, rows }))
}
