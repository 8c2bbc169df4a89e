//! Networks made and unmade for real, in network namespaces of the tests' own.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use virt_core::driver::{Affect, HostServices, NetworkChange, NetworkCommand, NetworkPart};
use virt_util::netlink::{Netlink, has_nftables_table};
use virt_util::root::{Location, Root};
use virt_util::spawn::find_program;

use super::*;

/// The steps of starting [`LAB`].
const STEPS: usize = 4;

const LAB: &str = "<network><name>lab</name><uuid>6f9a5b1e-3c1d-4f53-8f43-5d8b2f3b9a01</uuid><forward mode='nat'/>\
    <bridge name='lab0'/><mac address='52:54:00:00:07:01'/><ip address='10.77.0.1' prefix='24'><dhcp>\
    <range start='10.77.0.2' end='10.77.0.99'/></dhcp></ip><ip family='ipv6' address='fd00:77::1' prefix='64'/></network>";

/// Which part of a test another process plays: directory, what to do, where to be killed.
const PART: &str = "VIRT_NETWORK_TEST_PART";

struct NoHost;

impl HostServices for NoHost {}

fn engine(dir: &Path, fault: Option<Fault>) -> Engine {
    let root = Root::open(&Location::Below(dir.into()), "network").unwrap();
    Engine {
        store: Arc::new(Store::open(root).unwrap()),
        host: Arc::new(NoHost),
        uri: "test:///".into(),
        fault,
    }
}

fn lab() -> Uuid {
    "6f9a5b1e-3c1d-4f53-8f43-5d8b2f3b9a01".parse().unwrap()
}

/// Runs a test in a network namespace of its own, where that can be.
fn apart(test: impl FnOnce(&Path) + Send) {
    if find_program("nft").is_none() || find_program("dnsmasq").is_none() {
        eprintln!("skipped: nft or dnsmasq is missing");
        return;
    }
    // For dnsmasq to pass through, which gives its rights up.
    let scratch =
        tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir();
    let scratch = scratch.unwrap();
    let ran = std::thread::scope(|scope| {
        let work = || match unshare(CloneFlags::CLONE_NEWNET) {
            Ok(()) => {
                test(scratch.path());
                true
            }
            Err(_) => false,
        };
        scope.spawn(work).join().unwrap()
    });
    if !ran {
        eprintln!("skipped: this user cannot make network namespaces");
    }
}

fn has_bridge(name: &str) -> bool {
    Netlink::open().unwrap().link_named(name, Wait::FOREVER).unwrap().is_some()
}

fn has_table(bridge: &str) -> bool {
    has_nftables_table(&crate::firewall::table(bridge), Wait::FOREVER).unwrap()
}

/// That everything of the network is there.
fn assert_runs(engine: &Engine) {
    let entry = engine.entry(lab()).unwrap();
    assert!(entry.is_active());
    assert!(has_bridge("lab0") && has_table("lab0"));
    assert!(engine.store.server("lab").process().unwrap().is_some());
}

/// That nothing of the network is there but its definition.
fn assert_nothing_left(engine: &Engine) {
    assert!(engine.store.index().by_uuid(lab()).unwrap().is_none_or(|entry| !entry.is_active()));
    assert!(!has_bridge("lab0") && !has_table("lab0"));
    assert!(engine.store.server("lab").process().unwrap().is_none());
    let run = engine.store.root().run();
    for directory in ["dnsmasq", "status", "journal"] {
        let names =
            run.existing_subdir(directory).unwrap().map(|dir| dir.names().unwrap()).unwrap_or_default();
        let left: Vec<_> = names.iter().filter(|name| name.strip_suffix(".lock").is_none()).collect();
        assert!(left.is_empty(), "{directory}: {left:?}");
    }
}

fn define(engine: &Engine) {
    engine.define(engine.parse(LAB, true).unwrap(), Wait::FOREVER).unwrap();
}

#[test]
fn a_network_is_started_found_again_and_stopped_without_a_trace() {
    apart(|dir| {
        let first = engine(dir, None);
        define(&first);
        first.start(lab(), Wait::FOREVER).unwrap();
        assert_runs(&first);
        assert_eq!(
            first.start(lab(), Wait::FOREVER).unwrap_err().to_string(),
            "Requested operation is not valid: network is already active"
        );
        // The next process.
        let second = engine(dir, None);
        assert!(second.recover().unwrap().is_empty());
        assert_runs(&second);
        second.destroy(lab(), Wait::FOREVER).unwrap();
        assert_nothing_left(&second);
        assert_eq!(
            first.destroy(lab(), Wait::FOREVER).unwrap_err().to_string(),
            "Requested operation is not valid: network 'lab' is not active"
        );
    });
}

