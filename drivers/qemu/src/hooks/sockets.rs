//! Sockets that an earlier start chose, and that the next one chooses anew.

use virt_conf::model::{ChannelTarget, CharSource, Domain, Graphics, GraphicsListen, ListenAddress, VncPort};

/// Where libvirt keeps what belongs to running guests.
const STATE: &str = "/var/lib/libvirt/qemu/";
/// Where it keeps sockets of channels, in its versions up to now.
const CHANNELS: &[&str] = &["/var/lib/libvirt/qemu/channel/", "/var/run/libvirt/qemu/channel/"];

/// Forgets the paths that no user has chosen.
pub(super) fn forget_generated(domain: &mut Domain) {
    for graphics in &mut domain.devices.graphics {
        let Graphics::Vnc(vnc) = graphics else { continue };
        for listen in &mut vnc.listens.listens {
            if let GraphicsListen::Socket(socket) = listen
                && socket.socket.as_ref().is_some_and(|path| path.starts_with(STATE))
            {
                *listen = GraphicsListen::Address(ListenAddress::default());
                let port = VncPort { port: 0, autoport: true, websocket: 0, websocket_generated: false };
                vnc.port.get_or_insert(port).autoport = true;
            }
        }
    }
    for channel in &mut domain.devices.channels {
        if let (ChannelTarget::Virtio(target), CharSource::Unix(unix)) =
            (&channel.target, &mut channel.source)
            && let (Some(name), Some(path)) = (&target.name, &unix.path)
            && is_generated(path, name)
        {
            unix.path = None;
            unix.mode = None;
        }
    }
}

/// Whether libvirt once made `path` for a channel of that name.
fn is_generated(path: &str, name: &str) -> bool {
    let Some(rest) = CHANNELS.iter().find_map(|directory| path.strip_prefix(directory)) else { return false };
    let rest = rest.strip_prefix("target/").unwrap_or(rest);
    let Some(owner) = rest.strip_suffix(name) else { return false };
    match owner.strip_suffix('/') {
        // `domain-NAME/`, `domain-1-NAME/`, `1-NAME/`
        Some(directory) => {
            let numbered = directory.split_once('-').is_some_and(|(number, _)| {
                !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
            });
            !directory.contains('/') && (directory.starts_with("domain-") || numbered)
        }
        // `NAME.`
        None => owner.len() > 1 && owner.ends_with('.') && !owner.contains('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::is_generated;

    #[test]
    fn only_paths_that_libvirt_made_are_forgotten() {
        let of = |path: &str| is_generated(path, "org.agent.0");
        assert!(of("/var/lib/libvirt/qemu/channel/target/guest.org.agent.0"));
        assert!(of("/var/lib/libvirt/qemu/channel/target/domain-guest/org.agent.0"));
        assert!(of("/var/run/libvirt/qemu/channel/7-guest/org.agent.0"));
        assert!(!of("/var/lib/libvirt/qemu/channel/target/guest/org.agent.0"));
        assert!(!of("/srv/7-guest/org.agent.0"));
        assert!(!of("/var/lib/libvirt/qemu/channel/7-guest/other"));
    }
}
