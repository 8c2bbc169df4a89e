//! Files that look like plugins and are not used: each is refused with a sentence that says why, and what to do.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use plugins_abi::loader::Plugin;
use tempfile::TempDir;
use virt_core::{Connection, DriverState, Registry, SearchPath};
use virt_tests::{abi, skip};

/// A directory with one file in it, the bytes of a working plugin after `change`.
fn plugin(change: impl FnOnce(&mut Vec<u8>)) -> (TempDir, PathBuf) {
    let mut bytes = std::fs::read(abi::SAME.build().unwrap()).unwrap();
    change(&mut bytes);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plugin.so");
    std::fs::write(&path, bytes).unwrap();
    (directory, path)
}

/// Why this file is refused, and the way out.
fn check(path: &Path, expected: Expect) {
    let error = Plugin::open(path).map(drop).expect_err("it was opened");
    let text = format!("{error}\n{}\n", error.advice().unwrap_or("-"));
    let directory = path.parent().unwrap().display().to_string();
    expected.assert_eq(&text.replace(&directory, "DIR"));
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Replaces bytes that are there.
fn patch(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    bytes[at..at + new.len()].copy_from_slice(new);
}

#[test]
fn an_untouched_plugin_is_opened() {
    let (_directory, path) = plugin(|_| {});
    assert_eq!(Plugin::open(&path).unwrap().manifest().name, "fixture");
}

#[test]
fn what_is_not_a_plugin_is_refused() {
    let (_directory, path) = plugin(|bytes| *bytes = b"#!/bin/sh\necho hello\n".to_vec());
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': it is not a 64-bit ELF file: Invalid ELF header size or alignment
        -
    "#]],
    );
    let (_directory, path) = plugin(std::vec::Vec::clear);
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': it is not a 64-bit ELF file: Invalid ELF header size or alignment
        -
    "#]],
    );
    let (_directory, path) = plugin(|bytes| bytes[4] = 1);
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': it is not a 64-bit ELF file: Unsupported ELF header
        -
    "#]],
    );
    let (_directory, path) = plugin(|bytes| bytes[18..20].copy_from_slice(&0xf3_u16.to_le_bytes()));
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': it is for another architecture (ELF machine 243)
        -
    "#]],
    );
    let (_directory, path) = plugin(|bytes| bytes[16] = 1);
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': it is an ELF file, but not a shared object
        -
    "#]],
    );
    let (directory, path) = plugin(|_| {});
    check(
        &path.with_file_name("absent.so"),
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/absent.so': it cannot be found: No such file or directory (os error 2)
        -
    "#]],
    );
    std::fs::create_dir(directory.path().join("directory.so")).unwrap();
    check(
        &path.with_file_name("directory.so"),
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/directory.so': it is not a regular file
        -
    "#]],
    );
}

#[test]
fn a_truncated_plugin_is_refused_before_it_is_mapped() {
    let refused = |keep: fn(usize) -> usize| {
        let (_directory, path) = plugin(|bytes| bytes.truncate(keep(bytes.len())));
        Plugin::open(&path).map(drop).unwrap_err().to_string()
    };
    let keeps: [fn(usize) -> usize; 5] = [|_| 64, |_| 4096, |_| 65536, |all| all / 2, |all| all - 1];
    for keep in keeps {
        let error = refused(keep);
        assert!(error.contains("it is truncated"), "{error}");
    }
}

#[test]
fn a_shared_object_that_is_no_driver_is_refused() {
    // What the linker made, without the section that says what it is.
    let (_directory, path) = plugin(|bytes| patch(bytes, b"\0.virt.driver\0", b"\0.some.thing!\0"));
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': it is not a driver: it has no section .virt.driver
        -
    "#]],
    );
    let (_directory, path) = plugin(|bytes| patch(bytes, b"virt-driver 1\n", b"virt-driver 9\n"));
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': it is not a driver that this host understands: its manifest is of another kind
        build the plugin again, against the plugins-abi of this host
    "#]],
    );
    // The symbol that it would be entered by: in the string table of the dynamic linker.
    let (_directory, path) =
        plugin(|bytes| patch(bytes, b"virt_driver_module_v1\0", b"virt_driver_module_v9\0"));
    let error = Plugin::open(&path).map(drop).unwrap_err().to_string();
    assert!(error.contains("it does not export virt_driver_module_v1"), "{error}");
}

