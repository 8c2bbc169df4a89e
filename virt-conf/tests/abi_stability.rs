//! What must not change under a guest, in libvirt's words.

use expect_test::{Expect, expect};
use virt_conf::domain::Neutral;
use virt_conf::model::Domain;
use virt_conf::xml::{ParseFlags, ParseOptions};

const GUEST: &str = "<domain type='kvm'>
  <name>a</name>
  <uuid>5f0c8e0a-3c53-4b5e-9a3f-0d3a8a6d2b11</uuid>
  <maxMemory slots='4' unit='KiB'>8388608</maxMemory>
  <memory>3145728</memory>
  <currentMemory>1048576</currentMemory>
  <vcpu current='1'>2</vcpu>
  <sysinfo type='smbios'><system><entry name='manufacturer'>us</entry></system></sysinfo>
  <os><type arch='x86_64' machine='q35'>hvm</type><smbios mode='sysinfo'/></os>
  <features>
    <acpi/><apic eoi='on'/><hyperv><relaxed state='on'/><spinlocks state='on' retries='4096'/></hyperv>
    <kvm><hidden state='on'/></kvm><ioapic driver='kvm'/><smm state='on'><tseg unit='MiB'>48</tseg></smm>
  </features>
  <cpu mode='custom' match='exact'>
    <model>Skylake-Client</model><topology sockets='1' cores='2' threads='1'/><feature policy='require' name='vmx'/>
    <numa><cell id='0' cpus='0-1' memory='2097152'/></numa>
  </cpu>
  <clock offset='utc'><timer name='hpet' present='no'/><timer name='tsc' frequency='1000'/></clock>
  <devices>
    <disk type='file'>
      <driver name='qemu' type='raw' queues='2'/><source file='/a'/><target dev='vda' bus='virtio'/>
      <serial>1</serial><address type='pci' bus='4' slot='0x1f' function='1'/>
    </disk>
    <controller type='scsi' index='0' model='virtio-scsi'/>
    <controller type='virtio-serial' index='0' ports='8'/>
    <filesystem type='mount'><source dir='/b'/><target dir='b'/></filesystem>
    <interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/><driver iommu='on'/><mtu size='1400'/></interface>
    <channel type='unix'><target type='virtio' name='c'/></channel>
    <input type='tablet' bus='usb'/>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
    <sound model='ich9'/>
    <video><model type='virtio' heads='1'><acceleration accel3d='yes'/></model></video>
    <hostdev mode='subsystem' type='pci'><source><address bus='1'/></source><acpi index='3'/></hostdev>
    <redirdev bus='usb' type='spicevmc'/>
    <redirfilter><usbdev class='8' allow='yes'/></redirfilter>
    <watchdog model='itco'/>
    <memballoon model='virtio' autodeflate='on'/>
    <rng model='virtio'><backend model='random'/></rng>
    <panic model='isa'/>
    <shmem name='s'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>
    <memory model='dimm'><target><size>1048576</size><node>0</node></target></memory>
    <iommu model='intel'><driver eim='on'/></iommu>
    <vsock model='virtio'/>
  </devices>
</domain>";

fn read(text: &str) -> Domain {
    let options = ParseOptions::from(ParseFlags::INACTIVE | ParseFlags::SKIP_VALIDATE);
    Domain::from_xml(text, &options, &Neutral).unwrap_or_else(|error| panic!("{error:#}"))
}

#[test]
fn the_same_machine_is_stable() {
    read(GUEST).check_abi_stability(&read(GUEST)).unwrap();
    for (from, to) in [
        ("offset='utc'", "offset='localtime'"),
        ("/a", "/elsewhere"),
        ("mode='subsystem' type='pci'", "managed='yes' mode='subsystem' type='pci'"),
    ] {
        let changed = GUEST.replace(from, to);
        assert_ne!(changed, GUEST);
        read(GUEST).check_abi_stability(&read(&changed)).unwrap();
    }
}

