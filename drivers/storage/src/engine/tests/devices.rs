//! Pools whose volumes are devices, on loop devices and on targets of our own; each cleans up after itself.

use std::process::{Command, Stdio};

use virt_util::spawn::find_program;

use super::*;

/// A loop device over a file of its own; gone when it is dropped.
struct Loop(String);

impl Loop {
    /// Nothing where this machine cannot: the reason is printed.
    fn new(file: &Path, size: u64) -> Option<Self> {
        std::fs::File::create(file).unwrap().set_len(size).unwrap();
        let made = Command::new("losetup").args(["-fP", "--show"]).arg(file).output();
        match made {
            Ok(output) if output.status.success() => {
                Some(Self(String::from_utf8(output.stdout).unwrap().trim().to_owned()))
            }
            _ => {
                eprintln!("skipped: loop devices take root, and losetup");
                None
            }
        }
    }

    fn name(&self) -> &str {
        self.0.trim_start_matches("/dev/")
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).status();
    }
}

/// Held while partitions come and go: LVM opens whatever block device there is, and what is open cannot go.
fn alone() -> std::fs::File {
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    file.lock().unwrap();
    file
}

fn has(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|name| find_program(name).is_none()).collect();
    if !missing.is_empty() {
        eprintln!("skipped: there is no {missing:?}");
    }
    missing.is_empty()
}

fn define(engine: &Engine, xml: &str) -> Uuid {
    engine.define(&xml.parse().unwrap(), CALL()).unwrap().uuid
}

fn names(engine: &Engine, pool: Uuid) -> Vec<String> {
    engine.volumes(pool).unwrap().into_iter().map(|volume| volume.name).collect()
}

fn volume_xml(name: &str, size: u64, format: &str) -> String {
    format!(
        "<volume><name>{name}</name><capacity>{size}</capacity><target><format type='{format}'/></target></volume>"
    )
}

const MIB: u64 = 1 << 20;

