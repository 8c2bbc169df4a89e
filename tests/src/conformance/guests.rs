//! Guests: finding, defining, starting, stopping, changing them.

use uuid::Uuid;
use virt_core::{
    Affect, DefineDomain, DestroyDomain, DeviceChange, DomainState, DomainXml, ErrorCode, ListDomains,
    MemoryFlags, MetadataChange, MetadataKind, RebootDomain, ShutdownDomain, StartDomain, UndefineDomain,
    VcpuFlags,
};

use super::Behaviour;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a definition is found until it is removed", definitions),
    ("another definition replaces the first", redefinition),
    ("names and UUIDs are unique", conflicts),
    ("what is no definition is refused", bad_definitions),
    ("a guest starts, pauses, goes on and ends", life),
    ("a guest can begin paused", paused_start),
    ("a guest without a definition vanishes at its end", transient),
    ("a definition can go while its guest runs", undefine_active),
    ("a running guest can be asked to end, to reboot, to reset", requests),
    ("calls to a guest that is gone say so", gone),
    ("memory is set within its limits", memory),
    ("vCPUs are set within their limits", vcpus),
    ("devices come into a definition and leave it", devices),
    ("titles, descriptions and elements are kept", metadata),
    ("a guest can be renamed while it is off", rename),
    ("a guest remembers whether it starts with the host", autostart),
    ("guests can be handled from many threads", threads),
];

/// What a driver may answer to a change that the guest's state forbids; libvirt's drivers differ.
const STATE: &[ErrorCode] = &[ErrorCode::OPERATION_INVALID, ErrorCode::INTERNAL_ERROR];

fn definitions(probe: &Probe<'_>) -> Result<(), Ended> {
    let connection = &probe.connection;
    let uuid = Uuid::new_v4();
    let xml = probe.xml("a", uuid);
    let guest = probe.did("Domains.define", connection.define_domain(&xml, DefineDomain::empty()))?;
    probe.same("Domains.define", "the UUID", guest.uuid(), uuid)?;
    let found = probe.did("Domains.lookup_by_name", connection.domain_by_name(&probe.name("a")))?;
    probe.same("Domains.lookup_by_name", "the UUID", found.uuid(), uuid)?;
    let found = probe.did("Domains.lookup_by_uuid", connection.domain_by_uuid(uuid))?;
    probe.same("Domains.lookup_by_uuid", "the name", found.name(), &probe.name("a"))?;
    for filter in
        [ListDomains::empty(), ListDomains::INACTIVE, ListDomains::PERSISTENT | ListDomains::SHUTOFF]
    {
        probe.same("Domains.list", "what is listed", probe.list(filter)?, vec!["a".to_owned()])?;
    }
    for filter in [ListDomains::ACTIVE, ListDomains::TRANSIENT, ListDomains::RUNNING] {
        probe.same("Domains.list", "what is listed", probe.list(filter)?, vec![])?;
    }
    let xml = probe.did("Domains.xml", guest.xml(DomainXml::empty()))?;
    probe.holds(
        "Domains.xml",
        "it names the guest",
        xml.contains(&format!("<name>{}</name>", guest.name())),
    )?;
    probe.holds("Domains.xml", "it has the UUID", xml.contains(&format!("<uuid>{uuid}</uuid>")))?;
    probe.did("Domains.define", connection.define_domain(&xml, DefineDomain::empty()))?;
    let again = probe.did("Domains.xml", guest.xml(DomainXml::empty()))?;
    probe.same("Domains.xml", "what becomes of it when it is defined again", again, xml)?;
    let summary = probe.did("DomainInformation.summary", guest.summary())?;
    probe.holds("DomainInformation.summary", "the guest is persistent", summary.persistent)?;
    probe.did("DomainInformation.os_type", guest.os_type())?;
    let updated = probe.did("DomainInformation.is_updated", guest.is_updated())?;
    probe.same("DomainInformation.is_updated", "what a guest that is off says", updated, false)?;
    probe.did("Domains.undefine", guest.undefine(UndefineDomain::empty()))?;
    probe.same("Domains.undefine", "what is listed", probe.list(ListDomains::empty())?, vec![])?;
    let found = connection.domain_by_name(&probe.name("a"));
    probe.refused("Domains.lookup_by_name", found, &[ErrorCode::NO_DOMAIN])?;
    probe.refused("Domains.lookup_by_uuid", connection.domain_by_uuid(uuid), &[ErrorCode::NO_DOMAIN])?;
    Ok(())
}

