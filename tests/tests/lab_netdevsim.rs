//! What igb refuses, on a simulated card that accepts it: every setting is made, read back, and taken back.

use std::os::fd::AsFd;
use std::process::Command;

use virt_tests::lab::Lab;
use virt_tests::skip;
use virt_util::netlink::{LinkEvents, LinkState, Namespace, Netlink, VfAttribute, Vlan, VlanProtocol};
use virt_util::wait::Wait;

#[test]
fn a_simulated_card_takes_every_setting() {
    if let Some(why) = Lab::missing() {
        skip!("{why}");
    }
    if let Err(why) = Lab::build_modules() {
        skip!("the lab has no netdevsim: {why}");
    }
    let ready = "modprobe netdevsim
                 echo '10 1' > /sys/bus/netdevsim/new_device
                 echo 4 > /sys/bus/netdevsim/devices/netdevsim10/sriov_numvfs";
    Lab::new().run_test(ready, "inside");
}

fn shown(name: &str) -> String {
    let output = Command::new("ip").args(["-d", "link", "show", "dev", name]).output().expect("ip");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find(|line| line.trim_start().starts_with("vf 2 ")).unwrap_or_default().trim().to_owned()
}

#[test]
#[ignore = "runs inside the lab"]
fn inside() {
    let names = std::fs::read_dir("/sys/bus/netdevsim/devices/netdevsim10/net").expect("a card");
    let name = names.map(|name| name.expect("readable").file_name()).next().expect("a network device");
    let name = name.to_string_lossy().into_owned();
    let mut netlink = Netlink::open().expect("a socket");
    let wait = Wait::FOREVER;
    let link = netlink.links(wait).expect("links").into_iter().find(|link| link.name == name).expect("it");
    assert_eq!((link.vf_count, link.vfs.len()), (4, 4));
    let events = LinkEvents::open_in(Namespace::current().expect("ours").as_fd()).expect("events");
    let at_first = shown(&name);
    for (attribute, words) in [
        (
            VfAttribute::Mac("00:11:22:33:44:55".parse().expect("a MAC address")),
            "link/ether 00:11:22:33:44:55",
        ),
        (VfAttribute::Vlan(Vlan { id: 42, qos: 3, protocol: VlanProtocol::Customer }), "vlan 42, qos 3,"),
        (
            VfAttribute::Vlan(Vlan { id: 7, qos: 1, protocol: VlanProtocol::Service }),
            "vlan 7, qos 1, vlan protocol 802.1ad",
        ),
        (VfAttribute::Rate { min: 100, max: 1000 }, "max_tx_rate 1000Mbps, min_tx_rate 100Mbps"),
        (VfAttribute::LinkState(LinkState::Enable), "link-state enable"),
        (VfAttribute::LinkState(LinkState::Disable), "link-state disable"),
        (VfAttribute::SpoofCheck(true), "spoof checking on"),
        (VfAttribute::Trust(true), "trust on"),
        (VfAttribute::RssQuery(true), "query_rss on"),
    ] {
        let read = |netlink: &mut Netlink| {
            let link = netlink.link(link.index, wait).expect("it");
            link.vfs.iter().find(|info| info.index == 2).and_then(|info| info.get(attribute.kind()))
        };
        let before = read(&mut netlink).unwrap_or_else(|| panic!("no {}", attribute.kind()));
        assert_ne!(before, attribute);
        netlink.set_vf(link.index, 2, attribute, wait).expect("set");
        assert_eq!(read(&mut netlink), Some(attribute));
        assert!(shown(&name).contains(words), "{attribute}: {}", shown(&name));
        netlink.set_vf(link.index, 2, before, wait).expect("set back");
        assert_eq!(read(&mut netlink), Some(before));
        assert_eq!(shown(&name), at_first, "{attribute}");
    }
    let error = netlink.set_vf(link.index, 9, VfAttribute::Trust(true), wait).expect_err("there are four");
    assert_eq!(error.errno(), Some(nix::errno::Errno::EINVAL), "{error}");
    // Changes are told to whoever waits for them.
    netlink.set_name(link.index, "simulated", wait).expect("renamed");
    assert!(events.wait(Wait::at_most(std::time::Duration::from_secs(10))).expect("an event"));
}