#[test]
fn every_difference_has_its_sentence() {
    let mut said = String::new();
    for (from, to) in CHANGES {
        let changed = GUEST.replacen(from, to, 1);
        assert_ne!(changed, GUEST, "{from} is not there");
        let error = read(GUEST).check_abi_stability(&read(&changed)).expect_err(to);
        said += &format!("{}/{} {error}\n", error.code().0, error.domain().0);
    }
    check(
        &said,
        expect![[r#"
        67/20 unsupported configuration: Target domain virt type qemu does not match source kvm
        67/20 unsupported configuration: Target domain uuid 5f0c8e0a-3c53-4b5e-9a3f-0d3a8a6d2b12 does not match source 5f0c8e0a-3c53-4b5e-9a3f-0d3a8a6d2b11
        67/20 unsupported configuration: Target domain name 'b' does not match source 'a'
        67/20 unsupported configuration: Target domain requested genid does not match source
        67/20 unsupported configuration: Target domain max memory 3145728 does not match source 2097152
        67/20 unsupported configuration: Target domain current memory 1048575 does not match source 1048576
        67/20 unsupported configuration: Target domain memory slots count '5' doesn't match source '4'
        67/20 unsupported configuration: Size of target NUMA node 0 (2097151) doesn't match source (2097152)
        67/20 unsupported configuration: Processor mask of target NUMA node 0 doesn't match source
        67/20 unsupported configuration: State of vCPU '1' differs between source and destination definitions
        67/20 unsupported configuration: Target domain OS type xen does not match source hvm
        67/20 unsupported configuration: Target domain machine type pc does not match source q35
        67/20 unsupported configuration: Target domain SMBIOS mode host does not match source sysinfo
        67/20 unsupported configuration: State of feature 'acpi' differs: source: 'on', destination: 'default'
        67/20 unsupported configuration: State of feature 'apic' differs: source: 'on,eoi=on', destination: 'on,eoi=off'
        67/20 unsupported configuration: State of HyperV enlightenment feature 'relaxed' differs: source: 'on', destination: 'default'
        67/20 unsupported configuration: HyperV spinlock retry count differs: source: '4096', destination: '8192'
        67/20 unsupported configuration: State of KVM feature 'hidden' differs: source: 'on', destination: 'off'
        67/20 unsupported configuration: State of feature 'ioapic' differs: source: 'driver=kvm', destination: 'driver=qemu'
        67/20 unsupported configuration: Size of SMM TSEG size differs: source: '48 MiB', destination: '47 MiB'
        67/20 unsupported configuration: Target timer presence 'yes' does not match source 'no'
        67/20 unsupported configuration: Target TSC frequency 1001 does not match source 1000
        67/31 unsupported configuration: Target CPU model Skylake-Server does not match source Skylake-Client
        67/31 unsupported configuration: Target CPU sockets 2 does not match source 1
        67/31 unsupported configuration: Target CPU feature policy disable does not match source require
        67/37 unsupported configuration: Target sysinfo system vendor them does not match source us
        67/20 unsupported configuration: Target disk serial 2 does not match source 1
        67/20 unsupported configuration: Target disk vdb does not match source vda
        67/20 unsupported configuration: Target disk queue count 3 does not match source 2
        67/20 unsupported configuration: Target device PCI address 0000:04:1f.2 does not match source 0000:04:1f.1
        67/20 unsupported configuration: Target disk queue count 0 does not match source 2
        67/20 unsupported configuration: Target controller model 2 does not match source 6
        67/20 unsupported configuration: Target controller ports 9 does not match source 8
        67/20 unsupported configuration: Target filesystem guest target c does not match source b
        67/20 unsupported configuration: Target network card mac 52:54:00:00:00:02 does not match source 52:54:00:00:00:01
        67/20 unsupported configuration: Target network card model e1000 does not match source virtio
        67/20 unsupported configuration: Target network card model mine does not match source <null>
        67/20 unsupported configuration: Target device iommu option 'off' does not match source 'on'
        67/20 unsupported configuration: Target network card MTU 1500 does not match source 1400
        67/20 unsupported configuration: Target channel name d does not match source c
        67/20 unsupported configuration: Target input device type mouse does not match source tablet
        67/20 unsupported configuration: Target domain input device count 2 does not match source 1
        67/20 unsupported configuration: Target TPM version doesn't match source
        67/20 unsupported configuration: Target sound card model ich6 does not match source ich9
        67/20 unsupported configuration: Target video card heads 2 does not match source 1
        67/20 unsupported configuration: Target video card 3d accel 2 does not match source 1
        67/20 unsupported configuration: Target host device subsystem type usb is not compatible with source subsystem type pci
        67/20 unsupported configuration: Target ACPI index '4' does not match source '3'
        67/20 unsupported configuration: Target domain net card count 2 does not match source 1
        67/20 unsupported configuration: Target redirected device source type pty does not match source device source type spicevmc
        67/20 unsupported configuration: Target USB Class code does not match source
        67/20 unsupported configuration: Target USB allow 'no' does not match source 'yes'
        67/20 unsupported configuration: Target domain USB redirection filter count 0 does not match source 1
        67/20 unsupported configuration: Target watchdog model ib700 does not match source itco
        67/20 unsupported configuration: Target balloon autodeflate attribute value 'off' does not match source 'on'
        67/20 unsupported configuration: Target RNG model 'virtio-transitional' does not match source 'virtio'
        67/20 unsupported configuration: Target panic model 'hyperv' does not match source 'isa'
        67/20 unsupported configuration: Target shared memory size '8388608' does not match source size '4194304'
        67/20 unsupported configuration: Target domain max memory 2097153 does not match source 2097152
        67/20 unsupported configuration: Target domain IOMMU device eim value 'off' does not match source 'on'
        67/20 unsupported configuration: Target domain vsock device count does not match source
    "#]],
    );
}

fn check(said: &str, expected: Expect) {
    expected.assert_eq(said);
}

const CHANGES: &[(&str, &str)] = &[
    ("type='kvm'", "type='qemu'"),
    ("2b11</uuid>", "2b12</uuid>"),
    ("<name>a</name>", "<name>b</name>"),
    ("<name>a</name>", "<name>a</name><genid/>"),
    ("<memory>3145728</memory>", "<memory>4194304</memory>"),
    ("<currentMemory>1048576", "<currentMemory>1048575"),
    ("slots='4'", "slots='5'"),
    ("memory='2097152'", "memory='2097151'"),
    ("cpus='0-1'", "cpus='0'"),
    ("current='1'>2", "current='2'>2"),
    (">hvm<", ">xen<"),
    ("machine='q35'", "machine='pc'"),
    ("mode='sysinfo'/>", "mode='host'/>"),
    ("<acpi/>", ""),
    ("eoi='on'", "eoi='off'"),
    ("<relaxed state='on'/>", ""),
    ("retries='4096'", "retries='8192'"),
    ("<hidden state='on'/>", "<hidden state='off'/>"),
    ("driver='kvm'", "driver='qemu'"),
    (">48</tseg>", ">47</tseg>"),
    ("present='no'", "present='yes'"),
    ("frequency='1000'", "frequency='1001'"),
    ("Skylake-Client", "Skylake-Server"),
    ("sockets='1' cores='2'", "sockets='2' cores='1'"),
    ("policy='require'", "policy='disable'"),
    (">us<", ">them<"),
    ("<serial>1", "<serial>2"),
    ("dev='vda'", "dev='vdb'"),
    ("queues='2'", "queues='3'"),
    ("slot='0x1f' function='1'", "slot='0x1f' function='2'"),
    ("<driver name='qemu' type='raw' queues='2'/>", ""),
    ("model='virtio-scsi'", "model='lsilogic'"),
    ("ports='8'", "ports='9'"),
    ("<target dir='b'/>", "<target dir='c'/>"),
    ("00:01", "00:02"),
    ("<model type='virtio'/>", "<model type='e1000'/>"),
    ("<model type='virtio'/>", "<model type='mine'/>"),
    ("iommu='on'", "iommu='off'"),
    ("size='1400'", "size='1500'"),
    ("name='c'", "name='d'"),
    ("<input type='tablet' bus='usb'/>", "<input type='mouse' bus='usb'/>"),
    ("<input type='tablet' bus='usb'/>", "<input type='tablet' bus='usb'/><input type='mouse' bus='usb'/>"),
    ("version='2.0'", "version='1.2'"),
    ("model='ich9'", "model='ich6'"),
    ("heads='1'", "heads='2'"),
    ("accel3d='yes'", "accel3d='no'"),
    (
        "mode='subsystem' type='pci'><source><address bus='1'/>",
        "mode='subsystem' type='usb'><source><address bus='1' device='1'/>",
    ),
    ("index='3'", "index='4'"),
    (
        "<hostdev mode='subsystem'",
        "<interface type='hostdev'><source><address type='pci' bus='2'/></source></interface><hostdev mode='subsystem'",
    ),
    ("type='spicevmc'/>", "type='pty'/>"),
    ("class='8'", "class='9'"),
    ("allow='yes'", "allow='no'"),
    ("<redirfilter><usbdev class='8' allow='yes'/></redirfilter>", ""),
    ("model='itco'", "model='ib700'"),
    ("autodeflate='on'", "autodeflate='off'"),
    ("<rng model='virtio'>", "<rng model='virtio-transitional'>"),
    ("model='isa'", "model='hyperv'"),
    (">4</size></shmem>", ">8</size></shmem>"),
    ("<size>1048576</size>", "<size>1048575</size>"),
    ("eim='on'", "eim='off'"),
    ("<vsock model='virtio'/>", ""),
];
