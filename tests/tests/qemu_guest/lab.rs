//! A root of a test's own, and a guest in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use virt_core::{Connection, Domain, DomainEventKind, Events, LifecycleEvent, Notice, Registry, Stream};
use virt_tests::guest::{self, Guest};

/// How long a guest may take to boot on a busy machine without KVM.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A root of its own, a connection to it, and a guest defined in it.
pub(crate) struct Lab {
    pub(crate) scratch: tempfile::TempDir,
    pub(crate) connection: Connection,
    pub(crate) domain: Domain,
}

/// The first serial port, a terminal.
pub(crate) const SERIAL: &str =
    "<serial type='pty'><target type='isa-serial' port='0'><model name='isa-serial'/></target></serial>";

/// The name of the guest.
pub(crate) const NAME: &str = "linux";

/// Opens the driver, linked in.
pub(crate) fn open(uri: &str) -> virt_core::Result<Connection> {
    let registry = Registry::empty();
    registry.register::<virt_driver_qemu::QemuDriver>()?;
    registry.register::<virt_driver_network::NetworkDriver>()?;
    registry.register::<virt_driver_storage::StorageDriver>()?;
    let connection = Connection::builder().uri(uri).registry(&registry).open()?;
    Ok(connection.with_timeout(PATIENCE))
}

/// What opens the root in `directory`.
pub(crate) fn uri(directory: &Path) -> String {
    format!("qemu:///embed?root={}", directory.display())
}

/// A guest without an operating system: its firmware runs, if anything does.
pub(crate) fn bare(devices: &str) -> String {
    format!(
        "<domain type='qemu'><name>{NAME}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features><cpu mode='maximum'/>
  <devices><controller type='usb' model='none'/>{devices}<memballoon model='none'/></devices></domain>"
    )
}

impl Lab {
    /// With the tiny Linux, what it is to do after it has booted, and what the definition says besides.
    pub(crate) fn booting(words: &str, lifecycle: &str, devices: &str) -> Result<Self, String> {
        Self::booting_with("<vcpu>1</vcpu>", words, lifecycle, devices)
    }

    /// As [`Lab::booting`], with vCPUs.
    pub(crate) fn booting_with(
        vcpu: &str,
        words: &str,
        lifecycle: &str,
        devices: &str,
    ) -> Result<Self, String> {
        let guest = guest::build().map_err(|error| format!("no guest to boot: {error:#}"))?;
        let balloon = if devices.contains("<memballoon") { "" } else { "<memballoon model='none'/>" };
        Self::new(&format!(
            "<domain type='qemu'>
  <name>{NAME}</name>
  <memory unit='MiB'>256</memory>
  {vcpu}
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
    {devices}
    {balloon}
  </devices>
</domain>",
            guest.kernel.display(),
            guest.initrd.display(),
            Guest::COMMAND_LINE,
        ))
    }

    /// With this guest; or why there can be none.
    pub(crate) fn new(xml: &str) -> Result<Self, String> {
        Self::in_directory(tempfile::tempdir().expect("a directory"), xml)
    }

    /// In a directory that is prepared.
    pub(crate) fn in_directory(scratch: tempfile::TempDir, xml: &str) -> Result<Self, String> {
        virt_util::controller::binary().map_err(|error| format!("{error} (build the workspace first)"))?;
        let connection = open(&uri(scratch.path())).expect("opened");
        if let Err(error) = connection.version() {
            return Err(error.to_string());
        }
        let domain = connection.define_domain(xml, virt_core::DefineDomain::empty()).expect("defined");
        Ok(Self { scratch, connection, domain })
    }

    /// The process of the running guest, as its status says.
    pub(crate) fn process(&self) -> u32 {
        process(&self.scratch.path().join("run/qemu"))
    }

    /// The process of its controller.
    pub(crate) fn controller(&self) -> u32 {
        let record =
            self.scratch.path().join(format!("run/qemu/guests/{}/controller.lock", self.domain.uuid()));
        let holder = std::fs::read_to_string(&record).expect("a controller");
        let holder: serde_json::Value = serde_json::from_str(&holder).expect("JSON");
        let pid = holder.get("pid").and_then(serde_json::Value::as_u64);
        pid.unwrap_or_else(|| panic!("no pid in {holder}")) as u32
    }

    pub(crate) fn events(&self) -> Events {
        self.connection.events().expect("subscribed")
    }

