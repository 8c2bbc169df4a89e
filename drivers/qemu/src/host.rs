//! The host and what it can run.

mod capabilities;
mod domain_capabilities;
mod facts;
mod node;
mod processor;
mod smbios;
mod sysfs;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;
use virt_conf::cpu;
use virt_conf::domain::ARCHITECTURES;
use virt_conf::model::Sysinfo;
use virt_conf::xml::{FormatOptions, to_string};
use virt_core::driver::{Call, DomainCapabilitiesRequest, HostInformation, NativeConfiguration, NodeInfo};
use virt_util::{Error, ErrorCode, ErrorDomain, Result, file};

use crate::caps::{Accelerator, Arch, Board, Capabilities};
use crate::driver::Connection;
use crate::engine::StartOptions;
use crate::hooks::{FirmwareDescription, FirmwareOffer};
pub use capabilities::guest;
pub use domain_capabilities::{Abilities, Kind};
pub(crate) use facts::facts;
pub(crate) use smbios::tables as smbios_tables;
pub use sysfs::Sysfs;

/// Where emulators are looked for.
const DIRECTORIES: &[&str] = &["/usr/bin", "/usr/local/bin", "/usr/libexec"];

/// The emulator of the host's own architecture.
pub(crate) fn default_emulator() -> Result<PathBuf> {
    let architecture = node::architecture();
    emulator_of(&architecture).ok_or_else(|| {
        let sentence = format!("Cannot find suitable emulator for {architecture}");
        Error::internal(ErrorDomain::QEMU, sentence).hint(format!("install qemu-system-{architecture}"))
    })
}

/// The emulator of an architecture.
pub(crate) fn emulator_of(architecture: &str) -> Option<PathBuf> {
    let name = match architecture {
        "i686" => "i386",
        "armv7l" | "armv6l" => "arm",
        "ppc64le" => "ppc64",
        "parisc" => "hppa",
        other => other,
    };
    let named = DIRECTORIES.iter().map(|dir| Path::new(dir).join(format!("qemu-system-{name}")));
    let own = architecture == node::architecture();
    let unnamed =
        ["/usr/bin/qemu-kvm", "/usr/libexec/qemu-kvm"].into_iter().filter(|_| own).map(PathBuf::from);
    named.chain(unnamed).find(|path| path.is_file())
}

fn missing_emulator(architecture: &str) -> Error {
    let sentence = format!("unable to find any emulator to serve '{architecture}' architecture");
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::QEMU, sentence)
}

fn bad_argument(sentence: String) -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::QEMU, sentence)
}

impl Connection {
    /// What every installed emulator can do, by the name of its architecture. One that cannot be asked is left out.
    fn emulators(&self, call: &Call) -> Vec<Arc<Capabilities>> {
        let installed = Arch::ALL.iter().filter_map(|arch| emulator_of(arch.name()).map(|path| (arch, path)));
        let mut found: Vec<Arc<Capabilities>> = Vec::new();
        for (arch, path) in installed {
            match self.engine.probes.capabilities(&path, call.wait()) {
                Ok(capabilities) if capabilities.arch == *arch => found.push(capabilities),
                // Several architectures share a binary; it is listed under the one that it names.
                Ok(_) => {}
                Err(error) => log::warn!("'{}' is left out of the capabilities: {error}", path.display()),
            }
        }
        found.sort_by_key(|capabilities| capabilities.arch.name());
        found
    }

    /// The host's identity: the firmware's, or one that is made once.
    fn host_uuid(&self) -> Result<Uuid> {
        let firmware = std::fs::read_to_string("/sys/class/dmi/id/product_uuid").ok();
        let firmware = firmware.and_then(|text| Uuid::try_parse(text.trim()).ok());
        if let Some(uuid) = firmware.filter(|uuid| !uuid.is_nil() && !uuid.is_max()) {
            return Ok(uuid);
        }
        let lib = self.engine.store.root().lib();
        let stored = file::read_if_present(lib, "host-uuid", 64)?;
        if let Some(uuid) = stored.and_then(|text| Uuid::try_parse_ascii(text.trim_ascii()).ok()) {
            return Ok(uuid);
        }
        let uuid = Uuid::new_v4();
        file::write(lib, "host-uuid", 0o600, format!("{uuid}\n").as_bytes())?;
        Ok(uuid)
    }
}

