//! Checks of character devices, smart cards and redirected devices.

use super::{internal, refuse_if, unsupported};
use crate::model::{
    Channel, ChannelTarget, CharSocketMode, CharSource, Controller, ControllerKind, DeviceAddress, Domain,
    Reconnect, RedirectedDevice, Rng, RngBackend, Smartcard, SmartcardKind,
};
use crate::xml::{Error, ErrorCode, ErrorDomain, Result, Within};

impl Domain {
    pub(super) fn validate_channel(&self, channel: &Channel) -> Result<()> {
        // The hypervisor's driver makes up paths of channels.
        let path_optional = !matches!(channel.target, ChannelTarget::GuestFwd(_));
        self.validate_source(&channel.source, path_optional)
    }

    pub(super) fn validate_redirected(&self, device: &RedirectedDevice) -> Result<()> {
        let usb = |controller: &Controller| matches!(controller.kind, ControllerKind::Usb(_));
        let no_usb = self.devices.usb_disabled() || !self.devices.controllers.iter().any(usb);
        refuse_if(no_usb, || {
            unsupported("cannot add redirected USB device: USB is disabled for this domain")
        })?;
        self.validate_source(&device.source, false)
    }

    pub(super) fn validate_smartcard(&self, card: &Smartcard) -> Result<()> {
        let placed = matches!(card.info.address, None | Some(DeviceAddress::Ccid(_)));
        refuse_if(!placed, || {
            unsupported("Controllers must use the 'ccid' address type").within("address/@type")
        })?;
        match &card.card {
            SmartcardKind::Passthrough(passthrough) => self.validate_source(&passthrough.source, false),
            SmartcardKind::Host | SmartcardKind::HostCertificates(_) => Ok(()),
        }
    }

    pub(super) fn validate_rng(&self, rng: &Rng) -> Result<()> {
        match &rng.backend {
            RngBackend::Egd(egd) => self.validate_source(&egd.source, false).within("backend"),
            RngBackend::Random(_) | RngBackend::Builtin => Ok(()),
        }
    }

    pub(super) fn validate_source(&self, source: &CharSource, path_optional: bool) -> Result<()> {
        validate_source(source, path_optional)?;
        self.validate_labels(source.seclabels())
    }
}

fn validate_source(source: &CharSource, path_optional: bool) -> Result<()> {
    let missing =
        |what: &str| internal(format!("Missing source {what} attribute for char device")).within("source");
    match source {
        CharSource::File(_) | CharSource::Dev(_) | CharSource::Pipe(_) => {
            refuse_if(source.path().is_none(), || missing("path"))
        }
        CharSource::Unix(unix) => {
            refuse_if(unix.path.is_none() && !path_optional, || missing("path"))?;
            validate_reconnect(unix.mode.unwrap_or_default(), unix.reconnect.as_ref())
        }
        CharSource::Nmdm(nmdm) => refuse_if(nmdm.master.is_none() != nmdm.slave.is_none(), || {
            internal("Should define both master and slave path attributes for nmdm device").within("source")
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
                return Err(unsupported("Missing source channel attribute for char device").within("source"));
            };
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            refuse_if(!channel.chars().all(known), || {
                let detail = "Invalid character in source channel for char device";
                Error::new(ErrorCode::INVALID_ARG, ErrorDomain::DOMAIN, detail).within("source/@channel")
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
    let said = reconnect.is_some_and(|reconnect| reconnect.enabled.is_some());
    refuse_if(said && mode == CharSocketMode::Bind, || {
        internal("chardev reconnect is possible only for connect mode").within("source/reconnect")
    })
}
