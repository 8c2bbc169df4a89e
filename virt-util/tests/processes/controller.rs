//! Controllers, their guests and their clients, each killed in turn.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use libtest_mimic::Trial;
use nix::poll::PollFlags;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use virt_util::ErrorCode;
use virt_util::controller::{Attached, Client, Notice, Report, Rule, Settings};
use virt_util::dir::Dir;
use virt_util::eventlog::{EventLog, From, Next};
use virt_util::index::ChangeLock;
use virt_util::owner::Owner;
use virt_util::process::{ExitStatus, Process};
use virt_util::socket::{Kind, Listener};
use virt_util::spawn::Program;
use virt_util::wait::Wait;

use crate::roles::{say, start};
use crate::trial;

/// Longer than any test takes on a machine that is busy with other things.
fn soon() -> Wait<'static> {
    Wait::at_most(Duration::from_secs(30))
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("controller_serves_several_clients", serves_several_clients),
        trial("controller_outlives_the_client_that_started_it", outlives_its_client),
        trial("controller_kills_a_guest_that_was_not_settled", kills_what_was_not_settled),
        trial("controller_killed_is_replaced_once", is_replaced_once),
        trial("controller_has_a_guest_finished_once", has_a_guest_finished_once),
        trial("controller_has_what_went_seen_to", has_what_went_seen_to),
        trial("controller_and_guest_killed_leave_it_to_one", both_killed),
        trial("guest_lock_is_fair_and_names_its_holder", lock_is_fair),
        trial("controller_reports_what_fails_at_the_start", start_failures),
        trial("controller_refuses_what_it_does_not_know", refuses_the_unknown),
        trial("controller_reports_events_by_rules", reports_events),
        trial("controller_replaces_its_program_and_keeps_everything", replaces_itself),
        trial("controller_survives_clients_that_misbehave", misbehaving_clients),
    ]
}

/// Of a guest with a monitor.
fn settings() -> Settings {
    Settings { title: "test-guest".into(), monitor: Some("monitor.sock".into()), ..Settings::default() }
}

struct Place {
    scratch: tempfile::TempDir,
    dir: Dir,
}

