//! Disks, channels, ports, memory: what a guest does with them, seen from the host, and the reverse.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use virt_core::{
    CreateStorageVolume, DestroyDomain, DeviceChange, Domain, DomainEventKind, Events, LifecycleEvent,
    MemoryFlags, Notice, OpenConsole, StartDomain, StartStoragePool,
};
use virt_tests::skip;

use crate::lab::{Lab, NAME, PATIENCE, SERIAL, Shell, bare, files, read_until, wait_for};

/// What the program in the boot sector says on the first serial port.
const GREETING: &[u8] = b"read from its disk\r\n";

/// A program for a boot sector: it says so, and turns the machine (Q35) off.
fn boot_sector() -> Vec<u8> {
    let mut sector = vec![
        0x31, 0xc0, // xor ax, ax
        0x8e, 0xd8, // mov ds, ax
        0xfc, // cld
        0xbe, 0x1d, 0x7c, // mov si, the text behind this code
        0xba, 0xf8, 0x03, // mov dx, the serial port
        0xac, // again: lodsb
        0x84, 0xc0, // test al, al
        0x74, 0x03, // jz off
        0xee, // out dx, al
        0xeb, 0xf8, // jmp again
        0xba, 0x04, 0x06, // off: mov dx, the power management's control register
        0xb8, 0x00, 0x20, // mov ax, sleep in state 5
        0xef, // out dx, ax
        0xf4, // hlt
        0xeb, 0xfd, // jmp to the hlt
    ];
    sector.extend(GREETING);
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    sector.resize(1 << 20, 0);
    sector
}

