//! What readers and writers of one event log see of each other.

use std::os::unix::fs::FileExt;

use super::*;
use crate::ErrorCode;
use crate::wait::Wait;

struct Place {
    _scratch: tempfile::TempDir,
    dir: Dir,
}

impl Place {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let dir = Dir::open(scratch.path()).unwrap().transient().unwrap();
        Self { _scratch: scratch, dir }
    }

    fn log(&self) -> EventLog {
        EventLog { segment_size: 2000, ..EventLog::open(&self.dir, "events").unwrap() }
    }

    fn append(&self, log: &EventLog, payload: &str) -> u64 {
        let lock = ChangeLock::acquire(&self.dir, "things", "appending", Wait::FOREVER).unwrap();
        log.append(&lock, payload.as_bytes()).unwrap()
    }

    fn file(&self, first: u64) -> std::path::PathBuf {
        self.dir.join("events").join(segment::file_name(first))
    }
}

fn read(reader: &mut EventReader) -> String {
    let mut text = String::new();
    while let Some(next) = reader.try_next().unwrap() {
        text += &match next {
            Next::Event(event) => format!("{}={} ", event.sequence, String::from_utf8_lossy(&event.payload)),
            Next::Missed(count) => format!("missed {count} "),
        };
    }
    text
}

#[test]
fn every_reader_sees_the_same_events_with_the_same_numbers() {
    let place = Place::new();
    let (one, other) = (place.log(), place.log());
    let mut early = one.reader(From::Now).unwrap();
    assert_eq!(place.append(&one, "a"), 1);
    assert_eq!(place.append(&other, "b"), 2);
    assert_eq!(place.append(&one, "c"), 3);
    assert_eq!(read(&mut early), "1=a 2=b 3=c ");
    assert_eq!(read(&mut other.reader(From::Oldest).unwrap()), "1=a 2=b 3=c ");
    assert_eq!(read(&mut other.reader(From::After(2)).unwrap()), "3=c ");
    let mut late = other.reader(From::Now).unwrap();
    assert_eq!(read(&mut late), "");
    place.append(&other, "d");
    assert_eq!((read(&mut late), read(&mut early)), ("4=d ".into(), "4=d ".into()));
    assert_eq!(one.last().unwrap(), 4);
}

#[test]
fn files_are_rotated_and_a_slow_reader_is_told_what_it_missed() {
    let place = Place::new();
    let log = place.log();
    let mut slow = log.reader(From::Now).unwrap();
    let mut follower = log.reader(From::Now).unwrap();
    let payload = "x".repeat(400);
    for number in 1..=100 {
        assert_eq!(place.append(&log, &payload), number);
        assert_eq!(read(&mut follower), format!("{number}={payload} "));
    }
    let kept = segment::firsts(&log.dir).unwrap();
    assert_eq!(kept.len(), SEGMENTS_KEPT + 1);
    let text = read(&mut slow);
    assert!(text.starts_with(&format!("missed {} {}=x", kept[0] - 1, kept[0])), "{}", &text[..40]);
    assert!(text.contains(" 100=x"));
    // One that was in a file that was removed under it reads that file to its end, and then learns of the gap.
    let mut middle = log.reader(From::After(97)).unwrap();
    assert!(matches!(middle.try_next().unwrap(), Some(Next::Event(event)) if event.sequence == 98));
}

#[test]
fn a_torn_tail_is_mended_wherever_it_is_torn() {
    let place = Place::new();
    let log = place.log();
    place.append(&log, "first");
    let whole = std::fs::read(place.file(1)).unwrap();
    place.append(&log, "second");
    let both = std::fs::read(place.file(1)).unwrap();
    for cut in whole.len()..both.len() {
        std::fs::write(place.file(1), &both[..cut]).unwrap();
        let mut reader = place.log().reader(From::Oldest).unwrap();
        assert_eq!(read(&mut reader), "1=first ");
        // Nobody has seen number 2.
        assert_eq!(place.append(&place.log(), "again"), 2, "cut at {cut}");
        assert_eq!(read(&mut reader), "2=again ");
    }
}

#[test]
fn numbers_behind_damage_are_not_given_again() {
    let place = Place::new();
    let log = place.log();
    for payload in ["first", "second", "third"] {
        place.append(&log, payload);
    }
    let whole = std::fs::read(place.file(1)).unwrap();
    let second = whole.windows(6).position(|window| window == b"second").unwrap() as u64;
    let damage = || {
        std::fs::write(place.file(1), &whole).unwrap();
        std::fs::File::options().write(true).open(place.file(1)).unwrap().write_all_at(b"S", second).unwrap();
    };
    damage();
    assert_eq!(place.append(&place.log(), "fourth"), 4);
    assert_eq!(read(&mut place.log().reader(From::Oldest).unwrap()), "1=first missed 2 4=fourth ");
}

#[test]
fn a_newer_format_is_left_alone_and_a_long_event_refused() {
    let place = Place::new();
    let log = place.log();
    let lock = ChangeLock::acquire(&place.dir, "things", "appending", Wait::FOREVER).unwrap();
    assert_eq!(log.append(&lock, &vec![0; 17 << 20]).unwrap_err().code(), ErrorCode::INVALID_ARG);
    assert_eq!(log.append(&lock, b"short").unwrap(), 1);
    let mut newer = Vec::new();
    crate::frames::push(&mut newer, br#"{"version":2,"first":2}"#);
    std::fs::write(place.file(2), &newer).unwrap();
    let error = log.append(&lock, b"short").unwrap_err();
    assert!(error.to_string().contains("has format 2, written by a newer version"), "{error}");
    assert!(log.reader(From::Now).is_err());
    assert_eq!(std::fs::read(place.file(2)).unwrap(), newer);
}