impl HostInformation for Connection {
    fn capabilities(&self, call: &Call) -> Result<String> {
        let user = self.engine.user.as_ref().map_or_else(
            || (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()),
            |user| (user.uid, user.gid),
        );
        let host = node::host(self.host_uuid()?, user)?;
        let emulators = self.emulators(call);
        Ok(capabilities::document(host, &emulators).to_string())
    }

    fn domain_capabilities(&self, call: &Call, request: DomainCapabilitiesRequest) -> Result<String> {
        let architecture = request.architecture.as_deref();
        if let Some(name) = architecture.filter(|name| Arch::from_name(name).is_none()) {
            return Err(bad_argument(format!("unknown architecture '{name}'")));
        }
        let emulator = match &request.emulator {
            Some(path) => PathBuf::from(path),
            None => match architecture {
                Some(name) => emulator_of(name).ok_or_else(|| missing_emulator(name))?,
                None => default_emulator()?,
            },
        };
        // The answer is about processors under the accelerator that was asked for, which is nearly always said.
        let named = request.virtualization.as_deref().and_then(accelerator_named);
        let probes = &self.engine.probes;
        let capabilities = match named {
            Some(named) => probes.with_processors(&emulator, named, call.wait())?,
            None => probes.capabilities(&emulator, call.wait())?,
        };
        let arch = capabilities.arch.name();
        if let Some(wanted) = architecture.filter(|wanted| *wanted != arch) {
            let sentence =
                format!("architecture from emulator '{arch}' doesn't match given architecture '{wanted}'");
            return Err(bad_argument(sentence));
        }
        let accelerator = accelerator(&capabilities, request.virtualization.as_deref())?;
        let capabilities = match named {
            Some(_) => capabilities,
            None => probes.with_processors(&emulator, accelerator, call.wait())?,
        };
        let machine = match &request.machine {
            Some(name) => capabilities.machine(accelerator, name),
            None => capabilities.default_machine(accelerator),
        };
        let machine = machine.ok_or_else(|| {
            let name = request.machine.as_deref().unwrap_or_default();
            bad_argument(format!(
                "the machine '{name}' is not supported by emulator '{}'",
                emulator.display()
            ))
        })?;
        let swtpm = ["/usr/bin/swtpm", "/usr/local/bin/swtpm"].iter().any(|path| Path::new(path).exists());
        let board = Board { arch: capabilities.arch, machine: &machine.name };
        let abilities = Abilities {
            vfio: Path::new("/dev/vfio/vfio").exists()
                && std::fs::read_dir("/sys/kernel/iommu_groups")
                    .is_ok_and(|mut groups| groups.next().is_some()),
            tpm_versions: if swtpm { vec!["2.0".to_owned()] } else { Vec::new() },
            rdp: Path::new("/usr/bin/qemu-rdp").exists(),
            sev_guests: sev_guests(),
            processor: facts().processor,
            address_bits: node::address_bits(),
            firmware: FirmwareOffer::of(&firmwares(), board),
        };
        let kind = Kind { capabilities: &capabilities, accelerator, machine, abilities: &abilities };
        Ok(kind.document().to_string())
    }

    fn node_info(&self, _call: &Call) -> Result<NodeInfo> {
        node::info()
    }

    fn free_memory(&self, _call: &Call) -> Result<u64> {
        node::free_memory()
    }

