//! Node devices in the lab: the same documents as libvirt's, events of what is plugged, functions handed over, mediated
//! devices.

use std::path::{Path, PathBuf};

use expect_test::expect;
use virt_tests::lab::Lab;
use virt_tests::node_devices::{compare, documents};

/// What both are asked, and how.
const COMPARE: &str = r#"
ask() { "$@" nodedev-list > /tmp/names; while read -r name; do [ -z "$name" ] || echo "nodedev-dumpxml $name"; done < /tmp/names > /tmp/ask; "$@" < /tmp/ask; }
modprobe -a mtty dummy scsi_debug || exit 1
ip link set "$(ls /sys/bus/pci/devices/0000:01:00.0/net)" up
echo 2 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs || exit 1
ip link add bridge7 type bridge; ip link add dummy7 type dummy; ip link add veth7 type veth peer name veth8
[ -z "$UDEV" ] || udevadm settle -t 30
mkdir -p /run/libvirt; /usr/sbin/libvirtd -d || exit 1
for _ in $(seq 100); do [ -S /run/libvirt/libvirt-sock ] && break; sleep 0.1; done
# The daemon lists devices after it answers.
for _ in $(seq 100); do virsh -c qemu:///system nodedev-list --cap net | grep -q veth8 && break; sleep 0.1; done
echo "=== theirs"; ask virsh -q -c qemu:///system
echo "=== ours"; ask "$VIRTSH" -q -c nodedev:///system
"#;

/// What starts udev.
const UDEV: &str =
    "UDEV=yes; /lib/systemd/systemd-udevd -d && udevadm trigger --action=add && udevadm settle -t 60\n";

fn virtsh() -> PathBuf {
    let executable = std::env::current_exe().expect("this program has a path");
    let virtsh = executable.ancestors().nth(2).expect("it is in a build's directory").join("virtsh");
    assert!(virtsh.is_file(), "{} is not built: cargo build --workspace", virtsh.display());
    virtsh
}

/// Runs a script with our command line; nothing, after a word about it, where the lab cannot run.
fn run(script: &str, needed: &[&str]) -> Option<String> {
    let missing = needed.iter().find(|file| !Path::new(file).exists());
    let missing = missing.map(|file| format!("there is no {file}")).or_else(Lab::missing);
    let missing = missing.or_else(|| Lab::build_modules().err());
    if let Some(why) = missing {
        println!("skipped: {why}");
        return None;
    }
    let script = format!("VIRTSH='{}'\n{script}", virtsh().display());
    let output = Lab::new().limit(400).run(&script).expect("the lab starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the lab ended with {}:\n{out}\n{err}", output.status);
    Some(out.into_owned())
}

fn same_documents(place: &str, ready: &str) {
    let needed = ["/usr/sbin/libvirtd", "/lib/systemd/systemd-udevd", "/usr/share/misc/pci.ids"];
    let Some(said) = run(&format!("{ready}{COMPARE}"), &needed) else { return };
    let (_, both) = said.split_once("=== theirs").expect("libvirt was asked");
    let (theirs, ours) = both.split_once("=== ours").expect("we were asked");
    let (theirs, ours) = (documents(theirs), documents(ours));
    assert!(theirs.len() > 40, "libvirt has only {} devices:\n{said}", theirs.len());
    if let Err(wrong) = compare(place, &ours, &theirs) {
        panic!("{} devices of ours, {} of libvirt's:\n{wrong}", ours.len(), theirs.len());
    }
    println!("{} devices of ours, {} of libvirt's", ours.len(), theirs.len());
}

#[test]
fn every_device_is_described_as_libvirt_describes_it() {
    same_documents("lab-udev", UDEV);
}

#[test]
fn without_udev_too() {
    same_documents("lab-plain", "");
}

