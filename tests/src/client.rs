//! Other processes with connections of their own: the program `virt-test-client`, told what to do line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Such a process. It is killed when dropped.
pub struct Client {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Client {
    /// Starts `program` with a connection to `uri`, whose driver is a plugin in the directory `plugins`; it is connected,
    /// and hears events, when this returns.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or does not get its connection.
    pub fn start(program: &Path, uri: &str, plugins: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg(uri).env("VIRT_DRIVER_DIR", plugins).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        let output = child.stdout.take().context("its output is not heard")?;
        let mut client = Self { child, output: BufReader::new(output) };
        client.answer().context("it did not get its connection")?;
        Ok(client)
    }

    /// Has it do one thing; answers the lines that it said about it.
    ///
    /// # Errors
    ///
    /// When it could not do it, or has ended.
    pub fn tell(&mut self, command: &str) -> Result<Vec<String>> {
        let input = self.child.stdin.as_mut().context("it is not spoken to")?;
        writeln!(input, "{command}").with_context(|| format!("it does not hear '{command}'"))?;
        self.answer().with_context(|| format!("in '{command}'"))
    }

    fn answer(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                bail!("it ended after {lines:?}");
            }
            let line = line.trim_end();
            if line == "ok" {
                return Ok(lines);
            }
            if let Some(error) = line.strip_prefix("error ") {
                bail!("{error}, after {lines:?}");
            }
            lines.push(line.to_owned());
        }
    }

    /// Kills it, with SIGKILL.
    ///
    /// # Errors
    ///
    /// When it was not there any more.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Where the test killed it, it is gone.
        let _ = self.kill();
    }
}
