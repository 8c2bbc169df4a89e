//! Starting and stopping guests.

use std::os::fd::OwnedFd;

use uuid::Uuid;
use virt_core::driver::{
    Call, DestroyDomain, DomainIdentity, Lifecycle, RebootDomain, ShutdownDomain, StartDomain,
};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Connection;
use super::domains::identity;
use crate::engine::StartOptions;

/// The flags of a start that make sense here.
const START: StartDomain = StartDomain::PAUSED
    .union(StartDomain::AUTODESTROY)
    .union(StartDomain::BYPASS_CACHE)
    .union(StartDomain::FORCE_BOOT)
    .union(StartDomain::VALIDATE)
    .union(StartDomain::RESET_NVRAM);

/// How `flags` say to start.
pub(super) fn options_of(flags: StartDomain, function: &str) -> Result<StartOptions> {
    flags.only(START, function)?;
    Ok(StartOptions {
        paused: flags.contains(StartDomain::PAUSED),
        bound: flags.contains(StartDomain::AUTODESTROY),
        reset_nvram: flags.contains(StartDomain::RESET_NVRAM),
        ..StartOptions::default()
    })
}

fn options(files: &[OwnedFd], flags: StartDomain, function: &str) -> Result<StartOptions> {
    let options = options_of(flags, function)?;
    if !files.is_empty() {
        let detail = "a guest of QEMU has no process that could inherit files";
        return Err(Error::new(ErrorCode::ARGUMENT_UNSUPPORTED, ErrorDomain::QEMU, detail));
    }
    Ok(options)
}

/// The sentence for a way to the guest that is not there.
fn unsupported_way(what: &str) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, what)
}

impl Lifecycle for Connection {
    fn create(
        &self,
        call: &Call,
        domain: Uuid,
        files: Vec<OwnedFd>,
        flags: StartDomain,
    ) -> Result<DomainIdentity> {
        let options = options(&files, flags, "qemuDomainCreateWithFlags")?;
        self.engine.start(domain, options, call.wait()).map(|entry| identity(&entry))
    }

    fn create_xml(
        &self,
        call: &Call,
        xml: String,
        files: Vec<OwnedFd>,
        flags: StartDomain,
    ) -> Result<DomainIdentity> {
        let options = options(&files, flags, "qemuDomainCreateXML")?;
        let domain = self.parse(call, &xml, flags.contains(StartDomain::VALIDATE))?;
        self.engine.store.check_unique(&domain)?;
        self.engine.start_transient(domain, options, call.wait()).map(|entry| identity(&entry))
    }

    fn shutdown(&self, call: &Call, domain: Uuid, flags: ShutdownDomain) -> Result<()> {
        flags.only(
            ShutdownDomain::ACPI_POWER_BUTTON | ShutdownDomain::GUEST_AGENT,
            "qemuDomainShutdownFlags",
        )?;
        if flags == ShutdownDomain::GUEST_AGENT {
            return Err(unsupported_way("QEMU guest agent is not configured"));
        }
        self.engine.power_down(domain, false, call.wait())
    }

    fn reboot(&self, call: &Call, domain: Uuid, flags: RebootDomain) -> Result<()> {
        flags.only(RebootDomain::ACPI_POWER_BUTTON | RebootDomain::GUEST_AGENT, "qemuDomainReboot")?;
        if flags == RebootDomain::GUEST_AGENT {
            return Err(unsupported_way("QEMU guest agent is not configured"));
        }
        self.engine.power_down(domain, true, call.wait())
    }

    fn reset(&self, call: &Call, domain: Uuid) -> Result<()> {
        self.engine.reset(domain, call.wait())
    }

    fn destroy(&self, call: &Call, domain: Uuid, flags: DestroyDomain) -> Result<()> {
        flags.only(DestroyDomain::GRACEFUL | DestroyDomain::REMOVE_LOGS, "qemuDomainDestroyFlags")?;
        let name = self.engine.store.by_uuid(domain)?.name.clone();
        self.engine.destroy(domain, flags.contains(DestroyDomain::GRACEFUL), call.wait())?;
        if flags.contains(DestroyDomain::REMOVE_LOGS) {
            self.engine.store.root().log().remove_file(&format!("{name}.log"))?;
        }
        Ok(())
    }

    fn suspend(&self, call: &Call, domain: Uuid) -> Result<()> {
        self.engine.suspend(domain, call.wait())
    }

    fn resume(&self, call: &Call, domain: Uuid) -> Result<()> {
        self.engine.resume(domain, call.wait())
    }

    fn autostart(&self, call: &Call, domain: Uuid) -> Result<bool> {
        self.entry(call, domain).map(|entry| entry.autostart)
    }

    fn set_autostart(&self, call: &Call, domain: Uuid, autostart: bool) -> Result<()> {
        let store = &self.engine.store;
        let mut lock = store.index().lock("a guest's autostart", call.wait())?;
        let entry = store.by_uuid(domain)?;
        store.set_autostart(&mut lock, &entry, autostart)
    }
}
