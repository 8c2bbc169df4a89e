//! The way from `<devices>` to a device, for errors about it.

use crate::model::*;
use crate::xml::{Element, Result, Within};

/// A device that can be found again in the text which it was read from.
pub(crate) trait Way {
    /// The way to this device, which is number `at` of its kind in the model, from 0.
    fn way(&self, at: usize) -> String;

    /// Whether it is a device of the host as it stands.
    fn is_host_device(&self) -> bool {
        false
    }
}

impl Way for Hostdev {
    fn way(&self, at: usize) -> String {
        format!("{}[{}]", Self::NAME, at + 1)
    }

    fn is_host_device(&self) -> bool {
        true
    }
}

macro_rules! by_number {
    ($($device:ty)*) => {$(
        impl Way for $device {
            fn way(&self, at: usize) -> String {
                format!("{}[{}]", <$device as Element>::NAME, at + 1)
            }
        }
    )*};
}
by_number! {
    Audio Channel Console Crypto Filesystem Graphics Hub Input Interface Iommu MemoryBalloon MemoryDevice NvramDevice
    Panic Parallel PersistentStore RedirectedDevice Rng Serial SharedMemory Smartcard Sound Tpm Video Vsock Watchdog
}

/// Disks are sorted when they are read.
impl Way for Disk {
    fn way(&self, at: usize) -> String {
        match &self.target.dev {
            Some(dev) => format!("{}[target/@dev='{dev}']", Self::NAME),
            None => format!("{}[{}]", Self::NAME, at + 1),
        }
    }
}

/// Controllers are sorted when they are read, and others are added.
impl Way for Controller {
    fn way(&self, _: usize) -> String {
        let number = self.index.map(|index| format!("[@index='{index}']")).unwrap_or_default();
        format!("{}[@type='{}']{number}", Self::NAME, self.kind.tag())
    }
}

/// Runs `check` on each of `devices`; an error names the device.
pub(crate) fn each<'a, T: Way + 'a>(
    devices: impl IntoIterator<Item = &'a T>,
    mut check: impl FnMut(&'a T) -> Result<()>,
) -> Result<()> {
    devices
        .into_iter()
        .enumerate()
        .try_for_each(|(at, device)| check(device).map_err(|error| error.within(device.way(at))))
}
