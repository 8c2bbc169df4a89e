//! `<domainCapabilities>`: what guests of one kind can have with one emulator.

use virt_conf::cpu;
use virt_conf::cpu_map::CpuMap;
use virt_conf::model::domain_capabilities::{
    Capability, Choice, CpuCapabilities, CpuModeCapability, CpuModeSupport, CpuUsable, CustomSupport,
    DeviceCapabilities, FeatureCapabilities, HostModelSupport, HypervCapability, HypervChoices, NamedModel,
    NamedModelEntry, NamedModels, OsCapabilities, OsChoices, SevCapability, SevDetails, SgxCapability,
    SgxDetails, SgxSection, SgxSectionSize, SgxSections,
};
use virt_conf::model::{
    Cpu, CpuFallback, CpuMaxPhysAddr, CpuMaxPhysAddrMode, DomainCapabilities, DomainType, Kib,
};

use crate::caps::{
    Accelerator, AcceleratorCapabilities, Arch, Board, Capabilities, Flag, MachineType, feature_name_of_qemu,
};
use crate::hooks::FirmwareOffer;

/// What the host adds to what the emulator can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Devices of the host can be handed to guests.
    pub vfio: bool,
    /// The versions of TPMs that can be emulated, `2.0`; empty without an emulator.
    pub tpm_versions: Vec<String>,
    /// There is a server for RDP.
    pub rdp: bool,
    /// How many guests can have encrypted memory: without and with encrypted registers.
    pub sev_guests: (u32, u32),
    /// The host's processor as a named model, for emulators that do not say what it is.
    pub processor: Option<Cpu>,
    /// The bits of a physical address on the host.
    pub address_bits: Option<u32>,
    /// The firmware that is installed for the machine.
    pub firmware: FirmwareOffer,
}

/// Which guests.
#[derive(Clone, Copy, Debug)]
pub struct Kind<'a> {
    /// What the emulator can do.
    pub capabilities: &'a Capabilities,
    /// What executes the guest's instructions.
    pub accelerator: Accelerator,
    /// The guest's machine.
    pub machine: &'a MachineType,
    /// What the host adds.
    pub abilities: &'a Abilities,
}

/// Any of these gives a guest a USB bus.
const USB_CONTROLLERS: &[Flag] = &[
    Flag::Piix3UsbUhci,
    Flag::Piix4UsbUhci,
    Flag::UsbEhci,
    Flag::Ich9UsbEhci1,
    Flag::Vt82c686bUsbUhci,
    Flag::PciOhci,
    Flag::NecUsbXhci,
    Flag::QemuXhci,
];

