//! The project's own commands, run as `cargo xtask COMMAND`; one file each.

mod bench;
mod c_api;
mod conformance;
mod corpus;
mod demo;
mod fuzz;
mod guest;
mod lab;
mod new_driver;
mod schema;
mod setup;
mod test;
mod tidy;
mod ui;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure us beside libvirt and beside the floor, in one run.
    Bench(bench::Options),
    /// Write what follows from the tables of the C library: entry points, version map, headers.
    CApi(c_api::Options),
    /// Show the main job: a Linux guest boots in QEMU, started by a driver loaded at run time.
    Demo(demo::Options),
    /// Install what the demonstration, the tests and the benchmarks need.
    Setup(setup::Options),
    /// Try on a driver what every driver must do, and report what came of each call.
    Conformance(conformance::Options),
    /// Compare with libvirt, case by case of a corpus.
    Corpus(corpus::Options),
    /// Read, write and convert documents that nobody would write, for some time.
    Fuzz(fuzz::Options),
    /// Make the tiny Linux guest, and say where it is.
    Guest,
    /// Install the C library with its headers, the drivers and the programs below one directory.
    Install(c_api::install::Options),
    /// Run one command in the lab: a machine with SR-IOV, an IOMMU, USB and NVMe, over this machine's files.
    Lab(lab::Options),
    /// Make a driver to begin with, which builds, loads and works.
    NewDriver(new_driver::Options),
    /// Run every ring of tests, and print a table of what came of them.
    Test(test::Options),
    /// Compare what libvirt's schemas name with what the models name.
    Schema(schema::Options),
    /// Check the rules that neither rustc nor clippy knows: sources, dependencies, licences.
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Setup(options) => setup::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::CApi(options) => c_api::run(&options),
        Command::Conformance(options) => conformance::run(&options),
        Command::Corpus(options) => corpus::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Guest => guest::run(),
        Command::Install(options) => c_api::install::run(&options),
        Command::Lab(options) => return lab::run(&options).unwrap_or_else(failed),
        Command::NewDriver(options) => new_driver::run(&options),
        Command::Schema(options) => schema::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

fn failed(error: anyhow::Error) -> ExitCode {
    ui::failure(&error);
    ExitCode::FAILURE
}
