//! A guest belongs to no process: whoever started it may be killed, and so may the controller that stays with it, and
//! every other process goes on seeing it, acting on it and hearing of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use virt_core::{Connection, DefineDomain, Registry, SearchPath, UndefineDomain};
use virt_tests::client::Client;
use virt_tests::guest;
use virt_tests::{skip, traces};
use virt_util::dir::Dir;
use virt_util::lock::Lock;
use virt_util::process::Process;
use virt_util::wait::Wait;

/// How long what belonged to a guest may take to end after it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A root with a guest defined in it.
struct Scene {
    root: tempfile::TempDir,
    uri: String,
    /// Where plugins and the controller are.
    programs: PathBuf,
    /// The files that were there before the guest ran.
    before: BTreeSet<PathBuf>,
}

impl Scene {
    /// With what the guest is to do when it is up; or why there can be none.
    fn set(words: &str) -> Result<Self, String> {
        let controller = virt_util::controller::binary()
            .map_err(|error| format!("{error} (build the workspace first)"))?;
        let programs = controller.parent().unwrap_or(Path::new("/")).to_owned();
        let guest = guest::build().map_err(|error| format!("no guest to boot: {error:#}"))?;
        let root = tempfile::tempdir().expect("a directory");
        let uri = format!("qemu:///embed?root={}", root.path().display());
        let registry = Registry::searching(SearchPath::only(&programs));
        let connection =
            Connection::builder().uri(&uri).registry(&registry).open().map_err(|error| error.to_string())?;
        // What QEMU can do is found out now, and so is no trace of the guest's.
        connection.version().map_err(|error| error.to_string())?;
        let text = guest.fill_in(include_str!("../guest/demo.xml"), words);
        connection.define_domain(&text, DefineDomain::empty()).expect("defined");
        connection.plan(&text, virt_core::StartDomain::empty()).expect("planned");
        let before = files(root.path());
        Ok(Self { root, uri, programs, before })
    }

    fn client(&self) -> Client {
        let program = Path::new(env!("CARGO_BIN_EXE_virt-test-client"));
        Client::start(program, &self.uri, &self.programs).expect("a client")
    }

    /// The guest's process or its controller's.
    fn process(&self, name: &str) -> Process {
        let processes = traces::processes(self.root.path()).expect("listed");
        let mut found = processes.into_iter().filter(|(_, own)| own.starts_with(name));
        let (process, _) = found.next().unwrap_or_else(|| panic!("no {name} is running"));
        assert!(found.next().is_none(), "one {name} is enough");
        process
    }

    /// Nothing of the guest is there any more but its definition, its log, which is for people, and the files of locks
    /// that nobody holds: they are never removed, since whoever waits for a lock must wait for its holder's file.
    fn assert_clean(&self) {
        let left = || {
            let here = self.root.path();
            let processes = traces::processes(here).expect("listed");
            let processes = processes.iter().map(|(process, name)| format!("{name} {}", process.pid()));
            let files = &files(here) - &self.before;
            let log = here.join("log");
            let files = files.iter().filter(|file| !file.starts_with(&log) && !is_free_lock(file));
            // Directories of the driver's own, which may hold what other guests need.
            let files = files.filter(|file| !file.is_dir() || file.to_string_lossy().contains("demo"));
            let sockets = traces::sockets(here).expect("listed");
            processes.chain(sockets).chain(files.map(|file| file.display().to_string())).collect::<Vec<_>>()
        };
        let began = Instant::now();
        while !left().is_empty() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(left(), Vec::<String>::new());
        let definition = self.before.iter().find(|file| file.ends_with("demo.xml"));
        assert!(definition.is_some_and(|file| file.is_file()), "the definition stays: {:?}", self.before);
    }
}

impl Drop for Scene {
    /// A test that failed leaves no guest either.
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(connection) = Connection::open(&self.uri)
            && let Ok(domain) = connection.domain_by_name("demo")
        {
            let _ = domain.destroy(virt_core::DestroyDomain::empty());
            let _ = domain.undefine(UndefineDomain::empty());
        }
    }
}

/// Whether this is the file of a lock that nobody holds.
fn is_free_lock(file: &Path) -> bool {
    let (Some(place), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
        return false;
    };
    let holder = || Lock::holder(&Dir::open(place)?, name);
    let is_lock = file.extension().is_some_and(|extension| extension == "lock") && file.is_file();
    is_lock && matches!(holder(), Ok(None))
}

