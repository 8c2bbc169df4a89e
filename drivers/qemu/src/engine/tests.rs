//! Starts that fail at every step, processes that are killed at every moment, and two that start the same guest: with a
//! real QEMU, whose guest never runs an instruction.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use uuid::Uuid;
use virt_conf::model::Domain;
use virt_conf::xml::ParseFlags;
use virt_core::driver::{DomainState, HostServices, ShutoffReason};
use virt_util::controller::{self, Attached, Client};
use virt_util::index::Entry;
use virt_util::journal::Fault;
use virt_util::process::Process;
use virt_util::root::{Location, Root};
use virt_util::wait::Wait;
use virt_util::{ErrorCode, Result};

use super::{Engine, StartOptions};
use crate::command::Settings;
use crate::definition;
use crate::probe::Probes;
use crate::state::{Status, Store};

const GUEST: Uuid = Uuid::from_u128(0xbe00_0000_2222_4000_8000_0000_0000_0001);

const TINY: &str = "<domain type='qemu'>
  <name>tiny</name>
  <uuid>be000000-2222-4000-8000-000000000001</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>";

const PAUSED: StartOptions = StartOptions { paused: true, bound: false, reset_nvram: false, fault: None };

fn soon() -> Wait<'static> {
    Wait::at_most(Duration::from_mins(1))
}

/// A root of its own, and what is needed besides; nothing, said aloud, where something is missing.
struct Lab {
    scratch: tempfile::TempDir,
}

impl Lab {
    fn new() -> Option<Self> {
        if let Err(error) = crate::host::default_emulator() {
            println!("skipped: {error}");
            return None;
        }
        if let Err(error) = controller::binary() {
            println!("skipped: {error} (build the workspace first)");
            return None;
        }
        let lab = Self { scratch: tempfile::tempdir().expect("a directory") };
        let engine = lab.engine();
        let domain = engine.read(TINY);
        let mut lock = engine.store.index().lock("defining", soon()).expect("locked");
        engine.store.write_definition(&mut lock, &domain).expect("defined");
        Some(lab)
    }

    /// As another process would open it.
    fn engine(&self) -> Engine {
        engine(self.scratch.path())
    }

    /// Runs a process that starts the guest and is killed at a step.
    fn kill_starter(&self, step: usize, after: bool) {
        let mut command = Command::new(std::env::current_exe().expect("known"));
        command
            .args(["engine::tests::starter", "--exact", "--ignored"])
            .env("STARTER_STEP", step.to_string());
        command.env("STARTER_ROOT", self.scratch.path());
        if after {
            command.env("STARTER_AFTER", "1");
        }
        let output = command.output().expect("run");
        assert!(!output.status.success(), "step {step}: {}", String::from_utf8_lossy(&output.stdout));
    }

    /// Everything in the run directory that is there only while something goes on.
    fn leftovers(&self) -> Vec<PathBuf> {
        let run = self.scratch.path().join("run/qemu");
        let lasting = ["boot-id", "domains.index", "domains.lock", "boot-id.lock"];
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&run).expect("readable") {
            let path = entry.expect("readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match name.as_str() {
                "events" | "locks" => {}
                name if lasting.contains(&name) => {}
                _ if path.is_dir() => {
                    let inside = std::fs::read_dir(&path).expect("readable");
                    let inside = inside.map(|entry| entry.expect("readable").path());
                    // Lock files are never removed: whoever waits for one would wait for another.
                    let inside: Vec<_> =
                        inside.filter(|path| path.extension().is_none_or(|kind| kind != "lock")).collect();
                    // Kinds of things have directories that stay; a guest's own must go.
                    if inside.is_empty() && !name.starts_with("domain-") {
                        continue;
                    }
                    found.extend(inside);
                    found.push(path);
                }
                _ => found.push(path),
            }
        }
        found
    }

    /// Everything is as if nothing had ever been started.
    fn assert_clean(&self, context: &str) {
        // A controller may be on its way out.
        let needle = self.scratch.path().to_string_lossy().into_owned();
        for (pid, line) in processes().into_iter().filter(|(_, line)| line.contains(&needle)) {
            let Some(process) = Process::open(pid).expect("a handle") else { continue };
            process
                .wait(Wait::at_most(Duration::from_secs(10)))
                .unwrap_or_else(|_| panic!("{context}: {line} runs"));
        }
        assert!(self.leftovers().is_empty(), "{context}: left behind: {:?}", self.leftovers());
        let entry = self.engine().entry(GUEST, soon()).expect("still defined");
        assert!(!entry.is_active(), "{context}: {entry:?}");
    }
}

