//! The audio backend of a guest that names none.

use virt_conf::model::{Audio, AudioKind, Domain, Graphics, PlainAudio, SdlAudio};

use super::QemuHooks;

impl QemuHooks<'_> {
    /// Adds the backend that plays where the guest is looked at, or nowhere.
    pub(super) fn add_default_audio(&self, domain: &mut Domain) {
        if !domain.devices.audios.is_empty() {
            return;
        }
        let graphics = &domain.devices.graphics;
        let kind = if graphics.iter().any(|one| matches!(one, Graphics::Spice(_))) {
            AudioKind::Spice(PlainAudio::default())
        } else if graphics.iter().any(|one| matches!(one, Graphics::Sdl(_))) {
            AudioKind::Sdl(SdlAudio::default())
        } else if graphics.iter().any(|one| matches!(one, Graphics::Dbus(_))) {
            AudioKind::Dbus(PlainAudio::default())
        } else {
            AudioKind::None(PlainAudio::default())
        };
        domain.devices.audios.push(Audio { id: 1, kind, timer_period: 0 });
    }
}
