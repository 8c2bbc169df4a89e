//! Checks of character devices, smart cards and redirected devices.

use super::{internal, refuse_if, unsupported};
use crate::model::{
    CharSocketMode, CharSource, ConsoleTargetType, DeviceAddress, Domain, Reconnect, RedirectedDevice, Rng,
    RngBackend, Smartcard, SmartcardKind,
};
use crate::xml::{Error, ErrorCode, ErrorDomain, Result};

impl Domain {
    pub(super) fn validate_character_devices(&self) -> Result<()> {
        let devices = &self.devices;
        devices.serials.iter().try_for_each(|device| validate_source(&device.source, false))?;
        devices.parallels.iter().try_for_each(|device| validate_source(&device.source, false))?;
        // The hypervisor's driver makes up paths of channels.
        devices.channels.iter().try_for_each(|device| validate_source(&device.source, true))?;
        devices.consoles.iter().try_for_each(|device| validate_source(&device.source, false))?;
        let serial = Some(ConsoleTargetType::Serial);
        let late = devices.consoles.iter().skip(1).any(|console| console.target.kind == serial);
        refuse_if(late && self.os.kind.name == "hvm", || {
            unsupported("Only the first console can be a serial port")
        })
    }

    pub(super) fn validate_redirected(&self, device: &RedirectedDevice) -> Result<()> {
        refuse_if(self.devices.usb_disabled(), || {
            unsupported("cannot add redirected USB device: USB is disabled for this domain")
        })?;
        validate_source(&device.source, false)
    }
}

pub(super) fn validate_smartcard(card: &Smartcard) -> Result<()> {
    if let SmartcardKind::Passthrough(passthrough) = &card.card {
        validate_source(&passthrough.source, false)?;
    }
    let placed = matches!(card.info.address, None | Some(DeviceAddress::Ccid(_)));
    refuse_if(!placed, || unsupported("Controllers must use the 'ccid' address type"))
}

pub(super) fn validate_rng(rng: &Rng) -> Result<()> {
    match &rng.backend {
        RngBackend::Egd(egd) => validate_source(&egd.source, false),
        RngBackend::Random(_) | RngBackend::Builtin => Ok(()),
    }
}

fn validate_source(source: &CharSource, path_optional: bool) -> Result<()> {
    let missing = |what: &str| internal(format!("Missing source {what} attribute for char device"));
    match source {
        CharSource::File(_) | CharSource::Dev(_) | CharSource::Pipe(_) => {
            refuse_if(source.path().is_none(), || missing("path"))
        }
        CharSource::Unix(unix) => {
            refuse_if(unix.path.is_none() && !path_optional, || missing("path"))?;
            validate_reconnect(unix.mode.unwrap_or_default(), unix.reconnect.as_ref())
        }
        CharSource::Nmdm(nmdm) => refuse_if(nmdm.master.is_none() != nmdm.slave.is_none(), || {
            internal("Should define both master and slave path attributes for nmdm device")
        }),
        CharSource::Tcp(tcp) => {
            refuse_if(tcp.socket.host.is_none(), || missing("host"))?;
            refuse_if(tcp.socket.service.is_none(), || missing("service"))?;
            validate_reconnect(tcp.socket.mode, tcp.socket.reconnect.as_ref())
        }
        CharSource::Udp(udp) => {
            let service = udp.connect().and_then(|end| end.service.as_ref());
            refuse_if(service.is_none(), || missing("service"))
        }
        CharSource::SpicePort(port) | CharSource::Dbus(port) => {
            let Some(channel) = &port.channel else {
                return Err(unsupported("Missing source channel attribute for char device"));
            };
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            refuse_if(!channel.chars().all(known), || {
                let detail = "Invalid character in source channel for char device";
                Error::new(ErrorCode::INVALID_ARG, ErrorDomain::DOMAIN, detail)
            })
        }
        CharSource::Null
        | CharSource::Vc
        | CharSource::Pty(_)
        | CharSource::Stdio
        | CharSource::SpiceVmc
        | CharSource::QemuVdagent(_) => Ok(()),
    }
}

fn validate_reconnect(mode: CharSocketMode, reconnect: Option<&Reconnect>) -> Result<()> {
    let again = reconnect.is_some_and(|reconnect| reconnect.enabled == Some(true));
    refuse_if(again && mode == CharSocketMode::Bind, || {
        internal("chardev reconnect is possible only for connect mode")
    })
}
