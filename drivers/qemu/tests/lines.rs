//! Command lines and refusals, a line of XML at a time, for a QEMU that has everything.

use std::path::Path;

use virt_conf::model::Domain;
use virt_conf::xml::{ParseFlags, ParseOptions};
use virt_driver_qemu::caps::{
    AcceleratorCapabilities, Arch, Capabilities, CpuModel, Flag, FlagSet, MachineType,
};
use virt_driver_qemu::command::{
    Allocator, CommandLine, Descriptor, DescriptorGroup, Descriptors, HostFacts, Launch, Origin, Paths,
    PortUse, SecretUsage, Secrets, Settings, Taken, TapSetup, command_line, prepare,
};
use virt_driver_qemu::hooks::QemuHooks;
use virt_util::Result;

/// What these tests do without: a board's own controller, and the other spelling of character devices.
const GONE: &[Flag] = &[Flag::Ncr53c90, Flag::ChardevJson];

fn capabilities(arch: Arch) -> Capabilities {
    let machine = |name: &str| MachineType {
        name: name.to_owned(),
        max_cpus: 288,
        default_ram_id: Some("ram".to_owned()),
        acpi: Some(true),
        ..MachineType::default()
    };
    let machines = ["pc", "pc-q35-10.0", "virt", "s390-ccw-virtio", "versatilepb"].map(machine).to_vec();
    let cpus = vec![CpuModel { name: "known".to_owned(), ..CpuModel::default() }];
    let flags: FlagSet = Flag::ALL.iter().copied().filter(|flag| !GONE.contains(flag)).collect();
    Capabilities {
        emulator: format!("/usr/bin/qemu-system-{arch}"),
        version: 10_000_000,
        package: String::new(),
        microcode_version: 0,
        arch,
        flags,
        kvm: None,
        hvf: None,
        tcg: Some(AcceleratorCapabilities { host_cpu: None, cpus, machines }),
        gic: Vec::new(),
        sev: None,
        sgx: None,
        hyperv: None,
    }
}

/// A host that gives everything, under numbers that tests do not look at.
struct Generous;

impl Descriptors for Generous {
    fn number(&mut self, _: &Descriptor) -> i32 {
        3
    }
    fn group(&self, _: &str) -> Option<DescriptorGroup> {
        None
    }
    fn tap(&mut self, _: &str) -> TapSetup {
        TapSetup::default()
    }
}

impl Secrets for Generous {
    fn value(&mut self, _: &SecretUsage) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
    fn master_key(&self) -> [u8; 32] {
        [0; 32]
    }
    fn initialization_vector(&mut self) -> [u8; 16] {
        [0; 16]
    }
}

impl Allocator for Generous {
    fn port(&mut self, _: PortUse) -> Result<u32> {
        Ok(5900)
    }
    fn vsock_cid(&mut self) -> Result<u32> {
        Ok(3)
    }
    fn network_address(&mut self, _: &str) -> Result<String> {
        Ok("127.0.0.1".to_owned())
    }
}

fn line(arch: Arch, machine: &str, around: &str, devices: &str) -> Result<CommandLine> {
    let (boot, around) = around.strip_prefix("<boot ").map_or(("", around), |_| (around, ""));
    let text = format!(
        "<domain type='qemu'><name>g</name><memory>65536</memory><vcpu>1</vcpu><os><type arch='{arch}' \
         machine='{machine}'>hvm</type>{boot}</os>{around}<devices>{devices}</devices></domain>"
    );
    let caps = capabilities(arch);
    let flags = ParseFlags::INACTIVE | ParseFlags::ABI_UPDATE;
    let mut domain = Domain::from_xml(&text, &ParseOptions::from(flags), &QemuHooks::new(&caps))?;
    let place = |name: &str| Path::new("/guest").join(name).display().to_string();
    let paths = Paths {
        guest: place(""),
        channel: place("channel"),
        memory_backing: place("ram"),
        nvram: place("nvram"),
        swtpm_socket: place("swtpm"),
        dbus: place("dbus"),
        passt: place("passt"),
        short_name: "1-g".to_owned(),
    };
    let (settings, host, origin) = (Settings::default(), HostFacts::default(), Origin::Boot);
    prepare(&mut domain, &caps, &host, &paths, &settings, &origin, &mut Generous)?;
    let mut launch = Launch {
        paths,
        settings: &settings,
        host: &host,
        descriptors: &mut Generous,
        secrets: &mut Generous,
        origin,
        taken: Taken::default(),
    };
    command_line(&domain, &caps, &mut launch)
}