/// Not a test by itself: what other processes of the tests do.
#[test]
fn part() {
    let Ok(part) = std::env::var(PART) else { return };
    let mut words = part.split('|');
    let (dir, what) = (words.next().unwrap(), words.next().unwrap());
    let number = words.next().unwrap().parse().unwrap();
    let fault = match words.next().unwrap() {
        "before" => Fault::KilledBefore(number),
        "after" => Fault::KilledAfter(number),
        "before-undo" => Fault::KilledBeforeUndo(number),
        _ => Fault::KilledAfterUndo(number),
    };
    let engine = engine(Path::new(dir), Some(fault));
    match what {
        "start" => engine.start(lab(), Wait::FOREVER).map(drop).unwrap(),
        _ => engine.destroy(lab(), Wait::FOREVER).unwrap(),
    }
}

/// Has another process do something, and be killed while it is at it.
fn be_killed(dir: &Path, what: &str, number: usize, when: &str) {
    let part = format!("{}|{what}|{number}|{when}", dir.display());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "engine::tests::part", "--nocapture"]).env(PART, part);
    let output = command.output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{what} {number} {when}: {output:?}");
}

#[test]
fn whoever_is_killed_at_a_step_of_a_start_leaves_nothing() {
    apart(|dir| {
        define(&engine(dir, None));
        for number in 0..STEPS {
            for when in ["before", "after"] {
                be_killed(dir, "start", number, when);
                let next = engine(dir, None);
                next.recover().unwrap();
                assert_nothing_left(&next);
            }
        }
        let next = engine(dir, None);
        next.start(lab(), Wait::FOREVER).unwrap();
        assert_runs(&next);
        next.destroy(lab(), Wait::FOREVER).unwrap();
    });
}

#[test]
fn whoever_is_killed_at_a_step_of_a_stop_has_it_finished_by_the_next() {
    apart(|dir| {
        let starter = engine(dir, None);
        define(&starter);
        for number in 0..STEPS {
            for when in ["before-undo", "after-undo"] {
                starter.start(lab(), Wait::FOREVER).unwrap();
                be_killed(dir, "destroy", number, when);
                let next = engine(dir, None);
                next.recover().unwrap();
                assert_nothing_left(&next);
            }
        }
    });
}

#[test]
fn a_killed_server_and_flushed_rules_are_put_right() {
    apart(|dir| {
        let engine = engine(dir, None);
        define(&engine);
        engine.start(lab(), Wait::FOREVER).unwrap();
        let server = engine.store.server("lab").process().unwrap().unwrap();
        server.signal(nix::sys::signal::Signal::SIGKILL).unwrap();
        server.wait(Wait::FOREVER).unwrap();
        rules::remove("lab0").unwrap();
        assert!(!has_table("lab0"));
        let lines = engine.repair(Some(lab()), Wait::FOREVER).unwrap();
        assert_eq!(lines, ["lab: the rules of 'lab0' were set again", "lab: dnsmasq was started again"]);
        assert_runs(&engine);
        assert!(engine.repair(None, Wait::FOREVER).unwrap().is_empty());
        engine.destroy(lab(), Wait::FOREVER).unwrap();
        assert_nothing_left(&engine);
    });
}

#[test]
fn two_networks_do_not_get_into_each_others_way() {
    apart(|dir| {
        let engine = engine(dir, None);
        define(&engine);
        engine.start(lab(), Wait::FOREVER).unwrap();
        let refused = |xml: &str| {
            let network = engine.parse(xml, true).unwrap();
            engine.start_transient(network, Wait::FOREVER).unwrap_err().to_string()
        };
        assert_eq!(
            refused("<network><name>other</name><ip address='10.77.0.9' prefix='24'/></network>"),
            "internal error: Network is already in use by interface lab0"
        );
        assert_eq!(
            refused(
                "<network><name>other</name><bridge name='lab0'/><ip address='10.78.0.1' prefix='24'/></network>"
            ),
            "internal error: bridge name 'lab0' already in use."
        );
        let mut netlink = Netlink::open().unwrap();
        let mac = "52:54:00:00:07:09".parse().unwrap();
        let foreign = virt_util::netlink::Bridge { mac, stp: false, forward_delay: 0, mtu: None };
        netlink.create_bridge("foreign0", &foreign, Wait::FOREVER).unwrap();
        assert_eq!(
            refused(
                "<network><name>other</name><bridge name='foreign0'/><ip address='10.78.0.1' prefix='24'/></network>"
            ),
            "error creating bridge interface foreign0: File exists"
        );
        assert!(has_bridge("foreign0"), "somebody else's bridge was removed");
        engine.destroy(lab(), Wait::FOREVER).unwrap();
    });
}

