//! What QEMU adds to reading a domain: defaults, addresses and checks that depend on the binary's capabilities.

mod audio;
mod cpu;
mod default_devices;
mod devices;
mod firmware;

pub use firmware::FirmwareDescription;

use virt_conf::domain::{DeviceMut, DomainHooks, Features};
use virt_conf::model::{ControllerKind, Domain};
use virt_conf::xml::ParseOptions;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::caps::{Accelerator, Board, Capabilities, Flag};
use crate::model::{accelerator_of, board_of};

/// What QEMU adds to reading a domain that one binary shall run.
#[derive(Clone, Copy, Debug)]
pub struct QemuHooks<'a> {
    caps: &'a Capabilities,
    firmwares: &'a [FirmwareDescription],
    nvram_directory: &'a str,
}

/// An error about a document that this binary cannot run.
fn unsupported(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, detail)
}

impl<'a> QemuHooks<'a> {
    /// For the binary with these capabilities.
    pub fn new(caps: &'a Capabilities) -> Self {
        Self { caps, firmwares: &[], nvram_directory: "/var/lib/libvirt/qemu/nvram" }
    }

    /// With firmware to choose from, in the order of preference, and the directory of guests' variables.
    pub fn with_firmware(self, firmwares: &'a [FirmwareDescription], nvram_directory: &'a str) -> Self {
        Self { firmwares, nvram_directory, ..self }
    }

    fn has(&self, flag: Flag) -> bool {
        self.caps.has(flag)
    }

    fn board<'d>(&self, domain: &'d Domain) -> Board<'d> {
        board_of(domain).unwrap_or(Board { arch: self.caps.arch, machine: "" })
    }

    fn accelerator(&self, domain: &Domain) -> Accelerator {
        accelerator_of(domain.kind).unwrap_or(Accelerator::Tcg)
    }

    /// The machine type, versioned; without one the binary's default.
    fn settle_machine(&self, domain: &mut Domain) -> Result<()> {
        let accelerator = self.accelerator(domain);
        let machine = match domain.os.kind.machine.take().filter(|machine| !machine.is_empty()) {
            Some(machine) => self.caps.canonical_machine(accelerator, &machine).to_owned(),
            None => {
                let default = self.caps.default_machine(accelerator).ok_or_else(|| {
                    Error::new(
                        ErrorCode::INVALID_ARG,
                        ErrorDomain::QEMU,
                        format!(
                            "could not get preferred machine for {} type={}",
                            domain.devices.emulator.as_deref().unwrap_or(&self.caps.emulator),
                            domain.kind.as_str()
                        ),
                    )
                })?;
                default.name.clone()
            }
        };
        domain.os.kind.machine = Some(machine);
        Ok(())
    }
}

impl DomainHooks for QemuHooks<'_> {
    fn features(&self) -> Features {
        Features::MEMORY_HOTPLUG
            | Features::OFFLINE_VCPUPIN
            | Features::INDIVIDUAL_VCPUS
            | Features::USER_ALIAS
            | Features::FW_AUTOSELECT
            | Features::NET_MODEL_STRING
            | Features::DISK_FD
    }

    fn host_arch(&self) -> &str {
        self.caps.arch.name()
    }

    fn namespaces(&self) -> &'static [&'static str] {
        &["qemu"]
    }

    fn domain_post_parse_basic(&self, domain: &mut Domain, _: &ParseOptions) -> Result<()> {
        domain.devices.emulator.get_or_insert_with(|| self.caps.emulator.clone());
        Ok(())
    }

    fn domain_post_parse(&self, domain: &mut Domain, options: &ParseOptions) -> Result<()> {
        if domain.bootloader.is_some() || domain.bootloader_args.is_some() {
            return Err(unsupported("bootloader is not supported by QEMU"));
        }
        self.settle_machine(domain)?;
        self.add_default_devices(domain)?;
        self.settle_firmware(domain, options)?;
        self.settle_features(domain)?;
        self.settle_cpu(domain);
        self.add_default_audio(domain);
        Ok(())
    }

    fn device_post_parse(
        &self,
        device: DeviceMut<'_>,
        domain: &Domain,
        options: &ParseOptions,
    ) -> Result<()> {
        self.settle_device(device, domain, options)
    }

    fn assign_addresses(&self, domain: &mut Domain, options: &ParseOptions) -> Result<()> {
        // The controllers of disks and channels are only known now.
        let mut controllers = std::mem::take(&mut domain.devices.controllers);
        for controller in &mut controllers {
            if matches!(controller.kind, ControllerKind::Scsi(_)) {
                self.settle_controller(controller, domain, options);
            }
        }
        domain.devices.controllers = controllers;
        crate::address::assign(domain, self.caps, options)
    }
}
