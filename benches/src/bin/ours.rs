//! Our side: calls through a loaded plugin and on the same driver linked in, loading a plugin, starting and destroying a
//! guest, the first question about a QEMU.
//!
//! usage: `ours call loaded|linked CALLS | load | start URI FILE | probe URI`

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::time::Instant;

use virt_core::{
    Connection, DefineDomain, DestroyDomain, Domain, DomainCapabilitiesRequest, ListDomains, Registry,
    StartDomain, UndefineDomain,
};

/// What stays with a guest, as the kernel names its process.
const CONTROLLER: &str = "virt-controller";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["call", kind, calls] => call(kind, calls.parse()?),
        ["load"] => load(),
        ["start", uri, file] => start(uri, &fs::read_to_string(file)?),
        ["probe", uri] => probe(uri),
        _ => Err("usage: ours call loaded|linked CALLS | load | start URI FILE | probe URI".into()),
    }
}

fn call(kind: &str, calls: u32) -> Result<(), Box<dyn Error>> {
    let registry = match kind {
        "loaded" => Registry::global().clone(),
        "linked" => {
            let registry = Registry::empty();
            registry.register::<virt_driver_test::TestDriver>()?;
            registry
        }
        _ => return Err("a driver is `loaded` or `linked`".into()),
    };
    let connection = Connection::builder().uri("test:///default").registry(&registry).open()?;
    connection.domains(ListDomains::empty())?;
    let mut listed = 0;
    virt_benches::per_call("call.list", calls, || {
        listed += connection.domains(ListDomains::empty()).map_or(0, |list| list.len());
    });
    let mut versions = 0;
    virt_benches::per_call("call.scalar", calls, || versions += u64::from(connection.version().is_ok()));
    if listed == 0 || versions != u64::from(calls) {
        return Err("a call failed".into());
    }
    Ok(())
}

fn load() -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let drivers = Registry::global().drivers();
    let driver =
        drivers.iter().find(|driver| driver.name == "test").ok_or("the test driver's plugin is not here")?;
    driver.check()?;
    virt_benches::time("load", begin.elapsed());
    Ok(())
}

fn start(uri: &str, xml: &str) -> Result<(), Box<dyn Error>> {
    let connection = Connection::open(uri)?;
    let guest = connection.define_domain(xml, DefineDomain::empty())?;
    // The first start finds out what QEMU can do, which is another benchmark.
    guest.start(StartDomain::PAUSED)?;
    guest.destroy(DestroyDomain::empty())?;
    let measured = cycle(&guest);
    // Even then nothing may be left behind.
    if measured.is_err() {
        _ = guest.destroy(DestroyDomain::empty());
    }
    guest.undefine(UndefineDomain::empty())?;
    measured
}

fn cycle(guest: &Domain) -> Result<(), Box<dyn Error>> {
    let before = controllers();
    let begin = Instant::now();
    guest.start(StartDomain::PAUSED)?;
    virt_benches::time("start", begin.elapsed());
    let own = controllers().difference(&before).next().copied().ok_or("the guest has no controller")?;
    virt_benches::memory("controller", proportional_size(own)?);
    let begin = Instant::now();
    guest.destroy(DestroyDomain::empty())?;
    virt_benches::time("destroy", begin.elapsed());
    Ok(())
}

fn probe(uri: &str) -> Result<(), Box<dyn Error>> {
    let connection = Connection::open(uri)?;
    let request = DomainCapabilitiesRequest {
        emulator: Some("/usr/bin/qemu-system-x86_64".to_owned()),
        virtualization: Some("qemu".to_owned()),
        ..DomainCapabilitiesRequest::default()
    };
    let begin = Instant::now();
    connection.domain_capabilities(request)?;
    virt_benches::time("probe", begin.elapsed());
    Ok(())
}

/// The controllers of all guests on this host.
fn controllers() -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| {
        let program = fs::read_link(entry.path().join("exe")).ok()?;
        (program.file_name()? == CONTROLLER).then(|| entry.file_name().to_str()?.parse().ok())?
    });
    pids.collect()
}

/// A process's share of the memory that it uses, in bytes.
fn proportional_size(pid: u32) -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .ok_or("the kernel tells no proportional size")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024)
}
