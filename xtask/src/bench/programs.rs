//! The programs that take the samples: ours, libvirt's, written in C over its public interface, and the floors.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::documents::{self, Lists};
use super::figures::Side;
use crate::ui::Progress;
use crate::workspace::{self, cargo, root};

/// How long a program may take for one sample of each thing that it measures.
const LIMIT: Duration = Duration::from_mins(2);

/// The same for one that is run by valgrind, or builds something.
const STEADY_LIMIT: Duration = Duration::from_mins(20);

/// How often a call is made for one sample.
const CALLS: &str = "20000";

/// The same for calls that libvirt's daemon answers.
const REMOTE_CALLS: &str = "500";

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
    /// Whether it prints the same however often it is run; it takes long, then.
    pub(super) steady: bool,
}

/// A word of a program's command line.
#[derive(Clone)]
enum Argument {
    Word(OsString),
    /// A URI of a driver of QEMU whose state is in a directory that is new for each run.
    FreshUri,
    /// A directory that is new for each run.
    FreshDirectory,
    /// A URI of the libvirtd that runs in that directory.
    DaemonUri,
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
    /// Whether it makes the kernel read everything from disks again, which slows down whoever is measured next.
    pub(super) fn drops_caches(&self) -> bool {
        self.samples == POOL
    }

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
                Argument::FreshDirectory => command.arg(state.path()),
                Argument::DaemonUri => command
                    .arg(format!("qemu+unix:///system?socket={}/run/libvirt-sock", state.path().display())),
            };
        }
        let mut samples = Vec::new();
        let mut said = String::new();
        let limit = if self.steady { STEADY_LIMIT } else { LIMIT };
        let status = workspace::read_lines(&mut command, limit, |line| match sample(line) {
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

/// Builds every program that takes a sample which is `wanted`. Libvirt's are left out, and so missing in the results,
/// where they cannot be built, and those that need documents where there is no corpus.
pub(super) fn build(place: &Path, wanted: impl Fn(&[&str]) -> bool) -> Result<Vec<Program>> {
    let metadata = workspace::metadata(&root().join("Cargo.toml"))?;
    let release = metadata.target_directory.as_std_path().join("release");
    let lists = wanted(XML).then(|| documents::lists(place)).transpose().unwrap_or_else(|error| {
        eprintln!("documents cannot be measured: {error:#}");
        None
    });
    let mut programs = ours(&release, place, lists.as_ref());
    let volumes = volumes(place);
    programs.extend([
        pool(Side::Ours, &release, vec!["ours".into(), Argument::FreshUri, volumes.as_path().into()]),
        pool(Side::Floor, &release, vec!["floor".into(), volumes.as_path().into()]),
        network(Side::Ours, &release, vec!["ours".into(), Argument::FreshUri, GUESTS.into()]),
        network(Side::Floor, &release, vec!["floor".into(), Argument::FreshDirectory]),
    ]);
    programs.extend([
        virtual_function(Side::Ours, &release, &["ours", "hostdev:///", VIRTUAL_FUNCTION]),
        virtual_function(Side::Floor, &release, &["floor", PHYSICAL_FUNCTION, VIRTUAL_FUNCTION]),
    ]);
    programs.retain(|program| wanted(program.samples));
    let models = |program: &Program| {
        program.samples.iter().all(|name| name.starts_with("xml.") || name.starts_with("build."))
    };
    let progress = Progress::begin("building ours, for release");
    let names: &[&str] = if programs.iter().all(models) {
        &["virt-benches"]
    } else {
        &["virt-benches", "virtsh", "virt-controller"]
    };
    let mut command = cargo();
    command.args(["build", "--release"]).args(names.iter().flat_map(|name| ["--package", name]));
    workspace::follow(&mut command, &progress)?;
    if !programs.iter().all(models) {
        // One by one, as they are shipped: beside the programs above they would get core's `host` feature.
        let plugins = [
            "virt-driver-test-plugin",
            "virt-driver-qemu-plugin",
            "virt-driver-storage-plugin",
            "virt-driver-network-plugin",
            "virt-driver-nodedev-plugin",
            "virt-driver-hostdev-plugin",
        ];
        for plugin in plugins {
            workspace::follow(cargo().args(["build", "--release", "--package", plugin]), &progress)?;
        }
    }
    progress.done();
    if programs.iter().any(|program| program.samples == POOL) && !volumes.exists() {
        let progress = Progress::begin("making volumes");
        let mut fill = Command::new(release.join("pool"));
        workspace::follow(fill.arg("fill").arg(&volumes).arg(VOLUMES), &progress)?;
        progress.done();
    }
    programs.extend(libvirts(place, &release, lists.as_ref(), wanted).unwrap_or_else(|error| {
        eprintln!("libvirt's side cannot be built: {error:#}");
        Vec::new()
    }));
    Ok(programs)
}

/// The sample that is taken of a virtual function.
const SRIOV: &[&str] = &["sriov"];

/// The functions in the lab.
const PHYSICAL_FUNCTION: &str = "0000:01:00.0";
const VIRTUAL_FUNCTION: &str = "0000:01:10.2";

/// A program that prepares and releases a virtual function: in the lab, where there is one.
fn virtual_function(side: Side, release: &Path, words: &[&str]) -> Program {
    let program = release.join("sriov");
    let script = format!(
        "set -e; ip link set eth0 up; echo 4 > /sys/bus/pci/devices/{PHYSICAL_FUNCTION}/sriov_numvfs; modprobe vfio-pci; \
         udevadm settle 2>/dev/null || sleep 1; VIRT_DRIVER_DIR='{}' exec '{}' {}",
        release.display(),
        program.display(),
        words.join(" ")
    );
    Program {
        name: "a virtual function",
        side,
        samples: SRIOV,
        file: root().join("tests/lab/lab.sh"),
        arguments: ["-t", "100", "--", script.as_str()].map(Argument::from).into(),
        plugins: release.into(),
        steady: false,
    }
}

/// The samples that are taken of a storage pool.
const POOL: &[&str] = &["pool.start", "pool.refresh", "pool.unchanged", "pool.list"];

/// How many volumes it has.
const VOLUMES: &str = "10000";

/// Where they are.
fn volumes(place: &Path) -> PathBuf {
    place.join("volumes")
}

fn pool(side: Side, release: &Path, arguments: Vec<Argument>) -> Program {
    let (file, plugins) = (release.join("pool"), release.into());
    Program { name: "a storage pool", side, samples: POOL, file, arguments, plugins, steady: false }
}

/// The samples that are taken of a network.
const NETWORK: &[&str] = &["network.start", "network.stop", "network.crowd start", "network.crowd stop"];

/// How many guests are defined beside it.
const GUESTS: &str = "1000";

/// A program that makes networks, in a network namespace of its own.
fn apart(program: PathBuf, arguments: Vec<Argument>) -> (PathBuf, Vec<Argument>) {
    let mut all = vec![Argument::from("--net"), program.as_path().into()];
    all.extend(arguments);
    ("unshare".into(), all)
}

fn network(side: Side, release: &Path, arguments: Vec<Argument>) -> Program {
    let (file, arguments) = apart(release.join("network"), arguments);
    Program {
        name: "a network",
        side,
        samples: NETWORK,
        file,
        arguments,
        plugins: release.into(),
        steady: false,
    }
}

fn ours(release: &Path, place: &Path, lists: Option<&Lists>) -> Vec<Program> {
    let guest = root().join("benches/tiny.xml");
    let ours = |name, samples, file: &str, arguments| Program {
        name,
        side: Side::Ours,
        samples,
        file: release.join(file),
        arguments,
        plugins: release.into(),
        steady: false,
    };
    let floor = |name, samples, file: &str, arguments| Program {
        side: Side::Floor,
        ..ours(name, samples, file, arguments)
    };
    let (virtsh, floors) = (release.join("virtsh"), release.join("floor"));
    let plugin = release.join("libvirt_driver_test_plugin.so");
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
        ours("our loading of a plugin", &["load.ours"], "ours", vec!["load".into(), "ours".into()]),
        ours("our loading of another build", &["load.other"], "ours", vec!["load".into(), "other".into()]),
        floor(
            "loading a shared object",
            &["load.ours", "load.other"],
            "floor",
            vec!["load".into(), plugin.as_path().into()],
        ),
        ours(
            "our start",
            &["start", "destroy", "controller"],
            "ours",
            vec!["start".into(), Argument::FreshUri, guest.as_path().into()],
        ),
        floor("a bare QEMU", &["start", "destroy"], "floor", vec!["start".into()]),
        ours("our probe", &["probe"], "ours", vec!["probe".into(), Argument::FreshUri]),
        floor("a bare QEMU without a machine", &["probe"], "floor", vec!["probe".into()]),
        ours(
            "our node devices",
            NODE_DEVICES,
            "ours",
            vec!["nodedev".into(), "nodedev:///system".into(), REMOTE_CALLS.into()],
        ),
        ours("virtsh", &["list.time", "list.memory"], "measure", list(&virtsh)),
        floor(
            "an empty process",
            &["list.time", "list.memory"],
            "measure",
            vec!["list".into(), floors.as_path().into(), "nothing".into()],
        ),
    ];
    // Offline: what is measured is the compiler, not the network.
    let models = ["cargo", "build", "--offline", "--release", "--package", "virt-conf", "--jobs", "2"];
    let manifest = root().join("Cargo.toml");
    let mut build = vec!["build".into()];
    build.extend(models.map(Argument::from));
    build.extend(["--manifest-path".into(), manifest.as_path().into()]);
    build.extend(["--target-dir".into(), place.join("build").as_path().into()]);
    programs.push(Program { steady: true, ..ours("our build", &["build.time"], "measure", build) });
    let Some(lists) = lists else { return programs };
    let read = |side: &str, passes: &str| -> Vec<Argument> {
        vec![side.into(), lists.all.as_path().into(), passes.into()]
    };
    let xml = release.join("xml");
    programs.extend([
        ours("our documents", &["xml.time"], "xml", read("ours", PASSES)),
        floor("bare documents", &["xml.time"], "xml", read("floor", PASSES)),
        ours(
            "our strict reading",
            &["xml.strict"],
            "xml",
            vec!["strict".into(), lists.some.as_path().into(), "30".into()],
        ),
        Program {
            steady: true,
            ..ours("our memory", &["xml.memory"], "xml_memory", vec![lists.all.as_path().into()])
        },
        Program {
            steady: true,
            ..ours("our instructions", &["xml.instructions"], "count", counted(&xml, "ours", lists))
        },
        Program {
            steady: true,
            ..floor("bare instructions", &["xml.instructions"], "count", counted(&xml, "floor", lists))
        },
    ]);
    programs
}

/// The samples that are taken of devices of the host.
const NODE_DEVICES: &[&str] = &["nodedev.first", "nodedev.names", "nodedev.xml"];

/// The samples that are taken of documents.
const XML: &[&str] = &["xml.time", "xml.strict", "xml.instructions", "xml.memory"];

/// How often all documents are read for one sample.
const PASSES: &str = "3";

/// Arguments of the program that counts instructions.
fn counted(program: &Path, side: &str, lists: &Lists) -> Vec<Argument> {
    let documents = lists.count.to_string();
    vec![
        "xml.instructions".into(),
        documents.as_str().into(),
        program.into(),
        side.into(),
        lists.all.as_path().into(),
    ]
}

/// Arguments of the program that measures another one, here one that lists domains.
fn list(program: &Path) -> Vec<Argument> {
    let mut arguments = vec![Argument::from("list"), program.into()];
    arguments.extend(["-c", "test:///default", "list", "--all"].map(Argument::from));
    arguments
}

/// Runs a libvirtd of its own while a client of it works.
fn daemon() -> PathBuf {
    root().join("tests/peer/libvirtd.sh")
}

/// The arguments of [`daemon`]: a client of it that gets its URI and `argument`.
fn beside_daemon(client: &Path, argument: Argument) -> Vec<Argument> {
    vec![Argument::FreshDirectory, "--during".into(), client.into(), Argument::DaemonUri, argument]
}

fn libvirts(
    place: &Path,
    release: &Path,
    lists: Option<&Lists>,
    wanted: impl Fn(&[&str]) -> bool,
) -> Result<Vec<Program>> {
    let guest = root().join("benches/tiny.xml");
    let guest = guest.as_path();
    let flags = workspace::output(Command::new("pkg-config").args(["--cflags", "--libs", "libvirt"]))?;
    let compile = |source: &str| -> Result<PathBuf> {
        let file = place.join(source);
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-o"]).arg(&file);
        compiler
            .arg(root().join("benches/libvirt").join(source).with_extension("c"))
            .args(flags.split_whitespace());
        workspace::output(&mut compiler)?;
        Ok(file)
    };
    let program = |name, samples, file: PathBuf, arguments| Program {
        name,
        side: Side::Libvirt,
        samples,
        file,
        arguments,
        plugins: release.into(),
        steady: false,
    };
    let mut programs = Vec::new();
    let mut add = |name, samples: &'static [&'static str], source, arguments| -> Result<()> {
        if wanted(samples) {
            programs.push(program(name, samples, compile(source)?, arguments));
        }
        Ok(())
    };
    add("libvirt's calls", &["call.list", "call.scalar"], "call", vec![CALLS.into()])?;
    add("libvirt's start", &["start", "destroy"], "start", vec![Argument::FreshUri, guest.into()])?;
    add("libvirt's probe", &["probe"], "probe", vec![Argument::FreshUri])?;
    if wanted(POOL) {
        let (client, volumes) = (compile("pool")?, volumes(place));
        let arguments = beside_daemon(&client, volumes.as_path().into());
        programs.push(program("libvirt's storage pool", POOL, daemon(), arguments));
    }
    if wanted(NETWORK) {
        let arguments = beside_daemon(&compile("network")?, GUESTS.into());
        let (file, arguments) = apart(daemon(), arguments);
        programs.push(program("libvirt's network", NETWORK, file, arguments));
    }
    if wanted(NODE_DEVICES) {
        let arguments = beside_daemon(&compile("nodedev")?, REMOTE_CALLS.into());
        programs.push(program("libvirt's node devices", NODE_DEVICES, daemon(), arguments));
    }
    let virsh = &["list.time", "list.memory"];
    if wanted(virsh) {
        let file = workspace::find_program("virsh").context("there is no virsh")?;
        programs.push(program("virsh", virsh, release.join("measure"), list(&file)));
    }
    if let Some(lists) = lists {
        let (file, all) = (compile("xml")?, lists.all.as_path());
        let read = vec!["read".into(), all.into(), PASSES.into()];
        let define = vec!["define".into(), lists.some.as_path().into()];
        let count = counted(&file, "read", lists);
        programs.push(program("libvirt's documents", &["xml.time"], file.clone(), read));
        programs.push(program("libvirt's define", &["xml.strict"], file, define));
        let counted = program("libvirt's instructions", &["xml.instructions"], release.join("count"), count);
        programs.push(Program { steady: true, ..counted });
        programs.retain(|program| wanted(program.samples));
    }
    Ok(programs)
}