#[test]
fn partitions_of_a_disk_are_volumes() {
    if !has(&["parted", "blkid"]) {
        return;
    }
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let Some(disk) = Loop::new(&scratch.path().join("disk"), 64 * MIB) else { return };
    let engine = Setup::engine(scratch.path());
    let xml = format!(
        "<pool type='disk'><name>disk</name><source><device path='{}'/><format type='dos'/></source>\
         <target><path>/dev</path></target></pool>",
        disk.0
    );
    let pool = define(&engine, &xml);
    let said = |result: Result<()>| result.unwrap_err().to_string();
    assert_eq!(
        said(engine.create(pool, StartStoragePool::empty(), CALL())),
        "operation failed: Unrecognized disk label found, requires build"
    );
    engine.build(pool, BuildStoragePool::empty(), CALL()).unwrap();
    let again = said(engine.build(pool, BuildStoragePool::NO_OVERWRITE, CALL()));
    assert!(again.ends_with("Disk label already formatted using 'msdos'"), "{again}");
    engine.create(pool, StartStoragePool::empty(), CALL()).unwrap();
    assert_eq!(names(&engine, pool), Vec::<String>::new());

    let part = |number: u32| format!("{}p{number}", disk.name());
    let create = |name: &str, size: u64, format: &str| {
        engine.create_volume(pool, &volume_xml(name, size, format), CreateStorageVolume::empty(), CALL())
    };
    assert_eq!(
        create("web", MIB, "linux").unwrap_err().to_string(),
        format!("invalid argument: invalid partition name 'web', expected '{}'", part(1))
    );
    let first = create(&part(1), 8 * MIB, "linux").unwrap();
    assert_eq!((first.path.as_str(), first.capacity), (format!("/dev/{}", part(1)).as_str(), 8 * MIB));
    create(&part(2), 30 * MIB, "extended").unwrap();
    for (number, name) in [(3, "p3"), (4, "p4")] {
        create(&part(number), MIB, "none").unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    create(&part(5), 4 * MIB, "linux").unwrap();
    let full = create(&part(6), 60 * MIB, "linux").unwrap_err().to_string();
    assert_eq!(full, "internal error: no large enough free extent");
    assert_eq!(names(&engine, pool), [1, 2, 3, 4, 5].map(part));
    // Another process, and parted itself, see the same.
    let other = Setup::engine(scratch.path());
    assert_eq!(names(&other, pool).len(), 5);
    let text = other.xml(pool, false).unwrap();
    assert!(
        text.contains("<freeExtent start='") && text.contains("<capacity unit='bytes'>67108864<"),
        "{text}"
    );
    let text = other.volume_xml(pool, &part(2), CALL()).unwrap();
    let extent = format!("<device path='{}'>\n      <extent start='", disk.0);
    assert!(text.contains(&extent) && text.contains("<format type='extended'/>"), "{text}");
    let printed = Command::new("parted").args(["-s", &disk.0, "unit", "B", "print"]).output().unwrap();
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(printed.contains("8388608B") && printed.contains("logical"), "{printed}");

    // Bytes go in, out, over and to a copy.
    let stream = engine.upload(pool, &part(1), (0, 0)).unwrap();
    stream.send(CALL(), b"sesame".to_vec()).unwrap();
    stream.finish(CALL()).unwrap();
    let stream = engine.download(pool, &part(1), (0, 6), false).unwrap();
    assert_eq!(stream.receive(CALL(), 100).unwrap().data, b"sesame");
    drop(stream);
    assert_eq!(
        said(engine.wipe_volume(pool, &part(2), WipeAlgorithm::Zero, CALL())),
        format!(
            "this function is not supported by the connection driver: cannot wipe extended partition '{}'",
            part(2)
        )
    );
    engine.delete_volume(pool, &part(5), false, CALL()).unwrap();
    let copy = engine.clone_volume(
        pool,
        &format!("<volume><name>{}</name></volume>", part(5)),
        (pool, &part(1)),
        CreateStorageVolume::empty(),
        CALL(),
    );
    assert_eq!(copy.unwrap().capacity, 8 * MIB);
    let start = std::fs::read(format!("/dev/{}", part(5))).unwrap();
    assert_eq!((&start[..6], start.len()), (&b"sesame"[..], 8 << 20));
    // One that there is no room for is not made.
    let too_large = format!("<volume><name>{}</name><capacity>{}</capacity></volume>", part(6), 60 * MIB);
    let refused =
        engine.clone_volume(pool, &too_large, (pool, &part(1)), CreateStorageVolume::empty(), CALL());
    assert!(refused.is_err() && names(&engine, pool).len() == 5);
    engine.wipe_volume(pool, &part(1), WipeAlgorithm::Zero, CALL()).unwrap();
    assert!(!std::fs::read(format!("/dev/{}", part(1))).unwrap().windows(6).any(|part| part == b"sesame"));
    let resize = engine.resize_volume(pool, &part(1), 9 * MIB, ResizeStorageVolume::empty(), CALL());
    assert_eq!(
        said(resize),
        "this function is not supported by the connection driver: storage pool does not support changing of volume capacity"
    );

    // A partition that somebody else put in the place of ours is not removed.
    for arguments in [["rm", "1", "", ""], ["mkpart", "primary", "3MiB", "4MiB"]] {
        let arguments = arguments.iter().filter(|it| !it.is_empty());
        assert!(Command::new("parted").args(["-s", &disk.0]).args(arguments).status().unwrap().success());
    }
    let other = said(engine.delete_volume(pool, &part(1), false, CALL()));
    assert!(other.ends_with("is another one now: refresh the pool"), "{other}");
    engine.refresh(pool, CALL()).unwrap();
    engine.delete_volume(pool, &part(1), false, CALL()).unwrap();
    engine.destroy(pool, CALL()).unwrap();
    assert_eq!(
        said(engine.delete(pool, DeleteStoragePool::empty(), CALL())),
        "this function is not supported by the connection driver: pool does not support pool deletion"
    );
}

/// Where the test below has its pool, in the process that it kills.
const VICTIM: &str = "VIRT_TEST_PARTITION_VICTIM";

#[test]
fn a_partition_that_was_not_filled_is_removed() {
    if let Some(place) = std::env::var_os(VICTIM) {
        // This is the process that dies: the partition is there, and its content is not.
        let engine = Setup::engine(Path::new(&place));
        let pool = engine.list(ListStoragePools::ACTIVE).unwrap().remove(0);
        let name = std::env::var("VIRT_TEST_PARTITION").unwrap();
        let path = PathBuf::from(format!("/dev/{name}"));
        let disk = path.to_string_lossy().trim_end_matches("p1").to_owned();
        let remove = crate::command::Command::new("parted", [&disk, "rm", "--script", "1"]);
        let making = crate::making::MakingDevice::begin(
            engine.store.root(),
            pool.uuid,
            &name,
            &path,
            (remove, Some(MIB)),
        );
        let xml = volume_xml(&name, MIB, "linux");
        engine.create_volume(pool.uuid, &xml, CreateStorageVolume::empty(), CALL()).unwrap();
        assert!(making.is_ok() && path.exists());
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    if !has(&["parted", "blkid"]) {
        return;
    }
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let Some(disk) = Loop::new(&scratch.path().join("disk"), 16 * MIB) else { return };
    let engine = Setup::engine(scratch.path());
    let xml = format!(
        "<pool type='disk'><name>disk</name><source><device path='{}'/><format type='gpt'/></source>\
         <target><path>/dev</path></target></pool>",
        disk.0
    );
    let pool = define(&engine, &xml);
    engine.create(pool, StartStoragePool::WITH_BUILD_OVERWRITE, CALL()).unwrap();
    let name = format!("{}p1", disk.name());
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", "engine::tests::devices::a_partition_that_was_not_filled_is_removed"]);
    victim.env(VICTIM, scratch.path()).env("VIRT_TEST_PARTITION", &name).stdout(Stdio::null());
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&victim.status().unwrap()), Some(9));
    assert!(Path::new("/dev").join(&name).exists());
    assert_eq!(engine.recover().unwrap(), [format!("making volume '{name}': undone")]);
    engine.refresh(pool, CALL()).unwrap();
    assert_eq!((names(&engine, pool), Path::new("/dev").join(&name).exists()), (vec![], false));
    engine.destroy(pool, CALL()).unwrap();
}

