//! `net-event`

use virt_core::{NetworkEvent, NetworkEventKind};

use super::super::follow::{self, Shown};
use super::network;
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::output::Field;
use crate::shell::Shell;

const KINDS: &[&str] = &["lifecycle", "metadata-change"];

pub(super) static EVENT: Command = Command {
    name: "net-event",
    summary: "Network Events",
    description: "List event types, or wait for network events to occur",
    options: &[
        Opt::text("network", "filter by network name or uuid").tolerated(),
        follow::EVENT.values(Values::OneOf(KINDS)),
        follow::LOOP,
        follow::TIMEOUT,
        follow::LIST,
        follow::TIMESTAMP,
    ],
    run: event,
};

fn event(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    if arguments.has("list") {
        return follow::list(shell, KINDS);
    }
    let wanted = follow::wanted(arguments, KINDS)?;
    let only = if arguments.has("network") { Some(network(shell, arguments)?.uuid()) } else { None };
    let events = shell.connection()?.network_events().context(|| "Failed to register for events")?;
    follow::follow(shell, arguments, events, |event| {
        let this_one = only.is_none_or(|uuid| uuid == event.network.uuid);
        (this_one && kind(event) == wanted).then(|| show(event))
    })
}

fn kind(event: &NetworkEvent) -> &'static str {
    match event.kind {
        NetworkEventKind::Lifecycle(_) => "lifecycle",
        NetworkEventKind::MetadataChange(..) => "metadata-change",
        _ => "unknown",
    }
}

fn show(event: &NetworkEvent) -> Shown {
    let details = match &event.kind {
        NetworkEventKind::Lifecycle(what) => what.text().to_owned(),
        NetworkEventKind::MetadataChange(kind, namespace) => {
            format!("{} {}", kind.text(), namespace.as_deref().unwrap_or("N/A"))
        }
        _ => String::new(),
    };
    let line = format!("event '{}' for network {}: {details}", kind(event), event.network.name);
    let more = vec![
        Field::new("network", "Network", event.network.name.as_str()),
        Field::new("uuid", "UUID", event.network.uuid.to_string()),
        Field::new("detail", "Detail", details),
    ];
    Shown::new(event.sequence, event.time, kind(event), line, more)
}
