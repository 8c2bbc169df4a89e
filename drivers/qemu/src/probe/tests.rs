//! The probe against the QEMU that is installed.

use std::path::Path;
use std::time::Duration;

use super::*;

/// The installed QEMU; nothing, said aloud, when there is none.
fn qemu() -> Option<&'static Path> {
    let binary = Path::new("/usr/bin/qemu-system-x86_64");
    if !binary.exists() {
        println!("skipped: {} is not installed", binary.display());
        return None;
    }
    Some(binary)
}

fn soon() -> Wait<'static> {
    Wait::at_most(Duration::from_secs(30))
}

#[test]
fn the_installed_qemu_is_understood() {
    let Some(binary) = qemu() else { return };
    let capabilities = probe(binary, soon()).expect("probed");
    assert_eq!(capabilities.arch, Arch::X86_64);
    assert!(capabilities.version > 6_000_000, "{}", capabilities.version);
    let tcg = capabilities.tcg.as_ref().expect("built with TCG");
    assert!(tcg.machines.first().is_some_and(|machine| machine.default), "the default machine type is first");
    assert!(tcg.cpus.iter().any(|cpu| cpu.name == "qemu64" && cpu.usable == Some(true)));
}

#[test]
fn what_libvirt_found_is_found() {
    let Some(path) = std::env::var_os("LIBVIRT_QEMU_CACHE") else {
        println!("skipped: LIBVIRT_QEMU_CACHE names no capabilities cache written by libvirt");
        return;
    };
    let text = std::fs::read_to_string(path).expect("readable");
    let theirs = Capabilities::from_cache_xml(&text).expect("a cache");
    let ours = probe(Path::new(&theirs.emulator), soon()).expect("probed");
    let more: Vec<_> = ours.flags.iter().filter(|flag| !theirs.has(*flag)).collect();
    let less: Vec<_> = theirs.flags.iter().filter(|flag| !ours.has(*flag)).collect();
    assert!(more.is_empty() && less.is_empty(), "ours alone: {more:?}; libvirt's alone: {less:?}");
    assert_eq!((ours.version, &ours.package, ours.arch), (theirs.version, &theirs.package, theirs.arch));
    for (ours, theirs) in [(ours.tcg, theirs.tcg), (ours.kvm, theirs.kvm)] {
        let (Some(ours), Some(theirs)) = (ours, theirs) else { continue };
        assert_eq!(ours.machines, theirs.machines);
        assert_eq!(ours.cpus, theirs.cpus);
    }
}

#[test]
fn a_binary_that_is_no_qemu_is_refused_with_its_words() {
    let error = probe(Path::new("/bin/false"), soon()).expect_err("no QEMU");
    assert_eq!(error.to_string(), "operation failed: QEMU unexpectedly closed the monitor (vm='/bin/false')");
    let error = probe(Path::new("/bin/ls"), soon()).expect_err("no QEMU");
    assert!(error.to_string().contains("Failed to probe QEMU binary with QMP: /bin/ls: "), "{error}");
    let error = probe(Path::new("/nonexistent/qemu"), soon()).expect_err("no QEMU");
    assert_eq!(error.to_string(), "cannot run '/nonexistent/qemu': No such file or directory");
}

#[test]
fn a_binary_is_asked_once_until_it_changes() {
    let Some(installed) = qemu() else { return };
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = virt_util::dir::Dir::open(scratch.path()).expect("opened");
    // A script that counts its runs, and is another binary as soon as it is written again.
    let (binary, runs) = (scratch.path().join("qemu"), scratch.path().join("runs"));
    let write = |comment: &str| {
        let script = format!(
            "#!/bin/sh\n# {comment}\necho >> {}\nexec {} \"$@\"\n",
            runs.display(),
            installed.display()
        );
        std::fs::write(&binary, script).expect("written");
        std::fs::set_permissions(&binary, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("allowed");
    };
    let count = || std::fs::read_to_string(&runs).map_or(0, |text| text.lines().count());
    write("one");
    let probes = Probes::new(dir.clone());
    let first = probes.capabilities(&binary, soon()).expect("probed");
    let asked = count();
    assert!(asked > 0);
    assert!(std::sync::Arc::ptr_eq(&first, &probes.capabilities(&binary, soon()).expect("remembered")));
    let again = Probes::new(dir.clone()).capabilities(&binary, soon()).expect("stored");
    assert_eq!((again.flags, again.version, count()), (first.flags, first.version, asked));
    write("another");
    Probes::new(dir).capabilities(&binary, soon()).expect("probed again");
    assert_eq!(count(), 2 * asked);
}