#[test]
fn a_volume_group_is_built_found_and_removed() {
    if !has(&["pvcreate", "vgcreate", "vgs", "lvs", "blkid"]) {
        return;
    }
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let Some(disk) = Loop::new(&scratch.path().join("disk"), 64 * MIB) else { return };
    let engine = Setup::engine(scratch.path());
    let group = format!("virt-test-{}", std::process::id());
    let xml = format!(
        "<pool type='logical'><name>{group}</name><source><device path='{}'/></source></pool>",
        disk.0
    );
    let pool = define(&engine, &xml);
    let said = |result: Result<()>| result.unwrap_err().to_string();
    let missing = said(engine.create(pool, StartStoragePool::empty(), CALL()));
    assert!(missing.ends_with(&format!("cannot find logical volume group name '{group}'")), "{missing}");
    engine.build(pool, BuildStoragePool::empty(), CALL()).unwrap();
    let again = said(engine.build(pool, BuildStoragePool::empty(), CALL()));
    assert!(again.contains("already formatted using 'LVM2_member'"), "{again}");
    let sources = engine.find_sources("logical", None, CALL()).unwrap();
    let source = format!(
        "  <source>\n    <device path='{}'/>\n    <name>{group}</name>\n    <format type='lvm2'/>\n  </source>\n",
        disk.0
    );
    assert!(sources.contains(&source), "{sources}");
    engine.create(pool, StartStoragePool::empty(), CALL()).unwrap();
    let summary = engine.summary(&engine.store().by_uuid(pool).unwrap());
    assert!(summary.capacity > 56 * MIB && summary.available == summary.capacity, "{summary:?}");
    if std::fs::read_to_string("/proc/misc").unwrap().contains("device-mapper") {
        let xml = format!("<volume><name>web</name><capacity>{}</capacity></volume>", 8 * MIB);
        engine.create_volume(pool, &xml, CreateStorageVolume::empty(), CALL()).unwrap();
        assert_eq!(names(&engine, pool), ["web"]);
        engine.delete_volume(pool, "web", false, CALL()).unwrap();
    } else {
        // What LVM refuses leaves nothing, and says why.
        let xml = format!("<volume><name>web</name><capacity>{}</capacity></volume>", 8 * MIB);
        let refused =
            engine.create_volume(pool, &xml, CreateStorageVolume::empty(), CALL()).unwrap_err().to_string();
        assert!(refused.contains("device-mapper"), "{refused}");
        eprintln!("skipped: logical volumes take a kernel with device-mapper");
    }
    assert_eq!(names(&engine, pool), Vec::<String>::new());
    engine.destroy(pool, CALL()).unwrap();
    engine.delete(pool, DeleteStoragePool::empty(), CALL()).unwrap();
    assert!(!engine.find_sources("logical", None, CALL()).unwrap().contains(&group));
}

