//! What a QEMU binary can do, by asking one that runs no guest.
//!
//! Two processes share the questions, as the longest answers cost QEMU tens of milliseconds of processor time each;
//! the answers are kept in a cache by the binary's identity, so that a binary is asked once.

mod cache;
mod flags;
mod schema;
mod session;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use crate::caps::{
    AcceleratorCapabilities, Arch, Capabilities, CpuModel, Flag, GicCapability, MachineType, SevCapability,
    SgxCapability,
};
pub use cache::Probes;
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
    kvm_cpus: Vec<CpuModel>,
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
    cpus: Vec<CpuModel>,
}

/// Asks `binary`.
///
/// # Errors
///
/// `Failed to probe QEMU binary with QMP`, with what the binary wrote to its standard error; `wait` ended.
pub fn probe(binary: &Path, wait: Wait<'_>) -> Result<Capabilities> {
    let (interface, parts) = std::thread::scope(|scope| {
        let parts = scope.spawn(|| Parts::ask(binary, wait));
        let interface = Interface::ask(binary, wait);
        let parts = parts.join().unwrap_or_else(|_| Err(failed(binary, "the thread that asks it panicked")));
        (interface, parts)
    });
    let (interface, parts) = (interface?, parts?);
    let arch = arch_of_target(&interface.target)
        .ok_or_else(|| failed(binary, &format!("unknown architecture '{}'", interface.target)))?;
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
    let under = |cpus| AcceleratorCapabilities { host_cpu: None, cpus, machines: interface.machines.clone() };
    Ok(Capabilities {
        emulator: binary.to_string_lossy().into_owned(),
        version: interface.version,
        package: interface.package,
        microcode_version: 0,
        arch,
        flags,
        kvm: interface.kvm.then(|| under(interface.kvm_cpus)),
        hvf: None,
        tcg: answers.has_type("tcg-accel").then(|| under(parts.cpus)),
        gic: interface.gic,
        sev: interface.sev,
        sgx: interface.sgx,
        hyperv: None,
    })
}

impl Interface {
    fn ask(binary: &Path, wait: Wait<'_>) -> Result<Self> {
        // A host may have /dev/kvm and yet nothing that works behind it: QEMU alone can tell.
        match Self::ask_with(binary, "kvm:tcg", wait) {
            Err(error) if Path::new("/dev/kvm").exists() => {
                log::warn!("{} fails with KVM, which is left out: {error}", binary.display());
                Self::ask_with(binary, "tcg", wait)
            }
            outcome => outcome,
        }
    }

    fn ask_with(binary: &Path, accelerator: &str, wait: Wait<'_>) -> Result<Self> {
        let mut session = Session::start(binary, accelerator, wait)?;
        let mut this = Self::default();
        let version = &session.greeting().version;
        this.version = version.qemu.major * 1_000_000 + version.qemu.minor * 1000 + version.qemu.micro;
        this.package.clone_from(&version.package);
        this.target = session.ask::<Target>("query-target", &Value::Null)?.arch;
        let kvm: Kvm = session.ask("query-kvm", &Value::Null)?;
        this.kvm = kvm.present && kvm.enabled;
        this.schema = Schema::from_json(session.ask("query-qmp-schema", &Value::Null)?)
            .map_err(|error| failed(binary, &error.to_string()))?;
        this.machines = machines(session.ask("query-machines", &Value::Null)?);
        let options: Vec<CommandLineOption> = session.ask("query-command-line-options", &Value::Null)?;
        this.options = options.into_iter().map(|option| (option.option, names(option.parameters))).collect();
        let migration: Vec<MigrationCapability> = session.ask("query-migrate-capabilities", &Value::Null)?;
        this.migration = migration.into_iter().map(|capability| capability.capability).collect();
        if this.schema.has("query-gic-capabilities") {
            let gic: Vec<Gic> = session.ask("query-gic-capabilities", &Value::Null)?;
            this.gic = gic.into_iter().map(Gic::into_capability).collect();
        }
        // These two are refused where the host's processor or firmware lacks them.
        if this.schema.has("query-sev-capabilities") {
            this.sev = session.ask_if_willing::<Sev>("query-sev-capabilities")?.map(Sev::into_capability);
        }
        if this.schema.has("query-sgx-capabilities") {
            this.sgx = session.ask_if_willing::<Sgx>("query-sgx-capabilities")?.map(Sgx::into_capability);
        }
        if this.kvm {
            this.kvm_cpus = cpus(session.ask("query-cpu-definitions", &Value::Null)?);
        }
        Ok(this)
    }
}

impl Parts {
    fn ask(binary: &Path, wait: Wait<'_>) -> Result<Self> {
        let mut session = Session::start(binary, "tcg", wait)?;
        let mut this = Self {
            types: names(session.ask("qom-list-types", &Value::Null)?),
            commands: names(session.ask("query-commands", &Value::Null)?),
            ..Self::default()
        };
        for name in flags::devices_to_ask(|name| this.types.contains(name)) {
            let properties = session.ask("device-list-properties", &json!({ "typename": name }))?;
            this.properties.insert(name, names(properties));
        }
        for name in flags::objects_to_ask(|name| this.types.contains(name)) {
            let properties = session.ask("qom-list-properties", &json!({ "typename": name }))?;
            this.properties.insert(name, names(properties));
        }
        if this.commands.contains("query-cpu-definitions") {
            this.cpus = cpus(session.ask("query-cpu-definitions", &Value::Null)?);
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
fn arch_of_target(target: &str) -> Option<Arch> {
    match target {
        "i386" => Some(Arch::I686),
        "arm" => Some(Arch::Armv7l),
        "hppa" => Some(Arch::Parisc),
        "or1k" => Some(Arch::Or32),
        other => Arch::from_name(other),
    }
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
#[serde(rename_all = "kebab-case")]
struct CpuDefinition {
    name: String,
    typename: Option<String>,
    unavailable_features: Option<Vec<String>>,
    #[serde(default)]
    deprecated: bool,
}

fn cpus(list: Vec<CpuDefinition>) -> Vec<CpuModel> {
    list.into_iter()
        .map(|cpu| CpuModel {
            name: cpu.name,
            type_name: cpu.typename,
            usable: cpu.unavailable_features.as_ref().map(Vec::is_empty),
            blockers: cpu.unavailable_features.unwrap_or_default(),
            deprecated: cpu.deprecated,
        })
        .collect()
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
