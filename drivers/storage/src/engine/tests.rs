//! Pools and volumes, in directories of their own.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use virt_core::driver::{
    CreateStorageVolume, ErrorCode, HelperProgram, HostServices, ResizeStorageVolume, Slots,
    StorageVolumeSummary, WipeAlgorithm,
};
use virt_util::Error;
use virt_util::root::Location;

use super::*;

mod devices;

/// A host without other drivers.
struct Alone;

impl HostServices for Alone {
    fn role(&self, _: &Call, role: String, _: String) -> Result<Slots> {
        Err(error::unsupported(format!("no driver for {role}")))
    }

    fn helper(&self, _: &Call, name: String) -> Result<HelperProgram> {
        Err(error::unsupported(name))
    }

    fn version(&self, _: &Call) -> Result<u64> {
        Ok(0)
    }
}

struct Setup {
    scratch: tempfile::TempDir,
    engine: Arc<Engine>,
    uuid: Uuid,
}

const CALL: fn() -> &'static Call = Call::background;

impl Setup {
    /// A pool that runs.
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let engine = Self::engine(scratch.path());
        let text = format!(
            "<pool type='dir'><name>images</name><target><path>{}</path></target></pool>",
            scratch.path().join("images").display()
        );
        let pool: StoragePool = text.parse().unwrap();
        let uuid = engine.define(&pool, CALL()).unwrap().uuid;
        engine.create(uuid, StartStoragePool::WITH_BUILD, CALL()).unwrap();
        Self { scratch, engine, uuid }
    }

    fn engine(path: &Path) -> Arc<Engine> {
        let root = Root::open(&Location::Below(path.join("root")), "storage").unwrap();
        Arc::new(Engine::open(root, Arc::new(Alone), "qemu:///embed".into()).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join("images").join(name)
    }

    fn create(&self, name: &str, more: &str) -> Result<StorageVolumeSummary> {
        let xml = format!("<volume><name>{name}</name><capacity>1048576</capacity>{more}</volume>");
        self.engine.create_volume(self.uuid, &xml, CreateStorageVolume::empty(), CALL())
    }

    fn names(&self) -> Vec<String> {
        self.engine.volumes(self.uuid).unwrap().into_iter().map(|volume| volume.name).collect()
    }

    /// What is in the directory, whoever knows of it.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> =
            entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn has_qemu_img() -> bool {
    let there = virt_util::spawn::find_program("qemu-img").is_some();
    if !there {
        eprintln!("skipped: there is no qemu-img");
    }
    there
}

#[test]
fn a_pool_lives_from_definition_to_undefinition() {
    let setup = Setup::new();
    let Setup { engine, uuid, .. } = &setup;
    let other = Setup::engine(setup.scratch.path());
    assert_eq!(other.list(ListStoragePools::ACTIVE | ListStoragePools::DIR).unwrap()[0].name, "images");
    assert_eq!(std::fs::metadata(setup.path("")).unwrap().permissions().mode() & 0o7777, 0o711);
    let said = |result: Result<()>| result.unwrap_err().to_string();
    assert_eq!(
        said(engine.create(*uuid, StartStoragePool::empty(), CALL())),
        "Requested operation is not valid: storage pool 'images' is already active"
    );
    assert_eq!(
        said(other.undefine(*uuid, CALL())),
        "Requested operation is not valid: storage pool 'images' is still active"
    );
    other.destroy(*uuid, CALL()).unwrap();
    assert_eq!(
        said(engine.refresh(*uuid, CALL())),
        "Requested operation is not valid: storage pool 'images' is not active"
    );
    engine.set_autostart(*uuid, true, CALL()).unwrap();
    assert_eq!(other.host_start(CALL()).unwrap(), Vec::<String>::new());
    assert_eq!(engine.list(ListStoragePools::ACTIVE | ListStoragePools::AUTOSTART).unwrap().len(), 1);
    engine.destroy(*uuid, CALL()).unwrap();
    engine.delete(*uuid, DeleteStoragePool::empty(), CALL()).unwrap();
    engine.undefine(*uuid, CALL()).unwrap();
    assert!(!setup.path("").exists());
    assert_eq!(other.list(ListStoragePools::empty()).unwrap(), []);
}

#[test]
fn two_pools_have_different_names_and_storage() {
    let setup = Setup::new();
    let define = |text: String| setup.engine.define(&text.parse().unwrap(), CALL()).unwrap_err().to_string();
    let path = setup.path("").display().to_string();
    let xml = |name: &str, path: &str| {
        format!("<pool type='dir'><name>{name}</name><target><path>{path}</path></target></pool>")
    };
    assert_eq!(
        define(xml("images", "/elsewhere")),
        format!("operation failed: pool 'images' already exists with uuid {}", setup.uuid)
    );
    assert_eq!(define(xml("other", &path)), "operation failed: Storage source conflict with pool: 'images'");
    assert_eq!(define(xml("..", "/elsewhere")), "invalid argument: '..' cannot be a storage pool's name");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let setup = Setup::new();
    std::fs::write(setup.scratch.path().join("secret"), "secret").unwrap();
    for name in ["../secret", "a/b", "..", ".", "/etc/passwd", "a\u{a}b", ".virt-unfinished-x"] {
        let error = setup.create(name, "").unwrap_err();
        assert!(
            matches!(error.code(), ErrorCode::OPERATION_INVALID | ErrorCode::INVALID_ARG),
            "{name:?}: {error}"
        );
    }
    setup.create("a", "").unwrap();
    assert_eq!(setup.create("a", "").unwrap_err().to_string(), "storage volume 'a' exists already");
    assert_eq!(setup.files(), ["a"]);
}

#[test]
fn links_fifos_and_odd_names_are_no_volumes() {
    let setup = Setup::new();
    std::os::unix::fs::symlink("/etc/shadow", setup.path("link")).unwrap();
    nix::unistd::mkfifo(&setup.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::write(setup.path("new\nline"), "").unwrap();
    std::fs::write(setup.path("raw"), "").unwrap();
    std::fs::create_dir(setup.path("dir")).unwrap();
    setup.engine.refresh(setup.uuid, CALL()).unwrap();
    assert_eq!(setup.names(), ["dir", "raw"]);
    // One that becomes a link later leads nowhere either.
    std::fs::remove_file(setup.path("raw")).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", setup.path("raw")).unwrap();
    assert!(setup.engine.download(setup.uuid, "raw", (0, 0), false).is_err());
    assert!(setup.engine.upload(setup.uuid, "raw", (0, 0)).is_err());
    assert!(setup.engine.wipe_volume(setup.uuid, "raw", WipeAlgorithm::Zero, CALL()).is_err());
}

#[test]
fn a_raw_volume_is_made_resized_and_removed() {
    let setup = Setup::new();
    let (engine, uuid) = (&setup.engine, setup.uuid);
    setup.create("thick", "").unwrap();
    setup
        .create(
            "thin",
            "<allocation>0</allocation><target><permissions><mode>0640</mode></permissions></target>",
        )
        .unwrap();
    let stat = |name: &str| std::fs::metadata(setup.path(name)).unwrap();
    assert_eq!((stat("thick").len(), stat("thick").blocks() >= 2048), (1 << 20, true));
    assert_eq!(
        (stat("thin").len(), stat("thin").blocks(), stat("thin").mode() & 0o7777),
        (1 << 20, 0, 0o640)
    );
    let resize = |name: &str, size: u64, flags| engine.resize_volume(uuid, name, size, flags, CALL());
    assert_eq!(
        resize("thick", 4096, ResizeStorageVolume::empty()).unwrap_err().to_string(),
        "invalid argument: can't shrink capacity below existing allocation"
    );
    assert_eq!(
        resize("thin", 4096, ResizeStorageVolume::empty()).unwrap_err().to_string(),
        "invalid argument: Can't shrink capacity below current capacity unless shrink flag explicitly specified"
    );
    resize("thin", 1 << 20, ResizeStorageVolume::DELTA).unwrap();
    assert_eq!(engine.volume(uuid, "thin").unwrap().capacity, 2 << 20);
    resize("thin", 4096, ResizeStorageVolume::SHRINK).unwrap();
    assert_eq!(stat("thin").len(), 4096);
    let huge = "invalid argument: the new capacity is too large";
    assert_eq!(resize("thin", u64::MAX, ResizeStorageVolume::DELTA).unwrap_err().to_string(), huge);
    engine.delete_volume(uuid, "thin", true, CALL()).unwrap();
    assert_eq!((setup.names(), setup.files()), (vec!["thick".to_owned()], vec!["thick".to_owned()]));
}

#[test]
fn a_clone_has_the_bytes_and_the_holes() {
    let setup = Setup::new();
    let xml = "<volume><name>base</name><capacity>8388608</capacity><allocation>0</allocation></volume>";
    setup.engine.create_volume(setup.uuid, xml, CreateStorageVolume::empty(), CALL()).unwrap();
    let mut file = std::fs::File::options().write(true).open(setup.path("base")).unwrap();
    file.write_all(b"first").unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"last", (8 << 20) - 4).unwrap();
    let xml = xml.replace("base", "copy");
    setup
        .engine
        .clone_volume(setup.uuid, &xml, (setup.uuid, "base"), CreateStorageVolume::empty(), CALL())
        .unwrap();
    assert_eq!(std::fs::read(setup.path("base")).unwrap(), std::fs::read(setup.path("copy")).unwrap());
    assert!(std::fs::metadata(setup.path("copy")).unwrap().blocks() < 64);
    // Smaller than the original it cannot be.
    let xml = "<volume><name>small</name><capacity>1</capacity></volume>";
    let small = setup.engine.clone_volume(
        setup.uuid,
        xml,
        (setup.uuid, "base"),
        CreateStorageVolume::empty(),
        CALL(),
    );
    assert_eq!(small.unwrap().capacity, 8 << 20);
}

#[test]
fn images_are_made_on_others_and_converted() {
    if !has_qemu_img() {
        return;
    }
    let setup = Setup::new();
    let qcow2 = "<target><format type='qcow2'/></target>";
    setup.create("base", qcow2).unwrap();
    let base = setup.path("base").display().to_string();
    let behind = format!("{qcow2}<backingStore><path>{base}</path><format type='qcow2'/></backingStore>");
    let top = setup.create("top", &behind).unwrap();
    assert_eq!((top.backing, top.format), (Some(base), Some("qcow2".into())));
    let xml = "<volume><name>raw</name></volume>";
    let raw =
        setup.engine.clone_volume(setup.uuid, xml, (setup.uuid, "top"), CreateStorageVolume::empty(), CALL());
    assert_eq!(raw.unwrap().format.as_deref(), Some("raw"));
    setup.engine.resize_volume(setup.uuid, "base", 2 << 20, ResizeStorageVolume::empty(), CALL()).unwrap();
    assert_eq!(setup.engine.volume(setup.uuid, "base").unwrap().capacity, 2 << 20);
    let text = setup.engine.volume_xml(setup.uuid, "top", CALL()).unwrap();
    assert!(text.contains("<backingStore>") && text.contains("<compat>1.1</compat>"), "{text}");
    // What qemu-img refuses leaves nothing.
    let odd = "<target><format type='qcow2'/><clusterSize unit='B'>7</clusterSize></target>";
    assert!(setup.create("odd", odd).is_err());
    assert_eq!(setup.files(), ["base", "raw", "top"]);
}

#[test]
fn an_upload_is_there_whole_or_not_at_all() {
    let setup = Setup::new();
    setup.create("volume", "").unwrap();
    std::fs::write(setup.path("volume"), [b'x'; 4096]).unwrap();
    let before = std::fs::metadata(setup.path("volume")).unwrap();
    let content = || std::fs::read(setup.path("volume")).unwrap();
    let open = |range| setup.engine.upload(setup.uuid, "volume", range);

    let stream = open((0, 0)).unwrap();
    assert_eq!(stream.send(CALL(), vec![b'a'; 100]).unwrap(), 100);
    assert_eq!(content(), [b'x'; 4096]);
    let busy = open((0, 0)).map(drop).unwrap_err().to_string();
    assert_eq!(busy, "Requested operation is not valid: volume 'volume' is still being allocated.");
    stream.abort(CALL()).unwrap();
    assert_eq!((content(), setup.files().len()), (vec![b'x'; 4096], 1));

    let stream = open((96, 8)).unwrap();
    assert_eq!(stream.send(CALL(), vec![b'b'; 100]).unwrap(), 8);
    assert!(stream.send(CALL(), vec![b'b']).is_err());
    stream.finish(CALL()).unwrap();
    let mut expected = [b'x'; 4096];
    expected[96..104].fill(b'b');
    assert_eq!(content(), expected);

    // What is thin stays thin.
    std::fs::File::options().write(true).open(setup.path("volume")).unwrap().set_len(1 << 16).unwrap();
    let stream = open((0, 0)).unwrap();
    stream.send_hole(CALL(), 8192).unwrap();
    stream.send(CALL(), b"end".to_vec()).unwrap();
    stream.finish(CALL()).unwrap();
    assert_eq!(content(), [vec![0; 8192], b"end".to_vec(), vec![0; (1 << 16) - 8195]].concat());
    let after = std::fs::metadata(setup.path("volume")).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert_eq!(setup.engine.volume(setup.uuid, "volume").unwrap().capacity, 1 << 16);

    let stream = setup.engine.download(setup.uuid, "volume", (4096, 4099), true).unwrap();
    let hole = stream.receive(CALL(), 10).unwrap();
    assert_eq!((hole.hole, hole.end), (4096, false));
    assert_eq!(stream.receive(CALL(), 10).unwrap().data, b"end");
    assert!(stream.receive(CALL(), 10).unwrap().end);
}

#[test]
fn a_refresh_sees_what_others_changed_and_keeps_what_they_did_not() {
    let setup = Setup::new();
    setup.create("kept", "").unwrap();
    setup.create("gone", "").unwrap();
    std::fs::remove_file(setup.path("gone")).unwrap();
    std::fs::write(setup.path("new"), "x").unwrap();
    // A header that contradicts itself spoils nobody else's volume.
    let mut bad = b"QFI\xfb\0\0\0\x03".to_vec();
    bad.resize(512, 0xff);
    std::fs::write(setup.path("bad"), bad).unwrap();
    setup.engine.refresh(setup.uuid, CALL()).unwrap();
    assert_eq!(setup.names(), ["bad", "kept", "new"]);
    assert_eq!(setup.engine.volume(setup.uuid, "bad").unwrap().format.as_deref(), Some("raw"));
    let many: Vec<String> = (0..3000).map(|number| format!("v{number:04}")).collect();
    for name in &many {
        std::fs::write(setup.path(name), "x").unwrap();
    }
    setup.engine.refresh(setup.uuid, CALL()).unwrap();
    assert_eq!(setup.names().len(), 3003);
    let path = setup.path("v0042").display().to_string();
    assert_eq!(Setup::engine(setup.scratch.path()).volume_by_path(&path).unwrap().name, "v0042");
    // A pool whose directory is gone is off.
    std::fs::remove_dir_all(setup.path("")).unwrap();
    let error: Error = setup.engine.refresh(setup.uuid, CALL()).unwrap_err();
    assert!(error.to_string().starts_with("cannot open directory '"), "{error}");
    assert_eq!(setup.engine.list(ListStoragePools::ACTIVE).unwrap(), []);
}

/// Where the test below has its pool, in the process that it kills.
const VICTIM: &str = "VIRT_TEST_VICTIM";

#[test]
fn what_a_killed_process_left_is_removed() {
    if let Some(place) = std::env::var_os(VICTIM) {
        // This is that process: it dies before the volume has its name.
        let place = PathBuf::from(place);
        let engine = Setup::engine(&place);
        let uuid = engine.list(ListStoragePools::empty()).unwrap()[0].uuid;
        let path = place.join("images/victim");
        let making = crate::making::Making::begin(engine.store.root(), uuid, "victim", &path).unwrap();
        making.open().unwrap().write_all(b"half").unwrap();
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    let setup = Setup::new();
    let mut victim = std::process::Command::new(std::env::current_exe().unwrap());
    victim
        .args(["--exact", "engine::tests::what_a_killed_process_left_is_removed"])
        .env(VICTIM, setup.scratch.path());
    let status = victim.stdout(std::process::Stdio::null()).status().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    assert_eq!((setup.files().len(), setup.names().len()), (1, 0));
    // Refreshing, and making another one, do the same by themselves.
    assert_eq!(setup.engine.recover().unwrap(), ["making volume 'victim': undone"]);
    assert_eq!(setup.files(), Vec::<String>::new());
    setup.create("victim", "").unwrap();
}
