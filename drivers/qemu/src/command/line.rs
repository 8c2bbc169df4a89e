//! A finished command line: program, environment, arguments, and what must exist before it runs.

use std::fmt::Write as _;

use super::Descriptor;

/// What to run, and what it relies on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The emulator's path.
    pub program: String,
    /// The whole environment: nothing is inherited.
    pub environment: Vec<(String, String)>,
    /// Arguments after the program.
    pub arguments: Vec<String>,
    /// Descriptors that the process must find open, by number.
    pub descriptors: Vec<(i32, Descriptor)>,
}

impl CommandLine {
    /// Adds one argument.
    pub fn push(&mut self, argument: impl Into<String>) {
        self.arguments.push(argument.into());
    }

    /// Adds an option and its value.
    pub fn option(&mut self, name: &str, value: impl Into<String>) {
        self.arguments.push(name.to_owned());
        self.arguments.push(value.into());
    }

    /// The command as a shell script: one option a line, environment first.
    ///
    /// ```
    /// # use virt_driver_qemu::command::CommandLine;
    /// let mut line = CommandLine { program: "/usr/bin/qemu".into(), ..CommandLine::default() };
    /// line.option("-name", "it's");
    /// assert_eq!(line.to_shell(), "/usr/bin/qemu \\\n-name 'it'\\''s'\n");
    /// ```
    pub fn to_shell(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.environment {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}={} \\", quote(value));
        }
        text.push_str(&quote(&self.program));
        for argument in &self.arguments {
            text.push_str(if argument.starts_with('-') { " \\\n" } else { " " });
            text.push_str(&quote(argument));
        }
        text.push('\n');
        text
    }
}

/// `text` as one word of a shell command, in quotes only where it needs them.
fn quote(text: &str) -> String {
    const SPECIAL: &str = "\r\t\n !\"#$&'()*;<>?[\\]^`{|}~";
    if text.is_empty() || text.contains(|c| SPECIAL.contains(c)) {
        format!("'{}'", text.replace('\'', "'\\''"))
    } else {
        text.to_owned()
    }
}
