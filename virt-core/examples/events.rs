//! Listening to events: as an iterator, or as a callback on a thread of its own.
//!
//! `cargo run --example events -- [URI [SECONDS]]` prints what happens within that time.

use std::time::{Duration, Instant};

use virt_core::{Connection, DomainEventKind, ListDomains, Notice};

fn main() -> virt_core::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().unwrap_or_else(|| "test:///default".to_owned());
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1);
    let connection = Connection::open(&uri)?;

    // A callback. It ends when `counted` is dropped.
    let counted = connection.on_event(|notice| {
        if let Notice::Missed(count) = notice {
            eprintln!("too slow: {count} events are lost");
        }
    })?;

    // An iterator with a deadline; `for notice in events` waits for ever.
    let mut events = connection.events()?;
    if uri.starts_with("test:") {
        for entry in connection.domains(ListDomains::RUNNING)? {
            entry.domain().suspend()?;
            entry.domain().resume()?;
        }
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    while let Some(notice) = events.next_within(end.saturating_duration_since(Instant::now()))? {
        let Notice::Event(event) = notice else { continue };
        let what = match event.kind {
            DomainEventKind::Lifecycle(event, detail) => format!("{event} ({})", event.detail(detail)),
            other => format!("{other:?}"),
        };
        println!("{:>6}  {:<20} {what}", event.sequence, event.domain.name);
    }
    drop(counted);
    Ok(())
}
