//! The interactive mode, on a terminal and from a pipe.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use expect_test::expect;
use support::Virtsh;
use support::terminal::Terminal;

#[test]
fn commands_are_typed_at_a_prompt() {
    let virtsh = Virtsh::new();
    let mut terminal = Terminal::start(virtsh.command::<&str>([]));
    terminal.expect("Welcome to virtsh");
    terminal.expect("virtsh # ");
    terminal.send("suspend test; domstate test\r");
    terminal.expect("suspended\r\n\r\npaused\r\n\r\n");
    terminal.expect("virtsh # ");
    terminal.send("bogus\r");
    terminal.expect("unknown command: 'bogus'");
    terminal.expect("virtsh # ");
    terminal.send("quit\r");
    assert_eq!(terminal.finish().1, Some(0));
}

#[test]
fn history_outlives_the_session() {
    let virtsh = Virtsh::new();
    let mut terminal = Terminal::start(virtsh.command::<&str>([]));
    terminal.expect("virtsh # ");
    terminal.send("echo one two\r");
    terminal.expect("one two");
    terminal.expect("virtsh # ");
    terminal.send("\x04");
    terminal.finish();

    let mut terminal = Terminal::start(virtsh.command::<&str>([]));
    terminal.expect("virtsh # ");
    terminal.send("\x1b[A");
    terminal.expect("echo one two");
    terminal.send("\r");
    terminal.expect("one two");
    terminal.expect("virtsh # ");
    terminal.send("exit\r");
    terminal.finish();
}

#[test]
fn the_tab_key_completes() {
    let virtsh = Virtsh::new();
    let mut terminal = Terminal::start(virtsh.command::<&str>([]));
    terminal.expect("virtsh # ");
    terminal.send("domstate\tte\t");
    terminal.expect("domstate test");
    terminal.send("--r\t\r");
    terminal.expect("running (unknown)");
    terminal.expect("virtsh # ");
    terminal.send("quit\r");
    terminal.finish();
}

#[test]
fn an_interrupt_at_the_prompt_drops_the_line() {
    let virtsh = Virtsh::new();
    let mut terminal = Terminal::start(virtsh.command(["-r"]));
    terminal.expect("virtsh > ");
    terminal.send("destroy te\x03");
    terminal.expect("virtsh > ");
    terminal.send("domstate test\r");
    terminal.expect("running");
    terminal.send("quit\r");
    terminal.finish();
}

#[test]
fn an_interrupt_ends_waiting_for_events() {
    let virtsh = Virtsh::new();
    let mut terminal = Terminal::start(virtsh.command::<&str>([]));
    terminal.expect("virtsh # ");
    for _ in 0..2 {
        terminal.send("echo waiting; event --all --loop\r");
        terminal.expect("waiting\r\n");
        terminal.until_it_waits();
        terminal.send("\x03");
        terminal.expect("event loop interrupted");
        terminal.expect("events received: 0");
        terminal.expect("virtsh # ");
    }
    terminal.send("domstate test; quit\r");
    terminal.expect("running");
    terminal.finish();
}

#[test]
fn a_pipe_has_no_prompt() {
    let virtsh = Virtsh::new();
    let mut command = virtsh.command(["-q"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let script = "domstate test\nsuspend \\\n test; domstate test # comment\n\nquit\ndomstate test\n";
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    expect![[r#"
        running
        paused
    "#]]
    .assert_eq(std::str::from_utf8(&output.stdout).unwrap());
}

#[test]
fn a_console_is_left_with_the_escape_character() {
    let virtsh = Virtsh::new();
    let mut terminal = Terminal::start(virtsh.command(["console", "test"]));
    terminal.expect("Connected to domain 'test'\r\nEscape character is ^] (Ctrl + ])\r\n");
    terminal.send("\x1d");
    assert_eq!(terminal.finish().1, Some(0));

    let mut terminal = Terminal::start(virtsh.command(["-e", "^a", "console", "test"]));
    terminal.expect("Escape character is ^A (Ctrl + A)\r\n");
    terminal.send("\x01");
    assert_eq!(terminal.finish().1, Some(0));
}

/// It may come while the second command waits or just before it; either way it is not lost.
#[test]
fn ctrl_c_ends_a_line_of_commands() {
    let virtsh = Virtsh::new();
    let uri = "test:///default?fault=virDomainSuspend,delay=600000";
    let mut command = virtsh.command(["-c", uri, "uri; suspend test; echo never"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), uri);
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!(rest.trim(), "");
    assert!(complaint.contains("canceled by client"), "{complaint}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
