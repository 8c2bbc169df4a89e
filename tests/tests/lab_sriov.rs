//! Virtual functions of a real driver, in the lab: set up, read back, refused, restored, whoever is killed when.
//!
//! What begins with `inside` runs in the lab, as root: each in a lab of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use virt_core::driver::ErrorCode;
use virt_core::sriov::{
    LinkState, PciAddress, Pool, Request, Selection, Settings, Severity, Vlan, VlanProtocol, Wish,
};
use virt_driver_hostdev::Engine;
use virt_tests::lab::Lab;
use virt_tests::skip;
use virt_util::journal::Fault;
use virt_util::wait::Wait;

/// The physical function, and one of its virtual ones.
const PARENT: &str = "0000:01:00.0";
const CHILD: &str = "0000:01:10.2";
const MAC: &str = "00:11:22:33:44:55";

/// Brings the physical function up, makes virtual ones, and runs a function of this program.
fn run_inside(name: &str) {
    if let Some(why) = Lab::missing() {
        skip!("{why}");
    }
    let kills = kills();
    let ready = format!(
        "ip link set eth0 up; echo 4 > /sys/class/net/eth0/device/sriov_numvfs; export KILLS={kills}"
    );
    // The emulated machine may have to share its processors with others: what matters is that nothing hangs for ever.
    Lab::new().limit(600 + 10 * kills).run_test(&ready, name);
}

/// How many random moments are tried.
fn kills() -> u32 {
    std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(25)
}

