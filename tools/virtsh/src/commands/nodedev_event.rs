//! `nodedev-event`

use virt_core::{NodeDeviceEvent, NodeDeviceEventKind};

use super::follow;
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::output::{Field, Record};
use crate::shell::Shell;
use crate::time;

/// virsh's words for the kinds of events.
const KINDS: [&str; 2] = ["lifecycle", "update"];

pub(super) static EVENT: Command = Command {
    name: "nodedev-event",
    summary: "Node Device Events",
    description: "List event types, or wait for node device events to occur",
    options: &[
        Opt::text("device", "filter by node device name").values(Values::NodeDevices),
        follow::EVENT.values(Values::OneOf(&KINDS)),
        follow::LOOP,
        follow::TIMEOUT,
        follow::LIST,
        follow::TIMESTAMP,
    ],
    run: event,
};

fn event(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    if arguments.has("list") {
        return follow::list(shell, &KINDS);
    }
    let wanted = follow::wanted(arguments, &KINDS)?;
    let device = match arguments.text("device")? {
        Some(_) => Some(super::nodedev::device(shell, arguments)?.name().to_owned()),
        None => None,
    };
    let timestamp = arguments.has("timestamp");
    let events = shell.connection()?.node_device_events().context(|| "Failed to register for events")?;
    follow::follow(shell, arguments, events, |shell, event: &NodeDeviceEvent| {
        if kind(event) != wanted || device.as_ref().is_some_and(|name| *name != event.name) {
            return false;
        }
        let mut line = line(event);
        if timestamp {
            line.insert_str(0, &format!("{}: ", time::stamp(event.time)));
        }
        shell.output.stream(&line, &record(event));
        true
    })
}

fn kind(event: &NodeDeviceEvent) -> &'static str {
    match event.kind {
        NodeDeviceEventKind::Lifecycle(_) => "lifecycle",
        NodeDeviceEventKind::Update => "update",
        _ => "unknown",
    }
}

fn line(event: &NodeDeviceEvent) -> String {
    let line = format!("event '{}' for node device {}", kind(event), event.name);
    match event.kind {
        NodeDeviceEventKind::Lifecycle(what) => format!("{line}: {what}"),
        _ => line,
    }
}

fn record(event: &NodeDeviceEvent) -> Record {
    let what = match event.kind {
        NodeDeviceEventKind::Lifecycle(what) => Some(what.text()),
        _ => None,
    };
    vec![
        Field::new("sequence", "Sequence", event.sequence),
        Field::new("time", "Time", time::rfc3339(event.time)),
        Field::new("event", "Event", kind(event)),
        Field::new("device", "Device", event.name.as_str()),
        Field::new("type", "Type", what),
    ]
}
