//! A function's configuration space: its header and its lists of capabilities.

/// Offsets and bits, as the PCI Local Bus and PCI Express specifications have them (`linux/pci_regs.h`).
mod reg {
    pub(super) const STATUS: usize = 0x06;
    pub(super) const STATUS_CAP_LIST: u16 = 0x10;
    pub(super) const HEADER_TYPE: usize = 0x0e;
    pub(super) const CAPABILITY_LIST: usize = 0x34;
    pub(super) const CAPABILITY_LIST_CARDBUS: usize = 0x14;
    /// The header is before it.
    pub(super) const FIRST_CAPABILITY: usize = 0x40;
    pub(super) const EXTENDED: usize = 0x100;
    pub(super) const SIZE: usize = 0x1000;
    pub(super) const PM_CTRL: usize = 4;
    pub(super) const PM_CTRL_NO_SOFT_RESET: u16 = 0x08;
    pub(super) const AF_CAP: usize = 3;
    pub(super) const AF_CAP_TP: u8 = 0x01;
    pub(super) const AF_CAP_FLR: u8 = 0x02;
    pub(super) const EXP_DEVCAP: usize = 4;
    pub(super) const EXP_DEVCAP_FLR: u32 = 1 << 28;
}

/// What a function's configuration space says, as far as it could be read.
///
/// ```
/// use virt_util::pci::{Config, Header};
///
/// let mut bytes = vec![0; 64];
/// bytes[0x0e] = 0x81;
/// assert_eq!(Config::new(bytes).header(), Some(Header::Bridge));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    bytes: Vec<u8>,
}

/// The kind of a configuration header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Header {
    /// A device of its own.
    Endpoint,
    /// A bridge to another bus.
    Bridge,
    /// A bridge to a CardBus.
    CardBus,
    /// Another, by its number.
    Other(u8),
}

/// An entry of a capability list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Which capability; the numbers of plain and extended ones are counted apart.
    pub id: u16,
    /// Whether it stands in the list of extended ones.
    pub extended: bool,
    /// Where it begins.
    pub offset: usize,
}

impl Capability {
    /// Sleeping states.
    pub const POWER_MANAGEMENT: u16 = 0x01;
    /// PCI Express.
    pub const EXPRESS: u16 = 0x10;
    /// Advanced features of conventional PCI.
    pub const ADVANCED_FEATURES: u16 = 0x13;
    /// Access control services (extended).
    pub const ACCESS_CONTROL: u16 = 0x0d;
    /// Single root I/O virtualization (extended).
    pub const SRIOV: u16 = 0x10;
}

impl Config {
    /// From its first bytes: 64 without privilege, 256, or 4096.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// What kind of header it has; nothing where it could not be read.
    pub fn header(&self) -> Option<Header> {
        let kind = self.byte(reg::HEADER_TYPE)?;
        // The highest bit says whether the device has several functions.
        Some(match kind & 0x7f {
            0 => Header::Endpoint,
            1 => Header::Bridge,
            2 => Header::CardBus,
            other => Header::Other(other),
        })
    }

    /// Every capability, plain ones first. A list that leads in a circle ends where it would begin again.
    pub fn capabilities(&self) -> Vec<Capability> {
        let mut found = Vec::new();
        self.plain(&mut found);
        self.extended(&mut found);
        found
    }

    /// Where the plain capability of this number begins.
    pub fn find(&self, id: u16) -> Option<usize> {
        self.capabilities().iter().find(|it| it.id == id && !it.extended).map(|it| it.offset)
    }

    /// Where the extended capability of this number begins.
    pub fn find_extended(&self, id: u16) -> Option<usize> {
        self.capabilities().iter().find(|it| it.id == id && it.extended).map(|it| it.offset)
    }

    /// Where the list of plain capabilities begins; nothing where there is none.
    pub(super) fn first_capability(&self) -> Option<usize> {
        self.word(reg::STATUS).filter(|status| status & reg::STATUS_CAP_LIST != 0)?;
        let start = match self.header() {
            Some(Header::CardBus) => reg::CAPABILITY_LIST_CARDBUS,
            _ => reg::CAPABILITY_LIST,
        };
        Self::next_capability(self.byte(start)?)
    }

    /// Where a pointer of that list leads; nothing at its end.
    pub(super) fn next_capability(pointer: u8) -> Option<usize> {
        // The two lowest bits are reserved.
        Some(usize::from(pointer & 0xfc)).filter(|offset| *offset >= reg::FIRST_CAPABILITY)
    }

    fn plain(&self, found: &mut Vec<Capability>) {
        let mut next = self.first_capability();
        while let Some(offset) = next {
            let Some(id) = self.byte(offset) else { return };
            // What all bits set means is that nobody answered.
            if id == 0xff || found.iter().any(|known| known.offset == offset) {
                return;
            }
            found.push(Capability { id: id.into(), extended: false, offset });
            next = self.byte(offset + 1).and_then(Self::next_capability);
        }
    }