/// The arguments are in the command line, in this order.
fn contains(arch: Arch, machine: &str, around: &str, devices: &str, expected: &[&str]) {
    let line = line(arch, machine, around, devices).expect(devices).to_shell();
    let mut rest = line.as_str();
    for part in expected {
        let found = rest.split_once(part).unwrap_or_else(|| panic!("no {part} in\n{line}"));
        rest = found.1;
    }
}

fn refuses(arch: Arch, machine: &str, around: &str, devices: &str, sentence: &str) {
    let error = line(arch, machine, around, devices).map(|line| line.to_shell()).expect_err(devices);
    assert_eq!(error.message(), sentence, "{around}{devices}");
}

const Q35: &str = "pc-q35-10.0";
const MAINFRAME: &str = "s390-ccw-virtio";
const NO_USB: &str = "<controller type='usb' model='none'/>";

#[test]
fn devices_of_a_board_come_with_it() {
    let second = "<controller type='usb' model='qemu-xhci' index='1'/>";
    contains(
        Arch::X86_64,
        "pc",
        "",
        second,
        &["piix3-usb-uhci", "\"id\":\"usb\"", "qemu-xhci", "\"id\":\"usb1\""],
    );
    let bridges = "<controller type='pci' model='pcie-root'/><controller type='pci' model='pcie-root-port'/>";
    contains(Arch::X86_64, Q35, "", bridges, &["\"driver\":\"pcie-root-port\"", "\"id\":\"pci.1\""]);
    let speaker = "<sound model='ac97'/><sound model='pcspk'/>";
    contains(Arch::X86_64, "pc", "", speaker, &[",pcspk-audiodev=audio1,acpi=", "\"driver\":\"AC97\""]);
    contains(Arch::Armv7l, "versatilepb", "", "<serial type='null'/>", &["-serial chardev:charserial0"]);
}

#[test]
fn what_an_option_leaves_open_is_left_to_qemu() {
    let evdev = "<input type='evdev'><source dev='/dev/x'/></input>";
    contains(Arch::X86_64, "pc", "", evdev, &["\"evdev\":\"/dev/x\"}"]);
    let agent = |inside: &str| {
        format!(
            "<channel type='qemu-vdagent'><source>{inside}</source><target type='virtio' \
             name='com.redhat.spice.0'/></channel>"
        )
    };
    contains(Arch::X86_64, "pc", "", &agent(""), &["name=vdagent \\\n"]);
    contains(Arch::X86_64, "pc", "", &agent("<mouse mode='client'/>"), &["name=vdagent,mouse=on"]);
    let pit = "<clock offset='utc'><timer name='pit' present='yes'/></clock>";
    contains(Arch::X86_64, "pc", pit, "", &["kvm-pit.lost_tick_policy=delay"]);
}

#[test]
fn generations_of_virtio_are_named_on_every_bus() {
    let disk = "<disk type='file' model='virtio-non-transitional'><source file='/a'/><target dev='vda' bus='virtio'/></disk>";
    contains(Arch::X86_64, "pc", "", disk, &["virtio-blk-pci-non-transitional"]);
    contains(Arch::S390x, MAINFRAME, "", disk, &["virtio-blk-ccw-non-transitional"]);
}

#[test]
fn network_disks_are_found_where_libvirt_looks() {
    let disk = |protocol: &str, rest: &str| {
        format!(
            "<disk type='network'><source protocol='{protocol}' name='a/b/c'{rest}</source><target dev='vda' \
             bus='virtio'/></disk>"
        )
    };
    let contained = ["\"pool\":\"a\",\"image\":\"b/c\"", "\"port\":\"0\""];
    contains(Arch::X86_64, "pc", "", &disk("rbd", "><host name='x'/>"), &contained);
    let query = " query='x=1'><host name='h'/>";
    contains(Arch::X86_64, "pc", "", &disk("http", query), &["http://h:80/a/b/c?x=1"]);
    contains(Arch::X86_64, "pc", "", &disk("ftp", query), &["ftp://h:21/a/b/c\""]);
    let refused = [
        ("nbd", ">", "internal error: nbd protocol accepts only one host"),
        ("http", ">", "internal error: protocol 'http' accepts only one host"),
        ("iscsi", ">", "internal error: iSCSI protocol accepts only one host"),
        ("iscsi", "><host name='h'/>", "internal error: cannot parse target for lunStr 'a'"),
        ("vxhs", ">", "unsupported configuration: VxHS protocol is not supported with this QEMU binary"),
    ];
    for (protocol, rest, sentence) in refused {
        refuses(Arch::X86_64, "pc", "", &disk(protocol, rest), sentence);
    }
}

