//! The index against the files that it speaks of.

use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::file;

/// Documents of a few words: `UUID NAME [ID STATE]`.
struct Words(Arc<AtomicUsize>);

impl Describe for Words {
    fn describe(&self, source: Source, _: &str, content: &[u8]) -> Result<Entry> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let bad = || Error::new(ErrorCode::XML_ERROR, ErrorDomain::NONE, "not understood");
        let text = std::str::from_utf8(content).map_err(|_| bad())?;
        let mut words = text.split(' ');
        let uuid = words.next().and_then(|word| word.parse().ok()).ok_or_else(bad)?;
        let name = words.next().ok_or_else(bad)?.to_owned();
        let mut entry = Entry { uuid, name, state: 5, ..Entry::default() };
        if source == Source::Status {
            entry.id = words.next().and_then(|word| word.parse().ok());
            entry.state = words.next().and_then(|word| word.parse().ok()).ok_or_else(bad)?;
        }
        Ok(entry)
    }
}

struct Place {
    _scratch: tempfile::TempDir,
    dir: Dir,
    sources: Sources,
    /// How many documents were read.
    read: Arc<AtomicUsize>,
}

impl Place {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let dir = Dir::open(scratch.path()).unwrap().transient().unwrap();
        let sources = Sources {
            definitions: dir.subdir("definitions").unwrap(),
            status: Some(dir.subdir("status").unwrap()),
            suffix: ".txt".into(),
        };
        Self { _scratch: scratch, dir, sources, read: Arc::default() }
    }

    fn open(&self) -> Index {
        Index::open(&self.dir, "things", self.sources.clone(), Box::new(Words(self.read.clone()))).unwrap()
    }

    fn reads(&self) -> usize {
        self.read.swap(0, Ordering::Relaxed)
    }

    fn write(&self, source: Source, name: &str, text: &str) -> Option<FileEntry> {
        let dir = match source {
            Source::Definition => &self.sources.definitions,
            Source::Status => self.sources.status.as_ref().unwrap(),
        };
        let name = format!("{name}.txt");
        let identity = file::write(dir, &name, 0o600, text.as_bytes()).unwrap();
        Some(FileEntry { name, identity })
    }

    fn define(&self, index: &Index, number: u128, name: &str) {
        let uuid = Uuid::from_u128(number);
        let mut lock = index.lock("defining", Wait::FOREVER).unwrap();
        let definition = self.write(Source::Definition, name, &format!("{uuid} {name}"));
        lock.put(Entry { uuid, name: name.into(), state: 5, definition, ..Entry::default() }).unwrap();
    }
}

fn names(index: &Index) -> String {
    let entries = index.list().unwrap();
    entries.iter().map(|entry| format!("{}:{:?}:{} ", entry.name, entry.id, entry.state)).collect()
}

#[test]
fn lists_and_lookups_read_no_document() {
    let place = Place::new();
    let (index, other) = (place.open(), place.open());
    place.define(&index, 1, "web");
    place.define(&other, 2, "db");
    assert_eq!(names(&index), "db:None:5 web:None:5 ");
    assert_eq!(names(&place.open()), names(&other));
    assert_eq!(index.by_name("db").unwrap().unwrap().uuid, Uuid::from_u128(2));
    assert!(index.by_name("none").unwrap().is_none());
    assert_eq!(place.reads(), 0);
}

#[test]
fn ids_are_not_given_twice_and_names_are_unique() {
    let place = Place::new();
    let index = place.open();
    place.define(&index, 1, "web");
    let mut lock = index.lock("starting", Wait::FOREVER).unwrap();
    assert_eq!(lock.next_id(), 1);
    let web = Entry::clone(&index.by_name("web").unwrap().unwrap());
    let status = place.write(Source::Status, "web", &format!("{} web 1 1", web.uuid));
    lock.put(Entry { id: Some(1), state: 1, status, ..web.clone() }).unwrap();
    assert_eq!(index.by_id(1).unwrap().unwrap().name, "web");
    let taken = Entry { uuid: Uuid::from_u128(2), name: "web".into(), ..Entry::default() };
    assert!(lock.put(taken.clone()).unwrap_err().to_string().contains("name 'web' is that of"));
    let taken = Entry { name: "db".into(), id: Some(1), ..taken };
    assert!(lock.put(taken).unwrap_err().to_string().ends_with("id 1 is that of 'web' already"));
    lock.put(web).unwrap();
    place.sources.status.as_ref().unwrap().remove_file("web.txt").unwrap();
    drop(lock);
    assert!(index.by_id(1).unwrap().is_none());
    assert_eq!(place.open().lock("starting", Wait::FOREVER).unwrap().next_id(), 2);
}

