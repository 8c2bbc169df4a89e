//! Pools, volumes and secrets through connections, with what the host says of them beside.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use virt_core::{
    Connection, CreateStorageVolume, DefineSecret, DefineStoragePool, DeleteStorageVolume, Notice, Registry,
    ResizeStorageVolume, StartStoragePool, StoragePool, StoragePoolEventKind, StoragePoolLifecycle,
    TransferStorageVolume,
};
use virt_driver_qemu::QemuDriver;
use virt_driver_secret::SecretDriver;
use virt_driver_storage::StorageDriver;
use virt_tests::skip;

/// A connection whose things are all below one directory.
fn connect(root: &Path) -> Connection {
    let registry = Registry::empty();
    registry.register::<QemuDriver>().unwrap();
    registry.register::<SecretDriver>().unwrap();
    registry.register::<StorageDriver>().unwrap();
    let uri = format!("qemu:///embed?root={}", root.join("root").display());
    Connection::builder().uri(uri).registry(&registry).open().unwrap()
}

struct Setup {
    scratch: tempfile::TempDir,
    connection: Connection,
    pool: StoragePool,
}

impl Setup {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let connection = connect(scratch.path());
        let xml = format!(
            "<pool type='dir'><name>images</name><target><path>{}</path></target></pool>",
            scratch.path().join("images").display()
        );
        let pool = connection.define_storage_pool(&xml, DefineStoragePool::empty()).unwrap();
        pool.start(StartStoragePool::WITH_BUILD).unwrap();
        Self { scratch, connection, pool }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join("images").join(name)
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> =
            entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn create(&self, name: &str, size: u64, more: &str) -> virt_core::Result<virt_core::StorageVolume> {
        let xml = format!("<volume><name>{name}</name><capacity>{size}</capacity>{more}</volume>");
        self.pool.create_volume(&xml, CreateStorageVolume::empty())
    }
}

fn qemu_img(arguments: &[&str]) -> Option<std::process::Output> {
    Command::new("qemu-img").args(arguments).output().ok()
}

#[test]
fn an_encrypted_volume_opens_with_its_secret_and_with_nothing_else() {
    if qemu_img(&["--version"]).is_none() {
        skip!("there is no qemu-img");
    }
    let setup = Setup::new();
    let secret = setup.connection.define_secret("<secret private='yes'/>", DefineSecret::empty()).unwrap();
    let encryption = format!(
        "<encryption format='luks'><secret type='passphrase' uuid='{}'/></encryption>",
        secret.uuid()
    );
    let target = |format: &str| format!("<target><format type='{format}'/>{encryption}</target>");
    let error = setup.create("luks", 1 << 20, &target("raw")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Secret not found: secret '{}' does not have a value", secret.uuid())
    );
    assert_eq!(setup.files(), Vec::<String>::new());
    secret.set_value(b"open, sesame").unwrap();
    for (name, format) in [("luks", "raw"), ("qcow2", "qcow2")] {
        let volume = setup.create(name, 1 << 20, &target(format)).unwrap();
        assert!(volume.xml().unwrap().contains(&secret.uuid().to_string()), "{}", volume.xml().unwrap());
        let out = setup.scratch.path().join("out");
        let opened = |password: &str| {
            let object = format!("secret,id=key,data={}", password.replace(',', ",,"));
            let prefix = if name == "luks" { "" } else { "encrypt." };
            let driver = if name == "luks" { "luks" } else { "qcow2" };
            let node = format!("driver={driver},{prefix}key-secret=key,file.filename={}", volume.path());
            let out = out.display().to_string();
            let arguments = ["convert", "--object", &object, "--image-opts", &node, "-O", "raw", &out];
            qemu_img(&arguments).unwrap().status.success()
        };
        assert!(opened("open, sesame"), "{name}");
        assert!(!opened("another"), "{name}");
        // Far above what LUKS takes for itself: a capacity is never less than what is in use.
        volume.resize(16 << 20, ResizeStorageVolume::empty()).unwrap();
        assert_eq!(volume.summary().unwrap().capacity, 16 << 20);
        let copy = format!("<volume><name>{name}-plain</name></volume>");
        let plain = setup.pool.clone_volume(&copy, &volume, CreateStorageVolume::empty()).unwrap();
        // What was never written into LUKS is no zeroes once it is deciphered; it is the same for everybody.
        assert!(opened("open, sesame"), "{name}");
        assert!(std::fs::read(plain.path()).unwrap() == std::fs::read(&out).unwrap(), "{name}");
        assert_eq!(plain.summary().unwrap().capacity, 16 << 20);
    }
    secret.undefine().unwrap();
}

