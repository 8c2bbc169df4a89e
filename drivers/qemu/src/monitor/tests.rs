//! The client against a scripted peer: good answers, refusals, silence, rubbish.

use std::io::{BufRead, BufReader, Write};
use std::thread;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;

const HELLO: &str = r#"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": "Debian"}, "capabilities": ["oob"]}}"#;

/// A peer that says `first`, then answers each line with the next of `answers` (`ID` becomes the command's id).
fn peer(first: &str, answers: &[&str]) -> UnixStream {
    let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    let first = first.to_owned();
    let answers: Vec<String> = answers.iter().map(ToString::to_string).collect();
    thread::spawn(move || {
        if !first.is_empty() && writeln!(theirs, "{first}").is_err() {
            return;
        }
        let mut lines = BufReader::new(theirs.try_clone().expect("a second handle")).lines();
        for answer in answers {
            let Some(Ok(line)) = lines.next() else { return };
            let request: Value = serde_json::from_str(&line).expect("a request is JSON");
            if writeln!(theirs, "{}", answer.replace("ID", &request["id"].to_string())).is_err() {
                return;
            }
        }
        // Silent until the client goes.
        lines.for_each(drop);
    });
    ours
}

fn soon() -> Wait<'static> {
    Wait::at_most(Duration::from_millis(200))
}

fn check(answers: &[&str], expected: Expect) {
    let stream = peer("", answers);
    let mut monitor = Monitor::attach(stream, "web");
    let outcome = monitor.execute("stop", &Value::Null, soon());
    let events: Vec<String> = monitor.events.iter().map(|event| format!(" +{}", event.name)).collect();
    let text = match outcome {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&format!("{text}{}", events.concat()));
}

#[test]
fn answers_and_refusals() {
    check(&[r#"{"return": {}, "id": ID}"#], expect!["{}"]);
    check(&[r#"{"return": null, "id": ID}"#], expect!["null"]);
    check(&["\r\n{\"return\": 7, \"id\": ID}\r"], expect!["7"]);
    check(
        &[
            "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}\n{\"return\": {}, \"id\": ID}",
        ],
        expect!["{} +STOP"],
    );
    check(&["{\"return\": 1, \"id\": 99}\n{\"return\": 2, \"id\": ID}"], expect!["2"]);
    check(&["{\"return\": 1, \"id\": \"libvirt-1\"}\n{\"return\": 2, \"id\": ID}"], expect!["2"]);
    check(
        &[
            r#"{"id": ID, "error": {"class": "GenericError", "desc": "Resetting the Virtual Machine is required"}}"#,
        ],
        expect![
            "internal error: unable to execute QEMU command 'stop': Resetting the Virtual Machine is required"
        ],
    );
    check(
        &[r#"{"error": {"class": "GenericError", "desc": "Invalid JSON syntax"}}"#],
        expect!["internal error: unable to execute QEMU command 'stop': Invalid JSON syntax"],
    );
    check(&[r#"{"id": ID, "error": {}}"#], expect!["internal error: unable to execute QEMU command 'stop'"]);
}

#[test]
fn rubbish_is_refused_with_its_beginning() {
    check(
        &["{\"return\": "],
        expect![[
            r#"internal error: the monitor of domain 'web' broke the protocol: EOF while parsing a value at line 1 column 11 in {"return": "#
        ]],
    );
    check(
        &["\u{1}\u{2}"],
        expect!["internal error: the monitor of domain 'web' broke the protocol: no JSON object: "],
    );
    check(
        &["[1,2]"],
        expect!["internal error: the monitor of domain 'web' broke the protocol: no JSON object: [1,2]"],
    );
    check(
        &[&format!("{{\"return\": {}1{}, \"id\": ID}}", "[".repeat(5000), "]".repeat(5000))],
        expect![
            "internal error: the monitor of domain 'web' broke the protocol: recursion limit exceeded at line 1 column 128 in [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[..."
        ],
    );
}

#[test]
fn silence_ends_at_the_deadline() {
    check(&[], expect!["Timed out during operation: the monitor of domain 'web' did not answer 'stop'"]);
}

#[test]
fn an_answer_after_its_deadline_is_not_taken_for_the_next() {
    let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    let mut monitor = Monitor::attach(ours, "web");
    assert!(monitor.execute("slow", &Value::Null, soon()).is_err());
    theirs
        .write_all(b"{\"return\": \"slow\", \"id\": 1}\n{\"return\": \"quick\", \"id\": 2}\n")
        .expect("written");
    assert_eq!(monitor.execute("quick", &Value::Null, soon()).expect("answered"), "quick");
}

#[test]
fn a_peer_that_hangs_up_is_named() {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    drop(theirs);
    let mut monitor = Monitor::attach(ours, "web");
    let error = monitor.execute("stop", &Value::Null, Wait::FOREVER).expect_err("nobody there");
    assert_eq!(error.to_string(), "operation failed: QEMU unexpectedly closed the monitor (vm='web')");
}

#[test]
fn the_greeting_gives_the_version() {
    let (_, greeting) =
        Monitor::greet(peer(HELLO, &[r#"{"return": {}, "id": ID}"#]), "web", soon()).expect("greeted");
    assert_eq!((greeting.version.qemu.major, greeting.version.qemu.micro), (10, 2));
    assert_eq!(greeting.version.package, "Debian");
    assert!(Monitor::greet(peer("SSH-2.0", &[]), "web", soon()).is_err());
}

#[test]
fn events_are_kept_in_order_and_found_by_name() {
    let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    let mut monitor = Monitor::attach(ours, "web");
    theirs
        .write_all(b"{\"event\":\"STOP\"}\n{\"event\":\"RESET\",\"data\":{\"guest\":true}}\n")
        .expect("written");
    let reset = monitor.wait_for("RESET", soon()).expect("sent");
    assert_eq!(reset.data["guest"], true);
    assert_eq!(monitor.next_event(soon()).expect("open").expect("kept").name, "STOP");
    assert!(monitor.next_event(soon()).expect("open").is_none());
}

#[test]
fn long_commands_pass_a_peer_that_talks_first() {
    let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    let talker = thread::spawn(move || {
        // More than a socket holds, before reading anything.
        for _ in 0..20_000 {
            theirs
                .write_all(b"{\"event\":\"BLOCK_JOB_READY\",\"data\":{\"device\":\"drive0\"}}\n")
                .expect("read");
        }
        let mut lines = BufReader::new(theirs.try_clone().expect("a second handle")).lines();
        let length = lines.next().expect("a line").expect("readable").len();
        theirs.write_all(format!("{{\"return\": {length}, \"id\": 1}}\n").as_bytes()).expect("read");
    });
    let mut monitor = Monitor::attach(ours, "web");
    let argument = serde_json::json!({ "text": "x".repeat(4 << 20) });
    let length = monitor.execute("long", &argument, Wait::FOREVER).expect("answered");
    assert!(length.as_u64().expect("a number") > 4 << 20);
    talker.join().expect("ended well");
}