impl Drop for Lab {
    /// A test that failed leaves no guest either.
    fn drop(&mut self) {
        let _ = self.engine().destroy(GUEST, false, soon());
    }
}

/// A host without other drivers.
struct Alone;

impl HostServices for Alone {}

fn engine(root: &Path) -> Engine {
    let uri = format!("qemu:///embed?root={}", root.display());
    let root = Root::open(&Location::Below(root.to_owned()), "qemu").expect("a root");
    let user =
        crate::config::Config::read(root.config()).and_then(|config| config.user(false)).expect("a user");
    if user.is_some() {
        root.let_pass().expect("opened to others");
    }
    Engine {
        probes: Probes::new(root.cache().subdir("capabilities").expect("a directory")),
        settings: Settings::default(),
        user,
        owns_images: true,
        uri,
        host: Arc::new(Alone),
        bound: std::sync::Mutex::default(),
        store: Arc::new(Store::open(root).expect("a store")),
    }
}

impl Engine {
    fn read(&self, xml: &str) -> Domain {
        definition::parse(xml, &ParseFlags::INACTIVE.into(), self, soon()).expect("a definition")
    }

    fn state(&self) -> (DomainState, i32) {
        let entry = self.entry(GUEST, soon()).expect("defined");
        (DomainState::from_number(entry.state), entry.reason)
    }
}

/// The numbers and command lines of all processes but ours.
fn processes() -> Vec<(u32, String)> {
    let entries = std::fs::read_dir("/proc").expect("readable").filter_map(std::result::Result::ok);
    let process = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok().filter(|pid| *pid != std::process::id())?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
    };
    entries.filter_map(process).collect()
}

fn end(process: u32, signal: Signal) {
    let handle = Process::open(process).expect("a handle").expect("it runs");
    kill(Pid::from_raw(process.cast_signed()), signal).expect("signalled");
    handle.wait(soon()).expect("ended");
}

/// The processes of the guest and of its controller.
fn pids(engine: &Engine, entry: &Entry) -> (u32, u32) {
    let dir = engine.store.existing_guest_dir(GUEST).expect("readable").expect("a guest");
    let Attached::Running(mut client) = Client::attach(&dir, soon()).expect("attached") else {
        panic!("no guest")
    };
    let controller = client.status(soon()).expect("answered").controller.pid;
    (Status::process_of(entry).expect("noted").pid, controller)
}

#[test]
fn a_start_that_fails_at_any_step_leaves_nothing() {
    let Some(lab) = Lab::new() else { return };
    let engine = lab.engine();
    let domain = engine.domain(&engine.entry(GUEST, soon()).expect("defined"), true).expect("readable");
    let steps = engine.prepare(domain, None, PAUSED, soon()).expect("planned").steps.len() + 1;
    assert!(steps >= 5, "{steps}");
    for step in 0..steps {
        for fault in [Fault::Before(step), Fault::After(step)] {
            let options = StartOptions { fault: Some(fault), ..StartOptions::default() };
            let error = engine.start(GUEST, options, soon()).expect_err("made to fail");
            lab.assert_clean(&format!("{fault:?}: {error}"));
        }
    }
    let options = StartOptions { fault: Some(Fault::Before(steps)), ..PAUSED };
    engine.start(GUEST, options, soon()).expect("there is no such step");
    engine.destroy(GUEST, false, soon()).expect("destroyed");
    lab.assert_clean("destroyed");
}

/// Not a test of its own: the process that `a_starter_killed_at_any_step_is_cleaned_up_after` kills.
#[test]
#[ignore = "is run by another test, in a process of its own"]
fn starter() {
    let Some(root) = std::env::var_os("STARTER_ROOT") else { return };
    let step: usize = std::env::var("STARTER_STEP").expect("set").parse().expect("a number");
    let fault = if std::env::var_os("STARTER_AFTER").is_some() {
        Fault::KilledAfter(step)
    } else {
        Fault::KilledBefore(step)
    };
    let options = StartOptions { fault: Some(fault), ..PAUSED };
    let _ = engine(Path::new(&root)).start(GUEST, options, soon());
}

#[test]
fn a_starter_killed_at_any_step_is_cleaned_up_after() {
    let Some(lab) = Lab::new() else { return };
    let steps = 5;
    for step in 0..steps {
        for after in [false, true] {
            lab.kill_starter(step, after);
            let engine = lab.engine();
            engine.recover(soon()).expect("recovered");
            lab.assert_clean(&format!("killed at step {step}, after: {after}"));
        }
    }
    lab.engine().start(GUEST, PAUSED, soon()).expect("started");
    lab.engine().destroy(GUEST, false, soon()).expect("destroyed");
}

