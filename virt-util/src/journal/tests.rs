//! Steps that are undone after a failure, and after the death of whoever took them.

use serde::Deserialize;
use uuid::Uuid;

use super::*;
use crate::file;
use crate::root::Location;

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Work {
    Link {
        name: String,
    },
    File {
        name: String,
    },
    /// Its undo fails as long as the host says so.
    Stuck,
}

#[derive(Default)]
struct Host {
    things: Vec<String>,
    log: Vec<String>,
    stuck: bool,
}

impl Step for Work {
    type Context = Host;

    fn carry_out(&self, host: &mut Host) -> Result<()> {
        host.log.push(self.describe());
        host.things.push(self.describe());
        Ok(())
    }

    fn undo(&self, host: &mut Host) -> Result<()> {
        if matches!(self, Self::Stuck) && host.stuck {
            return Err(Error::bare(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE));
        }
        host.log.push(format!("undo {}", self.describe()));
        host.things.retain(|thing| *thing != self.describe());
        Ok(())
    }

    fn describe(&self) -> String {
        match self {
            Self::Link { name } => format!("link {name}"),
            Self::File { name } => format!("file {name}"),
            Self::Stuck => "get stuck".into(),
        }
    }

    fn changes(&self) -> Changes {
        if matches!(self, Self::File { .. }) { Changes::Files } else { Changes::Kernel }
    }
}

struct Place {
    _scratch: tempfile::TempDir,
    root: Root,
}

impl Place {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let root = Root::open(&Location::Below(scratch.path().into()), "test").unwrap();
        Self { _scratch: scratch, root }
    }

    fn begin(&self) -> Journal<Work> {
        Journal::begin(&self.root, "web", "starting 'web'").unwrap()
    }

    fn files(&self) -> Vec<String> {
        let in_dir = |dir: &crate::dir::Dir| dir.subdir("journal").unwrap().names().unwrap();
        let mut names = in_dir(self.root.run());
        names.retain(|name| name != "web.lock");
        names.extend(in_dir(self.root.lib()).iter().map(|name| format!("lib/{name}")));
        names
    }

    fn recover(&self, host: &mut Host) -> String {
        let line = |recovered: Recovered| match recovered.error {
            None => format!("{}: undone: {}\n", recovered.name, recovered.purpose),
            Some(error) => format!("{}: {error}\n", recovered.name),
        };
        recover::<Work>(&self.root, host).unwrap().into_iter().map(line).collect()
    }
}

fn steps() -> [Work; 4] {
    [
        Work::Link { name: "a".into() },
        Work::File { name: "b".into() },
        Work::Link { name: "c".into() },
        Work::File { name: "d".into() },
    ]
}

#[test]
fn a_failure_at_any_step_undoes_all_in_reverse_and_names_the_step() {
    for number in 0..4 {
        for fault in [Fault::Before(number), Fault::After(number)] {
            let place = Place::new();
            let mut host = Host::default();
            let mut journal = place.begin();
            journal.fail(fault);
            let error =
                steps().into_iter().find_map(|step| journal.carry_out(step, &mut host).err()).unwrap();
            let step = steps()[number].describe();
            assert_eq!(error.code(), ErrorCode::OPERATION_FAILED);
            let hint =
                format!("step {number} of starting 'web' failed, {step}; what was done before it is undone");
            assert_eq!(error.advice(), Some(hint.as_str()));
            assert!(host.things.is_empty());
            let undone: Vec<_> = host.log.iter().filter(|line| line.starts_with("undo")).cloned().collect();
            let expected: Vec<_> =
                steps()[..=number].iter().rev().map(|step| format!("undo {}", step.describe())).collect();
            assert_eq!(undone, expected);
            drop(journal);
            assert!(place.files().is_empty());
        }
    }
}

#[test]
fn what_is_handed_over_stays_until_its_owner_has_died() {
    let place = Place::new();
    let mut host = Host::default();
    let mut journal = place.begin();
    for step in steps() {
        journal.carry_out(step, &mut host).unwrap();
    }
    let me = Owner::current().unwrap();
    journal.hand_over(me).unwrap();
    assert_eq!(place.recover(&mut host), "");
    assert_eq!(place.files(), ["web.journal", "lib/web.journal"]);
    let error = Journal::<Work>::begin(&place.root, "web", "again").unwrap_err();
    assert_eq!(error.code(), ErrorCode::OPERATION_INVALID);

    let journal = Journal::<Work>::open(&place.root, "web").unwrap().unwrap();
    assert_eq!(journal.steps().count(), 4);
    assert_eq!(Journal::<Work>::open(&place.root, "web").unwrap_err().code(), ErrorCode::RESOURCE_BUSY);
    journal.hand_over(Owner { start_time: 1, ..me }).unwrap();
    assert_eq!(place.recover(&mut host), "web: undone: starting 'web'\n");
    assert!(host.things.is_empty() && place.files().is_empty());
    assert!(Journal::<Work>::open(&place.root, "web").unwrap().is_none());
}

#[test]
fn what_is_kept_or_given_up() {
    let place = Place::new();
    let mut host = Host::default();
    let mut journal = place.begin();
    journal.carry_out(steps()[0].clone(), &mut host).unwrap();
    journal.keep().unwrap();
    assert_eq!((place.recover(&mut host), host.things.len()), (String::new(), 1));
    let mut journal = place.begin();
    journal.carry_out(steps()[1].clone(), &mut host).unwrap();
    drop(journal);
    assert_eq!(place.recover(&mut host), "web: undone: starting 'web'\n");
    assert_eq!(host.things, ["link a"]);
}

