//! `event`

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use virt_core::{DomainEvent, DomainEventKind, EventKind, Notice, TypedParameter, TypedValue};

use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Record, Reply, Table, typed};
use crate::shell::Shell;
use crate::{interrupt, time};

pub(super) static EVENT: Command = Command {
    name: "event",
    summary: "Domain Events",
    description: "List event types, or wait for domain events to occur",
    options: &[
        Opt::text("domain", "filter by domain name, id or uuid").tolerated().values(Values::AllDomains),
        Opt::text("event", "which event type to wait for").tolerated().values(Values::EventKinds),
        Opt::flag("all", "wait for all events instead of just one type"),
        Opt::flag("loop", "loop until timeout or interrupt, rather than one-shot"),
        Opt::number("timeout", "timeout seconds").tolerated(),
        Opt::flag("list", "list valid event types"),
        Opt::flag("timestamp", "show timestamp for each printed event"),
    ],
    run: event,
};

fn event(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    if arguments.has("list") {
        return list(shell);
    }
    arguments.exclusive("all", "event")?;
    let wanted = match arguments.text("event")? {
        Some(name) => {
            let known = EventKind::ALL.iter().copied().find(|kind| kind.text() == name);
            Some(known.ok_or_else(|| Failure::usage(format!("unknown event type {name}")))?)
        }
        None if arguments.has("all") => None,
        None => return Err(Failure::usage("one of --list, --all, or --event <type> is required")),
    };
    let deadline = timeout(arguments)?.map(|time| Instant::now() + time);
    let domain = if arguments.has("domain") { Some(shell.domain(arguments)?.uuid()) } else { None };
    let mut events = shell.connection()?.events().context(|| "Failed to register for events")?;

    let mut received = 0u64;
    let ended = loop {
        let patience = match deadline {
            None => Duration::from_hours(1),
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
        };
        if deadline.is_some() && patience.is_zero() {
            break Ended::TimedOut;
        }
        match events.next_within(patience) {
            Ok(Some(Notice::Missed(count))) => missed(shell, count),
            Ok(Some(Notice::Event(event))) => {
                let this_kind = wanted.is_none_or(|wanted| wanted == kind(&event));
                if this_kind && domain.is_none_or(|uuid| uuid == event.domain.uuid) {
                    received += 1;
                    print(shell, &event, arguments.has("timestamp"));
                    if !arguments.has("loop") {
                        break Ended::Satisfied;
                    }
                }
            }
            Ok(_) => {}
            Err(_) if interrupt::raised() => break Ended::Interrupted,
            Err(error) => return Err(error).context(|| "Failed to wait for events"),
        }
    };
    match ended {
        Ended::Satisfied => {}
        Ended::TimedOut => shell.output.note("event loop timed out\n"),
        Ended::Interrupted => {
            // That was what ctrl-c was for; what follows on the line goes on.
            shell.connection()?;
            shell.output.note("event loop interrupted\n");
        }
    }
    shell.output.note(&format!("events received: {received}\n"));
    if received == 0 { Err(Failure::silent()) } else { Ok(()) }
}

enum Ended {
    Satisfied,
    TimedOut,
    Interrupted,
}

/// Seconds, that must fit libvirt's milliseconds.
fn timeout(arguments: &Arguments) -> Result<Option<Duration>, Failure> {
    let seconds: Option<i64> = arguments.number("timeout")?;
    match seconds {
        None => Ok(None),
        Some(seconds @ 1..=2_147_483) => Ok(Some(Duration::from_secs(seconds.unsigned_abs()))),
        Some(_) => {
            let text = arguments.raw("timeout").unwrap_or_default();
            Err(Failure::usage(format!(
                "Numeric value '{text}' for <timeout> option is malformed or out of range"
            )))
        }
    }
}

fn list(shell: &mut Shell) -> Outcome {
    if !shell.output.is_data() {
        for kind in EventKind::ALL {
            shell.output.text(&format!("{kind}\n"));
        }
        return Ok(());
    }
    let rows = EventKind::ALL.iter().map(|kind| vec![Field::new("event", "Event", kind.text())]).collect();
    shell.print(&Reply::Table(Table { columns: vec![Column::new("event", "Event")], rows }))
}

fn missed(shell: &mut Shell, count: u64) {
    let line = format!("{count} events were missed");
    shell.output.stream(&line, &vec![Field::new("missed", "Missed", count)]);
}