macro_rules! inside {
    ($($(#[$doc:meta])* $outer:ident => $inner:ident;)*) => {$(
        $(#[$doc])*
        #[test]
        fn $outer() {
            run_inside(stringify!($inner));
        }
    )*};
}

inside! {
    a_virtual_function_is_set_up_and_restored => inside_set_up;
    what_the_hardware_refuses_leaves_nothing => inside_refusals;
    a_device_is_one_holders_at_a_time => inside_leases;
    what_the_host_uses_is_not_taken => inside_use;
    the_physical_function_is_found_under_any_name => inside_renamed;
    every_step_survives_a_kill => inside_kills;
    any_moment_survives_a_kill => inside_random_kills;
    a_device_in_use_by_a_program_is_left_alone => inside_open;
    what_never_had_an_address_has_none_again => inside_zero;
}

fn child() -> PciAddress {
    CHILD.parse().expect("an address")
}

fn engine() -> Engine {
    Engine::host().expect("an engine")
}

fn run(command: &str) -> String {
    let output = Command::new("sh").args(["-ec", command]).output().expect("a shell");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything that igb has.
fn settings() -> Settings {
    Settings {
        mac: Some(MAC.parse().expect("a MAC address")),
        vlan: Some(Vlan { id: 42, qos: 3, protocol: VlanProtocol::Customer }),
        spoof_check: Some(false),
        trust: Some(true),
        ..Settings::default()
    }
}

fn request(settings: Settings) -> Request {
    let mut request = Request::new("web");
    let wish = Wish::new(Selection::Address(child())).with(settings).bound_to("vfio-pci");
    request.devices.push(wish);
    request
}

/// What `ip -d link` says of a virtual function.
fn shown(netdev: &str, index: u32) -> String {
    let all = run(&format!("ip -d link show dev {netdev}"));
    let line = all.lines().find(|line| line.trim_start().starts_with(&format!("vf {index} ")));
    line.unwrap_or_else(|| panic!("no vf {index} in {all}")).trim().to_owned()
}

/// All that could be left behind: settings, drivers, overrides, names, journals.
#[derive(Debug, PartialEq, Eq)]
struct State {
    link: String,
    devices: BTreeMap<String, [String; 3]>,
    journals: Vec<String>,
}

fn state() -> State {
    let read = |path: String| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let link = |path: String| {
        let target = std::fs::read_link(path).unwrap_or_default();
        target.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    let names = |path: &str| {
        let mut names: Vec<_> = std::fs::read_dir(path)
            .into_iter()
            .flatten()
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let mut devices = BTreeMap::new();
    for name in names(&format!("/sys/bus/pci/devices/{PARENT}")) {
        if name.starts_with("virtfn") {
            let device = format!("/sys/bus/pci/devices/{PARENT}/{name}");
            let facts = [
                link(format!("{device}/driver")),
                read(format!("{device}/driver_override")),
                // The kernel gives a name anew to each that comes back, in the order in which they do.
                format!("{} network devices", names(&format!("{device}/net")).len()),
            ];
            devices.insert(link(device), facts);
        }
    }
    let mut journals = names("/run/virt/hostdev/journal");
    journals.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "journal"));
    State { link: without_carrier(&run("ip -d link show dev eth0")), devices, journals }
}

/// Whether there is a carrier is between the card and the other end, and may not be settled yet.
fn without_carrier(link: &str) -> String {
    link.replace("NO-CARRIER,", "").replace(",LOWER_UP", "").replace("state DOWN", "state UP")
}

#[test]
#[ignore = "runs inside the lab"]
fn inside_set_up() {
    let engine = engine();
    let before = state();
    let plan = engine.plan(&request(settings()), Wait::FOREVER).expect("a plan");
    let steps: Vec<_> = plan.steps.iter().map(|step| step.description.as_str()).collect();
    let of = "0000:01:10.2 (virtual function 1 of 0000:01:00.0)";
    assert_eq!(
        steps,
        [
            "lease 0000:01:10.2 to web".to_owned(),
            "take 0000:01:10.2 from igbvf".to_owned(),
            format!("set MAC address 00:11:22:33:44:55 for {of}"),
            format!("set VLAN 42 (priority 3, 802.1Q) for {of}"),
            format!("set spoof checking off for {of}"),
            format!("set trust on for {of}"),
            "give 0000:01:10.2 to vfio-pci".to_owned(),
        ]
    );
    assert_eq!(state(), before, "a plan changes nothing");

    let prepared = engine.prepare(&request(settings()), Wait::FOREVER).expect("prepared");
    let device = &prepared.devices[0];
    assert_eq!((device.address, device.driver.as_deref()), (child(), Some("vfio-pci")));
    assert!(Path::new(&format!("/dev/vfio/{}", device.iommu_group.expect("a group"))).exists());
    assert_eq!(
        shown("eth0", 1),
        "vf 1     link/ether 00:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff, vlan 42, qos 3, spoof checking off, \
         link-state auto, trust on"
    );
    let inventory = engine.inventory().expect("an inventory");
    let parent = &inventory.physical_functions[0];
    assert_eq!((parent.address.to_string().as_str(), parent.total), (PARENT, 7));
    assert_eq!(parent.netdevs[0].name, "eth0");
    let held = parent.virtual_functions[1].held.as_ref().expect("held");
    assert_eq!((held.holder.name.as_str(), held.alive, held.changes.len()), ("web", true, 6));

    // Changed while it is held; a change that is refused leaves those before it.
    let vlan = Settings { vlan: Some(Vlan { id: 7, ..Vlan::default() }), ..Settings::default() };
    let changed = engine.apply(child(), "web", &vlan, Wait::FOREVER).expect("changed");
    assert_eq!(changed.settings.map(|info| info.vlan.id), Some(7));
    let refused = Settings { trust: Some(false), min_rate: Some(50), ..Settings::default() };
    engine.apply(child(), "web", &refused, Wait::FOREVER).expect_err("igb has no least rate");
    let now = shown("eth0", 1);
    assert!(now.contains("vlan 7, spoof checking off, link-state auto, trust on"), "{now}");
    // igb limits rates as soon as the link's speed is known.
    let patience = Instant::now() + Duration::from_secs(30);
    while std::fs::read_to_string("/sys/class/net/eth0/carrier").is_ok_and(|carrier| carrier.trim() != "1") {
        assert!(Instant::now() < patience, "no link");
        std::thread::sleep(Duration::from_millis(50));
    }
    let limited = Settings { max_rate: Some(100), ..Settings::default() };
    engine.apply(child(), "web", &limited, Wait::FOREVER).expect("limited");
    let now = shown("eth0", 1);
    assert!(now.contains("tx rate 100 (Mbps), max_tx_rate 100Mbps"), "{now}");
    let error = engine.apply(child(), "db", &vlan, Wait::FOREVER).expect_err("another's");
    assert_eq!(
        error.to_string(),
        "Requested operation is not valid: PCI device 0000:01:10.2 is in use by web"
    );

    assert_eq!(engine.release("web", Wait::FOREVER).expect("released"), [child()]);
    assert_eq!(state(), before);
    assert!(engine.release("web", Wait::FOREVER).expect("nothing").is_empty());

    // With the host's own driver, which reads its address anew.
    let mut own = Request::new("container");
    own.devices.push(Wish::new(Selection::Address(child())).with(settings()));
    engine.prepare(&own, Wait::FOREVER).expect("prepared");
    let netdev = std::fs::read_dir(format!("/sys/bus/pci/devices/{CHILD}/net")).expect("a netdev").next();
    let netdev = netdev.expect("one").expect("readable").path();
    assert_eq!(std::fs::read_to_string(netdev.join("address")).expect("an address").trim(), MAC);
    engine.release("container", Wait::FOREVER).expect("released");
    assert_eq!(state(), before);
}

#[test]
#[ignore = "runs inside the lab"]
fn inside_refusals() {
    let engine = engine();
    let before = state();
    let with = |change: fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        request(settings)
    };
    for (request, words) in [
        (
            with(|it| it.min_rate = Some(50)),
            "transmit rate at least 50 Mbit/s for virtual function 1 of eth0 (0000:01:00.0, driver igb) was refused: ",
        ),
        (
            with(|it| it.link_state = Some(LinkState::Disable)),
            "link state disable for virtual function 1 of eth0 (0000:01:00.0, driver igb) was refused: ",
        ),
        (
            with(|it| it.vlan = Some(Vlan { id: 9, qos: 0, protocol: VlanProtocol::Service })),
            "VLAN 9 (priority 0, 802.1ad) for virtual function 1 of eth0 (0000:01:00.0, driver igb) was refused: ",
        ),
        (with(|it| it.rss_query = Some(true)), "driver igb of 0000:01:00.0 has no RSS query"),
        (
            with(|it| it.node_guid = Some("00:11:22:33:44:55:66:77".parse().expect("a GUID"))),
            "has no node GUID",
        ),
    ] {
        let error = engine.prepare(&request, Wait::FOREVER).expect_err("refused");
        assert!(error.message().starts_with("unsupported configuration: "), "{error}");
        assert!(error.message().contains(words), "{error}");
        assert_eq!(state(), before, "{error}");
    }
    let mut parent = Request::new("web");
    let other = Selection::Address("0000:02:00.0".parse().expect("an address"));
    parent.devices.push(Wish::new(other).with(settings()));
    let error = engine.prepare(&parent, Wait::FOREVER).expect_err("no virtual function");
    let sentence = "unsupported configuration: \
                    Interface type hostdev is currently supported on SR-IOV Virtual Functions only";
    assert_eq!(error.message(), sentence);

    // The first of two is given back when the second cannot be had.
    let mut two = request(settings());
    two.devices.push(Wish::new(Selection::Address("0000:01:1f.6".parse().expect("an address"))));
    let error = engine.prepare(&two, Wait::FOREVER).expect_err("there is no such device");
    assert_eq!(error.code(), ErrorCode::NO_NODE_DEVICE);
    assert_eq!(state(), before);
    let mut unmanaged = request(Settings::default());
    unmanaged.devices[0].unmanaged = true;
    let error = engine.prepare(&unmanaged, Wait::FOREVER).expect_err("igbvf has it");
    let sentence = "Requested operation is not valid: \
                    Unmanaged PCI device 0000:01:10.2 must be manually detached from the host";
    assert_eq!(error.message(), sentence);
    // No time: nothing is begun.
    let error = engine.prepare(&request(settings()), Wait::at_most(Duration::ZERO)).expect_err("no time");
    assert_eq!(error.code(), ErrorCode::OPERATION_TIMEOUT);
    assert_eq!(state(), before);
}

#[test]
#[ignore = "runs inside the lab"]
fn inside_leases() {
    let before = state();
    // Each races with an engine of its own, as processes would.
    let racers: Vec<_> = (0..6)
        .map(|number| {
            std::thread::spawn(move || {
                let mut request = request(settings());
                request.holder.name = format!("guest{number}");
                request.holder.driver = Some("QEMU".into());
                let outcome = engine().prepare(&request, Wait::FOREVER);
                outcome.map(|_| request.holder.name).map_err(|error| error.to_string())
            })
        })
        .collect();
    let outcomes: Vec<_> = racers.into_iter().map(|racer| racer.join().expect("no panic")).collect();
    let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    let [winner] = winners.as_slice() else { panic!("{outcomes:?}") };
    let told = format!(
        "Requested operation is not valid: PCI device 0000:01:10.2 is in use by driver QEMU, domain {winner}"
    );
    let losers = outcomes.iter().filter(|outcome| outcome.as_ref().err() == Some(&told)).count();
    assert_eq!(losers, 5, "{outcomes:?}");

    // Two that want the same two, each in another order: one has both, and nobody waits for the other.
    let pair: [PciAddress; 2] =
        ["0000:01:10.4", "0000:01:10.6"].map(|text| text.parse().expect("an address"));
    let wanting = |holder: &'static str, devices: [PciAddress; 2]| {
        std::thread::spawn(move || {
            let mut request = Request::new(holder);
            request.devices =
                devices.map(|device| Wish::new(Selection::Address(device)).with(settings())).to_vec();
            engine().prepare(&request, Wait::at_most(Duration::from_mins(1))).map(|_| holder)
        })
    };
    let both = [wanting("one", pair), wanting("two", [pair[1], pair[0]])];
    let outcomes = both.map(|racer| racer.join().expect("no panic"));
    assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() <= 1, "{outcomes:?}");
    for outcome in &outcomes {
        match outcome {
            Ok(holder) => assert_eq!(engine().release(holder, Wait::FOREVER).expect("released").len(), 2),
            Err(error) => assert_eq!(error.code(), ErrorCode::OPERATION_INVALID, "{error}"),
        }
    }

    // Any of the three that are left, each once; then none.
    let engine = engine();
    let any = |holder: &str| {
        let mut request = Request::new(holder);
        request.devices.push(Wish::new(Selection::Any { of: "eth0".into() }).bound_to("vfio-pci"));
        engine.prepare(&request, Wait::FOREVER).map(|prepared| prepared.devices[0].address)
    };
    let chosen = ["a", "b", "c"].map(|holder| any(holder).expect("one is free"));
    let error = any("d").expect_err("none is free");
    assert_eq!(error.to_string(), "operation failed: no virtual function of eth0 is free");
    // The one that is given back is the only one; what was used longest ago comes first afterwards.
    engine.release("b", Wait::FOREVER).expect("released");
    assert_eq!(any("d").expect("free again"), chosen[1]);
    for holder in ["a", "c", "d"] {
        engine.release(holder, Wait::FOREVER).expect("released");
    }
    let pool = Pool { addresses: vec![chosen[1], chosen[0], chosen[2]], physical_functions: Vec::new() };
    let mut request = Request::new("pool");
    request.devices.push(Wish::new(Selection::Pool(pool)));
    let prepared = engine.prepare(&request, Wait::FOREVER).expect("prepared");
    assert_eq!(prepared.devices[0].address, chosen[0]);
    engine.release("pool", Wait::FOREVER).expect("released");
    engine.release(winner, Wait::FOREVER).expect("released");
    assert_eq!(state(), before);

    // A lease ends with the process that it is handed to.
    let mut holder = Command::new("sleep").arg("600").spawn().expect("a process");
    engine.prepare(&self::request(settings()), Wait::FOREVER).expect("prepared");
    engine.hand_over("web", holder.id(), Wait::FOREVER).expect("handed over");
    assert!(engine.recover().expect("nothing to do").is_empty());
    holder.kill().and_then(|()| holder.wait()).expect("ended");
    let findings = engine.diagnose().expect("findings");
    let mut about = findings.iter().filter(|it| it.subject == CHILD);
    let stale = about.find(|it| it.severity == Severity::Warning).expect("a finding");
    assert_eq!(stale.problem, "its holder, web, has ended without giving it back");
    let restored = engine.recover().expect("recovered");
    let [one] = restored.as_slice() else { panic!("{restored:?}") };
    assert_eq!((one.address, one.holder.as_str(), &one.failure), (child(), "web", &None));
    assert_eq!(state(), before);
}