/// Plugs and unplugs a PCI function, a USB device, a network interface; says what was announced of which.
const EVENTS: &str = r#"
modprobe dummy
"$VIRTSH" -q -c nodedev:///system nodedev-event --event lifecycle --loop --timeout 60 > /tmp/events & reader=$!
settle() { [ -z "$UDEV" ] || udevadm settle -t 30; }
seen() { for _ in $(seq 200); do [ "$(grep -c "$1" /tmp/events)" -ge "$2" ] && return; sleep 0.1; done; echo "never seen: $1"; }
# The reader is ready when it sees what is made for it.
for n in $(seq 50); do ip link add "ready$n" type dummy; sleep 0.2; grep -q ready /tmp/events && break; done
echo 1 > /sys/bus/pci/devices/0000:05:00.0/remove; seen 'pci_0000_05_00_0: Deleted' 1
echo 1 > /sys/bus/pci/rescan; seen 'pci_0000_05_00_0: Created' 1
# Without its hub a port is as empty as an unplugged one; with it again, what is there is found anew.
echo 3-0:1.0 > /sys/bus/usb/drivers/hub/unbind; seen 'usb_3_1: Deleted' 1
echo 3-0:1.0 > /sys/bus/usb/drivers/hub/bind; seen 'usb_3_1_1_0: Created' 1
ip link add dummy7 type dummy; ip link set dummy7 name dummy8; settle; ip link del dummy8; seen 'net_dummy8.*Deleted' 1
kill $reader; wait $reader 2> /dev/null
sed 's/_[0-9a-f]*_[0-9a-f]*_[0-9a-f]*_[0-9a-f]*_[0-9a-f]*_[0-9a-f]*: /: /' /tmp/events | grep -e pci_ -e usb_ -e dummy
"#;

