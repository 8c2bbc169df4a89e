//! `cargo xtask demo`: the main job, shown. A driver is found and loaded from its file, a Linux guest is defined from a
//! readable XML, planned, booted, watched and shut down, and nothing of it is left behind.
//!
//! Where QEMU cannot be had, the same is shown on the test driver, whose guests are simulated.

mod guest;
mod traces;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use console::style;
use virt_tests::guest::Guest;

use crate::setup::{self, Purpose};
use crate::ui::{self, Progress};
use crate::workspace::{self, cargo, root};
use guest::Session;
use traces::Traces;

/// Options of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Show it on the test driver even where there is a QEMU.
    #[arg(long)]
    simulated: bool,
}

/// What the demonstration works with.
struct Stage {
    uri: String,
    /// The guest's definition, in which the places of its files stand.
    definition: PathBuf,
    virtsh: PathBuf,
    /// Everything that is written is written below this.
    place: tempfile::TempDir,
    /// Whether the guest is a real one.
    real: bool,
}

/// Runs the command.
///
/// # Errors
///
/// When any of it does not work.
pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let mut number = 0;
    let mut section = |title: &str| {
        number += 1;
        ui::section(number, title);
    };

    section("What the demonstration needs");
    let tiny = if options.simulated { None } else { prepare() };
    if tiny.is_none() {
        ui::note("shown on the test driver, whose guests are simulated");
    }

    section("Building the library, the command line and the drivers");
    let programs = build()?;
    let stage = Stage::set(&programs, tiny.as_ref())?;

    section("Drivers: found by what their files say, each opened when a URI needs it");
    stage.virtsh(&["drivers"])?;

    section("The guest, defined");
    ui::note(&format!("from tests/guest/demo.xml, for {}", stage.uri));
    let mut session = Session::open(&stage.uri)?;
    session.define(&fs::read_to_string(&stage.definition)?)?;
    if stage.real {
        stage.virtsh(&["-c", &stage.uri, "list", "--all"])?;
    }

    section("What starting it would do");
    session.plan()?;

    section("The guest boots");
    let running = if stage.real {
        session.boot()?;
        ui::note("another process sees it:");
        stage.virtsh(&["-c", &stage.uri, "list"])?;
        let running = Traces::below(stage.place.path())?;
        running.show();
        Some(running)
    } else {
        session.start()?;
        None
    };

    section("The power button is pressed");
    session.shut_down(stage.real)?;

    section("What happened, as every process that listens was told");
    session.show_events();
    session.undefine()?;

    section("Nothing is left behind");
    drop(session);
    match running {
        Some(running) => running.check_gone(stage.place.path())?,
        None => ui::good("a simulated guest leaves nothing behind"),
    }
    stage.leave()?;
    println!(
        "\n   {}",
        style(format!("The whole demonstration took {}.", ui::elapsed(began.elapsed()))).bold()
    );
    Ok(())
}

/// Makes the machine and the guest ready; `None`, after saying why, where that cannot be.
fn prepare() -> Option<Guest> {
    let ready = setup::prepare(Purpose::Demo).and_then(|()| crate::guest::build());
    ready.inspect_err(ui::failure).ok()
}

/// Builds what is shown, and answers the directory in which it is.
fn build() -> Result<PathBuf> {
    let progress = Progress::begin("building virtsh, the guests' controller and the drivers' plugins");
    let mut command = cargo();
    // All in one, and with this program: each by itself would be built with other features, and so once more.
    command.args(["build", "--package", "xtask", "--package", "virtsh", "--package", "virt-controller"]);
    command.args(["--package", "virt-driver-qemu-plugin", "--package", "virt-driver-test-plugin"]);
    workspace::follow(&mut command, &progress)?;
    progress.done();
    let metadata = workspace::metadata(&root().join("Cargo.toml"))?;
    Ok(metadata.target_directory.as_std_path().join("debug"))
}

impl Stage {
    fn set(programs: &Path, tiny: Option<&Guest>) -> Result<Stage> {
        let place = tempfile::Builder::new().prefix("virt-demo.").tempdir()?;
        let text = fs::read_to_string(root().join("tests/guest/demo.xml"))?;
        let (uri, text) = if let Some(tiny) = tiny {
            (format!("qemu:///embed?root={}", place.path().display()), tiny.fill_in(&text, ""))
        } else {
            let text = text.replace("type='qemu'", "type='test'");
            // A simulated guest has no files to boot from; what it would have been told stays.
            let text = without_lines(&text, &["@KERNEL@", "@INITRD@"]);
            ("test:///default".to_owned(), text.replace("@COMMAND_LINE@", Guest::COMMAND_LINE))
        };
        let definition = place.path().join("demo.xml");
        fs::write(&definition, text)?;
        Ok(Stage { uri, definition, virtsh: programs.join("virtsh"), place, real: tiny.is_some() })
    }

    /// Runs virtsh, a process of its own, and shows what it says.
    fn virtsh(&self, arguments: &[&str]) -> Result<()> {
        println!("   {} {}", style("$").cyan(), style(format!("virtsh {}", arguments.join(" "))).bold());
        let said = workspace::output(Command::new(&self.virtsh).args(arguments))?;
        said.lines().filter(|line| !line.trim().is_empty()).for_each(|line| println!("     {line}"));
        Ok(())
    }

    /// Removes the directory, and with it every file.
    fn leave(self) -> Result<()> {
        let path = self.place.path().to_path_buf();
        self.place.close().with_context(|| format!("cannot remove {}", path.display()))?;
        if path.exists() {
            bail!("{} is still there", path.display());
        }
        Ok(())
    }
}

fn without_lines(text: &str, marks: &[&str]) -> String {
    let kept = text.lines().filter(|line| !marks.iter().any(|mark| line.contains(mark)));
    kept.map(|line| format!("{line}\n")).collect()
}
