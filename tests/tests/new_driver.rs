//! Drivers from outside this project: the example driver and one made by `cargo xtask new-driver`, each built in a
//! workspace of its own, loaded from its file, and used.

use std::path::{Path, PathBuf};
use std::process::Command;

use virt_core::{
    Connection, DefineDomain, DestroyDomain, DriverState, ErrorCode, ListDomains, Registry, SearchPath,
    StartDomain,
};
use virt_tests::conformance::{self, Outcome, Subject};

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}\n{said}", output.status);
}

/// Builds and tests the workspace of a driver; answers where its plugin is. What it is built on is shared between the
/// tests, so that it is built once.
fn build(workspace: &Path) -> PathBuf {
    let target = project().join("target/outside");
    // The versions that this checkout is built with: nothing has to be downloaded.
    std::fs::copy(project().join("Cargo.lock"), workspace.join("Cargo.lock")).unwrap();
    for action in ["build", "test"] {
        let mut command = cargo();
        command.current_dir(workspace).env("CARGO_TARGET_DIR", &target);
        succeeds(command.args([action, "--workspace", "--offline", "--quiet"]));
    }
    target.join("debug")
}

/// Loads a driver from its file alone, and uses it.
fn check(plugins: &Path, name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = format!("libvirt_driver_{}_plugin.so", name.replace('-', "_"));
    std::fs::copy(plugins.join(&file), directory.path().join(&file)).unwrap();
    let registry = Registry::searching(SearchPath::only(directory.path()));
    let drivers = registry.drivers();
    let [driver] = &drivers[..] else { panic!("{drivers:?}") };
    assert_eq!((driver.name.as_str(), &driver.schemes[..]), (name, &[name.to_owned()][..]));
    assert!(matches!(driver.state, DriverState::Available), "{driver:?}");

    let connection = Connection::builder().uri(format!("{name}:///")).registry(&registry).open().unwrap();
    let xml = "<domain type='test'><name>one</name><memory>1024</memory><os><type>hvm</type></os></domain>";
    let guest = connection.define_domain(xml, DefineDomain::empty()).unwrap();
    guest.start(StartDomain::empty()).unwrap();
    let names = |filter| -> Vec<String> {
        connection.domains(filter).unwrap().iter().map(|entry| entry.name.clone()).collect()
    };
    assert_eq!(names(ListDomains::ACTIVE), ["one"]);
    assert!(guest.xml(virt_core::DomainXml::empty()).unwrap().contains("<name>one</name>"));
    guest.destroy(DestroyDomain::empty()).unwrap();
    assert_eq!(names(ListDomains::ACTIVE), Vec::<String>::new());
    guest.undefine(virt_core::UndefineDomain::empty()).unwrap();
    assert_eq!(guest.state().unwrap_err().code(), ErrorCode::NO_DOMAIN);
    // An empty slot is answered by the host alone.
    assert_eq!(connection.node_info().unwrap_err().code(), ErrorCode::NO_SUPPORT);
    let error = connection.define_domain("<domain", DefineDomain::empty()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::XML_DETAIL);
    assert!(matches!(registry.drivers()[0].state, DriverState::Loaded));
}

/// Makes `to` hold what `from` holds, built files aside; what is the same already keeps its time, so that it is not built
/// again.
fn mirror(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (name, kind) = (entry.file_name(), entry.file_type().unwrap());
        if name == "target" || name == ".git" {
            continue;
        }
        let copy = to.join(&name);
        if kind.is_dir() {
            mirror(&entry.path(), &copy);
        } else if kind.is_file() {
            let content = std::fs::read(entry.path()).unwrap();
            if std::fs::read(&copy).ok().as_ref() != Some(&content) {
                std::fs::write(&copy, content).unwrap();
            }
        }
        kept.push(name);
    }
    for entry in std::fs::read_dir(to).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            _ if kept.contains(&entry.file_name()) => {}
            true => std::fs::remove_dir_all(entry.path()).unwrap(),
            false => std::fs::remove_file(entry.path()).unwrap(),
        }
    }
}

/// In a copy of this project, so that nothing is left in the real one: the workspace takes it in, it builds and loads there,
/// and the conformance suite finds nothing wrong with it.
#[test]
fn a_new_driver_in_this_project_works_from_the_first_moment() {
    // A place of its own, always the same: what the driver is built on is built once.
    let copy = project().join("target/inside");
    let target = project().join("target/outside");
    mirror(project(), &copy);
    let mut command = cargo();
    let arguments = ["run", "--quiet", "--package", "xtask", "--", "new-driver", "my-inside"];
    command.current_dir(project()).args(arguments);
    succeeds(command.arg("--project").arg(&copy));
    for action in ["build", "test"] {
        let mut command = cargo();
        command.current_dir(&copy).env("CARGO_TARGET_DIR", &target);
        command.args([action, "--offline", "--quiet"]);
        succeeds(command.args([
            "--package",
            "virt-driver-my-inside",
            "--package",
            "virt-driver-my-inside-plugin",
        ]));
    }
    check(&target.join("debug"), "my-inside");

    let directory = tempfile::tempdir().unwrap();
    let file = "libvirt_driver_my_inside_plugin.so";
    std::fs::copy(target.join("debug").join(file), directory.path().join(file)).unwrap();
    let registry = Registry::searching(SearchPath::only(directory.path()));
    let report = conformance::run(&Subject::new(registry, "my-inside:///")).unwrap();
    assert_eq!(report.wrong().collect::<Vec<_>>(), Vec::new());
    assert_eq!(report.outcome("Lifecycle.create"), Some(&Outcome::Works));
    std::fs::remove_dir_all(copy.join("drivers/my-inside")).unwrap();
}

#[test]
fn the_example_driver_works_as_a_third_party_would_build_it() {
    check(&build(&project().join("docs/example-driver")), "example");
}

#[test]
fn a_new_driver_works_from_the_first_moment() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("driver");
    let mut command = cargo();
    command.current_dir(project()).args([
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--",
        "new-driver",
        "my-own",
    ]);
    succeeds(command.arg("--outside").arg(&place));
    check(&build(&place), "my-own");
}