#[test]
#[ignore = "runs inside the lab"]
fn inside_use() {
    let engine = engine();
    let before = state();
    let mut netdevs =
        std::fs::read_dir(format!("/sys/bus/pci/devices/{CHILD}/net")).expect("it has a driver");
    let netdev = netdevs.next().expect("a network device").expect("an entry").file_name().into_string();
    let netdev = netdev.expect("plain characters");
    let refused = |how: &str| {
        let error = engine.prepare(&request(settings()), Wait::FOREVER).expect_err("the host uses it");
        let sentence = format!(
            "Requested operation is not valid: PCI device {CHILD} is used by the host: {netdev} {how}"
        );
        assert_eq!(error.to_string(), sentence);
    };
    run(&format!("ip addr add 192.0.2.1/24 dev {netdev}"));
    refused("has an address");
    // What is seen to be used is not chosen either.
    let mut any = Request::new("any");
    any.devices.push(Wish::new(Selection::Any { of: "eth0".into() }));
    any.devices.push(Wish::new(Selection::Any { of: "eth0".into() }));
    any.devices.push(Wish::new(Selection::Any { of: PARENT.into() }));
    let prepared = engine.prepare(&any, Wait::FOREVER).expect("three others");
    assert!(prepared.devices.iter().all(|device| device.address != child()));
    engine.release("any", Wait::FOREVER).expect("released");
    let mut forced = request(settings());
    forced.force = true;
    engine.prepare(&forced, Wait::FOREVER).expect("taken all the same");
    engine.release("web", Wait::FOREVER).expect("released");
    run(&format!("ip netns add blue; ip link set {netdev} netns blue"));
    refused("is in the network namespace /run/netns/blue");
    run(&format!("ip -n blue link set {netdev} netns 1; ip netns del blue"));
    assert_eq!(state(), before);
}

