//! The same networks, and a guest on one, made by us and by libvirt, each in a network namespace of its own, and looked at from
//! outside: with `ip`, `bridge`, `nft` and what dnsmasq was given to read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use serde_json::Value;
use virt_tests::peer::{Peer, virtsh};
use virt_tests::skip;

/// What can be seen of a network: what it is, and in lines what was seen.
type Traces = BTreeMap<&'static str, Vec<String>>;

const FRAME: &str = "\
<network><name>lab</name>FORWARD<bridge name='lab0' stp='on' delay='0'/><mac address='52:54:00:11:22:33'/><mtu size='1400'/>
<domain name='lab.test'/><dns><host ip='10.77.0.200'><hostname>gate</hostname></host></dns>
<ip address='10.77.0.1' prefix='24'><dhcp><range start='10.77.0.2' end='10.77.0.99'/>
<host mac='52:54:00:aa:bb:cc' name='web' ip='10.77.0.5'/></dhcp></ip>
<ip family='ipv6' address='fd00:77::1' prefix='64'/></network>";

const GUEST: &str = "\
<domain type='qemu'><name>web</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<controller type='usb' model='none'/><memballoon model='none'/>
<interface type='network'><mac address='52:54:00:aa:bb:cc'/><source network='lab'/><model type='virtio'/>
<port isolated='yes'/></interface></devices></domain>";

/// One of the two: a command line, and where it keeps what dnsmasq reads.
struct Side {
    program: PathBuf,
    uri: String,
    dnsmasq: PathBuf,
    documents: PathBuf,
}

impl Side {
    fn virsh(&self, words: &[&str]) {
        let mut command = Command::new(&self.program);
        let output = command.args(["-q", "-c", &self.uri]).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {words:?}: {said}", self.program.display());
    }

    /// What can be seen while the network and a guest run, and what of it is left afterwards.
    fn traces(&self) -> (Traces, Traces) {
        let document = |name: &str| self.documents.join(name).to_str().unwrap().to_owned();
        run("ip", &["link", "set", "lo", "up"]);
        self.virsh(&["net-create", &document("network.xml")]);
        self.virsh(&["create", &document("guest.xml"), "--paused"]);
        let running = look(&self.dnsmasq);
        self.virsh(&["destroy", "web"]);
        self.virsh(&["net-destroy", "lab"]);
        (running, look(&self.dnsmasq))
    }
}

