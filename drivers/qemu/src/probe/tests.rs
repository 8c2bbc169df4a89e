//! The probe against the QEMU that is installed.

use std::path::Path;
use std::time::{Duration, Instant};

use super::*;

/// The installed QEMU; nothing, said aloud, when there is none.
fn qemu() -> Option<&'static Path> {
    let binary = Path::new("/usr/bin/qemu-system-x86_64");
    if !binary.exists() {
        eprintln!("skipped: {} is not installed", binary.display());
        return None;
    }
    Some(binary)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

#[test]
fn the_installed_qemu_is_understood() {
    let Some(binary) = qemu() else { return };
    let capabilities = probe(binary, Some(soon())).expect("probed");
    assert_eq!(capabilities.arch, Arch::X86_64);
    assert!(capabilities.version > 6_000_000, "{}", capabilities.version);
    let tcg = capabilities.tcg.as_ref().expect("built with TCG");
    assert!(tcg.machines.first().is_some_and(|machine| machine.default), "the default machine type is first");
    assert!(tcg.cpus.iter().any(|cpu| cpu.name == "qemu64" && cpu.usable == Some(true)));
}

#[test]
fn what_libvirt_found_is_found() {
    let Some(path) = std::env::var_os("LIBVIRT_QEMU_CACHE") else {
        eprintln!("skipped: LIBVIRT_QEMU_CACHE names no capabilities cache written by libvirt");
        return;
    };
    let text = std::fs::read_to_string(path).expect("readable");
    let theirs = Capabilities::from_cache_xml(&text).expect("a cache");
    let ours = probe(Path::new(&theirs.emulator), Some(soon())).expect("probed");
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
    let error = probe(Path::new("/bin/false"), Some(soon())).expect_err("no QEMU");
    assert_eq!(error.to_string(), "operation failed: QEMU unexpectedly closed the monitor (vm='/bin/false')");
    let error = probe(Path::new("/bin/ls"), Some(soon())).expect_err("no QEMU");
    assert!(error.to_string().contains("Failed to probe QEMU binary with QMP: /bin/ls: "), "{error}");
    let error = probe(Path::new("/nonexistent/qemu"), Some(soon())).expect_err("no QEMU");
    assert_eq!(error.to_string(), "cannot run '/nonexistent/qemu': No such file or directory");
}
