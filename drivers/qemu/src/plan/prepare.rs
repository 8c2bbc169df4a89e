//! From a definition to the steps that start it.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use virt_conf::model::{
    BandwidthRate, Domain, Interface, InterfaceBackendType, InterfaceKind, LifecycleAction, LinkState,
    MacTableManager, MemoryBalloonModel, SmbiosMode,
};
use virt_core::driver::Host;
use virt_util::spawn::{Limit, Program};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Prepared;
use super::choose::Chooser;
use super::host_devices;
use super::images::{memory_directories, own_images, variables};
use super::passwords::passwords;
use super::services;
use crate::caps::{Capabilities, Flag};
use crate::command::{
    CommandLine, Descriptor, DescriptorGroup, Descriptors, Launch, Origin, Paths, SecretUsage,
    Secrets as SecretSource, Settings, Taken, TapSetup, command_line, lockable_memory, prepare,
};
use crate::engine::{Engine, Lease, Macvtap, Ownership, Secrets, StartOptions, Step, Tap, short_name};
use crate::model::effective;
use crate::state::uuid_of;

/// The first descriptor that an emulator is given beyond the standard ones.
const FIRST_DESCRIPTOR: i32 = 20;

impl Engine {
    /// Prepares a start under number `id`; with none, the number that the next start would get.
    pub(crate) fn prepare(
        &self,
        mut domain: Domain,
        id: Option<u32>,
        options: StartOptions,
        wait: Wait<'_>,
    ) -> Result<Prepared> {
        let capabilities = self.capabilities(&domain, wait)?;
        let id = match id {
            Some(id) => id,
            None => self.store.index().lock("planning a start", wait)?.next_id(),
        };
        domain.id = i32::try_from(id).ok();
        let paths = self.paths(id, &domain.name);
        let settings = Settings { environment: environment(&paths), ..self.settings.clone() };
        let mut chooser = Chooser::new(&settings, id);
        chooser.name_taps(&mut domain);
        let owner = self.user.as_ref().map(|user| (user.uid, user.gid));
        let lease = host_devices::lease(&mut domain, owner, &self.host, wait)?;
        let mut host = crate::host::facts();
        if domain.os.smbios == Some(SmbiosMode::Host) {
            host.smbios = Some(crate::host::smbios_tables(wait)?);
        }
        prepare(&mut domain, &capabilities, &host, &paths, &settings, &Origin::Boot, &mut chooser)?;
        let chosen = chooser.chosen;
        let mut secrets = self.keys(random()?);
        let mut numbers = Numbers::default();
        let mut launch = Launch {
            paths: paths.clone(),
            settings: &settings,
            host: &host,
            descriptors: &mut numbers,
            secrets: &mut secrets,
            origin: Origin::Boot,
            taken: Taken::default(),
        };
        let opened = self.with_volumes(&domain)?;
        let line = command_line(&opened, &capabilities, &mut launch)?;
        let secrets = Secrets { master_key: secrets.master, passwords: passwords(&domain, &self.settings) };
        let mut steps = self.steps(&opened, &capabilities, &line, &paths, options, &secrets)?;
        add_lease(&mut steps, lease);
        Ok(Prepared { domain, steps, line, secrets, ignored: Vec::new(), chosen })
    }

    pub(super) fn paths(&self, id: u32, name: &str) -> Paths {
        let run = self.store.root().run();
        let below = |dir: &str| run.join(dir).to_string_lossy().into_owned();
        let short = short_name(id, name);
        let guest = self.guest_files(id, name).to_string_lossy().into_owned();
        Paths {
            channel: format!("{guest}/channel"),
            memory_backing: below("ram"),
            nvram: self.nvram_directory(),
            swtpm_socket: format!("{guest}/swtpm.sock"),
            dbus: below("dbus"),
            passt: below("passt"),
            short_name: short.strip_prefix("domain-").unwrap_or(&short).to_owned(),
            guest,
        }
    }

