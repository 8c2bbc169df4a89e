//! What looks after the guest: watchdogs, panic devices, balloons, its own memories.

use virt_conf::model::{
    DeviceAddress, Domain, MemoryBalloon, MemoryBalloonModel, NvramDevice, Panic, PanicModel,
    PersistentStore, Watchdog, WatchdogModel,
};
use virt_conf::xml::Within;
use virt_util::Result;

use super::{QemuHooks, first_fault, refuse_if, unsupported, wrong};
use crate::caps::Flag;

impl QemuHooks<'_> {
    pub(super) fn check_watchdog(&self, watchdog: &Watchdog, domain: &Domain) -> Result<()> {
        let board = self.board(domain);
        let model = watchdog.model;
        // QEMU does one thing, whichever watchdog fires.
        let other = domain.devices.watchdogs.first().is_some_and(|first| first.action != watchdog.action);
        refuse_if(
            other,
            "@action",
            || "watchdogs with different actions are not supported with this QEMU binary",
        )?;
        let address = watchdog.info.address.as_ref();
        let fault = match model {
            WatchdogModel::I6300Esb if !matches!(address, None | Some(DeviceAddress::Pci(_))) => {
                "can go only on PCI bus"
            }
            WatchdogModel::Ib700 if !board.is_i440fx() => "cannot be used with this machine type",
            WatchdogModel::Ib700 if address.is_some() => "does not support configuring the address",
            WatchdogModel::Diag288 if address.is_some() => "is virtual and cannot go on any bus.",
            WatchdogModel::Diag288 if !board.arch.is_s390() => "is allowed for s390 and s390x only",
            WatchdogModel::Itco if address.is_some() => {
                "is part of the machine and cannot have any address set."
            }
            WatchdogModel::Itco if !board.is_q35() => "is only part of q35 machine",
            _ => return Ok(()),
        };
        Err(unsupported(format!("{model} model of watchdog {fault}")).within("@model"))
    }

    pub(super) fn check_panics(&self, domain: &Domain) -> Result<()> {
        for (at, panic) in domain.devices.panics.iter().enumerate() {
            self.check_panic(panic, domain).within_nth("panic", at)?;
        }
        Ok(())
    }

    fn check_panic(&self, panic: &Panic, domain: &Domain) -> Result<()> {
        let board = self.board(domain);
        let address = panic.info.address.as_ref();
        let model = panic.model.unwrap_or(PanicModel::Default);
        let only = match model {
            PanicModel::S390 if !board.arch.is_s390() => Some("S390"),
            PanicModel::Hyperv if !board.arch.is_x86() => Some("i686 and x86_64"),
            PanicModel::Pseries if !board.is_pseries() => Some("pSeries"),
            _ => None,
        };
        if let Some(only) = only {
            return Err(unsupported(format!("only {only} guests support panic device of model '{model}'"))
                .within("@model"));
        }
        match model {
            PanicModel::S390 | PanicModel::Hyperv | PanicModel::Pseries => {
                refuse_if(address.is_some(), "address", || {
                    format!("setting the panic device address is not supported for model '{model}'")
                })
            }
            PanicModel::Isa => first_fault(&[
                (!self.has(Flag::Pvpanic), "@model", "the QEMU binary does not support the ISA panic device"),
                (
                    !matches!(address, None | Some(DeviceAddress::Isa(_))),
                    "address/@type",
                    "panic is supported only with ISA address type",
                ),
            ]),
            PanicModel::Pvpanic => first_fault(&[
                (
                    !self.has(Flag::PvpanicPci),
                    "@model",
                    "the QEMU binary does not support the PCI pvpanic device",
                ),
                (
                    !matches!(address, Some(DeviceAddress::Pci(_))),
                    "address/@type",
                    "pvpanic is supported only with PCI address type",
                ),
            ]),
            PanicModel::Default => Err(unsupported(
                "no panic model provided, and no default for the architecture and machine type",
            )),
        }
    }

    pub(super) fn check_balloon(&self, balloon: &MemoryBalloon) -> Result<()> {
        let model = balloon.model;
        if model == MemoryBalloonModel::None {
            return Ok(());
        }
        refuse_if(model == MemoryBalloonModel::Xen, "@model", || {
            format!("Memory balloon device type '{model}' is not supported by this version of qemu")
        })?;
        first_fault(&[
            (
                self.lacks(balloon.autodeflate.is_some(), Flag::VirtioBalloonPciDeflateOnOom),
                "@autodeflate",
                "deflate-on-oom is not supported by this QEMU binary",
            ),
            (
                self.lacks(balloon.free_page_reporting.is_some(), Flag::VirtioBalloonFreePageReporting),
                "@freePageReporting",
                "freePageReporting is not supported by this QEMU binary",
            ),
        ])
    }

    pub(super) fn check_nvram(&self, nvram: &NvramDevice, domain: &Domain) -> Result<()> {
        refuse_if(!self.board(domain).is_pseries(), "", || "nvram device is only supported for PPC64")?;
        refuse_if(!self.has(Flag::Nvram), "", || "nvram device is not supported by this QEMU binary")?;
        match &nvram.info.address {
            Some(DeviceAddress::SpaprVio(address)) if address.reg.is_some() => Ok(()),
            _ => Err(wrong("nvram address type must be spaprvio").within("address")),
        }
    }

    pub(super) fn check_pstore(&self, store: &PersistentStore) -> Result<()> {
        first_fault(&[
            (!self.has(Flag::AcpiErst), "@backend", "acpi-erst backend of pstore device is not supported"),
            (
                !matches!(store.info.address, None | Some(DeviceAddress::Pci(_))),
                "address/@type",
                "ACPI ERST device must reside on a PCI bus",
            ),
        ])
    }
}
