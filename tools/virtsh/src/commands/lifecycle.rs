//! `start`, `shutdown`, `reboot`, `reset`, `destroy`, `suspend`, `resume`

use virt_core::{DestroyDomain, Domain, RebootDomain, ShutdownDomain};

use super::{console, define, done};
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::failure::{Context as _, Failure, FailureKind};
use crate::grammar::Arguments;
use crate::progress;
use crate::shell::{By, Shell};

pub(super) static START: Command = Command {
    name: "start",
    summary: "start a (previously defined) inactive domain",
    description: "Start a domain, either from the last managedsave\nstate, or via a fresh boot if no managedsave state\nis present.",
    options: &[
        domain("name of the inactive domain", Values::InactiveDomains),
        Opt::flag("console", "attach to console after creation"),
        Opt::flag("paused", "leave the guest paused after creation"),
        Opt::flag("autodestroy", "automatically destroy the guest when virtsh disconnects"),
        Opt::flag("bypass-cache", "avoid file system cache when loading"),
        Opt::flag("force-boot", "force fresh boot by discarding any managed save"),
        Opt::flag("reset-nvram", "re-initialize NVRAM from its pristine template"),
    ],
    run: start,
};

const MODES: &[&str] = &["acpi", "agent", "initctl", "signal", "paravirt"];
const MODE: Opt = Opt::text("mode", "shutdown mode: acpi|agent|initctl|signal|paravirt")
    .positional()
    .values(Values::OneOf(MODES));

pub(super) static SHUTDOWN: Command = Command {
    name: "shutdown",
    summary: "gracefully shutdown a domain",
    description: "Run shutdown in the target domain.",
    options: &[domain(DOMAIN, Values::ActiveDomains), MODE],
    run: |shell, arguments| {
        let flags = ShutdownDomain::from_bits_retain(modes(arguments)?);
        act(shell, arguments, "shutdown", "is being shutdown", |domain| domain.shutdown(flags))
    },
};

pub(super) static REBOOT: Command = Command {
    name: "reboot",
    summary: "reboot a domain",
    description: "Run a reboot command in the target domain.",
    options: &[domain(DOMAIN, Values::ActiveDomains), MODE],
    run: |shell, arguments| {
        let flags = RebootDomain::from_bits_retain(modes(arguments)?);
        act(shell, arguments, "reboot", "is being rebooted", |domain| domain.reboot(flags))
    },
};

pub(super) static RESET: Command = Command {
    name: "reset",
    summary: "reset a domain",
    description: "Reset the target domain as if by power button",
    options: &[domain(DOMAIN, Values::ActiveDomains)],
    run: |shell, arguments| act(shell, arguments, "reset", "was reset", Domain::reset),
};

pub(super) static DESTROY: Command = Command {
    name: "destroy",
    summary: "destroy (stop) a domain",
    description: "Forcefully stop a given domain, but leave its resources intact.",
    options: &[
        domain(DOMAIN, Values::ActiveDomains),
        Opt::flag("graceful", "terminate gracefully"),
        Opt::flag("remove-logs", "remove domain logs"),
    ],
    run: |shell, arguments| {
        let flags = arguments
            .collect(&[("graceful", DestroyDomain::GRACEFUL), ("remove-logs", DestroyDomain::REMOVE_LOGS)]);
        act(shell, arguments, "destroy", "destroyed", |domain| domain.destroy(flags))
    },
};

pub(super) static SUSPEND: Command = Command {
    name: "suspend",
    summary: "suspend a domain",
    description: "Suspend a running domain.",
    options: &[domain(DOMAIN, Values::ActiveDomains)],
    run: |shell, arguments| act(shell, arguments, "suspend", "suspended", Domain::suspend),
};

pub(super) static RESUME: Command = Command {
    name: "resume",
    summary: "resume a domain",
    description: "Resume a previously suspended domain.",
    options: &[domain(DOMAIN, Values::PausedDomains)],
    run: |shell, arguments| act(shell, arguments, "resume", "resumed", Domain::resume),
};

fn start(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain_by(arguments, By::NameOrUuid)?;
    if domain.is_active()? {
        return Err(Failure::sentence("Domain is already active").kind(FailureKind::State));
    }
    let flags = arguments.collect(define::START_FLAGS);
    let (name, uuid) = (domain.name().to_owned(), domain.uuid());
    progress::watch(shell, &format!("Starting domain '{name}'"), |connection| {
        connection.domain_by_uuid(uuid)?.start(flags)
    })?
    .context(|| format!("Failed to start domain '{name}'"))?;
    shell.print(&done(&domain, format!("Domain '{name}' started")))?;
    if arguments.has("console") {
        console::attach(shell, &domain, &console::Attachment::default())?;
    }
    Ok(())
}

/// Does something to a domain, and says so.
fn act(
    shell: &mut Shell,
    arguments: &Arguments,
    verb: &str,
    happened: &str,
    work: impl Fn(&Domain) -> virt_core::Result<()> + Sync,
) -> Outcome {
    let domain = shell.domain(arguments)?;
    // As virsh, which says the words that it was told.
    let called = arguments.required("domain")?;
    work(&domain).context(|| format!("Failed to {verb} domain '{called}'"))?;
    shell.print(&done(&domain, format!("Domain '{called}' {happened}")))
}

/// The bits of `--mode`, the same for shutdown and reboot.
fn modes(arguments: &Arguments) -> Result<u32, Failure> {
    let mut bits = 0;
    for mode in arguments.text("mode")?.into_iter().flat_map(|modes| modes.split(',')) {
        let Some(index) = MODES.iter().position(|known| *known == mode) else {
            return Err(Failure::usage(format!(
                "Unknown mode {mode} value, expecting 'acpi', 'agent', 'initctl', 'signal', or 'paravirt'"
            )));
        };
        bits |= 1 << index;
    }
    Ok(bits)
}