#[test]
fn what_others_can_write_is_refused() {
    let (directory, path) = plugin(|_| {});
    mode(&path, 0o666);
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': 'DIR/plugin.so' is writable by others (mode 0666)
        chmod go-w 'DIR/plugin.so'
    "#]],
    );
    mode(&path, 0o644);
    mode(directory.path(), 0o777);
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': 'DIR' is writable by others (mode 0777)
        chmod go-w 'DIR'
    "#]],
    );
    // Sticky does not help in the plugin's own directory: an added file would be a plugin.
    mode(directory.path(), 0o1777);
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': 'DIR' is writable by others (mode 1777)
        chmod go-w 'DIR'
    "#]],
    );
    mode(directory.path(), 0o755);
    assert!(Plugin::open(&path).is_ok());
    // A directory further up.
    let inner = directory.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let inside = inner.join("plugin.so");
    std::fs::copy(&path, &inside).unwrap();
    mode(directory.path(), 0o777);
    let error = Plugin::open(&inside).map(drop).unwrap_err().to_string();
    assert!(error.ends_with("is writable by others (mode 0777)"), "{error}");
    mode(directory.path(), 0o1777);
    assert!(Plugin::open(&inside).is_ok());
}

#[test]
fn a_link_is_judged_by_what_it_leads_to() {
    let (_there, there) = plugin(|_| {});
    let here = tempfile::tempdir().unwrap();
    let link = here.path().join("link.so");
    std::os::unix::fs::symlink(&there, &link).unwrap();
    assert!(Plugin::open(&link).is_ok());
    mode(&there, 0o666);
    let error = Plugin::open(&link).map(drop).unwrap_err().to_string();
    assert!(error.contains(&there.display().to_string()), "{error}");
}

#[test]
fn root_refuses_what_its_group_or_another_user_can_write() {
    if !nix_is_root() {
        skip!("only root is asked to be this careful");
    }
    let (directory, path) = plugin(|_| {});
    mode(&path, 0o664);
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': 'DIR/plugin.so' is writable by others (mode 0664)
        chmod go-w 'DIR/plugin.so'
    "#]],
    );
    mode(&path, 0o644);
    mode(directory.path(), 0o775);
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': 'DIR' is writable by others (mode 0775)
        chmod go-w 'DIR'
    "#]],
    );
    mode(directory.path(), 0o755);
    chown(&path, Some(12345), None).unwrap();
    check(
        &path,
        expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': 'DIR/plugin.so' belongs to user 12345, who could change it
        chown root 'DIR/plugin.so'
    "#]],
    );
}

fn nix_is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}

#[test]
fn of_two_plugins_of_one_name_the_first_is_used() {
    let (directory, path) = plugin(|_| {});
    std::fs::copy(&path, directory.path().join("again.so")).unwrap();
    std::fs::write(directory.path().join("text.so"), "text").unwrap();
    std::fs::write(directory.path().join("readme.txt"), "text").unwrap();
    let registry = Registry::searching(SearchPath::only(directory.path()));
    let place = directory.path().display().to_string();
    let lines: String = registry
        .drivers()
        .iter()
        .map(|driver| match &driver.state {
            DriverState::Refused(error) => format!("refused: {error}\n"),
            state => format!("{} {} {} {state:?}\n", driver.name, driver.version, driver.abi),
        })
        .collect();
    expect![[r#"
        fixture 0.9.0 1.0.0 Available
        refused: operation failed: cannot use driver plugin 'DIR/plugin.so': its name 'fixture' is already taken by 'DIR/again.so', which was found first
        refused: operation failed: cannot load driver plugin 'DIR/text.so': it is not a 64-bit ELF file: Invalid ELF header size or alignment
    "#]].assert_eq(&lines.replace(&place, "DIR"));
    // And what is refused does not stand in the way of what is not.
    let connection = Connection::builder().uri("fixture:///").registry(&registry).open().unwrap();
    assert_eq!(connection.hypervisor().unwrap(), "Fixture");
}

#[test]
fn what_a_uri_needs_is_named_when_it_was_refused() {
    let (directory, path) = plugin(|_| {});
    mode(&path, 0o666);
    let registry = Registry::searching(SearchPath::only(directory.path()));
    let error = Connection::builder().uri("fixture:///").registry(&registry).open().unwrap_err();
    let place = directory.path().display().to_string();
    let text = format!("{error}\n{}\n", error.advice().unwrap_or("-"));
    expect![[r#"
        operation failed: cannot load driver plugin 'DIR/plugin.so': 'DIR/plugin.so' is writable by others (mode 0666)
        chmod go-w 'DIR/plugin.so'
    "#]].assert_eq(&text.replace(&place, "DIR"));
}
