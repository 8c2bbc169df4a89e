//! What devices have in common: only some may be booted from, and assigned aliases are read of running guests alone.

use super::Context;
use crate::domain::Features;
use crate::domain::way::Way;
use crate::model::{DeviceInfo, Devices};
use crate::xml::ParseFlags;

/// Characters that a user's alias consists of.
fn is_user_alias(alias: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    alias.starts_with(crate::model::USER_ALIAS) && alias.bytes().all(allowed)
}

/// Drops what libvirt does not read: aliases that were assigned to a guest that ran, boot orders and option ROMs of devices that cannot have them.
pub(super) fn settle(devices: &mut Devices, context: &Context<'_>) {
    let running = !context.options.flags.contains(ParseFlags::INACTIVE);
    let user = context.hooks.features().contains(Features::USER_ALIAS);
    devices.each_info(|info, bootable, rom| {
        info.alias = info.alias.take().filter(|alias| running || user && is_user_alias(alias));
        if !bootable {
            info.boot = None;
        }
        if !rom {
            info.rom = crate::model::Rom::default();
        }
    });
}

impl Devices {
    /// Visits what every device has in common, with the device and its number among those of its kind.
    pub(super) fn visit_infos<'a>(&'a self, mut visit: impl FnMut(&'a dyn Way, usize, &'a DeviceInfo)) {
        macro_rules! visit {
            ($($field:ident)*) => {$(
                self.$field.iter().enumerate().for_each(|(at, device)| visit(device, at, &device.info));
            )*};
        }
        visit! {
            disks interfaces sounds hostdevs filesystems controllers smartcards serials parallels channels consoles inputs
            memballoon watchdogs rngs nvram hubs redirected shared_memories memories cryptos panics tpms vsock iommus videos
            pstore
        }
    }

    /// Visits what every device has in common, with whether it may be booted from and whether it may have an option ROM.
    pub(super) fn each_info(&mut self, mut visit: impl FnMut(&mut DeviceInfo, bool, bool)) {
        macro_rules! visit {
            ($($field:ident $boot:expr, $rom:expr;)*) => {$(
                self.$field.iter_mut().for_each(|device| visit(&mut device.info, $boot, $rom));
            )*};
        }
        visit! {
            disks true, false;
            interfaces true, true;
            sounds false, false;
            hostdevs true, true;
            filesystems true, false;
            controllers false, false;
            smartcards false, false;
            serials false, false;
            parallels false, false;
            channels false, false;
            consoles false, false;
            inputs false, false;
            memballoon false, false;
            watchdogs false, false;
            rngs false, false;
            nvram false, false;
            hubs false, false;
            redirected true, false;
            shared_memories false, false;
            memories false, false;
            cryptos false, false;
            panics false, false;
            tpms false, false;
            vsock false, false;
            iommus false, false;
            videos false, false;
            pstore false, false;
        }
    }
}
