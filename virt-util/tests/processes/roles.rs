//! The parts that this program plays when a test starts it as another process.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use serde_json::{Value, json};

/// Plays the role that the command line names; nothing when it names none.
pub(crate) fn play() -> Option<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (role, args) = args.split_first()?;
    match role.as_str() {
        "role-guest" => guest(args),
        "role-starter" => crate::controller::starter(args),
        "role-locker" => crate::controller::locker(args),
        "role-holder" => crate::storage::holder(args),
        "role-appender" => crate::storage::appender(args),
        "role-definer" => crate::storage::definer(args),
        "role-worker" => crate::storage::worker(args),
        _ => return None,
    }
    Some(ExitCode::SUCCESS)
}

/// This program in another role, with pipes to its standard input and output.
pub(crate) fn start(role: &str, args: &[&str]) -> Actor {
    let this = std::env::current_exe().unwrap();
    let mut command = Command::new(this);
    let child =
        command.arg(format!("role-{role}")).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    Actor { child, output }
}

/// Another process in a role. Killed when dropped.
pub(crate) struct Actor {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Actor {
    /// Waits for the next line that it says; empty when it has ended.
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Says a line to it.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says a line to the test, and waits for one.
pub(crate) fn say(line: &str) -> String {
    println!("{line}");
    std::io::stdout().flush().unwrap();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).unwrap();
    answer.trim_end().to_owned()
}

/// `finish FILE`: notes that it was called.
pub(crate) fn finish(args: &[String]) -> i32 {
    let mut file = std::fs::File::options().create(true).append(true).open(&args[0]).unwrap();
    file.write_all(b"finished\n").unwrap();
    if let Some(dir) = args.get(1) {
        let dir = virt_util::dir::Dir::open(Path::new(dir)).unwrap();
        crate::controller::finish_guest(&dir);
    }
    0
}

/// A guest with a monitor on the listening socket with that number: answers each command with its own text, and does what
/// some of them say.
fn guest(args: &[String]) {
    let number = args[0].parse().unwrap();
    // SAFETY: the controller passed it under this number, and nothing else here owns it.
    let listener = UnixListener::from(unsafe { OwnedFd::from_raw_fd(number) });
    listener.set_nonblocking(false).unwrap();
    loop {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(false).unwrap();
        monitor(stream);
    }
}

fn monitor(mut stream: UnixStream) {
    let mut say = |value: Value| writeln!(stream, "{value}");
    let _ = say(json!({ "QMP": { "version": { "qemu": { "major": 10 } }, "capabilities": [] } }));
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    for line in lines {
        let Ok(line) = line else { return };
        let command: Value = serde_json::from_str(&line).unwrap();
        let answer = json!({ "return": { "did": command["execute"] }, "id": command["id"] });
        let event = |name: &str| json!({ "event": name, "timestamp": { "seconds": 1 } });
        let mut say = |value: Value| writeln!(stream, "{value}");
        match command["execute"].as_str().unwrap() {
            "silence" => {}
            "event" => {
                let mut said = event(command["arguments"]["name"].as_str().unwrap());
                if let Some(data) = command["arguments"].get("data") {
                    said["data"] = data.clone();
                }
                let _ = say(said);
                let _ = say(answer);
            }
            "refuse" => {
                let _ = say(
                    json!({ "error": { "class": "GenericError", "desc": "as told" }, "id": command["id"] }),
                );
            }
            "quit" => {
                let _ = say(answer);
                let _ = say(event("SHUTDOWN"));
                std::process::exit(7);
            }
            _ => {
                let _ = say(answer);
            }
        }
    }
}