fn redefinition(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let xml = probe.xml("a", guest.uuid()).replacen("<name>", "<title>second</title><name>", 1);
    probe.did("Domains.define", probe.connection.define_domain(&xml, DefineDomain::empty()))?;
    let xml = probe.did("Domains.xml", guest.xml(DomainXml::INACTIVE))?;
    probe.holds("Domains.define", "the second one is kept", xml.contains("<title>second</title>"))?;
    probe.same("Domains.define", "what is listed", probe.list(ListDomains::empty())?, vec!["a".to_owned()])
}

fn conflicts(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    for (name, uuid) in [("a", Uuid::new_v4()), ("b", guest.uuid())] {
        let result = probe.connection.define_domain(&probe.xml(name, uuid), DefineDomain::empty());
        probe.refused("Domains.define", result, &[ErrorCode::OPERATION_FAILED])?;
        let result = probe.connection.create_domain(&probe.xml(name, uuid), StartDomain::empty());
        probe.refused("Lifecycle.create_xml", result, &[ErrorCode::OPERATION_FAILED])?;
    }
    Ok(())
}

fn bad_definitions(probe: &Probe<'_>) -> Result<(), Ended> {
    let refused = |xml: &str, code| {
        let result = probe.connection.define_domain(xml, DefineDomain::empty());
        probe.refused("Domains.define", result, &[code])
    };
    let error = refused("<domain>\n<name>a</nam>\n</domain>", ErrorCode::XML_DETAIL)?;
    let line = error.place().map(|place| place.line);
    probe.same("Domains.define", "the line of the mistake", line, Some(2))?;
    refused("<network/>", ErrorCode::XML_ERROR)?;
    let xml = probe.xml("a", Uuid::new_v4());
    let result = probe.connection.define_domain(&xml, DefineDomain::from_bits_retain(1 << 30));
    probe.refused("Domains.define", result, &[ErrorCode::INVALID_ARG])?;
    let xml = xml.replacen("<name>", "<no-such-element/><name>", 1);
    let result = probe.connection.define_domain(&xml, DefineDomain::VALIDATE);
    let codes = [ErrorCode::XML_INVALID_SCHEMA, ErrorCode::XML_ERROR, ErrorCode::INVALID_ARG];
    probe.refused("Domains.define", result, &codes)?;
    probe.same("Domains.define", "what is listed", probe.list(ListDomains::empty())?, vec![])
}