/// Where the tests below have their pools, in the processes that they kill, and what these do.
const VICTIM: &str = "VIRT_TEST_VICTIM";

/// Runs this very test again as a process of its own, and kills it after so long; whether it was still at work.
fn kill_after(test: &str, setup: &Setup, time: Duration) -> bool {
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", test]).env(VICTIM, setup.scratch.path()).stdout(Stdio::null());
    let mut child = victim.spawn().unwrap();
    // The one wait of a fixed time: that it hits any moment is what the test is about.
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap().signal() == Some(9)
}

#[test]
fn a_clone_is_done_or_undone_whenever_its_process_is_killed() {
    const SIZE: usize = 48 << 20;
    const XML: &str = "<volume><name>copy</name></volume>";
    if let Some(place) = std::env::var_os(VICTIM) {
        let pool = connect(Path::new(&place)).storage_pool_by_name("images").unwrap();
        let base = pool.volume_by_name("base").unwrap();
        pool.clone_volume(XML, &base, CreateStorageVolume::empty()).unwrap();
        return;
    }
    let setup = Setup::new();
    let content: Vec<u8> = (0..SIZE).map(|place| (place / 4096 + 1) as u8).collect();
    std::fs::write(setup.path("base"), &content).unwrap();
    setup.pool.refresh().unwrap();
    let mut killed = 0;
    for step in 0..12 {
        let name = "a_clone_is_done_or_undone_whenever_its_process_is_killed";
        killed += u32::from(kill_after(name, &setup, Duration::from_millis(step * 25)));
        setup.pool.refresh().unwrap();
        match setup.files().as_slice() {
            [base] if base == "base" => {}
            [base, copy] if base == "base" && copy == "copy" => {
                assert!(std::fs::read(setup.path("copy")).unwrap() == content, "half a copy");
                setup.pool.volume_by_name("copy").unwrap().delete(DeleteStorageVolume::empty()).unwrap();
            }
            other => panic!("left: {other:?}"),
        }
    }
    assert!(killed > 0, "nobody was killed at work");
}

#[test]
fn an_upload_leaves_the_volume_old_or_new_whenever_its_process_is_killed() {
    const SIZE: usize = 32 << 20;
    if let Some(place) = std::env::var_os(VICTIM) {
        let pool = connect(Path::new(&place)).storage_pool_by_name("images").unwrap();
        let volume = pool.volume_by_name("volume").unwrap();
        let mut stream = volume.upload(0, 0, TransferStorageVolume::empty()).unwrap();
        for _ in 0..SIZE >> 16 {
            stream.write_all(&vec![b'n'; 1 << 16]).unwrap();
        }
        stream.finish().unwrap();
        return;
    }
    let setup = Setup::new();
    let (old, new) = (vec![b'o'; SIZE + 10], [vec![b'n'; SIZE], vec![b'o'; 10]].concat());
    let mut killed = 0;
    for step in 0..12 {
        std::fs::write(setup.path("volume"), &old).unwrap();
        setup.pool.refresh().unwrap();
        let name = "an_upload_leaves_the_volume_old_or_new_whenever_its_process_is_killed";
        killed += u32::from(kill_after(name, &setup, Duration::from_millis(step * 25)));
        setup.pool.refresh().unwrap();
        assert_eq!(setup.files(), ["volume"]);
        let now = std::fs::read(setup.path("volume")).unwrap();
        assert!(now == old || now == new, "neither old nor new");
    }
    assert!(killed > 0, "nobody was killed at work");
}

