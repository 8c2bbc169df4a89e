//! Definitions and values, in directories of their own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use virt_core::driver::{Call, ErrorCode};
use virt_util::root::Location;

use super::*;

struct Place {
    scratch: tempfile::TempDir,
    engine: Engine,
}

impl Place {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let engine = Self::engine(scratch.path());
        Self { scratch, engine }
    }

    fn engine(path: &Path) -> Engine {
        Engine::open(&Root::open(&Location::Below(path.into()), "secret").unwrap()).unwrap()
    }

    fn define(&self, xml: &str) -> Result<SecretSummary> {
        self.engine.define(&xml.parse().unwrap(), Wait::FOREVER)
    }

    /// Every file below the root, with its content.
    fn files(&self) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        fn walk(dir: &Path, files: &mut Vec<(std::path::PathBuf, Vec<u8>)>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, files);
                } else {
                    files.push((path.clone(), std::fs::read(&path).unwrap()));
                }
            }
        }
        let mut files = Vec::new();
        walk(self.scratch.path(), &mut files);
        files
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Keys in /dev/shm go with the last value.
        for secret in self.engine.list(ListSecrets::empty()).unwrap() {
            self.engine.undefine(secret.uuid, Wait::FOREVER).unwrap();
        }
    }
}

const CEPH: &str = "<secret private='yes'><uuid>0a81f5b2-8403-7b23-c8d6-21ccc2f80d6f</uuid>
    <usage type='ceph'><name>client.admin</name></usage></secret>";

#[test]
fn a_secret_is_known_by_uuid_and_use_to_every_process() {
    let place = Place::new();
    let secret = place.define(CEPH).unwrap();
    let other = Place::engine(place.scratch.path());
    assert_eq!(other.by_uuid(secret.uuid).unwrap(), secret);
    assert_eq!(other.by_usage(SecretUsageKind::Ceph, "client.admin").unwrap(), secret);
    let error = other.by_usage(SecretUsageKind::Iscsi, "client.admin").unwrap_err();
    assert_eq!(error.to_string(), "Secret not found: no secret with matching usage 'client.admin'");
    place.engine.undefine(secret.uuid, Wait::FOREVER).unwrap();
    assert_eq!(other.by_uuid(secret.uuid).unwrap_err().code(), ErrorCode::NO_SECRET);
}

#[test]
fn what_libvirt_refuses_is_refused_in_its_words() {
    let place = Place::new();
    place.define(CEPH).unwrap();
    place.define(CEPH).unwrap();
    let cases = [
        (CEPH.replace("private='yes'", ""), "internal error: cannot change private flag on existing secret"),
        (
            CEPH.replace("0a81", "0b81"),
            "internal error: a secret with UUID 0a81f5b2-8403-7b23-c8d6-21ccc2f80d6f already defined for use with \
             client.admin",
        ),
        (
            CEPH.replace("admin", "guest"),
            "internal error: a secret with UUID 0a81f5b2-8403-7b23-c8d6-21ccc2f80d6f is already defined for use with \
             client.admin",
        ),
    ];
    for (xml, sentence) in cases {
        assert_eq!(place.define(&xml).unwrap_err().to_string(), sentence);
    }
    // Secrets for nothing are many.
    place.define("<secret/>").unwrap();
    place.define("<secret/>").unwrap();
    assert_eq!(place.engine.list(ListSecrets::NO_PRIVATE).unwrap().len(), 2);
}

#[test]
fn values_are_encrypted_and_nobody_elses_to_read() {
    let place = Place::new();
    let lasting = place.define("<secret/>").unwrap().uuid;
    let ephemeral = place.define("<secret ephemeral='yes'/>").unwrap().uuid;
    let error = place.engine.value(lasting).unwrap_err();
    assert_eq!(error.to_string(), format!("Secret not found: secret '{lasting}' does not have a value"));
    for uuid in [lasting, ephemeral] {
        place.engine.set_value(uuid, &SecretValue::from(&b"open sesame"[..]), Wait::FOREVER).unwrap();
        assert_eq!(&*Place::engine(place.scratch.path()).value(uuid).unwrap(), b"open sesame");
    }
    for (path, content) in place.files() {
        let shown = path.display();
        assert!(!content.windows(6).any(|part| part == b"sesame"), "{shown} holds the value");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{shown} is not private");
        let directory = path.parent().unwrap().metadata().unwrap();
        assert_eq!(directory.permissions().mode() & 0o077, 0, "the directory of {shown} is not private");
    }
    // Nothing of an ephemeral secret is where a disk keeps it.
    let kept =
        place.files().into_iter().filter(|(path, _)| !path.starts_with(place.scratch.path().join("run")));
    let names: Vec<_> =
        kept.map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(names.iter().all(|name| !name.contains(&ephemeral.to_string())), "{names:?}");
}