/// Whom a file belongs to.
fn owner(path: &Path) -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(path).expect("a file"))
}

#[test]
fn a_starter_killed_at_any_step_leaves_no_file_to_the_emulators_user() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can make a file somebody else's");
        return;
    }
    let Some(lab) = Lab::new() else { return };
    std::fs::set_permissions(lab.scratch.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .expect("opened to others");
    std::fs::write(lab.scratch.path().join("etc/qemu/qemu.conf"), "user = \"nobody\"\n").expect("written");
    let image = lab.scratch.path().join("disk.img");
    std::fs::write(&image, vec![0; 1 << 16]).expect("written");
    let engine = lab.engine();
    let disk = format!(
        "<disk type='file'><driver name='qemu' type='raw'/><source file='{}'/><target dev='vda' bus='virtio'/></disk>\
         </devices>",
        image.display()
    );
    let domain = engine.read(&TINY.replace("</devices>", &disk));
    let mut lock = engine.store.index().lock("defining", soon()).expect("locked");
    engine.store.write_definition(&mut lock, &domain).expect("defined");
    drop(lock);
    let steps = engine.prepare(domain, None, PAUSED, soon()).expect("planned").steps.len();
    for step in 0..steps {
        lab.kill_starter(step, true);
        lab.engine().recover(soon()).expect("recovered");
        assert_eq!(owner(&image), 0, "killed after step {step}");
        lab.assert_clean(&format!("killed after step {step}"));
    }
    let entry = lab.engine().start(GUEST, PAUSED, soon()).expect("started");
    let (guest, controller) = pids(&engine, &entry);
    assert_ne!(owner(&image), 0);
    assert_ne!(owner(Path::new(&format!("/proc/{guest}"))), 0, "QEMU runs as root");
    end(controller, Signal::SIGKILL);
    end(guest, Signal::SIGKILL);
    assert_eq!(lab.engine().state().0, DomainState::Shutoff);
    assert_eq!(owner(&image), 0, "found dead");
    lab.assert_clean("found dead");
}

#[test]
fn a_start_that_fails_at_any_step_leaves_no_tap_device() {
    // Of this thread alone, and of what it starts.
    if let Err(errno) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
        println!("skipped: cannot make a network namespace: {errno}");
        return;
    }
    let Some(lab) = Lab::new() else { return };
    let bridge = Command::new("ip").args(["link", "add", "br0", "type", "bridge"]).status();
    if !bridge.is_ok_and(|status| status.success()) || !Path::new("/dev/net/tun").exists() {
        println!("skipped: cannot make a bridge, or there is no /dev/net/tun");
        return;
    }
    let engine = lab.engine();
    let interfaces = "<interface type='bridge'><source bridge='br0'/><model type='virtio'/></interface>
        <interface type='ethernet'><target dev='eth-tap'/><model type='virtio'/></interface></devices>";
    let domain = engine.read(&TINY.replace("</devices>", interfaces));
    let mut lock = engine.store.index().lock("defining", soon()).expect("locked");
    engine.store.write_definition(&mut lock, &domain).expect("defined");
    drop(lock);
    let steps = engine.prepare(domain, None, PAUSED, soon()).expect("planned").steps.len();
    let taps = || ["vnet0", "eth-tap"].map(|name| nix::net::if_::if_nametoindex(name).is_ok());
    // What another test starts at the same moment has our descriptors from fork to exec, and a device as long as these.
    let assert_no_taps = |when: &str| {
        let patience = Instant::now() + Duration::from_secs(10);
        while taps() != [false, false] && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(taps(), [false, false], "{when}");
    };
    for step in 0..steps {
        for fault in [Fault::Before(step), Fault::After(step)] {
            let options = StartOptions { fault: Some(fault), ..PAUSED };
            engine.start(GUEST, options, soon()).expect_err("made to fail");
            assert_no_taps(&format!("{fault:?}"));
            lab.assert_clean(&format!("{fault:?}"));
        }
    }
    engine.start(GUEST, PAUSED, soon()).expect("started");
    assert_eq!(taps(), [true, true]);
    engine.destroy(GUEST, false, soon()).expect("destroyed");
    assert_no_taps("destroyed");
    lab.assert_clean("destroyed");
}

