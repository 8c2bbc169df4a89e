//! Waiting for events, as `event`, `net-event`, `pool-event`, `secret-event` and `nodedev-event` do.

use std::time::{Duration, Instant, SystemTime};

use virt_core::{Events, Notice};

use crate::command::{Opt, Outcome};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Record, Reply, Table};
use crate::shell::Shell;
use crate::{interrupt, time};

/// The options that such commands have in common.
pub(super) const EVENT: Opt = Opt::text("event", "which event type to wait for").tolerated();
pub(super) const LOOP: Opt = Opt::flag("loop", "loop until timeout or interrupt, rather than one-shot");
pub(super) const TIMEOUT: Opt = Opt::number("timeout", "timeout seconds").tolerated();
pub(super) const LIST: Opt = Opt::flag("list", "list valid event types");
pub(super) const TIMESTAMP: Opt = Opt::flag("timestamp", "show timestamp for each printed event");

/// An event as it is shown.
pub(super) struct Shown {
    pub(super) time: SystemTime,
    /// For people.
    pub(super) line: String,
    /// For programs: what only events of this kind have, behind what all have.
    pub(super) record: Record,
}

impl Shown {
    /// With what all events have.
    pub(super) fn new(sequence: u64, time: SystemTime, kind: &str, line: String, more: Record) -> Self {
        let mut record = vec![
            Field::new("sequence", "Sequence", sequence),
            Field::new("time", "Time", time::rfc3339(time)),
            Field::new("event", "Event", kind),
        ];
        record.extend(more);
        Self { time, line, record }
    }
}

/// Shows the kinds of events that there are.
pub(super) fn list(shell: &mut Shell, kinds: &[&str]) -> Outcome {
    if !shell.output.is_data() {
        for kind in kinds {
            shell.output.text(&format!("{kind}\n"));
        }
        return Ok(());
    }
    let rows = kinds.iter().map(|kind| vec![Field::new("event", "Event", *kind)]).collect();
    shell.print(&Reply::Table(Table { columns: vec![Column::new("event", "Event")], rows }))
}

/// The kind of events that the command is to wait for.
pub(super) fn wanted(arguments: &Arguments, kinds: &[&'static str]) -> Result<&'static str, Failure> {
    let Some(name) = arguments.text("event")? else {
        return Err(Failure::usage("either --list or --event <type> is required"));
    };
    let known = kinds.iter().find(|kind| **kind == name);
    known.copied().ok_or_else(|| Failure::usage(format!("unknown event type {name}")))
}

/// Prints events until one was printed, or for as long as `--loop` and `--timeout` say; what `show` makes nothing of is
/// passed over.
pub(super) fn follow<E>(
    shell: &mut Shell,
    arguments: &Arguments,
    mut events: Events<E>,
    show: impl Fn(&E) -> Option<Shown>,
) -> Outcome {
    let deadline = timeout(arguments)?.map(|time| Instant::now() + time);
    let mut received = 0_u64;
    let note = loop {
        let patience =
            deadline.map_or(Duration::from_hours(1), |it| it.saturating_duration_since(Instant::now()));
        if patience.is_zero() {
            break Some("event loop timed out\n");
        }
        match events.next_within(patience) {
            Ok(Some(Notice::Missed(count))) => {
                let line = format!("{count} events were missed");
                shell.output.stream(&line, &vec![Field::new("missed", "Missed", count)]);
            }
            Ok(Some(Notice::Event(event))) => {
                let Some(mut shown) = show(&event) else { continue };
                if arguments.has("timestamp") {
                    shown.line.insert_str(0, &format!("{}: ", time::stamp(shown.time)));
                }
                shell.output.stream(&shown.line, &shown.record);
                received += 1;
                if !arguments.has("loop") {
                    break None;
                }
            }
            Ok(_) => {}
            Err(_) if interrupt::raised() => {
                // That was what ctrl-c was for; what follows on the line goes on.
                shell.connection()?;
                break Some("event loop interrupted\n");
            }
            Err(error) => return Err(error).context(|| "Failed to wait for events"),
        }
    };
    if let Some(note) = note {
        shell.output.note(note);
    }
    shell.output.note(&format!("events received: {received}\n"));
    if received == 0 { Err(Failure::silent()) } else { Ok(()) }
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