#[test]
#[ignore = "runs inside the lab"]
fn inside_renamed() {
    let engine = engine();
    let before = shown("eth0", 1);
    engine.prepare(&request(settings()), Wait::FOREVER).expect("prepared");
    run("ip link set eth0 down; ip link set eth0 name uplink; ip link set uplink up");
    // Another takes the name meanwhile.
    run("ip link set eth1 name eth0");
    engine.release("web", Wait::FOREVER).expect("released");
    assert_eq!(shown("uplink", 1), before);

    engine.prepare(&request(settings()), Wait::FOREVER).expect("prepared");
    run("ip netns add blue; ip link set uplink netns blue; ip -n blue link set uplink up");
    let inventory = engine.inventory().expect("an inventory");
    let namespace = inventory.physical_functions[0].netdevs[0].namespace.as_deref();
    assert_eq!(namespace, Some("/run/netns/blue"));
    engine.release("web", Wait::FOREVER).expect("released");
    let after = run("ip -n blue -d link show dev uplink");
    assert!(after.contains(&before), "{before}\n{after}");
    run("ip -n blue link set uplink netns 1; ip link set uplink up");

    // Virtual functions that are gone need nothing; nor do those that came in their place.
    engine.prepare(&request(settings()), Wait::FOREVER).expect("prepared");
    run(&format!("echo 0 > /sys/bus/pci/devices/{PARENT}/sriov_numvfs"));
    engine.release("web", Wait::FOREVER).expect("nothing to restore");
    assert!(engine.inventory().expect("an inventory").others.is_empty());
}

