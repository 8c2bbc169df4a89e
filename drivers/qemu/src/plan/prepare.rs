//! From a definition to the steps that start it.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use virt_conf::model::{DiskSource, Domain, Interface, InterfaceKind, LifecycleAction, MemoryBalloonModel};
use virt_util::spawn::{Limit, Program};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Prepared;
use super::choose::Chooser;
use crate::caps::{Capabilities, Flag};
use crate::command::{
    CommandLine, Descriptor, DescriptorGroup, Descriptors, Launch, Origin, Paths, SecretUsage, Secrets,
    Settings, TapSetup, command_line, prepare,
};
use crate::engine::{Engine, Ownership, Step, Tap, short_name};
use crate::state::uuid_of;

/// The first descriptor that an emulator is given beyond the standard ones.
const FIRST_DESCRIPTOR: i32 = 20;

impl Engine {
    /// Prepares a start under number `id`; with none, the number that the next start would get.
    pub(crate) fn prepare(&self, mut domain: Domain, id: Option<u32>, wait: Wait<'_>) -> Result<Prepared> {
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
        prepare(&mut domain, &paths, &settings, &Origin::Boot, &mut chooser)?;
        let chosen = chooser.chosen;
        let mut secrets = Keys { master: random()? };
        let mut numbers = Numbers { next: FIRST_DESCRIPTOR, given: Vec::new() };
        let mut launch = Launch {
            paths: paths.clone(),
            settings: &settings,
            host: &crate::host::facts(),
            descriptors: &mut numbers,
            secrets: &mut secrets,
            origin: Origin::Boot,
        };
        let line = command_line(&domain, &capabilities, &mut launch)?;
        let steps = self.steps(&domain, &capabilities, &line, &paths)?;
        Ok(Prepared { domain, steps, line, master_key: secrets.master, ignored: Vec::new(), chosen })
    }

    fn paths(&self, id: u32, name: &str) -> Paths {
        let run = self.store.root().run();
        let below = |dir: &str| run.join(dir).to_string_lossy().into_owned();
        let short = short_name(id, name);
        let guest = self.guest_files(id, name).to_string_lossy().into_owned();
        Paths {
            channel: format!("{guest}/channel"),
            memory_backing: below("ram"),
            nvram: self.store.root().lib().join("nvram").to_string_lossy().into_owned(),
            swtpm_socket: format!("{guest}/swtpm.sock"),
            dbus: below("dbus"),
            passt: below("passt"),
            short_name: short.strip_prefix("domain-").unwrap_or(&short).to_owned(),
            guest,
        }
    }

    fn steps(
        &self,
        domain: &Domain,
        capabilities: &Capabilities,
        line: &CommandLine,
        paths: &Paths,
    ) -> Result<Vec<Step>> {
        let uuid = uuid_of(domain)?;
        let owner = self.user.as_ref().map(|user| (user.uid, user.gid));
        let guest = PathBuf::from(&paths.guest);
        let mut steps = vec![
            Step::Directory { path: guest.clone(), owner },
            Step::MasterKey { path: guest.join("master-key.aes"), owner },
        ];
        if let Some(owner) = owner {
            steps.extend(own_images(domain, owner)?);
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
        Ok(steps)
    }

    fn program(&self, domain: &Domain, line: &CommandLine) -> Program {
        let mut limits = Vec::new();
        if domain.memory_backing.locked {
            let resource = nix::libc::RLIMIT_MEMLOCK;
            limits.push(Limit { resource, soft: u64::MAX, hard: u64::MAX });
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
    let balloon = domain.devices.memballoon.as_ref().is_some_and(|it| it.model != MemoryBalloonModel::None);
    if let (true, Some(current), Some(memory)) = (balloon, domain.current_memory, &domain.memory)
        && current < memory.size
    {
        let arguments = json!({ "value": current.0.saturating_mul(1024) });
        steps.push(Step::Command { execute: "balloon".into(), arguments });
    }
    steps
}

/// What QEMU itself does when the guest stops, reboots or panics: it ends, unless the guest is to be kept. Everything
/// else happens when its end is found.
fn actions(domain: &Domain) -> Value {
    let preserved = |action: Option<LifecycleAction>| action == Some(LifecycleAction::Preserve);
    let mut actions = json!({ "shutdown": if preserved(domain.on_poweroff) { "pause" } else { "poweroff" } });
    if !matches!(domain.on_reboot, None | Some(LifecycleAction::Restart)) {
        actions["reboot"] = json!("shutdown");
    }
    actions["panic"] = json!(if preserved(domain.on_crash) { "pause" } else { "shutdown" });
    actions
}

/// Files that the guest may write and nobody else opens become its user's; what is shared or only read stays.
fn own_images(domain: &Domain, owner: Ownership) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    for disk in domain.devices.disks.iter().filter(|disk| !disk.readonly && !disk.shareable) {
        let path = match &disk.source {
            DiskSource::File(source) => source.file.as_deref(),
            DiskSource::Block(source) => source.dev.as_deref(),
            _ => None,
        };
        let Some(path) = path else { continue };
        let stat = std::fs::metadata(path).map_err(|error| {
            Error::system(ErrorDomain::QEMU, format!("Cannot access storage file '{path}'"), error)
        })?;
        let before = (stat.uid(), stat.gid());
        if before != owner {
            steps.push(Step::Own { path: path.into(), owner, before });
        }
    }
    Ok(steps)
}

/// The step that opens `descriptor`, and the directory that it needs.
fn step_of(
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

fn tap_of(domain: &Domain, alias: &str, number: i32) -> Result<Tap> {
    let named = |interface: &&Interface| interface.info.alias.as_deref() == Some(alias);
    let interface = domain.devices.interfaces.iter().find(named);
    let interface = interface.ok_or_else(|| unsupported(format!("no interface '{alias}'")))?;
    let bridge = match &interface.kind {
        InterfaceKind::Bridge(source) => source.bridge.clone(),
        _ => None,
    };
    // The host's end differs from the guest's in its first byte, so that a bridge never takes over its address.
    let mac = interface.mac.as_ref().map(|mac| {
        let mut bytes = mac.address.0;
        if let Some(first) = bytes.first_mut() {
            *first = if *first == 0xfe { 0xfa } else { 0xfe };
        }
        bytes
    });
    let name = interface.target.dev.clone().unwrap_or_default();
    Ok(Tap { name, bridge, mac, mtu: interface.mtu, queues: vec![number] })
}

fn unsupported(detail: String) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, detail)
}

/// Numbers descriptors in the order in which they are asked for.
struct Numbers {
    next: i32,
    given: Vec<(i32, Descriptor)>,
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

/// The guest's own key; secrets of others are their driver's, which is not here yet.
struct Keys {
    master: [u8; 32],
}

impl Secrets for Keys {
    fn value(&mut self, usage: &SecretUsage) -> Result<Vec<u8>> {
        Err(Error::new(ErrorCode::NO_SECRET, ErrorDomain::QEMU, format!("no secret with matching {usage:?}")))
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
