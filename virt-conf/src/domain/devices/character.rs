//! Defaults of character devices: the console that is a serial port, and numbers of ports.

use crate::error::unsupported;
use crate::model::{
    CharSource, Console, ConsoleTarget, ConsoleTargetType, Domain, Serial, SerialTarget, SerialTargetType,
};
use crate::xml::{Element as _, Result, Within};

impl Domain {
    /// The first console of a whole machine is its first serial port: each stands for the other.
    pub(super) fn add_console_for_serial(&mut self) -> Result<()> {
        if self.os.kind.name != "hvm" {
            return Ok(());
        }
        let devices = &mut self.devices;
        let serial = Some(ConsoleTargetType::Serial);
        let serial_console = |console: &Console| {
            matches!(console.target.kind, None | Some(ConsoleTargetType::None | ConsoleTargetType::Serial))
        };
        if let Some(at) = devices.consoles.iter().skip(1).position(serial_console) {
            let error = unsupported("Only the first console can be a serial port").within("target/@type");
            return Err(error.within_nth(Console::NAME, at + 1));
        }
        if let Some(console) = devices.consoles.first().filter(|console| serial_console(console)) {
            if devices.serials.is_empty() {
                devices.serials.push(Serial {
                    source: console.source.clone(),
                    log: console.log.clone(),
                    target: SerialTarget { port: Some(0), ..SerialTarget::default() },
                    info: console.info.clone(),
                });
            }
        } else {
            use SerialTargetType::{IsaSerial, None as Undecided, SclpSerial, SpaprVioSerial, SystemSerial};
            let console_like = |serial: &Serial| {
                matches!(
                    serial.target.kind,
                    None | Some(IsaSerial | Undecided | SclpSerial | SpaprVioSerial | SystemSerial)
                )
            };
            if devices.serials.first().is_some_and(console_like) {
                devices.consoles.insert(0, Console::default());
            } else {
                return Ok(());
            }
        }
        if let Some(console) = devices.consoles.first_mut() {
            console.target.kind = serial;
        }
        Ok(())
    }

    /// Gives ports without a number the next one of their kind; the console that is a serial port repeats it.
    pub(super) fn number_character_devices(&mut self) {
        let devices = &mut self.devices;
        number(devices.serials.iter_mut().map(|serial| &mut serial.target.port));
        number(devices.parallels.iter_mut().map(|parallel| &mut parallel.port));
        for (number, console) in (0..).zip(&mut devices.consoles) {
            console.target.port = Some(number);
            console.target.kind.get_or_insert(ConsoleTargetType::Serial);
        }
        self.repeat_serial_in_console();
    }

    /// The console that is a serial port has its source, its alias and its address.
    pub(in crate::domain) fn repeat_serial_in_console(&mut self) {
        let devices = &mut self.devices;
        if let (Some(console), Some(serial)) = (devices.consoles.first_mut(), devices.serials.first())
            && self.os.kind.name == "hvm"
            && console.target.kind == Some(ConsoleTargetType::Serial)
        {
            *console = Console {
                source: serial.source.clone(),
                tty: None,
                log: serial.log.clone(),
                target: ConsoleTarget { kind: Some(ConsoleTargetType::Serial), port: serial.target.port },
                info: serial.info.clone(),
            };
        }
        for console in &mut devices.consoles {
            if let CharSource::Pty(terminal) = &console.source {
                console.tty.clone_from(&terminal.path);
            }
        }
    }
}

fn number<'a>(ports: impl Iterator<Item = &'a mut Option<u32>>) {
    let mut ports: Vec<_> = ports.collect();
    let mut next = ports.iter().filter_map(|port| port.map(|port| port.saturating_add(1))).max().unwrap_or(0);
    for port in ports.iter_mut().filter(|port| port.is_none()) {
        **port = Some(next);
        next = next.saturating_add(1);
    }
}
