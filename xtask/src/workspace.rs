//! Where the workspace is, and how to run cargo and other programs in it.

use std::io::{PipeReader, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use virt_util::process::Process;

use crate::ui::{self, Progress};

/// The workspace's top directory.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// The cargo that runs us, started in the workspace's top directory.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// What is known of this workspace's packages, dependencies outside it included.
///
/// # Errors
///
/// When cargo cannot read the manifests.
pub(crate) fn metadata(manifest: &Path) -> Result<cargo_metadata::Metadata> {
    let read = |offline: bool| {
        let mut command = cargo_metadata::MetadataCommand::new();
        command.manifest_path(manifest);
        if offline {
            command.other_options(vec!["--offline".to_owned()]);
        }
        command.exec()
    };
    // Offline first: with everything downloaded, which it is once we are built, no registry is asked.
    read(true)
        .or_else(|_| read(false))
        .with_context(|| format!("cannot read the packages of {}", manifest.display()))
}

/// How a command is shown to people.
pub(crate) fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs a command to its end and answers what it wrote to its standard output.
///
/// # Errors
///
/// When it cannot be started or fails; the error holds the end of what it wrote to its standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = display(command);
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run `{shown}`"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        bail!("`{shown}` failed ({})\n{}", done.status, tail(&said, 20));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Runs a command behind a progress line that follows what it prints.
///
/// # Errors
///
/// When it cannot be started or fails; the error holds the end of what it wrote.
pub(crate) fn follow(command: &mut Command, progress: &Progress) -> Result<()> {
    let mut said = String::new();
    let status = read_lines(command, Duration::MAX, |line| {
        progress.detail(line);
        said.push_str(line);
        said.push('\n');
    })?;
    if !status.success() {
        bail!("`{}` failed ({status})\n{}", display(command), tail(&said, 40));
    }
    Ok(())
}

/// Runs a command to its end, handing on each line that it prints, on either output.
///
/// # Errors
///
/// When it cannot be started, or is not done within the limit; it is killed then, with what it started.
pub(crate) fn read_lines(
    command: &mut Command,
    limit: Duration,
    mut each: impl FnMut(&str),
) -> Result<ExitStatus> {
    let shown = display(command);
    let (mut reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut child = command.spawn().with_context(|| format!("cannot run `{shown}`"))?;
    // The command still holds the pipe's writing ends: close them, or the reader never sees the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let handle = Process::open(child.id())?.context("a child vanished before it was waited for")?;
    let end = Instant::now().checked_add(limit);
    let mut pending = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        match await_output(&reader, &handle, end)? {
            Ready::Output => (),
            // What it left running may hold the pipe for as long as it likes.
            Ready::Ended => break,
            Ready::TimeUp => {
                // The child leads the group, and is not waited for yet: the number is still its own.
                let group = Pid::from_raw(child.id() as i32);
                killpg(group, Signal::SIGKILL).with_context(|| format!("cannot kill `{shown}`"))?;
                child.wait()?;
                bail!("`{shown}` was not done after {}", ui::elapsed(limit));
            }
        }
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        pending.extend_from_slice(&buffer[..count]);
        while let Some(newline) = memchr::memchr(b'\n', &pending) {
            let line: Vec<u8> = pending.drain(..=newline).collect();
            each(String::from_utf8_lossy(&line).trim_end());
        }
    }
    if !pending.is_empty() {
        each(&String::from_utf8_lossy(&pending));
    }
    Ok(child.wait()?)
}

/// What a running command has to show.
enum Ready {
    /// Something to read, or the pipe's end.
    Output,
    /// It has ended, and all that it wrote was read.
    Ended,
    /// Nothing, and the limit has passed.
    TimeUp,
}

fn await_output(reader: &PipeReader, process: &Process, end: Option<Instant>) -> Result<Ready> {
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(Ready::TimeUp);
        }
        let timeout = left.map_or(PollTimeout::NONE, |left| left.try_into().unwrap_or(PollTimeout::MAX));
        let mut set =
            [PollFd::new(reader.as_fd(), PollFlags::POLLIN), PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        match poll(&mut set, timeout) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => (),
            Ok(_) if set[0].any() == Some(true) => return Ok(Ready::Output),
            Ok(_) => return Ok(Ready::Ended),
            Err(error) => return Err(error).context("cannot wait for a command's output"),
        }
    }
}

/// Whether PATH, or a directory where system programs live, holds a program of this name.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Ordinary users often do not have the sbin directories in PATH.
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|directory| directory.join(name)).find(|file| {
        use std::os::unix::fs::PermissionsExt;
        file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    })
}

/// The last `count` lines of a text.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::read_lines;

    fn run(script: &str, limit: Duration) -> (String, anyhow::Result<std::process::ExitStatus>) {
        let mut said = String::new();
        let ended = read_lines(Command::new("sh").args(["-c", script]), limit, |line| {
            said.push_str(line);
            said.push('|');
        });
        (said, ended)
    }

    #[test]
    fn both_outputs_are_read_to_the_end() {
        let (said, ended) = run("echo one; echo two >&2; printf three; exit 3", Duration::MAX);
        assert_eq!((said.as_str(), ended.unwrap().code()), ("one|two|three|", Some(3)));
    }

    #[test]
    fn what_a_command_leaves_running_is_not_waited_for() {
        let began = Instant::now();
        let (said, ended) = run("sleep 20 & echo $!", Duration::MAX);
        assert!(ended.unwrap().success() && began.elapsed() < Duration::from_secs(10));
        Command::new("kill").arg(said.trim_end_matches('|')).status().unwrap();
    }

    #[test]
    fn a_command_that_hangs_is_ended_with_what_it_started() {
        let began = Instant::now();
        let (_, ended) = run("sleep 20; echo late", Duration::from_millis(50));
        assert!(ended.unwrap_err().to_string().contains("was not done after"));
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