fn life(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let state = |expected| {
        let status = probe.did("DomainInformation.status", guest.status())?;
        probe.same("DomainInformation.status", "the state", status.state, expected)
    };
    state(DomainState::Shutoff)?;
    probe.refused("Lifecycle.suspend", guest.suspend(), STATE)?;
    probe.refused("Lifecycle.destroy", guest.destroy(DestroyDomain::empty()), STATE)?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    state(DomainState::Running)?;
    probe.refused("Lifecycle.create", guest.start(StartDomain::empty()), STATE)?;
    let id = probe.did("Domains.lookup_by_uuid", guest.id())?;
    let Some(id) = id else { return probe.holds("Lifecycle.create", "a running guest has a number", false) };
    let found = probe.did("Domains.lookup_by_id", probe.connection.domain_by_id(id))?;
    probe.same("Domains.lookup_by_id", "the guest", found.uuid(), guest.uuid())?;
    let active = ListDomains::ACTIVE | ListDomains::RUNNING;
    probe.same("Domains.list", "what runs", probe.list(active)?, vec!["a".to_owned()])?;
    let xml = probe.did("Domains.xml", guest.xml(DomainXml::empty()))?;
    probe.holds("Domains.xml", "it has the number", xml.contains(&format!(" id='{id}'")))?;
    let xml = probe.did("Domains.xml", guest.xml(DomainXml::INACTIVE))?;
    // Devices may have some.
    let root = xml.split_once('>').map_or(xml.as_str(), |(root, _)| root);
    probe.holds("Domains.xml", "a definition has no number", !root.contains(" id='"))?;
    let info = probe.did("DomainInformation.info", guest.info())?;
    probe.same("DomainInformation.info", "the state", info.state, DomainState::Running)?;
    probe.holds("DomainInformation.info", "it has memory and vCPUs", info.memory > 0 && info.vcpus > 0)?;
    probe.refused("Lifecycle.resume", guest.resume(), STATE)?;
    probe.did("Lifecycle.suspend", guest.suspend())?;
    state(DomainState::Paused)?;
    probe.did("Lifecycle.resume", guest.resume())?;
    state(DomainState::Running)?;
    probe.did("Lifecycle.destroy", guest.destroy(DestroyDomain::empty()))?;
    state(DomainState::Shutoff)?;
    let id = probe.did("Domains.lookup_by_uuid", guest.id())?;
    probe.same("Lifecycle.destroy", "the number of a guest that is off", id, None)?;
    let result = probe.connection.create_domain(&probe.xml("a", guest.uuid()), StartDomain::empty());
    probe.did("Lifecycle.create_xml", result)?;
    probe.did("Lifecycle.destroy", guest.destroy(DestroyDomain::empty()))?;
    state(DomainState::Shutoff)
}

fn paused_start(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    match guest.start(StartDomain::PAUSED) {
        // A driver need not have this flag, but must not ignore it.
        Err(error) if error.code() == ErrorCode::INVALID_ARG => return Ok(()),
        result => probe.did("Lifecycle.create", result)?,
    }
    let status = probe.did("DomainInformation.status", guest.status())?;
    probe.same("Lifecycle.create", "the state", status.state, DomainState::Paused)?;
    probe.did("Lifecycle.resume", guest.resume())
}

fn transient(probe: &Probe<'_>) -> Result<(), Ended> {
    let xml = probe.xml("a", Uuid::new_v4());
    let guest =
        probe.did("Lifecycle.create_xml", probe.connection.create_domain(&xml, StartDomain::empty()))?;
    let listed = probe.list(ListDomains::TRANSIENT)?;
    probe.same("Lifecycle.create_xml", "what is transient", listed, vec!["a".to_owned()])?;
    let result = probe.connection.create_domain(&xml, StartDomain::empty());
    probe.refused("Lifecycle.create_xml", result, STATE)?;
    probe.did("Lifecycle.destroy", guest.destroy(DestroyDomain::empty()))?;
    probe.same("Lifecycle.destroy", "what is listed", probe.list(ListDomains::empty())?, vec![])
}

fn undefine_active(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    probe.did("Domains.undefine", guest.undefine(UndefineDomain::empty()))?;
    let filter = ListDomains::TRANSIENT | ListDomains::ACTIVE;
    probe.same("Domains.undefine", "what is listed", probe.list(filter)?, vec!["a".to_owned()])?;
    probe.did("Lifecycle.destroy", guest.destroy(DestroyDomain::empty()))?;
    probe.same("Lifecycle.destroy", "what is listed", probe.list(ListDomains::empty())?, vec![])
}

/// A guest may take its time, or not listen at all: only the asking is tried.
fn requests(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    probe.refused("Lifecycle.shutdown", guest.shutdown(ShutdownDomain::empty()), STATE)?;
    probe.refused("Lifecycle.reboot", guest.reboot(RebootDomain::empty()), STATE)?;
    probe.refused("Lifecycle.reset", guest.reset(), STATE)?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    probe.did("Lifecycle.reset", guest.reset())?;
    probe.did("Lifecycle.reboot", guest.reboot(RebootDomain::empty()))?;
    probe.did("Lifecycle.shutdown", guest.shutdown(ShutdownDomain::empty()))
}

