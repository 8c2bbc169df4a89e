//! Everything that is not a guest's life: the connection, the host, events, consoles, plans, limits of calls.

use std::io::Write as _;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::PollFlags;
use uuid::Uuid;
use virt_core::{
    Connection, DefineDomain, DestroyDomain, DomainCapabilitiesRequest, DomainEventKind, DomainState,
    DomainXml, Error, ErrorCode, ErrorDomain, Events, LifecycleEvent, ListDomains, Notice, OpenConsole,
    StartDomain, Stream, UndefineDomain,
};
use virt_util::wait::Wait;

use super::Behaviour;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a connection says what it is", session),
    ("a connection that is closed takes its guests along", close),
    ("the host and its abilities are described", host),
    ("configuration is converted", native),
    ("what happens is told, in order, to everybody", events),
    ("a console has one listener at a time", console),
    ("a channel has one listener at a time", channel),
    ("a screen can be looked at", screen),
    ("a plan changes nothing", plan),
    ("work in a guest can be asked for", jobs),
    ("what died is cleaned up after", care),
    ("guests start with the host, and stop with it", host_start_and_stop),
    ("a connection for reading changes nothing", read_only),
    ("a call whose time is up does nothing", deadline),
];

/// How long an event, or the first words of a guest, may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

fn session(probe: &Probe<'_>) -> Result<(), Ended> {
    let connection = &probe.connection;
    let name = probe.did("Session.hypervisor", connection.hypervisor())?;
    probe.holds("Session.hypervisor", "it has a name", !name.is_empty())?;
    probe.did("Session.version", connection.version())?;
    let host = probe.did("Session.hostname", connection.hostname())?;
    probe.holds("Session.hostname", "it has a name", !host.is_empty())?;
    let alive = probe.did("Session.is_alive", connection.is_alive())?;
    probe.holds("Session.is_alive", "an open connection is alive", alive)?;
    probe.did("Session.is_secure", connection.is_secure())?;
    probe.did("Session.is_encrypted", connection.is_encrypted())?;
    let uri = probe.did("Session.uri", connection.uri())?;
    let again = Connection::builder().uri(uri).registry(&probe.subject.registry).open();
    probe.did("Session.uri", again.map(drop))
}

/// What a driver does when a connection is closed shows in the guests that go with it.
fn close(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let other = probe.did("Driver.open", probe.subject.open(false))?;
    let same = probe.did("Domains.lookup_by_uuid", other.domain_by_uuid(guest.uuid()))?;
    match same.start(StartDomain::AUTODESTROY) {
        // A driver need not have this flag.
        Err(error) if error.code() == ErrorCode::INVALID_ARG => return Ok(()),
        result => probe.did("Lifecycle.create", result)?,
    }
    drop((same, other));
    let status = probe.did("DomainInformation.status", guest.status())?;
    probe.same(
        "Session.close",
        "the state of a guest that goes with it",
        status.state,
        DomainState::Shutoff,
    )?;
    probe.did("Session.close", Ok(()))
}

fn host(probe: &Probe<'_>) -> Result<(), Ended> {
    let connection = &probe.connection;
    // Each of its own: a driver may have some of them only.
    let xml = probe.did("HostInformation.capabilities", connection.capabilities());
    if let Ok(xml) = xml {
        let is_document = xml.starts_with("<capabilities>") && xml.ends_with("</capabilities>\n");
        probe.holds("HostInformation.capabilities", "it is a capabilities document", is_document)?;
    }
    let request = DomainCapabilitiesRequest::default();
    let xml = probe.did("HostInformation.domain_capabilities", connection.domain_capabilities(request));
    if let Ok(xml) = xml {
        let is_document = xml.starts_with("<domainCapabilities>");
        probe.holds("HostInformation.domain_capabilities", "it is a document of that kind", is_document)?;
        let absurd = Some("no-such-architecture".to_owned());
        let request = DomainCapabilitiesRequest { architecture: absurd, ..Default::default() };
        let result = connection.domain_capabilities(request);
        probe.refused("HostInformation.domain_capabilities", result, &[ErrorCode::INVALID_ARG])?;
    }
    if let Ok(node) = probe.did("HostInformation.node_info", connection.node_info()) {
        let sane = node.cpus > 0 && node.memory > 0 && !node.model.is_empty();
        probe.holds("HostInformation.node_info", "the host has a CPU and memory", sane)?;
    }
    if let Ok(count) = probe.did("HostInformation.maximum_vcpus", connection.maximum_vcpus(None)) {
        probe.holds("HostInformation.maximum_vcpus", "a guest can have a vCPU", count > 0)?;
    }
    let _ = probe.did("HostInformation.free_memory", connection.free_memory());
    let _ = probe.did("HostInformation.cpu_models", connection.cpu_models("x86_64"));
    let result = connection.system_information();
    // Not every host has SMBIOS tables, or lets everybody read them.
    let _ = match &result {
        Err(error) if error.code() == ErrorCode::CONFIG_UNSUPPORTED => probe
            .refused("HostInformation.system_information", result, &[ErrorCode::CONFIG_UNSUPPORTED])
            .map(drop),
        _ => probe.did("HostInformation.system_information", result).map(drop),
    };
    Ok(())
}

