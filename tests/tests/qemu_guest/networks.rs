//! Guests on virtual networks: in network namespaces of the test's own, the way out leads into another one.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use virt_core::{
    Affect, Connection, DefineDomain, DefineNetwork, DestroyDomain, Domain, DomainXml, Network,
    NetworkChange, NetworkCommand, NetworkPart,
};
use virt_tests::guest::{self, Guest};
use virt_tests::skip;

use crate::lab::{SERIAL, Shell, files, open, uri};

const NETWORK: &str =
    "<network><name>lab</name><forward mode='nat'/><bridge name='lab0'/><domain name='lab.test'/>
  <dns><host ip='10.77.0.200'><hostname>gate</hostname></host></dns>
  <ip address='10.77.0.1' prefix='24'><dhcp><range start='10.77.0.2' end='10.77.0.99'/></dhcp></ip>
  <portgroup name='alone'><port isolated='yes'/></portgroup></network>";

fn ip(words: &str) -> Result<String, String> {
    let output =
        Command::new("ip").args(words.split(' ')).output().map_err(|error| format!("no ip: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("ip {words}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// A thread in a network namespace of its own, which waits to be told what to do there.
struct Outside {
    work: std::sync::mpsc::Sender<Box<dyn FnOnce() + Send>>,
}

impl Outside {
    /// The world outside: 198.51.100.2, where 198.51.100.1 is this thread's namespace. It knows no way to the networks.
    fn new() -> Result<Self, String> {
        unshare(CloneFlags::CLONE_NEWNET)
            .map_err(|errno| format!("cannot make a network namespace: {errno}"))?;
        ip("link set lo up")?;
        let (work, todo) = std::sync::mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let (told, ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let entered = unshare(CloneFlags::CLONE_NEWNET);
            let _ = told.send((entered, nix::unistd::gettid()));
            for work in todo {
                work();
            }
        });
        let (entered, thread) = ready.recv().map_err(|error| error.to_string())?;
        entered.map_err(|errno| format!("cannot make a network namespace: {errno}"))?;
        ip(&format!("link add out0 type veth peer name in0 netns {thread}"))?;
        ip("addr add 198.51.100.1/24 dev out0")?;
        ip("link set out0 up")?;
        let this = Self { work };
        this.ask(|| {
            ip("addr add 198.51.100.2/24 dev in0")?;
            ip("link set lo up")?;
            ip("link set in0 up")
        })?;
        Ok(this)
    }

    /// Does something there, and waits for it.
    fn ask<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, answered) = std::sync::mpsc::channel();
        let work = move || {
            let _ = answer.send(work());
        };
        self.work.send(Box::new(work)).expect("the thread waits");
        answered.recv().expect("it was done")
    }
}

/// A guest with a card on the network.
struct Member {
    domain: Domain,
    shell: Shell,
}

impl Member {
    fn boot(connection: &Connection, guest: &Guest, name: &str, mac: &str, group: &str) -> Self {
        let xml = format!(
            "<domain type='qemu'><name>{name}</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><kernel>{}</kernel><initrd>{}</initrd><cmdline>{}</cmdline></os>
  <features><acpi/></features><cpu mode='maximum'/>
  <devices><controller type='usb' model='none'/>{SERIAL}<memballoon model='none'/>
    <interface type='network'><mac address='{mac}'/><source network='lab'{group}/><model type='virtio'/></interface>
  </devices></domain>",
            guest.kernel.display(),
            guest.initrd.display(),
            Guest::COMMAND_LINE,
        );
        let domain = connection.define_domain(&xml, DefineDomain::empty()).expect("defined");
        let shell = Shell::boot(&domain);
        Self { domain, shell }
    }

    fn has_lease(&mut self, hostname: &str) -> String {
        self.shell.dhcp("eth0", hostname)
    }
}

impl Drop for Member {
    /// A test that failed leaves no guest either.
    fn drop(&mut self) {
        let _ = self.domain.destroy(DestroyDomain::empty());
    }
}

/// Stops the network of a test that failed.
struct Stopped(Network);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.destroy();
    }
}

#[test]
fn guests_on_a_network_reach_the_world_and_each_other_but_not_those_that_are_isolated() {
    let guest = match guest::build() {
        Ok(guest) => guest,
        Err(error) => skip!("no guest to boot: {error:#}"),
    };
    let outside = match Outside::new() {
        Ok(outside) => outside,
        Err(reason) => skip!("{reason}"),
    };
    if let Err(error) = virt_util::controller::binary() {
        skip!("{error} (build the workspace first)");
    }
    for program in ["dnsmasq", "nft"] {
        if virt_util::spawn::find_program(program).is_none() {
            skip!("{program} is not installed");
        }
    }
    let scratch = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir();
    let scratch = scratch.expect("a directory");
    let connection = open(&uri(scratch.path())).expect("opened");
    let network = connection.define_network(NETWORK, DefineNetwork::VALIDATE).expect("defined");
    let _stopped = Stopped(network.clone());
    network.start().expect("started");

    let mut web = Member::boot(&connection, &guest, "web", "52:54:00:00:77:01", "");
    gets_a_lease(&network, &mut web);
    reaches_the_world(&outside, &mut web, &address_of(&network, "52:54:00:00:77:01"));
    let answer = web.shell.run("nslookup gate.lab.test 10.77.0.1");
    assert!(answer.contains("10.77.0.200"), "the network's names are answered: {answer}");

    let mut db = Member::boot(&connection, &guest, "db", "52:54:00:00:77:02", "");
    db.has_lease("db");
    let address = address_of(&network, "52:54:00:00:77:02");
    assert!(web.shell.succeeds(&format!("ping -c 1 -W 5 {address}")), "guests reach each other");
    the_live_document_says_where_it_is(&network, &db);

    // On isolated ports, neither reaches the other, but both the gateway.
    drop((web, db));
    let mut one = Member::boot(&connection, &guest, "one", "52:54:00:00:77:03", " portgroup='alone'");
    let mut two = Member::boot(&connection, &guest, "two", "52:54:00:00:77:04", " portgroup='alone'");
    one.has_lease("one");
    two.has_lease("two");
    let address = address_of(&network, "52:54:00:00:77:04");
    assert!(one.shell.succeeds("ping -c 1 -W 5 10.77.0.1"), "an isolated guest reaches the gateway");
    assert!(!one.shell.succeeds(&format!("ping -c 1 -W 2 {address}")), "isolated guests reached each other");
    drop((one, two));

    network.destroy().expect("stopped");
    network.undefine().expect("undefined");
    nothing_is_left(scratch.path());
}