    /// Where guests' firmware keeps its variables.
    pub(crate) fn nvram_directory(&self) -> String {
        self.store.root().lib().join("nvram").to_string_lossy().into_owned()
    }

    fn steps(
        &self,
        domain: &Domain,
        capabilities: &Capabilities,
        line: &CommandLine,
        paths: &Paths,
        options: StartOptions,
        secrets: &Secrets,
    ) -> Result<Vec<Step>> {
        refuse_unserved(domain)?;
        let uuid = uuid_of(domain)?;
        let owner = self.user.as_ref().map(|user| (user.uid, user.gid));
        let guest = PathBuf::from(&paths.guest);
        let mut steps = vec![
            Step::Directory { path: guest.clone(), owner },
            Step::MasterKey { path: guest.join("master-key.aes"), owner },
        ];
        for path in memory_directories(line, paths) {
            steps.push(Step::Directory { path, owner });
        }
        let variables = variables(domain, owner, options.reset_nvram)?;
        let makes_variables = variables.is_some();
        steps.extend(variables);
        if let Some(user) = self.user.as_ref().filter(|_| self.owns_images) {
            steps.extend(own_images(domain, user, makes_variables)?);
        }
        let mut monitor = None;
        let mut taps: Vec<(String, Tap)> = Vec::new();
        for (number, descriptor) in &line.descriptors {
            match descriptor {
                Descriptor::Monitor => monitor = Some(*number),
                Descriptor::Tap { alias, .. } => match taps.iter_mut().find(|(known, _)| known == alias) {
                    Some((_, tap)) => tap.queues.push(*number),
                    None => taps.push((alias.clone(), tap_of(domain, alias, *number)?)),
                },
                other => steps.extend(step_of(other, *number, paths, owner)?),
            }
        }
        steps.extend(taps.into_iter().map(|(_, tap)| Step::Tap(tap)));
        let monitor = monitor.ok_or_else(|| unsupported("a command line without a monitor".into()))?;
        let title = format!("qemu-{}", domain.name);
        steps.push(Step::Controller { guest: uuid, title, uri: self.uri.clone(), monitor });
        let log = self.store.root().log().join(&format!("{}.log", domain.name));
        let name = domain.name.clone();
        steps.push(Step::Emulator { guest: uuid, name, program: Box::new(self.program(domain, line)), log });
        steps.extend(commands(domain, capabilities));
        let mut protocols: Vec<&String> =
            secrets.passwords.iter().map(|password| &password.protocol).collect();
        protocols.dedup();
        steps.extend(protocols.into_iter().map(|protocol| Step::Passwords { protocol: protocol.clone() }));
        Ok(steps)
    }

    fn program(&self, domain: &Domain, line: &CommandLine) -> Program {
        let mut limits = Vec::new();
        if let Some(bytes) = lockable_memory(domain) {
            let resource = nix::libc::RLIMIT_MEMLOCK;
            limits.push(Limit { resource, soft: bytes, hard: bytes });
        }
        Program {
            path: line.program.clone().into(),
            args: line.arguments.clone(),
            env: line.environment.clone(),
            user: self.user.clone(),
            limits,
            session: true,
            umask: Some(0o002),
            no_new_privileges: true,
            ..Program::default()
        }
    }
}

/// Refuses what could only be passed over to the guest's harm.
pub(super) fn refuse_unserved(domain: &Domain) -> Result<()> {
    if domain.devices.disks.iter().any(|disk| disk.transient.is_some()) {
        // What is to be thrown away would be written.
        return Err(unsupported("transient disks are not supported by this driver".into()));
    }
    let passt = |it: &Interface| it.backend.kind == Some(InterfaceBackendType::Passt);
    if domain.devices.interfaces.iter().any(passt) {
        // The emulator would call for ever, and the guest have no network.
        return Err(unsupported(
            "interfaces with the backend 'passt' are not supported by this driver".into(),
        ));
    }
    Ok(())
}

