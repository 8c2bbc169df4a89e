//! `nodedev-event`

use virt_core::{NodeDeviceEvent, NodeDeviceEventKind};

use super::follow::{self, Shown};
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::output::Field;
use crate::shell::Shell;

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
    let events = shell.connection()?.node_device_events().context(|| "Failed to register for events")?;
    follow::follow(shell, arguments, events, |event| {
        let this_one = device.as_ref().is_none_or(|name| *name == event.name);
        (this_one && kind(event) == wanted).then(|| show(event))
    })
}

fn kind(event: &NodeDeviceEvent) -> &'static str {
    match event.kind {
        NodeDeviceEventKind::Lifecycle(_) => "lifecycle",
        NodeDeviceEventKind::Update => "update",
        _ => "unknown",
    }
}

fn show(event: &NodeDeviceEvent) -> Shown {
    let mut line = format!("event '{}' for node device {}", kind(event), event.name);
    let mut more = vec![Field::new("device", "Device", event.name.as_str())];
    if let NodeDeviceEventKind::Lifecycle(what) = event.kind {
        line.push_str(&format!(": {what}"));
        more.push(Field::new("type", "Type", what.text()));
    }
    Shown::new(event.sequence, event.time, kind(event), line, more)
}
