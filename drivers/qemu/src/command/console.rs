//! Serial and parallel ports, channels and consoles: the guest's end of character devices.

use virt_conf::model::{
    Channel, ChannelTarget, Console, ConsoleTargetType, DeviceAddress, DeviceInfo, Serial, SerialTargetModel,
};
use virt_util::Result;

use super::Props;
use super::builder::{Builder, alias, internal, unsupported};
use super::chardev::{Purpose, required};
use crate::model::{ControllerType, console_doubles_serial};

impl Builder<'_, '_> {
    /// Serial ports.
    pub(crate) fn serials(&mut self) -> Result<()> {
        let domain = self.domain;
        for serial in &domain.devices.serials {
            if matches!(serial.source, virt_conf::model::CharSource::SpicePort(_)) && !self.has_spice() {
                continue;
            }
            let name = alias(&serial.info)?;
            let chardev = self.chardev(name, &serial.source, serial.log.as_ref(), Purpose::Serial)?;
            match self.serial_device(serial, &chardev)? {
                Some(props) => {
                    self.zpci(&serial.info)?;
                    self.device(&props);
                }
                // The board's own ports take the backends in order.
                None => self.line.option("-serial", format!("chardev:{chardev}")),
            }
        }
        Ok(())
    }

    fn serial_device(&self, serial: &Serial, chardev: &str) -> Result<Option<Props>> {
        // A board that nothing is known of has ports of its own.
        let Some(model) = serial.target.model else { return Ok(None) };
        let driver = match model {
            SerialTargetModel::Pl011 | SerialTargetModel::Ns16550a => return Ok(None),
            SerialTargetModel::SpaprVty if serial.info.address.is_none() => {
                return Err(internal("a serial port has no address yet"));
            }
            SerialTargetModel::None => return Err(unsupported("Invalid serial device configuration")),
            model => model.as_str(),
        };
        let mut props = Props::device(driver).text("chardev", chardev).text("id", alias(&serial.info)?);
        if model == SerialTargetModel::IsaSerial
            && let Some(port) = serial.target.port
        {
            props.set("index", port);
        }
        self.address(&mut props, &serial.info)?;
        Ok(Some(props))
    }

    /// Parallel ports.
    pub(crate) fn parallels(&mut self) -> Result<()> {
        let domain = self.domain;
        for parallel in &domain.devices.parallels {
            let name = alias(&parallel.info)?;
            let chardev = self.chardev(name, &parallel.source, parallel.log.as_ref(), Purpose::Parallel)?;
            self.device(&Props::device("isa-parallel").text("chardev", chardev).text("id", name));
        }
        Ok(())
    }

    /// Channels.
    pub(crate) fn channels(&mut self) -> Result<()> {
        let domain = self.domain;
        for channel in &domain.devices.channels {
            let name = alias(&channel.info)?;
            let chardev = self.chardev(name, &channel.source, channel.log.as_ref(), Purpose::Channel)?;
            self.channel(channel, name, &chardev)?;
        }
        Ok(())
    }

    fn channel(&mut self, channel: &Channel, name: &str, chardev: &str) -> Result<()> {
        match &channel.target {
            ChannelTarget::GuestFwd(target) => {
                let host = required(target.address.as_ref(), "guestfwd channel address")?;
                let port = required(target.port.as_ref(), "guestfwd channel port")?;
                let forward = format!("tcp:{host}:{port}-chardev:{chardev}");
                let props = Props::new()
                    .text("type", "user")
                    .array("guestfwd", [Props::new().text("str", forward)])
                    .text("id", name);
                if self.has(crate::caps::Flag::NetdevJson) {
                    self.netdev(&props);
                } else {
                    let value = format!("user,guestfwd=tcp:{host}:{port}-chardev:{chardev},id={name}");
                    self.line.option("-netdev", value);
                }
                Ok(())
            }
            ChannelTarget::Virtio(target) => {
                let props = self.virtio_port("virtserialport", &channel.info)?;
                let mut props = props.text("chardev", chardev).text("id", name);
                // SPICE's agent listens to one name only.
                let is_agent = matches!(
                    channel.source,
                    virt_conf::model::CharSource::SpiceVmc | virt_conf::model::CharSource::QemuVdagent(_)
                );
                match &target.name {
                    Some(target) => props = props.text("name", target),
                    None if is_agent => props = props.text("name", "com.redhat.spice.0"),
                    None => {}
                }
                self.device(&props);
                Ok(())
            }
            ChannelTarget::Xen(_) => Err(unsupported("unsupported channel type 'xen'")),
        }
    }

    fn virtio_port(&self, driver: &str, info: &DeviceInfo) -> Result<Props> {
        let props = Props::device(driver);
        let Some(DeviceAddress::VirtioSerial(place)) = &info.address else { return Ok(props) };
        let controller = self.controller_alias(ControllerType::VirtioSerial, place.controller)?;
        Ok(props.text("bus", format!("{controller}.{}", place.bus)).number("nr", place.port))
    }

    /// Consoles that are no second name of a serial port.
    pub(crate) fn consoles(&mut self) -> Result<()> {
        let domain = self.domain;
        for (position, console) in domain.devices.consoles.iter().enumerate() {
            if console_doubles_serial(domain, position) {
                continue;
            }
            self.console(console)?;
        }
        Ok(())
    }

    fn console(&mut self, console: &Console) -> Result<()> {
        let driver = match console.target.kind {
            Some(ConsoleTargetType::Virtio) => "virtconsole",
            Some(ConsoleTargetType::Sclp) => "sclpconsole",
            Some(ConsoleTargetType::SclpLm) => "sclplmconsole",
            Some(ConsoleTargetType::Serial) | None => return Ok(()),
            Some(other) => {
                return Err(unsupported(format!("unsupported console target type {}", other.as_str())));
            }
        };
        let name = alias(&console.info)?;
        let chardev = self.chardev(name, &console.source, console.log.as_ref(), Purpose::Serial)?;
        let props = if driver == "virtconsole" {
            self.virtio_port(driver, &console.info)?
        } else {
            Props::device(driver)
        };
        self.device(&props.text("chardev", chardev).text("id", name));
        Ok(())
    }
}
