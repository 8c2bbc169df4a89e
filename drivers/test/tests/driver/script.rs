//! Calls as lines of text, so that a test is a script and what it answers.

use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use virt_core::driver::*;
use virt_driver_test::TestDriver;

struct NoHost;
impl HostServices for NoHost {}

/// A driver of its own, so that tests do not see each other's guests.
pub(crate) fn driver() -> TestDriver {
    TestDriver::create(Arc::new(NoHost)).unwrap()
}

/// A connection of `driver`.
pub(crate) fn open(driver: &TestDriver, uri: &str) -> Result<Slots> {
    let request = OpenRequest { uri: uri.to_owned(), read_only: false, role: "hypervisor".to_owned() };
    driver.open(Call::background(), request)
}

/// A small domain.
pub(crate) fn domain(name: &str, inside: &str) -> String {
    format!(
        "<domain type='test'><name>{name}</name><memory>65536</memory><vcpu>2</vcpu>\
         <os><type>hvm</type></os>{inside}</domain>"
    )
}

/// A connection that takes its calls as text and keeps what happened.
struct Script {
    slots: Slots,
    events: Arc<dyn EventSource>,
    out: String,
}

/// Runs lines on the default host: the answer of each, and the events that it caused.
pub(crate) fn run(lines: &str) -> String {
    let mut script = Script::new(open(&driver(), "test:///default").unwrap());
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        script.line(line);
    }
    script.out
}

impl Script {
    fn new(slots: Slots) -> Self {
        let events = slots.events.as_ref().unwrap().subscribe(Call::background(), None).unwrap();
        Self { slots, events, out: String::new() }
    }

    fn line(&mut self, line: &str) {
        let answer = match self.call(line) {
            Ok(answer) => answer,
            Err(error) => format!("error {}/{} {error}", error.code().0, error.domain().0),
        };
        writeln!(self.out, "{line}: {answer}").unwrap();
        let scope = CallScope::new().within(Duration::from_millis(1));
        for event in scope.run(|call| self.events.next(call, 100)).unwrap().events {
            let Event { domain, kind, event, detail, .. } = event;
            let word = match kind {
                EventKind::Lifecycle => {
                    let event = LifecycleEvent::from_number(event);
                    format!("{event} {}", event.detail(detail))
                }
                kind => format!("{kind} {event}"),
            };
            let id = domain.id.map_or("-".to_owned(), |id| id.to_string());
            writeln!(self.out, "  {}({id}) {word}", domain.name).unwrap();
        }
    }

    fn uuid(&self, name: &str) -> Result<Uuid> {
        if let Ok(uuid) = name.parse() {
            return Ok(uuid);
        }
        let domains = self.slots.domains.as_ref().unwrap();
        domains.lookup_by_name(Call::background(), name.to_owned()).map(|identity| identity.uuid)
    }

    fn call(&self, line: &str) -> Result<String> {
        let call = Call::background();
        let words: Vec<&str> = line.split_whitespace().collect();
        let (command, rest) = (words[0], &words[1..]);
        let name = rest.first().copied().unwrap_or_default();
        let number = |at: usize| rest.get(at).and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
        let has = |word: &str| rest.contains(&word);
        let affect = || Affect::from_bits_retain(u32::from(has("live")) | u32::from(has("config")) << 1);
        let flags = || affect().bits() | u32::from(has("maximum")) << 2;
        let domains = self.slots.domains.as_ref().unwrap();
        let lifecycle = self.slots.lifecycle.as_ref().unwrap();
        let information = self.slots.information.as_ref().unwrap();
        let tuning = self.slots.tuning.as_ref().unwrap();
        let inside = || rest.iter().skip(1).filter(|word| word.starts_with('<')).copied().collect::<String>();
        let id = || self.uuid(name);
        let start =
            || StartDomain::from_bits_retain(u32::from(has("paused")) | u32::from(has("autodestroy")) << 1);
        match command {
            "define" => said(domains.define(call, domain(name, &inside()), DefineDomain::empty())?.name),
            "create" => said(lifecycle.create_xml(call, domain(name, &inside()), vec![], start())?.name),
            "undefine" => done(domains.undefine(call, id()?, UndefineDomain::empty())),
            "start" => done(lifecycle.create(call, id()?, vec![], start()).map(drop)),
            "shutdown" => done(lifecycle.shutdown(call, id()?, ShutdownDomain::empty())),
            "reboot" => done(lifecycle.reboot(call, id()?, RebootDomain::empty())),
            "reset" => done(lifecycle.reset(call, id()?)),
            "destroy" => done(lifecycle.destroy(call, id()?, DestroyDomain::empty())),
            "suspend" => done(lifecycle.suspend(call, id()?)),
            "resume" => done(lifecycle.resume(call, id()?)),
            "rename" => done(domains.rename(call, id()?, rest[1].to_owned())),
            "autostart" => done(lifecycle.set_autostart(call, id()?, true)),
            "setmem" => {
                done(tuning.set_memory(call, id()?, number(1), MemoryFlags::from_bits_retain(flags())))
            }
            "setvcpus" => {
                done(tuning.set_vcpus(call, id()?, number(1) as u32, VcpuFlags::from_bits_retain(flags())))
            }
            "vcpus" => said(tuning.vcpus(call, id()?, VcpuFlags::from_bits_retain(flags()))?),
            "state" => {
                let status = information.status(call, id()?)?;
                said(format!("{} ({})", status.state, status.state.reason(status.reason)))
            }
            "info" => {
                let info = information.info(call, id()?)?;
                said(format!(
                    "{} {}/{} KiB, {} vCPUs",
                    info.state, info.memory, info.maximum_memory, info.vcpus
                ))
            }
            "lookup" => said(domains.lookup_by_name(call, name.to_owned())?.name),
            "lookup-id" => said(domains.lookup_by_id(call, number(0) as u32)?.name),
            "list" => {
                let filter = ListDomains::from_bits_retain(number(0) as u32);
                let list = domains.list(call, filter)?;
                said(list.iter().map(|it| format!("{} {}", it.name, it.state)).collect::<Vec<_>>().join(", "))
            }
            "metadata" => {
                let namespace =
                    rest.iter().find(|word| word.starts_with("http")).map(|word| (*word).to_owned());
                said(domains.metadata(call, id()?, kind(rest[1]), namespace, affect())?)
            }
            "set-metadata" => {
                let text = rest.get(2).filter(|text| **text != "-").map(|text| text.replace("\\n", "\n"));
                let namespace =
                    rest.iter().find(|word| word.starts_with("http")).map(|word| (*word).to_owned());
                let change =
                    MetadataChange { kind: kind(rest[1]), text, prefix: Some("app".to_owned()), namespace };
                done(domains.set_metadata(call, id()?, change, affect()))
            }
            other => panic!("the script has no command '{other}'"),
        }
    }
}

fn kind(word: &str) -> MetadataKind {
    *MetadataKind::ALL.iter().find(|kind| kind.text() == word).unwrap()
}

fn said(answer: impl Display) -> Result<String> {
    Ok(answer.to_string())
}

fn done(result: Result<()>) -> Result<String> {
    result.map(|()| "ok".to_owned())
}
