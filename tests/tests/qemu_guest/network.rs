//! Interfaces on tap devices of the host, in a network namespace of the test's own, and behind the emulator's own router.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use virt_core::{DestroyDomain, StartDomain};
use virt_tests::skip;

use crate::lab::{Lab, SERIAL, Shell, bare};

/// Enters a network namespace: of this thread alone, and of the processes that it starts.
fn enter_namespace() -> Result<(), String> {
    if !Path::new("/dev/net/tun").exists() {
        return Err("there is no /dev/net/tun".into());
    }
    let unshared = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET);
    unshared.map_err(|errno| format!("cannot make a network namespace: {errno}"))?;
    ip(&["link", "add", "br0", "type", "bridge"]).map(drop)
}

fn ip(words: &[&str]) -> Result<String, String> {
    let output = Command::new("ip").args(words).output().map_err(|error| format!("no ip: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What the kernel says about a device; nothing when there is none.
fn device(name: &str) -> Option<Value> {
    let links: Value = serde_json::from_str(&ip(&["-j", "link"]).expect("listed")).expect("JSON");
    let mut links = links.as_array().cloned().unwrap_or_default().into_iter();
    links.find(|link| link.get("ifname").and_then(Value::as_str) == Some(name))
}

fn text<'a>(device: &'a Value, member: &str) -> Option<&'a str> {
    device.get(member).and_then(Value::as_str)
}

#[test]
fn a_bridge_and_an_ethernet_interface_have_taps_while_the_guest_runs() {
    if let Err(reason) = enter_namespace() {
        skip!("{reason}");
    }
    ip(&["tuntap", "add", "dev", "theirs", "mode", "tap"]).expect("made");
    let interfaces = "<interface type='bridge'>
      <mac address='52:54:00:00:00:01'/><source bridge='br0'/><model type='virtio'/><mtu size='1400'/>
    </interface>
    <interface type='ethernet'><mac address='52:54:00:00:00:02'/><target dev='ours'/><model type='e1000e'/></interface>
    <interface type='ethernet'><target dev='theirs' managed='no'/><model type='virtio'/></interface>";
    let lab = match Lab::new(&bare(interfaces)) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    lab.domain.start(StartDomain::PAUSED).expect("started");
    let tap = device("vnet0").expect("a tap");
    assert_eq!(text(&tap, "master"), Some("br0"), "{tap}");
    assert_eq!(text(&tap, "address"), Some("fe:54:00:00:00:01"), "{tap}");
    assert_eq!(tap.get("mtu").and_then(Value::as_u64), Some(1400), "{tap}");
    assert!(tap["flags"].as_array().is_some_and(|flags| flags.contains(&"UP".into())), "{tap}");
    let ours = device("ours").expect("a tap");
    assert_eq!(text(&ours, "master"), None, "{ours}");
    assert_eq!(text(&ours, "address"), Some("fe:54:00:00:00:02"), "{ours}");
    assert!(device("theirs").is_some());
    let xml = lab.domain.xml(virt_core::DomainXml::empty()).expect("XML");
    assert!(xml.contains("<target dev='vnet0'/>"), "{xml}");
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    assert!(device("vnet0").is_none() && device("ours").is_none());
    assert!(device("theirs").is_some(), "what others made stays");
    lab.assert_clean();
}

/// A server on `address` of the host is called by the guest, at `called`; answers from where the call came.
fn call(guest: &mut Shell, address: &str, called: &str) -> String {
    let listener = TcpListener::bind((address, 0)).unwrap_or_else(|error| panic!("{address}: {error}"));
    let port = listener.local_addr().expect("bound").port();
    let server = std::thread::spawn(move || {
        let (mut stream, from) = listener.accept().expect("a call");
        stream.write_all(b"hello from the host\n").expect("written");
        from.ip().to_string()
    });
    let heard = guest.run(&format!("nc -w 10 {called} {port} </dev/null"));
    assert!(heard.contains("hello from the host"), "{called}: {heard}");
    server.join().expect("served")
}

#[test]
fn packets_pass_between_the_host_and_each_kind_of_card() {
    if let Err(reason) = enter_namespace() {
        skip!("{reason}");
    }
    for words in ["link set lo up", "addr add 10.88.1.1/24 dev br0", "link set br0 up"] {
        ip(&words.split(' ').collect::<Vec<_>>()).expect("set up");
    }
    for words in ["tuntap add dev theirs mode tap", "addr add 10.88.3.1/24 dev theirs", "link set theirs up"]
    {
        ip(&words.split(' ').collect::<Vec<_>>()).expect("set up");
    }
    let interfaces = "<interface type='user'><ip family='ipv4' address='10.88.0.0' prefix='24'/><model type='e1000e'/></interface>
    <interface type='bridge'><mac address='52:54:00:00:88:01'/><source bridge='br0'/><model type='virtio'/></interface>
    <interface type='ethernet'><target dev='ours'/><model type='virtio'/></interface>
    <interface type='ethernet'><target dev='theirs' managed='no'/><model type='virtio'/></interface>";
    let lab = match Lab::booting("", "", &format!("{SERIAL}{interfaces}")) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut guest = Shell::boot(&lab.domain);
    ip(&["addr", "add", "10.88.2.1/24", "dev", "ours"]).expect("set up");
    // Cards are found by their drivers, which does not order them.
    let cards = guest.run(
        "for card in /sys/class/net/eth*; do echo \"$(readlink -f $card/device | sed 's/.*pci0000:00.//') ${card##*/}\"; done | sort",
    );
    let cards: Vec<&str> = cards
        .lines()
        .filter_map(|line| line.trim().split_once(" eth").map(|(_, card)| card.trim()))
        .collect();
    let [user, bridged, ours, theirs] = cards.as_slice() else { panic!("{cards:?}") };

    let seen = guest.dhcp(&format!("eth{user}"), "tiny");
    let addresses = guest.run(&format!("ip -4 addr show eth{user}"));
    assert!(addresses.contains("inet 10.88.0.15/24"), "{addresses} after:\n{seen}");
    assert_eq!(call(&mut guest, "127.0.0.1", "10.88.0.2"), "127.0.0.1", "the emulator calls for it");

    for (card, network) in [(bridged, 1), (ours, 2), (theirs, 3)] {
        guest.run(&format!("ip addr add 10.88.{network}.2/24 dev eth{card}; ip link set eth{card} up"));
        let host = format!("10.88.{network}.1");
        assert_eq!(call(&mut guest, &host, &host), format!("10.88.{network}.2"));
    }
    let neighbours = ip(&["neigh", "show", "dev", "br0"]).expect("listed");
    assert!(neighbours.contains("10.88.1.2 lladdr 52:54:00:00:88:01"), "{neighbours}");

    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    assert!(device("vnet0").is_none() && device("ours").is_none());
    assert!(device("theirs").is_some(), "what others made stays");
    lab.assert_clean();
}

#[test]
fn an_interface_that_cannot_be_had_is_named_and_nothing_is_left() {
    if let Err(reason) = enter_namespace() {
        skip!("{reason}");
    }
    let start = |interface: &str| {
        let good = "<interface type='bridge'><source bridge='br0'/><model type='virtio'/></interface>";
        let lab = Lab::new(&bare(&format!("{good}{interface}")))?;
        let error = lab.domain.start(StartDomain::PAUSED).expect_err("refused").to_string();
        assert!(device("vnet0").is_none() && device("vnet1").is_none(), "{error}");
        lab.assert_clean();
        Ok::<String, String>(error)
    };
    let cases = [
        (
            "<interface type='bridge'><source bridge='br9'/><model type='virtio'/></interface>",
            "Unable to add bridge br9 port vnet1: No such device",
        ),
        (
            "<interface type='ethernet'><target dev='br0'/><model type='virtio'/></interface>",
            "Unable to create tap device br0: Device or resource busy",
        ),
        (
            "<interface type='ethernet'><target dev='none0' managed='no'/><model type='virtio'/></interface>",
            "unsupported configuration: target managed='no' but specified dev 'none0' doesn't exist",
        ),
        (
            "<interface type='user'><backend type='passt'/><model type='virtio'/></interface>",
            "unsupported configuration: interfaces with the backend 'passt' are not supported by this driver",
        ),
    ];
    for (interface, expected) in cases {
        match start(interface) {
            Ok(error) => assert_eq!(error, expected),
            Err(reason) => skip!("{reason}"),
        }
    }
}
