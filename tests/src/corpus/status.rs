//! What drivers write for themselves and for each other: status documents, and what hosts tell each other.

use anyhow::Result;
use uuid::Uuid;
use virt_conf::model::{DomainStatus, MigrationCookie};
use virt_driver_qemu::caps::{Arch, Capabilities, Flag};
use virt_driver_qemu::hooks::QemuHooks;

use super::qemu::paths;
use super::{Case, Kind, Outcome, equal_text};

/// `domain-status`
pub(super) struct Status;

impl Kind for Status {
    fn name(&self) -> &'static str {
        "domain-status"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let input = case.input()?;
        let read = DomainStatus::parse(&input).and_then(|mut status| {
            let caps = as_noted(&status);
            status.complete(&QemuHooks::new(&caps))?;
            Ok(status)
        });
        let mut status = match read {
            Ok(status) => status,
            Err(error) => return Ok(Outcome::Failed(format!("refused: {error:#}\n"))),
        };
        let id = status.domain.id.unwrap_or_default();
        let backing = paths(&status.domain).memory_backing;
        let name: String = status.domain.name.chars().take(20).collect();
        status.qemu.memory_backing_dir.get_or_insert_with(|| format!("{backing}/{id}-{name}"));
        Ok(equal_text(&input, &case.expected_text()?, &status.to_xml()))
    }
}

/// What the emulator can do as far as the document says: its flags, and nothing of machines and processors.
fn as_noted(status: &DomainStatus) -> Capabilities {
    let arch = status.domain.os.kind.arch.as_deref().and_then(Arch::from_name).unwrap_or(Arch::X86_64);
    let noted = status.qemu.capabilities.iter().flat_map(|noted| &noted.flags);
    Capabilities {
        emulator: status.domain.devices.emulator.clone().unwrap_or_default(),
        version: 0,
        package: String::new(),
        microcode_version: 0,
        arch,
        flags: noted.filter_map(|flag| Flag::from_name(&flag.name)).collect(),
        kvm: None,
        hvf: None,
        tcg: None,
        gic: Vec::new(),
        sev: None,
        sgx: None,
        hyperv: None,
    }
}

/// `qemu-migcookie`
pub(super) struct Cookie;

impl Kind for Cookie {
    fn name(&self) -> &'static str {
        "qemu-migcookie"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let input = case.input()?;
        let mut cookie = match MigrationCookie::from_xml(&input) {
            Ok(cookie) => cookie,
            Err(error) => return Ok(Outcome::Failed(format!("refused: {error:#}\n"))),
        };
        // libvirt's test writes it as the host of its tests would, which asks for nothing.
        "hostname".clone_into(&mut cookie.hostname);
        cookie.host_uuid = Uuid::from_u128(0x4a80_2f00_4cba_5df6_9679_a08c_4c5b_577f);
        cookie.features.clear();
        cookie.allow_reboot = None;
        Ok(equal_text(&input, &case.expected_text()?, &cookie.to_xml()))
    }
}