    fn extended(&self, found: &mut Vec<Capability>) {
        let mut offset = reg::EXTENDED;
        while (reg::EXTENDED..reg::SIZE).contains(&offset) {
            let Some(header) = self.double_word(offset).filter(|header| ![0, u32::MAX].contains(header))
            else {
                return;
            };
            if found.iter().any(|known| known.offset == offset) {
                return;
            }
            found.push(Capability { id: header as u16, extended: true, offset });
            offset = (header >> 20) as usize & 0xffc;
        }
    }

    /// Whether the function can be reset by itself (function level reset).
    pub fn has_function_level_reset(&self) -> bool {
        let express = self.find(Capability::EXPRESS).and_then(|at| self.double_word(at + reg::EXP_DEVCAP));
        let advanced = self.find(Capability::ADVANCED_FEATURES).and_then(|at| self.byte(at + reg::AF_CAP));
        let both = reg::AF_CAP_TP | reg::AF_CAP_FLR;
        express.is_some_and(|bits| bits & reg::EXP_DEVCAP_FLR != 0)
            || advanced.is_some_and(|bits| bits & both == both)
    }

    /// Whether leaving the sleeping state D3 resets the function.
    pub fn has_power_management_reset(&self) -> bool {
        let control = self.find(Capability::POWER_MANAGEMENT).and_then(|at| self.word(at + reg::PM_CTRL));
        control.is_some_and(|bits| bits & reg::PM_CTRL_NO_SOFT_RESET == 0)
    }

    /// The ways of resetting that it promises, by the kernel's words for them.
    pub(super) fn reset_methods(&self) -> Vec<&'static str> {
        let ways = [("flr", self.has_function_level_reset()), ("pm", self.has_power_management_reset())];
        ways.into_iter().filter(|(_, has)| *has).map(|(way, _)| way).collect()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn word(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes.get(at..at + 2)?.try_into().ok()?))
    }

    pub(super) fn double_word(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes.get(at..at + 4)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4096 bytes with these in their places.
    fn config(parts: &[(usize, &[u8])]) -> Config {
        let mut bytes = vec![0; reg::SIZE];
        for (at, part) in parts {
            bytes[*at..at + part.len()].copy_from_slice(part);
        }
        Config::new(bytes)
    }

    #[test]
    fn both_lists_are_followed() {
        let config = config(&[
            (0x06, &[0x10, 0]),
            (0x34, &[0x40]),
            // Power management that keeps its state, then PCI Express with function level reset.
            (0x40, &[0x01, 0x70, 0, 0, 0x08]),
            (0x70, &[0x10, 0, 0, 0, 0, 0, 0, 0x10]),
            // Access control, then SR-IOV.
            (0x100, &0x1501_000du32.to_le_bytes()),
            (0x150, &0x0001_0010u32.to_le_bytes()),
        ]);
        let found: Vec<_> = config.capabilities().iter().map(|it| (it.id, it.extended, it.offset)).collect();
        assert_eq!(found, [(1, false, 0x40), (0x10, false, 0x70), (0xd, true, 0x100), (0x10, true, 0x150)]);
        assert_eq!(config.find(Capability::EXPRESS), Some(0x70));
        assert_eq!(config.find_extended(Capability::SRIOV), Some(0x150));
        assert!(config.has_function_level_reset());
        assert!(!config.has_power_management_reset());
        assert_eq!(config.reset_methods(), ["flr"]);
    }

    #[test]
    fn advanced_features_need_both_bits_to_reset() {
        let with = |bits: u8| config(&[(0x06, &[0x10]), (0x34, &[0x40]), (0x40, &[0x13, 0, 6, bits])]);
        assert!(with(3).has_function_level_reset());
        assert!(!with(2).has_function_level_reset());
    }

    #[test]
    fn circles_ends_and_silence_end_a_list() {
        let circle = config(&[(0x06, &[0x10]), (0x34, &[0x40]), (0x40, &[1, 0x50]), (0x50, &[5, 0x40])]);
        assert_eq!(circle.capabilities().len(), 2);
        let extended = config(&[(0x100, &0x1000_0003u32.to_le_bytes())]);
        assert_eq!(extended.capabilities().len(), 1);
        assert_eq!(Config::new(vec![0xff; 4096]).capabilities(), []);
        for length in [0, 1, 0x35, 64, 65, 256, 258] {
            let mut bytes = vec![0x44; length];
            bytes.iter_mut().skip(0x06).take(1).for_each(|byte| *byte = 0x10);
            let _ = Config::new(bytes).capabilities();
        }
        assert_eq!(Config::default().header(), None);
    }
}