#[test]
fn changes_of_what_runs_reach_the_server_without_a_restart_where_they_can() {
    apart(|dir| {
        let engine = engine(dir, None);
        define(&engine);
        engine.start(lab(), Wait::FOREVER).unwrap();
        let process = || engine.store.server("lab").process().unwrap().unwrap().pid();
        let before = process();
        let change = |section, xml: &str| {
            let change =
                NetworkChange { command: NetworkCommand::AddLast, section, parent: -1, xml: xml.into() };
            engine.update(lab(), &change, Affect::LIVE | Affect::CONFIG, Wait::FOREVER).unwrap();
        };
        change(NetworkPart::IpDhcpHost, "<host mac='52:54:00:00:00:01' name='db' ip='10.77.0.5'/>");
        assert_eq!(process(), before);
        change(NetworkPart::DnsTxt, "<txt name='who' value='me'/>");
        assert_ne!(process(), before);
        for inactive in [false, true] {
            let entry = engine.entry(lab()).unwrap();
            let network = engine.store.network(&entry, inactive).unwrap();
            assert_eq!(network.ips[0].dhcp.as_ref().unwrap().hosts.len(), 1);
            assert_eq!(network.dns.unwrap().txts.len(), 1);
        }
        engine.destroy(lab(), Wait::FOREVER).unwrap();
        assert_nothing_left(&engine);
    });
}

/// A port of the lab, for a guest's card.
fn port(number: u32, rest: &str) -> String {
    format!(
        "<networkport><uuid>6f9a5b1e-3c1d-4f53-8f43-0000000000{number:02}</uuid><owner><name>web</name>\
         <uuid>6f9a5b1e-3c1d-4f53-8f43-5d8b2f3b9a02</uuid></owner><mac address='52:54:00:00:00:{number:02}'/>{rest}</networkport>"
    )
}

#[test]
fn ports_have_what_their_network_gives_and_are_promised_no_more_than_it_has() {
    apart(|dir| {
        let engine = engine(dir, None);
        let xml = LAB.replace(
            "<ip address",
            "<bandwidth><inbound average='1000' peak='2000' burst='1000'/></bandwidth><ip address",
        );
        let xml = xml.replace(
            "</network>",
            "<portgroup name='alone' default='yes'><port isolated='yes'/></portgroup></network>",
        );
        engine.define(engine.parse(&xml, true).unwrap(), Wait::FOREVER).unwrap();
        let call = virt_core::driver::Call::background();
        let create = |xml: &str| {
            engine.create_port(
                call,
                lab(),
                xml,
                virt_core::driver::CreateNetworkPort::VALIDATE,
                Wait::FOREVER,
            )
        };
        assert_eq!(
            create(&port(1, "")).unwrap_err().to_string(),
            "Requested operation is not valid: network 'lab' is not active"
        );
        if let Err(error) = engine.start(lab(), Wait::FOREVER) {
            // Not every kernel shapes traffic.
            eprintln!("skipped: {error}");
            return;
        }
        let first = create(&port(1, "")).unwrap();
        let document = engine.store.port(lab(), first).unwrap().to_string();
        assert!(document.contains("<plug type='network' bridge='lab0'/>"), "{document}");
        assert!(document.contains("<port isolated='yes'/>"), "{document}");
        let floor = |floor: u32| format!("<bandwidth><inbound average='100' floor='{floor}'/></bandwidth>");
        let second = create(&port(2, &floor(1500))).unwrap();
        let document = engine.store.port(lab(), second).unwrap();
        assert_eq!(document.bandwidth.unwrap().class_id, Some(3));
        assert_eq!(
            create(&port(3, &floor(600))).unwrap_err().to_string(),
            "Requested operation is not valid: Cannot plug '52:54:00:00:00:03' interface into 'lab0' because it would \
             overcommit 'peak' on network 'lab'"
        );
        engine.delete_port(lab(), second, Wait::FOREVER).unwrap();
        create(&port(3, &floor(600))).unwrap();
        engine.destroy(lab(), Wait::FOREVER).unwrap();
        assert!(engine.store.port_uuids(lab()).unwrap().is_empty());
        assert_nothing_left(&engine);
    });
}
