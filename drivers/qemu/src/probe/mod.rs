//! What a QEMU binary can do, by asking one that runs no guest.
//!
//! Two processes share the questions, as the longest answers cost QEMU tens of milliseconds of processor time each;
//! the answers are kept in a cache by the binary's identity, so that a binary is asked once. Processors under an
//! accelerator, which not every caller needs, are only asked about when somebody does.

mod cache;
mod flags;
mod processors;
mod schema;
mod session;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use crate::caps::{
    Accelerator, AcceleratorCapabilities, Arch, Capabilities, Flag, GicCapability, MachineType,
    SevCapability, SgxCapability,
};
pub use cache::Probes;
use processors::Processors;
use schema::Schema;
use session::Session;

/// What a QEMU answered, before it is called by libvirt's names.
#[derive(Debug, Default)]
struct Answers {
    kvm: bool,
    types: HashSet<String>,
    commands: HashSet<String>,
    properties: HashMap<&'static str, HashSet<String>>,
    options: HashMap<String, HashSet<String>>,
    migration: HashSet<String>,
    schema: Schema,
}

impl Answers {
    fn has_type(&self, name: &str) -> bool {
        self.types.contains(name)
    }

    fn has_type_ending(&self, start: &str, end: &str) -> bool {
        self.types.iter().any(|name| name.starts_with(start) && name.ends_with(end))
    }

    fn has_property(&self, of: &str, name: &str) -> bool {
        self.properties.get(of).is_some_and(|properties| properties.contains(name))
    }

    fn has_option(&self, option: &str, parameter: &str) -> bool {
        let parameters = self.options.get(option);
        parameters.is_some_and(|parameters| parameter.is_empty() || parameters.contains(parameter))
    }
}

/// What the first process is asked: what it is, and what its monitor and command line understand.
#[derive(Debug, Default)]
struct Interface {
    version: u32,
    package: String,
    target: String,
    kvm: bool,
    kvm_processors: Processors,
    machines: Vec<MachineType>,
    options: HashMap<String, HashSet<String>>,
    migration: HashSet<String>,
    schema: Schema,
    gic: Vec<GicCapability>,
    sev: Option<SevCapability>,
    sgx: Option<SgxCapability>,
}

/// What the second process is asked: what it can build a machine of.
#[derive(Debug, Default)]
struct Parts {
    types: HashSet<String>,
    commands: HashSet<String>,
    properties: HashMap<&'static str, HashSet<String>>,
    processors: Processors,
}

/// Asks `binary`; about processors under `processors` too, under no other accelerator.
///
/// # Errors
///
/// `Failed to probe QEMU binary with QMP`, with what the binary wrote to its standard error; `wait` ended.
pub fn probe(binary: &Path, processors: Option<Accelerator>, wait: Wait<'_>) -> Result<Capabilities> {
    let (interface, parts) = std::thread::scope(|scope| {
        let parts = scope.spawn(|| Parts::ask(binary, processors == Some(Accelerator::Tcg), wait));
        let interface = Interface::ask(binary, processors == Some(Accelerator::Kvm), wait);
        let parts = parts.join().unwrap_or_else(|_| Err(failed(binary, "the thread that asks it panicked")));
        (interface, parts)
    });
    let (interface, parts) = (interface?, parts?);
    let arch = arch_of(binary, &interface.target)?;
    let answers = Answers {
        kvm: interface.kvm,
        types: parts.types,
        commands: parts.commands,
        properties: parts.properties,
        options: interface.options,
        migration: interface.migration,
        schema: interface.schema,
    };
    let mut flags = flags::flags(arch, &answers);
    // QEMU can build these objects anywhere; that they work is up to the host.
    let hopeless: [(bool, &[Flag]); 2] = [
        (interface.sev.is_none(), &[Flag::SevGuest, Flag::SevSnpGuest]),
        (interface.sgx.is_none(), &[Flag::SgxEpc]),
    ];
    hopeless
        .iter()
        .filter(|(absent, _)| *absent)
        .flat_map(|(_, flags)| *flags)
        .for_each(|flag| flags.remove(*flag));
    let under = |processors: Processors| AcceleratorCapabilities {
        host_cpu: processors.host,
        cpus: processors.models,
        machines: interface.machines.clone(),
    };
    Ok(Capabilities {
        emulator: binary.to_string_lossy().into_owned(),
        version: interface.version,
        package: interface.package,
        microcode_version: 0,
        arch,
        flags,
        kvm: interface.kvm.then(|| under(interface.kvm_processors)),
        hvf: None,
        tcg: answers.has_type("tcg-accel").then(|| under(parts.processors)),
        gic: interface.gic,
        sev: interface.sev,
        sgx: interface.sgx,
        hyperv: None,
    })
}

