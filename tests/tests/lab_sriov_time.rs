//! How long it takes to prepare a virtual function and to take it back, beside the calls of the kernel that this needs at the
//! least: in the lab, in turns, so that whatever else the machine does hits both.

use std::path::Path;
use std::time::{Duration, Instant};

use virt_core::sriov::{Request, Selection, Settings, Vlan, VlanProtocol, Wish};
use virt_driver_hostdev::Engine;
use virt_tests::lab::Lab;
use virt_tests::skip;
use virt_util::netlink::{Netlink, VfAttribute, VfAttributeKind, VfInfo};
use virt_util::wait::Wait;

const PARENT: &str = "eth0";
const CHILD: &str = "0000:01:10.2";
const INDEX: u32 = 1;

/// How often each is done.
const ROUNDS: usize = 15;

/// How much longer ours may take.
const GOAL: f64 = 1.5;

#[test]
fn preparing_takes_little_longer_than_the_kernel() {
    if let Some(why) = Lab::missing() {
        skip!("{why}");
    }
    let ready = "ip link set eth0 up; echo 4 > /sys/class/net/eth0/device/sriov_numvfs; modprobe vfio-pci";
    Lab::new().limit(600).run_test(ready, "inside");
}

fn write(path: impl AsRef<Path>, text: &str) {
    let path = path.as_ref();
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn settings() -> Settings {
    Settings {
        mac: Some("00:11:22:33:44:55".parse().expect("an address")),
        vlan: Some(Vlan { id: 42, qos: 0, protocol: VlanProtocol::Customer }),
        spoof_check: Some(false),
        trust: Some(true),
        ..Settings::default()
    }
}

/// The calls alone: nothing is looked at, written down or checked.
fn bare(index: u32, before: &VfInfo) {
    const KINDS: [VfAttributeKind; 4] =
        [VfAttributeKind::Mac, VfAttributeKind::Vlan, VfAttributeKind::SpoofCheck, VfAttributeKind::Trust];
    let device = Path::new("/sys/bus/pci/devices").join(CHILD);
    let set = |attribute: VfAttribute| {
        let mut netlink = Netlink::open().expect("a socket");
        netlink.set_vf(index, INDEX, attribute, Wait::FOREVER).expect("set");
    };
    write(device.join("driver_override"), "vfio-pci");
    write(device.join("driver/unbind"), CHILD);
    settings().attributes(before).expect("settings").into_iter().for_each(set);
    write("/sys/bus/pci/drivers_probe", CHILD);
    write(device.join("driver/unbind"), CHILD);
    KINDS.into_iter().filter_map(|kind| before.get(kind)).for_each(set);
    write(device.join("driver_override"), "\n");
    write("/sys/bus/pci/drivers_probe", CHILD);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
#[ignore = "runs inside the lab"]
fn inside() {
    let engine = Engine::host().expect("an engine");
    let links = Netlink::open().and_then(|mut netlink| netlink.links(Wait::FOREVER)).expect("links");
    let link = links.into_iter().find(|link| link.name == PARENT).expect("a physical function");
    let before = *link.vfs.iter().find(|info| info.index == INDEX).expect("a virtual function");
    let mut request = Request::new("web");
    let child = CHILD.parse().expect("an address");
    request.devices.push(Wish::new(Selection::Address(child)).with(settings()).bound_to("vfio-pci"));
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        engine.prepare(&request, Wait::FOREVER).expect("prepared");
        engine.release("web", Wait::FOREVER).expect("released");
        ours.push(begin.elapsed());
        let begin = Instant::now();
        bare(link.index, &before);
        floor.push(begin.elapsed());
    }
    let (ours, floor) = (median(ours), median(floor));
    let ratio = ours.as_secs_f64() / floor.as_secs_f64();
    println!("prepare and release: {ours:.1?}; the bare calls: {floor:.1?}; {ratio:.2} times (goal {GOAL})");
    assert!(ratio < GOAL, "{ratio:.2}");
}
