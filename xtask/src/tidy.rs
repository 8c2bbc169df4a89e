//! `cargo xtask tidy`: the rules that neither rustc nor clippy knows.

mod comments;
mod house;
mod licences;
mod text;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{ui, workspace};

/// A breach of a rule, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file, relative to the workspace; a line follows it where there is one.
    place: String,
    /// What is wrong, and what would be right.
    message: String,
}

impl Finding {
    fn at(file: &Path, line: usize, message: impl Into<String>) -> Finding {
        Finding { place: format!("{}:{}", file.display(), line + 1), message: message.into() }
    }

    fn of(place: impl fmt::Display, message: impl Into<String>) -> Finding {
        Finding { place: place.to_string(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

/// Runs the command.
///
/// # Errors
///
/// When a rule is broken; each breach is printed.
pub(crate) fn run() -> Result<()> {
    let findings = findings(&workspace::root())?;
    for finding in &findings {
        ui::bad(&finding.to_string());
    }
    match findings.len() {
        0 => {
            ui::good("sources, dependencies and licences are as the rules want them");
            Ok(())
        }
        1 => bail!("one rule is broken"),
        count => bail!("{count} rules are broken"),
    }
}

/// Every breach in a workspace, files in their order first.
///
/// # Errors
///
/// When the workspace cannot be read.
pub(crate) fn findings(root: &Path) -> Result<Vec<Finding>> {
    let words = text::forbidden(root);
    let mut found = Vec::new();
    for file in files(root)? {
        // What is not text has nothing to be said about.
        let Ok(content) = std::fs::read_to_string(root.join(&file)) else { continue };
        text::check(&file, &content, &words, &mut found);
        if file.extension().is_some_and(|extension| extension == "rs") {
            comments::check(&file, &content, &mut found);
        }
    }
    let metadata = workspace::metadata(&root.join("Cargo.toml"))?;
    found.extend(house::check(&metadata));
    found.extend(licences::check(&metadata));
    Ok(found)
}

/// The files of the project, relative to its root: those that git tracks, or would.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--deduplicate",
    ]);
    let listed = workspace::output(&mut git).context("tidy reads the files that git knows")?;
    let names = listed.split_terminator('\0').map(PathBuf::from);
    // A file that was just deleted is still in git's index.
    Ok(names.filter(|name| root.join(name).is_file()).collect())
}
