//! `event`

use serde_json::{Value, json};
use virt_core::{DomainEvent, DomainEventKind, EventKind, TypedParameter, TypedValue};

use super::follow::{self, Shown};
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Field, typed};
use crate::shell::Shell;

pub(super) static EVENT: Command = Command {
    name: "event",
    summary: "Domain Events",
    description: "List event types, or wait for domain events to occur",
    options: &[
        Opt::text("domain", "filter by domain name, id or uuid").tolerated().values(Values::AllDomains),
        follow::EVENT.values(Values::EventKinds),
        Opt::flag("all", "wait for all events instead of just one type"),
        follow::LOOP,
        follow::TIMEOUT,
        follow::LIST,
        follow::TIMESTAMP,
    ],
    run: event,
};

fn event(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    if arguments.has("list") {
        let kinds: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.text()).collect();
        return follow::list(shell, &kinds);
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
    let domain = if arguments.has("domain") { Some(shell.domain(arguments)?.uuid()) } else { None };
    let events = shell.connection()?.events().context(|| "Failed to register for events")?;
    follow::follow(shell, arguments, events, |event| {
        let this_kind = wanted.is_none_or(|wanted| wanted == kind(event));
        (this_kind && domain.is_none_or(|uuid| uuid == event.domain.uuid)).then(|| show(event))
    })
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

fn show(event: &DomainEvent) -> Shown {
    let name = kind(event).text();
    let line = format!("event '{name}' for domain '{}'{}", event.domain.name, details(event));
    let domain = json!({
        "name": event.domain.name,
        "uuid": event.domain.uuid.to_string(),
        "id": event.domain.id,
    });
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
    let more = vec![
        Field::new("domain", "Domain", domain),
        Field::new("type", "Type", what),
        Field::new("detail", "Detail", detail),
        Field::new("parameters", "Parameters", parameters),
    ];
    Shown::new(event.sequence, event.time, name, line, more)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use expect_test::{Expect, expect};
    use virt_core::{DomainIdentity, LifecycleEvent};

    use super::*;
    use crate::time;

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
        let shown = show(&event(DomainEventKind::Lifecycle(LifecycleEvent::Stopped, 1)));
        assert_eq!(shown.line, "event 'lifecycle' for domain 'web': Stopped Destroyed");
        let lines = shown.record.iter().map(|field| format!("{}: {}\n", field.key, field.value));
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