#[test]
fn what_cannot_be_undone_stays_and_the_rest_does_not() {
    let place = Place::new();
    let mut host = Host { stuck: true, ..Host::default() };
    let mut journal = place.begin();
    journal.carry_out(steps()[1].clone(), &mut host).unwrap();
    journal.carry_out(Work::Stuck, &mut host).unwrap();
    let error = journal.undo(&mut host).unwrap_err();
    assert!(error.to_string().contains("cannot undo 1 of the steps of starting 'web': get stuck"), "{error}");
    assert_eq!((place.files(), host.things.clone()), (vec!["web.journal".into()], vec!["get stuck".into()]));
    assert!(place.recover(&mut host).contains("cannot undo 1 of the steps"));
    host.stuck = false;
    assert_eq!(place.recover(&mut host), "web: undone: starting 'web'\n");
    assert!(place.files().is_empty());
}

#[test]
fn after_a_reboot_only_steps_on_files_are_undone() {
    let place = Place::new();
    let mut host = Host::default();
    let mut journal = place.begin();
    for step in steps() {
        journal.carry_out(step, &mut host).unwrap();
    }
    journal.hand_over(Owner { boot: Uuid::from_u128(1), ..Owner::current().unwrap() }).unwrap();
    file::write(place.root.run(), "boot-id", 0o600, b"another").unwrap();
    let root = Root::open(place.root.location(), "test").unwrap();
    host.log.clear();
    assert_eq!(recover::<Work>(&root, &mut host).unwrap().len(), 1);
    assert_eq!(host.log, ["undo file d", "undo file b"]);
}

#[test]
fn nothing_is_begun_after_the_deadline() {
    let place = Place::new();
    let mut host = Host::default();
    let mut journal = place.begin();
    journal.carry_out(steps()[0].clone(), &mut host).unwrap();
    let mut journal = journal.until(Some(Instant::now()));
    let error = journal.carry_out(steps()[1].clone(), &mut host).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OPERATION_TIMEOUT);
    assert_eq!(host.log, ["link a", "undo link a"]);
}

#[test]
fn torn_tails_are_ignored_and_unknown_steps_and_formats_left_alone() {
    let place = Place::new();
    let mut host = Host::default();
    let mut journal = place.begin();
    journal.carry_out(steps()[0].clone(), &mut host).unwrap();
    journal.carry_out(steps()[2].clone(), &mut host).unwrap();
    drop(journal);
    let path = place.root.run().join("journal").join("web.journal");
    let whole = std::fs::read(&path).unwrap();
    // The last record says that nobody owns it.
    let text = String::from_utf8_lossy(&whole).into_owned();
    let cut = text.find("link c").unwrap_or_else(|| whole.windows(4).position(|w| w == b"\"c\"}").unwrap());
    std::fs::write(&path, &whole[..cut]).unwrap();
    let journal = Journal::<Work>::open(&place.root, "web").unwrap().unwrap();
    assert_eq!(journal.steps().map(Step::describe).collect::<Vec<_>>(), ["link a"]);
    journal.hand_over(Owner { start_time: 1, ..Owner::current().unwrap() }).unwrap();
    assert_eq!(Journal::<Work>::open(&place.root, "web").unwrap().unwrap().steps().count(), 1);

    for (record, words) in [
        (r#"{"step":{"number":9,"step":{"Levitate":{}}}}"#, "holds a step 'Levitate' that is not known here"),
        (r#"{"omen":{}}"#, "holds a record that is not known here"),
        (r#"{"header":{"version":2,"driver":"test","purpose":""}}"#, "has format 2"),
    ] {
        let before = std::fs::read(&path).unwrap();
        let mut after = before.clone();
        crate::frames::push(&mut after, record.as_bytes());
        std::fs::write(&path, &after).unwrap();
        let text = place.recover(&mut host);
        assert!(text.contains(words), "{text}");
        assert_eq!(std::fs::read(&path).unwrap(), after);
        std::fs::write(&path, &before).unwrap();
    }
    assert_eq!(host.things, ["link a", "link c"]);
    place.recover(&mut host);
    assert_eq!(host.things, ["link c"]);
}

#[test]
fn what_is_handed_over_is_listed_and_can_be_taken_over() {
    let place = Place::new();
    let mut host = Host::default();
    let mut journal = place.begin();
    journal.carry_out(Work::Link { name: "a".into() }, &mut host).unwrap();
    let first = Owner::of(1).unwrap().unwrap();
    journal.hand_over(first).unwrap();
    let listed = list::<Work>(&place.root).unwrap();
    let (name, listed) = &listed[0];
    let listed = listed.as_ref().unwrap();
    assert_eq!(
        (name.as_str(), listed.purpose.as_str(), listed.owner),
        ("web", "starting 'web'", Some(first))
    );
    assert_eq!(listed.steps.iter().map(Step::describe).collect::<Vec<_>>(), ["link a"]);

    let mut journal = Journal::<Work>::open(&place.root, "web").unwrap().unwrap();
    assert_eq!(journal.owner(), Some(first));
    journal.take_over().unwrap();
    assert_eq!(journal.owner(), Some(Owner::current().unwrap()));
    drop(journal);
    let again = Journal::<Work>::open(&place.root, "web").unwrap().unwrap();
    assert_eq!(again.owner(), Some(Owner::current().unwrap()));
    again.undo(&mut host).unwrap();
    assert!(host.things.is_empty());
    assert!(list::<Work>(&place.root).unwrap().is_empty());
}