#[test]
fn what_is_done_by_hand_or_half_done_is_noticed() {
    let place = Place::new();
    let index = place.open();
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    // Written, and then its writer was killed.
    place.write(Source::Definition, "web", &format!("{one} web"));
    assert_eq!(names(&index), "web:None:5 ");
    assert_eq!(place.reads(), 1);
    // A status file makes it run, and its end is the end of that; a transient object has no other file.
    place.write(Source::Status, "web", &format!("{one} web 3 1"));
    place.write(Source::Status, "shy", &format!("{two} shy 4 1"));
    assert_eq!(names(&index), "shy:Some(4):1 web:Some(3):1 ");
    let status = place.sources.status.as_ref().unwrap();
    status.remove_file("web.txt").unwrap();
    status.remove_file("shy.txt").unwrap();
    assert_eq!(names(&index), "web:None:5 ");
    // Renamed in place, which the directory does not show: the next to open it notices.
    std::fs::write(place.sources.definitions.join("web.txt"), format!("{one} www")).unwrap();
    assert_eq!(names(&place.open()), "www:None:5 ");
    assert_eq!(names(&index), "www:None:5 ");
    // Its file becomes another object's.
    place.write(Source::Definition, "web", &format!("{two} web"));
    assert_eq!(index.list().unwrap().iter().map(|entry| entry.uuid).collect::<Vec<_>>(), [two]);
    place.sources.definitions.remove_file("web.txt").unwrap();
    assert_eq!(names(&index), "");
}

#[test]
fn bad_and_conflicting_files_are_named_and_skipped() {
    let place = Place::new();
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    place.write(Source::Definition, "a", &format!("{one} web"));
    place.write(Source::Definition, "b", &format!("{one} web"));
    place.write(Source::Definition, "c", &format!("{two} web"));
    place.write(Source::Definition, "d", "nonsense");
    let index = place.open();
    assert_eq!(names(&index), "web:None:5 ");
    let skipped = index
        .skipped()
        .iter()
        .map(|skipped| format!("{}: {}\n", skipped.name, skipped.error))
        .collect::<String>();
    expect_test::expect![[r"
        b.txt: operation failed: it defines UUID 00000000-0000-0000-0000-000000000001, as 'a.txt' does
        c.txt: operation failed: it defines the name 'web', which 00000000-0000-0000-0000-000000000001 has already
        d.txt: XML error: not understood
    "]]
    .assert_eq(&skipped);
    place.reads();
    // Not read again before they change; and then taken, if they can be.
    place.write(Source::Definition, "d", &format!("{two} db"));
    assert_eq!(names(&index), "db:None:5 web:None:5 ");
    assert_eq!((place.reads(), index.skipped().len()), (1, 2));
}

#[test]
fn a_damaged_or_missing_index_is_made_again_and_a_newer_one_left_alone() {
    let place = Place::new();
    let index = place.open();
    for number in 1..=5 {
        place.define(&index, number, &format!("guest{number}"));
    }
    let expected = names(&index);
    let path = place.dir.join("things.index");
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(names(&place.open()), expected, "cut at {cut}");
        assert_eq!(names(&index), expected, "cut at {cut}");
    }
    for at in (0..whole.len()).step_by(7) {
        std::fs::write(&path, &whole).unwrap();
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .write_all_at(b"\xff\xff", at as u64)
            .unwrap();
        assert_eq!(names(&place.open()), expected, "damaged at {at}");
    }
    std::fs::remove_file(&path).unwrap();
    let mut lock = index.lock("defining", Wait::FOREVER).unwrap();
    std::fs::remove_file(&path).unwrap();
    lock.put(Entry { uuid: Uuid::from_u128(9), name: "new".into(), id: Some(1), ..Entry::default() })
        .unwrap();
    drop(lock);
    assert_eq!(index.list().unwrap().len(), 6);

    let mut newer = Vec::new();
    crate::frames::push(
        &mut newer,
        br#"{"header":{"version":2,"boot":"00000000-0000-0000-0000-000000000000"}}"#,
    );
    std::fs::write(&path, &newer).unwrap();
    let error = Index::open(&place.dir, "things", place.sources.clone(), Box::new(Words(place.read.clone())));
    assert!(error.unwrap_err().to_string().contains("has format 2, written by a newer version"));
    assert_eq!(std::fs::read(&path).unwrap(), newer);
}

#[test]
fn states_are_changed_without_reading_the_index() {
    let place = Place::new();
    let index = place.open();
    place.define(&index, 1, "web");
    let lock = ChangeLock::acquire(&place.dir, "things", "reporting", Wait::FOREVER).unwrap();
    lock.set_state(Uuid::from_u128(1), 3, 7).unwrap();
    lock.set_state_unless(Uuid::from_u128(1), 4, 8, &[2, 3]).unwrap();
    let web = index.by_name("web").unwrap().unwrap();
    assert_eq!((web.state, web.reason), (3, 7));
}

#[test]
fn ten_thousand_objects_are_no_strain() {
    let place = Place::new();
    let index = place.open();
    let begin = std::time::Instant::now();
    for number in 0..10_000 {
        place.define(&index, number, &format!("guest{number}"));
        // A reader that follows along.
        assert!(index.by_name("guest0").unwrap().is_some());
    }
    let defined = begin.elapsed();
    let begin = std::time::Instant::now();
    let other = place.open();
    let opened = begin.elapsed();
    assert_eq!(other.list().unwrap().len(), 10_000);
    for _ in 0..5 {
        let mut lock = index.lock("changing", Wait::FOREVER).unwrap();
        for number in 0..1000 {
            let entry = Entry::clone(&index.by_name(&format!("guest{number}")).unwrap().unwrap());
            lock.put(entry).unwrap();
        }
    }
    assert_eq!(other.list().unwrap().len(), 10_000);
    assert_eq!(place.reads(), 0);
    let size = std::fs::metadata(place.dir.join("things.index")).unwrap().len();
    eprintln!("defined in {defined:?}, opened in {opened:?}, {size} bytes");
    assert!(size < 40 << 20, "{size}");
}
