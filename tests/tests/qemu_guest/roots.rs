//! The places that `qemu:///session` and `qemu:///system` use by default, with throw-away directories in their stead.

use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use virt_core::{DefineDomain, DestroyDomain, DomainState, ListDomains, StartDomain, UndefineDomain};
use virt_tests::skip;

use crate::lab::{NAME, bare, files, open, process, role};

/// What the other process says when it cannot run here.
const CANNOT: &str = "cannot: ";

/// The five directories of the driver.
struct Places {
    config: PathBuf,
    lib: PathBuf,
    run: PathBuf,
    cache: PathBuf,
    log: PathBuf,
}

/// A guest's life under `uri`, whose directories these are.
fn live(uri: &str, places: &Places) {
    let connection = open(uri).expect("opened");
    if let Err(error) = connection.version() {
        println!("{CANNOT}{error}");
        return;
    }
    let domain = connection.define_domain(&bare(""), DefineDomain::empty()).expect("defined");
    assert!(places.config.join(format!("{NAME}.xml")).is_file());
    assert!(!files(&places.cache.join("capabilities")).is_empty());
    domain.start(StartDomain::PAUSED).expect("started");
    assert!(places.log.join(format!("{NAME}.log")).is_file());
    assert!(places.lib.is_dir());
    let guest = process(&places.run);
    let user =
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("/proc/{guest}")).expect("runs"));
    let accounts = ["virt-qemu", "libvirt-qemu", "qemu"];
    let account = accounts.iter().find_map(|name| nix::unistd::User::from_name(name).ok()?);
    let expected = account.filter(|_| uri == "qemu:///system").map_or(nix::unistd::geteuid(), |it| it.uid);
    assert_eq!(user, expected.as_raw(), "the user of the emulator");
    let other = open(uri).expect("opened again");
    assert_eq!(other.domains(ListDomains::ACTIVE).expect("listed").len(), 1);
    other.domain_by_name(NAME).expect("found").destroy(DestroyDomain::empty()).expect("destroyed");
    assert_eq!(domain.state().expect("known"), DomainState::Shutoff);
    domain.undefine(UndefineDomain::empty()).expect("undefined");
    assert!(!places.config.join(format!("{NAME}.xml")).exists());
    let gone = domain.state().expect_err("gone").to_string();
    let uuid = domain.uuid();
    assert_eq!(gone, format!("Domain not found: no domain with matching uuid '{uuid}' ({NAME})"));
    println!("lived");
}

/// Not a test: the process with an environment of its own.
#[test]
#[ignore = "is run by another test, in a process of its own"]
fn session() {
    let Some(home) = std::env::var_os("SESSION_HOME").map(PathBuf::from) else { return };
    let of = |place: &str| home.join(place);
    live(
        "qemu:///session",
        &Places {
            config: of("config/virt/qemu"),
            lib: of("data/virt/qemu"),
            run: of("run/virt/qemu"),
            cache: of("cache/virt/qemu"),
            log: of("state/virt/log/qemu"),
        },
    );
}

/// Not a test: the process with mounts of its own.
#[test]
#[ignore = "is run by another test, in a process of its own"]
fn system() {
    let Some(scratch) = std::env::var_os("SYSTEM_SCRATCH").map(PathBuf::from) else { return };
    if let Err(errno) = cover(&scratch) {
        println!("{CANNOT}no mounts of its own: {errno}");
        return;
    }
    let of = |place: &str| PathBuf::from(place).join("virt/qemu");
    live(
        "qemu:///system",
        &Places {
            config: of("/etc"),
            lib: of("/var/lib"),
            run: of("/run"),
            cache: of("/var/cache"),
            log: of("/var/log"),
        },
    );
}

/// Puts empty file systems over the places of the system, for this process and those that it starts.
fn cover(scratch: &Path) -> nix::Result<()> {
    const NOTHING: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)?;
    mount(Some("tmpfs"), scratch, Some("tmpfs"), MsFlags::empty(), NOTHING)?;
    let (upper, work) = (scratch.join("upper"), scratch.join("work"));
    std::fs::create_dir(&upper).and_then(|()| std::fs::create_dir(&work)).expect("made");
    // What else is in /etc is needed.
    let layers = format!("lowerdir=/etc,upperdir={},workdir={}", upper.display(), work.display());
    mount(Some("overlay"), "/etc", Some("overlay"), MsFlags::empty(), Some(layers.as_str()))?;
    for place in ["/var/lib", "/run", "/var/cache", "/var/log"] {
        mount(Some("tmpfs"), place, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))?;
    }
    Ok(())
}

/// Why it could not run, if it could not; panics when it went wrong.
fn outcome(command: &mut std::process::Command) -> Option<String> {
    let output = command.output().expect("run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complaint}");
    let reason = said.lines().find_map(|line| line.split_once(CANNOT)).map(|(_, reason)| reason.to_owned());
    assert!(reason.is_some() || said.contains("lived"), "{said}{complaint}");
    reason
}

#[test]
fn the_session_is_in_the_users_directories() {
    if let Err(error) = virt_util::controller::binary() {
        skip!("{error} (build the workspace first)");
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let mut command = role("roots::session");
    command.env("SESSION_HOME", scratch.path()).env("HOME", scratch.path());
    for (name, place) in [
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_RUNTIME_DIR", "run"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_STATE_HOME", "state"),
    ] {
        command.env(name, scratch.path().join(place));
    }
    if let Some(reason) = outcome(&mut command) {
        skip!("{reason}");
    }
}

#[test]
fn the_system_is_in_its_directories() {
    if !nix::unistd::geteuid().is_root() {
        skip!("qemu:///system is root's alone");
    }
    if let Err(error) = virt_util::controller::binary() {
        skip!("{error} (build the workspace first)");
    }
    let scratch = tempfile::tempdir().expect("a directory");
    if let Some(reason) = outcome(role("roots::system").env("SYSTEM_SCRATCH", scratch.path())) {
        skip!("{reason}");
    }
}
