//! What QEMU adds to reading a domain: defaults, addresses and checks that depend on the binary's capabilities.

mod audio;
mod cpu;
mod default_devices;
mod devices;
mod firmware;
mod numa;
mod restore;
mod sockets;
mod validate;

pub use audio::HostAudio;
pub use firmware::{FirmwareDescription, FirmwareOffer};
pub(crate) use validate::check_disk_format;

use virt_conf::domain::{DeviceMut, DeviceRef, DomainHooks, Features};
use virt_conf::model::{ControllerKind, Domain, PciSlot, Switch, VcpuState};
use virt_conf::xml::{ParseFlags, ParseOptions, Within};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::caps::{Accelerator, Board, Capabilities, Flag};
use crate::model::{accelerator_of, board_of};

/// What QEMU adds to reading a domain that one binary shall run.
#[derive(Clone, Copy, Debug)]
pub struct QemuHooks<'a> {
    caps: &'a Capabilities,
    /// Nothing: those that are installed.
    firmwares: Option<&'a [FirmwareDescription]>,
    nvram_directory: &'a str,
    iommu_group: fn(PciSlot) -> Option<u32>,
    audio: Option<&'a HostAudio>,
}

/// The group of the host's IOMMU that the kernel put the device into.
fn host_iommu_group(at: PciSlot) -> Option<u32> {
    let link = std::fs::read_link(format!("/sys/bus/pci/devices/{at}/iommu_group")).ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

/// An error about a document that this binary cannot run.
fn unsupported(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, detail)
}

impl<'a> QemuHooks<'a> {
    /// For the binary with these capabilities, with the firmware that is installed: its descriptions are read when a
    /// document asks for firmware.
    pub fn new(caps: &'a Capabilities) -> Self {
        Self {
            caps,
            firmwares: None,
            nvram_directory: "/var/lib/libvirt/qemu/nvram",
            iommu_group: host_iommu_group,
            audio: None,
        }
    }

    /// With guests that play on the host.
    #[must_use]
    pub fn with_audio(self, audio: &'a HostAudio) -> Self {
        Self { audio: Some(audio), ..self }
    }

    /// With another way to learn which group of the host's IOMMU a device belongs to.
    #[must_use]
    pub fn with_iommu_groups(self, iommu_group: fn(PciSlot) -> Option<u32>) -> Self {
        Self { iommu_group, ..self }
    }

    /// With firmware to choose from, in the order of preference, and the directory of guests' variables.
    pub fn with_firmware(self, firmwares: &'a [FirmwareDescription], nvram_directory: &'a str) -> Self {
        Self { firmwares: Some(firmwares), nvram_directory, ..self }
    }

    /// With another directory of guests' variables.
    pub fn with_nvram_directory(self, nvram_directory: &'a str) -> Self {
        Self { nvram_directory, ..self }
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

    /// Memory that only firmware may touch comes in MiB, on one board.
    fn check_tseg(&self, domain: &Domain) -> Result<()> {
        let tseg = domain.features.smm.filter(|smm| smm.state == Switch::On).and_then(|smm| smm.tseg);
        let Some(tseg) = tseg else { return Ok(()) };
        if !self.board(domain).is_q35() {
            return Err(unsupported("SMM TSEG is only supported with q35 machine type"));
        }
        if !self.has(Flag::MchExtendedTsegMbytes) {
            return Err(unsupported("Setting TSEG size is not supported with this QEMU binary"));
        }
        if !tseg.0.is_multiple_of(1024 * 1024) {
            return Err(unsupported("SMM TSEG size must be divisible by 1 MiB"));
        }
        Ok(())
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

/// Processors are switched on in order, those that stay before those that may go.
fn check_vcpu_order(domain: &Domain) -> Result<()> {
    let states = &domain.vcpus.list;
    let Some(first) = states.first() else { return Ok(()) };
    if !first.enabled {
        return Err(unsupported("vcpu 0 can't be offline"));
    }
    if first.hotpluggable == Some(true) {
        return Err(unsupported("vcpu0 can't be hotpluggable"));
    }
    if first.order.is_some_and(|order| order > 1) {
        return Err(unsupported("vcpu0 must be enabled first"));
    }
    let ordered = |state: &VcpuState| state.order.is_some_and(|order| order != 0);
    for pair in states.windows(2) {
        let [before, state] = pair else { continue };
        if state.enabled && ordered(state) != ordered(first) {
            return Err(unsupported("all vcpus must have either set or unset order"));
        }
        if state.hotpluggable != Some(false) {
            continue;
        }
        if before.hotpluggable == Some(true) {
            return Err(unsupported(
                "online non-hotpluggable vcpus need to be ordered prior to hotpluggable vcpus",
            ));
        }
        if before.order.unwrap_or(0) > state.order.unwrap_or(0) {
            return Err(unsupported("online non-hotpluggable vcpus must be ordered in ascending order"));
        }
    }
    Ok(())
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

    fn default_security_model(&self) -> Option<&str> {
        Some("none")
    }

    fn domain_post_parse_basic(&self, domain: &mut Domain, _: &ParseOptions) -> Result<()> {
        domain.devices.emulator.get_or_insert_with(|| self.caps.emulator.clone());
        Ok(())
    }

    fn domain_post_parse(&self, domain: &mut Domain, options: &ParseOptions) -> Result<()> {
        self.settle_machine(domain)?;
        self.add_default_devices(domain)?;
        self.settle_firmware(domain, options)?;
        let abi_update = options.flags.contains(ParseFlags::ABI_UPDATE);
        self.settle_features(domain, abi_update)?;
        if abi_update {
            self.settle_many_processors(domain);
        }
        self.settle_remapping(domain);
        self.settle_numa(domain, abi_update);
        if options.flags.contains(ParseFlags::INACTIVE) {
            sockets::forget_generated(domain);
        }
        self.settle_cpu(domain);
        self.add_default_audio(domain);
        self.check_tseg(domain).within("features/smm/tseg")?;
        check_vcpu_order(domain).within("vcpus")
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
        crate::address::assign(domain, self.caps, &self.iommu_group, options)
    }

    fn validate(&self, domain: &Domain, _: &ParseOptions) -> Result<()> {
        self.check_domain(domain)
    }

    fn validate_device(&self, device: DeviceRef<'_>, domain: &Domain, _: &ParseOptions) -> Result<()> {
        self.check_device(device, domain)
    }
}
