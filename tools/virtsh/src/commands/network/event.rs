//! `net-event`

use std::time::{Duration, Instant};

use virt_core::{NetworkEvent, NetworkEventKind, Notice};

use super::network;
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::Field;
use crate::shell::Shell;
use crate::{interrupt, time};

const KINDS: &[&str] = &["lifecycle", "metadata-change"];

pub(super) static EVENT: Command = Command {
    name: "net-event",
    summary: "Network Events",
    description: "List event types, or wait for network events to occur",
    options: &[
        Opt::text("network", "filter by network name or uuid").tolerated(),
        Opt::text("event", "which event type to wait for").tolerated().values(Values::OneOf(KINDS)),
        Opt::flag("loop", "loop until timeout or interrupt, rather than one-shot"),
        Opt::number("timeout", "timeout seconds").tolerated(),
        Opt::flag("list", "list valid event types"),
        Opt::flag("timestamp", "show timestamp for each printed event"),
    ],
    run: event,
};

fn event(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    if arguments.has("list") {
        for kind in KINDS {
            shell.output.text(&format!("{kind}\n"));
        }
        return Ok(());
    }
    let wanted = arguments
        .text("event")?
        .ok_or_else(|| Failure::usage("either --list or --event <type> is required"))?;
    if !KINDS.contains(&wanted) {
        return Err(Failure::usage(format!("unknown event type {wanted}")));
    }
    let seconds: Option<u32> = arguments.number("timeout")?;
    let deadline = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
    let only = if arguments.has("network") { Some(network(shell, arguments)?.uuid()) } else { None };
    let mut events = shell.connection()?.network_events().context(|| "Failed to register for events")?;
    let mut received = 0u64;
    let last_words = loop {
        let patience =
            deadline.map_or(Duration::from_hours(1), |at| at.saturating_duration_since(Instant::now()));
        if deadline.is_some() && patience.is_zero() {
            break "event loop timed out\n";
        }
        match events.next_within(patience) {
            Ok(Some(Notice::Event(event))) => {
                if kind(&event) == wanted && only.is_none_or(|uuid| uuid == event.network.uuid) {
                    received += 1;
                    print(shell, &event, arguments.has("timestamp"));
                    if !arguments.has("loop") {
                        break "";
                    }
                }
            }
            Ok(Some(Notice::Missed(count))) => {
                let fields = vec![Field::new("missed", "Missed", count)];
                shell.output.stream(&format!("{count} events were missed"), &fields);
            }
            Ok(_) => {}
            Err(_) if interrupt::raised() => {
                // That was what ctrl-c was for; what follows on the line goes on.
                shell.connection()?;
                break "event loop interrupted\n";
            }
            Err(error) => return Err(error).context(|| "Failed to wait for events"),
        }
    };
    shell.output.note(last_words);
    shell.output.note(&format!("events received: {received}\n"));
    if received == 0 { Err(Failure::silent()) } else { Ok(()) }
}

fn kind(event: &NetworkEvent) -> &'static str {
    match event.kind {
        NetworkEventKind::Lifecycle(_) => "lifecycle",
        NetworkEventKind::MetadataChange(..) => "metadata-change",
        _ => "unknown",
    }
}

fn print(shell: &mut Shell, event: &NetworkEvent, timestamp: bool) {
    let details = match &event.kind {
        NetworkEventKind::Lifecycle(what) => what.text().to_owned(),
        NetworkEventKind::MetadataChange(kind, namespace) => {
            format!("{} {}", kind.text(), namespace.as_deref().unwrap_or("N/A"))
        }
        _ => String::new(),
    };
    let mut line = format!("event '{}' for network {}: {details}", kind(event), event.network.name);
    if timestamp {
        line.insert_str(0, &format!("{}: ", time::stamp(event.time)));
    }
    let fields = vec![
        Field::new("sequence", "Sequence", event.sequence),
        Field::new("time", "Time", time::rfc3339(event.time)),
        Field::new("event", "Event", kind(event)),
        Field::new("network", "Network", event.network.name.as_str()),
        Field::new("uuid", "UUID", event.network.uuid.to_string()),
        Field::new("detail", "Detail", details),
    ];
    shell.output.stream(&line, &fields);
}