    fn maximum_vcpus(&self, call: &Call, virtualization: Option<String>) -> Result<u32> {
        let capabilities = self.engine.probes.capabilities(&default_emulator()?, call.wait())?;
        let accelerator = match virtualization.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("kvm") => Accelerator::Kvm,
            None | Some("qemu") => Accelerator::Tcg,
            Some(other) => return Err(bad_argument(format!("unknown type '{other}'"))),
        };
        Ok(capabilities.default_machine(accelerator).map_or(0, |machine| machine.max_cpus))
    }

    fn cpu_models(&self, _call: &Call, architecture: String) -> Result<Vec<String>> {
        if !ARCHITECTURES.contains(&architecture.as_str()) {
            return Err(bad_argument(format!("cannot find architecture {architecture}")));
        }
        let models = cpu::models(&architecture)?.unwrap_or_default();
        Ok(models.into_iter().map(str::to_owned).collect())
    }

    fn system_information(&self, call: &Call) -> Result<String> {
        let tables = Sysinfo::Smbios(Box::new(smbios_tables(call.wait())?));
        Ok(to_string(&tables, FormatOptions::default()))
    }
}

/// What executes the instructions of guests of this type; the best there is for none.
fn accelerator(capabilities: &Capabilities, virtualization: Option<&str>) -> Result<Accelerator> {
    let name = match virtualization {
        None if capabilities.kvm.is_some() => return Ok(Accelerator::Kvm),
        None => return Ok(Accelerator::Tcg),
        Some(name) => name,
    };
    let accelerator =
        accelerator_named(name).ok_or_else(|| bad_argument(format!("unknown virttype: {name}")))?;
    if capabilities.under(accelerator).is_none() {
        let sentence =
            format!("the accel '{name}' is not supported by '{}' on this host", capabilities.emulator);
        return Err(bad_argument(sentence));
    }
    Ok(accelerator)
}

/// What executes the instructions of guests of the type `name`.
fn accelerator_named(name: &str) -> Option<Accelerator> {
    match name {
        "qemu" => Some(Accelerator::Tcg),
        "kvm" => Some(Accelerator::Kvm),
        "hvf" => Some(Accelerator::Hvf),
        _ => None,
    }
}

/// The descriptions of firmware that are installed, by their files' names; one in /etc takes the place of that which the
/// distribution brings under the same name.
fn firmwares() -> Vec<FirmwareDescription> {
    let mut files = std::collections::BTreeMap::new();
    for directory in ["/usr/share/qemu/firmware", "/etc/qemu/firmware"] {
        let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(std::result::Result::ok);
        let json = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "json"));
        files.extend(json.map(|entry| (entry.file_name(), entry.path())));
    }
    let read = |path: &PathBuf| FirmwareDescription::from_json(&std::fs::read_to_string(path).ok()?).ok();
    files.values().filter_map(read).collect()
}

/// How many guests the processor can encrypt the memory of: without and with their registers.
fn sev_guests() -> (u32, u32) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::__cpuid;
        const SEV: u32 = 0x8000_001f;
        if __cpuid(0x8000_0000).eax >= SEV {
            let sev = __cpuid(SEV);
            // Address space identifiers below edx are for guests with encrypted registers.
            return ((sev.ecx + 1).saturating_sub(sev.edx), sev.edx.saturating_sub(1));
        }
    }
    (0, 0)
}

impl NativeConfiguration for Connection {
    fn xml_to_native(&self, call: &Call, format: String, xml: String) -> Result<String> {
        if format != "qemu-argv" {
            return Err(bad_argument(format!("unsupported config type {format}")));
        }
        let domain = self.parse(call, &xml, false)?;
        self.engine
            .prepare(domain, None, StartOptions::default(), call.wait())
            .map(|prepared| prepared.line.to_shell())
    }

    fn xml_from_native(&self, _call: &Call, format: String, _configuration: String) -> Result<String> {
        // libvirt gave this up as well: no command line of today can be read back.
        Err(Error::new(
            ErrorCode::NO_SUPPORT,
            ErrorDomain::QEMU,
            format!("virConnectDomainXMLFromNative (format {format})"),
        ))
    }
}
