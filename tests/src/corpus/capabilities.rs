//! Documents of capabilities: what a host is, and what its guests can have.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use virt_conf::model::capabilities::{
    CapabilitiesCpu, HostCapabilities, HostCells, HostPages, HostTopology, MigrationFeatures, PageSize,
    PowerManagement,
};
use virt_conf::model::{
    Capabilities, Cpu, CpuDocument, CpuModel, DomainCapabilities, Kib, NumaDistances, StoragePoolCapabilities,
};
use virt_conf::xml::ParseOptions;
use virt_driver_qemu::caps::{Accelerator, Board};
use virt_driver_qemu::hooks::FirmwareOffer;
use virt_driver_qemu::host::{self, Abilities, Sysfs};

use super::document::Document;
use super::qemu::{firmwares, from_cache};
use super::{Case, Kind, Outcome, equal_text};

/// `capabilities`
pub(super) struct HostKind;

impl Kind for HostKind {
    fn name(&self) -> &'static str {
        "capabilities"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        if case.expectation != "output" {
            return Capabilities::run(case);
        }
        let archive = case.inputs().into_iter().next().context("the case has no input")?;
        let ours = if archive.extension().is_some_and(|end| end == "gz") {
            match of_tree(case, &archive)? {
                Some(ours) => ours,
                None => return Ok(Outcome::Skipped("the tree of another archive is missing")),
            }
        } else {
            of_emulator(case)?
        };
        Ok(equal_text("", &case.expected_text()?, &ours.to_string()))
    }
}

/// What every document of libvirt's tests begins with.
fn bare_host(architecture: &str) -> HostCapabilities {
    HostCapabilities {
        cpu: CapabilitiesCpu { architecture: architecture.to_owned(), ..CapabilitiesCpu::default() },
        power_management: Some(PowerManagement::default()),
        iommu: Some(false),
        ..HostCapabilities::default()
    }
}

/// libvirt's test knows of the emulator what its flags say, and so of no machine.
fn of_emulator(case: &Case<'_>) -> Result<Capabilities> {
    let mut emulator = from_cache(&case.input()?)?;
    for under in [&mut emulator.kvm, &mut emulator.hvf, &mut emulator.tcg].into_iter().flatten() {
        under.machines.clear();
    }
    let guest = host::guest(&emulator);
    Ok(Capabilities { host: bare_host(&guest.arch.name), guests: vec![guest] })
}

/// The host whose tree is in an archive. libvirt's tests make its memory up: a page of each size is worth 2048 times its
/// place, more on later nodes.
fn of_tree(case: &Case<'_>, archive: &Path) -> Result<Option<Capabilities>> {
    let directory = tempfile::tempdir()?;
    let Some(root) = unpack(case, archive, directory.path())? else { return Ok(None) };
    let tree = Sysfs { system: root.join("system"), resctrl: root.join("resctrl") };
    let mut cells = tree.cells(&[]);
    for (cell, at) in cells.iter_mut().zip(1..) {
        cell.memory = Some(Kib(at << 20));
        let sizes = [4, 2048, 1_048_576].into_iter().zip(at..);
        let pages =
            sizes.map(|(size, factor)| HostPages { size: PageSize(size), count: Some(factor * 2048) });
        cell.pages = pages.collect();
        cell.distances = NumaDistances::default();
    }
    let banks = tree.cache_banks();
    let (offline, live) = (case.params.is("offlineMigrate", "true"), case.params.is("liveMigrate", "true"));
    let migration = MigrationFeatures { live, ..MigrationFeatures::default() };
    let host = HostCapabilities {
        migration_features: offline.then_some(migration),
        topology: Some(HostTopology { cells: HostCells::from(cells), ..HostTopology::default() }),
        memory_bandwidth: tree.memory_bandwidth(&banks),
        cache: tree.caches(banks),
        ..bare_host(case.params.value("arch").context("the case names no architecture")?)
    };
    Ok(Some(Capabilities { host, guests: Vec::new() }))
}