    /// What the guest has left in the run directory.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        let run = self.scratch.path().join("run/qemu");
        let (guests, status) = (files(&run.join("guests")), files(&run.join("status")));
        let own = files(&run).into_iter().filter(|path| path.to_string_lossy().contains("domain-"));
        guests.into_iter().chain(status).chain(own).collect()
    }

    pub(crate) fn assert_clean(&self) {
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

pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).collect()
}

/// The process of the guest that runs with this run directory.
pub(crate) fn process(run: &Path) -> u32 {
    let status = std::fs::read_to_string(run.join(format!("status/{NAME}.xml"))).expect("a status");
    let pid = status.split_once(" pid='").and_then(|(_, rest)| rest.split_once('\''));
    pid.and_then(|(pid, _)| pid.parse().ok()).unwrap_or_else(|| panic!("no pid in {status}"))
}

/// A role of this program in a process of its own.
pub(crate) fn role(name: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().expect("known"));
    command.args([name, "--exact", "--ignored", "--nocapture"]);
    command
}

/// Kills a process and waits for its end.
pub(crate) fn end(process: u32) {
    use nix::sys::signal::{Signal, kill};
    let handle = virt_util::process::Process::open(process).expect("a handle").expect("it runs");
    kill(nix::unistd::Pid::from_raw(process.cast_signed()), Signal::SIGKILL).expect("killed");
    handle.wait(virt_util::wait::Wait::at_most(PATIENCE)).expect("ended");
}

/// Waits for a lifecycle event; returns what happened until then.
pub(crate) fn wait_for(events: &mut Events, wanted: LifecycleEvent) -> Vec<String> {
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

/// Waits until the guest has rebooted.
pub(crate) fn wait_for_reboot(events: &mut Events) {
    loop {
        match events.next_within(PATIENCE).expect("readable") {
            Some(Notice::Event(event)) if matches!(event.kind, DomainEventKind::Reboot) => return,
            Some(_) => {}
            None => panic!("no reboot in time"),
        }
    }
}

/// A guest's shell, on its console.
pub(crate) struct Shell {
    console: Stream,
    number: u32,
}

impl Shell {
    /// Of a guest that is started with its console open before it says a word: what nobody reads is lost. Waits until it
    /// is up.
    pub(crate) fn boot(domain: &Domain) -> Self {
        domain.start(virt_core::StartDomain::PAUSED).expect("started");
        let console = domain.open_console(None, virt_core::OpenConsole::empty()).expect("a console");
        let mut console = console.with_timeout(PATIENCE);
        domain.resume().expect("resumed");
        read_until(&mut console, Guest::READY);
        Self { console, number: 0 }
    }

    /// What a command prints in the guest.
    pub(crate) fn run(&mut self, command: &str) -> String {
        self.number += 1;
        let mark = format!("end-{}", self.number);
        // Split, so that the echo of the command is not taken for its end.
        let line = format!("{command}; echo ' en''d-{}'\n", self.number);
        self.console.write_all(line.as_bytes()).expect("sent");
        read_until(&mut self.console, &format!(" {mark}"))
    }

    /// Whether a command succeeds in the guest.
    pub(crate) fn succeeds(&mut self, command: &str) -> bool {
        self.run(&format!("{command} >/dev/null 2>&1 && echo 'su''cceeded'")).contains("succeeded")
    }

    /// Has the guest ask for an address for this card, and take it.
    pub(crate) fn dhcp(&mut self, card: &str, hostname: &str) -> String {
        self.run(LEASE);
        self.run(&format!(
            "ip link set {card} up; udhcpc -i {card} -n -q -t 10 -s /tmp/lease -x hostname:{hostname}"
        ))
    }
}

/// What `udhcpc` runs: it takes over the address and the way out, and remembers the name server.
const LEASE: &str = "cat > /tmp/lease <<'X'\n#!/bin/sh\n[ -n \"$ip\" ] || exit 0\nip addr flush dev $interface\n\
    ip addr add $ip/$mask dev $interface\n[ -n \"$router\" ] && ip route add default via $router\n\
    echo nameserver $dns > /etc/resolv.conf\nX\nchmod +x /tmp/lease";

/// Reads the console until `text` appears. What came with it is in the answer, and not read again: whoever waits for two
/// texts in turn waits in vain for the second where both came at once.
pub(crate) fn read_until(console: &mut Stream, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let chunk = console.receive(4096).unwrap_or_else(|error| panic!("{error}, after:\n{seen}"));
        assert!(!chunk.end, "the console ended after:\n{seen}");
        seen.push_str(&String::from_utf8_lossy(&chunk.data));
    }
    seen
}
