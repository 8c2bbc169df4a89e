//! A client for tests that need another process: does what its standard input says, on a connection of its own.
//!
//! usage: `virt-test-client URI`. It hears events from its beginning on. A command is a line, words separated by
//! spaces; an answer is any number of lines and then `ok`, or `error CODE: SENTENCE`.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use virt_core::{
    Connection, DestroyDomain, Domain, DomainEventKind, Error, ErrorCode, ErrorDomain, Events, ListDomains,
    Notice, OpenConsole, Result, ShutdownDomain, StartDomain,
};

/// How long one command may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often a guest that has not answered is spoken to again.
const INTERVAL: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let uri = std::env::args().nth(1).unwrap_or_default();
    let connection = Connection::builder().uri(uri).timeout(PATIENCE).open()?;
    let mut events = connection.events()?;
    println!("ok");
    for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
        let mut said = String::new();
        let words: Vec<&str> = line.split(' ').collect();
        match obey(&words, &connection, &mut events, &mut said) {
            Ok(()) => said.push_str("ok\n"),
            Err(error) => said = format!("{said}error {}: {error}\n", error.code().0),
        }
        let mut out = std::io::stdout().lock();
        if out.write_all(said.as_bytes()).and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    Ok(())
}

fn obey(words: &[&str], connection: &Connection, events: &mut Events, said: &mut String) -> Result<()> {
    let mut say = |line: String| *said = format!("{said}{line}\n");
    let domain = |name: &str| connection.domain_by_name(name);
    match *words {
        ["list"] => {
            for entry in connection.domains(ListDomains::empty())? {
                say(format!("{} {}", entry.name, entry.state));
            }
        }
        ["start", name] => domain(name)?.start(StartDomain::empty())?,
        ["suspend", name] => domain(name)?.suspend()?,
        ["resume", name] => domain(name)?.resume()?,
        ["shutdown", name] => domain(name)?.shutdown(ShutdownDomain::ACPI_POWER_BUTTON)?,
        ["destroy", name] => domain(name)?.destroy(DestroyDomain::empty())?,
        ["until", kind] => until(events, kind)?.into_iter().for_each(say),
        ["since", number, kind] => {
            let number = number.parse().map_err(|_| failure(ErrorCode::INVALID_ARG, "no number"))?;
            until(&mut connection.events_since(number)?, kind)?.into_iter().for_each(say);
        }
        ["console", name, ..] => talk(&domain(name)?, &words[2..].join(" "))?,
        _ => return Err(failure(ErrorCode::INVALID_ARG, &format!("no command '{}'", words.join(" ")))),
    }
    Ok(())
}

/// The events up to the first of this kind, a line each: number, guest, kind and detail.
fn until(events: &mut Events, wanted: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let event = match events.next_within(PATIENCE)? {
            Some(Notice::Event(event)) => event,
            Some(other) => return Err(failure(ErrorCode::OPERATION_FAILED, &format!("{other:?}"))),
            None => return Err(failure(ErrorCode::OPERATION_TIMEOUT, &format!("only {lines:?}"))),
        };
        let kind = match event.kind {
            DomainEventKind::Lifecycle(kind, detail) => format!("{kind} {}", kind.detail(detail)),
            other => format!("{other:?}"),
        };
        lines.push(format!("{} {} {kind}", event.sequence, event.domain.name));
        if kind.split(' ').next() == Some(wanted) {
            return Ok(lines);
        }
    }
}

/// Lets the shell on a guest's console double a word, which no echo of what was typed does, until it has answered.
fn talk(domain: &Domain, word: &str) -> Result<()> {
    let mut console = domain.open_console(None, OpenConsole::empty())?.with_timeout(INTERVAL);
    let (command, answer) = (format!("x={word}; echo $x$x\n"), word.repeat(2));
    let (began, mut heard) = (Instant::now(), String::new());
    while began.elapsed() < PATIENCE {
        console
            .write_all(command.as_bytes())
            .map_err(|error| Error::system(ErrorDomain::NONE, "cannot write to the console", error))?;
        loop {
            match console.receive(4096) {
                Ok(chunk) if chunk.end => {
                    return Err(failure(ErrorCode::OPERATION_FAILED, &format!("it ended after: {heard}")));
                }
                Ok(chunk) => heard.push_str(&String::from_utf8_lossy(&chunk.data)),
                Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => break,
                Err(error) => return Err(error),
            }
            if heard.contains(&answer) {
                return Ok(());
            }
        }
    }
    Err(failure(ErrorCode::OPERATION_TIMEOUT, &format!("no answer on the console, only: {heard}")))
}

fn failure(code: ErrorCode, sentence: &str) -> Error {
    Error::new(code, ErrorDomain::NONE, sentence)
}
