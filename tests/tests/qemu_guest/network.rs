//! Interfaces on tap devices of the host, in a network namespace of the test's own.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use virt_core::{DestroyDomain, StartDomain};
use virt_tests::skip;

use crate::lab::{Lab, bare};

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
    ];
    for (interface, expected) in cases {
        match start(interface) {
            Ok(error) => assert_eq!(error, expected),
            Err(reason) => skip!("{reason}"),
        }
    }
}
