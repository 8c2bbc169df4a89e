//! Guests with devices of the host, in the lab: what the guest sees, what the host sees, and that all of it comes back.

mod pool;

use virt_tests::guest;
use virt_tests::lab::Lab;

/// Functions that all scripts use. `$VIRTSH`, `$KERNEL` and `$INITRD` are set before.
const COMMON: &str = r#"
set -e
modprobe kvm-amd; chmod 666 /dev/kvm
cp "$KERNEL" /srv/vmlinux; cp "$INITRD" /srv/initrd; chmod 644 /srv/vmlinux /srv/initrd
ip link set eth0 up; echo 4 > /sys/class/net/eth0/device/sriov_numvfs
ip link add link eth0 name eth0.42 type vlan id 42
ip addr add 192.168.77.1/24 dev eth0.42; ip link set eth0.42 up
V() { "$VIRTSH" -c qemu:///system -q "$@" 2>&1; }
# Everything that is to be as it was: settings, drivers, leases.
state() {
    for link in eth0 uplink; do ip -d link show dev $link 2>/dev/null | sed -n 's/^ *vf /vf /p'; done
    for f in 0 2 4 6; do
        d=/sys/bus/pci/devices/0000:01:10.$f
        echo "$f $(basename $(readlink $d/driver)) $(cat $d/driver_override)"
    done
    ls /run/virt/hostdev/journal 2>/dev/null | grep '\.journal$' || true
    ls -l /dev/vfio | sed -n 's/^c[^ ]* *[0-9]* \([^ ]* *[^ ]*\).* \([0-9]*\)$/vfio \2 \1/p'
}
vf() { ip -d link show dev ${2:-eth0} | sed -n "s/^ *vf $1 */vf $1 /p"; }
# interface FUNCTION [ELEMENTS]: the founding example, on a function that is there.
interface() { cat <<X
<interface type='hostdev' managed='yes'>
  <source>
    <address type='pci' domain='0' bus='1' slot='0x10' function='$1'/>
  </source>
  <mac address='00:11:22:33:44:55'/>
  $2
</interface>
X
}
# guest NAME SCRIPT DEVICES: a tiny Linux that runs SCRIPT once it is up.
guest() {
    mkdir -p /srv/$1; echo "$2" > /srv/$1/script
    { cat /srv/initrd; cd /srv/$1; echo script | cpio -o -H newc --quiet; cd /; } > /srv/$1.initrd
    cat <<X
<domain type='kvm'>
  <name>$1</name>
  <memory unit='MiB'>192</memory>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>/srv/vmlinux</kernel>
    <initrd>/srv/$1.initrd</initrd>
    <cmdline>console=ttyS0 panic=-1 quiet mitigations=off tsc=reliable no_timer_check cryptomgr.notests -- sh /script</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <controller type='usb' model='none'/>
    <controller type='pci' model='pcie-root'/>
    <controller type='pci' model='pcie-root-port'/>
    <controller type='pci' model='pcie-root-port'/>
    <controller type='pci' model='pcie-root-port'/>
    <serial type='file'><source path='/srv/$1.log'/></serial>
    <memballoon model='none'/>
    $3
  </devices>
</domain>
X
}
# network NAME WHERE: a network of functions, in VLAN 42.
network() {
    echo "<network><name>$1</name><forward mode='hostdev' managed='yes'>$2</forward><vlan><tag id='42'/></vlan></network>" > /srv/$1.net
    V net-define /srv/$1.net; V net-start $1
}
# plugged NETWORK MAC: an interface on it.
plugged() { echo "<interface type='network'><mac address='$2'/><source network='$1'/></interface>"; }
# ports NETWORK...: how many ports each has.
ports() { for network; do echo "$network: $(V net-port-list $network | grep -c -) ports"; done; }
# said NAME TEXT: waits until the guest has said it.
said() {
    for _ in $(seq 1200); do
        grep -q "$2" /srv/$1.log 2>/dev/null && return
        sleep 0.2
    done
    echo "$1 did not say '$2':"; cat /srv/$1.log; V domstate $1; return 1
}
"#;

/// Runs a script in the lab, with a guest to boot there; answers what it says.
#[track_caller]
fn run(seconds: u32, script: &str) -> Option<String> {
    if let Some(why) = Lab::missing() {
        println!("skipped: {why}");
        return None;
    }
    let guest = match guest::build() {
        Ok(guest) => guest,
        Err(error) => {
            println!("skipped: {error:#}");
            return None;
        }
    };
    let executable = std::env::current_exe().expect("this program has a path");
    let virtsh = executable.ancestors().nth(2).expect("it is in a build's directory").join("virtsh");
    assert!(virtsh.is_file(), "{} is not built: cargo build --workspace", virtsh.display());
    let script = format!(
        "VIRTSH='{}'\nKERNEL='{}'\nINITRD='{}'\n{COMMON}\n{script}",
        virtsh.display(),
        guest.kernel.display(),
        guest.initrd.display()
    );
    let output = Lab::new().limit(seconds).run(&script).expect("the lab starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    Some(out.into_owned())
}

#[test]
fn a_guest_has_the_address_and_the_vlan_that_were_set_before() {
    let script = r#"
state > /srv/before
guest web '
cd /sys/class/net/e*; echo guest: $(basename $(readlink device)) $(cat address)
ip addr add 192.168.77.2/24 dev $(basename $PWD); ip link set $(basename $PWD) up
for i in 1 2 3 4 5 6 7 8 9; do ping -c 1 -W 2 192.168.77.1 && break; done; echo guest: done
' "$(interface 2 "<vlan><tag id='42'/></vlan>
  <address type='pci' domain='0' bus='0' slot='7' function='0'/>")" > /srv/web.xml
V create /srv/web.xml
vf 1 | cut -d, -f 1-3
basename $(readlink /sys/bus/pci/devices/0000:01:10.2/driver)
echo "in use: $("$VIRTSH" -q sriov ls | awk '$1 == "0000:01:10.2" { print $(NF - 1), $NF }')"
said web 'guest: done'
sed -n 's/\r//; /^guest:/p; /bytes from/s/ time.*//p' /srv/web.log
V destroy web
state > /srv/after; diff /srv/before /srv/after && echo as before
"#;
    let Some(said) = run(900, script) else { return };
    expect_test::expect![[r#"
        vf 1 link/ether 00:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff, vlan 42, spoof checking on
        vfio-pci
        in use: web leased
        guest: 0000:00:07.0 00:11:22:33:44:55
        64 bytes from 192.168.77.1: seq=0 ttl=64
        guest: done
        as before
    "#]]
    .assert_eq(&said);
}

#[test]
fn what_cannot_be_set_up_is_refused_untouched() {
    let script = r#"
state > /srv/before
usb="<interface type='hostdev'><source><vendor id='0x46f4'/><product id='0x0001'/></source></interface>"
pf="<interface type='hostdev' managed='yes'><source><address type='pci' bus='2' slot='0' function='0'/></source></interface>"
trunk="$(interface 2 "<vlan trunk='yes'><tag id='1'/><tag id='2'/></vlan>")"
unmanaged="<hostdev mode='subsystem' type='pci' managed='no'><source><address bus='1' slot='16' function='2'/></source></hostdev>"
twins="<hostdev mode='subsystem' type='usb'><source><vendor id='0x0627'/><product id='0x0001'/></source></hostdev>"
for device in "$usb" "$pf" "$trunk" "$unmanaged" "$twins"; do
    guest web true "$(echo "$device" | sed 's/^/ /')" | sed "s/type='usb' model='none'/type='usb' model='qemu-xhci'/" > /srv/web.xml
    V create /srv/web.xml | tail -n +2 | sed 's/^error: //' || true
done
state > /srv/after; diff /srv/before /srv/after && echo as before
"#;
    let Some(said) = run(900, script) else { return };
    expect_test::expect![[r#"
        unsupported configuration: Interface type hostdev is currently supported on SR-IOV Virtual Functions only
        unsupported configuration: Interface type hostdev is currently supported on SR-IOV Virtual Functions only
        unsupported configuration: vlan trunking is not supported by SR-IOV network devices
        Requested operation is not valid: Unmanaged PCI device 0000:01:10.2 must be manually detached from the host
        operation failed: Multiple USB devices for 627:1, use <address> to specify one
        as before
    "#]]
    .assert_eq(&said);
}

#[test]
fn of_two_guests_one_has_the_function_and_the_other_is_told_by_whom() {
    let script = r#"
state > /srv/before
for name in one two; do guest $name true "$(interface 2)" > /srv/$name.xml; done
V create /srv/one.xml --paused > /srv/one.out & first=$!
V create /srv/two.xml --paused > /srv/two.out & second=$!
wait $first && a=0 || a=$?; wait $second && b=0 || b=$?
echo "$((a + b)) of two failed"
winner=one; loser=two; [ $a = 0 ] || { winner=two; loser=one; }
tail -n 1 /srv/$loser.out | sed "s/$winner/WINNER/"
ip link set eth0 down; ip link set eth0 name uplink; ip link set uplink up
# The process dies, and nobody is there to finish the guest but the process that stayed with it.
pid=$(pgrep -f "guest=$winner")
kill -9 $pid
for _ in $(seq 300); do V domstate $winner >/dev/null || break; sleep 0.2; done
sed -i 's/eth0/uplink/' /srv/before
state > /srv/after; diff /srv/before /srv/after && echo as before
"#;
    let Some(said) = run(900, script) else { return };
    expect_test::expect![[r#"
        1 of two failed
        error: Requested operation is not valid: PCI device 0000:01:10.2 is in use by driver QEMU, domain WINNER
        as before
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_function_comes_to_a_running_guest_and_goes() {
    let script = r#"
state > /srv/before
guest web '
modprobe igbvf; echo guest: up; while ! ls /sys/class/net | grep -q ^e; do sleep 1; done
cd /sys/class/net/e*; echo guest: has $(cat address)
ip addr add 192.168.77.2/24 dev $(basename $PWD); ip link set $(basename $PWD) up; cd /
for i in 1 2 3 4 5 6 7 8 9; do ping -c 1 -W 2 192.168.77.1 && break; done; echo guest: pinged
while ls /sys/class/net | grep -q ^e; do sleep 1; done; echo guest: lost it
' "" > /srv/web.xml
V create /srv/web.xml
said web 'guest: up'
interface 4 "<vlan><tag id='42'/></vlan>" > /srv/device.xml
V attach-device web /srv/device.xml --live
vf 2 | cut -d, -f 1-2
grep -q 'Max locked memory *[0-9]\{9\}' /proc/$(pgrep -f guest=web)/limits && echo may lock its memory
V attach-device web /srv/device.xml --live | head -n 2 || true
said web 'guest: pinged'
# A guest that is slow to let go is asked again.
for _ in 1 2 3 4 5 6 7 8 9; do
    V detach-device web /srv/device.xml --live
    V dumpxml web | grep -q "interface type='hostdev'" || break
done
said web 'guest: lost it'
sed -n 's/\r//; /^guest:/p; /bytes from/s/ time.*//p' /srv/web.log
state > /srv/after; diff /srv/before /srv/after && echo as before
V destroy web
"#;
    let Some(said) = run(900, script) else { return };
    expect_test::expect![[r#"
        vf 2 link/ether 00:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff, vlan 42
        may lock its memory
        error: Failed to attach device from /srv/device.xml
        error: Requested operation is not valid: PCI device 0000:01:10.4 is in use by driver QEMU, domain web
        guest: up
        guest: has 00:11:22:33:44:55
        64 bytes from 192.168.77.1: seq=0 ttl=64
        guest: pinged
        guest: lost it
        as before
    "#]]
    .assert_eq(&said);
}
