//! `sriov`: virtual functions of network cards, leased and given back, with or without a guest.

mod ask;
mod show;

use virt_core::sriov::{Finding, Held, PciAddress, Request, Restored, Selection, Severity, Sriov, Wish};
use virt_core::{Error, Registry};

use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure, FailureKind};
use crate::grammar::Arguments;
use crate::interrupt;
use crate::output::{Column, Field, Reply, Table};
use crate::shell::Shell;

const ACTIONS: &[&str] = &["ls", "show", "lease", "apply", "release", "restore", "doctor"];
const SWITCH: Values = Values::OneOf(&["on", "off"]);

pub(super) static SRIOV: Command = Command {
    name: "sriov",
    summary: "virtual functions of network cards: who has them, and what is set on them",
    description: "Works on this host's devices, without a connection.\n\n    \
                  ls                what there is, and who has it\n    \
                  show DEVICE       everything about one virtual function\n    \
                  lease DEVICE...   take them, set them up, and give them to --driver; or --any PF, or --like KIND\n    \
                  apply DEVICE      change what is set on one that --holder has\n    \
                  release DEVICE... give them back as they were; or everything that --holder has\n    \
                  restore [DEVICE]  put right what dead holders and killed processes left\n    \
                  doctor            what is wrong on this host, and what to do",
    options: &[
        Opt::text("action", "what to do").required().values(Values::OneOf(ACTIONS)),
        Opt::words("devices", "PCI addresses: 0000:01:10.2"),
        Opt::text("any", "lease any free virtual function of this network device or PCI address"),
        Opt::text("like", "lease any free virtual function of this kind: 8086:1520"),
        Opt::text("holder", "who has it; virtsh if not given"),
        Opt::number("process", "give it back when this process ends"),
        Opt::text("driver", "give it to this driver: vfio-pci"),
        Opt::flag("reset", "reset it before"),
        Opt::flag("force", "take it even if the host uses it"),
        Opt::text("mac", "MAC address"),
        Opt::number("vlan", "VLAN, 0 for none"),
        Opt::number("qos", "priority in the VLAN's tags"),
        Opt::text("proto", "kind of the VLAN's tags").values(Values::OneOf(&["802.1Q", "802.1ad"])),
        Opt::text("spoofchk", "drop frames from other addresses").values(SWITCH),
        Opt::text("trust", "trust the guest").values(SWITCH),
        Opt::text("state", "the link that it sees").values(Values::OneOf(&["auto", "enable", "disable"])),
        Opt::number("min-tx-rate", "least rate of sending, in Mbit/s"),
        Opt::number("max-tx-rate", "greatest rate of sending, in Mbit/s; 0 for no limit"),
        Opt::text("query-rss", "let it ask how received packets are spread").values(SWITCH),
        Opt::text("node-guid", "GUID of its InfiniBand node"),
        Opt::text("port-guid", "GUID of its InfiniBand port"),
        Opt::text("profile", "802.1Qbh port profile"),
        Opt::flag("plan", "only tell what would be done"),
    ],
    run,
};

fn run(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let action = arguments.required("action")?;
    if !ACTIONS.contains(&action) {
        return Err(Failure::usage(format!("unknown action '{action}'"))
            .hint(format!("it is one of {}", ACTIONS.join(", "))));
    }
    let devices = ask::devices(arguments)?;
    let sriov = open(shell)?;
    match (action, devices.as_slice()) {
        ("ls", []) => show::list(shell, &sriov),
        ("show", [device]) => show::one(shell, &sriov, *device),
        ("lease", devices) => lease(shell, &sriov, arguments, devices),
        ("apply", [device]) => apply(shell, &sriov, arguments, *device),
        ("release", devices) => release(shell, &sriov, arguments, devices),
        ("restore", [] | [_]) => restore(shell, &sriov, arguments, devices.first().copied()),
        ("doctor", []) => doctor(shell, &sriov),
        _ => Err(Failure::usage(format!("wrong number of devices for 'sriov {action}'"))
            .hint("virtsh help sriov shows them")),
    }
}

fn open(shell: &Shell) -> Result<Sriov, Failure> {
    let uri = shell.settings.uri.as_deref().filter(|uri| uri.starts_with("hostdev:"));
    let opened = match uri {
        Some(uri) => Sriov::open_with(Registry::global(), uri),
        None => Sriov::open(),
    };
    let sriov = opened.context(|| "failed to open this host's devices")?;
    let sriov = sriov.read_only(shell.settings.read_only).cancelled_by(interrupt::arm()?);
    Ok(match shell.settings.timeout {
        Some(timeout) => sriov.with_timeout(timeout),
        None => sriov,
    })
}

fn lease(shell: &mut Shell, sriov: &Sriov, arguments: &Arguments, devices: &[PciAddress]) -> Outcome {
    let request = ask::request(arguments, devices)?;
    if arguments.has("plan") {
        return plan(shell, sriov, &request);
    }
    let prepared = sriov.prepare(&request).context(|| "Failed to lease")?;
    let holder = &request.holder.name;
    for device in prepared.devices {
        let driver =
            device.driver.as_deref().map(|driver| format!(", bound to {driver}")).unwrap_or_default();
        let message = format!("{} is leased to {holder}{driver}", device.address);
        shell.print(&Reply::Done { message, subject: Some(vec![address(device.address)]) })?;
    }
    Ok(())
}

