//! The examples for applications, run as their readers run them.

use std::path::{Path, PathBuf};
use std::process::Command;

use virt_tests::{abi, guest, skip};

/// Where this build puts plugins and programs; its examples are in a directory of it.
fn built() -> PathBuf {
    // A test's executable stands in `deps`.
    let executable = std::env::current_exe().expect("known");
    executable.ancestors().nth(2).expect("a directory of the build").to_owned()
}

/// Builds what cargo calls this.
fn build(words: &[&str]) {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(abi::project()).args(["build", "--offline", "--quiet"]).args(words);
    let output = command.output().expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What an example prints, with the plugins of this directory and no others.
fn run(name: &str, plugins: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(built().join("examples").join(name));
    let output = command.args(arguments).env("VIRT_DRIVER_DIR", plugins).output().expect("built");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} ended with {}\n{said}\n{complaint}", output.status);
    said
}

/// The lines of a text, without the blanks that align them.
fn lines(text: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(words).collect()
}

/// One test, so that cargo is not asked by several at once.
#[test]
fn every_example_does_what_it_says() {
    build(&["--package", "virt-driver-test-plugin"]);
    build(&["--package", "virt-core", "--examples"]);
    let plugins = tempfile::tempdir().expect("a directory");
    let file = "libvirt_driver_test_plugin.so";
    std::fs::copy(built().join(file), plugins.path().join(file)).expect("copied");
    let nothing = tempfile::tempdir().expect("a directory");

    let said = lines(&run("plugins", plugins.path(), &[]));
    assert!(
        said.iter().any(|line| line.starts_with("driver test ") && line.ends_with(" serves test")),
        "{said:?}"
    );
    assert!(said.contains(&"connected to TEST on test:///default".to_owned()), "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("test running"));

    let said = run("one_binary", nothing.path(), &[]);
    assert_eq!(said, "web is running with 2 vCPUs and 65536 KiB\n");

    let said = lines(&run("events", plugins.path(), &[]));
    let [suspended, resumed] = &said[..] else { panic!("{said:?}") };
    assert!(suspended.ends_with(" test Suspended (Paused)"), "{suspended}");
    assert!(resumed.ends_with(" test Resumed (Unpaused)"), "{resumed}");

    let said = run("console", plugins.path(), &[]);
    assert!(said.contains("hello"), "{said}");
}

#[test]
fn a_linux_guest_answers_on_its_console() {
    let guest = match guest::build() {
        Ok(guest) => guest,
        Err(error) => skip!("no guest to boot: {error:#}"),
    };
    let plugin = built().join("libvirt_driver_qemu_plugin.so");
    if !plugin.exists() || !built().join("virt-controller").exists() {
        skip!("there is no {} with its controller (build the workspace first)", plugin.display());
    }
    if virt_util::spawn::find_program("qemu-system-x86_64").is_none() {
        skip!("there is no qemu-system-x86_64");
    }
    build(&["--package", "virt-core", "--examples"]);
    let root = tempfile::tempdir().expect("a directory");
    let definition = root.path().join("guest.xml");
    let text =
        std::fs::read_to_string(abi::project().join("tests/guest/demo.xml")).expect("the demonstration's");
    std::fs::write(&definition, guest.fill_in(&text, "")).expect("written");
    let uri = format!("qemu:///embed?root={}", root.path().display());
    // Split, so that the echo of the command is not taken for its answer.
    let arguments = [&uri, &*definition.to_string_lossy(), "tiny# ", "echo hel''lo from $(uname)"];
    let said = run("console", &built(), &arguments);
    assert!(said.contains("hello"), "{said}");
    let left = std::fs::read_dir(root.path().join("run/qemu/status")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "the guest is gone");
}