/// Has devices of the host leased before anything is started, and bound to the emulator's life once it lives.
fn add_lease(steps: &mut Vec<Step>, lease: Option<Lease>) {
    let Some(lease) = lease else { return };
    let holder = Step::HandOver { holder: lease.holder() };
    let files = lease.files_to_own();
    steps.splice(0..0, std::iter::once(Step::HostDevices(Box::new(lease))).chain(files));
    let emulator = steps.iter().position(|step| matches!(step, Step::Emulator { .. }));
    steps.insert(emulator.map_or(steps.len(), |at| at + 1), holder);
}

/// What every emulator finds in its environment.
fn environment(paths: &Paths) -> Vec<(String, String)> {
    let pairs = [
        ("LC_ALL", "C"),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", &paths.guest),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The monitor's commands between the emulator's start and the guest's.
fn commands(domain: &Domain, capabilities: &Capabilities) -> Vec<Step> {
    let mut steps = Vec::new();
    if capabilities.has(Flag::SetAction) {
        steps.push(Step::Command { execute: "set-action".into(), arguments: actions(domain) });
    }
    // Those that can go again are plugged in: what the guest is born with stays.
    let later = domain.vcpus.list.iter().filter(|vcpu| vcpu.enabled && vcpu.hotpluggable == Some(true));
    let vcpus: Vec<u32> = later.map(|vcpu| vcpu.id).collect();
    steps.extend((!vcpus.is_empty()).then_some(Step::Vcpus { vcpus }));
    for interface in domain.devices.interfaces.iter().filter(|it| it.link == Some(LinkState::Down)) {
        let arguments = json!({ "name": interface.info.alias, "up": false });
        steps.push(Step::Command { execute: "set_link".into(), arguments });
    }
    let balloon = domain.devices.memballoon.as_ref().is_some_and(|it| it.model != MemoryBalloonModel::None);
    if let (true, Some(current), Some(memory)) = (balloon, domain.current_memory, &domain.memory)
        && current < memory.size
    {
        let arguments = json!({ "value": current.0.saturating_mul(1024) });
        steps.push(Step::Command { execute: "balloon".into(), arguments });
    }
    steps
}

/// What QEMU itself does when the guest stops, reboots or panics: it ends, unless one that crashed is to be kept.
/// Everything else happens when its end is found.
fn actions(domain: &Domain) -> Value {
    let mut actions = json!({ "shutdown": "poweroff" });
    if !matches!(domain.on_reboot, None | Some(LifecycleAction::Restart)) {
        actions["reboot"] = json!("shutdown");
    }
    actions["panic"] = json!(match domain.on_crash {
        Some(LifecycleAction::Preserve) => "pause",
        Some(LifecycleAction::PreserveRunning) => "none",
        _ => "shutdown",
    });
    actions
}

/// The step that opens `descriptor`, and the directory that it needs.
pub(super) fn step_of(
    descriptor: &Descriptor,
    number: i32,
    paths: &Paths,
    owner: Option<Ownership>,
) -> Result<Vec<Step>> {
    let open = |path: &str, append: bool, create: bool| {
        vec![Step::Open { number, path: path.into(), append, create }]
    };
    Ok(match descriptor {
        Descriptor::ChardevSocket { path, .. } => {
            let mut steps = Vec::new();
            if Path::new(path).parent() == Some(Path::new(&paths.channel)) {
                steps.push(Step::Directory { path: paths.channel.clone().into(), owner });
            }
            steps.push(Step::Listen { number, path: path.into(), owner });
            steps
        }
        Descriptor::ChardevFile { path, append, .. } | Descriptor::ChardevLog { path, append, .. } => {
            open(path, *append, true)
        }
        Descriptor::VhostNet { .. } => open("/dev/vhost-net", false, false),
        Descriptor::VhostScsi { .. } => open("/dev/vhost-scsi", false, false),
        Descriptor::VhostVdpa { path, .. } | Descriptor::TpmDevice { path } => open(path, false, false),
        other => return Err(unsupported(format!("{other:?} cannot be opened for a guest yet"))),
    })
}

pub(crate) fn tap_of(domain: &Domain, alias: &str, number: i32) -> Result<Tap> {
    let named = |interface: &&Interface| interface.info.alias.as_deref() == Some(alias);
    let interface = domain.devices.interfaces.iter().find(named);
    let interface = interface.ok_or_else(|| unsupported(format!("no interface '{alias}'")))?;
    let kind = effective(interface);
    let bridge = match kind {
        InterfaceKind::Bridge(source) => source.bridge.clone(),
        InterfaceKind::Network(source) => source.bridge.clone(),
        _ => None,
    };
    let macvtap = match kind {
        InterfaceKind::Direct(source) => Some(Macvtap::of(source)?),
        _ => None,
    };
    let learns = |manager: Option<MacTableManager>| manager != Some(MacTableManager::Libvirt);
    let learning = match kind {
        InterfaceKind::Bridge(source) => learns(source.mac_table_manager),
        InterfaceKind::Network(source) => learns(source.mac_table_manager),
        _ => true,
    };
    // The host's end differs from the guest's in its first byte, so that a bridge never takes over its address; that of a
    // macvtap is the guest's.
    let mac = interface.mac.as_ref().map(|mac| {
        let mut bytes = mac.address.0;
        if let (Some(first), None) = (bytes.first_mut(), &macvtap) {
            *first = if *first == 0xfe { 0xfa } else { 0xfe };
        }
        bytes
    });
    let actual = interface.actual.as_deref();
    let isolated = actual.map_or(interface.isolated, |actual| actual.isolated) == Some(true);
    let bandwidth = actual.map_or(interface.bandwidth.as_ref(), |actual| actual.bandwidth.as_ref());
    let rate = |rate: &BandwidthRate| Some((rate.average?, rate.peak, rate.burst));
    let name = interface.target.dev.clone().unwrap_or_default();
    let existing = interface.target.managed == Some(false);
    Ok(Tap {
        name,
        bridge,
        mac,
        mtu: interface.mtu,
        existing,
        queues: vec![number],
        macvtap,
        isolated,
        learning,
        inbound: bandwidth.and_then(|it| it.inbound.as_ref()).and_then(rate),
        outbound: bandwidth.and_then(|it| it.outbound.as_ref()).and_then(rate),
    })
}

fn unsupported(detail: String) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, detail)
}