fn gone(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    probe.did("Domains.undefine", guest.undefine(UndefineDomain::empty()))?;
    let codes = &[ErrorCode::NO_DOMAIN];
    probe.refused("Lifecycle.create", guest.start(StartDomain::empty()), codes)?;
    probe.refused("Lifecycle.destroy", guest.destroy(DestroyDomain::empty()), codes)?;
    probe.refused("Domains.undefine", guest.undefine(UndefineDomain::empty()), codes)?;
    probe.refused("Domains.xml", guest.xml(DomainXml::empty()), codes)?;
    probe.refused("DomainInformation.status", guest.status(), codes)?;
    probe.refused("DomainInformation.info", guest.info(), codes)?;
    Ok(())
}

fn memory(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let maximum = probe.did("Tuning.maximum_memory", guest.maximum_memory())?;
    let result = guest.set_memory(maximum + 1024, MemoryFlags::CONFIG);
    probe.refused("Tuning.set_memory", result, &[ErrorCode::INVALID_ARG])?;
    let result = guest.set_memory(maximum, MemoryFlags::LIVE);
    probe.refused("Tuning.set_memory", result, &[ErrorCode::OPERATION_INVALID])?;
    let flags = MemoryFlags::CONFIG | MemoryFlags::MAXIMUM;
    probe.did("Tuning.set_memory", guest.set_memory(maximum * 2, flags))?;
    let now = probe.did("Tuning.maximum_memory", guest.maximum_memory())?;
    probe.same("Tuning.set_memory", "the maximum", now, maximum * 2)?;
    probe.did("Tuning.set_memory", guest.set_memory(maximum, MemoryFlags::CONFIG))?;
    let info = probe.did("DomainInformation.info", guest.info())?;
    probe.same("Tuning.set_memory", "the memory", info.memory, maximum)
}

fn vcpus(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let maximum = VcpuFlags::CONFIG | VcpuFlags::MAXIMUM;
    probe.did("Tuning.set_vcpus", guest.set_vcpus(2, maximum))?;
    let count = probe.did("Tuning.vcpus", guest.vcpus(maximum))?;
    probe.same("Tuning.set_vcpus", "the maximum", count, 2)?;
    probe.did("Tuning.set_vcpus", guest.set_vcpus(1, VcpuFlags::CONFIG))?;
    let count = probe.did("Tuning.vcpus", guest.vcpus(VcpuFlags::CONFIG))?;
    probe.same("Tuning.set_vcpus", "the number", count, 1)?;
    let result = guest.set_vcpus(3, VcpuFlags::CONFIG);
    probe.refused("Tuning.set_vcpus", result, &[ErrorCode::INVALID_ARG])?;
    let result = guest.vcpus(VcpuFlags::LIVE);
    probe.refused("Tuning.vcpus", result, &[ErrorCode::OPERATION_INVALID])?;
    Ok(())
}

fn devices(probe: &Probe<'_>) -> Result<(), Ended> {
    const MAC: &str = "52:54:00:0c:0f:01";
    let card = |more: &str| {
        format!(
            "<interface type='user'><mac address='{MAC}'/><model type='virtio'/>{more}<alias name='ua-card'/></interface>"
        )
    };
    let guest = probe.define("a")?;
    let shows = |call, text: &str, wanted: bool| {
        let xml = probe.did("Domains.xml", guest.xml(DomainXml::INACTIVE))?;
        probe.same(call, &format!("whether the definition has {text}"), xml.contains(text), wanted)
    };
    let (config, missing) = (DeviceChange::CONFIG, &[ErrorCode::DEVICE_MISSING]);
    let live = guest.attach_device(&card(""), DeviceChange::LIVE);
    probe.refused("Devices.attach", live, &[ErrorCode::OPERATION_INVALID])?;
    probe.did("Devices.attach", guest.attach_device(&card(""), config))?;
    shows("Devices.attach", MAC, true)?;
    probe.did("Devices.update", guest.update_device(&card("<link state='down'/>"), config))?;
    shows("Devices.update", "<link state='down'/>", true)?;
    probe.did("Devices.detach", guest.detach_device(&card(""), config))?;
    shows("Devices.detach", MAC, false)?;
    probe.refused("Devices.detach", guest.detach_device(&card(""), config), missing)?;
    probe.refused("Devices.update", guest.update_device(&card(""), config), missing)?;
    probe.did("Devices.attach", guest.attach_device(&card(""), config))?;
    probe.did("Devices.detach_alias", guest.detach_device_alias("ua-card", config))?;
    shows("Devices.detach_alias", MAC, false)?;
    let gone = guest.detach_device_alias("ua-card", config);
    probe.refused("Devices.detach_alias", gone, missing).map(drop)
}