/// A list of the values that hold.
fn list<'a>(name: &'a str, values: &[(bool, &'a str)]) -> (&'a str, Vec<&'a str>) {
    (name, values.iter().filter(|(holds, _)| *holds).map(|(_, value)| *value).collect())
}

fn all<'a>(name: &'a str, values: &[&'a str]) -> (&'a str, Vec<&'a str>) {
    (name, values.to_vec())
}

/// Supported, with these lists, where any value holds.
fn if_any(name: &str, values: &[(bool, &str)]) -> Capability {
    if values.iter().any(|(holds, _)| *holds) {
        Capability::with([list(name, values)])
    } else {
        Capability::No
    }
}

impl Kind<'_> {
    /// What guests of this kind can have here, as `<domainCapabilities>` tells it.
    #[must_use]
    pub fn document(&self) -> DomainCapabilities {
        let Self { capabilities, accelerator, machine, .. } = self;
        DomainCapabilities {
            path: Some(capabilities.emulator.clone()),
            domain_type: match accelerator {
                Accelerator::Kvm => DomainType::Kvm,
                Accelerator::Hvf => DomainType::Hvf,
                Accelerator::Tcg => DomainType::Qemu,
            },
            machine: Some(machine.name.clone()),
            arch: capabilities.arch.name().to_owned(),
            max_vcpus: Some(machine.max_cpus).filter(|most| *most > 0),
            iothreads: Some(Capability::from_bool(true)),
            os: Some(self.os()),
            cpu: Some(self.cpu()),
            memory_backing: Some(Capability::with([list(
                "sourceType",
                &[(true, "file"), (true, "anonymous"), (self.has(Flag::MemoryBackendMemfd), "memfd")],
            )])),
            devices: self.devices(),
            features: self.features(),
        }
    }

    fn has(&self, flag: Flag) -> bool {
        self.capabilities.has(flag)
    }

    fn arch(&self) -> Arch {
        self.capabilities.arch
    }

    fn board(&self) -> Board<'_> {
        Board { arch: self.arch(), machine: &self.machine.name }
    }

    fn under(&self) -> Option<&AcceleratorCapabilities> {
        self.capabilities.under(self.accelerator)
    }

    fn os(&self) -> OsCapabilities {
        let firmware = &self.abilities.firmware;
        let lists = [
            all("type", &["rom", "pflash"]),
            all("readonly", &["yes", "no"]),
            list("secure", &[(firmware.secure, "yes"), (true, "no")]),
        ];
        let (name, kinds) = list("firmware", &[(firmware.bios, "bios"), (firmware.efi, "efi")]);
        let mut loader = Capability::with(lists);
        if let Capability::Yes(choices) = &mut loader {
            choices.values = Choice::new("", firmware.images.iter().map(String::as_str)).values;
        }
        OsCapabilities::Yes(OsChoices {
            lists: vec![Choice::new(name, kinds)],
            loader: Some(loader),
            ..OsChoices::default()
        })
    }

    fn cpu(&self) -> CpuCapabilities {
        let support = |supported: bool, (name, values): (&str, Vec<&str>)| CpuModeSupport {
            supported,
            lists: if supported { vec![Choice::new(name, values)] } else { Vec::new() },
        };
        let migratable = self.has(Flag::CpuMigratable);
        let switch = [(migratable, "on"), (true, "off")];
        CpuCapabilities {
            modes: vec![
                CpuModeCapability::HostPassthrough(support(
                    self.accelerator != Accelerator::Tcg,
                    list("hostPassthroughMigratable", &switch),
                )),
                CpuModeCapability::Maximum(support(
                    self.has(Flag::CpuMax),
                    all("maximumMigratable", &["on", "off"]),
                )),
                CpuModeCapability::HostModel(self.host_model()),
                CpuModeCapability::Custom(self.named_models()),
            ],
        }
    }

    /// The model that comes closest to the host's processor.
    fn host_model(&self) -> HostModelSupport {
        let host = self.abilities.processor.as_ref();
        let Some(mut cpu) = self.capabilities.host_model(self.accelerator, false, host) else {
            return HostModelSupport::default();
        };
        let told = self.under().is_some_and(|under| under.host_cpu.is_some());
        if let (false, Some(model)) = (told, &mut cpu.model) {
            model.fallback = Some(CpuFallback::Allow);
        }
        // Emulation is not bound to the host's width, and s390 has none to choose.
        let bound = self.accelerator != Accelerator::Tcg && !self.arch().is_s390();
        let max_phys_addr = self.abilities.address_bits.filter(|_| bound).map(|bits| CpuMaxPhysAddr {
            mode: CpuMaxPhysAddrMode::Passthrough,
            bits: None,
            limit: Some(bits),
        });
        HostModelSupport {
            supported: true,
            model: cpu.model,
            vendor: cpu.vendor,
            max_phys_addr,
            features: cpu.features,
        }
    }

    fn named_models(&self) -> CustomSupport {
        let mut models: Vec<_> = self.under().map(|under| under.cpus.iter().collect()).unwrap_or_default();
        models.retain(|model| self.knows(&model.name));
        models.sort_by(|a, b| a.name.cmp(&b.name));
        let list = models.into_iter().map(|model| {
            let names = model.blockers.iter().map(|name| feature_name_of_qemu(self.arch(), name).to_owned());
            let mut blockers: Vec<String> = names.collect();
            blockers.sort();
            blockers.dedup();
            let canonical = if self.arch().is_x86() { CpuMap::x86().canonical(&model.name) } else { None };
            NamedModel {
                model: NamedModelEntry {
                    usable: match model.usable {
                        Some(true) => CpuUsable::Yes,
                        Some(false) => CpuUsable::No,
                        None => CpuUsable::Unknown,
                    },
                    deprecated: model.deprecated,
                    vendor: Some(
                        cpu::vendor_of(self.arch().name(), &model.name).unwrap_or("unknown").to_owned(),
                    ),
                    canonical: canonical.map(str::to_owned),
                    name: model.name.clone(),
                },
                blockers: if model.usable == Some(false) { blockers } else { Vec::new() },
            }
        });
        let list: Vec<_> = list.collect();
        CustomSupport { supported: !list.is_empty(), models: NamedModels { list } }
    }

    /// Whether a definition can name the model: of x86 and POWER those that a host's processor can be compared with.
    fn knows(&self, model: &str) -> bool {
        match cpu::models(self.arch().name()) {
            Ok(Some(known)) => known.contains(&model),
            _ => model != "host",
        }
    }

    fn devices(&self) -> DeviceCapabilities {
        let virtio = ["virtio", "virtio-transitional", "virtio-non-transitional"];
        let generations = if self.has(Flag::VirtioPciNonTransitional) { &virtio[..] } else { &virtio[..1] };
        DeviceCapabilities {
            disk: Some(self.disk(generations)),
            graphics: Some(self.graphics()),
            video: Some(self.video()),
            hostdev: Some(self.hostdev()),
            rng: Some(Capability::with([
                all("model", if self.has(Flag::VirtioRng) { generations } else { &[] }),
                list(
                    "backendModel",
                    &[
                        (self.has(Flag::RngRandom), "random"),
                        (self.has(Flag::RngEgd), "egd"),
                        (self.has(Flag::RngBuiltin), "builtin"),
                    ],
                ),
            ])),
            filesystem: Some(Capability::with([list(
                "driverType",
                &[(true, "path"), (true, "handle"), (self.has(Flag::VhostUserFs), "virtiofs")],
            )])),
            tpm: Some(self.tpm()),
            redirdev: Some(if_any("bus", &[(self.has(Flag::UsbRedir), "usb")])),
            channel: Some(Capability::with([list(
                "type",
                &[(true, "pty"), (true, "unix"), (self.has(Flag::Spice), "spicevmc")],
            )])),
            crypto: Some(Capability::with([
                list("model", &[(self.has(Flag::VirtioCrypto), "virtio")]),
                all("type", &["qemu"]),
                list("backendModel", &[(true, "builtin"), (self.has(Flag::CryptodevBackendLkcf), "lkcf")]),
            ])),
            interface: Some(Capability::with([list(
                "backendType",
                &[(true, "default"), (self.has(Flag::NetdevStream), "passt")],
            )])),
            panic: Some(if_any(
                "model",
                &[
                    (self.arch().is_x86() && self.has(Flag::Pvpanic), "isa"),
                    (self.arch().is_ppc64(), "pseries"),
                    (self.arch().is_x86(), "hyperv"),
                    (self.arch().is_s390(), "s390"),
                    (self.has(Flag::PvpanicPci), "pvpanic"),
                ],
            )),
            console: None,
        }
    }

    fn disk(&self, generations: &[&str]) -> Capability {
        let board = self.board();
        let floppy = !board.is_pseries();
        Capability::with([
            list("diskDevice", &[(true, "disk"), (true, "cdrom"), (floppy, "floppy"), (true, "lun")]),
            list(
                "bus",
                &[
                    (board.has_builtin_ide(), "ide"),
                    (floppy, "fdc"),
                    (true, "scsi"),
                    (true, "virtio"),
                    (self.has(Flag::UsbStorage), "usb"),
                    (self.has(Flag::Ich9Ahci), "sata"),
                ],
            ),
            all("model", generations),
        ])
    }

    fn graphics(&self) -> Capability {
        let dbus = self.has(Flag::DisplayDbus);
        Capability::with([list(
            "type",
            &[
                (self.has(Flag::Sdl), "sdl"),
                (self.has(Flag::Vnc), "vnc"),
                (dbus && self.abilities.rdp, "rdp"),
                (self.has(Flag::Spice), "spice"),
                (self.has(Flag::EglHeadless), "egl-headless"),
                (dbus, "dbus"),
            ],
        )])
    }

    fn video(&self) -> Capability {
        Capability::with([list(
            "modelType",
            &[
                (self.has(Flag::Vga), "vga"),
                (self.has(Flag::CirrusVga), "cirrus"),
                (self.has(Flag::VmwareSvga), "vmvga"),
                (self.has(Flag::Qxl), "qxl"),
                (self.has(Flag::VirtioGpu) || self.has(Flag::VirtioGpuCcw), "virtio"),
                (true, "none"),
                (self.has(Flag::BochsDisplay), "bochs"),
                (self.has(Flag::Ramfb), "ramfb"),
            ],
        )])
    }

    fn hostdev(&self) -> Capability {
        let usb = USB_CONTROLLERS.iter().any(|flag| self.has(*flag));
        let vfio = self.abilities.vfio;
        Capability::with([
            all("mode", &["subsystem"]),
            all("startupPolicy", &["default", "mandatory", "requisite", "optional"]),
            list("subsysType", &[(usb, "usb"), (true, "pci"), (true, "scsi")]),
            all("capsType", &[]),
            list("pciBackend", &[(vfio, "default"), (vfio, "vfio")]),
        ])
    }

    fn tpm(&self) -> Capability {
        let models = [
            (self.has(Flag::TpmTis), "tpm-tis"),
            (self.has(Flag::TpmCrb), "tpm-crb"),
            (self.has(Flag::TpmSpapr), "tpm-spapr"),
            (self.has(Flag::SpaprTpmProxy), "spapr-tpm-proxy"),
        ];
        let versions = &self.abilities.tpm_versions;
        let emulator = self.has(Flag::TpmEmulator) && !versions.is_empty();
        let passthrough = self.has(Flag::TpmPassthrough);
        if !(models.iter().any(|(holds, _)| *holds) && (emulator || passthrough)) {
            return Capability::No;
        }
        let backends = [(passthrough, "passthrough"), (emulator, "emulator"), (emulator, "external")];
        let mut lists = vec![list("model", &models), list("backendModel", &backends)];
        if emulator {
            lists.push(("backendVersion", versions.iter().map(String::as_str).collect()));
        }
        Capability::with(lists)
    }

    fn features(&self) -> FeatureCapabilities {
        let flag = |holds: bool| Some(Capability::from_bool(holds));
        let gic = |version: u32| {
            self.board().is_arm_virt()
                && self.accelerator != Accelerator::Hvf
                && self.capabilities.supports_gic(self.accelerator, version)
        };
        let ps2 = self.arch().is_x86() && (self.has(Flag::I8042) || !self.board().is_microvm());
        let hyperv = self.capabilities.hyperv.as_ref().filter(|hyperv| !hyperv.is_empty());
        let hyperv = hyperv.map(|names| {
            let lists = vec![Choice::new("features", names.iter().map(String::as_str))];
            HypervCapability::Yes(HypervChoices { lists, defaults: None })
        });
        FeatureCapabilities {
            gic: Some(if_any("version", &[(gic(2), "2"), (gic(3), "3")])),
            vmcoreinfo: flag(self.has(Flag::Vmcoreinfo)),
            genid: flag(self.has(Flag::Vmgenid)),
            backing_store_input: flag(true),
            backup: flag(true),
            async_teardown: flag(self.has(Flag::RunWithAsyncTeardown)),
            s390_pv: flag(self.has(Flag::S390PvGuest)).filter(|_| self.arch().is_s390()),
            ps2: flag(ps2),
            tdx: None,
            sev: Some(self.sev()),
            sgx: Some(self.sgx()),
            hyperv,
            launch_security: Some(if_any(
                "sectype",
                &[
                    (self.capabilities.sev.is_some() && self.has(Flag::SevGuest), "sev"),
                    (self.capabilities.sev.is_some() && self.has(Flag::SevSnpGuest), "sev-snp"),
                    (self.has(Flag::S390PvGuest), "s390-pv"),
                ],
            )),
        }
    }

    fn sev(&self) -> SevCapability {
        let Some(sev) = &self.capabilities.sev else { return SevCapability::No };
        let (guests, encrypted_state) = self.abilities.sev_guests;
        SevCapability::Yes(SevDetails {
            cbitpos: sev.cbitpos,
            reduced_phys_bits: sev.reduced_phys_bits,
            max_guests: Some(guests),
            max_es_guests: Some(encrypted_state),
            cpu0_id: Some(sev.cpu0_id.clone()).filter(|id| !id.is_empty()),
        })
    }

    fn sgx(&self) -> SgxCapability {
        let Some(sgx) = &self.capabilities.sgx else { return SgxCapability::No };
        let section = |(node, size): &(u32, u64)| SgxSection { node: *node, size: SgxSectionSize(*size) };
        SgxCapability::Yes(SgxDetails {
            flc: sgx.flc,
            sgx1: sgx.sgx1,
            sgx2: sgx.sgx2,
            section_size: Kib(sgx.section_size_kib),
            sections: Some(SgxSections { list: sgx.sections.iter().map(section).collect() }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything behind the processors, which depend on the host, against what libvirt's own tests expect.
    #[test]
    fn what_libvirt_expects_of_other_binaries() {
        let Some(corpus) = std::env::var_os("VIRT_CORPUS").map(std::path::PathBuf::from) else {
            println!("skipped: VIRT_CORPUS does not name the corpus");
            return;
        };
        let mut compared = 0;
        let mut differing = String::new();
        for file in std::fs::read_dir(corpus.join("domcapabilities/domaincapsdata")).expect("readable") {
            let file = file.expect("readable").path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // qemu_10.0.0-q35.x86_64+amdsev.xml
            let Some(rest) = name.strip_prefix("qemu_").and_then(|rest| rest.strip_suffix(".xml")) else {
                continue;
            };
            let Some((version, arch)) = rest.rsplit_once('.') else { continue };
            let release = version.split('-').next().unwrap_or_default();
            let cache = corpus.join(format!("fixtures/qemucapabilitiesdata/caps_{release}_{arch}.xml"));
            let Ok(cache) = std::fs::read_to_string(cache) else { continue };
            let expected = std::fs::read_to_string(&file).expect("readable");
            compared += 1;
            differing += &difference(&name, &cache, &expected);
        }
        assert!(compared > 10, "{compared}");
        // The versions of emulated TPMs are those that the host's swtpm_setup has.
        expect_test::expect![[r"
            qemu_6.2.0.ppc64.xml
            -         <value>1.2</value>
        "]]
        .assert_eq(&differing);
    }

    /// The lines that only one of the two has.
    fn difference(name: &str, cache: &str, expected: &str) -> String {
        let capabilities = Capabilities::from_cache_xml(cache).expect("a cache");
        let text =
            |name: &str| expected.split_once(&format!("<{name}>"))?.1.split_once('<').map(|(text, _)| text);
        let accelerator = match text("domain") {
            Some("kvm") => Accelerator::Kvm,
            Some("hvf") => Accelerator::Hvf,
            _ => Accelerator::Tcg,
        };
        let machine = capabilities.machine(accelerator, text("machine").unwrap_or_default()).cloned();
        let machine = machine.unwrap_or_default();
        let abilities = Abilities {
            vfio: true,
            tpm_versions: vec!["2.0".to_owned()],
            rdp: true,
            sev_guests: (59, 450),
            ..Abilities::default()
        };
        let kind =
            Kind { capabilities: &capabilities, accelerator, machine: &machine, abilities: &abilities };
        let ours = kind.document().to_string();
        let tail = |text: &str| text.split_once("  </cpu>\n").unwrap_or_default().1.to_owned();
        let (ours, expected) = (tail(&ours), tail(expected));
        if ours == expected {
            return String::new();
        }
        let only = |sign: &str, of: &str, other: &str| -> String {
            let missing = of.lines().filter(|line| !other.lines().any(|known| known == *line));
            missing.map(|line| format!("{sign} {line}\n")).collect()
        };
        format!("{name}\n{}{}", only("-", &expected, &ours), only("+", &ours, &expected))
    }
}