/// Numbers descriptors in the order in which they are asked for.
pub(super) struct Numbers {
    next: i32,
    given: Vec<(i32, Descriptor)>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { next: FIRST_DESCRIPTOR, given: Vec::new() }
    }
}

impl Descriptors for Numbers {
    fn number(&mut self, descriptor: &Descriptor) -> i32 {
        if let Some((number, _)) = self.given.iter().find(|(_, known)| known == descriptor) {
            return *number;
        }
        let number = self.next;
        self.next += 1;
        self.given.push((number, descriptor.clone()));
        number
    }

    fn group(&self, _name: &str) -> Option<DescriptorGroup> {
        None
    }

    fn tap(&mut self, _alias: &str) -> TapSetup {
        let vhost = nix::unistd::access("/dev/vhost-net", nix::unistd::AccessFlags::W_OK).is_ok();
        TapSetup { vhost }
    }
}

/// The guest's own key; secrets of others are their driver's.
pub(super) struct Keys {
    master: [u8; 32],
    host: Host,
    uri: String,
}

impl Engine {
    /// Secrets for a guest with this key.
    pub(super) fn keys(&self, master: [u8; 32]) -> Keys {
        Keys { master, host: self.host.clone(), uri: self.uri.clone() }
    }
}

impl SecretSource for Keys {
    fn value(&mut self, usage: &SecretUsage) -> Result<Vec<u8>> {
        services::secret(&self.host, &self.uri, usage)
    }

    fn master_key(&self) -> [u8; 32] {
        self.master
    }

    fn initialization_vector(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(uuid::Uuid::new_v4().into_bytes()) {
            *to = from;
        }
        bytes
    }
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| Error::system(ErrorDomain::QEMU, "cannot read random bytes", error))?;
    Ok(bytes)
}
