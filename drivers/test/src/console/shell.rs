//! What a simulated guest says on its console: pure text in, text out.

use crate::engine::GuestRequest;

const PROMPT: &[u8] = b"# ";
const HELP: &str = "echo TEXT, help, hostname, poweroff, reboot, crash";

/// The longest line that is kept.
const LINE_LIMIT: usize = 4096;

/// A line editor and a few commands.
#[derive(Debug)]
pub(super) struct Shell {
    guest: String,
    line: Vec<u8>,
}

impl Shell {
    pub(super) fn new(guest: &str) -> Self {
        Self { guest: guest.to_owned(), line: Vec::new() }
    }

    /// What it says when it boots.
    pub(super) fn boot(&mut self) -> Vec<u8> {
        self.line.clear();
        let mut said =
            format!("Booting simulated guest '{}'\r\nType 'help' for what it knows.\r\n", self.guest)
                .into_bytes();
        said.extend(PROMPT);
        said
    }

    /// What it answers to these keys, and what it wants of its host then.
    pub(super) fn hear(&mut self, keys: &[u8]) -> (Vec<u8>, Option<GuestRequest>) {
        let mut said = Vec::new();
        for &key in keys {
            match key {
                b'\r' | b'\n' => {
                    said.extend(b"\r\n");
                    let line = std::mem::take(&mut self.line);
                    let (answer, request) = self.run(String::from_utf8_lossy(&line).trim());
                    if !answer.is_empty() {
                        said.extend(answer.as_bytes());
                        said.extend(b"\r\n");
                    }
                    if request.is_some() {
                        // What was typed behind it goes to a guest that no longer listens.
                        return (said, request);
                    }
                    said.extend(PROMPT);
                }
                0x08 | 0x7f => said.extend(self.line.pop().map_or(&b""[..], |_| b"\x08 \x08")),
                key if self.line.len() < LINE_LIMIT => {
                    self.line.push(key);
                    said.push(key);
                }
                _ => {}
            }
        }
        (said, None)
    }

    fn run(&self, line: &str) -> (String, Option<GuestRequest>) {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "" => (String::new(), None),
            "echo" => (rest.to_owned(), None),
            "help" => (HELP.to_owned(), None),
            "hostname" => (self.guest.clone(), None),
            "poweroff" => ("The system is going down.".to_owned(), Some(GuestRequest::PowerOff)),
            "reboot" => ("The system is going down for reboot.".to_owned(), Some(GuestRequest::Reboot)),
            "crash" => ("Kernel panic - not syncing".to_owned(), Some(GuestRequest::Crash)),
            other => (format!("sh: {other}: not found"), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(keys: &str, expected: Expect) {
        let (said, request) = Shell::new("web").hear(keys.as_bytes());
        expected.assert_eq(&format!("{:?} {request:?}", String::from_utf8_lossy(&said)));
    }

    #[test]
    fn it_echoes_edits_and_answers() {
        check("hostname\n", expect![[r#""hostname\r\nweb\r\n# " None"#]]);
        check("ecX\x7fho  a b\r", expect![[r#""ecX\u{8} \u{8}ho  a b\r\n a b\r\n# " None"#]]);
        check("\n\n", expect![[r##""\r\n# \r\n# " None"##]]);
        check("what\n", expect![[r#""what\r\nsh: what: not found\r\n# " None"#]]);
        check("poweroff\nls\n", expect![[r#""poweroff\r\nThe system is going down.\r\n" Some(PowerOff)"#]]);
    }
}