fn run(program: &str, words: &[&str]) -> String {
    let output =
        Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a program answers as JSON, the parts at these paths of each object in it, a line an object.
fn parts(program: &str, words: &[&str], paths: &[&str]) -> Vec<String> {
    let answer: Value = serde_json::from_str(&run(program, words)).unwrap_or(Value::Null);
    let line = |object: &Value| {
        let found = paths.iter().filter_map(|path| {
            let value = object.pointer(path).filter(|value| !value.is_null())?;
            Some(format!("{}={value}", path.rsplit('/').next().unwrap_or_default()))
        });
        found.collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = answer.as_array().into_iter().flatten().map(line).collect();
    lines.sort();
    lines
}

/// Looks at everything from outside.
fn look(dnsmasq: &Path) -> Traces {
    let bridge = [
        "/ifname",
        "/address",
        "/mtu",
        "/linkinfo/info_data/stp_state",
        "/linkinfo/info_data/forward_delay",
        "/linkinfo/info_data/vlan_filtering",
    ];
    let tap = ["/mtu", "/address", "/linkinfo/info_slave_kind"];
    let port =
        ["isolated", "learning", "flood", "hairpin", "guard", "fastleave"].map(|name| format!("/{name}"));
    let port: Vec<&str> = port.iter().map(String::as_str).collect();
    let taps = parts("ip", &["-j", "link", "show", "master", "lab0"], &["/ifname"]);
    let taps: Vec<&str> =
        taps.iter().map(|line| line.trim_start_matches("ifname=").trim_matches('"')).collect();
    let of_taps = |program: &str, words: &[&str], paths: &[&str]| {
        let of_one = |tap: &&str| parts(program, &[words, &["show", "dev", tap]].concat(), paths);
        taps.iter().flat_map(of_one).collect()
    };
    let setting = |name: &str| format!("{name}={}", run("cat", &[&format!("/proc/sys/net/{name}")]).trim());
    let settings = ["disable_ipv6", "accept_ra", "autoconf"].map(|name| format!("ipv6/conf/lab0/{name}"));
    let mut settings: Vec<String> = settings.iter().map(|name| setting(name)).collect();
    if taps.is_empty() {
        settings.retain(|line| !line.ends_with('='));
    }
    let addresses = parts("ip", &["-j", "addr", "show", "dev", "lab0"], &["/addr_info"]);
    let addresses = addresses.iter().flat_map(|line| {
        let list: Value = serde_json::from_str(line.trim_start_matches("addr_info=")).unwrap_or(Value::Null);
        let global = list.as_array().cloned().unwrap_or_default().into_iter();
        let global = global.filter(|address| address["scope"] == "global");
        global
            .map(|it| format!("{}/{}", it["local"].as_str().unwrap_or_default(), it["prefixlen"]))
            .collect::<Vec<_>>()
    });
    let routes = ["/dst", "/prefsrc", "/scope"];
    let config = std::fs::read_to_string(dnsmasq.join("lab.conf")).unwrap_or_default();
    // Where files are is everybody's own business.
    let own = |line: &str| match line.split_once("=/") {
        Some((name, path)) => format!("{name}=.../{}", path.rsplit('/').next().unwrap_or_default()),
        None => line.to_owned(),
    };
    let mut config: Vec<String> = config.lines().filter(|line| !line.starts_with('#')).map(own).collect();
    config.sort();
    let hosts = ["lab.hostsfile", "lab.addnhosts"].map(|name| std::fs::read_to_string(dnsmasq.join(name)));
    let hosts: Vec<String> = hosts
        .into_iter()
        .flatten()
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    BTreeMap::from([
        ("bridge", parts("ip", &["-j", "-d", "link", "show", "dev", "lab0"], &bridge)),
        ("addresses", addresses.collect()),
        ("routes", parts("ip", &["-j", "route", "show", "dev", "lab0"], &routes)),
        ("settings", settings),
        ("tap", of_taps("ip", &["-j", "-d", "link"], &tap)),
        ("port", of_taps("bridge", &["-j", "-d", "link"], &port)),
        ("rules", rules()),
        ("dnsmasq", config),
        ("hosts", hosts),
    ])
}

/// The rules for IPv4 that what is forwarded meets, in order, and those that change its addresses; each with its words in order,
/// since the programs that set rules order them differently.
fn rules() -> Vec<String> {
    let text = run("nft", &["-s", "list", "ruleset"]);
    let mut chains: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let (mut table, mut chain, mut bases) = (String::new(), String::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("table ") {
            rest.trim_end_matches(" {").clone_into(&mut table);
        } else if let Some(rest) = line.strip_prefix("chain ") {
            rest.trim_end_matches(" {").clone_into(&mut chain);
        } else if let Some(rest) = line.strip_prefix("type ") {
            let hook = rest.split(' ').collect::<Vec<_>>();
            if matches!(hook[..], ["filter", "hook", "forward", ..] | ["nat", "hook", "postrouting", ..]) {
                bases.push((hook[0].to_owned(), table.clone(), chain.clone()));
            }
        } else if !line.is_empty() && line != "}" && !line.starts_with('#') {
            chains.entry((table.clone(), chain.clone())).or_default().push(line.to_owned());
        }
    }
    bases.sort();
    let mut found = Vec::new();
    for (kind, table, chain) in bases.into_iter().filter(|(_, table, _)| !table.starts_with("ip6 ")) {
        let mut waiting: Vec<String> = chains.get(&(table.clone(), chain)).cloned().unwrap_or_default();
        waiting.reverse();
        while let Some(rule) = waiting.pop() {
            if let Some((_, to)) = rule.split_once("jump ") {
                let there = chains.get(&(table.clone(), to.to_owned())).cloned().unwrap_or_default();
                waiting.extend(there.into_iter().rev());
                continue;
            }
            if rule.contains("ip6 ") || rule.contains("nfproto ipv6") {
                continue;
            }
            let rule = rule.replace("meta nfproto ipv4 ", "").replace("counter ", "");
            let words: BTreeSet<&str> = rule.split([' ', ',']).collect();
            found.push(format!("{kind}: {}", words.into_iter().collect::<Vec<_>>().join(" ")));
        }
    }
    found
}

/// What differs, in lines for people; what both have is printed.
fn differences(mode: &str, ours: &Traces, theirs: &Traces) -> Vec<String> {
    let mut wrong = Vec::new();
    for (what, ours) in ours {
        let theirs = &theirs[what];
        let only_ours: Vec<&String> = ours.iter().filter(|line| !theirs.contains(line)).collect();
        let only_theirs: Vec<&String> = theirs.iter().filter(|line| !ours.contains(line)).collect();
        for line in ours.iter().filter(|line| theirs.contains(line)) {
            println!("{mode:9} {what:10} = {line}");
        }
        for line in &only_ours {
            println!("{mode:9} {what:10} + {line}");
        }
        for line in &only_theirs {
            println!("{mode:9} {what:10} - {line}");
        }
        let in_order = |of: &[String], other: &[String]| -> Vec<String> {
            of.iter().filter(|line| other.contains(line)).cloned().collect()
        };
        let reordered = *what == "rules" && in_order(ours, theirs) != in_order(theirs, ours);
        if !only_ours.is_empty() || !only_theirs.is_empty() || reordered {
            wrong.push(format!("{mode}: {what}: only ours {only_ours:#?}, only libvirt's {only_theirs:#?}"));
        }
    }
    wrong
}

/// Does something in a network namespace of its own.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let work = move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
            work()
        };
        scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn networks_are_what_libvirt_makes_of_them() {
    if !nix::unistd::geteuid().is_root() {
        skip!("only root makes network namespaces");
    }
    for program in ["ip", "bridge", "nft", "iptables", "dnsmasq", "qemu-system-x86_64"] {
        let path = std::env::var("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|directory| directory.join(program).exists()) {
            skip!("there is no {program}");
        }
    }
    let mut wrong = Vec::new();
    for (mode, forward) in [
        ("nat", "<forward mode='nat'/>"),
        ("route", "<forward mode='route'/>"),
        ("open", "<forward mode='open'/>"),
        ("isolated", ""),
    ] {
        let documents = tempfile::tempdir().unwrap();
        std::fs::write(documents.path().join("network.xml"), FRAME.replace("FORWARD", forward)).unwrap();
        std::fs::write(documents.path().join("guest.xml"), GUEST).unwrap();
        let theirs = apart(|| {
            let peer = Peer::start()?;
            let side = Side {
                program: "/usr/bin/virsh".into(),
                uri: peer.uri(),
                dnsmasq: peer.directory().join("var/dnsmasq"),
                documents: documents.path().to_owned(),
            };
            Ok(side.traces())
        });
        // Libvirt leaves its chains, and some files; of ours there is nothing afterwards.
        let (theirs, _) = match theirs {
            Ok(traces) => traces,
            Err::<_, String>(why) => skip!("{why}"),
        };
        let root = tempfile::tempdir().unwrap();
        let (ours, after) = apart(|| {
            let side = Side {
                program: virtsh(),
                uri: format!("qemu:///embed?root={}", root.path().display()),
                dnsmasq: root.path().join("run/network/dnsmasq"),
                documents: documents.path().to_owned(),
            };
            side.traces()
        });
        assert!(!ours["tap"].is_empty() && !theirs["tap"].is_empty(), "no guest is on the network");
        wrong.extend(differences(mode, &ours, &theirs));
        for (what, lines) in after {
            if !lines.is_empty() {
                wrong.push(format!("{mode}: left behind: {what}: {lines:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
