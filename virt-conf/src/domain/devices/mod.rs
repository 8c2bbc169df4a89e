//! Defaults of devices that need no hypervisor, in the order in which libvirt fills them in.

mod character;
mod controller;
mod disk;
mod disk_name;
mod hostdev;
mod info;
mod misc;
mod validate;

use super::way::Way;
use super::{DeviceMut, DomainHooks};
use crate::model::{Devices, Domain};
use crate::xml::{ParseOptions, Result, Within};

/// What the steps over single devices may look at besides the device.
pub(super) struct Context<'a> {
    pub(super) options: &'a ParseOptions,
    pub(super) hooks: &'a dyn DomainHooks,
}

/// Runs a hook and a neutral step over every device of one kind, which `domain` lacks meanwhile.
macro_rules! each {
    ($domain:ident, $context:ident, $($field:ident $variant:ident $step:expr;)*) => {$(if $domain.devices.$field.iter().next().is_some() {
        let mut devices = std::mem::take(&mut $domain.devices.$field);
        let mut outcome = Ok(());
        for (at, device) in devices.iter_mut().enumerate() {
            outcome = $context.hooks.device_post_parse(DeviceMut::$variant(device), $domain, $context.options);
            if outcome.is_ok() {
                outcome = $step(device, $domain, $context);
            }
            if outcome.is_err() {
                outcome = outcome.within(device.way(at));
                break;
            }
        }
        $domain.devices.$field = devices;
        outcome?;
    })*};
}

impl Domain {
    /// Fills in what every hypervisor wants of the devices: first what `hooks` add to each, then what is neutral.
    pub(super) fn post_parse_devices(
        &mut self,
        options: &ParseOptions,
        hooks: &dyn DomainHooks,
    ) -> Result<()> {
        let context = &Context { options, hooks };
        info::settle(&mut self.devices, context);
        self.devices.settle_controllers()?;
        self.devices.refuse_disabled_usb()?;
        self.add_console_for_serial()?;
        self.add_implicit_video();
        self.each_device(context)?;
        self.number_character_devices();
        self.reject_duplicate_controllers()?;
        self.reject_duplicate_panics()?;
        self.settle_videos()?;
        self.add_implicit_controllers()
    }

    fn each_device(&mut self, context: &Context<'_>) -> Result<()> {
        fn nothing<T>(_: &mut T, _: &Domain, _: &Context<'_>) -> Result<()> {
            Ok(())
        }
        self.post_parse_disks(context)?;
        let domain = self;
        each! { domain, context,
            interfaces Interface misc::interface;
            sounds Sound misc::sound;
        }
        domain.post_parse_hostdevs(context)?;
        each! { domain, context,
            filesystems Filesystem misc::filesystem;
            controllers Controller controller::post_parse;
            smartcards Smartcard nothing;
            serials Serial nothing;
            parallels Parallel nothing;
            channels Channel nothing;
            consoles Console nothing;
            inputs Input misc::input;
            memballoon MemoryBalloon nothing;
            watchdogs Watchdog nothing;
            rngs Rng misc::rng;
            nvram Nvram nothing;
            hubs Hub nothing;
            redirected RedirectedDevice nothing;
            shared_memories SharedMemory nothing;
            memories Memory misc::memory;
            cryptos Crypto nothing;
            panics Panic nothing;
            tpms Tpm nothing;
            vsock Vsock misc::vsock;
            pstore PersistentStore nothing;
            iommus Iommu nothing;
            videos Video misc::video;
            graphics Graphics nothing;
            audios Audio nothing;
        }
        Ok(())
    }
}

impl Devices {
    /// Whether USB was switched off with a controller of model `none`.
    pub(crate) fn usb_disabled(&self) -> bool {
        self.controllers.iter().any(controller::is_usb_none)
    }
}
