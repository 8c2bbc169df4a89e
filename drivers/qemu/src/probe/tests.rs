//! The probe against the QEMU that is installed.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::caps::{HostCpu, HostCpuValue};

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
    let capabilities = probe(binary, Some(Accelerator::Tcg), soon()).expect("probed");
    assert_eq!(capabilities.arch, Arch::X86_64);
    assert!(capabilities.version > 6_000_000, "{}", capabilities.version);
    let tcg = capabilities.tcg.as_ref().expect("built with TCG");
    assert!(tcg.machines.first().is_some_and(|machine| machine.default), "the default machine type is first");
    assert!(tcg.cpus.iter().any(|cpu| cpu.name == "qemu64" && cpu.usable == Some(true)));
    let host = tcg.host_cpu.as_ref().expect("it says what it emulates at most");
    assert!(host.migratability, "{}", host.model);
    let on = |name: &str| {
        let property = host.properties.iter().find(|property| property.name == name)?;
        Some((property.value == HostCpuValue::Boolean(true), property.migratable))
    };
    assert_eq!(on("cmov"), Some((true, Some(true))));
    assert_eq!(on("ia64").map(|(on, _)| on), Some(false));
    let guest = capabilities.host_model(Accelerator::Tcg, true, None).expect("a model comes close to it");
    let model = guest.model.expect("named");
    assert!(tcg.cpus.iter().any(|cpu| cpu.name == model.name), "{}", model.name);
}

#[test]
fn what_keeps_a_guest_from_moving_is_found_by_asking_twice() {
    let answer = r#"{"model": {"name": "base", "props": {"a": true, "b": false, "c": false, "level": 13, "x": null}}}"#;
    let pinned = r#"{"model": {"name": "base", "props": {"b": true, "c": false, "a": true, "d": true}}}"#;
    let host = HostCpu::from_expansion(answer, Some(pinned)).expect("understood");
    let features: Vec<_> =
        host.properties.iter().map(|known| (known.name.as_str(), &known.value, known.migratable)).collect();
    assert_eq!(
        features,
        [
            ("a", &HostCpuValue::Boolean(true), Some(true)),
            ("b", &HostCpuValue::Boolean(true), Some(false)),
            ("c", &HostCpuValue::Boolean(false), None),
            ("level", &HostCpuValue::Number(13), None),
        ]
    );
    assert!(!HostCpu::from_expansion(answer, None).expect("understood").migratability);
    HostCpu::from_expansion("{}", None).expect_err("no processor");
}

#[test]
fn what_libvirt_found_is_found() {
    let Some(path) = std::env::var_os("LIBVIRT_QEMU_CACHE") else {
        println!("skipped: LIBVIRT_QEMU_CACHE names no capabilities cache written by libvirt");
        return;
    };
    let text = std::fs::read_to_string(path).expect("readable");
    let theirs = Capabilities::from_cache_xml(&text).expect("a cache");
    let ours = probe(Path::new(&theirs.emulator), Some(Accelerator::Tcg), soon()).expect("probed");
    let more: Vec<_> = ours.flags.iter().filter(|flag| !theirs.has(*flag)).collect();
    let less: Vec<_> = theirs.flags.iter().filter(|flag| !ours.has(*flag)).collect();
    assert!(more.is_empty() && less.is_empty(), "ours alone: {more:?}; libvirt's alone: {less:?}");
    assert_eq!((ours.version, &ours.package, ours.arch), (theirs.version, &theirs.package, theirs.arch));
    for accelerator in [Accelerator::Tcg, Accelerator::Kvm] {
        let (Some(ours), Some(theirs)) = (ours.under(accelerator), theirs.under(accelerator)) else {
            continue;
        };
        assert_eq!(ours.machines, theirs.machines);
        let processors = probe_processors(Path::new("/usr/bin/qemu-system-x86_64"), accelerator, soon());
        let processors = processors.expect("asked");
        assert_eq!(processors.models, theirs.cpus);
        assert_eq!(processors.host, theirs.host_cpu);
    }
}

#[test]
fn a_binary_that_is_no_qemu_is_refused_with_its_words() {
    let error = probe(Path::new("/bin/false"), None, soon()).expect_err("no QEMU");
    assert_eq!(error.to_string(), "operation failed: QEMU unexpectedly closed the monitor (vm='/bin/false')");
    let error = probe(Path::new("/bin/ls"), None, soon()).expect_err("no QEMU");
    assert!(error.to_string().contains("Failed to probe QEMU binary with QMP: /bin/ls: "), "{error}");
    let error = probe(Path::new("/nonexistent/qemu"), None, soon()).expect_err("no QEMU");
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
    assert!(again.tcg.as_ref().is_some_and(|tcg| tcg.cpus.is_empty()), "nobody asked for CPU models");
    let with = probes.with_processors(&binary, Accelerator::Tcg, soon()).expect("asked");
    assert!(with.tcg.as_ref().is_some_and(|tcg| tcg.cpus.iter().any(|cpu| cpu.name == "qemu64")));
    let asked = asked + 1;
    assert_eq!(count(), asked);
    let again = Probes::new(dir.clone()).with_processors(&binary, Accelerator::Tcg, soon()).expect("stored");
    assert_eq!(
        (again.tcg.as_ref().map(|tcg| tcg.cpus.len()), count()),
        (with.tcg.as_ref().map(|tcg| tcg.cpus.len()), asked)
    );
    write("another");
    Probes::new(dir).capabilities(&binary, soon()).expect("probed again");
    assert_eq!(count(), asked + 2);
}
