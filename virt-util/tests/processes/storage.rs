//! Locks, the event log, the index and the journal between processes that are killed in the middle of their work.

use std::path::Path;
use std::time::Duration;

use libtest_mimic::Trial;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use virt_util::dir::Dir;
use virt_util::eventlog::{EventLog, From, Next};
use virt_util::index::{ChangeLock, Describe, Entry, FileEntry, Index, Source, Sources};
use virt_util::journal::{self, Changes, Fault, Journal, Step};
use virt_util::lock::Lock;
use virt_util::root::{Location, Root};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result, file};

use crate::roles::{say, start};
use crate::trial;

fn soon() -> Wait<'static> {
    Wait::at_most(Duration::from_secs(30))
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("lock_is_free_when_its_holder_is_killed", lock_of_a_killed_holder),
        trial("event_log_survives_writers_that_are_killed", killed_appenders),
        trial("index_survives_writers_that_are_killed", killed_definers),
        trial("journal_of_a_killed_process_is_undone_once", killed_at_each_step),
    ]
}

/// Takes the lock and keeps it.
pub(crate) fn holder(args: &[String]) {
    let dir = Dir::open(&args[0]).unwrap();
    let _lock = Lock::acquire(&dir, "thing.lock", "holding on", soon()).unwrap();
    say("held");
}

fn lock_of_a_killed_holder() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = Dir::open(scratch.path()).unwrap();
    let mut holder = start("holder", &[scratch.path().to_str().unwrap()]);
    assert_eq!(holder.hear(), "held");
    let sentence = format!("(held by process {}: holding on)", holder.pid());
    for wait in [Wait::NOT, Wait::at_most(Duration::from_millis(10))] {
        let error = Lock::acquire(&dir, "thing.lock", "waiting", wait).unwrap_err();
        assert!(error.to_string().ends_with(&sentence), "{error}");
    }
    assert_eq!(Lock::holder(&dir, "thing.lock").unwrap().unwrap().owner.pid, holder.pid());
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| drop(Lock::acquire(&dir, "thing.lock", "waiting", soon()).unwrap())))
            .collect();
        holder.kill();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
    assert!(Lock::holder(&dir, "thing.lock").unwrap().is_none());
}

/// Appends events without end.
pub(crate) fn appender(args: &[String]) {
    let dir = Dir::open(&args[0]).unwrap().transient().unwrap();
    let log = EventLog::open(&dir, "events").unwrap();
    println!("begun");
    loop {
        let lock = ChangeLock::acquire(&dir, "things", "appending", soon()).unwrap();
        log.append(&lock, args[1].repeat(2000).as_bytes()).unwrap();
    }
}

fn killed_appenders() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().to_str().unwrap();
    let dir = Dir::open(scratch.path()).unwrap().transient().unwrap();
    let log = EventLog::open(&dir, "events").unwrap();
    let mut reader = log.reader(From::Now).unwrap();
    let mut last = 0;
    let mut read = |count: u64, reader: &mut virt_util::eventlog::EventReader| {
        for _ in 0..count {
            match reader.next(soon()).unwrap() {
                Next::Event(event) => {
                    assert_eq!(event.sequence, last + 1);
                    let first = event.payload[0];
                    assert!(event.payload.len() == 2000 && event.payload.iter().all(|byte| *byte == first));
                    last = event.sequence;
                }
                Next::Missed(count) => last += count,
            }
        }
    };
    let mut steady = start("appender", &[path, "s"]);
    for _ in 0..20 {
        let mut other = start("appender", &[path, "o"]);
        assert_eq!(other.hear(), "begun");
        read(20, &mut reader);
        other.kill();
        read(20, &mut reader);
    }
    steady.kill();
}

/// Documents of a UUID and a name.
struct Words;

impl Describe for Words {
    fn describe(&self, _: Source, _: &str, content: &[u8]) -> Result<Entry> {
        let bad = || Error::new(ErrorCode::XML_ERROR, ErrorDomain::NONE, "two words were expected");
        let text = std::str::from_utf8(content).map_err(|_| bad())?;
        let (uuid, name) = text.split_once(' ').ok_or_else(bad)?;
        Ok(Entry { uuid: uuid.parse().map_err(|_| bad())?, name: name.into(), ..Entry::default() })
    }
}

fn open_index(path: &Path) -> (Index, Dir) {
    let dir = Dir::open(path).unwrap().transient().unwrap();
    let definitions = dir.subdir("definitions").unwrap();
    let sources = Sources { definitions: definitions.clone(), status: None, suffix: ".txt".into() };
    (Index::open(&dir, "things", sources, Box::new(Words)).unwrap(), definitions)
}

