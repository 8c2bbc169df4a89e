//! Our side: calls through a loaded plugin and on the same driver linked in, loading a plugin, starting and destroying a
//! guest, the first question about a QEMU, the devices of the host.
//!
//! usage: `ours call loaded|linked CALLS | load ours|other | start URI FILE | probe URI | nodedev URI CALLS`

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::time::Instant;

use virt_core::{
    Connection, DefineDomain, DestroyDomain, Domain, DomainCapabilitiesRequest, ListDomains, ListNodeDevices,
    NodeDeviceXml, Registry, SearchPath, StartDomain, UndefineDomain,
};

/// The driver whose plugin is loaded.
const PLUGIN: &str = "test";
/// What stays with a guest, as the kernel names its process.
const CONTROLLER: &str = "virt-controller";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["call", kind, calls] => call(kind, calls.parse()?),
        ["load", "ours"] => load("load.ours", Registry::global()),
        ["load", "other"] => load_other(),
        ["start", uri, file] => start(uri, &fs::read_to_string(file)?),
        ["probe", uri] => probe(uri),
        ["nodedev", uri, calls] => node_devices(uri, calls.parse()?),
        _ => Err("usage: ours call loaded|linked CALLS | load ours|other | start URI FILE | probe URI | \
                  nodedev URI CALLS"
            .into()),
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

fn load(sample: &str, registry: &Registry) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let drivers = registry.drivers();
    let driver =
        drivers.iter().find(|driver| driver.name == PLUGIN).ok_or("the test driver's plugin is not here")?;
    driver.check()?;
    virt_benches::time(sample, begin.elapsed());
    Ok(())
}

/// The same plugin in a directory of its own, saying that it is of another build: layouts are compared.
fn load_other() -> Result<(), Box<dyn Error>> {
    const BUILD: &[u8] = b"\nbuild=";
    let drivers = Registry::global().drivers();
    let file = drivers.iter().find(|driver| driver.name == PLUGIN).and_then(|driver| driver.path.as_ref());
    let file = file.ok_or("the test driver's plugin is not here")?;
    let mut plugin = fs::read(file)?;
    let starts: Vec<_> = plugin
        .windows(BUILD.len())
        .enumerate()
        .filter(|(_, bytes)| *bytes == BUILD)
        .map(|(at, _)| at)
        .collect();
    for start in &starts {
        plugin[start + BUILD.len()] = b'-';
    }
    if starts.is_empty() {
        return Err("the plugin does not tell its build".into());
    }
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join(file.file_name().unwrap_or_default()), plugin)?;
    load("load.other", &Registry::searching(SearchPath::only(directory.path())))
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

fn node_devices(uri: &str, calls: u32) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let connection = Connection::open(uri)?;
    let count = connection.node_devices(ListNodeDevices::empty())?.len();
    virt_benches::time("nodedev.first", begin.elapsed());
    let mut listed = 0;
    virt_benches::per_call("nodedev.names", calls, || {
        let list = connection.node_devices(ListNodeDevices::empty());
        listed += list.iter().flatten().filter(|device| !device.name.is_empty()).count();
    });
    let mut described = 0;
    virt_benches::per_call("nodedev.xml", calls / 10, || {
        let list = connection.node_devices(ListNodeDevices::empty()).unwrap_or_default();
        described += list.iter().filter(|it| it.device().xml(NodeDeviceXml::empty()).is_ok()).count();
    });
    // Somebody may plug something in meanwhile; nothing at all is wrong.
    if count == 0 || listed < calls as usize || described < (calls / 10) as usize {
        return Err("a call failed".into());
    }
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
