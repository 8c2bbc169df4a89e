//! The checks that are no tests: formatting, the project's rules, lints, documentation, and drivers built alone.

use std::process::Command;

use anyhow::Result;

use super::Tally;
use crate::c_api;
use crate::tidy;
use crate::ui::{self, Progress};
use crate::workspace::{self, cargo};

/// Runs every check; one that fails does not keep the next from running.
pub(super) fn run() -> Result<Tally> {
    let mut tally = Tally::default();
    tally.add(check("rustfmt", cargo().args(["fmt", "--all", "--check"])));
    tally.add(rules()?);
    tally.add(c_library()?);
    let mut clippy = cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]);
    tally.add(check("clippy", &mut clippy));
    let mut documentation = cargo();
    documentation.args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "--deny warnings");
    tally.add(check("documentation", &mut documentation));
    for package in drivers()? {
        tally.add(check(&format!("{package} built alone"), cargo().args(["build", "--package", &package])));
    }
    Ok(tally)
}

/// Builds every driver's plugin by itself, so that no other package's features are in it.
pub(super) fn build_drivers_alone() -> Result<()> {
    for package in drivers()?.iter().filter(|package| package.ends_with("-plugin")) {
        let progress = Progress::begin(&format!("building {package} alone"));
        workspace::follow(cargo().args(["build", "--package", package]), &progress)?;
        progress.done();
    }
    Ok(())
}

/// The packages of the drivers: libraries and plugins.
fn drivers() -> Result<Vec<String>> {
    let metadata = workspace::metadata(&workspace::root().join("Cargo.toml"))?;
    let packages = metadata.workspace_packages();
    let drivers = packages.into_iter().filter(|package| {
        package
            .manifest_path
            .strip_prefix(&metadata.workspace_root)
            .is_ok_and(|place| place.starts_with("drivers"))
    });
    Ok(drivers.map(|package| package.name.to_string()).collect())
}

fn rules() -> Result<Tally> {
    let findings = tidy::findings(&workspace::root())?;
    if findings.is_empty() {
        ui::good("rules of the house");
        return Ok(Tally::pass());
    }
    ui::bad("rules of the house");
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Ok(Tally::fail("rules of the house", lines.join("\n")))
}

/// Whether the C library is what its tables say.
fn c_library() -> Result<Tally> {
    let name = "tables of the C library";
    Ok(match c_api::findings()? {
        None => {
            ui::good(name);
            Tally::pass()
        }
        Some(stale) => {
            ui::bad(name);
            Tally::fail(name, format!("{stale}\nhint: run `cargo xtask c-api` and commit what it writes"))
        }
    })
}

fn check(name: &str, command: &mut Command) -> Tally {
    let progress = Progress::begin(name);
    match workspace::follow(command, &progress) {
        Ok(()) => {
            progress.done();
            Tally::pass()
        }
        Err(error) => {
            drop(progress);
            ui::bad(name);
            Tally::fail(name, format!("{error:#}"))
        }
    }
}