#[test]
fn a_file_system_is_made_mounted_and_taken_over() {
    const INSIDE: &str = "VIRT_TEST_MOUNTS";
    if !has(&["mkfs.ext4", "mount", "unshare", "blkid"]) {
        return;
    }
    if std::env::var_os(INSIDE).is_none() {
        // Mounts are made where nobody else sees them.
        let mut inside = Command::new("unshare");
        inside.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
        inside.args([
            "--nocapture",
            "--exact",
            "engine::tests::devices::a_file_system_is_made_mounted_and_taken_over",
        ]);
        match inside.env(INSIDE, "1").output() {
            Ok(output) if output.status.success() => eprint!("{}", String::from_utf8_lossy(&output.stderr)),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(said.contains("unshare failed"), "{said}{}", String::from_utf8_lossy(&output.stdout));
                eprintln!("skipped: a mount namespace takes root");
            }
            Err(error) => panic!("{error}"),
        }
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let Some(disk) = Loop::new(&scratch.path().join("disk"), 32 * MIB) else { return };
    let engine = Setup::engine(scratch.path());
    let target = scratch.path().join("mounted");
    let xml = format!(
        "<pool type='fs'><name>fs</name><source><device path='{}'/><format type='ext4'/></source>\
         <target><path>{}</path></target></pool>",
        disk.0,
        target.display()
    );
    let pool = define(&engine, &xml);
    engine.create(pool, StartStoragePool::WITH_BUILD_NO_OVERWRITE, CALL()).unwrap();
    let again = engine.build(pool, BuildStoragePool::NO_OVERWRITE, CALL()).unwrap_err().to_string();
    assert!(again.contains("already active"), "{again}");
    let capacity = engine.summary(&engine.store().by_uuid(pool).unwrap()).capacity;
    assert!((16 * MIB..32 * MIB).contains(&capacity), "{capacity}");
    let xml = format!("<volume><name>web</name><capacity>{MIB}</capacity></volume>");
    engine.create_volume(pool, &xml, CreateStorageVolume::empty(), CALL()).unwrap();
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = mounts().lines().find(|line| line.contains(&target.display().to_string())).unwrap().to_owned();
    assert!(line.contains("nodev") && line.contains("nosuid") && line.contains("noexec"), "{line}");

    // A host whose run directory was lost finds it mounted: it is on, and was not to start with the host.
    let other = Setup::engine(&scratch.path().join("other"));
    let known = define(&other, &engine.xml(pool, true).unwrap());
    assert_eq!(other.host_start(CALL()).unwrap(), Vec::<String>::new());
    assert_eq!(names(&other, known), ["lost+found", "web"]);
    other.destroy(known, CALL()).unwrap();
    assert!(!mounts().contains(&target.display().to_string()));
    // One that is off and not there stays off.
    assert_eq!(other.host_start(CALL()).unwrap(), Vec::<String>::new());
    assert_eq!(other.list(ListStoragePools::ACTIVE).unwrap(), []);
    // What is stopped behind our back stops without an error.
    engine.destroy(pool, CALL()).unwrap();
    let kept = engine.build(pool, BuildStoragePool::NO_OVERWRITE, CALL()).unwrap_err().to_string();
    assert!(kept.contains("Existing filesystem of type 'ext4' found on device"), "{kept}");

    let xml = format!(
        "<pool type='netfs'><name>net</name><source><host name='127.0.0.1'/><dir path='/srv'/><format type='nfs'/></source>\
         <target><path>{}</path></target></pool>",
        scratch.path().join("net").display()
    );
    let net = define(&engine, &xml);
    let refused = engine.create(net, StartStoragePool::WITH_BUILD, CALL()).unwrap_err().to_string();
    assert!(refused.starts_with("internal error: mount "), "{refused}");
    assert_eq!(engine.list(ListStoragePools::ACTIVE).unwrap(), []);
}

