//! `<domainCapabilities>`: what guests of one kind can have with one emulator.

use super::document::Document;
use crate::caps::{Accelerator, AcceleratorCapabilities, Arch, Board, Capabilities, Flag, MachineType};

/// What the host adds to what the emulator can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    /// Devices of the host can be handed to guests.
    pub(super) vfio: bool,
    /// There is an emulator of TPMs.
    pub(super) swtpm: bool,
    /// There is a server for RDP.
    pub(super) rdp: bool,
    /// How many guests can have encrypted memory: without and with encrypted registers.
    pub(super) sev_guests: (u32, u32),
}

/// Which guests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind<'a> {
    pub(super) capabilities: &'a Capabilities,
    pub(super) accelerator: Accelerator,
    pub(super) machine: &'a MachineType,
    pub(super) abilities: Abilities,
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

/// The document.
pub(super) fn write(kind: Kind<'_>) -> String {
    let Kind { capabilities, accelerator, machine, .. } = kind;
    let mut document = Document::new();
    document.element("domainCapabilities", &[], |document| {
        document.text("path", &[], &capabilities.emulator);
        let domain = if accelerator == Accelerator::Tcg { "qemu" } else { accelerator.name() };
        document.text("domain", &[], domain);
        document.text("machine", &[], &machine.name);
        document.text("arch", &[], capabilities.arch.name());
        if machine.max_cpus > 0 {
            document.empty("vcpu", &[("max", &machine.max_cpus.to_string())]);
        }
        document.empty("iothreads", &[("supported", "yes")]);
        os(document);
        kind.cpu(document);
        document.element("memoryBacking", &[("supported", "yes")], |document| {
            let memfd = kind.has(Flag::MemoryBackendMemfd);
            list(document, "sourceType", &[(true, "file"), (true, "anonymous"), (memfd, "memfd")]);
        });
        document.element("devices", &[], |document| kind.devices(document));
        document.element("features", &[], |document| kind.features(document));
    });
    document.finish()
}

/// `<enum>` with the values that hold.
fn list(document: &mut Document, name: &str, values: &[(bool, &str)]) {
    document.element("enum", &[("name", name)], |document| {
        for (_, value) in values.iter().filter(|(holds, _)| *holds) {
            document.text("value", &[], value);
        }
    });
}

fn all(document: &mut Document, name: &str, values: &[&str]) {
    let values: Vec<_> = values.iter().map(|value| (true, *value)).collect();
    list(document, name, &values);
}