fn address_of(network: &Network, mac: &str) -> String {
    let leases = network.dhcp_leases(Some(mac)).expect("leases");
    leases.first().unwrap_or_else(|| panic!("{mac} has no lease")).address.clone()
}

fn gets_a_lease(network: &Network, guest: &mut Member) {
    let seen = guest.has_lease("web");
    let leases = network.dhcp_leases(Some("52:54:00:00:77:01")).expect("leases");
    let [lease] = leases.as_slice() else { panic!("{leases:?}, and the guest said:\n{seen}") };
    assert_eq!(lease.hostname.as_deref(), Some("web"));
    assert!(lease.address.starts_with("10.77.0.") && lease.prefix == 24, "{lease:?}");
    assert!(guest.shell.succeeds("ping -c 1 -W 5 10.77.0.1"), "the gateway answers");
    // Another address for the next lease, without a restart.
    let change = NetworkChange {
        command: NetworkCommand::AddLast,
        section: NetworkPart::IpDhcpHost,
        parent: -1,
        xml: "<host mac='52:54:00:00:77:02' name='db' ip='10.77.0.50'/>".into(),
    };
    network.update(change, Affect::LIVE | Affect::CONFIG).expect("updated");
}

/// A server outside hears the host's address, not the guest's, and cannot call the guest.
fn reaches_the_world(outside: &Outside, guest: &mut Member, own: &str) {
    let listener = outside.ask(|| TcpListener::bind("198.51.100.2:7777")).expect("bound");
    let server = std::thread::spawn(move || {
        let (mut stream, from) = listener.accept().expect("a call");
        stream.write_all(b"hello from outside\n").expect("written");
        from.ip().to_string()
    });
    let heard = guest.shell.run("nc -w 10 198.51.100.2 7777 </dev/null");
    assert!(heard.contains("hello from outside"), "{heard}");
    assert_eq!(server.join().expect("served"), "198.51.100.1");
    guest.shell.run("sh -c '(echo hidden | nc -l -p 80) >/dev/null 2>&1 &'");
    let address = format!("{own}:80").parse().expect("an address");
    let reached = outside.ask(move || {
        let _ = ip("route add 10.77.0.0/24 via 198.51.100.1");
        let mut heard = String::new();
        let called = TcpStream::connect_timeout(&address, Duration::from_secs(3));
        called.is_ok_and(|mut stream| stream.read_to_string(&mut heard).is_ok())
    });
    assert!(!reached, "the guest was reached from outside");
}

fn the_live_document_says_where_it_is(network: &Network, guest: &Member) {
    let ports = network.ports().expect("ports");
    assert_eq!(ports.len(), 2);
    let xml = guest.domain.xml(DomainXml::empty()).expect("XML");
    assert!(xml.contains("<interface type='network'>") && xml.contains(" bridge='lab0'"), "{xml}");
    assert!(ports.iter().any(|port| xml.contains(&port.uuid().to_string())), "{xml}");
    assert_eq!(address_of(network, "52:54:00:00:77:02"), "10.77.0.50");
    let live = network.xml(virt_core::NetworkXml::empty()).expect("XML");
    assert!(live.starts_with("<network connections='2'>"), "{live}");
}

fn nothing_is_left(directory: &Path) {
    let links = ip("-o link").expect("listed");
    let left: Vec<_> = links.lines().filter(|line| line.contains("lab0") || line.contains("vnet")).collect();
    assert!(left.is_empty(), "{left:?}");
    let rules = Command::new("nft").args(["list", "ruleset"]).output().expect("nft");
    assert_eq!(String::from_utf8_lossy(&rules.stdout), "");
    for part in [
        "run/network/dnsmasq",
        "run/network/status",
        "run/network/ports",
        "lib/network/leases",
        "etc/network",
    ] {
        let names =
            files(&directory.join(part)).into_iter().filter(|path| path.is_file()).collect::<Vec<_>>();
        assert!(names.is_empty(), "{names:?}");
    }
    let conf = directory.to_string_lossy().into_owned();
    for process in files(Path::new("/proc")) {
        let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(!(line.contains("dnsmasq") && line.contains(&conf)), "{line}");
    }
}