#[test]
fn of_two_starters_one_starts() {
    let Some(lab) = Lab::new() else { return };
    let starters: Vec<_> = (0..2)
        .map(|_| {
            let root = lab.scratch.path().to_owned();
            std::thread::spawn(move || engine(&root).start(GUEST, PAUSED, soon()).map(drop))
        })
        .collect();
    let outcomes: Vec<Result<()>> =
        starters.into_iter().map(|starter| starter.join().expect("ended")).collect();
    let errors: Vec<String> =
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err().map(ToString::to_string)).collect();
    assert_eq!(errors, ["Requested operation is not valid: domain is already running"]);
    lab.engine().destroy(GUEST, false, soon()).expect("destroyed");
    lab.assert_clean("destroyed");
}

#[test]
fn another_process_finds_what_runs() {
    let Some(lab) = Lab::new() else { return };
    lab.engine().start(GUEST, PAUSED, soon()).expect("started");
    let other = lab.engine();
    assert_eq!(other.state().0, DomainState::Paused);
    other.resume(GUEST, soon()).expect("resumed");
    assert_eq!(other.state().0, DomainState::Running);
    let error = other.resume(GUEST, soon()).expect_err("runs");
    assert_eq!(error.to_string(), "Requested operation is not valid: domain is already running");
    other.suspend(GUEST, soon()).expect("suspended");
    lab.engine().destroy(GUEST, false, soon()).expect("destroyed");
    assert_eq!(other.state(), (DomainState::Shutoff, ShutoffReason::Destroyed.number()));
    lab.assert_clean("destroyed");
}

#[test]
fn a_killed_controller_is_replaced() {
    let Some(lab) = Lab::new() else { return };
    let engine = lab.engine();
    let entry = engine.start(GUEST, PAUSED, soon()).expect("started");
    let (guest, controller) = pids(&engine, &entry);
    end(controller, Signal::SIGKILL);
    let other = lab.engine();
    assert_eq!(other.state().0, DomainState::Paused);
    other.resume(GUEST, soon()).expect("resumed");
    let (same, another) = pids(&other, &entry);
    assert_eq!(same, guest);
    assert_ne!(another, controller);
    other.destroy(GUEST, false, soon()).expect("destroyed");
    lab.assert_clean("destroyed");
}

#[test]
fn a_guest_killed_with_its_controller_is_found_dead() {
    let Some(lab) = Lab::new() else { return };
    let engine = lab.engine();
    let entry = engine.start(GUEST, PAUSED, soon()).expect("started");
    let (guest, controller) = pids(&engine, &entry);
    end(controller, Signal::SIGKILL);
    end(guest, Signal::SIGKILL);
    assert_eq!(lab.engine().state(), (DomainState::Shutoff, ShutoffReason::Crashed.number()));
    lab.assert_clean("found dead");
    let error = lab.engine().destroy(GUEST, false, soon()).expect_err("off");
    assert_eq!(error.to_string(), "Requested operation is not valid: domain is not running");
    assert_eq!(error.code(), ErrorCode::OPERATION_INVALID);
}

#[test]
fn a_transient_guest_vanishes() {
    let Some(lab) = Lab::new() else { return };
    let engine = lab.engine();
    let xml = TINY.replace("tiny", "fleeting").replace("000000000001<", "000000000002<");
    let entry = engine.start_transient(engine.read(&xml), PAUSED, soon()).expect("started");
    assert!(!entry.is_persistent());
    let again = lab.engine().start_transient(engine.read(&xml), PAUSED, soon()).expect_err("runs");
    assert_eq!(again.to_string(), "Requested operation is not valid: domain is already active as 'fleeting'");
    lab.engine().destroy(entry.uuid, false, soon()).expect("destroyed");
    let error = lab.engine().entry(entry.uuid, soon()).expect_err("gone");
    assert_eq!(error.code(), ErrorCode::NO_DOMAIN);
    lab.assert_clean("vanished");
}

#[test]
fn a_bad_option_is_reported_in_qemus_words() {
    let Some(lab) = Lab::new() else { return };
    let engine = lab.engine();
    let passthrough = "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg \
                       value='-no-such-option'/></qemu:commandline></domain>";
    let xml = TINY
        .replace("tiny", "odd")
        .replace("000000000001<", "000000000002<")
        .replace("</domain>", passthrough);
    let error = engine.start_transient(engine.read(&xml), PAUSED, soon()).expect_err("refused");
    assert!(error.to_string().contains("-no-such-option: invalid option"), "{error}");
    lab.assert_clean("refused");
}