fn metadata(probe: &Probe<'_>) -> Result<(), Ended> {
    const NAMESPACE: &str = "http://conformance.example/1";
    let guest = probe.define("a")?;
    let missing = &[ErrorCode::NO_DOMAIN_METADATA];
    for (kind, namespace, text) in [
        (MetadataKind::Title, None, "a title"),
        (MetadataKind::Description, None, "two\nlines"),
        (MetadataKind::Element, Some(NAMESPACE), "<colour>red</colour>"),
    ] {
        let change = |text: Option<&str>| MetadataChange {
            kind,
            text: text.map(str::to_owned),
            prefix: namespace.map(|_| "app".to_owned()),
            namespace: namespace.map(str::to_owned),
        };
        let read = || guest.metadata(kind, namespace, Affect::CONFIG);
        probe.refused("Domains.metadata", read(), missing)?;
        probe.did("Domains.set_metadata", guest.set_metadata(change(Some(text)), Affect::CONFIG))?;
        let found = probe.did("Domains.metadata", read())?;
        probe.same("Domains.metadata", "what was set", found.as_str(), text)?;
        probe.did("Domains.set_metadata", guest.set_metadata(change(None), Affect::CONFIG))?;
        probe.refused("Domains.metadata", read(), missing)?;
    }
    Ok(())
}

fn rename(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    probe.define("c")?;
    let codes = &[ErrorCode::OPERATION_INVALID, ErrorCode::OPERATION_FAILED];
    probe.refused("Domains.rename", guest.rename(&probe.name("c")), codes)?;
    let renamed = probe.did("Domains.rename", guest.rename(&probe.name("b")))?;
    probe.same("Domains.rename", "the UUID", renamed.uuid(), guest.uuid())?;
    let both = vec!["b".to_owned(), "c".to_owned()];
    probe.same("Domains.rename", "what is listed", probe.list(ListDomains::empty())?, both)?;
    probe.did("Lifecycle.create", renamed.start(StartDomain::empty()))?;
    probe.refused("Domains.rename", renamed.rename(&probe.name("d")), codes)?;
    Ok(())
}

fn autostart(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    for wanted in [false, true, false] {
        if wanted {
            probe.did("Lifecycle.set_autostart", guest.set_autostart(true))?;
            let listed = probe.list(ListDomains::AUTOSTART)?;
            probe.same("Domains.list", "what starts with the host", listed, vec!["a".to_owned()])?;
        }
        let found = probe.did("Lifecycle.autostart", guest.autostart())?;
        probe.same("Lifecycle.autostart", "what was set", found, wanted)?;
        probe.did("Lifecycle.set_autostart", guest.set_autostart(false))?;
    }
    Ok(())
}

fn threads(probe: &Probe<'_>) -> Result<(), Ended> {
    let names: Vec<_> = (0..8).map(|number| number.to_string()).collect();
    let definitions: Vec<_> = names.iter().map(|name| probe.xml(name, Uuid::new_v4())).collect();
    let results = std::thread::scope(|threads| {
        let define = |xml: &String| {
            let (connection, xml) = (probe.connection.clone(), xml.clone());
            threads.spawn(move || connection.define_domain(&xml, DefineDomain::empty()).map(drop))
        };
        let running: Vec<_> = definitions.iter().map(define).collect();
        running.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    for result in results {
        let Ok(result) = result else { return probe.holds("Domains.define", "no thread panics", false) };
        probe.did("Domains.define", result)?;
    }
    probe.same("Domains.define", "what is listed", probe.list(ListDomains::empty())?, names)
}