#[test]
fn what_is_plugged_is_announced() {
    let Some(said) = run(EVENTS, &[]) else { return };
    expect![[r#"
        event 'lifecycle' for node device pci_0000_05_00_0: Deleted
        event 'lifecycle' for node device pci_0000_05_00_0: Created
        event 'lifecycle' for node device usb_3_1_1_0: Deleted
        event 'lifecycle' for node device usb_3_1: Deleted
        event 'lifecycle' for node device usb_3_1: Created
        event 'lifecycle' for node device usb_3_1_1_0: Created
        event 'lifecycle' for node device net_dummy7: Created
        event 'lifecycle' for node device net_dummy7: Deleted
        event 'lifecycle' for node device net_dummy8: Created
        event 'lifecycle' for node device net_dummy8: Deleted
    "#]]
    .assert_eq(&said);
}

#[test]
fn udev_announces_it_with_what_it_knows() {
    let needed = ["/lib/systemd/systemd-udevd"];
    let Some(said) = run(&format!("{UDEV}{EVENTS}"), &needed) else { return };
    for line in
        ["pci_0000_05_00_0: Deleted", "pci_0000_05_00_0: Created", "usb_3_1: Deleted", "usb_3_1: Created"]
    {
        assert!(said.contains(line), "{line} is missing in:\n{said}");
    }
    assert!(!said.contains("never seen"), "{said}");
}

/// PCI functions.
const FUNCTIONS: &str = r#"
V() { echo "\$ $*"; "$VIRTSH" -q -c nodedev:///system "$@" 2>&1 || echo "(exit code $?)"; }
driver() { basename "$(readlink "/sys/bus/pci/devices/$1/driver" || echo none)"; }
V nodedev-detach net_lo_00_00_00_00_00_00
V nodedev-detach pci_0000_05_00_0 --driver foo
V nodedev-detach pci_0000_05_00_0
driver 0000:05:00.0
V nodedev-reset pci_0000_05_00_0
V nodedev-reattach pci_0000_05_00_0
driver 0000:05:00.0
V nodedev-reset pci_0000_00_1f_3
V nodedev-reset pci_0000_00_01_0
ip link set eth0 up; echo 1 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs
V sriov lease 0000:01:10.0 --holder web
V nodedev-detach pci_0000_01_10_0
V nodedev-reset pci_0000_01_10_0
V sriov release --holder web
V nodedev-detach pci_0000_01_10_0
driver 0000:01:10.0
V nodedev-reattach pci_0000_01_10_0
driver 0000:01:10.0
V nodedev-detach pci_0000_00_01_0
driver 0000:00:01.0
"#;

#[test]
fn functions_are_handed_over_and_taken_back() {
    let Some(said) = run(FUNCTIONS, &[]) else { return };
    expect![[r#"
        $ nodedev-detach net_lo_00_00_00_00_00_00
        error: Failed to detach device net_lo_00_00_00_00_00_00
        error: invalid argument: device net_lo_00_00_00_00_00_00 is not a PCI device
        (exit code 1)
        $ nodedev-detach pci_0000_05_00_0 --driver foo
        error: Failed to detach device pci_0000_05_00_0
        error: internal error: Failed to load PCI driver module foo: there is no such driver
        (exit code 1)
        $ nodedev-detach pci_0000_05_00_0
        vfio-pci
        $ nodedev-reset pci_0000_05_00_0
        $ nodedev-reattach pci_0000_05_00_0
        none
        $ nodedev-reset pci_0000_00_1f_3
        error: Failed to reset device pci_0000_00_1f_3
        error: internal error: Unable to reset PCI device 0000:00:1f.3: no FLR, PM reset or bus reset available
        (exit code 1)
        $ nodedev-reset pci_0000_00_01_0
        error: Failed to reset device pci_0000_00_01_0
        error: internal error: Invalid attempt to reset PCI device 0000:00:01.0. Only PCI endpoint devices can be reset
        (exit code 1)
        $ sriov lease 0000:01:10.0 --holder web
        $ nodedev-detach pci_0000_01_10_0
        error: Failed to detach device pci_0000_01_10_0
        error: Requested operation is not valid: PCI device 0000:01:10.0 is in use by web
        (exit code 1)
        $ nodedev-reset pci_0000_01_10_0
        error: Failed to reset device pci_0000_01_10_0
        error: Requested operation is not valid: PCI device 0000:01:10.0 is in use by web
        (exit code 1)
        $ sriov release --holder web
        $ nodedev-detach pci_0000_01_10_0
        vfio-pci
        $ nodedev-reattach pci_0000_01_10_0
        igbvf
        $ nodedev-detach pci_0000_00_01_0
        error: Failed to detach device pci_0000_00_01_0
        error: unsupported configuration: PCI device 0000:00:01.0 is a bridge, which cannot be handed over
        (exit code 1)
        pcieport
    "#]]
    .assert_eq(&said);
}

/// Mediated devices.
const MEDIATED: &str = r#"
V() { echo "\$ $*"; "$VIRTSH" -q -c nodedev:///system "$@" 2>&1 || echo "(exit code $?)"; }
modprobe mtty || exit 1
cd /tmp
cat > m.xml << X
<device><parent>mtty_mtty</parent><capability type='mdev'><type id='mtty-2'/><uuid>11111111-2222-3333-4444-555555555555</uuid></capability></device>
X
sed 's/mtty-2/mtty-9/' m.xml > type.xml; sed 's/mtty_mtty/nope/' m.xml > parent.xml
sed 's/<capability.*capability>/<capability type="net"><interface>x<\/interface><\/capability>/' m.xml > net.xml
M=mdev_11111111_2222_3333_4444_555555555555_mtty
V nodedev-create type.xml
V nodedev-create parent.xml
V nodedev-define net.xml
V nodedev-define m.xml
cat /etc/mdevctl.d/mtty/*; echo
V nodedev-list --inactive
V nodedev-info $M
V nodedev-dumpxml $M
V nodedev-autostart $M
V nodedev-destroy $M
V nodedev-start $M
V nodedev-start $M
V nodedev-list --cap mdev
V nodedev-dumpxml $M --inactive
V nodedev-info $M
V nodedev-undefine $M
V nodedev-undefine $M
V nodedev-dumpxml $M --inactive
V nodedev-autostart $M
V nodedev-destroy $M
V nodedev-info $M
V nodedev-create m.xml
V nodedev-create m.xml
V nodedev-list --cap mdev,mdev_types
V nodedev-destroy $M
V nodedev-destroy pci_0000_05_00_0
ls /sys/bus/mdev/devices /etc/mdevctl.d/mtty
"#;

#[test]
fn mediated_devices_are_made_defined_and_removed() {
    let Some(said) = run(MEDIATED, &[]) else { return };
    expect![[r#"
        $ nodedev-create type.xml
        error: Failed to create node device from type.xml
        error: internal error: Unable to start mediated device: Parent mtty does not support mdev type mtty-9
        (exit code 1)
        $ nodedev-create parent.xml
        error: Failed to create node device from parent.xml
        error: unsupported configuration: invalid parent device 'nope'
        (exit code 1)
        $ nodedev-define net.xml
        error: Failed to define node device from 'net.xml'
        error: unsupported configuration: Unsupported device type
        (exit code 1)
        $ nodedev-define m.xml
        {
          "mdev_type": "mtty-2",
          "start": "manual",
          "attrs": []
        }
        $ nodedev-list --inactive
        mdev_11111111_2222_3333_4444_555555555555_mtty
        $ nodedev-info mdev_11111111_2222_3333_4444_555555555555_mtty
        Name:           mdev_11111111_2222_3333_4444_555555555555_mtty
        Parent:         mtty_mtty
        Active:         no
        Persistent:     yes
        Autostart:      no
        $ nodedev-dumpxml mdev_11111111_2222_3333_4444_555555555555_mtty
        <device>
          <name>mdev_11111111_2222_3333_4444_555555555555_mtty</name>
          <parent>mtty_mtty</parent>
          <capability type='mdev'>
            <type id='mtty-2'/>
            <uuid>11111111-2222-3333-4444-555555555555</uuid>
            <parent_addr>mtty</parent_addr>
            <iommuGroup number='0'/>
          </capability>
        </device>
        $ nodedev-autostart mdev_11111111_2222_3333_4444_555555555555_mtty
        $ nodedev-destroy mdev_11111111_2222_3333_4444_555555555555_mtty
        error: Failed to destroy node device 'mdev_11111111_2222_3333_4444_555555555555_mtty'
        error: Requested operation is not valid: Device 'mdev_11111111_2222_3333_4444_555555555555_mtty' is not active
        (exit code 1)
        $ nodedev-start mdev_11111111_2222_3333_4444_555555555555_mtty
        $ nodedev-start mdev_11111111_2222_3333_4444_555555555555_mtty
        error: Failed to start device mdev_11111111_2222_3333_4444_555555555555_mtty
        error: Requested operation is not valid: Device is already active
        (exit code 1)
        $ nodedev-list --cap mdev
        mdev_11111111_2222_3333_4444_555555555555_mtty
        $ nodedev-dumpxml mdev_11111111_2222_3333_4444_555555555555_mtty --inactive
        <device>
          <name>mdev_11111111_2222_3333_4444_555555555555_mtty</name>
          <parent>mtty_mtty</parent>
          <capability type='mdev'>
            <type id='mtty-2'/>
            <uuid>11111111-2222-3333-4444-555555555555</uuid>
            <parent_addr>mtty</parent_addr>
            <iommuGroup number='18'/>
          </capability>
        </device>
        $ nodedev-info mdev_11111111_2222_3333_4444_555555555555_mtty
        Name:           mdev_11111111_2222_3333_4444_555555555555_mtty
        Parent:         mtty_mtty
        Active:         yes
        Persistent:     yes
        Autostart:      yes
        $ nodedev-undefine mdev_11111111_2222_3333_4444_555555555555_mtty
        $ nodedev-undefine mdev_11111111_2222_3333_4444_555555555555_mtty
        error: Failed to undefine node device 'mdev_11111111_2222_3333_4444_555555555555_mtty'
        error: Requested operation is not valid: Node device 'mdev_11111111_2222_3333_4444_555555555555_mtty' is not defined
        (exit code 1)
        $ nodedev-dumpxml mdev_11111111_2222_3333_4444_555555555555_mtty --inactive
        error: Requested operation is not valid: node device 'mdev_11111111_2222_3333_4444_555555555555_mtty' is not persistent
        (exit code 1)
        $ nodedev-autostart mdev_11111111_2222_3333_4444_555555555555_mtty
        error: failed to mark device mdev_11111111_2222_3333_4444_555555555555_mtty as autostarted
        error: Requested operation is not valid: cannot set autostart for transient device
        (exit code 1)
        $ nodedev-destroy mdev_11111111_2222_3333_4444_555555555555_mtty
        $ nodedev-info mdev_11111111_2222_3333_4444_555555555555_mtty
        error: Could not find matching device 'mdev_11111111_2222_3333_4444_555555555555_mtty'
        error: Node device not found: no node device with matching name 'mdev_11111111_2222_3333_4444_555555555555_mtty'
        (exit code 1)
        $ nodedev-create m.xml
        $ nodedev-create m.xml
        error: Failed to create node device from m.xml
        error: internal error: Unable to start mediated device: Device already exists
        (exit code 1)
        $ nodedev-list --cap mdev,mdev_types
        mdev_11111111_2222_3333_4444_555555555555_mtty
        mtty_mtty
        $ nodedev-destroy mdev_11111111_2222_3333_4444_555555555555_mtty
        $ nodedev-destroy pci_0000_05_00_0
        error: Failed to destroy node device 'pci_0000_05_00_0'
        error: unsupported configuration: Unsupported device type
        (exit code 1)
        /etc/mdevctl.d/mtty:

        /sys/bus/mdev/devices:
    "#]]
    .assert_eq(&said);
}