fn tool(program: &str, words: &[&str]) -> Result<String, String> {
    let output =
        Command::new(program).args(words).output().map_err(|error| format!("no {program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(format!("{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// A file as a block device.
struct Loop(String);

impl Loop {
    fn over(file: &Path) -> Result<Self, String> {
        tool("losetup", &["--find", "--show", &file.to_string_lossy()]).map(Self)
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = tool("losetup", &["--detach", &self.0]);
    }
}

/// An image with this content.
fn image(directory: &Path, name: &str, format: &str, content: &[u8]) -> Result<PathBuf, String> {
    let raw = directory.join(format!("{name}.raw"));
    std::fs::write(&raw, content).map_err(|error| error.to_string())?;
    if format == "raw" {
        return Ok(raw);
    }
    let path = directory.join(format!("{name}.{format}"));
    let (from, to) = (raw.to_string_lossy(), path.to_string_lossy());
    tool("qemu-img", &["convert", "-f", "raw", "-O", format, &from, &to])?;
    Ok(path)
}

#[test]
fn a_guest_boots_from_its_disk() {
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path();
    let file = |path: &Path| format!("type='file' device='disk'><source file='{}'/>", path.display());
    let image = |name, format| image(directory, name, format, &boot_sector());
    let (raw, qcow2, block) = match (image("one", "raw"), image("two", "qcow2"), image("three", "raw")) {
        (Ok(raw), Ok(qcow2), Ok(block)) => (raw, qcow2, block),
        (a, b, c) => skip!("{:?}", [a.err(), b.err(), c.err()]),
    };
    let mut disks = vec![("vda", "virtio", "raw", file(&raw)), ("sda", "sata", "qcow2", file(&qcow2))];
    let block = Loop::over(&block);
    match &block {
        Ok(Loop(device)) => {
            let source = format!("type='block' device='disk'><source dev='{device}'/>");
            disks.push(("sda", "scsi", "raw", source));
        }
        Err(reason) => println!("no block device is tried: {reason}"),
    }
    for (target, bus, format, source) in disks {
        let said = directory.join(format!("{bus}.log"));
        let xml = format!(
            "<domain type='qemu'><name>{NAME}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os><features><acpi/></features><cpu mode='maximum'/>
  <devices><controller type='usb' model='none'/><controller type='scsi' model='virtio-scsi'/>
    <disk {source}<driver name='qemu' type='{format}'/><target dev='{target}' bus='{bus}'/></disk>
    <serial type='file'><source path='{}'/></serial><memballoon model='none'/></devices></domain>",
            said.display()
        );
        let lab = match Lab::new(&xml) {
            Ok(lab) => lab,
            Err(reason) => skip!("{reason}"),
        };
        let mut events = lab.events();
        lab.domain.start(StartDomain::empty()).expect("started");
        wait_for(&mut events, LifecycleEvent::Stopped);
        let said = std::fs::read(&said).expect("it said something");
        assert!(said.ends_with(GREETING), "{bus}: {}", String::from_utf8_lossy(&said));
        lab.assert_clean();
    }
}

#[test]
fn a_guest_and_its_host_meet_at_disks_channels_ports_and_in_memory() {
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path();
    let content = |text: &str| {
        let mut content = text.as_bytes().to_vec();
        content.resize(1 << 20, 0);
        content
    };
    let image = |name, format, text: &str| image(directory, name, format, &content(text));
    let made = ["virtio-raw", "sata-qcow2", "scsi-raw", "cdrom-raw"].map(|name| {
        let format = if name.ends_with("qcow2") { "qcow2" } else { "raw" };
        image(name, format, &format!("{name} from the host\n"))
    });
    let [Ok(virtio), Ok(sata), Ok(scsi), Ok(cdrom)] = &made else { skip!("{made:?}") };
    let log = directory.join("port.log");
    let disk = |device: &str, path: &Path, format: &str, target: &str, bus: &str| {
        format!(
            "<disk type='file' device='{device}'><driver name='qemu' type='{format}'/><source file='{}'/>\
             <target dev='{target}' bus='{bus}'/></disk>",
            path.display()
        )
    };
    let devices = [
        disk("disk", virtio, "raw", "vda", "virtio"),
        disk("disk", sata, "qcow2", "sda", "sata"),
        disk("disk", scsi, "raw", "sdb", "scsi"),
        disk("cdrom", cdrom, "raw", "sdc", "sata"),
        "<controller type='scsi' model='virtio-scsi'/>".to_owned(),
        "<channel type='unix'><target type='virtio' name='org.example.0'/></channel>".to_owned(),
        SERIAL.to_owned(),
        format!("<serial type='file'><source path='{}'/><target port='1'/></serial>", log.display()),
        "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>".to_owned(),
        "<memballoon model='virtio'/>".to_owned(),
    ];
    let lab = match Lab::booting("", "", &devices.concat()) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    let mut guest = Shell::boot(&lab.domain);

    // Nobody loads them by themselves there, and controllers find their disks in their own time.
    guest.run("modprobe -a sd_mod sr_mod; until [ -e /dev/sr0 ] && [ -e /dev/sdb ]; do usleep 10000; done");
    let seen = guest.run("for disk in /dev/vda /dev/sd? /dev/sr0; do head -n 1 $disk; done");
    for name in ["virtio-raw", "sata-qcow2", "scsi-raw", "cdrom-raw"] {
        assert!(seen.contains(&format!("{name} from the host")), "{name}: {seen}");
    }
    let seen = guest.run(
        "for disk in /dev/vda /dev/sd?; do echo \"$(head -n 1 $disk | cut -d ' ' -f 1) from the guest\" | \
         dd of=$disk bs=512 seek=1 conv=fsync,notrunc; done; echo no >/dev/sr0",
    );
    assert!(seen.contains("sr0: Read-only file system") || seen.contains("can't create /dev/sr0"), "{seen}");

    a_channel_carries_both_ways(&lab.domain, &mut guest);

    guest.run("echo 'to a file' > /dev/ttyS1");
    let written = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(written, "to a file\r\n");
    let random = guest.run("cat /sys/class/misc/hw_random/rng_current; head -c 16 /dev/hwrng | wc -c");
    assert!(random.contains("virtio_rng") && random.lines().any(|line| line.trim() == "16"), "{random}");

    memory_is_given_and_taken(&lab.domain, &mut events, &mut guest);

    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
    let plain = directory.join("plain.raw");
    let (from, to) = (sata.to_string_lossy(), plain.to_string_lossy());
    tool("qemu-img", &["convert", "-f", "qcow2", "-O", "raw", &from, &to]).expect("read");
    for (path, name) in [(virtio, "virtio-raw"), (scsi, "scsi-raw"), (&plain, "sata-qcow2")] {
        let expected = format!("{name} from the guest\n");
        assert_eq!(second_sector(path, expected.len()), expected);
    }
    assert_eq!(second_sector(cdrom, 1), "\0");
}

#[test]
fn a_volume_comes_to_a_running_guest() {
    let port = "<controller type='pci' model='pcie-root-port'/>";
    let slots = format!("<controller type='pci' model='pcie-root'/>{}", port.repeat(3));
    let lab = match Lab::new(&bare(&slots)) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let place = tempfile::tempdir().expect("a directory");
    let pool = format!(
        "<pool type='dir'><name>p</name><target><path>{}</path></target></pool>",
        place.path().display()
    );
    let pool = lab.connection.create_storage_pool(&pool, StartStoragePool::empty()).expect("a pool");
    let volume = "<volume><name>data</name><capacity unit='MiB'>1</capacity><target><format type='qcow2'/></target></volume>";
    pool.create_volume(volume, CreateStorageVolume::empty()).expect("a volume");
    lab.domain.start(StartDomain::PAUSED).expect("started");
    let disk = |volume: &str| {
        format!(
            "<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/><source pool='p' volume='{volume}'/>\
             <target dev='vda' bus='virtio'/></disk>"
        )
    };
    let missing = lab.domain.attach_device(&disk("nothing"), DeviceChange::LIVE).expect_err("no such volume");
    assert_eq!(missing.code(), virt_core::ErrorCode::NO_STORAGE_VOL, "{missing}");
    lab.domain.attach_device(&disk("data"), DeviceChange::LIVE).expect("attached");
    let file = place.path().join("data");
    let opened = files(Path::new(&format!("/proc/{}/fd", lab.process())));
    assert!(
        opened.iter().any(|link| std::fs::read_link(link).is_ok_and(|to| to == file)),
        "the emulator has it open"
    );
    let xml = lab.domain.xml(virt_core::DomainXml::empty()).expect("XML");
    assert!(xml.contains("<source pool='p' volume='data'"), "{xml}");
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    pool.destroy().expect("stopped");
    lab.assert_clean();
}

fn second_sector(path: &Path, length: usize) -> String {
    let mut file = std::fs::File::open(path).expect("an image");
    file.seek(SeekFrom::Start(512)).expect("long enough");
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes).expect("readable");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn a_channel_carries_both_ways(domain: &Domain, guest: &mut Shell) {
    let channel = domain.open_channel(Some("org.example.0"), OpenConsole::empty()).expect("a channel");
    let mut channel = channel.with_timeout(PATIENCE);
    let find = "port=/dev/$(basename $(dirname $(grep -l org.example.0 /sys/class/virtio-ports/*/name)))";
    guest.run(&format!("{find}; echo 'to the host' > $port"));
    read_until(&mut channel, "to the host\n");
    channel.write_all(b"to the guest\n").expect("sent");
    let seen = guest.run("head -n 1 < $port");
    assert!(seen.contains("to the guest"), "{seen}");
}

fn memory_is_given_and_taken(domain: &Domain, events: &mut Events, guest: &mut Shell) {
    const LESS: u64 = 192 << 10;
    let mut total = || -> u64 {
        let seen = guest.run("sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo");
        seen.lines()
            .find_map(|line| line.trim().parse().ok())
            .unwrap_or_else(|| panic!("no number in {seen}"))
    };
    let before = total();
    domain.set_memory(LESS, MemoryFlags::LIVE).expect("set");
    loop {
        match events.next_within(PATIENCE).expect("readable").expect("an event in time") {
            Notice::Event(event) if event.kind == DomainEventKind::BalloonChange(LESS) => break,
            _ => {}
        }
    }
    let after = total();
    assert!(before >= after + (60 << 10), "{before} KiB, then {after} KiB");
    assert_eq!(domain.info().expect("known").memory, LESS);
}