fn native(probe: &Probe<'_>) -> Result<(), Ended> {
    let xml = probe.xml("a", Uuid::new_v4());
    let codes = &[ErrorCode::INVALID_ARG];
    let result = probe.connection.xml_to_native("no-such-format", &xml);
    let _ = probe.refused("NativeConfiguration.xml_to_native", result, codes);
    let result = probe.connection.xml_from_native("no-such-format", "");
    let _ = probe.refused("NativeConfiguration.xml_from_native", result, codes);
    Ok(())
}

/// The lifecycle events of one guest until this one has come: number and kind.
fn until(
    probe: &Probe<'_>,
    events: &mut Events,
    guest: Uuid,
    last: LifecycleEvent,
) -> Result<Vec<(u64, LifecycleEvent)>, Ended> {
    let mut seen = Vec::new();
    loop {
        match probe.did("EventSource.next", events.next_within(PATIENCE))? {
            None => {
                probe.holds("EventSource.next", &format!("'{last}' comes after {seen:?}"), false)?;
            }
            Some(Notice::Event(event)) if event.domain.uuid == guest => {
                let DomainEventKind::Lifecycle(kind, _) = event.kind else { continue };
                seen.push((event.sequence, kind));
                if kind == last {
                    return Ok(seen);
                }
            }
            Some(_) => {}
        }
    }
}

fn events(probe: &Probe<'_>) -> Result<(), Ended> {
    let other = probe.did("Driver.open", probe.subject.open(false))?;
    let mut here = probe.did("Events.subscribe", probe.connection.events())?;
    let mut there = probe.did("Events.subscribe", other.events())?;
    let guest = probe.define("a")?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    probe.did("Lifecycle.suspend", guest.suspend())?;
    probe.did("Lifecycle.resume", guest.resume())?;
    probe.did("Lifecycle.destroy", guest.destroy(DestroyDomain::empty()))?;
    probe.did("Domains.undefine", guest.undefine(UndefineDomain::empty()))?;
    let seen = until(probe, &mut here, guest.uuid(), LifecycleEvent::Undefined)?;
    let kinds: Vec<_> = seen.iter().map(|(_, kind)| *kind).collect();
    use LifecycleEvent::{Defined, Resumed, Started, Stopped, Suspended, Undefined};
    // A driver may tell more between them, never less and never in another order.
    let mut wanted = [Defined, Started, Suspended, Resumed, Stopped, Undefined].into_iter().peekable();
    for kind in &kinds {
        wanted.next_if_eq(kind);
    }
    probe.holds("EventSource.next", &format!("{kinds:?} tells a guest's life"), wanted.peek().is_none())?;
    probe.holds("EventSource.next", "numbers grow", seen.is_sorted_by(|a, b| a.0 < b.0))?;
    let elsewhere = until(probe, &mut there, guest.uuid(), LifecycleEvent::Undefined)?;
    probe.same("EventSource.next", "what another connection is told", elsewhere, seen.clone())?;
    let first = seen.first().map_or(0, |(number, _)| *number);
    let mut later = probe.did("Events.subscribe", probe.connection.events_since(first))?;
    let again = until(probe, &mut later, guest.uuid(), LifecycleEvent::Undefined)?;
    probe.same("Events.subscribe", "what a reader from the past is told", again, seen)?;
    // Nothing has been read of it: a program that waits for it must wake.
    let fresh = probe.did("Events.subscribe", probe.connection.events_since(first))?;
    probe.did("EventSource.descriptor", readable(&fresh))
}