impl Place {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        // Deeper than a socket's address is long.
        let deep = scratch.path().join("d".repeat(120));
        let dir = Dir::create(&deep).unwrap().transient().unwrap();
        Self { scratch, dir }
    }

    fn finish_log(&self) -> std::path::PathBuf {
        self.scratch.path().join("finished")
    }

    /// A settled guest, with its controller, and a client of it.
    fn guest(&self) -> (Client, Owner) {
        let (mut client, guest) = start_guest(&self.dir, &settings());
        client.settle(soon()).unwrap();
        (client, guest)
    }

    fn attach(&self) -> Client {
        match Client::attach(&self.dir, soon()).unwrap() {
            Attached::Running(client) => client,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing is there but the lock.
    fn check_empty(&self) {
        let mut names = self.dir.names().unwrap();
        names.retain(|name| name != "monitor.sock");
        assert_eq!(names, ["controller.lock"]);
        assert!(matches!(Client::attach(&self.dir, soon()).unwrap(), Attached::Nothing));
    }
}

/// Nothing outlives a test that failed.
impl Drop for Place {
    fn drop(&mut self) {
        let read = |name: &str| std::fs::read(self.dir.join(name)).ok();
        let record = read("guest.json").and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let lock = read("controller.lock").and_then(|text| serde_json::from_slice::<Owner>(&text).ok());
        let guest = record.and_then(|record| serde_json::from_value::<Owner>(record["guest"].clone()).ok());
        for owner in [lock, guest].into_iter().flatten() {
            if owner.pid != std::process::id()
                && let Ok(Some(process)) = Process::of(&owner)
            {
                let _ = process.signal(Signal::SIGKILL);
            }
        }
    }
}

fn start_guest(dir: &Dir, settings: &Settings) -> (Client, Owner) {
    let mut client = Client::start(dir, settings, soon()).unwrap();
    let guest = client.spawn(&program(), vec![(10, listener(dir))], soon()).unwrap();
    (client, guest)
}

fn program() -> Program {
    let args = ["role-guest", "10"].map(String::from).to_vec();
    Program { path: std::env::current_exe().unwrap(), args, ..Program::default() }
}

fn listener(dir: &Dir) -> OwnedFd {
    Listener::bind(dir, "monitor.sock", Kind::Stream, 0o600).unwrap().into_fd()
}

/// A QMP session that asks and hears.
struct Qmp(BufReader<UnixStream>);

impl Qmp {
    fn open(client: &mut Client) -> Self {
        let stream = client.monitor(soon()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(BufReader::new(stream))
    }

    fn ask(&mut self, command: Value) -> Value {
        writeln!(self.0.get_mut(), "{command}").unwrap();
        self.hear()
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }
}

fn kill_9(owner: Owner) {
    kill(Pid::from_raw(owner.pid as i32), Signal::SIGKILL).unwrap();
    wait_for_end(owner);
}

fn wait_for_end(owner: Owner) {
    if let Some(process) = Process::of(&owner).unwrap() {
        process.wait(soon()).unwrap();
    }
}

/// What a client does about a guest that has ended.
pub(crate) fn finish_guest(dir: &Dir) {
    match Client::attach(dir, soon()).unwrap() {
        Attached::Running(mut client) => {
            client.lock("finishing", soon()).unwrap();
            client.retire(soon()).ok();
        }
        Attached::Dead(dead) => dead.retire().unwrap(),
        Attached::Nothing => {}
    }
}

fn serves_several_clients() {
    let place = Place::new();
    let (mut first, guest) = place.guest();
    let mut second = place.attach();
    let status = second.status(soon()).unwrap();
    assert_eq!((status.guest, status.ended, status.adopted), (Some(guest), None, false));
    assert_eq!(status.greeting.unwrap()["version"]["qemu"]["major"], 10);
    assert_eq!(status.settings, settings());

    let (mut one, mut other) = (Qmp::open(&mut first), Qmp::open(&mut second));
    // Both use the same id, and the first to ask is not the first to be answered.
    writeln!(one.0.get_mut(), "{}", json!({ "execute": "silence", "id": 1 })).unwrap();
    assert_eq!(
        other.ask(json!({ "execute": "stop", "id": 1 })),
        json!({ "return": { "did": "stop" }, "id": 1 })
    );
    assert_eq!(
        one.ask(json!({ "execute": "cont", "id": 2 })),
        json!({ "return": { "did": "cont" }, "id": 2 })
    );

    // Events go to all, before the answer to what caused them.
    let event = json!({ "event": "RESET", "timestamp": { "seconds": 1 } });
    second.subscribe(soon()).unwrap();
    let answer = one.ask(json!({ "execute": "event", "arguments": { "name": "RESET" }, "id": 3 }));
    assert_eq!((answer, other.hear()), (event.clone(), event));
    assert_eq!(one.hear()["id"], 3);
    assert_eq!(
        second.notice(soon()).unwrap(),
        Notice::Monitor(json!({ "event": "RESET", "timestamp": { "seconds": 1 } }))
    );

    assert_eq!(first.command("query-status", None, &[], soon()).unwrap(), json!({ "did": "query-status" }));
    assert_eq!(
        first.command("refuse", None, &[], soon()).unwrap_err().to_string(),
        "internal error: unable to execute QEMU command 'refuse': as told"
    );

    // What is under way when the guest ends is answered, and the sessions end.
    assert_eq!(
        other.ask(json!({ "execute": "quit", "id": 9 })),
        json!({ "return": { "did": "quit" }, "id": 9 })
    );
    assert_eq!(other.hear()["event"], "SHUTDOWN");
    assert_eq!(one.hear()["event"], "SHUTDOWN");
    assert_eq!(one.hear()["error"]["desc"], "the monitor has closed");
    assert_eq!(one.hear(), Value::Null);
    assert_eq!(first.notice(soon()).unwrap(), Notice::Ended(ExitStatus::Exited(7)));
    assert_eq!(second.wait_for_end(soon()).unwrap(), ExitStatus::Exited(7));
    assert_eq!(first.monitor(soon()).unwrap_err().code(), ErrorCode::OPERATION_INVALID);
    first.retire(soon()).unwrap();
    assert!(second.status(soon()).is_err());
    place.check_empty();
}

/// Starts a guest in the directory, and settles it if told so; then waits to be killed.
pub(crate) fn starter(args: &[String]) {
    let dir = Dir::open(Path::new(&args[0])).unwrap();
    let settings = serde_json::from_str(&args[1]).unwrap();
    let (mut client, guest) = start_guest(&dir, &settings);
    if args[2] == "settle" {
        client.settle(soon()).unwrap();
    }
    say(&json!(guest).to_string());
}

fn start_elsewhere(place: &Place, settings: &Settings, settle: &str) -> (crate::roles::Actor, Owner) {
    let path = place.dir.path().to_str().unwrap();
    let mut starter = start("starter", &[path, &json!(settings).to_string(), settle]);
    let guest = serde_json::from_str(&starter.hear()).unwrap();
    (starter, guest)
}

fn outlives_its_client() {
    let place = Place::new();
    let (mut starter, guest) = start_elsewhere(&place, &settings(), "settle");
    starter.kill();
    assert!(guest.is_alive());
    let mut client = place.attach();
    let controller = client.status(soon()).unwrap().controller;
    let session = |pid: u32| nix::unistd::getsid(Some(Pid::from_raw(pid as i32))).unwrap();
    assert_eq!(session(controller.pid), Pid::from_raw(controller.pid as i32));
    client.signal(Signal::SIGKILL, soon()).unwrap();
    assert_eq!(client.wait_for_end(soon()).unwrap(), ExitStatus::Signalled(9));
    client.retire(soon()).unwrap();
    assert!(!controller.is_alive());
    place.check_empty();
}

fn kills_what_was_not_settled() {
    let place = Place::new();
    let wanted = Settings {
        finish: vec![place.finish_log().display().to_string(), place.dir.path().display().to_string()],
        ..settings()
    };
    let (mut starter, guest) = start_elsewhere(&place, &wanted, "leave it");
    let controller = place.attach().status(soon()).unwrap().controller;
    starter.kill();
    wait_for_end(guest);
    wait_for_end(controller);
    assert_eq!(std::fs::read_to_string(place.finish_log()).unwrap(), "finished\n");
    place.check_empty();

    // The same when the controller is killed first, and the starter has not noticed.
    let (starter, guest) = start_elsewhere(&place, &settings(), "leave it");
    kill_9(place.attach().status(soon()).unwrap().controller);
    assert!(guest.is_alive());
    let mut client = place.attach();
    client.wait_for_end(soon()).unwrap();
    assert!(!guest.is_alive());
    client.retire(soon()).unwrap();
    drop(starter);
    place.check_empty();
}

fn is_replaced_once() {
    let place = Place::new();
    let (mut client, guest) = place.guest();
    let mut qmp = Qmp::open(&mut client);
    kill_9(client.status(soon()).unwrap().controller);
    assert!(client.status(soon()).unwrap_err().to_string().ends_with("the guest's controller has gone"));
    assert_eq!(qmp.hear(), Value::Null);

    // All at once, from threads and so with descriptors of their own.
    let clients: Vec<Client> = std::thread::scope(|scope| {
        let attach = || place.attach();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(attach)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut controllers: Vec<Owner> = Vec::new();
    for mut client in clients {
        let status = client.status(soon()).unwrap();
        assert_eq!((status.guest, status.adopted, status.ended), (Some(guest), true, None));
        controllers.push(status.controller);
        let answer = Qmp::open(&mut client).ask(json!({ "execute": "stop", "id": 5 }));
        assert_eq!(answer, json!({ "return": { "did": "stop" }, "id": 5 }));
    }
    controllers.dedup();
    assert_eq!(controllers.len(), 1);

    // A guest that is not its child any more: its end is seen, its status is not.
    let mut client = place.attach();
    client.signal(Signal::SIGTERM, soon()).unwrap();
    assert_eq!(client.wait_for_end(soon()).unwrap(), ExitStatus::Unknown);
    client.retire(soon()).unwrap();
    place.check_empty();
}

fn has_a_guest_finished_once() {
    let place = Place::new();
    let log = place.finish_log();
    let wanted = Settings {
        finish: vec![log.display().to_string(), place.dir.path().display().to_string()],
        ..settings()
    };
    let (mut client, _) = start_guest(&place.dir, &wanted);
    client.settle(soon()).unwrap();
    let controller = client.status(soon()).unwrap().controller;
    client.lock("watching", soon()).unwrap();
    client.signal(Signal::SIGKILL, soon()).unwrap();
    client.wait_for_end(soon()).unwrap();
    // While somebody is at work on it, nobody else is called.
    assert!(!log.exists());
    drop(client);
    wait_for_end(controller);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "finished\n");
    place.check_empty();
}

fn has_what_went_seen_to() {
    let place = Place::new();
    let log = place.finish_log();
    let wanted = Settings {
        finish: vec![log.display().to_string()],
        rules: vec![Rule { event: "GONE".into(), care: Some("device".into()), ..Rule::default() }],
        report: Some(Report {
            directory: place.scratch.path().into(),
            index: "things".into(),
            events: "events".into(),
            guest: uuid::Uuid::from_u128(7),
        }),
        ..settings()
    };
    let (mut client, _) = start_guest(&place.dir, &wanted);
    let emit = |client: &mut Client, what: &str| {
        let arguments = json!({ "name": "GONE", "data": { "device": what } });
        client.command("event", Some(arguments), &[], soon()).unwrap();
    };
    // Who is called writes a line into it: one after the other, as the next is called when the one before has ended.
    nix::unistd::mkfifo(&log, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).unwrap();
    let mut lines = std::fs::File::options().read(true).write(true).open(&log).unwrap();
    let hear = |lines: &mut std::fs::File, wait: Wait<'_>| {
        let heard = wait.poll(&[(lines.as_fd(), PollFlags::POLLIN)], "waiting for who is called");
        let mut line = [0; 9];
        heard.map(|_| lines.read_exact(&mut line).unwrap())
    };
    client.settle(soon()).unwrap();
    // Whoever has the lock may see to it, and nobody comes; for what it says nothing of, somebody does once it is free.
    client.lock("working", soon()).unwrap();
    emit(&mut client, "net0");
    client.tended("net0", soon()).unwrap();
    client.unlock().unwrap();
    client.lock("working", soon()).unwrap();
    emit(&mut client, "net1");
    emit(&mut client, "net2");
    client.tended("net2", soon()).unwrap();
    client.unlock().unwrap();
    hear(&mut lines, soon()).unwrap();
    emit(&mut client, "net3");
    hear(&mut lines, soon()).unwrap();
    hear(&mut lines, Wait::NOT).unwrap_err();
    // Else somebody would be called for its end.
    client.lock("ending", soon()).unwrap();
    client.signal(Signal::SIGKILL, soon()).unwrap();
    client.wait_for_end(soon()).unwrap();
    client.retire(soon()).unwrap();
    place.check_empty();
}

fn both_killed() {
    let place = Place::new();
    let (mut client, guest) = place.guest();
    let controller = client.status(soon()).unwrap().controller;
    kill_9(controller);
    kill_9(guest);
    let Attached::Dead(dead) = Client::attach(&place.dir, soon()).unwrap() else { panic!() };
    assert_eq!((dead.guest, dead.ended), (Some(guest), None));
    let error = Client::start(&place.dir, &settings(), soon()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OPERATION_INVALID);
    // Another one waits until this one has done.
    let error = Client::attach(&place.dir, Wait::at_most(Duration::from_millis(20))).unwrap_err();
    assert!(error.to_string().contains("taking over the guest"), "{error}");
    std::thread::scope(|scope| {
        let other = scope.spawn(|| matches!(Client::attach(&place.dir, soon()).unwrap(), Attached::Nothing));
        dead.retire().unwrap();
        assert!(other.join().unwrap());
    });
    place.check_empty();
}

/// Takes the guest's lock, says so, and keeps it until told.
pub(crate) fn locker(args: &[String]) {
    let dir = Dir::open(Path::new(&args[0])).unwrap();
    let Attached::Running(mut client) = Client::attach(&dir, soon()).unwrap() else { panic!() };
    client.lock(&args[1], soon()).unwrap();
    say("locked");
    client.unlock().unwrap();
    say("unlocked");
}

fn lock_is_fair() {
    let place = Place::new();
    let (mut client, _) = place.guest();
    let path = place.dir.path().to_str().unwrap();
    let mut holder = start("locker", &[path, "suspending"]);
    assert_eq!(holder.hear(), "locked");
    let refusal = format!(
        "Timed out during operation: cannot acquire state change lock (held by suspending of process {})",
        holder.pid()
    );
    for wait in [Wait::NOT, Wait::at_most(Duration::from_millis(10))] {
        assert_eq!(client.lock("resuming", wait).unwrap_err().to_string(), refusal);
    }
    assert_eq!(client.status(soon()).unwrap().locked.unwrap().purpose, "suspending");
    let mut waiting = start("locker", &[path, "saving"]);
    holder.kill();
    assert_eq!(waiting.hear(), "locked");
    waiting.tell("let go");
    assert_eq!(waiting.hear(), "unlocked");
    client.lock("resuming", Wait::NOT).unwrap();
    client.lock("resuming again", Wait::NOT).unwrap();
    client.unlock().unwrap();
    assert_eq!(client.status(soon()).unwrap().locked, None);
    client.signal(Signal::SIGKILL, soon()).unwrap();
    client.wait_for_end(soon()).unwrap();
    client.retire(soon()).unwrap();
}

fn start_failures() {
    let place = Place::new();
    let mut client = Client::start(&place.dir, &settings(), soon()).unwrap();
    let missing = Program { path: "/nonexistent".into(), ..Program::default() };
    let error = client.spawn(&missing, vec![(10, listener(&place.dir))], soon()).unwrap_err();
    assert_eq!(error.to_string(), "cannot run '/nonexistent': No such file or directory");
    // Nobody listens on its monitor.
    let error = client.spawn(&program(), Vec::new(), soon()).unwrap_err();
    assert!(error.to_string().contains("nobody listens on the guest's monitor"), "{error}");
    assert_eq!(client.status(soon()).unwrap().guest, None);
    client.retire(soon()).unwrap();

    // It ends before its monitor says anything.
    let mut client = Client::start(&place.dir, &settings(), soon()).unwrap();
    let brief = Program { path: "/bin/false".into(), ..Program::default() };
    let error = client.spawn(&brief, vec![(10, listener(&place.dir))], soon()).unwrap_err();
    assert!(
        error.to_string().ends_with("the guest ended before its monitor answered (exit status 1)"),
        "{error}"
    );
    client.retire(soon()).unwrap();

    // It never says anything.
    let mut client = Client::start(&place.dir, &settings(), soon()).unwrap();
    let silent = Program { path: "/bin/sleep".into(), args: vec!["60".into()], ..Program::default() };
    let wait = Wait::at_most(Duration::from_millis(20));
    let error = client.spawn(&silent, vec![(10, listener(&place.dir))], wait).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OPERATION_TIMEOUT);
    assert_eq!(client.status(soon()).unwrap().ended, Some(ExitStatus::Signalled(9)));
    let error = Client::start(&place.dir, &settings(), soon()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OPERATION_INVALID);
    client.retire(soon()).unwrap();

    // A client that goes before it came to a guest.
    let mut client = Client::start(&place.dir, &settings(), soon()).unwrap();
    let controller = client.status(soon()).unwrap().controller;
    drop(client);
    wait_for_end(controller);
    place.check_empty();
}

fn reports_events() {
    let place = Place::new();
    let guest = uuid::Uuid::from_u128(7);
    let run = Dir::open(place.scratch.path()).unwrap();
    let rule = |event: &str, unlocked_only, state| Rule {
        event: event.into(),
        unlocked_only,
        state,
        ..Rule::default()
    };
    let wanted = Settings {
        rules: vec![rule("STOP", true, Some((3, 5))), rule("RESET", false, None)],
        report: Some(Report {
            directory: place.scratch.path().into(),
            index: "things".into(),
            events: "events".into(),
            guest,
        }),
        ..settings()
    };
    let mut reader = EventLog::open(&run, "events").unwrap().reader(From::Now).unwrap();
    let (mut client, _) = start_guest(&place.dir, &wanted);
    let emit = |client: &mut Client, name: &str| {
        client.command("event", Some(json!({ "name": name })), &[], soon()).unwrap();
    };
    emit(&mut client, "STOP");
    client.lock("working", soon()).unwrap();
    emit(&mut client, "STOP");
    emit(&mut client, "OTHER");
    // A client may hold the index while it waits for the controller.
    let lock = ChangeLock::acquire(&run, "things", "changing", soon()).unwrap();
    emit(&mut client, "RESET");
    drop(lock);
    for (sequence, name) in [(1, "STOP"), (2, "RESET")] {
        let Next::Event(event) = reader.next(soon()).unwrap() else { panic!() };
        let payload: Value = serde_json::from_slice(&event.payload).unwrap();
        assert_eq!((event.sequence, &payload["monitor"]["event"]), (sequence, &json!(name)));
        assert_eq!(payload["guest"], json!(guest));
    }
    client.signal(Signal::SIGKILL, soon()).unwrap();
    client.wait_for_end(soon()).unwrap();
    client.retire(soon()).unwrap();
    assert_eq!(reader.try_next().unwrap(), None);
}

fn replaces_itself() {
    let place = Place::new();
    let (mut client, guest) = place.guest();
    let mut other = place.attach();
    let mut qmp = Qmp::open(&mut client);
    client.lock("upgrading", soon()).unwrap();
    let before = client.status(soon()).unwrap();
    // Under way while the program changes: half a command, and one that is not answered.
    writeln!(qmp.0.get_mut(), "{}", json!({ "execute": "silence", "id": 1 })).unwrap();
    assert_eq!(qmp.ask(json!({ "execute": "stop", "id": 2 }))["id"], 2);
    qmp.0.get_mut().write_all(b"{\"execute\":").unwrap();
    for _ in 0..3 {
        client.replace(soon()).unwrap();
    }
    writeln!(qmp.0.get_mut(), "\"cont\",\"id\":3}}").unwrap();
    assert_eq!(qmp.hear(), json!({ "return": { "did": "cont" }, "id": 3 }));
    let after = other.status(soon()).unwrap();
    // The same process, and it still has its guest, its lock and its clients.
    assert_eq!(before, after);
    assert_eq!(after.locked.unwrap().purpose, "upgrading");
    let refused = other.lock("meddling", Wait::NOT).unwrap_err();
    assert!(refused.to_string().contains("held by upgrading"), "{refused}");
    assert!(Client::start(&place.dir, &settings(), soon()).is_err());
    assert!(guest.is_alive());
    assert_eq!(qmp.ask(json!({ "execute": "quit", "id": 4 }))["return"]["did"], "quit");
    assert_eq!(client.wait_for_end(soon()).unwrap(), ExitStatus::Exited(7));
    client.retire(soon()).unwrap();
    place.check_empty();
}

/// A client that speaks for itself.
fn raw_client(place: &Place) -> BufReader<UnixStream> {
    let stream = UnixStream::connect(place.dir.short_path("control.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    BufReader::new(stream)
}

fn tell(client: &mut BufReader<UnixStream>, text: &str) -> Value {
    writeln!(client.get_mut(), "{text}").unwrap();
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or(Value::Null)
}

fn refuses_the_unknown() {
    let place = Place::new();
    let (mut client, _) = place.guest();
    let mut raw = raw_client(&place);
    assert_eq!(tell(&mut raw, r#"{"id":1,"do":"status"}"#)["error"]["code"], 55);
    // From an older and from a newer version.
    assert_eq!(tell(&mut raw, r#"{"id":1,"do":"hello","version":0}"#)["error"]["code"], 3);
    let welcome = tell(&mut raw, r#"{"id":2,"do":"hello","version":99,"colour":"red"}"#);
    assert_eq!((&welcome["id"], &welcome["ok"]["version"]), (&json!(2), &json!(1)));
    let refusal = tell(&mut raw, r#"{"id":3,"do":"levitate"}"#);
    assert_eq!(refusal["error"]["code"], 3);
    assert!(refusal["error"]["message"].as_str().unwrap().ends_with("knows no request 'levitate'"));
    assert!(tell(&mut raw, r#"{"id":4,"do":"status"}"#)["ok"]["guest"]["pid"].is_u64());
    assert!(!client.knows("levitate") && client.knows("lock"));

    // What a newer version wrote is left alone, and said.
    let controller = client.status(soon()).unwrap().controller;
    client.signal(Signal::SIGKILL, soon()).unwrap();
    client.wait_for_end(soon()).unwrap();
    kill_9(controller);
    let text = std::fs::read_to_string(place.dir.join("guest.json")).unwrap();
    let newer = text.replace("\"version\": 1", "\"version\": 2");
    assert_ne!(text, newer);
    std::fs::write(place.dir.join("guest.json"), &newer).unwrap();
    let error = Client::attach(&place.dir, soon()).unwrap_err();
    assert!(error.to_string().contains("guest.json' has format 2, written by a newer version"), "{error}");
    assert_eq!(std::fs::read_to_string(place.dir.join("guest.json")).unwrap(), newer);
}

fn misbehaving_clients() {
    let place = Place::new();
    let (mut client, _) = place.guest();
    for nonsense in ["", "null", "[]", "{\"id\":-1}", "\u{0}\u{1}", "{\"do\":\"hello\"}"] {
        // Sent away: the end of the stream.
        assert_eq!(tell(&mut raw_client(&place), nonsense), Value::Null, "{nonsense}");
    }
    // One that asks and never reads, and one that floods its session.
    let mut deaf = raw_client(&place);
    tell(&mut deaf, r#"{"id":1,"do":"hello","version":1}"#);
    deaf.get_mut().set_nonblocking(true).unwrap();
    while deaf.get_mut().write(b"{\"id\":2,\"do\":\"status\"}\n").is_ok() {}
    let mut qmp = Qmp::open(&mut client);
    assert_eq!(qmp.ask(json!("text"))["error"]["desc"], "a command that is no JSON object");
    assert_eq!(qmp.ask(json!({ "execute": "qmp_capabilities" })), json!({ "return": {} }));
    client.status(soon()).unwrap();
    client.signal(Signal::SIGKILL, soon()).unwrap();
    client.wait_for_end(soon()).unwrap();
    client.retire(soon()).unwrap();
}