/// Defines and undefines objects of its own without end.
pub(crate) fn definer(args: &[String]) {
    let (index, definitions) = open_index(Path::new(&args[0]));
    let mine: u128 = args[1].parse().unwrap();
    println!("begun");
    for number in (0..50).cycle() {
        let (uuid, name) = (Uuid::from_u128(mine * 1000 + number), format!("thing{mine}-{number}"));
        let file_name = format!("{name}.txt");
        let mut lock = index.lock("changing", soon()).unwrap();
        if index.by_uuid(uuid).unwrap().is_some() {
            definitions.remove_file(&file_name).unwrap();
            lock.remove(uuid).unwrap();
        } else {
            let identity = file::write(&definitions, &file_name, 0o600, format!("{uuid} {name}").as_bytes());
            let definition = Some(FileEntry { name: file_name, identity: identity.unwrap() });
            lock.put(Entry { uuid, name, definition, ..Entry::default() }).unwrap();
        }
    }
}

fn killed_definers() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().to_str().unwrap();
    let (index, definitions) = open_index(scratch.path());
    for round in 0..10 {
        let mut definers = [1, 2].map(|mine: u32| start("definer", &[path, &mine.to_string()]));
        for definer in &mut definers {
            assert_eq!(definer.hear(), "begun");
        }
        // Until the next change of theirs, and then for a moment that is never the same.
        let before = index.list().unwrap().len();
        while index.list().unwrap().len() == before {}
        for definer in &mut definers {
            definer.kill();
        }
        let mut files = definitions.names().unwrap();
        files.retain(|name| !name.starts_with('.'));
        files.sort();
        let listed = |index: &Index| -> Vec<String> {
            let mut names: Vec<_> =
                index.list().unwrap().iter().map(|entry| format!("{}.txt", entry.name)).collect();
            names.sort();
            names
        };
        assert_eq!(listed(&open_index(scratch.path()).0), files, "round {round}");
        assert_eq!(listed(&index), files, "round {round}");
    }
}

/// Makes a file; the context is the directory.
#[derive(Serialize, Deserialize)]
enum Work {
    Make { name: String, durable: bool },
}

impl Step for Work {
    type Context = Dir;

    fn carry_out(&self, dir: &mut Dir) -> Result<()> {
        let Self::Make { name, .. } = self;
        file::write(dir, name, 0o600, b"").map(drop)
    }

    fn undo(&self, dir: &mut Dir) -> Result<()> {
        let Self::Make { name, .. } = self;
        dir.remove_file(name)
    }

    fn describe(&self) -> String {
        let Self::Make { name, .. } = self;
        format!("make '{name}'")
    }

    fn changes(&self) -> Changes {
        let Self::Make { durable, .. } = self;
        if *durable { Changes::Files } else { Changes::Kernel }
    }
}

/// Carries out four steps, and is killed at one of them.
pub(crate) fn worker(args: &[String]) {
    let root = Root::open(&Location::Below(args[0].clone().into()), "test").unwrap();
    let mut dir = Dir::open(&args[1]).unwrap();
    let number = args[2].parse().unwrap();
    let mut journal = Journal::begin(&root, "web", "starting 'web'").unwrap();
    journal.fail(if args[3] == "before" { Fault::KilledBefore(number) } else { Fault::KilledAfter(number) });
    for number in 0..4 {
        let step = Work::Make { name: format!("file{number}"), durable: number % 2 == 1 };
        journal.carry_out(step, &mut dir).unwrap();
    }
}

fn killed_at_each_step() {
    for number in 0..4 {
        for moment in ["before", "after"] {
            let scratch = tempfile::tempdir().unwrap();
            let (below, things) = (scratch.path().join("root"), scratch.path().join("things"));
            std::fs::create_dir(&things).unwrap();
            let args = [below.to_str().unwrap(), things.to_str().unwrap(), &number.to_string(), moment];
            // It says nothing, and ends.
            assert_eq!(start("worker", &args).hear(), "");
            let left = number + usize::from(moment == "after");
            assert_eq!(std::fs::read_dir(&things).unwrap().count(), left, "{moment} {number}");

            let root = Root::open(&Location::Below(below), "test").unwrap();
            let recover = || {
                let mut dir = Dir::open(&things).unwrap();
                journal::recover::<Work>(&root, &mut dir).unwrap()
            };
            let undone: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(recover)).collect();
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            assert!(matches!(&undone[..], [one] if one.error.is_none()), "{undone:?}");
            assert_eq!(std::fs::read_dir(&things).unwrap().count(), 0, "{moment} {number}");
            assert!(Journal::<Work>::open(&root, "web").unwrap().is_none());
        }
    }
}