/// Waits until a descriptor says that there is something.
fn readable(descriptor: &impl AsFd) -> virt_core::Result<()> {
    let interest = [(descriptor.as_fd(), PollFlags::POLLIN)];
    Wait::at_most(PATIENCE).poll(&interest, "waiting for a descriptor").map(drop)
}

fn console(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let open = |flags| guest.open_console(None, flags);
    let off = open(OpenConsole::empty()).map(drop);
    probe.refused("Console.open_console", off, &[ErrorCode::OPERATION_INVALID])?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    let first = probe.did("Console.open_console", open(OpenConsole::empty()))?;
    let second = open(OpenConsole::empty()).map(drop);
    probe.refused("Console.open_console", second, &[ErrorCode::OPERATION_FAILED])?;
    // Dropping a stream aborts it, and frees the console.
    drop(first);
    let mut second = probe.did("Stream.abort", open(OpenConsole::empty()))?.with_timeout(PATIENCE);
    let mut third = probe.did("Console.open_console", open(OpenConsole::FORCE))?.with_timeout(PATIENCE);
    to_the_end(probe, &mut second)?;
    let sent = third.write(b"\n").map_err(|error| {
        Error::verbatim(ErrorCode::OPERATION_FAILED, ErrorDomain::STREAMS, error.to_string())
    });
    probe.did("Stream.send", sent)?;
    probe.did("Lifecycle.destroy", guest.destroy(DestroyDomain::empty()))?;
    probe.did("Stream.descriptor", readable(&third))?;
    to_the_end(probe, &mut third)?;
    probe.did("Stream.finish", third.finish())
}

fn channel(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let open = |name, flags| guest.open_channel(name, flags);
    let off = open(None, OpenConsole::empty()).map(drop);
    probe.refused("Console.open_channel", off, &[ErrorCode::OPERATION_INVALID])?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    let nobody = open(Some("no-such-channel"), OpenConsole::empty()).map(drop);
    probe.refused("Console.open_channel", nobody, &[ErrorCode::INTERNAL_ERROR])?;
    let mut first = match open(None, OpenConsole::empty()) {
        // A guest need not have one.
        Err(error) if error.code() == ErrorCode::INTERNAL_ERROR => return Ok(()),
        result => probe.did("Console.open_channel", result)?.with_timeout(PATIENCE),
    };
    let second = open(None, OpenConsole::empty()).map(drop);
    probe.refused("Console.open_channel", second, &[ErrorCode::OPERATION_FAILED])?;
    let second = probe.did("Console.open_channel", open(None, OpenConsole::FORCE))?;
    to_the_end(probe, &mut first)?;
    drop(second);
    let mut third = probe.did("Stream.abort", open(None, OpenConsole::empty()))?.with_timeout(PATIENCE);
    probe.did("Lifecycle.destroy", guest.destroy(DestroyDomain::empty()))?;
    to_the_end(probe, &mut third)
}

/// What the guest said, and then the end.
fn to_the_end(probe: &Probe<'_>, stream: &mut Stream) -> Result<(), Ended> {
    while !probe.did("Stream.receive", stream.receive(4096))?.end {}
    Ok(())
}

fn screen(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    match guest.screenshot(0) {
        // A guest need not have a screen.
        Err(error) if error.code() == ErrorCode::OPERATION_INVALID => Ok(()),
        result => {
            let picture = probe.did("Console.screenshot", result)?;
            let is_image = picture.mime_type.starts_with("image/") && !picture.data.is_empty();
            probe.holds("Console.screenshot", "it is a picture", is_image)
        }
    }
}

fn plan(probe: &Probe<'_>) -> Result<(), Ended> {
    let check = |call, plan: String| {
        let plan: serde_json::Value = serde_json::from_str(&plan).unwrap_or_default();
        probe.same(call, "its version", plan.get("version").cloned(), Some(1.into()))?;
        let steps = plan.get("steps").and_then(|steps| steps.as_array());
        probe.holds(call, "it has steps", steps.is_some_and(|steps| !steps.is_empty()))
    };
    let guest = probe.define("a")?;
    check("Planner.plan", probe.did("Planner.plan", guest.plan(StartDomain::empty()))?)?;
    let status = probe.did("DomainInformation.status", guest.status())?;
    probe.same("Planner.plan", "the state afterwards", status.state, DomainState::Shutoff)?;
    let plan = probe.connection.plan(&probe.xml("b", Uuid::new_v4()), StartDomain::empty());
    check("Planner.plan_xml", probe.did("Planner.plan_xml", plan)?)?;
    let listed = probe.list(ListDomains::empty())?;
    probe.same("Planner.plan_xml", "what is listed", listed, vec!["a".to_owned()])
}

