//! The audio backend of a guest that names none.

use virt_conf::model::{Audio, AudioKind, Domain, Graphics, PlainAudio};

use super::QemuHooks;

/// Which guests without a backend play on the host, and how.
#[derive(Clone, Debug, Default)]
pub struct HostAudio {
    /// What plays; nothing where the host's own choice is not known.
    pub backend: Option<AudioKind>,
    /// Whether guests that are looked at over VNC do.
    pub with_vnc: bool,
    /// Whether guests that nobody looks at do.
    pub without_graphics: bool,
}

impl QemuHooks<'_> {
    /// Adds the backend that plays where the guest is looked at, or nowhere.
    pub(super) fn add_default_audio(&self, domain: &mut Domain) {
        if !domain.devices.audios.is_empty() {
            return;
        }
        let graphics = &domain.devices.graphics;
        let has = |is: fn(&Graphics) -> bool| graphics.iter().any(is);
        let is_spice = |one: &Graphics| matches!(one, Graphics::Spice(_));
        let is_sdl = |one: &Graphics| matches!(one, Graphics::Sdl(_));
        let is_vnc = |one: &Graphics| matches!(one, Graphics::Vnc(_));
        // Displays of these kinds come without QEMU's own idea of sound.
        let silent =
            |one: &Graphics| matches!(one, Graphics::EglHeadless(_) | Graphics::Dbus(_) | Graphics::Sdl(_));
        let host = self.audio;
        let plays_here = has(is_sdl)
            || has(is_vnc) && host.is_some_and(|host| host.with_vnc)
            || graphics.is_empty() && host.is_some_and(|host| host.without_graphics);
        let backend = host.and_then(|host| host.backend.clone()).filter(|_| plays_here);
        let kind = match backend {
            _ if has(is_spice) => AudioKind::Spice(PlainAudio::default()),
            Some(backend) => backend,
            None if !graphics.is_empty() && graphics.iter().all(silent) => return,
            None => AudioKind::None(PlainAudio::default()),
        };
        domain.devices.audios.push(Audio { id: 1, kind, timer_period: 0 });
    }
}
