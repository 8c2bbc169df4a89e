//! Network interfaces.

use std::net::IpAddr;

use virt_conf::model::{
    Domain, Interface, InterfaceBackendType, InterfaceKind, Ip, TeamingType, VhostUserMode,
};
use virt_conf::xml::Within;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{QemuHooks, first_fault, refuse_if, require_shared_memory, unsupported, wrong};
use crate::caps::Flag;
use crate::model::virtio_net_model;

impl QemuHooks<'_> {
    pub(super) fn check_interface(&self, interface: &Interface, domain: &Domain) -> Result<()> {
        self.check_kind(interface, domain)?;
        let virtio = virtio_net_model(interface).is_some();
        if virtio {
            self.check_virtio_net(interface).within("driver")?;
        }
        let passt = interface.backend.kind == Some(InterfaceBackendType::Passt);
        let tag = interface.kind.tag();
        let has_mtu = match interface.kind {
            InterfaceKind::Network(_)
            | InterfaceKind::Bridge(_)
            | InterfaceKind::Ethernet(_)
            | InterfaceKind::VhostUser(_) => true,
            InterfaceKind::User(_) => passt,
            _ => false,
        };
        refuse_if(interface.mtu.is_some_and(|mtu| mtu > 0) && !has_mtu, "mtu", || {
            format!("setting MTU on interface type {tag} is not supported yet")
        })?;
        if let Some(teaming) = &interface.teaming {
            refuse_if(teaming.kind == TeamingType::Persistent && !virtio, "teaming", || {
                let model = interface.model.as_deref().unwrap_or("(null)");
                format!(
                    "virtio-net teaming persistent interface must be <model type='virtio'/>, not '{model}'"
                )
            })?;
            let assigned = matches!(interface.kind, InterfaceKind::Hostdev(_) | InterfaceKind::Network(_));
            refuse_if(teaming.kind == TeamingType::Transient && !assigned, "teaming", || {
                format!("virtio-net teaming transient interface must be type='hostdev', not '{tag}'")
            })?;
        }
        let bridged = matches!(interface.kind, InterfaceKind::Network(_) | InterfaceKind::Bridge(_));
        refuse_if(interface.coalesce_rx_frames != 0 && !bridged, "coalesce", || {
            format!("coalesce settings on interface type {tag} are not supported")
        })
    }

    fn check_kind(&self, interface: &Interface, domain: &Domain) -> Result<()> {
        let passt = interface.backend.kind == Some(InterfaceBackendType::Passt);
        match &interface.kind {
            InterfaceKind::User(_) => {
                self.check_user_backend(interface.backend.kind)?;
                refuse_routes(interface)?;
                check_guest_addresses(interface)
            }
            InterfaceKind::VhostUser(vhost) => {
                refuse_routes(interface)?;
                if passt {
                    self.check_user_backend(interface.backend.kind)?;
                    check_guest_addresses(interface)?;
                } else {
                    refuse_addresses(interface)?;
                    if vhost.kind.is_none() {
                        return Err(missing("type"));
                    }
                    if vhost.path.is_none() {
                        return Err(missing("path"));
                    }
                    let again = vhost.reconnect.as_ref().is_some_and(|again| again.enabled == Some(true));
                    refuse_if(
                        again && vhost.mode == Some(VhostUserMode::Server),
                        "source/reconnect",
                        || "'reconnect' attribute is not supported when source mode='server' for <interface type='vhostuser'>",
                    )?;
                }
                require_shared_memory(domain, "interface")?;
                refuse_other_model(interface)
            }
            InterfaceKind::Vdpa(_) => {
                refuse_routes(interface)?;
                refuse_addresses(interface)?;
                refuse_if(
                    !self.has(Flag::NetdevVhostVdpa),
                    "@type",
                    || "vDPA devices are not supported with this QEMU binary",
                )?;
                refuse_other_model(interface)
            }
            _ => {
                refuse_routes(interface)?;
                refuse_addresses(interface)
            }
        }
    }

    fn check_user_backend(&self, backend: Option<InterfaceBackendType>) -> Result<()> {
        let backend = backend.unwrap_or(InterfaceBackendType::Default);
        let known = match backend {
            InterfaceBackendType::Default => self.has(Flag::NetdevUser),
            InterfaceBackendType::Passt => self.has(Flag::NetdevStream),
        };
        refuse_if(!known, "backend/@type", || {
            format!("the '{backend}' network backend is not supported with this QEMU binary")
        })
    }

    fn check_virtio_net(&self, interface: &Interface) -> Result<()> {
        let driver = &interface.driver;
        let odd = |size: Option<u32>| size.is_some_and(|size| size != 0 && !size.is_power_of_two());
        first_fault(&[
            (odd(driver.rx_queue_size), "@rx_queue_size", "rx_queue_size has to be a power of two"),
            (odd(driver.tx_queue_size), "@tx_queue_size", "tx_queue_size has to be a power of two"),
            (
                self.lacks(driver.rss.is_some(), Flag::VirtioNetRss),
                "@rss",
                "virtio rss is not supported with this QEMU binary",
            ),
            (
                self.lacks(driver.rss_hash_report.is_some(), Flag::VirtioNetRss),
                "@rss_hash_report",
                "virtio rss hash report is not supported with this QEMU binary",
            ),
        ])
    }
}