/// Asks `binary` about processors under `accelerator`, and nothing else.
///
/// # Errors
///
/// As [`probe`].
fn probe_processors(binary: &Path, accelerator: Accelerator, wait: Wait<'_>) -> Result<Processors> {
    let mut session = Session::start(binary, accelerator.name(), wait)?;
    let arch = arch_of(binary, &session.ask::<Target>("query-target")?.arch)?;
    let mut answers = session.ask_all(&processors::questions(arch, accelerator))?.into_iter();
    Processors::understand(&session, arch, &mut answers)
}

impl Interface {
    fn ask(binary: &Path, processors: bool, wait: Wait<'_>) -> Result<Self> {
        // A host may have /dev/kvm and yet nothing that works behind it: QEMU alone can tell.
        match Self::ask_with(binary, "kvm:tcg", processors, wait) {
            Err(error) if Path::new("/dev/kvm").exists() => {
                log::warn!("{} fails with KVM, which is left out: {error}", binary.display());
                Self::ask_with(binary, "tcg", false, wait)
            }
            outcome => outcome,
        }
    }

    fn ask_with(binary: &Path, accelerator: &str, processors: bool, wait: Wait<'_>) -> Result<Self> {
        let mut session = Session::start(binary, accelerator, wait)?;
        let mut this = Self::default();
        let version = &session.greeting().version;
        this.version = version.qemu.major * 1_000_000 + version.qemu.minor * 1000 + version.qemu.micro;
        this.package.clone_from(&version.package);
        let kvm: Kvm = session.ask("query-kvm")?;
        this.kvm = kvm.present && kvm.enabled;
        this.target = session.ask::<Target>("query-target")?.arch;
        let arch = arch_of(binary, &this.target)?;
        let processors = processors && this.kvm;
        let questions = [
            "query-machines",
            "query-command-line-options",
            "query-migrate-capabilities",
            "query-gic-capabilities",
            "query-sev-capabilities",
            "query-sgx-capabilities",
        ];
        let mut questions: Vec<_> = questions.map(|question| (question, Value::Null)).into();
        if processors {
            questions.extend(processors::questions(arch, Accelerator::Kvm));
        }
        // The last: once it has said this, QEMU spends as long again on forgetting it.
        questions.push(("query-qmp-schema", Value::Null));
        let mut answers = session.ask_all(&questions)?.into_iter();
        this.machines = machines(session.understand("query-machines", answers.next())?);
        let options: Vec<CommandLineOption> =
            session.understand("query-command-line-options", answers.next())?;
        this.options = options.into_iter().map(|option| (option.option, names(option.parameters))).collect();
        let migration: Vec<MigrationCapability> =
            session.understand("query-migrate-capabilities", answers.next())?;
        this.migration = migration.into_iter().map(|capability| capability.capability).collect();
        // These are refused where the host's processor or firmware lacks them, or the binary was built without.
        let gic: Option<Vec<Gic>> =
            session.understand_if_willing("query-gic-capabilities", answers.next())?;
        this.gic = gic.unwrap_or_default().into_iter().map(Gic::into_capability).collect();
        let sev: Option<Sev> = session.understand_if_willing("query-sev-capabilities", answers.next())?;
        this.sev = sev.map(Sev::into_capability);
        let sgx: Option<Sgx> = session.understand_if_willing("query-sgx-capabilities", answers.next())?;
        this.sgx = sgx.map(Sgx::into_capability);
        if processors {
            this.kvm_processors = Processors::understand(&session, arch, &mut answers)?;
        }
        this.schema = match answers.next() {
            Some(Ok(text)) => {
                // It is not needed any more, and need not run beside us.
                drop(session);
                Schema::from_json(text.get()).map_err(|error| failed(binary, &error.to_string()))?
            }
            Some(Err(refusal)) => return Err(refusal.into_error("query-qmp-schema")),
            None => return Err(failed(binary, "no answer to 'query-qmp-schema'")),
        };
        Ok(this)
    }
}