#[test]
fn private_values_are_for_drivers_only() {
    let place = Place::new();
    let uuid = place.define(CEPH).unwrap().uuid;
    place.engine.set_value(uuid, &SecretValue::from(&b"key"[..]), Wait::FOREVER).unwrap();
    assert_eq!(place.engine.value(uuid).unwrap_err().to_string(), "Invalid secret: secret is private");
    assert_eq!(&*place.engine.reveal(uuid).unwrap(), b"key");
    let error = place.engine.set_value(uuid, &SecretValue::default(), Wait::FOREVER).unwrap_err();
    assert_eq!(error.to_string(), "value in virSecretSetValue must not be NULL");
}

#[test]
fn a_value_follows_its_secret_in_and_out_of_memory() {
    let place = Place::new();
    let uuid = "6bc33e4b-1b6a-4b4c-9c3b-1f4a7f0c3a11";
    let xml = |ephemeral: &str| format!("<secret ephemeral='{ephemeral}'><uuid>{uuid}</uuid></secret>");
    let uuid = place.define(&xml("no")).unwrap().uuid;
    place.engine.set_value(uuid, &SecretValue::from(&b"key"[..]), Wait::FOREVER).unwrap();
    for ephemeral in ["yes", "no"] {
        place.define(&xml(ephemeral)).unwrap();
        assert_eq!(&*place.engine.value(uuid).unwrap(), b"key");
        let values =
            place.files().into_iter().filter(|(path, _)| path.extension().is_some_and(|it| it == "value"));
        assert_eq!(values.count(), 1);
    }
    // Undefined and defined again, it is another secret.
    place.engine.undefine(uuid, Wait::FOREVER).unwrap();
    place.define(&xml("no")).unwrap();
    assert_eq!(place.engine.value(uuid).unwrap_err().code(), ErrorCode::NO_SECRET);
}

#[test]
fn readers_are_told_what_happens() {
    let place = Place::new();
    let events = place.engine.subscribe(None).unwrap();
    let uuid = place.define("<secret/>").unwrap().uuid;
    place.engine.set_value(uuid, &SecretValue::from(&b"key"[..]), Wait::FOREVER).unwrap();
    place.engine.undefine(uuid, Wait::FOREVER).unwrap();
    let batch = events.next(Call::background(), 10).unwrap();
    let told: Vec<_> = batch.events.iter().map(|event| (event.uuid, event.kind, event.event)).collect();
    assert_eq!(told, [(Some(uuid), 0, 0), (Some(uuid), 1, 0), (Some(uuid), 0, 1)]);
}

#[test]
fn nothing_of_an_ephemeral_secret_is_left_in_memory() {
    use std::os::unix::fs::MetadataExt as _;
    let place = Place::new();
    let secret = place.define("<secret ephemeral='yes'/>").unwrap();
    place.engine.set_value(secret.uuid, &SecretValue::from(&b"open sesame"[..]), Wait::FOREVER).unwrap();
    // Whoever else keeps keys there has directories of his own.
    let root = Root::open(&Location::Below(place.scratch.path().into()), "secret").unwrap();
    let run = root.run().path().to_owned();
    let stat = std::fs::metadata(&run).unwrap();
    let own = format!("/dev/shm/virt-{}/secret/{:x}-{:x}", nix::unistd::geteuid(), stat.dev(), stat.ino());
    let in_memory =
        nix::sys::statfs::statfs(run.as_path()).unwrap().filesystem_type() == nix::sys::statfs::TMPFS_MAGIC;
    assert_eq!(std::path::Path::new(&own).exists(), !in_memory);
    for _ in 0..2 {
        place.engine.undefine(secret.uuid, Wait::FOREVER).ok();
        assert!(!std::path::Path::new(&own).exists(), "{own}");
    }
}