fn kind(event: &DomainEvent) -> EventKind {
    match &event.kind {
        DomainEventKind::Lifecycle(..) => EventKind::Lifecycle,
        DomainEventKind::Reboot => EventKind::Reboot,
        DomainEventKind::BalloonChange(_) => EventKind::BalloonChange,
        DomainEventKind::Other { kind, .. } => *kind,
        // Kinds of later versions have no filter here.
        _ => EventKind::Unknown(-1),
    }
}

fn print(shell: &mut Shell, event: &DomainEvent, timestamp: bool) {
    let name = kind(event);
    let mut line = format!("event '{name}' for domain '{}'{}", event.domain.name, details(event));
    if timestamp {
        line.insert_str(0, &format!("{}: ", time::stamp(event.time)));
    }
    shell.output.stream(&line, &record(event));
}

/// What follows the domain in virsh's line.
fn details(event: &DomainEvent) -> String {
    match &event.kind {
        DomainEventKind::Lifecycle(what, detail) => format!(": {what} {}", what.detail(*detail)),
        DomainEventKind::BalloonChange(kibibytes) => format!(": {kibibytes}KiB"),
        DomainEventKind::Other { kind, event, detail, parameters } => {
            other(*kind, *event, *detail, parameters)
        }
        _ => String::new(),
    }
}

/// The words of the kinds whose arguments virsh words itself; the others as they are.
fn other(kind: EventKind, event: i32, detail: i32, parameters: &[TypedParameter]) -> String {
    let values: Vec<String> = parameters.iter().map(|parameter| shown(&parameter.value)).collect();
    let value = |index: usize| values.get(index).map_or("", String::as_str);
    let word = |words: &[&'static str], number: i32| {
        usize::try_from(number).ok().and_then(|index| words.get(index).copied()).unwrap_or("unknown")
    };
    match kind {
        EventKind::Watchdog => {
            let actions = ["none", "pause", "reset", "poweroff", "shutdown", "debug", "inject-nmi"];
            format!(": {}", word(&actions, event))
        }
        EventKind::IoError => {
            format!(": {} ({}) {}", value(0), value(1), word(&["none", "pause", "report"], event))
        }
        EventKind::IoErrorReason => {
            let action = word(&["none", "pause", "report"], event);
            format!(": {} ({}) {action} due to {}", value(0), value(1), value(2))
        }
        EventKind::BlockJob | EventKind::BlockJob2 => {
            let jobs =
                ["unknown job", "Block Pull", "Block Copy", "Block Commit", "Active Block Commit", "Backup"];
            let states = ["completed", "failed", "canceled", "ready"];
            format!(": {} for {} {}", word(&jobs, event), value(0), word(&states, detail))
        }
        EventKind::TrayChange => {
            format!(" disk {}: {}", value(0), word(&["opened", "closed"], event))
        }
        EventKind::AgentLifecycle => {
            let states = ["unknown", "connected", "disconnected"];
            let reasons = ["unknown", "domain started", "channel event"];
            format!(": state: '{}' reason: '{}'", word(&states, event), word(&reasons, detail))
        }
        EventKind::MigrationIteration => format!(": iteration: '{event}'"),
        EventKind::RtcChange
        | EventKind::DeviceAdded
        | EventKind::DeviceRemoved
        | EventKind::DeviceRemovalFailed => format!(": {}", value(0)),
        _ if parameters.is_empty() => String::new(),
        _ => {
            let lines = parameters.iter().map(|it| format!("\n\t{}: {}", it.field, shown(&it.value)));
            format!(":{}", lines.collect::<String>())
        }
    }
}

