//! Events as an application meets them: read in its own time, or told to a callback.

use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use virt_core::{
    Connection, Domain, DomainEventKind, Events, LifecycleEvent, MetadataChange, MetadataKind, Notice,
    Registry,
};

/// How long the slowest machine takes to tell an event.
const PATIENCE: Duration = Duration::from_secs(20);

/// A host of the test's own, and its guest.
fn connect() -> (Connection, Domain) {
    let registry = Registry::empty();
    registry.register::<virt_driver_test::TestDriver>().unwrap();
    let connection = Connection::builder().uri("test:///default").registry(&registry).open().unwrap();
    let guest = connection.domain_by_name("test").unwrap();
    (connection, guest)
}

fn pause_and_go_on(guest: &Domain, times: u32) {
    for _ in 0..times {
        guest.suspend().unwrap();
        guest.resume().unwrap();
    }
}

/// What there is to read, as far as a last event, a change of the title.
fn read(events: &mut Events) -> Vec<Notice> {
    let mut seen = Vec::new();
    loop {
        let notice = events.next_within(PATIENCE).unwrap().expect("an event in time");
        let last =
            matches!(&notice, Notice::Event(event) if matches!(event.kind, DomainEventKind::Other { .. }));
        if last {
            return seen;
        }
        seen.push(notice);
    }
}

fn title(guest: &Domain) {
    let (kind, text) = (MetadataKind::Title, Some("last".to_owned()));
    let change = MetadataChange { kind, text, prefix: None, namespace: None };
    guest.set_metadata(change, virt_core::Affect::LIVE).unwrap();
}

#[test]
fn a_reader_that_lags_is_told_how_many_events_it_missed() {
    let (connection, guest) = connect();
    let mut lagging = connection.events().unwrap();
    let before = SystemTime::now();
    pause_and_go_on(&guest, 2500);
    title(&guest);
    let seen = read(&mut lagging);
    let Some(Notice::Missed(missed)) = seen.first() else { panic!("{:?}", seen.first()) };
    let events: Vec<_> = seen[1..]
        .iter()
        .map(|notice| match notice {
            Notice::Event(event) => event,
            other => panic!("{other:?} among events"),
        })
        .collect();
    assert_eq!(*missed + events.len() as u64, 5000, "every event is told or counted");
    assert!(
        events.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1),
        "in order, and no other gap"
    );
    assert!(events.iter().all(|event| event.time >= before && event.domain.name == "test"));
    // One that keeps up misses nothing of what comes now.
    pause_and_go_on(&guest, 1);
    title(&guest);
    assert!(matches!(read(&mut lagging)[..], [Notice::Event(_), Notice::Event(_)]));
}

#[test]
fn a_callback_is_told_what_a_reader_reads_until_it_is_dropped() {
    let (connection, guest) = connect();
    let mut reader = connection.events().unwrap();
    let (tell, told) = mpsc::channel();
    let subscription = connection.on_event(move |notice| tell.send(notice).unwrap()).unwrap();
    pause_and_go_on(&guest, 1);
    title(&guest);
    let read = read(&mut reader);
    let kinds: Vec<_> = read
        .iter()
        .map(|notice| match notice {
            Notice::Event(event) => event.kind.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(matches!(kinds[0], DomainEventKind::Lifecycle(LifecycleEvent::Suspended, _)), "{kinds:?}");
    assert!(matches!(kinds[1], DomainEventKind::Lifecycle(LifecycleEvent::Resumed, _)), "{kinds:?}");
    for notice in read {
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), notice, "the same, with the same number");
    }
    told.recv_timeout(PATIENCE).expect("the change of the title");
    drop(subscription);
    pause_and_go_on(&guest, 1);
    assert_eq!(
        told.recv_timeout(PATIENCE),
        Err(mpsc::RecvTimeoutError::Disconnected),
        "it is not called again"
    );
}
