//! The last step before the command line: what a definition leaves to the moment of starting.

use virt_conf::model::{
    Channel, ChannelTarget, CharSocketMode, CharSource, Domain, Graphics, GraphicsListen, Kib, ListenSocket,
    ListenStatus, OsFirmware,
};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{HostFacts, Origin, Paths, Settings, assign_aliases, guest_cpu};
use crate::caps::Capabilities;
use crate::model::{board_of, numa_cells};

/// What a display's port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortUse {
    /// VNC, from 5900 on.
    Vnc,
    /// VNC in a web browser, from 5700 on.
    VncWebsocket,
    /// SPICE in clear, from 5900 on.
    Spice,
    /// SPICE over TLS, from 5900 on.
    SpiceTls,
}

/// Chooses what no two guests may share.
pub trait Allocator {
    /// A free port.
    ///
    /// # Errors
    ///
    /// When none is left.
    fn port(&mut self, purpose: PortUse) -> Result<u32>;

    /// A free identifier for sockets between host and guest.
    ///
    /// # Errors
    ///
    /// When none is left.
    fn vsock_cid(&mut self) -> Result<u32>;

    /// The address of the host in a virtual network, for displays that listen there.
    ///
    /// # Errors
    ///
    /// When there is no such network, or it has no address.
    fn network_address(&mut self, network: &str) -> Result<String>;
}

/// Fills in what a definition leaves to the moment of starting: the processor's model, aliases, ports, sockets' paths,
/// rounded sizes.
///
/// # Errors
///
/// When something that has to be unique cannot be had, or the host has no such processor.
pub fn prepare(
    domain: &mut Domain,
    caps: &Capabilities,
    host: &HostFacts,
    paths: &Paths,
    settings: &Settings,
    origin: &Origin,
    allocator: &mut dyn Allocator,
) -> Result<()> {
    require_firmware(domain)?;
    guest_cpu::settle(domain, caps, host)?;
    crate::address::assign_usb(domain)?;
    assign_aliases(domain);
    if matches!(origin, Origin::Boot) {
        // What arrives from elsewhere must keep its shape.
        align_memory(domain);
    }
    for graphics in &mut domain.devices.graphics {
        prepare_graphics(graphics, paths, settings, allocator)?;
    }
    for channel in &mut domain.devices.channels {
        prepare_channel(channel, paths);
    }
    if let Some(vsock) = &mut domain.devices.vsock
        && vsock.cid.auto == Some(true)
    {
        vsock.cid.address = allocator.vsock_cid()?;
    }
    Ok(())
}

/// Firmware that was to be chosen when the definition was read is there: UEFI says what it can do.
fn require_firmware(domain: &Domain) -> Result<()> {
    let os = &domain.os;
    let chosen = match os.firmware {
        None => true,
        Some(OsFirmware::Efi) => !os.firmware_features.features.is_empty(),
        Some(OsFirmware::Bios) => os.loader.as_ref().is_some_and(|loader| !loader.path.is_empty()),
    };
    if chosen {
        return Ok(());
    }
    let wanted = os.firmware.map_or("", OsFirmware::as_str);
    Err(Error::new(
        ErrorCode::OPERATION_FAILED,
        ErrorDomain::QEMU,
        format!("Unable to find '{wanted}' firmware that is compatible with the current configuration"),
    ))
}

/// Rounds memory up to what QEMU accepts: 1 MiB, or 256 MiB on Power; modules to 2 MiB.
pub(crate) fn align_memory(domain: &mut Domain) {
    let is_power = board_of(domain).is_some_and(|board| board.arch.is_ppc64());
    let (align, module_align) = if is_power { (256 * 1024, 256 * 1024) } else { (1024, 2048) };
    let round = |kib: &mut Kib, to: u64| kib.0 = kib.0.div_ceil(to).saturating_mul(to);
    let mut initial = if numa_cells(domain).is_empty() {
        let total = domain.memory.map_or(0, |memory| memory.size.0);
        let unrounded = domain.devices.memories.iter().map(|memory| memory.target.size.0).sum::<u64>();
        Kib(total.saturating_sub(unrounded.min(total)))
    } else {
        let cells = domain.cpu.iter_mut().flat_map(|cpu| &mut cpu.numa.cells);
        let mut sum = 0;
        for cell in cells {
            round(&mut cell.memory.0, align);
            sum += cell.memory.0.0;
        }
        Kib(sum)
    };
    round(&mut initial, align);
    if let Some(max) = &mut domain.max_memory {
        round(&mut max.size, align);
    }
    for memory in &mut domain.devices.memories {
        round(&mut memory.target.size, module_align);
    }
    let plugged: u64 = domain.devices.memories.iter().map(|memory| memory.target.size.0).sum();
    if let Some(memory) = &mut domain.memory {
        memory.size = Kib(initial.0 + plugged);
    }
}