fn shown(value: &TypedValue) -> String {
    match typed(value) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn record(event: &DomainEvent) -> Record {
    let domain = json!({
        "name": event.domain.name,
        "uuid": event.domain.uuid.to_string(),
        "id": event.domain.id,
    });
    let mut record = vec![
        Field::new("sequence", "Sequence", event.sequence),
        Field::new("time", "Time", time::rfc3339(event.time)),
        Field::new("event", "Event", kind(event).text()),
        Field::new("domain", "Domain", domain),
    ];
    let (what, detail, parameters) = match &event.kind {
        DomainEventKind::Lifecycle(what, detail) => {
            (json!(what.text()), json!(what.detail(*detail)), json!({}))
        }
        DomainEventKind::BalloonChange(kibibytes) => {
            (Value::Null, Value::Null, json!({ "actual": kibibytes }))
        }
        DomainEventKind::Other { event, detail, parameters, .. } => {
            let all: serde_json::Map<_, _> =
                parameters.iter().map(|it| (it.field.clone(), typed(&it.value))).collect();
            (json!(event), json!(detail), Value::Object(all))
        }
        _ => (Value::Null, Value::Null, json!({})),
    };
    record.push(Field::new("type", "Type", what));
    record.push(Field::new("detail", "Detail", detail));
    record.push(Field::new("parameters", "Parameters", parameters));
    record
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use expect_test::{Expect, expect};
    use virt_core::{DomainIdentity, LifecycleEvent};

    use super::*;

    fn event(kind: DomainEventKind) -> DomainEvent {
        let uuid = "6695eb01-f6a4-8304-79aa-97f2502e193f".parse().unwrap();
        let domain = DomainIdentity { name: "web".into(), uuid, id: Some(3) };
        DomainEvent { sequence: 7, time: UNIX_EPOCH + Duration::from_millis(1500), domain, kind }
    }

    fn check(kinds: Vec<DomainEventKind>, expected: Expect) {
        let lines = kinds.into_iter().map(|kind| {
            let event = event(kind);
            format!("{}{}\n", super::kind(&event), details(&event))
        });
        expected.assert_eq(&lines.collect::<String>());
    }

    fn other(kind: EventKind, event: i32, detail: i32, values: &[(&str, TypedValue)]) -> DomainEventKind {
        let parameters =
            values.iter().map(|(name, value)| TypedParameter::new(*name, value.clone())).collect();
        DomainEventKind::Other { kind, event, detail, parameters }
    }

    #[test]
    fn kinds_have_virshs_words() {
        let text = |text: &str| TypedValue::Text(text.to_owned());
        check(
            vec![
                DomainEventKind::Lifecycle(LifecycleEvent::Started, 0),
                DomainEventKind::Lifecycle(LifecycleEvent::Shutdown, 1),
                DomainEventKind::Reboot,
                DomainEventKind::BalloonChange(4096),
                other(EventKind::Watchdog, 3, 0, &[]),
                other(EventKind::IoError, 1, 0, &[("srcPath", text("/a")), ("devAlias", text("vda"))]),
                other(EventKind::TrayChange, 0, 0, &[("devAlias", text("sda"))]),
                other(EventKind::DeviceRemoved, 0, 0, &[("devAlias", text("net0"))]),
                other(EventKind::RtcChange, 0, 0, &[("utcoffset", TypedValue::LongLong(-5))]),
                other(EventKind::BlockJob, 2, 3, &[("disk", text("vda"))]),
                other(EventKind::AgentLifecycle, 1, 2, &[]),
                other(EventKind::Tunable, 0, 0, &[("cputune.cpu_shares", TypedValue::Int(5))]),
                other(EventKind::PmWakeup, 0, 0, &[]),
                other(EventKind::Watchdog, 99, 0, &[]),
            ],
            expect![[r#"
                lifecycle: Started Booted
                lifecycle: Shutdown Finished after guest request
                reboot
                balloon-change: 4096KiB
                watchdog: poweroff
                io-error: /a (vda) pause
                tray-change disk sda: opened
                device-removed: net0
                rtc-change: -5
                block-job: Block Copy for vda ready
                agent-lifecycle: state: 'connected' reason: 'channel event'
                tunable:
                	cputune.cpu_shares: 5
                pm-wakeup
                watchdog: unknown
            "#]],
        );
    }

    #[test]
    fn data_have_everything() {
        let record = record(&event(DomainEventKind::Lifecycle(LifecycleEvent::Stopped, 1)));
        let lines = record.iter().map(|field| format!("{}: {}\n", field.key, field.value));
        expect![[r#"
            sequence: 7
            time: "1970-01-01T00:00:01.5Z"
            event: "lifecycle"
            domain: {"name":"web","uuid":"6695eb01-f6a4-8304-79aa-97f2502e193f","id":3}
            type: "Stopped"
            detail: "Destroyed"
            parameters: {}
        "#]]
        .assert_eq(&lines.collect::<String>());
        assert_eq!(time::stamp(UNIX_EPOCH + Duration::from_millis(1500)), "1970-01-01 00:00:01.500+0000");
    }
}
