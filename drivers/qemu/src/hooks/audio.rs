//! The audio backend of a guest that names none.

use virt_conf::model::{Audio, AudioKind, Domain, Graphics, PlainAudio};

use super::QemuHooks;

impl QemuHooks<'_> {
    /// Adds the backend that plays where the guest is looked at, or nowhere.
    pub(super) fn add_default_audio(&self, domain: &mut Domain) {
        if !domain.devices.audios.is_empty() {
            return;
        }
        let graphics = &domain.devices.graphics;
        // Displays of these kinds come without QEMU's own idea of sound.
        let silent =
            |one: &Graphics| matches!(one, Graphics::EglHeadless(_) | Graphics::Dbus(_) | Graphics::Sdl(_));
        if !graphics.is_empty() && graphics.iter().all(silent) {
            return;
        }
        let kind = if graphics.iter().any(|one| matches!(one, Graphics::Spice(_))) {
            AudioKind::Spice(PlainAudio::default())
        } else {
            AudioKind::None(PlainAudio::default())
        };
        domain.devices.audios.push(Audio { id: 1, kind, timer_period: 0 });
    }
}