impl Parts {
    fn ask(binary: &Path, processors: bool, wait: Wait<'_>) -> Result<Self> {
        let mut session = Session::start(binary, "tcg", wait)?;
        let mut this = Self::default();
        let lists = ["query-target", "qom-list-types", "query-commands"].map(|list| (list, Value::Null));
        let mut answers = session.ask_all(&lists)?.into_iter();
        let arch = arch_of(binary, &session.understand::<Target>("query-target", answers.next())?.arch)?;
        this.types = names(session.understand("qom-list-types", answers.next())?);
        this.commands = names(session.understand("query-commands", answers.next())?);
        let exists = |name: &str| this.types.contains(name);
        let devices = flags::devices_to_ask(exists).map(|name| ("device-list-properties", name));
        let objects = flags::objects_to_ask(exists).map(|name| ("qom-list-properties", name));
        let about: Vec<_> = devices.chain(objects).collect();
        let mut questions: Vec<_> =
            about.iter().map(|(command, name)| (*command, json!({ "typename": name }))).collect();
        if processors {
            questions.extend(processors::questions(arch, Accelerator::Tcg));
        }
        let mut answers = session.ask_all(&questions)?.into_iter();
        for (command, name) in about {
            this.properties.insert(name, names(session.understand(command, answers.next())?));
        }
        if processors {
            this.processors = Processors::understand(&session, arch, &mut answers)?;
        }
        Ok(this)
    }
}

fn failed(binary: &Path, why: &str) -> Error {
    Error::internal(
        ErrorDomain::QEMU,
        format!("Failed to probe QEMU binary with QMP: {}: {why}", binary.display()),
    )
}

/// The architecture that QEMU calls `target`.
fn arch_of(binary: &Path, target: &str) -> Result<Arch> {
    let arch = match target {
        "i386" => Some(Arch::I686),
        "arm" => Some(Arch::Armv7l),
        "hppa" => Some(Arch::Parisc),
        "or1k" => Some(Arch::Or32),
        other => Arch::from_name(other),
    };
    arch.ok_or_else(|| failed(binary, &format!("unknown architecture '{target}'")))
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn names(list: Vec<Named>) -> HashSet<String> {
    list.into_iter().map(|named| named.name).collect()
}

#[derive(Deserialize)]
struct Target {
    arch: String,
}

#[derive(Deserialize)]
struct Kvm {
    enabled: bool,
    present: bool,
}

#[derive(Deserialize)]
struct CommandLineOption {
    option: String,
    parameters: Vec<Named>,
}

#[derive(Deserialize)]
struct MigrationCapability {
    capability: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Machine {
    name: String,
    alias: Option<String>,
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    cpu_max: u32,
    #[serde(default)]
    hotpluggable_cpus: bool,
    default_cpu_type: Option<String>,
    #[serde(default)]
    numa_mem_supported: bool,
    default_ram_id: Option<String>,
    #[serde(default)]
    deprecated: bool,
    acpi: Option<bool>,
}

/// QEMU's machine types without `none`, the default one first.
fn machines(list: Vec<Machine>) -> Vec<MachineType> {
    let mut machines: Vec<MachineType> = list
        .into_iter()
        .filter(|machine| machine.name != "none")
        .map(|machine| MachineType {
            name: machine.name,
            alias: machine.alias,
            default: machine.is_default,
            max_cpus: machine.cpu_max,
            hotplug_cpus: machine.hotpluggable_cpus,
            default_cpu: machine.default_cpu_type,
            numa_mem_supported: machine.numa_mem_supported,
            default_ram_id: machine.default_ram_id,
            deprecated: machine.deprecated,
            acpi: machine.acpi,
        })
        .collect();
    if let Some(at) = machines.iter().position(|machine| machine.default)
        && let Some(head) = machines.get_mut(..=at)
    {
        head.rotate_right(1);
    }
    machines
}

#[derive(Deserialize)]
struct Gic {
    version: u32,
    kernel: bool,
    emulated: bool,
}

impl Gic {
    fn into_capability(self) -> GicCapability {
        GicCapability { version: self.version, kernel: self.kernel, emulated: self.emulated }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sev {
    pdh: String,
    cert_chain: String,
    #[serde(default)]
    cpu0_id: String,
    cbitpos: u32,
    reduced_phys_bits: u32,
}

impl Sev {
    fn into_capability(self) -> SevCapability {
        SevCapability {
            cbitpos: self.cbitpos,
            reduced_phys_bits: self.reduced_phys_bits,
            pdh: self.pdh,
            cert_chain: self.cert_chain,
            cpu0_id: self.cpu0_id,
        }
    }
}

#[derive(Deserialize)]
struct Sgx {
    flc: bool,
    sgx1: bool,
    sgx2: bool,
    #[serde(default)]
    sections: Vec<SgxSection>,
}

#[derive(Deserialize)]
struct SgxSection {
    node: u32,
    size: u64,
}

impl Sgx {
    fn into_capability(self) -> SgxCapability {
        let sections: Vec<(u32, u64)> =
            self.sections.iter().map(|section| (section.node, section.size / 1024)).collect();
        SgxCapability {
            flc: self.flc,
            sgx1: self.sgx1,
            sgx2: self.sgx2,
            section_size_kib: sections.iter().map(|(_, size)| size).sum(),
            sections,
        }
    }
}

#[cfg(test)]
mod tests;
