//! Displays: VNC, SPICE, SDL, D-Bus, headless OpenGL.

use virt_conf::model::{
    DbusGraphics, EglHeadlessGraphics, Graphics, GraphicsListen, SdlGraphics, SpiceChannelMode,
    SpiceChannelName, SpiceGraphics, VncGraphics,
};
use virt_util::Result;

use super::builder::{Builder, switch, unsupported};
use super::{Props, SecretIdentifier, SecretUsage, escape_commas, on_off};
use crate::caps::Flag;

impl Builder<'_, '_> {
    /// Whether the guest has a SPICE display.
    pub(crate) fn has_spice(&self) -> bool {
        self.domain.devices.graphics.iter().any(|graphics| matches!(graphics, Graphics::Spice(_)))
    }

    /// `-display none` where nothing shows the guest.
    pub(crate) fn no_display(&mut self) {
        if self.domain.devices.graphics.is_empty() {
            self.line.option("-display", "none");
        }
    }

    /// All displays.
    pub(crate) fn graphics(&mut self) -> Result<()> {
        let domain = self.domain;
        for graphics in &domain.devices.graphics {
            match graphics {
                Graphics::Sdl(sdl) => self.sdl(sdl),
                Graphics::Vnc(vnc) => self.vnc(vnc)?,
                Graphics::Spice(spice) => self.spice(spice)?,
                Graphics::EglHeadless(headless) => self.egl_headless(headless),
                Graphics::Dbus(dbus) => self.dbus_display(dbus),
                // A program of its own serves it, from what D-Bus shows.
                Graphics::Rdp(_) => {}
                Graphics::Desktop(_) => return Err(unsupported("unsupported graphics type 'desktop'")),
            }
        }
        Ok(())
    }

    fn sdl(&mut self, sdl: &SdlGraphics) {
        if let Some(xauth) = &sdl.xauth {
            self.line.environment.push(("XAUTHORITY".into(), xauth.clone()));
        }
        if let Some(display) = &sdl.display {
            self.line.environment.push(("DISPLAY".into(), display.clone()));
        }
        if sdl.fullscreen {
            self.line.push("-full-screen");
        }
        let gl = sdl.gl.map(|gl| format!(",gl={}", on_off(gl))).unwrap_or_default();
        self.line.option("-display", format!("sdl{gl}"));
    }

    fn vnc(&mut self, vnc: &VncGraphics) -> Result<()> {
        let settings = self.launch.settings;
        let mut parts = Vec::new();
        let listen = vnc.listens.listens.first();
        let port = vnc.port.unwrap_or_default();
        match listen {
            Some(GraphicsListen::Socket(socket)) => {
                let path =
                    socket.socket.clone().unwrap_or_else(|| format!("{}/vnc.sock", self.launch.paths.guest));
                parts.push(format!("vnc=unix:{}", escape_commas(&path)));
            }
            Some(GraphicsListen::None) => parts.push("none".to_owned()),
            _ => {
                if !(5900..=65535).contains(&port.port) {
                    return Err(unsupported("vnc port must be in range [5900,65535]"));
                }
                let address = listen_address(listen).unwrap_or(&settings.vnc_listen);
                let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
                parts.push(format!("{address}:{}", port.port - 5900));
                if port.websocket != 0 {
                    parts.push(format!("websocket={}", port.websocket));
                }
            }
        }
        if let Some(policy) = vnc.share_policy {
            parts.push(format!("share={}", policy.as_str()));
        }
        if vnc.auth.passwd.is_some() || settings.vnc_password.is_some() {
            parts.push("password=on".to_owned());
        }
        if settings.vnc_tls {
            let id = "vnc-tls-creds0";
            let mut props = Props::object("tls-creds-x509", id)
                .text("dir", &settings.vnc_tls_dir)
                .text("endpoint", "server")
                .flag("verify-peer", settings.vnc_tls_verify);
            if let Some(uuid) = settings.vnc_tls_secret.clone() {
                let secret = format!("{id}-secret0");
                self.secret(&secret, &SecretUsage { kind: "tls", identifier: SecretIdentifier::Uuid(uuid) })?;
                props = props.text("passwordid", secret);
            }
            self.object(&props);
            parts.push(format!("tls-creds={id}"));
        }
        if settings.vnc_sasl {
            parts.push("sasl=on".to_owned());
            if let Some(dir) = &settings.vnc_sasl_dir {
                self.line.environment.push(("SASL_CONF_PATH".into(), dir.clone()));
            }
        }
        if let Some(power) = vnc.power_control.filter(|_| self.has(Flag::VncPowerControl)) {
            parts.push(format!("power-control={}", on_off(power)));
        }
        if let Some(audio) = self.audio_id(vnc.audio.as_ref()) {
            parts.push(format!("audiodev=audio{audio}"));
        }
        self.line.option("-vnc", parts.join(","));
        if let Some(keymap) = &vnc.keymap {
            self.line.option("-k", keymap);
        }
        Ok(())
    }

