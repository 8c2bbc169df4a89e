//! PCI Express: what a function's link can do, and what it does.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::{Capability, Config, PciDevice};
use crate::{Error, ErrorDomain, Result};

/// Offsets and bits of the PCI Express capability (`linux/pci_regs.h`).
mod reg {
    pub(super) const FLAGS: usize = 2;
    pub(super) const LINK_CAPABILITY: usize = 0x0c;
    pub(super) const LINK_STATUS: usize = 0x12;
    /// Where the registers end that are read of it.
    pub(super) const END: usize = 0x14;
}

/// What of the header leads to the capabilities: status, header type, the beginning of the list of either kind.
const HEADER: [usize; 4] = [0x04, 0x0c, 0x14, 0x34];
/// Plain configuration space.
const PLAIN: usize = 256;

/// A link of PCI Express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpressLink {
    /// The port's number.
    pub port: u8,
    /// The fastest generation, 1 for 2.5 GT/s; 0 where it does not say.
    pub best_generation: u8,
    /// How many lanes it can use at most; 0 where it does not say.
    pub most_lanes: u8,
    /// The generation at work.
    pub generation: u8,
    /// The lanes at work.
    pub lanes: u8,
}

impl PciDevice {
    /// Of its configuration space only what says what it is: the kind of header, which plain capabilities it has, and its
    /// PCI Express link. All else is zero. Each register is a question to the hardware, which in a virtual machine takes a
    /// microsecond and more: all of them would take milliseconds.
    ///
    /// # Errors
    ///
    /// When it cannot be read. Without privilege there are no capabilities.
    pub fn outline(&self) -> Result<Config> {
        let path = self.sysfs.path(self.attribute("config"));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(error) => {
                let attempt = format!("cannot read '{}'", path.display());
                return Err(Error::system(ErrorDomain::NODEDEV, attempt, error));
            }
        };
        let mut bytes = vec![0; PLAIN];
        let read = |bytes: &mut [u8], at: usize, length: usize| {
            bytes.get_mut(at..at + length).is_some_and(|part| file.read_exact_at(part, at as u64).is_ok())
        };
        if !HEADER.into_iter().all(|at| read(&mut bytes, at, 4)) {
            return Ok(Config::default());
        }
        let mut next = Config::new(bytes.clone()).first_capability();
        // A list that leads in a circle ends when it has been as long as there is room.
        for _ in 0..PLAIN / 4 {
            let Some(at) = next.filter(|at| read(&mut bytes, *at, 4)) else { break };
            if u16::from(bytes[at]) == Capability::EXPRESS {
                read(&mut bytes, at, reg::END);
            }
            next = Config::next_capability(bytes[at + 1]);
        }
        Ok(Config::new(bytes))
    }

    /// What its link does now, where `config`, its outline or all of its configuration space as it was once, has the rest.
    pub fn express_link_now(&self, config: &Config) -> Option<ExpressLink> {
        let link = config.express_link()?;
        let at = config.find(Capability::EXPRESS)? + reg::LINK_STATUS;
        let mut word = [0; 2];
        let file = File::open(self.sysfs.path(self.attribute("config"))).ok()?;
        file.read_exact_at(&mut word, at as u64).ok()?;
        Some(link.with_status(u16::from_le_bytes(word)))
    }
}

impl ExpressLink {
    fn with_status(self, status: u16) -> Self {
        Self { generation: (status & 0xf) as u8, lanes: (status >> 4 & 0x3f) as u8, ..self }
    }
}

impl Config {
    /// Whether the function is one of PCI Express.
    pub fn is_express(&self) -> bool {
        self.find(Capability::EXPRESS).is_some()
    }

    /// Its link; nothing for what is inside a root complex and has none, and for conventional PCI.
    pub fn express_link(&self) -> Option<ExpressLink> {
        let at = self.find(Capability::EXPRESS)?;
        let kind = self.word(at + reg::FLAGS)? >> 4 & 0xf;
        // Integrated endpoints (9) and event collectors (10).
        if matches!(kind, 9 | 10) {
            return None;
        }
        let can = self.double_word(at + reg::LINK_CAPABILITY)?;
        let can = ExpressLink {
            port: (can >> 24) as u8,
            best_generation: (can & 0xf) as u8,
            most_lanes: (can >> 4 & 0x3f) as u8,
            generation: 0,
            lanes: 0,
        };
        Some(can.with_status(self.word(at + reg::LINK_STATUS)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn express(kind: u8) -> Config {
        let mut bytes = vec![0; 256];
        bytes[0x06] = 0x10;
        bytes[0x34] = 0x40;
        bytes[0x40] = 0x10;
        bytes[0x42] = kind << 4 | 2;
        // Port 3, 32 lanes of the fourth generation; one lane of the first.
        bytes[0x4c..0x50].copy_from_slice(&0x0300_0204u32.to_le_bytes());
        bytes[0x52..0x54].copy_from_slice(&0x0011u16.to_le_bytes());
        Config::new(bytes)
    }

    #[test]
    fn an_outline_says_what_all_of_it_says() {
        let fixture = super::super::fixture::Fixture::new();
        let address = fixture.function("0000:01:00.0", "0x020000", None);
        let device = fixture.pci().device(address).unwrap();
        assert_eq!(device.outline().unwrap().header(), Some(super::super::Header::Endpoint));
        for kind in [4, 9] {
            let whole = express(kind);
            fixture.write("bus/pci/devices/0000:01:00.0/config", whole.bytes());
            let outline = device.outline().unwrap();
            assert_eq!(outline.capabilities(), whole.capabilities());
            assert_eq!(outline.express_link(), whole.express_link());
            assert_eq!(device.express_link_now(&outline), whole.express_link());
        }
        fixture.write("bus/pci/devices/0000:01:00.0/config", [0xff; 16]);
        assert_eq!(device.outline().unwrap(), Config::default());
    }

    #[test]
    fn links_are_read_where_there_are_some() {
        let link = ExpressLink { port: 3, best_generation: 4, most_lanes: 32, generation: 1, lanes: 1 };
        assert_eq!(express(4).express_link(), Some(link));
        assert!(express(9).is_express());
        assert_eq!(express(9).express_link(), None);
        assert!(!Config::new(vec![0; 64]).is_express());
    }
}