fn yes_no(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

fn os(document: &mut Document) {
    document.element("os", &[("supported", "yes")], |document| {
        list(document, "firmware", &[]);
        document.element("loader", &[("supported", "yes")], |document| {
            all(document, "type", &["rom", "pflash"]);
            all(document, "readonly", &["yes", "no"]);
            all(document, "secure", &["no"]);
        });
    });
}

fn mode(document: &mut Document, name: &str, supported: bool, inside: impl FnOnce(&mut Document)) {
    document.element("mode", &[("name", name), ("supported", yes_no(supported))], |document| {
        if supported {
            inside(document);
        }
    });
}

impl Kind<'_> {
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

    fn cpu(&self, document: &mut Document) {
        document.element("cpu", &[], |document| {
            let migratable = self.has(Flag::CpuMigratable);
            let host = self.accelerator != Accelerator::Tcg;
            mode(document, "host-passthrough", host, |document| {
                list(document, "hostPassthroughMigratable", &[(migratable, "on"), (true, "off")]);
            });
            mode(document, "maximum", self.has(Flag::CpuMax), |document| {
                all(document, "maximumMigratable", &["on", "off"]);
            });
            mode(document, "host-model", false, |_| {});
            let mut models: Vec<_> =
                self.under().map(|under| under.cpus.iter().collect()).unwrap_or_default();
            // "base", "host" and the versions of "max" are no models that a definition could name.
            models.retain(|model| !matches!(model.name.as_str(), "host" | "base" | "max"));
            models.sort_by(|a, b| a.name.cmp(&b.name));
            mode(document, "custom", !models.is_empty(), |document| {
                for model in models {
                    let usable = model.usable.map_or("unknown", yes_no);
                    let mut attributes = vec![("usable", usable)];
                    if model.deprecated {
                        attributes.push(("deprecated", "yes"));
                    }
                    attributes.push(("vendor", "unknown"));
                    document.text("model", &attributes, &model.name);
                    if model.usable == Some(false) && !model.blockers.is_empty() {
                        document.element("blockers", &[("model", &model.name)], |document| {
                            let mut blockers: Vec<&String> = model.blockers.iter().collect();
                            blockers.sort();
                            blockers.dedup();
                            for name in blockers {
                                document.empty("feature", &[("name", name)]);
                            }
                        });
                    }
                }
            });
        });
    }

    fn devices(&self, document: &mut Document) {
        let supported: &[(&str, &str)] = &[("supported", "yes")];
        let virtio = ["virtio", "virtio-transitional", "virtio-non-transitional"];
        let generations = if self.has(Flag::VirtioPciNonTransitional) { &virtio[..] } else { &virtio[..1] };
        let (x86, board) = (self.arch().is_x86(), self.board());
        document.element("disk", supported, |document| {
            let floppy = !board.is_pseries();
            list(
                document,
                "diskDevice",
                &[(true, "disk"), (true, "cdrom"), (floppy, "floppy"), (true, "lun")],
            );
            let buses = [
                (board.has_builtin_ide(), "ide"),
                (floppy, "fdc"),
                (true, "scsi"),
                (true, "virtio"),
                (self.has(Flag::UsbStorage), "usb"),
                (self.has(Flag::Ich9Ahci), "sata"),
            ];
            list(document, "bus", &buses);
            all(document, "model", generations);
        });
        document.element("graphics", supported, |document| {
            let kinds = [
                (self.has(Flag::Sdl), "sdl"),
                (self.has(Flag::Vnc), "vnc"),
                (self.has(Flag::DisplayDbus) && self.abilities.rdp, "rdp"),
                (self.has(Flag::Spice), "spice"),
                (self.has(Flag::EglHeadless), "egl-headless"),
                (self.has(Flag::DisplayDbus), "dbus"),
            ];
            list(document, "type", &kinds);
        });
        document.element("video", supported, |document| {
            let kinds = [
                (self.has(Flag::Vga), "vga"),
                (self.has(Flag::CirrusVga), "cirrus"),
                (self.has(Flag::VmwareSvga), "vmvga"),
                (self.has(Flag::Qxl), "qxl"),
                (self.has(Flag::VirtioGpu) || self.has(Flag::VirtioGpuCcw), "virtio"),
                (true, "none"),
                (self.has(Flag::BochsDisplay), "bochs"),
                (self.has(Flag::Ramfb), "ramfb"),
            ];
            list(document, "modelType", &kinds);
        });
        document.element("hostdev", supported, |document| {
            all(document, "mode", &["subsystem"]);
            all(document, "startupPolicy", &["default", "mandatory", "requisite", "optional"]);
            let usb = USB_CONTROLLERS.iter().any(|flag| self.has(*flag));
            list(document, "subsysType", &[(usb, "usb"), (true, "pci"), (true, "scsi")]);
            all(document, "capsType", &[]);
            let vfio = self.abilities.vfio;
            list(document, "pciBackend", &[(vfio, "default"), (vfio, "vfio")]);
        });
        document.element("rng", supported, |document| {
            all(document, "model", if self.has(Flag::VirtioRng) { generations } else { &[] });
            let backends = [
                (self.has(Flag::RngRandom), "random"),
                (self.has(Flag::RngEgd), "egd"),
                (self.has(Flag::RngBuiltin), "builtin"),
            ];
            list(document, "backendModel", &backends);
        });
        document.element("filesystem", supported, |document| {
            list(
                document,
                "driverType",
                &[(true, "path"), (true, "handle"), (self.has(Flag::VhostUserFs), "virtiofs")],
            );
        });
        self.tpm(document);
        document.element("redirdev", &[("supported", yes_no(self.has(Flag::UsbRedir)))], |document| {
            if self.has(Flag::UsbRedir) {
                all(document, "bus", &["usb"]);
            }
        });
        document.element("channel", supported, |document| {
            let spice = self.has(Flag::Spice);
            list(document, "type", &[(true, "pty"), (true, "unix"), (spice, "spicevmc")]);
        });
        document.element("crypto", supported, |document| {
            list(document, "model", &[(self.has(Flag::VirtioCrypto), "virtio")]);
            all(document, "type", &["qemu"]);
            let lkcf = self.has(Flag::CryptodevBackendLkcf);
            list(document, "backendModel", &[(true, "builtin"), (lkcf, "lkcf")]);
        });
        document.element("interface", supported, |document| {
            list(document, "backendType", &[(true, "default"), (self.has(Flag::NetdevStream), "passt")]);
        });
        let panics = [
            (x86 && self.has(Flag::Pvpanic), "isa"),
            (self.arch().is_ppc64(), "pseries"),
            (x86, "hyperv"),
            (self.arch().is_s390(), "s390"),
            (self.has(Flag::PvpanicPci), "pvpanic"),
        ];
        let panic = panics.iter().any(|(holds, _)| *holds);
        document.element("panic", &[("supported", yes_no(panic))], |document| {
            if panic {
                list(document, "model", &panics);
            }
        });
    }

    fn tpm(&self, document: &mut Document) {
        let models = [
            (self.has(Flag::TpmTis), "tpm-tis"),
            (self.has(Flag::TpmCrb), "tpm-crb"),
            (self.has(Flag::TpmSpapr), "tpm-spapr"),
            (self.has(Flag::SpaprTpmProxy), "spapr-tpm-proxy"),
        ];
        let emulator = self.has(Flag::TpmEmulator) && self.abilities.swtpm;
        let passthrough = self.has(Flag::TpmPassthrough);
        let external = self.has(Flag::TpmEmulator) && self.abilities.swtpm;
        let supported = models.iter().any(|(holds, _)| *holds) && (emulator || passthrough || external);
        document.element("tpm", &[("supported", yes_no(supported))], |document| {
            if !supported {
                return;
            }
            list(document, "model", &models);
            let backends = [(passthrough, "passthrough"), (emulator, "emulator"), (external, "external")];
            list(document, "backendModel", &backends);
            if emulator {
                all(document, "backendVersion", &["2.0"]);
            }
        });
    }

    fn features(&self, document: &mut Document) {
        let versions: Vec<String> = [2, 3]
            .into_iter()
            .filter(|version| {
                self.board().is_arm_virt()
                    && self.accelerator != Accelerator::Hvf
                    && self.capabilities.supports_gic(self.accelerator, *version)
            })
            .map(|version| version.to_string())
            .collect();
        document.element("gic", &[("supported", yes_no(!versions.is_empty()))], |document| {
            if !versions.is_empty() {
                all(document, "version", &versions.iter().map(String::as_str).collect::<Vec<_>>());
            }
        });
        let ps2 = self.arch().is_x86() && (self.has(Flag::I8042) || !self.board().is_microvm());
        let simple = [
            ("vmcoreinfo", self.has(Flag::Vmcoreinfo)),
            ("genid", self.has(Flag::Vmgenid)),
            ("backingStoreInput", true),
            ("backup", true),
            ("async-teardown", self.has(Flag::RunWithAsyncTeardown)),
        ];
        for (name, holds) in simple {
            document.empty(name, &[("supported", yes_no(holds))]);
        }
        if self.arch().is_s390() {
            document.empty("s390-pv", &[("supported", yes_no(self.has(Flag::S390PvGuest)))]);
        }
        document.empty("ps2", &[("supported", yes_no(ps2))]);
        self.sev(document);
        self.sgx(document);
        if let Some(hyperv) = self.capabilities.hyperv.as_ref().filter(|hyperv| !hyperv.is_empty()) {
            document.element("hyperv", &[("supported", "yes")], |document| {
                all(document, "features", &hyperv.iter().map(String::as_str).collect::<Vec<_>>());
            });
        }
        let security = [
            (self.capabilities.sev.is_some() && self.has(Flag::SevGuest), "sev"),
            (self.capabilities.sev.is_some() && self.has(Flag::SevSnpGuest), "sev-snp"),
            (self.has(Flag::S390PvGuest), "s390-pv"),
        ];
        let secure = security.iter().any(|(holds, _)| *holds);
        document.element("launchSecurity", &[("supported", yes_no(secure))], |document| {
            if secure {
                list(document, "sectype", &security);
            }
        });
    }

    fn sev(&self, document: &mut Document) {
        let sev = self.capabilities.sev.as_ref();
        document.element("sev", &[("supported", yes_no(sev.is_some()))], |document| {
            if let Some(sev) = sev {
                document.text("cbitpos", &[], &sev.cbitpos.to_string());
                document.text("reducedPhysBits", &[], &sev.reduced_phys_bits.to_string());
                let (guests, encrypted_state) = self.abilities.sev_guests;
                document.text("maxGuests", &[], &guests.to_string());
                document.text("maxESGuests", &[], &encrypted_state.to_string());
                if !sev.cpu0_id.is_empty() {
                    document.text("cpu0Id", &[], &sev.cpu0_id);
                }
            }
        });
    }

    fn sgx(&self, document: &mut Document) {
        let sgx = self.capabilities.sgx.as_ref();
        document.element("sgx", &[("supported", yes_no(sgx.is_some()))], |document| {
            let Some(sgx) = sgx else { return };
            document.text("flc", &[], yes_no(sgx.flc));
            document.text("sgx1", &[], yes_no(sgx.sgx1));
            document.text("sgx2", &[], yes_no(sgx.sgx2));
            document.text("section_size", &[("unit", "KiB")], &sgx.section_size_kib.to_string());
            document.element("sections", &[], |document| {
                for (node, size) in &sgx.sections {
                    let (node, size) = (node.to_string(), size.to_string());
                    document.empty("section", &[("node", &node), ("size", &size), ("unit", "KiB")]);
                }
            });
        });
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
        let abilities = Abilities { vfio: true, swtpm: true, rdp: true, sev_guests: (59, 450) };
        let ours = write(Kind { capabilities: &capabilities, accelerator, machine: &machine, abilities });
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