fn prepare_graphics(
    graphics: &mut Graphics,
    paths: &Paths,
    settings: &Settings,
    allocator: &mut dyn Allocator,
) -> Result<()> {
    let listens = match graphics {
        Graphics::Vnc(vnc) => {
            Some((&mut vnc.listens.listens, "vnc.sock", settings.vnc_auto_unix_socket, &settings.vnc_listen))
        }
        Graphics::Spice(spice) => Some((
            &mut spice.listens.listens,
            "spice.sock",
            settings.spice_auto_unix_socket,
            &settings.spice_listen,
        )),
        _ => None,
    };
    if let Some((listens, socket_name, prefer_socket, default_address)) = listens {
        for listen in listens.iter_mut() {
            match listen {
                GraphicsListen::Address(address) if address.address.is_none() => {
                    if prefer_socket {
                        *listen = GraphicsListen::Socket(ListenSocket {
                            socket: Some(format!("{}/{socket_name}", paths.guest)),
                            status: ListenStatus { from_config: 1, auto_generated: true },
                        });
                    } else {
                        address.address = Some(default_address.clone());
                        address.status.from_config = 1;
                    }
                }
                GraphicsListen::Network(network) => {
                    if network.address.is_none() {
                        let name = network.network.as_deref().unwrap_or_default();
                        network.address = Some(allocator.network_address(name)?);
                    }
                }
                GraphicsListen::Socket(socket) => {
                    socket.socket.get_or_insert_with(|| format!("{}/{socket_name}", paths.guest));
                }
                _ => {}
            }
        }
    }
    match graphics {
        Graphics::Vnc(vnc) => {
            if let Some(port) = &mut vnc.port {
                if port.autoport && port.port == 0 {
                    port.port = allocator.port(PortUse::Vnc)? as i32;
                }
                if port.websocket == -1 {
                    port.websocket = allocator.port(PortUse::VncWebsocket)? as i32;
                    port.websocket_generated = true;
                }
            }
        }
        Graphics::Spice(spice) => {
            let automatic = spice.autoport == Some(true);
            let needs_tls = settings.spice_tls
                && (spice.default_mode == virt_conf::model::SpiceChannelMode::Secure
                    || spice
                        .channels
                        .iter()
                        .any(|channel| channel.mode == virt_conf::model::SpiceChannelMode::Secure));
            let listens = !matches!(
                spice.listens.listens.first(),
                Some(GraphicsListen::None | GraphicsListen::Socket(_))
            );
            if listens {
                if (automatic && spice.port == 0) || spice.port == -1 {
                    spice.port = allocator.port(PortUse::Spice)? as i32;
                }
                if (automatic && needs_tls && spice.tls_port == 0) || spice.tls_port == -1 {
                    spice.tls_port = allocator.port(PortUse::SpiceTls)? as i32;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// Channels over a socket without a path get one in the guest's own directory.
fn prepare_channel(channel: &mut Channel, paths: &Paths) {
    let CharSource::Unix(unix) = &mut channel.source else { return };
    if unix.path.is_some() {
        return;
    }
    let name = match &channel.target {
        ChannelTarget::Virtio(target) => target.name.clone(),
        ChannelTarget::Xen(target) => target.name.clone(),
        ChannelTarget::GuestFwd(_) => None,
    };
    let name = name.unwrap_or_else(|| channel.info.alias.clone().unwrap_or_default());
    unix.path = Some(format!("{}/{name}", paths.channel));
    unix.mode.get_or_insert(CharSocketMode::Bind);
}
