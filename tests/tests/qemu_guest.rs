//! A Linux guest in QEMU from domain XML: booted, talked to, shut down, and left alone when it powers itself off.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use virt_core::{
    Connection, Domain, DomainEventKind, DomainState, Events, LifecycleEvent, Notice, OpenConsole, Registry,
    ShutdownDomain, StartDomain, Stream,
};
use virt_tests::guest::{self, Guest};
use virt_tests::skip;

/// How long a guest may take to boot on a busy machine without KVM.
const PATIENCE: Duration = Duration::from_mins(2);

/// A root of its own, a connection to it, and a guest defined in it.
struct Lab {
    scratch: tempfile::TempDir,
    connection: Connection,
    domain: Domain,
}

impl Lab {
    /// With what the guest is to do after it has booted, and what the definition says besides.
    fn new(words: &str, lifecycle: &str, serial: &str) -> Result<Self, String> {
        virt_util::controller::binary().map_err(|error| format!("{error} (build the workspace first)"))?;
        let guest = guest::build().map_err(|error| format!("no guest to boot: {error:#}"))?;
        let scratch = tempfile::tempdir().expect("a directory");
        let registry = Registry::empty();
        registry.register::<virt_driver_qemu::QemuDriver>().expect("registered");
        let uri = format!("qemu:///embed?root={}", scratch.path().display());
        let connection = Connection::builder().uri(uri).registry(&registry).open().expect("opened");
        let connection = connection.with_timeout(PATIENCE);
        if let Err(error) = connection.version() {
            return Err(error.to_string());
        }
        let xml = format!(
            "<domain type='qemu'>
  <name>linux</name>
  <memory unit='MiB'>256</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{}</kernel>
    <initrd>{}</initrd>
    <cmdline>{} {words}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'/>
  {lifecycle}
  <devices>
    <controller type='usb' model='none'/>
    {serial}
    <memballoon model='none'/>
  </devices>
</domain>",
            guest.kernel.display(),
            guest.initrd.display(),
            Guest::COMMAND_LINE,
        );
        let domain = connection.define_domain(&xml, virt_core::DefineDomain::empty()).expect("defined");
        Ok(Self { scratch, connection, domain })
    }

    fn events(&self) -> Events {
        self.connection.events().expect("subscribed")
    }

    /// What the guest has left in the run directory.
    fn leftovers(&self) -> Vec<PathBuf> {
        let run = self.scratch.path().join("run/qemu");
        let (guests, status) = (files(&run.join("guests")), files(&run.join("status")));
        let own = files(&run).into_iter().filter(|path| path.to_string_lossy().contains("domain-"));
        guests.into_iter().chain(status).chain(own).collect()
    }

    fn assert_clean(&self) {
        // The controller itself leaves a moment after the guest's end is known.
        let until = Instant::now() + Duration::from_secs(10);
        while !self.leftovers().is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.leftovers(), Vec::<PathBuf>::new());
    }
}

impl Drop for Lab {
    /// A test that failed leaves no guest either.
    fn drop(&mut self) {
        let _ = self.domain.destroy(virt_core::DestroyDomain::empty());
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).collect()
}

/// Waits for a lifecycle event; returns what happened until then.
fn wait_for(events: &mut Events, wanted: LifecycleEvent) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        match events.next_within(PATIENCE).expect("readable") {
            Some(Notice::Event(event)) => match event.kind {
                DomainEventKind::Lifecycle(kind, detail) => {
                    seen.push(format!("{kind} {}", kind.detail(detail)));
                    if kind == wanted {
                        return seen;
                    }
                }
                DomainEventKind::Reboot => seen.push("Reboot".into()),
                _ => {}
            },
            Some(_) => {}
            None => panic!("no {wanted} in time, only {seen:?}"),
        }
    }
}

/// Reads the console until `text` appears.
fn read_until(console: &mut Stream, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let chunk = console.receive(4096).unwrap_or_else(|error| panic!("{error}, after:\n{seen}"));
        assert!(!chunk.end, "the console ended after:\n{seen}");
        seen.push_str(&String::from_utf8_lossy(&chunk.data));
    }
    seen
}

const SERIAL: &str =
    "<serial type='pty'><target type='isa-serial' port='0'><model name='isa-serial'/></target></serial>";

#[test]
fn a_guest_boots_is_talked_to_and_shuts_down() {
    let lab = match Lab::new("", "", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    assert_eq!(wait_for(&mut events, LifecycleEvent::Started), ["Resumed Unpaused", "Started Booted"]);
    let console = lab.domain.open_console(None, OpenConsole::empty()).expect("opened");
    let mut console = console.with_timeout(PATIENCE);
    let second = lab.domain.open_console(None, OpenConsole::empty()).map(drop).expect_err("taken");
    assert_eq!(second.to_string(), "operation failed: Active console session exists for this domain");
    read_until(&mut console, Guest::READY);
    std::io::Write::write_all(&mut console, b"echo $((6 * 7)) answers\n").expect("sent");
    read_until(&mut console, "42 answers");
    lab.domain.shutdown(ShutdownDomain::ACPI_POWER_BUTTON).expect("asked");
    let seen = wait_for(&mut events, LifecycleEvent::Stopped);
    assert_eq!(seen, ["Shutdown Finished after guest request", "Stopped Shutdown"]);
    assert_eq!(lab.domain.state().expect("known"), DomainState::Shutoff);
    lab.assert_clean();
}

#[test]
fn a_guest_that_powers_itself_off_leaves_its_definition_alone() {
    let lab = match Lab::new("-- poweroff -f", "", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    let seen = wait_for(&mut events, LifecycleEvent::Stopped);
    assert_eq!(seen.last().map(String::as_str), Some("Stopped Shutdown"), "{seen:?}");
    lab.assert_clean();
    let xml = lab.domain.xml(virt_core::DomainXml::empty()).expect("still defined");
    assert!(xml.starts_with("<domain type='qemu'>\n  <name>linux</name>"), "{xml}");
}

#[test]
fn a_guest_starts_again_when_its_definition_says_so() {
    let lab = match Lab::new("-- poweroff -f", "<on_poweroff>restart</on_poweroff>", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    wait_for(&mut events, LifecycleEvent::Started);
    let first = lab.domain.id().expect("known").expect("runs");
    wait_for(&mut events, LifecycleEvent::Stopped);
    wait_for(&mut events, LifecycleEvent::Started);
    let second = lab.domain.id().expect("known").expect("runs");
    assert!(second > first, "{second} after {first}");
    lab.domain.destroy(virt_core::DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}
