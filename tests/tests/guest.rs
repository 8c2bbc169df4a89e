//! The tiny guest boots in a bare QEMU, runs what its command line says, and hears its power button.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use virt_tests::guest::{self, Guest};
use virt_tests::skip;

/// A QEMU that does not outlive its test.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        // It has ended by itself where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Boots the guest with its console on our pipe; `None` where there is no QEMU.
fn boot(guest: &Guest, words: &str, monitor: &Path) -> Option<Machine> {
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "256", "-nodefaults", "-no-reboot"]);
    qemu.args(["-display", "none", "-serial", "stdio", "-device", "virtio-rng-pci", "-append"]);
    qemu.arg(format!("{} {words}", Guest::COMMAND_LINE)).arg("-kernel").arg(&guest.kernel);
    qemu.arg("-initrd").arg(&guest.initrd);
    qemu.arg("-qmp").arg(format!("unix:{},server=on,wait=off", monitor.display()));
    match qemu.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
        Ok(child) => Some(Machine(child)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("cannot start QEMU: {error}"),
    }
}

#[test]
fn the_guest_runs_what_its_command_line_says() {
    let guest = match guest::build() {
        Ok(guest) => guest,
        Err(error) => skip!("no guest to boot: {error:#}"),
    };
    let directory = tempfile::tempdir().unwrap();
    let Some(mut machine) = boot(&guest, "-- uname -r; poweroff -f", &directory.path().join("monitor"))
    else {
        skip!("there is no qemu-system-x86_64");
    };
    let mut console = String::new();
    machine.0.stdout.take().unwrap().read_to_string(&mut console).unwrap();
    assert!(machine.0.wait().unwrap().success());
    let after =
        console.split_once(Guest::READY).unwrap_or_else(|| panic!("it did not come up:\n{console}")).1;
    assert!(after.lines().any(|line| line.trim() == guest.release), "{after}");
}

#[test]
fn the_guest_hears_its_power_button() {
    let guest = match guest::build() {
        Ok(guest) => guest,
        Err(error) => skip!("no guest to boot: {error:#}"),
    };
    let directory = tempfile::tempdir().unwrap();
    let monitor = directory.path().join("monitor");
    let Some(mut machine) = boot(&guest, "", &monitor) else {
        skip!("there is no qemu-system-x86_64");
    };
    let mut console = BufReader::new(machine.0.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(Guest::READY) {
        line.clear();
        assert!(console.read_line(&mut line).unwrap() > 0, "it ended before it was up");
    }
    let mut monitor = UnixStream::connect(&monitor).unwrap();
    monitor.write_all(b"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"system_powerdown\"}\n").unwrap();
    let mut rest = String::new();
    console.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("Power down"), "{rest}");
    assert!(machine.0.wait().unwrap().success());
}