fn jobs(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    probe.refused("Jobs.job", guest.job(false), &[ErrorCode::OPERATION_INVALID])?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    let job = probe.did("Jobs.job", guest.job(false))?;
    probe.same("Jobs.job", "what goes on in a guest at rest", job.kind, virt_core::JobKind::None)?;
    probe.refused("Jobs.abort_job", guest.abort_job(), &[ErrorCode::OPERATION_INVALID])?;
    Ok(())
}

fn care(probe: &Probe<'_>) -> Result<(), Ended> {
    probe.did("GuestCare.recover", probe.connection.recover())?;
    let guest = probe.define("a")?;
    // Somebody else was faster: harmless.
    probe.did("GuestCare.finish", probe.connection.finish(guest.uuid()))?;
    let listed = probe.list(ListDomains::empty())?;
    probe.same("GuestCare.finish", "what is listed", listed, vec!["a".to_owned()])
}

/// How long guests that may not listen have to stop with their host.
const BRIEFLY: Duration = Duration::from_secs(2);

fn host_start_and_stop(probe: &Probe<'_>) -> Result<(), Ended> {
    if !probe.subject.alone {
        return Ok(());
    }
    let connection = &probe.connection;
    let guest = probe.define("a")?;
    probe.define("b")?;
    probe.did("Lifecycle.set_autostart", guest.set_autostart(true))?;
    let mut events = probe.did("Events.subscribe", connection.events())?;
    // The second time, nothing is left to do.
    for _ in 0..2 {
        let errors = probe.did("GuestCare.host_start", connection.host_start())?;
        probe.same("GuestCare.host_start", "what did not start", errors, vec![])?;
        let running = probe.list(ListDomains::RUNNING)?;
        probe.same("GuestCare.host_start", "what runs", running, vec!["a".to_owned()])?;
    }
    until(probe, &mut events, guest.uuid(), LifecycleEvent::Started)?;
    let paused = probe.define("c")?;
    probe.did("Lifecycle.create", paused.start(StartDomain::PAUSED))?;
    let lines = probe.did("GuestCare.host_stop", connection.with_timeout(BRIEFLY).host_stop())?;
    let told = |which| lines.iter().any(|line| line.starts_with(&format!("{}: ", probe.name(which))));
    let all = [told("a"), told("b"), told("c")];
    probe.same("GuestCare.host_stop", "of whom it tells", all, [true, false, true])?;
    probe.same("GuestCare.host_stop", "what runs", probe.list(ListDomains::ACTIVE)?, vec![])?;
    until(probe, &mut events, guest.uuid(), LifecycleEvent::Stopped)?;
    let kept = probe.did("Lifecycle.autostart", guest.autostart())?;
    probe.same("GuestCare.host_stop", "whether it starts with the host again", kept, true)
}

fn read_only(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let reader = probe.did("Driver.open", probe.subject.open(true))?;
    let seen = probe.did("Domains.lookup_by_uuid", reader.domain_by_uuid(guest.uuid()))?;
    probe.did("Domains.xml", seen.xml(DomainXml::empty()))?;
    let denied = &[ErrorCode::OPERATION_DENIED];
    probe.refused("Domains.xml", seen.xml(DomainXml::SECURE), denied)?;
    probe.refused("Lifecycle.create", seen.start(StartDomain::empty()), denied)?;
    probe.refused("Domains.undefine", seen.undefine(UndefineDomain::empty()), denied)?;
    let xml = probe.xml("b", Uuid::new_v4());
    probe.refused("Domains.define", reader.define_domain(&xml, DefineDomain::empty()), denied)?;
    let listed = probe.list(ListDomains::empty())?;
    probe.same("Domains.define", "what is listed", listed, vec!["a".to_owned()])
}

fn deadline(probe: &Probe<'_>) -> Result<(), Ended> {
    let hurried = probe.connection.with_timeout(Duration::ZERO);
    let xml = probe.xml("a", Uuid::new_v4());
    let result = hurried.define_domain(&xml, DefineDomain::empty());
    probe.refused("Domains.define", result, &[ErrorCode::OPERATION_TIMEOUT])?;
    probe.same("Domains.define", "what is listed", probe.list(ListDomains::empty())?, vec![])
}