/// Every file, directory and link below a directory.
fn files(place: &Path) -> BTreeSet<PathBuf> {
    let entries = walkdir::WalkDir::new(place).min_depth(1).into_iter().filter_map(Result::ok);
    entries.map(walkdir::DirEntry::into_path).collect()
}

/// What happened, without the numbers; and that the numbers are in order, without a gap.
fn happened(events: &[String]) -> Vec<&str> {
    let split = events.iter().map(|line| line.split_once(' ').expect("number and event"));
    let (numbers, what): (Vec<_>, Vec<_>) = split.unzip();
    let numbers: Vec<u64> = numbers.iter().map(|number| number.parse().expect("a number")).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{events:?}");
    what
}

/// What is done when the guest runs, by `other`, which begins then, while `watcher` was there before.
fn goes_on(scene: &Scene, watcher: &mut Client, mut started: Vec<String>) {
    let mut other = scene.client();
    assert_eq!(other.tell("list").unwrap(), ["demo running"]);
    other.tell("suspend demo").unwrap();
    assert_eq!(other.tell("list").unwrap(), ["demo paused"]);
    other.tell("resume demo").unwrap();
    other.tell("console demo twice").unwrap();
    other.tell("shutdown demo").unwrap();
    let heard = other.tell("until Stopped").unwrap();
    assert_eq!(
        happened(&heard),
        [
            "demo Suspended Paused",
            "demo Resumed Unpaused",
            "demo Shutdown Finished after guest request",
            "demo Stopped Shutdown"
        ]
    );
    assert_eq!(other.tell("list").unwrap(), ["demo shut off"]);
    // The one who was there all the time has heard the same, under the same numbers.
    started.extend(heard);
    let watched = watcher.tell("until Stopped").unwrap();
    assert_eq!(watched, started[started.len() - watched.len()..]);
    assert_eq!(watched.len(), 4);
    happened(&started);
}

#[test]
fn a_guest_outlives_the_process_that_started_it() {
    let scene = match Scene::set("") {
        Ok(scene) => scene,
        Err(reason) => skip!("{reason}"),
    };
    let mut watcher = scene.client();
    let mut starter = scene.client();
    starter.tell("start demo").unwrap();
    starter.kill().unwrap();
    let started = watcher.tell("until Started").unwrap();
    assert_eq!(happened(&started), ["demo Resumed Unpaused", "demo Started Booted"]);
    goes_on(&scene, &mut watcher, started);
    drop(watcher);
    scene.assert_clean();
}

#[test]
fn a_guest_outlives_its_controller() {
    let scene = match Scene::set("") {
        Ok(scene) => scene,
        Err(reason) => skip!("{reason}"),
    };
    let mut watcher = scene.client();
    let mut starter = scene.client();
    starter.tell("start demo").unwrap();
    let started = starter.tell("until Started").unwrap();
    assert_eq!(watcher.tell("until Started").unwrap(), started);
    let controller = scene.process("virt-controller");
    controller.signal(nix::sys::signal::Signal::SIGKILL).unwrap();
    controller.wait(Wait::at_most(PATIENCE)).unwrap();
    goes_on(&scene, &mut watcher, started);
    // Who started the guest lives on, and has missed nothing either.
    assert_eq!(happened(&starter.tell("until Stopped").unwrap()).len(), 4);
    assert_eq!(starter.tell("list").unwrap(), ["demo shut off"]);
    drop((starter, watcher));
    scene.assert_clean();
}

#[test]
fn a_guest_that_ends_while_nobody_is_there_leaves_nothing() {
    let scene = match Scene::set("-- sleep 1; poweroff -f") {
        Ok(scene) => scene,
        Err(reason) => skip!("{reason}"),
    };
    let mut starter = scene.client();
    starter.tell("start demo").unwrap();
    starter.kill().unwrap();
    let guest = scene.process("qemu-system");
    guest.wait(Wait::at_most(Duration::from_mins(2))).unwrap();
    scene.assert_clean();
    // Who comes later finds the truth, and can have it told from the beginning.
    let mut later = scene.client();
    assert_eq!(later.tell("list").unwrap(), ["demo shut off"]);
    let history = later.tell("since 1 Stopped").unwrap();
    assert_eq!(happened(&history).last(), Some(&"demo Stopped Shutdown"));
}
