//! Character devices, smart cards, random numbers and redirected devices.

use virt_conf::model::{
    CharSource, CharTcpProtocol, ConsoleTargetType, DeviceAddress, Domain, Parallel, Reconnect,
    RedirectedDevice, Rng, RngBackend, Serial, SerialTarget, SerialTargetModel, SerialTargetType, Smartcard,
    SmartcardKind, VirtioModel,
};
use virt_conf::xml::Within;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{QemuHooks, first_fault, has_spice, internal, refuse_if, unsupported};
use crate::caps::{Board, Flag};

impl QemuHooks<'_> {
    pub(super) fn check_source(&self, source: &CharSource, domain: &Domain) -> Result<()> {
        match source {
            CharSource::Tcp(tcp) => {
                let protocol = tcp.protocol;
                let plain = matches!(protocol, CharTcpProtocol::Raw | CharTcpProtocol::Telnet);
                refuse_if(!plain, "protocol/@type", || {
                    format!("tcp chardev protocol '{protocol}' not supported")
                })?;
                check_reconnect(tcp.socket.reconnect.as_ref())
            }
            CharSource::Unix(unix) => check_reconnect(unix.reconnect.as_ref()),
            CharSource::QemuVdagent(_) => refuse_if(!self.has(Flag::ChardevQemuVdagent), "@type", || {
                format!("chardev '{}' not supported in this QEMU binary", source.tag())
            }),
            CharSource::SpiceVmc | CharSource::SpicePort(_) => refuse_if(!has_spice(domain), "@type", || {
                format!("chardev '{}' not supported without spice graphics", source.tag())
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn check_parallel(&self, parallel: &Parallel, domain: &Domain) -> Result<()> {
        self.check_source(&parallel.source, domain)?;
        let board = self.board(domain);
        refuse_if(board.arch.is_s390() || board.is_pseries(), "@type", || "parallel ports are not supported")
    }

    pub(super) fn check_serial(&self, serial: &Serial, domain: &Domain) -> Result<()> {
        self.check_source(&serial.source, domain)?;
        check_target(&serial.target, serial.info.address.as_ref())?;
        let target = &serial.target;
        let debug = target.kind == Some(SerialTargetType::IsaDebug);
        refuse_if(
            debug && !self.board(domain).arch.is_x86(),
            "target/@type",
            || "isa-debug serial type only valid on x86 architecture",
        )?;
        if target.kind == Some(SerialTargetType::SystemSerial) && target.model.is_none() {
            return Err(internal("Invalid target model for serial device").within("target"));
        }
        refuse_if(!board_has(self.board(domain), target), "target", || {
            format!(
                "Serial device with target type '{}' and target model '{}' not compatible with guest architecture or machine type",
                target.kind.unwrap_or(SerialTargetType::None),
                target.model.unwrap_or(SerialTargetModel::None)
            )
        })
    }

    pub(super) fn check_consoles(&self, domain: &Domain) -> Result<()> {
        for (at, console) in domain.devices.consoles.iter().enumerate() {
            let outcome =
                match console.target.kind {
                    None | Some(ConsoleTargetType::Virtio | ConsoleTargetType::Serial) => Ok(()),
                    Some(ConsoleTargetType::Sclp) => refuse_if(
                        !self.has(Flag::S390Sclp),
                        "target/@type",
                        || "sclpconsole is not supported in this QEMU binary",
                    ),
                    Some(ConsoleTargetType::SclpLm) => refuse_if(
                        !self.has(Flag::Sclplmconsole),
                        "target/@type",
                        || "sclplmconsole is not supported in this QEMU binary",
                    ),
                    Some(other) => Err(unsupported(format!("unsupported console target type {other}"))
                        .within("target/@type")),
                };
            outcome.within_nth("console", at)?;
        }
        Ok(())
    }

    pub(super) fn check_smartcard(&self, card: &Smartcard, domain: &Domain) -> Result<()> {
        let first = matches!(
            card.info.address,
            Some(DeviceAddress::Ccid(place)) if place.controller == 0 && place.slot == 0
        );
        refuse_if(
            domain.devices.smartcards.len() > 1 || !first,
            "address",
            || "this QEMU binary lacks multiple smartcard support",
        )?;
        match &card.card {
            SmartcardKind::Host | SmartcardKind::HostCertificates(_) => refuse_if(
                !self.has(Flag::CcidEmulated),
                "@mode",
                || "this QEMU binary lacks smartcard host mode support",
            ),
            SmartcardKind::Passthrough(passthrough) => {
                refuse_if(
                    !self.has(Flag::CcidPassthru),
                    "@mode",
                    || "this QEMU binary lacks smartcard passthrough mode support",
                )?;
                self.check_source(&passthrough.source, domain)
            }
        }
    }

    pub(super) fn check_rng(&self, rng: &Rng, domain: &Domain) -> Result<()> {
        let way = "backend/@model";
        match &rng.backend {
            RngBackend::Random(_) => refuse_if(
                !self.has(Flag::RngRandom),
                way,
                || "this qemu doesn't support the rng-random backend",
            ),
            RngBackend::Egd(egd) => {
                refuse_if(!self.has(Flag::RngEgd), way, || "this qemu doesn't support the rng-egd backend")?;
                self.check_source(&egd.source, domain).within("backend")
            }
            RngBackend::Builtin => refuse_if(
                !self.has(Flag::RngBuiltin),
                way,
                || "this qemu doesn't support the rng-builtin backend",
            ),
        }?;
        let model = rng.model;
        let known = self.has(Flag::VirtioRng)
            && (model == VirtioModel::Virtio || self.has(Flag::VirtioPciNonTransitional));
        refuse_if(!known, "@model", || format!("domain configuration does not support rng model '{model}'"))
    }

    pub(super) fn check_redirected(&self, device: &RedirectedDevice, domain: &Domain) -> Result<()> {
        self.check_source(&device.source, domain)?;
        let filtered =
            domain.devices.redirection_filter.as_ref().is_some_and(|filter| !filter.rules.is_empty());
        first_fault(&[
            (!self.has(Flag::UsbRedir), "@bus", "USB redirection is not supported by this version of QEMU"),
            (
                self.lacks(filtered, Flag::UsbRedirFilter),
                "@bus",
                "USB redirection filter is not supported by this version of QEMU",
            ),
        ])
    }
}

fn check_reconnect(reconnect: Option<&Reconnect>) -> Result<()> {
    let never = reconnect.is_some_and(|again| again.enabled == Some(true) && again.timeout == Some(0));
    if never {
        let detail = "chardev reconnect source timeout cannot be '0'";
        return Err(
            Error::new(ErrorCode::INVALID_ARG, ErrorDomain::QEMU, detail).within("source/reconnect/@timeout")
        );
    }
    Ok(())
}

/// A port sits on the bus of its type, and its model is one of its type.
fn check_target(target: &SerialTarget, address: Option<&DeviceAddress>) -> Result<()> {
    use SerialTargetType as Type;
    let Some(kind) = target.kind else { return Ok(()) };
    let bus = match kind {
        Type::IsaSerial | Type::IsaDebug => Some("isa"),
        Type::UsbSerial => Some("usb"),
        Type::PciSerial => Some("pci"),
        Type::SpaprVioSerial => Some("spapr-vio"),
        Type::SystemSerial | Type::SclpSerial | Type::None => None,
    };
    match (bus, address) {
        (Some(bus), Some(address)) => refuse_if(address.tag() != bus, "address/@type", || {
            format!("Target type '{kind}' requires address type '{bus}'")
        })?,
        (None, Some(_)) => refuse_if(kind != Type::None, "address", || {
            format!("Target type '{kind}' cannot have an associated address")
        })?,
        (_, None) => {}
    }
    let Some(model) = target.model else { return Ok(()) };
    let wanted = match model {
        SerialTargetModel::None => return Ok(()),
        SerialTargetModel::IsaSerial => Type::IsaSerial,
        SerialTargetModel::UsbSerial => Type::UsbSerial,
        SerialTargetModel::PciSerial => Type::PciSerial,
        SerialTargetModel::SpaprVty => Type::SpaprVioSerial,
        SerialTargetModel::Pl011 | SerialTargetModel::Ns16550a => Type::SystemSerial,
        SerialTargetModel::SclpConsole | SerialTargetModel::SclpLmConsole => Type::SclpSerial,
        SerialTargetModel::IsaDebugcon => Type::IsaDebug,
    };
    refuse_if(kind != wanted, "target/model", || {
        format!("Target model '{model}' requires target type '{wanted}'")
    })
}

/// Whether the board has ports of that kind.
fn board_has(board: Board<'_>, target: &SerialTarget) -> bool {
    use SerialTargetModel::{Ns16550a, Pl011, SclpConsole, SclpLmConsole, SpaprVty};
    use SerialTargetType::{SclpSerial, SpaprVioSerial, SystemSerial};
    let system = match target.model {
        Some(Pl011) => board.is_arm_virt(),
        Some(Ns16550a) => board.is_loongarch_virt() || board.is_riscv_virt(),
        _ => true,
    };
    if target.kind == Some(SystemSerial) && !system {
        return false;
    }
    let power = target.kind == Some(SpaprVioSerial) || target.model == Some(SpaprVty);
    let mainframe =
        target.kind == Some(SclpSerial) || matches!(target.model, Some(SclpConsole | SclpLmConsole));
    (!power || board.is_pseries()) && (!mainframe || board.arch.is_s390())
}
