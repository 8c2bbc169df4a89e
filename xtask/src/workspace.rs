//! Where the workspace is, and how to run cargo and other programs in it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::ui::Progress;

/// The workspace's top directory.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
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
    let shown = display(command);
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot run `{shown}`"))?;
    // The command still holds the pipe's writing ends: close them, or the reader never sees the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut said = String::new();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        progress.detail(text.trim_end());
        said.push_str(&text);
        line.clear();
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{shown}` failed ({status})\n{}", tail(&said, 40));
    }
    Ok(())
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
