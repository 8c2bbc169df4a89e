//! The conformance suite on the drivers of this project, linked in and loaded.

use expect_test::expect_file;
use virt_core::{Registry, SearchPath};
use virt_tests::conformance::{self, Report, Subject};
use virt_tests::skip;

fn test_driver(registry: Registry) -> Report {
    conformance::run(&Subject { alone: true, ..Subject::new(registry, "test:///default") }).unwrap()
}

/// Builds the test driver's plugin; answers a directory with nothing else in it.
fn plugin() -> tempfile::TempDir {
    let mut command = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(virt_tests::abi::project());
    command.args(["build", "--offline", "--quiet", "--package", "virt-driver-test-plugin"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A test's executable stands in `deps`, beside which its build's plugins are.
    let executable = std::env::current_exe().unwrap();
    let built = executable.ancestors().nth(2).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = "libvirt_driver_test_plugin.so";
    std::fs::copy(built.join(file), directory.path().join(file)).unwrap();
    directory
}

#[test]
fn the_test_driver_conforms_linked_in() {
    let registry = Registry::empty();
    registry.register::<virt_driver_test::TestDriver>().unwrap();
    expect_file!["../snapshots/conformance-test.txt"].assert_eq(&test_driver(registry).to_string());
}

#[test]
fn the_test_driver_conforms_loaded() {
    let directory = plugin();
    let registry = Registry::searching(SearchPath::only(directory.path()));
    let report = test_driver(registry);
    assert_eq!(report.wrong().collect::<Vec<_>>(), Vec::new());
    expect_file!["../snapshots/conformance-test.txt"].assert_eq(&report.to_string());
}

#[test]
fn the_qemu_driver_conforms_linked_in() {
    if let Err(error) = virt_util::controller::binary() {
        skip!("{error} (build the workspace first)");
    }
    let registry = Registry::empty();
    registry.register::<virt_driver_qemu::QemuDriver>().unwrap();
    registry.register::<virt_driver_network::NetworkDriver>().unwrap();
    registry.register::<virt_driver_storage::StorageDriver>().unwrap();
    registry.register::<virt_driver_secret::SecretDriver>().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let uri = format!("qemu:///embed?root={}", scratch.path().display());
    let pool = format!(
        "<pool type='dir'><name>{{name}}</name><uuid>{{uuid}}</uuid><target><path>{}/{{name}}</path></target></pool>",
        scratch.path().display()
    );
    let subject = Subject { alone: true, pool: Some(pool.into()), ..Subject::new(registry, uri) };
    if let Err(error) = subject.open(false).and_then(|connection| connection.version()) {
        skip!("{error}");
    }
    let report = conformance::run(&subject).unwrap();
    assert_eq!(report.wrong().collect::<Vec<_>>(), Vec::new());
    expect_file!["../snapshots/conformance-qemu.txt"].assert_eq(&report.to_string());
}

/// A suite that cannot fail would say nothing: a driver without anything is not said to work.
#[test]
fn a_driver_that_has_nothing_is_reported_so() {
    use virt_core::driver::{Call, Driver, DriverEntry, Host, Manifest, OpenRequest, Result, Session, Slots};

    struct Nothing;
    impl Session for Nothing {}
    impl Driver for Nothing {
        fn open(&self, _: &Call, _: OpenRequest) -> Result<Slots> {
            Ok(Slots::new(std::sync::Arc::new(Self)))
        }
    }
    impl DriverEntry for Nothing {
        const MANIFEST: Manifest = Manifest {
            name: "nothing",
            version: "1.0.0",
            description: "Nothing",
            schemes: &["nothing"],
            roles: &["hypervisor"],
        };
        fn create(_: Host) -> Result<Self> {
            Ok(Self)
        }
    }
    let registry = Registry::empty();
    registry.register::<Nothing>().unwrap();
    let subject = Subject::new(registry, "nothing:///");
    let report = conformance::run(&subject).unwrap();
    assert_eq!(report.outcome("Domains.define"), Some(&conformance::Outcome::NotSupported));
    let works: Vec<_> =
        report.to_string().lines().filter(|it| it.ends_with(" works")).map(str::to_owned).collect();
    assert!(works.iter().all(|line| line.starts_with("Driver.open ")), "{works:?}");
}
