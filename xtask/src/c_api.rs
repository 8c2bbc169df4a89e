//! `cargo xtask c-api`: what follows from the tables of the C library, written or compared.
//!
//! `virt-core/capi/api/functions.tsv` has every public symbol of libvirt, with its version node, its prototype, and where
//! its body is or why it has none; `constants.tsv` has every number and word of the headers. The entry points in Rust, the
//! version map and the headers are made of them.

mod constants;
mod entries;
mod headers;
pub(crate) mod install;
mod map;
mod report;
mod table;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{ui, workspace};

pub(crate) use table::Table;

/// Options of `cargo xtask c-api`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Change nothing; fail when a file differs from what the tables say.
    #[arg(long, conflicts_with = "report")]
    check: bool,
    /// Print for every symbol which test saw what it does.
    #[arg(long)]
    report: bool,
}

/// Runs the command.
///
/// # Errors
///
/// When a table is wrong, a file cannot be written, or with `--check` one differs.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.report {
        return report::print(&Table::read(&room())?);
    }
    let stale = differing()?;
    if options.check {
        return match stale.as_slice() {
            [] => {
                ui::good("the C library is what its tables say");
                Ok(())
            }
            files => bail!("{}\nhint: run `cargo xtask c-api` and commit what it writes", names(files)),
        };
    }
    for (path, content) in &stale {
        std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    ui::good(&format!("{} files written", stale.len()));
    Ok(())
}

/// What is wrong with the files that are made of the tables; nothing when they are as they should be.
///
/// # Errors
///
/// When a table cannot be read.
pub(crate) fn findings() -> Result<Option<String>> {
    let stale = differing()?;
    Ok((!stale.is_empty()).then(|| names(&stale)))
}

fn names(files: &[(PathBuf, String)]) -> String {
    files.iter().fold("not what the tables say:".to_owned(), |mut text, (path, _)| {
        let _ = write!(text, " {}", path.display());
        text
    })
}

/// Where the C library is.
pub(crate) fn room() -> PathBuf {
    workspace::root().join("virt-core/capi")
}

/// The files that are not what the tables say, with what they should hold.
fn differing() -> Result<Vec<(PathBuf, String)>> {
    let room = room();
    let table = Table::read(&room)?;
    let mut files = entries::files(&table)?;
    files.push(("src/types/constants.rs".into(), constants::rust(&table)));
    files.push(("libvirt.map".into(), map::text(&table)));
    files.push(("api/STATE.md".into(), report::state(&table)));
    let mut files = formatted(&room, files)?;
    files.extend(headers::files(&room, &table)?);
    let differs = |(path, content): &(PathBuf, String)| {
        std::fs::read_to_string(path).map_or(true, |present| present != *content)
    };
    let whole = |(path, content): (String, String)| (room.join(path), content);
    Ok(files.into_iter().map(whole).filter(differs).collect())
}

/// The files of Rust among them as rustfmt writes them.
fn formatted(room: &Path, files: Vec<(String, String)>) -> Result<Vec<(String, String)>> {
    files
        .into_iter()
        .map(|(path, content)| {
            match Path::new(&path).extension().is_some_and(|extension| extension == "rs") {
                true => Ok((path, rustfmt(room, &content)?)),
                false => Ok((path, content)),
            }
        })
        .collect()
}

fn rustfmt(room: &Path, content: &str) -> Result<String> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut command = Command::new("rustfmt");
    command.args(["--edition", "2024", "--config-path"]).arg(workspace::root()).current_dir(room);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot run rustfmt")?;
    let mut input = child.stdin.take().context("rustfmt is not spoken to")?;
    // Apart, because rustfmt writes before it has read everything.
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(move || input.write_all(content.as_bytes()));
        let output = child.wait_with_output();
        writer.join().ok().map(|written| (written, output))
    });
    let (written, output) = written.context("the writer of rustfmt's input panicked")?;
    written?;
    let output = output?;
    if !output.status.success() {
        bail!("rustfmt does not understand what was made of the tables");
    }
    Ok(String::from_utf8(output.stdout)?)
}