/// What the worker says when it begins.
const AT_WORK: &str = "at work";

/// Not a test: prepares and releases, and is killed on the way.
#[test]
#[ignore = "is run by another test, in a process of its own"]
fn worker() {
    let Ok(fault) = std::env::var("FAULT") else { return };
    let mut request = request(settings());
    request.holder.process = std::env::var("BOUND").is_ok().then(std::process::id);
    let mut engine = engine();
    if let Some((kind, number)) = fault.split_once(' ') {
        let number = number.parse().expect("a number");
        engine = engine.failing(match kind {
            "before" => Fault::KilledBefore(number),
            "after" => Fault::KilledAfter(number),
            "before-undo" => Fault::KilledBeforeUndo(number),
            _ => Fault::KilledAfterUndo(number),
        });
    }
    println!("{AT_WORK}");
    for _ in 0..if fault == "forever" { u32::MAX } else { 1 } {
        engine.prepare(&request, Wait::FOREVER).expect("prepared");
        engine.release("web", Wait::FOREVER).expect("released");
    }
}

fn start_worker(fault: &str, bound: bool) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["worker", "--exact", "--ignored", "--nocapture"]).env("FAULT", fault);
    if bound {
        command.env("BOUND", "1");
    }
    let mut worker = command.stdout(Stdio::piped()).spawn().expect("a worker");
    let words = BufReader::new(worker.stdout.take().expect("its output"));
    let at_work = words.lines().map_while(Result::ok).any(|line| line == AT_WORK);
    assert!(at_work, "the worker ended before it began");
    worker
}