    fn spice(&mut self, spice: &SpiceGraphics) -> Result<()> {
        if !self.has(Flag::Spice) {
            return Err(unsupported("spice graphics are not supported with this QEMU"));
        }
        let settings = self.launch.settings;
        let mut parts = Vec::new();
        let listen = spice.listens.listens.first();
        let mut has_secure = false;
        match listen {
            Some(GraphicsListen::Socket(socket)) => {
                let path = socket
                    .socket
                    .clone()
                    .unwrap_or_else(|| format!("{}/spice.sock", self.launch.paths.guest));
                parts.push("unix=on".to_owned());
                parts.push(format!("addr={}", escape_commas(&path)));
            }
            Some(GraphicsListen::None) => parts.push("port=0".to_owned()),
            _ => {
                if spice.port > 0 {
                    parts.push(format!("port={}", spice.port));
                }
                if spice.tls_port > 0 {
                    if !settings.spice_tls {
                        return Err(unsupported(
                            "spice TLS port set in XML configuration, but TLS is disabled in qemu.conf",
                        ));
                    }
                    has_secure = true;
                    parts.push(format!("tls-port={}", spice.tls_port));
                }
                if spice.port > 0 || spice.tls_port > 0 {
                    let address = listen_address(listen).unwrap_or(&settings.spice_listen);
                    parts.push(format!("addr={address}"));
                } else {
                    parts.push("port=0".to_owned());
                }
            }
        }
        if settings.spice_sasl {
            parts.push("sasl=on".to_owned());
        }
        if spice.auth.passwd.is_none() && settings.spice_password.is_none() {
            parts.push("disable-ticketing=on".to_owned());
        }
        if has_secure {
            parts.push(format!("x509-dir={}", escape_commas(&settings.spice_tls_dir)));
        }
        match spice.default_mode {
            SpiceChannelMode::Secure => {
                self.need_secure(has_secure, "secure", "default")?;
                parts.push("tls-channel=default".to_owned());
            }
            SpiceChannelMode::Insecure => parts.push("plaintext-channel=default".to_owned()),
            SpiceChannelMode::Any => {}
        }
        for name in SpiceChannelName::ALL {
            let Some(channel) = spice.channels.iter().find(|channel| channel.name == *name) else { continue };
            match channel.mode {
                SpiceChannelMode::Secure => {
                    self.need_secure(has_secure, "secure", name.as_str())?;
                    parts.push(format!("tls-channel={}", name.as_str()));
                }
                SpiceChannelMode::Insecure => parts.push(format!("plaintext-channel={}", name.as_str())),
                SpiceChannelMode::Any => {}
            }
        }
        let words = [
            ("image-compression", spice.image.map(virt_conf::model::SpiceImageCompression::as_str)),
            ("jpeg-wan-compression", spice.jpeg.map(virt_conf::model::SpiceCompression::as_str)),
            ("zlib-glz-wan-compression", spice.zlib.map(virt_conf::model::SpiceCompression::as_str)),
            ("playback-compression", switch(spice.playback).map(on_off)),
            ("streaming-video", spice.streaming.map(virt_conf::model::SpiceStreaming::as_str)),
        ];
        parts.extend(words.iter().filter_map(|(key, value)| value.map(|value| format!("{key}={value}"))));
        if spice.mouse == Some(virt_conf::model::MouseMode::Server) {
            parts.push("agent-mouse=off".to_owned());
        } else if spice.mouse.is_some() {
            parts.push("agent-mouse=on".to_owned());
        }
        if spice.clipboard == Some(false) {
            parts.push("disable-copy-paste=on".to_owned());
        }
        if spice.file_transfer == Some(false) {
            parts.push("disable-agent-file-xfer=on".to_owned());
        }
        if let Some(gl) = spice.gl.as_ref().filter(|gl| gl.enable == Some(true)) {
            parts.push("gl=on".to_owned());
            if let Some(node) = gl.rendernode.as_ref().or(self.launch.host.render_node.as_ref()) {
                parts.push(format!("rendernode={}", escape_commas(node)));
            }
        }
        // Turned on whatever the guest says: it costs nothing, and migration fails to hand clients over without.
        parts.push("seamless-migration=on".to_owned());
        self.line.option("-spice", parts.join(","));
        if let Some(keymap) = &spice.keymap {
            self.line.option("-k", keymap);
        }
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "reads as part of the builder")]
    fn need_secure(&self, has_secure: bool, mode: &str, channel: &str) -> Result<()> {
        if has_secure {
            return Ok(());
        }
        Err(unsupported(format!(
            "spice {mode} channels set in XML configuration, but TLS port is not provided (channel '{channel}')"
        )))
    }

    fn egl_headless(&mut self, headless: &EglHeadlessGraphics) {
        let mut value = "egl-headless".to_owned();
        if self.has(Flag::EglHeadlessRendernode)
            && let Some(node) = headless.rendernode.as_ref().or(self.launch.host.render_node.as_ref())
        {
            value.push_str(",rendernode=");
            value.push_str(&escape_commas(node));
        }
        self.line.option("-display", value);
    }

    fn dbus_display(&mut self, dbus: &DbusGraphics) {
        let mut value = "dbus".to_owned();
        if dbus.p2p {
            value.push_str(",p2p=on");
        } else {
            let address = dbus.address.clone().unwrap_or_else(|| {
                format!("unix:path={}/{}-dbus.sock", self.launch.paths.dbus, self.launch.paths.short_name)
            });
            value.push_str(&format!(",addr={}", escape_commas(&address)));
        }
        if let Some(gl) = &dbus.gl {
            if let Some(enable) = gl.enable {
                value.push_str(&format!(",gl={}", on_off(enable)));
            }
            if gl.enable == Some(true)
                && let Some(node) = gl.rendernode.as_ref().or(self.launch.host.render_node.as_ref())
            {
                value.push_str(&format!(",rendernode={}", escape_commas(node)));
            }
        }
        let audio = dbus.audio.as_ref().and_then(|audio| self.audio_id(Some(audio)));
        if let Some(audio) = audio {
            value.push_str(&format!(",audiodev=audio{audio}"));
        }
        self.line.option("-display", value);
    }
}

/// The address that a display listens on, when the document names one.
fn listen_address(listen: Option<&GraphicsListen>) -> Option<&str> {
    match listen? {
        GraphicsListen::Address(listen) => listen.address.as_deref(),
        GraphicsListen::Network(listen) => listen.address.as_deref(),
        GraphicsListen::None | GraphicsListen::Socket(_) => None,
    }
}