#[test]
fn remapped_interrupts_come_from_qemu() {
    let iommu = "<iommu model='intel'><driver intremap='on'/></iommu>";
    contains(Arch::X86_64, Q35, "", iommu, &["kernel_irqchip=split", "\"intremap\":\"on\""]);
}

#[test]
fn the_last_place_in_the_boot_order_counts() {
    let order = "<boot dev='hd'/><boot dev='network'/><boot dev='hd'/>";
    let disk = "<disk type='file'><source file='/a'/><target dev='hda' bus='ide'/></disk>";
    contains(Arch::X86_64, "pc", order, disk, &["\"ide-hd\"", "\"bootindex\":3"]);
}

#[test]
fn guests_that_cannot_be_are_refused_in_libvirts_words() {
    let usb_is_off = "unsupported configuration: USB is disabled for this domain, but USB devices are present in the domain XML";
    let cases = [
        (
            Arch::X86_64,
            Q35,
            "<controller type='pci' index='0'/>",
            "XML error: The PCI controller with index='0' must be model='pcie-root' for this machine type, but model='(null)' was found instead",
        ),
        (
            Arch::X86_64,
            "pc",
            "<controller type='pci' model='pci-bridge'/>",
            "XML error: The PCI controller with index='0' must be model='pci-root' for this machine type, but model='pci-bridge' was found instead",
        ),
        (Arch::X86_64, "pc", &format!("{NO_USB}<smartcard mode='host'/>"), usb_is_off),
        (Arch::Aarch64, "virt", "<sound model='usb'/>", usb_is_off),
        (
            Arch::X86_64,
            "pc",
            "<controller type='usb' model='ich9-ehci1'/><controller type='usb' index='1' model='ich9-uhci1'><master startport='0'/></controller>",
            "internal error: masterbus not found",
        ),
        (
            Arch::X86_64,
            "pc",
            "<controller type='usb' model='qemu-xhci'/><hub type='usb'><address type='usb' bus='0' port='1'/></hub><hub type='usb'><address type='usb' bus='0' port='1'/></hub>",
            "XML error: Duplicate USB hub on bus 0 port 1",
        ),
        (
            Arch::X86_64,
            "pc",
            "<disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/><address type='drive'/></disk>",
            "unsupported configuration: virtio disk cannot have an address of type 'drive'",
        ),
        (
            Arch::X86_64,
            "pc",
            "<graphics type='vnc' port='80'/>",
            "unsupported configuration: vnc port must be in range [5900,65535]",
        ),
        (
            Arch::X86_64,
            "pc",
            "<controller type='scsi' model='ncr53c90'/>",
            "unsupported configuration: ncr53c90 SCSI controller is not a built-in for this machine",
        ),
        (
            Arch::Aarch64,
            "virt",
            "<serial type='null'><target type='isa-debug'/></serial>",
            "unsupported configuration: isa-debug serial type only valid on x86 architecture",
        ),
        (
            Arch::Armv7l,
            "versatilepb",
            "<serial type='null'><target type='system-serial'/></serial>",
            "internal error: Invalid target model for serial device",
        ),
    ];
    for (arch, machine, devices, sentence) in cases {
        refuses(arch, machine, "", devices, sentence);
    }
    let processors = [
        (
            Arch::Aarch64,
            "virt",
            "<cpu mode='custom'><model fallback='forbid'>qemu64</model></cpu>",
            "unsupported configuration: CPU model qemu64 is not supported by hypervisor",
        ),
        (
            Arch::Aarch64,
            "virt",
            "<cpu mode='custom'><model>qemu64</model></cpu>",
            "this function is not supported by the connection driver: cannot translate CPU model qemu64 to a supported model",
        ),
        (
            Arch::S390x,
            MAINFRAME,
            "<cpu mode='custom' match='minimum'><model>known</model></cpu>",
            "unsupported configuration: match mode minimum not supported",
        ),
    ];
    for (arch, machine, processor, sentence) in processors {
        refuses(arch, machine, processor, "", sentence);
    }
}