#[test]
fn a_new_volume_is_whole_or_not_there_whenever_its_process_is_killed() {
    const VOLUMES: usize = 24;
    let xml = |number: usize| {
        format!(
            "<volume><name>v{number:02}</name><capacity>1048576</capacity><target>\
             <permissions><mode>0640</mode></permissions></target></volume>"
        )
    };
    if let Some(place) = std::env::var_os(VICTIM) {
        let pool = connect(Path::new(&place)).storage_pool_by_name("images").unwrap();
        for number in 0..VOLUMES {
            pool.create_volume(&xml(number), CreateStorageVolume::empty()).unwrap();
        }
        return;
    }
    let setup = Setup::new();
    let mut killed = 0;
    for step in 0..12 {
        let name = "a_new_volume_is_whole_or_not_there_whenever_its_process_is_killed";
        killed += u32::from(kill_after(name, &setup, Duration::from_millis(20 + step * 30)));
        setup.pool.refresh().unwrap();
        // Those that are there are the first ones, each of its size and mode; nothing else is.
        let files = setup.files();
        assert_eq!(files, (0..files.len()).map(|number| format!("v{number:02}")).collect::<Vec<_>>());
        for volume in setup.pool.volumes().unwrap() {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&volume.path).unwrap().permissions().mode() & 0o7777;
            assert_eq!((volume.capacity, mode), (1 << 20, 0o640), "{}", volume.name);
            setup.pool.volume_by_name(&volume.name).unwrap().delete(DeleteStorageVolume::empty()).unwrap();
        }
    }
    assert!(killed > 0, "nobody was killed at work");
}

#[test]
fn pools_start_with_the_host() {
    let setup = Setup::new();
    setup.pool.set_autostart(true).unwrap();
    setup.pool.destroy().unwrap();
    assert_eq!(setup.connection.host_start().unwrap(), Vec::<String>::new());
    assert_eq!(setup.pool.summary().unwrap().state, virt_core::StoragePoolState::Running);
    // One that cannot be started is named, and keeps nobody else from it.
    setup.pool.destroy().unwrap();
    std::fs::remove_dir_all(setup.path("")).unwrap();
    let errors = setup.connection.host_start().unwrap();
    assert!(errors.len() == 1 && errors[0].starts_with("images: "), "{errors:?}");
}

/// A file system of its own on the pool's directory; unmounted when it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: PathBuf, options: &str) -> Option<Self> {
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path).status();
        status.is_ok_and(|status| status.success()).then_some(Self(path))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn full_and_read_only_storage_is_named_and_nothing_is_left() {
    let setup = Setup::new();
    let Some(mounted) = Mounted::new(setup.path(""), "size=1m") else { skip!("mounting takes root") };
    setup.create("fits", 4096, "").unwrap();
    setup.pool.refresh().unwrap();
    let path = setup.path("large").display().to_string();
    assert_eq!(
        setup.create("large", 8 << 20, "").unwrap_err().to_string(),
        format!("cannot allocate 8388608 bytes in file '{path}': No space left on device")
    );
    let fits = setup.pool.volume_by_name("fits").unwrap();
    let mut stream = fits.upload(0, 0, TransferStorageVolume::empty()).unwrap();
    let mut result = Ok(());
    for _ in 0..64 {
        result = result.and_then(|()| stream.write_all(&vec![1; 1 << 16]));
    }
    assert!(result.unwrap_err().to_string().ends_with("No space left on device"));
    drop(stream);
    assert_eq!(
        (setup.files(), std::fs::read(setup.path("fits")).unwrap()),
        (vec!["fits".into()], vec![0; 4096])
    );
    let status = Command::new("mount").args(["-o", "remount,ro"]).arg(&mounted.0).status().unwrap();
    assert!(status.success());
    let error = setup.create("small", 4096, "").unwrap_err().to_string();
    assert!(error.ends_with("Read-only file system"), "{error}");
    assert!(
        fits.delete(DeleteStorageVolume::empty()).unwrap_err().to_string().ends_with("Read-only file system")
    );
    assert_eq!(setup.files(), ["fits"]);
}

#[test]
fn everybody_hears_what_happens_to_a_pool() {
    let setup = Setup::new();
    let other = connect(setup.scratch.path());
    let mut events = other.storage_pool_events().unwrap();
    setup.pool.refresh().unwrap();
    setup.pool.destroy().unwrap();
    setup.pool.undefine().unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        let Some(Notice::Event(event)) = events.next_within(Duration::from_secs(10)).unwrap() else {
            panic!()
        };
        assert_eq!((event.name.as_str(), event.uuid), ("images", setup.pool.uuid()));
        kinds.push(event.kind);
    }
    let lifecycle = StoragePoolEventKind::Lifecycle;
    let expected = [
        StoragePoolEventKind::Refresh,
        lifecycle(StoragePoolLifecycle::Stopped),
        lifecycle(StoragePoolLifecycle::Undefined),
    ];
    assert_eq!(kinds, expected);
}
