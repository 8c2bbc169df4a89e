//! Starting and stopping a network with NAT, DHCP and DNS, alone and beside many guests; and what the same work costs with
//! nothing around it. To be run in a network namespace of its own, whose devices and rules it changes.
//!
//! usage: `network ours URI GUESTS | floor DIRECTORY`

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use virt_core::{Connection, DefineDomain, DefineNetwork, Network, UndefineDomain};
use virt_util::netlink::{Bridge, MacAddress, Netlink};
use virt_util::process::Process;
use virt_util::wait::Wait;

const NAME: &str = "virbench0";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 99, 77, 1);
const PREFIX: u8 = 24;

const NETWORK: &str = "\
<network>
  <name>bench</name>
  <forward mode='nat'/>
  <bridge name='virbench0' stp='on' delay='0'/>
  <ip address='10.99.77.1' prefix='24'>
    <dhcp><range start='10.99.77.2' end='10.99.77.254'/></dhcp>
  </ip>
</network>";

/// The rules of such a network, in one transaction.
const RULES: &str = "\
table ip virt_floor {
  chain forward {
    type filter hook forward priority filter; policy accept;
    oifname virbench0 ip daddr 10.99.77.0/24 ct state related,established counter accept
    iifname virbench0 ip saddr 10.99.77.0/24 counter accept
    iifname virbench0 oifname virbench0 counter accept
    oifname virbench0 counter reject
    iifname virbench0 counter reject
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.99.77.0/24 ip daddr 224.0.0.0/24 counter return
    ip saddr 10.99.77.0/24 ip daddr 255.255.255.255 counter return
    meta l4proto tcp ip saddr 10.99.77.0/24 ip daddr != 10.99.77.0/24 counter masquerade to :1024-65535
    meta l4proto udp ip saddr 10.99.77.0/24 ip daddr != 10.99.77.0/24 counter masquerade to :1024-65535
    ip saddr 10.99.77.0/24 ip daddr != 10.99.77.0/24 counter masquerade
  }
}
";

const NO_RULES: &str = "delete table ip virt_floor\n";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ours", uri, guests] => ours(uri, guests.parse()?),
        ["floor", directory] => floor(Path::new(directory)),
        _ => Err("usage: network ours URI GUESTS | floor DIRECTORY".into()),
    }
}

fn ours(uri: &str, guests: u32) -> Result<(), Box<dyn Error>> {
    let connection = Connection::open(uri)?;
    let network = connection.define_network(NETWORK, DefineNetwork::empty())?;
    cycle(&network, None)?;
    cycle(&network, Some(["network.start", "network.stop"]))?;
    let mut crowd = Vec::new();
    for number in 0..guests {
        let xml = format!(
            "<domain type='qemu'><name>guest{number}</name><memory>65536</memory><os><type>hvm</type></os><devices>
             <interface type='network'><source network='bench'/></interface></devices></domain>"
        );
        crowd.push(connection.define_domain(&xml, DefineDomain::empty())?);
    }
    let counted = cycle(&network, Some(["network.crowd start", "network.crowd stop"]));
    for guest in crowd {
        guest.undefine(UndefineDomain::empty())?;
    }
    counted?;
    Ok(network.undefine()?)
}

/// A start and a stop, which count where they have names.
fn cycle(network: &Network, names: Option<[&str; 2]>) -> virt_core::Result<()> {
    let begin = Instant::now();
    network.start()?;
    let started = begin.elapsed();
    let begin = Instant::now();
    network.destroy()?;
    if let Some([start, stop]) = names {
        virt_benches::time(start, started);
        virt_benches::time(stop, begin.elapsed());
    }
    Ok(())
}

fn floor(directory: &Path) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let mut netlink = Netlink::open()?;
    let mac: MacAddress = "52:54:00:99:77:01".parse()?;
    let bridge = netlink.create_bridge(
        NAME,
        &Bridge { mac, stp: true, forward_delay: 0, mtu: None },
        Wait::FOREVER,
    )?;
    netlink.add_address(bridge.index, IpAddr::V4(ADDRESS), PREFIX, Wait::FOREVER)?;
    netlink.set_up(bridge.index, true, Wait::FOREVER)?;
    nft(RULES)?;
    let (pid, leases) = (directory.join("pid"), directory.join("leases"));
    let server = Command::new("dnsmasq")
        .args(["--conf-file=/dev/null", "--bind-dynamic", "--except-interface=lo", "--user=root"])
        .arg(format!("--interface={NAME}"))
        .arg("--dhcp-range=10.99.77.2,10.99.77.254")
        .arg(format!("--pid-file={}", pid.display()))
        .arg(format!("--dhcp-leasefile={}", leases.display()))
        .status()?;
    let started = begin.elapsed();
    if !server.success() {
        return Err(format!("dnsmasq ended with {server}").into());
    }
    let begin = Instant::now();
    nft(NO_RULES)?;
    let server = fs::read_to_string(pid)?.trim().parse()?;
    if let Some(process) = Process::open(server)? {
        process.signal(nix::sys::signal::Signal::SIGTERM)?;
        process.wait(Wait::FOREVER)?;
    }
    netlink.delete_link(bridge.index, Wait::FOREVER)?;
    let stopped = begin.elapsed();
    for name in ["network.start", "network.crowd start"] {
        virt_benches::time(name, started);
    }
    for name in ["network.stop", "network.crowd stop"] {
        virt_benches::time(name, stopped);
    }
    Ok(())
}

/// One transaction, by one process.
fn nft(rules: &str) -> Result<(), Box<dyn Error>> {
    let mut nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn()?;
    nft.stdin.take().ok_or("nft has no standard input")?.write_all(rules.as_bytes())?;
    let status = nft.wait()?;
    if status.success() { Ok(()) } else { Err(format!("nft ended with {status}").into()) }
}
