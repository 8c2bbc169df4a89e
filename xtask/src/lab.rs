//! `cargo xtask lab -- COMMAND`: runs one command in the lab, over this machine's own files.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use virt_tests::lab::lab_sh;

use crate::setup::{self, Purpose};
use crate::ui;

/// Options of `cargo xtask lab`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// After how many seconds it is ended.
    #[arg(short = 't', long, default_value_t = 300, value_name = "SECONDS")]
    limit: u32,
    /// With systemd as its first process, the command as a service of it.
    #[arg(long)]
    systemd: bool,
    /// With the kernel modules that Debian does not ship: simulated network cards, mediated devices.
    #[arg(long)]
    modules: bool,
    /// Boot afresh, rather than from a saved machine; LAB_QEMU and LAB_APPEND add arguments of QEMU and of the kernel.
    #[arg(long)]
    cold: bool,
    /// Show the console and QEMU's words at the end.
    #[arg(short, long)]
    verbose: bool,
    /// A command and its arguments; a single word is a line for the shell.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Runs the command, and ends as it does: 124 is the time limit, 125 a lab that broke.
///
/// # Errors
///
/// When the lab cannot be had.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    // What the command says is all that is printed.
    ui::quiet(true);
    setup::prepare(Purpose::Test)?;
    if options.modules {
        let built = Command::new(lab_sh()).arg("--extra").status().context("cannot run lab.sh")?;
        if !built.success() {
            bail!("the lab's kernel modules cannot be built");
        }
    }
    let mut command = Command::new(lab_sh());
    command.args(["-t", &options.limit.to_string()]);
    for (wanted, flag) in [(options.systemd, "--systemd"), (options.cold, "--cold"), (options.verbose, "-v")]
    {
        if wanted {
            command.arg(flag);
        }
    }
    let status = command.arg("--").args(&options.command).status().context("cannot run lab.sh")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