fn apply(shell: &mut Shell, sriov: &Sriov, arguments: &Arguments, device: PciAddress) -> Outcome {
    let settings = ask::settings(arguments)?;
    if settings.is_empty() {
        return Err(Failure::usage("nothing to set").hint("virtsh help sriov shows the settings"));
    }
    let mut request = Request::new(ask::holder(arguments)?);
    if arguments.has("plan") {
        request.devices.push(Wish::new(Selection::Address(device)).with(settings));
        return plan(shell, sriov, &request);
    }
    sriov.apply(device, &request.holder.name, &settings).context(|| format!("Failed to set up {device}"))?;
    let message = format!("{device} is set up");
    shell.print(&Reply::Done { message, subject: Some(vec![address(device)]) })
}

fn release(shell: &mut Shell, sriov: &Sriov, arguments: &Arguments, devices: &[PciAddress]) -> Outcome {
    let holder = arguments.text("holder")?;
    if devices.is_empty() && holder.is_none() {
        return Err(Failure::usage("need either devices or --holder"));
    }
    if arguments.has("plan") {
        let wanted = |device: PciAddress, held: &Held| {
            (devices.is_empty() || devices.contains(&device))
                && holder.is_none_or(|it| it == held.holder.name)
        };
        return undoing(shell, sriov, wanted);
    }
    let mut released = devices.to_vec();
    if devices.is_empty() {
        released = sriov.release(holder.unwrap_or_default()).context(|| "Failed to release")?;
    }
    for device in devices {
        sriov.release_device(*device, holder).context(|| format!("Failed to release {device}"))?;
    }
    for device in released {
        let message = format!("{device} is given back");
        shell.print(&Reply::Done { message, subject: Some(vec![address(device)]) })?;
    }
    Ok(())
}

fn restore(shell: &mut Shell, sriov: &Sriov, arguments: &Arguments, device: Option<PciAddress>) -> Outcome {
    if arguments.has("plan") {
        return undoing(shell, sriov, |other, held| {
            !held.alive && device.is_none_or(|device| device == other)
        });
    }
    let restored = sriov.restore(device).context(|| "Failed to restore")?;
    let failed = restored.iter().any(|it| it.failure.is_some());
    let row = |it: Restored| {
        let state = if it.failure.is_none() { "restored" } else { "failed" };
        vec![
            address(it.address),
            Field::new("holder", "Holder", it.holder),
            Field::new("state", "State", state),
            Field::new("failure", "Why", it.failure),
        ]
    };
    let columns = vec![
        Column::new("address", "Address"),
        Column::new("holder", "Holder"),
        Column::state("state", "State"),
        Column::new("failure", "Why"),
    ];
    shell.print(&Reply::Table(Table { columns, rows: restored.into_iter().map(row).collect() }))?;
    if failed { Err(Failure::silent()) } else { Ok(()) }
}

fn doctor(shell: &mut Shell, sriov: &Sriov) -> Outcome {
    let findings = sriov.diagnose().context(|| "Failed to examine this host")?;
    let bad = findings.iter().any(|finding| finding.severity == Severity::Error);
    if findings.is_empty() {
        shell.output.extra("nothing is wrong\n");
    }
    let record = |finding: Finding| {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        vec![
            Field::new("severity", "Severity", severity),
            Field::new("subject", "About", finding.subject),
            Field::new("problem", "Problem", finding.problem),
            Field::new("advice", "What to do", finding.advice),
        ]
    };
    let records = findings.into_iter().map(record).collect();
    shell.print(&Reply::Records { records, width: 12 })?;
    if bad { Err(Failure::silent().kind(FailureKind::State)) } else { Ok(()) }
}

/// Tells what leasing or setting up would do.
fn plan(shell: &mut Shell, sriov: &Sriov, request: &Request) -> Outcome {
    let plan = sriov.plan(request).context(|| "Failed to plan")?;
    if shell.output.is_data() {
        shell.output.data(&serde_json::to_value(&plan).unwrap_or_default());
        return Ok(());
    }
    let chosen = plan.steps.iter().any(|step| step.chosen);
    tell(shell, &plan.steps.into_iter().map(|step| step.description).collect::<Vec<_>>());
    if chosen {
        shell.output.text("(another device may be chosen)\n");
    }
    Ok(())
}

/// Tells what giving back would do.
fn undoing(shell: &mut Shell, sriov: &Sriov, wanted: impl Fn(PciAddress, &Held) -> bool) -> Outcome {
    let inventory = sriov.inventory().context(|| "Failed to plan")?;
    let mut steps = Vec::new();
    for (device, held) in show::all_held(&inventory) {
        if wanted(device, held) {
            steps.extend(held.changes.iter().rev().map(|change| format!("undo: {change}")));
            steps.push(format!("undo: lease {device} to {}", held.holder.name));
        }
    }
    if shell.output.is_data() {
        let steps: Vec<_> = steps.iter().map(|step| serde_json::json!({ "description": step })).collect();
        shell.output.data(&serde_json::json!({ "version": inventory.version, "steps": steps }));
    } else {
        tell(shell, &steps);
    }
    Ok(())
}

fn tell(shell: &mut Shell, steps: &[String]) {
    for (number, step) in steps.iter().enumerate() {
        shell.output.text(&format!("{:>3}. {step}\n", number + 1));
    }
}

fn address(device: PciAddress) -> Field {
    Field::new("address", "Address", device.to_string())
}

/// A value on the command line that is none.
fn invalid(error: Error) -> Failure {
    Failure::from(error).kind(FailureKind::Usage)
}
