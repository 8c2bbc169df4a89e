//! The programs that take the samples: ours, libvirt's, written in C over its public interface, and the floors.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::figures::Side;
use crate::ui::Progress;
use crate::workspace::{self, cargo, root};

/// How long a program may take for one sample of each thing that it measures.
const LIMIT: Duration = Duration::from_mins(2);

/// How often a call is made for one sample.
const CALLS: &str = "20000";

/// Settings under which libvirt runs its guests as ours are run: as this user, logging to a file.
const LIBVIRT_SETTINGS: &str = "stdio_handler = \"file\"\nsecurity_driver = \"none\"\nuser = \"root\"\n\
                                group = \"root\"\nremember_owner = 0\n";

/// A program that prints one sample of each of its benchmarks.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) side: Side,
    /// The names under which it prints.
    pub(super) samples: &'static [&'static str],
    file: PathBuf,
    arguments: Vec<Argument>,
    /// Where plugins are looked for.
    plugins: PathBuf,
}

/// A word of a program's command line.
#[derive(Clone)]
enum Argument {
    Word(OsString),
    /// A URI of a driver of QEMU whose state is in a directory that is new for each run.
    FreshUri,
}

impl From<&str> for Argument {
    fn from(word: &str) -> Argument {
        Argument::Word(word.into())
    }
}

impl From<&Path> for Argument {
    fn from(word: &Path) -> Argument {
        Argument::Word(word.into())
    }
}

impl Program {
    /// Runs it once and answers what it printed.
    pub(super) fn run(&self) -> Result<Vec<(String, f64)>> {
        let state = tempfile::tempdir()?;
        let settings = state.path().join("etc");
        fs::create_dir(&settings)?;
        fs::write(settings.join("qemu.conf"), LIBVIRT_SETTINGS)?;
        let mut command = Command::new(&self.file);
        command.env("VIRT_DRIVER_DIR", &self.plugins);
        for argument in &self.arguments {
            match argument {
                Argument::Word(word) => command.arg(word),
                Argument::FreshUri => command.arg(format!("qemu:///embed?root={}", state.path().display())),
            };
        }
        let mut samples = Vec::new();
        let mut said = String::new();
        let status = workspace::read_lines(&mut command, LIMIT, |line| match sample(line) {
            Some((name, value)) if self.samples.contains(&name) => samples.push((name.to_owned(), value)),
            _ => said = format!("{said}{line}\n"),
        })?;
        if !status.success() {
            bail!("`{}` ended with {status}\n{}", workspace::display(&command), workspace::tail(&said, 10));
        }
        Ok(samples)
    }
}

fn sample(line: &str) -> Option<(&str, f64)> {
    let (name, value) = line.split_once('\t')?;
    Some((name, value.parse().ok()?))
}

/// Builds every program. Libvirt's are left out, and so missing in the results, where they cannot be built.
pub(super) fn build(place: &Path) -> Result<Vec<Program>> {
    let progress = Progress::begin("building ours, for release");
    let metadata = workspace::metadata(&root().join("Cargo.toml"))?;
    let release = metadata.target_directory.as_std_path().join("release");
    let names = ["virt-benches", "virtsh", "virt-controller"];
    let mut command = cargo();
    command.args(["build", "--release"]).args(names.iter().flat_map(|name| ["--package", name]));
    workspace::follow(&mut command, &progress)?;
    // One by one, as they are shipped: beside the programs above they would get core's `host` feature.
    for plugin in ["virt-driver-test-plugin", "virt-driver-qemu-plugin"] {
        workspace::follow(cargo().args(["build", "--release", "--package", plugin]), &progress)?;
    }
    progress.done();
    let guest = root().join("benches/tiny.xml");
    let ours = |name, samples, file: &str, arguments| Program {
        name,
        side: Side::Ours,
        samples,
        file: release.join(file),
        arguments,
        plugins: release.clone(),
    };
    let floor = |name, samples, file: &str, arguments| Program {
        side: Side::Floor,
        ..ours(name, samples, file, arguments)
    };
    let (virtsh, floors) = (release.join("virtsh"), release.join("floor"));
    let plugin = release.join("libvirt_driver_test_plugin.so");
    let list = |program: &Path| {
        vec![
            "list".into(),
            program.into(),
            "-c".into(),
            "test:///default".into(),
            "list".into(),
            "--all".into(),
        ]
    };
    let mut programs = vec![
        ours(
            "our calls",
            &["call.list", "call.scalar"],
            "ours",
            vec!["call".into(), "loaded".into(), CALLS.into()],
        ),
        floor(
            "calls of a driver linked in",
            &["call.list", "call.scalar"],
            "ours",
            vec!["call".into(), "linked".into(), CALLS.into()],
        ),
        ours("our loading of a plugin", &["load"], "ours", vec!["load".into()]),
        floor("loading a shared object", &["load"], "floor", vec!["load".into(), plugin.as_path().into()]),
        ours(
            "our start",
            &["start", "destroy", "controller"],
            "ours",
            vec!["start".into(), Argument::FreshUri, guest.as_path().into()],
        ),
        floor("a bare QEMU", &["start", "destroy"], "floor", vec!["start".into()]),
        ours("our probe", &["probe"], "ours", vec!["probe".into(), Argument::FreshUri]),
        floor("a bare QEMU without a machine", &["probe"], "floor", vec!["probe".into()]),
        ours("virtsh", &["list.time", "list.memory"], "measure", list(&virtsh)),
        floor(
            "an empty process",
            &["list.time", "list.memory"],
            "measure",
            vec!["list".into(), floors.as_path().into(), "nothing".into()],
        ),
    ];
    programs.extend(libvirts(place, &guest, &release, list).unwrap_or_else(|error| {
        eprintln!("libvirt's side cannot be built: {error:#}");
        Vec::new()
    }));
    Ok(programs)
}

fn libvirts(
    place: &Path,
    guest: &Path,
    release: &Path,
    list: impl Fn(&Path) -> Vec<Argument>,
) -> Result<Vec<Program>> {
    let flags = workspace::output(Command::new("pkg-config").args(["--cflags", "--libs", "libvirt"]))?;
    let program = |name, samples, source: &str, arguments| -> Result<Program> {
        let file = place.join(source);
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-o"]).arg(&file);
        compiler
            .arg(root().join("benches/libvirt").join(source).with_extension("c"))
            .args(flags.split_whitespace());
        workspace::output(&mut compiler)?;
        Ok(Program { name, side: Side::Libvirt, samples, file, arguments, plugins: release.into() })
    };
    let virsh = workspace::find_program("virsh").context("there is no virsh")?;
    Ok(vec![
        program("libvirt's calls", &["call.list", "call.scalar"], "call", vec![CALLS.into()])?,
        program("libvirt's start", &["start", "destroy"], "start", vec![Argument::FreshUri, guest.into()])?,
        program("libvirt's probe", &["probe"], "probe", vec![Argument::FreshUri])?,
        Program {
            name: "virsh",
            side: Side::Libvirt,
            samples: &["list.time", "list.memory"],
            file: release.join("measure"),
            arguments: list(&virsh),
            plugins: release.into(),
        },
    ])
}