fn missing(attribute: &str) -> Error {
    let detail = format!("Missing required attribute '{attribute}' in element 'source'");
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::QEMU, detail).within("source")
}

/// QEMU sets no routes in a guest.
fn refuse_routes(interface: &Interface) -> Result<()> {
    refuse_if(
        !interface.routes.is_empty(),
        "route",
        || "Invalid attempt to set network interface guest-side IP route, not supported by QEMU",
    )
}

fn refuse_addresses(interface: &Interface) -> Result<()> {
    refuse_if(
        !interface.ips.is_empty(),
        "ip",
        || "Invalid attempt to set network interface guest-side IP address info, not supported by QEMU",
    )
}

fn refuse_other_model(interface: &Interface) -> Result<()> {
    let model = interface.model.as_deref().unwrap_or_default();
    refuse_if(model != "virtio", "model/@type", || {
        format!(
            "invalid model for interface of type '{}': '{model}' - must be 'virtio'",
            interface.kind.tag()
        )
    })
}

/// The network inside of a backend of the user's.
fn check_guest_addresses(interface: &Interface) -> Result<()> {
    let (mut fours, mut sixes) = (0, 0);
    for (at, ip) in interface.ips.iter().enumerate() {
        refuse_if(ip.peer.is_some(), "ip/@peer", || "Invalid attempt to set peer IP for guest")?;
        match ip.address {
            IpAddr::V4(_) => {
                fours += 1;
                check_v4(ip, fours)
            }
            IpAddr::V6(_) => {
                sixes += 1;
                check_v6(ip, sixes)
            }
        }
        .within_nth("ip", at)?;
    }
    Ok(())
}

fn check_v4(ip: &Ip, count: usize) -> Result<()> {
    refuse_if(count > 1, "@address", || "Only one IPv4 address per interface is allowed")?;
    match ip.prefix {
        Some(prefix) if prefix != 0 && !(4..=27).contains(&prefix) => {
            Err(wrong("invalid prefix, must be in range of 4-27").within("@prefix"))
        }
        _ => Ok(()),
    }
}

fn check_v6(ip: &Ip, count: usize) -> Result<()> {
    refuse_if(count > 1, "@address", || "Only one IPv6 address per interface is allowed")?;
    match ip.prefix {
        Some(prefix) if prefix != 0 && prefix != 64 => {
            Err(unsupported(format!("unsupported IPv6 address prefix='{prefix}' - must be 64"))
                .within("@prefix"))
        }
        _ => Ok(()),
    }
}