#[test]
#[ignore = "runs inside the lab"]
fn inside_kills() {
    let before = state();
    let steps = engine().plan(&request(settings()), Wait::FOREVER).expect("a plan").steps.len();
    assert!(steps > 5, "{steps}");
    let mut kills = 0;
    for step in 0..steps {
        for (number, kind) in ["before", "after", "before-undo", "after-undo"].into_iter().enumerate() {
            // Bound to the worker's life, or its own, in turn.
            let bound = (step + number) % 2 == 0;
            let status = start_worker(&format!("{kind} {step}"), bound).wait().expect("ended");
            assert_eq!(status.signal(), Some(9), "{kind} {step}");
            let restored = engine().recover().expect("recovered");
            assert_eq!(restored.len(), 1, "{kind} {step}");
            assert_eq!(restored[0].failure, None, "{kind} {step}");
            assert_eq!(state(), before, "{kind} {step}");
            kills += 1;
        }
    }
    println!("{kills} kills at {steps} steps");
}

#[test]
#[ignore = "runs inside the lab"]
fn inside_random_kills() {
    let before = state();
    let began = Instant::now();
    engine().prepare(&request(settings()), Wait::FOREVER).expect("prepared");
    engine().release("web", Wait::FOREVER).expect("released");
    // A worker goes round and round: two rounds' length meets every moment of one.
    let round = began.elapsed();
    assert_eq!(state(), before);
    let mut seed = u64::from(std::process::id()) | 1;
    let (mut interrupted, mut held) = (0, 0);
    let kills = kills();
    for kill in 0..kills {
        // xorshift: which moments matters less than that they differ.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let moment = round * 2 * u32::from(seed as u16) / u32::from(u16::MAX);
        let mut worker = start_worker("forever", kill % 2 == 0);
        std::thread::sleep(moment);
        worker.kill().and_then(|()| worker.wait()).expect("killed");
        // The next process of any kind: it puts right what is left, and gives back what is held.
        let engine = engine();
        let restored = engine.recover().expect("recovered");
        assert!(restored.iter().all(|it| it.failure.is_none()), "kill {kill} after {moment:?}: {restored:?}");
        interrupted += restored.len();
        held += engine.release("web", Wait::FOREVER).expect("released").len();
        assert_eq!(state(), before, "kill {kill} after {moment:?}");
    }
    println!(
        "{kills} kills within {:?}: {interrupted} times something was to be undone, {held} times the lease held",
        round * 2
    );
    assert!(interrupted > 0);
}

