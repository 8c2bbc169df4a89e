//! Whose turn it is: virtual functions are chosen in turn, and one that failed comes last.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use virt_core::driver::Result;
use virt_util::file;
use virt_util::lock::Lock;
use virt_util::pci::PciAddress;
use virt_util::root::Root;
use virt_util::wait::Wait;

const FILE: &str = "turns.json";
const LIMIT: u64 = 1 << 20;

/// What is remembered of devices that were chosen, until the machine reboots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Turns {
    count: u64,
    devices: BTreeMap<PciAddress, Turn>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Turn {
    /// How often it failed since it last worked.
    failures: u32,
    /// When it was last chosen, counted in choices.
    last: u64,
}

impl Turns {
    /// What is remembered; nothing where that cannot be read.
    pub(crate) fn read(root: &Root) -> Self {
        let read = file::read_if_present(root.run(), FILE, LIMIT);
        read.ok().flatten().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// The same devices, those that are to be tried first in front.
    pub(crate) fn order(&self, mut devices: Vec<PciAddress>) -> Vec<PciAddress> {
        devices.sort_by_key(|device| (self.devices.get(device).copied().unwrap_or_default(), *device));
        devices.dedup();
        devices
    }

    fn note(&mut self, device: PciAddress, worked: bool) {
        self.count += 1;
        let turn = self.devices.entry(device).or_default();
        turn.last = self.count;
        turn.failures = if worked { 0 } else { turn.failures.saturating_add(1) };
    }

    /// Remembers that a device was chosen, and whether that went well.
    pub(crate) fn remember(root: &Root, device: PciAddress, worked: bool) {
        let remembered = || -> Result<()> {
            let _lock = Lock::acquire(root.run(), "turns.lock", "noting a choice", Wait::FOREVER)?;
            let mut turns = Self::read(root);
            turns.note(device, worked);
            let text = serde_json::to_vec(&turns).unwrap_or_default();
            file::write(root.run(), FILE, 0o600, &text).map(drop)
        };
        // An unfair choice is better than none.
        remembered().unwrap_or_else(|error| log::warn!("{error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_comes_first_and_what_failed_comes_last() {
        let all: Vec<PciAddress> = ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let mut turns = Turns::default();
        let first = |turns: &mut Turns, worked| {
            let chosen = turns.order(all.clone())[0];
            turns.note(chosen, worked);
            chosen
        };
        assert_eq!(first(&mut turns, true), all[0]);
        assert_eq!(first(&mut turns, false), all[1]);
        assert_eq!(first(&mut turns, true), all[2]);
        // Each of those that work twice before the one that failed.
        assert_eq!(first(&mut turns, true), all[0]);
        assert_eq!(first(&mut turns, true), all[2]);
        assert_eq!(turns.order(all.clone()), [all[0], all[2], all[1]]);
        turns.note(all[1], true);
        assert_eq!(turns.order(all.clone()), [all[0], all[2], all[1]]);
        assert_eq!(first(&mut turns, true), all[0]);
        assert_eq!(turns.order(all.clone()), [all[2], all[1], all[0]]);
    }
}