/// Unpacks an archive, and those that its links lead into; where the tree is, unless one of them is missing.
fn unpack(case: &Case<'_>, archive: &Path, directory: &Path) -> Result<Option<PathBuf>> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.trim_end_matches(".tar.gz").to_owned();
    // As in libvirt's own tree, so that links between the two directories lead where they should.
    let here = directory.join("vircaps2xmldata");
    let places = [
        (here.clone(), archive.parent().map(Path::to_owned).unwrap_or_default()),
        (directory.join("virhostcpudata"), case.shared("host/virhostcpudata")),
    ];
    let tar = |archive: &Path, into: &Path| -> Result<()> {
        std::fs::create_dir_all(into)?;
        let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(into).status()?;
        ensure!(status.success(), "cannot unpack {}", archive.display());
        Ok(())
    };
    tar(archive, &here)?;
    let root = here.join(&name);
    for link in ["system", "system/cpu", "system/node", "resctrl"].map(|path| root.join(path)) {
        let Ok(target) = std::fs::read_link(&link) else { continue };
        let words: Vec<_> = target.components().map(|word| word.as_os_str().to_string_lossy()).collect();
        for (into, from) in &places {
            let known = words.iter().map(|word| from.join(format!("{word}.tar.gz")));
            for other in known.filter(|other| other.is_file()) {
                tar(&other, into)?;
            }
        }
        if !link.exists() {
            return Ok(None);
        }
    }
    Ok(Some(root))
}

/// `domcapabilities`
pub(super) struct DomainKind;

impl Kind for DomainKind {
    fn name(&self) -> &'static str {
        "domcapabilities"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        if case.expectation != "output" {
            return DomainCapabilities::run(case);
        }
        let emulator = from_cache(&case.input()?)?;
        let wanted = case.params.value("machine_or_type");
        let accelerator = match wanted {
            Some("tcg") => Accelerator::Tcg,
            Some("hvf") => Accelerator::Hvf,
            _ => Accelerator::Kvm,
        };
        // libvirt's test asks for KVM of binaries that only emulate, too: those have the machines of emulation.
        let under = emulator.under(accelerator).map_or(Accelerator::Tcg, |_| accelerator);
        let machine = match wanted {
            None | Some("tcg" | "hvf") => emulator.default_machine(under),
            Some(name) => emulator.machine(under, name),
        };
        let mut machine = machine.cloned().unwrap_or_default();
        if under != accelerator {
            // How many processors KVM would take is nothing that such a binary says.
            machine.max_cpus = 0;
        }
        let board = Board { arch: emulator.arch, machine: &machine.name };
        let mut firmware = FirmwareOffer::of(&firmwares(case)?, board);
        // libvirt's test puts names of its own in the place of the images'.
        firmware.images = ["1", "2"].map(|name| format!("/obviously/fake/firmware{name}.fd")).to_vec();
        let versions: &[&str] = if emulator.version < 7_000_000 { &["1.2", "2.0"] } else { &["2.0"] };
        let abilities = Abilities {
            vfio: true,
            tpm_versions: versions.iter().map(|version| (*version).to_owned()).collect(),
            rdp: true,
            sev_guests: (59, 450),
            processor: emulator.arch.is_ppc64().then(power8),
            address_bits: Some(64),
            firmware,
        };
        let kind =
            host::Kind { capabilities: &emulator, accelerator, machine: &machine, abilities: &abilities };
        Ok(equal_text("", &case.expected_text()?, &kind.document().to_string()))
    }
}

/// The host of libvirt's tests of POWER.
fn power8() -> Cpu {
    let model = CpuModel { name: "POWER8".to_owned(), ..CpuModel::default() };
    Cpu { model: Some(model), ..Cpu::default() }
}

macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl Document for $kind {
            fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
                Self::from_xml(text, options)
            }

            fn write(self, _: &Case<'_>) -> String {
                self.to_string()
            }
        }
    )*};
}

plain!(Capabilities, DomainCapabilities, StoragePoolCapabilities, CpuDocument);