#[test]
#[ignore = "runs inside the lab"]
fn inside_zero() {
    // No driver has looked at these, so nobody gave them an address.
    let device = format!("/sys/bus/pci/devices/{PARENT}");
    run(&format!(
        "cd {device}; echo 0 > sriov_numvfs; echo 0 > sriov_drivers_autoprobe; echo 2 > sriov_numvfs"
    ));
    let engine = engine();
    let before = state();
    assert!(shown("eth0", 1).contains("link/ether 00:00:00:00:00:00"), "{}", shown("eth0", 1));
    let prepared = engine.prepare(&request(settings()), Wait::FOREVER).expect("prepared");
    assert_eq!(prepared.devices[0].driver.as_deref(), Some("vfio-pci"));
    assert!(shown("eth0", 1).contains(MAC));
    engine.release("web", Wait::FOREVER).expect("released");
    assert_eq!(state(), before);
    let findings = engine.diagnose().expect("findings");
    assert!(
        findings.iter().any(|it| it.subject == CHILD && it.problem.contains("has no MAC address")),
        "{findings:?}"
    );
}

#[test]
#[ignore = "runs inside the lab"]
fn inside_open() {
    let engine = engine();
    let before = state();
    let prepared = engine.prepare(&request(settings()), Wait::FOREVER).expect("prepared");
    let group = format!("/dev/vfio/{}", prepared.devices[0].iommu_group.expect("a group"));
    let open = || std::fs::OpenOptions::new().read(true).write(true).open(&group).expect("opened");
    let program = open();
    let held = state();
    let error = engine.release("web", Wait::FOREVER).expect_err("a program has it");
    assert_eq!(error.code(), ErrorCode::RESOURCE_BUSY, "{error}");
    assert!(error.message().ends_with(&format!("still used: a program has {group} open")), "{error}");
    assert_eq!(state(), held, "nothing of it is given back");
    // One that lets go a moment later is waited for.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            drop(program);
        });
        engine.release("web", Wait::FOREVER).expect("released");
    });
    assert_eq!(state(), before);

    // After the holder's death nothing is undone either while another program has the device.
    let mut holder = Command::new("sleep").arg("600").spawn().expect("a process");
    let mut bound = request(settings());
    bound.holder.process = Some(holder.id());
    engine.prepare(&bound, Wait::FOREVER).expect("prepared");
    let program = open();
    holder.kill().and_then(|()| holder.wait()).expect("ended");
    let restored = engine.recover().expect("listed");
    assert!(restored[0].failure.is_some());
    assert!(shown("eth0", 1).contains("vlan 42"));
    let inventory = engine.inventory().expect("an inventory");
    let held = inventory.physical_functions[0].virtual_functions[1].held.as_ref().expect("held");
    assert!(held.failure.as_deref().is_some_and(|failure| failure.contains("still used")), "{held:?}");
    let error = engine.prepare(&request(settings()), Wait::FOREVER).expect_err("it is not restored");
    assert!(error.message().contains("could not be restored after web had it"), "{error}");
    drop(program);
    assert_eq!(engine.restore(child()).expect("tried").failure, None);
    assert_eq!(state(), before);
}
