//! Consoles between processes: one has it, another takes it.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use virt_core::{DestroyDomain, OpenConsole, StartDomain};
use virt_tests::skip;

use crate::lab::{Lab, NAME, PATIENCE, SERIAL, bare, end, files, open, role, uri};

/// Not a test: the process that has the console.
#[test]
#[ignore = "is run by another test, in a process of its own"]
fn holder() {
    let Some(root) = std::env::var_os("HOLDER_ROOT") else { return };
    let connection = open(&uri(root.as_ref())).expect("opened");
    let domain = connection.domain_by_name(NAME).expect("defined");
    let mut console = domain.open_console(None, OpenConsole::empty()).expect("free").with_timeout(PATIENCE);
    println!("listening");
    while !console.receive(4096).expect("readable").end {}
    println!("taken");
}

#[test]
fn a_console_is_taken_by_force_and_its_holder_is_told() {
    let lab = match Lab::new(&bare(SERIAL)) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    lab.domain.start(StartDomain::PAUSED).expect("started");
    let hold = || {
        let mut command = role("console::holder");
        command.env("HOLDER_ROOT", lab.scratch.path()).stdout(Stdio::piped());
        let mut holder = command.spawn().expect("run");
        let mut lines = BufReader::new(holder.stdout.take().expect("piped"));
        let mut line = String::new();
        while !line.contains("listening") {
            line.clear();
            assert!(lines.read_line(&mut line).expect("readable") > 0, "it ended before");
        }
        (holder, lines)
    };
    let (mut holder, mut lines) = hold();
    let refused = lab.domain.open_console(None, OpenConsole::empty()).map(drop).expect_err("taken");
    assert_eq!(refused.to_string(), "operation failed: Active console session exists for this domain");
    let console = lab.domain.open_console(None, OpenConsole::FORCE).expect("taken by force");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("readable");
    assert!(rest.contains("taken"), "{rest}");
    assert!(holder.wait().expect("ended").success());
    drop(console);
    // One that is killed has nothing any more.
    let (mut holder, _) = hold();
    end(holder.id());
    holder.wait().expect("ended");
    let console = lab.domain.open_console(None, OpenConsole::empty()).expect("free");
    drop(console);
    let (mut holder, _) = hold();
    end(holder.id());
    holder.wait().expect("ended");
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
    let left: Vec<_> = files(&lab.scratch.path().join("run/qemu/locks"));
    assert!(left.iter().all(|path| path.extension().is_none_or(|suffix| suffix != "claim")), "{left:?}");
}