/// An iSCSI target of our own, without the kernel; ended when it is dropped.
struct Target(std::process::Child, u16);

impl Target {
    fn new(disk: &Path) -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Its control socket is called by a number.
        let control = (port % 30_000).to_string();
        let mut daemon = Command::new("tgtd");
        daemon.args(["-f", "-C", &control, "--iscsi", &format!("portal=127.0.0.1:{port}")]);
        let daemon = daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let target = Self(daemon, port);
        let admin = |arguments: &[&str]| {
            let mut command = Command::new("tgtadm");
            command.args(["-C", &control, "--lld", "iscsi"]).args(arguments);
            command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        // It listens when it is ready, and says so nowhere.
        let name = "iqn.2026-11.test:disk";
        let mut tries = 0;
        while !admin(&["--mode", "target", "--op", "new", "--tid", "1", "--targetname", name]) {
            tries += 1;
            if tries == 100 {
                return None;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let disk = disk.display().to_string();
        let unit =
            ["--mode", "logicalunit", "--op", "new", "--tid", "1", "--lun", "1", "--backing-store", &disk];
        let account = ["--mode", "account", "--op", "new", "--user", "me", "--password", "open sesame"];
        let bound = ["--mode", "account", "--op", "bind", "--tid", "1", "--user", "me"];
        let all = ["--mode", "target", "--op", "bind", "--tid", "1", "--initiator-address", "ALL"];
        let done = admin(&unit) && admin(&all) && admin(&account) && admin(&bound);
        done.then_some(target)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A host with one secret.
struct WithSecret(Arc<OneSecret>);

impl HostServices for WithSecret {
    fn role(&self, _: &Call, _: String, _: String) -> Result<Slots> {
        Ok(Slots::new(self.0.clone()).with_secrets(self.0.clone()))
    }

    fn helper(&self, _: &Call, name: String) -> Result<HelperProgram> {
        Err(error::unsupported(name))
    }

    fn version(&self, _: &Call) -> Result<u64> {
        Ok(0)
    }
}

struct OneSecret(&'static [u8]);

impl virt_core::driver::Session for OneSecret {}

impl virt_core::driver::Secrets for OneSecret {
    fn reveal(&self, _: &Call, _: Uuid) -> Result<virt_core::driver::SecretValue> {
        Ok(self.0.into())
    }
}

#[test]
fn units_of_a_target_are_volumes_for_who_may_log_in() {
    if !has(&["tgtd", "tgtadm", "iscsi-ls", "iscsi-readcapacity16"]) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("unit");
    std::fs::File::create(&image).unwrap().set_len(20 * MIB).unwrap();
    let Some(target) = Target::new(&image) else {
        eprintln!("skipped: tgtd does not start here");
        return;
    };
    let engine = |name: &str, password: &'static [u8]| {
        let root = Root::open(&Location::Below(scratch.path().join(name)), "storage").unwrap();
        let host = Arc::new(WithSecret(Arc::new(OneSecret(password))));
        Engine::open(root, host, "qemu:///embed".into()).unwrap()
    };
    let xml = |auth: &str| {
        format!(
            "<pool type='iscsi-direct'><name>target</name><source><host name='127.0.0.1' port='{}'/>\
             <device path='iqn.2026-11.test:disk'/><initiator><iqn name='iqn.2026-11.test:me'/></initiator>{auth}</source></pool>",
            target.1
        )
    };
    let auth = "<auth type='chap' username='me'><secret uuid='00000000-0000-0000-0000-000000000001'/></auth>";
    let right = engine("right", b"open sesame");
    let pool = define(&right, &xml(auth));
    right.create(pool, StartStoragePool::empty(), CALL()).unwrap();
    let volume = right.volume(pool, "unit:0:0:1").unwrap();
    assert_eq!(names(&right, pool), ["unit:0:0:1"]);
    let path = format!("ip-127.0.0.1:{}-iscsi-iqn.2026-11.test:disk-lun-1", target.1);
    assert_eq!((volume.path, volume.capacity), (path, 20 * MIB));
    assert_eq!(
        right.download(pool, "unit:0:0:1", (0, 0), false).map(drop).unwrap_err().to_string(),
        "this function is not supported by the connection driver: storage pool doesn't support volume download"
    );
    right.destroy(pool, CALL()).unwrap();
    for (name, auth, password) in [("wrong", auth, &b"another"[..]), ("nobody", "", b"")] {
        let other = engine(name, password);
        let pool = define(&other, &xml(auth));
        let refused = other.create(pool, StartStoragePool::empty(), CALL());
        assert!(refused.is_err() && other.list(ListStoragePools::ACTIVE).unwrap().is_empty(), "{name}");
    }
    let source = format!(
        "<source><host name='127.0.0.1' port='{}'/><initiator><iqn name='iqn.2026-11.test:me'/></initiator></source>",
        target.1
    );
    let open = Setup::engine(&scratch.path().join("open"));
    // Who may log in is asked at the target, not when it is looked for.
    let found = open.find_sources("iscsi-direct", Some(&source), CALL()).unwrap();
    assert!(found.contains("<device path='iqn.2026-11.test:disk'/>"), "{found}");
}

#[test]
fn sources_are_looked_for_where_they_can_be() {
    let setup = Setup::new();
    let said = |kind: &str, source: Option<&str>| {
        setup.engine.find_sources(kind, source, CALL()).unwrap_err().to_string()
    };
    assert_eq!(said("netfs", None), "invalid argument: hostname must be specified for netfs sources");
    assert_eq!(said("iscsi", None), "invalid argument: hostname must be specified for iscsi sources");
    assert_eq!(
        said("disk", None),
        "this function is not supported by the connection driver: pool type 'disk' does not support source discovery"
    );
    assert_eq!(said("nonsense", None), "unsupported configuration: unknown storage pool type nonsense");
    let two = "<source><host name='a'/><host name='b'/></source>";
    assert_eq!(
        said("netfs", Some(two)),
        "unsupported configuration: Expected exactly 1 host for the storage pool"
    );
    assert!(setup.engine.find_sources("netfs", Some("<source>"), CALL()).is_err());
}
